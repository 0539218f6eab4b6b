/* SPDX-License-Identifier: Apache-2.0 */
/* sampan copy */
#include <stdio.h>
#include <string.h>

#include "cli/image_copy_store.h"
#include "cli/image_leaving.h"
#include "cli/image_main.h"
#include "cli/image_output.h"
#include "cli/image_signals.h"
#include "cli/image_transfer.h"
#include "cli/progress.h"
#include "common/cleanup.h"
#include "pull/copy.h"
#include "pull/layout.h"
#include "pull/transport.h"
#include "store/store.h"

struct copy_flags {
	bool all, quiet, preserve_digests, source_tls_verify, target_tls_verify, force;
	const char *platform, *format, *auth_file, *source_auth_file, *target_auth_file, *digest_file;
	struct opt_u64 jobs, level;
};

#define FLAG(member) offsetof(struct copy_flags, member)
static const struct option_def OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, FLAG(all), NULL, "Copy the images of all platforms, and the index" },
	{ "authfile", 0, OPTION_STRING, FLAG(auth_file), "path",
	  "Take credentials from here (default $REGISTRY_AUTH_FILE, or auth.json and docker's config.json)" },
	{ "compression-format", 0, OPTION_STRING, FLAG(format), "string",
	  "Compress layers with gzip, zstd[:LEVEL] or none (default: as they are; tars go to registries as "
	  "gzip)" },
	{ "compression-level", 0, OPTION_U64, FLAG(level), "int", "1 to 9 for gzip, 1 to 20 for zstd" },
	{ "dest-compress-format", 0, OPTION_STRING, FLAG(format), "string",
	  "The same as --compression-format" },
	{ "dest-compress-level", 0, OPTION_U64, FLAG(level), "int", "The same as --compression-level" },
	{ "force-compression", 0, OPTION_BOOL, FLAG(force), NULL,
	  "With --compression-format: also layers that the target has already, compressed otherwise (default "
	  "true)" },
	{ "dest-force-compress-format", 0, OPTION_BOOL, FLAG(force), NULL, "The same" },
	{ "src-authfile", 0, OPTION_STRING, FLAG(source_auth_file), "path", "The same for the source alone" },
	{ "dest-authfile", 0, OPTION_STRING, FLAG(target_auth_file), "path",
	  "The same for the target alone" },
	{ "src-tls-verify", 0, OPTION_BOOL, FLAG(source_tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate of the source (default true)" },
	{ "dest-tls-verify", 0, OPTION_BOOL, FLAG(target_tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate of the target (default true)" },
	{ "digestfile", 0, OPTION_STRING, FLAG(digest_file), "path",
	  "Write the digest of what was copied there" },
	{ "jobs", 0, OPTION_U64, FLAG(jobs), "int", "Layers to copy at a time (default 2)" },
	{ "platform", 0, OPTION_STRING, FLAG(platform), "string",
	  "Copy the image for this platform: OS/ARCH[/VARIANT] (default: what this machine runs best)" },
	{ "preserve-digests", 0, OPTION_BOOL, FLAG(preserve_digests), NULL,
	  "Do not compress tars on their way to a registry" },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "Print only the digest" },
	{ 0 },
};

static const struct command_def COPY = {
	.name = "sampan copy",
	.usage = "[OPTIONS] SOURCE TARGET   (each: [docker://]REF | oci:DIR[:TAG] | oci-archive:FILE[:TAG] | "
		 "docker-archive:FILE[:REF] | containers-storage:NAME)",
	.summary = "Copy an image between registries, files and the store",
	.options = OPTIONS,
	.min_args = 2,
	.max_args = 2,
};

static int compression_of_flags(const struct copy_flags *f, struct copy_options *ret, struct err *e)
{
	const struct compression_flags flags = { .format = f->format,
						 .level = f->level,
						 .no_force = !f->force };
	int r = image_copy_compression(&flags, ret, e);

	if (r == 0 && ret->has_compression && ret->preserve_digests)
		return err_set(e, -EINVAL, "--compression-format and --preserve-digests exclude each other");
	return r;
}

static int options_of(const struct copy_flags *f, struct copy_options *ret, struct err *e)
{
	if (f->jobs.set && (f->jobs.value < 1 || f->jobs.value > TRANSFER_JOBS_MAX))
		return err_set(e, -EINVAL, "--jobs takes a number from 1 to %d", TRANSFER_JOBS_MAX);
	if (f->all && f->platform)
		return err_set(e, -EINVAL, "--all and --platform exclude each other");
	*ret = (struct copy_options){
		.all = f->all,
		.preserve_digests = f->preserve_digests,
		.has_platform = f->platform,
		.source_tls_verify = f->source_tls_verify,
		.target_tls_verify = f->target_tls_verify,
		.source_auth_file = f->source_auth_file ? f->source_auth_file : f->auth_file,
		.target_auth_file = f->target_auth_file ? f->target_auth_file : f->auth_file,
		.jobs = (unsigned int)f->jobs.value,
		.cancel_fd = -1,
	};
	if (f->platform && platform_parse(f->platform, &ret->platform, e) < 0)
		return e->code;
	return compression_of_flags(f, ret, e);
}

/* What one copy works with. */
struct session {
	const struct image_globals *globals;
	const struct store *store;
	struct transport from, to;
	const char *stored; /* the source in place of `from`: an image of the store; NULL: it is none */
	const char *into;   /* the target in place of `to` likewise */
	struct copy_options options;
	bool quiet;
	struct progress progress;
};

static struct progress *shown(struct session *s)
{
	return s->quiet ? NULL : &s->progress;
}

static int bring(struct session *s, struct layout *layout, struct copy_result *ret, struct err *e)
{
	return s->stored ? copy_out_of_store(s->store, s->globals->state_dir, s->stored, &s->to, layout,
					     &s->options, shown(s), ret, e)
			 : copy_image(s->store, &s->from, &s->to, layout, &s->options, ret, e);
}

static int copy_there(struct session *s, struct copy_result *ret, struct err *e)
{
	const struct transport *to = &s->to;
	cleanup_image_output struct image_output out = { .fd = -1 };
	cleanup_layout struct layout *layout = NULL;
	int r = 0;

	if (to->kind == TRANSPORT_OCI_DIR)
		r = layout_open_dir(to->path, &layout, e);
	else if (to->kind != TRANSPORT_REGISTRY)
		r = image_output_open(to->path, &out, e);
	if (r == 0 && to->kind != TRANSPORT_REGISTRY && !layout)
		r = layout_open_archive(out.fd, to->kind, &layout, e);
	if (layout)
		layout_cancel_by(layout, s->options.cancel_fd);
	if (r == 0)
		r = bring(s, layout, ret, e);
	if (r == 0 && layout)
		r = layout_finish(layout, e);
	if (r == 0 && layout && to->kind != TRANSPORT_OCI_DIR)
		r = image_output_commit(&out, e);
	return r;
}

static int parse(const char *text, struct transport *ret, struct err *e)
{
	int r = transport_parse(text, ret, e);

	return r < 0 ? err_wrap(e, "invalid reference '%s'", text) : 0;
}

static int check_compression(const struct transport *to, struct err *e)
{
	if (to->kind == TRANSPORT_DOCKER_ARCHIVE)
		return err_set(e, -EINVAL, "the layers of a docker-archive are not compressed");
	if (to->kind == TRANSPORT_REGISTRY && digest_is_set(&to->reference.digest))
		return err_set(e, -EINVAL,
			       "layers cannot be compressed for a target that is named by its digest");
	return 0;
}

static int parse_both(struct session *s, char **argv, struct err *e)
{
	int r = 0;

	s->stored = leaving_stored_name(argv[1]);
	s->into = leaving_stored_name(argv[2]);
	if (s->into && strncmp(argv[2], MANIFEST_LIST_STORE "@", sizeof(MANIFEST_LIST_STORE)) == 0)
		return err_set(e, -EINVAL, "an image gets a name in the store, not an ID");
	if (!s->stored)
		r = parse(argv[1], &s->from, e);
	if (r == 0 && !s->into)
		r = parse(argv[2], &s->to, e);
	return r == 0 && !s->into && s->options.has_compression ? check_compression(&s->to, e) : r;
}

static int copy(struct session *s, char **argv, struct copy_result *ret, struct err *e)
{
	int r = parse_both(s, argv, e);

	if (r < 0)
		return r;
	progress_init(&s->progress, stderr);
	if (!s->quiet)
		s->options.observer = image_transfer_observer(&s->progress);
	if (s->into)
		r = copy_into_store(s->store, s->globals->state_dir, argv[1], s->into, &s->options, shown(s),
				    ret, e);
	else
		r = copy_there(s, ret, e);
	progress_draw(&s->progress, true);
	progress_done(&s->progress);
	return r < 0 && r != -EINTR ? err_wrap(e, "cannot copy '%s' to '%s'", argv[1], argv[2]) : r;
}

int image_copy(int argc, char **argv, const struct image_globals *g)
{
	struct copy_flags f = { .source_tls_verify = true, .target_tls_verify = true, .force = true };
	struct copy_result result = { 0 };
	cleanup_store struct store *store = NULL;
	cleanup_fd int signals = -1;
	struct session s = { .globals = g };
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&COPY, argc, argv, &f, &n, &code))
		return code;
	if (options_of(&f, &s.options, &e) < 0)
		return image_refuse(g, &e);
	r = image_watch_signals(&signals, &e);
	s.quiet = f.quiet;
	s.options.cancel_fd = signals;
	if (r == 0)
		r = store_open(g->root, &store, &e);
	s.store = store;
	if (r == 0)
		r = copy(&s, argv, &result, &e);
	if (r == 0 && f.digest_file)
		r = image_write_digest(f.digest_file, &result.digest, &e);
	transport_done(&s.from);
	transport_done(&s.to);
	if (r == 0)
		(void)printf(f.quiet ? "%s\n" : "Digest: %s\n", result.digest.text);
	return image_end(g, r, &e, signals);
}
