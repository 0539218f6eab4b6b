/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is, by its first bytes: the other half of pull/tree_unpack.h. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "pull/tree_unpack_decoder.h"

#define CHECKSUM_AT  148 /* POSIX.1 pax, "ustar Interchange Format" */
#define CHECKSUM_LEN 8
#define PEEK_MAX     (UINT64_C(64) << 20) /* bytes of tar that may be inflated for a look at the first ones */

_Static_assert(TREE_UNPACK_START == 512, "a tar's header is a block");

enum tree_compression tree_compression_of(const void *start, size_t len)
{
	static const struct {
		enum tree_compression is;
		unsigned char bytes[6];
		size_t len;
	} MAGIC[] = {
		{ TREE_BZIP2, { 'B', 'Z', 'h' }, 3 },
		{ TREE_GZIP, { 0x1f, 0x8b, 0x08 }, 3 },
		{ TREE_XZ, { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6 },
		{ TREE_ZSTD, { 0x28, 0xb5, 0x2f, 0xfd }, 4 },
	};

	for (size_t i = 0; i < ARRAY_LEN(MAGIC); i++)
		if (len >= MAGIC[i].len && memcmp(start, MAGIC[i].bytes, MAGIC[i].len) == 0)
			return MAGIC[i].is;
	return TREE_PLAIN;
}

/* Octal digits among blanks and NULs. False: something else. */
static bool read_checksum(const unsigned char *field, int64_t *ret)
{
	size_t at = 0;
	int64_t n = 0;

	while (at < CHECKSUM_LEN && (field[at] == ' ' || field[at] == '\0'))
		at++;
	for (; at < CHECKSUM_LEN && field[at] >= '0' && field[at] <= '7'; at++)
		n = n * 8 + (field[at] - '0');
	*ret = n;
	return at == CHECKSUM_LEN || field[at] == ' ' || field[at] == '\0';
}

/* Some writers have added up signed bytes. */
bool tree_is_tar_header(const void *start, size_t len)
{
	const unsigned char *bytes = start;
	int64_t sum = 0, signed_sum = 0, said;

	if (len < TREE_UNPACK_START || !read_checksum(bytes + CHECKSUM_AT, &said))
		return false;
	for (size_t i = 0; i < TREE_UNPACK_START; i++) {
		bool blank = i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_LEN;

		sum += blank ? ' ' : bytes[i];
		signed_sum += blank ? ' ' : (signed char)bytes[i];
	}
	return said == sum || said == signed_sum;
}

/* As many bytes as there are, up to len. */
static ssize_t read_start(int fd, char *out, size_t len)
{
	size_t used = 0;

	while (used < len) {
		ssize_t n = read(fd, out + used, len - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

static int peek_inflated(int fd, enum tree_compression compression, bool *ret, struct err *e)
{
	struct tree_decoder d = { .data_fd = -1, .report_fd = -1 };
	char path[64], start[TREE_UNPACK_START];
	cleanup_fd int again = -1;
	ssize_t n;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC); /* with an offset of its own */
	if (again < 0)
		return err_errno(e, "cannot look into an archive");
	r = tree_decoder_start(again, compression, PEEK_MAX, &d, e);
	if (r < 0)
		return r;
	n = read_start(d.data_fd, start, sizeof(start));
	(void)kill(d.pid, SIGKILL); /* ours, and not reaped yet */
	while (waitpid(d.pid, NULL, 0) < 0 && errno == EINTR)
		;
	(void)close(d.data_fd);
	(void)close(d.report_fd);
	if (n < 0)
		return err_code(e, (int)n, "cannot look into an archive");
	*ret = tree_is_tar_header(start, (size_t)n);
	return 0;
}

int tree_is_archive(int fd, bool *ret, struct err *e)
{
	char start[TREE_UNPACK_START];
	enum tree_compression compression;
	ssize_t n;

	do
		n = pread(fd, start, sizeof(start), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(e, "cannot look into a file");
	compression = tree_compression_of(start, (size_t)n);
	if (compression != TREE_PLAIN)
		return peek_inflated(fd, compression, ret, e);
	*ret = tree_is_tar_header(start, (size_t)n);
	return 0;
}
