/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/user_namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/process.h"

#define MAP_FILE_MAX (1u << 16)
#define NUMBER_MAX   16
#define OWN_USERS    "/proc/self/ns/user"

/* The next number of a line; NULL: there is none. */
static const char *read_number(const char *p, uint32_t *ret)
{
	char text[NUMBER_MAX];
	size_t len;
	uint64_t n;

	p += strspn(p, " ");
	len = strcspn(p, " \n");
	if (len == 0 || len >= sizeof(text))
		return NULL;
	memcpy(text, p, len);
	text[len] = '\0';
	if (parse_u64(text, 0, UINT32_MAX, &n) < 0)
		return NULL;
	*ret = (uint32_t)n;
	return p + len;
}

static int read_map(const char *of, const char *file, struct spec_id_mapping *ret, size_t *ret_len,
		    struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MAP_FILE_MAX);
	char path[64];
	size_t n = 0;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%s/%s", of, file);
	r = file_read(AT_FDCWD, path, &text, e);
	if (r < 0)
		return r;
	for (const char *p = text.data; p && *p; p += *p == '\n') {
		if (n == ID_MAPS_MAX)
			return err_set(e, -E2BIG, "more than %d ID mappings", ID_MAPS_MAX);
		p = read_number(p, &ret[n].container_id);
		p = p ? read_number(p, &ret[n].host_id) : NULL;
		p = p ? read_number(p, &ret[n++].size) : NULL;
		if (!p)
			return err_set(e, -EPROTO, "cannot read '%s'", path);
	}
	*ret_len = n;
	return 0;
}

static int read_maps(const char *of, struct id_maps *ret, struct err *e)
{
	int r = read_map(of, "uid_map", ret->uids, &ret->uids_len, e);

	return r == 0 ? read_map(of, "gid_map", ret->gids, &ret->gids_len, e) : r;
}

int user_namespace_own_maps(struct id_maps *ret, struct err *e)
{
	return read_maps("self", ret, e);
}

/* Only of a process can it be read: one that enters, says so, and waits. */
static _Noreturn void enter(int users_fd, int said_fd)
{
	int result = setns(users_fd, CLONE_NEWUSER) < 0 ? -errno : 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* the parent kills us anyway, unless it is killed itself */
	if (write_all(said_fd, &result, sizeof(result)) < 0 || result < 0)
		_exit(1);
	for (;;)
		(void)pause();
}

static int read_maps_of(int users_fd, const char *path, struct id_maps *ret, struct err *e)
{
	cleanup_fd int said = -1, saying = -1, pidfd = -1;
	int fds[2], status, result = 0, r;
	char of[NUMBER_MAX];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	said = fds[0];
	saying = fds[1];
	pid = process_clone(0, -1, &pidfd);
	if (pid == 0)
		enter(users_fd, saying);
	if (pid < 0)
		return err_code(e, pid, "cannot start a process");
	(void)close(fd_take(&saying));
	r = read_exactly(said, &result, sizeof(result));
	if (r == 0)
		r = result;
	(void)snprintf(of, sizeof(of), "%d", (int)pid);
	r = r < 0 ? err_code(e, r, "cannot enter the user namespace '%s'", path) : read_maps(of, ret, e);
	IGNORE_RESULT(process_signal(pidfd, SIGKILL));
	IGNORE_RESULT(process_wait(pidfd, &status));
	return r;
}

int user_namespace_maps(const char *path, struct id_maps *ret, struct err *e)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat own, its;

	if (fd < 0)
		return err_errno(e, "cannot open the user namespace '%s'", path);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWUSER)
		return err_set(e, -EINVAL, "'%s' is not a user namespace", path);
	if (stat(OWN_USERS, &own) < 0 || fstat(fd, &its) < 0)
		return err_errno(e, "cannot look at the user namespace '%s'", path);
	*ret = (struct id_maps){ 0 };
	if (own.st_ino == its.st_ino && own.st_dev == its.st_dev)
		return 0;
	return read_maps_of(fd, path, ret, e);
}

static bool are(const struct spec_id_mapping *a, size_t a_len, const struct spec_id_mapping *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len * sizeof(*a)) == 0);
}

bool user_namespace_maps_are(const struct id_maps *maps, const struct spec_linux *linux_)
{
	return are(maps->uids, maps->uids_len, linux_->uid_mappings, linux_->uid_mappings_len) &&
	       are(maps->gids, maps->gids_len, linux_->gid_mappings, linux_->gid_mappings_len);
}
