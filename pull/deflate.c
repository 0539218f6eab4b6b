/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/deflate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "common/cleanup.h"
#include "pull/split_file.h"

#define OUT_BYTES 65536
#define MEM_LEVEL 8 /* zlib's default, as everybody has it */

struct deflater {
	struct sink to;
	z_stream stream;
	uLong crc;
	uint32_t size; /* modulo 2^32, as the format has it */
	size_t header_len;
	unsigned char header[SPLIT_HEADER_MAX];
	unsigned char out[OUT_BYTES];
};

int deflater_new(const void *header, size_t len, int level, const struct sink *to, struct deflater **ret,
		 struct err *e)
{
	struct deflater *d = NULL;

	if (len > SPLIT_HEADER_MAX)
		return err_set(e, -EFBIG, "a gzip header is larger than %d bytes", SPLIT_HEADER_MAX);
	d = calloc(1, sizeof(*d));
	if (!d ||
	    deflateInit2(&d->stream, level, Z_DEFLATED, -MAX_WBITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(d);
		return err_code(e, -ENOMEM, "cannot compress");
	}
	d->to = *to;
	d->header_len = len;
	memcpy(d->header, header, len);
	*ret = d;
	return 0;
}

void deflater_free(struct deflater *d)
{
	if (!d)
		return;
	(void)deflateEnd(&d->stream); /* complains of data that nobody wanted any more */
	free(d);
}

void deflater_free_fn(struct deflater **d)
{
	deflater_free(*d);
}

static int begin(void *arg, struct err *e)
{
	struct deflater *d = arg;
	int r = d->to.begin(d->to.arg, e);

	if (deflateReset(&d->stream) != Z_OK)
		return err_set(e, -EIO, "cannot compress");
	d->crc = crc32(0, NULL, 0);
	d->size = 0;
	return r < 0 ? r : d->to.write(d->to.arg, d->header, d->header_len, e);
}

static int run(struct deflater *d, int flush, struct err *e)
{
	int code, r = 0;

	do {
		d->stream.next_out = d->out;
		d->stream.avail_out = OUT_BYTES;
		code = deflate(&d->stream, flush);
		if (code == Z_STREAM_ERROR)
			return err_set(e, -EIO, "cannot compress");
		if (d->stream.avail_out < OUT_BYTES)
			r = d->to.write(d->to.arg, d->out, OUT_BYTES - d->stream.avail_out, e);
	} while (r == 0 && (d->stream.avail_out == 0 || (flush == Z_FINISH && code != Z_STREAM_END)));
	return r;
}

static int write_some(void *arg, const void *data, size_t len, struct err *e)
{
	struct deflater *d = arg;
	const unsigned char *p = data;
	int r = 0;

	while (r == 0 && len > 0) {
		uInt n = len < OUT_BYTES ? (uInt)len : OUT_BYTES;

		d->crc = crc32(d->crc, p, n);
		d->size += n;
		d->stream.next_in = (unsigned char *)(uintptr_t)p; /* zlib only reads it */
		d->stream.avail_in = n;
		r = run(d, Z_NO_FLUSH, e);
		p += n;
		len -= n;
	}
	return r;
}

struct sink deflater_sink(struct deflater *d)
{
	return (struct sink){ .begin = begin, .write = write_some, .arg = d };
}

int deflater_finish(struct deflater *d, struct err *e)
{
	unsigned char trailer[8];
	int r = run(d, Z_FINISH, e);

	for (int i = 0; i < 4; i++) {
		trailer[i] = (unsigned char)(d->crc >> (8 * i));
		trailer[4 + i] = (unsigned char)(d->size >> (8 * i));
	}
	return r < 0 ? r : d->to.write(d->to.arg, trailer, sizeof(trailer), e);
}
