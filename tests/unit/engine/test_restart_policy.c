/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/restart_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cleanup.h"

static void reads_what_docker_reads(void **state)
{
	struct restart_policy p;
	struct err e;

	(void)state;
	assert_int_equal(restart_policy_parse("", &p, &e), 0);
	assert_int_equal(p.kind, RESTART_NO);
	assert_int_equal(restart_policy_parse("no", &p, &e), 0);
	assert_int_equal(p.kind, RESTART_NO);
	assert_int_equal(restart_policy_parse("always", &p, &e), 0);
	assert_int_equal(p.kind, RESTART_ALWAYS);
	assert_int_equal(restart_policy_parse("unless-stopped", &p, &e), 0);
	assert_int_equal(p.kind, RESTART_UNLESS_STOPPED);
	assert_int_equal(restart_policy_parse("on-failure", &p, &e), 0);
	assert_int_equal(p.kind, RESTART_ON_FAILURE);
	assert_int_equal(p.max, 0);
	assert_int_equal(restart_policy_parse("on-failure:7", &p, &e), 0);
	assert_int_equal(p.max, 7);
}

static void refuses_in_dockers_words(void **state)
{
	static const struct {
		const char *text, *message;
	} CASES[] = {
		{ "sometimes",
		  "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', "
		  "'on-failure', or 'unless-stopped'" },
		{ "alway",
		  "invalid restart policy: unknown policy 'alway'; use one of 'no', 'always', 'on-failure', "
		  "or 'unless-stopped'" },
		{ ":3", "invalid restart policy format: no policy provided before colon" },
		{ "on-failure:x", "invalid restart policy format: maximum retry count must be an integer" },
		{ "on-failure:-1", "invalid restart policy: maximum retry count cannot be negative" },
		{ "always:3",
		  "invalid restart policy: maximum retry count can only be used with 'on-failure'" },
	};
	struct restart_policy p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		assert_int_equal(restart_policy_parse(CASES[i].text, &p, &e), -EINVAL);
		assert_string_equal(e.text, CASES[i].message);
	}
}

static void what_is_due_again(void **state)
{
	const struct restart_policy no = { RESTART_NO, 0 }, always = { RESTART_ALWAYS, 0 },
				    twice = { RESTART_ON_FAILURE, 2 }, failed = { RESTART_ON_FAILURE, 0 };

	(void)state;
	assert_false(restart_is_due(&no, 1, 0));
	assert_true(restart_is_due(&always, 0, 1000));
	assert_false(restart_is_due(&failed, 0, 0));
	assert_true(restart_is_due(&failed, 1, 1000));
	assert_true(restart_is_due(&twice, 1, 1));
	assert_false(restart_is_due(&twice, 1, 2));
}

static void what_starts_with_the_machine(void **state)
{
	const struct restart_policy no = { RESTART_NO, 0 }, always = { RESTART_ALWAYS, 0 },
				    unless = { RESTART_UNLESS_STOPPED, 0 },
				    failed = { RESTART_ON_FAILURE, 0 };

	(void)state;
	assert_false(restart_at_boot(&no, true, false, 137));
	assert_true(restart_at_boot(&always, false, true, 0));
	assert_true(restart_at_boot(&unless, false, false, 0));
	assert_false(restart_at_boot(&unless, true, true, 0));
	assert_true(restart_at_boot(&failed, true, false, 0));
	assert_true(restart_at_boot(&failed, false, false, 3));
	assert_false(restart_at_boot(&failed, false, false, 0));
	assert_false(restart_at_boot(&failed, true, true, 3));
}

static void waits_longer_each_time(void **state)
{
	int64_t delay = 0;

	(void)state;
	for (int64_t wanted = RESTART_DELAY_MIN_MS; wanted < RESTART_DELAY_MAX_MS; wanted *= 2) {
		delay = restart_delay_ms(delay, 5);
		assert_int_equal(delay, wanted);
	}
	delay = restart_delay_ms(delay, 5);
	assert_int_equal(delay, RESTART_DELAY_MAX_MS);
	assert_int_equal(restart_delay_ms(delay, 5), RESTART_DELAY_MAX_MS);
	assert_int_equal(restart_delay_ms(delay, RESTART_SETTLED_MS), RESTART_DELAY_MIN_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_docker_reads), cmocka_unit_test(refuses_in_dockers_words),
		cmocka_unit_test(what_is_due_again),       cmocka_unit_test(what_starts_with_the_machine),
		cmocka_unit_test(waits_longer_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
