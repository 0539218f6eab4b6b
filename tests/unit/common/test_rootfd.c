/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rootfd.h"

#include "tests/unit/common/scratch.h"

#include <limits.h>
#include <time.h>

#define RENAME_EXCHANGE_FLAG 2u /* renameat2(2) */

/* <scratch>/root is the root, <scratch>/outside is what must never be reached. */
struct rooted {
	struct scratch *scratch;
	int fd;
};

static int setup(void **state)
{
	struct rooted *r = calloc(1, sizeof(*r));
	void *scratch;

	assert_non_null(r);
	assert_int_equal(scratch_setup(&scratch), 0);
	r->scratch = scratch;
	assert_int_equal(mkdirat(r->scratch->fd, "root", 0755), 0);
	assert_int_equal(mkdirat(r->scratch->fd, "outside", 0755), 0);
	scratch_write(r->scratch, "outside/secret", "secret");
	r->fd = openat(r->scratch->fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(r->fd >= 0);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rooted *r = *state;
	void *scratch = r->scratch;

	(void)close(r->fd);
	free(r);
	return scratch_teardown(&scratch);
}

#define ROOTED_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void make_link(const struct rooted *r, const char *target, const char *name)
{
	assert_int_equal(symlinkat(target, r->fd, name), 0);
}

static void make_dir(const struct rooted *r, const char *name)
{
	assert_int_equal(mkdirat(r->fd, name, 0755), 0);
}

static ino_t inode_of(int dir_fd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_ino;
}

/* `path` leads to what lies at `plain`, which has neither links nor "..". */
static void expect_same(const struct rooted *r, const char *path, const char *plain)
{
	cleanup_fd int fd = -1;
	struct err e = { 0 };
	struct stat st;

	if (rootfd_open(r->fd, path, O_PATH, 0, &fd, &e) < 0)
		fail_msg("%s: %s", path, e.text);
	assert_int_equal(fstat(fd, &st), 0);
	if (st.st_ino != inode_of(r->fd, plain))
		fail_msg("'%s' did not lead to '%s'", path, plain);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void expect_open_error(const struct rooted *r, const char *path, int code)
{
	struct err e = { 0 };
	int fd = -7;
	int result = rootfd_open(r->fd, path, O_PATH, 0, &fd, &e);

	if (result != code)
		fail_msg("'%s': %d %s, not %d", path, result, e.text, code);
	assert_int_equal(fd, -7);
	assert_memory_equal(e.text, "cannot open '", 13);
}

static void paths_begin_at_the_root(void **state)
{
	struct rooted *r = *state;

	need_openat2();
	make_dir(r, "a");
	make_dir(r, "a/b");
	expect_same(r, "/", ".");
	expect_same(r, "", ".");
	expect_same(r, ".", ".");
	expect_same(r, "a/b", "a/b");
	expect_same(r, "/a/b", "a/b");
	expect_same(r, "//a//./b/", "a/b");
	expect_open_error(r, "c", -ENOENT);
	expect_open_error(r, r->scratch->path, -ENOENT);
}

static void dots_do_not_lead_above_the_root(void **state)
{
	struct rooted *r = *state;

	need_openat2();
	make_dir(r, "a");
	expect_same(r, "..", ".");
	expect_same(r, "/../../../..", ".");
	expect_same(r, "../../a", "a");
	expect_same(r, "a/../../../a/..", ".");
	expect_open_error(r, "../outside", -ENOENT);
	expect_open_error(r, "a/../../outside/secret", -ENOENT);
}

static void symlinks_are_followed_inside_the_root(void **state)
{
	struct rooted *r = *state;

	need_openat2();
	make_dir(r, "a");
	make_dir(r, "a/b");
	make_link(r, "a/b", "relative");
	make_link(r, "/a", "absolute");
	make_link(r, "../../../a", "above");
	make_link(r, "/", "top");
	make_link(r, "../..", "a/b/up");
	make_link(r, "absolute/b", "chain");
	expect_same(r, "relative", "a/b");
	expect_same(r, "absolute/b", "a/b");
	expect_same(r, "above", "a");
	expect_same(r, "top/top/a", "a");
	expect_same(r, "a/b/up/a", "a");
	expect_same(r, "chain", "a/b");
}

static void symlinks_do_not_lead_outside(void **state)
{
	struct rooted *r = *state;
	char target[128];

	need_openat2();
	(void)snprintf(target, sizeof(target), "%s/outside", r->scratch->path);
	make_link(r, target, "absolute");
	make_link(r, "../outside", "relative");
	make_link(r, "/etc", "config");
	expect_open_error(r, "absolute", -ENOENT);
	expect_open_error(r, "absolute/secret", -ENOENT);
	expect_open_error(r, "relative/secret", -ENOENT);
	expect_open_error(r, "config/passwd", -ENOENT);
}

static void loops_and_files_on_the_way_are_told(void **state)
{
	struct rooted *r = *state;

	need_openat2();
	make_link(r, "loop", "loop");
	make_link(r, "pong", "ping");
	make_link(r, "ping", "pong");
	assert_int_equal(mkfifoat(r->fd, "fifo", 0600), 0);
	scratch_write(r->scratch, "root/file", "");
	expect_open_error(r, "loop", -ELOOP);
	expect_open_error(r, "ping/x", -ELOOP);
	expect_open_error(r, "fifo/x", -ENOTDIR);
	expect_open_error(r, "file/", -ENOTDIR);
	expect_open_error(r, "file/..", -ENOTDIR);
}

static void magic_links_are_refused(void **state)
{
	static const char *const PATHS[] = { "/proc/self/fd/0", "/proc/self/root", "/proc/self/cwd/x",
					     "/proc/self/exe", "/proc/self/root/etc/passwd" };
	struct rooted *r = *state;
	struct rooted whole = { .scratch = r->scratch, .fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) };
	char link[128];

	need_openat2();
	for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
		struct err e = { 0 };
		int fd = -7;

		expect_open_error(&whole, PATHS[i], -ELOOP);
		assert_int_equal(rootfd_mkdir_p(whole.fd, PATHS[i], 0755, &fd, &e), -ELOOP);
		assert_int_equal(rootfd_make_file(whole.fd, PATHS[i], 0644, &fd, &e), -ELOOP);
		assert_int_equal(fd, -7);
	}
	make_link(r, "/proc/self/root", "magic"); /* and behind an ordinary one */
	(void)snprintf(link, sizeof(link), "%s/root/magic/tmp", r->scratch->path);
	expect_open_error(&whole, link, -ELOOP);
	(void)close(whole.fd);
}

static void files_are_made_with_flags_and_mode(void **state)
{
	struct rooted *r = *state;
	cleanup_fd int fd = -1, again = -1;
	struct err e = { 0 };
	struct stat st;
	mode_t old = umask(0);

	need_openat2();
	assert_int_equal(rootfd_open(r->fd, "/new", O_WRONLY | O_CREAT | O_EXCL, 0640, &fd, &e), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(rootfd_open(r->fd, "/new", O_WRONLY | O_CREAT | O_EXCL, 0640, &again, &e), -EEXIST);
	assert_string_equal(e.text, "cannot open '/new': file exists");
	assert_int_equal(rootfd_open(r->fd, "/new", O_RDONLY, 0777, &again, &e),
			 0); /* a mode without O_CREAT */
	(void)umask(old);
}

/* --- making directories --- */

static void expect_made(const struct rooted *r, const char *path, const char *plain)
{
	cleanup_fd int fd = -1;
	struct err e = { 0 };
	struct stat st;

	if (rootfd_mkdir_p(r->fd, path, 0755, &fd, &e) < 0)
		fail_msg("%s: %s", path, e.text);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	if (faccessat(r->fd, plain, F_OK, AT_SYMLINK_NOFOLLOW) < 0 || st.st_ino != inode_of(r->fd, plain))
		fail_msg("'%s' was not made at '%s'", path, plain);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true((fcntl(fd, F_GETFL) & O_PATH) != 0);
}

/* outside/ holds what it held, and nothing was made beside root/. */
static void expect_nothing_outside(const struct rooted *r)
{
	cleanup_dir DIR *dir = opendir(scratch_path(r->scratch, "outside"));
	cleanup_dir DIR *top = opendir(r->scratch->path);
	int count = 0;

	assert_non_null(dir);
	assert_non_null(top);
	while (readdir(dir))
		count++;
	assert_int_equal(count, 3);
	while (readdir(top))
		count++;
	assert_int_equal(count, 7);
}

static void directories_are_made_where_they_are_absent(void **state)
{
	static const char *const PATHS[][2] = {
		{ "/a/b/c", "a/b/c" }, { "a/b/c", "a/b/c" },     { "d", "d" },
		{ "//e///f/", "e/f" }, { "./g/./h", "g/h" },     { "/", "." },
		{ "", "." },           { "/../../i/../j", "j" }, { "a/../a/k/../l", "a/l" }
	};
	struct rooted *r = *state;

	need_openat2();
	for (size_t i = 0; i < ARRAY_LEN(PATHS); i++)
		expect_made(r, PATHS[i][0], PATHS[i][1]);
	expect_nothing_outside(r);
}

static void made_directories_have_the_mode_asked_for(void **state)
{
	struct rooted *r = *state;
	cleanup_fd int fd = -1;
	struct err e = { 0 };
	struct stat st;
	mode_t old = umask(0);

	need_openat2();
	assert_int_equal(rootfd_mkdir_p(r->fd, "x/y", 0751, &fd, &e), 0);
	(void)umask(old);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
	assert_int_equal(fstatat(r->fd, "x", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
}

static void directories_are_made_through_symlinks_inside_the_root(void **state)
{
	struct rooted *r = *state;

	need_openat2();
	make_dir(r, "real");
	make_link(r, "real", "link");
	make_link(r, "/real", "absolute");
	make_link(r, "/deep/dangling", "dangling");
	make_link(r, "../../../../up", "above");
	make_link(r, "dangling/../x", "mixed");
	expect_made(r, "link/a", "real/a");
	expect_made(r, "absolute/b/c", "real/b/c");
	expect_made(r, "dangling", "deep/dangling");
	expect_made(r, "above/x", "up/x");
	expect_made(r, "mixed/y", "deep/x/y");
	expect_nothing_outside(r);
}

static void directories_are_never_made_outside(void **state)
{
	struct rooted *r = *state;
	struct err e = { 0 };
	char target[128], plain[160];
	cleanup_fd int fd = -1;

	need_openat2();
	(void)snprintf(target, sizeof(target), "%s/outside", r->scratch->path);
	(void)snprintf(plain, sizeof(plain), "%s/x/y", target + 1);
	make_link(r, target, "absolute");
	make_link(r, "../outside", "relative");
	make_link(r, "../../outside/../outside", "winding");
	expect_made(r, "absolute/x/y", plain); /* the same path, but inside */
	expect_made(r, "relative/z", "outside/z");
	expect_made(r, "winding/w/../v", "outside/v");
	assert_int_equal(rootfd_make_file(r->fd, "absolute/file", 0644, &fd, &e), 0);
	expect_nothing_outside(r);
}

static void what_is_in_the_way_of_a_directory_is_an_error(void **state)
{
	static const struct {
		const char *path;
		int code;
	} CASES[] = { { "file", -ENOTDIR },   { "file/x", -ENOTDIR }, { "fifo/x/y", -ENOTDIR },
		      { "loop", -ELOOP },     { "loop/x", -ELOOP },   { "to-file/x/y", -ENOTDIR },
		      { "ok/loop/x", -ELOOP } };
	struct rooted *r = *state;

	need_openat2();
	scratch_write(r->scratch, "root/file", "kept");
	assert_int_equal(mkfifoat(r->fd, "fifo", 0600), 0);
	make_link(r, "loop", "loop");
	make_link(r, "file", "to-file");
	make_dir(r, "ok");
	make_link(r, "../loop", "ok/loop");
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct err e = { 0 };
		int fd = -7, before = count_open_descriptors();

		assert_int_equal(rootfd_mkdir_p(r->fd, CASES[i].path, 0755, &fd, &e), CASES[i].code);
		assert_int_equal(fd, -7);
		assert_non_null(strstr(e.text, CASES[i].path));
		assert_int_equal(count_open_descriptors(), before);
	}
	assert_true(scratch_holds(r->scratch, "root/file", "kept"));
}

static void names_that_are_too_long_are_refused(void **state)
{
	struct rooted *r = *state;
	char path[PATH_MAX + 16];
	struct err e = { 0 };
	int fd = -7;

	need_openat2();
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	memcpy(path, "new/", 4);
	path[4 + NAME_MAX + 1] = '\0';
	assert_int_equal(rootfd_mkdir_p(r->fd, path, 0755, &fd, &e), -ENAMETOOLONG);
	path[4 + NAME_MAX + 1] = 'x';
	assert_int_equal(rootfd_mkdir_p(r->fd, path, 0755, &fd, &e), -ENAMETOOLONG);
	assert_int_equal(rootfd_make_file(r->fd, path, 0755, &fd, &e), -ENAMETOOLONG);
	assert_int_equal(fd, -7);
}

static void links_that_dangle_into_each_other_end(void **state)
{
	struct rooted *r = *state;
	char name[16], next[24];
	struct err e = { 0 };
	cleanup_fd int fd = -1;

	need_openat2();
	for (int i = 0; i < 45; i++) {
		(void)snprintf(name, sizeof(name), "l%d", i);
		(void)snprintf(next, sizeof(next), "l%d", i + 1);
		make_link(r, next, name);
	}
	assert_int_equal(rootfd_mkdir_p(r->fd, "l0", 0755, &fd, &e), -ELOOP);
	expect_made(r, "l10", "l45");
}

/* --- files --- */

static void expect_file(const struct rooted *r, const char *path, const char *plain, mode_t mode)
{
	cleanup_fd int fd = -1;
	struct err e = { 0 };
	struct stat st;

	if (rootfd_make_file(r->fd, path, 0640, &fd, &e) < 0)
		fail_msg("%s: %s", path, e.text);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, mode);
	assert_int_equal(st.st_ino, inode_of(r->fd, plain));
	assert_true((fcntl(fd, F_GETFL) & O_PATH) != 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void files_are_made_with_their_parents(void **state)
{
	struct rooted *r = *state;
	mode_t old = umask(0);

	need_openat2();
	make_dir(r, "real");
	make_link(r, "/real", "link");
	expect_file(r, "/a/b/file", "a/b/file", S_IFREG | 0640);
	expect_file(r, "file", "file", S_IFREG | 0640);
	expect_file(r, "link/file", "real/file", S_IFREG | 0640);
	expect_file(r, "../../../up", "up", S_IFREG | 0640);
	(void)umask(old);
	expect_nothing_outside(r);
}

static void files_that_are_there_are_opened_as_they_are(void **state)
{
	struct rooted *r = *state;

	need_openat2();
	scratch_write(r->scratch, "root/file", "kept");
	assert_int_equal(fchmodat(r->fd, "file", 0600, 0), 0);
	assert_int_equal(mkfifoat(r->fd, "fifo", 0600), 0);
	make_link(r, "/file", "link");
	expect_file(r, "file", "file", S_IFREG | 0600);
	expect_file(r, "link", "file", S_IFREG | 0600);
	expect_file(r, "fifo", "fifo", S_IFIFO | 0600); /* without waiting for a writer */
	assert_true(scratch_holds(r->scratch, "root/file", "kept"));
}

/* As runc does: an image's /etc/resolv.conf points to where systemd would make it. */
static void targets_of_dangling_symlinks_are_made_as_files(void **state)
{
	struct rooted *r = *state;
	char target[128], plain[128];
	mode_t old = umask(0);

	need_openat2();
	(void)snprintf(target, sizeof(target), "%s/outside/new", r->scratch->path);
	(void)snprintf(plain, sizeof(plain), "%s", target + 1);
	make_dir(r, "etc");
	make_link(r, "../run/systemd/resolv.conf", "etc/resolv.conf");
	make_link(r, "/etc/resolv.conf", "twice");
	make_link(r, target, "out");
	make_link(r, "../../outside/new", "up");
	expect_file(r, "etc/resolv.conf", "run/systemd/resolv.conf", S_IFREG | 0640);
	assert_int_equal(unlinkat(r->fd, "run/systemd/resolv.conf", 0), 0);
	expect_file(r, "twice", "run/systemd/resolv.conf", S_IFREG | 0640);
	expect_file(r, "out", plain, S_IFREG | 0640);
	expect_file(r, "up", "outside/new", S_IFREG | 0640);
	(void)umask(old);
	expect_nothing_outside(r);
}

static void files_without_a_name_are_refused(void **state)
{
	static const char *const PATHS[] = { "new/", "new/..", "new/.", "a/b/", "new/../x/" };
	struct rooted *r = *state;

	need_openat2();
	for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
		struct err e = { 0 };
		int fd = -7;

		if (rootfd_make_file(r->fd, PATHS[i], 0644, &fd, &e) != -EINVAL)
			fail_msg("'%s': %s", PATHS[i], e.text);
		assert_non_null(strstr(e.text, "does not name a file"));
		assert_int_equal(fd, -7);
	}
}

static void a_link_loop_is_no_place_for_a_file(void **state)
{
	struct rooted *r = *state;
	struct err e = { 0 };
	int fd = -7;

	need_openat2();
	make_link(r, "loop", "loop");
	assert_int_equal(rootfd_make_file(r->fd, "loop", 0644, &fd, &e), -ELOOP);
	scratch_write(r->scratch, "root/file", "");
	assert_int_equal(rootfd_make_file(r->fd, "file/x", 0644, &fd, &e), -ENOTDIR);
	assert_int_equal(fd, -7);
}

static void parents_are_opened_and_the_name_is_left(void **state)
{
	struct rooted *r = *state;
	cleanup_fd int fd = -1, top = -1;
	const char *path = "/a/b/name", *name = NULL;
	struct err e = { 0 };
	struct stat st;

	need_openat2();
	assert_int_equal(rootfd_open_parent(r->fd, path, 0755, &fd, &name, &e), 0);
	assert_ptr_equal(name, path + 5);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, inode_of(r->fd, "a/b"));
	assert_int_equal(faccessat(fd, "name", F_OK, 0), -1);
	assert_int_equal(rootfd_open_parent(r->fd, "name", 0755, &top, &name, &e), 0);
	assert_string_equal(name, "name");
	assert_int_equal(fstat(top, &st), 0);
	assert_int_equal(st.st_ino, inode_of(r->fd, "."));
}

static void paths_without_a_last_name_have_no_parent(void **state)
{
	static const char *const PATHS[] = { "", "/", "a/", ".", "..", "a/.", "a/..", "/..", "//" };
	struct rooted *r = *state;

	need_openat2();
	for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
		const char *name = "untouched";
		struct err e = { 0 };
		char expected[64];
		int fd = -7;

		(void)snprintf(expected, sizeof(expected), "'%s' does not name a file", PATHS[i]);
		assert_int_equal(rootfd_open_parent(r->fd, PATHS[i], 0755, &fd, &name, &e), -EINVAL);
		assert_string_equal(e.text, expected);
		assert_string_equal(name, "untouched");
		assert_int_equal(fd, -7);
	}
	assert_int_equal(faccessat(r->fd, "a", F_OK, 0), -1);
}

/* --- somebody changes the tree meanwhile --- */

/* Swaps root/a/b for a symlink that points outside, and back, until it is killed. */
static pid_t start_swapping(const struct rooted *r)
{
	pid_t pid = fork_or_skip();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(30);
		for (;;)
			CHILD_CHECK(syscall(SYS_renameat2, r->fd, "a/b", r->fd, "a/link",
					    RENAME_EXCHANGE_FLAG) == 0);
	}
	return pid;
}

static void make_some(const struct rooted *r, int round, int made[2])
{
	struct err e;
	char path[64];
	int fd = -1, result;

	(void)snprintf(path, sizeof(path), "a/b/c%d/d", round % 8);
	result = round % 2 ? rootfd_mkdir_p(r->fd, path, 0755, &fd, &e)
			   : rootfd_make_file(r->fd, path, 0644, &fd, &e);
	made[result == 0]++;
	if (result == 0)
		(void)close(fd);
	if (rootfd_open(r->fd, "a/b/secret", O_RDONLY, 0, &fd, &e) == 0)
		fail_msg("the secret could be opened");
}

static void race(const struct rooted *r, const char *target)
{
	struct timespec start, now;
	int status, made[2] = { 0 };
	pid_t pid;

	make_dir(r, "a");
	make_dir(r, "a/b");
	make_link(r, target, "a/link");
	pid = start_swapping(r);
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &start), 0);
	now = start;
	for (int round = 0; now.tv_sec - start.tv_sec < 2; round++) {
		make_some(r, round, made);
		assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(made[1] > 0);
	expect_nothing_outside(r);
}

static void a_directory_swapped_for_an_absolute_symlink_lets_nothing_out(void **state)
{
	struct rooted *r = *state;
	char target[128];

	need_openat2();
	(void)snprintf(target, sizeof(target), "%s/outside", r->scratch->path);
	race(r, target);
}

static void a_directory_swapped_for_a_relative_symlink_lets_nothing_out(void **state)
{
	need_openat2();
	race(*state, "../../../outside");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOTED_TEST(paths_begin_at_the_root),
		ROOTED_TEST(dots_do_not_lead_above_the_root),
		ROOTED_TEST(symlinks_are_followed_inside_the_root),
		ROOTED_TEST(symlinks_do_not_lead_outside),
		ROOTED_TEST(loops_and_files_on_the_way_are_told),
		ROOTED_TEST(magic_links_are_refused),
		ROOTED_TEST(files_are_made_with_flags_and_mode),
		ROOTED_TEST(directories_are_made_where_they_are_absent),
		ROOTED_TEST(made_directories_have_the_mode_asked_for),
		ROOTED_TEST(directories_are_made_through_symlinks_inside_the_root),
		ROOTED_TEST(directories_are_never_made_outside),
		ROOTED_TEST(what_is_in_the_way_of_a_directory_is_an_error),
		ROOTED_TEST(names_that_are_too_long_are_refused),
		ROOTED_TEST(links_that_dangle_into_each_other_end),
		ROOTED_TEST(files_are_made_with_their_parents),
		ROOTED_TEST(files_that_are_there_are_opened_as_they_are),
		ROOTED_TEST(targets_of_dangling_symlinks_are_made_as_files),
		ROOTED_TEST(files_without_a_name_are_refused),
		ROOTED_TEST(a_link_loop_is_no_place_for_a_file),
		ROOTED_TEST(parents_are_opened_and_the_name_is_left),
		ROOTED_TEST(paths_without_a_last_name_have_no_parent),
		ROOTED_TEST(a_directory_swapped_for_an_absolute_symlink_lets_nothing_out),
		ROOTED_TEST(a_directory_swapped_for_a_relative_symlink_lets_nothing_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
