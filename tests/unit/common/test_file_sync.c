/* SPDX-License-Identifier: Apache-2.0 */
/* That it survives a power cut is shown in tests/vm; how many commits it takes, in tests/integration/test_run.py. */
#include "common/file_sync.h"

#include "tests/unit/common/scratch.h"

static void files_and_their_directory_are_synced(void **state)
{
	static const char *const NAMES[] = { "a", "b", "c" };
	struct scratch *s = *state;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		assert_int_equal(file_write_atomic(s->fd, NAMES[i], "text", 4, 0600, &e), 0);
	assert_int_equal(file_sync_content(s->fd, "a", &e), 0);
	assert_int_equal(file_sync_all(s->fd, NAMES, ARRAY_LEN(NAMES), &e), 0);
	assert_int_equal(file_sync_all(s->fd, NULL, 0, &e), 0);
}

static void a_file_that_is_not_there_is_named(void **state)
{
	static const char *const NAMES[] = { "a", "nosuch", "b" };
	struct scratch *s = *state;
	struct err e = { 0 };

	assert_int_equal(file_write_atomic(s->fd, "a", "text", 4, 0600, &e), 0);
	assert_int_equal(file_sync_all(s->fd, NAMES, ARRAY_LEN(NAMES), &e), -ENOENT);
	assert_string_equal(e.text, "cannot sync 'nosuch': no such file or directory");
	assert_int_equal(file_sync_content(s->fd, "nosuch", &e), -ENOENT);
	assert_string_equal(e.text, "cannot sync 'nosuch': no such file or directory");
}

static void too_many_are_refused(void **state)
{
	static const char *const NAMES[] = { "a", "a", "a", "a", "a", "a", "a", "a", "a" };
	struct scratch *s = *state;
	struct err e = { 0 };

	assert_int_equal(file_sync_all(s->fd, NAMES, ARRAY_LEN(NAMES), &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(files_and_their_directory_are_synced),
		SCRATCH_TEST(a_file_that_is_not_there_is_named),
		SCRATCH_TEST(too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
