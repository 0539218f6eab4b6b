/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stdio.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/sys_mount.h"

int stdio_names(struct strvec *ret, struct err *e)
{
	for (int fd = 0; fd < 3; fd++) {
		char path[32], name[PATH_MAX];
		ssize_t len;
		int r;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, name, sizeof(name) - 1);
		name[len > 0 ? len : 0] = '\0';
		r = strvec_add(ret, name);
		if (r < 0)
			return err_code(e, r, "standard streams");
	}
	return 0;
}

static bool is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

void stdio_adopt_null(void)
{
	leave_fd int null = -1;

	for (int fd = 0; fd < 3; fd++) {
		if (!is_null(fd))
			continue;
		if (null < 0)
			null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
		if (null < 0 || !is_null(null))
			return;
		(void)dup2(null, fd); /* the host's is as good until there is a checkpoint */
	}
}
