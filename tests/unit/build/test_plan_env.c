/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/build/plan_test.h"

static void arg(struct planned *t, const char *name_value)
{
	assert_int_equal(strvec_add(&t->build_args, name_value), 0);
}

static void global_arguments_reach_a_stage_through_arg_only(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "ARG G=1 H=$G\nFROM plain\nRUN a\nARG G\nARG H=3\nRUN b\n");
	ASSERT_LIST(&target_of(&t)->steps[0].run.env, TEST_PATH);
	ASSERT_LIST(&target_of(&t)->steps[1].run.env, TEST_PATH, "G=1", "H=3");
	assert_history(&t, 3, "RUN |2 G=1 H=3 /bin/sh -c b # buildkit", false);
}

static void build_args_win_over_defaults(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	arg(&t, "A=x");
	arg(&t, "B=y");
	plan_text(&t, "ARG B=1\nFROM plain\nARG A=${no:?never}\nARG B\nARG C\nRUN b\n");
	ASSERT_LIST(&target_of(&t)->steps[0].run.env, TEST_PATH, "A=x", "B=y");
	assert_history(&t, 0, "ARG A=x", true);
	assert_history(&t, 2, "ARG C", true);
	assert_history(&t, 3, "RUN |3 A=x B=y C= /bin/sh -c b # buildkit", false);
}

static void the_last_of_arg_and_env_counts(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t,
		  "FROM plain AS one\nARG a=1\nENV a=2\nRUN x\nENV b=3\nARG b=4\nRUN y\nFROM one\nRUN z\n");
	ASSERT_LIST(&t.plan.stages[0].steps[0].run.env, TEST_PATH, "a=2");
	ASSERT_LIST(&t.plan.stages[0].steps[1].run.env, TEST_PATH, "a=2", "b=4");
	ASSERT_LIST(&t.plan.stages[0].config.env, TEST_PATH, "a=2", "b=3");
	/* What the image has is set again where a stage begins. */
	ASSERT_LIST(&target_of(&t)->steps[0].run.env, TEST_PATH, "a=2", "b=3");
	assert_history(&t, 6, "RUN |2 a=2 b=3 /bin/sh -c z # buildkit", false);
}

static void platforms_are_arguments(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain AS here\nARG TARGETARCH TARGETSTAGE\nRUN x\n");
	ASSERT_LIST(&target_of(&t)->steps[0].run.env, TEST_PATH, "TARGETARCH=amd64", "TARGETSTAGE=here");
}

static void proxies_reach_commands_and_not_the_history(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	arg(&t, "http_proxy=p");
	plan_text(&t, "FROM plain\nRUN x\n");
	ASSERT_LIST(&target_of(&t)->steps[0].run.env, TEST_PATH);
	ASSERT_LIST(&target_of(&t)->steps[0].run.proxy_env, "HTTP_PROXY=p", "http_proxy=p");
	assert_history(&t, 0, "RUN /bin/sh -c x # buildkit", false);
	assert_null(t.warnings.data);
}

static void arguments_for_scanners_are_no_variables(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\nARG BUILDKIT_SBOM_SCAN_STAGE=true\nRUN x\n");
	ASSERT_LIST(&target_of(&t)->steps[0].run.env, TEST_PATH);
}

static void arguments_that_nobody_takes_are_told(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	arg(&t, "Z=1");
	arg(&t, "A=1");
	arg(&t, "USED=1");
	arg(&t, "ELSEWHERE=1");
	arg(&t, "BUILDKIT_INLINE_CACHE=1");
	plan_text(&t, "FROM plain AS x\nARG ELSEWHERE\nFROM plain\nARG USED\n");
	assert_string_equal(t.warnings.data,
			    "0 -: [Warning] One or more build-args [A Z] were not consumed\n");
}

static void an_expansion_that_fails_has_its_place(void **state)
{
	(void)state;
	assert_plan_refused("FROM plain\nENV a=1 b=${x:?missing}\n",
			    "Dockerfile:2:9: failed to process '${x:?missing}': x: missing");
	assert_plan_refused("ARG a=${x:?missing}\nFROM plain\n",
			    "Dockerfile:1:5: failed to process '${x:?missing}': x: missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(global_arguments_reach_a_stage_through_arg_only),
		cmocka_unit_test(build_args_win_over_defaults),
		cmocka_unit_test(the_last_of_arg_and_env_counts),
		cmocka_unit_test(platforms_are_arguments),
		cmocka_unit_test(proxies_reach_commands_and_not_the_history),
		cmocka_unit_test(arguments_for_scanners_are_no_variables),
		cmocka_unit_test(arguments_that_nobody_takes_are_told),
		cmocka_unit_test(an_expansion_that_fails_has_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
