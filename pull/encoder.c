/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/encoder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <isa-l/igzip_lib.h>
#include <zlib.h>
#include <zstd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "pull/hash.h"

#define OUTPUT_BYTES (256u << 10)
#define FAST_LEVEL   2 /* of ISA-L's: some 15 times as fast as zlib's usual one, for an eighth more bytes */
#define ZSTD_LEVEL   3
#define GZIP_WINDOW  (15 + 16) /* zlib.h: 16 more asks for gzip's wrapping */
#define GZIP_MEMORY  8

struct encoder {
	struct compression compression;
	int fd; /* borrowed */
	bool hashes_tar;
	bool is_fresh;         /* nothing has been written yet */
	struct digest diff_id; /* where others have hashed the tar */
	struct hash tar, blob;
	uint64_t size_bytes;
	z_stream gzip;
	bool has_gzip;
	struct isal_zstream *fast; /* gzip too */
	unsigned char *fast_buf;
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

enum compression_kind compression_of(enum media_kind kind)
{
	if (kind == MEDIA_LAYER_ZSTD)
		return COMPRESSION_ZSTD;
	return kind == MEDIA_LAYER_GZIP ? COMPRESSION_GZIP : COMPRESSION_NONE;
}

/* --- the encoder ----------------------------------------------------------------------------------------- */

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "cannot compress: out of memory");
}

static void reset_fast(struct encoder *enc)
{
	struct isal_zstream *f = enc->fast;

	isal_deflate_init(f);
	f->level = FAST_LEVEL;
	f->level_buf = enc->fast_buf;
	f->level_buf_size = ISAL_DEF_LVL2_DEFAULT;
	f->gzip_flag = IGZIP_GZIP;
}

static int start_gzip(struct encoder *enc, struct err *e)
{
	int level = enc->compression.level;

	if (level == COMPRESSION_LEVEL_DEFAULT) {
		enc->fast = malloc(sizeof(*enc->fast));
		enc->fast_buf = malloc(ISAL_DEF_LVL2_DEFAULT);
		if (!enc->fast || !enc->fast_buf)
			return no_memory(e);
		reset_fast(enc);
		return 0;
	}
	if (deflateInit2(&enc->gzip, level, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return no_memory(e);
	enc->has_gzip = true;
	return 0;
}

static int start_zstd(struct encoder *enc, struct err *e)
{
	int level = enc->compression.level ? enc->compression.level : ZSTD_LEVEL;

	enc->zstd = ZSTD_createCCtx();
	if (!enc->zstd)
		return no_memory(e);
	if (ZSTD_isError(ZSTD_CCtx_setParameter(enc->zstd, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(enc->zstd, ZSTD_c_checksumFlag, 1)))
		return err_set(e, -EINVAL, "zstd does not know level %d", level);
	return 0;
}

/* A tar that is not compressed is hashed once. */
static int start_hashes(struct encoder *enc, struct err *e)
{
	int r = hash_init(&enc->blob, "sha256", e);

	return r == 0 && enc->hashes_tar ? hash_init(&enc->tar, "sha256", e) : r;
}

int encoder_new(const struct compression *c, int fd, const struct digest *diff_id, struct encoder **ret,
		struct err *e)
{
	cleanup_encoder struct encoder *enc = malloc(sizeof(*enc));
	int r;

	if (!enc)
		return err_code(e, -ENOMEM, "cannot compress");
	memset(enc, 0, offsetof(struct encoder, out));
	enc->compression = *c;
	enc->fd = fd;
	enc->is_fresh = true;
	enc->hashes_tar = !diff_id && c->kind != COMPRESSION_NONE;
	if (diff_id)
		enc->diff_id = *diff_id;
	r = start_hashes(enc, e);
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
	free(enc->fast);
	free(enc->fast_buf);
	(void)ZSTD_freeCCtx(enc->zstd); /* cannot fail */
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

static int fast_some(struct encoder *enc, const void *data, size_t len, bool end, struct err *e)
{
	struct isal_zstream *f = enc->fast;
	int r;

	f->next_in = (unsigned char *)(uintptr_t)data;
	f->avail_in = (uint32_t)len;
	f->end_of_stream = end;
	do {
		f->next_out = enc->out;
		f->avail_out = sizeof(enc->out);
		if (isal_deflate(f) != COMP_OK)
			return err_set(e, -EIO, "cannot compress: ISA-L failed");
		r = put(enc, enc->out, sizeof(enc->out) - f->avail_out, e);
	} while (r == 0 && (f->avail_out == 0 || f->avail_in > 0));
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
		return enc->fast ? fast_some(enc, data, len, end, e) : deflate_some(enc, data, len, end, e);
	case COMPRESSION_ZSTD:
		return zstd_some(enc, data, len, end, e);
	default:
		return put(enc, data, len, e);
	}
}

int encoder_write(struct encoder *enc, const void *data, size_t len, struct err *e)
{
	const char *at = data;
	int r = enc->hashes_tar ? hash_update(&enc->tar, data, len, e) : 0;

	enc->is_fresh = false;
	/* The compressors count in 32 bits. */
	while (r == 0 && len > 0) {
		size_t some = len < (1u << 30) ? len : 1u << 30;

		r = encode(enc, at, some, false, e);
		at += some;
		len -= some;
	}
	return r;
}

/* What an earlier try has left goes: in the file, and of the compressor. */
static int start_over(struct encoder *enc, struct err *e)
{
	if (ftruncate(enc->fd, 0) < 0 || lseek(enc->fd, 0, SEEK_SET) < 0)
		return err_errno(e, "cannot write a layer once more");
	enc->size_bytes = 0;
	if (enc->fast)
		reset_fast(enc);
	if (enc->has_gzip && deflateReset(&enc->gzip) != Z_OK)
		return err_set(e, -EIO, "cannot compress: zlib failed");
	if (enc->zstd)
		(void)ZSTD_CCtx_reset(enc->zstd, ZSTD_reset_session_only); /* cannot fail */
	hash_done(&enc->tar);
	hash_done(&enc->blob);
	enc->is_fresh = true;
	return start_hashes(enc, e);
}

static int sink_begin(void *arg, struct err *e)
{
	struct encoder *enc = arg;

	return enc->is_fresh ? 0 : start_over(enc, e);
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
		r = hash_final(&enc->blob, &result.digest, e);
	result.diff_id = digest_is_set(&enc->diff_id) ? enc->diff_id : result.digest;
	if (r == 0 && enc->hashes_tar)
		r = hash_final(&enc->tar, &result.diff_id, e);
	if (r < 0)
		return r;
	result.size_bytes = enc->size_bytes;
	*ret = result;
	return 0;
}
