/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fd_pass.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static size_t total(const struct iovec *parts, size_t len)
{
	size_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += parts[i].iov_len;
	return sum;
}

int fd_pass_send_parts(int socket_fd, struct iovec *parts, size_t len, int passed_fd, int flags)
{
	union control control = { 0 };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = len };
	ssize_t n;

	if (passed_fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.space);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &passed_fd, sizeof(int));
	}
	do
		n = sendmsg(socket_fd, &message, MSG_NOSIGNAL | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == total(parts, len) ? 0 : -EMSGSIZE;
}

int fd_pass_send(int socket_fd, const void *data, size_t len, int passed_fd)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };

	return fd_pass_send_parts(socket_fd, &part, 1, passed_fd, 0);
}

/* CMSG_SPACE rounds up: there is room for a second one that nobody asked for. */
static void take_descriptor(struct msghdr *message, int *ret_fd)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(message);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
		memcpy(&fd, CMSG_DATA(c) + at, sizeof(int));
		if (at == 0 && ret_fd)
			*ret_fd = fd;
		else
			(void)close(fd);
	}
}

ssize_t fd_pass_receive_parts(int socket_fd, struct iovec *parts, size_t len, int flags, int *ret_fd)
{
	union control control = { 0 };
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = len,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	/* A peer that ends without having read all that we have said is ECONNRESET, once; what it said before is still to be had. */
	do
		n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	take_descriptor(&message, ret_fd);
	return n;
}

ssize_t fd_pass_receive(int socket_fd, void *data, size_t len, int *ret_fd)
{
	struct iovec part = { .iov_base = data, .iov_len = len };

	return fd_pass_receive_parts(socket_fd, &part, 1, 0, ret_fd);
}
