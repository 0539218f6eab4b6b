/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/timestamp.h"
#include "engine/monitor_program.h"

#define PATIENCE_MS 5000 /* with one that does not read what it has asked for, while the container waits */

void monitor_clients_add(struct monitor *m, int fd, int32_t wants)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		if (m->clients.items[i].fd >= 0)
			continue;
		m->clients.items[i] = (struct monitor_client){ .fd = fd, .wants = wants };
		return;
	}
	(void)close(fd); /* the client sees the end */
}

void monitor_clients_accept(struct monitor *m)
{
	int fd = accept4(m->clients.listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		monitor_clients_add(m, fd, 0);
}

static void drop(struct monitor *m, struct monitor_client *c)
{
	bool had_stdin = (c->wants & MONITOR_WANT_STDIN) != 0;

	monitor_asked_drop(m, c);
	(void)close(c->fd);
	*c = (struct monitor_client){ .fd = -1 };
	if (had_stdin && m->config.stdin_once && !m->config.tty)
		monitor_streams_close_in(&m->streams);
}

static int32_t wanted(const struct monitor_streams *s)
{
	return s->chunk_stream == STREAM_ERR ? MONITOR_WANT_STDERR : MONITOR_WANT_STDOUT;
}

size_t monitor_clients_chunk_max(const struct monitor *m)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (m->clients.items[i].fd >= 0 &&
		    (m->clients.items[i].wants & (MONITOR_WANT_STDOUT | MONITOR_WANT_STDERR)))
			return MONITOR_DATA_MAX;
	return MONITOR_CHUNK_MAX;
}

void monitor_clients_owe(struct monitor *m)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		struct monitor_client *c = &m->clients.items[i];

		if (c->fd < 0 || !(c->wants & wanted(&m->streams)))
			continue;
		c->owed = true;
		c->owed_since = monotonic_ms();
	}
}

/* True when the client need not be waited for any longer. */
static bool deliver(struct monitor *m, struct monitor_client *c)
{
	const struct monitor_streams *s = &m->streams;
	const struct monitor_message message = { .type = s->chunk_stream == STREAM_ERR ? MONITOR_STDERR
										       : MONITOR_STDOUT,
						 .data_len = s->chunk_len };
	int r = monitor_send(c->fd, &message, s->chunk, -1, MSG_DONTWAIT);

	if (r == -EAGAIN || r == -ENOBUFS) {
		if ((c->wants & MONITOR_WANT_PRIMARY) || monotonic_ms() - c->owed_since < PATIENCE_MS)
			return false;
		r = -ETIMEDOUT;
	}
	c->owed = false;
	if (r < 0)
		drop(m, c);
	return true;
}

bool monitor_clients_deliver(struct monitor *m)
{
	bool all = true;

	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (m->clients.items[i].fd >= 0 && m->clients.items[i].owed)
			all = deliver(m, &m->clients.items[i]) && all;
	if (all)
		m->streams.chunk_len = 0;
	return all;
}

static void resize(const struct monitor *m, const struct monitor_message *message)
{
	const struct winsize size = { .ws_row = (unsigned short)message->a,
				      .ws_col = (unsigned short)message->b };

	if (m->config.tty && m->streams.out[STREAM_OUT] >= 0)
		(void)ioctl(m->streams.out[STREAM_OUT], TIOCSWINSZ,
			    &size); /* a wrong size is no reason to stop */
}

static void set_paused(struct monitor *m, bool paused)
{
	if (m->status.state != STATUS_RUNNING && m->status.state != STATUS_PAUSED)
		return;
	m->status.state = paused ? STATUS_PAUSED : STATUS_RUNNING;
	monitor_publish(m);
}

static void set_restart(struct monitor *m, const struct monitor_message *message)
{
	if (message->a >= 0 && message->a < RESTART_KINDS && message->u <= UINT32_MAX)
		m->config.restart =
			(struct restart_policy){ .kind = message->a, .max = (uint32_t)message->u };
}

/* Nobody will read the container's output again: it shall notice, as it would at the end of a pipe. */
static void end_stdout(struct monitor *m, struct monitor_client *c)
{
	if (!(c->wants & MONITOR_WANT_PRIMARY) || m->config.tty)
		return;
	c->wants &= ~MONITOR_WANT_STDOUT;
	c->owed = false;
	if (m->streams.out[STREAM_OUT] >= 0)
		(void)close(m->streams.out[STREAM_OUT]);
	m->streams.out[STREAM_OUT] = -1;
}

static void obey(struct monitor *m, struct monitor_client *c, const struct monitor_message *message)
{
	switch (message->type) {
	case MONITOR_ATTACH:
		c->wants = message->a & ~(MONITOR_WANT_PRIMARY | MONITOR_WANT_CLEANUP);
		break;
	case MONITOR_STDIN:
		m->streams.in_from = 0;
		m->streams.in_len = m->streams.in >= 0 ? message->data_len : 0;
		monitor_streams_write(&m->streams);
		break;
	case MONITOR_STDIN_END:
		c->wants &= ~MONITOR_WANT_STDIN;
		if (m->config.stdin_once && !m->config.tty)
			monitor_streams_close_in(&m->streams);
		break;
	case MONITOR_RESIZE:
		resize(m, message);
		break;
	case MONITOR_STDOUT_END:
		end_stdout(m, c);
		break;
	case MONITOR_PAUSED:
	case MONITOR_RESUMED:
		set_paused(m, message->type == MONITOR_PAUSED);
		break;
	case MONITOR_CHECK:
		monitor_check_stopped(m);
		break;
	case MONITOR_RESTART:
		set_restart(m, message);
		break;
	default:
		break; /* of a later version */
	}
}

/* Only while nothing waits to be written to the container: the message's data goes where that would be. As monitor_receive. */
static int take_message(struct monitor *m, struct monitor_client *c)
{
	struct monitor_message message;
	cleanup_fd int fd = -1;
	int r = monitor_receive(c->fd, &message, m->streams.input, sizeof(m->streams.input), MSG_DONTWAIT,
				&fd);

	if (r > 0 && !monitor_asked_hear(m, c, &message, m->streams.input, fd))
		obey(m, c, &message);
	return r;
}

void monitor_clients_serve(struct monitor *m, struct monitor_client *c)
{
	int r = take_message(m, c);

	if (r <= 0 && r != -EAGAIN)
		drop(m, c);
}

void monitor_clients_hush(struct monitor *m, struct monitor_client *c)
{
	c->hushed = true;
	(void)shutdown(c->fd, SHUT_RD); /* fails only where it is gone */
	while (take_message(m, c) > 0)
		;
}

void monitor_clients_end(struct monitor *m, int exit_code, bool oom, uint64_t memory_max)
{
	const struct monitor_message message = {
		.type = MONITOR_EXIT, .a = exit_code, .b = oom, .u = memory_max
	};

	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (m->clients.items[i].fd >= 0)
			/* One that does not read sees the end of the socket. */
			IGNORE_RESULT(monitor_send(m->clients.items[i].fd, &message, NULL, -1, MSG_DONTWAIT));
}
