/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "build/remote_context.h"
#include "tests/unit/build/remote_fixture.h"

static void what_a_context_is_can_be_told_by_its_name(void **state)
{
	static const struct {
		const char *text;
		enum remote_context_kind kind;
	} CASES[] = {
		{ "-", REMOTE_CONTEXT_STDIN },
		{ ".", REMOTE_CONTEXT_FOLDER },
		{ "-x", REMOTE_CONTEXT_FOLDER },
		{ "http", REMOTE_CONTEXT_FOLDER },
		{ "https://h/x.tar.gz", REMOTE_CONTEXT_URL },
		{ "http://h/git", REMOTE_CONTEXT_URL },
		{ "https://h/x.git", REMOTE_CONTEXT_GIT },
		{ "https://h/x.git#main:sub", REMOTE_CONTEXT_GIT },
		{ "https://h/x.git?what=1", REMOTE_CONTEXT_GIT },
		{ "git@h:x", REMOTE_CONTEXT_GIT },
		{ "ssh://h/x", REMOTE_CONTEXT_GIT },
		{ "git://h/x", REMOTE_CONTEXT_GIT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
		assert_int_equal(remote_context_kind(CASES[i].text), CASES[i].kind);
}

/* From a pipe, as from a shell's. */
static int fetch_output(struct remote_fixture *f, const char *command, struct remote_context *ret)
{
	int out[2], status, r;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(out[1], STDOUT_FILENO);
		(void)close(out[0]);
		(void)close(out[1]);
		if (chdir(f->path) == 0)
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	r = remote_context_fetch("-", out[0], f->out_fd, &f->o, ret, &f->e);
	(void)close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return r;
}

static void a_tar_of_any_compression_comes_from_standard_input(void **state)
{
	static const char *const COMMANDS[] = {
		"tar -cC src .",  "tar -czC src .",         "tar -cjC src .",
		"tar -cJC src .", "tar -c --zstd -C src .",
	};
	struct remote_fixture *f = *state;

	need_program("bzip2");
	need_program("xz");
	need_program("zstd");
	shell(f,
	      "mkdir -p src/d; echo FROM scratch >src/Dockerfile; head -c 300000 /dev/urandom >src/d/large");
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
		cleanup_remote_context struct remote_context c = { .root_fd = -1, .dockerfile_fd = -1 };
		struct stat st;

		if (fetch_output(f, COMMANDS[i], &c) < 0)
			fail_msg("%s: %s", COMMANDS[i], f->e.text);
		assert_int_equal(c.dockerfile_fd, -1);
		assert_null(c.dockerfile);
		assert_text(c.root_fd, "Dockerfile", "FROM scratch\n");
		assert_int_equal(fstatat(c.root_fd, "d/large", &st, 0), 0);
		assert_int_equal(st.st_size, 300000);
		assert_int_equal(st.st_uid, geteuid());
		shell(f, "rm -rf out/*");
	}
}

static void a_tar_may_be_a_file_on_standard_input(void **state)
{
	struct remote_fixture *f = *state;
	cleanup_remote_context struct remote_context c = { .root_fd = -1, .dockerfile_fd = -1 };
	cleanup_fd int fd = -1;

	shell(f, "mkdir src; echo x >src/a; tar -czf t -C src .");
	fd = openat(f->top_fd, "t", O_RDONLY | O_CLOEXEC);
	if (remote_context_fetch("-", fd, f->out_fd, &f->o, &c, &f->e) < 0)
		fail_msg("%s", f->e.text);
	assert_text(c.root_fd, "a", "x\n");
}

static void what_is_no_tar_is_a_dockerfile_and_the_context_is_empty(void **state)
{
	struct remote_fixture *f = *state;
	cleanup_remote_context struct remote_context c = { .root_fd = -1, .dockerfile_fd = -1 };
	cleanup_buf struct buf text = BUF_INIT(65536);

	if (fetch_output(f, "echo FROM scratch; sleep 0.05; seq 2000", &c) < 0)
		fail_msg("%s", f->e.text);
	assert_string_equal(c.dockerfile, "-");
	assert_int_equal(read_fd(c.dockerfile_fd, &text, &f->e), 0);
	assert_int_equal(text.len, 13 + 8893);
	assert_memory_equal(text.data, "FROM scratch\n1\n2\n", 17);
	assert_int_equal(unlinkat(f->out_fd, "root", AT_REMOVEDIR), 0);
}

static void standard_input_must_be_something(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_context c;

	assert_int_equal(fetch_output(f, "true", &c), -EINVAL);
	assert_string_equal(f->e.text, "standard input is empty: a tar or a Dockerfile was expected");
	assert_int_equal(remote_context_fetch("-", -1, f->out_fd, &f->o, &c, &f->e), -EINVAL);
	assert_string_equal(f->e.text, "standard input cannot be the context here");
	assert_int_equal(remote_context_fetch("src", -1, f->out_fd, &f->o, &c, &f->e), -EINVAL);
	assert_string_equal(f->e.text, "'src' is a folder");
}

static void a_dockerfile_without_an_end_is_an_error(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_context c;

	assert_int_equal(fetch_output(f, "yes", &c), -EFBIG);
	assert_string_equal(f->e.text, "the Dockerfile from standard input is larger than 1048576 bytes");
}

static void a_damaged_tar_is_an_error(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_context c;

	shell(f, "mkdir src; head -c 300000 /dev/urandom >src/large");
	assert_int_equal(fetch_output(f, "tar -cC src . | gzip 2>/dev/null | head -c 100000", &c), -EINVAL);
	assert_string_equal(
		f->e.text,
		"cannot unpack the context from standard input: malformed gzip: it ends too early");
	shell(f, "rm -rf out/*");
	assert_int_equal(fetch_output(f, "tar -cP --transform='s,^,../,' src 2>/dev/null", &c), -EINVAL);
	assert_string_equal(
		f->e.text,
		"cannot unpack the context from standard input: '../src/': there is a '..' in the path");
}

static void waiting_for_standard_input_can_be_interrupted(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_context c;
	int cancel[2], in[2];

	assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	f->o.cancel_fd = cancel[0];
	assert_int_equal(remote_context_fetch("-", in[0], f->out_fd, &f->o, &c, &f->e), -EINTR);
	for (int i = 0; i < 2; i++) {
		(void)close(cancel[i]);
		(void)close(in[i]);
	}
}

static void a_url_may_be_a_tar_or_a_dockerfile(void **state)
{
	struct remote_fixture *f = *state;
	struct remote_context c = { .root_fd = -1, .dockerfile_fd = -1 };
	cleanup_buf struct buf text = BUF_INIT(4096);

	need_program("xz");
	shell(f, "mkdir src; echo FROM scratch >src/Dockerfile; tar -cJf t -C src .");
	serve(f);
	if (remote_context_fetch(at_server(f, "/t"), -1, f->out_fd, &f->o, &c, &f->e) < 0)
		fail_msg("%s", f->e.text);
	assert_text(c.root_fd, "Dockerfile", "FROM scratch\n");
	assert_int_equal(c.dockerfile_fd, -1);
	assert_true(digest_is_set(&c.digest));
	assert_nothing(f->out_fd, "fetched/context");
	remote_context_done(&c);
	shell(f, "rm -rf out/*");
	if (remote_context_fetch(at_server(f, "/src/Dockerfile"), -1, f->out_fd, &f->o, &c, &f->e) < 0)
		fail_msg("%s", f->e.text);
	assert_string_equal(c.dockerfile, "context");
	assert_text(c.root_fd, "context", "FROM scratch\n");
	assert_int_equal(read_fd(c.dockerfile_fd, &text, &f->e), 0);
	assert_string_equal(text.data, "FROM scratch\n");
	remote_context_done(&c);
}

static void a_git_url_is_checked_out(void **state)
{
	struct remote_fixture *f = *state;
	cleanup_remote_context struct remote_context c = { .root_fd = -1, .dockerfile_fd = -1 };

	need_program("git");
	shell(f, "git init -q src; cd src; mkdir sub; echo FROM scratch >sub/Dockerfile; git add .; git "
		 "commit -qm x\n"
		 "git tag v1; cd ..; git clone -q --bare src r.git; cd r.git; git update-server-info");
	serve(f);
	if (remote_context_fetch(at_server(f, "/r.git#v1:sub"), -1, f->out_fd, &f->o, &c, &f->e) < 0)
		fail_msg("%s", f->e.text);
	assert_text(c.root_fd, "Dockerfile", "FROM scratch\n");
	assert_string_equal(c.git.ref, "refs/tags/v1");
	assert_nothing(f->out_fd, "root/.git");
	remote_context_done(&c);
	shell(f, "rm -rf out/*");
	f->o.keep_git_dir = true;
	if (remote_context_fetch(at_server(f, "/r.git#v1"), -1, f->out_fd, &f->o, &c, &f->e) < 0)
		fail_msg("%s", f->e.text);
	assert_text(c.root_fd, "sub/Dockerfile", "FROM scratch\n");
	shell(f, "cd out/root; git status >/dev/null");
}

int main(void)
{
#define REMOTE_TEST(name) cmocka_unit_test_setup_teardown(name, remote_setup, remote_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_context_is_can_be_told_by_its_name),
		REMOTE_TEST(a_tar_of_any_compression_comes_from_standard_input),
		REMOTE_TEST(a_tar_may_be_a_file_on_standard_input),
		REMOTE_TEST(what_is_no_tar_is_a_dockerfile_and_the_context_is_empty),
		REMOTE_TEST(standard_input_must_be_something),
		REMOTE_TEST(a_dockerfile_without_an_end_is_an_error),
		REMOTE_TEST(a_damaged_tar_is_an_error),
		REMOTE_TEST(waiting_for_standard_input_can_be_interrupted),
		REMOTE_TEST(a_url_may_be_a_tar_or_a_dockerfile),
		REMOTE_TEST(a_git_url_is_checked_out),
	};

	(void)unsetenv("http_proxy");
	(void)unsetenv("all_proxy");
	(void)unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
