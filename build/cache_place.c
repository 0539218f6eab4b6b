/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/csv.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "oci/reference.h"

#define LEVEL_MAX 20 /* zstd's; gzip's are checked by compression_set_level */

void build_cache_place_done(struct build_cache_place *p)
{
	free(p->ref);
	free(p->dir);
	free(p->tag);
	*p = (struct build_cache_place){ 0 };
}

/* --- fields --------------------------------------------------------------------------------------------- */

enum field {
	FIELD_TYPE,
	FIELD_REF,
	FIELD_DIR,
	FIELD_TAG,
	FIELD_DIGEST,
	FIELD_MODE,
	FIELD_IGNORE_ERROR,
	FIELD_COMPRESSION,
	FIELD_LEVEL,
	FIELD_NOTHING,
	FIELDS
};

static const struct {
	const char *name;
	enum field field;
	unsigned int sides;
} KNOWN[] = {
	{ "type", FIELD_TYPE, BUILD_CACHE_TO | BUILD_CACHE_FROM },
	{ "ref", FIELD_REF, BUILD_CACHE_TO | BUILD_CACHE_FROM },
	{ "dest", FIELD_DIR, BUILD_CACHE_TO },
	{ "src", FIELD_DIR, BUILD_CACHE_FROM },
	{ "tag", FIELD_TAG, BUILD_CACHE_TO | BUILD_CACHE_FROM },
	{ "digest", FIELD_DIGEST, BUILD_CACHE_FROM },
	{ "mode", FIELD_MODE, BUILD_CACHE_TO },
	{ "ignore-error", FIELD_IGNORE_ERROR, BUILD_CACHE_TO },
	{ "compression", FIELD_COMPRESSION, BUILD_CACHE_TO },
	{ "compression-level", FIELD_LEVEL, BUILD_CACHE_TO },
	{ "force-compression", FIELD_NOTHING, BUILD_CACHE_TO },
	{ "oci-mediatypes", FIELD_NOTHING, BUILD_CACHE_TO },
	{ "image-manifest", FIELD_NOTHING, BUILD_CACHE_TO },
};

static int take_field(char *text, enum build_cache_side side, const char *values[FIELDS], struct err *e)
{
	char *equals = strchr(text, '=');

	if (!equals)
		return err_set(e, -EINVAL, "invalid field '%s' must be a key=value pair", text);
	*equals = '\0';
	for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++)
		if ((KNOWN[i].sides & side) && strcmp(KNOWN[i].name, text) == 0) {
			values[KNOWN[i].field] = equals + 1;
			return 0;
		}
	return err_set(e, -EINVAL, "unexpected key '%s' in '%s=%s'", text, text, equals + 1);
}

/* --- what they mean ------------------------------------------------------------------------------------- */

static int set_type(const char *type, enum build_cache_side side, struct build_cache_place *p, struct err *e)
{
	if (!type)
		return err_set(e, -EINVAL, "it has no type (there are registry, local%s)",
			       side == BUILD_CACHE_TO ? " and inline" : "");
	if (strcmp(type, "registry") == 0)
		p->kind = BUILD_CACHE_REGISTRY;
	else if (strcmp(type, "local") == 0)
		p->kind = BUILD_CACHE_LOCAL;
	else if (strcmp(type, "inline") == 0 && side == BUILD_CACHE_TO)
		p->kind = BUILD_CACHE_INLINE;
	else if (strcmp(type, "inline") == 0)
		return err_set(e, -EINVAL,
			       "a cache inside of an image is read from there: type=registry,ref=IMAGE");
	else
		return err_set(e, -EINVAL, "unsupported type '%s' (there are registry, local%s)", type,
			       side == BUILD_CACHE_TO ? " and inline" : "");
	return 0;
}

static int keep(const char *text, char **member, struct err *e)
{
	*member = strdup(text);
	return *member ? 0 : err_code(e, -ENOMEM, "cannot keep a flag");
}

static int set_ref(const char *text, enum build_cache_side side, struct build_cache_place *p, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	int r;

	if (!text || !*text)
		return err_set(e, -EINVAL, "type=registry needs ref=HOST/NAME:TAG");
	r = reference_parse(text, &ref, e);
	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", text);
	if (side == BUILD_CACHE_TO && digest_is_set(&ref.digest))
		return err_set(e, -EINVAL, "a cache is written to a tag, not to a digest");
	p->ref = reference_canonical(&ref);
	return p->ref ? 0 : err_code(e, -ENOMEM, "cannot keep a flag");
}

/* The first colon ends the path where an image in it is named (pull/transport.h). */
static int set_folder(const char *dir, const char *const values[FIELDS], enum build_cache_side side,
		      struct build_cache_place *p, struct err *e)
{
	int r;

	if (!dir || !*dir)
		return err_set(e, -EINVAL, "type=local needs %s=DIR",
			       side == BUILD_CACHE_TO ? "dest" : "src");
	if (strchr(dir, ':'))
		return err_set(e, -EINVAL, "the folder's path has a ':' in it");
	r = keep(dir, &p->dir, e);
	if (r == 0 && values[FIELD_DIGEST])
		r = digest_parse(values[FIELD_DIGEST], &p->digest, e);
	if (r == 0 && values[FIELD_TAG]) {
		cleanup_reference struct reference ref = { 0 };
		cleanup_free char *name = NULL;

		if (asprintf(&name, "localhost/tag:%s", values[FIELD_TAG]) < 0) {
			name = NULL;
			return err_code(e, -ENOMEM, "cannot keep a flag");
		}
		if (reference_parse(name, &ref, e) < 0 || !ref.tag || strcmp(ref.tag, values[FIELD_TAG]) != 0)
			return err_set(e, -EINVAL, "invalid tag '%s'", values[FIELD_TAG]);
		r = keep(values[FIELD_TAG], &p->tag, e);
	}
	return r;
}

static int set_mode(const char *mode, struct build_cache_place *p, struct err *e)
{
	p->is_max = mode && strcmp(mode, "max") == 0;
	if (mode && !p->is_max && strcmp(mode, "min") != 0)
		return err_set(e, -EINVAL, "unsupported mode '%s' (there are min and max)", mode);
	return p->is_max && p->kind == BUILD_CACHE_INLINE
		       ? err_set(e, -EINVAL, "an image has no room for the layers of mode=max")
		       : 0;
}

static int set_compression(const char *const values[FIELDS], struct build_cache_place *p, struct err *e)
{
	const char *kind = values[FIELD_COMPRESSION], *level = values[FIELD_LEVEL];
	uint64_t n;
	int r = 0;

	if (!kind && !level)
		return 0;
	p->has_compression = true;
	p->compression.kind = COMPRESSION_GZIP;
	if (kind && strcmp(kind, "uncompressed") == 0)
		p->compression.kind = COMPRESSION_NONE;
	else if (kind && strcmp(kind, "zstd") == 0)
		p->compression.kind = COMPRESSION_ZSTD;
	else if (kind && strcmp(kind, "gzip") != 0)
		return err_set(e, -EINVAL,
			       "unsupported compression '%s' (there are gzip, zstd and uncompressed)", kind);
	if (level && (parse_u64(level, 0, LEVEL_MAX, &n) < 0 ||
		      (n > 0 && compression_set_level(&p->compression, n, e) < 0)))
		r = err_set(e, -EINVAL, "invalid compression-level '%s'", level);
	return r;
}

static int settle(const char *const values[FIELDS], enum build_cache_side side, struct build_cache_place *p,
		  struct err *e)
{
	int r = set_type(values[FIELD_TYPE], side, p, e);

	if (r == 0 && p->kind == BUILD_CACHE_REGISTRY)
		r = set_ref(values[FIELD_REF], side, p, e);
	else if (r == 0 && p->kind == BUILD_CACHE_LOCAL)
		r = set_folder(values[FIELD_DIR], values, side, p, e);
	if (r == 0)
		r = set_mode(values[FIELD_MODE], p, e);
	if (r == 0)
		r = set_compression(values, p, e);
	if (r == 0 && values[FIELD_IGNORE_ERROR] &&
	    parse_bool(values[FIELD_IGNORE_ERROR], &p->ignore_error) < 0)
		r = err_set(e, -EINVAL, "invalid ignore-error '%s'", values[FIELD_IGNORE_ERROR]);
	return r;
}

int build_cache_place_parse(const char *text, enum build_cache_side side, struct build_cache_place *p,
			    struct err *e)
{
	const char *values[FIELDS] = { 0 };
	cleanup_strvec struct strvec words = { 0 };
	int r;

	if (!strchr(text, '=')) {
		values[FIELD_TYPE] = "registry";
		values[FIELD_REF] = text;
		return settle(values, side, p, e);
	}
	r = csv_fields(text, &words, e);
	for (size_t i = 0; r == 0 && i < words.len; i++)
		r = take_field(words.items[i], side, values, e);
	return r < 0 ? r : settle(values, side, p, e);
}
