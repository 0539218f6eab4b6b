/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/yaml_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"

static void assert_json(const char *yaml, const char *json)
{
	cleanup_buf struct buf out = BUF_INIT(10000);
	struct err e = { 0 };

	assert_int_equal(yaml_to_json(yaml, strlen(yaml), &out, &e), 0);
	assert_string_equal(out.data, json);
}

static void assert_refused(const char *yaml, int code, const char *text)
{
	cleanup_buf struct buf out = BUF_INIT(10000);
	struct err e = { 0 };

	assert_int_equal(yaml_to_json(yaml, strlen(yaml), &out, &e), code);
	assert_non_null(strstr(e.text, text));
}

static void scalars_have_the_types_that_go_gives_them(void **state)
{
	(void)state;
	assert_json("[~, null, '', yes, False, 7, -7, 0640, 0o17, 0x1f, 0]",
		    "[null,null,\"\",true,false,7,-7,416,15,31,0]");
	assert_json("[a b, 0.5.0, \"7\", 'true', 08, 1_000, 0xg, -x, y]",
		    "[\"a b\",\"0.5.0\",\"7\",\"true\",\"08\",\"1_000\",\"0xg\",\"-x\",\"y\"]");
	assert_json("a: {b: [], c: {}, 1: x}\nd: |\n  two\n  lines\n",
		    "{\"a\":{\"b\":[],\"c\":{},\"1\":\"x\"},\"d\":\"two\\nlines\\n\"}");
	assert_json("- &x {k: v}\n- *x\n", "[{\"k\":\"v\"},{\"k\":\"v\"}]");
}

static void what_is_no_document_is_refused_with_its_line(void **state)
{
	(void)state;
	assert_refused("", -EINVAL, "there is nothing in it");
	assert_refused("a: b\nc: [", -EINVAL, "line 3: ");
	assert_refused("a: 1\n\na: 2\n", -EINVAL, "line 3: 'a' is there twice");
	assert_refused("[a]: 1\n", -EINVAL, "line 1: a key that is no text");
	assert_refused("a: \"\\0\"\n", -EINVAL, "line 1: a NUL byte in a text");
	assert_refused("\xff", -EINVAL, "line 1: ");
}

static void what_grows_without_an_end_is_cut_off(void **state)
{
	char deep[2 * YAML_JSON_DEPTH_MAX + 3];

	(void)state;
	assert_refused("&a [*a]", -EFBIG, "too deep");
	memset(deep, '[', YAML_JSON_DEPTH_MAX + 1);
	memset(deep + YAML_JSON_DEPTH_MAX + 1, ']', YAML_JSON_DEPTH_MAX + 1);
	deep[2 * YAML_JSON_DEPTH_MAX + 2] = '\0';
	assert_refused(deep, -EFBIG, "too deep");
	assert_refused("a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
		       "c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n"
		       "e: [*d,*d,*d,*d,*d,*d,*d,*d]\n",
		       -EFBIG, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_have_the_types_that_go_gives_them),
		cmocka_unit_test(what_is_no_document_is_refused_with_its_line),
		cmocka_unit_test(what_grows_without_an_end_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
