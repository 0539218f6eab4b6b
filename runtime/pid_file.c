/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/pid_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"

int pid_file_open_dir(const char *path, int *ret_dir_fd, struct err *e)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	cleanup_free char *dir = NULL;
	int fd;

	if (!path)
		return 0;
	dir = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup(".");
	if (!dir)
		return err_code(e, -ENOMEM, "pid file '%s'", path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", dir);
	*ret_dir_fd = fd;
	return 0;
}

int pid_file_write(const char *path, int dir_fd, pid_t pid, struct err *e)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	char text[16];

	if (!path)
		return 0;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	return file_write_atomic(dir_fd, slash ? slash + 1 : path, text, strlen(text), 0644, e);
}
