/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums against damage (not against attackers: whoever can write to the store can write checksums): XXH3 with 128 bits, at the
 * speed of memory on every machine, with or without instructions for SHA-256. docs/store.md, "Checksums". */
#ifndef SAMPAN_STORE_FILE_SUM_H
#define SAMPAN_STORE_FILE_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define FILE_SUM_TEXT_LEN 32 /* hex digits */

struct file_sum {
	unsigned char bytes[FILE_SUM_TEXT_LEN / 2];
};

void file_sum_text(const struct file_sum *sum, char ret[FILE_SUM_TEXT_LEN + 1]);

/* Of plain bytes. */
struct file_sum file_sum_bytes(const void *data, size_t len);

/* For tables in memory, whatever the machine: not for disks. */
uint64_t file_sum_hash(const void *data, size_t len, uint64_t seed);

/* Of contents as they come. What is all zero is not looked at byte by byte, and holes need not be passed at all: a sparse file has the same sum
 * however many of its zeros are on disk. */
struct file_summer;

/* NULL: out of memory. */
struct file_summer *file_summer_new(void) MUST_CHECK;
void file_summer_free(struct file_summer *s);
void file_summer_free_fn(struct file_summer **s);
#define cleanup_file_summer __attribute__((cleanup(file_summer_free_fn)))

/* The next file. */
void file_summer_begin(struct file_summer *s);

/* The next bytes, at `offset`; between two calls there may be a hole. */
void file_summer_add(struct file_summer *s, uint64_t offset, const void *data, size_t len);

/* The file's end is at `size_bytes`. False if the bytes did not come in order, so that nothing can be said. */
bool file_summer_finish(struct file_summer *s, uint64_t size_bytes, struct file_sum *ret) MUST_CHECK;

/* Whether all bytes so far were zero. */
bool file_summer_all_zero(const struct file_summer *s);

/* Of an open regular file, holes left out. -EIO and others of read(2). */
int file_summer_read(struct file_summer *s, int fd, uint64_t size_bytes, struct file_sum *ret,
		     struct err *e) MUST_CHECK;

#endif
