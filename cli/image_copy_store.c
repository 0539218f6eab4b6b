/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_copy_store.h"

#include <stdlib.h>

#include "cli/find_image.h"
#include "cli/image_leaving.h"
#include "cli/image_pull.h"
#include "cli/image_transfer.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/pull.h"
#include "store/image_event.h"

/* --- out of it ---------------------------------------------------------------------------------------------- */

static bool is_there(const struct store *s, const char *name)
{
	cleanup_image_record struct image_record record = { 0 };
	struct err ignored;

	return find_image(s, name, &record, &ignored) == 0;
}

static int find(const struct store *s, const char *name, const struct copy_options *o, struct leaving *ret,
		struct err *e)
{
	const struct platform *platform = o->has_platform ? &o->platform : NULL;
	int r = o->all ? leaving_find(s, name, platform, ret, e)
		       : leaving_find_one(s, name, platform, ret, e);

	if (r == -ENOENT && !is_there(s, name))
		return err_set(e, r,
			       "no such image: %s (this is sampan's own store; of podman's: podman save %s | "
			       "sampan load)",
			       name, name);
	if (r < 0)
		return r;
	if (!o->all && ret->is_list)
		return err_set(e, -EINVAL, "'%s' is a list, of which all goes (--all)", ret->record.name);
	if (o->all && leaving_note(ret))
		return err_set(
			e, -ENODATA,
			"the store has one image of the index of '%s' (leave --all out, or copy from its "
			"registry)",
			ret->record.name);
	return 0;
}

static int to_layout(const struct store *s, struct leaving *l, const struct transport *to,
		     struct layout *layout, const char *state_dir, struct push_options *options,
		     struct push_result *ret, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	int r;

	if (layout_wants_plain(layout) && l->is_whole)
		return err_set(e, -EINVAL, "a docker-archive holds images of one platform (leave --all out)");
	r = transport_target_names(to, &names, &options->layout_tag, e);
	if (r == 0)
		r = leaving_put(s, l, &names, options, layout, ret, e);
	if (r == 0)
		leaving_event(s, state_dir, l, "save", l->record.name);
	return r;
}

static int to_registry(const struct store *s, struct leaving *l, const struct transport *to,
		       const char *state_dir, const struct push_options *options, struct push_result *ret,
		       struct err *e)
{
	cleanup_free char *target = reference_canonical(&to->reference);

	int r = target ? leaving_push(s, l, target, options, ret, e)
		       : err_code(e, -ENOMEM, "cannot name an image");

	if (r == 0)
		leaving_event(s, state_dir, l, "push", target);
	return r;
}

int copy_out_of_store(const struct store *s, const char *state_dir, const char *name,
		      const struct transport *to, struct layout *layout, const struct copy_options *o,
		      struct progress *progress, struct copy_result *ret, struct err *e)
{
	const struct push_options plain = {
		.tls_verify = o->target_tls_verify,
		.auth_file = o->target_auth_file,
		.jobs = o->jobs,
		.cancel_fd = o->cancel_fd,
		.anew = o->has_compression,
		.reuses = o->reuses,
		.compress_tars = !layout && !o->preserve_digests,
		.compression =
			o->has_compression ? o->compression : (struct compression){ .kind = COMPRESSION_GZIP }
	};
	struct push_options options = image_transfer_shown(&plain, progress, !progress);
	cleanup_leaving struct leaving l = { 0 };
	struct push_result result = { 0 };
	int r = find(s, name, o, &l, e);

	if (r == 0)
		r = layout ? to_layout(s, &l, to, layout, state_dir, &options, &result, e)
			   : to_registry(s, &l, to, state_dir, &options, &result, e);
	if (r == 0)
		*ret = (struct copy_result){ .digest = result.digest,
					     .size_bytes = result.size_bytes,
					     .media_type = result.media_type };
	return r;
}

/* --- into it ------------------------------------------------------------------------------------------------ */

static int check(const char *from, const struct copy_options *o, struct err *e)
{
	if (leaving_stored_name(from))
		return err_set(e, -EINVAL, "an image of the store gets another name with sampan tag");
	if (o->all)
		return err_set(e, -EINVAL, "the store takes one image of an index (--platform)");
	if (o->has_compression)
		return err_set(e, -EINVAL, "layers in the store are not compressed");
	return 0;
}

static int name_there(const char *name, char **ret, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	int r = reference_parse(name, &ref, e);

	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", name);
	if (digest_is_set(&ref.digest))
		return err_set(e, -EINVAL, "an image gets a name with a tag in the store, not a digest");
	*ret = reference_canonical(&ref);
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot name an image");
}

int copy_into_store(const struct store *s, const char *state_dir, const char *from, const char *name,
		    const struct copy_options *o, struct progress *progress, struct copy_result *ret,
		    struct err *e)
{
	struct pull_options pull = { .has_platform = o->has_platform,
				     .platform = o->platform,
				     .tls_verify = o->source_tls_verify,
				     .auth_file = o->source_auth_file,
				     .check_space = true,
				     .jobs = o->jobs,
				     .cancel_fd = o->cancel_fd };
	cleanup_pull_result struct pull_result result = { 0 };
	cleanup_free char *as = NULL;
	int r = check(from, o, e);

	if (r == 0)
		r = name_there(name, &as, e);
	if (r < 0)
		return r;
	pull.as = as;
	if (progress)
		pull.observer = image_pull_observer(progress);
	r = pull_image(s, from, &pull, &result, e);
	if (r < 0)
		return r;
	*ret = (struct copy_result){ .digest = result.digest };
	image_event_of(s, state_dir, "pull", as);
	return 0;
}
