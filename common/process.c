/* SPDX-License-Identifier: Apache-2.0 */
#include "common/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"

#define STAT_MAX_BYTES 2048 /* 52 numbers and a name of 64 bytes */

#define PF_EXITING     0x4u /* include/linux/sched.h; kept as it is since Linux 2.2 */

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

pid_t process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD, /* then it is the caller's own */
	};
	long pid;

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return -errno;
	if (pid > 0)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}

int process_pidfd_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

int process_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* waitid's view of a child in waitpid's form. */
static int status_of(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (info->si_status & 0xff) << 8;
	return (info->si_status & 0x7f) | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

int process_wait(int pidfd, int *ret_status)
{
	siginfo_t info = { 0 };
	int r;

	do
		r = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	*ret_status = status_of(&info);
	return 0;
}

int process_exit_code(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* The n-th blank-separated field (from 0), cut out of `text` in place; NULL if there are fewer. */
static char *field_at(char *text, unsigned int n)
{
	while (n-- > 0) {
		text = strchr(text, ' ');
		if (!text)
			return NULL;
		text++;
	}
	text[strcspn(text, " \n")] = '\0';
	return text;
}

struct stat_numbers {
	uint64_t flags, ticks, ignored;
};

static int read_stat(pid_t pid, char *ret_state, struct stat_numbers *ret)
{
	char path[32], text[STAT_MAX_BYTES], *fields, *flags, *ticks, *ignored;
	cleanup_fd int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	do
		n = read(fd, text, sizeof(text) - 1); /* one call brings it all: proc(5) makes it at once */
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	/* proc_pid_stat(5): the name may hold blanks and parentheses, so look for the last one; state is field 3, the kernel's flags are field 9,
	 * the start time is field 22, and the ignored signals are field 33. */
	fields = strrchr(text, ')');
	if (!fields || fields[1] != ' ' || fields[2] == '\0')
		return -EPROTO;
	*ret_state = fields[2];
	ignored = field_at(fields + 2, 30);
	ticks = ignored ? field_at(fields + 2, 19) : NULL;
	flags = ticks ? field_at(fields + 2, 6) : NULL;
	if (!flags || parse_u64(flags, 0, UINT64_MAX, &ret->flags) < 0 ||
	    parse_u64(ticks, 0, UINT64_MAX, &ret->ticks) < 0 ||
	    parse_u64(ignored, 0, INT32_MAX, &ret->ignored) < 0)
		return -EPROTO;
	return 0;
}

int process_stat(pid_t pid, char *ret_state, uint64_t *ret_ticks)
{
	struct stat_numbers numbers = { 0 };
	char state;
	int r = read_stat(pid, &state, &numbers);

	if (r < 0)
		return r;
	if ((numbers.flags & PF_EXITING) && state != 'Z')
		state = 'X';
	*ret_state = state;
	*ret_ticks = numbers.ticks;
	return 0;
}

int process_start_time(pid_t pid, uint64_t *ret_ticks)
{
	char state;

	return process_stat(pid, &state, ret_ticks);
}

int process_start_and_ignored(pid_t pid, uint64_t *ret_ticks, uint32_t *ret_ignored)
{
	struct stat_numbers numbers = { 0 };
	char state;
	int r = read_stat(pid, &state, &numbers);

	if (r < 0)
		return r;
	*ret_ticks = numbers.ticks;
	*ret_ignored = (uint32_t)numbers.ignored;
	return 0;
}

void process_heed_signals(uint32_t ignored)
{
	for (int n = 1; ignored; n++, ignored >>= 1)
		if (ignored & 1)
			(void)signal(n, SIG_DFL); /* none of those that cannot be changed can be ignored */
}

int process_close_from(unsigned int first)
{
	return syscall(SYS_close_range, first, ~0U, 0) < 0 ? -errno : 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b; /* descriptors: no overflow */
}

int process_close_others(unsigned int first, int *keep, size_t len)
{
	qsort(keep, len, sizeof(*keep), by_number);
	for (size_t i = 0; i < len; i++) {
		if (keep[i] < (int)first)
			continue;
		if (keep[i] > (int)first && syscall(SYS_close_range, first, keep[i] - 1, 0) < 0)
			return -errno;
		first = (unsigned int)keep[i] + 1;
	}
	return process_close_from(first);
}

/* CLOSE_RANGE_CLOEXEC came with Linux 5.11; on 5.10 the list of /proc/self/fd does. In a container that directory may be a fake, but a
 * fake does not know the descriptor by which we read it on procfs. */
static int cloexec_by_hand(unsigned int first)
{
	cleanup_dir DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	struct statfs fs;
	bool genuine = false;
	uint64_t fd;

	if (!dir || fstatfs(dirfd(dir), &fs) < 0)
		return -errno;
	while ((errno = 0, entry = readdir(dir))) {
		if (parse_u64(entry->d_name, 0, INT32_MAX, &fd) < 0)
			continue;
		genuine = genuine || (int)fd == dirfd(dir);
		if (fd >= first && fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
			return -errno;
	}
	if (errno)
		return -errno;
	return genuine && fs.f_type == PROC_SUPER_MAGIC ? 0 : -EXDEV;
}

int process_cloexec_from(unsigned int first)
{
	if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	return errno == EINVAL || errno == ENOSYS ? cloexec_by_hand(first) : -errno;
}

bool process_in_user_namespace(void)
{
	cleanup_buf struct buf map = BUF_INIT(4096);
	struct err ignored;

	return file_read(AT_FDCWD, "/proc/self/uid_map", &map, &ignored) == 0 && map.len &&
	       !strstr(map.data, "4294967295");
}
