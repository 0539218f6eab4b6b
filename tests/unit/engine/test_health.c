/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"

static const struct health_rules RULES = { .set = true,
					   .interval_ns = 30000000000,
					   .timeout_ns = 1000000000,
					   .start_interval_ns = 5000000000,
					   .retries = 3 };

static void failures_in_a_row_make_it_unhealthy(void **state)
{
	enum status_health health = STATUS_HEALTH_STARTING;
	uint32_t failures = 0;

	(void)state;
	health_judge(&RULES, true, false, &health, &failures);
	assert_int_equal(health, STATUS_HEALTHY);
	health_judge(&RULES, false, false, &health, &failures);
	health_judge(&RULES, false, false, &health, &failures);
	assert_int_equal(health, STATUS_HEALTHY);
	health_judge(&RULES, true, false, &health, &failures);
	assert_int_equal(failures, 0);
	for (int i = 0; i < 3; i++)
		health_judge(&RULES, false, false, &health, &failures);
	assert_int_equal(health, STATUS_UNHEALTHY);
	assert_int_equal(failures, 3);
	health_judge(&RULES, true, false, &health, &failures);
	assert_int_equal(health, STATUS_HEALTHY);
}

static void the_start_period_forgives_until_it_was_healthy(void **state)
{
	enum status_health health = STATUS_HEALTH_STARTING;
	uint32_t failures = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		health_judge(&RULES, false, true, &health, &failures);
	assert_int_equal(health, STATUS_HEALTH_STARTING);
	assert_int_equal(failures, 0);
	health_judge(&RULES, true, true, &health, &failures);
	for (int i = 0; i < 3; i++)
		health_judge(&RULES, false, true, &health, &failures);
	assert_int_equal(health, STATUS_UNHEALTHY);
}

static void checks_are_denser_in_the_start_period(void **state)
{
	const struct health_rules bare = { .set = true, .interval_ns = 7 };

	(void)state;
	assert_int_equal(health_delay_ns(&RULES, false), 30000000000);
	assert_int_equal(health_delay_ns(&RULES, true), 5000000000);
	assert_int_equal(health_delay_ns(&bare, true), 7);
}

static void actions_have_names(void **state)
{
	struct err e;
	int action;

	(void)state;
	for (int i = 0; i < HEALTH_ACTIONS; i++) {
		assert_int_equal(health_action_parse(health_action_name(i), &action, &e), 0);
		assert_int_equal(action, i);
	}
	assert_int_equal(health_action_parse("reboot", &action, &e), -EINVAL);
	assert_non_null(strstr(e.text, "'reboot'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_in_a_row_make_it_unhealthy),
		cmocka_unit_test(the_start_period_forgives_until_it_was_healthy),
		cmocka_unit_test(checks_are_denser_in_the_start_period),
		cmocka_unit_test(actions_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
