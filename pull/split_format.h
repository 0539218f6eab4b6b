/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a tar-split file: a letter, a number of eight bytes (little endian), and then as many bytes as the number says, but for SPLIT_KIND_FILE
 * and SPLIT_KIND_END, where nothing follows. Inside pull/ only. */
#ifndef SAMPAN_PULL_SPLIT_FORMAT_H
#define SAMPAN_PULL_SPLIT_FORMAT_H

#include <stdint.h>

#define SPLIT_MAGIC      "sampan tar-split 1\n"
#define SPLIT_HEAD_BYTES 9

#define SPLIT_KIND_GZIP  'G' /* the gzip header of the blob, and some bytes behind it */
#define SPLIT_KIND_RAW   'R' /* bytes of the tar */
#define SPLIT_KIND_FILE  'F' /* contents of a file: the number is their size; SPLIT_KIND_PATH follows */
#define SPLIT_KIND_PATH  'P'
#define SPLIT_KIND_END   'E'

static inline void split_head_make(char kind, uint64_t number, unsigned char ret[SPLIT_HEAD_BYTES])
{
	ret[0] = (unsigned char)kind;
	for (int i = 0; i < 8; i++)
		ret[1 + i] = (unsigned char)(number >> (8 * i));
}

static inline uint64_t split_head_number(const unsigned char head[SPLIT_HEAD_BYTES])
{
	uint64_t number = 0;

	for (int i = 0; i < 8; i++)
		number |= (uint64_t)head[1 + i] << (8 * i);
	return number;
}

#endif
