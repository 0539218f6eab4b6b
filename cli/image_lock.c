/* SPDX-License-Identifier: Apache-2.0 */
/* sampan lock */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/build.h"
#include "build/plan.h"
#include "build/remote_context.h"
#include "cli/build_flags.h"
#include "cli/build_input.h"
#include "cli/build_lock.h"
#include "cli/build_settings.h"
#include "cli/image_main.h"
#include "cli/image_signals.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/pull.h"
#include "pull/stored.h"
#include "store/store.h"

#define LAYOUT_PREFIX "oci-layout://"

struct lock_flags {
	struct build_flags build; /* of which those of `build` that a plan depends on are read */
	bool check;
};

#define FLAG(member) offsetof(struct lock_flags, member)
static const struct option_def OPTIONS[] = {
	{ "authfile", 0, OPTION_STRING, FLAG(build.auth_file), "path",
	  "Take credentials from here (default $REGISTRY_AUTH_FILE, or auth.json and docker's config.json)" },
	{ "build-arg", 0, OPTION_LIST, FLAG(build.build_args), "list",
	  "Values of ARGs: NAME=VALUE, or NAME for that of our environment" },
	{ "build-context", 0, OPTION_LIST, FLAG(build.contexts), "list",
	  "Further contexts: NAME=DIR, NAME=docker-image://REF, NAME=oci-layout://DIR, NAME=URL" },
	{ "check", 0, OPTION_BOOL, FLAG(check), NULL,
	  "Write nothing, and fail if the lock file is not up to date" },
	{ "file", 'f', OPTION_STRING, FLAG(build.file), "path",
	  "The Dockerfile (default CONTEXT/Dockerfile, or CONTEXT/Containerfile)" },
	{ "platform", 0, OPTION_LIST, FLAG(build.platforms), "list",
	  "Lock for builds for these platforms: OS/ARCH[/VARIANT] (default this machine's)" },
	{ "tls-verify", 0, OPTION_BOOL, FLAG(build.tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate (default true)" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan lock",
	.usage = "[OPTIONS] [CONTEXT]",
	.summary = "Write down the digests of the images that a Dockerfile uses",
	.options = OPTIONS,
	.max_args = 1,
};

/* An image as its registry has it now. */
struct looked_up {
	char *reference;
	struct platform platform;
	struct image_config config;
	struct digest digest;
	bool is_found;
};

struct locking {
	const struct build_flags *flags;
	const char *context;
	int signals_fd;
	struct store *store;
	struct build build; /* for contexts that are not here */
	struct build_settings settings;
	struct build_input input;
	struct looked_up *images;
	size_t images_len;
	struct lock lock;
};

static void looked_up_done(struct looked_up *i)
{
	free(i->reference);
	image_config_done(&i->config);
}

static void locking_done(struct locking *l)
{
	for (size_t i = 0; i < l->images_len; i++)
		looked_up_done(&l->images[i]);
	free(l->images);
	lock_done(&l->lock);
	build_input_done(&l->input);
	if (l->build.store)
		build_close(&l->build);
	build_settings_done(&l->settings);
	store_close(l->store);
	cleanup_fd_fn(&l->signals_fd);
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot lock images");
}

/* --- what registries have -------------------------------------------------------------------------------- */

/* The documents are all that is wanted. */
static int take_documents(void *arg, const struct image_config *config, const struct digest *digest,
			  struct err *e)
{
	struct looked_up *i = arg;
	int r = image_config_copy(config, &i->config, e);

	if (r < 0)
		return r;
	i->digest = *digest;
	i->is_found = true;
	return err_set(e, -ECANCELED, "no more is needed");
}

/* What was built here, and is in no registry. */
static bool is_local(const char *reference)
{
	cleanup_reference struct reference ref = { 0 };
	struct err ignored;

	return reference_parse(reference, &ref, &ignored) == 0 && strcmp(ref.domain, "localhost") == 0;
}

static int look_in_store(const struct locking *l, struct looked_up *i, struct err *e)
{
	cleanup_stored_image struct stored_image image = { 0 };
	int r = stored_image_load(l->store, i->reference, &image, e);

	if (r == 0)
		r = image_config_copy(&image.config, &i->config, e);
	if (r < 0)
		return r;
	i->digest = digest_is_set(&image.record.index) ? image.record.index : image.record.manifest;
	return 0;
}

static int look_up(const struct locking *l, struct looked_up *i, struct err *e)
{
	const struct pull_options o = { .has_platform = true,
					.platform = i->platform,
					.tls_verify = l->flags->tls_verify,
					.auth_file = l->flags->auth_file,
					.cancel_fd = l->signals_fd,
					.nameless = true,
					.accept = take_documents,
					.accept_arg = i };
	cleanup_pull_result struct pull_result result = { 0 };
	cleanup_free char *layout = NULL;
	int r;

	if (is_local(i->reference))
		return look_in_store(l, i, e);
	if (strncmp(i->reference, LAYOUT_PREFIX, strlen(LAYOUT_PREFIX)) == 0 &&
	    asprintf(&layout, "oci:%s", i->reference + strlen(LAYOUT_PREFIX)) < 0) {
		layout = NULL;
		return no_memory(e);
	}
	r = pull_image(l->store, layout ? layout : i->reference, &o, &result, e);
	return i->is_found ? 0 : r;
}

static int find_image(struct locking *l, const char *reference, const struct platform *platform,
		      const struct looked_up **ret, struct err *e)
{
	struct looked_up *images;

	for (size_t n = 0; n < l->images_len; n++)
		if (strcmp(l->images[n].reference, reference) == 0 &&
		    memcmp(&l->images[n].platform, platform, sizeof(*platform)) == 0) {
			*ret = &l->images[n];
			return 0;
		}
	images = reallocarray(l->images, l->images_len + 1, sizeof(*images));
	if (!images)
		return no_memory(e);
	l->images = images;
	images[l->images_len] = (struct looked_up){ .reference = strdup(reference), .platform = *platform };
	if (!images[l->images_len].reference)
		return no_memory(e);
	*ret = &images[l->images_len++];
	return look_up(l, &images[l->images_len - 1], e);
}

/* For build_plan_options.base. */
static int base_config(void *arg, const char *reference, const struct platform *platform,
		       struct image_config *ret_config, char **ret_name, struct err *e)
{
	const struct looked_up *image;
	int r = find_image(arg, reference, platform, &image, e);

	(void)ret_name; /* of checks' messages, which nobody reads here */
	return r < 0 ? r : image_config_copy(&image->config, ret_config, e);
}

/* --- the lock -------------------------------------------------------------------------------------------- */

static int add_images(struct locking *l, const struct platform *target, struct err *e)
{
	const struct build_plan_options o = { .build_args = &l->settings.args,
					      .contexts = &l->flags->contexts,
					      .build_platform = l->settings.own,
					      .target_platform = target ? *target : l->settings.own,
					      .platform_is_implicit = !target,
					      .all_stages = true,
					      .base = base_config,
					      .base_arg = l };
	cleanup_build_plan struct build_plan plan = { 0 };
	int r = build_plan_make(&l->input.dockerfile, &o, &plan, e);

	return r < 0 ? r : lock_add_plan(&l->lock, &plan, e);
}

static int make_lock(struct locking *l, struct err *e)
{
	const struct build_settings *s = &l->settings;
	int r = s->platforms_len == 0 ? add_images(l, NULL, e) : 0;

	for (size_t i = 0; r == 0 && i < s->platforms_len; i++)
		r = add_images(l, &s->platforms[i], e);
	for (size_t i = 0; r == 0 && i < l->lock.len; i++) {
		struct lock_entry *entry = &l->lock.items[i];
		const struct looked_up *image;

		r = find_image(l, entry->reference, &entry->platform, &image, e);
		if (r == 0)
			entry->digest = image->digest;
	}
	return r;
}

static int differs(const struct lock_entry *entry, const char *what, const char *path, struct err *e)
{
	char platform[3 * PLATFORM_FIELD_MAX];

	platform_format(&entry->platform, platform);
	return err_set(e, -ESTALE, "'%s' is not up to date: '%s' for %s %s (run `sampan lock`)", path,
		       entry->reference, platform, what);
}

static int check_lock(const struct locking *l, const char *path, struct err *e)
{
	cleanup_lock_pins struct lock_pins old = { 0 };
	char what[2 * DIGEST_TEXT_MAX + 16];
	int r = build_lock_read(&l->input, &old, e);

	for (size_t i = 0; r == 0 && i < l->lock.len; i++) {
		const struct lock_entry *is = &l->lock.items[i];
		const struct lock_entry *was = lock_find(&old.lock, is->reference, &is->platform);

		if (!was)
			return differs(is, "is not in it", path, e);
		if (digest_equal(&was->digest, &is->digest))
			continue;
		(void)snprintf(what, sizeof(what), "is %s by now", is->digest.text);
		return differs(is, what, path, e);
	}
	for (size_t i = 0; r == 0 && i < old.lock.len; i++)
		if (!lock_find(&l->lock, old.lock.items[i].reference, &old.lock.items[i].platform))
			return differs(&old.lock.items[i], "is not used any more", path, e);
	return r;
}

static int open_all(struct locking *l, const struct image_globals *g, struct err *e)
{
	int r;

	if (remote_context_kind(l->context) != REMOTE_CONTEXT_FOLDER)
		return err_set(e, -EINVAL, "'%s' is no folder: a lock file is written beside the Dockerfile",
			       l->context);
	if (l->flags->file && strcmp(l->flags->file, "-") == 0)
		return err_set(e, -EINVAL,
			       "a lock file is written beside the Dockerfile, which standard input is not");
	r = build_settings_read(l->flags, &l->settings, e);
	if (r == 0)
		r = store_open(g->root, &l->store, e);
	if (r == 0)
		r = build_open(l->store, &l->build, e);
	l->settings.params.cancel_fd = l->signals_fd;
	return r < 0 ? r
		     : build_input_open(l->flags, l->context, &l->build, &l->settings.params, &l->input, e);
}

static int lock_images(struct locking *l, const struct image_globals *g, bool only_check, struct err *e)
{
	cleanup_free char *path = NULL;
	bool changed = false;
	int r = open_all(l, g, e);

	if (r == 0)
		r = make_lock(l, e);
	if (r < 0)
		return r;
	path = build_lock_path(&l->input);
	if (!path)
		return no_memory(e);
	if (only_check)
		return check_lock(l, path, e);
	r = build_lock_write(&l->input, &l->lock, &changed, e);
	if (r == 0)
		(void)printf("%s: %zu image%s%s\n", path, l->lock.len, l->lock.len == 1 ? "" : "s",
			     changed ? "" : ", as before");
	return r;
}

int image_lock(int argc, char **argv, const struct image_globals *g)
{
	struct lock_flags f = { .build.tls_verify = true };
	struct locking *l = calloc(1, sizeof(*l));
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!l)
		return CLI_EXIT_SAMPAN;
	if (!cli_options(&COMMAND, argc, argv, &f, &n, &code)) {
		free(l);
		return code;
	}
	l->flags = &f.build;
	l->context = n > 0 ? argv[1] : ".";
	l->build = BUILD_EMPTY;
	l->signals_fd = -1;
	r = image_watch_signals(&l->signals_fd, &e);
	if (r == 0)
		r = lock_images(l, g, f.check, &e);
	code = cli_end_output(image_end(g, r, &e, l->signals_fd));
	locking_done(l);
	free(l);
	build_flags_done(&f.build);
	return code;
}
