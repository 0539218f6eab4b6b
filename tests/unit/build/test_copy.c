/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy.h"

#include "tests/unit/build/tree.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>

static const char *const TREE[] = {
	"f0600 a.txt a",      "f b.txt b",
	"f0755 tool tool",    "d0750 dir",
	"f dir/x x",          "d0700 dir/sub",
	"f dir/sub/y y",      "l dir/link ../a.txt",
	"l tolink dir",       "h dir/sub/hard dir/x",
	"l evil /etc/passwd", NULL,
};

struct place {
	struct context c;
	int root;
	struct copy_options o;
};

static struct place make_place(const struct scratch *s)
{
	struct place p = { .c = { .fd = tree_dir(s, "context") }, .root = tree_dir(s, "root") };

	tree_make(p.c.fd, TREE);
	return p;
}

static void place_done(struct place *p)
{
	(void)close(p->c.fd);
	(void)close(p->root);
}

static int copy(const struct place *p, const char *source, const char *dest, struct err *e)
{
	struct copy_options o = p->o;

	o.dest = dest;
	return copy_sources(&p->c, &source, 1, p->root, &o, e);
}

static void good(const struct place *p, const char *source, const char *dest)
{
	struct err e = { 0 };

	if (copy(p, source, dest, &e) < 0)
		fail_msg("%s", e.text);
}

static void bad(const struct place *p, const char *source, const char *dest, int code, const char *text)
{
	struct err e = { 0 };

	assert_int_equal(copy(p, source, dest, &e), code);
	assert_string_equal(e.text, text);
}

/* One line: "type mode uid:gid text", text being a file's contents or a symlink's target; "-" for nothing. */
static const char *show(int root, const char *path)
{
	static char line[512];
	char text[256] = "";
	struct stat st;
	ssize_t n = 0;
	char type = '?';

	if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return "-";
	if (S_ISREG(st.st_mode)) {
		cleanup_fd int fd = openat(root, path, O_RDONLY | O_CLOEXEC);

		type = 'f';
		n = read(fd, text, sizeof(text) - 1);
	} else if (S_ISLNK(st.st_mode)) {
		type = 'l';
		n = readlinkat(root, path, text, sizeof(text) - 1);
	} else if (S_ISDIR(st.st_mode)) {
		type = 'd';
	} else if (S_ISFIFO(st.st_mode)) {
		type = 'p';
	} else if (S_ISCHR(st.st_mode)) {
		type = 'c';
	}
	assert_true(n >= 0);
	(void)snprintf(line, sizeof(line), "%c%04o %u:%u%s%s", type, st.st_mode & 07777, st.st_uid, st.st_gid,
		       n ? " " : "", text);
	return line;
}

#define SHOWS(p, path, line) assert_string_equal(show((p).root, path), line)

static time_t mtime_of(int root, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mtim.tv_sec;
}

/* --- destinations --- */

static void test_a_file_takes_the_name_of_the_destination_or_its_own(void **state)
{
	struct place p = make_place(*state);

	need_root();
	good(&p, "a.txt", "/new");
	SHOWS(p, "new", "f0600 0:0 a");
	good(&p, "a.txt", "/dir/");
	SHOWS(p, "dir/a.txt", "f0600 0:0 a");
	good(&p, "b.txt", "/dir");
	SHOWS(p, "dir/b.txt", "f0644 0:0 b");
	good(&p, "b.txt", "/");
	SHOWS(p, "b.txt", "f0644 0:0 b");
	good(&p, "tool", "relative/.");
	SHOWS(p, "relative/tool", "f0755 0:0 tool");
	good(&p, "tool", "/x/../../../up");
	SHOWS(p, "up", "f0755 0:0 tool");
	assert_int_equal(mtime_of(p.root, "new"), TREE_TIME);
	place_done(&p);
}

static void test_of_a_directory_its_contents_are_copied(void **state)
{
	struct place p = make_place(*state);

	need_root();
	good(&p, "dir", "/to");
	SHOWS(p, "to", "d0755 0:0");
	SHOWS(p, "to/x", "f0644 0:0 x");
	SHOWS(p, "to/sub", "d0700 0:0");
	SHOWS(p, "to/sub/y", "f0644 0:0 y");
	SHOWS(p, "to/link", "l0777 0:0 ../a.txt");
	SHOWS(p, "to/dir", "-");
	assert_int_equal(mtime_of(p.root, "to"), TREE_TIME);
	assert_int_equal(mtime_of(p.root, "to/sub"), TREE_TIME);
	assert_int_equal(mtime_of(p.root, "to/link"), TREE_TIME);
	place_done(&p);
}

static void test_missing_directories_are_made_whatever_the_umask(void **state)
{
	struct place p = make_place(*state);
	mode_t old = umask(077);

	need_root();
	good(&p, "a.txt", "/one/two/three");
	(void)umask(old);
	SHOWS(p, "one", "d0755 0:0");
	SHOWS(p, "one/two", "d0755 0:0");
	SHOWS(p, "one/two/three", "f0600 0:0 a");
	place_done(&p);
}

static void test_wildcards_copy_each_match_as_if_it_were_named(void **state)
{
	struct place p = make_place(*state);

	need_root();
	good(&p, "*.txt", "/to/");
	SHOWS(p, "to/a.txt", "f0600 0:0 a");
	SHOWS(p, "to/b.txt", "f0644 0:0 b");
	SHOWS(p, "to/tool", "-");
	good(&p, "di*", "/flat/");
	SHOWS(p, "flat/x", "f0644 0:0 x");
	good(&p, "none*", "/nothing/");
	SHOWS(p, "nothing", "-");
	place_done(&p);
}

static void test_several_sources_are_copied_in_their_order(void **state)
{
	struct place p = make_place(*state);
	const char *const sources[] = { "a.txt", "b.txt", "dir" };
	struct copy_options o = { .dest = "/to/" };
	struct err e = { 0 };

	need_root();
	assert_int_equal(copy_sources(&p.c, sources, ARRAY_LEN(sources), p.root, &o, &e), 0);
	SHOWS(p, "to/a.txt", "f0600 0:0 a");
	SHOWS(p, "to/b.txt", "f0644 0:0 b");
	SHOWS(p, "to/x", "f0644 0:0 x");
	o.dest = "/one";
	assert_int_equal(copy_sources(&p.c, sources, 2, p.root, &o, &e), 0);
	SHOWS(p, "one", "f0644 0:0 b");
	place_done(&p);
}

static void test_a_source_that_is_not_there_is_an_error_and_makes_nothing(void **state)
{
	struct place p = make_place(*state);

	bad(&p, "x/y", "/made/", -ENOENT, "failed to calculate checksum: \"/x/y\": not found");
	SHOWS(p, "made", "-");
	place_done(&p);
}

static void test_existing_directories_are_merged_and_files_replaced(void **state)
{
	struct place p = make_place(*state);

	need_root();
	tree_make_one(p.root, "d0711 to");
	tree_make_one(p.root, "d0711 to/sub");
	tree_make_one(p.root, "f to/sub/kept kept");
	tree_make_one(p.root, "l to/x /etc/passwd");
	assert_int_equal(fchownat(p.root, "to", 5, 6, 0), 0);
	assert_int_equal(fchownat(p.root, "to/sub", 5, 6, 0), 0);
	good(&p, "dir", "/to");
	/* The destination is the image's, what is below it the source's. */
	SHOWS(p, "to", "d0711 5:6");
	SHOWS(p, "to/sub", "d0700 0:0");
	SHOWS(p, "to/sub/kept", "f0644 0:0 kept");
	SHOWS(p, "to/x", "f0644 0:0 x");
	place_done(&p);
}

static void test_files_and_directories_do_not_replace_each_other(void **state)
{
	struct place p = make_place(*state);

	need_root();
	tree_make_one(p.root, "d to");
	tree_make_one(p.root, "d to/x");
	tree_make_one(p.root, "f file text");
	tree_make_one(p.root, "d other");
	tree_make_one(p.root, "l other/sub ../to");
	bad(&p, "dir", "/to", -EISDIR, "cannot replace to directory /to/x with file");
	bad(&p, "dir", "/file", -ENOTDIR, "cannot copy to non-directory: /file");
	bad(&p, "dir", "/other", -ENOTDIR, "cannot copy to non-directory: /other/sub");
	bad(&p, "a.txt", "/file/", -ENOTDIR, "mkdir /file: not a directory");
	bad(&p, "a.txt", "/file/x", -ENOTDIR, "mkdir /file: not a directory");
	place_done(&p);
}

/* --- options --- */

static void test_chown_counts_for_all_and_for_directories_on_the_way(void **state)
{
	struct place p = make_place(*state);

	need_root();
	p.o = (struct copy_options){ .chown = true, .uid = 11, .gid = 22 };
	good(&p, "dir", "/new/to");
	SHOWS(p, "new", "d0755 11:22");
	SHOWS(p, "new/to", "d0755 11:22");
	SHOWS(p, "new/to/sub", "d0700 11:22");
	SHOWS(p, "new/to/link", "l0777 11:22 ../a.txt");
	place_done(&p);
}

static void test_owners_are_root_or_kept(void **state)
{
	struct place p = make_place(*state);

	need_root();
	assert_int_equal(fchownat(p.c.fd, "a.txt", 7, 8, 0), 0);
	good(&p, "a.txt", "/root");
	SHOWS(p, "root", "f0600 0:0 a");
	p.o.keep_owners = true;
	good(&p, "a.txt", "/kept");
	SHOWS(p, "kept", "f0600 7:8 a");
	place_done(&p);
}

static void test_chmod_takes_octal_and_symbolic_modes(void **state)
{
	struct place p = make_place(*state);
	struct chmod_expr x;
	struct err e = { 0 };

	need_root();
	p.o.chmod = &x;
	assert_int_equal(chmod_expr_parse("4711", 0, &x, &e), 0);
	good(&p, "dir", "/octal");
	SHOWS(p, "octal", "d0755 0:0");
	SHOWS(p, "octal/x", "f4711 0:0 x");
	SHOWS(p, "octal/sub", "d4711 0:0");
	assert_int_equal(chmod_expr_parse("go=u,a+X", 0, &x, &e), 0);
	good(&p, "tool", "/symbolic");
	SHOWS(p, "symbolic", "f0777 0:0 tool");
	good(&p, "a.txt", "/symbolic");
	SHOWS(p, "symbolic", "f0666 0:0 a");
	place_done(&p);
}

static void test_times_can_be_set_for_all(void **state)
{
	struct place p = make_place(*state);
	const struct timespec time = { .tv_sec = 42 };

	need_root();
	p.o.time = &time;
	good(&p, "dir", "/made/to");
	assert_int_equal(mtime_of(p.root, "made/to"), 42);
	assert_int_equal(mtime_of(p.root, "made/to/x"), 42);
	assert_int_equal(mtime_of(p.root, "made/to/sub"), 42);
	assert_int_equal(mtime_of(p.root, "made/to/link"), 42);
	place_done(&p);
}

static void test_parents_bring_their_directories_along(void **state)
{
	struct place p = make_place(*state);

	need_root();
	p.o.parents = true;
	good(&p, "dir/sub/y", "/to/");
	SHOWS(p, "to", "d0755 0:0");
	SHOWS(p, "to/dir", "d0750 0:0");
	SHOWS(p, "to/dir/sub", "d0700 0:0");
	SHOWS(p, "to/dir/sub/y", "f0644 0:0 y");
	SHOWS(p, "to/dir/x", "-");
	good(&p, "dir/./sub", "/pivot");
	SHOWS(p, "pivot/sub/y", "f0644 0:0 y");
	SHOWS(p, "pivot/dir", "-");
	bad(&p, "dir/none", "/to/", -ENOENT, "failed to calculate checksum: \"/dir/none\": not found");
	place_done(&p);
}

static void test_parents_that_exist_keep_their_owners(void **state)
{
	struct place p = make_place(*state);

	need_root();
	p.o.parents = true;
	tree_make_one(p.root, "d0711 dir");
	assert_int_equal(fchownat(p.root, "dir", 5, 6, 0), 0);
	good(&p, "dir/x", "/");
	SHOWS(p, "dir", "d0750 5:6");
	place_done(&p);
}

static void test_excluded_files_stay_behind(void **state)
{
	cleanup_ignore struct ignore exclude = { 0 };
	struct place p = make_place(*state);
	struct err e = { 0 };

	need_root();
	assert_int_equal(ignore_add(&exclude, "sub", &e), 0);
	assert_int_equal(ignore_add(&exclude, "*.txt", &e), 0);
	p.o.exclude = &exclude;
	good(&p, "dir", "/to");
	SHOWS(p, "to/x", "f0644 0:0 x");
	SHOWS(p, "to/sub", "-");
	good(&p, "*t*", "/all/");
	SHOWS(p, "all/tool", "f0755 0:0 tool");
	SHOWS(p, "all/a.txt", "-");
	place_done(&p);
}

/* --- what files are --- */

static void test_hard_links_stay_together(void **state)
{
	struct place p = make_place(*state);
	struct stat x, hard;

	need_root();
	good(&p, "dir", "/to/deep");
	assert_int_equal(fstatat(p.root, "to/deep/x", &x, 0), 0);
	assert_int_equal(fstatat(p.root, "to/deep/sub/hard", &hard, 0), 0);
	assert_int_equal(x.st_ino, hard.st_ino);
	assert_int_equal(x.st_nlink, 2);
	good(&p, "dir", "/");
	assert_int_equal(fstatat(p.root, "x", &x, 0), 0);
	assert_int_equal(fstatat(p.root, "sub/hard", &hard, 0), 0);
	assert_int_equal(x.st_ino, hard.st_ino);
	place_done(&p);
}

static void test_holes_stay_holes(void **state)
{
	struct place p = make_place(*state);
	cleanup_fd int fd = openat(p.c.fd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	struct stat st;
	char last;
	int copied;

	need_root();
	assert_int_equal(pwrite(fd, "x", 1, 100 << 20), 1);
	assert_int_equal(pwrite(fd, "y", 1, 0), 1);
	good(&p, "sparse", "/sparse");
	assert_int_equal(fstatat(p.root, "sparse", &st, 0), 0);
	assert_int_equal(st.st_size, (100 << 20) + 1);
	assert_true(st.st_blocks * 512 < 1 << 20);
	copied = openat(p.root, "sparse", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(copied, &last, 1, 100 << 20), 1);
	assert_int_equal(last, 'x');
	(void)close(copied);
	place_done(&p);
}

static void test_large_files_arrive_whole(void **state)
{
	struct place p = make_place(*state);
	cleanup_free char *data = malloc(1000003), *back = malloc(1000003);
	cleanup_fd int fd = openat(p.c.fd, "large", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	cleanup_fd int to = -1;

	need_root();
	for (size_t i = 0; i < 1000003; i++)
		data[i] = (char)(i * 7 + i / 4096);
	assert_int_equal(write_all(fd, data, 1000003), 0);
	good(&p, "large", "/large");
	to = openat(p.root, "large", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read_exactly(to, back, 1000003), 0);
	assert_memory_equal(data, back, 1000003);
	place_done(&p);
}

static void test_capabilities_and_user_attributes_are_kept(void **state)
{
	/* Revision 2, effective, cap_net_raw permitted: linux/capability.h. */
	static const unsigned char CAP[20] = { 1, 0, 0, 2, 0, 0x20 };
	struct scratch *s = *state;
	struct place p = make_place(s);
	unsigned char value[64];

	need_root();
	if (setxattr(scratch_path(s, "context/tool"), "security.capability", CAP, sizeof(CAP), 0) < 0 ||
	    setxattr(scratch_path(s, "context/dir"), "trusted.overlay.opaque", "y", 1, 0) < 0 ||
	    setxattr(scratch_path(s, "context/dir/sub"), "trusted.overlay.opaque", "y", 1, 0) < 0)
		skip();
	p.o = (struct copy_options){ .chown = true, .uid = 3, .gid = 4 };
	good(&p, "tool", "/tool");
	assert_int_equal(getxattr(scratch_path(s, "root/tool"), "security.capability", value, sizeof(value)),
			 sizeof(CAP));
	assert_memory_equal(value, CAP, sizeof(CAP));
	good(&p, "dir", "/to");
	assert_int_equal(getxattr(scratch_path(s, "root/to/sub"), "trusted.overlay.opaque", value, 64), -1);
	assert_int_equal(errno, ENODATA);
	place_done(&p);
}

static void test_pipes_and_devices_are_copied_as_such(void **state)
{
	struct place p = make_place(*state);
	struct stat st;

	need_root();
	tree_make_one(p.c.fd, "d special");
	tree_make_one(p.c.fd, "p0640 special/pipe");
	if (mknodat(p.c.fd, "special/null", S_IFCHR | 0666, makedev(1, 3)) < 0)
		skip();
	good(&p, "special", "/to");
	SHOWS(p, "to/pipe", "p0640 0:0");
	assert_int_equal(fstatat(p.root, "to/null", &st, 0), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	place_done(&p);
}

/* --- attacks --- */

static void test_a_symlink_out_of_the_context_finds_nothing(void **state)
{
	struct place p = make_place(*state);

	bad(&p, "evil", "/to", -ENOENT, "failed to calculate checksum: \"/evil\": not found");
	place_done(&p);
}

static void test_symlinks_of_the_destination_stay_in_the_tree(void **state)
{
	struct scratch *s = *state;
	struct place p = make_place(s);
	char outside[128];

	need_root();
	(void)snprintf(outside, sizeof(outside), "l out %s", s->path);
	tree_make_one(p.root, outside);
	tree_make_one(p.root, "l etc /../../host");
	tree_make_one(p.root, "l file ../../../tmp/target");
	good(&p, "a.txt", "/out/");
	good(&p, "a.txt", "/etc/passwd");
	good(&p, "a.txt", "/file");
	assert_int_equal(faccessat(s->fd, "a.txt", F_OK, 0), -1);
	SHOWS(p, "host/passwd", "f0600 0:0 a");
	SHOWS(p, "tmp/target", "f0600 0:0 a");
	(void)snprintf(outside, sizeof(outside), "%s/a.txt", s->path + 1);
	SHOWS(p, outside, "f0600 0:0 a");
	place_done(&p);
}

static void test_a_symlink_with_the_name_of_a_copied_file_is_replaced(void **state)
{
	struct scratch *s = *state;
	struct place p = make_place(s);

	need_root();
	scratch_write(s, "victim", "safe");
	tree_make_one(p.root, "d to");
	tree_make_one(p.root, "l to/a.txt ../../victim");
	good(&p, "a.txt", "/to/");
	SHOWS(p, "to/a.txt", "f0600 0:0 a");
	assert_true(scratch_holds(s, "victim", "safe"));
	place_done(&p);
}

static void test_names_of_whiteouts_are_refused(void **state)
{
	struct place p = make_place(*state);

	need_root();
	tree_make_one(p.c.fd, "f dir/.wh.passwd x");
	bad(&p, "dir", "/etc", -EINVAL,
	    "cannot copy to '/etc/.wh.passwd': names that begin with '.wh.' mean removed files in a layer");
	bad(&p, "a.txt", "/.wh..wh..opq", -EINVAL,
	    "cannot copy to '/.wh..wh..opq': names that begin with '.wh.' mean removed files in a layer");
	place_done(&p);
}

static void test_names_with_newlines_arrive_as_they_are(void **state)
{
	struct place p = make_place(*state);

	need_root();
	tree_make_one(p.c.fd, "f dir/a\nb text");
	good(&p, "dir", "/to");
	SHOWS(p, "to/a\nb", "f0644 0:0 text");
	place_done(&p);
}

/* Writes to a file, and swaps it for a symlink, until it is killed. */
static pid_t start_changing(const struct place *p)
{
	pid_t pid = fork_or_skip();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(60);
	for (;;) {
		int fd = openat(p->c.fd, "busy/file", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
				0644);

		if (fd >= 0) {
			(void)!write(fd, "new new new", 11);
			(void)close(fd);
		}
		(void)unlinkat(p->c.fd, "busy/file", 0);
		IGNORE_RESULT(symlinkat("/etc/hostname", p->c.fd, "busy/file"));
		(void)unlinkat(p->c.fd, "busy/file", 0);
		(void)mkfifoat(p->c.fd, "busy/file", 0600);
		(void)unlinkat(p->c.fd, "busy/file", 0);
	}
}

static void test_a_context_that_changes_meanwhile_is_an_error_or_one_of_its_states(void **state)
{
	struct scratch *s = *state;
	struct place p = make_place(s);
	struct err failure = { 0 };
	int copied = 0;
	pid_t pid;

	need_root();
	tree_make_one(p.c.fd, "d busy");
	pid = start_changing(&p);
	for (int i = 0; i < 500 && failure.code == 0; i++) {
		struct err e = { 0 };
		const char *line;

		if (copy(&p, "busy", "/to", &e) < 0 && e.code != -EBUSY)
			failure = e;
		copied += e.code == 0;
		line = show(p.root, "to/file");
		/* After an error half of a file may be there. */
		if (e.code == 0 && line[0] == 'f' && strcmp(line, "f0644 0:0") != 0 &&
		    strcmp(line, "f0644 0:0 new new new") != 0)
			(void)err_set(&failure, -EBADMSG, "copied: %s", line);
		(void)unlinkat(p.root, "to/file", 0);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	if (failure.code < 0)
		fail_msg("%s", failure.text);
	assert_true(copied > 0);
	place_done(&p);
}

static void test_descriptors_are_closed_again(void **state)
{
	struct place p = make_place(*state);
	int before = count_open_descriptors();

	need_root();
	good(&p, "dir", "/to");
	tree_make_one(p.root, "d to2");
	tree_make_one(p.root, "d to2/x");
	bad(&p, "dir", "/to2", -EISDIR, "cannot replace to directory /to2/x with file");
	assert_int_equal(count_open_descriptors(), before);
	place_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_a_file_takes_the_name_of_the_destination_or_its_own),
		SCRATCH_TEST(test_of_a_directory_its_contents_are_copied),
		SCRATCH_TEST(test_missing_directories_are_made_whatever_the_umask),
		SCRATCH_TEST(test_wildcards_copy_each_match_as_if_it_were_named),
		SCRATCH_TEST(test_several_sources_are_copied_in_their_order),
		SCRATCH_TEST(test_a_source_that_is_not_there_is_an_error_and_makes_nothing),
		SCRATCH_TEST(test_existing_directories_are_merged_and_files_replaced),
		SCRATCH_TEST(test_files_and_directories_do_not_replace_each_other),
		SCRATCH_TEST(test_chown_counts_for_all_and_for_directories_on_the_way),
		SCRATCH_TEST(test_owners_are_root_or_kept),
		SCRATCH_TEST(test_chmod_takes_octal_and_symbolic_modes),
		SCRATCH_TEST(test_times_can_be_set_for_all),
		SCRATCH_TEST(test_parents_bring_their_directories_along),
		SCRATCH_TEST(test_parents_that_exist_keep_their_owners),
		SCRATCH_TEST(test_excluded_files_stay_behind),
		SCRATCH_TEST(test_hard_links_stay_together),
		SCRATCH_TEST(test_holes_stay_holes),
		SCRATCH_TEST(test_large_files_arrive_whole),
		SCRATCH_TEST(test_capabilities_and_user_attributes_are_kept),
		SCRATCH_TEST(test_pipes_and_devices_are_copied_as_such),
		SCRATCH_TEST(test_a_symlink_out_of_the_context_finds_nothing),
		SCRATCH_TEST(test_symlinks_of_the_destination_stay_in_the_tree),
		SCRATCH_TEST(test_a_symlink_with_the_name_of_a_copied_file_is_replaced),
		SCRATCH_TEST(test_names_of_whiteouts_are_refused),
		SCRATCH_TEST(test_names_with_newlines_arrive_as_they_are),
		SCRATCH_TEST(test_a_context_that_changes_meanwhile_is_an_error_or_one_of_its_states),
		SCRATCH_TEST(test_descriptors_are_closed_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
