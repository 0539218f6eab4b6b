/* SPDX-License-Identifier: Apache-2.0 */
/* sampan pull */
#include <stdio.h>
#include <stdlib.h>
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
#include "pull/search.h"
#include "pull/transport.h"
#include "store/store.h"
#include "store/image_event.h"

struct pull_flags {
	bool all_tags, quiet, tls_verify, keep_previous, keep_blobs, check_space;
	const char *platform, *auth_file;
	struct opt_u64 jobs, max_layer_size;
};

#define FLAG(member) offsetof(struct pull_flags, member)
static const struct option_def OPTIONS[] = {
	{ "all-tags", 'a', OPTION_BOOL, FLAG(all_tags), NULL, "Pull all tags of a repository" },
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

/* What all pulls of one command share. */
struct session {
	const struct image_globals *globals;
	const struct pull_flags *flags;
	struct store *store;
	struct pull_options options;
};

static int pull_one(const struct session *s, const char *text, struct err *e)
{
	cleanup_pull_result struct pull_result result = { 0 };
	struct pull_options o = s->options;
	struct progress progress;
	int r;

	progress_init(&progress, stderr);
	if (!s->flags->quiet)
		o.observer = image_pull_observer(&progress);
	r = pull_image(s->store, text, &o, &result, e);
	progress_draw(&progress, true);
	progress_done(&progress);
	if (r < 0)
		return r;
	if (result.names.len > 0)
		image_event_of(s->store, s->globals->state_dir, "pull", result.names.items[0]);
	print_result(&result, s->flags->quiet);
	if (result.names.len > 0)
		image_pulled(s->globals, result.names.items[0]);
	return 0;
}

/* --- all tags --- */

static const char *without_transport(const char *text)
{
	return strncmp(text, "docker://", 9) == 0 ? text + 9 : text;
}

/* Behind the last '/' a ':' is a tag's. */
static int check_repository(const char *text, struct err *e)
{
	cleanup_transport struct transport t = { 0 };
	const char *slash = strrchr(text, '/');
	int r = transport_parse(text, &t, e);

	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", text);
	if (t.kind != TRANSPORT_REGISTRY)
		return err_set(e, -EINVAL, "--all-tags is for repositories of registries, which '%s' is not",
			       text);
	if (strpbrk(slash ? slash : text, ":@"))
		return err_set(e, -EINVAL, "--all-tags takes a name without a tag or digest, not '%s'",
			       without_transport(text));
	return 0;
}

/* One after the other, and as docker does up to the first that fails. */
static int pull_tags(const struct session *s, const char *text, struct err *e)
{
	const struct search_options o = { .tls_verify = s->options.tls_verify,
					  .auth_file = s->options.auth_file,
					  .limit = SEARCH_LIMIT_MAX,
					  .cancel_fd = s->options.cancel_fd };
	cleanup_strvec struct strvec tags = { 0 };
	cleanup_free char *name = NULL;
	int r = search_tags(without_transport(text), &o, &name, &tags, e);

	if (r == 0 && tags.len == 0)
		r = err_set(e, -ENOENT, "'%s' has no tags", name);
	if (r == 0 && tags.len == SEARCH_LIMIT_MAX)
		r = err_set(e, -EFBIG, "'%s' has %d tags or more (pull those that you need)", name,
			    SEARCH_LIMIT_MAX);
	for (size_t i = 0; r == 0 && i < tags.len; i++) {
		cleanup_free char *tagged = NULL;

		if (asprintf(&tagged, "%s:%s", name, tags.items[i]) < 0) {
			tagged = NULL;
			return err_code(e, -ENOMEM, "cannot name an image");
		}
		r = pull_one(s, tagged, e);
	}
	return r;
}

static int run(const char *text, struct session *s)
{
	cleanup_store struct store *store = NULL;
	cleanup_fd int signals = -1;
	struct err e = { 0 };
	int r = image_watch_signals(&signals, &e);

	s->options.cancel_fd = signals;
	if (r == 0)
		r = store_open(s->globals->root, &store, &e);
	s->store = store;
	if (r == 0)
		r = s->flags->all_tags ? pull_tags(s, text, &e) : pull_one(s, text, &e);
	return image_end(s->globals, r, &e, signals);
}

int image_pull(int argc, char **argv, const struct image_globals *g)
{
	struct pull_flags f = { .tls_verify = true, .check_space = true };
	struct session s = { .globals = g, .flags = &f, .options.cancel_fd = -1 };
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&PULL, argc, argv, &f, &n, &code))
		return code;
	r = options_of(&f, &s.options, &e);
	if (r == 0 && f.all_tags)
		r = check_repository(argv[1], &e);
	return r < 0 ? image_refuse(g, &e) : run(argv[1], &s);
}
