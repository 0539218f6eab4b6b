/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/run_image_file.h"
#include "common/cleanup.h"
#include "common/file.h"

#define LAYERS 3 /* 0 is the topmost */

struct image {
	char top[64];
	int fds[LAYERS];
	struct strvec lower;
};

static int make_image(void **state)
{
	static struct image image;
	char path[128];

	image = (struct image){ 0 };
	snprintf(image.top, sizeof(image.top), "/tmp/test_run_image_file.XXXXXX");
	assert_non_null(mkdtemp(image.top));
	for (int i = 0; i < LAYERS; i++) {
		snprintf(path, sizeof(path), "%s/%d", image.top, i);
		assert_int_equal(mkdir(path, 0755), 0);
		assert_int_equal(strvec_add(&image.lower, path), 0);
		image.fds[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(image.fds[i] >= 0);
	}
	*state = &image;
	return 0;
}

static int remove_image(void **state)
{
	struct image *image = *state;
	struct err e;

	for (int i = 0; i < LAYERS; i++)
		close(image->fds[i]);
	assert_int_equal(tree_remove(AT_FDCWD, image->top, &e), 0);
	strvec_done(&image->lower);
	return 0;
}

static void put(const struct image *image, int layer, const char *path, const char *text)
{
	cleanup_fd int fd = openat(image->fds[layer], path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
}

static void put_dir(const struct image *image, int layer, const char *path)
{
	assert_int_equal(mkdirat(image->fds[layer], path, 0755), 0);
}

static void put_link(const struct image *image, int layer, const char *path, const char *target)
{
	assert_int_equal(symlinkat(target, image->fds[layer], path), 0);
}

static void put_whiteout(const struct image *image, int layer, const char *path)
{
	assert_int_equal(mknodat(image->fds[layer], path, S_IFCHR, 0), 0);
}

static void expect_text(const struct image *image, const char *path, const char *text)
{
	cleanup_buf struct buf out = BUF_INIT(4096);
	struct err e = { 0 };

	if (run_image_read(&image->lower, path, &out, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(out.data, text);
}

static void expect_error(const struct image *image, const char *path, int code)
{
	cleanup_buf struct buf out = BUF_INIT(16);
	struct err e = { 0 };

	assert_int_equal(run_image_read(&image->lower, path, &out, &e), code);
	assert_non_null(strstr(e.text, path));
}

static void the_topmost_layer_that_has_a_file_wins(void **state)
{
	const struct image *image = *state;

	for (int i = 0; i < LAYERS; i++)
		put_dir(image, i, "etc");
	put(image, 2, "etc/passwd", "bottom");
	put(image, 2, "etc/group", "bottom group");
	put(image, 1, "etc/passwd", "middle");
	expect_text(image, "/etc/passwd", "middle");
	expect_text(image, "etc//./group", "bottom group");
	expect_error(image, "/etc/shadow", -ENOENT);
	expect_error(image, "/etc", -EINVAL);
}

static void a_whiteout_hides_what_is_below(void **state)
{
	const struct image *image = *state;

	put_dir(image, 2, "etc");
	put(image, 2, "etc/passwd", "bottom");
	put_dir(image, 1, "etc");
	put_whiteout(image, 1, "etc/passwd");
	expect_error(image, "/etc/passwd", -ENOENT);
	put_dir(image, 0, "etc");
	put(image, 0, "etc/passwd", "again");
	expect_text(image, "/etc/passwd", "again");
}

static void a_directory_that_was_removed_is_gone(void **state)
{
	const struct image *image = *state;

	put_dir(image, 2, "etc");
	put(image, 2, "etc/passwd", "bottom");
	put_whiteout(image, 1, "etc");
	expect_error(image, "/etc/passwd", -ENOENT);
}

static void an_opaque_directory_hides_its_namesakes(void **state)
{
	const struct image *image = *state;
	const char *name = geteuid() == 0 ? "trusted.overlay.opaque" : "user.overlay.opaque";
	cleanup_fd int fd = -1;

	put_dir(image, 2, "etc");
	put(image, 2, "etc/passwd", "bottom");
	put_dir(image, 1, "etc");
	put(image, 1, "etc/group", "middle");
	fd = openat(image->fds[1], "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fsetxattr(fd, name, "y", 1, 0) < 0)
		skip();
	expect_error(image, "/etc/passwd", -ENOENT);
	expect_text(image, "/etc/group", "middle");
}

static void a_file_in_the_place_of_a_directory_hides_it(void **state)
{
	const struct image *image = *state;

	put_dir(image, 2, "etc");
	put(image, 2, "etc/passwd", "bottom");
	put(image, 0, "etc", "a file");
	expect_text(image, "/etc", "a file");
	expect_error(image, "/etc/passwd", -ENOENT);
}

static void links_are_followed_across_layers(void **state)
{
	const struct image *image = *state;

	put_dir(image, 2, "usr");
	put_dir(image, 2, "usr/share");
	put_dir(image, 2, "usr/share/accounts");
	put(image, 2, "usr/share/accounts/passwd", "far away");
	put_dir(image, 1, "etc");
	put_link(image, 1, "etc/passwd", "../usr/share/accounts/passwd");
	put_link(image, 1, "etc/absolute", "/accounts/passwd");
	put_link(image, 0, "accounts", "usr/./share//accounts/");
	expect_text(image, "/etc/passwd", "far away");
	expect_text(image, "/etc/absolute", "far away");
	expect_text(image, "/accounts/../accounts/passwd", "far away");
}

static void links_cannot_leave_the_image(void **state)
{
	const struct image *image = *state;

	put_dir(image, 1, "etc");
	put(image, 1, "secret", "the image's own");
	put_link(image, 1, "etc/out", "../../../../../../secret");
	put_link(image, 1, "etc/host", "/etc/passwd");
	expect_text(image, "/etc/out", "the image's own");
	expect_text(image, "/../../secret", "the image's own");
	expect_error(image, "/etc/host", -ENOENT);
}

static void circles_of_links_end(void **state)
{
	const struct image *image = *state;

	put_link(image, 0, "a", "b");
	put_link(image, 1, "b", "a");
	put_link(image, 1, "self", "self/x");
	expect_error(image, "/a", -ELOOP);
	expect_error(image, "/self", -ELOOP);
}

static void odd_files_and_large_ones_are_refused(void **state)
{
	const struct image *image = *state;
	char name[NAME_MAX + 8];

	assert_int_equal(mkfifoat(image->fds[0], "fifo", 0600), 0);
	put(image, 0, "large", "more than sixteen bytes");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	expect_error(image, "/fifo", -EINVAL);
	expect_error(image, "/large", -EFBIG);
	expect_error(image, name, -ENAMETOOLONG);
}

static void directories_are_empty_if_no_layer_has_anything_in_them(void **state)
{
	const struct image *image = *state;
	struct err e = { 0 };
	struct stat st;
	bool empty;

	put_dir(image, 2, "data");
	put(image, 2, "data/x", "");
	put_dir(image, 1, "data");
	assert_int_equal(run_image_stat_dir(&image->lower, "/data", &st, &empty, &e), 0);
	assert_false(empty);
	put_dir(image, 1, "void");
	assert_int_equal(fchmodat(image->fds[1], "void", 01770, 0), 0);
	put_whiteout(image, 1, "void/y");
	put_link(image, 0, "link", "void");
	assert_int_equal(run_image_stat_dir(&image->lower, "/link", &st, &empty, &e), 0);
	assert_true(empty);
	assert_int_equal(st.st_mode & 07777, 01770);
	assert_int_equal(run_image_stat_dir(&image->lower, "/none", &st, &empty, &e), -ENOENT);
	assert_int_equal(run_image_stat_dir(&image->lower, "/data/x", &st, &empty, &e), -ENOTDIR);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_image, remove_image)

/* `want`: the layers, topmost first, as in "02". */
static void expect_parts(const struct image *image, const char *path, const char *want, const char *at)
{
	cleanup_strvec struct strvec parts = { 0 };
	char text[256];
	struct err e = { 0 };

	if (run_image_parts(&image->lower, path, &parts, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(parts.len, strlen(want));
	for (size_t i = 0; i < parts.len; i++) {
		snprintf(text, sizeof(text), "%s/%c/%s", image->top, want[i], at);
		assert_string_equal(parts.items[i], text);
	}
}

static void the_parts_of_a_directory_are_those_that_show_through(void **state)
{
	const struct image *image = *state;
	cleanup_strvec struct strvec parts = { 0 };
	cleanup_fd int fd = -1;
	struct err e = { 0 };

	for (int i = 0; i < LAYERS; i++) {
		put_dir(image, i, "a");
		put_dir(image, i, "a/b");
	}
	put_dir(image, 2, "a/b/c");
	put(image, 1, "a/b/file", "x");
	put_link(image, 0, "link", "/a/../a/b");
	put_whiteout(image, 1, "a/b/c");
	expect_parts(image, "/", "012", "");
	expect_parts(image, "/a/b", "012", "a/b");
	expect_parts(image, "/link/", "012", "a/b");
	expect_parts(image, "/link/file", "1", "a/b/file");
	assert_int_equal(run_image_parts(&image->lower, "/a/b/c", &parts, &e), -ENOENT);
	assert_int_equal(run_image_parts(&image->lower, "/a/b/file/x", &parts, &e), -ENOENT);
	assert_int_equal(parts.len, 0);
	fd = openat(image->fds[1], "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fsetxattr(fd, geteuid() == 0 ? "trusted.overlay.opaque" : "user.overlay.opaque", "y", 1, 0) == 0)
		expect_parts(image, "/a/b", "01", "a/b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_topmost_layer_that_has_a_file_wins),
		TEST(a_whiteout_hides_what_is_below),
		TEST(a_directory_that_was_removed_is_gone),
		TEST(an_opaque_directory_hides_its_namesakes),
		TEST(a_file_in_the_place_of_a_directory_hides_it),
		TEST(links_are_followed_across_layers),
		TEST(links_cannot_leave_the_image),
		TEST(circles_of_links_end),
		TEST(odd_files_and_large_ones_are_refused),
		TEST(the_parts_of_a_directory_are_those_that_show_through),
		TEST(directories_are_empty_if_no_layer_has_anything_in_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
