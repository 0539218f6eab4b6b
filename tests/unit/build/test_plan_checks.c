/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/build/plan_test.h"

static void names_of_stages_are_checked(void **state)
{
	(void)state;
	assert_warns("FROM plain AS Big\n", "1 StageNameCasing: Stage name 'Big' should be lowercase\n");
	assert_warns("FROM plain as small\n",
		     "1 FromAsCasing: 'as' and 'FROM' keywords' casing do not match\n");
	assert_warns("FROM plain AS a\nFROM plain AS a\n",
		     "2 DuplicateStageName: Duplicate stage name \"a\", stage names should be unique\n");
	assert_warns("FROM plain AS context\n",
		     "1 ReservedStageName: Stage name should not use the same name as reserved stage "
		     "\"context\"\n");
}

static void the_look_of_instructions_is_checked(void **state)
{
	(void)state;
	assert_warns("FROM plain\nRUN a \\\n\n b\n", "2 NoEmptyContinuation: Empty continuation line\n");
	assert_warns("FROM plain\nrun a\nENV a=1\n",
		     "2 ConsistentInstructionCasing: Command 'run' should match the case of the command "
		     "majority (uppercase)\n");
	assert_warns("from plain\nrun a\nEnv a=1\n",
		     "3 ConsistentInstructionCasing: Command 'Env' should match the case of the command "
		     "majority (lowercase)\n");
	assert_warns(
		"FROM plain\nMAINTAINER x\n",
		"2 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label\n");
	assert_warns("FROM plain\nENV a b\n",
		     "2 LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key "
		     "value\" format\n");
}

static void commands_are_checked(void **state)
{
	(void)state;
	assert_warns(
		"FROM plain\nCMD a\nENTRYPOINT b\n",
		"2 JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior "
		"related to OS signals\n"
		"3 JSONArgsRecommended: JSON arguments recommended for ENTRYPOINT to prevent unintended "
		"behavior related to OS signals\n");
	assert_warns("FROM plain\nSHELL [\"x\"]\nCMD a\n", "");
	assert_warns("FROM plain\nCMD [\"a\"]\nCMD [\"b\"]\nFROM plain\nCMD [\"c\"]\n", "");
	assert_warns("FROM plain\nCMD [\"a\"]\nCMD [\"b\"]\n",
		     "2 MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the "
		     "same stage because only the last one will be used\n");
	assert_warns("FROM plain\nWORKDIR a\nWORKDIR b\n",
		     "2 WorkdirRelativePath: Relative workdir \"a\" can have unexpected results if the base "
		     "image changes\n");
}

static void variables_are_checked(void **state)
{
	(void)state;
	assert_warns("FROM base\nARG DECLARED\nUSER $DECLARED$FROM_BASF\nRUN $NOT_HERE\n",
		     "3 UndefinedVar: Usage of undefined variable '$FROM_BASF' (did you mean $FROM_BASE?)\n");
	assert_warns("FROM base\nCOPY <<E /d\n$no\nE\n",
		     "2 UndefinedVar: Usage of undefined variable '$no'\n");
	assert_warns("FROM plain\nARG API_TOKEN=x\nENV PASSWORD=x KEY_FILE=y\n",
		     "2 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG "
		     "\"API_TOKEN\")\n"
		     "3 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "
		     "\"PASSWORD\")\n");
}

static void from_is_checked(void **state)
{
	(void)state;
	assert_warns("ARG TAG=x\nFROM plain:x$TAH\n",
		     "2 UndefinedArgInFrom: FROM argument 'TAH' is not declared (did you mean TAG?)\n");
	assert_warns("FROM --platform=$TARGETPLATFORM plain\n",
		     "1 RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is "
		     "redundant as this is the default behavior\n");
	assert_warns("FROM --platform=linux/amd64 plain\n",
		     "1 FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "
		     "\"linux/amd64\"\n");
	assert_warns("FROM --platform=linux/amd64 plain AS amd64\n", "");
}

static void a_base_must_have_a_name_without_arguments(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	assert_int_equal(strvec_add(&t.build_args, "B=plain"), 0);
	plan_text(&t, "ARG B\nFROM $B\n");
	assert_string_equal(t.warnings.data, "2 InvalidDefaultArgInFrom: Default value for ARG $B results in "
					     "empty or invalid base image name\n");
}

static void ports_are_checked(void **state)
{
	(void)state;
	assert_warns("FROM plain\nEXPOSE 80/TCP 1:2\n",
		     "2 ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be "
		     "lowercase\n"
		     "2 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port "
		     "mapping, found '1:2'\n");
}

static void sources_that_are_left_out_are_told(void **state)
{
	cleanup_ignore struct ignore ignore = { 0 };
	cleanup_planned struct planned t;
	struct err e;

	(void)state;
	assert_int_equal(ignore_read("out\n", 4, &ignore, &e), 0);
	planned_init(&t);
	t.o.ignore = &ignore;
	plan_text(&t, "FROM plain AS a\nFROM plain\nCOPY out/x in /\nADD out /\nCOPY --from=a out /\n");
	assert_string_equal(t.warnings.data,
			    "3 CopyIgnoredFile: Attempting to Copy file \"out/x\" that is excluded by "
			    ".dockerignore\n"
			    "4 CopyIgnoredFile: Attempting to Add file \"out\" that is excluded by "
			    ".dockerignore\n");
}

static void descriptions_are_checked_if_asked_for(void **state)
{
	(void)state;
	assert_warns("# say\nFROM plain AS a\n", "");
	assert_warns("# check=experimental=all\n# say\nFROM plain AS a\n# b is good\nARG b=1\n",
		     "3 InvalidDefinitionDescription: Comment for FROM should follow the format: `# a "
		     "<description>`\n");
}

static void checks_can_be_skipped(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	assert_warns("# check=skip=all\nFROM plain as X\n", "");
	assert_warns("# check=skip=FromAsCasing\nFROM plain as X\n",
		     "2 StageNameCasing: Stage name 'X' should be lowercase\n");
	assert_warns("FROM plain\n# check=skip=WorkdirRelativePath\nWORKDIR a\n", "");
	planned_init(&t);
	assert_int_equal(strvec_add(&t.build_args, "BUILDKIT_DOCKERFILE_CHECK=skip=all"), 0);
	plan_text(&t, "FROM plain as X\n");
	assert_null(t.warnings.data);
}

static void findings_can_be_errors(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	planned_run(&t, "# check=error=true\nFROM plain as X\nWORKDIR a\nWORKDIR a\n");
	assert_int_equal(t.r, -EINVAL);
	assert_string_equal(t.e.text, "lint violation found for rules: StageNameCasing, FromAsCasing, "
				      "WorkdirRelativePath");
	assert_null(t.plan.stages);
}

static void findings_come_in_the_order_of_the_lines_and_with_errors_too(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	planned_run(&t, "FROM plain AS a\nWORKDIR x\nFROM plain\nWORKDIR y\nCOPY --from=a x /\nVOLUME $no\n");
	assert_int_equal(t.r, -EINVAL);
	assert_string_equal(
		t.warnings.data,
		"4 WorkdirRelativePath: Relative workdir \"y\" can have unexpected results if the "
		"base image changes\n"
		"6 UndefinedVar: Usage of undefined variable '$no'\n");
}

static void the_platform_of_a_base_is_checked(void **state)
{
	cleanup_planned struct planned t;

	(void)state;
	planned_init(&t);
	plan_text(&t, "FROM foreign\n");
	assert_string_equal(t.warnings.data,
			    "1 InvalidBaseImagePlatform: Base image foreign was pulled with platform "
			    "\"linux/s390x\", expected \"linux/amd64\" for current build\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_stages_are_checked),
		cmocka_unit_test(the_look_of_instructions_is_checked),
		cmocka_unit_test(commands_are_checked),
		cmocka_unit_test(variables_are_checked),
		cmocka_unit_test(from_is_checked),
		cmocka_unit_test(a_base_must_have_a_name_without_arguments),
		cmocka_unit_test(ports_are_checked),
		cmocka_unit_test(sources_that_are_left_out_are_told),
		cmocka_unit_test(descriptions_are_checked_if_asked_for),
		cmocka_unit_test(checks_can_be_skipped),
		cmocka_unit_test(findings_can_be_errors),
		cmocka_unit_test(findings_come_in_the_order_of_the_lines_and_with_errors_too),
		cmocka_unit_test(the_platform_of_a_base_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
