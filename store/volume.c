/* SPDX-License-Identifier: Apache-2.0 */
#include "store/volume.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/timestamp.h"
#include "store/container.h"
#include "store/internal.h"
#include "store/layer.h"
#include "store/volume_record.h"

#define DIR          "volumes"
#define STAGED       "volume"
#define USERS_MAX    400 /* bytes of a message's list of containers */
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* --- names and options --- */

int volume_name_check(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 1 && strspn(name, NAME_LETTERS) == 1)
		return err_set(
			e, -EINVAL,
			"volume name is too short, names should be at least two alphanumeric characters");
	if (len >= 2 && len <= VOLUME_NAME_MAX && strspn(name, NAME_LETTERS) >= 1 &&
	    strspn(name, NAME_LETTERS "_.-") == len)
		return 0;
	return err_set(e, -EINVAL,
		       "create %.128s: \"%.128s\" includes invalid characters for a local volume name, only "
		       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, "
		       "use absolute path",
		       name, name);
}

int volume_options_check(const struct strvec *options, struct err *e)
{
	const char *type = strvec_get_env(options, "type");
	const char *device = strvec_get_env(options, "device");

	for (size_t i = 0; i < options->len; i++) {
		const char *text = options->items[i];
		size_t len = strcspn(text, "=");

		if (!(len == 4 && strncmp(text, "type", len) == 0) && !(len == 1 && text[0] == 'o') &&
		    !(len == 6 && strncmp(text, "device", len) == 0))
			return err_set(e, -EINVAL, "invalid option: \"%.*s\"", (int)len, text);
	}
	if (options->len == 0)
		return 0;
	if (!device || !*device)
		return err_set(e, -EINVAL, "missing device in volume options");
	if (!type || !*type)
		return err_set(e, -EINVAL, "missing required option: \"type\"");
	return 0;
}

/* --- places --- */

/* Stores that were made before there were volumes have no place for them. */
static int make_dir(const struct store *s, struct err *e)
{
	if (mkdirat(s->root_fd, DIR, DIR_MODE) == 0 || errno == EEXIST)
		return 0;
	(void)err_errno(e, "cannot make '%s/" DIR "'", s->root);
	return store_explain_full(s, e);
}

int volume_lock(const struct store *s, bool exclusive, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = make_dir(s, e);

	if (r == 0)
		r = store_open_dir(s, DIR, &fd, e);
	if (r < 0)
		return r;
	do
		r = flock(fd, exclusive ? LOCK_EX : LOCK_SH);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_errno(e, "cannot lock '%s/" DIR "'", s->root);
	*ret_fd = fd_take(&fd);
	return 0;
}

char *volume_data_path(const struct store *s, const char *name)
{
	char *path;

	return asprintf(&path, "%s/" DIR "/%s/" VOLUME_DATA_NAME, s->root, name) < 0 ? NULL : path;
}

int volume_open_data(const struct store *s, const char *name, int *ret_fd, struct err *e)
{
	char path[SUBPATH_MAX];

	(void)snprintf(path, sizeof(path), DIR "/%s/" VOLUME_DATA_NAME, name);
	return store_open_dir(s, path, ret_fd, e);
}

char *volume_of_path(const struct store *s, const char *path, const char **ret_rest)
{
	size_t root_len = strlen(s->root), len;
	const char *name, *data;

	if (strncmp(path, s->root, root_len) != 0 ||
	    strncmp(path + root_len, "/" DIR "/", sizeof(DIR) + 1) != 0)
		return NULL;
	name = path + root_len + sizeof(DIR) + 1;
	len = strcspn(name, "/");
	data = name + len;
	if (len == 0 || strncmp(data, "/" VOLUME_DATA_NAME, sizeof(VOLUME_DATA_NAME)) != 0)
		return NULL;
	data += sizeof(VOLUME_DATA_NAME);
	if (*data && *data != '/')
		return NULL;
	*ret_rest = data;
	return strndup(name, len);
}

/* --- making and finding --- */

static int make_staged(const struct staging *st, const struct volume_record *v, struct err *e)
{
	cleanup_fd int fd = -1;

	if (mkdirat(st->fd, STAGED, 0711) < 0)
		return err_errno(e, "cannot make a directory");
	fd = openat(st->fd, STAGED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mkdirat(fd, VOLUME_DATA_NAME, 0755) < 0 || fchmodat(fd, VOLUME_DATA_NAME, 0755, 0) < 0)
		return err_errno(e, "cannot make a directory");
	return volume_record_write(fd, v, e);
}

/* *ret_made false: somebody else was faster. */
static int publish(const struct store *s, const struct staging *st, const char *name, bool *ret_made,
		   struct err *e)
{
	cleanup_fd int dir_fd = -1;
	char path[SUBPATH_MAX];
	int r = store_open_dir(s, DIR, &dir_fd, e);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), DIR "/%s", name);
	*ret_made = renameat(st->fd, STAGED, s->root_fd, path) == 0;
	if (!*ret_made && errno != ENOTEMPTY && errno != EEXIST)
		return err_errno(e, "cannot move the volume into place");
	return *ret_made ? dir_sync(dir_fd, e) : 0;
}

static int make(const struct store *s, const struct volume_record *v, bool *ret_made, struct err *e)
{
	struct staging st = { .fd = -1 };
	int r = make_dir(s, e);

	if (r == 0)
		r = staging_begin(s, &st, e);
	if (r < 0)
		return r;
	r = make_staged(&st, v, e);
	if (r == 0)
		r = publish(s, &st, v->name, ret_made, e);
	staging_end(s, &st);
	if (r == 0)
		return 0;
	(void)store_explain_full(s, e); /* its code stays */
	return err_wrap(e, "cannot make the volume '%s'", v->name);
}

static int complete(struct volume_record *v, struct err *e)
{
	char now[TIMESTAMP_MAX], name[HEX_KEY_LEN + 1];
	int r = v->name ? volume_name_check(v->name, e) : store_random_hex(name, HEX_KEY_LEN);

	if (r == 0)
		r = volume_options_check(&v->options, e);
	if (r < 0)
		return r;
	timestamp_now(now);
	free(v->created);
	v->created = strdup(now);
	if (!v->name)
		v->name = strdup(name);
	return v->created && v->name ? 0 : err_code(e, -ENOMEM, "cannot make a volume");
}

int volume_create(const struct store *s, struct volume_record *v, bool *ret_made, struct err *e)
{
	cleanup_volume_record struct volume_record there = { 0 };
	struct volume_record found;
	int r = complete(v, e);

	*ret_made = false;
	if (r == 0 && !store_has(s, DIR, v->name))
		r = make(s, v, ret_made, e);
	if (r < 0 || *ret_made)
		return r;
	r = volume_record_read(s, v->name, &there, e);
	if (r < 0)
		return r;
	found = there;
	there = *v;
	*v = found;
	return 0;
}

int volume_find(const struct store *s, const char *name, struct volume_record *ret, struct err *e)
{
	struct err ignored;
	int r = -ENOENT;

	if (volume_name_check(name, &ignored) == 0)
		r = volume_record_read(s, name, ret, e);
	return r == -ENOENT ? err_set(e, r, "get %.128s: no such volume", name) : r;
}

void volume_list_free(struct volume_record *items, size_t len)
{
	for (size_t i = 0; i < len; i++)
		volume_record_done(&items[i]);
	free(items);
}

static int compare_names(const void *a, const void *b)
{
	const struct volume_record *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int volume_list(const struct store *s, struct volume_record **ret_items, size_t *ret_len, size_t *ret_damaged,
		struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	struct volume_record *items;
	size_t len = 0;
	int r = store_list_dir(s, DIR, &names, e);

	if (r < 0)
		return r;
	items = calloc(names.len + 1, sizeof(*items));
	if (!items)
		return err_code(e, -ENOMEM, "cannot list volumes");
	*ret_damaged = 0;
	for (size_t i = 0; i < names.len; i++) {
		struct err why;

		if (names.items[i][0] == '.')
			continue;
		r = volume_record_read(s, names.items[i], &items[len], &why);
		len += r == 0;
		*ret_damaged += r < 0 && r != -ENOENT;
	}
	qsort(items, len, sizeof(*items), compare_names);
	*ret_items = items;
	*ret_len = len;
	return 0;
}

/* --- use --- */

int volume_users(const struct store *s, const char *name, struct strvec *ret, struct err *e)
{
	struct container_record *items = NULL;
	size_t len = 0;
	int r = container_list(s, &items, &len, e);

	for (size_t i = 0; r == 0 && i < len; i++)
		if (strvec_has(&items[i].volumes, name) && strvec_add(ret, items[i].id) < 0)
			r = err_code(e, -ENOMEM, "cannot list who uses volume '%s'", name);
	container_list_free(items, len);
	return r;
}

static int check_unused(const struct store *s, const char *name, struct err *e)
{
	cleanup_strvec struct strvec ids = { 0 };
	cleanup_buf struct buf text = BUF_INIT(USERS_MAX);
	int r = volume_users(s, name, &ids, e);

	if (r < 0 || ids.len == 0)
		return r;
	for (size_t i = 0; i < ids.len; i++)
		IGNORE_RESULT(buf_printf(&text, "%s%s", i ? ", " : "",
					 ids.items[i])); /* what fits into the message */
	return err_set(e, -EBUSY, "remove %s: volume is in use - [%s]", name, text.data ? text.data : "");
}

int volume_remove(const struct store *s, const char *name, struct err *e)
{
	cleanup_fd int lock_fd = -1;
	cleanup_free char *path = NULL;
	char trash[SUBPATH_MAX];
	struct err ignored;
	int r;

	if (volume_name_check(name, &ignored) < 0 || !store_has(s, DIR, name))
		return err_set(e, -ENOENT, "get %.128s: no such volume", name);
	r = volume_lock(s, true, &lock_fd, e);
	if (r == 0)
		r = check_unused(s, name, e);
	if (r < 0)
		return r;
	path = volume_data_path(s, name);
	if (!path)
		return err_code(e, -ENOMEM, "cannot remove volume '%s'", name);
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		; /* what its options mounted; nobody uses it */
	r = store_trash(s, DIR, name, trash, e);
	if (r < 0)
		return r == -ENOENT ? err_set(e, r, "get %s: no such volume", name) : r;
	(void)close(fd_take(&lock_fd)); /* the name is free while we delete */
	r = tree_remove(s->root_fd, trash, e);
	return r < 0 ? err_wrap(e, "cannot remove volume '%s'", name) : 0;
}

int container_remove_with_volumes(const struct store *s, const char *id, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	struct err ignored;
	int r = container_find(s, id, &c, &ignored), first = 0;

	if (r < 0)
		return container_remove(s, id, e);
	r = container_remove(s, c.id, e);
	for (size_t i = 0; r == 0 && i < c.anonymous_volumes.len; i++) {
		struct err why;
		int one = volume_remove(s, c.anonymous_volumes.items[i], &why);

		if (one < 0 && one != -EBUSY && one != -ENOENT && first == 0) {
			first = one;
			*e = why;
		}
	}
	return r < 0 ? r : first;
}
