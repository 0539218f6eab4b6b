/* SPDX-License-Identifier: Apache-2.0 */
#include "store/manifest_list.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "store/image_record.h"
#include "store/internal.h"

#define LISTS "lists"

static int list_path(const char *name, char ret[SUBPATH_MAX], struct err *e)
{
	char file[NAME_FILE_MAX + 1];
	int r = image_name_encode(name, file, e);

	if (r == 0)
		(void)snprintf(ret, SUBPATH_MAX, LISTS "/%s", file);
	return r;
}

static int no_such(const char *name, struct err *e)
{
	return err_set(e, -ENOENT, "no such manifest list: %s", name);
}

int manifest_list_read(const struct store *s, const char *name, struct buf *out, struct err *e)
{
	char path[SUBPATH_MAX];
	int r = list_path(name, path, e);

	if (r == 0)
		r = file_read(s->root_fd, path, out, e);
	return r == -ENOENT ? no_such(name, e) : r;
}

int manifest_list_write(const struct store *s, const char *name, const char *text, size_t len, bool replace,
			struct err *e)
{
	char path[SUBPATH_MAX];
	cleanup_fd int dir = -1;
	int r = list_path(name, path, e);

	if (r < 0)
		return r;
	if (!replace && faccessat(s->root_fd, path, F_OK, 0) == 0)
		return err_set(e, -EEXIST, "there is a manifest list '%s' already (--amend adds to it)",
			       name);
	r = dir_make_open(s->root_fd, LISTS, DIR_MODE, &dir, e);
	if (r == 0)
		r = file_write_durable(dir, path + sizeof(LISTS), text, len, RECORD_MODE, e);
	return r < 0 ? store_explain_full(s, e) : 0;
}

int manifest_list_remove(const struct store *s, const char *name, struct err *e)
{
	char path[SUBPATH_MAX];
	int r = list_path(name, path, e);

	if (r < 0)
		return r;
	if (unlinkat(s->root_fd, path, 0) < 0)
		return errno == ENOENT ? no_such(name, e) : err_errno(e, "cannot remove '%s'", name);
	return 0;
}
