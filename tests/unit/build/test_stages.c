/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "tests/unit/build/dockerfile_test.h"

static struct stages split(const struct dockerfile *f)
{
	struct stages s = { 0 };
	struct err e = { 0 };

	if (stages_split(f, &s, &e) != 0)
		fail_msg("%s", e.text);
	return s;
}

static void assert_no_stages(const char *text, const char *message)
{
	cleanup_dockerfile struct dockerfile f = parsed(text);
	struct stages s = { 0 };
	struct err e = { 0 };

	assert_int_equal(stages_split(&f, &s, &e), -EINVAL);
	assert_string_equal(e.text, message);
	assert_null(s.items);
}

static void stages_begin_with_from(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("ARG a\nARG b\nFROM c AS One\nRUN d\nRUN e\nFROM scratch\nFROM f\nCMD g\n");
	cleanup_stages struct stages s = split(&f);

	(void)state;
	assert_int_equal(s.args_len, 2);
	assert_ptr_equal(s.args, &f.items[0]);
	assert_int_equal(s.len, 3);
	assert_string_equal(s.items[0].name, "one");
	assert_int_equal(s.items[0].len, 2);
	assert_ptr_equal(s.items[0].items, &f.items[3]);
	assert_true(s.items[0].base == STAGE_NONE);
	assert_null(s.items[1].name);
	assert_int_equal(s.items[1].len, 0);
	assert_int_equal(s.items[2].len, 1);
	assert_string_equal(stage_label(&s, 0).text, "one");
	assert_string_equal(stage_label(&s, 2).text, "stage-2");
}

static void a_base_may_be_an_earlier_stage(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed(
		"FROM later AS a\nFROM A AS b\nFROM $B AS later\nFROM \"a\" AS c\nFROM 0\nFROM d AS d\n");
	cleanup_stages struct stages s = split(&f);

	(void)state;
	assert_true(s.items[0].base == STAGE_NONE);
	assert_int_equal(s.items[1].base, 0);
	assert_true(s.items[2].base == STAGE_DEFERRED);
	assert_true(s.items[3].base == STAGE_DEFERRED);
	assert_true(s.items[4].base == STAGE_NONE); /* an image of that name, for FROM */
	assert_true(s.items[5].base == STAGE_NONE);
}

static void of_stages_with_one_name_the_last_before_counts(void **state)
{
	cleanup_dockerfile struct dockerfile f =
		parsed("FROM x AS a\nFROM a AS A\nFROM a\nCOPY --from=a / /\nFROM y AS a\n");
	cleanup_stages struct stages s = split(&f);

	(void)state;
	assert_int_equal(s.items[1].base, 0);
	assert_int_equal(s.items[2].base, 1);
	assert_int_equal(s.items[2].sources[0].stage, 1);
	assert_int_equal(stages_find(&s, "a", s.len), 3);
	assert_int_equal(stages_find(&s, "A", 1), 0);
	assert_true(stages_find(&s, "a", 0) == STAGE_NONE);
}

static void sources_are_earlier_stages_or_images(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed(
		"FROM x AS a\nFROM y\nFROM z\nCOPY --from=A b c\nCOPY --from=1 b c\nCOPY --from=busybox b c\n"
		"COPY --from=$V b c\nCOPY --from= b c\nRUN --mount=target=/c --mount=from=a,target=/a "
		"--mount=type=bind,from=1,target=/b d\nRUN e\nADD f g\n");
	cleanup_stages struct stages s = split(&f);
	const struct stage *stage = &s.items[2];

	(void)state;
	assert_int_equal(s.items[0].sources_len, 0);
	assert_int_equal(stage->sources_len, 6);
	assert_int_equal(stage->sources[0].stage, 0);
	assert_string_equal(stage->sources[0].name, "A");
	assert_ptr_equal(stage->sources[0].instruction, &stage->items[0]);
	assert_int_equal(stage->sources[1].stage, 1);
	assert_true(stage->sources[2].stage == STAGE_NONE);
	assert_string_equal(stage->sources[2].name, "busybox");
	assert_true(stage->sources[3].stage == STAGE_DEFERRED);
	assert_int_equal(stage->sources[4].stage, 0);
	assert_int_equal(stage->sources[4].mount, 1);
	assert_int_equal(stage->sources[5].stage, 1);
	assert_int_equal(stage->sources[5].mount, 2);
	assert_ptr_equal(stage->sources[5].instruction, &stage->items[5]);
}

static void names_that_are_expanded_later_are_resolved_then(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("FROM x AS a\nFROM y\nCOPY --from=$V b c\n");
	cleanup_stages struct stages s = split(&f);
	size_t stage = 7, at = s.items[1].items[0].copy->from.at;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(stages_resolve(&f, &s, 1, "a", at, &stage, &e), 0);
	assert_int_equal(stage, 0);
	assert_int_equal(stages_resolve(&f, &s, 1, "2", at, &stage, &e), -EINVAL);
	assert_string_equal(
		e.text, "Dockerfile:3:6: invalid stage index 2\n   3 | COPY --from=$V b c\n     |      ^");
}

static void bad_stages_are_refused(void **state)
{
	(void)state;
	assert_no_stages(
		"RUN a\nFROM b\n",
		"Dockerfile:1:1: no build stage in current context (only ARG may be before the first FROM)\n"
		"   1 | RUN a\n     | ^");
	assert_no_stages("ARG a\n",
			 "Dockerfile:1:1: dockerfile contains no stages to build\n   1 | ARG a\n     | ^");
	assert_no_stages("FROM a\nCOPY --from=b c d\nFROM e AS b\n",
			 "Dockerfile:2:6: cannot copy from stage \"b\", it needs to be defined before "
			 "current stage \"stage-0\"\n"
			 "   2 | COPY --from=b c d\n     |      ^");
	assert_no_stages("FROM a AS x\nRUN --mount=from=1,target=/b c\nFROM d\n",
			 "Dockerfile:2:5: cannot copy from stage \"1\", it needs to be defined before "
			 "current stage \"x\"\n"
			 "   2 | RUN --mount=from=1,target=/b c\n     |     ^");
	assert_no_stages("FROM a AS x\nCOPY --from=X b c\n",
			 "Dockerfile:2:6: circular dependency detected on stage: x\n"
			 "   2 | COPY --from=X b c\n     |      ^");
	assert_no_stages("FROM a\nCOPY --from=1 b c\n",
			 "Dockerfile:2:6: invalid stage index 1\n   2 | COPY --from=1 b c\n     |      ^");
}

static void there_is_a_limit_of_stages(void **state)
{
	size_t len = (STAGES_MAX + 1) * strlen("FROM a\n");
	cleanup_free char *text = calloc(1, len + 1);
	struct stages s = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i <= STAGES_MAX; i++)
		memcpy(text + i * 7, "FROM a\n", 7);
	cleanup_dockerfile struct dockerfile f = parsed(text);

	assert_int_equal(stages_split(&f, &s, &e), -EFBIG);
	assert_string_equal(e.text, "Dockerfile:1025:1: more than 1024 stages\n1025 | FROM a\n     | ^");
}

static void targets_are_names_or_numbers(void **state)
{
	cleanup_dockerfile struct dockerfile f = parsed("FROM x AS base\nFROM y AS test\nFROM z\n");
	cleanup_stages struct stages s = split(&f);
	struct err e = { 0 };
	size_t target = 9;

	(void)state;
	assert_int_equal(stages_target(&s, NULL, &target, &e), 0);
	assert_int_equal(target, 2);
	assert_int_equal(stages_target(&s, "", &target, &e), 0);
	assert_int_equal(target, 2);
	assert_int_equal(stages_target(&s, "Test", &target, &e), 0);
	assert_int_equal(target, 1);
	assert_int_equal(stages_target(&s, "0", &target, &e), 0);
	assert_int_equal(target, 0);
	assert_int_equal(stages_target(&s, "tset", &target, &e), -EINVAL);
	assert_string_equal(e.text, "target stage \"tset\" could not be found (did you mean test?)");
	assert_int_equal(stages_target(&s, "3", &target, &e), -EINVAL);
	assert_string_equal(e.text, "target stage \"3\" could not be found");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages_begin_with_from),
		cmocka_unit_test(a_base_may_be_an_earlier_stage),
		cmocka_unit_test(of_stages_with_one_name_the_last_before_counts),
		cmocka_unit_test(sources_are_earlier_stages_or_images),
		cmocka_unit_test(names_that_are_expanded_later_are_resolved_then),
		cmocka_unit_test(bad_stages_are_refused),
		cmocka_unit_test(there_is_a_limit_of_stages),
		cmocka_unit_test(targets_are_names_or_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
