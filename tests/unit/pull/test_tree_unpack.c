/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tests/unit/pull/tree_fixture.h"

static void every_compression_is_unpacked_and_known_by_its_bytes(void **state)
{
	struct tree_fixture *f = *state;

	add(f, (struct tar_item){ .name = "a/b", .type = '0', .data = "hello" });
	tar_end(&f->tar);
	for (int c = TREE_PLAIN; c <= TREE_ZSTD; c++) {
		cleanup_fd int fd = -1;
		bool is = false;

		pack(f, (enum tree_compression)c);
		assert_int_equal(tree_compression_of(f->packed.data, f->packed.len), c);
		fd = file_of(&f->packed);
		assert_int_equal(tree_is_archive(fd, &is, &f->e), 0);
		assert_true(is);
		assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
		if (unpack_bytes(f, &f->packed) < 0)
			fail_msg("compression %d: %s", c, f->e.text);
		assert_file(f->dir_fd, "a/b", "hello");
		assert_int_equal(tree_remove(f->dir_fd, "a", &f->e), 0);
	}
}

static bool is_archive(const void *data, size_t len)
{
	struct buf b = { .data = (char *)(uintptr_t)data, .len = len };
	cleanup_fd int fd = file_of(&b);
	bool is = true;
	struct err e;

	assert_int_equal(tree_is_archive(fd, &is, &e), 0);
	return is;
}

static void what_is_no_tar_is_no_archive_whatever_it_is_called(void **state)
{
	struct tree_fixture *f = *state;
	static const char ZEROS[10240];

	assert_false(is_archive("", 0));
	assert_false(is_archive("FROM scratch\n", 13));
	assert_false(is_archive("BZh9 but not really", 19));
	assert_false(is_archive("\x1f\x8b\x08garbage", 10));
	assert_false(is_archive(ZEROS, sizeof(ZEROS)));
	for (int i = 0; i < 50; i++)
		assert_int_equal(buf_add_str(&f->tar, "just text, and more than a tar's block of it"), 0);
	pack(f, TREE_XZ);
	assert_false(is_archive(f->packed.data, f->packed.len));
	pack(f, TREE_GZIP);
	assert_false(is_archive(f->packed.data, f->packed.len));
}

static void modes_owners_times_links_and_attributes_are_those_of_the_archive(void **state)
{
	struct tree_fixture *f = *state;
	char value[16];
	struct stat st, other;

	if (geteuid() != 0)
		skip();
	add(f, (struct tar_item){ .name = "d/", .type = '5', .mode = 01750, .uid = 3, .gid = 4 });
	pax_text(&f->pax, "SCHILY.xattr.user.note", "x");
	tar_pax(&f->tar, &f->pax);
	add(f,
	    (struct tar_item){ .name = "d/f", .type = '0', .mode = 04755, .uid = 1, .gid = 2, .data = "1" });
	add(f, (struct tar_item){ .name = "d/h", .type = '1', .link = "d/f" });
	add(f, (struct tar_item){ .name = "d/s", .type = '2', .uid = 5, .link = "/nowhere" });
	add(f, (struct tar_item){ .name = "d/null", .type = '3', .mode = 0666, .major = 1, .minor = 3 });
	add(f, (struct tar_item){ .name = "d/p", .type = '6', .mode = 0600 });
	unpack_well(f);
	assert_int_equal(fstatat(f->dir_fd, "d", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01750);
	assert_int_equal(st.st_uid, 3);
	assert_int_equal(st.st_mtim.tv_sec, TAR_TIME);
	assert_int_equal(fstatat(f->dir_fd, "d/f", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04755);
	assert_int_equal(st.st_gid, 2);
	assert_int_equal(st.st_mtim.tv_sec, TAR_TIME);
	assert_int_equal(fstatat(f->dir_fd, "d/h", &other, 0), 0);
	assert_int_equal(st.st_ino, other.st_ino);
	assert_int_equal(fstatat(f->dir_fd, "d/s", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(fstatat(f->dir_fd, "d/p", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISFIFO(st.st_mode));
	if (fstatat(f->dir_fd, "d/null", &st, 0) == 0) /* the kernel may refuse us devices */
		assert_int_equal(st.st_rdev, makedev(1, 3));
	assert_int_equal(fchdir(f->dir_fd), 0);
	if (getxattr("d/f", "user.note", value, sizeof(value)) < 0)
		assert_int_equal(errno, EOPNOTSUPP);
	assert_int_equal(chdir("/"), 0);
}

static void owners_and_times_can_be_said(void **state)
{
	struct tree_fixture *f = *state;
	const struct timespec time = { .tv_sec = 42 };
	struct stat st;

	f->how.keep_owner = false;
	f->how.uid = geteuid() == 0 ? 77 : geteuid();
	f->how.gid = geteuid() == 0 ? 78 : getegid();
	f->how.time = &time;
	add(f, (struct tar_item){ .name = "d/", .type = '5', .uid = 3 });
	add(f, (struct tar_item){ .name = "d/f", .type = '0', .uid = 1, .data = "1" });
	unpack_well(f);
	assert_int_equal(fstatat(f->dir_fd, "d/f", &st, 0), 0);
	assert_int_equal(st.st_uid, f->how.uid);
	assert_int_equal(st.st_gid, f->how.gid);
	assert_int_equal(st.st_mtim.tv_sec, 42);
	assert_int_equal(fstatat(f->dir_fd, "d", &st, 0), 0);
	assert_int_equal(st.st_uid, f->how.uid);
	assert_int_equal(st.st_mtim.tv_sec, 42);
}

static void what_is_in_the_way_gives_way_and_directories_merge(void **state)
{
	struct tree_fixture *f = *state;
	struct stat st;

	assert_int_equal(mkdirat(f->dir_fd, "file", 0755), 0);
	assert_int_equal(mkdirat(f->dir_fd, "file/full", 0755), 0);
	assert_int_equal(mkdirat(f->dir_fd, "dir", 0700), 0);
	assert_int_equal(mkdirat(f->dir_fd, "dir/stays", 0700), 0);
	assert_int_equal(symlinkat("dir", f->dir_fd, "link"), 0);
	add(f, (struct tar_item){ .name = "file", .type = '0', .data = "now a file" });
	add(f, (struct tar_item){ .name = "dir/", .type = '5', .mode = 0711 });
	add(f, (struct tar_item){ .name = "link/", .type = '5' });
	unpack_well(f);
	assert_file(f->dir_fd, "file", "now a file");
	assert_int_equal(fstatat(f->dir_fd, "dir/stays", &st, 0), 0);
	assert_int_equal(fstatat(f->dir_fd, "dir", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0711);
	assert_int_equal(fstatat(f->dir_fd, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISDIR(st.st_mode));
}

static void the_directory_itself_stays_as_it_is(void **state)
{
	struct tree_fixture *f = *state;
	struct stat st;

	add(f, (struct tar_item){ .name = "./", .type = '5', .mode = 0700, .uid = 9 });
	add(f, (struct tar_item){ .name = "./a", .type = '0', .data = "1" });
	unpack_well(f);
	assert_int_equal(fstat(f->dir_fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(st.st_uid, geteuid());
	assert_file(f->dir_fd, "a", "1");
}

/* --- hostile archives --------------------------------------------------------------------------------- */

static void a_path_that_climbs_is_refused(void **state)
{
	struct tree_fixture *f = *state;

	add(f, (struct tar_item){ .name = "../witness", .type = '0', .data = "bad" });
	assert_int_equal(unpack(f), -EINVAL);
	assert_string_equal(f->e.text, "'../witness': there is a '..' in the path");
}

static void absolute_names_are_those_of_the_directory(void **state)
{
	struct tree_fixture *f = *state;
	char name[96];

	(void)snprintf(name, sizeof(name), "%s/witness", f->path);
	add(f, (struct tar_item){ .name = name, .type = '0', .data = "bad" });
	unpack_well(f);
	assert_file(f->dir_fd, name + 1, "bad");
}

static void symlinks_lead_nowhere_but_into_the_directory(void **state)
{
	struct tree_fixture *f = *state;

	add(f, (struct tar_item){ .name = "up", .type = '2', .link = ".." });
	add(f, (struct tar_item){ .name = "up/witness", .type = '0', .data = "1" });
	add(f, (struct tar_item){ .name = "top", .type = '2', .link = f->path });
	add(f, (struct tar_item){ .name = "top/witness", .type = '0', .data = "2" });
	unpack_well(f);
	assert_file(f->dir_fd, "witness", "1");
	assert_file(f->dir_fd, "up/dir/witness", "1"); /* for us, who have another root */
}

static void a_file_replaces_a_symlink_and_is_not_written_through_it(void **state)
{
	struct tree_fixture *f = *state;

	add(f, (struct tar_item){ .name = "w", .type = '2', .link = "../witness" });
	add(f, (struct tar_item){ .name = "w", .type = '0', .data = "mine" });
	unpack_well(f);
	assert_file(f->dir_fd, "w", "mine");
}

static void hard_links_do_not_lead_out(void **state)
{
	struct tree_fixture *f = *state;
	char name[96];

	add(f, (struct tar_item){ .name = "a", .type = '1', .link = "../witness" });
	assert_int_equal(unpack(f), -EINVAL);
	assert_string_equal(f->e.text, "'a': there is a '..' in the path");
	buf_clear(&f->tar);
	(void)snprintf(name, sizeof(name), "%s/witness", f->path);
	add(f, (struct tar_item){ .name = "a", .type = '1', .link = name });
	assert_int_equal(unpack(f), -ENOENT);
	buf_clear(&f->tar);
	add(f, (struct tar_item){ .name = "up", .type = '2', .link = "/../../.." });
	add(f, (struct tar_item){ .name = "a", .type = '1', .link = "up/witness" });
	assert_int_equal(unpack(f), -ENOENT);
}

static void names_of_whiteouts_are_refused(void **state)
{
	struct tree_fixture *f = *state;

	add(f, (struct tar_item){ .name = "etc/.wh.passwd", .type = '0', .data = "" });
	assert_int_equal(unpack(f), -EINVAL);
	assert_string_equal(
		f->e.text,
		"'etc/.wh.passwd': the name begins with '.wh.', which has another meaning in layers");
	assert_absent(f->dir_fd, "etc");
}

static void names_that_are_too_long_are_an_error(void **state)
{
	struct tree_fixture *f = *state;
	char name[6000];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	tar_gnu_long(&f->tar, 'L', name);
	add(f, (struct tar_item){ .name = "short", .type = '0', .data = "" });
	assert_int_equal(unpack(f), -ENAMETOOLONG);
	buf_clear(&f->tar);
	name[300] = '\0';
	tar_gnu_long(&f->tar, 'L', name);
	add(f, (struct tar_item){ .name = "short", .type = '0', .data = "" });
	assert_int_equal(unpack(f), -ENAMETOOLONG);
}

static void what_is_over_a_limit_is_an_error(void **state)
{
	struct tree_fixture *f = *state;

	f->how.max_bytes = 10;
	add(f, (struct tar_item){ .name = "a", .type = '0', .data = "12345" });
	add(f, (struct tar_item){ .name = "b", .type = '0', .data = "123456" });
	assert_int_equal(unpack(f), -EFBIG);
	assert_string_equal(f->e.text, "'b': the archive unpacks to more than 10 bytes");
	f->how.max_bytes = 0;
	f->how.max_entries = 1;
	assert_int_equal(unpack_bytes(f, &f->tar), -EFBIG);
	assert_string_equal(f->e.text, "the archive has more than 1 entries");
}

static void a_bomb_is_stopped_while_it_is_inflated(void **state)
{
	struct tree_fixture *f = *state;
	static char zeros[1 << 20];

	add(f, (struct tar_item){ .name = "a", .type = '0', .data = "1" });
	tar_end(&f->tar);
	for (int i = 0; i < 16; i++)
		assert_int_equal(buf_add(&f->tar, zeros, sizeof(zeros)), 0);
	for (int c = TREE_GZIP; c <= TREE_ZSTD; c++) {
		f->how.max_bytes = 1 << 20;
		f->how.max_entries = 10;
		pack(f, (enum tree_compression)c);
		assert_int_equal(unpack_bytes(f, &f->packed), -EFBIG);
		assert_string_equal(f->e.text, "the archive expands to more than 1089536 bytes");
	}
}

static void damaged_archives_are_errors_and_no_hangs(void **state)
{
	struct tree_fixture *f = *state;

	for (int i = 0; i < 2000; i++)
		add(f, (struct tar_item){ .name = "a", .type = '0', .data = "0123456789" });
	tar_end(&f->tar);
	for (int c = TREE_GZIP; c <= TREE_ZSTD; c++) {
		pack(f, (enum tree_compression)c);
		f->packed.len /= 2;
		assert_int_equal(unpack_bytes(f, &f->packed), -EINVAL);
	}
	f->tar.len = 700;
	assert_int_equal(unpack_bytes(f, &f->tar), -EINVAL);
	assert_string_equal(
		f->e.text,
		"'a': cannot read the tar: Truncated input file (needed 502 bytes, only 178 available)");
}

static void waiting_can_be_interrupted(void **state)
{
	struct tree_fixture *f = *state;
	struct tree_unpack_job job = { 0 };
	int in[2], cancel[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	f->how.compression = TREE_GZIP;
	assert_int_equal(tree_unpack_start(in[0], f->dir_fd, &f->how, &job, &f->e), 0);
	assert_int_equal(tree_unpack_wait(&job, cancel[0], &f->e), -EINTR);
	assert_int_equal(job.pid, 0);
	for (int i = 0; i < 2; i++) {
		(void)close(in[i]);
		(void)close(cancel[i]);
	}
}

int main(void)
{
#define TREE_TEST(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)
	const struct CMUnitTest tests[] = {
		TREE_TEST(every_compression_is_unpacked_and_known_by_its_bytes),
		TREE_TEST(what_is_no_tar_is_no_archive_whatever_it_is_called),
		TREE_TEST(modes_owners_times_links_and_attributes_are_those_of_the_archive),
		TREE_TEST(owners_and_times_can_be_said),
		TREE_TEST(what_is_in_the_way_gives_way_and_directories_merge),
		TREE_TEST(the_directory_itself_stays_as_it_is),
		TREE_TEST(a_path_that_climbs_is_refused),
		TREE_TEST(absolute_names_are_those_of_the_directory),
		TREE_TEST(symlinks_lead_nowhere_but_into_the_directory),
		TREE_TEST(a_file_replaces_a_symlink_and_is_not_written_through_it),
		TREE_TEST(hard_links_do_not_lead_out),
		TREE_TEST(names_of_whiteouts_are_refused),
		TREE_TEST(names_that_are_too_long_are_an_error),
		TREE_TEST(what_is_over_a_limit_is_an_error),
		TREE_TEST(a_bomb_is_stopped_while_it_is_inflated),
		TREE_TEST(damaged_archives_are_errors_and_no_hangs),
		TREE_TEST(waiting_can_be_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
