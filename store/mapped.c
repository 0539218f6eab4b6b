/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mapped.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "store/internal.h"
#include "store/layer.h"
#include "store/layer_sums.h"

#define MADE_OF_NAME "made-of"
#define MADE_OF_MAX  (1u << 20)
#define STAGED       "mapped"
#define STAGED_TREE  STAGED "/tree"

static int add_maps(struct buf *out, char kind, const struct spec_id_mapping *m, size_t len)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++)
		r = buf_printf(out, "%c %u %u %u\n", kind, m[i].container_id, m[i].host_id, m[i].size);
	return r;
}

/* What tells a copy from others. */
static int made_of(const struct strvec *layers, const struct tree_owners *owners, struct buf *out,
		   struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < layers->len; i++)
		r = buf_printf(out, "%s\n", layers->items[i]);
	if (r == 0)
		r = add_maps(out, 'u', owners->uids, owners->uids_len);
	if (r == 0)
		r = add_maps(out, 'g', owners->gids, owners->gids_len);
	return r < 0 ? err_code(e, r, "cannot name a copy of the image") : 0;
}

bool mapped_exists(const struct store *s, const char *key)
{
	return store_key_ok(key) && store_has(s, MAPPED_DIR, key);
}

char *mapped_path(const struct store *s, const char *key)
{
	char *path;

	return asprintf(&path, "%s/" MAPPED_DIR "/%s/tree", s->root, key) < 0 ? NULL : path;
}

/* One that cannot be read is another. */
static bool is_made_of(const struct store *s, const char *key, const struct buf *wanted)
{
	cleanup_buf struct buf text = BUF_INIT(MADE_OF_MAX);
	char path[SUBPATH_MAX];
	struct err ignored;

	(void)snprintf(path, sizeof(path), MAPPED_DIR "/%s/" MADE_OF_NAME, key);
	return file_read(s->root_fd, path, &text, &ignored) == 0 && text.len == wanted->len &&
	       memcmp(text.data, wanted->data, text.len) == 0;
}

int mapped_find(const struct store *s, const struct strvec *layers, const struct tree_owners *owners,
		char ret[MAPPED_KEY_LEN + 1], struct err *e)
{
	cleanup_buf struct buf wanted = BUF_INIT(MADE_OF_MAX);
	cleanup_strvec struct strvec keys = { 0 };
	int r = made_of(layers, owners, &wanted, e);

	if (r == 0)
		r = store_list_dir(s, MAPPED_DIR, &keys, e);
	for (size_t i = 0; r == 0 && i < keys.len; i++) {
		if (!store_key_ok(keys.items[i]) || !is_made_of(s, keys.items[i], &wanted))
			continue;
		(void)snprintf(ret, MAPPED_KEY_LEN + 1, "%s", keys.items[i]);
		return 0;
	}
	return r < 0 ? r : -ENOENT;
}

/* --- making one --- */

static int fill(const struct staging *st, const struct buf *of, int root_fd, const struct tree_owners *owners,
		struct err *e)
{
	cleanup_fd int dir_fd = -1, fd = -1;
	int r;

	if (mkdirat(st->fd, STAGED, DIR_MODE) < 0 || mkdirat(st->fd, STAGED_TREE, DIR_MODE) < 0)
		return err_errno(e, "cannot make a directory");
	dir_fd = openat(st->fd, STAGED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(st->fd, STAGED_TREE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || fd < 0)
		return err_errno(e, "cannot open a directory");
	r = tree_copy(root_fd, fd, owners, e);
	if (r == 0)
		r = layer_sums_write(dir_fd, -1, e);
	return r < 0 ? r : file_write_atomic(dir_fd, MADE_OF_NAME, of->data, of->len, RECORD_MODE, e);
}

static int publish(const struct store *s, const struct staging *st, const char *key, struct err *e)
{
	cleanup_fd int dir_fd = -1;
	int r = dir_make_open(s->root_fd, MAPPED_DIR, DIR_MODE, &dir_fd, e);

	if (r < 0)
		return r;
	if (renameat(st->fd, STAGED, dir_fd, key) < 0)
		return err_errno(e, "cannot move it to '" MAPPED_DIR "/%s'", key);
	return dir_sync(dir_fd, e);
}

int mapped_make(const struct store *s, const struct strvec *layers, const struct tree_owners *owners,
		int root_fd, char ret[MAPPED_KEY_LEN + 1], struct err *e)
{
	cleanup_buf struct buf of = BUF_INIT(MADE_OF_MAX);
	struct staging st = { .fd = -1 };
	char key[MAPPED_KEY_LEN + 1];
	int r = made_of(layers, owners, &of, e);

	if (r == 0 && store_random_hex(key, MAPPED_KEY_LEN) < 0)
		r = err_set(e, -EIO, "cannot get random bytes");
	if (r == 0)
		r = staging_begin(s, &st, e);
	if (r == 0)
		r = fill(&st, &of, root_fd, owners, e);
	if (r == 0)
		r = store_sync(s, e);
	if (r == 0)
		r = publish(s, &st, key, e);
	staging_end(s, &st);
	if (r < 0)
		return err_wrap(e, "cannot copy the image for the container's user namespace");
	(void)snprintf(ret, MAPPED_KEY_LEN + 1, "%s", key);
	return 0;
}
