/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a tar: what is kept of it and what is left out make up all of it. And any bytes as what is kept of one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/split_file.h"
#include "pull/tar_split.h"

#define STEP 700 /* no multiple of a block */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct follow {
	const uint8_t *data;
	size_t size, at;
	uint64_t left_out; /* not passed yet */
};

/* Contents that are left out may be announced beyond the end of the input. */
static void skip(struct follow *f)
{
	size_t n = f->left_out < f->size - f->at ? (size_t)f->left_out : f->size - f->at;

	f->at += n;
	f->left_out = 0;
}

static int on_raw(void *arg, const void *data, size_t len, struct err *e)
{
	struct follow *f = arg;

	(void)e;
	skip(f);
	if (len > f->size - f->at || memcmp(f->data + f->at, data, len) != 0)
		abort();
	f->at += len;
	return 0;
}

static int on_file(void *arg, const char *path, uint64_t size, struct err *e)
{
	struct follow *f = arg;

	(void)e;
	if (*path == '\0' || *path == '/' || strstr(path, "/../") || strncmp(path, "../", 3) == 0)
		abort();
	skip(f);
	f->left_out = size;
	return 0;
}

static void split(const uint8_t *data, size_t size)
{
	struct follow f = { .data = data, .size = size };
	const struct tar_split_out out = { on_raw, on_file, &f };
	cleanup_tar_split struct tar_split *t = NULL;
	struct err e;

	if (tar_split_new(&out, &t, &e) < 0)
		abort();
	for (size_t at = 0; at < size; at += STEP)
		if (tar_split_feed(t, data + at, size - at < STEP ? size - at : STEP, &e) < 0)
			abort();
	if (tar_split_end(t, &e) < 0)
		abort();
	skip(&f);
	if (f.at != size)
		abort();
}

static void read_kept(const uint8_t *data, size_t size)
{
	cleanup_fd int fd = memfd_create("split", MFD_CLOEXEC);
	cleanup_split_reader struct split_reader *r = NULL;
	cleanup_free struct split_record *record = malloc(sizeof(*record));
	struct err e;

	if (fd < 0 || !record || write_all(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (split_reader_new(fd, &r, &e) < 0)
		return;
	while (split_reader_next(r, record, &e) == 0 && record->kind != SPLIT_END)
		if (record->kind == SPLIT_FILE && record->data[0] == '\0')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	split(data, size);
	read_kept(data, size);
	return 0;
}
