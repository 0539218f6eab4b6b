/* SPDX-License-Identifier: Apache-2.0 */
#include "store/usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "store/internal.h"
#include "store/layer.h"

#define SIZE_LEVELS \
	64 /* of a directory that are looked at: trees may be hostile, and the sum is for people */

void usage_done(struct usage *u)
{
	for (size_t i = 0; i < u->layers_len; i++)
		free(u->layers[i].key);
	for (size_t i = 0; i < u->images_len; i++) {
		image_record_done(&u->images[i].record);
		strvec_done(&u->images[i].labels);
		free(u->images[i].created);
	}
	for (size_t i = 0; i < u->containers_len; i++)
		container_record_done(&u->containers[i].record);
	for (size_t i = 0; i < u->volumes_len; i++)
		volume_record_done(&u->volumes[i].record);
	for (size_t i = 0; i < u->mapped_len; i++)
		free(u->mapped[i].key);
	free(u->mapped);
	free(u->volumes);
	free(u->layers);
	free(u->images);
	free(u->containers);
	*u = (struct usage){ 0 };
}

uint64_t store_tree_size(int dir_fd, int levels)
{
	cleanup_dir DIR *dir = fdopendir(dir_fd);
	const struct dirent *entry;
	uint64_t size = 0;
	struct stat st;

	if (!dir) {
		(void)close(dir_fd); /* it was only for reading */
		return 0;
	}
	while ((entry = readdir(dir))) {
		int fd;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		size += (uint64_t)st.st_blocks * 512;
		if (!S_ISDIR(st.st_mode) || levels == 0)
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			size += store_tree_size(fd, levels - 1);
	}
	return size;
}

/* --- layers ----------------------------------------------------------------------------------------- */

static int compare_layers(const void *a, const void *b)
{
	const struct usage_layer *x = a, *y = b;

	return strcmp(x->key, y->key);
}

struct usage_layer *usage_find_layer(const struct usage *u, const char *key)
{
	struct usage_layer wanted = { .key = (char *)(uintptr_t)key }; /* compared, not changed */

	if (u->layers_len == 0)
		return NULL;
	return bsearch(&wanted, u->layers, u->layers_len, sizeof(wanted), compare_layers);
}

static int read_layers(const struct store *s, struct usage *u, struct err *e)
{
	cleanup_strvec struct strvec keys = { 0 };
	int r = store_list_dir(s, "layers", &keys, e);

	if (r < 0)
		return r;
	u->layers = calloc(keys.len + 1, sizeof(*u->layers));
	if (!u->layers)
		return err_code(e, -ENOMEM, "cannot list layers");
	for (size_t i = 0; i < keys.len; i++) {
		struct layer_meta meta = { 0 };
		struct err ignored; /* a size that is not known counts as 0 */

		if (!store_key_ok(keys.items[i]))
			continue;
		IGNORE_RESULT(layer_meta_read(s, keys.items[i], &meta, &ignored));
		u->layers[u->layers_len++] =
			(struct usage_layer){ .key = keys.items[i], .size_bytes = meta.unpacked_size };
		keys.items[i] = NULL; /* the layer's now */
		layer_meta_done(&meta);
	}
	qsort(u->layers, u->layers_len, sizeof(*u->layers), compare_layers);
	return 0;
}

bool usage_layer_is_cache(const struct usage_layer *layer)
{
	return layer->in_cache && layer->images == 0 && !layer->in_container;
}

uint64_t usage_layers_bytes(const struct usage *u)
{
	uint64_t size = 0;

	for (size_t i = 0; i < u->layers_len; i++)
		size += usage_layer_is_cache(&u->layers[i]) ? 0 : u->layers[i].size_bytes;
	return size;
}

uint64_t usage_reclaimable_bytes(const struct usage *u)
{
	uint64_t size = 0;

	for (size_t i = 0; i < u->layers_len; i++)
		if (!u->layers[i].in_container && !usage_layer_is_cache(&u->layers[i]))
			size += u->layers[i].size_bytes;
	return size;
}

/* --- images ----------------------------------------------------------------------------------------- */

/* Takes the record. What cannot be read of the config is not known. */
static int add_image(const struct store *s, struct image_record *record, struct usage *u)
{
	struct usage_image *image = &u->images[u->images_len++];
	cleanup_image_config struct image_config config = { 0 };
	cleanup_reference struct reference ref = { 0 };
	struct err ignored;

	image->record = *record;
	*record = (struct image_record){ 0 };
	image->is_dangling = reference_parse(image->record.name, &ref, &ignored) == 0 && !ref.tag;
	if (image_load_config(s, &image->record, &config, NULL, &ignored) < 0)
		return 0;
	image->created = ptr_take(config.created);
	return strvec_add_all(&image->labels, &config.labels);
}

static int read_images(const struct store *s, struct usage *u, struct err *e)
{
	struct image_record *items = NULL;
	size_t len = 0;
	int r = image_list(s, &items, &len, &u->damaged, e);

	if (r < 0)
		return r;
	u->images = calloc(len + 1, sizeof(*u->images));
	r = u->images ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < len; i++)
		r = add_image(s, &items[i], u);
	image_list_free(items, len);
	return r < 0 ? err_code(e, r, "cannot list images") : 0;
}

bool usage_image_needs(const struct usage_image *image, const char *key)
{
	return strvec_has(&image->record.layers, key) || strvec_has(&image->record.hidden, key);
}

/* Whether another image, not just another name, needs it too. */
static bool is_shared(const struct usage *u, const struct usage_image *image, const char *key)
{
	for (size_t i = 0; i < u->images_len; i++)
		if (!digest_equal(&u->images[i].record.config, &image->record.config) &&
		    usage_image_needs(&u->images[i], key))
			return true;
	return false;
}

static void count_layers(struct usage *u, struct usage_image *image, const struct strvec *keys)
{
	for (size_t n = 0; n < keys->len; n++) {
		struct usage_layer *layer = usage_find_layer(u, keys->items[n]);

		if (!layer)
			continue;
		layer->images++;
		if (is_shared(u, image, layer->key))
			image->shared_bytes += layer->size_bytes;
		else
			image->unique_bytes += layer->size_bytes;
	}
}

static void count_images(struct usage *u)
{
	for (size_t i = 0; i < u->images_len; i++) {
		count_layers(u, &u->images[i], &u->images[i].record.layers);
		count_layers(u, &u->images[i], &u->images[i].record.hidden);
	}
}

/* --- containers ------------------------------------------------------------------------------------- */

uint64_t usage_written_bytes(const struct store *s, const char *id)
{
	char path[SUBPATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "containers/%s/upper", id);
	fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? 0 : store_tree_size(fd, SIZE_LEVELS);
}

uint64_t usage_image_bytes(const struct store *s, const struct strvec *layers)
{
	uint64_t all = 0;

	for (size_t i = 0; i < layers->len; i++) {
		struct layer_meta meta = { 0 };
		struct err ignored;

		if (layer_meta_read(s, layers->items[i], &meta, &ignored) == 0)
			all += meta.unpacked_size;
		layer_meta_done(&meta);
	}
	return all;
}

static void hold_layers(struct usage *u, const struct strvec *keys)
{
	for (size_t i = 0; i < keys->len; i++) {
		struct usage_layer *layer = usage_find_layer(u, keys->items[i]);

		if (layer)
			layer->in_container = true;
	}
}

static void count_container(struct usage *u, const struct container_record *c)
{
	hold_layers(u, &c->layers);
	hold_layers(u, &c->mounted_layers);
	for (size_t i = 0; i < u->images_len; i++)
		if (digest_equal(&u->images[i].record.config, &c->image_id))
			u->images[i].containers++;
}

static int read_containers(const struct store *s, bool with_sizes, struct usage *u, struct err *e)
{
	struct container_record *items = NULL;
	size_t len = 0;
	int r = container_list(s, &items, &len, e);

	if (r < 0)
		return r;
	u->containers = calloc(len + 1, sizeof(*u->containers));
	for (size_t i = 0; u->containers && i < len; i++) {
		count_container(u, &items[i]);
		u->containers[i].size_bytes = with_sizes ? usage_written_bytes(s, items[i].id) : 0;
		u->containers[i].record = items[i];
		items[i] = (struct container_record){ 0 };
		u->containers_len++;
	}
	container_list_free(items, len);
	return u->containers ? 0 : err_code(e, -ENOMEM, "cannot list containers");
}

/* --- volumes ---------------------------------------------------------------------------------------- */

static size_t users_of(const struct usage *u, const char *volume)
{
	size_t n = 0;

	for (size_t i = 0; i < u->containers_len; i++)
		n += strvec_has(&u->containers[i].record.volumes, volume);
	return n;
}

static uint64_t volume_bytes(const struct store *s, const char *name)
{
	struct err ignored;
	int fd;

	return volume_open_data(s, name, &fd, &ignored) < 0 ? 0 : store_tree_size(fd, SIZE_LEVELS);
}

static int read_volumes(const struct store *s, bool with_sizes, struct usage *u, struct err *e)
{
	struct volume_record *items = NULL;
	size_t len = 0, damaged;
	int r = volume_list(s, &items, &len, &damaged, e);

	if (r < 0)
		return r;
	u->volumes = calloc(len + 1, sizeof(*u->volumes));
	for (size_t i = 0; u->volumes && i < len; i++) {
		struct usage_volume *v = &u->volumes[u->volumes_len++];

		v->record = items[i];
		items[i] = (struct volume_record){ 0 };
		v->containers = users_of(u, v->record.name);
		v->size_bytes =
			with_sizes && v->record.options.len == 0 ? volume_bytes(s, v->record.name) : 0;
	}
	volume_list_free(items, len);
	return u->volumes ? 0 : err_code(e, -ENOMEM, "cannot list volumes");
}

/* --- copies of images ------------------------------------------------------------------------------- */

static int compare_mapped(const void *a, const void *b)
{
	const struct usage_mapped *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static uint64_t mapped_bytes(const struct store *s, const char *key)
{
	char path[SUBPATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), MAPPED_DIR "/%s", key);
	fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? 0 : store_tree_size(fd, SIZE_LEVELS);
}

static int read_mapped(const struct store *s, bool with_sizes, struct usage *u, struct err *e)
{
	cleanup_strvec struct strvec keys = { 0 };
	int r = store_list_dir(s, MAPPED_DIR, &keys, e);

	if (r < 0)
		return r;
	u->mapped = calloc(keys.len + 1, sizeof(*u->mapped));
	if (!u->mapped)
		return err_code(e, -ENOMEM, "cannot list copies of images");
	for (size_t i = 0; i < keys.len; i++) {
		struct usage_mapped *m = &u->mapped[u->mapped_len];

		if (!store_key_ok(keys.items[i]))
			continue;
		m->key = keys.items[i];
		keys.items[i] = NULL; /* the copy's now */
		m->size_bytes = with_sizes ? mapped_bytes(s, m->key) : 0;
		for (size_t n = 0; n < u->containers_len; n++) {
			const char *has = u->containers[n].record.mapped;

			m->containers += has && strcmp(has, m->key) == 0;
		}
		u->mapped_len++;
	}
	qsort(u->mapped, u->mapped_len, sizeof(*u->mapped), compare_mapped);
	return 0;
}

int usage_read(const struct store *s, bool with_sizes, struct usage *ret, struct err *e)
{
	cleanup_usage struct usage u = { 0 };
	cleanup_fd int lock_fd = -1;
	int r = store_lock(s, false, &lock_fd, e);

	if (r == 0)
		r = read_layers(s, &u, e);
	if (r == 0)
		r = read_images(s, &u, e);
	if (r == 0)
		r = read_containers(s, with_sizes, &u, e);
	if (r == 0)
		r = read_volumes(s, with_sizes, &u, e);
	if (r == 0)
		r = read_mapped(s, with_sizes, &u, e);
	if (r < 0)
		return r;
	count_images(&u);
	*ret = u;
	u = (struct usage){ 0 };
	return 0;
}
