/* SPDX-License-Identifier: Apache-2.0 */
/* sampan push */
#include <stdio.h>
#include <string.h>

#include "cli/image_leaving.h"
#include "cli/image_main.h"
#include "cli/image_signals.h"
#include "cli/image_transfer.h"
#include "cli/progress.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/push.h"
#include "store/image.h"
#include "store/store.h"

struct push_flags {
	bool quiet, tls_verify, all_tags, force;
	const char *auth_file, *digest_file, *format, *platform;
	const struct platform *wanted; /* what --platform says; NULL: nothing */
	struct opt_u64 level, jobs;
};

#define FLAG(member) offsetof(struct push_flags, member)
static const struct option_def OPTIONS[] = {
	{ "all-tags", 'a', OPTION_BOOL, FLAG(all_tags), NULL, "Push all tags of a repository" },
	{ "authfile", 0, OPTION_STRING, FLAG(auth_file), "path",
	  "Take credentials from here (default $REGISTRY_AUTH_FILE, or auth.json and docker's config.json)" },
	{ "compression-format", 0, OPTION_STRING, FLAG(format), "string",
	  "Compress all layers with gzip or zstd[:LEVEL] (default: gzip, where there is need)" },
	{ "compression-level", 0, OPTION_U64, FLAG(level), "int", "1 to 9 for gzip, 1 to 20 for zstd" },
	{ "digestfile", 0, OPTION_STRING, FLAG(digest_file), "path",
	  "Write the digest of the manifest there" },
	{ "force-compression", 0, OPTION_BOOL, FLAG(force), NULL,
	  "With --compression-format: also layers that the registry has already, compressed otherwise "
	  "(default true)" },
	{ "jobs", 0, OPTION_U64, FLAG(jobs), "int", "Layers to push at a time (default 3)" },
	{ "platform", 0, OPTION_STRING, FLAG(platform), "string",
	  "Push the image for this platform alone: OS/ARCH[/VARIANT] (default: all that the name stands "
	  "for)" },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "Print only the image's name" },
	{ "tls-verify", 0, OPTION_BOOL, FLAG(tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate (default true)" },
	{ 0 },
};

static const struct command_def PUSH = {
	.name = "sampan push",
	.usage = "[OPTIONS] IMAGE [[docker://]REF]",
	.summary = "Upload an image to a registry",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 2,
};

/* What goes where, in pairs. */
struct push_list {
	struct strvec sources, targets;
};

static void push_list_done(struct push_list *l)
{
	strvec_done(&l->sources);
	strvec_done(&l->targets);
}
#define cleanup_push_list __attribute__((cleanup(push_list_done)))

static const char *without_transport(const char *text)
{
	return strncmp(text, "docker://", 9) == 0 ? text + 9 : text;
}

static int add_pair(struct push_list *l, const char *source, char *target, struct err *e)
{
	int r = strvec_take(&l->targets, target);

	if (r == 0)
		r = strvec_add(&l->sources, source);
	return r < 0 ? err_code(e, -ENOMEM, "cannot list images") : 0;
}

/* An image that was named by its ID goes under the first of its names. */
static int list_one(const struct store *s, const char *source, const char *target, const struct push_flags *f,
		    struct push_list *l, struct err *e)
{
	cleanup_leaving struct leaving leaving = { 0 };
	cleanup_reference struct reference ref = { 0 };
	int r = leaving_find(s, source, f->wanted, &leaving, e);

	if (r == 0)
		r = reference_parse(target ? target : leaving.record.name, &ref, e);
	return r < 0 ? r : add_pair(l, source, reference_canonical(&ref), e);
}

static bool is_of(const struct image_record *record, const struct reference *repository)
{
	cleanup_reference struct reference ref = { 0 };
	struct err ignored; /* a name that is none is no tag of ours */

	return reference_parse(record->name, &ref, &ignored) == 0 && ref.tag && !digest_is_set(&ref.digest) &&
	       strcmp(ref.domain, repository->domain) == 0 && strcmp(ref.path, repository->path) == 0;
}

static int list_tags(const struct store *s, const char *name, struct push_list *l, struct err *e)
{
	cleanup_reference struct reference repository = { 0 };
	struct image_record *items = NULL;
	size_t len = 0, damaged = 0;
	int r = reference_parse(name, &repository, e);

	if (r == 0 && strrchr(name, ':') && !strchr(strrchr(name, ':'), '/'))
		r = err_set(e, -EINVAL, "--all-tags takes a name without a tag");
	if (r == 0)
		r = image_list(s, &items, &len, &damaged, e);
	for (size_t i = 0; r == 0 && i < len; i++)
		if (is_of(&items[i], &repository))
			r = add_pair(l, items[i].name, strdup(items[i].name), e);
	image_list_free(items, len);
	if (r == 0 && l->sources.len == 0)
		r = err_set(e, -ENOENT, "no image of '%s' has a tag", name);
	return r;
}

static void tell_before(const struct reference *ref, const char *source, const struct leaving *l)
{
	(void)fprintf(stderr, "The push refers to repository [%s/%s]\n", ref->domain, ref->path);
	if (leaving_note(l))
		(void)fprintf(stderr, "%s: %s\n", source, leaving_note(l));
}

static int push_one(const struct store *s, struct leaving *l, const char *source, const char *target,
		    const struct push_flags *f, const struct push_options *o, struct progress *progress,
		    struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *familiar = NULL;
	struct push_result result = { 0 };
	int r = reference_parse(target, &ref, e);

	familiar = r == 0 ? reference_familiar_name(&ref) : NULL;
	if (r == 0 && !f->quiet)
		tell_before(&ref, source, l);
	if (r == 0)
		r = leaving_push(s, l, target, o, &result, e);
	progress_draw(progress, true);
	if (r < 0)
		return r;
	if (result.is_changed && !f->quiet)
		(void)fprintf(stderr,
			      "%s: layers were packed anew, so the registry has the image under another "
			      "digest than it has here\n",
			      familiar ? familiar : target);
	if (f->quiet)
		(void)printf("%s\n", target);
	else
		(void)printf("%s: digest: %s size: %llu\n", ref.tag, result.digest.text,
			     (unsigned long long)result.size_bytes);
	return f->digest_file ? image_write_digest(f->digest_file, &result.digest, e) : 0;
}

static int push_all(const struct store *s, const char *state_dir, const struct push_list *l,
		    const struct push_flags *f, const struct push_options *o, struct err *e)
{
	struct push_options shown;
	struct progress progress;
	int r = 0;

	progress_init(&progress, stderr);
	shown = image_transfer_shown(o, &progress, f->quiet);
	for (size_t i = 0; r == 0 && i < l->sources.len; i++) {
		cleanup_leaving struct leaving leaving = { 0 };
		const char *source = l->sources.items[i];
		char *target = l->targets.items[i];

		r = leaving_find(s, source, f->wanted, &leaving, e);
		if (r == 0)
			r = push_one(s, &leaving, source, target, f, &shown, &progress, e);
		if (r == 0)
			leaving_event(s, state_dir, &leaving, "push", target);
	}
	progress_done(&progress);
	return r;
}

static int run(int argc, char **argv, const struct push_flags *f, struct push_options *o,
	       const struct image_globals *g)
{
	cleanup_push_list struct push_list list = { 0 };
	cleanup_store struct store *s = NULL;
	cleanup_fd int signals = -1;
	struct err e = { 0 };
	int r = image_watch_signals(&signals, &e);

	o->cancel_fd = signals;
	if (r == 0)
		r = store_open(g->root, &s, &e);
	if (r == 0 && f->all_tags)
		r = list_tags(s, argv[1], &list, &e);
	else if (r == 0)
		r = list_one(s, argv[1], argc > 1 ? without_transport(argv[2]) : NULL, f, &list, &e);
	if (r == 0)
		r = push_all(s, g->state_dir, &list, f, o, &e);
	return image_end(g, r, &e, signals);
}

int image_push(int argc, char **argv, const struct image_globals *g)
{
	struct push_flags f = { .tls_verify = true, .force = true };
	struct compression_flags compression;
	struct push_options o = { .cancel_fd = -1 };
	struct platform wanted = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&PUSH, argc, argv, &f, &n, &code))
		return code;
	o.tls_verify = f.tls_verify;
	o.auth_file = f.auth_file;
	compression =
		(struct compression_flags){ .format = f.format, .level = f.level, .no_force = !f.force };
	r = image_transfer_options(&compression, f.jobs, &o, &e);
	o.compress_tars = true; /* what was made here is no more than a tar; registries are sent gzip */
	if (r == 0 && f.platform)
		r = platform_parse(f.platform, &wanted, &e);
	f.wanted = f.platform ? &wanted : NULL;
	if (r == 0 && f.all_tags && n > 1)
		r = err_set(&e, -EINVAL, "--all-tags takes no other name to push to");
	if (r < 0)
		return image_refuse(g, &e);
	return run(n, argv, &f, &o, g);
}
