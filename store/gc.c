/* SPDX-License-Identifier: Apache-2.0 */
/* Garbage collection. Under the exclusive lock, what is in use is gathered and what is not is renamed out of the way, which is
 * quick; then the lock is made shared, and what was renamed is deleted while others go on. docs/store.md says why that is
 * safe. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "oci/descriptor.h"
#include "store/blob.h"
#include "store/container.h"
#include "store/container_name.h"
#include "store/container_record.h"
#include "store/image_record.h"
#include "store/internal.h"
#include "store/layer.h"

#define SIZE_LEVELS 64      /* of a staging directory that are looked at, for the sum of what is freed */
#define USED_MAX    1048576 /* layers and blobs that records name, each as often as it is named */

/* One collection. Layer keys and digests ("sha256:...") cannot be mistaken for each other: one set holds both. */
struct gc {
	const struct store *store;
	struct strvec used;  /* sorted once the roots are read */
	struct strvec trash; /* paths below the root that are out of the way and to be deleted */
	uint64_t freed_bytes;
	struct err damage; /* why layers and blobs were left alone; code 0: they were not */
};

static void gc_done(struct gc *gc)
{
	strvec_done(&gc->used);
	strvec_done(&gc->trash);
}
#define cleanup_gc __attribute__((cleanup(gc_done)))

/* --- what is in use ------------------------------------------------------------------------------- */

static int use_digest(struct gc *gc, const struct digest *digest)
{
	return digest_is_set(digest) ? strvec_add(&gc->used, digest->text) : 0;
}

static int use_documents(struct gc *gc, const struct manifest *m)
{
	int r = use_digest(gc, &m->config.digest);

	for (size_t i = 0; r == 0 && i < m->layers_len; i++)
		r = use_digest(gc, &m->layers[i].digest);
	return r;
}

/* Appends what is there. */
static int read_document(const struct gc *gc, const struct digest *digest, struct buf *out)
{
	struct err ignored;
	int r = blob_get(gc->store, digest, out, &ignored);

	return r == -ENOENT || r == -EFBIG ? 0 : r;
}

static int use_attestation(struct gc *gc, const struct digest *digest)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	cleanup_manifest struct manifest m = { 0 };
	struct err ignored; /* what is no manifest names nothing */
	int r = read_document(gc, digest, &text);

	if (r < 0 || text.len == 0)
		return r;
	r = manifest_decode(text.data, text.len, &m, &ignored);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = use_digest(gc, digest);
	return r < 0 ? r : use_documents(gc, &m);
}

/* Its attestations hang on it alone. Of one that was pulled the store has not what else it names: that is no damage. */
static int use_index(struct gc *gc, const struct digest *digest)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	cleanup_image_index struct image_index index = { 0 };
	struct err ignored;
	int r;

	if (!digest_is_set(digest))
		return 0;
	r = use_digest(gc, digest);
	if (r == 0)
		r = read_document(gc, digest, &text);
	if (r < 0 || text.len == 0)
		return r;
	r = image_index_decode(text.data, text.len, &index, &ignored);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < index.manifests_len; i++)
		if (descriptor_is_attestation(&index.manifests[i]))
			r = use_attestation(gc, &index.manifests[i].digest);
	return r;
}

static int use_image(struct gc *gc, const struct image_record *r)
{
	int ret = strvec_add_all(&gc->used, &r->layers);

	if (ret == 0)
		ret = strvec_add_all(&gc->used, &r->hidden);
	if (ret == 0)
		ret = use_index(gc, &r->index);
	if (ret == 0)
		ret = use_digest(gc, &r->manifest);
	if (ret == 0)
		ret = use_digest(gc, &r->config);
	return ret;
}

/* A damaged record may have used anything: layers and blobs stay, and the rest goes on. */
static int note_damage(struct gc *gc, int code, const struct err *why, struct err *e)
{
	if (code == -ENOENT)
		return 0; /* gone since we listed it */
	if (code != -EBADMSG) {
		*e = *why;
		return code;
	}
	gc->damage = *why;
	return 0;
}

static int read_image_roots(struct gc *gc, struct err *e)
{
	cleanup_strvec struct strvec files = { 0 };
	int r = store_list_dir(gc->store, "names", &files, e);

	for (size_t i = 0; i < files.len && r == 0; i++) {
		cleanup_image_record struct image_record record = { 0 };
		struct err why = { 0 };

		if (files.items[i][0] == '.')
			continue;
		r = image_record_read(gc->store, files.items[i], &record, &why);
		if (r < 0) {
			r = note_damage(gc, r, &why, e);
			continue;
		}
		if (record.is_temporary) { /* its maker would hold the lock */
			r = image_unbind(gc->store, record.name, e);
			continue;
		}
		r = use_image(gc, &record);
		if (r < 0)
			return err_code(e, r, "cannot gather what is in use");
	}
	return r;
}

static int read_container_roots(struct gc *gc, struct err *e)
{
	cleanup_strvec struct strvec ids = { 0 };
	int r = store_list_dir(gc->store, "containers", &ids, e);

	for (size_t i = 0; i < ids.len && r == 0; i++) {
		cleanup_container_record struct container_record c = { 0 };
		struct err why = { 0 };

		if (!store_key_ok(ids.items[i]))
			continue;
		r = container_record_read(gc->store, ids.items[i], &c, &why);
		if (r < 0) {
			r = note_damage(gc, r, &why, e);
			continue;
		}
		r = strvec_add_all(&gc->used, &c.layers);
		if (r == 0)
			r = strvec_add_all(&gc->used, &c.mounted_layers);
		if (r == 0 && c.mapped)
			r = strvec_add(&gc->used, c.mapped);
		if (r == 0)
			r = use_digest(gc, &c.image_id);
		if (r < 0)
			return err_code(e, r, "cannot gather what is in use");
	}
	return r;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_used(struct gc *gc)
{
	if (gc->used.len > 1)
		qsort(gc->used.items, gc->used.len, sizeof(*gc->used.items), compare_strings);
}

bool store_uses(const struct strvec *used, const char *what)
{
	return used->len > 0 &&
	       bsearch(&what, used->items, used->len, sizeof(*used->items), compare_strings) != NULL;
}

static bool is_used(const struct gc *gc, const char *what)
{
	return store_uses(&gc->used, what);
}

/* Where the blob of a layer that stays has been kept, it stays with it. */
static int use_blobs_of_layers(struct gc *gc, struct err *e)
{
	cleanup_strvec struct strvec keys = { 0 };
	cleanup_strvec struct strvec blobs = { 0 }; /* apart: is_used searches what is sorted */
	int r = store_list_dir(gc->store, "layers", &keys, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < keys.len && r == 0; i++) {
		struct layer_meta meta = { 0 };
		struct err ignored;

		if (!is_used(gc, keys.items[i]) ||
		    layer_meta_read(gc->store, keys.items[i], &meta, &ignored) < 0)
			continue;
		if (digest_is_set(&meta.blob))
			r = strvec_add(&blobs, meta.blob.text);
		layer_meta_done(&meta);
	}
	if (r == 0)
		r = strvec_add_all(&gc->used, &blobs);
	return r < 0 ? err_code(e, r, "cannot gather what is in use") : 0;
}

/* --- what is not ---------------------------------------------------------------------------------- */

static int add_trash(struct gc *gc, const char *dir, const char *name, struct err *e)
{
	int r = strvec_addf(&gc->trash, "%s/%s", dir, name);

	return r < 0 ? err_code(e, r, "cannot list what is to be deleted") : 0;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int trash(struct gc *gc, const char *dir, const char *key, struct err *e)
{
	char path[SUBPATH_MAX];
	int r = store_trash(gc->store, dir, key, path, e);

	if (r < 0)
		return r;
	r = strvec_add(&gc->trash, path);
	return r < 0 ? err_code(e, r, "cannot list what is to be deleted") : 0;
}

static int sweep_layers(struct gc *gc, struct err *e)
{
	cleanup_strvec struct strvec keys = { 0 };
	int r = store_list_dir(gc->store, "layers", &keys, e);

	for (size_t i = 0; i < keys.len && r == 0; i++) {
		struct layer_meta meta = { 0 };
		struct err ignored;

		if (!store_key_ok(keys.items[i]) || gc->damage.code || is_used(gc, keys.items[i]))
			continue;
		if (layer_meta_read(gc->store, keys.items[i], &meta, &ignored) == 0)
			gc->freed_bytes += meta.unpacked_size;
		layer_meta_done(&meta);
		r = trash(gc, "layers", keys.items[i], e);
	}
	return r;
}

/* Copies of images for containers that there are no more. */
static int sweep_mapped(struct gc *gc, struct err *e)
{
	cleanup_strvec struct strvec keys = { 0 };
	int r = store_list_dir(gc->store, MAPPED_DIR, &keys, e);

	for (size_t i = 0; i < keys.len && r == 0; i++) {
		char path[SUBPATH_MAX];
		int fd;

		if (!store_key_ok(keys.items[i]) || gc->damage.code || is_used(gc, keys.items[i]))
			continue;
		(void)snprintf(path, sizeof(path), MAPPED_DIR "/%s", keys.items[i]);
		fd = openat(gc->store->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			gc->freed_bytes += store_tree_size(fd, SIZE_LEVELS);
		r = trash(gc, MAPPED_DIR, keys.items[i], e);
	}
	return r;
}

/* Blobs are small files: they go at once. What has no digest's name is a temporary file of a writer that is dead. */
static int sweep_blobs(struct gc *gc, const char *algorithm, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	char dir[32];
	int r;

	(void)snprintf(dir, sizeof(dir), "blobs/%s", algorithm);
	r = store_list_dir(gc->store, dir, &names, e);
	for (size_t i = 0; i < names.len && r == 0; i++) {
		char path[SUBPATH_MAX], digest[SUBPATH_MAX];
		struct stat st;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names.items[i]);
		(void)snprintf(digest, sizeof(digest), "%s:%s", algorithm, names.items[i]);
		if (names.items[i][0] != '.' && (gc->damage.code || is_used(gc, digest)))
			continue;
		if (fstatat(gc->store->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			gc->freed_bytes += (uint64_t)st.st_size;
		r = tree_remove(gc->store->root_fd, path, e);
	}
	return r;
}

/* Left in names/ by a writer that died; image_bind writes under the shared lock, so none is alive now. */
static int sweep_temporary_names(const struct gc *gc, struct err *e)
{
	cleanup_strvec struct strvec files = { 0 };
	cleanup_fd int fd = -1;
	int r = store_list_dir(gc->store, "names", &files, e);

	if (r == 0)
		r = store_open_dir(gc->store, "names", &fd, e);
	for (size_t i = 0; i < files.len && r == 0; i++)
		if (files.items[i][0] == '.')
			r = tree_remove(fd, files.items[i], e);
	return r;
}

/* Somebody who lives removes it (container_remove_begin). */
static bool is_on_its_way(const struct gc *gc, const char *dir, const char *name)
{
	cleanup_fd int fd = -1;
	char path[SUBPATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = openat(gc->store->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* What an earlier collection, or the removal of a container, was interrupted at. */
static int sweep_leftovers(struct gc *gc, const char *dir, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	int r = store_list_dir(gc->store, dir, &names, e);

	for (size_t i = 0; i < names.len && r == 0; i++)
		if (starts_with(names.items[i], TRASH_PREFIX) && !is_on_its_way(gc, dir, names.items[i]))
			r = add_trash(gc, dir, names.items[i], e);
	return r;
}

static int sweep_container_names(const struct gc *gc, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	cleanup_fd int names_fd = -1;
	int r = container_name_lock(gc->store, &names_fd, e);

	if (r == 0)
		r = store_list_dir(gc->store, "container-names", &names, e);
	for (size_t i = 0; i < names.len && r == 0; i++) {
		char id[CONTAINER_ID_LEN + 1];

		if (container_name_resolve(gc->store, names.items[i], id) == 0 &&
		    !store_has(gc->store, "containers", id))
			container_name_release(names_fd, names.items[i], id);
	}
	return r;
}

/* The owner of a staging directory holds its lock; so do the processes that it started there. */
static bool has_owner(int fd)
{
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static int sweep_staging(struct gc *gc, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	int r = store_list_dir(gc->store, "staging", &names, e);

	for (size_t i = 0; i < names.len && r == 0; i++) {
		char path[SUBPATH_MAX];
		cleanup_fd int fd = -1;

		(void)snprintf(path, sizeof(path), "staging/%s", names.items[i]);
		fd = openat(gc->store->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (has_owner(fd))
			continue;
		if (fd >= 0)
			gc->freed_bytes += store_tree_size(fd_take(&fd), SIZE_LEVELS);
		r = add_trash(gc, "staging", names.items[i], e);
	}
	return r;
}

/* --- the whole ------------------------------------------------------------------------------------ */

static int mark(struct gc *gc, store_gc_choose_fn *choose, void *arg, struct err *e)
{
	int r = read_image_roots(gc, e);

	if (r == 0)
		r = read_container_roots(gc, e);
	sort_used(gc);
	if (r == 0 && choose && !gc->damage.code)
		r = choose(gc->store, &gc->used, arg, e);
	if (r == 0)
		r = step_cache_collect(gc->store, &gc->used, e);
	sort_used(gc);
	if (r == 0)
		r = use_blobs_of_layers(gc, e);
	sort_used(gc);
	return r;
}

static int sweep(struct gc *gc, struct err *e)
{
	int r = sweep_leftovers(gc, "layers", e);

	if (r == 0)
		r = sweep_leftovers(gc, "containers", e);
	if (r == 0)
		r = sweep_leftovers(gc, "volumes", e);
	if (r == 0)
		r = sweep_leftovers(gc, MAPPED_DIR, e);
	if (r == 0)
		r = sweep_leftovers(gc, MOUNTS_DIR, e);
	if (r == 0)
		r = sweep_temporary_names(gc, e);
	if (r == 0)
		r = sweep_container_names(gc, e);
	if (r == 0)
		r = sweep_staging(gc, e);
	if (r == 0)
		r = sweep_layers(gc, e);
	if (r == 0)
		r = sweep_mapped(gc, e);
	if (r == 0)
		r = sweep_blobs(gc, "sha256", e);
	if (r == 0)
		r = sweep_blobs(gc, "sha512", e);
	return r;
}

/* Deletes all that it can, and reports the first failure. */
static int empty_trash(const struct gc *gc, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < gc->trash.len; i++) {
		struct err failure;
		int one = tree_remove(gc->store->root_fd, gc->trash.items[i], &failure);

		if (one < 0 && r == 0) {
			*e = failure;
			r = one;
		}
	}
	return r;
}

/* One collection at a time: making a lock shared is not atomic (flock(2)), so the store's lock alone would let a second one
 * in. */
static int lock_all(const struct store *s, bool wait, int *ret_gc_fd, int *ret_lock_fd, struct err *e)
{
	cleanup_fd int gc_fd = -1;
	int r = store_open_dir(s, "layers", &gc_fd, e);

	if (r < 0)
		return r;
	do
		r = flock(gc_fd, LOCK_EX | (wait ? 0 : LOCK_NB));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EWOULDBLOCK ? -EWOULDBLOCK : err_errno(e, "cannot lock '%s/layers'", s->root);
	r = wait ? store_lock(s, true, ret_lock_fd, e) : store_try_lock_exclusive(s, ret_lock_fd, e);
	if (r == 0)
		*ret_gc_fd = fd_take(&gc_fd);
	return r;
}

int store_gc(const struct store *s, bool wait, uint64_t *ret_freed_bytes, struct err *e)
{
	bool ignored; /* somebody is at work; another time */

	return store_gc_choosing(s, wait, NULL, NULL, &ignored, ret_freed_bytes, e);
}

int store_gc_choosing(const struct store *s, bool wait, store_gc_choose_fn *choose, void *arg, bool *ret_done,
		      uint64_t *ret_freed_bytes, struct err *e)
{
	cleanup_gc struct gc gc = { .store = s, .used = { .max = USED_MAX } };
	cleanup_fd int gc_fd = -1;
	cleanup_fd int lock_fd = -1;
	int r = lock_all(s, wait, &gc_fd, &lock_fd, e);

	*ret_freed_bytes = 0;
	*ret_done = r == 0;
	if (r < 0)
		return r == -EWOULDBLOCK ? 0 : r;
	r = mark(&gc, choose, arg, e);
	if (r == 0)
		r = sweep(&gc, e);
	if (r < 0)
		return err_wrap(e, "cannot collect garbage in '%s'", s->root);
	if (flock(lock_fd, LOCK_SH) < 0)
		return err_errno(e, "cannot share the lock of the store '%s'", s->root);
	r = empty_trash(&gc, e);
	*ret_freed_bytes = gc.freed_bytes;
	if (r < 0)
		return err_wrap(e, "cannot collect garbage in '%s'", s->root);
	if (gc.damage.code) {
		*e = gc.damage;
		return err_wrap(e, "layers were not collected");
	}
	return 0;
}
