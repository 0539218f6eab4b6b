/* SPDX-License-Identifier: Apache-2.0 */
#include "build/stat_cache.h"

#include "tests/unit/common/scratch.h"

#include "build/stat_cache_format.h"

#define NAME  "stat-cache"
#define NOW_S 1700000000

static const struct timespec NOW = { .tv_sec = NOW_S, .tv_nsec = 500000000 };

/* Of a file that has not changed for a minute. */
static struct stat stat_of(uint64_t inode)
{
	return (struct stat){ .st_dev = 7,
			      .st_ino = inode,
			      .st_size = 4096,
			      .st_mode = S_IFREG | 0644,
			      .st_mtim = { .tv_sec = NOW_S - 1000, .tv_nsec = 1 },
			      .st_ctim = { .tv_sec = NOW_S - 60, .tv_nsec = 2 } };
}

static struct stat_cache *open_cache(const struct scratch *s, size_t max)
{
	struct stat_cache *c = NULL;
	struct err e = { 0 };

	if (stat_cache_open(s->fd, NAME, max, &c, &e) < 0)
		fail_msg("%s", e.text);
	return c;
}

static void add(struct stat_cache *c, const struct stat *st, unsigned char digest)
{
	struct stat_cache_facts facts = { .has_xattrs = digest & 1 };
	struct err e = { 0 };

	memset(facts.sha256, digest, sizeof(facts.sha256));
	if (stat_cache_add(c, st, &NOW, &facts, &e) < 0)
		fail_msg("%s", e.text);
}

/* The first byte of the digest; -1: unknown. */
static int find(struct stat_cache *c, const struct stat *st)
{
	struct stat_cache_facts facts;

	if (!stat_cache_find(c, st, &facts))
		return -1;
	assert_int_equal(facts.has_xattrs, facts.sha256[0] & 1);
	return facts.sha256[0];
}

static void save(struct stat_cache *c)
{
	struct err e = { 0 };

	if (stat_cache_save(c, &e) < 0)
		fail_msg("%s", e.text);
}

/* Inodes 1 to `count`, with the digest inode % 251. */
static void fill(const struct scratch *s, uint64_t count)
{
	cleanup_stat_cache struct stat_cache *c = open_cache(s, STAT_CACHE_ENTRIES_MAX);

	for (uint64_t i = count; i > 0; i--) {
		const struct stat st = stat_of(i);

		add(c, &st, (unsigned char)(i % 251));
	}
	save(c);
}

static void test_a_file_is_known_until_anything_of_it_changes(void **state)
{
	struct scratch *s = *state;
	cleanup_stat_cache struct stat_cache *c = open_cache(s, 100);
	struct stat st = stat_of(5), other;

	assert_int_equal(find(c, &st), -1);
	add(c, &st, 9);
	assert_int_equal(find(c, &st), 9);
	other = st;
	other.st_dev++;
	assert_int_equal(find(c, &other), -1);
	other = st;
	other.st_ino++;
	assert_int_equal(find(c, &other), -1);
	other = st;
	other.st_size++;
	assert_int_equal(find(c, &other), -1);
	other = st;
	other.st_mtim.tv_nsec++;
	assert_int_equal(find(c, &other), -1);
	other = st;
	other.st_ctim.tv_nsec++;
	assert_int_equal(find(c, &other), -1);
	add(c, &other, 10);
	assert_int_equal(find(c, &other), 10);
	assert_int_equal(find(c, &st), -1);
	assert_int_equal(stat_cache_len(c), 1);
}

static void test_what_was_saved_is_found_again_after_opening(void **state)
{
	struct scratch *s = *state;
	cleanup_stat_cache struct stat_cache *c = NULL;

	fill(s, 1000);
	c = open_cache(s, STAT_CACHE_ENTRIES_MAX);
	assert_int_equal(stat_cache_len(c), 1000);
	for (uint64_t i = 1; i <= 1000; i++) {
		const struct stat st = stat_of(i);

		assert_int_equal(find(c, &st), i % 251);
	}
}

static void test_a_changed_file_takes_the_place_of_what_it_was(void **state)
{
	struct scratch *s = *state;
	cleanup_stat_cache struct stat_cache *c = NULL;
	struct stat st = stat_of(50), old = st, more = stat_of(101);

	fill(s, 100);
	c = open_cache(s, STAT_CACHE_ENTRIES_MAX);
	st.st_ctim.tv_sec++;
	add(c, &st, 200);
	add(c, &more, 201);
	save(c);
	assert_int_equal(stat_cache_len(c), 101);
	assert_int_equal(find(c, &st), 200);
	stat_cache_free(c);
	c = open_cache(s, STAT_CACHE_ENTRIES_MAX);
	assert_int_equal(stat_cache_len(c), 101);
	assert_int_equal(find(c, &st), 200);
	assert_int_equal(find(c, &more), 201);
	assert_int_equal(find(c, &old), -1);
}

static void test_nothing_is_written_where_nothing_was_added(void **state)
{
	struct scratch *s = *state;
	cleanup_stat_cache struct stat_cache *c = NULL;
	const struct stat st = stat_of(3);
	struct stat before, after;

	c = open_cache(s, 10);
	save(c);
	assert_int_equal(faccessat(s->fd, NAME, F_OK, 0), -1);
	fill(s, 10);
	assert_int_equal(fstatat(s->fd, NAME, &before, 0), 0);
	stat_cache_free(c);
	c = open_cache(s, 10);
	assert_int_equal(find(c, &st), 3);
	assert_false(stat_cache_changed(c));
	save(c);
	assert_int_equal(fstatat(s->fd, NAME, &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void test_a_file_that_changed_just_then_is_not_remembered(void **state)
{
	struct scratch *s = *state;
	cleanup_stat_cache struct stat_cache *c = open_cache(s, 10);
	struct stat st = stat_of(1);

	st.st_ctim = (struct timespec){ .tv_sec = NOW_S, .tv_nsec = 450000000 };
	add(c, &st, 1);
	assert_int_equal(find(c, &st), -1);
	st.st_ctim.tv_nsec = 399999999;
	add(c, &st, 2);
	assert_int_equal(find(c, &st), 2);
	/* A clock that knows seconds only. */
	st.st_ctim = (struct timespec){ .tv_sec = NOW_S - 1 };
	add(c, &st, 3);
	assert_int_equal(find(c, &st), -1);
	st.st_ctim.tv_sec = NOW_S - 2;
	add(c, &st, 4);
	assert_int_equal(find(c, &st), 4);
	/* A file of tomorrow. */
	st.st_ctim = (struct timespec){ .tv_sec = NOW_S + 86400, .tv_nsec = 1 };
	add(c, &st, 5);
	assert_int_equal(find(c, &st), -1);
}

static void test_it_is_known_when_a_file_may_be_remembered(void **state)
{
	const struct timespec now = { .tv_sec = NOW_S, .tv_nsec = 500000000 };
	struct stat st = stat_of(1);

	(void)state;
	assert_int_equal(stat_cache_settles_in_ns(&st, &now), 0);
	st.st_ctim = (struct timespec){ .tv_sec = NOW_S, .tv_nsec = 450000000 };
	assert_int_equal(stat_cache_settles_in_ns(&st, &now), 50000001);
	st.st_ctim.tv_nsec = 399999999;
	assert_int_equal(stat_cache_settles_in_ns(&st, &now), 0);
	st.st_ctim.tv_nsec = 510000000;
	assert_int_equal(stat_cache_settles_in_ns(&st, &now), 110000001);
	st.st_ctim = (struct timespec){ .tv_sec = NOW_S - 1 };
	assert_int_equal(stat_cache_settles_in_ns(&st, &now), 500000001);
	st.st_ctim = (struct timespec){ .tv_sec = NOW_S + 86400, .tv_nsec = 1 };
	assert_int_equal(stat_cache_settles_in_ns(&st, &now), INT64_MAX);
}

static void test_the_entries_that_were_used_least_recently_go_first(void **state)
{
	struct scratch *s = *state;
	cleanup_stat_cache struct stat_cache *c = NULL;

	fill(s, 10);
	c = open_cache(s, 10);
	for (uint64_t i = 1; i <= 4; i++) {
		const struct stat used = stat_of(i), added = stat_of(100 + i);

		assert_int_equal(find(c, &used), i);
		add(c, &added, (unsigned char)(100 + i));
	}
	save(c);
	stat_cache_free(c);
	c = open_cache(s, 10);
	assert_int_equal(stat_cache_len(c), 10);
	for (uint64_t i = 1; i <= 4; i++) {
		const struct stat used = stat_of(i), added = stat_of(100 + i);

		assert_int_equal(find(c, &used), i);
		assert_int_equal(find(c, &added), 100 + i);
	}
}

static void test_a_damaged_file_is_not_believed(void **state)
{
	struct scratch *s = *state;
	cleanup_buf struct buf good = BUF_INIT(1 << 20);
	struct err e = { 0 };

	fill(s, 3);
	assert_int_equal(file_read(s->fd, NAME, &good, &e), 0);
	assert_int_equal(good.len, STAT_CACHE_HEADER_LEN + 3 * STAT_CACHE_ENTRY_LEN);
	for (size_t i = 0; i <= good.len; i++) {
		cleanup_stat_cache struct stat_cache *c = NULL;
		size_t len = i == good.len ? good.len - 1 : good.len;

		if (i < good.len)
			good.data[i] ^= 4;
		assert_int_equal(file_write_atomic(s->fd, NAME, good.data, len, 0600, &e), 0);
		c = open_cache(s, 100);
		assert_int_equal(stat_cache_len(c), 0);
		if (i < good.len)
			good.data[i] ^= 4;
	}
}

static void test_a_foreign_file_is_not_believed(void **state)
{
	struct scratch *s = *state;
	cleanup_stat_cache struct stat_cache *c = NULL;
	const struct stat st = stat_of(1);

	/* Others may write to it. */
	fill(s, 3);
	assert_int_equal(fchmodat(s->fd, NAME, 0622, 0), 0);
	c = open_cache(s, 10);
	assert_int_equal(stat_cache_len(c), 0);
	stat_cache_free(c);
	c = NULL;
	/* A symlink to one that would be good. */
	assert_int_equal(fchmodat(s->fd, NAME, 0600, 0), 0);
	assert_int_equal(renameat(s->fd, NAME, s->fd, "other"), 0);
	assert_int_equal(symlinkat("other", s->fd, NAME), 0);
	c = open_cache(s, 10);
	assert_int_equal(stat_cache_len(c), 0);
	stat_cache_free(c);
	c = NULL;
	/* A pipe: nobody waits for its other end. */
	assert_int_equal(unlinkat(s->fd, NAME, 0), 0);
	assert_int_equal(mkfifoat(s->fd, NAME, 0600), 0);
	c = open_cache(s, 10);
	assert_int_equal(stat_cache_len(c), 0);
	/* The next save puts that right. */
	add(c, &st, 1);
	save(c);
	stat_cache_free(c);
	c = open_cache(s, 10);
	assert_int_equal(find(c, &st), 1);
}

static void test_a_cache_that_cannot_be_written_says_so(void **state)
{
	struct scratch *s = *state;
	cleanup_stat_cache struct stat_cache *c = NULL;
	const struct stat st = stat_of(1);
	struct err e = { 0 };

	assert_int_equal(mkdirat(s->fd, NAME, 0700), 0);
	c = open_cache(s, 10);
	add(c, &st, 1);
	assert_int_equal(stat_cache_save(c, &e), -EISDIR);
	assert_non_null(strstr(e.text, NAME));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_a_file_is_known_until_anything_of_it_changes),
		SCRATCH_TEST(test_what_was_saved_is_found_again_after_opening),
		SCRATCH_TEST(test_a_changed_file_takes_the_place_of_what_it_was),
		SCRATCH_TEST(test_nothing_is_written_where_nothing_was_added),
		SCRATCH_TEST(test_a_file_that_changed_just_then_is_not_remembered),
		SCRATCH_TEST(test_it_is_known_when_a_file_may_be_remembered),
		SCRATCH_TEST(test_the_entries_that_were_used_least_recently_go_first),
		SCRATCH_TEST(test_a_damaged_file_is_not_believed),
		SCRATCH_TEST(test_a_foreign_file_is_not_believed),
		SCRATCH_TEST(test_a_cache_that_cannot_be_written_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
