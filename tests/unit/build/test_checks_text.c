/* SPDX-License-Identifier: Apache-2.0 */
#include "build/checks_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* "JSONArgsRecommended" -> "json-args-recommended" */
static char *page_of(const char *name)
{
	struct buf b = BUF_INIT(128);

	for (size_t i = 0; name[i]; i++) {
		bool upper = isupper((unsigned char)name[i]);
		bool starts = upper && i > 0 &&
			      (islower((unsigned char)name[i - 1]) || islower((unsigned char)name[i + 1]));

		if (starts)
			assert_int_equal(buf_add_char(&b, '-'), 0);
		assert_int_equal(buf_add_char(&b, (char)tolower((unsigned char)name[i])), 0);
	}
	return buf_take(&b);
}

static void each_check_has_a_name_a_page_and_a_description(void **state)
{
	(void)state;
	for (enum check_id id = 0; id < CHECK_COUNT; id++) {
		const struct check_info *check = check_info(id);
		cleanup_free char *page = NULL, *url = NULL;

		assert_non_null(check->name);
		page = page_of(check->name);
		assert_true(asprintf(&url, "https://docs.docker.com/go/dockerfile/rule/%s/", page) > 0);
		assert_string_equal(check->url, url);
		assert_true(strlen(check->description) > 10);
		assert_int_equal(check_find(check->name), id);
	}
	assert_int_equal(check_find("stagenamecasing"), CHECK_COUNT);
	assert_int_equal(check_find(""), CHECK_COUNT);
}

static void messages_are_worded_as_buildkits(void **state)
{
	static const struct {
		enum check_id id;
		const char *words[CHECK_WORDS_MAX], *message;
	} CASES[] = {
		{ CHECK_STAGE_NAME_CASING, { "Builder" }, "Stage name 'Builder' should be lowercase" },
		{ CHECK_FROM_AS_CASING, { "FROM", "as" }, "'as' and 'FROM' keywords' casing do not match" },
		{ CHECK_NO_EMPTY_CONTINUATION, { 0 }, "Empty continuation line" },
		{ CHECK_CONSISTENT_INSTRUCTION_CASING,
		  { "run", "uppercase" },
		  "Command 'run' should match the case of the command majority (uppercase)" },
		{ CHECK_DUPLICATE_STAGE_NAME,
		  { "a" },
		  "Duplicate stage name \"a\", stage names should be unique" },
		{ CHECK_JSON_ARGS_RECOMMENDED,
		  { "CMD" },
		  "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals" },
		{ CHECK_UNDEFINED_ARG_IN_FROM, { "A", "" }, "FROM argument 'A' is not declared" },
		{ CHECK_UNDEFINED_ARG_IN_FROM,
		  { "A", "B" },
		  "FROM argument 'A' is not declared (did you mean B?)" },
		{ CHECK_UNDEFINED_VAR, { "PAHT", "" }, "Usage of undefined variable '$PAHT'" },
		{ CHECK_UNDEFINED_VAR,
		  { "PAHT", "PATH" },
		  "Usage of undefined variable '$PAHT' (did you mean $PATH?)" },
		{ CHECK_LEGACY_KEY_VALUE_FORMAT,
		  { "ENV" },
		  "\"ENV key=value\" should be used instead of legacy \"ENV key value\" format" },
		{ CHECK_INVALID_BASE_IMAGE_PLATFORM,
		  { "alpine", "linux/arm64", "linux/amd64" },
		  "Base image alpine was pulled with platform \"linux/arm64\", expected \"linux/amd64\" for "
		  "current build" },
		{ CHECK_SECRETS_USED_IN_ARG_OR_ENV,
		  { "ARG", "TOKEN" },
		  "Do not use ARG or ENV instructions for sensitive data (ARG \"TOKEN\")" },
		{ CHECK_COPY_IGNORED_FILE,
		  { "Copy", "a" },
		  "Attempting to Copy file \"a\" that is excluded by .dockerignore" },
		{ CHECK_INVALID_DEFINITION_DESCRIPTION,
		  { "ARG", "{0}" }, /* words are plain text */
		  "Comment for ARG should follow the format: `# {0} <description>`" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_buf struct buf out = BUF_INIT(CHECK_MESSAGE_MAX);

		assert_int_equal(check_message(CASES[i].id, CASES[i].words, &out), 0);
		assert_string_equal(out.data, CASES[i].message);
	}
}

static void checks_are_chosen_by_the_directive(void **state)
{
	static const struct {
		const char *text;
		bool casing, secrets, description;
	} CASES[] = {
		{ "", true, true, false },
		{ "skip=StageNameCasing", false, true, false },
		{ " skip = SecretsUsedInArgOrEnv , StageNameCasing ", false, false, false },
		{ "skip=all", false, false, false },
		{ "experimental=all", true, true, true },
		{ "experimental=InvalidDefinitionDescription;error=true", true, true, true },
		{ "skip=stagenamecasing", true, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_check_options struct check_options o = { 0 };
		struct err e;

		assert_int_equal(check_options_parse(CASES[i].text, &o, &e), 0);
		assert_int_equal(check_is_on(&o, CHECK_STAGE_NAME_CASING), CASES[i].casing);
		assert_int_equal(check_is_on(&o, CHECK_SECRETS_USED_IN_ARG_OR_ENV), CASES[i].secrets);
		assert_int_equal(check_is_on(&o, CHECK_INVALID_DEFINITION_DESCRIPTION), CASES[i].description);
	}
}

static void cases_are_told_apart(void **state)
{
	(void)state;
	assert_true(check_one_case("run"));
	assert_true(check_one_case("RUN"));
	assert_false(check_one_case("Run"));
	assert_null(check_wanted_case("run", true));
	assert_null(check_wanted_case("RUN", false));
	assert_string_equal(check_wanted_case("Run", true), "lowercase");
	assert_string_equal(check_wanted_case("RUN", true), "lowercase");
	assert_string_equal(check_wanted_case("run", false), "uppercase");
	assert_true(check_from_as_agree("FROM", "AS"));
	assert_true(check_from_as_agree("from", "as"));
	assert_true(check_from_as_agree("From", "aS"));
	assert_false(check_from_as_agree("FROM", "as"));
	assert_false(check_from_as_agree("from", "As"));
}

static void names_of_secrets_are_known_by_their_parts(void **state)
{
	static const char *const SECRET[] = { "TOKEN",  "GITHUB_TOKEN",    "secret_MESSAGE", "Api_Key",
					      "AUTH",   "DB_PASSWORD",     "PWORD",          "x_passwd_y",
					      "APIKEY", "AWS_CREDENTIALS", "_key_",          "CREDENTIAL" };
	static const char *const PLAIN[] = { "",           "TOKENS",     "MONKEY",      "KEYBOARD",
					     "PUBLIC_KEY", "TOKEN_FILE", "KEY_VERSION", "api-key",
					     "AUTHOR",     "PASSWORDX",  "file_key",    "_" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(SECRET); i++)
		if (!check_name_is_secret(SECRET[i]))
			fail_msg("%s is a secret", SECRET[i]);
	for (size_t i = 0; i < ARRAY_LEN(PLAIN); i++)
		if (check_name_is_secret(PLAIN[i]))
			fail_msg("%s is no secret", PLAIN[i]);
}

static void words_of_other_instructions_are_looked_at(void **state)
{
	cleanup_strvec struct strvec names = { 0 };

	(void)state;
	assert_true(check_stage_is_reserved("scratch"));
	assert_true(check_stage_is_reserved("context"));
	assert_false(check_stage_is_reserved("Scratch"));
	assert_false(check_stage_is_reserved("scratch2"));
	assert_true(check_expose_proto_case("80/TCP"));
	assert_false(check_expose_proto_case("80/tcp"));
	assert_false(check_expose_proto_case("80"));
	assert_true(check_expose_has_host("80:80"));
	assert_true(check_expose_has_host("127.0.0.1:80:80/tcp"));
	assert_false(check_expose_has_host("80-90/udp"));
	assert_true(check_stage_names_platform("build-arm64", "linux", "arm64"));
	assert_true(check_stage_names_platform("linux-build", "linux", "arm64"));
	assert_false(check_stage_names_platform("build", "linux", "arm64"));
	assert_int_equal(strvec_add(&names, "version"), 0);
	assert_int_equal(strvec_add(&names, "other"), 0);
	assert_true(check_comment_names_one("other is this", &names));
	assert_true(check_comment_names_one("version", &names));
	assert_false(check_comment_names_one("versions are this", &names));
	assert_false(check_comment_names_one("the version", &names));
}

static void sources_that_are_ignored_are_seen(void **state)
{
	static const struct {
		const char *ignore, *source;
		bool ignored;
	} CASES[] = {
		{ "docs\n", "docs", true },
		{ "docs\n", "./docs/api/", true },
		{ "docs\n", "src", false },
		{ "docs\n!docs/api\n", "docs", false }, /* nobody can say */
		{ "*\n", ".", true },
		{ "**\n", "/", true },
		{ "**/*\n", "./", true },
		{ "?\n", ".", false }, /* it matches the name only */
		{ "**/*.md\n", "a/b.md", true },
		{ "", "a", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_ignore struct ignore ignore = { 0 };
		bool ignored = false;
		struct err e;

		assert_int_equal(ignore_read(CASES[i].ignore, strlen(CASES[i].ignore), &ignore, &e), 0);
		assert_int_equal(check_source_is_ignored(&ignore, CASES[i].source, &ignored, &e), 0);
		if (ignored != CASES[i].ignored)
			fail_msg("%s with %s", CASES[i].source, CASES[i].ignore);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_check_has_a_name_a_page_and_a_description),
		cmocka_unit_test(messages_are_worded_as_buildkits),
		cmocka_unit_test(checks_are_chosen_by_the_directive),
		cmocka_unit_test(cases_are_told_apart),
		cmocka_unit_test(names_of_secrets_are_known_by_their_parts),
		cmocka_unit_test(words_of_other_instructions_are_looked_at),
		cmocka_unit_test(sources_that_are_ignored_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
