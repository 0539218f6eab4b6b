/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/memory.h"
#include "engine/monitor_program.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* a pipe or a pty: nothing is lost in it */
	*fd = -1;
}

void monitor_streams_init(struct monitor_streams *s)
{
	s->out[STREAM_OUT] = s->out[STREAM_ERR] = s->in = -1;
	s->chunk_len = s->in_len = 0;
	s->ready[STREAM_OUT] = s->ready[STREAM_ERR] = false;
	s->wide[STREAM_OUT] = s->wide[STREAM_ERR] = false;
}

void monitor_streams_trim(struct monitor_streams *s)
{
	if (s->chunk_len == 0)
		memory_give_back(s->chunk, sizeof(s->chunk));
	if (s->in_len == 0)
		memory_give_back(s->input, sizeof(s->input));
	for (int i = 0; i < STREAMS; i++) {
		if (s->wide[i])
			(void)fcntl(s->out[i], F_SETPIPE_SZ,
				    MONITOR_CHUNK_MAX); /* fails where more is in it; it is asked for again */
		s->wide[i] = false;
	}
}

void monitor_streams_close(struct monitor_streams *s)
{
	monitor_streams_close_in(s);
	for (int i = 0; i < STREAMS; i++)
		close_fd(&s->out[i]);
}

void monitor_stdio_close(struct monitor_stdio *stdio)
{
	for (size_t i = 0; i < ARRAY_LEN(stdio->fd); i++)
		close_fd(&stdio->fd[i]);
}

/* The monitor's end never blocks; the container's is as programs expect it. */
static int make_pipe(int *ours, int *theirs, bool ours_writes)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	*ours = pair[ours_writes];
	*theirs = pair[!ours_writes];
	return fcntl(*ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int open_null(int *ret)
{
	*ret = open("/dev/null", O_RDWR | O_CLOEXEC);
	return *ret < 0 ? -errno : 0;
}

static int copy_own(struct monitor_stdio *ret)
{
	for (int i = 0; i < (int)ARRAY_LEN(ret->fd); i++) {
		ret->fd[i] = fcntl(i, F_DUPFD_CLOEXEC, (int)ARRAY_LEN(ret->fd));
		if (ret->fd[i] < 0)
			return -errno;
	}
	return 0;
}

int monitor_streams_open(struct monitor_streams *s, bool tty, bool interactive, bool own,
			 struct monitor_stdio *ret)
{
	int r;

	*ret = (struct monitor_stdio){ .fd = { -1, -1, -1 } };
	monitor_streams_init(s);
	s->tty = tty;
	if (own)
		r = copy_own(ret);
	else
		r = interactive && !tty ? make_pipe(&s->in, &ret->fd[0], true) : open_null(&ret->fd[0]);
	for (int i = 0; r == 0 && !own && i < STREAMS; i++)
		r = tty ? open_null(&ret->fd[i + 1]) : make_pipe(&s->out[i], &ret->fd[i + 1], false);
	if (r < 0) {
		monitor_stdio_close(ret);
		monitor_streams_close(s);
	}
	return r;
}

void monitor_streams_adopt(struct monitor_streams *s, bool tty, bool interactive, bool own)
{
	monitor_streams_init(s);
	s->tty = tty;
	if (tty || own)
		return;
	s->out[STREAM_OUT] = MONITOR_FD_OUT;
	s->out[STREAM_ERR] = MONITOR_FD_ERR;
	if (interactive)
		s->in = MONITOR_FD_IN;
}

void monitor_streams_take_terminal(struct monitor_streams *s, int master_fd, bool interactive)
{
	int flags = fcntl(master_fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(master_fd, F_SETFL,
			    flags | O_NONBLOCK); /* fails only for what is no descriptor */
	monitor_streams_close(s);
	s->out[STREAM_OUT] = master_fd;
	s->in = interactive ? master_fd : -1;
}

/* A pipe that was full when we came is a burst's. Users' pipes are counted (pipe(7)), so that those of quiet containers stay as they are. */
static void widen(struct monitor_streams *s, int which)
{
	(void)fcntl(s->out[which], F_SETPIPE_SZ, MONITOR_PIPE_WIDE); /* it fails where a user has too many */
	s->wide[which] = true;
}

bool monitor_streams_read(struct monitor_streams *s, int which, size_t max)
{
	ssize_t n;

	if (s->out[which] < 0 || s->chunk_len > 0)
		return false;
	do
		n = read(s->out[which], s->chunk, max);
	while (n < 0 && errno == EINTR);
	s->ready[which] = false;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) { /* its end; EIO: nobody has the terminal open */
		if (s->tty)
			monitor_streams_close_in(s);
		close_fd(&s->out[which]);
		return false;
	}
	s->chunk_stream = which;
	s->chunk_len = (uint32_t)n;
	/* A terminal gives a line at a time, and may have more at once. */
	s->ready[which] = n >= MONITOR_FEW_BYTES || s->tty;
	if (n == MONITOR_CHUNK_MAX && !s->wide[which])
		widen(s, which);
	return true;
}

void monitor_streams_write(struct monitor_streams *s)
{
	while (s->in >= 0 && s->in_len > 0) {
		ssize_t n = write(s->in, s->input + s->in_from, s->in_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) { /* nobody reads it any more */
			monitor_streams_close_in(s);
			return;
		}
		s->in_from += (uint32_t)n;
		s->in_len -= (uint32_t)n;
	}
	if (s->in_len == 0)
		s->in_from = 0;
}

/* A terminal's other half goes on. */
void monitor_streams_close_in(struct monitor_streams *s)
{
	if (s->in == s->out[STREAM_OUT])
		s->in = -1;
	close_fd(&s->in);
	s->in_len = 0;
	s->in_from = 0;
}
