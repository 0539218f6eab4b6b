/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/build/init_test.h"

static void assert_target(const char *makefile, const char *path)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "COPY --from=build /src/%s /usr/local/bin/%s\n", path,
		       strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	assert_makes(INIT_C_MAKE, "Makefile a.c", INIT_MAKEFILE, makefile, line);
}

static void what_make_makes_is_found_in_plain_makefiles(void **state)
{
	(void)state;
	assert_target("TARGET := hello # c\nall: $(TARGET)\n", "hello");
	assert_target("CC=gcc\nPROG=bin/hello\n", "bin/hello");
	assert_target("all: hello docs\nhello: a.o\n\tcc -o $@ $<\n", "hello");
	assert_target(".PHONY: all\nclean:\n\trm -f x\nhello: a.c\n", "hello");
	assert_target("libx.a: a.o\n\tar\nhello: libx.a\n", "hello");
	assert_target("all: $(X)\n%.o: %.c\n", "folder");
	assert_target("", "folder");
}

static void hostile_makefiles_get_nothing_into_a_dockerfile(void **state)
{
	(void)state;
	assert_target("TARGET = ../../etc/passwd\n", "folder");
	assert_target("TARGET = /etc/passwd\n", "folder");
	assert_target("TARGET = a\"]\n", "folder");
	assert_target("all: $(shell rm -rf /)\n", "folder");
	assert_target("-x: y\n", "folder");
}

static void a_program_that_was_made_here_is_not_taken_along(void **state)
{
	cleanup_inited struct inited t, folder;

	(void)state;
	inited_init(&t, "Makefile a.c hello");
	inited_add(&t, INIT_MAKEFILE, "hello: a.c\n");
	inited_run(&t, INIT_C_MAKE);
	assert_non_null(strstr(t.ignore.data, "\nhello\n"));
	inited_init(&folder, "Makefile a.c hello/");
	inited_add(&folder, INIT_MAKEFILE, "hello: a.c\n");
	inited_run(&folder, INIT_C_MAKE);
	assert_null(strstr(folder.ignore.data, "\nhello\n"));
}

static void packages_come_before_sources(void **state)
{
	cleanup_inited struct inited t;

	(void)state;
	inited_init(&t, "Makefile src/ src/a.c");
	inited_run(&t, INIT_C_MAKE);
	assert_says(&t, "FROM debian:bookworm-slim AS build\n");
	assert_says(&t, "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked");
	assert_true(strstr(t.dockerfile.data, "apt-get install") < strstr(t.dockerfile.data, "COPY . .\n"));
	assert_says(&t, "RUN make -j\"$(nproc)\"\n");
}

static void assert_program(const char *cmake, const char *name)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "COPY --from=build /out/bin/%s /usr/local/bin/%s\n", name, name);
	assert_makes(INIT_C_CMAKE, "CMakeLists.txt", INIT_CMAKELISTS, cmake, line);
}

static void what_cmake_makes_is_found(void **state)
{
	(void)state;
	assert_program("project(Foo C)\nadd_executable(foo main.c)\n", "foo");
	assert_program("PROJECT( Foo )\nADD_EXECUTABLE (\n  foo\n main.c)\n", "foo");
	assert_program("project(Foo)\nadd_executable(${PROJECT_NAME} main.c)\n", "Foo");
	assert_program("# add_executable(no)\nproject(\"Foo\")\n", "Foo");
	assert_program("my_add_executable(no)\nadd_executable(${X} a.c)\nadd_executable(b b.c)", "b");
	assert_program("project(a;b)", "folder");
	assert_program("project(", "folder");
}

static void what_cmake_installs_is_copied_as_a_whole(void **state)
{
	cleanup_inited struct inited t;

	(void)state;
	inited_init(&t, "CMakeLists.txt");
	inited_add(&t, INIT_CMAKELISTS, "project(x)\nadd_executable(x x.c)\ninstall(TARGETS x)\n");
	inited_run(&t, INIT_C_CMAKE);
	assert_says(&t, "cmake --install /build --prefix /out --strip\n");
	assert_says(&t, "COPY --from=build /out/ /usr/local/\n");
	assert_says(&t, "ENTRYPOINT [\"/usr/local/bin/x\"]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_make_makes_is_found_in_plain_makefiles),
		cmocka_unit_test(hostile_makefiles_get_nothing_into_a_dockerfile),
		cmocka_unit_test(a_program_that_was_made_here_is_not_taken_along),
		cmocka_unit_test(packages_come_before_sources),
		cmocka_unit_test(what_cmake_makes_is_found),
		cmocka_unit_test(what_cmake_installs_is_copied_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
