/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/run_env.h"
#include "common/cleanup.h"

struct setting {
	struct strvec image, files, flags, own, env;
	char path[64];
	bool tty;
	struct err e;
};

static void setting_done(struct setting *s)
{
	struct strvec *all[] = { &s->image, &s->files, &s->flags, &s->own, &s->env };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		strvec_done(all[i]);
	if (s->path[0])
		unlink(s->path);
}
#define cleanup_setting __attribute__((cleanup(setting_done)))

static void add(struct strvec *v, const char *text)
{
	assert_int_equal(strvec_add(v, text), 0);
}

static void add_file(struct setting *s, const char *text, size_t len)
{
	int fd;

	snprintf(s->path, sizeof(s->path), "/tmp/test_run_env.XXXXXX");
	fd = mkstemp(s->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
	add(&s->files, s->path);
}

static int build(struct setting *s)
{
	struct run_env_sources from = { .hostname = "box",
					.home = "/home/x",
					.tty = s->tty,
					.image = &s->image,
					.files = &s->files,
					.flags = &s->flags,
					.own = &s->own };

	return run_env_build(&from, &s->env, &s->e);
}

static void expect(const struct setting *s, const char *name, const char *value)
{
	const char *got = strvec_get_env(&s->env, name);

	if (!value)
		assert_null(got);
	else
		assert_string_equal(got ? got : "(none)", value);
}

static void defaults_are_there_without_anything(void **state)
{
	cleanup_setting struct setting s = { 0 };

	(void)state;
	assert_int_equal(build(&s), 0);
	expect(&s, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	expect(&s, "HOSTNAME", "box");
	expect(&s, "HOME", "/home/x");
	expect(&s, "TERM", NULL);
	assert_int_equal(s.env.len, 3);
}

static void a_terminal_gets_a_term(void **state)
{
	cleanup_setting struct setting s = { .tty = true };

	(void)state;
	assert_int_equal(build(&s), 0);
	expect(&s, "TERM", "xterm");
}

static void flags_win_over_files_and_files_over_the_image(void **state)
{
	static const char FILE_TEXT[] = "# comment\n\n  B=file\nC=file\r\nEMPTY=\nSPACES= a b \nD";
	cleanup_setting struct setting s = { .tty = true };

	(void)state;
	add(&s.image, "PATH=/bin");
	add(&s.image, "A=image");
	add(&s.image, "B=image");
	add(&s.image, "C=image");
	add(&s.image, "HOME=/image");
	add(&s.image, "not-a-pair");
	add_file(&s, FILE_TEXT, sizeof(FILE_TEXT) - 1);
	add(&s.own, "D=own");
	add(&s.flags, "C=flag");
	add(&s.flags, "TERM=vt100");
	add(&s.flags, "E=x=y");
	assert_int_equal(build(&s), 0);
	expect(&s, "PATH", "/bin");
	expect(&s, "A", "image");
	expect(&s, "B", "file");
	expect(&s, "C", "flag");
	expect(&s, "D", "own");
	expect(&s, "E", "x=y");
	expect(&s, "EMPTY", "");
	expect(&s, "SPACES", " a b ");
	expect(&s, "HOME", "/image");
	expect(&s, "TERM", "vt100");
	expect(&s, "not-a-pair", NULL);
}

static void a_name_alone_takes_our_value_or_removes_it(void **state)
{
	cleanup_setting struct setting s = { 0 };

	(void)state;
	add(&s.own, "HERE=1");
	add(&s.image, "GONE=image");
	add(&s.image, "GONER=stays");
	add(&s.flags, "HERE");
	add(&s.flags, "GONE");
	assert_int_equal(build(&s), 0);
	expect(&s, "HERE", "1");
	expect(&s, "GONE", NULL);
	expect(&s, "GONER", "stays");
}

static void malformed_input_is_refused(void **state)
{
	static const struct {
		const char *flag, *file, *text;
	} CASES[] = {
		{ "=x", NULL, "invalid environment variable: '=x'" },
		{ "", NULL, "invalid environment variable: ''" },
		{ NULL, "A B=1\n", "variable 'A B' contains whitespaces" },
		{ NULL, "=1\n", "no variable name on line '=1'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_setting struct setting s = { 0 };

		if (CASES[i].flag)
			add(&s.flags, CASES[i].flag);
		if (CASES[i].file)
			add_file(&s, CASES[i].file, strlen(CASES[i].file));
		assert_int_equal(build(&s), -EINVAL);
		assert_non_null(strstr(s.e.text, CASES[i].text));
		assert_int_equal(s.env.len, 0);
	}
}

static void a_file_that_is_absent_or_binary_is_refused(void **state)
{
	cleanup_setting struct setting absent = { 0 }, binary = { 0 };

	(void)state;
	add(&absent.files, "/nonexistent/env");
	assert_int_equal(build(&absent), -ENOENT);
	assert_string_equal(absent.e.text, "'/nonexistent/env': cannot open: no such file or directory");
	add_file(&binary, "A=1\0B", 5);
	assert_int_equal(build(&binary), -EINVAL);
	assert_non_null(strstr(binary.e.text, "is not a text file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_there_without_anything),
		cmocka_unit_test(a_terminal_gets_a_term),
		cmocka_unit_test(flags_win_over_files_and_files_over_the_image),
		cmocka_unit_test(a_name_alone_takes_our_value_or_removes_it),
		cmocka_unit_test(malformed_input_is_refused),
		cmocka_unit_test(a_file_that_is_absent_or_binary_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
