/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's blob, as the registry had it. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/deflate.h"
#include "pull/hash.h"
#include "pull/layer_rebuild.h"
#include "pull/split_file.h"

#define XFL_AT 8 /* RFC 1952: 2 for the best compression, 4 for the fastest */

/* What is known of the gzip stream that is wanted. */
struct wanted {
	struct split_record *record; /* its header, and the first bytes behind that; owned */
	size_t header_len;
};

static void wanted_done(struct wanted *w)
{
	free(w->record);
}
#define cleanup_wanted __attribute__((cleanup(wanted_done)))

static int read_start(const struct layer_rebuild *l, struct wanted *ret, struct err *e)
{
	cleanup_split_reader struct split_reader *reader = NULL;
	cleanup_free struct split_record *record = calloc(1, sizeof(*record));
	cleanup_fd int fd = -1;
	int r;

	if (!record)
		return err_code(e, -ENOMEM, "cannot rebuild a blob");
	r = layer_rebuild_split(l, &fd, e);
	if (r == 0)
		r = split_reader_new(fd, &reader, e);
	if (r == 0)
		r = split_reader_next(reader, record, e);
	if (r < 0)
		return r;
	ret->header_len = record->kind == SPLIT_GZIP ? gzip_header_len(record->data, record->len) : 0;
	if (ret->header_len == 0)
		return err_set(e, -EOPNOTSUPP,
			       "it was not compressed with gzip, which is all that can be redone");
	ret->record = ptr_take(record);
	return 0;
}

/* --- one try ------------------------------------------------------------------------------------------------- */

static int deflate_into(const struct layer_rebuild *l, const struct wanted *w, int level,
			const struct sink *sink, struct err *e)
{
	cleanup_deflater struct deflater *d = NULL;
	struct sink front;
	int r = deflater_new(w->record->data, w->header_len, level, sink, &d, e);

	if (r < 0)
		return r;
	front = deflater_sink(d);
	r = layer_rebuild_unchecked(l, &front, e);
	return r < 0 ? r : deflater_finish(d, e);
}

/* A sink that goes along with what is wanted, as far as that is known. */
struct comparison {
	const struct wanted *wanted;
	size_t at;
	bool differs;
};

static int begin_comparison(void *arg, struct err *e)
{
	struct comparison *c = arg;

	(void)e; /* nothing to fail */
	c->at = 0;
	return 0;
}

static int compare(void *arg, const void *data, size_t len, struct err *e)
{
	struct comparison *c = arg;
	size_t left = c->wanted->record->len - c->at, n = len < left ? len : left;

	c->differs = memcmp(c->wanted->record->data + c->at, data, n) != 0;
	c->at += n;
	return c->differs || n == left ? err_set(e, -ECANCELED, "enough has been seen") : 0;
}

/* Whether a level makes the first bytes: it takes little to tell what another program has made. */
static int begins_alike(const struct layer_rebuild *l, const struct wanted *w, int level, bool *ret,
			struct err *e)
{
	struct comparison c = { .wanted = w };
	const struct sink sink = { .begin = begin_comparison, .write = compare, .arg = &c };
	int r = deflate_into(l, w, level, &sink, e);

	if (r < 0 && r != -ECANCELED)
		return r;
	*ret = !c.differs && c.at == w->record->len;
	return 0;
}

/* A sink that hashes what passes on to another one. */
struct checked {
	const struct digest *want;
	const struct sink *to;
	struct hash hash;
};

static int begin_checked(void *arg, struct err *e)
{
	struct checked *c = arg;
	int r;

	hash_done(&c->hash);
	r = hash_init(&c->hash, digest_algorithm(c->want), e);
	return r < 0 ? r : c->to->begin(c->to->arg, e);
}

static int write_checked(void *arg, const void *data, size_t len, struct err *e)
{
	struct checked *c = arg;
	int r = hash_update(&c->hash, data, len, e);

	return r < 0 ? r : c->to->write(c->to->arg, data, len, e);
}

static int gives_digest(const struct layer_rebuild *l, const struct wanted *w, int level,
			const struct sink *to, bool *ret, struct err *e)
{
	struct checked c = { .want = &l->meta.blob, .to = to };
	const struct sink sink = { .begin = begin_checked, .write = write_checked, .arg = &c };
	struct digest actual = { 0 };
	int r = deflate_into(l, w, level, &sink, e);

	if (r == 0)
		r = hash_final(&c.hash, &actual, e);
	hash_done(&c.hash);
	if (r == 0)
		*ret = digest_equal(&actual, c.want);
	return r;
}

/* --- all of them --------------------------------------------------------------------------------------------- */

/* Levels that write this header, the usual one first. */
static const int *levels_of(const struct wanted *w)
{
	static const int BEST[] = { 9, 0 }, FASTEST[] = { 1, 0 }, OTHERS[] = { 6, 5, 7, 4, 8, 3, 2, 0 };
	int xfl = w->header_len > XFL_AT ? w->record->data[XFL_AT] : 0;

	return xfl == 2 ? BEST : xfl == 4 ? FASTEST : OTHERS;
}

static int rebuild_gzip(const struct layer_rebuild *l, const struct sink *sink, struct err *e)
{
	cleanup_wanted struct wanted w = { 0 };
	int r = read_start(l, &w, e);

	if (r < 0)
		return r;
	for (const int *level = levels_of(&w); *level; level++) {
		bool same = w.record->len == w.header_len; /* nothing is known */

		if (!same)
			r = begins_alike(l, &w, *level, &same, e);
		if (r == 0 && same)
			r = gives_digest(l, &w, *level, sink, &same, e);
		if (r < 0 || same)
			return r;
	}
	return err_set(e, -EOPNOTSUPP,
		       "it was not compressed by zlib, but by another program whose output cannot be redone");
}

int layer_rebuild_blob(const struct layer_rebuild *l, const struct sink *sink, struct err *e)
{
	if (digest_equal(&l->meta.blob, &l->meta.diff_id))
		return layer_rebuild_tar(l, sink, e);
	return rebuild_gzip(l, sink, e);
}
