/* SPDX-License-Identifier: Apache-2.0 */
/* sampan manifest */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/find_image.h"
#include "cli/image_leaving.h"
#include "cli/image_main.h"
#include "cli/image_signals.h"
#include "cli/image_transfer.h"
#include "cli/progress.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/manifest_list.h"
#include "store/blob.h"
#include "store/manifest_list.h"
#include "store/store.h"

struct manifest_flags {
	bool all, amend, tls_verify, quiet, purge, force;
	const char *architecture, *os, *os_version, *variant, *auth_file, *digest_file, *format, *compression;
	struct opt_u64 level;
	struct strvec annotations, os_features;
};

#define FLAG(member) offsetof(struct manifest_flags, member)
#define OPTION_ALL                                                                   \
	{                                                                            \
		"all", 'a', OPTION_BOOL, FLAG(all), NULL,                            \
			"Add all that an index has, not only what this machine runs" \
	}
#define OPTION_TLS                                                               \
	{                                                                        \
		"tls-verify", 0, OPTION_BOOL, FLAG(tls_verify), NULL,            \
			"Insist on HTTPS and a valid certificate (default true)" \
	}
#define OPTION_AUTH                                                                                  \
	{                                                                                            \
		"authfile", 0, OPTION_STRING, FLAG(auth_file), "path",                               \
			"Take credentials from here (default $REGISTRY_AUTH_FILE, or auth.json and " \
			"docker's config.json)"                                                      \
	}
#define OPTIONS_PLATFORM                                                                                     \
	{ "annotation", 0, OPTION_LIST, FLAG(annotations), "key=value", "Annotation of the entry" },         \
		{ "arch", 0, OPTION_STRING, FLAG(architecture), "string", "Architecture of the entry" },     \
		{ "os", 0, OPTION_STRING, FLAG(os), "string", "Operating system of the entry" },             \
		{ "os-features", 0,                                                                          \
		  OPTION_LIST,   FLAG(os_features),                                                          \
		  "list",        "Features that the operating system must have, with commas between them" }, \
		{ "os-version",     0,        OPTION_STRING,                                                 \
		  FLAG(os_version), "string", "Version of the operating system" },                           \
	{                                                                                                    \
		"variant", 0, OPTION_STRING, FLAG(variant), "string", "Variant of the architecture"          \
	}

static const struct option_def CREATE_OPTIONS[] = {
	OPTION_ALL,  { "amend", 0, OPTION_BOOL, FLAG(amend), NULL, "Add to a list that is there" },
	OPTION_AUTH, OPTION_TLS,
	{ 0 },
};
static const struct option_def ADD_OPTIONS[] = {
	OPTION_ALL, OPTIONS_PLATFORM, OPTION_AUTH, OPTION_TLS, { 0 }
};
static const struct option_def ANNOTATE_OPTIONS[] = { OPTIONS_PLATFORM, { 0 } };
static const struct option_def INSPECT_OPTIONS[] = { OPTION_AUTH, OPTION_TLS, { 0 } };
static const struct option_def PUSH_OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, FLAG(all), NULL, "All that the list has; there is no other way" },
	OPTION_AUTH,
	{ "compression-format", 0, OPTION_STRING, FLAG(compression), "string",
	  "Compress layers with gzip or zstd[:LEVEL] (default: gzip, where there is need)" },
	{ "compression-level", 0, OPTION_U64, FLAG(level), "int", "1 to 9 for gzip, 1 to 20 for zstd" },
	{ "digestfile", 0, OPTION_STRING, FLAG(digest_file), "path", "Write the digest of the list there" },
	{ "force-compression", 0, OPTION_BOOL, FLAG(force), NULL,
	  "With --compression-format: also layers that the registry has already, compressed otherwise "
	  "(default true)" },
	{ "format", 'f', OPTION_STRING, FLAG(format), "string",
	  "oci or v2s2, which is docker's (default oci)" },
	{ "purge", 'p', OPTION_BOOL, FLAG(purge), NULL, "Forget the list once it is pushed" },
	{ "rm", 0, OPTION_BOOL, FLAG(purge), NULL, "The same" },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "Print only the digest" },
	OPTION_TLS,
	{ 0 },
};

/* What a subcommand works with. */
struct session {
	const struct store *store;
	const struct manifest_flags *flags;
	struct copy_options options;
	char *name; /* of the list, canonical; NULL: an image is asked for, by its place */
	char **argv;
	int argc; /* arguments behind the subcommand */
	struct image_index index;
};

static int name_list(struct session *s, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	int r = reference_parse(s->argv[1], &ref, e);

	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", s->argv[1]);
	s->name = reference_canonical(&ref);
	return s->name ? 0 : err_code(e, -ENOMEM, "cannot name a manifest list");
}

static int set_field(const char *value, char out[PLATFORM_FIELD_MAX], struct err *e)
{
	if (!value)
		return 0;
	if (strlen(value) >= PLATFORM_FIELD_MAX)
		return err_set(e, -EINVAL, "'%.40s...' is no platform", value);
	(void)snprintf(out, PLATFORM_FIELD_MAX, "%s", value);
	return 0;
}

/* What is there already stays, and nothing comes twice, as docker has it. */
static int add_features(const char *list, struct strvec *out)
{
	cleanup_strvec struct strvec features = { 0 };
	int r = strvec_split(&features, list, ',');

	for (size_t i = 0; r == 0 && i < features.len; i++)
		if (!strvec_has(out, features.items[i]))
			r = strvec_add(out, features.items[i]);
	return r;
}

/* os.version and os.features of an index: image-spec, image-index.md. */
static int set_os(const struct manifest_flags *f, struct descriptor *d, struct err *e)
{
	int r = 0;

	if (f->os_version) {
		free(d->os_version);
		d->os_version = strdup(f->os_version);
		r = d->os_version ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < f->os_features.len; i++)
		r = add_features(f->os_features.items[i], &d->os_features);
	return r < 0 ? err_code(e, r, "cannot annotate") : 0;
}

static int annotate(const struct session *s, struct descriptor *d, struct err *e)
{
	const struct manifest_flags *f = s->flags;
	int r = set_field(f->os, d->platform.os, e);

	if (r == 0)
		r = set_field(f->architecture, d->platform.architecture, e);
	if (r == 0)
		r = set_field(f->variant, d->platform.variant, e);
	if (r == 0)
		r = set_os(f, d, e);
	if (r < 0)
		return r;
	if (f->os || f->architecture || f->variant || f->os_version || f->os_features.len > 0) {
		if (!d->platform.os[0])
			(void)snprintf(d->platform.os, sizeof(d->platform.os), "linux");
		platform_normalize(&d->platform);
		d->has_platform = true;
	}
	for (size_t i = 0; i < f->annotations.len; i++) {
		if (!strchr(f->annotations.items[i], '='))
			return err_set(e, -EINVAL, "--annotation: expected KEY=VALUE, not '%s'",
				       f->annotations.items[i]);
		if (strvec_set_env(&d->annotations, f->annotations.items[i]) < 0)
			return err_code(e, -ENOMEM, "cannot annotate");
	}
	return 0;
}

/* --- what is added ----------------------------------------------------------------------------------------------- */

static bool has_transport(const char *text)
{
	cleanup_transport struct transport t = { 0 };
	struct err ignored; /* then it is none */

	return leaving_stored_name(text) || strncmp(text, "docker://", 9) == 0 ||
	       (transport_parse(text, &t, &ignored) == 0 && t.kind != TRANSPORT_REGISTRY);
}

/* A plain name is an image that is here, and where there is none a registry's. Of an index only one image is ever here: who wants all asks for them there. */
static int find_local(const struct session *s, const char *text, struct image_record *ret, bool *ret_found,
		      struct err *e)
{
	int r;

	*ret_found = leaving_stored_name(text) != NULL;
	if (*ret_found)
		return find_image(s->store, leaving_stored_name(text), ret, e);
	if (has_transport(text))
		return 0;
	r = find_image(s->store, text, ret, e);
	*ret_found = r == 0 && !(s->flags->all && digest_is_set(&ret->index));
	return r == -ENOENT ? 0 : r;
}

static int add_image(struct session *s, const char *text, size_t *ret, struct err *e)
{
	cleanup_image_record struct image_record record = { 0 };
	bool is_here = false;
	int r = find_local(s, text, &record, &is_here, e);

	if (r < 0)
		return err_wrap(e, "cannot add '%s'", text);
	if (is_here)
		return manifest_list_add_stored(s->store, &s->index, record.name, ret, e);
	return manifest_list_add(s->store, &s->index, text, &s->options, ret, e);
}

/* --- the subcommands --------------------------------------------------------------------------------------------- */

static int create(struct session *s, struct err *e)
{
	struct err ignored; /* there is none: it is made */
	size_t at;
	int r = 0;

	if (s->flags->amend && manifest_list_load(s->store, s->name, &s->index, &ignored) < 0)
		s->index = (struct image_index){ 0 };
	for (int i = 2; r == 0 && i <= s->argc; i++)
		r = add_image(s, s->argv[i], &at, e);
	if (r == 0)
		r = manifest_list_save(s->store, s->name, &s->index, s->flags->amend, e);
	if (r == 0)
		(void)printf("Created manifest list %s\n", s->name);
	return r;
}

static int add(struct session *s, struct err *e)
{
	size_t at = 0;
	int r = manifest_list_load(s->store, s->name, &s->index, e);

	if (r == 0)
		r = add_image(s, s->argv[2], &at, e);
	if (r == 0 && s->index.manifests_len > 0)
		r = annotate(s, &s->index.manifests[at], e);
	return r < 0 ? r : manifest_list_save(s->store, s->name, &s->index, true, e);
}

static int annotate_one(struct session *s, struct err *e)
{
	size_t at = 0;
	int r = manifest_list_load(s->store, s->name, &s->index, e);

	if (r == 0)
		r = manifest_list_find(&s->index, s->argv[2], &at, e);
	if (r == 0)
		r = annotate(s, &s->index.manifests[at], e);
	return r < 0 ? r : manifest_list_save(s->store, s->name, &s->index, true, e);
}

/* What is where the argument says, and with no transport said in a registry, as docker has it. */
static int look(const struct session *s, struct buf *text, struct err *e)
{
	cleanup_image_record struct image_record record = { 0 };
	int r;

	if (!leaving_stored_name(s->argv[1]))
		return manifest_list_look(s->store, s->argv[1], &s->options, text, e);
	r = find_image(s->store, leaving_stored_name(s->argv[1]), &record, e);
	return r < 0 ? r : blob_get(s->store, &record.manifest, text, e);
}

/* A list of ours as it would be pushed; else what there is. */
static int inspect(struct session *s, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	int r = s->name ? manifest_list_load(s->store, s->name, &s->index, e) : -ENOENT;

	if (r == 0)
		r = manifest_list_text(&s->index, false, &text, e);
	else if (r == -ENOENT)
		r = look(s, &text, e);
	if (r == 0)
		(void)printf("%s\n", text.data);
	return r;
}

static struct compression_flags compression_of_flags(const struct manifest_flags *f)
{
	return (struct compression_flags){ .format = f->compression,
					   .level = f->level,
					   .no_force = !f->force };
}

static int check_compression(const struct manifest_flags *f, struct err *e)
{
	const struct compression_flags compression = compression_of_flags(f);
	struct copy_options unused;

	return image_copy_compression(&compression, &unused, e);
}

static int push_there(struct session *s, const struct transport *to, struct err *e)
{
	const struct manifest_flags *f = s->flags;
	const struct compression_flags compression = compression_of_flags(f);
	const struct opt_u64 jobs = { 0 };
	struct push_options stored = { .tls_verify = f->tls_verify,
				       .auth_file = f->auth_file,
				       .compress_tars = true,
				       .cancel_fd = s->options.cancel_fd };
	struct manifest_list_push options = { .is_docker = f->format && strcmp(f->format, "v2s2") == 0,
					      .copy = s->options };
	struct progress progress;
	struct push_result result;
	int r = image_transfer_options(&compression, jobs, &stored, e);

	if (r == 0)
		r = image_copy_compression(&compression, &options.copy, e);
	if (r < 0)
		return r;
	progress_init(&progress, stderr);
	options.stored = image_transfer_shown(&stored, &progress, f->quiet);
	options.copy.observer = options.stored.observer;
	r = manifest_list_push(s->store, &s->index, to, &options, &result, e);
	progress_draw(&progress, true);
	progress_done(&progress);
	if (r == 0 && f->digest_file)
		r = image_write_digest(f->digest_file, &result.digest, e);
	if (r == 0 && f->purge)
		r = manifest_list_remove(s->store, s->name, e);
	if (r == 0)
		(void)printf(f->quiet ? "%s\n" : "Digest: %s\n", result.digest.text);
	return r;
}

static int push(struct session *s, struct err *e)
{
	const char *target = s->argc > 1 ? s->argv[2] : s->name;
	cleanup_transport struct transport to = { 0 };
	int r = 0;

	if (s->flags->format && strcmp(s->flags->format, "oci") != 0 && strcmp(s->flags->format, "v2s2") != 0)
		return err_set(e, -EINVAL, "--format: unknown format '%.40s' (there are oci and v2s2)",
			       s->flags->format);
	r = manifest_list_load(s->store, s->name, &s->index, e);
	if (r == 0)
		r = transport_parse(target, &to, e);
	if (r == 0)
		r = push_there(s, &to, e);
	return r < 0 && r != -EINTR ? err_wrap(e, "cannot push manifest list '%s'", s->argv[1]) : r;
}

static int remove_list(struct session *s, struct err *e)
{
	return manifest_list_remove(s->store, s->name, e);
}

static const struct {
	struct command_def def;
	int (*run)(struct session *s, struct err *e);
} COMMANDS[] = {
	{ { "sampan manifest create", "[OPTIONS] LIST [IMAGE...]",
	    "Begin a list of the images of several platforms", CREATE_OPTIONS, .min_args = 1,
	    .max_args = -1 },
	  create },
	{ { "sampan manifest add", "[OPTIONS] LIST IMAGE", "Add an image to a list", ADD_OPTIONS,
	    .min_args = 2, .max_args = 2 },
	  add },
	{ { "sampan manifest annotate", "[OPTIONS] LIST DIGEST", "Say what an entry of a list is for",
	    ANNOTATE_OPTIONS, .min_args = 2, .max_args = 2 },
	  annotate_one },
	{ { "sampan manifest inspect", "[OPTIONS] LIST|IMAGE",
	    "Show a list, or the manifest or index of an image", INSPECT_OPTIONS, .min_args = 1,
	    .max_args = 1 },
	  inspect },
	{ { "sampan manifest push", "[OPTIONS] LIST [[docker://]REF]",
	    "Push a list, and the images that its repository lacks", PUSH_OPTIONS, .min_args = 1,
	    .max_args = 2 },
	  push },
	{ { "sampan manifest rm", "LIST", "Forget a list", .min_args = 1, .max_args = 1 }, remove_list },
};

static int run(size_t command, int argc, char **argv, const struct manifest_flags *f,
	       const struct image_globals *g)
{
	struct session s = { .flags = f, .argv = argv, .argc = argc };
	cleanup_store struct store *store = NULL;
	cleanup_fd int signals = -1;
	struct err e = { 0 };
	int r = image_watch_signals(&signals, &e);

	s.options = (struct copy_options){ .all = f->all,
					   .source_tls_verify = f->tls_verify,
					   .target_tls_verify = f->tls_verify,
					   .source_auth_file = f->auth_file,
					   .target_auth_file = f->auth_file,
					   .cancel_fd = signals };
	if (r == 0)
		r = store_open(g->root, &store, &e);
	s.store = store;
	if (r == 0 && !(COMMANDS[command].run == inspect && has_transport(argv[1])))
		r = name_list(&s, &e);
	if (r == 0)
		r = COMMANDS[command].run(&s, &e);
	image_index_done(&s.index);
	free(s.name);
	return image_end(g, r, &e, signals);
}

static void usage(FILE *out)
{
	(void)fprintf(out,
		      "Usage:  sampan manifest COMMAND\n\nPut images of several platforms under one name\n\n"
		      "Commands:\n");
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
		(void)fprintf(out, "  %-10s %s\n", strrchr(COMMANDS[i].def.name, ' ') + 1,
			      COMMANDS[i].def.summary);
}

int image_manifest(int argc, char **argv, const struct image_globals *g)
{
	struct manifest_flags f = { .tls_verify = true, .force = true };
	struct err e = { 0 };
	size_t i = 0;
	int n = 0, code = 0;

	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? CLI_EXIT_SAMPAN : cli_end_output(0);
	}
	while (i < ARRAY_LEN(COMMANDS) && strcmp(strrchr(COMMANDS[i].def.name, ' ') + 1, argv[1]) != 0)
		i++;
	if (i == ARRAY_LEN(COMMANDS)) {
		cli_error("'%s' is not a sampan manifest command\nSee 'sampan manifest --help'.", argv[1]);
		return CLI_EXIT_SAMPAN;
	}
	if (cli_options(&COMMANDS[i].def, argc - 1, argv + 1, &f, &n, &code))
		code = check_compression(&f, &e) < 0 ? image_refuse(g, &e) : run(i, n, argv + 1, &f, g);
	strvec_done(&f.annotations);
	strvec_done(&f.os_features);
	return code;
}
