/* SPDX-License-Identifier: Apache-2.0 */
#include "build/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/build/plan_test.h"

static void a_target_needs_its_base_and_what_it_copies_from(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	t.o.target = "c";
	plan_text(&t, "FROM missing AS unused\nFROM base AS a\nFROM base AS b\nFROM a AS c\n"
		      "COPY --from=b /x /\nRUN --mount=from=1,target=/m x\nFROM missing\n");
	assert_int_equal(t.plan.len, 3);
	assert_int_equal(t.plan.target, 2);
	assert_string_equal(t.plan.stages[0].name, "a");
	assert_string_equal(t.plan.stages[1].name, "b");
	assert_int_equal(t.plan.stages[2].base.kind, PLAN_STAGE);
	assert_int_equal(t.plan.stages[2].base.stage, 0);
	assert_int_equal(t.plan.stages[2].steps[0].copy.from.kind, PLAN_STAGE);
	assert_int_equal(t.plan.stages[2].steps[0].copy.from.stage, 1);
	assert_int_equal(t.plan.stages[2].steps[1].run.mounts[0].from.stage, 0);
	assert_int_equal(t.plan.stages[2].index, 3);
}

static void a_stage_that_is_named_by_a_variable_is_needed(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "ARG G=one\nFROM base AS one\nFROM missing AS two\nFROM $G AS three\nARG S=one\n"
		      "RUN --mount=from=$S,target=/m x\n");
	assert_int_equal(t.plan.len, 2);
	assert_int_equal(t.plan.stages[1].base.kind, PLAN_STAGE);
	assert_int_equal(t.plan.stages[1].steps[0].run.mounts[0].from.kind, PLAN_STAGE);
}

static void without_a_target_all_stages_can_be_planned(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	t.o.all_stages = true;
	plan_text(&t, "FROM base AS a\nFROM base AS b\n");
	assert_int_equal(t.plan.len, 2);
	assert_int_equal(t.plan.target, 1);
}

static void an_image_gives_its_configuration(void **state)
{
	cleanup_planned struct planned t;
	const struct plan_stage *s;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM base\n");
	s = target_of(&t);
	assert_string_equal(t.asked.data, TEST_BASE " linux/amd64\n");
	assert_int_equal(s->base.kind, PLAN_IMAGE);
	assert_string_equal(s->base.name, TEST_BASE);
	assert_string_equal(s->base_name, "base@sha256:abc");
	assert_string_equal(s->name, "stage-0");
	ASSERT_LIST(&s->config.env, TEST_PATH, "FROM_BASE=1");
	ASSERT_LIST(&s->config.cmd, "sh");
	assert_string_equal(s->config.working_dir, "/srv");
	assert_null(s->config.created);
	assert_int_equal(s->config.history_len, 0);
}

static void scratch_has_a_path_and_a_root(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM scratch\n");
	assert_null(t.asked.data);
	assert_int_equal(target_of(&t)->base.kind, PLAN_SCRATCH);
	ASSERT_LIST(&target_of(&t)->config.env, TEST_PATH);
	assert_string_equal(target_of(&t)->config.working_dir, "/");
	assert_string_equal(target_of(&t)->config.platform.architecture, "amd64");
}

static void an_image_without_a_path_gets_one(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM plain\n");
	ASSERT_LIST(&target_of(&t)->config.env, TEST_PATH);
}

static void platforms_of_stages_are_those_of_from(void **state)
{
	cleanup_planned struct planned t;
	struct err e;

	(void)state;
	planned_init(&t);
	assert_int_equal(platform_parse("linux/arm64", &t.o.target_platform, &e), 0);
	plan_text(&t, "FROM --platform=$BUILDPLATFORM base AS a\nRUN x\nFROM plain\nCOPY --from=a /x /\n");
	assert_string_equal(t.asked.data,
			    "docker.io/library/plain:latest linux/arm64\n" TEST_BASE " linux/amd64\n");
	assert_string_equal(t.plan.stages[0].platform.architecture, "amd64");
	assert_string_equal(t.plan.stages[0].steps[0].platform.architecture, "amd64");
	assert_string_equal(target_of(&t)->platform.architecture, "arm64");
	assert_string_equal(target_of(&t)->config.platform.architecture, "arm64");
}

static void what_was_asked_for_is_the_platform_of_the_image(void **state)
{
	cleanup_planned struct planned t;
	struct err e;

	(void)state;
	planned_init(&t);
	assert_int_equal(platform_parse("linux/arm64", &t.o.target_platform, &e), 0);
	plan_text(&t, "FROM --platform=$BUILDPLATFORM base\n");
	assert_string_equal(target_of(&t)->config.platform.architecture, "arm64");
	assert_string_equal(target_of(&t)->platform.architecture, "amd64");
}

static void a_named_context_stands_in_for_an_image_or_a_stage(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	assert_int_equal(strvec_add(&t.contexts, "alpine=docker-image://base"), 0);
	assert_int_equal(strvec_add(&t.contexts, "src=/home/me/src"), 0);
	assert_int_equal(strvec_add(&t.contexts, "stage=../other"), 0);
	plan_text(&t, "FROM missing AS stage\nRUN x\nFROM docker.io/library/alpine:latest\n"
		      "COPY --from=src /a /\nCOPY --from=stage /b /\n");
	assert_string_equal(target_of(&t)->base.name, TEST_BASE);
	assert_int_equal(target_of(&t)->steps[0].copy.from.kind, PLAN_NAMED);
	assert_string_equal(target_of(&t)->steps[0].copy.from.name, "src");
	assert_string_equal(target_of(&t)->steps[0].copy.from.value, "/home/me/src");
	assert_int_equal(target_of(&t)->steps[1].copy.from.kind, PLAN_STAGE);
	assert_true(t.plan.stages[0].replaced);
	assert_int_equal(t.plan.stages[0].len, 0);
	assert_int_equal(t.plan.stages[0].base.kind, PLAN_NAMED);
	assert_string_equal(t.plan.stages[0].base.value, "../other");
}

static void triggers_of_the_base_run_first(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	t.trigger[0] = "COPY --from=tools /t /t";
	t.trigger[1] = "RUN cat <<EOF\nhello\nEOF\n";
	t.trigger[2] = "ENV T=1";
	plan_text(&t, "FROM plain AS tools\nFROM base\nRUN own\n");
	assert_int_equal(t.plan.len, 2);
	assert_int_equal(target_of(&t)->len, 3);
	assert_true(target_of(&t)->steps[0].trigger);
	assert_null(target_of(&t)->steps[0].instruction);
	assert_int_equal(target_of(&t)->steps[0].copy.from.stage, 0);
	ASSERT_LIST(&target_of(&t)->steps[1].run.argv, "/bin/sh", "-c", "cat <<EOF\nhello\nEOF");
	assert_false(target_of(&t)->steps[2].trigger);
	ASSERT_LIST(&target_of(&t)->steps[2].run.env, TEST_PATH, "FROM_BASE=1", "T=1");
	assert_int_equal(target_of(&t)->config.on_build.len, 0);
}

static void triggers_of_a_stage_run_in_the_next_one_only(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM base AS a\nONBUILD RUN trigger\nFROM a AS b\nFROM b AS c\nONBUILD RUN mine\n");
	assert_int_equal(t.plan.stages[0].len, 0);
	assert_int_equal(t.plan.stages[1].len, 1);
	assert_int_equal(t.plan.stages[2].len, 0);
	ASSERT_LIST(&t.plan.stages[0].config.on_build, "RUN trigger");
	ASSERT_LIST(&target_of(&t)->config.on_build, "RUN mine");
}

static void triggers_have_no_triggers(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	t.trigger[0] = "ONBUILD RUN x";
	planned_run(&t, "FROM base\n");
	assert_int_equal(t.r, -EINVAL);
	assert_non_null(strstr(t.e.text, "ONBUILD of base@sha256:abc:1:1: "));
}

static void an_earlier_stage_hands_its_configuration_on(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM base AS a\nENV A=1\nARG B=2\nWORKDIR w\nFROM a\nRUN echo $A $B\n");
	ASSERT_LIST(&target_of(&t)->config.env, TEST_PATH, "FROM_BASE=1", "A=1");
	ASSERT_LIST(&target_of(&t)->steps[0].run.env, "B=2", TEST_PATH, "FROM_BASE=1", "A=1");
	assert_string_equal(target_of(&t)->steps[0].run.cwd, "/srv/w");
	assert_history(&t, 3, "RUN |1 B=2 /bin/sh -c echo $A $B # buildkit", false);
}

static void labels_of_the_command_line_are_the_target_s(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	assert_int_equal(strvec_add(&t.labels, "a=2"), 0);
	plan_text(&t, "FROM base\nLABEL a=1 b=1\n");
	ASSERT_LIST(&target_of(&t)->config.labels, "a=2", "b=1");
}

static void the_epoch_is_the_time_of_all_entries(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	assert_int_equal(strvec_add(&t.build_args, "SOURCE_DATE_EPOCH=1600000000"), 0);
	plan_text(&t, "FROM base\nENV a=1\n");
	assert_true(t.plan.has_epoch);
	assert_int_equal(t.plan.epoch, 1600000000);
	assert_string_equal(target_of(&t)->config.created, "2020-09-13T12:26:40Z");
	assert_string_equal(target_of(&t)->config.history[0].created, "2020-09-13T12:26:40Z");
}

static void what_is_wrong_has_its_place(void **state)
{
	(void)state;
	assert_plan_refused("FROM missing\n", "Dockerfile:1:6: no such image");
	assert_plan_refused("FROM $X\n", "Dockerfile:1:6: base name ($X) should not be blank");
	assert_plan_refused("FROM Bad\n",
			    "Dockerfile:1:6: failed to parse stage name \"Bad\": bad reference 'Bad': the "
			    "repository name must be in lower case");
	assert_plan_refused("FROM --platform=$X base\n",
			    "Dockerfile:1:6: empty platform value from expression $X");
	assert_plan_refused("FROM base\nSTOPSIGNAL NO\n", "Dockerfile:2:12: invalid signal: NO");
	assert_plan_refused("ARG SOURCE_DATE_EPOCH=x\nFROM base\n",
			    "invalid SOURCE_DATE_EPOCH: x (seconds since 1970 are expected)");
	assert_plan_refused("FROM base AS a\nFROM base\nARG N=1\nCOPY --from=$N a b\n",
			    "Dockerfile:4:6: circular dependency detected on stage: stage-1");
}

static void a_plan_that_fills_the_memory_is_refused(void **state)
{
	cleanup_buf struct buf text = BUF_INIT(1 << 20);

	(void)state;
	assert_int_equal(buf_add_str(&text, "FROM scratch\nENV a=0123456789abcdef\n"), 0);
	for (int i = 0; i < 15; i++)
		assert_int_equal(buf_add_str(&text, "ENV a=$a$a\n"), 0);
	for (int i = 0; i < 600; i++)
		assert_int_equal(buf_add_str(&text, "RUN x\n"), 0);
	assert_plan_refused(text.data, "the texts of the build are over 268435456 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_needs_its_base_and_what_it_copies_from),
		cmocka_unit_test(a_stage_that_is_named_by_a_variable_is_needed),
		cmocka_unit_test(without_a_target_all_stages_can_be_planned),
		cmocka_unit_test(an_image_gives_its_configuration),
		cmocka_unit_test(scratch_has_a_path_and_a_root),
		cmocka_unit_test(an_image_without_a_path_gets_one),
		cmocka_unit_test(platforms_of_stages_are_those_of_from),
		cmocka_unit_test(what_was_asked_for_is_the_platform_of_the_image),
		cmocka_unit_test(a_named_context_stands_in_for_an_image_or_a_stage),
		cmocka_unit_test(triggers_of_the_base_run_first),
		cmocka_unit_test(triggers_of_a_stage_run_in_the_next_one_only),
		cmocka_unit_test(triggers_have_no_triggers),
		cmocka_unit_test(an_earlier_stage_hands_its_configuration_on),
		cmocka_unit_test(labels_of_the_command_line_are_the_target_s),
		cmocka_unit_test(the_epoch_is_the_time_of_all_entries),
		cmocka_unit_test(what_is_wrong_has_its_place),
		cmocka_unit_test(a_plan_that_fills_the_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
