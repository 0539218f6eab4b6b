/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/utf8.h"

static const char *const NAMES[NOTIFY_MODES] = { "container", "conmon", "healthy", "ignore" };

int notify_mode_parse(const char *text, int *ret, struct err *e)
{
	for (int i = 0; i < NOTIFY_MODES; i++) {
		if (strcmp(NAMES[i], text) == 0) {
			*ret = i;
			return 0;
		}
	}
	return err_set(e, -EINVAL,
		       "invalid sdnotify value \"%s\": must be container, conmon, healthy or ignore", text);
}

const char *notify_mode_name(int mode)
{
	return mode >= 0 && mode < NOTIFY_MODES ? NAMES[mode] : "unknown";
}

const char *notify_address(void)
{
	const char *address = getenv(NOTIFY_ENV);

	return address && (address[0] == '/' || address[0] == '@') && address[1] ? address : NULL;
}

int notify_connect(const char *address, int *ret_fd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(address);
	cleanup_fd int fd = -1;

	if (len >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, address, len);
	if (address[0] == '@') /* unix(7): an abstract name begins with a NUL, and its length is its end */
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return -errno;
	*ret_fd = fd_take(&fd);
	return 0;
}

void notify_main_pid(int pid)
{
	const char *address = notify_address();
	cleanup_fd int fd = -1;
	char text[32];
	int n = snprintf(text, sizeof(text), "MAINPID=%d", pid);

	if (address && notify_connect(address, &fd) == 0)
		IGNORE_RESULT(send(fd, text, (size_t)n, MSG_NOSIGNAL)); /* it may have gone: who would care */
}

/* --- what a container may say --- */

static bool all_digits(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	return len > 0 && n == len;
}

static bool is(const char *line, size_t len, const char *what)
{
	return strlen(what) == len && memcmp(line, what, len) == 0;
}

static bool begins(const char *line, size_t len, const char *what)
{
	size_t n = strlen(what);

	return len >= n && memcmp(line, what, n) == 0;
}

/* MAINPID and its kind would hand the service to another process, FDSTORE and BARRIER make the manager keep descriptors. */
static bool may_pass(const char *line, size_t len)
{
	static const char *const WHOLE[] = { "READY=1", "STOPPING=1", "RELOADING=1", "WATCHDOG=1",
					     "WATCHDOG=trigger" };
	static const char *const NUMBERS[] = { "ERRNO=", "EXTEND_TIMEOUT_USEC=", "MONOTONIC_USEC=" };

	for (size_t i = 0; i < ARRAY_LEN(WHOLE); i++)
		if (is(line, len, WHOLE[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++)
		if (begins(line, len, NUMBERS[i]))
			return all_digits(line + strlen(NUMBERS[i]), len - strlen(NUMBERS[i]));
	return begins(line, len, "STATUS=");
}

/* It ends up on somebody's terminal. */
static size_t copy_printable(const char *line, size_t len, char *out)
{
	size_t i = 0;

	while (i < len) {
		size_t n = utf8_char_len(line + i, len - i);
		unsigned char c = (unsigned char)line[i];
		bool c1 = n == 2 && c == 0xc2 && (unsigned char)line[i + 1] < 0xa0;

		if (n == 0 || c < ' ' || c == 0x7f || c1) {
			out[i] = '?';
			i++;
			continue;
		}
		memcpy(out + i, line + i, n);
		i += n;
	}
	return len;
}

size_t notify_filter(const char *in, size_t len, char *out, bool *ret_ready)
{
	size_t n = 0;

	*ret_ready = false;
	for (size_t at = 0; at < len;) {
		const char *line = in + at;
		const char *end = memchr(line, '\n', len - at);
		size_t line_len = end ? (size_t)(end - line) : len - at;

		at += line_len + 1;
		if (!may_pass(line, line_len))
			continue;
		*ret_ready = *ret_ready || is(line, line_len, "READY=1");
		if (n > 0)
			out[n++] = '\n';
		n += copy_printable(line, line_len, out + n);
	}
	out[n] = '\0';
	return n;
}
