/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests on real cgroups share. Their cgroups lie below "/sampan-test". Where the machine's controllers do not belong to
 * cgroup v2, without root, and under qemu-user (which has neither clone3 nor bpf), the tests that need them are skipped. */
#ifndef SAMPAN_TESTS_UNIT_CGROUPS_LIVE_H
#define SAMPAN_TESTS_UNIT_CGROUPS_LIVE_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "cgroups/files.h"
#include "cgroups/host.h"
#include "common/cleanup.h"
#include "common/process.h"

#define MIB UINT64_C(1048576)
#define SET(v)                            \
	{                                 \
		.set = true, .value = (v) \
	}
#define OK(call)                                \
	do {                                    \
		if ((call) < 0)                 \
			fail_msg("%s", e.text); \
	} while (0)

static inline bool has_clone3(void)
{
	int pidfd = -1, status;
	pid_t pid = process_clone(0, -1, &pidfd);

	if (pid == 0)
		_exit(0);
	if (pid < 0) {
		assert_int_equal(pid, -ENOSYS);
		return false;
	}
	assert_int_equal(process_wait(pidfd, &status), 0);
	(void)close(pidfd);
	return true;
}

static inline void detect_or_skip(struct cgroup_host *host, unsigned int needed)
{
	struct err e = { 0 };

	OK(cgroup_host_detect(host, &e));
	if (!has_clone3() || host->mode == CGROUP_NONE || (host->available & needed) != needed ||
	    geteuid() != 0)
		skip();
}

/* A cgroup for one test; what an interrupted run has left goes first. */
static inline void make(struct cgroup_host *host, const char *name, const struct spec_resources *r,
			struct cgroup *ret)
{
	char path[64];
	struct err e = { 0 };

	(void)snprintf(path, sizeof(path), "/sampan-test/%s", name);
	if (cgroup_open(host, path, ret, &e) == 0) {
		OK(cgroup_kill(ret, &e));
		OK(cgroup_remove(ret, &e));
		cgroup_done(ret);
	}
	OK(cgroup_create(host, path, "id", r, ret, &e));
	assert_string_equal(ret->path, path);
	assert_true(fcntl(ret->dir_fd, F_GETFD) & FD_CLOEXEC);
}

static inline void destroy(const struct cgroup *c)
{
	struct err e = { 0 };

	OK(cgroup_kill(c, &e));
	OK(cgroup_remove(c, &e));
	assert_int_equal(faccessat(c->dir_fd, "cgroup.procs", F_OK, 0), -1);
}

static inline void assert_file(const struct cgroup *c, const char *file, const char *expected)
{
	char text[256];
	ssize_t n = cgroup_file_read(c->dir_fd, file, text, sizeof(text));

	if (n < 0)
		fail_msg("%s: %s", file, strerror((int)-n));
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, expected);
}

/* Runs `body` in the cgroup; returns its wait status. */
static inline int run_in(const struct cgroup *c, int (*body)(void *arg), void *arg)
{
	int pidfd = -1, status = 0;
	pid_t pid = process_clone(0, c->dir_fd, &pidfd);

	if (pid == 0)
		_exit(body(arg));
	assert_true(pid > 0);
	assert_int_equal(process_wait(pidfd, &status), 0);
	(void)close(pidfd);
	return status;
}

static inline void sleep_for_ever(void)
{
	for (;;)
		(void)pause();
}

static inline pid_t start_sleeper(const struct cgroup *c, int *ret_pidfd)
{
	pid_t pid = process_clone(0, c->dir_fd, ret_pidfd);

	if (pid == 0)
		sleep_for_ever();
	assert_true(pid > 0);
	return pid;
}

static inline void assert_killed(int pidfd)
{
	int status = 0;

	assert_int_equal(process_wait(pidfd, &status), 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	(void)close(pidfd);
}

/* One at a time: the trees are the machine's. The descriptor ends with the process. Who cannot open the file skips the tests too. */
static inline int take_turns(void **state)
{
	int fd = open("/tmp/sampan-test-cgroups.lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	return fd >= 0 ? flock(fd, LOCK_EX) : 0;
}

/* What tests have left that failed, and the parents that they had made. "/sampan" may be in use by others. */
static inline int remove_leftovers(void **state)
{
	static const char *const TREES[] = { "/sampan-test", "/sampan/live-test" };
	struct cgroup_host host;
	struct err e = { 0 };
	int r = 0;

	(void)state;
	if (cgroup_host_detect(&host, &e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(TREES) && host.mode != CGROUP_NONE; i++) {
		cleanup_cgroup struct cgroup c = { .dir_fd = -1 };

		if (cgroup_open(&host, TREES[i], &c, &e) < 0)
			continue;
		r = cgroup_kill(&c, &e);
		if (r == 0)
			r = cgroup_remove(&c, &e);
	}
	return r;
}

#endif
