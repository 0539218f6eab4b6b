/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_unpack.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "engine/log_file.h"

#define MEMORY_MAX (UINT64_C(64) << 20) /* bytes of a file that is expanded in memory */
#define LARGE_DIR  "/var/tmp"

bool log_packed_inode(int fd, ino_t *ret_inode)
{
	unsigned char header[LOG_PACKED_HEADER_LEN + LOG_PACKED_INODE_LEN];
	uint64_t inode = 0;

	if (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    memcmp(header, LOG_PACKED_HEADER, LOG_PACKED_HEADER_LEN) != 0)
		return false;
	for (int i = LOG_PACKED_INODE_LEN; i-- > 0;)
		inode = inode << 8 | header[LOG_PACKED_HEADER_LEN + i];
	*ret_inode = (ino_t)inode;
	return true;
}

/* The last four bytes of a gzip: how large it will be, but for multiples of 4 GiB. */
static uint64_t size_within(int fd)
{
	unsigned char tail[4];
	off_t end = lseek(fd, 0, SEEK_END);

	if (end < (off_t)sizeof(tail) ||
	    pread(fd, tail, sizeof(tail), end - (off_t)sizeof(tail)) != (ssize_t)sizeof(tail))
		return 0;
	return (uint64_t)tail[0] | (uint64_t)tail[1] << 8 | (uint64_t)tail[2] << 16 | (uint64_t)tail[3] << 24;
}

static int make_place(int fd, int *ret, struct err *e)
{
	*ret = -1;
	if (size_within(fd) > MEMORY_MAX)
		*ret = open(LARGE_DIR, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*ret < 0) /* or it cannot be there */
		*ret = memfd_create("log", MFD_CLOEXEC);
	return *ret < 0 ? err_errno(e, "cannot make a file for what is expanded") : 0;
}

static _Noreturn void run(char *const *program, int from, int to)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (dup2(from, STDIN_FILENO) >= 0 && dup2(to, STDOUT_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0)
		(void)execv(program[0], program);
	_exit(127);
}

int log_unpack(char *const *program, int fd, int *ret_fd, struct err *e)
{
	cleanup_fd int to = -1;
	int status = 0;
	pid_t pid;
	int r;

	if (!program)
		return err_set(e, -EOPNOTSUPP, "there is no program that expands it");
	r = make_place(fd, &to, e);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(e, "cannot read it from its begin");
	pid = fork();
	if (pid == 0)
		run(program, fd, to);
	if (pid < 0)
		return err_errno(e, "cannot run '%s'", program[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, "cannot wait for '%s'", program[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, -EINVAL, "it is damaged, or there is no room for what it holds");
	*ret_fd = fd_take(&to);
	return 0;
}
