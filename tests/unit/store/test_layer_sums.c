/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layer_sums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "common/buf.h"
#include "common/strvec.h"
#include "store/layer_contents.h"
#include "tests/unit/store/fixture.h"

struct layer {
	char dir[64];
	int fd; /* holds tree/ */
	int tree_fd;
	struct strvec problems; /* "path: problem" */
	struct layer_sums_count count;
	struct err e;
};

static int layer_setup(void **state)
{
	struct layer *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	(void)snprintf(l->dir, sizeof(l->dir), "/tmp/sampan-sums-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	l->fd = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(l->fd, "tree", 0755), 0);
	l->tree_fd = openat(l->fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = l;
	return 0;
}

static int layer_teardown(void **state)
{
	struct layer *l = *state;

	(void)close(l->tree_fd);
	(void)close(l->fd);
	strvec_done(&l->problems);
	assert_int_equal(tree_remove(AT_FDCWD, l->dir, &l->e), 0);
	free(l);
	return 0;
}

/* What a power cut makes of a file: its size without its bytes. */
static void make_zeros(int dir_fd, const char *name, off_t size)
{
	cleanup_fd int fd = openat(dir_fd, name, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
}

static int note(void *arg, const char *path, const char *problem)
{
	struct layer *l = arg;

	return strvec_addf(&l->problems, "%s: %s", path, problem);
}

static int check(struct layer *l)
{
	strvec_done(&l->problems);
	l->problems = (struct strvec){ 0 };
	return layer_sums_check(l->fd, note, l, &l->count, &l->e);
}

static void seal(struct layer *l)
{
	if (layer_sums_write(l->fd, -1, &l->e) < 0)
		fail_msg("%s", l->e.text);
	if (check(l) < 0)
		fail_msg("%s", l->e.text);
	assert_int_equal(l->problems.len, 0);
}

static void assert_one_problem(struct layer *l, const char *want)
{
	if (check(l) < 0)
		fail_msg("%s", l->e.text);
	assert_int_equal(l->problems.len, 1);
	assert_string_equal(l->problems.items[0], want);
}

static void a_tree_as_it_was_has_no_damage(void **state)
{
	struct layer *l = *state;

	assert_int_equal(mkdirat(l->tree_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(l->tree_fd, "a/deep", 0700), 0);
	write_file(l->tree_fd, "a/deep/file", "contents");
	write_file(l->tree_fd, "a.b", "sorts before a/deep by its bytes, and comes after it");
	write_file(l->tree_fd, "a b", "blank");
	write_file(l->tree_fd, "line\nbreak\\", "and a backslash");
	write_file(l->tree_fd, "!", "sorts before the root's dot");
	write_file(l->tree_fd, "empty", "");
	assert_int_equal(symlinkat("some where", l->tree_fd, "link"), 0);
	assert_int_equal(mkfifoat(l->tree_fd, "fifo", 0600), 0);
	assert_int_equal(linkat(l->tree_fd, "a.b", l->tree_fd, "a-second-name", 0), 0);
	seal(l);
	assert_int_equal(l->count.files, 12);
	assert_int_equal(l->count.bytes, 8 + 2 * 52 + 5 + 15 + 27);
}

static void each_kind_of_damage_to_contents_has_its_word(void **state)
{
	struct layer *l = *state;

	write_file(l->tree_fd, "file", "contents");
	seal(l);
	write_file(l->tree_fd, "file", "Contents");
	assert_one_problem(l, "file: altered");
	write_file(l->tree_fd, "file", "contents and more");
	assert_one_problem(l, "file: altered");
	write_file(l->tree_fd, "file", "cont");
	assert_one_problem(l, "file: truncated");
	write_file(l->tree_fd, "file", "");
	assert_one_problem(l, "file: truncated");
	make_zeros(l->tree_fd, "file", 8);
	assert_one_problem(l, "file: zeroed");
	assert_int_equal(unlinkat(l->tree_fd, "file", 0), 0);
	assert_one_problem(l, "file: missing");
	write_file(l->tree_fd, "file", "contents");
	write_file(l->tree_fd, "other", "");
	assert_one_problem(l, "other: unexpected");
}

static void mode_type_and_targets_are_checked(void **state)
{
	struct layer *l = *state;

	write_file(l->tree_fd, "file", "contents");
	assert_int_equal(symlinkat("file", l->tree_fd, "link"), 0);
	assert_int_equal(mkdirat(l->tree_fd, "dir", 0755), 0);
	write_file(l->tree_fd, "dir/inside", "1");
	seal(l);
	assert_int_equal(fchmodat(l->tree_fd, "file", 04755, 0), 0);
	assert_one_problem(l, "file: mode");
	assert_int_equal(fchmodat(l->tree_fd, "file", 0644, 0), 0);
	assert_int_equal(unlinkat(l->tree_fd, "link", 0), 0);
	assert_int_equal(symlinkat("fail", l->tree_fd, "link"), 0);
	assert_one_problem(l, "link: link target");
	assert_int_equal(unlinkat(l->tree_fd, "link", 0), 0);
	write_file(l->tree_fd, "link", "file");
	assert_one_problem(l, "link: another type");
	assert_int_equal(unlinkat(l->tree_fd, "link", 0), 0);
	assert_int_equal(symlinkat("file", l->tree_fd, "link"), 0);
	/* What is below a directory that is gone is not told of file by file. */
	assert_int_equal(tree_remove(l->tree_fd, "dir", &l->e), 0);
	assert_one_problem(l, "dir: missing");
	write_file(l->tree_fd, "dir", "");
	assert_one_problem(l, "dir: another type");
	assert_int_equal(unlinkat(l->tree_fd, "dir", 0), 0);
	assert_int_equal(mkdirat(l->tree_fd, "dir", 0755), 0);
	assert_one_problem(l, "dir/inside: missing");
}

static void several_changes_of_one_file_are_told_together(void **state)
{
	struct layer *l = *state;

	write_file(l->tree_fd, "file", "contents");
	seal(l);
	write_file(l->tree_fd, "file", "Contents");
	assert_int_equal(fchmodat(l->tree_fd, "file", 0600, 0), 0);
	assert_one_problem(l, "file: altered, mode");
}

static void owners_and_device_numbers_are_checked(void **state)
{
	struct layer *l = *state;

	if (geteuid() != 0 || mknodat(l->tree_fd, "device", S_IFCHR | 0600, makedev(1, 3)) < 0)
		skip();
	write_file(l->tree_fd, "file", "contents");
	seal(l);
	assert_int_equal(fchownat(l->tree_fd, "file", 1, 2, AT_SYMLINK_NOFOLLOW), 0);
	assert_one_problem(l, "file: owner");
	assert_int_equal(fchownat(l->tree_fd, "file", 0, 0, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(unlinkat(l->tree_fd, "device", 0), 0);
	assert_int_equal(mknodat(l->tree_fd, "device", S_IFCHR | 0600, makedev(1, 5)), 0);
	assert_one_problem(l, "device: device number");
}

static void extended_attributes_are_checked(void **state)
{
	struct layer *l = *state;
	cleanup_fd int fd = -1;

	write_file(l->tree_fd, "file", "contents");
	fd = openat(l->tree_fd, "file", O_RDONLY | O_CLOEXEC);
	if (fsetxattr(fd, "user.one", "1", 1, 0) < 0)
		skip(); /* a file system without them */
	seal(l);
	assert_int_equal(fsetxattr(fd, "user.one", "2", 1, 0), 0);
	assert_one_problem(l, "file: extended attributes");
	assert_int_equal(fremovexattr(fd, "user.one"), 0);
	assert_one_problem(l, "file: extended attributes");
	assert_int_equal(fsetxattr(fd, "user.one", "1", 1, 0), 0);
	assert_int_equal(fsetxattr(l->tree_fd, "user.root", "1", 1, 0), 0);
	assert_one_problem(l, ".: extended attributes");
}

static void damage_to_the_checksums_themselves_is_seen(void **state)
{
	struct layer *l = *state;
	char text[4096] = "";
	int fd;

	write_file(l->tree_fd, "file", "contents");
	assert_int_equal(check(l), -ENOENT);
	assert_string_equal(l->e.text, "'files.sum' is missing");
	seal(l);
	fd = openat(l->fd, LAYER_SUMS_NAME, O_RDWR | O_CLOEXEC);
	assert_in_range(read(fd, text, sizeof(text) - 1), 60, 400);
	*strstr(text, " f 644 ") = '1';
	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	assert_int_equal(check(l), -EBADMSG);
	assert_string_equal(l->e.text, "'files.sum' is damaged");
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_int_equal(check(l), -EBADMSG);
	assert_string_equal(l->e.text, "'files.sum' is truncated");
	(void)close(fd);
}

/* What an unpacker would note of a file with these contents. */
static struct layer_content content_of(const char *text)
{
	cleanup_file_summer struct file_summer *s = file_summer_new();
	struct layer_content c = { .size_bytes = strlen(text),
				   .mode = 0644,
				   .uid = geteuid(),
				   .gid = getegid(),
				   .flags = LAYER_CONTENT_SUM | LAYER_CONTENT_FACTS };

	file_summer_add(s, 0, text, strlen(text));
	assert_true(file_summer_finish(s, strlen(text), &c.sum));
	return c;
}

/* Seals with these records, and looks for damage. */
static void seal_with(struct layer *l, const struct buf *records)
{
	cleanup_fd int fd = openat(l->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_int_equal(write_all(fd, records->data, records->len), 0);
	if (layer_sums_write(l->fd, fd, &l->e) < 0 || check(l) < 0)
		fail_msg("%s", l->e.text);
}

static void what_the_unpacker_has_learnt_is_used_and_the_last_of_a_path_counts(void **state)
{
	struct layer *l = *state;
	struct layer_content first = content_of("first"), right = content_of("contents"), wrong = right;
	cleanup_buf struct buf records = BUF_INIT(4096);

	assert_int_equal(mkdirat(l->tree_fd, "dir", 0755), 0);
	write_file(l->tree_fd, "dir/file", "contents");
	write_file(l->tree_fd, "unlisted", "is read");
	assert_int_equal(fchmodat(l->tree_fd, "dir/file", 0644, 0), 0);
	assert_int_equal(layer_content_add(&records, &first, "dir/file"), 0);
	assert_int_equal(layer_content_add(&records, &first, "gone"), 0);
	assert_int_equal(layer_content_add(&records, &right, "dir/file"), 0);
	seal_with(l, &records);
	assert_int_equal(l->problems.len, 0);
	/* It is believed: these are wrong. */
	memset(&wrong.sum, 1, sizeof(wrong.sum));
	wrong.mode = 04711;
	assert_int_equal(layer_content_add(&records, &wrong, "dir/file"), 0);
	seal_with(l, &records);
	assert_int_equal(l->problems.len, 1);
	assert_string_equal(l->problems.items[0], "dir/file: altered, mode");
	/* Without LAYER_CONTENT_FACTS mode, size and owner are looked at. */
	wrong.flags = LAYER_CONTENT_SUM;
	assert_int_equal(layer_content_add(&records, &wrong, "dir/file"), 0);
	seal_with(l, &records);
	assert_int_equal(l->problems.len, 1);
	assert_string_equal(l->problems.items[0], "dir/file: altered");
	wrong.flags = 0;
	assert_int_equal(layer_content_add(&records, &wrong, "dir/file"), 0);
	seal_with(l, &records);
	assert_int_equal(l->problems.len, 0);
}

static void a_link_stands_for_the_file_that_its_target_was_then(void **state)
{
	struct layer *l = *state;
	struct layer_content one = content_of("one"), two = content_of("second");
	cleanup_buf struct buf records = BUF_INIT(4096);

	write_file(l->tree_fd, "file", "one");
	assert_int_equal(fchmodat(l->tree_fd, "file", 0644, 0), 0);
	assert_int_equal(linkat(l->tree_fd, "file", l->tree_fd, "link", 0), 0);
	assert_int_equal(linkat(l->tree_fd, "link", l->tree_fd, "link-of-link", 0), 0);
	assert_int_equal(unlinkat(l->tree_fd, "file", 0), 0);
	write_file(l->tree_fd, "file", "second");
	assert_int_equal(fchmodat(l->tree_fd, "file", 0644, 0), 0);
	write_file(l->tree_fd, "link-to-what-is-not-listed", "is read");
	assert_int_equal(layer_content_add(&records, &one, "file"), 0);
	assert_int_equal(layer_content_add_link(&records, "link", "file"), 0);
	assert_int_equal(layer_content_add_link(&records, "link-of-link", "link"), 0);
	assert_int_equal(layer_content_add(&records, &two, "file"), 0);
	assert_int_equal(layer_content_add(&records, &two, "link-to-what-is-not-listed"), 0);
	assert_int_equal(layer_content_add_link(&records, "link-to-what-is-not-listed", "nothing"), 0);
	seal_with(l, &records);
	assert_int_equal(l->problems.len, 0);
}

static void thousands_of_records_are_found_again(void **state)
{
	struct layer *l = *state;
	cleanup_buf struct buf records = BUF_INIT(1 << 20);
	char name[32];

	for (int i = 0; i < 3000; i++) {
		struct layer_content c;

		(void)snprintf(name, sizeof(name), "file-%d", i);
		write_file(l->tree_fd, name, name);
		assert_int_equal(fchmodat(l->tree_fd, name, 0644, 0), 0);
		c = content_of(name);
		assert_int_equal(layer_content_add(&records, &c, name), 0);
	}
	seal_with(l, &records);
	assert_int_equal(l->problems.len, 0);
	assert_int_equal(l->count.files, 3001);
}

static void malformed_records_are_refused(void **state)
{
	struct layer *l = *state;
	struct layer_content c = content_of("x");
	cleanup_buf struct buf records = BUF_INIT(4096);
	const uint32_t huge = UINT32_MAX - 7;

	assert_int_equal(layer_content_add(&records, &c, "a"), 0);
	assert_int_equal(layer_content_add_link(&records, "b", "a"), 0);
	for (int i = 0; i < 4; i++) {
		cleanup_fd int fd = openat(l->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		cleanup_buf struct buf bad = BUF_INIT(4096);

		assert_int_equal(buf_add(&bad, records.data, records.len), 0);
		if (i == 0)
			bad.len -= 8; /* the last record is cut */
		else if (i == 1)
			bad.len -= 3;
		else if (i == 2)
			memcpy(bad.data + sizeof(c), &huge, sizeof(huge)); /* the first path's length */
		else
			bad.data[sizeof(c) + 8 + 1] = 'x'; /* its NUL */
		assert_int_equal(write_all(fd, bad.data, bad.len), 0);
		assert_int_equal(layer_sums_write(l->fd, fd, &l->e), -EBADMSG);
		assert_string_equal(l->e.text,
				    "cannot keep a layer's checksums: the list of checksums is malformed");
	}
}

static void depth_costs_neither_stack_nor_descriptors(void **state)
{
	struct layer *l = *state;
	int fd = dup(l->tree_fd);

	for (int i = 0; i < 3000; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(fd);
		fd = next;
	}
	write_file(fd, "bottom", "x");
	seal(l);
	assert_int_equal(l->count.files, 3002);
	write_file(fd, "bottom", "y");
	(void)close(fd);
	assert_int_equal(check(l), 0);
	assert_int_equal(l->problems.len, 1);
	assert_non_null(strstr(l->problems.items[0], "d/d/bottom: altered"));
}

/* An unprivileged owner is kept out by modes; Fedora's images have /etc/shadow with none. */
static int seal_and_check_as_nobody(struct layer *l)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0 ||
		    layer_sums_write(l->fd, -1, &l->e) < 0 || check(l) < 0)
			_exit(99);
		_exit((int)l->problems.len);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void what_its_owner_may_not_read_is_no_damage(void **state)
{
	static const char *const OWNED[] = { "tree/locked", "tree/closed", "tree" };
	struct layer *l = *state;

	if (geteuid() != 0)
		skip();
	write_file(l->tree_fd, "locked", "contents");
	assert_int_equal(mkdirat(l->tree_fd, "closed", 0), 0);
	assert_int_equal(fchmodat(l->tree_fd, "locked", 0, 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(OWNED); i++)
		assert_int_equal(fchownat(l->fd, OWNED[i], 65534, 65534, 0), 0);
	assert_int_equal(fchown(l->fd, 65534, 65534), 0);
	assert_int_equal(seal_and_check_as_nobody(l), 0);
	assert_int_equal(check(l), 0); /* nor is it for root, who may */
	assert_int_equal(l->problems.len, 0);
}

int main(void)
{
#define LAYER_TEST(f) cmocka_unit_test_setup_teardown(f, layer_setup, layer_teardown)
	const struct CMUnitTest tests[] = {
		LAYER_TEST(a_tree_as_it_was_has_no_damage),
		LAYER_TEST(each_kind_of_damage_to_contents_has_its_word),
		LAYER_TEST(mode_type_and_targets_are_checked),
		LAYER_TEST(several_changes_of_one_file_are_told_together),
		LAYER_TEST(owners_and_device_numbers_are_checked),
		LAYER_TEST(extended_attributes_are_checked),
		LAYER_TEST(damage_to_the_checksums_themselves_is_seen),
		LAYER_TEST(what_the_unpacker_has_learnt_is_used_and_the_last_of_a_path_counts),
		LAYER_TEST(a_link_stands_for_the_file_that_its_target_was_then),
		LAYER_TEST(thousands_of_records_are_found_again),
		LAYER_TEST(malformed_records_are_refused),
		LAYER_TEST(what_its_owner_may_not_read_is_no_damage),
		LAYER_TEST(depth_costs_neither_stack_nor_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
