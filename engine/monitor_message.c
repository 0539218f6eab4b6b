/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's packets: in a file of its own, as the monitor has no use for the rest of engine/monitor.h. */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/fd_pass.h"
#include "engine/monitor.h"

int monitor_send(int fd, const struct monitor_message *m, const void *data, int passed_fd, int flags)
{
	struct iovec parts[2] = { { .iov_base = (void *)(uintptr_t)m, .iov_len = sizeof(*m) },
				  { .iov_base = (void *)(uintptr_t)data, .iov_len = m->data_len } };

	return fd_pass_send_parts(fd, parts, 2, passed_fd, flags);
}

int monitor_receive(int fd, struct monitor_message *ret, void *data, size_t max, int flags, int *ret_fd)
{
	struct iovec parts[2] = { { .iov_base = ret, .iov_len = sizeof(*ret) },
				  { .iov_base = data, .iov_len = max } };
	ssize_t n = fd_pass_receive_parts(fd, parts, 2, flags, ret_fd);

	if (n <= 0)
		return (int)n;
	if ((size_t)n < sizeof(*ret) || ret->data_len != (size_t)n - sizeof(*ret))
		return -EPROTO;
	return 1;
}
