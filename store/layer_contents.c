/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layer_contents.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "common/cleanup.h"

#define ALIGN  8          /* of records */
#define NO_LEN UINT32_MAX /* a record without a target */

struct record {
	struct layer_content content;
	uint32_t path_len, target_len; /* without the NULs */
	char text[];                   /* path, NUL, and target and NUL where there is one */
};

/* Both are places of records, in units of ALIGN, and one more than that: 0 is an empty slot. */
struct slot {
	uint32_t path;    /* whose path is the key */
	uint32_t content; /* that has what is known; 0: nothing is */
};

struct layer_contents {
	const char *map; /* the file */
	size_t bytes;
	struct slot *slots; /* a power of two of them, at most three quarters in use */
	size_t slots_len;
	uint64_t seed; /* paths are a stranger's, who must not choose where they go */
};

/* --- writing -------------------------------------------------------------------------------------------- */

static size_t record_bytes(uint32_t path_len, uint32_t target_len)
{
	size_t bytes = sizeof(struct record) + path_len + 1;

	if (target_len != NO_LEN)
		bytes += (size_t)target_len + 1;
	return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static int add_record(struct buf *out, const struct layer_content *c, const char *path, const char *target)
{
	struct record record = { .content = *c,
				 .path_len = (uint32_t)strlen(path),
				 .target_len = target ? (uint32_t)strlen(target) : NO_LEN };
	size_t bytes = record_bytes(record.path_len, record.target_len);
	int r = buf_reserve(out, bytes);

	if (r < 0)
		return r;
	r = buf_add(out, &record, sizeof(record));
	if (r == 0)
		r = buf_add(out, path, (size_t)record.path_len + 1);
	if (r == 0 && target)
		r = buf_add(out, target, (size_t)record.target_len + 1);
	while (r == 0 && out->len % ALIGN != 0)
		r = buf_add_char(out, '\0');
	return r;
}

int layer_content_add(struct buf *out, const struct layer_content *c, const char *path)
{
	return add_record(out, c, path, NULL);
}

int layer_content_add_link(struct buf *out, const char *path, const char *target)
{
	const struct layer_content none = { 0 };

	return add_record(out, &none, path, target);
}

/* --- reading -------------------------------------------------------------------------------------------- */

static const struct record *record_at(const struct layer_contents *c, uint32_t place)
{
	return (const struct record *)(const void *)(c->map + (size_t)(place - 1) * ALIGN);
}

/* The record at `at`, if it is whole. NULL: it is not. */
static const struct record *check_record(const struct layer_contents *c, size_t at)
{
	const struct record *r = (const struct record *)(const void *)(c->map + at);
	size_t left = c->bytes - at;

	if (left < sizeof(*r) || record_bytes(r->path_len, r->target_len) > left ||
	    r->text[r->path_len] != '\0')
		return NULL;
	if (r->target_len != NO_LEN && r->text[(size_t)r->path_len + 1 + r->target_len] != '\0')
		return NULL;
	return r;
}

/* The slot of a path: its own, or the empty one where it would go. */
static struct slot *slot_of(const struct layer_contents *c, const char *path, size_t len)
{
	size_t at = (size_t)file_sum_hash(path, len, c->seed);

	for (;; at++) {
		struct slot *slot = &c->slots[at & (c->slots_len - 1)];
		const struct record *r;

		if (slot->path == 0)
			return slot;
		r = record_at(c, slot->path);
		if (r->path_len == len && memcmp(r->text, path, len) == 0)
			return slot;
	}
}

static void take_record(struct layer_contents *c, const struct record *r, size_t at)
{
	struct slot *slot = slot_of(c, r->text, r->path_len);
	uint32_t place = (uint32_t)(at / ALIGN) + 1, content = place;

	if (r->target_len != NO_LEN)
		content = slot_of(c, r->text + r->path_len + 1, r->target_len)->content;
	*slot = (struct slot){ place, content };
}

static int malformed(struct err *e)
{
	return err_set(e, -EBADMSG, "the list of checksums is malformed");
}

/* All records are looked at here, so that later on nothing needs to be. */
static int count_records(const struct layer_contents *c, size_t *ret, struct err *e)
{
	*ret = 0;
	for (size_t at = 0; at < c->bytes;) {
		const struct record *r = check_record(c, at);

		if (!r)
			return malformed(e);
		at += record_bytes(r->path_len, r->target_len);
		++*ret;
	}
	return 0;
}

static int make_table(struct layer_contents *c, struct err *e)
{
	size_t count;
	int r = count_records(c, &count, e);

	if (r < 0)
		return r;
	c->slots_len = 16;
	while (c->slots_len / 4 * 3 < count)
		c->slots_len *= 2;
	c->slots = calloc(c->slots_len, sizeof(*c->slots));
	if (!c->slots)
		return err_code(e, -ENOMEM, "cannot read the list of checksums");
	if (getrandom(&c->seed, sizeof(c->seed), 0) != sizeof(c->seed))
		return err_errno(e, "cannot get random bytes");
	for (size_t at = 0; at < c->bytes;) {
		const struct record *record = record_at(c, (uint32_t)(at / ALIGN) + 1);

		take_record(c, record, at);
		at += record_bytes(record->path_len, record->target_len);
	}
	return 0;
}

static int map_file(int fd, struct layer_contents *c, struct err *e)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at the list of checksums");
	if ((uint64_t)st.st_size >= (uint64_t)UINT32_MAX * ALIGN || st.st_size % ALIGN != 0)
		return malformed(e);
	if (st.st_size == 0)
		return 0;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(e, "cannot map the list of checksums");
	c->map = map;
	c->bytes = (size_t)st.st_size;
	return 0;
}

int layer_contents_load(int fd, struct layer_contents **ret, struct err *e)
{
	cleanup_layer_contents struct layer_contents *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_code(e, -ENOMEM, "cannot read the list of checksums");
	r = fd >= 0 ? map_file(fd, c, e) : 0;
	if (r == 0)
		r = make_table(c, e);
	if (r == 0)
		*ret = ptr_take(c);
	return r;
}

void layer_contents_free(struct layer_contents *c)
{
	if (!c)
		return;
	if (c->map)
		(void)munmap((void *)(uintptr_t)c->map, c->bytes); /* only memory */
	free(c->slots);
	free(c);
}

void layer_contents_free_fn(struct layer_contents **c)
{
	layer_contents_free(*c);
}

const struct layer_content *layer_contents_find(const struct layer_contents *c, const char *path)
{
	const struct slot *slot = slot_of(c, path, strlen(path));

	return slot->path != 0 && slot->content != 0 ? &record_at(c, slot->content)->content : NULL;
}
