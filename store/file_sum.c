/* SPDX-License-Identifier: Apache-2.0 */
#include "store/file_sum.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/cleanup.h"

#define BLOCK_BYTES 65536

/* The sum of a file is XXH3 over its blocks that are not all zero, each that follows on such ones with its number (little endian)
 * in front, and then the file's size. */
struct file_summer {
	XXH3_state_t state; /* first: it wants an alignment of 64 */
	uint64_t next;      /* offset of the next byte */
	size_t filled;      /* of block */
	bool skipped;       /* the block before was all zero */
	bool any_data;
	bool disorder;
	unsigned char block[BLOCK_BYTES];
};

static struct file_sum sum_of(XXH128_hash_t hash)
{
	XXH128_canonical_t canonical;
	struct file_sum sum;

	_Static_assert(sizeof(canonical.digest) == sizeof(sum.bytes), "XXH3 with 128 bits");
	XXH128_canonicalFromHash(&canonical, hash);
	memcpy(sum.bytes, canonical.digest, sizeof(sum.bytes));
	return sum;
}

void file_sum_text(const struct file_sum *sum, char ret[FILE_SUM_TEXT_LEN + 1])
{
	static const char HEX[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(sum->bytes); i++) {
		ret[2 * i] = HEX[sum->bytes[i] >> 4];
		ret[2 * i + 1] = HEX[sum->bytes[i] & 15];
	}
	ret[FILE_SUM_TEXT_LEN] = '\0';
}

struct file_sum file_sum_bytes(const void *data, size_t len)
{
	return sum_of(XXH3_128bits(data, len));
}

uint64_t file_sum_hash(const void *data, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, len, seed);
}

struct file_summer *file_summer_new(void)
{
	void *s = NULL;

	if (posix_memalign(&s, 64, sizeof(struct file_summer)) != 0)
		return NULL;
	file_summer_begin(s);
	return s;
}

void file_summer_free(struct file_summer *s)
{
	free(s);
}

void file_summer_free_fn(struct file_summer **s)
{
	file_summer_free(*s);
}

void file_summer_begin(struct file_summer *s)
{
	(void)XXH3_128bits_reset(&s->state); /* fails for NULL only; so do the updates */
	s->next = 0;
	s->filled = 0;
	s->skipped = s->any_data = s->disorder = false;
}

static void add_number(struct file_summer *s, uint64_t n)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(n >> (8 * i));
	(void)XXH3_128bits_update(&s->state, bytes, sizeof(bytes));
}

/* `data` is a whole block, or the last one of its file; s->next is behind it. */
static void take_block(struct file_summer *s, const unsigned char *data, size_t len)
{
	if (data[0] == 0 && memcmp(data, data + 1, len - 1) == 0) {
		s->skipped = true;
		return;
	}
	if (s->skipped)
		add_number(s, (s->next - len) / BLOCK_BYTES);
	s->skipped = false;
	s->any_data = true;
	(void)XXH3_128bits_update(&s->state, data, len);
}

static void end_block(struct file_summer *s)
{
	if (s->filled > 0)
		take_block(s, s->block, s->filled);
	s->filled = 0;
}

static void add_hole(struct file_summer *s, uint64_t len)
{
	size_t room = s->filled > 0 ? BLOCK_BYTES - s->filled : 0;
	size_t n = len < room ? (size_t)len : room;

	memset(s->block + s->filled, 0, n);
	s->filled += n;
	s->next += n;
	len -= n;
	if (s->filled == BLOCK_BYTES)
		end_block(s);
	if (len == 0)
		return;
	if (len >= BLOCK_BYTES)
		s->skipped = true;
	s->next += len;
	s->filled = (size_t)(len % BLOCK_BYTES);
	memset(s->block, 0, s->filled);
}

void file_summer_add(struct file_summer *s, uint64_t offset, const void *data, size_t len)
{
	const unsigned char *p = data;

	if (s->disorder || offset < s->next) {
		s->disorder = true;
		return;
	}
	if (offset > s->next)
		add_hole(s, offset - s->next);
	while (len > 0) {
		size_t n = BLOCK_BYTES - s->filled;

		if (n > len)
			n = len;
		s->next += n;
		if (n == BLOCK_BYTES) {
			take_block(s, p, n);
		} else {
			memcpy(s->block + s->filled, p, n);
			s->filled += n;
			if (s->filled == BLOCK_BYTES)
				end_block(s);
		}
		p += n;
		len -= n;
	}
}

bool file_summer_finish(struct file_summer *s, uint64_t size_bytes, struct file_sum *ret)
{
	if (s->disorder || size_bytes < s->next)
		return false;
	if (size_bytes > s->next)
		add_hole(s, size_bytes - s->next);
	end_block(s);
	add_number(s, size_bytes);
	*ret = sum_of(XXH3_128bits_digest(&s->state));
	return true;
}

bool file_summer_all_zero(const struct file_summer *s)
{
	return !s->any_data;
}

/* Data from `offset` to the next hole. *ret_end: where it ends. 0 at the end of the file. */
static int next_data(int fd, off_t *offset, off_t *ret_end)
{
	off_t data = lseek(fd, *offset, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? 0 : -errno;
	*ret_end = lseek(fd, data, SEEK_HOLE);
	if (*ret_end < 0)
		return -errno;
	*offset = data;
	return 1;
}

static int read_extent(struct file_summer *s, int fd, off_t from, off_t end, unsigned char *block)
{
	while (from < end) {
		size_t want = end - from < BLOCK_BYTES ? (size_t)(end - from) : BLOCK_BYTES;
		ssize_t n = pread(fd, block, want, from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0; /* it is being cut while we read: the size will tell */
		file_summer_add(s, (uint64_t)from, block, (size_t)n);
		from += n;
	}
	return 0;
}

int file_summer_read(struct file_summer *s, int fd, uint64_t size_bytes, struct file_sum *ret, struct err *e)
{
	cleanup_free unsigned char *block = malloc(BLOCK_BYTES);
	off_t offset = 0, end = 0;
	int r;

	if (!block)
		return err_code(e, -ENOMEM, "cannot read a file");
	file_summer_begin(s);
	/* A small file has no holes that are worth two system calls. */
	if (size_bytes <= BLOCK_BYTES) {
		r = read_extent(s, fd, 0, (off_t)size_bytes, block);
	} else {
		while ((r = next_data(fd, &offset, &end)) > 0) {
			r = read_extent(s, fd, offset, end, block);
			if (r < 0)
				break;
			offset = end;
		}
	}
	if (r < 0)
		return err_code(e, r, "cannot read a file");
	if (!file_summer_finish(s, size_bytes, ret))
		return err_set(e, -EIO, "a file changes while it is read");
	return 0;
}
