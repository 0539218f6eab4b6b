/* SPDX-License-Identifier: Apache-2.0 */
#include "build/context.h"

#include "tests/unit/build/tree.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

static const char *const TREE[] = {
	"f Dockerfile FROM",
	"f README.md readme",
	"d docs",
	"f docs/README.md docs",
	"d docs/api",
	"f docs/api/x.html x",
	"d src",
	"f src/a.c a",
	"f src/b.c b",
	"f src/b.o o",
	"d src/sub",
	"f src/sub/c.c c",
	"l link src/a.c",
	"l dirlink src",
	"l out /etc/passwd",
	"l up ../../../../etc/passwd",
	"l loop loop",
	"l dangling nothing",
	"l src/inner a.c",
	NULL,
};

static struct context make_context(const struct scratch *s)
{
	struct context c = { .fd = tree_dir(s, "context") };

	tree_make(c.fd, TREE);
	return c;
}

static struct ignore ignore_of(const char *text)
{
	struct ignore i = { 0 };
	struct err e = { 0 };

	if (ignore_read(text, strlen(text), &i, &e) < 0)
		fail_msg("%s", e.text);
	return i;
}

/* What a source selects: "path" or "path/" of each match, and in brackets all entries below it. */
static void write_selection(const struct context *c, const char *source, bool parents, const char *exclude,
			    struct buf *out)
{
	cleanup_ignore struct ignore excluded = ignore_of(exclude ? exclude : "");
	cleanup_context_selection struct context_selection s = { 0 };
	struct err e = { 0 };

	buf_clear(out);
	if (context_select(c, source, parents, &s, &e) < 0) {
		assert_int_equal(buf_add_str(out, e.text), 0);
		return;
	}
	assert_int_equal(buf_add_str(out, ""), 0);
	for (size_t i = 0; i < s.len; i++) {
		const struct context_filter filter = { .include = s.has_include ? &s.include : NULL,
						       .exclude = exclude ? &excluded : NULL,
						       .exclude_matches = s.wildcards };
		cleanup_context_walk struct context_walk *w = NULL;
		struct context_entry entry;
		int more;

		assert_int_equal(buf_printf(out, "%s%s%s:%s", i ? " " : "", s.items[i].path,
					    s.items[i].is_dir ? "/" : "", s.items[i].name),
				 0);
		assert_int_equal(context_walk_new(c, &s.items[i], &filter, &w, &e), 0);
		while ((more = context_walk_next(w, &entry, &e)) > 0)
			assert_int_equal(buf_printf(out, "[%s%s]", entry.path, entry.fd >= 0 ? "/" : ""), 0);
		if (more < 0)
			fail_msg("%s", e.text);
	}
}

static void expect(const struct context *c, const char *source, const char *selection)
{
	cleanup_buf struct buf out = BUF_INIT(65536);

	write_selection(c, source, false, NULL, &out);
	assert_string_equal(out.data, selection);
}

static void expect_parents(const struct context *c, const char *source, const char *selection)
{
	cleanup_buf struct buf out = BUF_INIT(65536);

	write_selection(c, source, true, NULL, &out);
	assert_string_equal(out.data, selection);
}

static void expect_excluding(const struct context *c, const char *source, const char *exclude,
			     const char *selection)
{
	cleanup_buf struct buf out = BUF_INIT(65536);

	write_selection(c, source, false, exclude, &out);
	assert_string_equal(out.data, selection);
}

#define ALL_OF_SRC      "[/][a.c][b.c][b.o][inner][sub/][sub/c.c]"
#define NOT_FOUND(path) "failed to calculate checksum: \"" path "\": not found"

static void test_sources_are_files_and_directories_of_the_context(void **state)
{
	const struct context c = make_context(*state);

	expect(&c, "README.md", "README.md:README.md[]");
	expect(&c, "/docs/../README.md", "README.md:README.md[]");
	expect(&c, "../../README.md", "README.md:README.md[]");
	expect(&c, "src", "src/:src" ALL_OF_SRC);
	expect(&c, "./src/", "src/:src" ALL_OF_SRC);
	expect(&c, "src/sub/.", "src/sub/:sub[/][c.c]");
	(void)close(c.fd);
}

static void test_symlinks_of_a_source_are_followed_inside_of_the_context(void **state)
{
	const struct context c = make_context(*state);

	expect(&c, "link", "src/a.c:link[]");
	expect(&c, "dirlink", "src/:dirlink" ALL_OF_SRC);
	expect(&c, "dirlink/sub/c.c", "src/sub/c.c:c.c[]");
	expect(&c, "l*k", "src/a.c:link[]");
	expect(&c, "out", NOT_FOUND("/out"));
	expect(&c, "up", NOT_FOUND("/up"));
	expect(&c, "dangling", NOT_FOUND("/dangling"));
	expect(&c, "loop", "too many symlinks on the way to '/loop'");
	(void)close(c.fd);
}

static void test_a_source_that_leads_out_finds_what_the_context_has_there(void **state)
{
	const struct context c = make_context(*state);

	assert_int_equal(mkdirat(c.fd, "etc", 0755), 0);
	tree_make_one(c.fd, "f etc/passwd ours");
	expect(&c, "out", "etc/passwd:out[]");
	expect(&c, "up", "etc/passwd:up[]");
	(void)close(c.fd);
}

static void test_a_source_that_is_not_there_is_an_error(void **state)
{
	const struct context c = make_context(*state);

	expect(&c, "nothing", NOT_FOUND("/nothing"));
	expect(&c, "README.md/x", NOT_FOUND("/README.md/x"));
	expect(&c, "no/*.c", NOT_FOUND("/no"));
	expect(&c, "src/[", "syntax error in pattern");
	(void)close(c.fd);
}

static void test_wildcards_match_names_and_need_not_match_any(void **state)
{
	const struct context c = make_context(*state);

	expect(&c, "src/*.c", "src/a.c:a.c[] src/b.c:b.c[]");
	expect(&c, "*.txt", "");
	expect(&c, "README.md/*", "");
	(void)close(c.fd);
}

static void test_wildcards_do_not_look_into_directories_that_match(void **state)
{
	const struct context c = make_context(*state);

	expect(&c, "doc*", "docs/:docs[/][README.md][api/][api/x.html]");
	expect(&c, "d*s/*", "docs/README.md:README.md[] docs/api/:api[/][x.html]");
	expect(&c, "*/*/c.c", "src/sub/c.c:c.c[]");
	(void)close(c.fd);
}

static void test_what_the_ignore_file_leaves_out_is_not_there(void **state)
{
	cleanup_ignore struct ignore ignore = ignore_of("docs\n!docs/api/x.html\n**/*.o\nsrc/sub\nlink\n");
	struct context c = make_context(*state);

	c.ignore = &ignore;
	expect(&c, "src", "src/:src[/][a.c][b.c][inner]");
	expect(&c, "src/sub", NOT_FOUND("/src/sub"));
	expect(&c, "src/sub/c.c", NOT_FOUND("/src/sub/c.c"));
	expect(&c, "dirlink/b.o", NOT_FOUND("/dirlink/b.o"));
	expect(&c, "link", NOT_FOUND("/link"));
	expect(&c, "docs", "docs/:docs[/][api/][api/x.html]");
	expect(&c, "doc*", "docs/:docs[/][api/][api/x.html]");
	expect(&c, "docs/README.md", NOT_FOUND("/docs/README.md"));
	expect(&c, "docs/*", "docs/api/:api[/][x.html]");
	expect(&c, "src/*.o", "");
	(void)close(c.fd);
}

static void test_a_context_of_which_all_is_left_out_has_its_root(void **state)
{
	cleanup_ignore struct ignore ignore = ignore_of("*\n");
	struct context c = make_context(*state);

	c.ignore = &ignore;
	expect(&c, ".", "./:[/]");
	expect(&c, "*", "");
	(void)close(c.fd);
}

static void test_parents_keep_the_directories_of_what_matches(void **state)
{
	const struct context c = make_context(*state);

	expect_parents(&c, "src/sub/c.c", "./:[/][src/][src/sub/][src/sub/c.c]");
	expect_parents(&c, "src/*.o", "./:[/][src/][src/b.o]");
	expect_parents(&c, "**/*.c", "./:[/][src/][src/a.c][src/b.c][src/sub/][src/sub/c.c]");
	expect_parents(&c, "docs/api/", "./:[/][docs/][docs/api/][docs/api/x.html]");
	expect_parents(&c, "src/none*", "./:[/]");
	(void)close(c.fd);
}

static void test_parents_begin_at_the_pivot(void **state)
{
	const struct context c = make_context(*state);

	expect_parents(&c, "./src/./sub/c.c", "src/:src[/][sub/][sub/c.c]");
	expect_parents(&c, "/docs/./*/./x.html", "docs/:docs[/][api/][api/x.html]");
	expect_parents(&c, "d*s/./api", "docs/:docs[/][api/][api/x.html]");
	(void)close(c.fd);
}

static void test_parents_of_what_is_not_there_are_an_error(void **state)
{
	const struct context c = make_context(*state);

	expect_parents(&c, "src/nothing.c", NOT_FOUND("/src/nothing.c"));
	expect_parents(&c, "src/./nothing.c", NOT_FOUND("/src/nothing.c"));
	expect_parents(&c, "nothing/./*.c", NOT_FOUND("/nothing"));
	(void)close(c.fd);
}

static void test_exclude_patterns_begin_at_the_source(void **state)
{
	const struct context c = make_context(*state);

	expect_excluding(&c, "src", "*.c\n", "src/:src[/][b.o][inner][sub/][sub/c.c]");
	expect_excluding(&c, "src", "**/*.c\n!sub/c.c\n", "src/:src[/][b.o][inner][sub/][sub/c.c]");
	expect_excluding(&c, "src", "sub\n", "src/:src[/][a.c][b.c][b.o][inner]");
	expect_excluding(&c, "src", "src/sub\n", "src/:src" ALL_OF_SRC);
	expect_excluding(&c, "src/*.?", "*.o\n", "src/a.c:a.c[] src/b.c:b.c[] src/b.o:b.o");
	expect_excluding(&c, "README.md", "*.md\n", "README.md:README.md[]");
	(void)close(c.fd);
}

/* --- digests --- */

static struct digest digest_of(const struct context *c, const char *source, struct stat_cache *cache)
{
	const struct context_digest_options o = { .cache = cache };
	struct digest d;
	struct err e = { 0 };

	if (context_digest(c, &source, 1, &o, &d, &e) < 0)
		fail_msg("%s", e.text);
	return d;
}

static void test_a_digest_changes_with_what_a_copy_would_show(void **state)
{
	static const char *const CHANGES[] = { "f src/a.c A", "f0600 src/a.c a", "f src/a.c aa",
					       "f src/new x", "d src/newdir",    "l src/newlink x",
					       "p src/pipe" };
	struct context c = make_context(*state);
	struct digest seen[ARRAY_LEN(CHANGES) + 3];
	size_t len = 0;

	seen[len++] = digest_of(&c, "src", NULL);
	for (size_t i = 0; i < ARRAY_LEN(CHANGES); i++) {
		tree_make_one(c.fd, CHANGES[i]);
		seen[len++] = digest_of(&c, "src", NULL);
	}
	assert_int_equal(renameat(c.fd, "src/sub", c.fd, "src/other"), 0);
	seen[len++] = digest_of(&c, "src", NULL);
	assert_int_equal(fchmodat(c.fd, "src/other", 0700, 0), 0);
	seen[len++] = digest_of(&c, "src", NULL);
	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < i; k++)
			assert_false(digest_equal(&seen[i], &seen[k]));
	(void)close(c.fd);
}

static void test_a_digest_does_not_change_with_times_links_or_owners(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 5 }, { .tv_sec = 6 } };
	const char *source = "src";
	struct context_digest_options o = { .owners = true };
	struct context c = make_context(*state);
	struct digest before = digest_of(&c, "src", NULL), after, owned, owned_after;
	struct err e = { 0 };

	need_root();
	assert_int_equal(context_digest(&c, &source, 1, &o, &owned, &e), 0);
	assert_int_equal(utimensat(c.fd, "src/a.c", times, 0), 0);
	assert_int_equal(linkat(c.fd, "src/a.c", c.fd, "hard", 0), 0);
	assert_int_equal(fchownat(c.fd, "src/b.c", 12, 34, 0), 0);
	after = digest_of(&c, "src", NULL);
	assert_string_equal(before.text, after.text);
	assert_int_equal(context_digest(&c, &source, 1, &o, &owned_after, &e), 0);
	assert_string_not_equal(owned.text, owned_after.text);
	(void)close(c.fd);
}

static void test_a_digest_counts_extended_attributes(void **state)
{
	struct scratch *s = *state;
	struct context c = make_context(s);
	struct digest before = digest_of(&c, "src", NULL), after;

	if (setxattr(scratch_path(s, "context/src/a.c"), "user.x", "1", 1, 0) < 0)
		skip();
	after = digest_of(&c, "src", NULL);
	assert_string_not_equal(before.text, after.text);
	(void)close(c.fd);
}

/* The version of the stream is in all keys: a change must be meant. */
static void test_the_digest_of_a_known_tree_is_known(void **state)
{
	struct scratch *s = *state;
	struct context c = { .fd = tree_dir(s, "known") };
	static const char *const KNOWN[] = { "f0640 file text", "d0750 dir", "l dir/link ../file", NULL };
	struct digest d;

	tree_make(c.fd, KNOWN);
	assert_int_equal(fchmod(c.fd, 0755), 0);
	d = digest_of(&c, ".", NULL);
	assert_string_equal(d.text,
			    "sha256:6837c8c6e734d1d1a2929aac036e010f59d94a368e955c10726ff3480568802b");
	(void)close(c.fd);
}

static void age(int dir_fd)
{
	struct timespec wait = { .tv_nsec = 150000000 };

	(void)dir_fd;
	assert_int_equal(nanosleep(&wait, NULL), 0);
}

static void test_an_unchanged_context_is_not_read_and_nothing_is_written(void **state)
{
	struct scratch *s = *state;
	struct context c = make_context(s);
	cleanup_stat_cache struct stat_cache *cache = NULL;
	struct digest first, second;
	struct err e = { 0 };

	age(c.fd);
	first = digest_of(&c, ".", NULL);
	assert_int_equal(stat_cache_open(s->fd, "cache", 1000, &cache, &e), 0);
	second = digest_of(&c, ".", cache);
	assert_string_equal(first.text, second.text);
	assert_true(stat_cache_changed(cache));
	assert_int_equal(stat_cache_save(cache, &e), 0);
	stat_cache_free(cache);
	assert_int_equal(stat_cache_open(s->fd, "cache", 1000, &cache, &e), 0);
	assert_int_equal(stat_cache_len(cache), 8);
	second = digest_of(&c, ".", cache);
	assert_string_equal(first.text, second.text);
	assert_false(stat_cache_changed(cache));
	(void)close(c.fd);
}

static void test_a_byte_that_changes_is_noticed_though_size_and_mtime_stay(void **state)
{
	struct scratch *s = *state;
	struct context c = make_context(s);
	cleanup_stat_cache struct stat_cache *cache = NULL;
	struct digest first, second;
	struct err e = { 0 };

	age(c.fd);
	assert_int_equal(stat_cache_open(s->fd, "cache", 1000, &cache, &e), 0);
	first = digest_of(&c, "src", cache);
	tree_make_one(c.fd, "f src/a.c A");
	second = digest_of(&c, "src", cache);
	assert_string_not_equal(first.text, second.text);
	(void)close(c.fd);
}

/* It would be hashed twice, once before and once after the copy. */
static void test_a_large_file_that_changed_just_then_is_remembered_all_the_same(void **state)
{
	struct scratch *s = *state;
	struct context c = { .fd = tree_dir(s, "context") };
	cleanup_stat_cache struct stat_cache *cache = NULL;
	struct stat_cache_facts facts;
	cleanup_fd int fd = -1;
	struct stat st;
	struct err e = { 0 };

	assert_int_equal(stat_cache_open(s->fd, "cache", 1000, &cache, &e), 0);
	fd = openat(c.fd, "large", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, 256 << 20), 0);
	assert_int_equal(fstat(fd, &st), 0);
	(void)digest_of(&c, ".", cache);
	assert_true(stat_cache_find(cache, &st, &facts));
	(void)close(c.fd);
}

static void test_waiting_for_a_large_file_can_be_interrupted(void **state)
{
	struct scratch *s = *state;
	struct context c = { .fd = tree_dir(s, "context") };
	cleanup_stat_cache struct stat_cache *cache = NULL;
	const char *const source = "large";
	cleanup_fd int fd = -1;
	struct digest d;
	struct err e = { 0 };
	int pipe_fds[2];
	struct context_digest_options o = { .cancel_fd = &pipe_fds[0] };

	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(write(pipe_fds[1], "x", 1), 1);
	assert_int_equal(stat_cache_open(s->fd, "cache", 1000, &cache, &e), 0);
	o.cache = cache;
	fd = openat(c.fd, "large", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, 256 << 20), 0);
	assert_int_equal(context_digest(&c, &source, 1, &o, &d, &e), -EINTR);
	assert_string_equal(e.text, "'/large': interrupted");
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	(void)close(c.fd);
}

/* --- attacks --- */

static void test_sockets_whiteouts_and_pipes_do_no_harm(void **state)
{
	struct scratch *s = *state;
	struct context c = make_context(s);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	need_root();
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", scratch_path(s, "context/docs/api/socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	tree_make_one(c.fd, "p docs/api/pipe");
	if (mknodat(c.fd, "docs/api/whiteout", S_IFCHR | 0644, makedev(0, 0)) < 0)
		skip();
	expect(&c, "docs/api", "docs/api/:api[/][pipe][x.html]");
	(void)digest_of(&c, "docs", NULL);
	(void)close(c.fd);
}

static void test_names_with_newlines_and_brackets_are_names(void **state)
{
	struct scratch *s = *state;
	struct context c = { .fd = tree_dir(s, "context") };

	tree_make_one(c.fd, "f a\nb text");
	tree_make_one(c.fd, "f \xff\xfe text");
	expect(&c, ".", "./:[/][a\nb][\xff\xfe]");
	expect(&c, "a*", "a\nb:a\nb[]");
	(void)close(c.fd);
}

#define DEEP "more than 256 directories in each other: '/d/d/d/"

static void test_more_directories_than_allowed_are_refused(void **state)
{
	struct scratch *s = *state;
	struct context c = { .fd = tree_dir(s, "context") };
	cleanup_context_selection struct context_selection selection = { 0 };
	const struct context_digest_options o = { 0 };
	const char *source = ".";
	struct digest d;
	struct err e = { 0 };
	int fd = dup(c.fd);

	for (int i = 0; i < CONTEXT_DEPTH_MAX; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(fd);
		fd = next;
	}
	(void)close(fd);
	assert_int_equal(context_digest(&c, &source, 1, &o, &d, &e), -EFBIG);
	assert_memory_equal(e.text, DEEP, strlen(DEEP));
	(void)close(c.fd);
}

static void test_descriptors_are_closed_again(void **state)
{
	struct context c = make_context(*state);
	int before = count_open_descriptors();

	(void)digest_of(&c, ".", NULL);
	expect(&c, "nothing", NOT_FOUND("/nothing"));
	expect(&c, "*/*",
	       "docs/README.md:README.md[] docs/api/:api[/][x.html] src/a.c:a.c[] src/b.c:b.c[] "
	       "src/b.o:b.o[] src/a.c:inner[] src/sub/:sub[/][c.c]");
	assert_int_equal(count_open_descriptors(), before);
	(void)close(c.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_sources_are_files_and_directories_of_the_context),
		SCRATCH_TEST(test_symlinks_of_a_source_are_followed_inside_of_the_context),
		SCRATCH_TEST(test_a_source_that_leads_out_finds_what_the_context_has_there),
		SCRATCH_TEST(test_a_source_that_is_not_there_is_an_error),
		SCRATCH_TEST(test_wildcards_match_names_and_need_not_match_any),
		SCRATCH_TEST(test_wildcards_do_not_look_into_directories_that_match),
		SCRATCH_TEST(test_what_the_ignore_file_leaves_out_is_not_there),
		SCRATCH_TEST(test_a_context_of_which_all_is_left_out_has_its_root),
		SCRATCH_TEST(test_parents_keep_the_directories_of_what_matches),
		SCRATCH_TEST(test_parents_begin_at_the_pivot),
		SCRATCH_TEST(test_parents_of_what_is_not_there_are_an_error),
		SCRATCH_TEST(test_exclude_patterns_begin_at_the_source),
		SCRATCH_TEST(test_a_digest_changes_with_what_a_copy_would_show),
		SCRATCH_TEST(test_a_digest_does_not_change_with_times_links_or_owners),
		SCRATCH_TEST(test_a_digest_counts_extended_attributes),
		SCRATCH_TEST(test_the_digest_of_a_known_tree_is_known),
		SCRATCH_TEST(test_an_unchanged_context_is_not_read_and_nothing_is_written),
		SCRATCH_TEST(test_a_byte_that_changes_is_noticed_though_size_and_mtime_stay),
		SCRATCH_TEST(test_a_large_file_that_changed_just_then_is_remembered_all_the_same),
		SCRATCH_TEST(test_waiting_for_a_large_file_can_be_interrupted),
		SCRATCH_TEST(test_sockets_whiteouts_and_pipes_do_no_harm),
		SCRATCH_TEST(test_names_with_newlines_and_brackets_are_names),
		SCRATCH_TEST(test_more_directories_than_allowed_are_refused),
		SCRATCH_TEST(test_descriptors_are_closed_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
