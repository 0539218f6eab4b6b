/* SPDX-License-Identifier: Apache-2.0 */
/* sampan load */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/image_main.h"
#include "cli/image_pull.h"
#include "cli/image_signals.h"
#include "cli/image_spool.h"
#include "cli/progress.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/load.h"
#include "pull/pull.h"
#include "store/layer.h"
#include "store/store.h"
#include "store/image_event.h"

#define SPOOL_NAME "image" /* what an image without a name is called after */

struct load_flags {
	bool quiet;
	const char *input;
};

#define FLAG(member) offsetof(struct load_flags, member)
static const struct option_def OPTIONS[] = {
	{ "input", 'i', OPTION_STRING, FLAG(input), "file",
	  "Read from there: an archive, or a directory with an OCI layout (default: standard input)" },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "Show no progress" },
	{ 0 },
};

static const struct command_def LOAD = {
	.name = "sampan load",
	.usage = "[OPTIONS]",
	.summary = "Read images from an archive",
	.options = OPTIONS,
};

/* --- where it is ----------------------------------------------------------------------------------------------- */

static int spool(const struct store *s, const struct staging *st, int cancel_fd, char **ret_path,
		 struct err *e)
{
	cleanup_fd int fd = openat(st->fd, SPOOL_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot make a temporary file");
	r = image_spool(fd, cancel_fd, e);
	if (r < 0)
		return r;
	if (asprintf(ret_path, "%s/staging/%s/" SPOOL_NAME, store_root_path(s), st->name) < 0)
		return err_code(e, -ENOMEM, "cannot load");
	return 0;
}

/* A colon would end the path where a transport is named: such a file gets another name for the while. */
static int without_colon(const struct store *s, const struct staging *st, const char *path, char **ret_path,
			 struct err *e)
{
	cleanup_free char *whole = realpath(path, NULL), *out = NULL;

	if (!whole)
		return err_errno(e, "cannot open '%s'", path);
	if (!strchr(path, ':')) {
		*ret_path = strdup(path);
		return *ret_path ? 0 : err_code(e, -ENOMEM, "cannot load");
	}
	if (symlinkat(whole, st->fd, SPOOL_NAME) < 0)
		return err_errno(e, "cannot make a temporary link");
	if (asprintf(&out, "%s/staging/%s/" SPOOL_NAME, store_root_path(s), st->name) < 0)
		return err_code(e, -ENOMEM, "cannot load");
	*ret_path = ptr_take(out);
	return 0;
}

/* --- the command ----------------------------------------------------------------------------------------------- */

static int print_names(const struct pull_result *result, struct err *e)
{
	for (size_t i = 0; i < result->names.len; i++) {
		cleanup_reference struct reference ref = { 0 };
		cleanup_free char *familiar = NULL;

		if (reference_parse(result->names.items[i], &ref, e) == 0)
			familiar = reference_familiar(&ref);
		if (!familiar)
			return err_code(e, -ENOMEM, "cannot name an image");
		(void)printf("Loaded image: %s\n", familiar);
	}
	return 0;
}

static int load_all(const struct store *s, const char *state_dir, const char *path,
		    const struct pull_options *o, struct err *e)
{
	cleanup_strvec struct strvec images = { 0 };
	int r = load_list(s, path, o->cancel_fd, &images, e);

	for (size_t i = 0; r == 0 && i < images.len; i++) {
		cleanup_pull_result struct pull_result result = { 0 };

		r = pull_image(s, images.items[i], o, &result, e);
		if (o->observer.arg)
			progress_draw(o->observer.arg, true);
		if (r == 0 && result.names.len > 0)
			image_event_of(s, state_dir, "load", result.names.items[0]);
		if (r == 0)
			r = print_names(&result, e);
	}
	return r;
}

static int load(const struct store *s, const char *state_dir, const struct load_flags *f, int cancel_fd,
		struct err *e)
{
	struct pull_options o = { .cancel_fd = cancel_fd, .any_platform = true };
	struct staging st = { .fd = -1 };
	cleanup_free char *path = NULL;
	struct progress progress;
	int r = staging_begin(s, &st, e);

	progress_init(&progress, stderr);
	if (!f->quiet)
		o.observer = image_pull_observer(&progress);
	if (r == 0)
		r = f->input ? without_colon(s, &st, f->input, &path, e) : spool(s, &st, cancel_fd, &path, e);
	if (r == 0)
		r = load_all(s, state_dir, path, &o, e);
	if (r < 0 && r != -EINTR)
		(void)err_wrap(e, "cannot load %s", f->input ? f->input : "standard input");
	progress_done(&progress);
	staging_end(s, &st);
	return r;
}

int image_load(int argc, char **argv, const struct image_globals *g)
{
	struct load_flags f = { 0 };
	cleanup_store struct store *s = NULL;
	cleanup_fd int signals = -1;
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&LOAD, argc, argv, &f, &n, &code))
		return code;
	if (f.input && strcmp(f.input, "-") == 0)
		f.input = NULL;
	if (!f.input && isatty(STDIN_FILENO)) {
		(void)err_set(&e, -EINVAL,
			      "cannot read an archive from a terminal (use -i, or redirect the input)");
		return image_refuse(g, &e);
	}
	r = image_watch_signals(&signals, &e);
	if (r == 0)
		r = store_open(g->root, &s, &e);
	if (r == 0)
		r = load(s, g->state_dir, &f, signals, &e);
	return image_end(g, r, &e, signals);
}
