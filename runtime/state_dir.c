/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/state_dir.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cgroups/cgroup.h"
#include "common/cleanup.h"
#include "common/file.h"

bool state_id_valid(const char *id)
{
	size_t len = strlen(id);

	if (len == 0 || len > STATE_ID_MAX || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return false;
	return strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-") == len;
}

static int check_id(const char *id, struct err *e)
{
	return state_id_valid(id) ? 0 : err_set(e, -EINVAL, "invalid container ID format: '%.100s'", id);
}

static int state_path(const char *state_root, const char *id, char **ret, struct err *e)
{
	int r = check_id(id, e);

	if (r < 0)
		return r;
	return asprintf(ret, "%s/%s", state_root, id) < 0 ? err_code(e, -ENOMEM, "container '%s'", id) : 0;
}

/* The first container of all makes the directory above, too. */
static int make_below(const char *state_root, const char *path, struct err *e)
{
	cleanup_fd int root = -1;
	int r = dir_make_open(AT_FDCWD, state_root, 0711, &root, e);

	if (r < 0)
		return r;
	return mkdir(path, 0711) < 0 ? -errno : 0;
}

int state_dir_make(const char *state_root, const char *id, int *ret_fd, struct err *e)
{
	cleanup_free char *path = NULL;
	int fd, r = state_path(state_root, id, &path, e);

	if (r < 0)
		return r;
	r = mkdir(path, 0711) < 0 ? -errno : 0;
	if (r == -ENOENT)
		r = make_below(state_root, path, e);
	if (r == -EEXIST)
		return err_set(e, -EEXIST, "container with given ID already exists: '%s'", id);
	if (r < 0)
		return err_code(e, r, "cannot make '%s'", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	*ret_fd = fd;
	return 0;
}

int state_dir_open(const char *state_root, const char *id, int *ret_fd, struct err *e)
{
	cleanup_free char *path = NULL;
	int fd, r = state_path(state_root, id, &path, e);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, -ENOENT, "container \"%s\" does not exist", id);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	*ret_fd = fd;
	return 0;
}

int state_dir_remove(const char *state_root, const char *id, struct err *e)
{
	static const char *const FILES[] = { STATE_FILE, STATE_LOCK_FILE, STATE_CREATED_FILE, STATE_FIFO_FILE,
					     STATE_SOCKET_FILE };
	enum { FILES_OF_RUN = 2 };
	cleanup_free char *dir = NULL;
	cleanup_fd int root = -1;
	int r = state_path(state_root, id, &dir, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
		char path[PATH_MAX];

		/* Of one that was run, and not created, there is no more. */
		if (i == FILES_OF_RUN && rmdir(dir) == 0)
			return 0;
		if (snprintf(path, sizeof(path), "%s/%s", dir, FILES[i]) < (int)sizeof(path))
			(void)unlink(path); /* what stays is seen to below */
	}
	if (rmdir(dir) == 0)
		return 0;
	root = open(state_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot open '%s'", state_root);
	return tree_remove(root, id, e);
}

int state_dir_lock(int dir_fd, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, STATE_LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_errno(e, "cannot lock the container's state");
	*ret_fd = fd_take(&fd);
	return 0;
}

void state_dir_wait_for_lock(int dir_fd)
{
	cleanup_fd int fd = openat(dir_fd, STATE_LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	while (fd >= 0 && flock(fd, LOCK_SH) < 0 && errno == EINTR)
		;
}

/* The paths of sockets are short, those of state directories are not: the descriptor stands for the directory. */
static struct sockaddr_un socket_address(int dir_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" STATE_SOCKET_FILE,
		       dir_fd);
	return address;
}

int state_dir_make_fifo(int dir_fd, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;

	if (mkfifoat(dir_fd, STATE_FIFO_FILE, 0600) == 0)
		fd = openat(dir_fd, STATE_FIFO_FILE, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_errno(e, "cannot make the FIFO for the start");
	*ret_fd = fd_take(&fd);
	return 0;
}

int state_dir_open_fifo(int dir_fd, int *ret_fd, struct err *e)
{
	int fd = openat(dir_fd, STATE_FIFO_FILE, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : err_errno(e, "cannot reach the container's init");
	*ret_fd = fd;
	return 0;
}

int state_dir_listen(int dir_fd, int *ret_fd, struct err *e)
{
	struct sockaddr_un address = socket_address(dir_fd);
	cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
		return err_errno(e, "cannot make the socket for the start");
	*ret_fd = fd_take(&fd);
	return 0;
}

int state_dir_connect(int dir_fd, int *ret_fd, struct err *e)
{
	struct sockaddr_un address = socket_address(dir_fd);
	cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_errno(e, "cannot reach the container's init");
	*ret_fd = fd_take(&fd);
	return 0;
}

bool state_is_frozen(const char *cgroup_path)
{
	struct cgroup_host host;

	if (!cgroup_path)
		return false;
	cgroup_host_find(&host);
	return cgroup_is_frozen(&host, cgroup_path);
}
