/* SPDX-License-Identifier: Apache-2.0 */
#include "build/init.h"

#include "build/init_parts.h"
#include "tests/unit/build/init_test.h"

static unsigned int kinds_of(const char *names)
{
	cleanup_inited struct inited t;
	unsigned int kinds = 0;

	inited_init(&t, names);
	for (int i = 0; i < INIT_KINDS; i++)
		if (init_is_kind(&t.p, (enum init_kind)i))
			kinds |= 1U << i;
	return kinds;
}

static void projects_are_known_by_their_files(void **state)
{
	(void)state;
	assert_int_equal(kinds_of("go.mod main.go"), 1U << INIT_GO);
	assert_int_equal(kinds_of("Cargo.toml src/"), 1U << INIT_RUST);
	assert_int_equal(kinds_of("pyproject.toml"), 1U << INIT_PYTHON);
	assert_int_equal(kinds_of("requirements.txt"), 1U << INIT_PYTHON);
	assert_int_equal(kinds_of("setup.py"), 1U << INIT_PYTHON);
	assert_int_equal(kinds_of("package.json"), 1U << INIT_NODE);
	assert_int_equal(kinds_of("CMakeLists.txt"), 1U << INIT_C_CMAKE);
	assert_int_equal(kinds_of("GNUmakefile a.c"), 1U << INIT_C_MAKE);
	assert_int_equal(kinds_of("makefile src/ src/a.c"), 1U << INIT_C_MAKE);
}

static void a_makefile_without_c_files_is_no_c_project(void **state)
{
	(void)state;
	assert_int_equal(kinds_of("Makefile"), 0);
	assert_int_equal(kinds_of("Makefile a.cc src/ src/x/a.c .c"), 0);
	assert_int_equal(kinds_of("a.c"), 0);
	assert_int_equal(kinds_of("go.mod/ Cargo.toml.bak README.md"), 0);
}

static void several_kinds_are_all_seen(void **state)
{
	(void)state;
	assert_int_equal(kinds_of("go.mod package.json Makefile a.c"),
			 1U << INIT_GO | 1U << INIT_NODE | 1U << INIT_C_MAKE);
}

static void kinds_have_names(void **state)
{
	enum init_kind kind = INIT_KINDS;
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < INIT_KINDS; i++) {
		assert_int_equal(init_kind_parse(init_kind_name((enum init_kind)i), &kind, &e), 0);
		assert_int_equal(kind, i);
		assert_non_null(init_kind_files(kind));
	}
	assert_int_equal(init_kind_parse("cobol", &kind, &e), -EINVAL);
	assert_string_equal(e.text,
			    "'cobol' is no kind of project: c-make, c-cmake, go, python, node and rust are");
}

static void the_makefile_is_the_one_that_make_takes(void **state)
{
	cleanup_inited struct inited t;

	(void)state;
	inited_init(&t, "Makefile makefile .node-version");
	assert_string_equal(init_text_file(&t.p, INIT_MAKEFILE), "makefile");
	assert_string_equal(init_text_file(&t.p, INIT_NODE_VERSION), ".node-version");
	assert_null(init_text_file(&t.p, INIT_GO_MOD));
}

static void only_plain_names_get_into_dockerfiles(void **state)
{
	cleanup_inited struct inited t;
	char out[INIT_NAME_MAX], longer[200];

	(void)state;
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_true(init_is_name("a.b_c-1+"));
	assert_false(init_is_name(""));
	assert_false(init_is_name("-rf"));
	assert_false(init_is_name(".."));
	assert_false(init_is_name("a b"));
	assert_false(init_is_name("a\nRUN x"));
	assert_false(init_is_name("a\"]"));
	assert_false(init_is_name("$x"));
	assert_false(init_is_name(longer));
	assert_true(init_is_path("bin/a"));
	assert_false(init_is_path("/bin/a"));
	assert_false(init_is_path("bin/../a"));
	assert_false(init_is_path("bin//a"));
	assert_false(init_is_path("bin/"));

	inited_init(&t, "");
	t.p.folder = "- my \"tool\"\n2";
	init_name(&t.p, "a;b", out);
	assert_string_equal(out, "mytool2");
	t.p.folder = longer;
	init_name(&t.p, NULL, out);
	assert_int_equal(strlen(out), INIT_NAME_MAX - 1);
	t.p.folder = "..";
	init_name(&t.p, NULL, out);
	assert_string_equal(out, "app");
}

static void conditions_on_versions_choose_one(void **state)
{
	(void)state;
	assert_int_equal(init_version(">=3.9", 3, 13), 13);
	assert_int_equal(init_version(">=3.9,<3.12", 3, 13), 11);
	assert_int_equal(init_version(">= 3.9, <= 3.12", 3, 13), 12);
	assert_int_equal(init_version(">=3.14", 3, 13), 14);
	assert_int_equal(init_version("^3.8", 3, 13), 13);
	assert_int_equal(init_version("~=3.8", 3, 13), 13);
	assert_int_equal(init_version("==3.10.*", 3, 13), 10);
	assert_int_equal(init_version(">=3.8,<4", 3, 13), 13);
	assert_int_equal(init_version(">=3.8,!=3.9.1", 3, 13), 13);
	assert_int_equal(init_version("3.12.1", 3, 13), 12);
	assert_int_equal(init_version("", 3, 13), 13);
	assert_int_equal(init_version(">=18", 0, 24), 24);
	assert_int_equal(init_version("^18 || ^20.1", 0, 24), 20);
	assert_int_equal(init_version("20.x", 0, 24), 20);
	assert_int_equal(init_version("v22.1.0", 0, 24), 22);
	assert_int_equal(init_version(">=14 <21", 0, 24), 20);
	assert_int_equal(init_version("99999999999999999999", 0, 24), 24);
	assert_int_equal(init_version("<0", 0, 24), 24);
	assert_int_equal(init_version("<<>>^^||x", 0, 24), 24);
}

static void a_broken_file_is_told_with_its_name(void **state)
{
	static const struct {
		enum init_kind kind;
		enum init_text which;
		const char *names, *text, *message;
	} BROKEN[] = {
		{ INIT_PYTHON, INIT_PYPROJECT, "pyproject.toml", "[project\n",
		  "pyproject.toml: line 1: expected ']' behind a table's name" },
		{ INIT_RUST, INIT_CARGO_TOML, "Cargo.toml", "a = 1\nb\n",
		  "Cargo.toml: line 2: expected '=' behind a key" },
		{ INIT_NODE, INIT_PACKAGE_JSON, "package.json", "[]", "package.json: expected an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BROKEN); i++) {
		cleanup_inited struct inited t;

		inited_init(&t, BROKEN[i].names);
		inited_add(&t, BROKEN[i].which, BROKEN[i].text);
		assert_int_equal(init_generate(BROKEN[i].kind, &t.p, &t.dockerfile, &t.ignore, &t.e),
				 -EINVAL);
		assert_string_equal(t.e.text, BROKEN[i].message);
	}
}

static void secrets_stay_out_of_the_context(void **state)
{
	cleanup_ignore struct ignore ignore = { 0 };
	cleanup_inited struct inited t;
	struct err e = { 0 };
	bool excluded = false;

	(void)state;
	inited_init(&t, "package.json");
	inited_add(&t, INIT_PACKAGE_JSON, "{}");
	inited_run(&t, INIT_NODE);
	assert_int_equal(ignore_read(t.ignore.data, t.ignore.len, &ignore, &e), 0);
	assert_int_equal(ignore_check_path(&ignore, "a/.env.local", &excluded, &e), 0);
	assert_true(excluded);
	assert_int_equal(ignore_check_path(&ignore, ".git/config", &excluded, &e), 0);
	assert_true(excluded);
	assert_int_equal(ignore_check_path(&ignore, "a/node_modules/b", &excluded, &e), 0);
	assert_true(excluded);
	assert_int_equal(ignore_check_path(&ignore, "package.json", &excluded, &e), 0);
	assert_false(excluded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(projects_are_known_by_their_files),
		cmocka_unit_test(a_makefile_without_c_files_is_no_c_project),
		cmocka_unit_test(several_kinds_are_all_seen),
		cmocka_unit_test(kinds_have_names),
		cmocka_unit_test(the_makefile_is_the_one_that_make_takes),
		cmocka_unit_test(only_plain_names_get_into_dockerfiles),
		cmocka_unit_test(conditions_on_versions_choose_one),
		cmocka_unit_test(a_broken_file_is_told_with_its_name),
		cmocka_unit_test(secrets_stay_out_of_the_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
