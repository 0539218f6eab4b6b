/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mount_stubs.h"

#include "tests/unit/build/tree.h"

/* The tree below, and an upper directory as a container has left it. */
static void make_trees(const struct scratch *s, const char *const *below, const char *const *upper,
		       int *ret_below, int *ret_upper)
{
	*ret_below = tree_dir(s, "below");
	*ret_upper = tree_dir(s, "upper");
	tree_make(*ret_below, below);
	tree_make(*ret_upper, upper);
}
#define LINES(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NONE       ((const char *const[]){ NULL })

static void note(struct mount_stubs *s, int below_fd, const char *path)
{
	struct err e = { 0 };

	if (mount_stubs_add(s, below_fd, path, &e) < 0)
		fail_msg("%s", e.text);
}

static bool is_there(int dir_fd, const char *path)
{
	return faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Notes one mount point, and removes what is left of it. */
static void remove_one(int below_fd, int upper_fd, const char *path)
{
	cleanup_mount_stubs struct mount_stubs s = { 0 };

	note(&s, below_fd, path);
	mount_stubs_remove(&s, below_fd, upper_fd);
}

static void what_was_made_for_a_mount_goes_with_its_parents(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int below = -1, upper = -1;

	make_trees(s, NONE, LINES("d a", "d a/b", "d a/b/c", "d x", "f x/file "), &below, &upper);
	remove_one(below, upper, "/a/b/c");
	remove_one(below, upper, "/x/file");
	assert_false(is_there(upper, "a"));
	assert_false(is_there(upper, "x"));
}

static void without_layers_below_all_was_made_for_it(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int upper = tree_dir(s, "upper");

	tree_make(upper, LINES("d proc", "d etc", "f etc/hosts ", "f etc/mine text"));
	remove_one(-1, upper, "/proc");
	remove_one(-1, upper, "/etc/hosts");
	assert_false(is_there(upper, "proc"));
	assert_false(is_there(upper, "etc/hosts"));
	assert_true(is_there(upper, "etc/mine"));
}

static void a_directory_that_was_copied_up_for_it_goes_too(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int below = -1, upper = -1;

	make_trees(s, LINES("d etc", "f etc/passwd text"), LINES("d etc", "f etc/hosts "), &below, &upper);
	remove_one(below, upper, "/etc/hosts");
	assert_false(is_there(upper, "etc"));
}

static void a_directory_that_the_command_has_changed_stays(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int below = -1, upper = -1;

	make_trees(s, LINES("d a", "d b", "d c"),
		   LINES("d0700 a", "d a/m", "d b", "d b/m", "f b/other text", "d c", "d c/m"), &below,
		   &upper);
	remove_one(below, upper, "/a/m");
	assert_true(is_there(upper, "a")); /* another mode */
	assert_false(is_there(upper, "a/m"));
	remove_one(below, upper, "/b/m");
	assert_true(is_there(upper, "b/other"));
	assert_false(is_there(upper, "b/m"));
	if (geteuid() == 0) {
		assert_int_equal(fchownat(upper, "c", 5, 5, 0), 0);
		remove_one(below, upper, "/c/m");
		assert_true(is_there(upper, "c"));
	}
}

static void what_the_command_has_put_there_stays(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int below = -1, upper = -1;

	make_trees(s, NONE,
		   LINES("d a", "f a/b text", "d c", "d c/d", "f c/d/e ", "d h", "f h/one ", "h h/two h/one"),
		   &below, &upper);
	remove_one(below, upper, "/a/b");
	remove_one(below, upper, "/c/d");
	remove_one(below, upper, "/h/one");
	assert_true(is_there(upper, "a/b"));
	assert_true(is_there(upper, "c/d/e"));
	assert_true(is_there(upper, "h/one"));
}

static void a_mount_point_that_was_there_before_stays_below(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int below = -1, upper = -1;

	make_trees(s, LINES("d a", "d a/b"), LINES("d a", "d a/b"), &below, &upper);
	remove_one(below, upper, "/a/b");
	assert_false(is_there(upper, "a")); /* copies of what is below */
	assert_true(is_there(below, "a/b"));
}

static void a_path_through_links_is_that_of_the_tree(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int below = -1, upper = -1;

	make_trees(s, LINES("d real", "l link /real", "l up ../../../../real"),
		   LINES("d real", "d real/m", "d real/n"), &below, &upper);
	remove_one(below, upper, "/link/m");
	remove_one(below, upper, "/up/n");
	assert_false(is_there(upper, "real"));
}

static void a_loop_of_links_is_refused(void **state)
{
	const struct scratch *s = *state;
	cleanup_mount_stubs struct mount_stubs stubs = { 0 };
	cleanup_fd int below = tree_dir(s, "below");
	struct err e = { 0 };

	tree_make(below, LINES("l loop loop"));
	assert_int_equal(mount_stubs_add(&stubs, below, "/loop/x", &e), -ELOOP);
	assert_string_equal(e.text, "mount point '/loop/x': too many symlinks on the way to '/loop/x'");
	assert_int_equal(stubs.len, 0);
}

static void a_link_that_the_command_has_put_on_the_way_leads_nowhere(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int below = -1, upper = -1;

	make_trees(s, NONE, LINES("d etc", "d etc/q", "f etc/q/m ", "l p /etc"), &below, &upper);
	scratch_write(s, "outside", "");
	assert_int_equal(symlinkat("..", upper, "o"), 0);
	remove_one(below, upper, "/p/q/m");
	remove_one(below, upper, "/o/outside");
	assert_true(is_there(upper, "etc/q/m"));
	assert_true(is_there(upper, "p"));
	assert_true(is_there(s->fd, "outside"));
}

static void a_mount_point_that_became_a_link_stays_one(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int below = -1, upper = -1;

	make_trees(s, NONE, LINES("l m /somewhere"), &below, &upper);
	remove_one(below, upper, "/m");
	assert_true(is_there(upper, "m"));
}

static void mount_points_in_each_other_go_from_the_inside(void **state)
{
	const struct scratch *s = *state;
	cleanup_mount_stubs struct mount_stubs stubs = { 0 };
	cleanup_fd int below = -1, upper = -1;

	make_trees(s, NONE, LINES("d dev", "d dev/pts", "d dev/shm"), &below, &upper);
	note(&stubs, below, "/dev");
	note(&stubs, below, "/dev/pts");
	note(&stubs, below, "/dev/shm");
	mount_stubs_remove(&stubs, below, upper);
	assert_false(is_there(upper, "dev"));
}

static void what_is_not_there_any_more_is_no_error(void **state)
{
	const struct scratch *s = *state;
	cleanup_fd int below = -1, upper = -1;

	make_trees(s, LINES("d a"), NONE, &below, &upper);
	remove_one(below, upper, "/a/b/c");
	remove_one(below, upper, "/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(what_was_made_for_a_mount_goes_with_its_parents),
		SCRATCH_TEST(without_layers_below_all_was_made_for_it),
		SCRATCH_TEST(a_directory_that_was_copied_up_for_it_goes_too),
		SCRATCH_TEST(a_directory_that_the_command_has_changed_stays),
		SCRATCH_TEST(what_the_command_has_put_there_stays),
		SCRATCH_TEST(a_mount_point_that_was_there_before_stays_below),
		SCRATCH_TEST(a_path_through_links_is_that_of_the_tree),
		SCRATCH_TEST(a_loop_of_links_is_refused),
		SCRATCH_TEST(a_link_that_the_command_has_put_on_the_way_leads_nowhere),
		SCRATCH_TEST(a_mount_point_that_became_a_link_stays_one),
		SCRATCH_TEST(mount_points_in_each_other_go_from_the_inside),
		SCRATCH_TEST(what_is_not_there_any_more_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
