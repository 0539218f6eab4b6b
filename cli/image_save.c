/* SPDX-License-Identifier: Apache-2.0 */
/* sampan save */
#include <stdio.h>
#include <string.h>

#include "cli/image_leaving.h"
#include "cli/image_main.h"
#include "cli/image_output.h"
#include "cli/image_signals.h"
#include "cli/image_transfer.h"
#include "cli/progress.h"
#include "common/cleanup.h"
#include "oci/reference.h"
#include "pull/layout.h"
#include "pull/push.h"
#include "store/image.h"
#include "store/store.h"
#include "store/image_event.h"

struct save_flags {
	bool quiet;
	const char *output, *format, *compression, *platform;
	const struct platform *wanted; /* what --platform says; NULL: nothing */
	struct opt_u64 level, jobs;
};

#define FLAG(member) offsetof(struct save_flags, member)
static const struct option_def OPTIONS[] = {
	{ "output", 'o', OPTION_STRING, FLAG(output), "file", "Write there (default: standard output)" },
	{ "format", 0, OPTION_STRING, FLAG(format), "string",
	  "docker-archive, oci-archive, or oci-dir for a directory (default docker-archive)" },
	{ "compression-format", 0, OPTION_STRING, FLAG(compression), "string",
	  "Compress the layers of OCI formats with gzip, zstd[:LEVEL] or none (default gzip)" },
	{ "compression-level", 0, OPTION_U64, FLAG(level), "int", "1 to 9 for gzip, 1 to 20 for zstd" },
	{ "jobs", 0, OPTION_U64, FLAG(jobs), "int", "Layers to prepare at a time (default 3)" },
	{ "platform", 0, OPTION_STRING, FLAG(platform), "string",
	  "Save the images for this platform alone: OS/ARCH[/VARIANT]" },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "Show no progress" },
	{ 0 },
};

static const struct command_def SAVE = {
	.name = "sampan save",
	.usage = "[OPTIONS] IMAGE [IMAGE...]",
	.summary = "Write images to an archive",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static int format_of(const char *text, enum transport_kind *ret, struct err *e)
{
	static const struct {
		const char *name;
		enum transport_kind kind;
	} FORMATS[] = {
		{ "docker-archive", TRANSPORT_DOCKER_ARCHIVE },
		{ "oci-archive", TRANSPORT_OCI_ARCHIVE },
		{ "oci-dir", TRANSPORT_OCI_DIR },
	};

	for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++)
		if (!text || strcmp(FORMATS[i].name, text) == 0) {
			*ret = FORMATS[i].kind;
			return 0;
		}
	return err_set(e, -EINVAL,
		       "--format: unknown format '%.40s' (there are docker-archive, oci-archive and oci-dir)",
		       text);
}

/* Docker's form holds one image for a name. */
static int choose(const struct store *s, const char *what, const struct save_flags *f,
		  const struct layout *layout, struct leaving *ret, struct err *e)
{
	int r;

	if (!layout_wants_plain(layout))
		return leaving_find(s, what, f->wanted, ret, e);
	r = leaving_find_one(s, what, f->wanted, ret, e);
	if (r == 0 && !f->quiet && !f->wanted && ret->whole.present > 1 && ret->whole.absent.len == 0)
		(void)fprintf(stderr,
			      "%s: docker's form has no indexes: the image that the name runs as is saved "
			      "(--format oci-archive has all %zu)\n",
			      what, ret->whole.present);
	return r;
}

/* An image that was named by its ID goes without a name, as with docker. */
static int save_one(const struct store *s, const char *what, const struct save_flags *f,
		    const struct push_options *o, struct layout *layout, struct err *e)
{
	cleanup_leaving struct leaving leaving = { 0 };
	cleanup_strvec struct strvec names = { 0 };
	struct push_result result = { 0 };
	int r = choose(s, what, f, layout, &leaving, e);

	if (r == 0 && leaving.is_named && strvec_add(&names, leaving.record.name) < 0)
		r = err_code(e, -ENOMEM, "cannot list images");
	if (r == 0)
		r = leaving_put(s, &leaving, &names, o, layout, &result, e);
	if (r == 0 && result.is_changed && !f->quiet)
		(void)fprintf(stderr,
			      "%s: layers were packed anew, so the image has another digest in the archive\n",
			      what);
	return r;
}

static int save_all(const struct store *s, char **images, enum transport_kind kind,
		    const struct save_flags *f, const struct push_options *o, struct err *e)
{
	cleanup_image_output struct image_output out = { .fd = -1 };
	cleanup_layout struct layout *layout = NULL;
	struct push_options shown;
	struct progress progress;
	int r;

	if (kind == TRANSPORT_OCI_DIR)
		r = layout_open_dir(f->output, &layout, e);
	else
		r = image_output_open(f->output, &out, e);
	if (r == 0 && !layout)
		r = layout_open_archive(out.fd, kind, &layout, e);
	if (r < 0)
		return r;
	layout_cancel_by(layout, o->cancel_fd);
	progress_init(&progress, stderr);
	shown = image_transfer_shown(o, &progress, f->quiet);
	for (size_t i = 0; r == 0 && images[i]; i++)
		r = save_one(s, images[i], f, &shown, layout, e);
	progress_draw(&progress, true);
	progress_done(&progress);
	if (r == 0)
		r = layout_finish(layout, e);
	return r == 0 && kind != TRANSPORT_OCI_DIR ? image_output_commit(&out, e) : r;
}

static int run(char **images, enum transport_kind kind, const struct save_flags *f, struct push_options *o,
	       const struct image_globals *g)
{
	cleanup_store struct store *s = NULL;
	cleanup_fd int signals = -1;
	struct err e = { 0 };
	int r = image_watch_signals(&signals, &e);

	o->cancel_fd = signals;
	if (r == 0)
		r = store_open(g->root, &s, &e);
	if (r == 0)
		r = save_all(s, images, kind, f, o, &e);
	for (size_t i = 0; r == 0 && images[i]; i++)
		image_event_of(s, g->state_dir, "save", images[i]);
	return image_end(g, r, &e, signals);
}

static int check(const struct save_flags *f, enum transport_kind kind, struct err *e)
{
	if (kind == TRANSPORT_OCI_DIR && !f->output)
		return err_set(e, -EINVAL, "--format oci-dir needs --output");
	if (kind == TRANSPORT_DOCKER_ARCHIVE && (f->compression || f->level.set))
		return err_set(
			e, -EINVAL,
			"the layers of a docker-archive are not compressed (compress the archive, or use "
			"--format oci-archive)");
	return 0;
}

int image_save(int argc, char **argv, const struct image_globals *g)
{
	struct save_flags f = { 0 };
	struct compression_flags compression;
	struct push_options o = { .cancel_fd = -1 };
	enum transport_kind kind = TRANSPORT_DOCKER_ARCHIVE;
	struct platform wanted = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&SAVE, argc, argv, &f, &n, &code))
		return code;
	compression = (struct compression_flags){ .format = f.compression, .level = f.level };
	r = format_of(f.format, &kind, &e);
	if (r == 0)
		r = check(&f, kind, &e);
	if (r == 0)
		r = image_transfer_options(&compression, f.jobs, &o, &e);
	if (r == 0 && f.platform)
		r = platform_parse(f.platform, &wanted, &e);
	f.wanted = f.platform ? &wanted : NULL;
	if (r < 0)
		return image_refuse(g, &e);
	return run(argv + 1, kind, &f, &o, g);
}
