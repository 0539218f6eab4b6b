/* SPDX-License-Identifier: Apache-2.0 */
/* sampan build */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build/build_image.h"
#include "build/squash.h"
#include "build/tree_view.h"
#include "cli/build_attest.h"
#include "cli/build_cache.h"
#include "cli/build_flags.h"
#include "cli/build_input.h"
#include "cli/build_lock.h"
#include "cli/build_output.h"
#include "cli/build_progress.h"
#include "cli/build_report.h"
#include "cli/build_settings.h"
#include "cli/image_main.h"
#include "cli/image_pull.h"
#include "cli/image_signals.h"
#include "cli/image_transfer.h"
#include "cli/terminal_text.h"
#include "common/cleanup.h"
#include "pull/manifest_list.h"
#include "store/build_cache.h"
#include "store/image_event.h"

#define EXPORTED "localhost/exported" /* what an image is called that is written to files only */

/* All that one command holds. */
struct building {
	const struct build_flags *flags;
	const struct image_globals *globals;
	const char *context;
	int signals_fd;
	struct build_settings settings;
	struct build_outputs outputs;
	struct store *store;
	struct build build;
	struct build_input input;
	struct base_images bases;
	struct build_caches cache_from, cache_to;
	struct cache_steps steps; /* for cache_to */
	struct lock_pins pins;    /* of --locked */
	struct build_warnings warnings;
	struct progress pulls; /* and pushes */
	struct build_image images[BUILD_PLATFORMS_MAX];
	size_t images_len;
	struct descriptor attested[BUILD_PLATFORMS_MAX]; /* what is said of them */
	size_t attested_len;
	struct strvec bound; /* names that they are bound to: the outputs', or one of our own until the end */
	struct image_index index; /* of several, or of one and what is said of it */
	char started[TIMESTAMP_MAX];
	struct build_summary summary;
	bool is_new; /* a step was made */
};

static void building_done(struct building *b)
{
	for (size_t i = 0; i < b->images_len; i++)
		build_image_done(&b->images[i]);
	for (size_t i = 0; i < b->attested_len; i++)
		descriptor_done(&b->attested[i]);
	image_index_done(&b->index);
	strvec_done(&b->bound);
	build_warnings_done(&b->warnings);
	base_images_done(&b->bases);
	build_caches_done(&b->cache_from);
	build_caches_done(&b->cache_to);
	cache_steps_done(&b->steps);
	lock_pins_done(&b->pins);
	build_input_done(&b->input);
	if (b->build.store)
		build_close(&b->build);
	progress_done(&b->pulls);
	build_outputs_done(&b->outputs);
	build_settings_done(&b->settings);
	store_close(b->store);
	cleanup_fd_fn(&b->signals_fd);
}

/* --- one platform --------------------------------------------------------------------------------------- */

static void on_pull(void *arg, const char *reference, const struct platform *p)
{
	const struct building *b = arg;
	char text[3 * PLATFORM_FIELD_MAX];

	platform_format(p, text);
	if (!b->flags->quiet)
		(void)fprintf(stderr, "pulling %s for %s\n", reference, text);
}

static void set_bases(struct building *b)
{
	b->bases = (struct base_images){ .store = b->store,
					 .pull = (enum base_pull)b->flags->pull,
					 .options = { .tls_verify = b->flags->tls_verify,
						      .auth_file = b->flags->auth_file,
						      .check_space = true,
						      .cancel_fd = b->signals_fd },
					 .pin = b->flags->locked ? lock_pin : NULL,
					 .pin_arg = &b->pins,
					 .begun = on_pull,
					 .begun_arg = b };
	if (!b->flags->quiet)
		b->bases.options.observer = image_pull_observer(&b->pulls);
}

/* `target` NULL: nobody has asked for a platform. */
static int make_plan(struct building *b, const struct platform *target, bool warns, struct build_plan *ret,
		     struct err *e)
{
	const struct build_flags *f = b->flags;
	const struct build_plan_options o = { .build_args = &b->settings.args,
					      .labels = &f->labels,
					      .contexts = &f->contexts,
					      .target = f->target,
					      .build_platform = b->settings.own,
					      .target_platform = target ? *target : b->settings.own,
					      .platform_is_implicit = !target,
					      .all_stages = f->check && !f->target,
					      .ignore = build_input_ignore(&b->input),
					      .base = base_images_config,
					      .base_arg = &b->bases,
					      .warn = warns ? build_warnings_add : NULL,
					      .warn_arg = &b->warnings };

	return build_plan_make(&b->input.dockerfile, &o, ret, e);
}

static void show_failure(const struct building *b, const struct build_plan *plan,
			 const struct build_failure *failure)
{
	const struct dockerfile_instruction *i;

	if (!failure->set)
		return;
	i = plan->stages[failure->stage].steps[failure->step].instruction;
	if (i)
		build_excerpt(stderr, &b->input.dockerfile, i->first_line, i->last_line);
}

static int attest(struct building *b, const struct build_plan *plan, const struct build_result *result,
		  struct err *e)
{
	const struct build_attested a = { .flags = b->flags,
					  .plan = plan,
					  .result = result,
					  .image = &b->images[b->images_len - 1],
					  .bases = &b->bases,
					  .dockerfile = &b->input.dockerfile,
					  .input = &b->input,
					  .context = b->context,
					  .params = &b->settings.params,
					  .args = &b->settings.args,
					  .names = &b->outputs.names,
					  .own = b->settings.own,
					  .started = b->started };
	int r;

	if (!b->flags->attest.provenance && !b->flags->attest.sbom)
		return 0;
	r = build_attest(&b->build, &a, &b->attested[b->attested_len], e);
	b->attested_len += r == 0;
	return r;
}

static int keep_result(struct building *b, const struct build_plan *plan, struct build_result *result,
		       struct err *e)
{
	const int64_t *epoch = plan->has_epoch ? &plan->epoch : NULL;
	bool several = b->settings.platforms_len > 1;
	int r = b->flags->squash ? build_squash(&b->build, result, epoch, e) : 0;

	if (r == 0 && b->outputs.makes) {
		r = build_image_make(&b->build, result, &b->outputs.annotations, &b->images[b->images_len],
				     e);
		b->images_len += r == 0;
		if (r == 0)
			r = attest(b, plan, result, e);
	}
	return r < 0 ? r : build_output_files(&b->outputs, &b->build, result, epoch, several, e);
}

static int execute(struct building *b, const struct build_plan *plan, struct err *e)
{
	cleanup_build_progress struct build_progress progress = { .out = stderr,
								  .mode = b->flags->progress,
								  .quiet = b->flags->quiet };
	cleanup_build_result struct build_result result = { 0 };
	struct build_failure failure = { 0 };
	int r = build_progress_begin(&progress, plan, e);

	if (r < 0)
		return r;
	b->settings.params.observer = build_progress_observer(&progress);
	r = build_execute(&b->build, plan, &b->bases, &b->settings.params, &result, &failure, e);
	if (r < 0) {
		show_failure(b, plan, &failure);
		return r == -EINTR ? r : err_wrap(e, "failed to solve");
	}
	b->is_new = b->is_new || result.is_new;
	r = build_cache_label(&result, build_caches_have_inline(&b->cache_to), e);
	if (r == 0 && b->cache_to.len > 0)
		r = cache_steps_add(&b->steps, &result, e);
	return r < 0 ? r : keep_result(b, plan, &result, e);
}

static int build_platform(struct building *b, const struct platform *target, bool is_first, struct err *e)
{
	cleanup_build_plan struct build_plan plan = { 0 };
	int r = make_plan(b, target, is_first, &plan, e);

	return r < 0 || b->flags->check ? r : execute(b, &plan, e);
}

static int import_caches(struct building *b, struct err *e)
{
	const struct build_settings *s = &b->settings;
	struct pull_options o = b->bases.options;
	int r = 0;

	if (b->cache_from.len == 0 || b->flags->check)
		return 0;
	for (size_t i = 0; r == 0 && i < (s->platforms_len ? s->platforms_len : 1); i++) {
		o.has_platform = true;
		o.platform = s->platforms_len ? s->platforms[i] : s->own;
		r = build_caches_import(&b->build, &b->cache_from, &o, b->flags->quiet, e);
	}
	return r;
}

static int build_platforms(struct building *b, struct err *e)
{
	const struct build_settings *s = &b->settings;
	int r = 0;

	if (s->platforms_len == 0)
		return build_platform(b, NULL, true, e);
	for (size_t i = 0; r == 0 && i < s->platforms_len; i++)
		r = build_platform(b, &s->platforms[i], i == 0, e);
	return r;
}

/* --- what comes of it ----------------------------------------------------------------------------------- */

static bool has_index(const struct building *b)
{
	return b->images_len + b->attested_len > 1;
}

static int bind(struct building *b, struct err *e)
{
	struct build_outputs *o = &b->outputs;
	int r;

	b->summary.id = b->images[0].record.config;
	b->summary.digest = b->images[0].record.manifest;
	for (size_t i = 0; i < b->images_len; i++)
		b->images[i].is_temporary = !o->keeps;
	r = o->keeps ? strvec_add_all(&b->bound, &o->names)
		     : strvec_addf(&b->bound, EXPORTED ":%d", (int)getpid());
	if (r < 0)
		return err_code(e, r, "cannot name an image");
	if (!has_index(b))
		return build_image_bind(&b->build, &b->images[0], &b->bound, e);
	r = build_index_bind(&b->build, b->images, b->images_len, b->attested, b->attested_len,
			     &o->index_annotations, &b->bound, &b->index, &b->summary.digest, e);
	if (b->images_len > 1)
		b->summary.id = b->summary.digest; /* BuildKit's iidfile has it, too */
	return r;
}

static struct push_options push_options(struct building *b)
{
	const struct push_options o = { .tls_verify = b->flags->tls_verify,
					.auth_file = b->flags->auth_file,
					.cancel_fd = b->signals_fd,
					.anew = b->outputs.has_compression,
					.compress_tars = true, /* what was made here; bases go as they were */
					.compression =
						b->outputs.has_compression
							? b->outputs.compression
							: (struct compression){ .kind = COMPRESSION_GZIP } };

	return image_transfer_shown(&o, &b->pulls, b->flags->quiet);
}

static int push_index(struct building *b, const char *name, struct push_result *ret, struct err *e)
{
	const struct manifest_list_push o = { .stored = push_options(b),
					      .copy = { .target_tls_verify = b->flags->tls_verify,
							.target_auth_file = b->flags->auth_file,
							.cancel_fd = b->signals_fd } };
	cleanup_transport struct transport target = { 0 };
	cleanup_image_index struct image_index index = { 0 };
	int r = transport_parse(name, &target, e);

	if (r == 0)
		r = build_index_copy(&b->index, &index, e);
	return r < 0 ? r : manifest_list_push(b->store, &index, &target, &o, ret, e);
}

static int push(struct building *b, const char *name, struct err *e)
{
	const struct push_options o = push_options(b);
	struct push_result result = { 0 };
	int r;

	if (!b->flags->quiet)
		(void)fprintf(stderr, "pushing %s\n", name);
	if (!has_index(b))
		r = push_image(b->store, name, name, &o, &result, e);
	else
		r = push_index(b, name, &result, e);
	progress_draw(&b->pulls, true);
	if (r < 0)
		return r;
	b->summary.digest = result.digest; /* as its registry has it */
	image_event_of(b->store, b->globals->state_dir, "push", name);
	return 0;
}

static int export_caches(struct building *b, struct err *e)
{
	struct push_options o = push_options(b);

	o.anew = false;
	o.compression = (struct compression){ .kind = COMPRESSION_GZIP };
	return build_caches_export(&b->build, &b->steps, &b->cache_to, &o, b->flags->quiet, e);
}

/* What is in no output stays no longer than these need it: it has no names but ours then. */
static void forget(struct building *b)
{
	struct err ignored;

	for (size_t i = 0; has_index(b) && i < b->images_len; i++) {
		char name[sizeof(EXPORTED) + DIGEST_TEXT_MAX + 2];

		(void)snprintf(name, sizeof(name), EXPORTED "@%s", b->images[i].record.manifest.text);
		IGNORE_RESULT(image_unbind(b->store, name, &ignored));
	}
	for (size_t i = 0; i < b->bound.len; i++)
		IGNORE_RESULT(image_unbind(b->store, b->bound.items[i], &ignored));
}

static int deliver(struct building *b, struct err *e)
{
	struct build_outputs *o = &b->outputs;
	const struct push_options push_o = push_options(b);
	int r = bind(b, e);

	for (size_t i = 0; r == 0 && o->keeps && i < b->bound.len; i++)
		image_event_of(b->store, b->globals->state_dir, "build", b->bound.items[i]);
	if (r == 0)
		r = build_output_archives(o, b->store, b->bound.items[0], has_index(b) ? &b->index : NULL,
					  &push_o, e);
	for (size_t i = 0; r == 0 && o->push && i < o->names.len; i++)
		r = push(b, o->names.items[i], e);
	if (!o->keeps)
		forget(b);
	b->summary.names = o->keeps ? &b->bound : &o->names;
	return r < 0 ? r : build_summary_tell(&b->summary, b->flags, e);
}

/* The next build has room: a cache that cannot be trimmed is only larger than it should be. */
static void trim(struct building *b)
{
	struct build_cache_policy policy;
	uint64_t freed = 0;
	struct err ignored;

	build_close(&b->build);
	b->build = BUILD_EMPTY;
	if (b->is_new && build_cache_policy_default(b->store, &policy, &ignored) == 0)
		IGNORE_RESULT(build_cache_trim(b->store, &policy, NULL, &freed, &ignored));
}

/* --- the command ---------------------------------------------------------------------------------------- */

/* What the flags say. */
static int read_flags(struct building *b, struct err *e)
{
	int r = build_settings_read(b->flags, &b->settings, e);

	if (r == 0)
		r = build_cache_from_parse(&b->flags->cache_from, &b->cache_from, e);
	if (r == 0)
		r = build_cache_to_parse(&b->flags->cache_to, &b->cache_to, e);
	return r < 0 ? r : build_outputs_read(b->flags, &b->outputs, e);
}

static int begin(struct building *b, struct err *e)
{
	struct build_params *p = &b->settings.params;
	int r = tree_view_isolate(e); /* before the store is opened: mounts are cloned by its descriptors */

	p->cancel_fd = b->build.cancel_fd = b->signals_fd;
	if (r == 0)
		r = store_open(b->globals->root, &b->store, e);
	if (r == 0)
		r = build_open(b->store, &b->build, e);
	if (r == 0)
		r = build_ssh_start(&b->settings.secrets, &b->build, e);
	if (r == 0)
		r = build_input_open(b->flags, b->context, &b->build, p, &b->input, e);
	p->folders = b->input.folders;
	p->folders_len = b->input.len;
	return r;
}

static int build(struct building *b, struct err *e)
{
	int r;

	timestamp_now(b->started);
	r = read_flags(b, e);
	if (r == 0)
		r = begin(b, e);
	if (r == 0 && b->flags->locked)
		r = build_lock_read(&b->input, &b->pins, e);
	if (r < 0)
		return r;
	set_bases(b);
	r = import_caches(b, e);
	if (r == 0)
		r = build_platforms(b, e);
	if (r == 0)
		r = build_output_files_end(&b->outputs, &b->build, e);
	if (r == 0 && b->images_len > 0 && !b->flags->check)
		r = deliver(b, e);
	if (r == 0 && !b->flags->check && b->cache_to.len > 0)
		r = export_caches(b, e);
	return r;
}

/* "NAME:LINE:COLUMN: ...": only what is about a place in the Dockerfile has lines of it behind the first newline. */
static bool has_place(const char *text)
{
	size_t len = strcspn(text, ":\n");

	for (int i = 0; i < 2; i++) {
		size_t digits = text[len] == ':' ? strspn(text + len + 1, "0123456789") : 0;

		if (digits == 0)
			return false;
		len += 1 + digits;
	}
	return text[len] == ':';
}

/* Those lines come before the error itself. */
static void show_lines(struct err *e)
{
	char *line = has_place(e->text) ? strchr(e->text, '\n') : NULL;

	if (!line)
		return;
	*line++ = '\0';
	while (line) {
		char *end = strchr(line, '\n');

		terminal_text_put(stderr, line, end ? (size_t)(end - line) : strlen(line));
		(void)fputc('\n', stderr);
		line = end ? end + 1 : NULL;
	}
}

static int run(struct building *b)
{
	struct err e = { 0 };
	int code, r = image_watch_signals(&b->signals_fd, &e);

	if (r == 0)
		r = build(b, &e);
	if (!b->flags->quiet && !b->flags->check)
		build_warnings_show(&b->warnings, stderr);
	if (b->build.store && !b->flags->check)
		trim(b);
	if (r < 0)
		show_lines(&e);
	code = image_end(b->globals, r, &e, b->signals_fd);
	if (r == 0 && b->flags->check)
		code = build_warnings_report(&b->warnings, &b->input.dockerfile, stdout);
	return code;
}

static int check_call(struct build_flags *f, struct err *e)
{
	if (!f->call || strcmp(f->call, "build") == 0)
		return 0;
	if (strncmp(f->call, "check", 5) != 0)
		return err_set(e, -EINVAL, "unsupported frontend method '%s' (there are build and check)",
			       f->call);
	f->check = true;
	return 0;
}

int image_build(int argc, char **argv, const struct image_globals *g)
{
	cleanup_build_flags struct build_flags f = { .tls_verify = true };
	struct building *b;
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&BUILD_COMMAND, argc, argv, &f, &n, &code))
		return code;
	if (check_call(&f, &e) < 0)
		return image_refuse(g, &e);
	b = calloc(1, sizeof(*b));
	if (!b)
		return CLI_EXIT_SAMPAN;
	b->flags = &f;
	b->globals = g;
	b->context = argv[1];
	b->build = BUILD_EMPTY;
	b->signals_fd = -1;
	progress_init(&b->pulls, stderr);
	code = run(b);
	building_done(b);
	free(b);
	return code;
}
