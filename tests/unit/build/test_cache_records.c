/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/cache_records.h"
#include "common/cleanup.h"

static struct digest digest_of(char letter)
{
	struct digest d;

	(void)snprintf(d.text, sizeof(d.text), "sha256:%064d", 0);
	d.text[sizeof("sha256:") - 1] = letter;
	return d;
}

static struct build_step step_of(char letter, bool in_image)
{
	struct build_step s = { .key = digest_of(letter), .text = "RUN make", .in_image = in_image };

	s.layer.diff_id = digest_of((char)(letter + 1));
	s.layer.tar_bytes = 1024;
	(void)snprintf(s.layer.created, sizeof(s.layer.created), "2026-01-02T03:04:05Z");
	return s;
}

/* A configuration with the label `value`, or none, and the layers of the digests that begin with `layers`. */
static struct image_config config_of(const char *value, const char *layers)
{
	struct image_config c = { .diff_ids_len = strlen(layers) };

	c.diff_ids = calloc(c.diff_ids_len + 1, sizeof(*c.diff_ids));
	assert_non_null(c.diff_ids);
	for (size_t i = 0; layers[i]; i++)
		c.diff_ids[i] = digest_of(layers[i]);
	if (value)
		assert_int_equal(strvec_addf(&c.labels, CACHE_LABEL "=%s", value), 0);
	return c;
}

static void what_is_written_is_read(void **state)
{
	struct build_step steps[] = { step_of('1', false), step_of('3', true) };
	struct cache_records records = { 0 };
	struct buf text = BUF_INIT(CACHE_LABEL_MAX);
	struct image_config config;
	struct err e;

	(void)state;
	steps[1].before = steps[0].key;
	assert_int_equal(cache_records_write(steps, 2, true, &text, &e), 0);
	config = config_of(text.data, "24");
	assert_int_equal(cache_records_read(&config, &records, &e), 0);
	assert_int_equal(records.len, 2);
	assert_true(digest_equal(&records.items[0].key, &steps[0].key));
	assert_false(digest_is_set(&records.items[0].before));
	assert_true(digest_equal(&records.items[1].before, &steps[0].key));
	assert_true(digest_equal(&records.items[1].diff_id, &steps[1].layer.diff_id));
	assert_int_equal(records.items[1].size_bytes, 1024);
	assert_string_equal(records.items[1].created, "2026-01-02T03:04:05Z");
	assert_string_equal(records.items[1].text, "RUN make");
	cache_records_done(&records);
	image_config_done(&config);
	buf_done(&text);
}

static void the_small_cache_has_the_image_s_steps_alone(void **state)
{
	const struct build_step steps[] = { step_of('1', false), step_of('3', true) };
	struct buf text = BUF_INIT(CACHE_LABEL_MAX);
	struct err e;

	(void)state;
	assert_int_equal(cache_records_write(steps, 2, false, &text, &e), 0);
	assert_null(strstr(text.data, steps[0].key.text));
	assert_non_null(strstr(text.data, steps[1].key.text));
	buf_done(&text);
}

static void a_long_instruction_is_cut_between_characters(void **state)
{
	char long_text[CACHE_TEXT_MAX + 2];
	struct build_step step = step_of('1', true);
	struct cache_records records = { 0 };
	struct buf text = BUF_INIT(CACHE_LABEL_MAX);
	struct image_config config;
	struct err e;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[CACHE_TEXT_MAX - 1] = (char)0xc3; /* two bytes, of which one fits */
	long_text[CACHE_TEXT_MAX] = (char)0xa4;
	long_text[CACHE_TEXT_MAX + 1] = '\0';
	step.text = long_text;
	assert_int_equal(cache_records_write(&step, 1, true, &text, &e), 0);
	config = config_of(text.data, "2");
	assert_int_equal(cache_records_read(&config, &records, &e), 0);
	assert_int_equal(strlen(records.items[0].text), CACHE_TEXT_MAX - 1);
	cache_records_done(&records);
	image_config_done(&config);
	buf_done(&text);
}

static void steps_of_several_platforms_are_one_cache(void **state)
{
	struct build_step first[] = { step_of('1', false), step_of('3', true) };
	struct build_step second[] = { step_of('1', true), step_of('5', true) };
	const struct build_result a = { .steps = first, .steps_len = 2 },
				  b = { .steps = second, .steps_len = 2 };
	struct cache_steps steps = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(cache_steps_add(&steps, &a, &e), 0);
	assert_int_equal(cache_steps_add(&steps, &b, &e), 0);
	assert_int_equal(steps.len, 3);
	assert_true(steps.items[0].in_image);
	assert_string_equal(steps.items[2].text, "RUN make");
	assert_ptr_not_equal(steps.items[2].text, second[1].text);
	cache_steps_done(&steps);
}

static void too_many_steps_are_no_cache(void **state)
{
	struct build_step *many = calloc(CACHE_STEPS_MAX + 1, sizeof(*many));
	struct build_result r = { .steps = many, .steps_len = CACHE_STEPS_MAX + 1 };
	struct cache_steps steps = { 0 };
	struct err e;

	(void)state;
	assert_non_null(many);
	for (size_t i = 0; i < r.steps_len; i++)
		(void)snprintf(many[i].key.text, sizeof(many[i].key.text), "sha256:%064zx", i);
	assert_int_equal(cache_steps_add(&steps, &r, &e), -EFBIG);
	assert_string_equal(e.text, "a build cache has at most 4096 steps");
	cache_steps_done(&steps);
	free(many);
}

#define D "sha256:0000000000000000000000000000000000000000000000000000000000000000"
#define STEP(key, diff_id, rest) \
	"{\"version\":1,\"steps\":[{\"key\":\"" key "\",\"diffID\":\"" diff_id "\"" rest "}]}"

static void what_we_would_not_write_is_refused(void **state)
{
	static const struct {
		const char *text, *message;
		int code;
	} cases[] = {
		{ "{\"version\":2,\"steps\":[]}", "its version is 2, and this program reads version 1",
		  -EOPNOTSUPP },
		{ "{\"version\":1}", "steps: missing", -EINVAL },
		{ "{\"steps\":[]}", "version: missing", -EINVAL },
		{ STEP("../../etc/passwd", D, ",\"size\":1"), "steps[0].key: bad digest '../../etc/passwd'",
		  -EINVAL },
		{ STEP(D, D, ""), "steps[0].size: missing", -EINVAL },
		{ STEP(D, D, ",\"size\":1125899906842625"), "steps[0].size: no layer is that large", -EFBIG },
		{ STEP(D, D, ",\"size\":1,\"created\":\"now\""), "steps[0].created: expected a time",
		  -EINVAL },
		{ STEP(D, D, ",\"size\":1"), "steps[0].diffID: the image has no layer " D, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct image_config config = config_of(cases[i].text, "2");
		struct cache_records records = { 0 };
		struct err e = { 0 };

		assert_int_equal(cache_records_read(&config, &records, &e), cases[i].code);
		if (strncmp(e.text, "label 'org.sampan.build.cache': ", 32) != 0 ||
		    strncmp(e.text + 32, cases[i].message, strlen(cases[i].message)) != 0)
			fail_msg("'%s' is not '%s'", e.text, cases[i].message);
		assert_null(records.items);
		image_config_done(&config);
	}
}

static void an_image_without_the_label_is_no_cache(void **state)
{
	struct image_config config = config_of(NULL, "1");
	struct cache_records records = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(cache_records_read(&config, &records, &e), -ENODATA);
	assert_string_equal(
		e.text, "the image has no label 'org.sampan.build.cache', so it is no build cache of ours");
	image_config_done(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_small_cache_has_the_image_s_steps_alone),
		cmocka_unit_test(a_long_instruction_is_cut_between_characters),
		cmocka_unit_test(steps_of_several_platforms_are_one_cache),
		cmocka_unit_test(too_many_steps_are_no_cache),
		cmocka_unit_test(what_we_would_not_write_is_refused),
		cmocka_unit_test(an_image_without_the_label_is_no_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
