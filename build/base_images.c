/* SPDX-License-Identifier: Apache-2.0 */
#include "build/base_images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "oci/reference.h"
#include "store/image.h"

#define LAYOUT_PREFIX "oci-layout://"

static bool is_layout(const char *reference)
{
	return strncmp(reference, LAYOUT_PREFIX, strlen(LAYOUT_PREFIX)) == 0;
}

static void base_image_free(struct base_image *i)
{
	struct err ignored; /* the name is one too many, and no more than that */

	if (!i)
		return;
	if (i->reference && is_layout(i->reference) && i->image.record.name)
		IGNORE_RESULT(image_unbind(i->store, i->image.record.name, &ignored));
	free(i->reference);
	stored_image_done(&i->image);
	free(i);
}

static void base_image_free_fn(struct base_image **i)
{
	base_image_free(*i);
}
#define cleanup_base_image __attribute__((cleanup(base_image_free_fn)))

void base_images_done(struct base_images *b)
{
	for (size_t i = 0; i < b->len; i++)
		base_image_free(b->items[i]);
	free(b->items);
	b->items = NULL;
	b->len = 0;
}

static bool same_platform(const struct platform *a, const struct platform *b)
{
	return strcmp(a->os, b->os) == 0 && strcmp(a->architecture, b->architecture) == 0 &&
	       strcmp(a->variant, b->variant) == 0;
}

/* --- what the store has --------------------------------------------------------------------------------- */

static bool is_for(const struct image_config *config, const struct platform *wanted)
{
	struct platform_list list;

	platform_list_for_request(wanted, &list);
	return platform_rank(&list, &config->platform) >= 0;
}

static bool is_of(const struct image_record *r, const struct reference *ref)
{
	cleanup_reference struct reference name = { 0 };
	struct err ignored;

	return reference_parse(r->name, &name, &ignored) == 0 && strcmp(name.domain, ref->domain) == 0 &&
	       strcmp(name.path, ref->path) == 0;
}

static int load_if_for(const struct base_images *b, const char *name, const struct platform *platform,
		       struct stored_image *ret, struct err *e)
{
	cleanup_stored_image struct stored_image image = { 0 };
	int r = stored_image_load(b->store, name, &image, e);

	if (r < 0)
		return r;
	if (!is_for(&image.config, platform))
		return -ENODATA;
	*ret = image;
	image = (struct stored_image){ 0 };
	return 0;
}

/* An image of the same index for another platform. -ENODATA, without text: there is none. */
static int find_sibling(const struct base_images *b, const struct reference *ref,
			const struct platform *platform, struct stored_image *ret, struct err *e)
{
	cleanup_image_record struct image_record named = { 0 };
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0;
	int found = -ENODATA;
	int r = image_lookup(b->store, ref, &named, e);

	if (r == 0)
		r = image_list(b->store, &items, &len, &damaged, e);
	if (r < 0)
		return r;
	for (size_t i = 0; found == -ENODATA && i < len; i++)
		if (digest_is_set(&named.index) && digest_equal(&items[i].index, &named.index) &&
		    is_of(&items[i], ref))
			found = load_if_for(b, items[i].name, platform, ret, e);
	image_list_free(items, len);
	return found;
}

/* -ENOENT, -ENODATA: the store does not have it (for that platform). */
static int find_stored(const struct base_images *b, const struct reference *ref, const char *name,
		       const struct platform *platform, struct stored_image *ret, struct err *e)
{
	int r = load_if_for(b, name, platform, ret, e);

	return r == -ENODATA ? find_sibling(b, ref, platform, ret, e) : r;
}

/* --- what a registry has -------------------------------------------------------------------------------- */

/* The name goes back to what it was bound to; the new image keeps one that has its digest. */
static int give_name_back(const struct base_images *b, const struct image_record *before,
			  const struct image_record *after, struct err *e)
{
	int r;

	if (!before->name || digest_equal(&before->manifest, &after->manifest))
		return 0;
	r = image_keep_previous(b->store, after->name, &before->manifest, e); /* as NAME@DIGEST */
	return r < 0 ? r : image_bind(b->store, before, e);
}

static bool runs_here(const struct platform *p)
{
	struct platform_list list;
	struct machine machine;

	machine_detect(&machine);
	platform_list_for_machine(&machine, &list);
	return platform_rank(&list, p) >= 0;
}

static int pull(const struct base_images *b, const char *text, const struct reference *ref, const char *as,
		const struct platform *platform, struct stored_image *ret, struct err *e)
{
	cleanup_image_record struct image_record before = { 0 };
	cleanup_pull_result struct pull_result result = { 0 };
	struct pull_options o = b->options;
	struct err ignored; /* what is not there, or cannot be read, has no name to be given back */
	int r;

	o.has_platform = true;
	o.any_platform = true;
	o.as = as;
	o.temporary = as != NULL;
	o.platform = *platform;
	if (ref && !runs_here(platform) && image_lookup(b->store, ref, &before, &ignored) < 0)
		before = (struct image_record){ 0 };
	if (b->begun)
		b->begun(b->begun_arg, text, platform);
	r = pull_image(b->store, text, &o, &result, e);
	if (r == 0)
		r = stored_image_load(b->store, result.names.items[0], ret, e);
	return r < 0 || !ref ? r : give_name_back(b, &before, &ret->record, e);
}

/* --- both ----------------------------------------------------------------------------------------------- */

static int get_layout(const struct base_images *b, const char *reference, const struct platform *platform,
		      struct stored_image *ret, struct err *e)
{
	char as[sizeof(BASE_LAYOUT_NAME) + 48];
	cleanup_free char *text = NULL;

	/* A name that the layout gives it may be another image's here. */
	(void)snprintf(as, sizeof(as), BASE_LAYOUT_NAME ":%d-%zu", (int)getpid(), b->len);
	if (asprintf(&text, "oci:%s", reference + strlen(LAYOUT_PREFIX)) < 0) {
		text = NULL;
		return err_code(e, -ENOMEM, "cannot name an image");
	}
	return pull(b, text, NULL, as, platform, ret, e);
}

/* What is no choice among several, and cannot be had otherwise, is taken whatever it is for: with a warning (InvalidBaseImagePlatform). */
static bool load_lone(const struct base_images *b, const char *reference, struct stored_image *ret)
{
	cleanup_stored_image struct stored_image image = { 0 };
	struct err ignored; /* the caller has one that says more */

	if (stored_image_load(b->store, reference, &image, &ignored) < 0 ||
	    digest_is_set(&image.record.index))
		return false;
	*ret = image;
	image = (struct stored_image){ 0 };
	return true;
}

static int get(const struct base_images *b, const char *reference, const struct platform *platform,
	       struct stored_image *ret, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	int r;

	if (is_layout(reference))
		return get_layout(b, reference, platform, ret, e);
	r = reference_parse(reference, &ref, e);
	if (r < 0)
		return r;
	if (b->pull != BASE_PULL_ALWAYS) {
		r = find_stored(b, &ref, reference, platform, ret, e);
		if (r != -ENOENT && r != -ENODATA)
			return r;
	}
	if (b->pull == BASE_PULL_NEVER)
		r = err_set(e, -ENOENT, "%s: not in the store, and --pull=never forbids to pull it",
			    reference);
	else
		r = pull(b, reference, &ref, NULL, platform, ret, e);
	return r < 0 && r != -EINTR && load_lone(b, reference, ret) ? 0 : r;
}

static int add(struct base_images *b, struct base_image *i, struct err *e)
{
	struct base_image **items = reallocarray(b->items, b->len + 1, sizeof(struct base_image *));

	if (!items)
		return err_code(e, -ENOMEM, "cannot keep an image");
	b->items = items;
	b->items[b->len++] = i;
	return 0;
}

int base_images_get(struct base_images *b, const char *reference, const struct platform *platform,
		    const struct base_image **ret, struct err *e)
{
	cleanup_base_image struct base_image *i = NULL;
	cleanup_free char *pinned = NULL;
	int r;

	for (size_t n = 0; n < b->len; n++)
		if (strcmp(b->items[n]->reference, reference) == 0 &&
		    same_platform(&b->items[n]->platform, platform)) {
			*ret = b->items[n];
			return 0;
		}
	i = calloc(1, sizeof(*i));
	if (!i)
		return err_code(e, -ENOMEM, "cannot keep an image");
	i->reference = strdup(reference);
	i->platform = *platform;
	i->store = b->store;
	r = i->reference ? 0 : err_code(e, -ENOMEM, "cannot keep an image");
	if (r == 0 && b->pin)
		r = b->pin(b->pin_arg, reference, platform, &pinned, e);
	if (r == 0)
		r = get(b, pinned ? pinned : reference, platform, &i->image, e);
	if (r == 0)
		r = add(b, i, e);
	if (r == 0)
		*ret = ptr_take(i);
	return r;
}

int base_images_config(void *arg, const char *reference, const struct platform *platform,
		       struct image_config *ret_config, char **ret_name, struct err *e)
{
	struct base_images *b = arg;
	const struct base_image *i;
	const struct digest *digest;
	int r = base_images_get(b, reference, platform, &i, e);

	if (r != 0)
		return r;
	r = image_config_copy(&i->image.config, ret_config, e);
	if (r < 0 || strchr(reference, '@') || is_layout(reference))
		return r;
	digest = digest_is_set(&i->image.record.index) ? &i->image.record.index : &i->image.record.manifest;
	if (asprintf(ret_name, "%s@%s", reference, digest->text) < 0) {
		*ret_name = NULL;
		image_config_done(ret_config);
		return err_code(e, -ENOMEM, "cannot name an image");
	}
	return 0;
}
