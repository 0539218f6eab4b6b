/* SPDX-License-Identifier: Apache-2.0 */
/* sampan pull */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/format.h"
#include "cli/image_main.h"
#include "cli/image_pull.h"
#include "cli/image_signals.h"
#include "cli/progress.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/pull.h"
#include "store/store.h"

struct pull_flags {
	bool quiet, tls_verify, keep_previous, keep_blobs, check_space;
	const char *platform, *auth_file;
	struct opt_u64 jobs, max_layer_size;
};

#define FLAG(member) offsetof(struct pull_flags, member)
static const struct option_def OPTIONS[] = {
	{ "platform", 0, OPTION_STRING, FLAG(platform), "string",
	  "Pull for this platform: OS/ARCH[/VARIANT] (default: what this machine runs best)" },
	{ "tls-verify", 0, OPTION_BOOL, FLAG(tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate (default true)" },
	{ "check-space", 0, OPTION_BOOL, FLAG(check_space), NULL,
	  "Refuse at once what does not seem to fit on the disk (default true)" },
	{ "keep-blobs", 0, OPTION_BOOL, FLAG(keep_blobs), NULL,
	  "Keep the layers as they were downloaded, too (for push and save with the same digests whatever "
	  "made them)" },
	{ "keep-previous", 0, OPTION_BOOL, FLAG(keep_previous), NULL,
	  "Keep the image that the name pointed at before, as NAME@DIGEST" },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "Print only the digest" },
	{ "max-layer-size", 0, OPTION_SIZE, FLAG(max_layer_size), "bytes",
	  "Refuse layers that unpack to more (default 64g)" },
	{ "jobs", 0, OPTION_U64, FLAG(jobs), "int", "Layers to pull at a time (default 2)" },
	{ "authfile", 0, OPTION_STRING, FLAG(auth_file), "path",
	  "Take credentials from here (default $REGISTRY_AUTH_FILE, or auth.json and docker's config.json)" },
	{ 0 },
};

static const struct command_def PULL = {
	.name = "sampan pull",
	.usage = "[OPTIONS] REF | docker://REF | oci:DIR[:TAG] | oci-archive:FILE[:TAG] | "
		 "docker-archive:FILE[:REF]",
	.summary = "Download an image",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

/* --- what happens is shown on stderr --- */

static void on_chosen(void *arg, const struct pull_choice *c)
{
	const struct progress *p = arg;
	char chosen[3 * PLATFORM_FIELD_MAX];
	const char *requested = c->requested ? "--platform asks for it; " : "";

	platform_format(&c->chosen, chosen);
	(void)fprintf(p->out, "%s: choosing %s (%sthis machine: %s/%s%s%s; ", c->name, chosen, requested,
		      c->machine.os, c->machine.architecture, c->machine.variant[0] ? " " : "",
		      c->machine.variant);
	if (c->from_index)
		(void)fprintf(p->out, "the index has %s)\n", c->offered);
	else
		(void)fprintf(p->out, "it is for no other platform)\n");
}

static void on_layers(void *arg, const struct pull_layer *layers, size_t len)
{
	struct progress *p = arg;
	struct err ignored; /* only for show */
	char title[FORMAT_MAX];

	if (progress_begin(p, len, &ignored) < 0)
		return;
	for (size_t i = 0; i < len; i++) {
		format_short_id(layers[i].digest.text, title);
		progress_title(p, i, title, layers[i].size_bytes);
	}
}

static const char *phase_name(enum pull_phase phase)
{
	static const char *const NAMES[] = {
		[PULL_WAITING] = "waiting",      [PULL_DOWNLOADING] = "downloading",
		[PULL_VERIFYING] = "verifying",  [PULL_DOWNLOADED] = "downloaded",
		[PULL_UNPACKING] = "unpacking",  [PULL_DONE] = "done",
		[PULL_PRESENT] = "already here",
	};

	return NAMES[phase];
}

static void on_layer(void *arg, size_t index, enum pull_phase phase, uint64_t done_bytes)
{
	struct progress *p = arg;

	if (index >= p->len)
		return; /* no memory for rows */
	if (!p->on_terminal && (phase == PULL_VERIFYING || phase == PULL_DOWNLOADED))
		return; /* too short-lived for a line */
	progress_update(p, index, phase_name(phase), phase == PULL_DOWNLOADING || phase == PULL_VERIFYING,
			phase >= PULL_DONE, done_bytes);
}

static void on_tick(void *arg)
{
	progress_draw(arg, false);
}

struct pull_observer image_pull_observer(struct progress *p)
{
	return (struct pull_observer){
		.chosen = on_chosen, .layers = on_layers, .layer = on_layer, .tick = on_tick, .arg = p
	};
}

/* --- the command --- */

static void print_result(const struct pull_result *r, bool quiet)
{
	if (quiet) {
		(void)printf("%s\n", r->digest.text);
		return;
	}
	(void)printf("Digest: %s\n", r->digest.text);
	(void)printf(r->was_up_to_date ? "Status: image is up to date for %s\n"
				       : "Status: downloaded newer image for %s\n",
		     r->familiar);
	for (size_t i = 0; i < r->names.len; i++)
		(void)printf("%s\n", r->names.items[i]);
}

static int options_of(const struct pull_flags *f, struct pull_options *ret, struct err *e)
{
	int r;

	ret->tls_verify = f->tls_verify;
	ret->auth_file = f->auth_file;
	ret->keep_previous = f->keep_previous;
	ret->keep_blobs = f->keep_blobs;
	ret->max_layer_bytes = f->max_layer_size.value;
	ret->check_space = f->check_space;
	if (f->jobs.set && (f->jobs.value < 1 || f->jobs.value > PULL_JOBS_MAX))
		return err_set(e, -EINVAL, "--jobs takes a number from 1 to %d", PULL_JOBS_MAX);
	ret->jobs = (unsigned int)f->jobs.value;
	if (!f->platform)
		return 0;
	r = platform_parse(f->platform, &ret->platform, e);
	ret->has_platform = r == 0;
	return r;
}

static int run(const char *text, struct pull_options *o, bool quiet, const struct image_globals *g)
{
	cleanup_store struct store *s = NULL;
	cleanup_pull_result struct pull_result result = { 0 };
	struct progress progress;
	cleanup_fd int signals = -1;
	struct err e = { 0 };
	int r = image_watch_signals(&signals, &e);

	progress_init(&progress, stderr);
	o->cancel_fd = signals;
	if (!quiet)
		o->observer = image_pull_observer(&progress);
	if (r == 0)
		r = store_open(g->root, &s, &e);
	if (r == 0)
		r = pull_image(s, text, o, &result, &e);
	progress_draw(&progress, true);
	progress_done(&progress);
	if (r < 0) {
		(void)image_fail(g, &e);
		return r == -EINTR ? image_exit_of_signal(signals) : CLI_EXIT_FAILED;
	}
	print_result(&result, quiet);
	if (result.names.len > 0)
		image_pulled(g, result.names.items[0]);
	return cli_end_output(0);
}

int image_pull(int argc, char **argv, const struct image_globals *g)
{
	struct pull_flags f = { .tls_verify = true, .check_space = true };
	struct pull_options o = { .cancel_fd = -1 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&PULL, argc, argv, &f, &n, &code))
		return code;
	if (options_of(&f, &o, &e) < 0) {
		(void)image_fail(g, &e);
		return CLI_EXIT_SAMPAN;
	}
	return run(argv[1], &o, f.quiet, g);
}
