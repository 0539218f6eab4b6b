/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/life.h"

#include <fcntl.h>
#include <string.h>

#include "common/file.h"
#include "tests/unit/common/scratch.h"

static void what_is_written_is_read(void **state)
{
	struct scratch *scratch = *state;
	char check[] = "/bin/check", argument[] = "a b", option[] = "max-size=1m", driver[] = "none";
	char *test_words[] = { check, argument }, *options[] = { option };
	const struct life written = {
		.restart = { RESTART_ON_FAILURE, 4 },
		.stop_signal = 3,
		.stop_timeout = -1,
		.tty = true,
		.init = true,
		.log_driver = driver,
		.log_options = { .items = options, .len = 1 },
		.health = { .test = { .items = test_words, .len = 2 },
			    .rules = { .interval_ns = 2000000,
				       .timeout_ns = 3000000,
				       .retries = 5,
				       .action = HEALTH_ACTION_STOP } },
	};
	cleanup_life struct life read = { 0 };
	struct err e;

	assert_int_equal(life_write(scratch->fd, &written, true, &e), 0);
	assert_int_equal(life_read(scratch->fd, &read, &e), 0);
	assert_int_equal(read.restart.kind, RESTART_ON_FAILURE);
	assert_int_equal(read.restart.max, 4);
	assert_int_equal(read.stop_signal, 3);
	assert_int_equal(read.stop_timeout, -1);
	assert_true(read.tty && read.init && !read.interactive);
	assert_string_equal(read.log_driver, "none");
	assert_int_equal(read.log_options.len, 1);
	assert_int_equal(read.health.test.len, 2);
	assert_string_equal(read.health.test.items[1], "a b");
	assert_true(read.health.rules.set);
	assert_int_equal(read.health.rules.timeout_ns, 3000000);
	assert_int_equal(read.health.rules.retries, 5);
	assert_int_equal(read.health.rules.action, HEALTH_ACTION_STOP);
}

static void a_container_without_the_file_has_the_defaults(void **state)
{
	struct scratch *scratch = *state;
	cleanup_life struct life read = { 0 };
	struct err e;

	assert_int_equal(life_read(scratch->fd, &read, &e), 0);
	assert_int_equal(read.stop_signal, 15);
	assert_int_equal(read.stop_timeout, LIFE_STOP_TIMEOUT_S);
	assert_int_equal(read.restart.kind, RESTART_NO);
	assert_false(read.health.rules.set);
}

static void damage_is_told(void **state)
{
	static const char *const TEXTS[] = {
		"",
		"{",
		"{\"stopSignal\":0}",
		"{\"stopSignal\":65}",
		"{\"restart\":\"often\"}",
		"{\"health\":{\"test\":[\"a\"],\"interval\":1,\"timeout\":1,\"retries\":0}}"
	};
	struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		cleanup_life struct life read = { 0 };
		struct err e = { 0 };

		assert_int_equal(file_write_atomic(scratch->fd, "life.json", TEXTS[i], strlen(TEXTS[i]), 0600,
						   &e),
				 0);
		assert_int_equal(life_read(scratch->fd, &read, &e), -EBADMSG);
		assert_non_null(strstr(e.text, "'life.json' is damaged"));
	}
}

static void the_users_stop_is_kept(void **state)
{
	struct scratch *scratch = *state;
	struct err e;

	assert_false(life_is_stopped(scratch->fd));
	assert_int_equal(life_set_stopped(scratch->fd, false, &e), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(life_set_stopped(scratch->fd, true, &e), 0);
		assert_true(life_is_stopped(scratch->fd));
	}
	assert_int_equal(life_set_stopped(scratch->fd, false, &e), 0);
	assert_false(life_is_stopped(scratch->fd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(a_container_without_the_file_has_the_defaults, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(damage_is_told, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(the_users_stop_is_kept, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
