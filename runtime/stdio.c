/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stdio.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/rootfd.h"

#define NULL_NAME "/dev/null"

static bool is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* A process's first look into its own /proc/PID/fd costs as much as all else here: mostly it is null or a pipe, whose names are known. */
static void name_of(int fd, const struct stat *st, char *name, size_t size)
{
	struct statfs fs;
	char path[32];
	ssize_t len;

	if (is_null(st)) {
		(void)snprintf(name, size, NULL_NAME);
	} else if (S_ISFIFO(st->st_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC) {
		(void)snprintf(name, size, "pipe:[%llu]", (unsigned long long)st->st_ino);
	} else {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, name, size - 1);
		name[len > 0 ? len : 0] = '\0';
	}
}

int stdio_names(struct strvec *ret, unsigned int *ret_null_streams, struct err *e)
{
	unsigned int streams = 0;

	for (int fd = 0; fd < 3; fd++) {
		struct stat st = { 0 };
		char name[PATH_MAX];
		int r;

		(void)fstat(fd, &st);
		name_of(fd, &st, name, sizeof(name));
		r = strvec_add(ret, name);
		if (r < 0)
			return err_code(e, r, "standard streams");
		streams |= (unsigned int)is_null(&st) << fd;
	}
	if (ret_null_streams)
		*ret_null_streams = streams;
	return 0;
}

unsigned int stdio_null_streams(void)
{
	unsigned int streams = 0;

	for (int fd = 0; fd < 3; fd++) {
		struct stat st;

		if (fstat(fd, &st) == 0)
			streams |= (unsigned int)is_null(&st) << fd;
	}
	return streams;
}

int stdio_open_null(int root_fd)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	struct stat st;
	int fd = root_fd == AT_FDCWD ? open(NULL_NAME, flags) : rootfd_try_open(root_fd, NULL_NAME, flags);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && is_null(&st))
		return fd;
	(void)close(fd);
	return -1;
}

void stdio_adopt_null(unsigned int null_streams, int null_fd)
{
	for (int fd = 0; fd < 3 && null_fd >= 0; fd++)
		if (null_streams & (1U << fd))
			(void)dup2(null_fd, fd); /* the host's is as good until there is a checkpoint */
}
