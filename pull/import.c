/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/import.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/timestamp.h"
#include "pull/encoder.h"
#include "pull/import_changes.h"
#include "pull/new_image.h"
#include "pull/packer.h"
#include "store/layer.h"

/* --- documents --------------------------------------------------------------------------------------------------- */

static void write_history(struct json_out *o, const struct import_options *options, const char *now)
{
	json_out_array(o, "history");
	json_out_object(o, NULL);
	json_out_string(o, "created", now);
	json_out_opt_string(o, "comment", options->message);
	json_out_string(o, "created_by", "sampan import");
	json_out_end(o);
	json_out_end(o);
}

int import_config(const struct import_options *options, const struct digest *diff_id, struct buf *out,
		  struct err *e)
{
	cleanup_import_changes struct import_changes changes = { 0 };
	cleanup_json_out struct json_out *o = json_out_new(false, CONFIG_MAX_BYTES);
	char now[TIMESTAMP_MAX];
	const char *text;
	size_t len;
	int r = import_changes_parse(&options->changes, &changes, e);

	if (r < 0)
		return r;
	timestamp_now(now);
	json_out_object(o, NULL);
	json_out_string(o, "created", now);
	json_out_string(o, "architecture", options->platform.architecture);
	if (options->platform.variant[0])
		json_out_string(o, "variant", options->platform.variant);
	json_out_string(o, "os", options->platform.os);
	import_changes_write(&changes, o);
	json_out_object(o, "rootfs");
	json_out_string(o, "type", "layers");
	json_out_array(o, "diff_ids");
	json_out_string(o, NULL, diff_id->text);
	json_out_end(o);
	json_out_end(o);
	write_history(o, options, now);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(out, text, len) < 0)
		r = err_code(e, -ENOMEM, "cannot make a config");
	return r;
}

/* --- the image --------------------------------------------------------------------------------------------------- */

/* What is compressed may be anything: it is expanded, and hashed, where nothing can come of it. */
static int expand(const struct import_options *options, int fd, int plain_fd, struct encoder_result *ret,
		  struct err *e)
{
	const struct compression plain = { .kind = COMPRESSION_NONE };
	struct packer_result result = { 0 };
	struct worker w = { 0 };
	int r = packer_expand(fd, MEDIA_UNKNOWN, &plain, plain_fd, &w, e);

	if (r == 0)
		r = packer_wait(&w, options->cancel_fd, &result, e);
	*ret = result.blob;
	return r;
}

static int import(const struct store *s, const struct import_options *options, const struct staging *st,
		  int fd, struct digest *ret, struct err *e)
{
	cleanup_buf struct buf config = BUF_INIT(CONFIG_MAX_BYTES);
	cleanup_fd int plain_fd = openat(st->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct encoder_result layer;
	const struct new_image image = { .name = options->name,
					 .nameless = "imported",
					 .platform = options->platform,
					 .layer = &layer,
					 .layer_fd = plain_fd,
					 .config = &config,
					 .cancel_fd = options->cancel_fd };
	int r;

	if (plain_fd < 0)
		return err_errno(e, "cannot make a temporary file");
	r = expand(options, fd, plain_fd, &layer, e);
	if (r == 0)
		r = import_config(options, &layer.diff_id, &config, e);
	return r < 0 ? r : new_image_store(s, st, &image, ret, e);
}

int import_image(const struct store *s, int fd, const struct import_options *options, struct digest *ret,
		 struct err *e)
{
	struct staging st = { .fd = -1 };
	int r = staging_begin(s, &st, e);

	if (r == 0)
		r = import(s, options, &st, fd, ret, e);
	if (r < 0)
		r = store_explain_full(s, e); /* all that is written is below its root */
	staging_end(s, &st);
	return r;
}
