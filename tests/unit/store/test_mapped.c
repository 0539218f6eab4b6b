/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mapped.h"

#include "store/layer_sums.h"

#include "tests/unit/store/fixture.h"

static const struct spec_id_mapping UP[] = { { 0, 100, 50 } }, OTHER[] = { { 0, 200, 50 } };

/* "a" of the image's root, and a link of it. */
static int open_image(const struct fixture *f)
{
	char path[128];
	struct err e;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/image", f->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_write_atomic(fd, "a", "text", 4, 04755, &e), 0);
	assert_int_equal(linkat(fd, "a", fd, "b", 0), 0);
	assert_int_equal(symlinkat("a", fd, "c"), 0);
	return fd;
}

static struct strvec layers_of(const char *key)
{
	struct strvec v = { 0 };

	assert_int_equal(strvec_add(&v, key), 0);
	return v;
}

static void stat_copy(const struct store *s, const char *key, const char *name, struct stat *ret)
{
	cleanup_free char *top = mapped_path(s, key);
	char path[256];

	assert_non_null(top);
	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(lstat(path, ret), 0);
}

static void a_copy_has_the_mapped_owners_and_is_found_again(void **state)
{
	struct fixture *f = *state;
	const struct tree_owners up = { UP, UP, 1, 1 }, other = { UP, OTHER, 1, 1 };
	cleanup_strvec struct strvec layers = layers_of("1"), more = layers_of("2");
	char key[MAPPED_KEY_LEN + 1], found[MAPPED_KEY_LEN + 1];
	struct err e = { 0 };
	struct stat a, b;
	int fd;

	if (geteuid() != 0)
		skip();
	fd = open_image(f);
	assert_int_equal(mapped_find(f->store, &layers, &up, found, &e), -ENOENT);
	if (mapped_make(f->store, &layers, &up, fd, key, &e) < 0)
		fail_msg("%s", e.text);
	stat_copy(f->store, key, "a", &a);
	stat_copy(f->store, key, "b", &b);
	assert_true(a.st_uid == 100 && a.st_gid == 100 && a.st_ino == b.st_ino &&
		    (a.st_mode & 07777) == 04755);
	stat_copy(f->store, key, "c", &a);
	assert_true(S_ISLNK(a.st_mode) && a.st_uid == 100);
	assert_int_equal(mapped_find(f->store, &layers, &up, found, &e), 0);
	assert_string_equal(found, key);
	assert_int_equal(mapped_find(f->store, &layers, &other, found, &e), -ENOENT);
	assert_int_equal(mapped_find(f->store, &more, &up, found, &e), -ENOENT);
	(void)close(fd);
}

static int count_damage(void *arg, const char *path, const char *problem)
{
	int *count = arg;

	assert_true(strcmp(path, "a") == 0 || strcmp(path, "b") == 0);
	assert_string_equal(problem, "altered");
	++*count;
	return 0;
}

static void a_copy_has_checksums(void **state)
{
	struct fixture *f = *state;
	const struct tree_owners up = { UP, UP, 1, 1 };
	cleanup_strvec struct strvec layers = layers_of("1");
	cleanup_free char *tree = NULL;
	char key[MAPPED_KEY_LEN + 1], path[256];
	struct layer_sums_count count;
	cleanup_fd int fd = -1, dir_fd = -1, file_fd = -1;
	struct err e = { 0 };
	int found = 0;

	if (geteuid() != 0)
		skip();
	fd = open_image(f);
	assert_int_equal(mapped_make(f->store, &layers, &up, fd, key, &e), 0);
	tree = mapped_path(f->store, key);
	assert_non_null(tree);
	(void)snprintf(path, sizeof(path), "%s/..", tree);
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(layer_sums_check(dir_fd, count_damage, &found, &count, &e), 0);
	assert_int_equal(found, 0);
	file_fd = openat(dir_fd, "tree/a", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(file_fd, "TEXT", 4, 0), 4);
	assert_int_equal(fchmod(file_fd, 04755), 0);
	assert_int_equal(layer_sums_check(dir_fd, count_damage, &found, &count, &e), 0);
	assert_int_equal(found, 2); /* one file, two names */
}

static void a_file_of_nobody_is_named_and_nothing_is_left(void **state)
{
	struct fixture *f = *state;
	const struct tree_owners up = { UP, UP, 1, 1 };
	cleanup_strvec struct strvec layers = layers_of("1");
	char key[MAPPED_KEY_LEN + 1];
	struct err e = { 0 };
	int fd;

	if (geteuid() != 0)
		skip();
	fd = open_image(f);
	assert_int_equal(fchownat(fd, "c", 50, 7, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(mapped_make(f->store, &layers, &up, fd, key, &e), -EOVERFLOW);
	assert_non_null(
		strstr(e.text, "'/c' belongs to 50:7, who is nobody in the container's user namespace"));
	assert_int_equal(mapped_find(f->store, &layers, &up, key, &e), -ENOENT);
	(void)close(fd);
}

static void a_copy_goes_with_the_last_container_that_has_it(void **state)
{
	struct fixture *f = *state;
	const struct tree_owners up = { UP, UP, 1, 1 };
	cleanup_container_record struct container_record c = { .layers = layers_of("1"),
							       .name = strdup("box") };
	struct err e = { 0 };
	char key[MAPPED_KEY_LEN + 1], digits[65];
	uint64_t freed;
	int fd;

	if (geteuid() != 0)
		skip();
	fd = open_image(f);
	add_layer(f->store, '1');
	strvec_done(&c.layers);
	c.layers = layers_of(key_of('1', digits));
	assert_int_equal(mapped_make(f->store, &c.layers, &up, fd, key, &e), 0);
	(void)close(fd);
	c.mapped = strdup(key);
	if (container_create(f->store, &c, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(store_gc(f->store, true, &freed, &e), 0);
	assert_true(mapped_exists(f->store, key));
	assert_int_equal(container_remove(f->store, c.id, &e), 0);
	assert_int_equal(store_gc(f->store, true, &freed, &e), 0);
	assert_false(mapped_exists(f->store, key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_copy_has_the_mapped_owners_and_is_found_again,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_copy_has_checksums, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_file_of_nobody_is_named_and_nothing_is_left, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_copy_goes_with_the_last_container_that_has_it,
						fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
