/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy_data.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"

#define DATA_BYTES  131072
#define PIECE_BYTES ((size_t)1 << 30)

void data_copier_done(struct data_copier *c)
{
	free(c->data);
	c->data = NULL;
}

static ssize_t copy_by_hand(struct data_copier *c, int from_fd, int to_fd, off_t at, size_t len)
{
	ssize_t n;

	if (!c->data)
		c->data = malloc(DATA_BYTES);
	if (!c->data)
		return -ENOMEM;
	n = pread(from_fd, c->data, len < DATA_BYTES ? len : DATA_BYTES, at);
	if (n > 0)
		n = pwrite(to_fd, c->data, (size_t)n, at);
	return n < 0 ? -errno : n;
}

/* As much as one call brings. Some file systems say 0 for files that have bytes: only read(2) knows. */
static ssize_t copy_piece(struct data_copier *c, int from_fd, int to_fd, off_t at, size_t len)
{
	off_t in = at, out = at;

	if (!c->no_range) {
		ssize_t n =
			copy_file_range(from_fd, &in, to_fd, &out, len < PIECE_BYTES ? len : PIECE_BYTES, 0);

		if (n > 0)
			return n;
		if (n < 0 && (errno == EXDEV || errno == ENOSYS || errno == EOPNOTSUPP))
			c->no_range = true;
		else if (n < 0 && errno != EINVAL && errno != EPERM)
			return -errno;
	}
	return copy_by_hand(c, from_fd, to_fd, at, len);
}

static int copy_range(struct data_copier *c, int from_fd, int to_fd, off_t begin, off_t end)
{
	while (begin < end) {
		ssize_t n = copy_piece(c, from_fd, to_fd, begin, (size_t)(end - begin));

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		begin += n;
	}
	return 0;
}

static int copy_sparse(struct data_copier *c, int from_fd, int to_fd, off_t size)
{
	off_t at = 0;
	int r = ftruncate(to_fd, size) < 0 ? -errno : 0;

	while (r == 0 && at < size) {
		off_t begin = lseek(from_fd, at, SEEK_DATA), end;

		if (begin < 0 && errno == ENXIO)
			return 0; /* a hole to its end */
		if (begin < 0)
			begin = at;
		end = lseek(from_fd, begin, SEEK_HOLE);
		if (end <= begin || end > size)
			end = size;
		r = copy_range(c, from_fd, to_fd, begin, end);
		at = end;
	}
	return r;
}

int copy_data(struct data_copier *c, int from_fd, int to_fd, const struct stat *st)
{
	if ((off_t)st->st_blocks * 512 < st->st_size)
		return copy_sparse(c, from_fd, to_fd, st->st_size);
	return copy_range(c, from_fd, to_fd, 0, st->st_size);
}
