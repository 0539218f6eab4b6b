/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_transfer.h"

#include <fcntl.h>
#include <string.h>

#include "cli/format.h"
#include "common/cleanup.h"
#include "common/file.h"

static void on_blobs(void *arg, const struct transfer_blob *blobs, size_t len)
{
	struct progress *p = arg;
	struct err ignored; /* only for show */
	char title[FORMAT_MAX];

	if (progress_begin(p, len, &ignored) < 0)
		return;
	for (size_t i = 0; i < len; i++) {
		format_short_id(blobs[i].digest.text, title);
		progress_title(p, i, title, blobs[i].size_bytes);
	}
}

static const char *phase_name(enum transfer_phase phase)
{
	static const char *const NAMES[] = {
		[TRANSFER_WAITING] = "waiting",       [TRANSFER_LOOKING] = "looking",
		[TRANSFER_ABSENT] = "waiting",        [TRANSFER_MAKING] = "preparing",
		[TRANSFER_EXPANDING] = "expanding",   [TRANSFER_READY] = "prepared",
		[TRANSFER_SENDING] = "pushing",       [TRANSFER_DONE] = "done",
		[TRANSFER_PRESENT] = "already there", [TRANSFER_MOUNTED] = "mounted",
	};

	return NAMES[phase];
}

/* Phases that are too short-lived for a line of their own. */
static bool is_brief(enum transfer_phase phase)
{
	return phase == TRANSFER_LOOKING || phase == TRANSFER_ABSENT || phase == TRANSFER_READY ||
	       phase == TRANSFER_WAITING;
}

static void on_blob(void *arg, size_t index, enum transfer_phase phase, uint64_t done_bytes)
{
	struct progress *p = arg;

	if (index >= p->len || (!p->on_terminal && is_brief(phase)))
		return;
	progress_update(p, index, phase_name(phase), phase == TRANSFER_SENDING, phase >= TRANSFER_DONE,
			done_bytes);
}

static void on_tick(void *arg)
{
	progress_draw(arg, false);
}

struct transfer_observer image_transfer_observer(struct progress *p)
{
	return (struct transfer_observer){ .blobs = on_blobs, .blob = on_blob, .tick = on_tick, .arg = p };
}

/* Why a layer goes under another digest. */
static void on_changed(void *arg, const struct push_change *c)
{
	char was[FORMAT_MAX], is[FORMAT_MAX];
	const struct progress *p = arg;

	format_short_id(c->was->text, was);
	format_short_id(c->is->text, is);
	(void)fprintf(p->out, "layer %s goes as %s, %s: %s\n", was, is,
		      c->is_other_tar ? "a tar made anew of its files" : "the same tar compressed anew",
		      c->why);
}

struct push_options image_transfer_shown(const struct push_options *o, struct progress *p, bool quiet)
{
	struct push_options shown = *o;

	if (quiet)
		return shown;
	shown.observer = image_transfer_observer(p);
	shown.changed = on_changed;
	shown.changed_arg = p;
	return shown;
}

static int read_compression(const struct compression_flags *f, struct compression *ret, struct err *e)
{
	int r = 0;

	*ret = (struct compression){ .kind = COMPRESSION_GZIP };
	if (f->format)
		r = compression_parse(f->format, ret, e);
	if (r < 0)
		return err_wrap(e, "--compression-format");
	if (f->level.set)
		r = compression_set_level(ret, f->level.value, e);
	return r < 0 ? err_wrap(e, "--compression-level") : 0;
}

int image_copy_compression(const struct compression_flags *f, struct copy_options *ret, struct err *e)
{
	ret->has_compression = f->format || f->level.set;
	ret->reuses = ret->has_compression && f->no_force;
	return read_compression(f, &ret->compression, e);
}

int image_transfer_options(const struct compression_flags *f, struct opt_u64 jobs, struct push_options *ret,
			   struct err *e)
{
	int r = read_compression(f, &ret->compression, e);

	if (r < 0)
		return r;
	ret->anew = f->format || f->level.set;
	ret->reuses = ret->anew && f->no_force;
	if (jobs.set && (jobs.value < 1 || jobs.value > TRANSFER_JOBS_MAX))
		return err_set(e, -EINVAL, "--jobs takes a number from 1 to %d", TRANSFER_JOBS_MAX);
	ret->jobs = (unsigned int)jobs.value;
	return 0;
}

int image_write_digest(const char *path, const struct digest *digest, struct err *e)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot write '%s'", path);
	r = write_all(fd, digest->text, strlen(digest->text));
	return r < 0 ? err_code(e, r, "cannot write '%s'", path) : 0;
}
