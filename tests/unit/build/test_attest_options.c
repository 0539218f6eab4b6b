/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "build/attest_options.h"

static void add(struct attest_options *o, const char *type, const char *text)
{
	struct err e;

	if (attest_options_add(o, type, text, &e) < 0)
		fail_msg("%s", e.text);
}

static void assert_refused(const char *type, const char *text, int code, const char *message)
{
	cleanup_attest_options struct attest_options o = { 0 };
	struct err e;

	assert_int_equal(attest_options_add(&o, type, text, &e), code);
	assert_string_equal(e.text, message);
}

static void what_is_true_is_wanted_and_what_is_false_is_not(void **state)
{
	cleanup_attest_options struct attest_options o = { 0 };

	(void)state;
	add(&o, "provenance", "true");
	add(&o, "sbom", "1");
	assert_true(o.provenance);
	assert_true(o.sbom);
	assert_false(o.is_max);
	add(&o, "provenance", "false");
	assert_false(o.provenance);
}

static void modes_and_builders_are_read(void **state)
{
	cleanup_attest_options struct attest_options o = { 0 };

	(void)state;
	add(&o, "provenance", "mode=max,builder-id=https://ci/1,reproducible=true,version=v0.2");
	assert_true(o.provenance);
	assert_true(o.is_max);
	assert_true(o.reproducible);
	assert_string_equal(o.builder_id, "https://ci/1");
	add(&o, "provenance", "mode=min,builder-id=b");
	assert_false(o.is_max);
	assert_string_equal(o.builder_id, "b");
}

static void attest_says_the_type_itself(void **state)
{
	cleanup_attest_options struct attest_options o = { 0 };

	(void)state;
	add(&o, NULL, "type=provenance,mode=max");
	add(&o, NULL, "type=sbom");
	assert_true(o.provenance);
	assert_true(o.is_max);
	assert_true(o.sbom);
	add(&o, NULL, "type=sbom,disabled=true");
	assert_false(o.sbom);
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	assert_refused("provenance", "mode=mid", -EINVAL, "invalid value 'mid' of 'mode': it is min or max");
	assert_refused("provenance", "max", -EINVAL, "invalid value 'max': it is KEY=VALUE");
	assert_refused("provenance", "inline=true", -EINVAL, "provenance has no 'inline'");
	assert_refused("provenance", "reproducible=so", -EINVAL,
		       "invalid value 'so' of 'reproducible': it is true or false");
	assert_refused("provenance", "version=v2", -EOPNOTSUPP,
		       "provenance of version 'v2' is not supported (version=v0.2, version=v1)");
	assert_refused("sbom", "generator=x/y", -EOPNOTSUPP,
		       "generators like 'x/y' are not supported: packages are listed by sampan itself");
	assert_refused("sbom", "mode=max", -EINVAL, "sbom has no 'mode'");
	assert_refused(NULL, "mode=max", -EINVAL, "unknown type of attestation '' (provenance, sbom)");
	assert_refused(NULL, "type=test", -EINVAL, "unknown type of attestation 'test' (provenance, sbom)");
}

static void a_version_is_one_of_two(void **state)
{
	cleanup_attest_options struct attest_options o = { 0 };

	(void)state;
	add(&o, "provenance", "mode=max,version=v1");
	assert_true(o.is_v1 && o.is_max && o.provenance);
	add(&o, NULL, "type=provenance,version=v0.2");
	assert_false(o.is_v1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_true_is_wanted_and_what_is_false_is_not),
		cmocka_unit_test(modes_and_builders_are_read),
		cmocka_unit_test(attest_says_the_type_itself),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_version_is_one_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
