/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cache_mount.h"

#include "tests/unit/store/fixture.h"

#include <sys/wait.h>

#define NOW INT64_C(2000000000)

static struct cache_mount_request request(const char *id, char digit, enum cache_mount_sharing sharing)
{
	return (struct cache_mount_request){ .id = id,
					     .id_digest = digest_of(digit),
					     .sharing = sharing,
					     .no_wait = true,
					     .mode = 01750,
					     .uid = getuid(),
					     .gid = getgid(),
					     .now_s = NOW };
}

static int open_mount(const struct fixture *f, const char *id, char digit, enum cache_mount_sharing sharing,
		      struct cache_mount *ret)
{
	const struct cache_mount_request q = request(id, digit, sharing);
	struct err e = { 0 };
	int r;

	*ret = CACHE_MOUNT_EMPTY;
	r = cache_mount_open(f->store, &q, ret, &e);
	if (r < 0 && r != -EWOULDBLOCK)
		fail_msg("%s", e.text);
	return r;
}

static void assert_refused(const struct fixture *f, const struct cache_mount_request *q, int code,
			   const char *text)
{
	struct cache_mount m;
	struct err e;

	assert_int_equal(cache_mount_open(f->store, q, &m, &e), code);
	assert_string_equal(e.text, text);
}

static void one_is_made_with_the_mode_that_is_asked_for_and_found_again(void **state)
{
	struct fixture *f = *state;
	struct cache_mount m;
	cleanup_free char *path = NULL;
	char expected[256];
	struct stat st;
	char key[65];

	assert_int_equal(open_mount(f, "../../etc", 'a', CACHE_MOUNT_SHARED, &m), 0);
	assert_true(m.made);
	assert_string_equal(m.name, key_of('a', key));
	assert_int_equal(fstat(m.data_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01750);
	write_file(m.data_fd, "kept", "contents");
	path = cache_mount_data_path(f->store, m.name);
	(void)snprintf(expected, sizeof(expected), "%s/cache-mounts/%s/data", f->root, key);
	assert_string_equal(path, expected);
	assert_int_equal(fchmod(m.data_fd, 0700), 0);
	cache_mount_done(&m);

	assert_int_equal(open_mount(f, "../../etc", 'a', CACHE_MOUNT_LOCKED, &m), 0);
	assert_false(m.made);
	assert_int_equal(faccessat(m.data_fd, "kept", F_OK, 0), 0);
	assert_int_equal(fstat(m.data_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	cache_mount_done(&m);
}

static void shared_ones_exclude_locked_ones_and_not_each_other(void **state)
{
	struct fixture *f = *state;
	struct cache_mount a, b;

	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_SHARED, &a), 0);
	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_SHARED, &b), 0);
	cache_mount_done(&b);
	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_LOCKED, &b), -EWOULDBLOCK);
	cache_mount_done(&a);
	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_LOCKED, &a), 0);
	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_SHARED, &b), -EWOULDBLOCK);
	assert_int_equal(open_mount(f, "y", 'b', CACHE_MOUNT_LOCKED, &b), 0);
	cache_mount_done(&b);
	cache_mount_done(&a);
}

static void a_locked_one_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct cache_mount m;
	int status;
	pid_t pid;

	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_LOCKED, &m), 0);
	pid = fork();
	if (pid == 0) {
		struct cache_mount_request q = request("x", 'a', CACHE_MOUNT_LOCKED);
		struct cache_mount mine;
		struct err e;

		(void)close(m.lock_fd); /* else the child would wait for itself */
		q.no_wait = false;
		_exit(cache_mount_open(f->store, &q, &mine, &e) == 0 &&
				      faccessat(mine.data_fd, "done", F_OK, 0) == 0
			      ? 0
			      : 1);
	}
	(void)usleep(50000);
	write_file(m.data_fd, "done", "");
	cache_mount_done(&m);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void private_ones_take_the_first_that_is_free(void **state)
{
	struct fixture *f = *state;
	struct cache_mount a, b, c;
	char expected[80], key[65];

	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_PRIVATE, &a), 0);
	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_PRIVATE, &b), 0);
	assert_string_equal(a.name, key_of('a', key));
	(void)snprintf(expected, sizeof(expected), "%s.1", key);
	assert_string_equal(b.name, expected);
	cache_mount_done(&a);
	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_PRIVATE, &c), 0);
	assert_string_equal(c.name, key);
	assert_false(c.made);
	cache_mount_done(&b);
	cache_mount_done(&c);
}

static void of_one_id_not_more_than_so_many_are_private_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct cache_mount all[CACHE_MOUNT_SLOTS_MAX];
	struct cache_mount_request q = request("x", 'a', CACHE_MOUNT_PRIVATE);
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_PRIVATE, &all[i]), 0);
	assert_refused(f, &q, -EBUSY, "all 64 directories of the cache mount 'x' are in use");
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		char name[CACHE_MOUNT_NAME_LEN + 1];

		memcpy(name, all[i].name, sizeof(name));
		assert_int_equal(cache_mount_remove(f->store, name, &e), -EBUSY);
		cache_mount_done(&all[i]);
		assert_int_equal(cache_mount_remove(f->store, name, &e), 0);
	}
}

static void an_id_has_bounds_and_a_digest(void **state)
{
	struct fixture *f = *state;
	char id[CACHE_MOUNT_ID_MAX + 2];
	struct cache_mount_request q = request("", 'a', CACHE_MOUNT_SHARED);
	struct cache_mount m;

	assert_refused(f, &q, -EINVAL, "the id of a cache mount has 1 to 4096 bytes");
	memset(id, 'x', sizeof(id));
	id[CACHE_MOUNT_ID_MAX + 1] = '\0';
	q.id = id;
	assert_refused(f, &q, -EINVAL, "the id of a cache mount has 1 to 4096 bytes");
	id[CACHE_MOUNT_ID_MAX] = '\0';
	q.id_digest.text[0] = '\0';
	assert_refused(f, &q, -EINVAL, "a cache mount is found by the SHA-256 of its id");
	assert_int_equal(open_mount(f, id, 'a', CACHE_MOUNT_SHARED, &m), 0);
	cache_mount_done(&m);
}

static void lists_tell_what_was_used_when_and_what_is_in_use(void **state)
{
	struct fixture *f = *state;
	struct cache_mount_request q = request("old", 'b', CACHE_MOUNT_SHARED);
	struct cache_mount_info *items;
	struct cache_mount a, b;
	struct err e;
	size_t len;

	assert_int_equal(cache_mount_list(f->store, true, &items, &len, &e), 0);
	assert_int_equal(len, 0);
	cache_mount_list_free(items, len);
	assert_int_equal(open_mount(f, "new", 'a', CACHE_MOUNT_SHARED, &a), 0);
	q.now_s = NOW - 7200;
	assert_int_equal(cache_mount_open(f->store, &q, &b, &e), 0);
	write_file(b.data_fd, "file", "contents");
	cache_mount_done(&b);
	assert_int_equal(mkdirat(store_root_fd(f->store), "cache-mounts/stray", 0700), 0);
	assert_int_equal(cache_mount_list(f->store, true, &items, &len, &e), 0);
	assert_int_equal(len, 2);
	assert_string_equal(items[0].id, "old");
	assert_int_equal(items[0].used_s, NOW - 7200);
	assert_true(items[0].size_bytes > 0 && !items[0].in_use && items[1].in_use);
	assert_string_equal(items[1].id, "new");
	cache_mount_list_free(items, len);
	cache_mount_done(&a);

	assert_int_equal(open_mount(f, "old", 'b', CACHE_MOUNT_SHARED, &b), 0); /* that is a use */
	cache_mount_done(&b);
	assert_int_equal(cache_mount_list(f->store, false, &items, &len, &e), 0);
	assert_int_equal(items[0].used_s, NOW);
	assert_int_equal(items[1].used_s, NOW);
	cache_mount_list_free(items, len);
}

static void what_is_removed_is_gone_and_no_name_leads_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct cache_mount m;
	uint64_t freed;
	struct err e;
	char key[65];

	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_SHARED, &m), 0);
	cache_mount_done(&m);
	assert_int_equal(store_gc(f->store, true, &freed, &e), 0); /* leaves them alone */
	assert_int_equal(cache_mount_remove(f->store, "../layers", &e), 0);
	assert_true(exists(f->store, "layers"));
	assert_int_equal(cache_mount_remove(f->store, key_of('a', key), &e), 0);
	assert_int_equal(cache_mount_remove(f->store, key, &e), 0);
	assert_int_equal(open_mount(f, "x", 'a', CACHE_MOUNT_SHARED, &m), 0);
	assert_true(m.made);
	cache_mount_done(&m);
}

static void what_a_removal_was_interrupted_at_goes_with_a_collection(void **state)
{
	struct fixture *f = *state;
	uint64_t freed;
	struct err e;

	assert_int_equal(mkdirat(store_root_fd(f->store), "cache-mounts", 0700), 0);
	assert_int_equal(mkdirat(store_root_fd(f->store), "cache-mounts/.gone.x", 0700), 0);
	assert_int_equal(store_gc(f->store, true, &freed, &e), 0);
	assert_false(exists(f->store, "cache-mounts/.gone.x"));
}

/* Processes that open and remove one at the same time: whoever has one has it to himself. */
static void opening_and_removing_do_not_disturb_each_other(void **state)
{
	enum { PROCESSES = 4, ROUNDS = 100 };
	struct fixture *f = *state;
	int status;

	for (int i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		for (int n = 0; n < ROUNDS; n++) {
			struct cache_mount_request q = request("x", 'a', CACHE_MOUNT_LOCKED);
			struct cache_mount m;
			struct err e;
			char key[65];
			int r;

			q.no_wait = false;
			r = cache_mount_open(f->store, &q, &m, &e);
			if (r == -EBUSY)
				continue; /* others were faster, often */
			if (r < 0 || mkdirat(m.data_fd, "alone", 0700) < 0 ||
			    unlinkat(m.data_fd, "alone", AT_REMOVEDIR) < 0)
				_exit(1);
			cache_mount_done(&m);
			r = cache_mount_remove(f->store, key_of('a', key), &e);
			if (r < 0 && r != -EBUSY)
				_exit(2);
		}
		_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_is_made_with_the_mode_that_is_asked_for_and_found_again),
		TEST(shared_ones_exclude_locked_ones_and_not_each_other),
		TEST(a_locked_one_is_waited_for),
		TEST(private_ones_take_the_first_that_is_free),
		TEST(of_one_id_not_more_than_so_many_are_private_at_a_time),
		TEST(an_id_has_bounds_and_a_digest),
		TEST(lists_tell_what_was_used_when_and_what_is_in_use),
		TEST(what_is_removed_is_gone_and_no_name_leads_elsewhere),
		TEST(what_a_removal_was_interrupted_at_goes_with_a_collection),
		TEST(opening_and_removing_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
