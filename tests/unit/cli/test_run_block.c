/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/run_cdi.h"
#include "engine/secret_use.h"

static void device_rules_are_dockers(void **state)
{
	static const char *const BAD[] = { "",        "c",          "c 1:2",    "c 1:2 ",
					   "d 1:2 r", "c 1:2 rwmr", "c 1:2 x",  "c  1:2 r",
					   "c 1 2 r", "c -1:2 r",   "c 1:2 r ", "c 99999999999:2 r",
					   "c *1:2 r" };
	cleanup_spec_resources struct spec_resources r = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(run_device_rule_add(&r, "c 10:* rwm", &e), 0);
	assert_int_equal(run_device_rule_add(&r, "a *:* w", &e), 0);
	assert_int_equal(r.devices_len, 2);
	assert_int_equal(r.devices[0].major.value, 10);
	assert_false(r.devices[0].minor.set);
	assert_string_equal(r.devices[1].access, "w");
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		assert_int_equal(run_device_rule_add(&r, BAD[i], &e), -EINVAL);
}

static void gpus_become_names(void **state)
{
	static const struct {
		const char *text, *wanted;
	} CASES[] = {
		{ "all", "nvidia.com/gpu=all" },
		{ "2", "nvidia.com/gpu=0 nvidia.com/gpu=1" },
		{ "device=0,GPU-3", "nvidia.com/gpu=0 nvidia.com/gpu=GPU-3" },
		{ "\"device=1,2\"", "nvidia.com/gpu=1 nvidia.com/gpu=2" },
		{ "count=1,capabilities=compute", "nvidia.com/gpu=0" },
		{ "some", NULL },
		{ "0", NULL },
		{ "", NULL },
		{ "colour=red", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		cleanup_strvec struct strvec names = { 0 };
		char text[256] = "";
		struct err e = { 0 };
		int r = run_gpus_names(CASES[i].text, &names, &e);

		for (size_t n = 0; n < names.len; n++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", n ? " " : "",
				 names.items[n]);
		assert_int_equal(r, CASES[i].wanted ? 0 : -EINVAL);
		if (CASES[i].wanted)
			assert_string_equal(text, CASES[i].wanted);
	}
}

static void secrets_are_read_as_podman_reads_them(void **state)
{
	cleanup_secret_use struct secret_use u = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(secret_use_parse("word,uid=1,gid=2,mode=0400,target=x", &u, &e), 0);
	assert_string_equal(u.target, "/run/secrets/x");
	assert_int_equal(u.mode, 0400);
	assert_int_equal(u.uid, 1);
	secret_use_done(&u);
	assert_int_equal(secret_use_parse("source=word,type=env", &u, &e), 0);
	assert_true(u.env);
	assert_string_equal(u.target, "word");
	secret_use_done(&u);
	assert_int_equal(secret_use_parse("word,type=env,target=A=B", &u, &e), -EINVAL);
	assert_int_equal(secret_use_parse("word,target=../x", &u, &e), -EINVAL);
	assert_int_equal(secret_use_parse("", &u, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_rules_are_dockers),
		cmocka_unit_test(gpus_become_names),
		cmocka_unit_test(secrets_are_read_as_podman_reads_them),
	};

	return cmocka_run_group_tests_name("cli/run_block", tests, NULL, NULL);
}
