/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/build/init_test.h"

static void a_module_is_cross_compiled_into_an_image_of_its_own(void **state)
{
	cleanup_inited struct inited t;

	(void)state;
	inited_init(&t, "go.mod go.sum main.go");
	inited_add(&t, INIT_GO_MOD, "module example.com/tools/hello/v2 // c\n\ngo 1.22.3\n");
	inited_run(&t, INIT_GO);
	assert_says(&t, "FROM --platform=$BUILDPLATFORM golang:1.22 AS build\n");
	assert_says(&t, "COPY go.mod go.sum ./\n");
	assert_says(&t, "GOOS=\"$TARGETOS\" GOARCH=\"$TARGETARCH\"");
	assert_says(&t, "-o /out/hello .\n");
	assert_says(&t, "\nFROM scratch\n");
	assert_says(&t, "\nUSER 65532:65532\nENTRYPOINT [\"/usr/local/bin/hello\"]\n");
}

static void the_tool_chain_is_the_one_that_is_asked_for(void **state)
{
	(void)state;
	assert_makes(INIT_GO, "go.mod main.go", INIT_GO_MOD, "module x\ntoolchain go1.24.1\ngo 1.21\n",
		     "golang:1.24 ");
	assert_makes(INIT_GO, "go.mod main.go", INIT_GO_MOD, "module x\ngo 1.23rc1\n", "golang:1.23 ");
	assert_makes(INIT_GO, "go.mod main.go", INIT_GO_MOD, "module x\n", "golang:1 ");
	assert_makes(INIT_GO, "go.mod main.go", INIT_GO_MOD, "go 1.99999999999\nmodule x\n", "golang:1 ");
	assert_makes(INIT_GO, "go.mod main.go", INIT_GO_MOD, "go 1.22@x AS y\n", "golang:1.22 AS build\n");
}

static void the_program_is_at_the_top_or_below_cmd(void **state)
{
	(void)state;
	assert_makes(INIT_GO, "go.mod main.go cmd/ cmd/b/", INIT_GO_MOD, "module m/a\n", "-o /out/a .\n");
	assert_makes(INIT_GO, "go.mod cmd/ cmd/b/ cmd/a/", INIT_GO_MOD, "module m/a\n",
		     "-o /out/a ./cmd/a\n");
	assert_makes(INIT_GO, "go.mod cmd/ cmd/b/ cmd/c/", INIT_GO_MOD, "module m/a\n",
		     "-o /out/b ./cmd/b\n");
	assert_makes(INIT_GO, "go.mod cmd/ cmd/x;y/", INIT_GO_MOD, "module m/a\n", "-o /out/a .\n");
	assert_makes(INIT_GO, "go.mod cmd/", INIT_GO_MOD, "module m/$(x)\n", "-o /out/folder .\n");
}

static void modules_that_are_in_the_folder_are_not_fetched_first(void **state)
{
	static const char *const CASES[][2] = { { "go.mod main.go vendor/", "module a\n" },
						{ "go.mod main.go go.work", "module a\n" },
						{ "go.mod main.go", "module a\nreplace b => ./b\n" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_inited struct inited t;

		inited_init(&t, CASES[i][0]);
		inited_add(&t, INIT_GO_MOD, CASES[i][1]);
		inited_run(&t, INIT_GO);
		assert_says_not(&t, "go mod download");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_is_cross_compiled_into_an_image_of_its_own),
		cmocka_unit_test(the_tool_chain_is_the_one_that_is_asked_for),
		cmocka_unit_test(the_program_is_at_the_top_or_below_cmd),
		cmocka_unit_test(modules_that_are_in_the_folder_are_not_fetched_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
