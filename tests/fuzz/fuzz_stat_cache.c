/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a stat cache, and the same ones with the checksum that belongs to them, so that they get past it. What is believed must
 * be in order, must be found, and must be the same after it was saved. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build/stat_cache.h"
#include "build/stat_cache_format.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "store/file_sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME "cache"
#define NS   1000000000u

static uint64_t get(const uint8_t *p)
{
	uint64_t value = 0;

	for (size_t i = 8; i-- > 0;)
		value = value << 8 | p[i];
	return value;
}

static struct stat stat_at(const uint8_t *p)
{
	return (struct stat){
		.st_dev = get(p),
		.st_ino = get(p + 8),
		.st_size = (off_t)get(p + 16),
		.st_mtim = { .tv_sec = (time_t)(get(p + 24) / NS), .tv_nsec = (long)(get(p + 24) % NS) },
		.st_ctim = { .tv_sec = (time_t)(get(p + 32) / NS), .tv_nsec = (long)(get(p + 32) % NS) }
	};
}

static struct stat_cache *open_cache(int dir_fd)
{
	struct stat_cache *c = NULL;
	struct err e;

	if (stat_cache_open(dir_fd, NAME, 64, &c, &e) < 0)
		abort();
	return c;
}

/* All that is in the file, if it was believed. */
static void find_all(struct stat_cache *c, const uint8_t *data, size_t size)
{
	size_t len = stat_cache_len(c);

	if (len > 0 && size != STAT_CACHE_HEADER_LEN + len * STAT_CACHE_ENTRY_LEN)
		abort();
	for (size_t i = 0; i < len; i++) {
		const uint8_t *p = data + STAT_CACHE_HEADER_LEN + i * STAT_CACHE_ENTRY_LEN;
		const struct stat st = stat_at(p);
		struct stat_cache_facts facts;

		if (!stat_cache_find(c, &st, &facts) ||
		    memcmp(facts.sha256, p + 48, sizeof(facts.sha256)) != 0)
			abort();
	}
}

static void check(int dir_fd, const uint8_t *data, size_t size)
{
	const struct timespec now = { .tv_sec = 1000 };
	const struct stat added = { .st_dev = 1, .st_ino = 2, .st_ctim = { .tv_sec = 1 } };
	struct stat_cache_facts facts = { .has_xattrs = true };
	cleanup_stat_cache struct stat_cache *c = NULL, *again = NULL;
	struct err e;
	size_t len;

	if (file_write_atomic(dir_fd, NAME, data, size, 0600, &e) < 0)
		abort();
	c = open_cache(dir_fd);
	find_all(c, data, size);
	if (stat_cache_add(c, &added, &now, &facts, &e) < 0 || !stat_cache_find(c, &added, &facts))
		abort();
	if (stat_cache_save(c, &e) < 0)
		abort();
	len = stat_cache_len(c);
	again = open_cache(dir_fd);
	if (len == 0 || len > 64 || stat_cache_len(again) != len || !stat_cache_find(again, &added, &facts) ||
	    !facts.has_xattrs)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char scratch[] = "/dev/shm/sampan-fuzz.XXXXXX";
	cleanup_fd int dir_fd = -1;
	cleanup_free uint8_t *copy = NULL;
	struct err e;

	if (size > 65536)
		return 0;
	copy = malloc(size + 1);
	if (!copy || !mkdtemp(scratch))
		abort();
	memcpy(copy, data, size);
	dir_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(dir_fd, copy, size);
	if (size >= STAT_CACHE_HEADER_LEN) {
		struct file_sum sum;

		memset(copy + STAT_CACHE_CHECKSUM_AT, 0, STAT_CACHE_CHECKSUM_LEN);
		sum = file_sum_bytes(copy, size);
		memcpy(copy + STAT_CACHE_CHECKSUM_AT, sum.bytes, STAT_CACHE_CHECKSUM_LEN);
		check(dir_fd, copy, size);
	}
	if (tree_remove(AT_FDCWD, scratch, &e) < 0)
		abort();
	return 0;
}
