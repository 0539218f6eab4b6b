/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_journal.h"

#include <endian.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"

/* --- fields ---------------------------------------------------------------------------------------------- */

static void add(struct log_fields *f, const void *data, size_t len)
{
	if (f->full || len > f->max - f->len) {
		f->full = true;
		return;
	}
	memcpy(f->data + f->len, data, len);
	f->len += len;
}

/* Behind the name. */
static void add_value(struct log_fields *f, const char *value)
{
	uint64_t len = htole64(strlen(value));

	if (strchr(value, '\n')) {
		add(f, "\n", 1);
		add(f, &len, sizeof(len));
	} else {
		add(f, "=", 1);
	}
	add(f, value, strlen(value));
	add(f, "\n", 1);
}

void log_fields_add(struct log_fields *f, const char *name, const char *value)
{
	size_t before = f->len;

	add(f, name, strlen(name));
	add_value(f, value);
	if (f->full)
		f->len = before;
}

void log_fields_add_attribute(struct log_fields *f, const char *pair)
{
	size_t before = f->len, len = strcspn(pair, "=");

	for (size_t i = 0; i < len; i++) {
		char c = pair[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
			c = '_';
		if (c != '_' || f->len > before)
			add(f, &c, 1);
	}
	if (f->len > before)
		add_value(f, pair + len + (pair[len] == '='));
	if (f->full)
		f->len = before;
}

/* --- sending --------------------------------------------------------------------------------------------- */

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return fd_take(&fd);
}

static bool is_gone(int error)
{
	return error == ECONNREFUSED || error == ENOTCONN || error == ECONNRESET || error == ENOENT;
}

int log_journal_connect(const char *path, int *ret_fd, struct err *e)
{
	int fd;

	path = path ? path : LOG_JOURNAL_SOCKET;
	fd = connect_to(path);
	if (fd < 0) {
		(void)err_code(e, fd, "journald is not enabled on this host ('%s')", path);
		if (is_gone(-fd))
			e->code = -EOPNOTSUPP;
		return e->code;
	}
	*ret_fd = fd;
	return 0;
}

/* Without waiting. 0 or -errno. */
static int send_once(int fd, const struct msghdr *m)
{
	ssize_t n;

	do
		n = sendmsg(fd, m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int log_journal_send(int *fd, const char *path, const char *fields, size_t fields_len, int priority,
		     bool partial, const char *text, size_t len, int patience_ms)
{
	static const char PARTIAL[] = "CONTAINER_PARTIAL_MESSAGE=true\n", MESSAGE[] = "MESSAGE\n";
	const char level[] = { (char)('0' + priority), '\n' };
	uint64_t text_len = htole64(len);
	struct iovec parts[] = {
		{ (void *)(uintptr_t)fields, fields_len },
		{ (void *)(uintptr_t) "PRIORITY=", strlen("PRIORITY=") },
		{ (void *)(uintptr_t)level, sizeof(level) },
		{ (void *)(uintptr_t)PARTIAL, partial ? sizeof(PARTIAL) - 1 : 0 },
		{ (void *)(uintptr_t)MESSAGE, sizeof(MESSAGE) - 1 },
		{ &text_len, sizeof(text_len) },
		{ (void *)(uintptr_t)text, len },
		{ (void *)(uintptr_t) "\n", 1 },
	};
	const struct msghdr m = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };
	struct pollfd room = { .fd = *fd, .events = POLLOUT };
	int r = *fd < 0 ? -ENOTCONN : send_once(*fd, &m);

	if (r < 0 && is_gone(-r)) {
		int again = connect_to(path ? path : LOG_JOURNAL_SOCKET);

		if (again < 0)
			return again;
		if (*fd >= 0)
			(void)close(*fd); /* nobody hears it */
		*fd = again;
		return send_once(again, &m);
	}
	if (r == -EAGAIN && poll(&room, 1, patience_ms) > 0)
		r = send_once(*fd, &m);
	return r;
}
