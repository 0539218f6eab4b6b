/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from the rest, as the monitor uses this: it has no JSON. */
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "engine/life.h"

#define STOPPED_FILE "stopped"

int life_set_stopped(int dir_fd, bool stopped, struct err *e)
{
	cleanup_fd int fd = -1;

	if (stopped)
		fd = openat(dir_fd, STOPPED_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	else if (unlinkat(dir_fd, STOPPED_FILE, 0) < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot remove '" STOPPED_FILE "'");
	if (stopped && fd < 0)
		return err_errno(e, "cannot make '" STOPPED_FILE "'");
	return dir_sync(dir_fd, e);
}

bool life_is_stopped(int dir_fd)
{
	return faccessat(dir_fd, STOPPED_FILE, F_OK, AT_EACCESS) == 0;
}
