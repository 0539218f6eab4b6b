/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void err_set_returns_its_code_and_keeps_errno(void **state)
{
	struct err e = { 0 };

	(void)state;
	errno = ENOSPC;
	assert_int_equal(err_set(&e, -EINVAL, "bad digest '%s'", "x"), -EINVAL);
	assert_int_equal(e.code, -EINVAL);
	assert_string_equal(e.text, "bad digest 'x'");
	assert_int_equal(errno, ENOSPC);
}

static void err_errno_says_why_in_lower_case(void **state)
{
	struct err e = { 0 };

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_errno(&e, "cannot open '%s'", "/x"), -ENOENT);
	assert_int_equal(e.code, -ENOENT);
	assert_string_equal(e.text, "cannot open '/x': no such file or directory");
	assert_int_equal(errno, ENOENT);
}

static void abbreviations_in_reasons_keep_their_capitals(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_code(&e, -EDOTDOT, "x"), -EDOTDOT);
	assert_string_equal(e.text, "x: RFS specific error");
}

static void err_code_takes_a_code_in_hand_and_keeps_errno(void **state)
{
	struct err e = { 0 };

	(void)state;
	errno = EPERM;
	assert_int_equal(err_code(&e, -EACCES, "cannot open '%s'", "/x"), -EACCES);
	assert_int_equal(e.code, -EACCES);
	assert_string_equal(e.text, "cannot open '/x': permission denied");
	assert_int_equal(errno, EPERM);
}

static void err_wrap_puts_context_before_the_cause(void **state)
{
	struct err e = { 0 };

	(void)state;
	(void)err_set(&e, -EBADMSG, "digest mismatch");
	errno = EIO;
	assert_int_equal(err_wrap(&e, "layer %d", 3), -EBADMSG);
	assert_int_equal(err_wrap(&e, "image '%s'", "a"), -EBADMSG);
	assert_string_equal(e.text, "image 'a': layer 3: digest mismatch");
	assert_int_equal(errno, EIO);
}

static void long_texts_are_cut_at_their_end(void **state)
{
	char longer[2 * sizeof(((struct err *)0)->text)];
	struct err e = { 0 };

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(err_set(&e, -EINVAL, "%s", longer), -EINVAL);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(err_wrap(&e, "outer"), -EINVAL);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_memory_equal(e.text, "outer: xxx", 10);
	assert_int_equal(err_wrap(&e, "%s", longer), -EINVAL);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(err_code(&e, -ENOENT, "%s", longer), -ENOENT);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

/* Each length around the end of the text: neither the context nor the reason may run over it. */
static void reasons_never_run_over_the_end(void **state)
{
	struct {
		struct err e;
		char behind[8];
	} guarded;
	char text[sizeof(guarded.e.text)];

	(void)state;
	for (size_t len = sizeof(text) - 40; len < sizeof(text); len++) {
		memset(&guarded, 'g', sizeof(guarded));
		memset(text, 'x', len);
		text[len] = '\0';
		assert_int_equal(err_code(&guarded.e, -ENOENT, "%s", text), -ENOENT);
		assert_true(strlen(guarded.e.text) < sizeof(guarded.e.text));
		assert_memory_equal(guarded.e.text, text, len);
		assert_memory_equal(guarded.behind, "gggggggg", 8);
	}
}

static void an_unknown_code_has_a_text_too(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_code(&e, -4000, "x"), -4000);
	assert_string_equal(e.text, "x: unknown error 4000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_set_returns_its_code_and_keeps_errno),
		cmocka_unit_test(err_errno_says_why_in_lower_case),
		cmocka_unit_test(abbreviations_in_reasons_keep_their_capitals),
		cmocka_unit_test(err_code_takes_a_code_in_hand_and_keeps_errno),
		cmocka_unit_test(err_wrap_puts_context_before_the_cause),
		cmocka_unit_test(long_texts_are_cut_at_their_end),
		cmocka_unit_test(reasons_never_run_over_the_end),
		cmocka_unit_test(an_unknown_code_has_a_text_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
