/* SPDX-License-Identifier: Apache-2.0 */
/* layers/<key>/tar-split: what pull/tar_split.h keeps of a layer's tar, as records in a zstd stream. docs/store.md, "Tars". */
#ifndef SAMPAN_PULL_SPLIT_FILE_H
#define SAMPAN_PULL_SPLIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define SPLIT_PATH_MAX   4096  /* with the NUL */
#define SPLIT_RAW_MAX    65536 /* bytes of one record; longer runs are several */
#define SPLIT_HEADER_MAX 1024  /* bytes of a gzip header that are kept */
#define SPLIT_START_BYTES \
	512 /* of what follows it are kept too: enough to tell one compressor from another */

/* Of a gzip header that begins there (RFC 1952, 2.3); 0: there is none, or not all of it. Pure. */
size_t gzip_header_len(const void *data, size_t len);

/* --- writing --- */

struct split_writer;

/* `fd` is borrowed. */
int split_writer_new(int fd, struct split_writer **ret, struct err *e) MUST_CHECK;
void split_writer_free(struct split_writer *w);
void split_writer_free_fn(struct split_writer **w);
#define cleanup_split_writer __attribute__((cleanup(split_writer_free_fn)))

/* The blob's gzip header, as it was, and how it went on. First of all, if at all. */
int split_writer_gzip(struct split_writer *w, const void *start, size_t len, struct err *e) MUST_CHECK;

/* Both as struct tar_split_out wants them; `arg` is the writer. */
int split_writer_raw(void *arg, const void *data, size_t len, struct err *e);
int split_writer_file(void *arg, const char *path, uint64_t size_bytes, struct err *e);

/* The end. Nothing is synced. */
int split_writer_end(struct split_writer *w, struct err *e) MUST_CHECK;

/* --- reading --- */

enum split_kind { SPLIT_GZIP, SPLIT_RAW, SPLIT_FILE, SPLIT_END };

struct split_record {
	enum split_kind kind;
	size_t len;               /* SPLIT_RAW, SPLIT_GZIP: of data */
	uint64_t size_bytes;      /* SPLIT_FILE */
	char data[SPLIT_RAW_MAX]; /* SPLIT_FILE: the path, with a NUL */
};

struct split_reader;

/* `fd` is borrowed, and read from where it stands. */
int split_reader_new(int fd, struct split_reader **ret, struct err *e) MUST_CHECK;
void split_reader_free(struct split_reader *r);
void split_reader_free_fn(struct split_reader **r);
#define cleanup_split_reader __attribute__((cleanup(split_reader_free_fn)))

/* The next record. -EBADMSG the file is damaged. */
int split_reader_next(struct split_reader *r, struct split_record *ret, struct err *e) MUST_CHECK;

#endif
