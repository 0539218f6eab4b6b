/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/split_file.h"
#include "pull/split_format.h"

#define LEVEL     1 /* headers are nine tenths zeros and repetitions: level 3 takes twice the time for 2 % */
#define OUT_BYTES 65536

struct split_writer {
	int fd; /* borrowed */
	struct ZSTD_CCtx_s *zstd;
	size_t raw_len; /* of the run in hand */
	unsigned char raw[SPLIT_RAW_MAX];
	unsigned char out[OUT_BYTES];
};

void split_writer_free(struct split_writer *w)
{
	if (!w)
		return;
	(void)ZSTD_freeCCtx(w->zstd); /* cannot fail */
	free(w);
}

void split_writer_free_fn(struct split_writer **w)
{
	split_writer_free(*w);
}

static int compress(struct split_writer *w, const void *data, size_t len, ZSTD_EndDirective how,
		    struct err *e)
{
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { w->out, sizeof(w->out), 0 };
		int r;

		left = ZSTD_compressStream2(w->zstd, &out, &in, how);
		if (ZSTD_isError(left))
			return err_set(e, -ENOMEM, "cannot compress a tar's headers: %s",
				       ZSTD_getErrorName(left));
		r = write_all(w->fd, out.dst, out.pos);
		if (r < 0)
			return err_code(e, r, "cannot keep a tar's headers");
	} while (in.pos < in.size || (how == ZSTD_e_end && left > 0));
	return 0;
}

static int put_record(struct split_writer *w, char kind, uint64_t number, const void *data, size_t len,
		      struct err *e)
{
	unsigned char head[SPLIT_HEAD_BYTES];
	int r;

	split_head_make(kind, number, head);
	r = compress(w, head, sizeof(head), ZSTD_e_continue, e);
	return r < 0 || len == 0 ? r : compress(w, data, len, ZSTD_e_continue, e);
}

static int flush_raw(struct split_writer *w, struct err *e)
{
	size_t len = w->raw_len;

	w->raw_len = 0;
	return len > 0 ? put_record(w, SPLIT_KIND_RAW, len, w->raw, len, e) : 0;
}

int split_writer_new(int fd, struct split_writer **ret, struct err *e)
{
	cleanup_split_writer struct split_writer *w = malloc(sizeof(*w));
	int r;

	if (!w)
		return err_code(e, -ENOMEM, "cannot keep a tar's headers");
	w->fd = fd;
	w->raw_len = 0;
	w->zstd = ZSTD_createCCtx();
	if (!w->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1)))
		return err_code(e, -ENOMEM, "cannot keep a tar's headers");
	r = compress(w, SPLIT_MAGIC, strlen(SPLIT_MAGIC), ZSTD_e_continue, e);
	if (r == 0)
		*ret = ptr_take(w);
	return r;
}

/* Past a text that ends in a NUL. 0: it does not end. */
static size_t pass_text(const unsigned char *data, size_t at, size_t len)
{
	const unsigned char *end = at < len ? memchr(data + at, 0, len - at) : NULL;

	return end ? (size_t)(end - data) + 1 : 0;
}

size_t gzip_header_len(const void *data, size_t len)
{
	enum { HCRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16 };
	const unsigned char *p = data;
	size_t at = 10;

	if (len < at || p[0] != 0x1f || p[1] != 0x8b)
		return 0;
	if (p[3] & EXTRA) {
		if (len < at + 2)
			return 0;
		at += 2 + (size_t)p[10] + ((size_t)p[11] << 8);
	}
	if (p[3] & NAME)
		at = pass_text(p, at, len);
	if (at > 0 && (p[3] & COMMENT))
		at = pass_text(p, at, len);
	if (at > 0 && (p[3] & HCRC))
		at += 2;
	return at <= len ? at : 0;
}

int split_writer_gzip(struct split_writer *w, const void *start, size_t len, struct err *e)
{
	return put_record(w, SPLIT_KIND_GZIP, len, start, len, e);
}

int split_writer_raw(void *arg, const void *data, size_t len, struct err *e)
{
	struct split_writer *w = arg;
	const unsigned char *p = data;
	int r = 0;

	while (r == 0 && len > 0) {
		size_t n = SPLIT_RAW_MAX - w->raw_len < len ? SPLIT_RAW_MAX - w->raw_len : len;

		memcpy(w->raw + w->raw_len, p, n);
		w->raw_len += n;
		p += n;
		len -= n;
		if (w->raw_len == SPLIT_RAW_MAX)
			r = flush_raw(w, e);
	}
	return r;
}

int split_writer_file(void *arg, const char *path, uint64_t size_bytes, struct err *e)
{
	struct split_writer *w = arg;
	int r = flush_raw(w, e);

	if (r == 0)
		r = put_record(w, SPLIT_KIND_FILE, size_bytes, NULL, 0, e);
	return r < 0 ? r : put_record(w, SPLIT_KIND_PATH, strlen(path), path, strlen(path), e);
}

int split_writer_end(struct split_writer *w, struct err *e)
{
	int r = flush_raw(w, e);

	if (r == 0)
		r = put_record(w, SPLIT_KIND_END, 0, NULL, 0, e);
	return r < 0 ? r : compress(w, NULL, 0, ZSTD_e_end, e);
}
