/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oci/cdi.h"

static const char GOOD[] =
	"{\"cdiVersion\":\"0.6.0\",\"kind\":\"vendor.com/gpu\",\"containerEdits\":{\"env\":[\"ALL=1\"]},"
	"\"devices\":[{\"name\":\"one\",\"containerEdits\":{\"env\":[\"ONE=1\"],"
	"\"deviceNodes\":[{\"path\":\"/dev/one\",\"hostPath\":\"/dev/null\",\"permissions\":\"rw\"}],"
	"\"mounts\":[{\"hostPath\":\"/lib/one\",\"containerPath\":\"/usr/lib/"
	"one\",\"options\":[\"ro\",\"bind\"]}],"
	"\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/usr/bin/hook\",\"args\":[\"hook\",\"x\"]}],"
	"\"additionalGids\":[0,44,44]}},{\"name\":\"two\"}]}";

static void decode(const char *text, struct cdi_spec *ret)
{
	struct err e = { 0 };

	if (cdi_spec_decode(text, strlen(text), ret, &e) < 0)
		fail_msg("%s", e.text);
}

static void edits_change_a_spec(void **state)
{
	cleanup_cdi_spec struct cdi_spec s = { 0 };
	cleanup_runtime_spec struct runtime_spec spec = { 0 };
	const struct cdi_device *one;
	const struct spec_mount *m;
	struct err e = { 0 };

	(void)state;
	decode(GOOD, &s);
	assert_int_equal(runtime_spec_docker_default(&spec, &e), 0);
	one = cdi_find(&s, "one");
	assert_non_null(one);
	assert_null(cdi_find(&s, "three"));
	assert_int_equal(cdi_edits_apply(&s.edits, &spec, &e), 0);
	assert_int_equal(cdi_edits_apply(&one->edits, &spec, &e), 0);
	assert_string_equal(strvec_get_env(&spec.process->env, "ALL"), "1");
	assert_string_equal(strvec_get_env(&spec.process->env, "ONE"), "1");
	m = spec_find_mount(&spec, "/usr/lib/one");
	assert_non_null(m);
	assert_string_equal(m->type, "bind");
	assert_true(strvec_has(&m->options, "ro"));
	assert_int_equal(spec.hooks.create_container.len, 1);
	assert_string_equal(spec.hooks.create_container.items[0].args.items[1], "x");
	assert_int_equal(spec.process->user.additional_gids_len, 1);
	assert_int_equal(spec.process->user.additional_gids[0], 44);
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *text, *message;
	} CASES[] = {
		{ "{\"kind\":\"a/b\",\"devices\":[]}", "cdiVersion" },
		{ "{\"cdiVersion\":\"0.6.0\",\"kind\":\"a/b\"}", "devices" },
		{ "{\"cdiVersion\":\"0.6.0\",\"kind\":\"a/b\",\"devices\":[{\"name\":1}]}",
		  "devices[0].name" },
		{ "{\"cdiVersion\":\"0.6.0\",\"kind\":\"a/"
		  "b\",\"devices\":[{\"name\":\"x\",\"containerEdits\":"
		  "{\"additionalGids\":[-1]}}]}",
		  "additionalGids[0]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct cdi_spec s = { 0 };
		struct err e = { 0 };

		assert_int_equal(cdi_spec_decode(CASES[i].text, strlen(CASES[i].text), &s, &e), -EINVAL);
		if (!strstr(e.text, CASES[i].message))
			fail_msg("'%s' has no '%s'", e.text, CASES[i].message);
	}
}

static void names_are_told_from_paths(void **state)
{
	static const char *const GOOD_NAMES[] = { "vendor.com/class=name", "nvidia.com/gpu=0",
						  "v/c=GPU-1:2.3" };
	static const char *const BAD_NAMES[] = {
		"/dev/null", "/dev/a=b:/dev/c", "vendor.com/class", "v/=x", "v/c=",
		"=x",        "1/c=x",           "v/c=a/b",          ""
	};

	(void)state;
	for (size_t i = 0; i < sizeof(GOOD_NAMES) / sizeof(GOOD_NAMES[0]); i++)
		assert_true(cdi_name_ok(GOOD_NAMES[i]));
	for (size_t i = 0; i < sizeof(BAD_NAMES) / sizeof(BAD_NAMES[0]); i++)
		assert_false(cdi_name_ok(BAD_NAMES[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits_change_a_spec),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(names_are_told_from_paths),
	};

	return cmocka_run_group_tests_name("oci/cdi", tests, NULL, NULL);
}
