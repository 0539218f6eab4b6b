/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "common/cleanup.h"

#define PROC_ROOT_INODE 1

static int make_private(void)
{
	cleanup_fd int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_mounted(int *ret_fd, struct err *e)
{
	cleanup_fd int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	struct stat st;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "cannot open '/proc'");
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INODE)
		return err_set(e, -EINVAL, "'/proc' is not procfs");
	*ret_fd = fd_take(&fd);
	return 0;
}

int procfs_open(int *ret_fd, struct err *e)
{
	int fd = make_private();

	if (fd < 0)
		return open_mounted(ret_fd, e);
	*ret_fd = fd;
	return 0;
}

int procfs_open_file(int proc_fd, const char *path, int flags, int *ret_fd, struct err *e)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	cleanup_fd int fd = -1;
	struct statfs fs;

	/* Where something is mounted or renamed meanwhile, the kernel would rather have us ask again. */
	do
		fd = (int)syscall(SYS_openat2, proc_fd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return err_errno(e, "cannot open '/proc/%s'", path);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return err_set(e, -EXDEV, "'/proc/%s' is not on procfs", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

int procfs_write(int proc_fd, const char *path, const char *text, struct err *e)
{
	cleanup_fd int fd = -1;
	size_t len = strlen(text);
	ssize_t n;
	int r = procfs_open_file(proc_fd, path, O_WRONLY | O_NOCTTY, &fd, e);

	if (r < 0)
		return r;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(e, "cannot write '/proc/%s'", path);
	return (size_t)n == len ? 0 : err_set(e, -EIO, "cannot write all of '/proc/%s'", path);
}
