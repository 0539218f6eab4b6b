/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_leaving.h"

#include <stdlib.h>
#include <string.h>

#include "cli/find_image.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "store/image_event.h"

void leaving_done(struct leaving *l)
{
	image_record_done(&l->record);
	stored_index_done(&l->whole);
	free(l->image);
	*l = (struct leaving){ 0 };
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot name an image");
}

const char *leaving_stored_name(const char *text)
{
	const size_t prefix = sizeof(MANIFEST_LIST_STORE) - 1;

	if (strncmp(text, MANIFEST_LIST_STORE, prefix) != 0)
		return NULL;
	return text[prefix] == '@' ? text + prefix + 1 : text + prefix;
}

/* --- what was asked for ------------------------------------------------------------------------------------- */

/* A digest asks for what it is of: one image, or an index. */
static int read_words(const char *what, struct leaving *l, bool *ret_index, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *canonical = NULL;
	struct err ignored; /* then it is an ID */

	*ret_index = false;
	if (!l->is_named && reference_parse(what, &ref, &ignored) < 0)
		return 0;
	if (!l->is_named) {
		canonical = reference_canonical(&ref);
		if (!canonical)
			return no_memory(e);
		l->is_named = strcmp(canonical, l->record.name) == 0;
	}
	if (digest_is_set(&l->record.index))
		*ret_index = digest_is_set(&ref.digest) ? digest_equal(&ref.digest, &l->record.index)
							: l->is_named;
	return 0;
}

static int find_list(const struct store *s, const char *what, struct leaving *l, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	struct err ignored, of_list; /* of what is neither it is said that there is no image */
	int r = e->code, list;

	if (reference_parse(what, &ref, &ignored) < 0)
		return r;
	l->record.name = reference_canonical(&ref);
	if (!l->record.name)
		return no_memory(e);
	list = manifest_list_load(s, l->record.name, &l->whole.index, &of_list);
	if (list == -ENOENT)
		return r;
	if (list < 0) {
		*e = of_list;
		return list;
	}
	l->is_named = l->is_list = l->is_whole = true;
	return 0;
}

static int find(const struct store *s, const char *what, struct leaving *l, struct err *e)
{
	bool of_index = false;
	int r;

	l->is_named = find_image_by_short_name(s, what, &l->record);
	r = l->is_named ? 0 : image_find(s, what, &l->record, e);
	if (r == -ENOENT)
		return find_list(s, what, l, e);
	if (r == 0)
		r = read_words(what, l, &of_index, e);
	if (r == 0 && of_index)
		r = stored_index_open(s, &l->record, &l->whole, e);
	return r;
}

static int alone(struct leaving *l, struct err *e)
{
	l->image = strdup(l->record.name);
	return l->image ? 0 : no_memory(e);
}

static int decide(const struct store *s, const struct platform *platform, struct leaving *l, struct err *e)
{
	int r = 0;

	if (l->is_list)
		return platform ? err_set(e, -EINVAL, "'%s' is a list, of which all goes", l->record.name)
				: 0;
	if (platform)
		return stored_index_find(s, &l->record, platform, &l->image, e);
	if (l->whole.index.manifests_len > 0)
		r = stored_index_is_whole(&l->whole, l->record.name, &l->is_whole, e);
	return r < 0 || l->is_whole ? r : alone(l, e);
}

static int find_and_decide(const struct store *s, const char *what, const struct platform *platform,
			   bool only_one, struct leaving *ret, struct err *e)
{
	cleanup_leaving struct leaving l = { 0 };
	int r = find(s, what, &l, e);

	if (r == 0)
		r = only_one && !l.is_list && !platform ? alone(&l, e) : decide(s, platform, &l, e);
	if (r < 0)
		return r;
	*ret = l;
	l = (struct leaving){ 0 };
	return 0;
}

int leaving_find(const struct store *s, const char *what, const struct platform *platform,
		 struct leaving *ret, struct err *e)
{
	return find_and_decide(s, what, platform, false, ret, e);
}

int leaving_find_one(const struct store *s, const char *what, const struct platform *platform,
		     struct leaving *ret, struct err *e)
{
	return find_and_decide(s, what, platform, true, ret, e);
}

void leaving_event(const struct store *s, const char *state_dir, const struct leaving *l, const char *action,
		   const char *name)
{
	struct image_record image = l->record; /* owns nothing */

	if (l->is_list)
		return;
	image.name = (char *)(uintptr_t)name;
	image_event(s, state_dir, action, &image);
}

const char *leaving_note(const struct leaving *l)
{
	if (!l->image || l->whole.absent.len == 0)
		return NULL;
	return "the store has one image of the index that it came with, which goes alone "
	       "(sampan copy --all brings all of them over)";
}

/* --- its way ------------------------------------------------------------------------------------------------ */

int leaving_push(const struct store *s, struct leaving *l, const char *target,
		 const struct push_options *options, struct push_result *ret, struct err *e)
{
	const struct manifest_list_origin none = { 0 }, bound = stored_index_origin(&l->whole);
	const struct manifest_list_push o = { .stored = *options,
					      .origin = l->is_list ? none : bound,
					      .copy = { .source_tls_verify = options->tls_verify,
							.target_tls_verify = options->tls_verify,
							.source_auth_file = options->auth_file,
							.target_auth_file = options->auth_file,
							.has_compression = options->anew,
							.compression = options->compression,
							.reuses = options->reuses,
							.jobs = options->jobs,
							.cancel_fd = options->cancel_fd,
							.observer = options->observer } };
	cleanup_transport struct transport to = { .kind = TRANSPORT_REGISTRY };
	int r;

	if (!l->is_whole)
		return push_image(s, l->image, target, options, ret, e);
	r = reference_parse(target, &to.reference, e);
	if (r == 0)
		r = manifest_list_push(s, &l->whole.index, &to, &o, ret, e);
	return r < 0 && r != -EINTR ? err_wrap(e, "cannot push to '%s'", target) : r;
}

int leaving_put(const struct store *s, struct leaving *l, const struct strvec *names,
		const struct push_options *options, struct layout *layout, struct push_result *ret,
		struct err *e)
{
	const struct manifest_list_origin origin = stored_index_origin(&l->whole);
	int r;

	if (!l->is_whole)
		return push_to_layout(s, l->image, names, options, layout, ret, e);
	r = manifest_list_put(s, &l->whole.index, l->is_list ? NULL : &origin, names, options, layout, ret,
			      e);
	return r < 0 && r != -EINTR ? err_wrap(e, "cannot save '%s'", l->record.name) : r;
}
