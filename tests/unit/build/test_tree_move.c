/* SPDX-License-Identifier: Apache-2.0 */
#include "build/tree_move.h"

#include "tests/unit/build/tree.h"

#define LINES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void assert_text(int dir_fd, const char *path, const char *text)
{
	cleanup_buf struct buf found = BUF_INIT(4096);
	struct err e = { 0 };

	if (file_read(dir_fd, path, &found, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(found.data ? found.data : "", text);
}

static bool is_there(int dir_fd, const char *path)
{
	return faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void what_is_new_goes_beside_and_over_what_is_there(void **state)
{
	cleanup_fd int from = tree_dir(*state, "from"), to = tree_dir(*state, "to");
	struct err e = { 0 };
	struct stat st;

	tree_make(from, LINES("d0700 d", "f d/a new", "f b new", "d other", "f other/x new"));
	tree_make(to, LINES("d d", "f d/a old", "f d/mine old", "l b /etc/passwd", "f kept old"));
	if (tree_move(from, to, &e) < 0)
		fail_msg("%s", e.text);
	assert_text(to, "d/a", "new");
	assert_text(to, "d/mine", "old");
	assert_text(to, "b", "new");
	assert_text(to, "other/x", "new");
	assert_text(to, "kept", "old");
	assert_int_equal(fstatat(to, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_mtim.tv_sec, TREE_TIME);
	assert_false(is_there(from, "d") || is_there(from, "b") || is_there(from, "other"));
}

static void the_folder_itself_gets_the_time_and_nothing_else(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 5 }, { .tv_sec = 6 } };
	cleanup_fd int from = tree_dir(*state, "from"), to = tree_dir(*state, "to");
	struct err e = { 0 };
	struct stat st;

	tree_make(from, LINES("f a 1"));
	assert_int_equal(fchmod(from, 0700), 0);
	assert_int_equal(futimens(from, times), 0);
	assert_int_equal(tree_move(from, to, &e), 0);
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(st.st_mtim.tv_sec, 6);
}

static void nothing_moves_where_something_cannot(void **state)
{
	cleanup_fd int from = tree_dir(*state, "from"), to = tree_dir(*state, "to");
	struct err e = { 0 };

	tree_make(from, LINES("f a new", "d z", "f z/file new"));
	tree_make(to, LINES("d z", "d z/file"));
	assert_int_equal(tree_move(from, to, &e), -EISDIR);
	assert_string_equal(e.text, "cannot replace to directory /z/file with file");
	assert_false(is_there(to, "a"));
}

static void nothing_moves_where_another_file_system_is_mounted(void **state)
{
	cleanup_fd int from = tree_dir(*state, "from");
	cleanup_fd int to = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e = { 0 };

	tree_make(from, LINES("d proc", "f proc/file new"));
	assert_int_equal(tree_move(from, to, &e), -EXDEV);
	assert_string_equal(e.text, "cannot write to /proc: it is another file system");
	assert_true(is_there(from, "proc/file"));
}

static void no_link_is_followed(void **state)
{
	cleanup_fd int from = tree_dir(*state, "from"), to = tree_dir(*state, "to");
	cleanup_fd int outside = tree_dir(*state, "outside");
	struct err e = { 0 };

	tree_make(from, LINES("d d", "f d/a new"));
	tree_make(to, LINES("l d ../outside"));
	assert_int_equal(tree_move(from, to, &e), -ENOTDIR);
	assert_string_equal(e.text, "cannot copy to non-directory: /d");
	assert_false(is_there(outside, "a"));
}

static void depth_has_a_limit(void **state)
{
	cleanup_fd int from = tree_dir(*state, "from"), to = tree_dir(*state, "to");
	char path[2 * (TREE_MOVE_DEPTH_MAX + 2)] = "";
	struct err e = { 0 };

	for (size_t i = 0; i <= TREE_MOVE_DEPTH_MAX; i++) {
		(void)snprintf(path + strlen(path), 3, "%sd", i ? "/" : "");
		assert_int_equal(mkdirat(from, path, 0755) | mkdirat(to, path, 0755), 0);
	}
	assert_int_equal(tree_move(from, to, &e), -ELOOP);
	assert_string_equal(e.text, "directories are nested deeper than 400");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(what_is_new_goes_beside_and_over_what_is_there),
		SCRATCH_TEST(the_folder_itself_gets_the_time_and_nothing_else),
		SCRATCH_TEST(nothing_moves_where_something_cannot),
		SCRATCH_TEST(nothing_moves_where_another_file_system_is_mounted),
		SCRATCH_TEST(no_link_is_followed),
		SCRATCH_TEST(depth_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
