/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_prompt.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"

/* Without the end of the line. */
static char *take_line(struct buf *b)
{
	while (b->len > 0 && (b->data[b->len - 1] == '\n' || b->data[b->len - 1] == '\r'))
		b->data[--b->len] = 0;
	return buf_take(b);
}

/* Waits for a key; false: for a signal instead. */
static bool wait_for_key(int signals)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = signals, .events = POLLIN } };

	while (poll(fds, ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			break;
	return !fds[1].revents;
}

static int read_line(int signals, struct buf *out, struct err *e)
{
	char c = 0;

	while (c != '\n') {
		ssize_t n;

		if (!wait_for_key(signals))
			return err_set(e, -EINTR, "interrupted");
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno != EINTR)
			return err_errno(e, "cannot read from the terminal");
		if (n == 0)
			break;
		if (n > 0 && buf_add_char(out, c) < 0)
			return err_set(e, -EFBIG, "the line is longer than %d bytes", PROMPT_LINE_MAX);
	}
	return 0;
}

/* Ctrl-C must not leave a terminal that shows nothing: signals wait until ECHO is back, and end us then. */
static int read_hidden(const struct termios *before, const char *text, struct buf *out, struct err *e)
{
	struct termios quiet = *before;
	cleanup_fd int signals = -1;
	sigset_t set, old;
	int r;

	(void)sigemptyset(&set); /* these cannot fail */
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH,
			&quiet); /* before the question: an answer may come at once */
	(void)fputs(text, stderr);
	r = read_line(signals, out, e);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, before);
	(void)fputs("\n", stderr);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

int image_prompt(const char *text, bool hidden, const char *cure, char **ret, struct err *e)
{
	cleanup_buf struct buf line = BUF_INIT(PROMPT_LINE_MAX);
	struct termios before;
	int r;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0)
		return err_set(e, -EINVAL, "there is no terminal to ask at (%s)", cure);
	if (hidden) {
		r = read_hidden(&before, text, &line, e);
	} else {
		(void)fputs(text, stderr);
		r = read_line(-1, &line, e);
	}
	if (r < 0)
		return r;
	*ret = take_line(&line);
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot keep a line");
}

int image_read_line(int fd, const char *what, char **ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PROMPT_LINE_MAX);
	int r = read_fd(fd, &text, e);

	if (r < 0)
		return err_wrap(e, "%s", what);
	*ret = take_line(&text);
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot keep a line");
}
