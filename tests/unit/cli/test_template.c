/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"

static const struct template_field FIELDS[] = {
	{ "Name", "NAME", "busy\033box", NULL },
	{ "Stars", "STARS", "3", "3" },
	{ "Empty", "EMPTY", NULL, NULL },
	{ 0 },
};

static void assert_expands(const char *format, bool headings, const char *want)
{
	cleanup_buf struct buf out = BUF_INIT(TEMPLATE_OUT_MAX);
	struct err e;

	if (template_expand(format, FIELDS, headings, &out, &e) < 0)
		fail_msg("%s: %s", format, e.text);
	assert_int_equal(buf_add_char(&out, '\0'), 0);
	assert_string_equal(out.data, want);
}

static void assert_refused(const char *format, const char *why)
{
	cleanup_buf struct buf out = BUF_INIT(TEMPLATE_OUT_MAX);
	struct err e;

	assert_int_equal(template_expand(format, FIELDS, false, &out, &e), -EINVAL);
	assert_string_equal(e.text, why);
}

static void fields_take_the_place_of_actions(void **state)
{
	(void)state;
	assert_expands("", false, "");
	assert_expands("{{.Name}} has {{ .Stars }}{{.Empty}}", false, "busy?box has 3");
	assert_expands("a\\tb\\nc\\\\d\\e", false, "a\tb\nc\\d\\e");
	assert_expands("{{.Name}}\\t{{.Stars}}", true, "NAME\tSTARS");
}

static void json_is_of_one_field_or_of_all(void **state)
{
	static const char ALL[] = "{\"Name\":\"busy\\u001Bbox\",\"Stars\":3,\"Empty\":\"\"}";

	(void)state;
	assert_expands("{{json .}}", false, ALL);
	assert_expands("json", false, ALL);
	assert_expands("{{json .Stars}} {{json  .Empty}}", false, "3 \"\"");
}

static void what_is_no_such_template_is_refused(void **state)
{
	(void)state;
	assert_refused("{{.Name", "template: '{{' without '}}'");
	assert_refused("{{.Size}}", "template: there is no field '.Size'");
	assert_refused("{{.}}", "template: '{{.}}' is not supported (there is {{json .}})");
	assert_refused("{{}}", "template: '{{}}' is not supported (there are {{.FIELD}} and {{json .}})");
	assert_refused("{{if .Name}}",
		       "template: '{{if .Name}}' is not supported (there are {{.FIELD}} and {{json .}})");
}

static void a_table_is_told_by_its_first_word(void **state)
{
	const char *rest = NULL;

	(void)state;
	assert_true(template_is_table("table", &rest));
	assert_string_equal(rest, "");
	assert_true(template_is_table("table  {{.Name}}", &rest));
	assert_string_equal(rest, "{{.Name}}");
	assert_false(template_is_table("tables", &rest));
	assert_false(template_is_table("{{.Name}}", &rest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_take_the_place_of_actions),
		cmocka_unit_test(json_is_of_one_field_or_of_all),
		cmocka_unit_test(what_is_no_such_template_is_refused),
		cmocka_unit_test(a_table_is_told_by_its_first_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
