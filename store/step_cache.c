/* SPDX-License-Identifier: Apache-2.0 */
#include "store/step_cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "store/internal.h"
#include "store/layer.h"

#define RECORD_MAX 65536

void step_record_done(struct step_record *r)
{
	free(r->layer);
	free(r->text);
	free(r->created);
	free(r->etag);
	free(r->file_name);
	*r = (struct step_record){ 0 };
}

static const struct json_field RECORD[] = {
	{ "key", offsetof(struct step_record, key), json_read_digest, .required = true },
	{ "before", offsetof(struct step_record, before), json_read_digest },
	{ "layer", offsetof(struct step_record, layer), json_read_string },
	{ "diffID", offsetof(struct step_record, diff_id), json_read_digest },
	{ "size", offsetof(struct step_record, size_bytes), json_read_u64 },
	{ "text", offsetof(struct step_record, text), json_read_string },
	{ "created", offsetof(struct step_record, created), json_read_string },
	{ "etag", offsetof(struct step_record, etag), json_read_string },
	{ "fileName", offsetof(struct step_record, file_name), json_read_string },
	{ "content", offsetof(struct step_record, content), json_read_digest },
	{ "modified", offsetof(struct step_record, modified_s), json_read_u64 },
	{ 0 }
};

/* Keys become names of files, and layers' keys paths. */
static bool is_sound(const struct step_record *r)
{
	if (!digest_is_set(&r->key) || strncmp(r->key.text, "sha256:", strlen("sha256:")) != 0)
		return false;
	if (r->etag && (r->layer || !r->file_name || !digest_is_set(&r->content)))
		return false;
	return !r->layer || (store_key_ok(r->layer) && digest_is_set(&r->diff_id));
}

static void record_path(const char *hex, char ret[SUBPATH_MAX])
{
	(void)snprintf(ret, SUBPATH_MAX, STEPS_DIR "/%s", hex);
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* -ENOENT where there is none, -EBADMSG where it makes no sense, both without text. What is about us, not about the record, has one. */
static int read_record(const struct store *s, const char *hex, struct step_record *ret, struct err *e)
{
	cleanup_step_record struct step_record record = { 0 };
	cleanup_buf struct buf text = BUF_INIT(RECORD_MAX);
	char path[SUBPATH_MAX];
	struct stat st;
	int r;

	record_path(hex, path);
	if (fstatat(s->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -ENOENT;
	r = file_read(s->root_fd, path, &text, e);
	if (r == -ENOENT)
		return r;
	if (r == 0)
		r = json_decode(text.data ? text.data : "", text.len, RECORD, &record, e);
	if (r < 0 && !store_error_is_damage(r))
		return err_wrap(e, "cannot read '%s/%s'", s->root, path);
	if (r < 0 || !is_sound(&record) || strcmp(digest_hex(&record.key), hex) != 0)
		return -EBADMSG;
	record.used_s = st.st_mtime;
	*ret = record;
	record = (struct step_record){ 0 };
	return 0;
}

/* Best effort: who cannot note it builds all the same. */
static void note_use(const struct store *s, const char *hex, int64_t now_s)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = now_s } };
	char path[SUBPATH_MAX];

	record_path(hex, path);
	(void)utimensat(s->root_fd, path, times, AT_SYMLINK_NOFOLLOW);
}

int step_cache_find(const struct store *s, const struct digest *key, int64_t now_s, struct step_record *ret,
		    struct err *e)
{
	cleanup_step_record struct step_record record = { 0 };
	const char *hex = digest_hex(key);
	int r = store_key_ok(hex) ? read_record(s, hex, &record, e) : -ENOENT;

	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT; /* whatever is wrong with it, the step can be made again */
	if (record.layer && !layer_exists(s, record.layer))
		return -ENOENT;
	if (now_s - record.used_s > STEP_TOUCH_AFTER_S) {
		note_use(s, hex, now_s);
		record.used_s = now_s;
	}
	*ret = record;
	record = (struct step_record){ 0 };
	return 0;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* As much of the text as is kept, not cut inside of a character. Owned. */
static char *text_to_keep(const char *text)
{
	size_t len = strnlen(text, STEP_TEXT_MAX);

	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return strndup(text, len);
}

static void write_fetched(struct json_out *o, const struct step_record *r)
{
	if (!r->etag)
		return;
	json_out_string(o, "etag", r->etag);
	json_out_string(o, "fileName", r->file_name);
	json_out_string(o, "content", r->content.text);
	json_out_u64(o, "modified", r->modified_s);
}

int step_cache_put(const struct store *s, const struct step_record *r, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, RECORD_MAX);
	cleanup_free char *kept = text_to_keep(r->text ? r->text : "");
	cleanup_fd int dir_fd = -1;
	cleanup_fd int lock_fd = -1;
	const char *text;
	size_t len;
	int ret;

	if (!is_sound(r))
		return err_set(e, -EINVAL, "a step's record has no key, or a layer that is none");
	if (!kept)
		return err_code(e, -ENOMEM, "cannot keep a step's record");
	json_out_object(o, NULL);
	json_out_string(o, "key", r->key.text);
	if (digest_is_set(&r->before))
		json_out_string(o, "before", r->before.text);
	json_out_opt_string(o, "layer", r->layer);
	if (r->layer)
		json_out_string(o, "diffID", r->diff_id.text);
	json_out_u64(o, "size", r->size_bytes);
	json_out_string(o, "text", kept);
	json_out_opt_string(o, "created", r->created);
	write_fetched(o, r);
	json_out_end(o);
	ret = json_out_finish(o, &text, &len, e);
	if (ret == 0)
		ret = store_lock(s, false, &lock_fd, e); /* what a writer leaves who holds none is garbage */
	if (ret == 0)
		ret = dir_make_open(s->root_fd, STEPS_DIR, DIR_MODE, &dir_fd, e);
	return ret < 0 ? ret : file_write_atomic(dir_fd, digest_hex(&r->key), text, len, RECORD_MODE, e);
}

int step_cache_remove(const struct store *s, const struct digest *key, struct err *e)
{
	char path[SUBPATH_MAX];

	if (!store_key_ok(digest_hex(key)))
		return 0;
	record_path(digest_hex(key), path);
	if (unlinkat(s->root_fd, path, 0) < 0 && errno != ENOENT)
		return err_errno(e, "cannot remove '%s/%s'", s->root, path);
	return 0;
}

/* --- lists ---------------------------------------------------------------------------------------------- */

void step_cache_list_free(struct step_record *items, size_t len)
{
	for (size_t i = 0; i < len; i++)
		step_record_done(&items[i]);
	free(items);
}

int step_cache_list(const struct store *s, struct step_record **ret_items, size_t *ret_len, struct err *e)
{
	cleanup_strvec struct strvec names = { .max = STEP_FILES_MAX };
	struct step_record *items;
	size_t len = 0;
	int r = store_list_dir(s, STEPS_DIR, &names, e);

	if (r < 0)
		return r;
	items = calloc(names.len + 1, sizeof(*items));
	if (!items)
		return err_code(e, -ENOMEM, "cannot list the steps of builds");
	for (size_t i = 0; i < names.len; i++) {
		r = store_key_ok(names.items[i]) ? read_record(s, names.items[i], &items[len], e) : -EBADMSG;
		if (r == 0)
			len++;
		else if (r != -ENOENT && r != -EBADMSG)
			break;
	}
	if (r < 0 && r != -ENOENT && r != -EBADMSG) {
		step_cache_list_free(items, len);
		return r;
	}
	*ret_items = items;
	*ret_len = len;
	return 0;
}

/* --- collections ---------------------------------------------------------------------------------------- */

/* 1: the file is a record whose layer, which is added to `used`, stays. 0: it is none that can be used. */
static int use_record(const struct store *s, const char *name, struct strvec *used, struct err *e)
{
	cleanup_step_record struct step_record record = { 0 };
	int r = store_key_ok(name) ? read_record(s, name, &record, e) : -EBADMSG;

	if (r == -ENOENT || r == -EBADMSG)
		return 0;
	if (r < 0 || !record.layer)
		return r < 0 ? r : 1;
	if (!layer_exists(s, record.layer))
		return 0;
	r = strvec_add(used, record.layer);
	return r < 0 ? err_code(e, r, "cannot gather what is in use") : 1;
}

int step_cache_collect(const struct store *s, struct strvec *used, struct err *e)
{
	cleanup_strvec struct strvec names = { .max = STEP_FILES_MAX };
	int r = store_list_dir(s, STEPS_DIR, &names, e);

	for (size_t i = 0; i < names.len && r >= 0; i++) {
		char path[SUBPATH_MAX];

		r = use_record(s, names.items[i], used, e);
		record_path(names.items[i], path);
		if (r == 0)
			r = tree_remove(s->root_fd, path, e);
	}
	return r < 0 ? r : 0;
}

int step_cache_forget_layers(const struct store *s, const struct strvec *layers, struct err *e)
{
	struct step_record *items = NULL;
	size_t len = 0;
	int r = layers->len > 0 ? step_cache_list(s, &items, &len, e) : 0;

	for (size_t i = 0; i < len && r == 0; i++)
		if (items[i].layer && strvec_has(layers, items[i].layer))
			r = step_cache_remove(s, &items[i].key, e);
	step_cache_list_free(items, len);
	return r;
}
