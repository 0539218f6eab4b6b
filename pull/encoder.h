/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's tar on its way to a blob: hashed, compressed by gzip or zstd or not at all, hashed again, and written to a file. */
#ifndef SAMPAN_PULL_ENCODER_H
#define SAMPAN_PULL_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "oci/descriptor.h"
#include "pull/sink.h"

enum compression_kind { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

#define COMPRESSION_LEVEL_DEFAULT 0 /* gzip by ISA-L, which is fast; zstd 3 */
#define COMPRESSION_GZIP_MAX      9
#define COMPRESSION_ZSTD_MAX      20

struct compression {
	enum compression_kind kind;
	int level; /* COMPRESSION_LEVEL_DEFAULT, or 1 and up */
};

/* "gzip", "zstd:19", "none". Pure. -EINVAL, with what there is. */
int compression_parse(const char *text, struct compression *ret, struct err *e) MUST_CHECK;

/* A level for a kind: -ERANGE. */
int compression_set_level(struct compression *c, uint64_t level, struct err *e) MUST_CHECK;

/* The media type of such a layer: the image-spec's or docker's, which has none for zstd (the image-spec's is taken then). */
const char *compression_media_type(enum compression_kind kind, int is_docker);

/* How such a layer is compressed. */
enum compression_kind compression_of(enum media_kind kind);

struct encoder;

struct encoder_result {
	struct digest diff_id; /* of the tar */
	struct digest digest;  /* of the blob */
	uint64_t size_bytes;   /* of the blob */
};

/* `fd` is borrowed, and written from where it stands. `diff_id` is the tar's, where somebody else makes sure of it; NULL: it is computed. The same tar gives
 * the same blob on the same machine. -ENOMEM. */
int encoder_new(const struct compression *c, int fd, const struct digest *diff_id, struct encoder **ret,
		struct err *e) MUST_CHECK;
void encoder_free(struct encoder *enc);
void encoder_free_fn(struct encoder **enc);
#define cleanup_encoder __attribute__((cleanup(encoder_free_fn)))

/* The next bytes of the tar. write(2)'s errors. */
int encoder_write(struct encoder *enc, const void *data, size_t len, struct err *e) MUST_CHECK;

/* A sink that does the same. To begin it anew after it was written to, `fd` must be a regular file, and all of it the encoder's. */
struct sink encoder_sink(struct encoder *enc);

/* The end. Only encoder_free may follow. */
int encoder_finish(struct encoder *enc, struct encoder_result *ret, struct err *e) MUST_CHECK;

#endif
