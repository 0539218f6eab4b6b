/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/place.h"

/* A root with dir/, dir/file, dir/link -> file, up -> ../../../dir, absolute -> /dir, nowhere -> dir/none, round -> round. */
struct fixture {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	static struct fixture f;
	static const char *const LINKS[][2] = { { "file", "dir/link" },
						{ "../../../dir", "up" },
						{ "/dir", "absolute" },
						{ "dir/none", "nowhere" },
						{ "round", "round" } };
	int fd;

	(void)snprintf(f.path, sizeof(f.path), "/tmp/place-XXXXXX");
	assert_non_null(mkdtemp(f.path));
	f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f.fd >= 0);
	assert_int_equal(mkdirat(f.fd, "dir", 0755), 0);
	fd = openat(f.fd, "dir/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	for (size_t i = 0; i < ARRAY_LEN(LINKS); i++)
		assert_int_equal(symlinkat(LINKS[i][0], f.fd, LINKS[i][1]), 0);
	*state = &f;
	return 0;
}

/* Under qemu-user there is none: the virtual machine runs these. */
static void needs_openat2(const struct fixture *f)
{
	cleanup_place struct place p = PLACE_EMPTY;
	struct err e;

	if (place_find(f->fd, "dir", false, &p, &e) == -ENOSYS)
		skip();
}

static int teardown(void **state)
{
	const struct fixture *f = *state;
	struct err e;

	assert_int_equal(close(f->fd), 0);
	return tree_remove(AT_FDCWD, f->path, &e);
}

static void expect(void **state, const char *path, bool follow, const char *parent, const char *name,
		   bool exists)
{
	const struct fixture *f = *state;
	cleanup_place struct place p = PLACE_EMPTY;
	struct err e;

	assert_int_equal(place_find(f->fd, path, follow, &p, &e), 0);
	assert_string_equal(p.parent, parent);
	assert_string_equal(p.name, name);
	assert_int_equal(p.exists, exists);
}

static void paths_are_taken_by_their_text(void **state)
{
	needs_openat2(*state);
	expect(state, "/dir/file", false, "dir", "file", true);
	expect(state, "dir//./x/../file", false, "dir", "file", true);
	expect(state, "../../dir", false, "", "dir", true);
	expect(state, "/", false, "", "", true);
	expect(state, "/dir/..", false, "", "", true);
	expect(state, "/dir/none", false, "dir", "none", false);
}

static void links_are_followed_where_they_should_and_never_out(void **state)
{
	needs_openat2(*state);
	expect(state, "dir/link", false, "dir", "link", true);
	expect(state, "dir/link", true, "dir", "file", true);
	expect(state, "up/file", false, "up", "file", true);
	expect(state, "absolute/file", false, "absolute", "file", true);
	expect(state, "up", false, "", "up", true);
	expect(state, "up/", false, "", "dir", true);
	expect(state, "absolute", true, "", "dir", true);
	expect(state, "nowhere", true, "dir", "none", false);
}

static void ends_say_what_is_meant(void **state)
{
	static const struct {
		const char *path;
		bool contents, directory;
	} CASES[] = { { "dir", false, false }, { "dir/", false, true }, { "dir/.", true, true },
		      { ".", true, true },     { "/", true, true },     { "dir/..", true, true } };
	const struct fixture *f = *state;

	needs_openat2(f);
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_place struct place p = PLACE_EMPTY;
		struct err e;

		assert_int_equal(place_find(f->fd, CASES[i].path, false, &p, &e), 0);
		assert_int_equal(p.contents, CASES[i].contents);
		assert_int_equal(p.directory, CASES[i].directory);
	}
}

static void what_leads_nowhere_is_refused(void **state)
{
	const struct fixture *f = *state;
	cleanup_place struct place p = PLACE_EMPTY;
	struct err e;

	needs_openat2(f);
	assert_int_equal(place_find(f->fd, "none/x", false, &p, &e), -ENOENT);
	assert_int_equal(place_find(f->fd, "dir/file/x", false, &p, &e), -ENOTDIR);
	assert_int_equal(place_find(f->fd, "round", true, &p, &e), -ELOOP);
}

/* --- docker's table --- */

static char dir[] = "dir", file[] = "file", target[] = "target", in[] = "in";

static struct place place_of(char *parent, char *name, mode_t type)
{
	struct place p = PLACE_EMPTY;

	p.parent = parent;
	p.name = name;
	p.exists = type != 0;
	p.st.st_mode = type;
	return p;
}

static void decide(const struct place *from, const struct place *to, const char *want_dir,
		   const char *want_as)
{
	cleanup_place_target struct place_target t = { 0 };
	struct err e;

	assert_int_equal(place_decide(from, to, &t, &e), 0);
	assert_string_equal(t.dir, want_dir);
	assert_string_equal(t.as, want_as);
}

static void copies_end_up_where_docker_puts_them(void **state)
{
	struct place a_file = place_of(in, file, S_IFREG), a_dir = place_of(in, dir, S_IFDIR),
		     contents = a_dir;
	struct place absent = place_of(in, target, 0), old_file = place_of(in, target, S_IFREG),
		     old_dir = place_of(in, target, S_IFDIR);

	(void)state;
	contents.contents = contents.directory = true;
	decide(&a_file, &absent, "in", "target");
	decide(&a_file, &old_file, "in", "target");
	decide(&a_file, &old_dir, "in/target", "file");
	decide(&a_dir, &absent, "in", "target");
	decide(&a_dir, &old_dir, "in/target", "dir");
	decide(&contents, &absent, "in", "target");
	decide(&contents, &old_dir, "in/target", ".");
}

static void refuse(const struct place *from, const struct place *to, const char *text)
{
	struct place_target t = { 0 };
	struct err e = { 0 };

	assert_true(place_decide(from, to, &t, &e) < 0);
	assert_string_equal(e.text, text);
}

static void what_docker_refuses_is_refused(void **state)
{
	struct place a_file = place_of(in, file, S_IFREG), a_dir = place_of(in, dir, S_IFDIR);
	struct place absent = place_of(in, target, 0), old_file = place_of(in, target, S_IFREG);

	(void)state;
	refuse(&a_dir, &old_file, "cannot copy a directory to a file");
	absent.directory = old_file.directory = true;
	refuse(&a_file, &absent, "no such directory");
	refuse(&a_file, &old_file, "not a directory");
	a_file.directory = true;
	refuse(&a_file, &absent, "not a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_taken_by_their_text),
		cmocka_unit_test(links_are_followed_where_they_should_and_never_out),
		cmocka_unit_test(ends_say_what_is_meant),
		cmocka_unit_test(what_leads_nowhere_is_refused),
		cmocka_unit_test(copies_end_up_where_docker_puts_them),
		cmocka_unit_test(what_docker_refuses_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
