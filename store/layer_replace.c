/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "store/container.h"
#include "store/internal.h"
#include "store/layer.h"

/* An overlay whose lower layer is deleted under it is undefined (overlayfs.rst). */
static int check_idle(const struct store *s, const char *key, struct err *e)
{
	struct container_record *items = NULL;
	size_t len = 0;
	int r = container_list(s, &items, &len, e);

	for (size_t i = 0; r == 0 && i < len; i++)
		if (items[i].status == CONTAINER_RUNNING &&
		    (strvec_has(&items[i].layers, key) || strvec_has(&items[i].mounted_layers, key)))
			r = err_set(e, -EBUSY, "container '%s' runs on it (stop it first)", items[i].name);
	container_list_free(items, len);
	return r;
}

/* The damaged one need not be there at all. */
static int put_in_place(const struct store *s, const struct staging *st, const char *subdir, const char *key,
			struct err *e)
{
	char path[SUBPATH_MAX];
	cleanup_fd int dir_fd = -1;
	int r;

	(void)snprintf(path, sizeof(path), "layers/%s", key);
	if (syscall(SYS_renameat2, st->fd, subdir, s->root_fd, path,
		    store_has(s, "layers", key) ? RENAME_EXCHANGE : 0) < 0)
		return err_errno(e, "cannot move it into place");
	r = store_open_dir(s, "layers", &dir_fd, e);
	return r < 0 ? r : dir_sync(dir_fd, e);
}

int layer_replace(const struct store *s, const struct staging *st, const char *subdir, const char *key,
		  struct err *e)
{
	cleanup_fd int lock_fd = -1;
	int r;

	if (!store_key_ok(key))
		return err_set(e, -EINVAL, "'%.100s' is not a layer's key", key);
	r = store_lock(s, true, &lock_fd, e);
	if (r == 0)
		r = check_idle(s, key, e);
	if (r == 0)
		r = put_in_place(s, st, subdir, key, e);
	return r;
}
