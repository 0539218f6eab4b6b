/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/container_root.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/process.h"

/* The descriptor comes first: what is found out of the number afterwards is of the process that it was. */
static int open_of(const struct container_record *c, const char *what, int flags, int *ret_fd, struct err *e)
{
	char path[64];
	cleanup_fd int fd = -1;
	uint64_t ticks;

	(void)snprintf(path, sizeof(path), "/proc/%lld/%s", (long long)c->pid, what);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return err_errno(e, "cannot open '%s' of container %.12s", what, c->id);
	if (fd < 0 || process_start_time((pid_t)c->pid, &ticks) < 0 || ticks != c->pid_start_ticks)
		return err_set(e, -EBUSY, "container %s is not running", c->id);
	*ret_fd = fd_take(&fd);
	return 0;
}

int container_root_open(const struct container_record *c, int *ret_fd, struct err *e)
{
	return open_of(c, "root", O_PATH | O_DIRECTORY, ret_fd, e);
}

int container_users_open(const struct container_record *c, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	struct stat own, its;
	int r = open_of(c, "ns/user", O_RDONLY, &fd, e);

	if (r < 0)
		return r;
	if (stat("/proc/self/ns/user", &own) < 0 || fstat(fd, &its) < 0)
		return err_errno(e, "cannot look at the user namespace of container %.12s", c->id);
	if (own.st_ino != its.st_ino)
		*ret_fd = fd_take(&fd);
	return 0;
}
