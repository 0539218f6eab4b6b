/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_spool.h"

#include <poll.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

#define BLOCK_BYTES 65536

/* 0 at the end. */
static ssize_t read_some(int cancel_fd, char *block, size_t len, struct err *e)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = cancel_fd, .events = POLLIN } };
	ssize_t n;

	while (poll(fds, ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			return err_errno(e, "cannot wait for standard input");
	if (fds[1].revents)
		return err_set(e, -EINTR, "interrupted");
	n = read(STDIN_FILENO, block, len);
	return n < 0 ? err_errno(e, "cannot read standard input") : n;
}

int image_spool(int fd, int cancel_fd, struct err *e)
{
	char block[BLOCK_BYTES];
	ssize_t n;
	int r;

	while ((n = read_some(cancel_fd, block, sizeof(block), e)) > 0) {
		r = write_all(fd, block, (size_t)n);
		if (r < 0)
			return err_code(e, r, "cannot keep what comes from standard input");
	}
	return (int)n;
}
