/* SPDX-License-Identifier: Apache-2.0 */
/* What the client of a container that goes with its end does for its monitor: it clears away, as all is loaded in it that a helper would have to load. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/timestamp.h"
#include "engine/monitor_program.h"

#define CLAIM_MS 250 /* for it to say that it is at it: it may be stopped, or wait for who reads its output */
#define WORK_MS  5000 /* for it to be done; others wait twice as long for the end of a container */

static struct monitor_client *who_helps(struct monitor *m)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (m->clients.items[i].fd >= 0 && (m->clients.items[i].wants & MONITOR_WANT_CLEANUP))
			return &m->clients.items[i];
	return NULL;
}

bool monitor_asked_begin(struct monitor *m)
{
	struct monitor_client *c = who_helps(m);
	const int64_t times[] = { m->status.started_ns, m->status.finished_ns };
	const struct monitor_message message = { .type = MONITOR_CLEAN_UP,
						 .a = m->status.exit_code,
						 .data_len = sizeof(times) };

	if (!c || monitor_send(c->fd, &message, times, MONITOR_FD_LOCK, MSG_DONTWAIT) < 0)
		return false;
	m->asked.state = ASKED_WAITING;
	m->asked.client = c;
	m->asked.deadline_ms = monotonic_ms() + CLAIM_MS;
	return true;
}

/* Its files are ours to remove, and the lock that says so is now. */
static void take_trash(struct monitor *m, const struct monitor_message *message, const char *data, int fd)
{
	size_t len = message->data_len;

	m->asked.state = ASKED_DONE;
	if (fd < 0 || len == 0 || len >= sizeof(m->asked.trash))
		return;
	memcpy(m->asked.trash, data, len);
	m->asked.trash[len] = '\0';
	m->asked.trash_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* So that it need not wait for us in the end: what is left then is ours alone. The container's mounts are gone by now (monitor_life). */
static void let_leave(const struct monitor *m)
{
	const struct monitor_message message = {
		.type = MONITOR_LEAVE, .a = m->status.exit_code, .b = m->status.oom_killed, .u = m->memory_max
	};

	IGNORE_RESULT(
		monitor_send(m->asked.client->fd, &message, NULL, -1, MSG_DONTWAIT)); /* then it waits */
}

bool monitor_asked_hear(struct monitor *m, const struct monitor_client *c,
			const struct monitor_message *message, const char *data, int fd)
{
	struct monitor_asked *a = &m->asked;

	if (c != a->client || (a->state != ASKED_WAITING && a->state != ASKED_CLAIMED))
		return false;
	if (message->type == MONITOR_CLEANED) {
		monitor_take_cleaned(m, message);
		let_leave(m);
		a->state = ASKED_CLAIMED;
		a->deadline_ms = monotonic_ms() + WORK_MS;
	} else if (message->type == MONITOR_REMOVED && a->state == ASKED_CLAIMED) {
		take_trash(m, message, data, fd);
	} else if (message->type == MONITOR_CLEAN_UP) {
		a->told = a->state == ASKED_CLAIMED;
		a->state = ASKED_FAILED;
	} else {
		return false;
	}
	return true;
}

void monitor_asked_drop(struct monitor *m, const struct monitor_client *c)
{
	if (c == m->asked.client && (m->asked.state == ASKED_WAITING || m->asked.state == ASKED_CLAIMED))
		m->asked.state = ASKED_FAILED;
}

/* It has begun, and does not come to an end: somebody has stopped it. Two must not be at it, so it has to go. */
static void end_client(const struct monitor_client *c)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.pid > 1)
		(void)kill(who.pid, SIGKILL); /* it holds the other end, so the number is its own */
}

/* The kernel knows whether it was in time: what it says after shutdown(2) it cannot say any more, and then does nothing (container_clean_up). */
void monitor_asked_hurry(struct monitor *m)
{
	struct monitor_asked *a = &m->asked;

	if ((a->state != ASKED_WAITING && a->state != ASKED_CLAIMED) || monotonic_ms() < a->deadline_ms)
		return;
	if (a->state == ASKED_CLAIMED) {
		a->deadline_ms = INT64_MAX;
		end_client(a->client);
		return;
	}
	monitor_clients_hush(m, a->client);
	if (a->state == ASKED_WAITING)
		a->state = ASKED_FAILED;
}

int64_t monitor_asked_deadline(const struct monitor *m)
{
	return m->asked.state == ASKED_WAITING || m->asked.state == ASKED_CLAIMED ? m->asked.deadline_ms
										  : INT64_MAX;
}

void monitor_asked_empty(struct monitor *m)
{
	cleanup_fd int fd = fd_take(&m->asked.trash_fd);
	cleanup_fd int parent_fd = fd < 0 ? -1 : openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err ignored; /* the next collection of garbage finds what stays */

	if (parent_fd >= 0)
		IGNORE_RESULT(tree_remove(parent_fd, m->asked.trash, &ignored));
}
