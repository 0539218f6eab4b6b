/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/inflate.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <isa-l/igzip_lib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define INPUT_BYTES     (256u << 10) /* per read(2) */
#define ZSTD_WINDOW_LOG 27           /* 128 MiB: what the zstd program accepts by default */
#define MAGIC_BYTES     4

enum format { FORMAT_PLAIN, FORMAT_GZIP, FORMAT_ZSTD };

struct decoder {
	int fd; /* borrowed */
	enum format format;
	bool input_ended;
	bool between; /* zstd: no frame is open */
	bool ended;
	size_t pos, filled;         /* the input that is in hand: input[pos, filled) */
	struct inflate_state *gzip; /* FORMAT_GZIP */
	struct ZSTD_DCtx_s *zstd;   /* FORMAT_ZSTD */
	uint8_t input[INPUT_BYTES];
};

/* Adds what the next read(2) gives to the input in hand; notes the end. */
static int fill_more(struct decoder *d, struct err *e)
{
	ssize_t n;

	do {
		n = read(d->fd, d->input + d->filled, sizeof(d->input) - d->filled);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(e, "cannot read the layer's blob");
	if (n == 0)
		d->input_ended = true;
	d->filled += (size_t)n;
	return 0;
}

/* Makes sure of some input, unless it has ended. */
static int fill(struct decoder *d, struct err *e)
{
	if (d->pos < d->filled || d->input_ended)
		return 0;
	d->pos = 0;
	d->filled = 0;
	return fill_more(d, e);
}

static bool starts_with(const struct decoder *d, const void *magic, size_t len)
{
	return d->filled - d->pos >= len && memcmp(d->input + d->pos, magic, len) == 0;
}

static int refuse_foreign(const struct decoder *d, struct err *e)
{
	static const struct {
		const char *name;
		const char *magic;
		size_t len;
	} FOREIGN[] = {
		{ "bzip2", "BZh", 3 },
		{ "xz",
		  "\xfd"
		  "7zX",
		  4 },
		{ "lz4", "\x04\x22\x4d\x18", 4 },
	};

	for (size_t i = 0; i < sizeof(FOREIGN) / sizeof(FOREIGN[0]); i++)
		if (starts_with(d, FOREIGN[i].magic, FOREIGN[i].len))
			return err_set(e, -EOPNOTSUPP,
				       "the layer is compressed with %s; gzip, zstd and none are supported",
				       FOREIGN[i].name);
	return 0;
}

/* A skippable frame starts with any of 0x184D2A50 to 0x184D2A5F. RFC 8878, 3.1.2. */
static bool is_zstd(const struct decoder *d)
{
	const uint8_t *p = d->input + d->pos;

	if (starts_with(d, "\x28\xb5\x2f\xfd", 4))
		return true;
	return d->filled - d->pos >= 4 && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0;
}

static int start_gzip(struct decoder *d, struct err *e)
{
	d->gzip = malloc(sizeof(*d->gzip));
	if (!d->gzip)
		return err_set(e, -ENOMEM, "cannot decode gzip: out of memory");
	isal_inflate_init(d->gzip);
	d->gzip->crc_flag = ISAL_GZIP;
	d->format = FORMAT_GZIP;
	return 0;
}

static int start_zstd(struct decoder *d, struct err *e)
{
	d->zstd = ZSTD_createDCtx();
	if (!d->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
		return err_set(e, -ENOMEM, "cannot decode zstd: out of memory");
	d->format = FORMAT_ZSTD;
	return 0;
}

static int detect(struct decoder *d, enum media_kind hint, struct err *e)
{
	int r;

	while (d->filled < MAGIC_BYTES && !d->input_ended) {
		r = fill_more(d, e);
		if (r < 0)
			return r;
	}
	if (starts_with(d, "\x1f\x8b", 2))
		return start_gzip(d, e);
	if (is_zstd(d))
		return start_zstd(d, e);
	/* A tar starts with a file name, which may look like anything. */
	return hint == MEDIA_LAYER ? 0 : refuse_foreign(d, e);
}

int decoder_new(int fd, enum media_kind hint, struct decoder **ret, struct err *e)
{
	cleanup_decoder struct decoder *d = malloc(sizeof(*d));
	int r;

	if (!d)
		return err_set(e, -ENOMEM, "cannot decode a layer: out of memory");
	memset(d, 0, offsetof(struct decoder, input));
	d->fd = fd;
	d->between = true;
	r = detect(d, hint, e);
	if (r < 0)
		return r;
	*ret = d;
	d = NULL;
	return 0;
}

size_t decoder_peek(const struct decoder *d, const void **ret_data)
{
	*ret_data = d->input + d->pos;
	return d->filled - d->pos;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	free(d->gzip);
	(void)ZSTD_freeDCtx(d->zstd); /* cannot fail */
	free(d);
}

void decoder_free_fn(struct decoder **d)
{
	decoder_free(*d);
}

static ssize_t read_plain(struct decoder *d, uint8_t *buf, size_t len, struct err *e)
{
	size_t n = d->filled - d->pos;
	ssize_t got;

	if (n > 0) { /* what was read to see the format */
		n = n < len ? n : len;
		memcpy(buf, d->input + d->pos, n);
		d->pos += n;
		return (ssize_t)n;
	}
	do {
		got = read(d->fd, buf, len);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_errno(e, "cannot read the layer's blob");
	return got;
}

static const char *gzip_reason(int code)
{
	switch (code) {
	case ISAL_INVALID_WRAPPER:
		return "bad header";
	case ISAL_UNSUPPORTED_METHOD:
		return "unknown method";
	case ISAL_INCORRECT_CHECKSUM:
		return "wrong checksum";
	default:
		return "bad deflate data";
	}
}

/* Behind a member: another one, zero padding up to the end, or the end. Sets d->ended or starts over. */
static int next_member(struct decoder *d, struct err *e)
{
	bool padded = false;
	int r;

	for (;;) {
		r = fill(d, e);
		if (r < 0)
			return r;
		if (d->pos == d->filled) {
			d->ended = true;
			return 0;
		}
		if (d->input[d->pos] != 0)
			break;
		padded = true;
		d->pos++;
	}
	/* ISA-L checks the rest of the header; the magic's second byte may not have arrived yet. */
	if (padded || d->input[d->pos] != 0x1f)
		return err_set(e, -EINVAL, "malformed gzip: something else follows its end");
	isal_inflate_reset(d->gzip);
	d->gzip->crc_flag = ISAL_GZIP;
	return 0;
}

/* One call of isal_inflate. */
static int inflate_step(struct decoder *d, struct err *e)
{
	struct inflate_state *s = d->gzip;
	uint32_t out_before = s->avail_out;
	bool starved;
	int r = fill(d, e);

	if (r < 0)
		return r;
	s->next_in = d->input + d->pos;
	s->avail_in = (uint32_t)(d->filled - d->pos);
	starved = s->avail_in == 0;
	r = isal_inflate(s);
	d->pos = d->filled - s->avail_in;
	if (r < 0)
		return err_set(e, -EINVAL, "malformed gzip: %s", gzip_reason(r));
	if (s->block_state == ISAL_BLOCK_FINISH)
		return next_member(d, e);
	if (starved && s->avail_out == out_before)
		return err_set(e, -EINVAL, "malformed gzip: it ends too early");
	return 0;
}

static ssize_t read_gzip(struct decoder *d, uint8_t *buf, size_t len, struct err *e)
{
	uint32_t room = len < (1u << 30) ? (uint32_t)len : 1u << 30;
	int r;

	d->gzip->next_out = buf;
	d->gzip->avail_out = room;
	while (d->gzip->avail_out > 0 && !d->ended) {
		r = inflate_step(d, e);
		if (r < 0)
			return r;
	}
	return (ssize_t)(room - d->gzip->avail_out);
}

static ssize_t zstd_failure(const struct decoder *d, size_t code, struct err *e)
{
	if (d->between && ZSTD_getErrorCode(code) == ZSTD_error_prefix_unknown)
		return err_set(e, -EINVAL, "malformed zstd: something else follows its end");
	if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge)
		return err_set(e, -EFBIG, "the layer's zstd window is larger than %u MiB",
			       (1u << ZSTD_WINDOW_LOG) >> 20);
	return err_set(e, -EINVAL, "malformed zstd: %s", ZSTD_getErrorName(code));
}

static ssize_t read_zstd(struct decoder *d, uint8_t *buf, size_t len, struct err *e)
{
	ZSTD_outBuffer out = { buf, len, 0 };

	while (out.pos < out.size && !d->ended) {
		int r = fill(d, e);
		ZSTD_inBuffer in = { d->input, d->filled, d->pos };
		size_t before = out.pos;
		size_t left;

		if (r < 0)
			return r;
		if (d->between && d->pos == d->filled) {
			d->ended = true;
			break;
		}
		left = ZSTD_decompressStream(d->zstd, &out, &in);
		if (ZSTD_isError(left))
			return zstd_failure(d, left, e);
		d->between = left == 0;
		if (!d->between && d->input_ended && in.pos == d->pos && out.pos == before)
			return err_set(e, -EINVAL, "malformed zstd: it ends too early");
		d->pos = in.pos;
	}
	return (ssize_t)out.pos;
}

/* Plain reads may be short; the contract is full ones. */
static ssize_t read_plain_full(struct decoder *d, uint8_t *buf, size_t len, struct err *e)
{
	size_t done = 0;

	while (done < len && !d->ended) {
		ssize_t n = read_plain(d, buf + done, len - done, e);

		if (n < 0)
			return n;
		d->ended = n == 0;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t decoder_read(struct decoder *d, void *buf, size_t len, struct err *e)
{
	switch (d->format) {
	case FORMAT_GZIP:
		return read_gzip(d, buf, len, e);
	case FORMAT_ZSTD:
		return read_zstd(d, buf, len, e);
	default:
		return read_plain_full(d, buf, len, e);
	}
}
