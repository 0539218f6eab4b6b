/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/attach_container.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "engine/launch.h"
#include "engine/monitor.h"
#include "engine/status_page.h"
#include "store/container_event.h"

/* What is on its way from our stdin: a packet is sent whole or not at all. */
struct session {
	struct attach *a;
	struct run_foreground *f;
	struct attach_end *end;
	bool ended;
	bool cleared;           /* away, by us */
	bool in_open, end_owed; /* stdin is read; its end has not been told */
	size_t pending;         /* bytes of `data` that wait */
	char data[MONITOR_DATA_MAX];
};

/* --- both ways --- */

static void tell_resize(const struct session *s, unsigned int rows, unsigned int columns)
{
	char height[16], width[16];
	const char *more[] = { "height", height, "width", width, NULL };

	(void)snprintf(height, sizeof(height), "%u", rows);
	(void)snprintf(width, sizeof(width), "%u", columns);
	container_event(s->a->state_dir, s->a->record, "resize", more);
}

static void send_resize(const struct session *s)
{
	unsigned int rows, columns;
	struct monitor_message m = { .type = MONITOR_RESIZE };

	if (!s->a->tty || !run_tty_size(&rows, &columns))
		return;
	m.a = (int32_t)rows;
	m.b = (int32_t)columns;
	IGNORE_RESULT(
		monitor_send(s->a->fd, &m, NULL, -1, MSG_DONTWAIT)); /* a wrong size is no reason to stop */
	tell_resize(s, rows, columns);
}

static void send_pending(struct session *s)
{
	struct monitor_message m = { .type = MONITOR_STDIN, .data_len = (uint32_t)s->pending };
	int r = 0;

	if (s->pending > 0) {
		r = monitor_send(s->a->fd, &m, s->data, -1, MSG_DONTWAIT);
		if (r == -EAGAIN)
			return;
		s->pending = 0;
	}
	if (!s->end_owed)
		return;
	m = (struct monitor_message){ .type = MONITOR_STDIN_END };
	r = monitor_send(s->a->fd, &m, NULL, -1, MSG_DONTWAIT);
	s->end_owed = r == -EAGAIN;
}

static void read_stdin(struct session *s)
{
	char typed[MONITOR_DATA_MAX - ATTACH_KEYS_MAX];
	ssize_t n = read(STDIN_FILENO, typed, sizeof(typed));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		s->in_open = false;
		s->end_owed = true;
	} else if (s->a->tty && attach_keys_find(&s->a->keys, typed, (size_t)n, s->data, &s->pending)) {
		s->end->detached = s->ended = true;
		container_event(s->a->state_dir, s->a->record, "detach", NULL);
		return;
	} else if (!s->a->tty) {
		memcpy(s->data, typed, (size_t)n);
		s->pending = (size_t)n;
	}
	send_pending(s);
}

/* Whoever read our output has gone: so it shall be for the container. */
static int show(const struct session *s, int to, const char *data, size_t len, struct err *e)
{
	const struct monitor_message m = { .type = MONITOR_STDOUT_END };
	int r = write_all(to, data, len);

	if (r == -EPIPE) {
		IGNORE_RESULT(monitor_send(s->a->fd, &m, NULL, -1, MSG_DONTWAIT));
		return 0;
	}
	return r < 0 ? err_code(e, r, "cannot write to %s", to == STDOUT_FILENO ? "stdout" : "stderr") : 0;
}

/* Its socket has closed without a last word, perhaps because it could not wait until we read it. */
static int last_state(struct session *s, struct err *e)
{
	struct status status;

	if (!s->a->page || status_page_read(s->a->page, &status, NULL, NULL, e) < 0 ||
	    status.state != STATUS_EXITED)
		return err_set(e, -EOWNERDEAD, "the container's monitor was killed");
	s->end->exit_code = status.exit_code;
	s->end->oom_killed = status.oom_killed;
	s->ended = true;
	return 0;
}

/* The container's lock is ours, too, while we are at it: should the monitor be killed, nobody else begins. */
static int clean_up(const struct session *s, const struct monitor_message *m, const char *data, int lock_fd)
{
	struct container_end end = {
		.final = true, .remove = true, .died = true, .asked = true, .exit_code = m->a, .netns_fd = -1
	};
	int64_t times[2];
	struct err ignored; /* a helper comes to the same */

	if (!s->a->store || lock_fd < 0 || m->data_len != sizeof(times))
		return -EINVAL;
	memcpy(times, data, sizeof(times));
	end.started_ns = times[0];
	end.finished_ns = times[1];
	return container_clean_up(s->a->store, s->a->state_dir, s->a->record->id, &end, s->a->fd, &ignored);
}

static void take_clean_up(struct session *s, const struct monitor_message *m, const char *data, int lock_fd)
{
	const struct monitor_message cannot = { .type = MONITOR_CLEAN_UP };
	int r = clean_up(s, m, data, lock_fd);

	if (r < 0)
		IGNORE_RESULT(monitor_send(s->a->fd, &cannot, NULL, -1, 0)); /* it sees our end as well */
	s->cleared = r >= 0;
	if (r != 1)
		return;
	monitor_remove_dir(s->a->state_dir,
			   s->a->record->id); /* it was killed, or hears us no more: what is to say we know */
	s->end->exit_code = m->a;
	s->ended = true;
}

static int read_monitor(struct session *s, struct err *e)
{
	struct monitor_message m;
	char data[MONITOR_DATA_MAX];
	cleanup_fd int fd = -1;
	int r = monitor_receive(s->a->fd, &m, data, sizeof(data), MSG_DONTWAIT, &fd);

	if (r == -EAGAIN)
		return 0;
	if (r <= 0)
		return last_state(s, e);
	switch (m.type) {
	case MONITOR_STDOUT:
		return show(s, STDOUT_FILENO, data, m.data_len, e);
	case MONITOR_STDERR:
		return show(s, STDERR_FILENO, data, m.data_len, e);
	case MONITOR_CLEAN_UP:
		take_clean_up(s, &m, data, fd);
		return 0;
	case MONITOR_LEAVE:
	case MONITOR_EXIT:
		s->end->exit_code = m.a;
		s->end->oom_killed = m.b != 0;
		s->end->memory_max = m.u;
		s->ended = m.type == MONITOR_EXIT || s->cleared;
		return 0;
	default:
		return 0; /* of a later version */
	}
}

static void forward_signals(const struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->f->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int number = (int)info.ssi_signo;

		if (number == SIGWINCH && s->a->tty)
			send_resize(s); /* the kernel tells the container */
		else if (process_signal(s->a->pidfd, number) < 0)
			return; /* it has just ended: the monitor says so next */
	}
}

enum { WATCH_MONITOR, WATCH_SIGNALS, WATCH_STDIN, WATCHED };

static int turn(struct session *s, struct err *e)
{
	bool waits = s->pending > 0 || s->end_owed;
	struct pollfd fds[WATCHED] = {
		[WATCH_MONITOR] = { .fd = s->a->fd, .events = (short)(POLLIN | (waits ? POLLOUT : 0)) },
		[WATCH_SIGNALS] = { .fd = s->f->signal_fd, .events = POLLIN },
		[WATCH_STDIN] = { .fd = s->in_open && !waits ? STDIN_FILENO : -1, .events = POLLIN },
	};

	if (poll(fds, WATCHED, -1) < 0)
		return errno == EINTR ? 0 : err_errno(e, "cannot wait for the container");
	if (fds[WATCH_SIGNALS].revents)
		forward_signals(s);
	if (fds[WATCH_STDIN].revents)
		read_stdin(s);
	if (fds[WATCH_MONITOR].revents & POLLOUT)
		send_pending(s);
	if (s->a->no_output && !s->in_open && s->pending == 0 && !s->end_owed)
		s->end->detached = s->ended = true; /* there is nothing to stay for */
	return fds[WATCH_MONITOR].revents & (POLLIN | POLLHUP | POLLERR) ? read_monitor(s, e) : 0;
}

int attach_serve(struct attach *a, struct run_foreground *f, struct attach_end *ret, struct err *e)
{
	static struct session s; /* large */
	int r = 0;

	(void)signal(SIGPIPE, SIG_IGN); /* write(2) says it: show */
	*ret = (struct attach_end){ .memory_max = UINT64_MAX };
	s = (struct session){ .a = a, .f = f, .end = ret, .in_open = a->in };
	if (a->tty) {
		send_resize(&s);
		if (a->in)
			r = run_tty_raw(&f->mode, e);
	}
	while (r == 0 && !s.ended)
		r = turn(&s, e);
	run_tty_restore(&f->mode);
	return r;
}
