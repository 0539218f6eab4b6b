/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/toml.h"

static int parse(const char *text, struct toml_value *ret, struct err *e)
{
	return toml_parse(text, strlen(text), ret, e);
}

static void values_of_all_kinds_are_read(void **state)
{
	static const char TEXT[] = "# first\n"
				   "s = \"a\\tb\\u00e9\\\"\"   # comment\r\n"
				   "l = 'C:\\x'\n"
				   "n = -1_000\nh = 0xfF\no = 0o17\nb = 0b101\nz = +0\n"
				   "t = true\nf=false\n"
				   "x = 3.14e+2\nd = 1979-05-27T07:32:00Z\ni = -inf\n"
				   "a = [ 1, [\"x\", 'y'], # c\n  3,\n]\n"
				   "q = { u.v = 1, \"w w\" = { } }\n";
	cleanup_toml struct toml_value top = { 0 };
	const struct toml_value *v;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(parse(TEXT, &top, &e), 0);
	assert_string_equal(toml_get(&top, "s")->text, "a\tb\xc3\xa9\"");
	assert_int_equal(toml_get(&top, "s")->line, 2);
	assert_string_equal(toml_get(&top, "l")->text, "C:\\x");
	assert_int_equal(toml_get(&top, "n")->integer, -1000);
	assert_int_equal(toml_get(&top, "h")->integer, 255);
	assert_int_equal(toml_get(&top, "o")->integer, 15);
	assert_int_equal(toml_get(&top, "b")->integer, 5);
	assert_int_equal(toml_get(&top, "z")->integer, 0);
	assert_true(toml_get(&top, "t")->boolean);
	assert_int_equal(toml_get(&top, "f")->kind, TOML_BOOLEAN);
	assert_false(toml_get(&top, "f")->boolean);
	assert_int_equal(toml_get(&top, "x")->kind, TOML_OTHER);
	assert_string_equal(toml_get(&top, "d")->text, "1979-05-27T07:32:00Z");
	assert_int_equal(toml_get(&top, "i")->kind, TOML_OTHER);
	v = toml_get(&top, "a");
	assert_int_equal(v->len, 3);
	assert_string_equal(v->items[1].items[1].text, "y");
	assert_int_equal(v->items[2].integer, 3);
	v = toml_get(&top, "q");
	assert_int_equal(toml_get(toml_get(v, "u"), "v")->integer, 1);
	assert_int_equal(toml_get(v, "w w")->kind, TOML_TABLE);
	assert_null(toml_get(v, "none"));
	assert_null(toml_get(NULL, "none"));
	assert_null(toml_get(toml_get(&top, "n"), "none"));
}

static void multi_line_strings_are_read_as_the_specification_has_them(void **state)
{
	static const char TEXT[] = "a = \"\"\"\nRoses \\\n   are\nred\"\"\"\nb = '''\nI [dw]on't\n'''\n"
				   "c = \"\"\"\"x\"\"\"\"\"\nd = ''''x'''''\n";
	cleanup_toml struct toml_value top = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(parse(TEXT, &top, &e), 0);
	assert_string_equal(toml_get(&top, "a")->text, "Roses are\nred");
	assert_string_equal(toml_get(&top, "b")->text, "I [dw]on't\n");
	assert_string_equal(toml_get(&top, "c")->text, "\"x\"\"");
	assert_string_equal(toml_get(&top, "d")->text, "'x''");
}

static void tables_and_arrays_of_tables_nest(void **state)
{
	static const char TEXT[] =
		"[a.b]\nx = 1\n[a]\ny = 2\n[a.\"c.d\"]\n"
		"[[r]]\nn = 'one'\n[[r.m]]\nl = 1\n[[r.m]]\nl = 2\n[r.t]\nk=1\n[[r]]\nn = 'two'\n";
	cleanup_toml struct toml_value top = { 0 };
	const struct toml_value *r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(parse(TEXT, &top, &e), 0);
	assert_int_equal(toml_get(toml_get(toml_get(&top, "a"), "b"), "x")->integer, 1);
	assert_int_equal(toml_get(toml_get(&top, "a"), "y")->integer, 2);
	assert_non_null(toml_get(toml_get(&top, "a"), "c.d"));
	r = toml_get(&top, "r");
	assert_int_equal(r->len, 2);
	assert_int_equal(toml_get(&r->items[0], "m")->len, 2);
	assert_int_equal(toml_get(&toml_get(&r->items[0], "m")->items[1], "l")->integer, 2);
	assert_string_equal(toml_get(&r->items[1], "n")->text, "two");
	assert_null(toml_get(&r->items[1], "m"));
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text, *message;
		int code;
	} CASES[] = {
		{ "\n\na", "line 3: expected '=' behind a key", -EINVAL },
		{ "a = ", "line 1: expected a value", -EINVAL },
		{ "a = yes", "line 1: expected a value", -EINVAL },
		{ "a = 01", "line 1: expected a value", -EINVAL },
		{ "a = 1__0", "line 1: expected a value", -EINVAL },
		{ "a = 9223372036854775808", "line 1: expected a value", -EINVAL },
		{ "a = 1 b = 2", "line 1: expected the end of the line", -EINVAL },
		{ "a = 1\na = 2", "line 2: key 'a' stands here twice", -EINVAL },
		{ "a = { b = 1, b = 2 }", "line 1: key 'b' stands here twice", -EINVAL },
		{ "a = { b = 1, }", "line 1: expected a key", -EINVAL },
		{ "a = { b = 1\n}", "line 1: expected ',' or '}' in an inline table", -EINVAL },
		{ "a = [1 2]", "line 1: expected ',' or ']' in an array", -EINVAL },
		{ "a = [1,\n", "line 2: expected a value", -EINVAL },
		{ "[a]\n[a]", "line 2: table 'a' stands here twice", -EINVAL },
		{ "a = 1\n[a.b]", "line 2: key 'a' is no table that can be added to", -EINVAL },
		{ "a = {}\n[a.b]", "line 2: key 'a' is no table that can be added to", -EINVAL },
		{ "[a.b]\n[a]\nb.c = 1", "line 3: key 'b' is no table that can be added to", -EINVAL },
		{ "a = []\n[[a]]", "line 2: key 'a' is no array of tables", -EINVAL },
		{ "[a]\n[[a]]", "line 2: key 'a' is no array of tables", -EINVAL },
		{ "[[a]\n", "line 1: expected ']]' behind a table's name", -EINVAL },
		{ "[a\n", "line 1: expected ']' behind a table's name", -EINVAL },
		{ "[]", "line 1: expected a key", -EINVAL },
		{ "a = \"x\n\"", "line 1: a control byte in a string, or one that does not end", -EINVAL },
		{ "a = \"x", "line 1: a string does not end", -EINVAL },
		{ "a = '''x", "line 1: a string does not end", -EINVAL },
		{ "a = \"\\q\"", "line 1: an escape that TOML does not know", -EINVAL },
		{ "a = \"\\u12g4\"", "line 1: expected 4 hexadecimal digits in an escape", -EINVAL },
		{ "a = \"\\ud800\"", "line 1: an escape that is no character", -EINVAL },
		{ "a = \"\\u0000\"", "line 1: an escape that is no character", -EINVAL },
		{ "\"\"\"a\"\"\" = 1", "line 1: a key has no multi-line string", -EINVAL },
		{ "# \x01", "line 1: a control byte in a comment", -EINVAL },
		{ "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1",
		  "line 1: nested deeper than 32", -EFBIG },
		{ "a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "line 1: nested deeper than 32", -EFBIG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_toml struct toml_value top = { 0 };
		struct err e = { 0 };

		assert_int_equal(parse(CASES[i].text, &top, &e), CASES[i].code);
		assert_string_equal(e.text, CASES[i].message);
	}
}

static void a_nul_and_too_many_values_are_refused(void **state)
{
	cleanup_toml struct toml_value top = { 0 };
	cleanup_buf struct buf text = BUF_INIT(1 << 20);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(toml_parse("a\0b", 3, &top, &e), -EINVAL);
	assert_string_equal(e.text, "it holds a NUL byte");
	assert_int_equal(buf_add_str(&text, "a = ["), 0);
	for (int i = 0; i < TOML_VALUES_MAX; i++)
		assert_int_equal(buf_add_str(&text, "1,"), 0);
	assert_int_equal(buf_add_str(&text, "]"), 0);
	assert_int_equal(toml_parse(text.data, text.len, &top, &e), -EFBIG);
	assert_string_equal(e.text, "line 1: more than 16384 values");
}

static void members_are_taken_by_their_kind(void **state)
{
	cleanup_toml struct toml_value top = { 0 };
	cleanup_strvec struct strvec list = { 0 };
	cleanup_free char *text = NULL;
	struct err e = { 0 };
	bool flag = true;

	(void)state;
	assert_int_equal(parse("\ns = 'x'\nb = false\nl = ['p', 'q']\nm = ['p', 1]\n", &top, &e), 0);
	assert_int_equal(toml_get_string(&top, "none", &text, &e), 0);
	assert_null(text);
	assert_int_equal(toml_get_string(&top, "s", &text, &e), 0);
	assert_string_equal(text, "x");
	assert_int_equal(toml_get_bool(&top, "b", &flag, &e), 0);
	assert_false(flag);
	assert_int_equal(toml_get_strings(&top, "l", &list, &e), 0);
	assert_int_equal(list.len, 2);
	assert_int_equal(toml_get_string(&top, "b", &text, &e), -EINVAL);
	assert_string_equal(e.text, "line 3: 'b': expected a string");
	assert_int_equal(toml_get_bool(&top, "s", &flag, &e), -EINVAL);
	assert_string_equal(e.text, "line 2: 's': expected true or false");
	assert_int_equal(toml_get_strings(&top, "m", &list, &e), -EINVAL);
	assert_string_equal(e.text, "line 5: 'm': expected an array of strings");
	assert_int_equal(toml_get_strings(&top, "s", &list, &e), -EINVAL);
	assert_string_equal(e.text, "line 2: 's': expected an array of strings");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_all_kinds_are_read),
		cmocka_unit_test(multi_line_strings_are_read_as_the_specification_has_them),
		cmocka_unit_test(tables_and_arrays_of_tables_nest),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(a_nul_and_too_many_values_are_refused),
		cmocka_unit_test(members_are_taken_by_their_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
