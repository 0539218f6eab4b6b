/* SPDX-License-Identifier: Apache-2.0 */
/* sampan fsck */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/format.h"
#include "cli/image_main.h"
#include "common/cleanup.h"
#include "pull/repair.h"
#include "store/fsck.h"
#include "store/store.h"

#define DOCUMENT_MAX_BYTES (64u << 20)

struct fsck_flags {
	bool repair, json, quiet, tls_verify;
	const char *from;
};

#define FLAG(member) offsetof(struct fsck_flags, member)
static const struct option_def OPTIONS[] = {
	{ "format", 0, OPTION_CALL, FLAG(json), "json", "Print JSON", cli_set_format },
	{ "from", 0, OPTION_STRING, FLAG(from), "source",
	  "Where --repair fetches from: docker://REF, oci:DIR, oci-archive:FILE, docker-archive:FILE "
	  "(default: where "
	  "each image's name points)" },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "Print only what is damaged" },
	{ "repair", 0, OPTION_BOOL, FLAG(repair), NULL, "Fetch again what is damaged, and nothing else" },
	{ "tls-verify", 0, OPTION_BOOL, FLAG(tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate (default true)" },
	{ 0 },
};

static const struct command_def FSCK = {
	.name = "sampan fsck",
	.usage = "[OPTIONS]",
	.summary = "Check all that the store holds against its checksums. Exit code 0: it is clean; 1: "
		   "damage was "
		   "found, or is left",
	.options = OPTIONS,
	.max_args = 0,
};

struct outcome {
	struct store *store;
	struct fsck_report before, after; /* `after` is empty without a repair */
	bool repaired;                    /* a repair was tried */
	struct strvec failures;
};

static void outcome_done(struct outcome *o)
{
	fsck_report_done(&o->before);
	fsck_report_done(&o->after);
	strvec_done(&o->failures);
	store_close(o->store);
}
#define cleanup_outcome __attribute__((cleanup(outcome_done)))

/* Is it still so? A report is as long as there is damage: searching one for each line of the other will do. */
static bool is_left(const struct outcome *o, const struct fsck_finding *f)
{
	for (size_t i = 0; i < o->after.len; i++) {
		const struct fsck_finding *g = &o->after.items[i];

		if (g->subject == f->subject && strcmp(g->what, f->what) == 0 && !g->path == !f->path &&
		    (!f->path || strcmp(g->path, f->path) == 0))
			return true;
	}
	return !o->repaired;
}

static bool is_clean(const struct outcome *o)
{
	return o->repaired ? o->after.len == 0 : o->before.len == 0;
}

/* --- output ------------------------------------------------------------------------------------------- */

static void print_finding(const struct outcome *o, const struct fsck_finding *f)
{
	const char *of = f->where ? f->where : "", *colon = f->where ? ": " : "";
	const char *state = o->repaired ? is_left(o, f) ? " (not repaired)" : " (repaired)" : "";

	if (f->subject == FSCK_LAYER || f->subject == FSCK_MAPPED)
		(void)printf("%s%s%s %.12s: %s%s%s%s\n", of, colon, fsck_subject_name(f->subject), f->what,
			     f->path ? f->path : "", f->path ? ": " : "", f->problem, state);
	else
		(void)printf("%s%s%s %s: %s%s\n", of, colon, fsck_subject_name(f->subject), f->what,
			     f->problem, state);
}

static void print_text(const struct outcome *o, bool quiet)
{
	const struct fsck_report *r = &o->before;
	char bytes[FORMAT_MAX];

	for (size_t i = 0; i < r->len; i++)
		print_finding(o, &r->items[i]);
	if (r->left_out > 0)
		(void)printf("and %llu more\n", (unsigned long long)r->left_out);
	if (quiet)
		return;
	format_size(r->bytes, bytes);
	(void)printf("checked %llu layers (%llu files, %s), %llu blobs, %llu images, %llu containers",
		     (unsigned long long)r->layers, (unsigned long long)r->files, bytes,
		     (unsigned long long)r->blobs, (unsigned long long)r->images,
		     (unsigned long long)r->containers);
	if (r->volumes > 0)
		(void)printf(", %llu volumes", (unsigned long long)r->volumes);
	if (r->mapped > 0)
		(void)printf(", %llu image copies", (unsigned long long)r->mapped);
	(void)printf(": ");
	if (r->len == 0)
		(void)printf("clean\n");
	else if (!o->repaired)
		(void)printf("%zu damaged (sampan fsck --repair fetches them again)\n", r->len);
	else
		(void)printf("%zu damaged, %zu left\n", r->len, o->after.len);
}

static void json_finding(struct json_out *o, const struct outcome *all, const struct fsck_finding *f)
{
	json_out_object(o, NULL);
	json_out_string(o, "Type", fsck_subject_name(f->subject));
	json_out_string(o, "Name", f->what);
	json_out_opt_string(o, "Path", f->path);
	json_out_opt_string(o, "AdditionalStore", f->where);
	json_out_string(o, "Problem", f->problem);
	json_out_bool(o, "Repaired", !is_left(all, f));
	json_out_end(o);
}

static int print_json(const struct outcome *all)
{
	cleanup_json_out struct json_out *o = json_out_new(true, DOCUMENT_MAX_BYTES);
	const struct fsck_report *r = &all->before;

	json_out_object(o, NULL);
	json_out_bool(o, "Clean", is_clean(all));
	json_out_u64(o, "Layers", r->layers);
	json_out_u64(o, "Files", r->files);
	json_out_u64(o, "Bytes", r->bytes);
	json_out_u64(o, "Blobs", r->blobs);
	json_out_u64(o, "Images", r->images);
	json_out_u64(o, "Containers", r->containers);
	json_out_u64(o, "Volumes", r->volumes);
	json_out_u64(o, "ImageCopies", r->mapped);
	json_out_array(o, "Damage");
	for (size_t i = 0; i < r->len; i++)
		json_finding(o, all, &r->items[i]);
	json_out_end(o);
	json_out_u64(o, "LeftOut", r->left_out);
	json_out_strvec(o, "Failures", &all->failures);
	json_out_end(o);
	return cli_print_json(o);
}

/* --- the command -------------------------------------------------------------------------------------- */

static int work(const struct fsck_flags *f, const struct image_globals *g, struct outcome *ret, struct err *e)
{
	const struct repair_options options = { .tls_verify = f->tls_verify, .from = f->from };
	int r = store_open(g->root, &ret->store, e);
	const struct store *s = ret->store;

	if (r == 0)
		r = store_fsck(s, repair_hash_file, &ret->before, e);
	if (r < 0 || !f->repair || ret->before.len == 0)
		return r;
	ret->repaired = true;
	r = repair_store(s, &ret->before, &options, &ret->failures, e);
	/* Nobody takes our word for it. */
	return r < 0 ? r : store_fsck(s, repair_hash_file, &ret->after, e);
}

int image_fsck(int argc, char **argv, const struct image_globals *g)
{
	struct fsck_flags f = { .tls_verify = true };
	cleanup_outcome struct outcome o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&FSCK, argc, argv, &f, &n, &code))
		return code;
	(void)signal(SIGPIPE, SIG_IGN);
	if (work(&f, g, &o, &e) < 0)
		return image_refuse(g, &e);
	code = is_clean(&o) ? 0 : CLI_EXIT_FAILED;
	for (size_t i = 0; i < o.failures.len; i++)
		cli_error("%s", o.failures.items[i]);
	if (f.json) {
		int printed = print_json(&o);

		return printed ? printed : code;
	}
	print_text(&o, f.quiet);
	return cli_end_output(code);
}
