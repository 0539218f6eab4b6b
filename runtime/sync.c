/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sync.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fd_pass.h"

struct message {
	uint32_t kind;
	int32_t code; /* of an ERROR; the number of a CHILD; the signals of a GO; of a READY, whether init may be left */
	char text[sizeof(((struct err *)0)->text)];
};

int sync_pair(int ret_fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

static int send_message(int fd, const struct message *m, int passed_fd)
{
	size_t len = m->kind == SYNC_ERROR ? sizeof(*m) : offsetof(struct message, text);

	return fd_pass_send(fd, m, len, passed_fd);
}

void sync_send_error(int fd, const struct err *error)
{
	struct message m = { .kind = SYNC_ERROR, .code = error->code };

	memcpy(m.text, error->text, sizeof(m.text));
	(void)send_message(fd, &m, -1); /* nobody is there: then nobody needs to know */
}

/* The length of the packet, 0 at the end, or a negative errno. */
static ssize_t receive(int fd, struct message *m, int *ret_fd)
{
	ssize_t n;

	*m = (struct message){ 0 };
	n = fd_pass_receive(fd, m, sizeof(*m), ret_fd);
	m->text[sizeof(m->text) - 1] = '\0';
	return n;
}

static int peer_error(const struct message *m, struct err *e)
{
	return err_set(e, m->code < 0 ? m->code : -EPROTO, "%s", m->text);
}

static int is_gone(struct err *e)
{
	return err_set(e, -ECONNRESET, "the other side of the container's start ended unexpectedly");
}

/* Who is gone may have said why, and not have been heard yet. */
static int last_word(int fd, struct err *e)
{
	struct message m;

	while (receive(fd, &m, NULL) > 0)
		if (m.kind == SYNC_ERROR)
			return peer_error(&m, e);
	return is_gone(e);
}

static int send_or_say(int fd, const struct message *m, int passed_fd, struct err *e)
{
	int r = send_message(fd, m, passed_fd);

	if (r == -EPIPE || r == -ECONNRESET)
		return last_word(fd, e);
	return r < 0 ? err_code(e, r, "cannot reach the other side of the container's start") : 0;
}

int sync_send_fd(int fd, enum sync_kind kind, int passed_fd, struct err *e)
{
	const struct message m = { .kind = kind };

	return send_or_say(fd, &m, passed_fd, e);
}

int sync_send_child(int fd, pid_t pid, int pidfd, struct err *e)
{
	const struct message m = { .kind = SYNC_CHILD, .code = pid };

	return send_or_say(fd, &m, pidfd, e);
}

int sync_send(int fd, enum sync_kind kind, struct err *e)
{
	return sync_send_fd(fd, kind, -1, e);
}

int sync_send_ready(int fd, bool may_be_left, struct err *e)
{
	const struct message m = { .kind = SYNC_READY, .code = may_be_left };

	return send_or_say(fd, &m, -1, e);
}

int sync_send_start(int fd, uint32_t ignored, struct err *e)
{
	const struct message m = { .kind = SYNC_GO, .code = (int32_t)ignored };

	return send_or_say(fd, &m, -1, e);
}

static int expect(int fd, enum sync_kind kind, struct message *m, int *ret_fd, struct err *e)
{
	ssize_t n = receive(fd, m, ret_fd);

	if (n < 0)
		return err_code(e, (int)n, "cannot hear the other side of the container's start");
	if (n == 0)
		return is_gone(e);
	if (m->kind == SYNC_ERROR)
		return peer_error(m, e);
	if (m->kind != kind)
		return err_set(e, -EPROTO, "message %u where %u was due", m->kind, (unsigned int)kind);
	return 0;
}

int sync_expect(int fd, enum sync_kind kind, int *ret_fd, struct err *e)
{
	struct message m;

	return expect(fd, kind, &m, ret_fd, e);
}

int sync_expect_ready(int fd, bool *ret_may_be_left, struct err *e)
{
	struct message m;
	int r = expect(fd, SYNC_READY, &m, NULL, e);

	*ret_may_be_left = r == 0 && m.code == 1;
	return r;
}

int sync_expect_start(int fd, uint32_t *ret_ignored, struct err *e)
{
	struct message m;
	int r = expect(fd, SYNC_GO, &m, NULL, e);

	if (r == 0)
		*ret_ignored = (uint32_t)m.code;
	return r;
}

int sync_expect_child(int fd, pid_t *ret_pid, int *ret_pidfd, struct err *e)
{
	struct message m;
	int r = expect(fd, SYNC_CHILD, &m, ret_pidfd, e);

	if (r == 0)
		*ret_pid = m.code;
	return r;
}

int sync_expect_end(int fd, struct err *e)
{
	struct message m;
	ssize_t n = receive(fd, &m, NULL);

	if (n < 0)
		return err_code(e, (int)n, "cannot hear the other side of the container's start");
	if (n == 0)
		return 0;
	if (m.kind == SYNC_ERROR)
		return peer_error(&m, e);
	return err_set(e, -EPROTO, "message %u where the end was due", m.kind);
}
