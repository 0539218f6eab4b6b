/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/unit/build/remote_fixture.h"

/* Two commits on main, a branch, both kinds of tags, and a ref that is neither. */
static const char REPOSITORY[] =
	"git init -q repo\ncd repo\n"
	"echo one >file; mkdir -p sub/deep; echo in >sub/deep/f; ln -s sub link\n"
	"ln -s /etc out; printf '#!/bin/sh\\n' >run; chmod 700 run\n"
	"git add .; git commit -qm one; git tag light\n"
	"git tag -a -m heavy heavy; git branch side\n"
	"git update-ref refs/pull/7/head HEAD\n"
	"echo two >file; git commit -qam two\n"
	"git rev-parse main >../main; git rev-parse side >../side; git rev-parse heavy >../heavy\n";

static int setup(void **state)
{
	int r = remote_setup(state);

	shell(*state, REPOSITORY);
	return r;
}

static void read_id(const struct remote_fixture *f, const char *name, char ret[REMOTE_COMMIT_MAX + 1])
{
	cleanup_buf struct buf text = BUF_INIT(128);
	struct err e;

	assert_int_equal(file_read(f->top_fd, name, &text, &e), 0);
	(void)snprintf(ret, REMOTE_COMMIT_MAX + 1, "%.*s", (int)strcspn(text.data, "\n"), text.data);
}

static struct plan_git git_of(struct remote_fixture *f, const char *ref)
{
	(void)snprintf(f->url, sizeof(f->url), "file://%s/repo", f->path);
	return (struct plan_git){ .remote = f->url, .ref = (char *)(uintptr_t)ref };
}

static int fetch(struct remote_fixture *f, const struct plan_git *git, struct remote_commit *ret, int *ret_fd)
{
	int r = remote_git_resolve(git, &f->o, ret, &f->e);

	return r < 0 ? r : remote_git(git, ret, f->out_fd, &f->o, ret_fd, &f->e);
}

static int fetch_well(struct remote_fixture *f, const struct plan_git *git, struct remote_commit *ret)
{
	int fd = -1;

	if (fetch(f, git, ret, &fd) < 0)
		fail_msg("%s", f->e.text);
	return fd;
}

static void refs_of_all_kinds_are_resolved_as_git_would(void **state)
{
	static const struct {
		const char *ref, *id, *full;
	} CASES[] = {
		{ NULL, "main", "refs/heads/main" },
		{ "main", "main", "refs/heads/main" },
		{ "side", "side", "refs/heads/side" },
		{ "heads/side", "side", "refs/heads/side" },
		{ "refs/heads/side", "side", "refs/heads/side" },
		{ "light", "side", "refs/tags/light" },
		{ "heavy", "side", "refs/tags/heavy" },
		{ "refs/tags/heavy", "side", "refs/tags/heavy" },
		{ "pull/7/head", "side", "refs/pull/7/head" },
		{ "refs/pull/7/head", "side", "refs/pull/7/head" },
	};
	struct remote_fixture *f = *state;
	char id[REMOTE_COMMIT_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct plan_git git = git_of(f, CASES[i].ref);
		struct remote_commit c;

		if (remote_git_resolve(&git, &f->o, &c, &f->e) < 0)
			fail_msg("%s", f->e.text);
		read_id(f, CASES[i].id, id);
		assert_string_equal(c.commit, id);
		assert_string_equal(c.ref, CASES[i].full);
		assert_true(!c.tag[0] == !strstr(c.ref, "heavy"));
	}
}

static void a_branch_comes_before_a_tag_of_its_name(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = git_of(f, "side");
	struct remote_commit c;
	char id[REMOTE_COMMIT_MAX + 1];

	shell(f, "cd repo; git tag side main");
	assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), 0);
	read_id(f, "side", id);
	assert_string_equal(c.commit, id);
}

static void a_ref_that_is_not_there_is_an_error(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = git_of(f, "nowhere");
	struct remote_commit c;

	assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), -ENOENT);
	assert_string_equal(f->e.text, "repository does not contain ref nowhere");
}

static void a_repository_that_is_not_there_is_an_error(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = { .remote = (char[]){ "file:///nowhere/at/all" } };
	struct remote_commit c;

	assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), -EPROTO);
	assert_string_equal(f->e.text, "failed to fetch remote file:///nowhere/at/all: fatal: "
				       "'/nowhere/at/all' does not appear to be a git repository");
}

static void a_checkout_has_the_files_and_no_repository(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = git_of(f, NULL);
	struct remote_commit c;
	mode_t mask = umask(077);
	cleanup_fd int fd = fetch_well(f, &git, &c);
	struct stat st;

	(void)umask(mask);
	assert_text(fd, "file", "two\n");
	assert_text(f->out_fd, "file", "two\n");
	assert_nothing(fd, ".git");
	assert_int_equal(fstatat(fd, "file", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(fstatat(fd, "run", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0755);
	assert_int_equal(fstatat(fd, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void each_kind_of_ref_can_be_checked_out(void **state)
{
	static const char *const REFS[] = { "side", "light", "heavy", "refs/pull/7/head" };
	struct remote_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(REFS); i++) {
		struct plan_git git = git_of(f, REFS[i]);
		struct remote_commit c;
		int fd = fetch_well(f, &git, &c);

		assert_text(fd, "file", "one\n");
		(void)close(fd);
		shell(f, "rm -rf out/* out/.[a-z]*");
	}
}

static void a_commit_is_taken_as_it_is(void **state)
{
	struct remote_fixture *f = *state;
	char id[REMOTE_COMMIT_MAX + 1];
	struct plan_git git;
	struct remote_commit c;
	cleanup_fd int fd = -1;

	read_id(f, "side", id);
	git = git_of(f, id);
	fd = fetch_well(f, &git, &c);
	assert_string_equal(c.commit, id);
	assert_string_equal(c.ref, "");
	assert_text(fd, "file", "one\n");
}

static void a_commit_that_is_not_there_is_an_error(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = git_of(f, "0123456789012345678901234567890123456789");
	struct remote_commit c;
	char expected[256];
	int fd;

	assert_int_equal(fetch(f, &git, &c, &fd), -ENOENT);
	(void)snprintf(expected, sizeof(expected), "repository does not contain commit %s", git.ref);
	assert_string_equal(f->e.text, expected);
}

static void a_server_without_git_is_asked_for_files(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = { .remote = f->url, .ref = (char[]){ "side" } };
	struct remote_commit c;
	cleanup_fd int fd = -1;

	shell(f, "git clone -q --bare repo dumb.git; cd dumb.git; git update-server-info");
	serve(f);
	(void)at_server(f, "/dumb.git");
	fd = fetch_well(f, &git, &c);
	assert_text(fd, "file", "one\n");
}

static void the_repository_is_kept_where_it_is_wanted(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = git_of(f, "heavy");
	struct remote_commit c;
	cleanup_fd int fd = -1;

	git.keep_git_dir = (struct dockerfile_bool){ true, true };
	fd = fetch_well(f, &git, &c);
	assert_nothing(fd, ".git/FETCH_HEAD");
	assert_nothing(fd, ".git/logs");
	assert_nothing(fd, ".git/hooks");
	shell(f, "cd out; test \"$(git describe)\" = heavy; test \"$(git rev-parse HEAD)\" = \"$(cat "
		 "../side)\"\n"
		 "test -z \"$(git status --porcelain)\"; test \"$(git rev-list --count HEAD)\" = 1\n"
		 "test \"$(git config remote.origin.url)\" = \"file://$(dirname $PWD)/repo\"");
}

static void a_branch_that_is_kept_has_its_name(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = git_of(f, "side");
	struct remote_commit c;
	cleanup_fd int fd = -1;

	git.keep_git_dir = (struct dockerfile_bool){ true, true };
	fd = fetch_well(f, &git, &c);
	shell(f, "cd out; test \"$(git rev-parse refs/heads/side)\" = \"$(cat ../side)\"");
}

static void a_subdirectory_is_the_root(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = git_of(f, NULL);
	struct remote_commit c;
	cleanup_fd int fd = -1;

	git.subdir = (char[]){ "/sub/./deep/" };
	git.keep_git_dir = (struct dockerfile_bool){ true, true };
	fd = fetch_well(f, &git, &c);
	assert_text(fd, "f", "in\n");
	assert_nothing(fd, ".git");
	assert_nothing(f->out_fd, ".git");
}

static void a_subdirectory_does_not_lead_out(void **state)
{
	static const struct {
		const char *subdir;
		int code;
		const char *text;
	} CASES[] = {
		{ "../x", -EINVAL, "git subdir '../x' climbs" },
		{ "sub/../..", -EINVAL, "git subdir 'sub/../..' climbs" },
		{ "out", -ENOTDIR, "git subdir 'out' is not a directory" },
		{ "link/deep", -ENOTDIR, "git subdir 'link/deep' is not a directory" },
		{ "file", -ENOTDIR, "git subdir 'file' is not a directory" },
		{ "none", -ENOENT, "git subdir 'none': no such file or directory" },
		{ ".git/refs", -ENOENT, "git subdir '.git/refs': no such file or directory" },
	};
	struct remote_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct plan_git git = git_of(f, NULL);
		struct remote_commit c;
		int fd = -1;

		git.subdir = (char *)(uintptr_t)CASES[i].subdir;
		assert_int_equal(fetch(f, &git, &c, &fd), CASES[i].code);
		assert_string_equal(f->e.text, CASES[i].text);
		shell(f, "rm -rf out/* out/.[a-z]*");
	}
}

static void checksums_are_of_the_commit_or_the_tag(void **state)
{
	struct remote_fixture *f = *state;
	char commit[REMOTE_COMMIT_MAX + 1], tag[REMOTE_COMMIT_MAX + 1], expected[300];
	struct plan_git git = git_of(f, "heavy");
	struct remote_commit c;

	read_id(f, "side", commit);
	read_id(f, "heavy", tag);
	git.checksum = commit;
	assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), 0);
	git.checksum = tag;
	assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), 0);
	git.checksum = (char[]){ "0000" };
	assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), -EBADMSG);
	(void)snprintf(expected, sizeof(expected), "expected checksum to match 0000, got %s or %s", tag,
		       commit);
	assert_string_equal(f->e.text, expected);
	git.checksum = (char[]){ "foobar" };
	assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), -EINVAL);
	assert_string_equal(f->e.text, "invalid checksum \"foobar\", expected hex commit hash");
	commit[7] = '\0';
	git.checksum = commit;
	assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), 0);
}

static void submodules_come_along_unless_they_are_not_wanted(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = git_of(f, NULL);
	struct remote_commit c;
	int fd;

	shell(f, "git init -q other; cd other; echo sub >s; git add .; git commit -qm s; cd ..\n"
		 "cd repo; git submodule -q add ../other a/mod; git commit -qm mod");
	fd = fetch_well(f, &git, &c);
	assert_text(fd, "a/mod/s", "sub\n");
	assert_nothing(fd, "a/mod/.git");
	assert_nothing(fd, ".git");
	(void)close(fd);
	shell(f, "rm -rf out/* out/.[a-z]*");
	git.no_submodules = true;
	fd = fetch_well(f, &git, &c);
	assert_nothing(fd, "a/mod/s");
	(void)close(fd);
}

/* CVE-2022-39253 and its kin: a repository of the network must not get at those of this machine. */
static void a_submodule_of_a_remote_repository_is_none_of_this_machine(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = { .remote = f->url };
	struct remote_commit c;
	int fd;

	shell(f, "git init -q secret; cd secret; echo sub >s; git add .; git commit -qm s; cd ..\n"
		 "cd repo; git submodule -q add file://$HOME/secret mod; git commit -qm mod; cd ..\n"
		 "git clone -q --bare repo dumb.git; cd dumb.git; git update-server-info");
	serve(f);
	(void)at_server(f, "/dumb.git");
	assert_int_equal(fetch(f, &git, &c, &fd), -EPROTO);
	assert_non_null(
		strstr(f->e.text, "failed to update submodules: fatal: transport 'file' not allowed"));
	assert_nothing(f->out_fd, "mod/s");
}

static void what_is_no_remote_or_ref_never_gets_to_git(void **state)
{
	static const char *const REMOTES[] = { "--upload-pack=touch /tmp/x",
					       "-x",
					       "ext::sh -c true",
					       "/etc",
					       "../x",
					       "",
					       "https://-x/y",
					       "ssh://-oProxyCommand=x/y",
					       "git@-oProxyCommand=x:y",
					       "a::b",
					       "https://h/\nx" };
	static const char *const REFS[] = { "--upload-pack=x", "", "a b", "a:b", "a..b", "^main", "main*" };
	struct remote_fixture *f = *state;
	struct remote_commit c;
	char expected[256];

	for (size_t i = 0; i < ARRAY_LEN(REMOTES); i++) {
		struct plan_git git = { .remote = (char *)(uintptr_t)REMOTES[i] };

		assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), -EINVAL);
		(void)snprintf(expected, sizeof(expected), "'%s' is no git remote that is supported",
			       REMOTES[i]);
		assert_string_equal(f->e.text, expected);
	}
	for (size_t i = 0; i < ARRAY_LEN(REFS); i++) {
		struct plan_git git = git_of(f, REFS[i]);

		assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), -EINVAL);
		(void)snprintf(expected, sizeof(expected), "'%s' is no git ref", REFS[i]);
		assert_string_equal(f->e.text, expected);
	}
}

static void without_git_there_is_a_word_of_how_to_get_it(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = git_of(f, NULL);
	struct remote_commit c;
	cleanup_free char *path = strdup(getenv("PATH"));

	assert_int_equal(setenv("PATH", f->path, 1), 0);
	assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), -ENOENT);
	assert_int_equal(setenv("PATH", path, 1), 0);
	assert_string_equal(f->e.text, "git is not installed (apt install git)");
}

static void the_users_configuration_and_the_repositorys_hooks_have_no_part_in_it(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = git_of(f, NULL);
	struct remote_commit c;
	cleanup_fd int fd = -1;
	cleanup_free char *home = strdup(getenv("HOME"));

	shell(f, "mkdir -p t/hooks; printf '#!/bin/sh\\ntouch %s/hooked\\n' $HOME >t/hooks/post-checkout\n"
		 "chmod 755 t/hooks/post-checkout\n"
		 "git config --file .gitconfig init.templateDir $HOME/t\n"
		 "git config --file .gitconfig filter.bad.smudge \"touch $HOME/filtered\"\n"
		 "cd repo; echo '* filter=bad' >.gitattributes; git add .; git commit -qm attributes");
	assert_int_equal(setenv("HOME", f->path, 1), 0);
	fd = fetch_well(f, &git, &c);
	assert_int_equal(setenv("HOME", home, 1), 0);
	assert_text(fd, "file", "two\n");
	assert_nothing(f->top_fd, "hooked");
	assert_nothing(f->top_fd, "filtered");
}

static void a_fetch_can_be_interrupted(void **state)
{
	struct remote_fixture *f = *state;
	struct plan_git git = { .remote = f->url };
	struct remote_commit c;
	int cancel[2];

	serve(f);
	(void)at_server(f, "/stalls");
	assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	f->o.cancel_fd = cancel[0];
	assert_int_equal(remote_git_resolve(&git, &f->o, &c, &f->e), -EINTR);
	(void)close(cancel[0]);
	(void)close(cancel[1]);
}

static void git_is_here(void **state)
{
	(void)state;
	need_program("git");
}

int main(void)
{
	const struct CMUnitTest alone[] = { cmocka_unit_test(git_is_here) };
#define GIT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, remote_teardown)
	const struct CMUnitTest tests[] = {
		GIT_TEST(refs_of_all_kinds_are_resolved_as_git_would),
		GIT_TEST(a_branch_comes_before_a_tag_of_its_name),
		GIT_TEST(a_ref_that_is_not_there_is_an_error),
		GIT_TEST(a_repository_that_is_not_there_is_an_error),
		GIT_TEST(a_checkout_has_the_files_and_no_repository),
		GIT_TEST(each_kind_of_ref_can_be_checked_out),
		GIT_TEST(a_commit_is_taken_as_it_is),
		GIT_TEST(a_commit_that_is_not_there_is_an_error),
		GIT_TEST(a_server_without_git_is_asked_for_files),
		GIT_TEST(the_repository_is_kept_where_it_is_wanted),
		GIT_TEST(a_branch_that_is_kept_has_its_name),
		GIT_TEST(a_subdirectory_is_the_root),
		GIT_TEST(a_subdirectory_does_not_lead_out),
		GIT_TEST(checksums_are_of_the_commit_or_the_tag),
		GIT_TEST(submodules_come_along_unless_they_are_not_wanted),
		GIT_TEST(a_submodule_of_a_remote_repository_is_none_of_this_machine),
		GIT_TEST(what_is_no_remote_or_ref_never_gets_to_git),
		GIT_TEST(without_git_there_is_a_word_of_how_to_get_it),
		GIT_TEST(the_users_configuration_and_the_repositorys_hooks_have_no_part_in_it),
		GIT_TEST(a_fetch_can_be_interrupted),
	};

	(void)unsetenv("http_proxy");
	(void)unsetenv("all_proxy");
	(void)unsetenv("ALL_PROXY");
	return has_program("git") ? cmocka_run_group_tests(tests, NULL, NULL)
				  : cmocka_run_group_tests(alone, NULL, NULL);
}
