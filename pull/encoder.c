/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/encoder.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "pull/hash.h"

#define OUTPUT_BYTES (256u << 10)
#define GZIP_LEVEL   6
#define ZSTD_LEVEL   3
#define GZIP_WINDOW  (15 + 16) /* zlib.h: 16 more asks for gzip's wrapping */
#define GZIP_MEMORY  8

struct encoder {
	struct compression compression;
	int fd; /* borrowed */
	struct hash tar, blob;
	uint64_t size_bytes;
	z_stream gzip;
	bool has_gzip;
	ZSTD_CCtx *zstd;
	unsigned char out[OUTPUT_BYTES];
};

/* --- what is asked for ----------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *media_type, *docker_type;
	int max_level;
} KINDS[] = {
	[COMPRESSION_NONE] = { "none", "application/vnd.oci.image.layer.v1.tar",
			       "application/vnd.docker.image.rootfs.diff.tar", 0 },
	[COMPRESSION_GZIP] = { "gzip", "application/vnd.oci.image.layer.v1.tar+gzip",
			       "application/vnd.docker.image.rootfs.diff.tar.gzip", COMPRESSION_GZIP_MAX },
	[COMPRESSION_ZSTD] = { "zstd", "application/vnd.oci.image.layer.v1.tar+zstd",
			       "application/vnd.oci.image.layer.v1.tar+zstd", COMPRESSION_ZSTD_MAX },
};

int compression_set_level(struct compression *c, uint64_t level, struct err *e)
{
	int max = KINDS[c->kind].max_level;

	if (max == 0)
		return err_set(e, -ERANGE, "without compression there are no levels");
	if (level < 1 || level > (uint64_t)max)
		return err_set(e, -ERANGE, "%s has levels from 1 to %d", KINDS[c->kind].name, max);
	c->level = (int)level;
	return 0;
}

int compression_parse(const char *text, struct compression *ret, struct err *e)
{
	size_t len = strcspn(text, ":");
	uint64_t level;

	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		struct compression c = { .kind = (enum compression_kind)i };
		int r = 0;

		if (strlen(KINDS[i].name) != len || strncmp(KINDS[i].name, text, len) != 0)
			continue;
		if (text[len] && parse_u64(text + len + 1, 0, UINT32_MAX, &level) < 0)
			break;
		if (text[len])
			r = compression_set_level(&c, level, e);
		if (r == 0)
			*ret = c;
		return r;
	}
	return err_set(e, -EINVAL,
		       "unknown compression '%.40s' (there are gzip, zstd and none, with a level: zstd:19)",
		       text);
}

const char *compression_media_type(enum compression_kind kind, int is_docker)
{
	return is_docker ? KINDS[kind].docker_type : KINDS[kind].media_type;
}

/* --- the encoder ----------------------------------------------------------------------------------------- */

static int start_gzip(struct encoder *enc, struct err *e)
{
	int level = enc->compression.level ? enc->compression.level : GZIP_LEVEL;

	if (deflateInit2(&enc->gzip, level, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(e, -ENOMEM, "cannot compress: out of memory");
	enc->has_gzip = true;
	return 0;
}

static int start_zstd(struct encoder *enc, struct err *e)
{
	int level = enc->compression.level ? enc->compression.level : ZSTD_LEVEL;

	enc->zstd = ZSTD_createCCtx();
	if (!enc->zstd)
		return err_set(e, -ENOMEM, "cannot compress: out of memory");
	if (ZSTD_isError(ZSTD_CCtx_setParameter(enc->zstd, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(enc->zstd, ZSTD_c_checksumFlag, 1)))
		return err_set(e, -EINVAL, "zstd does not know level %d", level);
	return 0;
}

int encoder_new(const struct compression *c, int fd, struct encoder **ret, struct err *e)
{
	cleanup_encoder struct encoder *enc = malloc(sizeof(*enc));
	int r;

	if (!enc)
		return err_code(e, -ENOMEM, "cannot compress");
	memset(enc, 0, offsetof(struct encoder, out));
	enc->compression = *c;
	enc->fd = fd;
	r = hash_init(&enc->tar, "sha256", e);
	if (r == 0)
		r = hash_init(&enc->blob, "sha256", e);
	if (r == 0 && c->kind == COMPRESSION_GZIP)
		r = start_gzip(enc, e);
	if (r == 0 && c->kind == COMPRESSION_ZSTD)
		r = start_zstd(enc, e);
	if (r == 0)
		*ret = ptr_take(enc);
	return r;
}

void encoder_free(struct encoder *enc)
{
	if (!enc)
		return;
	hash_done(&enc->tar);
	hash_done(&enc->blob);
	if (enc->has_gzip)
		(void)deflateEnd(&enc->gzip); /* complains of an early end, which is ours to choose */
	(void)ZSTD_freeCCtx(enc->zstd);       /* cannot fail */
	free(enc);
}

void encoder_free_fn(struct encoder **enc)
{
	encoder_free(*enc);
}

static int put(struct encoder *enc, const void *data, size_t len, struct err *e)
{
	int r = write_all(enc->fd, data, len);

	if (r < 0)
		return err_code(e, r, "cannot write");
	enc->size_bytes += len;
	return hash_update(&enc->blob, data, len, e);
}

static int deflate_some(struct encoder *enc, const void *data, size_t len, bool end, struct err *e)
{
	z_stream *z = &enc->gzip;
	int code, r = 0;

	z->next_in = (unsigned char *)(uintptr_t)data;
	z->avail_in = (unsigned int)len;
	do {
		z->next_out = enc->out;
		z->avail_out = sizeof(enc->out);
		code = deflate(z, end ? Z_FINISH : Z_NO_FLUSH);
		if (code == Z_STREAM_ERROR)
			return err_set(e, -EIO, "cannot compress: zlib failed");
		r = put(enc, enc->out, sizeof(enc->out) - z->avail_out, e);
	} while (r == 0 && z->avail_out == 0);
	return r;
}

static int zstd_some(struct encoder *enc, const void *data, size_t len, bool end, struct err *e)
{
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left;
	int r;

	do {
		ZSTD_outBuffer out = { enc->out, sizeof(enc->out), 0 };

		left = ZSTD_compressStream2(enc->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return err_set(e, -EIO, "cannot compress: %s", ZSTD_getErrorName(left));
		r = put(enc, enc->out, out.pos, e);
	} while (r == 0 && (end ? left > 0 : in.pos < in.size));
	return r;
}

static int encode(struct encoder *enc, const void *data, size_t len, bool end, struct err *e)
{
	switch (enc->compression.kind) {
	case COMPRESSION_GZIP:
		return deflate_some(enc, data, len, end, e);
	case COMPRESSION_ZSTD:
		return zstd_some(enc, data, len, end, e);
	default:
		return put(enc, data, len, e);
	}
}

int encoder_write(struct encoder *enc, const void *data, size_t len, struct err *e)
{
	const char *at = data;
	int r = hash_update(&enc->tar, data, len, e);

	/* zlib counts in 32 bits. */
	while (r == 0 && len > 0) {
		size_t some = len < (1u << 30) ? len : 1u << 30;

		r = encode(enc, at, some, false, e);
		at += some;
		len -= some;
	}
	return r;
}

static int sink_begin(void *arg, struct err *e)
{
	(void)arg;
	(void)e; /* there is one try, and it has begun */
	return 0;
}

static int sink_write(void *arg, const void *data, size_t len, struct err *e)
{
	return encoder_write(arg, data, len, e);
}

struct sink encoder_sink(struct encoder *enc)
{
	return (struct sink){ .begin = sink_begin, .write = sink_write, .arg = enc };
}

int encoder_finish(struct encoder *enc, struct encoder_result *ret, struct err *e)
{
	struct encoder_result result = { 0 };
	int r = encode(enc, "", 0, true, e);

	if (r == 0)
		r = hash_final(&enc->tar, &result.diff_id, e);
	if (r == 0)
		r = hash_final(&enc->blob, &result.digest, e);
	if (r < 0)
		return r;
	result.size_bytes = enc->size_bytes;
	*ret = result;
	return 0;
}
