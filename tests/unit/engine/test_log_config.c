/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_config.h"

#include "tests/unit/common/scratch.h"

static int parse(const char *driver, const char *const *options, struct log_config *ret, struct err *e)
{
	cleanup_strvec struct strvec v = { 0 };

	for (; options && *options; options++)
		assert_int_equal(strvec_add(&v, *options), 0);
	return log_config_parse(driver, &v, ret, e);
}

#define OPTIONS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void the_default_is_json_file_with_a_cap(void **state)
{
	struct log_config c = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(parse(NULL, NULL, &c, &e), 0);
	assert_int_equal(c.driver, LOG_JSON_FILE);
	assert_int_equal(c.max_size, 10 << 20);
	assert_int_equal(c.max_files, 3);
	assert_int_equal(parse("", NULL, &c, &e), 0);
	assert_int_equal(c.driver, LOG_JSON_FILE);
}

static void options_are_read_as_docker_reads_them(void **state)
{
	static const struct {
		const char *option;
		uint64_t size;
	} SIZES[] = { { "max-size=10m", 10000000 },  { "max-size=1k", 1000 },
		      { "max-size=1.5MB", 1500000 }, { "max-size=2G", 2000000000 },
		      { "max-size=4096", 4096 },     { "max-size=5000b", 5000 },
		      { "max-size=1 kb", 1000 },     { "max-size=0.5m", 500000 } };
	struct log_config c = { .container_id = "kept" };
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
		assert_int_equal(parse("json-file", OPTIONS(SIZES[i].option), &c, &e), 0);
		assert_int_equal(c.max_size, SIZES[i].size);
	}
	assert_int_equal(parse("json-file",
			       OPTIONS("max-file=7", "compress=false", "tag={{.ID}}", "labels=a"), &c, &e),
			 0);
	assert_int_equal(c.max_files, 7);
	assert_false(c.non_blocking);
	assert_int_equal(parse("journald", OPTIONS("mode=non-blocking", "max-buffer-size=4m"), &c, &e), 0);
	assert_int_equal(c.driver, LOG_JOURNALD);
	assert_true(c.non_blocking);
	assert_int_equal(parse("none", NULL, &c, &e), 0);
	assert_int_equal(c.driver, LOG_NONE);
	assert_int_equal(parse("passthrough", NULL, &c, &e), 0);
	assert_int_equal(c.driver, LOG_PASSTHROUGH);
	assert_string_equal(c.container_id, "kept");
}

static void compression_needs_a_file_that_is_rotated(void **state)
{
	static const char WHY[] =
		"compress cannot be true when max-file is less than 2 or max-size is not set";
	struct log_config c = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(parse(NULL, NULL, &c, &e), 0);
	assert_false(c.compress);
	assert_int_equal(parse(NULL, OPTIONS("compress=true"), &c, &e), 0);
	assert_true(c.compress);
	assert_int_equal(parse(NULL, OPTIONS("compress=1", "max-file=2"), &c, &e), 0);
	assert_true(c.compress);
	assert_int_equal(parse(NULL, OPTIONS("compress=false", "max-file=1"), &c, &e), 0);
	assert_false(c.compress);
	assert_int_equal(parse(NULL, OPTIONS("compress=true", "max-file=1"), &c, &e), -EINVAL);
	assert_string_equal(e.text, WHY);
	assert_int_equal(parse(NULL, OPTIONS("max-file=1", "compress=t"), &c, &e), -EINVAL);
	assert_string_equal(e.text, WHY);
}

static void local_has_dockers_defaults(void **state)
{
	struct log_config c = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(parse("local", NULL, &c, &e), 0);
	assert_int_equal(c.driver, LOG_LOCAL);
	assert_string_equal(log_driver_name(c.driver), "local");
	assert_int_equal(c.max_size, 20 << 20);
	assert_int_equal(c.max_files, 5);
	assert_true(c.compress);
	assert_int_equal(parse("local",
			       OPTIONS("max-size=1m", "max-file=1", "compress=false", "labels=a", "env=b",
				       "tag=c", "mode=blocking"),
			       &c, &e),
			 0);
	assert_int_equal(c.max_size, 1000000);
	assert_int_equal(c.max_files, 1);
	assert_false(c.compress);
	assert_int_equal(parse("json-file", NULL, &c, &e), 0);
	assert_int_equal(c.max_files, 3);
	assert_false(c.compress);
}

static void what_is_wrong_is_said_in_dockers_words(void **state)
{
	static const struct {
		const char *driver, *option, *text;
		int code;
	} CASES[] = {
		{ "sislog", NULL, "logger: no log driver named 'sislog' is registered", -EINVAL },
		{ "syslog", NULL,
		  "log driver 'syslog' is not supported (use json-file, local, journald, none or "
		  "passthrough)",
		  -EOPNOTSUPP },
		{ "json-file", "colour=red", "unknown log opt 'colour' for json-file log driver", -EINVAL },
		{ "journald", "max-size=1m", "unknown log opt 'max-size' for journald log driver", -EINVAL },
		{ "local", "colour=red", "unknown log opt 'colour' for log driver local", -EINVAL },
		{ "local", "max-file=1", "compression cannot be enabled when max file count is 1", -EINVAL },
		{ "none", "tag=x", "unknown log opt 'tag' for none log driver", -EINVAL },
		{ "json-file", "max-size", "invalid logging opt 'max-size' (expected key=value)", -EINVAL },
		{ "json-file", "=1", "invalid logging opt '=1' (expected key=value)", -EINVAL },
		{ "json-file", "max-size=0", "max-size must be a positive number", -EINVAL },
		{ "json-file", "max-size=999", "max-size must be at least 1000 bytes", -EINVAL },
		{ "json-file", "max-size=-1", "invalid size: '-1'", -EINVAL },
		{ "json-file", "max-size=ten", "invalid size: 'ten'", -EINVAL },
		{ "json-file", "max-size=1mm", "invalid size: '1mm'", -EINVAL },
		{ "json-file", "max-size=1.2.3m", "invalid size: '1.2.3m'", -EINVAL },
		{ "json-file", "max-size=10000000000000000000p", "invalid size: '10000000000000000000p'",
		  -EINVAL },
		{ "json-file", "max-file=0", "max-file cannot be less than 1", -EINVAL },
		{ "json-file", "max-file=501", "max-file cannot be more than 500", -EINVAL },
		{ "json-file", "max-file=x", "max-file: 'x' is no number", -EINVAL },
		{ "json-file", "compress=maybe", "compress: 'maybe' is neither true nor false", -EINVAL },
		{ "json-file", "mode=fast", "logger: logging mode not supported: fast", -EINVAL },
		{ "json-file", "max-buffer-size=1m",
		  "logger: max-buffer-size option is only supported with 'mode=non-blocking'", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct log_config c = { .max_files = 99 };
		struct err e = { 0 };

		assert_int_equal(parse(CASES[i].driver, OPTIONS(CASES[i].option), &c, &e), CASES[i].code);
		assert_string_equal(e.text, CASES[i].text);
		assert_int_equal(c.max_files, 99);
	}
}

static const struct log_names NAMES = {
	.container_id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	.container_name = "web",
	.image_id = "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
	.image_name = "docker.io/library/alpine:3",
};

static int tag(const char *template, char ret[LOG_TAG_MAX], struct err *e)
{
	cleanup_strvec struct strvec v = { 0 };

	if (template)
		assert_int_equal(strvec_addf(&v, "tag=%s", template), 0);
	return log_tag(&v, &NAMES, ret, e);
}

static void tags_are_templates(void **state)
{
	static const struct {
		const char *template, *expected;
	} CASES[] = {
		{ NULL, "" },
		{ "", "" },
		{ "plain", "plain" },
		{ "{{.ID}}", "0123456789ab" },
		{ "{{.FullID}}", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
		{ "{{ .ImageName }}/{{.Name}}/{{.ID}}!", "docker.io/library/alpine:3/web/0123456789ab!" },
		{ "{{.ImageID}}", "fedcba987654" },
		{ "{{.ImageFullID}}",
		  "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210" },
		{ "{{.DaemonName}}", "sampan" },
		{ "a}}b{c", "a}}b{c" },
	};
	static const char *const BAD[] = { "{{.Nope}}", "{{Name}}", "{{.Name",
					   "{{.Name}",  "x{{}}",    "{{.Name | upper}}" };
	char out[LOG_TAG_MAX], text[256];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		assert_int_equal(tag(CASES[i].template, out, &e), 0);
		assert_string_equal(out, CASES[i].expected);
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		assert_int_equal(tag(BAD[i], out, &e), -EINVAL);
		(void)snprintf(text, sizeof(text),
			       "log opt tag: '%s' is no template that is known (such as {{.Name}}, {{.ID}}, "
			       "{{.ImageName}})",
			       BAD[i]);
		assert_string_equal(e.text, text);
	}
}

static void a_tag_has_a_maximum(void **state)
{
	char template[LOG_TAG_MAX + 1], out[LOG_TAG_MAX];
	struct err e;

	(void)state;
	memset(template, 'x', sizeof(template));
	template[LOG_TAG_MAX - 1] = '\0';
	assert_int_equal(tag(template, out, &e), 0);
	template[LOG_TAG_MAX - 1] = 'x';
	template[LOG_TAG_MAX] = '\0';
	assert_int_equal(tag(template, out, &e), -EFBIG);
}

static int attributes(const char *const *options, struct strvec *ret, struct err *e)
{
	static const char *const LABELS[] = { "role=db", "site=hh", "b.c=1", "PATH=label", "bare" };
	static const char *const ENV[] = { "PATH=/bin", "LANG=C", "role2=x=y" };
	cleanup_strvec struct strvec given = { 0 }, labels = { 0 }, env = { 0 };

	for (; *options; options++)
		assert_int_equal(strvec_add(&given, *options), 0);
	for (size_t i = 0; i < ARRAY_LEN(LABELS); i++)
		assert_int_equal(strvec_add(&labels, LABELS[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(ENV); i++)
		assert_int_equal(strvec_add(&env, ENV[i]), 0);
	return log_attributes(&given, &labels, &env, ret, e);
}

static void labels_and_variables_are_chosen(void **state)
{
	cleanup_strvec struct strvec none = { 0 }, some = { 0 }, matching = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(attributes(OPTIONS("max-file=1"), &none, &e), 0);
	assert_int_equal(none.len, 0);
	assert_int_equal(attributes(OPTIONS("labels=site,PATH,nope,bare", "env=PATH,role2"), &some, &e), 0);
	assert_int_equal(some.len, 4);
	assert_string_equal(some.items[0], "PATH=/bin"); /* a variable wins */
	assert_string_equal(some.items[1], "bare=");
	assert_string_equal(some.items[2], "role2=x=y");
	assert_string_equal(some.items[3], "site=hh");
	assert_int_equal(attributes(OPTIONS("labels-regex=^(role|b[.]c)$", "env-regex=^L"), &matching, &e),
			 0);
	assert_int_equal(matching.len, 3);
	assert_string_equal(matching.items[0], "LANG=C");
	assert_string_equal(matching.items[1], "b.c=1");
	assert_string_equal(matching.items[2], "role=db");
}

static void bad_choices_are_refused(void **state)
{
	cleanup_strvec struct strvec out = { 0 }, options = { 0 }, labels = { 0 }, env = { 0 };
	char big[LOG_ATTRIBUTES_MAX];
	struct err e;

	(void)state;
	assert_int_equal(attributes(OPTIONS("env-regex=("), &out, &e), -EINVAL);
	assert_non_null(strstr(e.text, "log opt env-regex: '(': "));
	memset(big, 'x', sizeof(big));
	memcpy(big, "big=", 4);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(strvec_add(&labels, big), 0);
	assert_int_equal(strvec_add(&options, "labels=big"), 0);
	assert_int_equal(log_attributes(&options, &labels, &env, &out, &e), -EFBIG);
	assert_string_equal(e.text, "the attributes that the log opts choose are over 3072 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_is_json_file_with_a_cap),
		cmocka_unit_test(options_are_read_as_docker_reads_them),
		cmocka_unit_test(compression_needs_a_file_that_is_rotated),
		cmocka_unit_test(local_has_dockers_defaults),
		cmocka_unit_test(what_is_wrong_is_said_in_dockers_words),
		cmocka_unit_test(tags_are_templates),
		cmocka_unit_test(a_tag_has_a_maximum),
		cmocka_unit_test(labels_and_variables_are_chosen),
		cmocka_unit_test(bad_choices_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
