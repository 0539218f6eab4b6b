/* SPDX-License-Identifier: Apache-2.0 */
/* A scratch directory for each test, and tests that run in a process of their own: with namespaces, or another root. */
#ifndef SAMPAN_TESTS_COMMON_SCRATCH_H
#define SAMPAN_TESTS_COMMON_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

struct scratch {
	char path[64];
	int fd;
};

static inline int scratch_setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	(void)snprintf(s->path, sizeof(s->path), "/tmp/sampan-unit-XXXXXX");
	assert_non_null(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
	*state = s;
	return 0;
}

static inline int scratch_teardown(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };

	(void)close(s->fd);
	if (tree_remove(AT_FDCWD, s->path, &e) < 0)
		fail_msg("%s", e.text);
	free(s);
	return 0;
}

#define SCRATCH_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

/* "<scratch>/name", good until four calls later. */
static inline const char *scratch_path(const struct scratch *s, const char *name)
{
	static char paths[4][4096];
	static unsigned int next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", s->path, name);
	return path;
}

static inline void scratch_write(const struct scratch *s, const char *name, const char *text)
{
	cleanup_fd int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

/* True if the file has just this text. */
static inline bool scratch_holds(const struct scratch *s, const char *name, const char *text)
{
	cleanup_buf struct buf content = BUF_INIT(65536);
	struct err e;

	return file_read(s->fd, name, &content, &e) == 0 && strcmp(content.data, text) == 0;
}

static inline int count_open_descriptors(void)
{
	cleanup_dir DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	return count;
}

/* qemu-user has no seccomp. */
static inline bool emulated(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0;
}

/* In qemu-user 7.2 a forked child of a program with shared libraries spins for ever. */
static inline void need_fork(void)
{
	if (emulated()) {
		print_message("qemu-user does not fork well\n");
		skip();
	}
}

static inline pid_t fork_or_skip(void)
{
	need_fork();
	return fork();
}

/* qemu-user has no openat2. */
static inline void need_openat2(void)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC };
	long fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS) {
		print_message("openat2 is missing here\n");
		skip();
	}
	(void)close((int)fd);
}

static inline void need_root(void)
{
	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
}

/* --- in a process of its own: cmocka's assertions would go on there with the next test --- */

#define CHILD_LACKS 77

#define CHILD_CHECK(condition)                                                               \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			(void)dprintf(2, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, \
				      strerror(errno));                                      \
			_exit(1);                                                            \
		}                                                                            \
	} while (0)

/* For a call that sets an err `e`. */
#define CHILD_OK(call)                                                                          \
	do {                                                                                    \
		if ((call) < 0) {                                                               \
			(void)dprintf(2, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, e.text); \
			_exit(e.code == -ENOSYS ? CHILD_LACKS : 1);                             \
		}                                                                               \
	} while (0)

/* In a new mount namespace: the old descriptor leads to the old one's mounts. */
static inline void scratch_reopen(struct scratch *s)
{
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHILD_CHECK(s->fd >= 0);
}

/* Runs function(arg) in a child with new namespaces; skips the test where they, or a system call, are missing. */
static inline void run_in_child(int namespaces, void (*function)(void *), void *arg)
{
	pid_t pid = fork_or_skip();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(240);
		if (namespaces && unshare(namespaces) < 0)
			_exit(CHILD_LACKS);
		if ((namespaces & CLONE_NEWNS) && mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
			_exit(CHILD_LACKS);
		function(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_LACKS) {
		print_message("the namespaces or system calls are missing here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* The shell's exit code; -1: a signal ended it. */
static inline int run_shell(const char *command)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Descriptors that a process has open; SIZE_MAX: there is no such process. */
static inline size_t count_fds(pid_t pid)
{
	char path[64];
	cleanup_dir DIR *dir = NULL;
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	return dir ? n - 2 : SIZE_MAX; /* "." and ".." */
}

#endif
