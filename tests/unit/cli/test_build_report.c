/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_report.h"

#include "tests/unit/build/dockerfile_test.h"
#include "tests/unit/common/scratch.h"

#define TEXT "FROM scratch\n# two\nENV A=1\nENV B=1\nENV C=1\nENV D=1\nENV E=1\nENV F=1\n"

/* What `show` writes, owned. */
struct shown {
	char *text;
	size_t len;
	FILE *out;
};

static FILE *open_shown(struct shown *s)
{
	s->out = open_memstream(&s->text, &s->len);
	assert_non_null(s->out);
	return s->out;
}

static void assert_shown(struct shown *s, const char *expected)
{
	assert_int_equal(fclose(s->out), 0);
	assert_string_equal(s->text, expected);
	free(s->text);
	*s = (struct shown){ 0 };
}

static void an_excerpt_marks_its_lines_among_others(void **state)
{
	struct dockerfile f = parsed(TEXT);
	struct shown s;

	(void)state;
	build_excerpt(open_shown(&s), &f, 5, 6);
	assert_shown(&s, "Dockerfile:5\n--------------------\n   2 |     # two\n   3 |     ENV A=1\n   4 |   "
			 "  ENV B=1\n"
			 "   5 | >>> ENV C=1\n   6 | >>> ENV D=1\n   7 |     ENV E=1\n   8 |     ENV "
			 "F=1\n--------------------\n");
	build_excerpt(open_shown(&s), &f, 1, 1);
	assert_shown(&s, "Dockerfile:1\n--------------------\n   1 | >>> FROM scratch\n   2 |     # two\n   "
			 "3 |     ENV A=1\n"
			 "   4 |     ENV B=1\n--------------------\n");
	build_excerpt(open_shown(&s), &f, 100, 200);
	assert_shown(&s, "Dockerfile:100\n--------------------\n--------------------\n");
	dockerfile_done(&f);
}

static void an_excerpt_is_not_obeyed_by_a_terminal(void **state)
{
	struct dockerfile f = parsed("FROM scratch\nENV A=\033[2J\a\n");
	struct shown s;

	(void)state;
	build_excerpt(open_shown(&s), &f, 2, 2);
	assert_shown(&s, "Dockerfile:2\n--------------------\n   1 |     FROM scratch\n   2 | >>> ENV "
			 "A=?[2J?\n--------------------\n");
	dockerfile_done(&f);
}

static void warn(struct build_warnings *w, enum check_id check, uint32_t line, const char *text)
{
	const struct plan_warning one = {
		.check = check, .first_line = line, .last_line = line, .text = (char *)(uintptr_t)text
	};

	build_warnings_add(w, &one);
}

static void warnings_are_shown_in_short_at_the_end(void **state)
{
	cleanup_build_warnings struct build_warnings w = { 0 };
	struct shown s;

	(void)state;
	build_warnings_show(&w, open_shown(&s));
	assert_shown(&s, "");
	warn(&w, CHECK_COUNT, 0, "of\nno\033 check");
	build_warnings_show(&w, open_shown(&s));
	assert_shown(&s, "\n 1 warning found (use --check for more):\n - of?no? check\n");
	warn(&w, 0, 3, "text");
	build_warnings_show(&w, open_shown(&s));
	assert_int_equal(fclose(s.out), 0);
	assert_non_null(strstr(s.text, "\n 2 warnings found (use --check for more):\n"));
	assert_non_null(strstr(s.text, check_info(0)->name));
	assert_non_null(strstr(s.text, ": text (line 3)\n"));
	free(s.text);
}

static void a_report_has_all_of_it_and_an_exit_code(void **state)
{
	cleanup_build_warnings struct build_warnings w = { 0 };
	struct dockerfile f = parsed("FROM scratch\n");
	char expected[1024];
	struct shown s;

	(void)state;
	assert_int_equal(build_warnings_report(&w, &f, open_shown(&s)), 0);
	assert_shown(&s, "Check complete, no warnings found.\n");
	warn(&w, 0, 1, "text");
	warn(&w, CHECK_COUNT, 0, "other");
	assert_int_equal(build_warnings_report(&w, &f, open_shown(&s)), 1);
	(void)snprintf(expected, sizeof(expected),
		       "Check complete, 2 warnings have been found!\n\nWARNING: %s - "
		       "%s\ntext\nDockerfile:1\n--------------------\n"
		       "   1 | >>> FROM scratch\n--------------------\n\nWARNING: other\n",
		       check_info(0)->name, check_info(0)->url);
	assert_shown(&s, expected);
	dockerfile_done(&f);
}

static struct digest digest_of(char digit)
{
	struct digest d;

	(void)snprintf(d.text, sizeof(d.text), "sha256:%064d", 0);
	d.text[7] = digit;
	return d;
}

static void files_say_what_was_built(void **state)
{
	const struct scratch *s = *state;
	struct build_summary summary = { .id = digest_of('a'), .digest = digest_of('b') };
	struct strvec names = { 0 };
	char iid[128], metadata[128];
	struct build_flags f = { .iidfile = iid, .metadata_file = metadata };
	cleanup_buf struct buf text = BUF_INIT(4096);
	struct err e = { 0 };

	(void)snprintf(iid, sizeof(iid), "%s", scratch_path(s, "iid"));
	(void)snprintf(metadata, sizeof(metadata), "%s", scratch_path(s, "metadata"));
	assert_int_equal(strvec_add(&names, "docker.io/library/a:1"), 0);
	assert_int_equal(strvec_add(&names, "localhost/b:latest"), 0);
	summary.names = &names;
	assert_int_equal(build_summary_tell(&summary, &f, &e), 0);
	assert_true(scratch_holds(s, "iid", summary.id.text));
	assert_int_equal(file_read(s->fd, "metadata", &text, &e), 0);
	assert_non_null(strstr(text.data, "\"containerimage.config.digest\": \"sha256:a"));
	assert_non_null(strstr(text.data, "\"containerimage.digest\": \"sha256:b"));
	assert_non_null(strstr(text.data, "\"image.name\": \"docker.io/library/a:1,localhost/b:latest\""));
	strvec_done(&names);
}

static void a_file_that_cannot_be_written_is_an_error(void **state)
{
	const struct strvec names = { 0 };
	const struct build_summary summary = { .id = digest_of('a'),
					       .digest = digest_of('b'),
					       .names = &names };
	struct build_flags f = { .iidfile = "/nowhere/iid" };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(build_summary_tell(&summary, &f, &e), -ENOENT);
	assert_string_equal(e.text, "cannot write '/nowhere/iid': no such file or directory");
	f.iidfile = "/dev/full";
	assert_int_equal(build_summary_tell(&summary, &f, &e), -ENOSPC);
	assert_string_equal(e.text, "cannot write '/dev/full': no space left on device");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(an_excerpt_marks_its_lines_among_others),
		SCRATCH_TEST(an_excerpt_is_not_obeyed_by_a_terminal),
		SCRATCH_TEST(warnings_are_shown_in_short_at_the_end),
		SCRATCH_TEST(a_report_has_all_of_it_and_an_exit_code),
		SCRATCH_TEST(files_say_what_was_built),
		SCRATCH_TEST(a_file_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
