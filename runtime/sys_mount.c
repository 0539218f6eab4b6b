/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sys_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#define OPEN_TREE_FLAG_CLOEXEC O_CLOEXEC

/* linux/mount.h and sys/mount.h of glibc 2.36 both define it, under different guards; the kernel's ABI is this. */
struct mount_change_request {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};

/* By hand: init needs nothing else of printf, and its pages of libc cost more than all that a mount takes. */
struct fd_path fd_path(int fd)
{
	static const char DIR[] = "/proc/self/fd/";
	struct fd_path p = { { 0 } };
	char digits[sizeof(p.text) - sizeof(DIR)];
	unsigned int rest = fd < 0 ? 0 : (unsigned int)fd;
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + rest % 10);
	while (rest /= 10);
	memcpy(p.text, DIR, sizeof(DIR) - 1);
	memcpy(p.text + sizeof(DIR) - 1, digits + at, sizeof(digits) - at);
	return p;
}

#define FDS_LEFT_MAX \
	64 /* descriptors below that stay; the container's RLIMIT_NOFILE is set after the mounts */

void fd_leave(const int *fd)
{
	if (*fd >= FDS_LEFT_MAX)
		cleanup_fd_fn(fd);
}

int mount_clone(int dir_fd, const char *path, bool recursive)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_FLAG_CLOEXEC | AT_EMPTY_PATH;
	long fd = syscall(SYS_open_tree, dir_fd, path, flags | (recursive ? AT_RECURSIVE : 0U));

	return fd < 0 ? -errno : (int)fd;
}

int mount_attach(int tree_fd, int dir_fd, const char *path)
{
	unsigned int flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS | MOVE_MOUNT_T_EMPTY_PATH;

	return syscall(SYS_move_mount, tree_fd, "", dir_fd, path, flags) < 0 ? -errno : 0;
}

int mount_change(int mount_fd, uint64_t set, uint64_t clear, unsigned long propagation, bool recursive)
{
	struct mount_change_request request = {
		.attr_set = set,
		.attr_clr = clear,
		.propagation = propagation & ~(unsigned long)MS_REC,
	};
	unsigned int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);

	return syscall(SYS_mount_setattr, mount_fd, "", flags, &request, sizeof(request)) < 0 ? -errno : 0;
}

int mount_idmap(int tree_fd, int user_namespace_fd, bool recursive)
{
	struct mount_change_request request = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)user_namespace_fd,
	};
	unsigned int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);

	return syscall(SYS_mount_setattr, tree_fd, "", flags, &request, sizeof(request)) < 0 ? -errno : 0;
}

/* A remount replaces all flags, so those that are there are said again. */
static int remount_readonly(int fd)
{
	static const struct {
		unsigned long of_statvfs, flag;
	} KEEP[] = { { ST_NOSUID, MS_NOSUID },         { ST_NODEV, MS_NODEV },
		     { ST_NOEXEC, MS_NOEXEC },         { ST_NOATIME, MS_NOATIME },
		     { ST_NODIRATIME, MS_NODIRATIME }, { ST_RELATIME, MS_RELATIME } };
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
	struct statvfs fs;

	if (fstatvfs(fd, &fs) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(KEEP) / sizeof(KEEP[0]); i++)
		if (fs.f_flag & KEEP[i].of_statvfs)
			flags |= KEEP[i].flag;
	return mount_on(fd, NULL, NULL, flags, NULL);
}

int mount_make_readonly(int fd)
{
	int r = mount_change(fd, MOUNT_ATTR_RDONLY, 0, 0, false);

	return r == -ENOSYS ? remount_readonly(fd) : r;
}

int mount_on(int target_fd, const char *source, const char *type, unsigned long flags, const char *data)
{
	struct fd_path target = fd_path(target_fd);

	return mount(source, target.text, type, flags, data) < 0 ? -errno : 0;
}

int pivot_root_here(void)
{
	return syscall(SYS_pivot_root, ".", ".") < 0 ? -errno : 0;
}
