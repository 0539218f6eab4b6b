/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stdio.h"

#include "tests/unit/common/scratch.h"

#include <sys/sysmacros.h>

static void name_streams(void *arg)
{
	cleanup_strvec struct strvec names = { 0 };
	struct err e = { 0 };
	unsigned int null_streams = 0;
	int fds[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)arg;
	CHILD_CHECK(pipe(fds) == 0 && dup2(fds[1], 1) == 1 && dup2(null, 2) == 2 && close(0) == 0);
	CHILD_OK(stdio_names(&names, &null_streams, &e));
	CHILD_CHECK(names.len == 3 && null_streams == 1 << 2 && stdio_null_streams() == null_streams);
	CHILD_CHECK(strcmp(names.items[0], "") == 0);
	CHILD_CHECK(strncmp(names.items[1], "pipe:[", 6) == 0);
	CHILD_CHECK(strcmp(names.items[2], "/dev/null") == 0);
}

static void streams_are_named_for_what_they_are(void **state)
{
	run_in_child(0, name_streams, *state);
}

static bool is_device(int fd, unsigned int minor, dev_t *ret_on)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_rdev != makedev(1, minor))
		return false;
	*ret_on = st.st_dev;
	return true;
}

/* The child's root is a tmpfs with a /dev/null: of the device `minor`. */
static void adopt(const struct scratch *s, unsigned int minor, dev_t *ret_before, dev_t *ret_after)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	dev_t zero_on;

	CHILD_CHECK(null >= 0 && zero >= 0 && dup2(null, 0) == 0 && dup2(zero, 1) == 1);
	CHILD_CHECK(mount("tmpfs", s->path, "tmpfs", 0, "mode=755") == 0);
	CHILD_CHECK(chdir(s->path) == 0 && mkdir("dev", 0755) == 0);
	CHILD_CHECK(mknod("dev/null", S_IFCHR | 0666, makedev(1, minor)) == 0 && chroot(".") == 0);
	CHILD_CHECK(is_device(0, 3, ret_before));
	stdio_adopt_null(stdio_null_streams(), stdio_open_null(AT_FDCWD));
	CHILD_CHECK(is_device(0, 3, ret_after) && is_device(1, 5, &zero_on));
}

static void adopt_null(void *arg)
{
	dev_t before, after;

	adopt(arg, 3, &before, &after);
	CHILD_CHECK(before != after);
}

static void keep_null(void *arg)
{
	dev_t before, after;

	adopt(arg, 5, &before, &after);
	CHILD_CHECK(before == after);
}

static void the_hosts_null_device_becomes_the_containers(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, adopt_null, *state);
}

static void what_only_pretends_to_be_the_null_device_is_left(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, keep_null, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(streams_are_named_for_what_they_are),
		SCRATCH_TEST(the_hosts_null_device_becomes_the_containers),
		SCRATCH_TEST(what_only_pretends_to_be_the_null_device_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
