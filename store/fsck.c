/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fsck.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strvec.h"
#include "store/blob.h"
#include "store/container_name.h"
#include "store/container_record.h"
#include "store/image_record.h"
#include "store/internal.h"
#include "store/layer.h"
#include "store/layer_sums.h"
#include "store/mapped.h"
#include "store/volume_record.h"

struct fsck {
	const struct store *main;
	const struct store *store; /* that is being checked: main, or an additional one */
	fsck_hash_fn *hash;
	struct fsck_report *report;
	struct strvec blobs;  /* digests that records need, each once; and kept blobs of layers */
	struct strvec layers; /* keys that records need */
};

/* --- the report ------------------------------------------------------------------------------------- */

const char *fsck_subject_name(enum fsck_subject subject)
{
	static const char *const NAMES[] = {
		[FSCK_LAYER] = "layer",         [FSCK_BLOB] = "blob",           [FSCK_IMAGE] = "image",
		[FSCK_CONTAINER] = "container", [FSCK_LINK] = "container name", [FSCK_VOLUME] = "volume",
		[FSCK_MAPPED] = "image copy"
	};

	return NAMES[subject];
}

void fsck_report_done(struct fsck_report *r)
{
	for (size_t i = 0; i < r->len; i++) {
		free(r->items[i].what);
		free(r->items[i].path);
		free(r->items[i].problem);
	}
	free(r->items);
	*r = (struct fsck_report){ 0 };
}

static int make_room(struct fsck_report *r)
{
	size_t cap = r->cap ? r->cap * 2 : 16;
	struct fsck_finding *items;

	if (r->len < r->cap)
		return 0;
	items = reallocarray(r->items, cap, sizeof(*items));
	if (!items)
		return -ENOMEM;
	r->items = items;
	r->cap = cap;
	return 0;
}

static int add_finding(const struct fsck *f, enum fsck_subject subject, const char *what, const char *path,
		       const char *problem)
{
	struct fsck_report *r = f->report;
	struct fsck_finding *item;

	if (r->len >= FSCK_FINDINGS_MAX) {
		r->left_out++;
		return 0;
	}
	if (make_room(r) < 0)
		return -ENOMEM;
	item = &r->items[r->len++];
	*item = (struct fsck_finding){ .subject = subject,
				       .what = strdup(what),
				       .where = f->store == f->main ? NULL : f->store->root,
				       .path = path ? strdup(path) : NULL,
				       .problem = strdup(problem) };
	return item->what && item->problem && (item->path || !path) ? 0 : -ENOMEM;
}

static int add_once(struct strvec *v, const char *text)
{
	return strvec_has(v, text) ? 0 : strvec_add(v, text);
}

static int need_blob(struct fsck *f, const struct digest *digest)
{
	return digest_is_set(digest) ? add_once(&f->blobs, digest->text) : 0;
}

static int need_layers(struct fsck *f, const struct strvec *layers)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < layers->len; i++)
		r = add_once(&f->layers, layers->items[i]);
	return r;
}

/* --- records ---------------------------------------------------------------------------------------- */

static int check_image(struct fsck *f, const char *file, struct err *e)
{
	cleanup_image_record struct image_record record = { 0 };
	char name[NAME_FILE_MAX + 1];
	struct err why = { 0 };
	int r = image_record_read(f->store, file, &record, &why);

	if (r == -ENOENT)
		return 0; /* removed since we listed it */
	f->report->images++;
	if (r == -EBADMSG) {
		image_name_decode(file, name);
		r = add_finding(f, FSCK_IMAGE, name, NULL, why.text);
	} else if (r < 0) {
		*e = why;
		return r;
	} else {
		r = need_blob(f, &record.index);
		if (r == 0)
			r = need_blob(f, &record.manifest);
		if (r == 0)
			r = need_blob(f, &record.config);
		if (r == 0)
			r = need_layers(f, &record.layers);
		if (r == 0)
			r = need_layers(f, &record.hidden);
	}
	return r < 0 ? err_code(e, r, "cannot note what was found") : 0;
}

static int check_images(struct fsck *f, struct err *e)
{
	cleanup_strvec struct strvec files = { 0 };
	int r = store_list_dir(f->store, "names", &files, e);

	for (size_t i = 0; i < files.len && r == 0; i++)
		if (files.items[i][0] != '.')
			r = check_image(f, files.items[i], e);
	return r;
}

/* Names without a container are free, not damaged. */
static int check_link(struct fsck *f, const struct container_record *c)
{
	char id[CONTAINER_ID_LEN + 1] = "";

	if (!c->name || (container_name_resolve(f->store, c->name, id) == 0 && strcmp(id, c->id) == 0))
		return 0;
	return add_finding(f, FSCK_LINK, c->name, NULL,
			   *id ? "points at another container" : "the link to its container is missing");
}

static int check_volumes_of(const struct fsck *f, const struct container_record *c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->volumes.len; i++)
		if (!store_has(f->store, "volumes", c->volumes.items[i]))
			r = add_finding(f, FSCK_VOLUME, c->volumes.items[i], NULL, "missing");
	return r;
}

static int check_container(struct fsck *f, const char *id, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	struct err why = { 0 };
	int r = container_record_read(f->store, id, &c, &why);

	if (r == -ENOENT)
		return 0; /* as above */
	f->report->containers++;
	if (r == -EBADMSG) {
		r = add_finding(f, FSCK_CONTAINER, id, NULL, why.text);
	} else if (r < 0) {
		*e = why;
		return r;
	} else {
		r = need_layers(f, &c.layers);
		if (r == 0)
			r = need_layers(f, &c.mounted_layers);
		if (r == 0 && c.mapped && !mapped_exists(f->store, c.mapped))
			r = add_finding(f, FSCK_MAPPED, c.mapped, NULL, "missing");
		if (r == 0)
			r = check_link(f, &c);
		if (r == 0)
			r = check_volumes_of(f, &c);
	}
	return r < 0 ? err_code(e, r, "cannot note what was found") : 0;
}

static int check_containers(struct fsck *f, struct err *e)
{
	cleanup_strvec struct strvec ids = { 0 };
	int r = store_list_dir(f->store, "containers", &ids, e);

	for (size_t i = 0; i < ids.len && r == 0; i++)
		if (store_key_ok(ids.items[i]))
			r = check_container(f, ids.items[i], e);
	return r;
}

/* What is in a volume is its users' own. */
static int check_volume(struct fsck *f, const char *name, struct err *e)
{
	cleanup_volume_record struct volume_record v = { 0 };
	char path[SUBPATH_MAX];
	struct err why = { 0 };
	struct stat st;
	int r = volume_record_read(f->store, name, &v, &why);

	if (r == -ENOENT)
		return 0; /* as above */
	f->report->volumes++;
	(void)snprintf(path, sizeof(path), "volumes/%s/" VOLUME_DATA_NAME, name);
	if (r == -EBADMSG) {
		r = add_finding(f, FSCK_VOLUME, name, NULL, why.text);
	} else if (r < 0) {
		*e = why;
		return r;
	} else if (fstatat(f->store->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
		r = add_finding(f, FSCK_VOLUME, name, NULL,
				"its directory '" VOLUME_DATA_NAME "' is missing");
	}
	return r < 0 ? err_code(e, r, "cannot note what was found") : 0;
}

static int check_volumes(struct fsck *f, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	int r = store_list_dir(f->store, "volumes", &names, e);

	for (size_t i = 0; i < names.len && r == 0; i++)
		if (names.items[i][0] != '.')
			r = check_volume(f, names.items[i], e);
	return r;
}

/* --- blobs ------------------------------------------------------------------------------------------ */

/* What is wrong with a blob, NULL: nothing. */
static int look_at_blob(const struct fsck *f, const struct digest *digest, const char **ret_problem,
			struct err *e)
{
	char path[SUBPATH_MAX];
	struct digest actual;
	struct stat st;
	cleanup_fd int fd = -1;
	int r;

	(void)snprintf(path, sizeof(path), "blobs/%s/%s", digest_algorithm(digest), digest_hex(digest));
	fd = openat(f->store->root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return err_errno(e, "cannot open '%s'", path);
	*ret_problem = "missing";
	if (fd < 0) {
		if (store_of_blob(f->main, digest)) /* it is checked where it is */
			*ret_problem = NULL;
		return 0;
	}
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at '%s'", path);
	*ret_problem = "truncated";
	if (st.st_size == 0)
		return 0;
	r = f->hash(fd, digest_algorithm(digest), &actual, e);
	*ret_problem = r == -EIO ? "unreadable" : "altered";
	if (r == -EIO)
		return 0;
	if (r < 0)
		return err_wrap(e, "cannot check '%s'", path);
	if (digest_equal(digest, &actual))
		*ret_problem = NULL;
	return 0;
}

static int check_blobs(struct fsck *f, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->blobs.len; i++) {
		const char *problem = NULL;
		struct digest digest;

		r = digest_parse(f->blobs.items[i], &digest, e);
		if (r == 0)
			r = look_at_blob(f, &digest, &problem, e);
		f->report->blobs++;
		if (r == 0 && problem && add_finding(f, FSCK_BLOB, digest.text, NULL, problem) < 0)
			return err_code(e, -ENOMEM, "cannot note what was found");
	}
	return r;
}

/* --- layers ----------------------------------------------------------------------------------------- */

struct layer_visit {
	const struct fsck *fsck;
	enum fsck_subject subject;
	const char *key;
};

static int on_damage(void *arg, const char *path, const char *problem)
{
	const struct layer_visit *v = arg;

	return add_finding(v->fsck, v->subject, v->key, path, problem);
}

/* Those of layers/<key> or mapped/<key>. */
static int check_files(const struct fsck *f, enum fsck_subject subject, const char *key, struct err *e)
{
	struct layer_visit visit = { f, subject, key };
	struct layer_sums_count count = { 0 };
	char path[SUBPATH_MAX];
	cleanup_fd int fd = -1;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", subject == FSCK_LAYER ? "layers" : MAPPED_DIR, key);
	r = store_open_dir(f->store, path, &fd, e);
	if (r < 0)
		return r;
	r = layer_sums_check(fd, on_damage, &visit, &count, e);
	f->report->files += count.files;
	f->report->bytes += count.bytes;
	if (r == -ENOENT || r == -EBADMSG || r == -ENODATA || r == -EIO || r == -ESTALE || r == -EUCLEAN)
		r = add_finding(f, subject, key, NULL, e->text);
	return r == -ENOMEM ? err_code(e, r, "cannot note what was found") : r;
}

/* Without it the layer runs, but can never be pushed or saved under its own digest. */
static int check_split(struct fsck *f, const char *key, const char *expected, struct err *e)
{
	char path[SUBPATH_MAX], actual[FILE_SUM_TEXT_LEN + 1];
	cleanup_fd int fd = -1;
	const char *problem = NULL;
	int r;

	if (!expected)
		return 0;
	(void)snprintf(path, sizeof(path), "layers/%s", key);
	r = store_open_dir(f->store, path, &fd, e);
	if (r < 0)
		return r;
	r = layer_split_sum(fd, actual, e);
	if (r == -EIO)
		problem = "'" LAYER_SPLIT_NAME "' is unreadable";
	else if (r < 0)
		return r;
	else if (strcmp(actual, expected) != 0)
		problem = *actual ? "'" LAYER_SPLIT_NAME "' is damaged" : "'" LAYER_SPLIT_NAME "' is missing";
	return problem ? add_finding(f, FSCK_LAYER, key, NULL, problem) : 0;
}

/* Where a layer's blob has been kept, it is checked with it. */
static int check_meta(struct fsck *f, const char *key, struct err *e)
{
	struct layer_meta meta = { 0 };
	int r = layer_meta_read(f->store, key, &meta, e);

	if (r == 0 && blob_exists(f->store, &meta.blob))
		r = need_blob(f, &meta.blob);
	else if (r < 0 && store_error_is_damage(r))
		r = add_finding(f, FSCK_LAYER, key, NULL, "'" META_NAME "' is damaged");
	if (r == 0)
		r = check_split(f, key, meta.tar_split, e);
	layer_meta_done(&meta);
	return r < 0 ? err_code(e, r, "cannot check layer '%s'", key) : 0;
}

static int check_layers(struct fsck *f, struct err *e)
{
	cleanup_strvec struct strvec keys = { 0 };
	int r = store_list_dir(f->store, "layers", &keys, e);

	for (size_t i = 0; r == 0 && i < f->layers.len; i++)
		if (!layer_exists(f->main, f->layers.items[i]) &&
		    add_finding(f, FSCK_LAYER, f->layers.items[i], NULL, "missing") < 0)
			r = err_code(e, -ENOMEM, "cannot note what was found");
	for (size_t i = 0; r == 0 && i < keys.len; i++) {
		if (!store_key_ok(keys.items[i]))
			continue; /* on its way out */
		f->report->layers++;
		r = check_meta(f, keys.items[i], e);
		if (r == 0)
			r = check_files(f, FSCK_LAYER, keys.items[i], e);
	}
	return r;
}

/* Without "made-of" nobody finds a copy again, and of what it is made says a container's record as well. An earlier version has made some without checksums. */
static int check_mapped(struct fsck *f, struct err *e)
{
	cleanup_strvec struct strvec keys = { 0 };
	int r = store_list_dir(f->store, MAPPED_DIR, &keys, e);

	for (size_t i = 0; r == 0 && i < keys.len; i++) {
		char path[SUBPATH_MAX];

		if (!store_key_ok(keys.items[i]))
			continue; /* as above */
		f->report->mapped++;
		(void)snprintf(path, sizeof(path), MAPPED_DIR "/%s/" LAYER_SUMS_NAME, keys.items[i]);
		if (faccessat(f->store->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			r = check_files(f, FSCK_MAPPED, keys.items[i], e);
	}
	return r;
}

static int check_one(struct fsck *f, struct err *e)
{
	int r = check_images(f, e);

	if (r == 0)
		r = check_containers(f, e);
	if (r == 0)
		r = check_volumes(f, e);
	if (r == 0)
		r = check_layers(f, e);
	if (r == 0)
		r = check_mapped(f, e);
	if (r == 0)
		r = check_blobs(f, e);
	strvec_done(&f->blobs);
	strvec_done(&f->layers);
	return r < 0 ? err_wrap(e, "cannot check the store '%s'", f->store->root) : 0;
}

int store_fsck(const struct store *s, fsck_hash_fn *hash, struct fsck_report *ret, struct err *e)
{
	cleanup_fd int lock_fd = -1;
	int r = store_lock(s, false, &lock_fd, e);

	for (size_t i = 0; r == 0 && i <= s->additional_len; i++) {
		struct fsck f = {
			.main = s, .store = i == 0 ? s : s->additional[i - 1], .hash = hash, .report = ret
		};

		r = check_one(&f, e);
	}
	return r;
}
