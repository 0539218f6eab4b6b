/* SPDX-License-Identifier: Apache-2.0 */
/* The contents of volumes: from the image's directory, and from what their options name. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "store/container.h"
#include "store/internal.h"
#include "store/tree_copy.h"
#include "store/volume.h"
#include "store/volume_record.h"

#ifndef STATX_ATTR_MOUNT_ROOT
#include <linux/stat.h>
#endif

#define FILLING_NAME "filling" /* beside _data: what is in it is not all, and nobody has used it */

/* --- filling --- */

static int open_locked(const struct store *s, const char *name, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	char path[SUBPATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "volumes/%s", name);
	r = store_open_dir(s, path, &fd, e);
	if (r < 0)
		return r;
	do
		r = flock(fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_errno(e, "cannot lock volume '%s'", name);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int list(int dir_fd, struct strvec *ret)
{
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	int r = 0, fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		r = -errno;
		if (fd >= 0)
			(void)close(fd); /* it was only for reading */
		return r;
	}
	while (r == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = strvec_add(ret, entry->d_name);
	return r;
}

static int mark(int volume_fd, bool durable, struct err *e)
{
	cleanup_fd int fd =
		openat(volume_fd, FILLING_NAME, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, RECORD_MODE);

	if (fd < 0)
		return err_errno(e, "cannot make '" FILLING_NAME "'");
	return durable ? dir_sync(volume_fd, e) : 0;
}

static int unmark(int volume_fd, bool durable, struct err *e)
{
	if (durable && syncfs(volume_fd) < 0)
		return err_errno(e, "cannot sync it");
	if (unlinkat(volume_fd, FILLING_NAME, 0) < 0 && errno != ENOENT)
		return err_errno(e, "cannot remove '" FILLING_NAME "'");
	return durable ? dir_sync(volume_fd, e) : 0;
}

/* What somebody was interrupted at. */
static int begin_anew(int volume_fd, int data_fd, const struct strvec *entries, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < entries->len; i++)
		r = tree_remove(data_fd, entries->items[i], e);
	return r == 0 ? unmark(volume_fd, true, e) : r;
}

/* One that somebody has on record may be in use: it is filled as docker fills them, for better or worse. */
static int fill(const struct store *s, const char *name, int volume_fd, int data_fd, int src_fd, bool durable,
		struct err *e)
{
	cleanup_strvec struct strvec users = { 0 };
	int r = volume_users(s, name, &users, e);

	if (r == 0 && users.len == 0)
		r = mark(volume_fd, durable, e);
	if (r == 0)
		r = tree_copy(src_fd, data_fd, NULL, e);
	return r == 0 ? unmark(volume_fd, durable, e) : r;
}

int volume_needs_filling(const struct store *s, const char *name, bool *ret, struct err *e)
{
	cleanup_strvec struct strvec entries = { 0 };
	cleanup_fd int data_fd = -1;
	char path[SUBPATH_MAX];
	int r = volume_open_data(s, name, &data_fd, e);

	if (r < 0)
		return r;
	r = list(data_fd, &entries);
	if (r < 0)
		return err_code(e, r, "cannot list what is in volume '%s'", name);
	(void)snprintf(path, sizeof(path), "volumes/%s", name);
	*ret = entries.len == 0 || store_has(s, path, FILLING_NAME);
	return 0;
}

int volume_fill(const struct store *s, const char *name, int src_fd, bool durable, struct err *e)
{
	cleanup_strvec struct strvec entries = { 0 };
	cleanup_fd int volume_fd = -1;
	cleanup_fd int data_fd = -1;
	bool marked;
	int r = open_locked(s, name, &volume_fd, e);

	if (r == 0)
		r = volume_open_data(s, name, &data_fd, e);
	if (r == 0 && list(data_fd, &entries) < 0)
		r = err_set(e, -EIO, "cannot list what is in volume '%s'", name);
	if (r < 0)
		return r;
	marked = faccessat(volume_fd, FILLING_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (marked)
		r = begin_anew(volume_fd, data_fd, &entries, e);
	if (r == 0 && src_fd >= 0 && (marked || entries.len == 0))
		r = fill(s, name, volume_fd, data_fd, src_fd, durable, e);
	return r < 0 ? err_wrap(e, "cannot fill volume '%s' from the image", name) : 0;
}

/* --- mounting --- */

struct mount_word {
	const char *name;
	unsigned long set, clear;
};

static const struct mount_word *find_word(const char *text, size_t len)
{
	static const struct mount_word WORDS[] = {
		{ "bind", MS_BIND, 0 },
		{ "rbind", MS_BIND | MS_REC, 0 },
		{ "ro", MS_RDONLY, 0 },
		{ "rw", 0, MS_RDONLY },
		{ "nosuid", MS_NOSUID, 0 },
		{ "nodev", MS_NODEV, 0 },
		{ "noexec", MS_NOEXEC, 0 },
		{ "noatime", MS_NOATIME, 0 },
		{ "nodiratime", MS_NODIRATIME, 0 },
		{ "relatime", MS_RELATIME, 0 },
		{ "strictatime", MS_STRICTATIME, 0 },
		{ "sync", MS_SYNCHRONOUS, 0 },
		{ "defaults", 0, 0 },
		{ "", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
		if (strlen(WORDS[i].name) == len && strncmp(WORDS[i].name, text, len) == 0)
			return &WORDS[i];
	return NULL;
}

/* Flags, and what is left for the file system. */
static int read_words(const char *text, unsigned long *flags, struct buf *data)
{
	int r = 0;

	while (r == 0 && text && *text) {
		size_t len = strcspn(text, ",");
		const struct mount_word *word = find_word(text, len);

		if (word)
			*flags = (*flags | word->set) & ~word->clear;
		else
			r = buf_printf(data, "%s%.*s", data->len ? "," : "", (int)len, text);
		text += len + (text[len] == ',');
	}
	return r;
}

static bool is_mounted(int data_fd)
{
	struct statx sx;

	return syscall(SYS_statx, data_fd, "", AT_EMPTY_PATH, 0, &sx) == 0 &&
	       (sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
	       (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int mount_options(const char *path, const struct volume_record *v, struct err *e)
{
	cleanup_buf struct buf data = BUF_INIT(4095);
	const char *type = strvec_get_env(&v->options, "type");
	const char *device = strvec_get_env(&v->options, "device");
	unsigned long flags = 0;
	int r = read_words(strvec_get_env(&v->options, "o"), &flags, &data);

	if (r < 0)
		return err_code(e, r, "the options of volume '%s'", v->name);
	if (mount(device, path, type, flags, data.data) < 0)
		return err_errno(e, "failed to mount local volume: mount %s:%s, flags: 0x%lx, data: %s",
				 device, path, flags, data.data ? data.data : "");
	/* A bind mount takes the others in a second step only. mount(2) */
	if ((flags & MS_BIND) && (flags & ~(unsigned long)(MS_BIND | MS_REC)) &&
	    mount(NULL, path, NULL, flags | MS_REMOUNT, NULL) < 0) {
		r = err_errno(e, "failed to mount local volume: remount %s", path);
		(void)umount2(path, MNT_DETACH); /* as it was */
		return r;
	}
	return 0;
}

int volume_mount(const struct store *s, const char *name, struct err *e)
{
	cleanup_volume_record struct volume_record v = { 0 };
	cleanup_fd int lock_fd = -1;
	cleanup_fd int data_fd = -1;
	cleanup_free char *path = NULL;
	int r = volume_find(s, name, &v, e);

	if (r < 0 || v.options.len == 0)
		return r;
	r = open_locked(s, name, &lock_fd, e);
	if (r == 0)
		r = volume_open_data(s, name, &data_fd, e);
	if (r < 0 || is_mounted(data_fd))
		return r;
	path = volume_data_path(s, name);
	return path ? mount_options(path, &v, e) : err_code(e, -ENOMEM, "cannot mount volume '%s'", name);
}

static int is_up_elsewhere(const struct store *s, const char *name, const char *but_id, bool *ret,
			   struct err *e)
{
	struct container_record *items = NULL;
	size_t len = 0;
	int r = container_list(s, &items, &len, e);

	*ret = false;
	for (size_t i = 0; r == 0 && i < len; i++)
		*ret = *ret || (items[i].status != CONTAINER_EXITED && items[i].status != CONTAINER_CREATED &&
				strcmp(items[i].id, but_id) != 0 && strvec_has(&items[i].volumes, name));
	container_list_free(items, len);
	return r;
}

int volume_unmount_unused(const struct store *s, const char *name, const char *but_id, struct err *e)
{
	cleanup_volume_record struct volume_record v = { 0 };
	cleanup_fd int lock_fd = -1;
	cleanup_fd int data_fd = -1;
	cleanup_free char *path = NULL;
	bool up = false;
	int r = volume_find(s, name, &v, e);

	if (r < 0 || v.options.len == 0)
		return r == -ENOENT ? 0 : r;
	r = open_locked(s, name, &lock_fd, e);
	if (r == 0)
		r = is_up_elsewhere(s, name, but_id, &up, e);
	if (r == 0 && !up)
		r = volume_open_data(s, name, &data_fd, e);
	if (r < 0 || up || !is_mounted(data_fd))
		return r;
	path = volume_data_path(s, name);
	if (!path)
		return err_code(e, -ENOMEM, "cannot unmount volume '%s'", name);
	cleanup_fd_fn(&data_fd);
	data_fd = -1;
	if (umount2(path, UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != EBUSY)
		return err_errno(e, "cannot unmount volume '%s'", name);
	return 0;
}
