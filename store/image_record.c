/* SPDX-License-Identifier: Apache-2.0 */
#include "store/image_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/timestamp.h"
#include "store/internal.h"

#define RECORD_MAX 1048576 /* bytes; 1024 layers need less than 80 KB */

void image_record_done(struct image_record *r)
{
	free(r->name);
	free(r->bound);
	strvec_done(&r->layers);
	strvec_done(&r->hidden);
	*r = (struct image_record){ 0 };
}

/* 0, -EINVAL (without text) or -ENOMEM. */
static int check_canonical(const char *name)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *canonical = NULL;
	struct err ignored;
	int r = reference_parse(name, &ref, &ignored);

	if (r < 0)
		return r == -ENOMEM ? r : -EINVAL;
	canonical = reference_canonical(&ref);
	if (!canonical)
		return -ENOMEM;
	return strcmp(canonical, name) == 0 ? 0 : -EINVAL;
}

int image_name_encode(const char *name, char *ret, struct err *e)
{
	size_t len = strlen(name);
	int r = check_canonical(name);

	if (r == -ENOMEM)
		return err_code(e, r, "cannot check the image name '%.255s'", name);
	if (r < 0)
		return err_set(e, r, "'%.255s' is not a canonical image name", name);
	if (len > NAME_FILE_MAX)
		return err_set(
			e, -EINVAL,
			"the image name '%.64s...' is %zu bytes long, and the store takes up to %d (give the "
			"image a shorter name)",
			name, len, NAME_FILE_MAX);
	for (size_t i = 0; i <= len; i++)
		ret[i] = (char)(name[i] == '/' ? '+' : name[i]);
	return 0;
}

void image_name_decode(const char *file, char ret[NAME_FILE_MAX + 1])
{
	size_t len = strnlen(file, NAME_FILE_MAX);

	for (size_t i = 0; i < len; i++)
		ret[i] = (char)(file[i] == '+' ? '/' : file[i]);
	ret[len] = '\0';
}

static const struct json_field RECORD[] = {
	{ "name", offsetof(struct image_record, name), json_read_string, .required = true },
	{ "index", offsetof(struct image_record, index), json_read_digest },
	{ "manifest", offsetof(struct image_record, manifest), json_read_digest, .required = true },
	{ "config", offsetof(struct image_record, config), json_read_digest, .required = true },
	{ "layers", offsetof(struct image_record, layers), json_read_strvec, .required = true },
	{ "hidden", offsetof(struct image_record, hidden), json_read_strvec },
	{ "bound", offsetof(struct image_record, bound), json_read_string, .required = true },
	{ "size", offsetof(struct image_record, size_bytes), json_read_u64, .required = true },
	{ "temporary", offsetof(struct image_record, is_temporary), json_read_bool },
	{ 0 }
};

static int check_keys(const struct strvec *keys, const char *member, struct err *e)
{
	for (size_t i = 0; i < keys->len; i++)
		if (!store_key_ok(keys->items[i]))
			return err_set(e, -EBADMSG, "%s[%zu] is not a layer's key", member, i);
	return 0;
}

/* What the JSON says must fit the file that it is in: keys become paths. */
static int check_record(const struct image_record *r, const char *file, struct err *e)
{
	char encoded[NAME_FILE_MAX + 1];
	int ret = image_name_encode(r->name, encoded, e);

	if (ret == -ENOMEM)
		return ret;
	if (ret < 0 || strcmp(encoded, file) != 0)
		return err_set(e, -EBADMSG, "it says that it is for '%.255s'", r->name);
	ret = check_keys(&r->layers, "layers", e);
	return ret < 0 ? ret : check_keys(&r->hidden, "hidden", e);
}

int image_record_read(const struct store *s, const char *file, struct image_record *ret, struct err *e)
{
	cleanup_image_record struct image_record record = { 0 };
	cleanup_buf struct buf text = BUF_INIT(RECORD_MAX);
	char path[SUBPATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "names/%s", file);
	r = file_read(s->root_fd, path, &text, e);
	if (r == -ENOENT)
		return r;
	if (r == 0)
		r = json_decode(text.data ? text.data : "", text.len, RECORD, &record, e);
	if (r == 0)
		r = check_record(&record, file, e);
	if (r < 0 && !store_error_is_damage(r))
		return err_wrap(e, "cannot read the image record '%s/%s'", s->root, path);
	if (r < 0) {
		e->code = -EBADMSG;
		return err_wrap(e,
				"image record '%s/%s' is damaged (pull the image again, or remove the file)",
				s->root, path);
	}
	*ret = record;
	record = (struct image_record){ 0 };
	return 0;
}

int image_record_write(const struct store *s, const char *file, const struct image_record *r,
		       bool is_temporary, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, RECORD_MAX);
	cleanup_fd int dir_fd = -1;
	char now[TIMESTAMP_MAX];
	const char *text;
	size_t len;
	int ret;

	timestamp_now(now);
	json_out_object(o, NULL);
	json_out_string(o, "name", r->name);
	if (digest_is_set(&r->index))
		json_out_string(o, "index", r->index.text);
	json_out_string(o, "manifest", r->manifest.text);
	json_out_string(o, "config", r->config.text);
	json_out_strvec(o, "layers", &r->layers);
	if (r->hidden.len > 0)
		json_out_strvec(o, "hidden", &r->hidden);
	json_out_string(o, "bound", r->bound ? r->bound : now);
	json_out_u64(o, "size", r->size_bytes);
	if (is_temporary)
		json_out_bool(o, "temporary", true);
	json_out_end(o);
	ret = json_out_finish(o, &text, &len, e);
	if (ret == 0)
		ret = store_open_dir(s, "names", &dir_fd, e);
	return ret < 0 ? ret : file_write_durable(dir_fd, file, text, len, RECORD_MODE, e);
}
