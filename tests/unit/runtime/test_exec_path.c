/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/exec_path.h"

#include "tests/unit/common/scratch.h"

#include "common/strvec.h"

struct fixture {
	struct scratch *scratch;
	struct strvec env;
	char out[PATH_MAX];
	struct err e;
};

static void make(const struct fixture *f, const char *name, mode_t mode)
{
	scratch_write(f->scratch, name, "#!/bin/sh\n");
	assert_int_equal(fchmodat(f->scratch->fd, name, mode, 0), 0);
}

/* a/tool, b/tool, b/only-b, a/no-x, b/no-x..., and a directory a/dir. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	void *scratch;

	assert_non_null(f);
	assert_int_equal(scratch_setup(&scratch), 0);
	f->scratch = scratch;
	assert_int_equal(mkdirat(f->scratch->fd, "a", 0755), 0);
	assert_int_equal(mkdirat(f->scratch->fd, "b", 0755), 0);
	assert_int_equal(mkdirat(f->scratch->fd, "a/dir", 0755), 0);
	make(f, "a/tool", 0755);
	make(f, "b/tool", 0755);
	make(f, "b/only-b", 0700);
	make(f, "a/no-x", 0644);
	make(f, "a/half", 0644);
	make(f, "b/half", 0755);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *scratch = f->scratch;

	strvec_done(&f->env);
	free(f);
	return scratch_teardown(&scratch);
}

#define PATH_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* PATH as given, where "@" stands for the scratch directory. */
static void set_path(struct fixture *f, const char *path)
{
	cleanup_buf struct buf text = BUF_INIT(4096);

	assert_int_equal(buf_add_str(&text, "PATH="), 0);
	for (; *path; path++)
		assert_int_equal(*path == '@' ? buf_add_str(&text, f->scratch->path)
					      : buf_add_char(&text, *path),
				 0);
	strvec_done(&f->env);
	assert_int_equal(strvec_set_env(&f->env, text.data), 0);
}

static void expect_found(struct fixture *f, const char *name, const char *below)
{
	f->e = (struct err){ 0 };
	if (exec_path_find(name, &f->env, f->out, &f->e) < 0)
		fail_msg("%s: %s", name, f->e.text);
	assert_string_equal(f->out, scratch_path(f->scratch, below));
}

static void expect_error(struct fixture *f, const char *name, int code, const char *text)
{
	f->e = (struct err){ 0 };
	assert_int_equal(exec_path_find(name, &f->env, f->out, &f->e), code);
	assert_string_equal(f->e.text, text);
}

static void the_first_directory_of_path_wins(void **state)
{
	struct fixture *f = *state;

	set_path(f, "@/a:@/b");
	expect_found(f, "tool", "a/tool");
	expect_found(f, "only-b", "b/only-b");
	set_path(f, "@/b:@/a");
	expect_found(f, "tool", "b/tool");
	set_path(f, "/nowhere:@/a/tool:@/b"); /* what is no directory is passed over */
	expect_found(f, "tool", "b/tool");
}

static void what_cannot_be_executed_is_passed_over(void **state)
{
	struct fixture *f = *state;

	set_path(f, "@/a:@/b");
	expect_found(f, "half", "b/half");
}

static void a_program_that_is_nowhere_is_not_found(void **state)
{
	struct fixture *f = *state;

	set_path(f, "@/a:@/b");
	expect_error(f, "foo", -ENOENT, "exec: \"foo\": executable file not found in $PATH");
	expect_error(f, "", -ENOENT, "exec: \"\": executable file not found in $PATH");
	set_path(f, "");
	expect_error(f, "tool", -ENOENT, "exec: \"tool\": executable file not found in $PATH");
}

static void a_program_that_is_there_and_not_executable_is_denied(void **state)
{
	struct fixture *f = *state;

	set_path(f, "@/a:@/b");
	expect_error(f, "no-x", -EACCES, "exec: \"no-x\": permission denied"); /* root, too */
}

static void a_name_with_a_slash_is_not_looked_up(void **state)
{
	struct fixture *f = *state;
	char cwd[PATH_MAX], text[512], path[128];

	set_path(f, "@/b");
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(scratch_path(f->scratch, "a")), 0);
	assert_int_equal(exec_path_find("./tool", &f->env, f->out, &f->e), 0);
	assert_string_equal(f->out, "./tool");
	assert_int_equal(exec_path_find("../b/only-b", &f->env, f->out, &f->e), 0);
	assert_string_equal(f->out, "../b/only-b");
	expect_error(f, "./only-b", -ENOENT, "exec: \"./only-b\": stat ./only-b: no such file or directory");
	assert_int_equal(chdir(cwd), 0);
	(void)snprintf(path, sizeof(path), "%s/a/no-x", f->scratch->path);
	(void)snprintf(text, sizeof(text), "exec: \"%s\": permission denied", path);
	expect_error(f, path, -EACCES, text);
	(void)snprintf(path, sizeof(path), "%s/a/tool/x", f->scratch->path);
	(void)snprintf(text, sizeof(text), "exec: \"%s\": stat %s: not a directory", path, path);
	expect_error(f, path, -ENOTDIR, text);
}

static void directories_are_not_executed(void **state)
{
	struct fixture *f = *state;
	char text[256], path[128];

	(void)snprintf(path, sizeof(path), "%s/a/dir", f->scratch->path);
	(void)snprintf(text, sizeof(text), "exec: \"%s\": is a directory: permission denied", path);
	expect_error(f, path, -EACCES, text);
	expect_error(f, "/", -EACCES, "exec: \"/\": is a directory: permission denied");
	make(f, "b/dir", 0755);
	set_path(f, "@/a:@/b");
	expect_found(f, "dir", "b/dir");
}

static void empty_elements_of_path_are_the_working_directory(void **state)
{
	static const char *const PATHS[] = { ":@/b", "/nowhere::@/b", "@/a:", ":" };
	struct fixture *f = *state;
	char cwd[PATH_MAX];

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(scratch_path(f->scratch, "b")), 0);
	for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
		set_path(f, PATHS[i]);
		if (exec_path_find("only-b", &f->env, f->out, &f->e) < 0)
			fail_msg("PATH=%s: %s", PATHS[i], f->e.text);
		assert_string_equal(f->out, "./only-b");
	}
	assert_int_equal(chdir(cwd), 0);
}

static void without_path_the_usual_directories_are_searched(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(exec_path_find("sh", &f->env, f->out, &f->e), 0);
	assert_true(strcmp(f->out, "/usr/bin/sh") == 0 || strcmp(f->out, "/bin/sh") == 0);
}

static void symlinks_are_followed_and_kept_in_the_path(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(symlinkat("../b/only-b", f->scratch->fd, "a/link"), 0);
	assert_int_equal(symlinkat("nowhere", f->scratch->fd, "a/dangling"), 0);
	set_path(f, "@/a");
	expect_found(f, "link", "a/link");
	expect_error(f, "dangling", -ENOENT, "exec: \"dangling\": executable file not found in $PATH");
}

static void paths_that_are_too_long_are_passed_over(void **state)
{
	struct fixture *f = *state;
	char name[NAME_MAX + 2], path[PATH_MAX + 128], longer[PATH_MAX + 2];
	cleanup_strvec struct strvec env = { 0 };

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	set_path(f, "@/a");
	assert_int_equal(exec_path_find(name, &f->env, f->out, &f->e), -ENOENT);
	memset(path, 'p', sizeof(path));
	memcpy(path, "PATH=/", 6);
	(void)snprintf(path + PATH_MAX, 128, ":%s/a", f->scratch->path);
	assert_int_equal(strvec_add(&env, path), 0);
	assert_int_equal(exec_path_find("tool", &env, f->out, &f->e), 0);
	assert_string_equal(f->out, scratch_path(f->scratch, "a/tool"));
	memset(longer, '/', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(exec_path_find(longer, &f->env, f->out, &f->e), -ENAMETOOLONG);
}

static void look_as_user(void *arg)
{
	struct fixture *f = arg;

	CHILD_CHECK(setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0);
	set_path(f, "@/b:@/locked");
	CHILD_CHECK(exec_path_find("only-b", &f->env, f->out, &f->e) == -EACCES); /* mode 0700 of root */
	CHILD_CHECK(strcmp(f->e.text, "exec: \"only-b\": permission denied") == 0);
	CHILD_CHECK(exec_path_find("tool", &f->env, f->out, &f->e) == 0);
}

static void it_counts_what_the_user_may_execute(void **state)
{
	struct fixture *f = *state;

	need_root();
	assert_int_equal(fchmod(f->scratch->fd, 0755), 0);
	run_in_child(0, look_as_user, f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PATH_TEST(the_first_directory_of_path_wins),
		PATH_TEST(what_cannot_be_executed_is_passed_over),
		PATH_TEST(a_program_that_is_nowhere_is_not_found),
		PATH_TEST(a_program_that_is_there_and_not_executable_is_denied),
		PATH_TEST(a_name_with_a_slash_is_not_looked_up),
		PATH_TEST(directories_are_not_executed),
		PATH_TEST(empty_elements_of_path_are_the_working_directory),
		PATH_TEST(without_path_the_usual_directories_are_searched),
		PATH_TEST(symlinks_are_followed_and_kept_in_the_path),
		PATH_TEST(paths_that_are_too_long_are_passed_over),
		PATH_TEST(it_counts_what_the_user_may_execute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
