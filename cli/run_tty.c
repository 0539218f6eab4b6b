/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_tty.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/file.h"

int run_tty_raw(struct run_tty_mode *ret, struct err *e)
{
	struct termios raw;

	ret->raw = false;
	if (!isatty(STDIN_FILENO))
		return 0;
	if (tcgetattr(STDIN_FILENO, &ret->saved) < 0)
		return err_errno(e, "cannot read the settings of the terminal");
	raw = ret->saved;
	cfmakeraw(&raw);
	raw.c_oflag = ret->saved.c_oflag;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return err_errno(e, "cannot put the terminal into raw mode");
	ret->raw = true;
	return 0;
}

void run_tty_restore(struct run_tty_mode *m)
{
	if (m->raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &m->saved); /* on the way out; nobody to tell */
	m->raw = false;
}

static bool window_size(struct winsize *ret)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (ioctl(fd, TIOCGWINSZ, ret) == 0 && ret->ws_row > 0 && ret->ws_col > 0)
			return true;
	return false;
}

void run_tty_resize(int master)
{
	struct winsize size;

	if (window_size(&size))
		(void)ioctl(master, TIOCSWINSZ, &size); /* a wrong size is no reason to stop */
}

bool run_tty_size(unsigned int *ret_rows, unsigned int *ret_columns)
{
	struct winsize size;

	if (!window_size(&size))
		return false;
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
	return true;
}

short run_proxy_wants_master(const struct run_proxy *p)
{
	short events = 0;

	if (!p->ended)
		events = POLLIN;
	if (!p->ended && p->pending_len > 0)
		events = (short)(events | POLLOUT);
	return events;
}

short run_proxy_wants_in(const struct run_proxy *p)
{
	return p->in >= 0 && !p->ended && p->pending_len == 0 ? POLLIN : 0;
}

int run_proxy_from_master(struct run_proxy *p, struct err *e)
{
	char data[RUN_PROXY_BUFFER];
	ssize_t n = read(p->master, data, sizeof(data));
	int r;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) { /* EIO: nobody has the other side open */
		p->ended = true;
		return 0;
	}
	r = write_all(p->out, data, (size_t)n);
	return r < 0 ? err_code(e, r, "cannot write to stdout") : 0;
}

void run_proxy_to_master(struct run_proxy *p)
{
	while (p->pending_len > 0) {
		ssize_t n = write(p->master, p->pending + p->pending_from, p->pending_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				p->pending_len = 0; /* the container is gone: so is who would have read it */
			return;
		}
		p->pending_from += (size_t)n;
		p->pending_len -= (size_t)n;
	}
}

void run_proxy_from_in(struct run_proxy *p)
{
	char typed[RUN_PROXY_BUFFER];
	ssize_t n = read(p->in, typed, sizeof(typed));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		p->in = -1;
		return;
	}
	p->pending_from = 0;
	p->pending_len = 0;
	if (attach_keys_find(&p->keys, typed, (size_t)n, p->pending, &p->pending_len))
		p->detached = true;
	else
		run_proxy_to_master(p);
}
