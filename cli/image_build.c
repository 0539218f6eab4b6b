/* SPDX-License-Identifier: Apache-2.0 */
/* sampan build */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build/build_image.h"
#include "cli/build_flags.h"
#include "cli/build_input.h"
#include "cli/build_progress.h"
#include "cli/build_secrets.h"
#include "cli/image_main.h"
#include "cli/image_name.h"
#include "cli/image_pull.h"
#include "cli/image_signals.h"
#include "cli/run_resources.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "store/image_event.h"

/* All that one command holds. */
struct building {
	const struct build_flags *flags;
	const struct image_globals *globals;
	const char *context;
	int signals_fd;
	struct store *store;
	struct build build;
	struct build_input input;
	struct build_secrets secrets;
	struct base_images bases;
	struct build_plan plan;
	struct build_params params;
	struct build_progress progress;
	struct progress pulls;
	struct strvec args, names;
	struct runtime_spec limits; /* only what RUN's limits are read into */
	struct build_failure failure;
	struct strvec warnings; /* texts, and where they are: */
	uint32_t warning_lines[PLAN_WARNINGS_MAX];
};

static void building_done(struct building *b)
{
	build_progress_done(&b->progress);
	build_plan_done(&b->plan);
	base_images_done(&b->bases);
	build_secrets_done(&b->secrets);
	build_input_done(&b->input);
	if (b->build.store)
		build_close(&b->build);
	progress_done(&b->pulls);
	strvec_done(&b->args);
	strvec_done(&b->names);
	strvec_done(&b->warnings);
	runtime_spec_done(&b->limits);
	store_close(b->store);
	cleanup_fd_fn(&b->signals_fd);
}
#define cleanup_building __attribute__((cleanup(building_done)))

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot build");
}

/* --- what is asked for ---------------------------------------------------------------------------------- */

/* "NAME" alone is our environment's; what that does not have is not given. */
static int read_args(const struct build_flags *f, struct strvec *ret, struct err *e)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int r = 0;

	if (f->timestamp.set)
		r = strvec_addf(ret, "SOURCE_DATE_EPOCH=%lld", (long long)f->timestamp.value);
	else if (epoch && *epoch)
		r = strvec_addf(ret, "SOURCE_DATE_EPOCH=%s", epoch);
	for (size_t i = 0; r == 0 && i < f->build_args.len; i++) {
		const char *text = f->build_args.items[i];
		const char *value = strchr(text, '=') ? NULL : getenv(text);

		if (strchr(text, '='))
			r = strvec_set_env(ret, text);
		else if (value)
			r = strvec_addf(ret, "%s=%s", text, value);
	}
	return r < 0 ? no_memory(e) : 0;
}

static int read_names(const struct build_flags *f, struct strvec *ret, struct err *e)
{
	for (size_t i = 0; i < f->tags.len; i++) {
		cleanup_free char *name = NULL;
		int r = image_name_parse(f->tags.items[i], &name, e);

		if (r < 0)
			return err_wrap(e, "invalid tag \"%s\"", f->tags.items[i]);
		if (strvec_add(ret, name) < 0)
			return no_memory(e);
	}
	return 0;
}

static int read_allow(const struct strvec *allow, struct build_params *p, struct err *e)
{
	for (size_t i = 0; i < allow->len; i++) {
		const char *what = allow->items[i];

		if (strcmp(what, "network.host") == 0)
			p->allow_host_network = true;
		else if (strcmp(what, "security.insecure") == 0)
			p->allow_insecure = true;
		else if (strncmp(what, "device", strlen("device")) == 0)
			p->allow_devices = true;
		else
			return err_set(e, -EINVAL, "invalid argument \"%s\" for \"--allow\" flag: there is no such "
						   "entitlement", what);
	}
	return 0;
}

static int check_network(const char *mode, struct err *e)
{
	static const char *const MODES[] = { "default", "host", "none" };

	for (size_t i = 0; mode && i < ARRAY_LEN(MODES); i++)
		if (strcmp(mode, MODES[i]) == 0)
			return 0;
	return mode ? err_set(e, -EINVAL, "invalid argument \"%s\" for \"--network\" flag: builds have default, "
					  "host and none", mode) : 0;
}

/* The flags of `run`, of a container that is nobody's so far. */
static int read_limits(struct building *b, struct err *e)
{
	struct build_limits *to = &b->params.limits;
	int r = run_flags_check(&b->flags->limits, (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), e);

	b->limits.process = calloc(1, sizeof(*b->limits.process));
	b->limits.linux_.resources = calloc(1, sizeof(*b->limits.linux_.resources));
	if (!b->limits.process || !b->limits.linux_.resources)
		return no_memory(e);
	if (r == 0)
		r = run_resources_apply(&b->flags->limits, &b->limits, e);
	if (r == 0)
		r = check_network(b->flags->network, e);
	to->resources = *b->limits.linux_.resources;
	to->rlimits = b->limits.process->rlimits;
	to->rlimits_len = b->limits.process->rlimits_len;
	to->shm_bytes = b->flags->limits.shm_size.value;
	to->cgroup_parent = b->flags->limits.cgroup_parent;
	to->add_hosts = &b->flags->add_hosts;
	to->network = b->flags->network;
	return r;
}

static int read_flags(struct building *b, struct err *e)
{
	const struct build_flags *f = b->flags;
	int r = read_args(f, &b->args, e);

	if (f->jobs.set && (f->jobs.value < 1 || f->jobs.value > BUILD_JOBS_MAX))
		return err_set(e, -EINVAL, "--jobs takes a number from 1 to %d", BUILD_JOBS_MAX);
	b->params.jobs = (unsigned int)f->jobs.value;
	b->params.no_cache = f->no_cache;
	b->params.no_cache_stages = f->no_cache_filters.len > 0 ? &f->no_cache_filters : NULL;
	if (r == 0)
		r = read_names(f, &b->names, e);
	if (r == 0)
		r = read_allow(&f->allow, &b->params, e);
	if (r == 0)
		r = read_limits(b, e);
	if (r == 0)
		r = build_secrets_read(&f->secrets, &b->secrets, e);
	if (r == 0)
		r = build_ssh_read(&f->ssh, &b->secrets, e);
	return r;
}

/* --- the plan ------------------------------------------------------------------------------------------- */

static void on_warning(void *arg, const struct plan_warning *w)
{
	struct building *b = arg;

	if (b->warnings.len == PLAN_WARNINGS_MAX)
		return;
	b->warning_lines[b->warnings.len] = w->first_line;
	IGNORE_RESULT(w->check < CHECK_COUNT ? strvec_addf(&b->warnings, "%s: %s", check_info(w->check)->name, w->text) :
					       strvec_add(&b->warnings, w->text)); /* only for show */
}

static void on_pull(void *arg, const char *reference, const struct platform *p)
{
	struct building *b = arg;
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
					 .begun = on_pull,
					 .begun_arg = b };
	if (!b->flags->quiet)
		b->bases.options.observer = image_pull_observer(&b->pulls);
}

static void build_platform(struct platform *ret)
{
	struct platform_list list;
	struct machine machine;

	machine_detect(&machine);
	platform_list_for_machine(&machine, &list);
	*ret = list.items[0];
	if (strcmp(ret->architecture, "amd64") == 0)
		ret->variant[0] = '\0'; /* levels are no names of platforms that people use */
}

static int make_plan(struct building *b, const struct platform *target, struct err *e)
{
	const struct build_flags *f = b->flags;
	struct build_plan_options o = { .build_args = &b->args,
					.labels = &f->labels,
					.contexts = &f->contexts,
					.target = f->target,
					.platform_is_implicit = !target,
					.all_stages = f->check && !f->target,
					.ignore = build_input_ignore(&b->input),
					.base = base_images_config,
					.base_arg = &b->bases,
					.warn = on_warning,
					.warn_arg = b };

	build_platform(&o.build_platform);
	o.target_platform = target ? *target : o.build_platform;
	return build_plan_make(&b->input.dockerfile, &o, &b->plan, e);
}

/* --- what comes of it ----------------------------------------------------------------------------------- */

static int write_file(const char *path, const char *text, struct err *e)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot write '%s'", path);
	r = write_all(fd, text, strlen(text));
	return r < 0 ? err_code(e, r, "cannot write '%s'", path) : 0;
}

static int write_metadata(const struct build_flags *f, const struct build_image *image, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(true, CONFIG_MAX_BYTES);
	cleanup_buf struct buf names = BUF_INIT(CONFIG_MAX_BYTES);
	const char *text;
	size_t len;
	int r = 0;

	if (!f->metadata_file)
		return 0;
	for (size_t i = 0; r == 0 && i < image->names.len; i++)
		r = buf_printf(&names, "%s%s", i ? "," : "", image->names.items[i]);
	if (r < 0)
		return no_memory(e);
	json_out_object(o, NULL);
	json_out_string(o, "containerimage.config.digest", image->id.text);
	json_out_string(o, "containerimage.digest", image->manifest.text);
	json_out_string(o, "image.name", names.data);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	return r < 0 ? r : write_file(f->metadata_file, text, e);
}

static int tell(struct building *b, const struct build_image *image, struct err *e)
{
	const struct build_flags *f = b->flags;
	int r = 0;

	for (size_t i = 0; i < image->names.len; i++)
		image_event_of(b->store, b->globals->state_dir, "build", image->names.items[i]);
	if (f->iidfile)
		r = write_file(f->iidfile, image->id.text, e);
	if (r == 0)
		r = write_metadata(f, image, e);
	if (r < 0)
		return r;
	if (f->quiet) {
		(void)printf("%s\n", image->id.text);
		return 0;
	}
	(void)fprintf(stderr, "writing image %s\n", image->id.text);
	for (size_t i = 0; i < image->names.len; i++)
		(void)fprintf(stderr, "naming to %s\n", image->names.items[i]);
	return 0;
}

static void show_failure(const struct building *b)
{
	const struct plan_step *step;

	if (!b->failure.set)
		return;
	step = &b->plan.stages[b->failure.stage].steps[b->failure.step];
	if (step->instruction)
		build_progress_excerpt(stderr, &b->input.dockerfile, step->instruction->first_line,
				       step->instruction->last_line);
}

static int execute(struct building *b, struct err *e)
{
	cleanup_build_result struct build_result result = { 0 };
	cleanup_build_image struct build_image image = { 0 };
	const struct build_image_options o = { .names = &b->names, .annotations = &b->flags->annotations };
	int r = build_progress_begin(&b->progress, &b->plan, e);

	if (r < 0)
		return r;
	b->params.observer = build_progress_observer(&b->progress);
	r = build_execute(&b->build, &b->plan, &b->bases, &b->params, &result, &b->failure, e);
	if (r < 0) {
		show_failure(b);
		return r == -EINTR ? r : err_wrap(e, "failed to solve");
	}
	r = build_image_keep(&b->build, &result, &o, &image, e);
	return r < 0 ? r : tell(b, &image, e);
}

static void show_warnings(const struct building *b)
{
	if (!b->flags->quiet)
		build_progress_warnings(stderr, (const char *const *)b->warnings.items, b->warning_lines,
					b->warnings.len);
}

static int build(struct building *b, struct err *e)
{
	struct platform target;
	int r = store_open(b->globals->root, &b->store, e);

	if (r == 0 && b->flags->platforms.len > 0)
		r = platform_parse(b->flags->platforms.items[0], &target, e);
	if (r == 0)
		r = read_flags(b, e);
	if (r == 0)
		r = build_open(b->store, &b->build, e);
	if (r == 0)
		r = build_input_open(b->flags, b->context, &b->build.staging, b->signals_fd, &b->input, e);
	if (r < 0)
		return r;
	b->params.folders = b->input.folders;
	b->params.folders_len = b->input.len;
	b->params.secrets = b->secrets.secrets;
	b->params.secrets_len = b->secrets.secrets_len;
	b->params.ssh = b->secrets.ssh;
	b->params.ssh_len = b->secrets.ssh_len;
	b->params.cancel_fd = b->signals_fd;
	set_bases(b);
	r = make_plan(b, b->flags->platforms.len > 0 ? &target : NULL, e);
	if (r == 0)
		r = execute(b, e);
	show_warnings(b);
	return r;
}

int image_build(int argc, char **argv, const struct image_globals *g)
{
	cleanup_build_flags struct build_flags f = { .tls_verify = true };
	struct building *b;
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&BUILD_COMMAND, argc, argv, &f, &n, &code))
		return code;
	b = calloc(1, sizeof(*b));
	if (!b)
		return CLI_EXIT_SAMPAN;
	b->flags = &f;
	b->globals = g;
	b->context = argv[1];
	b->build = BUILD_EMPTY;
	b->progress = (struct build_progress){ .out = stderr, .mode = f.progress, .quiet = f.quiet };
	progress_init(&b->pulls, stderr);
	b->signals_fd = -1;
	r = image_watch_signals(&b->signals_fd, &e);
	if (r == 0)
		r = build(b, &e);
	code = image_end(g, r, &e, b->signals_fd);
	building_done(b);
	free(b);
	return code;
}
