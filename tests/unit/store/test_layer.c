/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/store/fixture.h"

static void a_committed_layer_is_whole_and_staging_is_empty(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *path = NULL;
	struct layer_meta meta = {
		.diff_id = digest_of('1'), .blob = digest_of('2'), .blob_size = 123, .unpacked_size = 456
	};
	struct layer_meta read = { 0 };
	struct staging st;
	char key[65], type[] = "application/x", file[256];
	struct err e;

	meta.media_type = type;
	assert_int_equal(staging_begin(f->store, &st, &e), 0);
	assert_int_equal(mkdirat(st.fd, "l", 0700), 0);
	assert_int_equal(mkdirat(st.fd, "l/tree", 0755), 0);
	write_file(st.fd, "l/tree/hello", "x");
	assert_false(layer_exists(f->store, key_of('a', key)));
	assert_int_equal(store_sync(f->store, &e), 0);
	assert_int_equal(layer_commit(f->store, &st, "l", key, &meta, &e), 0);
	staging_end(f->store, &st);
	assert_int_equal(st.fd, -1);
	staging_end(f->store, &st); /* once more does no harm */

	assert_true(layer_exists(f->store, key));
	path = layer_tree_path(f->store, key);
	(void)snprintf(file, sizeof(file), "%s/hello", path);
	assert_int_equal(access(file, F_OK), 0);
	assert_int_equal(unlinkat(store_root_fd(f->store), "staging", AT_REMOVEDIR), 0); /* empty */

	assert_int_equal(layer_meta_read(f->store, key, &read, &e), 0);
	assert_string_equal(read.diff_id.text, meta.diff_id.text);
	assert_string_equal(read.blob.text, meta.blob.text);
	assert_int_equal(read.blob_size, 123);
	assert_int_equal(read.unpacked_size, 456);
	assert_string_equal(read.media_type, "application/x");
	assert_int_equal(strlen(read.created), strlen("2024-01-01T00:00:00.000000000Z"));
	layer_meta_done(&read);
}

static void a_layer_may_be_sealed_before_the_one_sync(void **state)
{
	struct fixture *f = *state;
	const struct layer_meta meta = { .diff_id = digest_of('1') };
	struct layer_meta read = { 0 };
	struct staging st;
	struct err e;
	char key[65];

	assert_int_equal(staging_begin(f->store, &st, &e), 0);
	assert_int_equal(mkdirat(st.fd, "l", 0700), 0);
	assert_int_equal(mkdirat(st.fd, "l/tree", 0755), 0);
	/* Not without: nothing gets its final name half-made. */
	assert_int_equal(layer_commit(f->store, &st, "l", key_of('a', key), NULL, &e), -ENOENT);
	assert_non_null(strstr(e.text, "'l/meta.json' in staging"));
	assert_int_equal(layer_seal(f->store, &st, "l", &meta, &e), 0);
	assert_int_equal(store_sync(f->store, &e), 0);
	assert_int_equal(layer_commit(f->store, &st, "l", key, NULL, &e), 0);
	staging_end(f->store, &st);
	assert_int_equal(layer_meta_read(f->store, key, &read, &e), 0);
	layer_meta_done(&read);
}

static void the_second_to_commit_a_layer_succeeds_too(void **state)
{
	struct fixture *f = *state;
	const struct layer_meta meta = { .diff_id = digest_of('1') };
	struct staging st;
	struct err e;
	char key[65];

	add_layer(f->store, 'a');
	assert_int_equal(staging_begin(f->store, &st, &e), 0);
	assert_int_equal(mkdirat(st.fd, "l", 0700), 0);
	assert_int_equal(mkdirat(st.fd, "l/tree", 0755), 0);
	assert_int_equal(layer_commit(f->store, &st, "l", key_of('a', key), &meta, &e), 0);
	staging_end(f->store, &st);
	assert_true(
		exists(f->store,
		       "layers/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/tree/file"));
	assert_int_equal(unlinkat(store_root_fd(f->store), "staging", AT_REMOVEDIR), 0);
}

static void keys_that_are_no_keys_are_refused(void **state)
{
	static const char *const BAD[] = {
		"",
		"..",
		"a",
		"../../../../etc",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct fixture *f = *state;
	struct layer_meta meta = { .diff_id = digest_of('1') };
	struct staging st;
	struct err e;

	assert_int_equal(staging_begin(f->store, &st, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		assert_false(layer_exists(f->store, BAD[i]));
		assert_int_equal(layer_commit(f->store, &st, "l", BAD[i], &meta, &e), -EINVAL);
		assert_int_equal(layer_meta_read(f->store, BAD[i], &meta, &e), -EINVAL);
	}
	staging_end(f->store, &st);
}

static void a_damaged_meta_is_told_from_a_missing_layer(void **state)
{
	struct fixture *f = *state;
	struct layer_meta meta = { 0 };
	struct err e;
	char key[65], path[128];

	assert_int_equal(layer_meta_read(f->store, key_of('a', key), &meta, &e), -ENOENT);
	add_layer(f->store, 'a');
	(void)snprintf(path, sizeof(path), "layers/%s/meta.json", key);
	write_file(store_root_fd(f->store), path, "");
	assert_int_equal(layer_meta_read(f->store, key, &meta, &e), -EBADMSG);
}

static void staging_of_the_living_stays_and_of_the_dead_goes(void **state)
{
	struct fixture *f = *state;
	struct staging mine;
	uint64_t freed;
	struct err e;
	char path[64];
	int status, ready[2];
	pid_t pid;

	assert_int_equal(staging_begin(f->store, &mine, &e), 0);
	write_file(mine.fd, "work", "in progress");
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) { /* dies in the middle of it */
		struct staging st;

		if (staging_begin(f->store, &st, &e) < 0)
			_exit(1);
		write_file(st.fd, "half", "a layer");
		(void)!write(ready[1], st.name, sizeof(st.name));
		(void)pause();
		_exit(2);
	}
	assert_int_equal(read(ready[0], path + 8, sizeof(mine.name)), (int)sizeof(mine.name));
	memcpy(path, "staging/", 8);
	assert_int_equal(store_gc(f->store, true, &freed, &e), 0);
	assert_true(exists(f->store, path)); /* it lives */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(store_gc(f->store, true, &freed, &e), 0);
	assert_false(exists(f->store, path));
	assert_true(freed > 0);
	(void)snprintf(path, sizeof(path), "staging/%.31s/work", mine.name);
	assert_true(exists(f->store, path));
	staging_end(f->store, &mine);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_committed_layer_is_whole_and_staging_is_empty),
		TEST(a_layer_may_be_sealed_before_the_one_sync),
		TEST(the_second_to_commit_a_layer_succeeds_too),
		TEST(keys_that_are_no_keys_are_refused),
		TEST(a_damaged_meta_is_told_from_a_missing_layer),
		TEST(staging_of_the_living_stays_and_of_the_dead_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
