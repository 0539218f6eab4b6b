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

#include "runtime/sys_mount.h"

static bool is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* A process's first look into its own /proc/PID/fd costs as much as all else here: mostly it is null or a pipe, whose names are known. */
static void name_of(int fd, char *name, size_t size)
{
	struct statfs fs;
	struct stat st = { 0 };
	char path[32];
	ssize_t len;

	if (fstat(fd, &st) == 0 && is_null(&st)) {
		(void)snprintf(name, size, "/dev/null");
	} else if (S_ISFIFO(st.st_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC) {
		(void)snprintf(name, size, "pipe:[%llu]", (unsigned long long)st.st_ino);
	} else {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, name, size - 1);
		name[len > 0 ? len : 0] = '\0';
	}
}

int stdio_names(struct strvec *ret, struct err *e)
{
	for (int fd = 0; fd < 3; fd++) {
		char name[PATH_MAX];
		int r;

		name_of(fd, name, sizeof(name));
		r = strvec_add(ret, name);
		if (r < 0)
			return err_code(e, r, "standard streams");
	}
	return 0;
}

static bool is_null_fd(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && is_null(&st);
}

void stdio_adopt_null(void)
{
	leave_fd int null = -1;

	for (int fd = 0; fd < 3; fd++) {
		if (!is_null_fd(fd))
			continue;
		if (null < 0)
			null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
		if (null < 0 || !is_null_fd(null))
			return;
		(void)dup2(null, fd); /* the host's is as good until there is a checkpoint */
	}
}
