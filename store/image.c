/* SPDX-License-Identifier: Apache-2.0 */
#include "store/image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "oci/descriptor.h"
#include "store/blob.h"
#include "store/image_record.h"
#include "store/internal.h"

/* --- binding -------------------------------------------------------------------------------------- */

static int check_layers(const struct store *s, const struct strvec *keys, struct err *e)
{
	for (size_t i = 0; i < keys->len; i++)
		if (!layer_exists(s, keys->items[i]))
			return err_set(e, -ENOENT, "its layer '%.64s' is not in the store", keys->items[i]);
	return 0;
}

/* Under the shared lock: nothing of this can go away before the name is bound. */
static int check_parts(const struct store *s, const struct image_record *r, struct err *e)
{
	if (!blob_exists(s, &r->manifest))
		return err_set(e, -ENOENT, "its manifest '%s' is not in the store", r->manifest.text);
	if (!blob_exists(s, &r->config))
		return err_set(e, -ENOENT, "its config '%s' is not in the store", r->config.text);
	if (digest_is_set(&r->index) && !blob_exists(s, &r->index))
		return err_set(e, -ENOENT, "its index '%s' is not in the store", r->index.text);
	return check_layers(s, &r->layers, e) < 0 ? e->code : check_layers(s, &r->hidden, e);
}

/* The renames that brought the parts into place reach the disk before the name that needs them. */
static int sync_parts(const struct store *s, struct err *e)
{
	static const char *const PARTS[] = { "layers", "blobs", "blobs/sha256", "blobs/sha512" };

	for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
		cleanup_fd int fd = -1;
		int r = store_open_dir(s, PARTS[i], &fd, e);

		if (r == -ENOENT)
			continue; /* nobody has needed sha512 yet */
		if (r == 0)
			r = dir_sync(fd, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int bind_name(const struct store *s, const struct image_record *r, bool is_temporary, struct err *e)
{
	char file[NAME_FILE_MAX + 1];
	cleanup_fd int lock_fd = -1;
	int ret = image_name_encode(r->name, file, e);

	if (ret < 0)
		return ret;
	ret = store_lock(s, false, &lock_fd, e);
	if (ret == 0)
		ret = check_parts(s, r, e);
	if (ret == 0)
		ret = sync_parts(s, e);
	if (ret == 0)
		ret = image_record_write(s, file, r, is_temporary, e);
	if (ret == 0)
		return 0;
	(void)store_explain_full(s, e); /* its code stays */
	return err_wrap(e, "cannot keep the image '%s'", r->name);
}

int image_bind(const struct store *s, const struct image_record *r, struct err *e)
{
	return bind_name(s, r, false, e);
}

int image_bind_temporary(const struct store *s, const struct image_record *r, struct err *e)
{
	return bind_name(s, r, true, e);
}

int image_unbind(const struct store *s, const char *canonical_name, struct err *e)
{
	char file[NAME_FILE_MAX + 1];
	cleanup_fd int dir_fd = -1;
	int r = image_name_encode(canonical_name, file, e);

	if (r == 0)
		r = store_open_dir(s, "names", &dir_fd, e);
	if (r < 0)
		return r;
	if (unlinkat(dir_fd, file, 0) < 0) {
		int code = errno;

		for (size_t i = 0; code == ENOENT && i < s->additional_len; i++)
			if (store_has(s->additional[i], "names", file))
				return err_set(
					e, -EROFS,
					"the image '%s' is in the additional store '%s', which is only read",
					canonical_name, s->additional[i]->root);
		if (code == ENOENT)
			return err_set(e, -ENOENT, "no such image: %s", canonical_name);
		errno = code;
		return err_errno(e, "cannot remove the image name '%s'", canonical_name);
	}
	return dir_sync(dir_fd, e);
}

/* "repo@sha256:..." of an image bound as "repo:tag"; NULL: out of memory. */
static char *name_by_digest(const struct reference *ref, const struct digest *manifest)
{
	char *name;

	return asprintf(&name, "%s/%s@%s", ref->domain, ref->path, manifest->text) < 0 ? NULL : name;
}

int image_keep_previous(const struct store *s, const char *canonical_name, const struct digest *manifest,
			struct err *e)
{
	cleanup_image_record struct image_record record = { 0 };
	cleanup_reference struct reference ref = { 0 };
	struct err ignored;
	int r = reference_parse(canonical_name, &ref, e);

	if (r < 0)
		return r;
	if (image_lookup(s, &ref, &record, &ignored) < 0 || digest_equal(&record.manifest, manifest))
		return 0;
	if (!ref.tag && !digest_equal(&ref.digest, &record.index)) /* an index has several images */
		return 0;
	free(record.name);
	free(record.bound);
	record.bound = NULL; /* now */
	record.name = name_by_digest(&ref, &record.manifest);
	return record.name ? image_bind(s, &record, e)
			   : err_code(e, -ENOMEM, "cannot keep the image '%s'", canonical_name);
}

/* --- listing -------------------------------------------------------------------------------------- */

void image_list_free(struct image_record *items, size_t len)
{
	for (size_t i = 0; i < len; i++)
		image_record_done(&items[i]);
	free(items);
}

static int compare_names(const void *a, const void *b)
{
	const struct image_record *x = a, *y = b;

	return strcmp(x->name, y->name);
}

struct listing {
	struct image_record *items;
	size_t len, cap, damaged;
};

/* For one more; there is always some. */
static int make_room(struct listing *l)
{
	size_t cap = l->cap ? l->cap * 2 : 16;
	struct image_record *items;

	if (l->items && l->len < l->cap)
		return 0;
	items = reallocarray(l->items, cap, sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	l->cap = cap;
	return 0;
}

static bool has_name(const struct listing *l, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(l->items[i].name, name) == 0)
			return true;
	return false;
}

/* One that is damaged is counted, and one that was removed meanwhile is not missed. */
static int list_record(const struct store *s, const char *file, size_t before, struct listing *l,
		       struct err *e)
{
	cleanup_image_record struct image_record record = { 0 };
	int r = image_record_read(s, file, &record, e);

	if (r == -EBADMSG)
		l->damaged++;
	if (r < 0)
		return r == -EBADMSG || r == -ENOENT ? 0 : r;
	if (has_name(l, before, record.name))
		return 0;
	if (make_room(l) < 0)
		return err_code(e, -ENOMEM, "cannot list images");
	l->items[l->len++] = record;
	record = (struct image_record){ 0 };
	return 0;
}

/* Adds the images of one store whose names none of the stores before had. */
static int list_one(const struct store *s, bool is_additional, struct listing *l, struct err *e)
{
	cleanup_strvec struct strvec files = { 0 };
	size_t before = l->len;
	int r = store_list_dir(s, "names", &files, e);

	for (size_t i = 0; r == 0 && i < files.len; i++)
		if (files.items[i][0] != '.') /* being written */
			r = list_record(s, files.items[i], before, l, e);
	for (size_t i = before; i < l->len; i++)
		l->items[i].is_additional = is_additional;
	return r;
}

int image_list(const struct store *s, struct image_record **ret_items, size_t *ret_len, size_t *ret_damaged,
	       struct err *e)
{
	struct listing l = { 0 };
	int r = list_one(s, false, &l, e);

	for (size_t i = 0; r == 0 && i < s->additional_len; i++)
		r = list_one(s->additional[i], true, &l, e);
	if (r < 0) {
		image_list_free(l.items, l.len);
		return r;
	}
	if (l.len > 1)
		qsort(l.items, l.len, sizeof(*l.items), compare_names);
	*ret_items = l.items;
	*ret_len = l.len;
	*ret_damaged = l.damaged;
	return 0;
}

/* --- finding -------------------------------------------------------------------------------------- */

int image_lookup(const struct store *s, const struct reference *ref, struct image_record *ret, struct err *e)
{
	cleanup_free char *name = reference_canonical(ref);
	char file[NAME_FILE_MAX + 1];
	int r;

	if (!name)
		return err_code(e, -ENOMEM, "cannot look up image");
	r = image_name_encode(name, file, e);
	if (r == 0)
		r = image_record_read(s, file, ret, e);
	for (size_t i = 0; r == -ENOENT && i < s->additional_len; i++) {
		r = image_record_read(s->additional[i], file, ret, e);
		if (r == 0)
			ret->is_additional = true;
	}
	return r == -ENOENT ? err_set(e, r, "no such image: %s", name) : r;
}

/* What a search through all images looks for: a repository's digest, or the start of an ID. */
struct search {
	const struct reference *ref; /* NULL: by prefix */
	const char *prefix;
	size_t prefix_len;
};

static bool is_match(const struct image_record *r, const struct search *search)
{
	cleanup_reference struct reference name = { 0 };
	struct err ignored;

	if (!search->ref)
		return strncmp(digest_hex(&r->config), search->prefix, search->prefix_len) == 0;
	if (!digest_equal(&search->ref->digest, &r->manifest) &&
	    !digest_equal(&search->ref->digest, &r->index))
		return false;
	if (reference_parse(r->name, &name, &ignored) < 0)
		return false;
	return strcmp(name.domain, search->ref->domain) == 0 && strcmp(name.path, search->ref->path) == 0;
}

static int fail_ambiguous(const struct image_record *a, const struct image_record *b, struct err *e)
{
	return err_set(e, -EINVAL,
		       "more than one image ID starts like that: %.19s and %.19s (write more digits)",
		       digest_hex(&a->config), digest_hex(&b->config));
}

static int find_in_all(const struct store *s, const struct search *search, const char *what,
		       struct image_record *ret, struct err *e)
{
	struct image_record *items = NULL, *found = NULL;
	size_t len = 0, damaged = 0;
	int r = image_list(s, &items, &len, &damaged, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len && r == 0; i++) {
		if (!is_match(&items[i], search))
			continue;
		if (!found)
			found = &items[i];
		else if (!search->ref && !digest_equal(&found->config, &items[i].config))
			r = fail_ambiguous(found, &items[i], e);
	}
	if (r == 0 && found) {
		*ret = *found;
		*found = (struct image_record){ 0 };
	} else if (r == 0) {
		r = err_set(e, -ENOENT, "no such image: %s%s", what,
			    damaged ? " (but some image records are damaged: pull it again)" : "");
	}
	image_list_free(items, len);
	return r;
}

/* The hex digits of something like "sha256:0123" or "0123"; NULL if it is no such thing. */
static const char *id_digits(const char *what)
{
	const char *digits = strncmp(what, "sha256:", 7) == 0 ? what + 7 : what;
	size_t len = strlen(digits);

	return len >= 2 && len <= HEX_KEY_LEN && strspn(digits, HEX_DIGITS) == len ? digits : NULL;
}

int image_find(const struct store *s, const char *what, struct image_record *ret, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	const char *digits = id_digits(what);
	struct search search = { .prefix = digits, .prefix_len = digits ? strlen(digits) : 0 };
	int r = reference_parse(what, &ref, e);

	if (r < 0 && !digits)
		return r;
	if (r == 0) {
		r = image_lookup(s, &ref, ret, e);
		if (r != -ENOENT)
			return r;
		if (digest_is_set(&ref.digest))
			search.ref = &ref;
	}
	if (!search.ref && !digits)
		return err_set(e, -ENOENT, "no such image: %s", what);
	return find_in_all(s, &search, what, ret, e);
}

int image_load_config(const struct store *s, const struct image_record *r, struct image_config *ret,
		      struct buf *raw, struct err *e)
{
	cleanup_buf struct buf own = BUF_INIT(CONFIG_MAX_BYTES);
	int code = blob_get(s, &r->config, &own, e);

	if (code == -ENOENT)
		return err_set(e, code, "the config of image '%s' is gone from the store (pull it again)",
			       r->name);
	if (code < 0)
		return code;
	if (own.len == 0)
		return err_set(e, -EBADMSG, "the config of image '%s' is damaged (pull it again)", r->name);
	code = image_config_decode(own.data, own.len, ret, e);
	if (code < 0)
		return err_wrap(e, "image '%s'", r->name);
	if (raw && buf_add(raw, own.data, own.len) < 0) {
		image_config_done(ret);
		return err_code(e, -ENOMEM, "cannot load the config of image '%s'", r->name);
	}
	return 0;
}
