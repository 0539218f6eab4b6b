/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

#define NOBODY            65534
#define USERNS_INIT_INODE 0xEFFFFFFDu /* linux/proc_ns.h: PROC_USER_INIT_INO */

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

int sandbox_die_with(pid_t parent, struct err *e)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_errno(e, "cannot tie the process to its parent");
	if (getppid() != parent)
		return err_set(e, -ESRCH, "the parent process has ended");
	return 0;
}

static int null_streams(struct err *e)
{
	int last = SANITIZED ? STDOUT_FILENO : STDERR_FILENO; /* sanitizers report to stderr */
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "cannot open '/dev/null'");
	for (int i = 0; i <= last; i++)
		if (fd != i && dup2(fd, i) < 0) {
			(void)err_errno(e, "cannot redirect the standard streams");
			(void)close(fd);
			return e->code;
		}
	if (fd > last)
		(void)close(fd);
	return 0;
}

int sandbox_settle(size_t max_memory_bytes, struct err *e)
{
	static const int SIGNALS[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGCHLD,
				       SIGALRM, SIGUSR1, SIGUSR2, SIGWINCH };
	const struct rlimit no_core = { 0, 0 };
	const struct rlimit memory = { max_memory_bytes, max_memory_bytes };
	sigset_t none;

	for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++)
		(void)signal(SIGNALS[i], SIG_DFL); /* fails for bad numbers only */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_errno(e, "cannot reset the signal mask");
	if (setrlimit(RLIMIT_CORE, &no_core) < 0 || (!SANITIZED && setrlimit(RLIMIT_AS, &memory) < 0))
		return err_errno(e, "cannot set resource limits");
	return null_streams(e);
}

static int close_between(unsigned int first, unsigned int last)
{
	return first > last || syscall(SYS_close_range, first, last, 0) == 0 ? 0 : -errno;
}

int sandbox_keep_fds(const int *keep, size_t len, struct err *e)
{
	unsigned int from = STDERR_FILENO + 1;
	int r = 0;

	/* Selection by size; there are a handful. */
	for (size_t n = 0; r == 0 && n < len; n++) {
		unsigned int next = UINT_MAX;

		for (size_t i = 0; i < len; i++)
			if (keep[i] >= 0 && (unsigned int)keep[i] >= from && (unsigned int)keep[i] < next)
				next = (unsigned int)keep[i];
		if (next == UINT_MAX)
			break;
		r = close_between(from, next - 1);
		from = next + 1;
	}
	if (r == 0)
		r = close_between(from, UINT_MAX);
	return r < 0 ? err_code(e, r, "cannot close descriptors") : 0;
}

/* pivot_root(2), "pivot_root(".", ".")": the old root ends up below the new one, and is detached. */
static int pivot_here(struct err *e)
{
	if (syscall(SYS_pivot_root, ".", ".") == 0) {
		if (umount2(".", MNT_DETACH) < 0)
			return err_errno(e, "cannot detach the old root");
	} else if (errno != EINVAL) {
		return err_errno(e, "cannot change the root");
	} else if (chroot(".") <
		   0) { /* an initramfs cannot be pivoted away; CAP_SYS_CHROOT is dropped soon */
		return err_errno(e, "cannot change the root");
	}
	return chdir("/") < 0 ? err_errno(e, "cannot enter the new root") : 0;
}

/* The working directory becomes a mount of its own, and the root. */
static int mount_here(struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
	cleanup_fd int fd = -1;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno == EINVAL ? err_set(e, -EINVAL,
						 "cannot make mounts private: '/' is not a mount point "
						 "(in a chroot, bind-mount its directory on itself first)")
				       : err_errno(e, "cannot make mounts private");
	fd = (int)syscall(SYS_open_tree, AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot clone the layer's directory as a mount");
	/* Linux 5.12; without it the walls are a little lower. */
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 && errno != ENOSYS)
		return err_errno(e, "cannot restrict the layer's mount");
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(e, "cannot mount the layer's directory");
	if (fchdir(fd) < 0)
		return err_errno(e, "cannot enter the layer's directory");
	return pivot_here(e);
}

int sandbox_enter_root(int *dir_fd, bool *ret_entered, struct err *e)
{
	int fd;
	int r;

	/* An emulator without these calls is no place to be confined in. */
	fd = (int)syscall(SYS_open_tree, *dir_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLOEXEC);
	if (fd < 0 && errno == ENOSYS) {
		*ret_entered = false;
		return 0;
	}
	cleanup_fd_fn(&fd);
	/* unshare(2) moves the working directory, and no descriptor, to the new namespace. */
	if (fchdir(*dir_fd) < 0)
		return err_errno(e, "cannot enter the layer's directory");
	if (unshare(CLONE_NEWNS) < 0) {
		if (errno != EPERM)
			return err_errno(e, "cannot make a mount namespace");
		*ret_entered = false;
		return 0;
	}
	r = mount_here(e);
	if (r < 0)
		return r;
	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open the new root");
	cleanup_fd_fn(dir_fd);
	*dir_fd = fd;
	*ret_entered = true;
	return 0;
}

/* Without /proc/self/ns/user the kernel has no user namespaces. */
static bool in_initial_userns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) < 0 || st.st_ino == USERNS_INIT_INODE;
}

#define cleanup_caps __attribute__((cleanup(free_caps)))
static void free_caps(cap_t *caps)
{
	(void)cap_free(*caps); /* takes NULL */
}

int sandbox_has_caps(const int *keep, size_t len, bool *ret_all, struct err *e)
{
	cleanup_caps cap_t have = cap_get_proc();
	bool all = in_initial_userns();

	if (!have)
		return err_errno(e, "cannot read the capabilities");
	for (size_t i = 0; all && i < len; i++) {
		cap_flag_value_t value = CAP_CLEAR;

		(void)cap_get_flag(have, keep[i], CAP_EFFECTIVE, &value); /* unknown here: clear */
		all = value == CAP_SET;
	}
	*ret_all = all;
	return 0;
}

int sandbox_drop_caps(const int *keep, size_t len, struct err *e)
{
	cleanup_caps cap_t have = cap_get_proc();
	cleanup_caps cap_t want = cap_init();

	if (!have || !want)
		return err_errno(e, "cannot read the capabilities");
	for (size_t i = 0; i < len; i++) {
		cap_flag_value_t value = CAP_CLEAR;

		(void)cap_get_flag(have, keep[i], CAP_PERMITTED, &value); /* as above */
		if (value == CAP_SET && (cap_set_flag(want, CAP_PERMITTED, 1, &keep[i], CAP_SET) < 0 ||
					 cap_set_flag(want, CAP_EFFECTIVE, 1, &keep[i], CAP_SET) < 0))
			return err_errno(e, "cannot choose the capabilities");
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* those not permitted go anyway */
	if (cap_set_proc(want) < 0)
		return err_errno(e, "cannot drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, "cannot set no_new_privs");
	return 0;
}

int sandbox_become_nobody(struct err *e)
{
	if (geteuid() != 0 || setgroups(0, NULL) < 0)
		return 0;
	/* EINVAL: a user namespace that does not map nobody. */
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return errno == EINVAL || errno == EPERM ? 0 : err_errno(e, "cannot become nobody");
	return 0;
}

static int add_rules(scmp_filter_ctx filter, const int *allowed, size_t len)
{
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	for (size_t i = 0; r == 0 && i < len; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	return r;
}

int sandbox_seccomp(const int *allowed, size_t len, struct err *e)
{
	scmp_filter_ctx filter;
	int r;

	if (SANITIZED || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return 0;
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return err_set(e, -ENOMEM, "cannot make a system call filter: out of memory");
	r = add_rules(filter, allowed, len);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r < 0 ? err_code(e, r, "cannot load the system call filter") : 0;
}
