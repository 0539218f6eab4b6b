/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "build/step_key.h"

#include "tests/unit/build/plan_test.h"

#define CONTENTS_MAX 8

static struct digest digest_of(char letter)
{
	struct digest d;

	(void)snprintf(d.text, sizeof(d.text), "sha256:%064d", 0);
	d.text[sizeof("sha256:") - 1] = letter;
	return d;
}

/* Contents that are all there, each its own. */
static void fill(struct digest contents[CONTENTS_MAX], char first)
{
	for (int i = 0; i < CONTENTS_MAX; i++)
		contents[i] = digest_of((char)(first + i));
}

/* What no step should have. */
static void leave_out_unwanted(const struct plan_step *step, struct digest contents[CONTENTS_MAX])
{
	for (size_t i = 0; step->kind == PLAN_RUN && i < step->run.mounts_len; i++)
		if (step->run.mounts[i].mount.type != RUN_MOUNT_BIND)
			contents[i] = (struct digest){ 0 };
}

/* The key of the last step of a file, on `before`, with contents that begin with `letter`. */
static struct digest key_with(const char *text, char letter, const struct digest *before,
			      const int64_t *epoch)
{
	struct digest contents[CONTENTS_MAX], key;
	const struct plan_stage *stage;
	const struct plan_step *step;
	struct planned t;
	struct err e;

	planned_init(&t);
	planned_run(&t, text);
	assert_int_equal(t.r, 0);
	stage = &t.plan.stages[t.plan.target];
	assert_true(stage->len > 0);
	step = &stage->steps[stage->len - 1];
	fill(contents, letter);
	leave_out_unwanted(step, contents);
	assert_true(step_key_contents(step) <= CONTENTS_MAX);
	assert_int_equal(step_key_next(before, step, contents, step_key_contents(step), epoch, &key, &e), 0);
	planned_done(&t);
	return key;
}

static struct digest key_of(const char *text)
{
	struct digest before = digest_of('b');

	return key_with(text, 'a', &before, NULL);
}

static void assert_same(const char *a, const char *b)
{
	struct digest x = key_of(a), y = key_of(b);

	if (!digest_equal(&x, &y))
		fail_msg("'%s' and '%s' have different keys", a, b);
}

static void assert_other(const char *a, const char *b)
{
	struct digest x = key_of(a), y = key_of(b);

	if (digest_equal(&x, &y))
		fail_msg("'%s' and '%s' have the same key", a, b);
}

static void what_makes_no_difference_is_not_in_a_key(void **state)
{
	(void)state;
	assert_same("FROM base\nRUN x\n", "FROM base AS name\n# comment\nRUN   x\n");
	assert_same("FROM base\nRUN x\n", "FROM base\nLABEL a=b\nEXPOSE 80\nCMD y\nRUN x\n");
	assert_same("FROM base\nRUN --mount=type=bind,target=/s x\n",
		    "FROM base\nRUN --mount=type=bind,target=/s,id=7 x\n");
	assert_same("FROM base\nCOPY a /d/\n", "FROM base\nCOPY ./b /d/\n"); /* the contents tell */
	assert_same("FROM base\nCOPY a /d/\n", "FROM base\nENV X=y\nCOPY a /d/\n");
	assert_same("FROM base\nENV A=b\nRUN x\n",
		    "FROM base\nARG A=b\nRUN x\n"); /* that is the image's business */
	assert_same("FROM base\nWORKDIR /a/b\n", "FROM base\nWORKDIR /a/./b/\n");
}

static void whatever_a_run_does_or_sees_is(void **state)
{
	static const char *const OTHERS[] = {
		"FROM base\nRUN y\n",
		"FROM base\nRUN [\"x\"]\n",
		"FROM base\nENV A=b\nRUN x\n",
		"FROM base\nWORKDIR /w\nRUN x\n",
		"FROM base\nUSER 7\nRUN x\n",
		"FROM base\nSHELL [\"/bin/bash\", \"-c\"]\nRUN x\n",
		"FROM base\nRUN --network=none x\n",
		"FROM base\nRUN --security=insecure x\n",
		"FROM base\nRUN --mount=type=tmpfs,target=/t x\n",
		"FROM base\nRUN --mount=type=tmpfs,target=/t,size=1m x\n",
		"FROM base\nRUN --mount=type=cache,target=/t x\n",
		"FROM base\nRUN --mount=type=cache,target=/t,id=other x\n",
		"FROM base\nRUN --mount=type=cache,target=/t,sharing=locked x\n",
		"FROM base\nRUN --mount=type=cache,target=/t,mode=0700 x\n",
		"FROM base\nRUN --mount=type=secret,id=s x\n",
		"FROM base\nRUN --mount=type=secret,id=s,required x\n",
		"FROM base\nRUN --mount=type=secret,id=s,env=S x\n",
		"FROM base\nRUN --mount=type=ssh x\n",
		"FROM base\nRUN --mount=type=bind,target=/s x\n",
		"FROM base\nRUN --mount=type=bind,target=/s,rw x\n",
		"FROM base\nRUN --mount=type=bind,target=/s,source=a x\n",
		"FROM base\nRUN <<A\nx\nA\n",
		"FROM base\nRUN <<A\n#!/bin/sh\nx\nA\n",
		"FROM base\nWORKDIR /x\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
		assert_other("FROM base\nRUN x\n", OTHERS[i]);
		for (size_t j = i + 1; j < ARRAY_LEN(OTHERS); j++)
			assert_other(OTHERS[i], OTHERS[j]);
	}
}

static void whatever_a_copy_does_or_sees_is(void **state)
{
	static const char *const OTHERS[] = {
		"FROM base\nCOPY a /e\n",
		"FROM base\nCOPY a /d/\n",
		"FROM base\nCOPY --chown=1:2 a /d\n",
		"FROM base\nCOPY --chmod=600 a /d\n",
		"FROM base\nCOPY --chmod=601 a /d\n",
		"FROM base\nCOPY --link a /d\n",
		"FROM base\nCOPY --parents a /d\n",
		"FROM base\nCOPY --exclude=x a /d\n",
		"FROM base\nCOPY --exclude=x --exclude=y a /d\n",
		"FROM base\nADD a /d\n",
		"FROM base\nADD http://example.com/a /d\n",
		"FROM base\nADD http://example.com/b /d\n",
		"FROM base\nADD --unpack http://example.com/a /d\n",
		"FROM base\nADD https://github.com/a/b.git /d\n",
		"FROM base\nADD --keep-git-dir https://github.com/a/b.git /d\n",
		"FROM base\nADD https://github.com/a/b.git#main:sub /d\n",
		"FROM base\nCOPY <<a /d\nx\na\n",
		"FROM base\nCOPY <<a /d\ny\na\n",
		"FROM base\nCOPY <<b /d\nx\nb\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
		assert_other("FROM base\nCOPY a /d\n", OTHERS[i]);
		for (size_t j = i + 1; j < ARRAY_LEN(OTHERS); j++)
			assert_other(OTHERS[i], OTHERS[j]);
	}
}

static void contents_the_layer_below_and_the_epoch_are_in_it(void **state)
{
	static const char *const FILES[] = { "FROM base\nCOPY a /d\n",
					     "FROM base\nRUN --mount=target=/s x\n" };
	struct digest one = digest_of('1'), two = digest_of('2');
	int64_t epoch = 0, later = 1;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
		const struct digest keys[] = {
			key_with(FILES[i], 'a', &one, NULL),   key_with(FILES[i], 'k', &one, NULL),
			key_with(FILES[i], 'a', &two, NULL),   key_with(FILES[i], 'a', &one, &epoch),
			key_with(FILES[i], 'a', &one, &later),
		};

		for (size_t j = 0; j < ARRAY_LEN(keys); j++)
			for (size_t k = j + 1; k < ARRAY_LEN(keys); k++)
				assert_false(digest_equal(&keys[j], &keys[k]));
	}
}

static void a_linked_copy_lies_on_any_layer(void **state)
{
	struct digest one = digest_of('1'), two = digest_of('2'), a, b;

	(void)state;
	a = key_with("FROM base\nCOPY --link a /d\n", 'a', &one, NULL);
	b = key_with("FROM base\nCOPY --link a /d\n", 'a', &two, NULL);
	assert_true(digest_equal(&a, &b));
	a = key_with("FROM base\nCOPY --link --chown=7:8 a /d\n", 'a', &one, NULL);
	b = key_with("FROM base\nCOPY --link --chown=7:8 a /d\n", 'a', &two, NULL);
	assert_true(digest_equal(&a, &b));
	a = key_with("FROM base\nCOPY --link --chown=www a /d\n", 'a', &one, NULL);
	b = key_with("FROM base\nCOPY --link --chown=www a /d\n", 'a', &two, NULL);
	assert_false(digest_equal(&a, &b));
}

static void proxies_are_not_in_it(void **state)
{
	struct digest before = digest_of('b'), contents[1], keys[2];
	struct err e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct planned t;

		planned_init(&t);
		assert_int_equal(strvec_addf(&t.build_args, "HTTP_PROXY=http://proxy%d/", i), 0);
		planned_run(&t, "FROM base\nRUN x\n");
		assert_int_equal(t.r, 0);
		assert_int_equal(t.plan.stages[0].steps[0].run.proxy_env.len, 2); /* in lower case too */
		assert_int_equal(step_key_next(&before, &t.plan.stages[0].steps[0], contents, 0, NULL,
					       &keys[i], &e),
				 0);
		planned_done(&t);
	}
	assert_true(digest_equal(&keys[0], &keys[1]));
}

static void stages_begin_with_what_they_are_based_on(void **state)
{
	struct digest one = digest_of('1'), two = digest_of('2'), none = { 0 }, keys[4];
	struct plan_stage stage = { .base = { .kind = PLAN_IMAGE }, .name = (char *)(uintptr_t) "app" };
	struct plan_stage other;
	struct err e;

	(void)state;
	assert_int_equal(platform_parse("linux/arm64", &stage.platform, &e), 0);
	other = stage;
	assert_int_equal(platform_parse("linux/amd64", &other.platform, &e), 0);
	assert_int_equal(step_key_begin(&stage, &one, &keys[0], &e), 0);
	assert_int_equal(step_key_begin(&stage, &two, &keys[1], &e), 0);
	assert_int_equal(step_key_begin(&other, &one, &keys[2], &e), 0);
	stage.base.kind = PLAN_SCRATCH;
	assert_int_equal(step_key_begin(&stage, &none, &keys[3], &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		for (size_t j = i + 1; j < ARRAY_LEN(keys); j++)
			assert_false(digest_equal(&keys[i], &keys[j]));
	assert_int_equal(step_key_begin(&stage, &one, &keys[0], &e), -EINVAL);
	assert_string_equal(e.text, "'scratch' has no content");
	stage.base.kind = PLAN_STAGE;
	assert_int_equal(step_key_begin(&stage, &none, &keys[0], &e), -EINVAL);
	assert_string_equal(e.text, "what 'app' is based on has no digest");
}

static void a_content_that_nobody_looked_at_is_an_error(void **state)
{
	struct digest before = digest_of('b'), contents[CONTENTS_MAX] = { 0 }, key;
	const struct plan_step *step;
	struct planned t;
	struct err e;

	(void)state;
	planned_init(&t);
	planned_run(&t, "FROM base\nADD a http://example.com/b /d/\n");
	assert_int_equal(t.r, 0);
	step = &t.plan.stages[0].steps[0];
	assert_int_equal(step_key_contents(step), 2);
	assert_int_equal(step_key_next(&before, step, contents, 1, NULL, &key, &e), -EINVAL);
	assert_string_equal(e.text, "1 digests where 'ADD a http://example.com/b /d/' has 2 contents");
	contents[0] = digest_of('a');
	assert_int_equal(step_key_next(&before, step, contents, 2, NULL, &key, &e), -EINVAL);
	assert_string_equal(e.text, "content 1 of 'ADD a http://example.com/b /d/' has no digest");
	planned_done(&t);
}

/* Whoever changes the stream changes its version: old keys must not be found. */
static void the_stream_is_that_of_its_version(void **state)
{
	struct digest key = key_of("FROM base\nRUN --mount=type=cache,target=/c x\n");

	(void)state;
	assert_string_equal(key.text,
			    "sha256:036002a4f5454e4777e5ce12fff30b516792021e16852b041e99b1f01dc603fe");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_makes_no_difference_is_not_in_a_key),
		cmocka_unit_test(whatever_a_run_does_or_sees_is),
		cmocka_unit_test(whatever_a_copy_does_or_sees_is),
		cmocka_unit_test(contents_the_layer_below_and_the_epoch_are_in_it),
		cmocka_unit_test(a_linked_copy_lies_on_any_layer),
		cmocka_unit_test(proxies_are_not_in_it),
		cmocka_unit_test(stages_begin_with_what_they_are_based_on),
		cmocka_unit_test(a_content_that_nobody_looked_at_is_an_error),
		cmocka_unit_test(the_stream_is_that_of_its_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
