/* SPDX-License-Identifier: Apache-2.0 */
#include "build/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "oci/reference.h"

#define PLATFORM_TEXT_MAX (3 * PLATFORM_FIELD_MAX)
#define LAYOUT_PREFIX     "oci-layout://"

static void entry_done(struct lock_entry *i)
{
	free(i->reference);
}

void lock_done(struct lock *l)
{
	for (size_t i = 0; i < l->len; i++)
		entry_done(&l->items[i]);
	free(l->items);
	*l = (struct lock){ 0 };
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot keep a lock file");
}

/* --- order ---------------------------------------------------------------------------------------------- */

static int compare(const struct lock_entry *a, const char *reference, const struct platform *platform)
{
	char of_a[PLATFORM_TEXT_MAX], of_b[PLATFORM_TEXT_MAX];
	int c = strcmp(a->reference, reference);

	if (c != 0)
		return c;
	platform_format(&a->platform, of_a);
	platform_format(platform, of_b);
	return strcmp(of_a, of_b);
}

const struct lock_entry *lock_find(const struct lock *l, const char *reference,
				   const struct platform *platform)
{
	for (size_t i = 0; i < l->len; i++)
		if (compare(&l->items[i], reference, platform) == 0)
			return &l->items[i];
	return NULL;
}

static int insert(struct lock *l, size_t at, const char *reference, const struct platform *platform,
		  const struct digest *digest, struct err *e)
{
	struct lock_entry entry = { .reference = strdup(reference),
				    .platform = *platform,
				    .digest = *digest };
	struct lock_entry *items = reallocarray(l->items, l->len + 1, sizeof(*items));

	if (items)
		l->items = items;
	if (!items || !entry.reference) {
		entry_done(&entry);
		return no_memory(e);
	}
	memmove(&items[at + 1], &items[at], (l->len - at) * sizeof(*items));
	items[at] = entry;
	l->len++;
	return 0;
}

int lock_set(struct lock *l, const char *reference, const struct platform *platform,
	     const struct digest *digest, struct err *e)
{
	size_t at = 0;
	int c = 1;

	while (at < l->len && (c = compare(&l->items[at], reference, platform)) < 0)
		at++;
	if (at < l->len && c == 0) {
		l->items[at].digest = *digest;
		return 0;
	}
	if (l->len == LOCK_ENTRIES_MAX)
		return err_set(e, -EFBIG, "more than %d images to lock", LOCK_ENTRIES_MAX);
	return insert(l, at, reference, platform, digest, e);
}

/* --- the file ------------------------------------------------------------------------------------------- */

static int read_platform(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	cleanup_free char *text = NULL;
	struct err why;
	int r = json_read_string(in, arg, &text, e);

	if (r < 0)
		return r;
	if (platform_parse(text, member, &why) < 0)
		return json_error(in, -EINVAL, e, "'%.100s' is no platform", text);
	return 0;
}

static int read_reference(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *canonical = NULL;
	char **text = member;
	struct err why;
	int r = json_read_string(in, arg, text, e);

	if (r < 0)
		return r;
	if (reference_parse(*text, &ref, &why) < 0)
		return json_error(in, -EINVAL, e, "'%.100s' is no reference", *text);
	canonical = reference_canonical(&ref);
	if (!canonical)
		return json_error(in, -ENOMEM, e, "out of memory");
	if (strcmp(canonical, *text) != 0 || digest_is_set(&ref.digest))
		return json_error(in, -EINVAL, e, "'%.100s' is not as `sampan lock` writes it", *text);
	return 0;
}

static const struct json_field ENTRY[] = {
	{ "reference", offsetof(struct lock_entry, reference), read_reference, .required = true },
	{ "platform", offsetof(struct lock_entry, platform), read_platform, .required = true },
	{ "digest", offsetof(struct lock_entry, digest), json_read_digest, .required = true },
	{ 0 }
};
static const struct json_array ENTRIES = { ENTRY, sizeof(struct lock_entry), LOCK_ENTRIES_MAX };

struct lock_file {
	uint64_t version;
	struct json_items images;
};

static const struct json_field VERSION[] = {
	{ "version", offsetof(struct lock_file, version), json_read_u64, .required = true }, { 0 }
};
static const struct json_field LOCK[] = {
	{ "images", offsetof(struct lock_file, images), json_read_array, &ENTRIES, .required = true }, { 0 }
};

/* Two digests for one image would be one too many. */
static int check_order(const struct lock *l, struct err *e)
{
	for (size_t i = 1; i < l->len; i++)
		if (compare(&l->items[i - 1], l->items[i].reference, &l->items[i].platform) >= 0)
			return err_set(e, -EINVAL,
				       "images[%zu]: out of order, or there twice (run `sampan lock`)", i);
	return 0;
}

int lock_read(const char *text, size_t len, struct lock *ret, struct err *e)
{
	cleanup_lock struct lock l = { 0 };
	struct lock_file file = { 0 };
	int r;

	if (len > LOCK_FILE_MAX)
		return err_set(e, -EFBIG, "larger than %u bytes", LOCK_FILE_MAX);
	r = json_decode(text, len, VERSION, &file, e);
	if (r == 0 && file.version != LOCK_VERSION)
		return err_set(e, -EOPNOTSUPP, "its version is %llu, and this program reads version %d",
			       (unsigned long long)file.version, LOCK_VERSION);
	if (r == 0)
		r = json_decode(text, len, LOCK, &file, e);
	l.items = file.images.items;
	l.len = file.images.len;
	if (r == 0)
		r = check_order(&l, e);
	if (r < 0)
		return r;
	*ret = l;
	l = (struct lock){ 0 };
	return 0;
}

int lock_write(const struct lock *l, struct buf *out, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(true, LOCK_FILE_MAX);
	char platform[PLATFORM_TEXT_MAX];
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_u64(o, "version", LOCK_VERSION);
	json_out_array(o, "images");
	for (size_t i = 0; i < l->len; i++) {
		platform_format(&l->items[i].platform, platform);
		json_out_object(o, NULL);
		json_out_string(o, "reference", l->items[i].reference);
		json_out_string(o, "platform", platform);
		json_out_string(o, "digest", l->items[i].digest.text);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(out, text, len) < 0)
		r = no_memory(e);
	return r;
}

/* --- plans ---------------------------------------------------------------------------------------------- */

bool lock_is_fixed(const char *reference)
{
	return strchr(reference, '@') != NULL;
}

static bool is_layout(const char *reference)
{
	return strncmp(reference, LAYOUT_PREFIX, strlen(LAYOUT_PREFIX)) == 0;
}

static int add_source(struct lock *l, const struct plan_source *s, struct err *e)
{
	if (s->kind != PLAN_IMAGE || lock_is_fixed(s->name) || is_layout(s->name) ||
	    lock_find(l, s->name, &s->platform))
		return 0;
	return lock_set(l, s->name, &s->platform, &(struct digest){ 0 }, e);
}

static int add_step(struct lock *l, const struct plan_step *step, struct err *e)
{
	int r = 0;

	if (step->kind == PLAN_COPY)
		return add_source(l, &step->copy.from, e);
	for (size_t i = 0; r == 0 && step->kind == PLAN_RUN && i < step->run.mounts_len; i++)
		r = add_source(l, &step->run.mounts[i].from, e);
	return r;
}

int lock_add_plan(struct lock *l, const struct build_plan *plan, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->len; i++) {
		const struct plan_stage *s = &plan->stages[i];

		r = add_source(l, &s->base, e);
		for (size_t n = 0; r == 0 && n < s->len; n++)
			r = add_step(l, &s->steps[n], e);
	}
	return r;
}

/* --- pins ----------------------------------------------------------------------------------------------- */

void lock_pins_done(struct lock_pins *p)
{
	lock_done(&p->lock);
	free(p->name);
	*p = (struct lock_pins){ 0 };
}

static int name_pinned(const struct lock_entry *entry, char **ret, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	int r = reference_parse(entry->reference, &ref, e);

	if (r < 0)
		return r;
	if (asprintf(ret, "%s/%s@%s", ref.domain, ref.path, entry->digest.text) < 0) {
		*ret = NULL;
		return no_memory(e);
	}
	return 0;
}

int lock_pin(void *arg, const char *reference, const struct platform *platform, char **ret, struct err *e)
{
	const struct lock_pins *p = arg;
	const struct lock_entry *entry;
	char text[PLATFORM_TEXT_MAX];

	if (lock_is_fixed(reference)) {
		*ret = NULL;
		return 0;
	}
	if (is_layout(reference))
		return err_set(e, -EACCES, "'%s' has no digest, and layouts are not in %s (append @DIGEST)",
			       reference, p->name);
	entry = lock_find(&p->lock, reference, platform);
	if (entry)
		return name_pinned(entry, ret, e);
	platform_format(platform, text);
	return err_set(e, -EACCES, "'%s' for %s is not in %s (run `sampan lock`)", reference, text, p->name);
}
