/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stat_cache.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build/stat_cache_format.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "store/file_sum.h"

#define NS           1000000000
#define FILE_MAX     (STAT_CACHE_HEADER_LEN + (size_t)STAT_CACHE_ENTRIES_MAX * STAT_CACHE_ENTRY_LEN)
#define SETTLED_NS   100000000  /* of kernels that stamp files at each tick, every 10 ms at most */
#define SETTLED_S_NS 2000000000 /* of file systems that know seconds only, or pairs of them */
#define TABLE_MIN    64

struct entry {
	uint64_t device, inode, size, mtime_ns, ctime_ns;
	uint32_t generation, flags;
	unsigned char sha256[STAT_CACHE_SHA256_LEN];
};

struct stat_cache {
	int dir_fd;
	char *name;
	size_t max;
	uint32_t generation; /* of this build */

	struct buf file; /* as it was read: empty, or in order */
	size_t len;      /* entries in it */

	struct entry *added;
	size_t added_len, added_cap;
	uint32_t *table;  /* of added, by device and inode: index + 1; 0 is free */
	size_t table_len; /* a power of two */
};

/* --- bytes --- */

static uint64_t get(const char *p, size_t bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | (unsigned char)p[bytes];
	return value;
}

static void put(char *p, size_t bytes, uint64_t value)
{
	for (size_t i = 0; i < bytes; i++, value >>= 8)
		p[i] = (char)(value & 0xff);
}

static struct entry decode(const char *p)
{
	struct entry x = { .device = get(p, 8),
			   .inode = get(p + 8, 8),
			   .size = get(p + 16, 8),
			   .mtime_ns = get(p + 24, 8),
			   .ctime_ns = get(p + 32, 8),
			   .generation = (uint32_t)get(p + 40, 4),
			   .flags = (uint32_t)get(p + 44, 4) };

	memcpy(x.sha256, p + 48, sizeof(x.sha256));
	return x;
}

static void encode(const struct entry *x, char *p)
{
	put(p, 8, x->device);
	put(p + 8, 8, x->inode);
	put(p + 16, 8, x->size);
	put(p + 24, 8, x->mtime_ns);
	put(p + 32, 8, x->ctime_ns);
	put(p + 40, 4, x->generation);
	put(p + 44, 4, x->flags);
	memcpy(p + 48, x->sha256, sizeof(x->sha256));
}

static char *entry_at(const struct stat_cache *c, size_t i)
{
	return c->file.data + STAT_CACHE_HEADER_LEN + i * STAT_CACHE_ENTRY_LEN;
}

static int compare(uint64_t device, uint64_t inode, const struct entry *b)
{
	if (device != b->device)
		return device < b->device ? -1 : 1;
	return inode == b->inode ? 0 : inode < b->inode ? -1 : 1;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a;

	return compare(x->device, x->inode, b);
}

/* --- reading --- */

static bool checksum_ok(struct buf *file)
{
	unsigned char stored[STAT_CACHE_CHECKSUM_LEN];
	struct file_sum sum;

	memcpy(stored, file->data + STAT_CACHE_CHECKSUM_AT, sizeof(stored));
	memset(file->data + STAT_CACHE_CHECKSUM_AT, 0, sizeof(stored));
	sum = file_sum_bytes(file->data, file->len);
	return memcmp(sum.bytes, stored, sizeof(stored)) == 0;
}

/* Entries in order, each file once: a search finds what is there, and a merge keeps it so. */
static bool in_order(const struct stat_cache *c, size_t len, uint32_t generation)
{
	struct entry last = { 0 };

	for (size_t i = 0; i < len; i++) {
		const struct entry x = decode(entry_at(c, i));

		if ((i > 0 && compare_entries(&last, &x) >= 0) || x.generation > generation ||
		    (x.flags & ~STAT_CACHE_HAS_XATTRS))
			return false;
		last = x;
	}
	return true;
}

static bool believe(struct stat_cache *c)
{
	const char *p = c->file.data;
	uint64_t len, generation;

	if (c->file.len < STAT_CACHE_HEADER_LEN || memcmp(p, STAT_CACHE_MAGIC, 8) != 0 ||
	    get(p + 8, 4) != STAT_CACHE_VERSION || get(p + 12, 4) != STAT_CACHE_ENTRY_LEN)
		return false;
	len = get(p + 16, 8);
	generation = get(p + 24, 8);
	if (len > STAT_CACHE_ENTRIES_MAX || generation >= UINT32_MAX ||
	    c->file.len != STAT_CACHE_HEADER_LEN + (size_t)len * STAT_CACHE_ENTRY_LEN ||
	    !checksum_ok(&c->file) || !in_order(c, (size_t)len, (uint32_t)generation))
		return false;
	c->len = (size_t)len;
	c->generation = (uint32_t)generation + 1;
	return true;
}

/* A file that others may write to is not ours. */
static int read_file(struct stat_cache *c)
{
	cleanup_fd int fd =
		openat(c->dir_fd, c->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	struct err e;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) || st.st_size > (off_t)FILE_MAX)
		return 0;
	r = buf_reserve(&c->file, (size_t)st.st_size);
	if (r == 0)
		r = read_fd(fd, &c->file, &e);
	return r == -ENOMEM ? r : 0;
}

int stat_cache_open(int dir_fd, const char *name, size_t max, struct stat_cache **ret, struct err *e)
{
	cleanup_stat_cache struct stat_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return err_code(e, -ENOMEM, "cannot open '%s'", name);
	c->dir_fd = dir_fd;
	c->max = max < STAT_CACHE_ENTRIES_MAX ? max : STAT_CACHE_ENTRIES_MAX;
	c->generation = 1;
	c->file = BUF_INIT(FILE_MAX);
	c->name = strdup(name);
	if (!c->name || read_file(c) < 0)
		return err_code(e, -ENOMEM, "cannot open '%s'", name);
	if (!believe(c))
		buf_done(&c->file);
	*ret = ptr_take(c);
	return 0;
}

void stat_cache_free(struct stat_cache *c)
{
	if (!c)
		return;
	buf_done(&c->file);
	free(c->added);
	free(c->table);
	free(c->name);
	free(c);
}

void stat_cache_free_fn(struct stat_cache **c)
{
	stat_cache_free(*c);
}

/* --- in memory --- */

static uint64_t nanoseconds(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * NS + (uint64_t)t->tv_nsec;
}

static struct entry entry_of(const struct stat *st)
{
	return (struct entry){ .device = st->st_dev,
			       .inode = st->st_ino,
			       .size = (uint64_t)st->st_size,
			       .mtime_ns = nanoseconds(&st->st_mtim),
			       .ctime_ns = nanoseconds(&st->st_ctim) };
}

/* Where an entry of this file is in c->table, or the free place that it gets. There is one. */
static uint32_t *table_place(const struct stat_cache *c, const struct entry *x)
{
	const uint64_t key[2] = { x->device, x->inode };
	size_t i = (size_t)file_sum_hash(key, sizeof(key), 0) & (c->table_len - 1);

	while (c->table[i] && compare_entries(x, &c->added[c->table[i] - 1]) != 0)
		i = (i + 1) & (c->table_len - 1);
	return &c->table[i];
}

static int grow_table(struct stat_cache *c)
{
	size_t len = c->table_len ? c->table_len * 2 : TABLE_MIN;
	uint32_t *table = calloc(len, sizeof(*table));

	if (!table)
		return -ENOMEM;
	free(c->table);
	c->table = table;
	c->table_len = len;
	for (size_t i = 0; i < c->added_len; i++)
		*table_place(c, &c->added[i]) = (uint32_t)i + 1;
	return 0;
}

/* A place in c->added for a file that has none yet. */
static int grow_added(struct stat_cache *c)
{
	size_t cap = c->added_cap ? c->added_cap * 2 : TABLE_MIN;
	struct entry *grown;

	if (c->added_len < c->added_cap)
		return 0;
	grown = reallocarray(c->added, cap, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->added = grown;
	c->added_cap = cap;
	return 0;
}

/* The entry in the file; NULL: none. */
static char *search_file(const struct stat_cache *c, const struct entry *x)
{
	size_t low = 0, high = c->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		char *p = entry_at(c, middle);
		const struct entry key = { .device = get(p, 8), .inode = get(p + 8, 8) };
		int order = compare_entries(x, &key);

		if (order == 0)
			return p;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static bool same_file(const struct entry *a, const struct entry *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

bool stat_cache_find(struct stat_cache *c, const struct stat *st, struct stat_cache_facts *ret)
{
	const struct entry x = entry_of(st);
	uint32_t index = c->table_len ? *table_place(c, &x) : 0;
	struct entry found;
	char *p = NULL;

	if (index) {
		found = c->added[index - 1];
	} else {
		p = search_file(c, &x);
		if (!p)
			return false;
		found = decode(p);
	}
	if (!same_file(&x, &found))
		return false;
	if (p)
		put(p + 40, 4, c->generation);
	memcpy(ret->sha256, found.sha256, sizeof(ret->sha256));
	ret->has_xattrs = found.flags & STAT_CACHE_HAS_XATTRS;
	return true;
}

int64_t stat_cache_settles_in_ns(const struct stat *st, const struct timespec *now)
{
	int64_t margin = st->st_ctim.tv_nsec == 0 ? SETTLED_S_NS : SETTLED_NS;
	int64_t age_s = now->tv_sec - st->st_ctim.tv_sec, age;

	if (age_s < -10 || age_s > 10)
		return age_s > 10 ? 0 : INT64_MAX;
	age = age_s * NS + now->tv_nsec - st->st_ctim.tv_nsec;
	return age > margin ? 0 : margin - age + 1;
}

int stat_cache_add(struct stat_cache *c, const struct stat *st, const struct timespec *begun,
		   const struct stat_cache_facts *facts, struct err *e)
{
	struct entry x = entry_of(st);
	uint32_t *place;
	int r = 0;

	if (stat_cache_settles_in_ns(st, begun) > 0 || c->max == 0)
		return 0;
	if (c->added_len * 2 >= c->table_len)
		r = grow_table(c);
	if (r == 0)
		r = grow_added(c);
	if (r < 0)
		return err_code(e, r, "cannot remember a digest");
	x.generation = c->generation;
	x.flags = facts->has_xattrs ? STAT_CACHE_HAS_XATTRS : 0;
	memcpy(x.sha256, facts->sha256, sizeof(x.sha256));
	place = table_place(c, &x);
	if (!*place) {
		/* What is too much for the file is too much for the memory. */
		if (c->added_len >= STAT_CACHE_ENTRIES_MAX)
			return 0;
		*place = (uint32_t)++c->added_len;
	}
	c->added[*place - 1] = x;
	return 0;
}

size_t stat_cache_len(const struct stat_cache *c)
{
	return c->len + c->added_len;
}

bool stat_cache_changed(const struct stat_cache *c)
{
	return c->added_len > 0;
}

/* --- writing --- */

static int compare_generations(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Leaves c->max of `len` entries, those of the latest generations, in their order. */
static int evict(const struct stat_cache *c, char *entries, size_t *len)
{
	cleanup_free uint32_t *all = calloc(*len, sizeof(*all));
	size_t kept = 0, room = 0;
	uint32_t last;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < *len; i++)
		all[i] = (uint32_t)get(entries + i * STAT_CACHE_ENTRY_LEN + 40, 4);
	qsort(all, *len, sizeof(*all), compare_generations);
	last = all[*len - c->max];
	for (size_t i = *len - c->max; i < *len; i++)
		room += all[i] == last;
	for (size_t i = 0; i < *len; i++) {
		const char *p = entries + i * STAT_CACHE_ENTRY_LEN;
		uint32_t generation = (uint32_t)get(p + 40, 4);

		if (generation < last || (generation == last && room == 0))
			continue;
		room -= generation == last;
		memmove(entries + kept++ * STAT_CACHE_ENTRY_LEN, p, STAT_CACHE_ENTRY_LEN);
	}
	*len = kept;
	return 0;
}

/* Both in one order; what was added replaces what the file had. Returns how many. */
static size_t merge(const struct stat_cache *c, char *out)
{
	size_t i = 0, k = 0, len = 0;

	while (i < c->len || k < c->added_len) {
		char *p = out + len++ * STAT_CACHE_ENTRY_LEN;
		int order = i == c->len ? 1 : -1;

		if (i < c->len && k < c->added_len) {
			const struct entry x = decode(entry_at(c, i));

			order = compare_entries(&x, &c->added[k]);
		}
		if (order < 0)
			memcpy(p, entry_at(c, i), STAT_CACHE_ENTRY_LEN);
		else
			encode(&c->added[k++], p);
		i += order <= 0;
	}
	return len;
}

static int put_together(struct stat_cache *c, struct buf *out)
{
	size_t len = c->len + c->added_len;
	struct file_sum sum;
	char *p;
	int r = buf_reserve(out, STAT_CACHE_HEADER_LEN + len * STAT_CACHE_ENTRY_LEN);

	if (r < 0)
		return r;
	qsort(c->added, c->added_len, sizeof(*c->added), compare_entries);
	p = out->data;
	memset(p, 0, STAT_CACHE_HEADER_LEN);
	len = merge(c, p + STAT_CACHE_HEADER_LEN);
	if (len > c->max)
		r = evict(c, p + STAT_CACHE_HEADER_LEN, &len);
	if (r < 0)
		return r;
	memcpy(p, STAT_CACHE_MAGIC, 8);
	put(p + 8, 4, STAT_CACHE_VERSION);
	put(p + 12, 4, STAT_CACHE_ENTRY_LEN);
	put(p + 16, 8, len);
	put(p + 24, 8, c->generation);
	out->len = STAT_CACHE_HEADER_LEN + len * STAT_CACHE_ENTRY_LEN;
	p[out->len] = '\0';
	sum = file_sum_bytes(p, out->len);
	memcpy(p + STAT_CACHE_CHECKSUM_AT, sum.bytes, STAT_CACHE_CHECKSUM_LEN);
	return 0;
}

/* After it the cache is as if it had been opened just then. */
int stat_cache_save(struct stat_cache *c, struct err *e)
{
	cleanup_buf struct buf out = BUF_INIT(2 * FILE_MAX);
	int r;

	if (!stat_cache_changed(c))
		return 0;
	r = put_together(c, &out);
	if (r < 0)
		return err_code(e, r, "cannot write '%s'", c->name);
	r = file_write_atomic(c->dir_fd, c->name, out.data, out.len, 0600, e);
	if (r < 0)
		return r;
	buf_done(&c->file);
	c->file = out;
	out = BUF_INIT(0);
	c->len = (c->file.len - STAT_CACHE_HEADER_LEN) / STAT_CACHE_ENTRY_LEN;
	c->added_len = 0;
	memset(c->table, 0, c->table_len * sizeof(*c->table));
	return 0;
}
