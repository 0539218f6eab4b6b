/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of files.sum: its first line, and the last, which is a checksum of all before it. Inside store/ only. */
#ifndef SAMPAN_STORE_LAYER_SUMS_FORMAT_H
#define SAMPAN_STORE_LAYER_SUMS_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "store/file_sum.h"

#define SUMS_HEADER    "sampan files.sum 1\n"
#define SUMS_TOTAL_LEN (sizeof("end \n") - 1 + FILE_SUM_TEXT_LEN)

struct sums_total {
	struct file_summer *summer;
	uint64_t len;
};

int sums_total_begin(struct sums_total *t, struct err *e) MUST_CHECK;
void sums_total_add(struct sums_total *t, const void *data, size_t len);
void sums_total_line(struct sums_total *t, char ret[SUMS_TOTAL_LEN + 1]);
void sums_total_done(struct sums_total *t);
#define cleanup_sums_total __attribute__((cleanup(sums_total_done)))

#endif
