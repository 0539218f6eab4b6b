/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_devices.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cli/run_mount_text.h"
#include "common/cleanup.h"

#define DEPTH_MAX 8 /* of directories below /dev */

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static int add_node(struct runtime_spec *s, const char *target, const struct stat *st, const char *access,
		    struct err *e)
{
	char type = S_ISBLK(st->st_mode) ? 'b' : 'c';
	int64_t device_major = (int64_t)major(st->st_rdev);
	int64_t device_minor = (int64_t)minor(st->st_rdev);
	struct spec_device *d;

	if (s->linux_.devices_len >= RUN_DEVICES_MAX)
		return err_set(e, -EFBIG, "more than %d devices", RUN_DEVICES_MAX);
	d = spec_add_device(s, target, type, device_major, device_minor);
	if (!d)
		return no_memory(e);
	d->file_mode = (struct opt_u64){ .set = true, .value = st->st_mode & 07777 };
	d->uid = (struct opt_u64){ .set = true, .value = st->st_uid };
	d->gid = (struct opt_u64){ .set = true, .value = st->st_gid };
	if (access &&
	    !spec_add_device_rule(s->linux_.resources, true, type, device_major, device_minor, access))
		return no_memory(e);
	return 0;
}

/* What the container's own /dev has anyway, or must not get from the host: file systems and our terminal. */
static bool is_skipped(const char *name)
{
	static const char *const NAMES[] = { ".",       "..",     "pts",         "shm",   "fd",   "mqueue",
					     "console", ".lxc",   ".lxd-mounts", ".udev", "null", "zero",
					     "full",    "random", "urandom",     "tty",   "ptmx" };

	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (strcmp(name, NAMES[i]) == 0)
			return true;
	return false;
}

static int add_tree(struct runtime_spec *s, int fd, const char *target, const char *access, int depth,
		    struct err *e);

/* Entries that are gone by the time we look are skipped: /dev is alive. */
static int add_entry(struct runtime_spec *s, int dir_fd, const char *name, const char *target,
		     const char *access, int depth, struct err *e)
{
	cleanup_free char *path = NULL;
	struct stat st;
	int fd;

	if (is_skipped(name) || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (asprintf(&path, "%s/%s", target, name) < 0) {
		path = NULL;
		return no_memory(e);
	}
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		return add_node(s, path, &st, access, e);
	if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
		return 0;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? 0 : add_tree(s, fd, path, access, depth + 1, e);
}

/* Takes fd. */
static int add_tree(struct runtime_spec *s, int fd, const char *target, const char *access, int depth,
		    struct err *e)
{
	cleanup_dir DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = err_errno(e, "cannot read '%s'", target);
		(void)close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL)
		r = add_entry(s, dirfd(dir), entry->d_name, target, access, depth, e);
	return r;
}

static bool is_access(const char *text)
{
	return text[0] && strspn(text, "rwm") == strlen(text);
}

#define GATHERING "error gathering device information while adding custom device \"%s\""

static int add_host_device(struct runtime_spec *s, const char *host, const char *target, const char *access,
			   struct err *e)
{
	struct stat st;
	int fd;

	if (stat(host, &st) < 0)
		return err_errno(e, GATHERING, host);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		return add_node(s, target, &st, access, e);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, -EINVAL, GATHERING ": not a device node", host);
	fd = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", host);
	return add_tree(s, fd, target, access, 0, e);
}

int run_device_add_at(struct runtime_spec *s, const char *host, const char *target, const char *access,
		      struct err *e)
{
	if (!is_access(access))
		return err_set(e, -EINVAL, "invalid device mode: %s", access);
	return add_host_device(s, host, target, access, e);
}

int run_device_add(struct runtime_spec *s, const char *text, struct err *e)
{
	cleanup_strvec struct strvec parts = { 0 };
	cleanup_free char *target = NULL;
	const char *path, *access = "rwm";

	if (strvec_split(&parts, text, ':') < 0)
		return no_memory(e);
	if (parts.len < 1 || parts.len > 3)
		return err_set(e, -EINVAL, "invalid device specification: %s", text);
	path = parts.items[0];
	if (parts.len == 3) {
		path = parts.items[1];
		access = parts.items[2];
	} else if (parts.len == 2 && is_access(parts.items[1])) {
		access = parts.items[1];
	} else if (parts.len == 2) {
		path = parts.items[1];
	}
	if (!is_access(access))
		return err_set(e, -EINVAL, "invalid device mode: %s", access);
	if (path[0] != '/' || parts.items[0][0] != '/')
		return err_set(e, -EINVAL, "invalid device path '%s': expected an absolute path", text);
	target = run_clean_path(path);
	if (!target)
		return no_memory(e);
	return add_host_device(s, parts.items[0], target, access, e);
}

int run_devices_add_all(struct runtime_spec *s, struct err *e)
{
	int fd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "cannot open '/dev'");
	if (!spec_add_device_rule(s->linux_.resources, true, 'a', -1, -1, "rwm")) {
		(void)close(fd);
		return no_memory(e);
	}
	return add_tree(s, fd, "/dev", NULL, 0, e);
}
