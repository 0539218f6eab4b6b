/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/scratch.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

static bool exists(const struct scratch *s, const char *name)
{
	return faccessat(s->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make_dir(const struct scratch *s, const char *name)
{
	assert_int_equal(mkdirat(s->fd, name, 0755), 0);
}

static void what_is_absent_counts_as_removed(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };

	assert_int_equal(tree_remove(s->fd, "absent", &e), 0);
}

static void trees_go_with_all_that_is_in_them(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };

	make_dir(s, "t");
	make_dir(s, "t/a");
	make_dir(s, "t/a/b");
	make_dir(s, "t/empty");
	make_dir(s, "t/...");
	scratch_write(s, "t/f", "x");
	scratch_write(s, "t/a/b/f", "x");
	scratch_write(s, "t/.../.hidden", "x");
	assert_int_equal(mkfifoat(s->fd, "t/a/fifo", 0600), 0);
	assert_int_equal(linkat(s->fd, "t/f", s->fd, "kept", 0), 0);
	assert_int_equal(tree_remove(s->fd, "t", &e), 0);
	assert_false(exists(s, "t"));
	assert_true(scratch_holds(s, "kept", "x"));
}

static void a_single_file_is_removed_too(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };

	scratch_write(s, "f", "x");
	assert_int_equal(tree_remove(s->fd, "f", &e), 0);
	assert_false(exists(s, "f"));
	make_dir(s, "d");
	assert_int_equal(tree_remove(AT_FDCWD, scratch_path(s, "d"), &e), 0);
	assert_false(exists(s, "d"));
}

static void symlinks_are_removed_and_not_followed(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };

	make_dir(s, "outside");
	scratch_write(s, "outside/f", "x");
	make_dir(s, "t");
	make_dir(s, "t/a");
	assert_int_equal(symlinkat("../outside", s->fd, "t/relative"), 0);
	assert_int_equal(symlinkat(scratch_path(s, "outside"), s->fd, "t/a/absolute"), 0);
	assert_int_equal(symlinkat("..", s->fd, "t/a/up"), 0);
	assert_int_equal(symlinkat("nowhere", s->fd, "t/a/dangling"), 0);
	assert_int_equal(tree_remove(s->fd, "t", &e), 0);
	assert_false(exists(s, "t"));
	assert_true(scratch_holds(s, "outside/f", "x"));
	assert_int_equal(symlinkat("outside", s->fd, "top"), 0);
	assert_int_equal(tree_remove(s->fd, "top", &e), 0);
	assert_false(exists(s, "top"));
	assert_true(scratch_holds(s, "outside/f", "x"));
}

/* Deeper than PATH_MAX, than there are descriptors, and than recursion would be good for. */
static void remove_deep_tree(void *arg)
{
	struct rlimit few = { 32, 32 };
	struct scratch *s = arg;
	int before = count_open_descriptors(), fd = dup(s->fd);
	struct err e = { 0 };

	for (int i = 0; i < 5000; i++) {
		int next;

		CHILD_CHECK(mkdirat(fd, "deeper", 0755) == 0);
		next = openat(fd, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHILD_CHECK(next >= 0);
		if (i % 100 == 0)
			CHILD_CHECK(mkdirat(next, "sibling", 0755) == 0);
		(void)close(fd);
		fd = next;
	}
	(void)close(fd);
	CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHILD_OK(tree_remove(s->fd, "deeper", &e));
	CHILD_CHECK(!exists(s, "deeper"));
	CHILD_CHECK(count_open_descriptors() == before);
}

static void trees_may_be_five_thousand_deep(void **state)
{
	run_in_child(0, remove_deep_tree, *state);
}

static void wide_directories_are_emptied(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	char name[64];

	make_dir(s, "wide");
	for (int i = 0; i < 1500; i++) {
		(void)snprintf(name, sizeof(name), "wide/some-longer-name-for-a-directory-%d", i);
		if (i % 3 == 0)
			make_dir(s, name);
		else
			scratch_write(s, name, "");
		if (i % 15 == 0) {
			(void)snprintf(name, sizeof(name), "wide/some-longer-name-for-a-directory-%d/f", i);
			scratch_write(s, name, "");
		}
	}
	assert_int_equal(tree_remove(s->fd, "wide", &e), 0);
	assert_false(exists(s, "wide"));
}

static void remove_with_mounts(void *arg)
{
	struct scratch *s = arg;
	struct err e = { 0 };

	scratch_reopen(s);
	CHILD_CHECK(mkdirat(s->fd, "t", 0755) == 0 && mkdirat(s->fd, "t/mnt", 0755) == 0);
	CHILD_CHECK(mkdirat(s->fd, "bound", 0755) == 0 && mkdirat(s->fd, "t/same", 0755) == 0);
	CHILD_CHECK(mount("tmpfs", scratch_path(s, "t/mnt"), "tmpfs", 0, NULL) == 0);
	CHILD_CHECK(mount(scratch_path(s, "bound"), scratch_path(s, "t/same"), NULL, MS_BIND, NULL) == 0);
	scratch_write(s, "t/mnt/f", "x");
	scratch_write(s, "bound/f", "x"); /* the same file system: st_dev does not tell */
	CHILD_CHECK(tree_remove(s->fd, "t", &e) == -EBUSY);
	CHILD_CHECK(strcmp(e.text, "cannot remove 't': device or resource busy") == 0);
	CHILD_CHECK(scratch_holds(s, "t/mnt/f", "x") && scratch_holds(s, "bound/f", "x"));
	CHILD_CHECK(umount2(scratch_path(s, "t/mnt"), 0) == 0);
	CHILD_CHECK(tree_remove(s->fd, "t", &e) == -EBUSY);
	CHILD_CHECK(scratch_holds(s, "bound/f", "x"));
	CHILD_CHECK(umount2(scratch_path(s, "t/same"), 0) == 0);
	CHILD_OK(tree_remove(s->fd, "t", &e));
	CHILD_CHECK(!exists(s, "t") && exists(s, "bound/f"));
}

static void mount_points_in_the_tree_are_not_entered(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, remove_with_mounts, *state);
}

static void remove_mount_points(void *arg)
{
	struct scratch *s = arg;
	struct err e = { 0 };

	scratch_reopen(s);
	CHILD_CHECK(mkdirat(s->fd, "mnt", 0755) == 0 && mkdirat(s->fd, "bound", 0755) == 0);
	scratch_write(s, "bound/f", "x");
	scratch_write(s, "file", "y");
	scratch_write(s, "mask", "z");
	CHILD_CHECK(mount("tmpfs", scratch_path(s, "mnt"), "tmpfs", 0, NULL) == 0);
	scratch_write(s, "mnt/f", "x");
	CHILD_CHECK(tree_remove(s->fd, "mnt", &e) == -EBUSY);
	CHILD_CHECK(scratch_holds(s, "mnt/f", "x"));
	CHILD_CHECK(umount2(scratch_path(s, "mnt"), 0) == 0);
	CHILD_CHECK(mount(scratch_path(s, "bound"), scratch_path(s, "mnt"), NULL, MS_BIND, NULL) == 0);
	CHILD_CHECK(tree_remove(s->fd, "mnt", &e) == -EBUSY);
	CHILD_CHECK(scratch_holds(s, "bound/f", "x"));
	CHILD_CHECK(mount(scratch_path(s, "file"), scratch_path(s, "mask"), NULL, MS_BIND, NULL) == 0);
	CHILD_CHECK(tree_remove(s->fd, "mask", &e) == -EBUSY);
	CHILD_CHECK(scratch_holds(s, "mask", "y"));
}

static void a_tree_that_is_itself_a_mount_point_is_not_entered(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, remove_mount_points, *state);
}

/* Immutable, where the file system knows that. */
static void what_cannot_be_removed_is_an_error(void **state)
{
	struct scratch *s = *state;
	struct err e = { 0 };
	int flags = FS_IMMUTABLE_FL, r;

	need_root();
	make_dir(s, "t");
	scratch_write(s, "t/f", "x");
	{
		cleanup_fd int fd = openat(s->fd, "t/f", O_RDONLY | O_CLOEXEC);

		if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
			skip();
		r = tree_remove(s->fd, "t", &e);
		flags = 0;
		assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
	}
	assert_int_equal(r, -EPERM);
	assert_string_equal(e.text, "cannot remove 't': operation not permitted");
	assert_true(exists(s, "t/f"));
}

static void remove_on_readonly_mount(void *arg)
{
	struct scratch *s = arg;
	struct err e = { 0 };

	CHILD_CHECK(mount("tmpfs", s->path, "tmpfs", 0, NULL) == 0);
	scratch_reopen(s);
	CHILD_CHECK(mkdirat(s->fd, "t", 0755) == 0);
	scratch_write(s, "t/f", "x");
	CHILD_CHECK(mount(NULL, s->path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	CHILD_CHECK(tree_remove(s->fd, "t", &e) == -EROFS);
	CHILD_CHECK(strcmp(e.text, "cannot remove 't': read-only file system") == 0);
	CHILD_CHECK(tree_remove(s->fd, "t/f", &e) == -EROFS);
	CHILD_CHECK(tree_remove(s->fd, "absent", &e) == 0);
}

static void a_readonly_file_system_is_an_error(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, remove_on_readonly_mount, *state);
}

static void remove_as_user(void *arg)
{
	struct scratch *s = arg;
	struct err e = { 0 };

	CHILD_CHECK(setresuid(12345, 12345, 12345) == 0);
	CHILD_CHECK(mkdirat(s->fd, "t", 0755) == 0 && mkdirat(s->fd, "t/locked", 0755) == 0);
	scratch_write(s, "t/locked/f", "x");
	CHILD_CHECK(fchmodat(s->fd, "t/locked", 0, 0) == 0);
	CHILD_OK(tree_remove(s->fd, "t", &e));
	CHILD_CHECK(!exists(s, "t"));
	CHILD_CHECK(tree_remove(s->fd, "roots", &e) == -EACCES);
	CHILD_CHECK(strcmp(e.text, "cannot remove 'roots': permission denied") == 0);
	CHILD_CHECK(scratch_holds(s, "roots/f", "x"));
}

static void users_get_rid_of_their_own_locked_directories_only(void **state)
{
	struct scratch *s = *state;

	need_root();
	make_dir(s, "roots");
	scratch_write(s, "roots/f", "x");
	assert_int_equal(fchmod(s->fd, 0777), 0);
	run_in_child(0, remove_as_user, s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(what_is_absent_counts_as_removed),
		SCRATCH_TEST(trees_go_with_all_that_is_in_them),
		SCRATCH_TEST(a_single_file_is_removed_too),
		SCRATCH_TEST(symlinks_are_removed_and_not_followed),
		SCRATCH_TEST(trees_may_be_five_thousand_deep),
		SCRATCH_TEST(wide_directories_are_emptied),
		SCRATCH_TEST(mount_points_in_the_tree_are_not_entered),
		SCRATCH_TEST(a_tree_that_is_itself_a_mount_point_is_not_entered),
		SCRATCH_TEST(what_cannot_be_removed_is_an_error),
		SCRATCH_TEST(a_readonly_file_system_is_an_error),
		SCRATCH_TEST(users_get_rid_of_their_own_locked_directories_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
