/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "build/schedule.h"

#include "tests/unit/build/plan_test.h"

/* "NAME/STEP" of what begins, as it begins, with `jobs` at a time, each as long as the others: "a/0 b/0, a/1, ..." */
static void assert_order(const char *dockerfile, size_t jobs, const char *expected)
{
	cleanup_schedule struct schedule s = { 0 };
	cleanup_buf struct buf order = BUF_INIT(4096);
	struct planned t;
	struct err e;

	planned_init(&t);
	plan_text(&t, dockerfile);
	assert_int_equal(schedule_make(&t.plan, &s, &e), 0);
	while (!schedule_is_complete(&s)) {
		size_t running[16], len = 0, step = 0;

		assert_int_equal(buf_printf(&order, "%s", order.len ? "," : ""), 0);
		while (len < jobs && (running[len] = schedule_next(&s, &step)) != SCHEDULE_NONE) {
			assert_int_equal(buf_printf(&order, "%s%s/%zu", order.len ? " " : "",
						    t.plan.stages[running[len]].name, step),
					 0);
			len++;
		}
		assert_true(len > 0); /* it does not stand still */
		for (size_t i = 0; i < len; i++)
			schedule_made(&s, running[i]);
	}
	assert_int_equal(schedule_next(&s, &(size_t){ 0 }), SCHEDULE_NONE);
	assert_string_equal(order.len ? order.data : "", expected);
	planned_done(&t);
}

static void steps_of_a_stage_come_one_after_the_other(void **state)
{
	(void)state;
	assert_order("FROM base AS a\nRUN 1\nRUN 2\nRUN 3\n", 4, "a/0, a/1, a/2");
	assert_order("FROM base AS a\nRUN 1\nFROM a AS b\nRUN 2\n", 4, "a/0, b/0");
	assert_order("FROM base AS a\nCMD x\n", 4, "");
}

static void stages_without_an_edge_run_side_by_side(void **state)
{
	static const char FILE[] =
		"FROM base AS a\nRUN 1\nRUN 2\nFROM base AS b\nRUN 3\nFROM base AS c\nRUN 4\n"
		"COPY --from=a / /a\nCOPY --from=b / /b\n";

	(void)state;
	assert_order(FILE, 4, "a/0 c/0 b/0, a/1, c/1, c/2");
	assert_order(FILE, 1, "a/0, a/1, c/0, b/0, c/1, c/2");
}

static void the_longest_way_goes_first(void **state)
{
	(void)state;
	assert_order("FROM base AS a\nRUN 1\nFROM base AS b\nRUN 1\nRUN 2\nRUN 3\nFROM base AS c\n"
		     "COPY --from=a / /\nCOPY --from=b / /\n",
		     1, "b/0, a/0, b/1, b/2, c/0, c/1");
}

static void a_mount_waits_for_its_stage(void **state)
{
	(void)state;
	assert_order("FROM base AS a\nRUN 1\nRUN 2\nFROM base AS b\nRUN 3\nRUN --mount=from=a,target=/a 4\n",
		     4, "a/0 b/0, a/1, b/1");
}

static void a_stage_without_steps_is_there_with_its_base(void **state)
{
	(void)state;
	assert_order("FROM base AS a\nRUN 1\nFROM a AS b\nENV X=y\nFROM b AS c\nRUN 2\n", 4, "a/0, c/0");
	assert_order(
		"FROM base AS a\nRUN 1\nFROM a AS b\nENV X=y\nFROM base AS c\nRUN 2\nCOPY --from=b / /\n", 4,
		"a/0 c/0, c/1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_of_a_stage_come_one_after_the_other),
		cmocka_unit_test(stages_without_an_edge_run_side_by_side),
		cmocka_unit_test(the_longest_way_goes_first),
		cmocka_unit_test(a_mount_waits_for_its_stage),
		cmocka_unit_test(a_stage_without_steps_is_there_with_its_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
