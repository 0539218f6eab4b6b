/* SPDX-License-Identifier: Apache-2.0 */
/* Each wall is tried from the inside, in a process of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/cleanup.h"
#include "pull/sandbox.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define NOT_HERE 77 /* qemu-user, or root without CAP_SYS_ADMIN */

/* qemu-user has no seccomp, and keeps limits of memory to itself. */
static bool emulated(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0;
}

/* Runs `body` in a child: its wait status. A body returns 0, or the number of what went wrong. */
static int in_child(int (*body)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(body());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static const int CALLS[] = { SCMP_SYS(exit_group), SCMP_SYS(munmap) };

static int call_what_is_forbidden(void)
{
	struct err e;

	if (sandbox_drop_caps(NULL, 0, &e) < 0 || sandbox_seccomp(CALLS, ARRAY_LEN(CALLS), &e) < 0)
		return 1;
	(void)getppid();
	return 2;
}

static int call_what_is_allowed(void)
{
	struct err e;
	void *page;

	if (sandbox_drop_caps(NULL, 0, &e) < 0 || sandbox_seccomp(CALLS, ARRAY_LEN(CALLS), &e) < 0)
		return 1;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page == MAP_FAILED || munmap(page, 4096) < 0;
}

static int map_code(void)
{
	struct err e;

	if (sandbox_drop_caps(NULL, 0, &e) < 0 || sandbox_seccomp(CALLS, ARRAY_LEN(CALLS), &e) < 0)
		return 1;
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return 2;
}

static void a_call_that_is_not_allowed_kills(void **state)
{
	int status;

	(void)state;
	if (SANITIZED || emulated())
		skip();
	assert_int_equal(in_child(call_what_is_allowed), 0);
	status = in_child(call_what_is_forbidden);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	status = in_child(map_code);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static int keep_one_capability(void)
{
	static const int KEEP[] = { CAP_CHOWN };
	cap_flag_value_t chown_value, admin_value;
	struct err e;
	bool all;
	cap_t now;

	if (sandbox_has_caps(KEEP, 1, &all, &e) < 0 || !all)
		return 1;
	if (sandbox_drop_caps(KEEP, 1, &e) < 0)
		return 2;
	now = cap_get_proc();
	(void)cap_get_flag(now, CAP_CHOWN, CAP_EFFECTIVE, &chown_value);
	(void)cap_get_flag(now, CAP_SYS_ADMIN, CAP_PERMITTED, &admin_value);
	(void)cap_free(now);
	if (chown_value != CAP_SET || admin_value != CAP_CLEAR)
		return 3;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 4;
}

static void capabilities_are_dropped_but_those_to_keep(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(keep_one_capability), 0);
}

static int become_nobody(void)
{
	struct err e;

	if (sandbox_become_nobody(&e) < 0 || geteuid() != 65534 || getegid() != 65534 ||
	    getgroups(0, NULL) != 0)
		return 1;
	return setuid(0) == 0 ? 2 : 0;
}

static void nobody_cannot_become_root_again(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(become_nobody), 0);
}

static char scratch[] = "/tmp/sampan-sandbox.XXXXXX";

static int look_out_of_the_root(void)
{
	struct stat inside, above;
	bool entered = false;
	struct err e;
	int fd;

	fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 1;
	if (sandbox_enter_root(&fd, &entered, &e) < 0)
		return 3;
	if (!entered)
		return NOT_HERE;
	if (fstatat(fd, ".", &inside, 0) < 0 || fstatat(fd, "../../..", &above, 0) < 0 ||
	    inside.st_ino != above.st_ino || inside.st_dev != above.st_dev)
		return 4;
	if (stat("/", &above) < 0 || inside.st_ino != above.st_ino)
		return 5;
	if (access("/proc", F_OK) == 0 || access("/tmp", F_OK) == 0)
		return 6;
	/* Devices can be made here, and not opened. */
	if (mknod("/null", S_IFCHR | 0600, 0x103) < 0 || open("/null", O_RDONLY | O_CLOEXEC) >= 0)
		return 7;
	return unlink("/null") < 0;
}

static void there_is_nothing_outside_the_root(void **state)
{
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(scratch));
	status = in_child(look_out_of_the_root);
	assert_int_equal(rmdir(scratch), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE)
		skip();
	assert_int_equal(status, 0);
}

static int keep_fds(void)
{
	const int high = fcntl(0, F_DUPFD, 500);
	const int keep[] = { high, -1, 7 };
	struct err e;

	if (dup2(0, 7) < 0 || dup2(0, 6) < 0 || dup2(0, 8) < 0)
		return 1;
	if (sandbox_keep_fds(keep, ARRAY_LEN(keep), &e) < 0)
		return 2;
	return fcntl(high, F_GETFD) < 0 || fcntl(7, F_GETFD) < 0 || fcntl(6, F_GETFD) >= 0 ||
	       fcntl(8, F_GETFD) >= 0 || fcntl(2, F_GETFD) < 0;
}

static void other_descriptors_are_closed(void **state)
{
	(void)state;
	assert_int_equal(in_child(keep_fds), 0);
}

static int settle(void)
{
	struct rlimit core, memory;
	struct stat null_st, st;
	struct err e;

	if (signal(SIGTERM, SIG_IGN) == SIG_ERR || sandbox_settle((size_t)1 << 30, &e) < 0)
		return 1;
	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
		return 2;
	if (getrlimit(RLIMIT_AS, &memory) < 0 || (!SANITIZED && !emulated() && memory.rlim_max != 1u << 30))
		return 3;
	if (stat("/dev/null", &null_st) < 0 || fstat(1, &st) < 0 || st.st_rdev != null_st.st_rdev)
		return 4;
	return signal(SIGTERM, SIG_DFL) == SIG_DFL && signal(SIGPIPE, SIG_DFL) == SIG_IGN ? 0 : 5;
}

static void signals_streams_and_limits_are_reset(void **state)
{
	(void)state;
	assert_int_equal(in_child(settle), 0);
}

/* A parent that ends at once, and its child that would wait for ever. */
static int leave_a_child(void)
{
	const pid_t self = getpid();
	int ready[2];
	char byte;
	struct err e;

	if (pipe(ready) < 0)
		return 1;
	if (fork() == 0) {
		if (sandbox_die_with(self, &e) == 0)
			(void)!write(ready[1], "", 1);
		for (;;)
			(void)pause();
	}
	return read(ready[0], &byte, 1) == 1 ? 0 : 2;
}

static void a_process_dies_with_its_parent(void **state)
{
	int alive[2]; /* the grandchild has the writing end: end of file tells that it is gone */
	char byte;
	struct err e;

	(void)state;
	assert_int_equal(pipe(alive), 0);
	assert_int_equal(in_child(leave_a_child), 0);
	(void)close(alive[1]);
	assert_int_equal(read(alive[0], &byte, 1), 0);
	(void)close(alive[0]);
	assert_int_equal(sandbox_die_with(getpid(), &e), -ESRCH);
	assert_string_equal(e.text, "the parent process has ended");
	assert_int_equal(prctl(PR_SET_PDEATHSIG, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_that_is_not_allowed_kills),
		cmocka_unit_test(capabilities_are_dropped_but_those_to_keep),
		cmocka_unit_test(nobody_cannot_become_root_again),
		cmocka_unit_test(there_is_nothing_outside_the_root),
		cmocka_unit_test(other_descriptors_are_closed),
		cmocka_unit_test(signals_streams_and_limits_are_reset),
		cmocka_unit_test(a_process_dies_with_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
