/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/stored_index.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/attestation_manifest.h"
#include "pull/hash.h"
#include "store/blob.h"

#define ABSENT_TOLD_MAX 4 /* in one message */
#define ABSENT_TEXT_MAX 1024

void stored_index_done(struct stored_index *i)
{
	image_index_done(&i->index);
	buf_done(&i->text);
	strvec_done(&i->absent);
	*i = (struct stored_index){ 0 };
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot list the images of an index");
}

/* --- what is there ------------------------------------------------------------------------------------------ */

static int note_absent(struct stored_index *i, const struct descriptor *d, struct err *e)
{
	char platform[3 * PLATFORM_FIELD_MAX];

	platform_format(&d->platform, platform);
	if (attestation_manifest_is(d))
		return strvec_addf(&i->absent, "attestation %s", d->digest.text) < 0 ? no_memory(e) : 0;
	if (!d->has_platform || !d->platform.architecture[0])
		return strvec_addf(&i->absent, "manifest %s", d->digest.text) < 0 ? no_memory(e) : 0;
	return strvec_add(&i->absent, platform) < 0 ? no_memory(e) : 0;
}

static int note_image(struct stored_index *i, struct descriptor *d, const struct image_record *items,
		      size_t len, struct err *e)
{
	size_t n = 0;

	while (n < len && !digest_equal(&items[n].manifest, &d->digest))
		n++;
	if (n == len)
		return note_absent(i, d, e);
	i->present++;
	return strvec_addf(&d->annotations, MANIFEST_LIST_SOURCE "=" MANIFEST_LIST_STORE "%s",
			   items[n].name) < 0
		       ? no_memory(e)
		       : 0;
}

static int look(const struct store *s, struct stored_index *i, struct err *e)
{
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0;
	int r = image_list(s, &items, &len, &damaged, e);

	for (size_t n = 0; r == 0 && n < i->index.manifests_len; n++) {
		struct descriptor *d = &i->index.manifests[n];

		manifest_list_forget_source(d); /* an index from elsewhere may use our words */
		if (!attestation_manifest_is(d))
			r = note_image(i, d, items, len, e);
		else if (!blob_exists(s, &d->digest))
			r = note_absent(i, d, e);
	}
	image_list_free(items, len);
	return r;
}

static int read_index(const struct store *s, const struct digest *digest, struct stored_index *i,
		      struct err *e)
{
	struct digest actual;
	int r = blob_get(s, digest, &i->text, e);

	if (r == 0)
		r = hash_bytes(digest_algorithm(digest), i->text.data ? i->text.data : "", i->text.len,
			       &actual, e);
	if (r == 0 && !digest_equal(&actual, digest))
		r = err_set(e, -EBADMSG, "blob '%s' is damaged", digest->text);
	return r < 0 ? r : image_index_decode(i->text.data, i->text.len, &i->index, e);
}

int stored_index_open(const struct store *s, const struct image_record *record, struct stored_index *ret,
		      struct err *e)
{
	cleanup_stored_index struct stored_index i = { .text = BUF_INIT(MANIFEST_MAX_BYTES) };
	int r = read_index(s, &record->index, &i, e);

	if (r == 0)
		r = look(s, &i, e);
	if (r < 0)
		return err_wrap(e, "index of '%s'", record->name);
	*ret = i;
	i = (struct stored_index){ 0 };
	return 0;
}

/* --- what of it goes ---------------------------------------------------------------------------------------- */

int stored_index_is_whole(const struct stored_index *i, const char *name, bool *ret, struct err *e)
{
	cleanup_buf struct buf list = BUF_INIT(ABSENT_TEXT_MAX);
	size_t told = i->absent.len < ABSENT_TOLD_MAX ? i->absent.len : ABSENT_TOLD_MAX;
	int r = 0;

	*ret = i->absent.len == 0;
	if (*ret || i->present < 2)
		return 0;
	for (size_t n = 0; r == 0 && n < told; n++)
		r = buf_printf(&list, "%s%s", n > 0 ? ", " : "", i->absent.items[n]);
	if (r == 0 && told < i->absent.len)
		r = buf_printf(&list, " and %zu more", i->absent.len - told);
	if (r < 0)
		return no_memory(e);
	return err_set(e, -ENODATA,
		       "'%s' is an index, and the store lacks %s of it (name what shall go with --platform)",
		       name, list.data);
}

struct manifest_list_origin stored_index_origin(const struct stored_index *i)
{
	return (struct manifest_list_origin){ .text = &i->text, .media_type = i->index.media_type };
}

static int find_in_index(const struct store *s, const struct image_record *record,
			 const struct platform_list *list, char **ret, struct err *e)
{
	cleanup_stored_index struct stored_index i = { 0 };
	char platform[3 * PLATFORM_FIELD_MAX];
	const struct descriptor *d;
	size_t at = 0;
	int r = stored_index_open(s, record, &i, e);

	if (r == 0)
		r = image_index_choose(&i.index, list, &at, e);
	if (r < 0)
		return r == -ENODATA ? err_wrap(e, "'%s'", record->name) : r;
	d = &i.index.manifests[at];
	if (!strvec_get_env(&d->annotations, MANIFEST_LIST_SOURCE)) {
		platform_format(&d->platform, platform);
		return err_set(e, -ENOENT,
			       "the store does not have %s of '%s' (sampan pull --platform, or sampan copy)",
			       platform, record->name);
	}
	return manifest_list_find_stored(s, record->name, &d->digest, ret, e);
}

static int check_own(const struct store *s, const struct image_record *record,
		     const struct platform_list *list, struct err *e)
{
	cleanup_image_config struct image_config config = { 0 };
	char platform[3 * PLATFORM_FIELD_MAX];
	int r = image_load_config(s, record, &config, NULL, e);

	if (r < 0)
		return r;
	if (platform_rank(list, &config.platform) >= 0)
		return 0;
	platform_format(&config.platform, platform);
	return err_set(e, -ENODATA, "'%s' is an image for %s alone", record->name, platform);
}

int stored_index_find(const struct store *s, const struct image_record *record,
		      const struct platform *platform, char **ret, struct err *e)
{
	struct platform_list list;
	int r;

	platform_list_for_request(platform, &list);
	if (digest_is_set(&record->index))
		return find_in_index(s, record, &list, ret, e);
	r = check_own(s, record, &list, e);
	return r < 0 ? r : manifest_list_find_stored(s, record->name, &record->manifest, ret, e);
}
