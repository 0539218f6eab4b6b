/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/config_dirs.h"
#include "pull/registries_conf.h"

/* -ENOENT: the file is not there. */
static int add_file(struct registries_conf *c, const char *path, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(REGISTRIES_CONF_MAX);
	int r = file_read(AT_FDCWD, path, &text, e);

	if (r == 0 && text.len > 0)
		r = registries_conf_add(c, text.data, text.len, e);
	return r < 0 && r != -ENOENT ? err_wrap(e, "'%s'", path) : r;
}

/* The first of the places that has one; a user's own takes the place of the machine's. */
static int add_main_file(struct registries_conf *c, const struct strvec *dirs, struct err *e)
{
	int r = -ENOENT;

	for (size_t i = dirs->len; r == -ENOENT && i > 0; i--) {
		cleanup_free char *path = NULL;

		if (asprintf(&path, "%s/registries.conf", dirs->items[i - 1]) < 0)
			return err_code(e, -ENOMEM, "cannot read registries.conf");
		r = add_file(c, path, e);
	}
	return r == -ENOENT ? 0 : r;
}

static int add_drop_ins(struct registries_conf *c, const char *dir, struct err *e)
{
	cleanup_strvec struct strvec files = { 0 };
	cleanup_free char *path = NULL;
	int r;

	if (asprintf(&path, "%s/registries.conf.d", dir) < 0)
		return err_code(e, -ENOMEM, "cannot read registries.conf.d");
	r = config_list_files(path, ".conf", REGISTRIES_CONF_FILES, &files, e);
	for (size_t i = 0; r == 0 && i < files.len; i++) {
		r = add_file(c, files.items[i], e);
		r = r == -ENOENT ? 0 : r; /* removed while we looked */
	}
	return r;
}

int registries_conf_load(struct registries_conf *ret, struct err *e)
{
	cleanup_registries_conf struct registries_conf c = { 0 };
	cleanup_strvec struct strvec dirs = { 0 };
	const char *only = getenv("CONTAINERS_REGISTRIES_CONF");
	int r;

	if (only && *only) {
		r = add_file(&c, only, e);
	} else {
		r = config_dirs("containers", &dirs, e);
		if (r == 0)
			r = add_main_file(&c, &dirs, e);
		for (size_t i = 0; r == 0 && i < dirs.len; i++)
			r = add_drop_ins(&c, dirs.items[i], e);
	}
	if (r < 0)
		return r;
	*ret = c;
	c = (struct registries_conf){ 0 };
	return 0;
}
