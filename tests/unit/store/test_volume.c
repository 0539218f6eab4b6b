/* SPDX-License-Identifier: Apache-2.0 */
#include "store/volume.h"

#include "store/secret.h"
#include "store/usage.h"
#include "tests/unit/store/fixture.h"

static void make(const struct store *s, const char *name, bool anonymous)
{
	cleanup_volume_record struct volume_record v = { .anonymous = anonymous };
	struct err e = { 0 };
	bool made = false;

	v.name = name ? strdup(name) : NULL;
	if (volume_create(s, &v, &made, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(made);
}

static void make_container(const struct store *s, const char *name, const char *volume, bool anonymous,
			   char id[65])
{
	cleanup_container_record struct container_record c = { .name = strdup(name) };
	struct err e = { 0 };

	assert_int_equal(strvec_add(&c.volumes, volume), 0);
	if (anonymous)
		assert_int_equal(strvec_add(&c.anonymous_volumes, volume), 0);
	if (container_create(s, &c, &e) < 0)
		fail_msg("%s", e.text);
	(void)snprintf(id, 65, "%s", c.id);
}

static void names_are_checked(void **state)
{
	static const char *const GOOD[] = { "ab", "A1", "a_.-", "0data" };
	static const char *const BAD[] = { "", "a", ".x", "-x", "a/b", "a b", "..", "a\n" };
	char too_long[VOLUME_NAME_MAX + 2];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
		assert_int_equal(volume_name_check(GOOD[i], &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(volume_name_check(BAD[i], &e), -EINVAL);
	memset(too_long, 'a', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(volume_name_check(too_long, &e), -EINVAL);
}

static void a_volume_comes_back_as_it_was_made(void **state)
{
	struct fixture *f = *state;
	struct volume_record v = { .name = strdup("data") }, again = { .name = strdup("data") },
			     found = { 0 };
	struct err e = { 0 };
	bool made = false;

	assert_int_equal(strvec_add(&v.labels, "a=1"), 0);
	assert_int_equal(strvec_add(&v.options, "type=tmpfs"), 0);
	assert_int_equal(strvec_add(&v.options, "device=tmpfs"), 0);
	assert_int_equal(volume_create(f->store, &v, &made, &e), 0);
	assert_true(made);
	assert_int_equal(volume_create(f->store, &again, &made, &e), 0);
	assert_false(made);
	assert_string_equal(again.created, v.created);
	assert_int_equal(volume_find(f->store, "data", &found, &e), 0);
	assert_string_equal(strvec_get_env(&found.labels, "a"), "1");
	assert_string_equal(strvec_get_env(&found.options, "type"), "tmpfs");
	assert_int_equal(volume_find(f->store, "../names", &found, &e), -ENOENT);
	assert_string_equal(e.text, "get ../names: no such volume");
	assert_true(exists(f->store, "volumes/data/_data"));
	volume_record_done(&v);
	volume_record_done(&again);
	volume_record_done(&found);
}

static void a_volume_in_use_is_not_removed(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	char id[65], text[256];

	make(f->store, "data", false);
	make_container(f->store, "web", "data", false, id);
	assert_int_equal(volume_remove(f->store, "data", &e), -EBUSY);
	(void)snprintf(text, sizeof(text), "remove data: volume is in use - [%s]", id);
	assert_string_equal(e.text, text);
	assert_int_equal(container_remove_with_volumes(f->store, id, &e), 0);
	assert_true(exists(f->store, "volumes/data"));
	assert_int_equal(volume_remove(f->store, "data", &e), 0);
	assert_false(exists(f->store, "volumes/data"));
	assert_int_equal(volume_remove(f->store, "data", &e), -ENOENT);
}

static void anonymous_volumes_go_with_their_last_container(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	char first[65], second[65];

	make(f->store, "anon", true);
	make_container(f->store, "one", "anon", true, first);
	make_container(f->store, "two", "anon", true, second);
	assert_int_equal(container_remove_with_volumes(f->store, first, &e), 0);
	assert_true(exists(f->store, "volumes/anon"));
	assert_int_equal(container_remove_with_volumes(f->store, second, &e), 0);
	assert_false(exists(f->store, "volumes/anon"));
}

/* /src with a link, twins, modes and a deep directory. */
static int make_source(const struct fixture *f)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/src", f->dir);
	assert_int_equal(mkdir(path, 0751), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0751), 0);
	write_file(fd, "a", "contents");
	assert_int_equal(fchmodat(fd, "a", 02640, 0), 0);
	assert_int_equal(linkat(fd, "a", fd, "b", 0), 0);
	assert_int_equal(symlinkat("../../outside", fd, "link"), 0);
	assert_int_equal(mkdirat(fd, "dir", 0700), 0);
	write_file(fd, "dir/c", "deep");
	assert_int_equal(mkdirat(fd, "zdir", 0500), 0);
	return fd;
}

static void an_empty_volume_is_filled_once(void **state)
{
	struct fixture *f = *state;
	cleanup_fd int src = make_source(f);
	cleanup_fd int data = -1;
	struct stat a, b, link, dir;
	struct err e = { 0 };
	bool needed = false;

	make(f->store, "data", false);
	assert_int_equal(volume_needs_filling(f->store, "data", &needed, &e), 0);
	assert_true(needed);
	if (volume_fill(f->store, "data", src, false, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(volume_open_data(f->store, "data", &data, &e), 0);
	assert_int_equal(fstatat(data, "a", &a, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fstatat(data, "b", &b, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fstatat(data, "link", &link, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fstatat(data, "zdir", &dir, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_size, 8);
	assert_int_equal(a.st_mode & 07777, 02640);
	assert_true(S_ISLNK(link.st_mode));
	assert_int_equal(dir.st_mode & 07777, 0500);
	assert_int_equal(faccessat(data, "dir/c", F_OK, 0), 0);
	assert_int_equal(fstat(data, &dir), 0);
	assert_int_equal(dir.st_mode & 07777, 0751);
	assert_false(exists(f->store, "volumes/data/filling"));
	assert_int_equal(volume_needs_filling(f->store, "data", &needed, &e), 0);
	assert_false(needed);
}

static void what_was_interrupted_begins_anew(void **state)
{
	struct fixture *f = *state;
	cleanup_fd int src = make_source(f);
	struct err e = { 0 };

	make(f->store, "data", false);
	write_file(store_root_fd(f->store), "volumes/data/_data/half", "half");
	write_file(store_root_fd(f->store), "volumes/data/filling", "");
	assert_int_equal(volume_fill(f->store, "data", src, true, &e), 0);
	assert_false(exists(f->store, "volumes/data/_data/half"));
	assert_true(exists(f->store, "volumes/data/_data/dir/c"));
	assert_false(exists(f->store, "volumes/data/filling"));
}

static void a_path_tells_its_volume(void **state)
{
	struct fixture *f = *state;
	const char *rest = NULL;
	char path[256];
	char *name;

	(void)snprintf(path, sizeof(path), "%s/volumes/data/_data/sub/dir", store_root_path(f->store));
	name = volume_of_path(f->store, path, &rest);
	assert_non_null(name);
	assert_string_equal(name, "data");
	assert_string_equal(rest, "/sub/dir");
	free(name);
	(void)snprintf(path, sizeof(path), "%s/volumes/data/_database", store_root_path(f->store));
	assert_null(volume_of_path(f->store, path, &rest));
	assert_null(volume_of_path(f->store, "/etc/volumes/data/_data", &rest));
}

static void usage_counts_volumes(void **state)
{
	struct fixture *f = *state;
	cleanup_usage struct usage u = { 0 };
	struct err e = { 0 };
	char id[65];

	make(f->store, "unused", false);
	make(f->store, "used", false);
	make_container(f->store, "web", "used", false, id);
	assert_int_equal(usage_read(f->store, true, &u, &e), 0);
	assert_int_equal(u.volumes_len, 2);
	assert_string_equal(u.volumes[0].record.name, "unused");
	assert_int_equal(u.volumes[0].containers, 0);
	assert_int_equal(u.volumes[1].containers, 1);
}

static void a_secret_comes_back_and_is_nobody_elses(void **state)
{
	struct fixture *f = *state;
	struct secret_record made = { .name = strdup("word") }, found = { 0 };
	cleanup_secret_buf struct buf data = BUF_INIT(SECRET_DATA_MAX);
	struct err e = { 0 };
	struct stat st;

	assert_int_equal(secret_create(f->store, &made, "a\0b\n", 4, false, &e), 0);
	assert_int_equal(secret_find(f->store, made.id, &found, &data, &e), 0);
	assert_int_equal(data.len, 4);
	assert_memory_equal(data.data, "a\0b\n", 4);
	assert_int_equal(fstatat(store_root_fd(f->store), "secrets/word", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	secret_record_done(&found);
	write_file(store_root_fd(f->store), "secrets/word", "no line");
	assert_int_equal(secret_find(f->store, "word", &found, NULL, &e), -EBADMSG);
	assert_int_equal(secret_remove(f->store, "word", &e), 0);
	assert_int_equal(secret_remove(f->store, "../version", &e), -ENOENT);
	secret_record_done(&made);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_checked),
		TEST(a_volume_comes_back_as_it_was_made),
		TEST(a_volume_in_use_is_not_removed),
		TEST(anonymous_volumes_go_with_their_last_container),
		TEST(an_empty_volume_is_filled_once),
		TEST(what_was_interrupted_begins_anew),
		TEST(a_path_tells_its_volume),
		TEST(usage_counts_volumes),
		TEST(a_secret_comes_back_and_is_nobody_elses),
	};

	return cmocka_run_group_tests_name("store/volume", tests, NULL, NULL);
}
