/* SPDX-License-Identifier: Apache-2.0 */
/* Tars made by hand, byte by byte, for the tests of unpacking; hostile ones too, which no writer would make. */
#ifndef SAMPAN_TESTS_UNIT_PULL_TAR_FIXTURE_H
#define SAMPAN_TESTS_UNIT_PULL_TAR_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/buf.h"

#define TAR_BLOCK 512
#define TAR_TIME  1700000000

/* typeflag: '0' file, '1' hard link, '2' symlink, '3' character, '4' block device, '5' directory, '6' FIFO. POSIX.1 pax, "ustar Interchange Format". */
struct tar_item {
	const char *name;
	char type;
	unsigned int mode; /* 0: 0644, 0755 for directories */
	unsigned int uid, gid;
	const char *link;
	const char *data;
	uint64_t size;      /* of data; 0: its strlen */
	uint64_t fake_size; /* what the header says instead */
	unsigned int major, minor;
};

static inline void tar_bytes(struct buf *tar, const void *data, size_t len)
{
	assert_int_equal(buf_add(tar, data, len), 0);
}

static inline void tar_pad(struct buf *tar)
{
	static const char ZEROS[TAR_BLOCK];

	if (tar->len % TAR_BLOCK)
		tar_bytes(tar, ZEROS, TAR_BLOCK - tar->len % TAR_BLOCK);
}

static inline void tar_number(char *field, size_t width, unsigned long long value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%0*llo", (int)width - 1, value);
	memcpy(field, text, width); /* with the NUL */
}

static inline void tar_checksum(char header[TAR_BLOCK])
{
	unsigned int sum = 0;
	char text[16];

	memset(header + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)header[i];
	(void)snprintf(text, sizeof(text), "%06o", sum);
	memcpy(header + 148, text, 7);
}

static inline void tar_header(struct buf *tar, const struct tar_item *item, uint64_t size)
{
	char header[TAR_BLOCK] = { 0 };

	memcpy(header, item->name, strnlen(item->name, 100));
	tar_number(header + 100, 8, item->mode ? item->mode : item->type == '5' ? 0755 : 0644);
	tar_number(header + 108, 8, item->uid);
	tar_number(header + 116, 8, item->gid);
	tar_number(header + 124, 12, size);
	tar_number(header + 136, 12, TAR_TIME);
	header[156] = item->type;
	if (item->link)
		memcpy(header + 157, item->link, strnlen(item->link, 100));
	memcpy(header + 257,
	       "ustar\0"
	       "00",
	       8);
	tar_number(header + 329, 8, item->major);
	tar_number(header + 337, 8, item->minor);
	tar_checksum(header);
	tar_bytes(tar, header, sizeof(header));
}

static inline void tar_add(struct buf *tar, const struct tar_item *item)
{
	uint64_t size = item->size ? item->size : item->data ? strlen(item->data) : 0;

	tar_header(tar, item, item->fake_size ? item->fake_size : size);
	if (item->data)
		tar_bytes(tar, item->data, size);
	tar_pad(tar);
}
#define TAR(tar, ...) tar_add(tar, &(struct tar_item){ __VA_ARGS__ })

/* One record of a PAX header: "LEN KEY=VALUE\n", where LEN counts itself. */
static inline void pax_record(struct buf *records, const char *key, const void *value, size_t len)
{
	size_t body = strlen(key) + len + 3;
	size_t total = body + 1;
	char number[24];

	while ((size_t)snprintf(number, sizeof(number), "%zu", total) + body != total)
		total++;
	assert_int_equal(buf_printf(records, "%s %s=", number, key), 0);
	tar_bytes(records, value, len);
	tar_bytes(records, "\n", 1);
}

static inline void pax_text(struct buf *records, const char *key, const char *value)
{
	pax_record(records, key, value, strlen(value));
}

/* The header that the records are for must follow. Empties them. */
static inline void tar_pax(struct buf *tar, struct buf *records)
{
	TAR(tar, .name = "pax", .type = 'x', .data = records->data, .size = records->len);
	buf_done(records);
}

/* GNU tar's long name ('L') or long link ('K') for the next entry. */
static inline void tar_gnu_long(struct buf *tar, char type, const char *name)
{
	TAR(tar, .name = "././@LongLink", .type = type, .data = name, .size = strlen(name) + 1);
}

static inline void tar_end(struct buf *tar)
{
	static const char ZEROS[2 * TAR_BLOCK];

	tar_bytes(tar, ZEROS, sizeof(ZEROS));
}

#endif
