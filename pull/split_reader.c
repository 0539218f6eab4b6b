/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/inflate.h"
#include "pull/split_file.h"
#include "pull/split_format.h"

struct split_reader {
	struct decoder *decoder;
	bool ended;
};

void split_reader_free(struct split_reader *r)
{
	if (!r)
		return;
	decoder_free(r->decoder);
	free(r);
}

void split_reader_free_fn(struct split_reader **r)
{
	split_reader_free(*r);
}

static int damaged(struct err *e)
{
	return err_set(e, -EBADMSG, "what is kept of the layer's tar is damaged");
}

static int read_bytes(struct split_reader *r, void *data, size_t len, struct err *e)
{
	ssize_t n = decoder_read(r->decoder, data, len, e);

	if (n == -EINVAL || n == -EFBIG || (n >= 0 && (size_t)n < len))
		return damaged(e);
	return n < 0 ? (int)n : 0;
}

int split_reader_new(int fd, struct split_reader **ret, struct err *e)
{
	cleanup_split_reader struct split_reader *r = calloc(1, sizeof(*r));
	char magic[sizeof(SPLIT_MAGIC) - 1];
	int code;

	if (!r)
		return err_code(e, -ENOMEM, "cannot read what is kept of a tar");
	code = decoder_new(fd, MEDIA_LAYER_ZSTD, &r->decoder, e);
	if (code == -EOPNOTSUPP)
		return damaged(e);
	if (code == 0)
		code = read_bytes(r, magic, sizeof(magic), e);
	if (code == 0 && memcmp(magic, SPLIT_MAGIC, sizeof(magic)) != 0)
		code = damaged(e);
	if (code == 0)
		*ret = ptr_take(r);
	return code;
}

static int read_head(struct split_reader *r, char *ret_kind, uint64_t *ret_number, struct err *e)
{
	unsigned char head[SPLIT_HEAD_BYTES];
	int code = read_bytes(r, head, sizeof(head), e);

	if (code < 0)
		return code;
	*ret_kind = (char)head[0];
	*ret_number = split_head_number(head);
	return 0;
}

static int read_path(struct split_reader *r, struct split_record *ret, struct err *e)
{
	uint64_t len;
	char kind;
	int code = read_head(r, &kind, &len, e);

	if (code < 0)
		return code;
	if (kind != SPLIT_KIND_PATH || len == 0 || len >= SPLIT_PATH_MAX)
		return damaged(e);
	code = read_bytes(r, ret->data, (size_t)len, e);
	if (code < 0)
		return code;
	ret->data[len] = '\0';
	return strlen(ret->data) == len ? 0 : damaged(e);
}

int split_reader_next(struct split_reader *r, struct split_record *ret, struct err *e)
{
	uint64_t number;
	char kind;
	int code = r->ended ? damaged(e) : read_head(r, &kind, &number, e);

	if (code < 0)
		return code;
	switch (kind) {
	case SPLIT_KIND_GZIP:
	case SPLIT_KIND_RAW:
		if (number == 0 || number > SPLIT_RAW_MAX)
			return damaged(e);
		ret->kind = kind == SPLIT_KIND_RAW ? SPLIT_RAW : SPLIT_GZIP;
		ret->len = (size_t)number;
		return read_bytes(r, ret->data, ret->len, e);
	case SPLIT_KIND_FILE:
		if (number == 0 || number > INT64_MAX)
			return damaged(e);
		ret->kind = SPLIT_FILE;
		ret->size_bytes = number;
		return read_path(r, ret, e);
	case SPLIT_KIND_END:
		ret->kind = SPLIT_END;
		r->ended = true;
		return 0;
	default:
		return damaged(e);
	}
}
