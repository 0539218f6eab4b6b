/* SPDX-License-Identifier: Apache-2.0 */
/* What the container says to the service manager, and what we say of it. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "engine/monitor_program.h"

#define MESSAGES_PER_TURN 16
#define SOCKET_PATH       MONITOR_NOTIFY_DIR "/" MONITOR_NOTIFY_SOCKET

void monitor_notify_remove(void)
{
	(void)unlinkat(MONITOR_FD_RUN, SOCKET_PATH, 0); /* most have none */
	(void)unlinkat(MONITOR_FD_RUN, MONITOR_NOTIFY_DIR, AT_REMOVEDIR);
}

/* The directory is what the container gets, read-only; whoever it runs as may write to the socket. */
static int listen_to_container(struct monitor_notify *n)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" SOCKET_PATH,
		       MONITOR_FD_RUN);
	if (fd < 0 || mkdirat(MONITOR_FD_RUN, MONITOR_NOTIFY_DIR, 0755) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fchmodat(MONITOR_FD_RUN, SOCKET_PATH, 0777, 0) < 0)
		return -errno;
	n->in = fd_take(&fd);
	return 0;
}

int monitor_notify_open(struct monitor *m)
{
	const char *address = m->config.sdnotify == NOTIFY_IGNORE ? NULL : notify_address();

	monitor_notify_remove(); /* a killed one's */
	/* A manager that does not listen is none. */
	if (!address || notify_connect(address, &m->notify.out) < 0)
		return 0;
	return m->config.sdnotify == NOTIFY_CONTAINER ? listen_to_container(&m->notify) : 0;
}

/* The manager may have been exchanged since. */
static bool connect_again(struct monitor_notify *n)
{
	(void)close(n->out);
	n->out = -1;
	return notify_connect(notify_address(), &n->out) == 0;
}

/* False: it has to wait. What nobody takes is dropped. */
static bool flush(struct monitor_notify *n)
{
	ssize_t sent = -1;

	if (n->pending_len == 0)
		return true;
	for (int i = 0; sent < 0 && i < 2; i++) {
		if (i > 0 && !connect_again(n))
			break;
		sent = send(n->out, n->pending, n->pending_len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
	}
	n->pending_len = 0;
	return true;
}

/* The main process is ours to name. */
static void hand_on(struct monitor_notify *n, const char *text, size_t len)
{
	char allowed[NOTIFY_MESSAGE_MAX + 1];
	bool ready;
	int r;

	len = notify_filter(text, len, allowed, &ready);
	if (len == 0)
		return;
	if (ready)
		r = snprintf(n->pending, sizeof(n->pending), "MAINPID=%d\n%s", (int)getpid(), allowed);
	else
		r = snprintf(n->pending, sizeof(n->pending), "%s", allowed);
	n->pending_len = r > 0 ? (size_t)r : 0;
}

void monitor_notify_step(struct monitor *m)
{
	struct monitor_notify *n = &m->notify;
	char text[NOTIFY_MESSAGE_MAX];

	if (n->out < 0)
		return;
	for (int i = 0; i < MESSAGES_PER_TURN && flush(n) && n->in >= 0; i++) {
		/* Descriptors that come along are closed by the kernel, as there is no room for them: a barrier (sd_notify_barrier(3)) is
		 * passed with that. */
		ssize_t len = recv(n->in, text, sizeof(text), MSG_DONTWAIT | MSG_TRUNC);

		if (len < 0)
			return;
		if ((size_t)len <= sizeof(text))
			hand_on(n, text, (size_t)len);
	}
	IGNORE_RESULT(flush(n)); /* poll says when it may go on */
}

void monitor_notify_ready(struct monitor *m)
{
	struct monitor_notify *n = &m->notify;

	if (n->out < 0)
		return;
	n->pending_len =
		(size_t)snprintf(n->pending, sizeof(n->pending), "MAINPID=%d\nREADY=1", (int)getpid());
	IGNORE_RESULT(flush(n)); /* as above */
}
