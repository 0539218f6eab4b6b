/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/timestamp.h"
#include "oci/descriptor.h"
#include "pull/commit.h"
#include "pull/import_changes.h"

#define COMMAND_MAX_BYTES (1u << 20)
#define STOP_SIGNAL_LABEL "org.opencontainers.image.stopSignal" /* an annotation that is no label */

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot make a config");
}

/* --- what the container was run with ------------------------------------------------------------------------------ */

static int copy_text(const char *from, char **to)
{
	if (!from)
		return 0;
	free(*to);
	*to = strdup(from);
	return *to ? 0 : -ENOMEM;
}

static int copy_health(const struct image_healthcheck *from, struct import_health *to)
{
	if (!from)
		return 0;
	to->interval_ns = from->interval_ns;
	to->timeout_ns = from->timeout_ns;
	to->start_period_ns = from->start_period_ns;
	to->start_interval_ns = from->start_interval_ns;
	to->retries = from->retries > 0 ? (uint64_t)from->retries : 0;
	return strvec_add_all(&to->test, &from->test);
}

static int copy_image(const struct image_config *from, struct import_changes *to)
{
	const struct {
		const struct strvec *from;
		struct strvec *to;
	} lists[] = { { &from->env, &to->env },
		      { &from->exposed_ports, &to->exposed_ports },
		      { &from->labels, &to->labels },
		      { &from->on_build, &to->on_build },
		      { &from->volumes, &to->volumes } };
	int r = copy_text(from->user, &to->user);

	if (r == 0)
		r = copy_text(from->working_dir, &to->working_dir);
	if (r == 0)
		r = copy_text(from->stop_signal, &to->stop_signal);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(lists); i++)
		r = strvec_add_all(lists[i].to, lists[i].from);
	return r == 0 ? copy_health(from->healthcheck, &to->health) : r;
}

static bool begins_with(const struct strvec *v, const struct strvec *start)
{
	for (size_t i = 0; i < start->len; i++)
		if (i >= v->len || strcmp(v->items[i], start->items[i]) != 0)
			return false;
	return true;
}

/* One list has become of two: the image's ENTRYPOINT at its beginning is taken for that, and anything else for an --entrypoint. */
static int set_command(const struct image_config *image, const struct strvec *args, struct import_changes *to)
{
	bool same = begins_with(args, &image->entrypoint);
	int r = same ? strvec_add_all(&to->entrypoint, &image->entrypoint)
		     : strvec_add_all(&to->entrypoint, args);

	for (size_t i = image->entrypoint.len; r == 0 && same && i < args->len; i++)
		r = strvec_add(&to->cmd, args->items[i]);
	return r;
}

/* Some variables are the container's own affair, unless the image has them too. */
static int set_environment(const struct image_config *image, const struct strvec *env,
			   struct import_changes *to)
{
	static const char *const OWN[] = { "HOME", "HOSTNAME", "TERM" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < env->len; i++) {
		const char *text = env->items[i];
		size_t len = strcspn(text, "=");
		bool own = false;

		for (size_t n = 0; n < ARRAY_LEN(OWN); n++)
			own = own || (strlen(OWN[n]) == len && memcmp(OWN[n], text, len) == 0 &&
				      !strvec_get_env(&image->env, OWN[n]));
		if (!own)
			r = strvec_set_env(&to->env, text);
	}
	return r;
}

static int set_labels(const struct strvec *annotations, struct import_changes *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < annotations->len; i++)
		if (strncmp(annotations->items[i], STOP_SIGNAL_LABEL "=", strlen(STOP_SIGNAL_LABEL "=")) != 0)
			r = strvec_set_env(&to->labels, annotations->items[i]);
	return r;
}

static int set_process(const struct image_config *image, const struct runtime_spec *spec,
		       const struct strvec *args, struct import_changes *to)
{
	const struct spec_process *p = spec->process;
	int r = set_command(image, args, to);

	if (r == 0 && p)
		r = set_environment(image, &p->env, to);
	if (r == 0 && p && p->cwd && (image->working_dir || strcmp(p->cwd, "/") != 0))
		r = copy_text(p->cwd, &to->working_dir);
	return r == 0 ? set_labels(&spec->annotations, to) : r;
}

/* As in a Dockerfile: an ENTRYPOINT makes an end of the CMD that was there before. */
static int apply_changes(const struct strvec *changes, struct import_changes *to, struct err *e)
{
	cleanup_import_changes struct import_changes alone = { 0 };
	int r = import_changes_parse(changes, &alone, e);

	if (r < 0)
		return r;
	if (alone.entrypoint.len > 0)
		strvec_done(&to->cmd);
	return import_changes_apply(changes, to, e);
}

/* --- the document --------------------------------------------------------------------------------------------------- */

static void write_rootfs(struct json_out *o, const struct image_config *image, const struct digest *diff_id)
{
	json_out_object(o, "rootfs");
	json_out_string(o, "type", "layers");
	json_out_array(o, "diff_ids");
	for (size_t i = 0; i < image->diff_ids_len; i++)
		json_out_string(o, NULL, image->diff_ids[i].text);
	json_out_string(o, NULL, diff_id->text);
	json_out_end(o);
	json_out_end(o);
}

static void write_document(struct json_out *o, const struct image_config *image,
			   const struct import_changes *config, const struct image_history *step,
			   const struct digest *diff_id)
{
	json_out_object(o, NULL);
	json_out_string(o, "created", step->created);
	json_out_opt_string(o, "author", step->author ? step->author : image->author);
	json_out_string(o, "architecture", image->platform.architecture);
	if (image->platform.variant[0])
		json_out_string(o, "variant", image->platform.variant);
	json_out_string(o, "os", image->platform.os);
	import_changes_write(config, o);
	write_rootfs(o, image, diff_id);
	json_out_array(o, "history");
	for (size_t i = 0; i < image->history_len; i++)
		image_history_write(o, &image->history[i]);
	image_history_write(o, step);
	json_out_end(o);
	json_out_end(o);
}

static int join(const struct strvec *args, struct buf *out)
{
	int r = buf_add(out, "", 0);

	for (size_t i = 0; r == 0 && i < args->len; i++)
		r = buf_printf(out, "%s%s", i ? " " : "", args->items[i]);
	return r == -EFBIG ? 0 : r;
}

int commit_config(const struct image_config *image, const struct runtime_spec *spec,
		  const struct strvec *args, const struct commit_options *options,
		  const struct digest *diff_id, struct buf *out, struct err *e)
{
	cleanup_import_changes struct import_changes config = { 0 };
	cleanup_json_out struct json_out *o = json_out_new(false, CONFIG_MAX_BYTES);
	cleanup_buf struct buf command = BUF_INIT(COMMAND_MAX_BYTES);
	struct image_history step = { .author = (char *)(uintptr_t)options->author,
				      .comment = (char *)(uintptr_t)options->message };
	char now[TIMESTAMP_MAX];
	const char *text;
	size_t len;
	int r = copy_image(image, &config);

	if (r == 0)
		r = set_process(image, spec, args, &config);
	if (r == 0)
		r = join(args, &command);
	if (r < 0)
		return no_memory(e);
	r = apply_changes(&options->changes, &config, e);
	if (r < 0)
		return r;
	timestamp_now(now);
	step.created = now;
	step.created_by = command.data;
	write_document(o, image, &config, &step, diff_id);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(out, text, len) < 0)
		r = no_memory(e);
	return r;
}
