/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"

static char tier[] = "com.example.my-tier=Web", empty[] = "none=";
static char *items[] = { tier, empty, NULL };
static const struct strvec LABELS = { .items = items, .len = 2 };

static const struct template_field FIELDS[] = {
	{ "Name", "NAME", "busy\033box", NULL }, { "Stars", "STARS", "3", "3" },
	{ "Empty", "EMPTY", NULL, NULL },        { "Label", "LABEL", NULL, NULL, &LABELS },
	{ "Actor.Map", "", "", "{}", &LABELS },  { 0 },
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
	static const char ALL[] = "{\"Name\":\"busy\\u001Bbox\",\"Stars\":3,\"Empty\":\"\",\"Actor.Map\":{}}";

	(void)state;
	assert_expands("{{json .}}", false, ALL);
	assert_expands("json", false, ALL);
	assert_expands("{{json .Stars}} {{json  .Empty}}", false, "3 \"\"");
}

static void maps_are_looked_up(void **state)
{
	(void)state;
	assert_expands("{{.Label \"com.example.my-tier\"}}|{{.Label \"other\"}}|{{.Label \"none\"}}", false,
		       "Web||");
	assert_expands("{{ .Label  \"com.example.my-tier\" }}", true, "my tier");
	assert_expands("{{.Actor.Map.com.example.my-tier}} {{.Actor.Map.other}}", false, "Web <no value>");
	assert_expands("{{index .Actor.Map \"com.example.my-tier\"}}{{index .Actor.Map \"other\"}}", false,
		       "Web");
	assert_expands("{{upper .Name}} {{lower .Label \"com.example.my-tier\"}}", false, "BUSY?BOX web");
	assert_refused("{{.Name \"x\"}}",
		       "template parsing error: can't give argument to non-function at '\"x\"}}'");
}

static void the_whole_may_be_something_else(void **state)
{
	static const struct template_field WHOLE[] = {
		{ TEMPLATE_WHOLE, "", "", "{\"a\":1}", NULL },
		{ "A", "", "1", NULL, NULL },
		{ 0 },
	};
	cleanup_buf struct buf out = BUF_INIT(TEMPLATE_OUT_MAX);
	struct err e;

	(void)state;
	assert_int_equal(template_expand("json", WHOLE, false, &out, &e), 0);
	assert_string_equal(out.data, "{\"a\":1}");
}

static void what_is_no_such_template_is_refused(void **state)
{
	(void)state;
	assert_refused("{{.Name", "template: '{{' without '}}'");
	assert_refused("{{.Size}}", "template: there is no field '.Size'");
	assert_refused("{{}}", "template parsing error: unexpected text in an action at '}}'");
	assert_refused("{{if .Name}}", "template parsing error: unexpected EOF at ''");
	assert_refused("{{.Size | upper}}", "template: map has no entry for key \"Size\"");
}

static void what_is_more_than_fields_is_go_s(void **state)
{
	(void)state;
	assert_expands("{{if eq .Stars 3}}{{slice .Name 0 3}}\\t{{end}}{{.Empty | len}}", false, "bus\t0");
	assert_expands("{{with .Label \"com.example.my-tier\"}}{{.}}{{end}}{{if .Label \"none\"}}x{{end}}",
		       false, "Web");
	assert_expands("{{range $k, $v := .Label}}{{$k}},{{end}}", false, "com.example.my-tier,none,");
	assert_expands("{{.Name | lower}} {{printf \"%5s\" .Stars}}", true, "name STARS");
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
		cmocka_unit_test(maps_are_looked_up),
		cmocka_unit_test(the_whole_may_be_something_else),
		cmocka_unit_test(what_is_no_such_template_is_refused),
		cmocka_unit_test(what_is_more_than_fields_is_go_s),
		cmocka_unit_test(a_table_is_told_by_its_first_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
