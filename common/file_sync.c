/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file_sync.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

#define TOGETHER_MAX 8

/* ext4 commits all metadata up to now with any fsync, if it has a journal: sysfs tells by the process that writes it. Other file systems
 * sync one file at a time, as POSIX has it. */
static bool commits_all(int dir_fd)
{
	char link[64], target[PATH_MAX], task[PATH_MAX + 64], first = '\0';
	cleanup_fd int fd = -1;
	struct statfs fs;
	struct stat st;
	ssize_t n;

	if (fstatfs(dir_fd, &fs) < 0 || fs.f_type != EXT4_SUPER_MAGIC || fstat(dir_fd, &st) < 0)
		return false;
	(void)snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	(void)snprintf(task, sizeof(task), "/sys/fs/ext4/%s/journal_task",
		       strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	fd = open(task, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &first, 1) == 1 && first >= '1' && first <= '9';
}

/* The blocks are on the device, or in its cache, and what says where they are is in the running transaction. */
static int write_back(int fd)
{
	return sync_file_range(fd, 0, 0,
			       SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				       SYNC_FILE_RANGE_WAIT_AFTER) < 0
		       ? -errno
		       : 0;
}

static int sync_one(int fd, bool together)
{
	if (together)
		return write_back(fd);
	return fsync(fd) < 0 ? -errno : 0;
}

int file_sync_content(int dir_fd, const char *name, struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? -errno : sync_one(fd, commits_all(dir_fd));

	return r < 0 ? err_code(e, r, "cannot sync '%s'", name) : 0;
}

int file_sync_all(int dir_fd, const char *const *names, size_t len, struct err *e)
{
	bool together = commits_all(dir_fd);
	int fds[TOGETHER_MAX], r = 0;
	size_t opened = 0;

	if (len > TOGETHER_MAX)
		return err_set(e, -EINVAL, "more than %d files to sync", TOGETHER_MAX);
	/* All are under way before the first is waited for. */
	for (; opened < len && r == 0; opened++) {
		fds[opened] = openat(dir_fd, names[opened], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fds[opened] < 0 || sync_file_range(fds[opened], 0, 0, SYNC_FILE_RANGE_WRITE) < 0)
			r = err_errno(e, "cannot sync '%s'", names[opened]);
	}
	for (size_t i = 0; i < opened; i++) {
		if (r == 0) {
			r = sync_one(fds[i], together);
			if (r < 0)
				r = err_code(e, r, "cannot sync '%s'", names[i]);
		}
		if (fds[i] >= 0)
			(void)close(fds[i]);
	}
	return r < 0 ? r : dir_sync(dir_fd, e);
}
