/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that a layer's archive does not mention. */
#include "tests/unit/pull/unpack_fixture.h"

#include <limits.h>
#include <sys/xattr.h>

static struct strvec lower; /* topmost first */

static int setup(void **state)
{
	lower = (struct strvec){ 0 };
	return fixture_setup(state);
}

static int teardown(void **state)
{
	strvec_done(&lower);
	return fixture_teardown(state);
}

/* Unpacks the tar as a layer below all that were made so far by this. */
static void add_lower(struct fixture *f)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/staging/layer%d/tree", f->dir, f->layers);
	unpack_well(f);
	assert_int_equal(strvec_add(&lower, path), 0);
}

/* Unpacks the tar as the top layer and fixes it. */
static void add_top(struct fixture *f)
{
	char name[64];

	layer_name(f, f->layers, name);
	unpack_well(f);
	assert_true(f->result.has_implied_dirs);
	assert_int_equal(count_entries(f->staging_fd, name), 4);
	if (unpack_fix_implied(f->staging_fd, name, &lower, &f->e) < 0)
		fail_msg("not fixed: %s", f->e.text);
	assert_int_equal(count_entries(f->staging_fd, name), 3);                     /* the list is gone */
	assert_int_equal(unpack_fix_implied(f->staging_fd, name, &lower, &f->e), 0); /* twice is once */
}

static void add_dir(struct fixture *f, const char *name, unsigned int mode, unsigned int uid)
{
	TAR(&f->tar, .name = name, .type = '5', .mode = mode, .uid = uid);
}

static void assert_dir(const struct fixture *f, const char *path, unsigned int mode, unsigned int uid)
{
	struct stat st = look(f, path);

	assert_int_equal(st.st_mode, S_IFDIR | mode);
	assert_int_equal(st.st_uid, uid);
}

static void implied_directories_take_after_the_topmost_that_has_them(void **state)
{
	struct fixture *f = *state;

	add_dir(f, "a/", 02770, 11);
	TAR(&f->tar, .name = "other", .type = '0');
	add_lower(f);
	pax_text(&f->pax, "SCHILY.xattr.user.note", "lower");
	tar_pax(&f->tar, &f->pax);
	add_dir(f, "a/", 0700, 22);
	add_dir(f, "a/b/", 01777, 33);
	add_dir(f, "./", 0555, 44);
	add_lower(f);
	TAR(&f->tar, .name = "a/b/c/file", .type = '0', .data = "x");
	add_top(f);
	assert_dir(f, "a", 02770, 11);
	assert_int_equal(look(f, "a").st_mtim.tv_sec, TAR_TIME);
	assert_dir(f, "a/b", 01777, 33);
	assert_dir(f, "a/b/c", 0755, 0);
	/* The first layer does not say what the root is either, but has one. */
	assert_dir(f, ".", 0755, 0);
	assert_content(f, "a/b/c/file", "x");
}

static void attributes_come_along_but_for_those_of_overlayfs(void **state)
{
	struct fixture *f = *state;
	char value[16];
	int fd;

	pax_text(&f->pax, "SCHILY.xattr.user.note", "lower");
	tar_pax(&f->tar, &f->pax);
	add_dir(f, "a/", 0750, 5);
	TAR(&f->tar, .name = "a/.wh..wh..opq", .type = '0');
	add_lower(f);
	TAR(&f->tar, .name = "a/file", .type = '0');
	add_top(f);
	fd = openat(f->tree_fd, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (has_user_xattrs(f)) {
		assert_int_equal(fgetxattr(fd, "user.note", value, sizeof(value)), 5);
		assert_memory_equal(value, "lower", 5);
	}
	assert_int_equal(fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)), -1);
	(void)close(fd);
	assert_dir(f, "a", 0750, 5);
}

static void what_is_hidden_does_not_count(void **state)
{
	struct fixture *f = *state;

	TAR(&f->tar, .name = ".wh.gone", .type = '0');
	TAR(&f->tar, .name = "opaque/.wh..wh..opq", .type = '0');
	TAR(&f->tar, .name = "file", .type = '0');
	TAR(&f->tar, .name = "link", .type = '2', .link = "target");
	add_lower(f);
	add_dir(f, "gone/", 0700, 1);
	add_dir(f, "opaque/", 0700, 2);
	add_dir(f, "opaque/sub/", 0700, 3);
	add_dir(f, "file/", 0700, 4);
	add_dir(f, "link/", 0700, 5);
	add_dir(f, "target/", 0700, 6);
	add_dir(f, "own/", 0700, 7);
	add_dir(f, "own/sub/", 0700, 8);
	add_lower(f);
	TAR(&f->tar, .name = "gone/x", .type = '0');
	TAR(&f->tar, .name = "opaque/sub/x", .type = '0');
	TAR(&f->tar, .name = "file/x", .type = '0');
	TAR(&f->tar, .name = "link/x", .type = '0');
	TAR(&f->tar, .name = "own/.wh..wh..opq", .type = '0');
	TAR(&f->tar, .name = "own/sub/x", .type = '0');
	add_top(f);
	assert_dir(f, "gone", 0755, 0);
	assert_dir(f, "opaque/sub", 0755, 0);
	assert_dir(f, "file", 0755, 0);
	assert_dir(f, "link", 0755, 0);
	assert_dir(f, "own", 0700, 7);
	assert_dir(f, "own/sub", 0755, 0);
}

static void a_directory_that_is_mentioned_later_is_not_implied(void **state)
{
	struct fixture *f = *state;
	struct buf list = BUF_INIT(4096);

	TAR(&f->tar, .name = "late/file", .type = '0');
	TAR(&f->tar, .name = "late", .type = '5', .mode = 0700);
	TAR(&f->tar, .name = "replaced/file", .type = '0');
	TAR(&f->tar, .name = "replaced", .type = '0');
	TAR(&f->tar, .name = "new\nline/file", .type = '0');
	TAR(&f->tar, .name = "./", .type = '5');
	unpack_well(f);
	assert_true(f->result.has_implied_dirs);
	assert_int_equal(file_read(f->staging_fd, "layer0/implied", &list, &f->e), 0);
	assert_int_equal(list.len, sizeof("new\nline"));
	assert_string_equal(list.data, "new\nline");
	assert_int_equal(look(f, "late").st_mode, S_IFDIR | 0700);
	buf_done(&list);
}

static void a_list_that_lies_reaches_nothing_outside(void **state)
{
	static const struct {
		const char *path;
		const char *message;
	} LIES[] = {
		{ "../../../outside", "the list of implied directories is damaged" },
		{ "d/../../../../outside", "the list of implied directories is damaged" },
		{ "/etc", "the list of implied directories is damaged" },
		{ "link", "cannot open the implied directory 'link': not a directory" },
	};
	struct fixture *f = *state;
	int layer_fd;

	TAR(&f->tar, .name = "link", .type = '2', .link = f->dir);
	TAR(&f->tar, .name = "d/x", .type = '0');
	unpack_well(f);
	layer_fd = openat(f->staging_fd, "layer0", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(LIES); i++) {
		const char *path = LIES[i].path;

		assert_int_equal(file_write_atomic(layer_fd, "implied", path, strlen(path) + 1, 0600, &f->e),
				 0);
		assert_true(unpack_fix_implied(f->staging_fd, "layer0", &lower, &f->e) < 0);
		assert_string_equal(f->e.text, LIES[i].message);
		assert_outside_untouched(f);
	}
	(void)close(layer_fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(implied_directories_take_after_the_topmost_that_has_them),
		T(attributes_come_along_but_for_those_of_overlayfs),
		T(what_is_hidden_does_not_count),
		T(a_directory_that_is_mentioned_later_is_not_implied),
		T(a_list_that_lies_reaches_nothing_outside),
	};

	if (geteuid() != 0)
		return 0; /* owners and trusted attributes need root */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
