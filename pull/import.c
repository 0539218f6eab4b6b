/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/import.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/timestamp.h"
#include "oci/descriptor.h"
#include "pull/encoder.h"
#include "pull/hash.h"
#include "pull/import_changes.h"
#include "pull/layout.h"
#include "pull/packer.h"
#include "pull/pull.h"
#include "pull/repack.h"
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

struct import {
	const struct import_options *options;
	struct encoder_result layer;
	struct buf config_text, manifest_text;
	struct digest config, manifest;
};

static void import_done(struct import *i)
{
	buf_done(&i->config_text);
	buf_done(&i->manifest_text);
}
#define cleanup_import __attribute__((cleanup(import_done)))

/* What is compressed may be anything: it is expanded, and hashed, where nothing can come of it. */
static int expand(struct import *i, int fd, int plain_fd, struct err *e)
{
	struct packer_result result = { 0 };
	struct worker w = { 0 };
	int r = packer_expand(fd, MEDIA_UNKNOWN, plain_fd, &w, e);

	if (r == 0)
		r = packer_wait(&w, i->options->cancel_fd, &result, e);
	i->layer = result.blob;
	return r;
}

static int make_documents(struct import *i, struct err *e)
{
	struct descriptor config = { .media_type = (char *)(uintptr_t)repack_config_type(false) };
	struct descriptor layer = { .media_type = (char *)(uintptr_t)compression_media_type(COMPRESSION_NONE,
											    false),
				    .digest = i->layer.diff_id,
				    .size_bytes = i->layer.size_bytes };
	const struct manifest m = { .layers_len = 1 };
	int r = import_config(i->options, &i->layer.diff_id, &i->config_text, e);

	if (r == 0)
		r = hash_bytes("sha256", i->config_text.data, i->config_text.len, &i->config, e);
	if (r < 0)
		return r;
	config.digest = i->config;
	config.size_bytes = i->config_text.len;
	r = repack_manifest(&m, false, &config, &layer, &i->manifest_text, e);
	return r < 0 ? r : hash_bytes("sha256", i->manifest_text.data, i->manifest_text.len, &i->manifest, e);
}

static int add_names(const struct import *i, struct strvec *out, struct err *e)
{
	int r = i->options->name ? strvec_add(out, i->options->name)
				 : strvec_addf(out, "localhost/imported:%.12s", digest_hex(&i->config));

	return r < 0 ? err_code(e, r, "cannot name an image") : 0;
}

/* As an OCI layout, which a pull knows how to bring into the store. */
static int write_layout(const struct import *i, const char *path, int plain_fd, struct err *e)
{
	const struct descriptor top = { .media_type = (char *)(uintptr_t)repack_manifest_type(false),
					.digest = i->manifest,
					.size_bytes = i->manifest_text.len,
					.has_platform = true,
					.platform = i->options->platform };
	cleanup_strvec struct strvec names = { 0 };
	const struct layout_image image = { .top = &top, .names = &names };
	cleanup_layout struct layout *l = NULL;
	int r = add_names(i, &names, e);

	if (r == 0)
		r = layout_open_dir(path, &l, e);
	if (r == 0)
		r = layout_put_layer(l, &i->layer.diff_id, i->layer.size_bytes, plain_fd, false, e);
	if (r == 0)
		r = layout_put_document(l, &i->config, true, i->config_text.data, i->config_text.len, e);
	if (r == 0)
		r = layout_put_document(l, &i->manifest, false, i->manifest_text.data, i->manifest_text.len,
					e);
	if (r == 0)
		r = layout_add_image(l, &image, e);
	return r < 0 ? r : layout_finish(l, e);
}

static int import(const struct store *s, struct import *i, const struct staging *st, int fd, struct err *e)
{
	const struct pull_options pull = { .has_platform = true,
					   .platform = i->options->platform,
					   .cancel_fd = i->options->cancel_fd };
	cleanup_pull_result struct pull_result result = { 0 };
	cleanup_free char *path = NULL, *source = NULL;
	cleanup_fd int plain_fd = openat(st->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (plain_fd < 0)
		return err_errno(e, "cannot make a temporary file");
	r = expand(i, fd, plain_fd, e);
	if (r == 0)
		r = make_documents(i, e);
	if (r < 0)
		return r;
	if (asprintf(&path, "%s/staging/%s/layout", store_root_path(s), st->name) < 0 ||
	    asprintf(&source, "oci:%s:@%s", path, i->manifest.text) < 0)
		return err_code(e, -ENOMEM, "cannot import");
	r = write_layout(i, path, plain_fd, e);
	return r < 0 ? r : pull_image(s, source, &pull, &result, e);
}

int import_image(const struct store *s, int fd, const struct import_options *options, struct digest *ret,
		 struct err *e)
{
	cleanup_import struct import i = { .options = options,
					   .config_text = BUF_INIT(CONFIG_MAX_BYTES),
					   .manifest_text = BUF_INIT(MANIFEST_MAX_BYTES) };
	struct staging st = { .fd = -1 };
	int r = staging_begin(s, &st, e);

	if (r == 0)
		r = import(s, &i, &st, fd, e);
	staging_end(s, &st);
	if (r == 0)
		*ret = i.config;
	return r;
}
