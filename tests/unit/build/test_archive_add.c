/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "build/archive_add.h"
#include "tests/unit/pull/tree_fixture.h"

static int add_to(struct tree_fixture *f, const struct archive_add_options *o)
{
	cleanup_fd int fd = -1;

	tar_end(&f->tar);
	pack(f, TREE_GZIP);
	fd = file_of(&f->packed);
	return archive_add_unpack(fd, f->dir_fd, o, &f->e);
}

static struct archive_add_options options_of(const struct tree_fixture *f, const char *dest)
{
	return (struct archive_add_options){
		.dest = dest, .chown = geteuid() != 0, .uid = f->how.uid, .gid = f->how.gid, .cancel_fd = -1
	};
}

static void an_archive_goes_into_a_directory_that_is_made(void **state)
{
	struct tree_fixture *f = *state;
	struct archive_add_options o = options_of(f, "/opt/deep");
	const struct timespec time = { .tv_sec = 7 };
	mode_t mask = umask(077);
	struct stat st;

	add(f, (struct tar_item){ .name = "a/b", .type = '0', .data = "hello" });
	o.time = &time;
	if (geteuid() == 0) {
		o.chown = true;
		o.uid = 11;
		o.gid = 12;
	}
	if (add_to(f, &o) < 0)
		fail_msg("%s", f->e.text);
	(void)umask(mask);
	assert_file(f->dir_fd, "opt/deep/a/b", "hello");
	assert_int_equal(fstatat(f->dir_fd, "opt", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(st.st_uid, o.uid);
	assert_int_equal(st.st_gid, o.gid);
	assert_int_equal(fstatat(f->dir_fd, "opt/deep/a/b", &st, 0), 0);
	assert_int_equal(st.st_uid, o.uid);
	assert_int_equal(st.st_mtim.tv_sec, 7);
}

static void symlinks_on_the_way_to_the_destination_stay_in_the_tree(void **state)
{
	struct tree_fixture *f = *state;
	struct archive_add_options o = options_of(f, "out/x/");

	assert_int_equal(symlinkat("/../..", f->dir_fd, "out"), 0);
	add(f, (struct tar_item){ .name = "witness", .type = '0', .data = "1" });
	if (add_to(f, &o) < 0)
		fail_msg("%s", f->e.text);
	assert_file(f->dir_fd, "x/witness", "1");
}

static void symlinks_of_the_tree_mean_the_destination_to_what_is_in_the_archive(void **state)
{
	struct tree_fixture *f = *state;
	struct archive_add_options o = options_of(f, "/opt");

	assert_int_equal(mkdirat(f->dir_fd, "opt", 0755), 0);
	assert_int_equal(symlinkat("/etc", f->dir_fd, "opt/conf"), 0);
	add(f, (struct tar_item){ .name = "conf/passwd", .type = '0', .data = "1" });
	if (add_to(f, &o) < 0)
		fail_msg("%s", f->e.text);
	assert_absent(f->dir_fd, "etc");
	assert_file(f->dir_fd, "opt/etc/passwd", "1");
}

static void a_destination_that_is_a_file_is_an_error(void **state)
{
	struct tree_fixture *f = *state;
	struct archive_add_options o = options_of(f, "/file");

	assert_int_equal(file_write_atomic(f->dir_fd, "file", "x", 1, 0644, &f->e), 0);
	add(f, (struct tar_item){ .name = "a", .type = '0', .data = "1" });
	assert_int_equal(add_to(f, &o), -ENOTDIR);
	assert_string_equal(f->e.text, "cannot copy to non-directory: /file");
}

static void only_regular_files_may_be_archives(void **state)
{
	struct tree_fixture *f = *state;
	bool is = true;

	assert_int_equal(archive_add_is(f->dir_fd, &is, &f->e), 0);
	assert_false(is);
}

int main(void)
{
#define TREE_TEST(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)
	const struct CMUnitTest tests[] = {
		TREE_TEST(an_archive_goes_into_a_directory_that_is_made),
		TREE_TEST(symlinks_on_the_way_to_the_destination_stay_in_the_tree),
		TREE_TEST(symlinks_of_the_tree_mean_the_destination_to_what_is_in_the_archive),
		TREE_TEST(a_destination_that_is_a_file_is_an_error),
		TREE_TEST(only_regular_files_may_be_archives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
