/* SPDX-License-Identifier: Apache-2.0 */
#include "store/step_cache.h"

#include "tests/unit/store/fixture.h"

#include <time.h>

#define NOW     INT64_C(2000000000)
#define NO_TIME INT64_MIN

static struct digest step_digest(unsigned int number)
{
	struct digest d;

	(void)snprintf(d.text, sizeof(d.text), "sha256:%064x", number);
	return d;
}

static void make_layer(const struct fixture *f, const char *key)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/layers/%s", f->root, key);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/layers/%s/tree", f->root, key);
	assert_int_equal(mkdir(path, 0755), 0);
}

/* Of key `number`, made on `before`, with a layer of its own that is there. */
static struct step_record step_record_of(const struct fixture *f, unsigned int number, unsigned int before,
					 char key[65])
{
	struct step_record r = { .key = step_digest(number),
				 .diff_id = step_digest(number + 1000),
				 .size_bytes = 7,
				 .text = (char *)(uintptr_t) "RUN make" };

	if (before)
		r.before = step_digest(before);
	(void)snprintf(key, 65, "%064x", number + 2000);
	r.layer = key;
	make_layer(f, key);
	return r;
}

static void file_of(const struct fixture *f, unsigned int number, char ret[256])
{
	(void)snprintf(ret, 256, "%s/steps/%064x", f->root, number);
}

static void set_used(const struct fixture *f, unsigned int number, int64_t used_s)
{
	const struct timespec times[] = { { .tv_sec = used_s }, { .tv_sec = used_s } };
	char path[256];

	file_of(f, number, path);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static int64_t used_of(const struct fixture *f, unsigned int number)
{
	char path[256];
	struct stat st;

	file_of(f, number, path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mtime;
}

static int find(const struct fixture *f, unsigned int number, struct step_record *ret)
{
	struct digest key = step_digest(number);
	struct err e;

	*ret = (struct step_record){ 0 };
	return step_cache_find(f->store, &key, NOW, ret, &e);
}

static void what_a_step_has_made_is_found_by_its_key(void **state)
{
	struct fixture *f = *state;
	struct step_record r, found;
	char key[65];
	struct err e;

	r = step_record_of(f, 1, 9, key);
	r.created = (char *)(uintptr_t) "2026-01-02T03:04:05Z";
	assert_int_equal(find(f, 1, &found), -ENOENT);
	assert_int_equal(step_cache_put(f->store, &r, &e), 0);
	assert_int_equal(find(f, 1, &found), 0);
	assert_true(digest_equal(&found.key, &r.key) && digest_equal(&found.before, &r.before));
	assert_true(digest_equal(&found.diff_id, &r.diff_id));
	assert_string_equal(found.layer, key);
	assert_string_equal(found.text, "RUN make");
	assert_string_equal(found.created, "2026-01-02T03:04:05Z");
	assert_int_equal(found.size_bytes, 7);
	step_record_done(&found);
	assert_int_equal(find(f, 2, &found), -ENOENT);
	assert_int_equal(step_cache_remove(f->store, &r.key, &e), 0);
	assert_int_equal(find(f, 1, &found), -ENOENT);
	assert_int_equal(step_cache_remove(f->store, &r.key, &e), 0);
}

static void a_step_may_have_changed_nothing(void **state)
{
	struct fixture *f = *state;
	struct step_record r = { .key = step_digest(1) }, found;
	struct err e;

	assert_int_equal(step_cache_put(f->store, &r, &e), 0);
	assert_int_equal(find(f, 1, &found), 0);
	assert_null(found.layer);
	assert_false(digest_is_set(&found.diff_id) || digest_is_set(&found.before));
	assert_string_equal(found.text, "");
	step_record_done(&found);
}

static void a_step_whose_layer_is_gone_is_made_again(void **state)
{
	struct fixture *f = *state;
	struct step_record r, found;
	char key[65], path[256];
	struct err e;

	r = step_record_of(f, 1, 0, key);
	assert_int_equal(step_cache_put(f->store, &r, &e), 0);
	(void)snprintf(path, sizeof(path), "%s/layers/%s/tree", f->root, key);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(find(f, 1, &found), -ENOENT);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
	assert_int_equal(close(fd), 0);
}

static void a_record_that_is_damaged_or_anothers_is_none(void **state)
{
	static const char *const TEXTS[] = {
		"",
		"{}",
		"{\"key\":7}",
		"{\"key\":\"sha256:1\"}",
		"{\"key\":\"sha512:",
		"{\"key\":\"sha256:0000000000000000000000000000000000000000000000000000000000000002\"}",
		"{\"key\":\"sha256:0000000000000000000000000000000000000000000000000000000000000001\","
		"\"layer\":\"../x\"}",
		"{\"key\":\"sha256:0000000000000000000000000000000000000000000000000000000000000001\","
		"\"layer\":\"0000000000000000000000000000000000000000000000000000000000000001\"}",
	};
	struct fixture *f = *state;
	struct step_record r = { .key = step_digest(1) }, found, *items;
	char path[256];
	struct err e;
	size_t len;

	assert_int_equal(step_cache_put(f->store, &r, &e), 0);
	file_of(f, 1, path);
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		write_text(path, TEXTS[i]);
		assert_int_equal(find(f, 1, &found), -ENOENT);
		assert_int_equal(step_cache_list(f->store, &items, &len, &e), 0);
		assert_int_equal(len, 0);
		step_cache_list_free(items, len);
	}
	assert_int_equal(step_cache_put(f->store, &r, &e), 0);
	assert_int_equal(find(f, 1, &found), 0);
	step_record_done(&found);
}

static void use_is_noted_once_a_day(void **state)
{
	struct fixture *f = *state;
	struct step_record r = { .key = step_digest(1) }, found;
	struct err e;

	assert_int_equal(step_cache_put(f->store, &r, &e), 0);
	set_used(f, 1, NOW - STEP_TOUCH_AFTER_S);
	assert_int_equal(find(f, 1, &found), 0);
	assert_int_equal(found.used_s, NOW - STEP_TOUCH_AFTER_S);
	step_record_done(&found);
	assert_int_equal(used_of(f, 1), NOW - STEP_TOUCH_AFTER_S);
	set_used(f, 1, NOW - STEP_TOUCH_AFTER_S - 1);
	assert_int_equal(find(f, 1, &found), 0);
	assert_int_equal(found.used_s, NOW);
	step_record_done(&found);
	assert_int_equal(used_of(f, 1), NOW);
}

static void what_cannot_be_a_record_is_refused(void **state)
{
	struct fixture *f = *state;
	struct step_record r = { 0 };
	struct err e;

	assert_int_equal(step_cache_put(f->store, &r, &e), -EINVAL);
	assert_string_equal(e.text, "a step's record has no key, or a layer that is none");
	r.key = step_digest(1);
	r.etag = (char *)(uintptr_t) "\"v1\""; /* of what? */
	assert_int_equal(step_cache_put(f->store, &r, &e), -EINVAL);
	r.etag = NULL;
	r.layer = (char *)(uintptr_t) "../../etc";
	r.diff_id = step_digest(2);
	assert_int_equal(step_cache_put(f->store, &r, &e), -EINVAL);
	r.layer = (char *)(uintptr_t) "0000000000000000000000000000000000000000000000000000000000000001";
	r.diff_id = (struct digest){ 0 };
	assert_int_equal(step_cache_put(f->store, &r, &e), -EINVAL);
}

static void a_long_text_is_cut_between_characters(void **state)
{
	struct fixture *f = *state;
	struct step_record r = { .key = step_digest(1) }, found;
	char text[STEP_TEXT_MAX + 3];
	struct err e;

	memset(text, 'a', sizeof(text));
	memcpy(text + STEP_TEXT_MAX - 1, "\xc3\xa4", 3); /* an umlaut across the end */
	r.text = text;
	assert_int_equal(step_cache_put(f->store, &r, &e), 0);
	assert_int_equal(find(f, 1, &found), 0);
	assert_int_equal(strlen(found.text), STEP_TEXT_MAX - 1);
	step_record_done(&found);
}

static void all_are_listed_with_their_times(void **state)
{
	struct fixture *f = *state;
	struct step_record *items;
	char key[65];
	struct err e;
	size_t len;

	assert_int_equal(step_cache_list(f->store, &items, &len, &e), 0);
	assert_int_equal(len, 0);
	step_cache_list_free(items, len);
	for (unsigned int i = 1; i <= 3; i++) {
		struct step_record r = step_record_of(f, i, i - 1, key);

		assert_int_equal(step_cache_put(f->store, &r, &e), 0);
		set_used(f, i, NOW + i);
	}
	assert_int_equal(step_cache_list(f->store, &items, &len, &e), 0);
	assert_int_equal(len, 3);
	for (size_t i = 0; i < len; i++) {
		unsigned int number = (unsigned int)(items[i].used_s - NOW);
		struct digest expected = step_digest(number);

		assert_true(digest_equal(&items[i].key, &expected));
	}
	step_cache_list_free(items, len);
}

/* --- what goes first ------------------------------------------------------------------------------------ */

static struct step_record step(unsigned int number, unsigned int before, int64_t used_s, uint64_t bytes)
{
	static const char *const LAYERS[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
	struct step_record r = { .key = step_digest(number), .used_s = used_s, .size_bytes = bytes };

	if (before)
		r.before = step_digest(before);
	r.layer = (char *)(uintptr_t)LAYERS[number % ARRAY_LEN(LAYERS)];
	return r;
}

static void assert_drops(const struct step_record *items, size_t len, uint64_t max_bytes, int64_t since_s,
			 const char *expected)
{
	bool drop[16];
	char got[17] = "";
	struct err e;

	assert_true(len <= ARRAY_LEN(drop));
	assert_int_equal(step_cache_choose(items, len, max_bytes, since_s, drop, &e), 0);
	for (size_t i = 0; i < len; i++)
		got[i] = drop[i] ? 'x' : '.';
	assert_string_equal(got, expected);
}

static void the_least_recently_used_go_first(void **state)
{
	const struct step_record items[] = { step(1, 0, 30, 10), step(2, 0, 10, 10), step(3, 0, 20, 10) };

	(void)state;
	assert_drops(items, 3, 30, NO_TIME, "...");
	assert_drops(items, 3, 29, NO_TIME, ".x.");
	assert_drops(items, 3, 10, NO_TIME, ".xx");
	assert_drops(items, 3, 0, NO_TIME, "xxx");
	assert_drops(items, 3, 30, 20, ".x.");
	assert_drops(items, 3, 30, 31, "xxx");
}

static void no_step_goes_before_what_is_made_on_it(void **state)
{
	/* 1 <- 2 <- 3, 1 <- 4; 4 was used last, and so 1 was. */
	const struct step_record items[] = { step(1, 0, 1, 10), step(2, 1, 2, 10), step(3, 2, 3, 10),
					     step(4, 1, 9, 10) };

	(void)state;
	assert_drops(items, 4, 39, NO_TIME, "..x.");
	assert_drops(items, 4, 29, NO_TIME, ".xx.");
	assert_drops(items, 4, 19, NO_TIME, ".xxx");
	assert_drops(items, 4, 40, 4, ".xx.");
	assert_drops(items, 4, 0, NO_TIME, "xxxx");
}

static void a_layer_that_several_have_counts_once(void **state)
{
	struct step_record items[] = { step(1, 0, 1, 10), step(2, 0, 2, 10), step(3, 0, 3, 5) };

	(void)state;
	items[1].layer = items[0].layer;
	assert_drops(items, 3, 15, NO_TIME, "...");
	assert_drops(items, 3, 14, NO_TIME, "xx.");
	items[0].layer = items[1].layer = NULL; /* no layer takes up nothing, however often */
	assert_drops(items, 3, 5, NO_TIME, "...");
	assert_drops(items, 3, 4, NO_TIME, "xxx");
}

static void records_that_go_in_a_circle_go_all_the_same(void **state)
{
	const struct step_record items[] = { step(1, 2, 1, 10), step(2, 1, 2, 10), step(3, 3, 3, 10),
					     step(4, 77, 4, 10) };

	(void)state;
	assert_drops(items, 4, 0, NO_TIME, "xxxx");
	assert_drops(items, 4, 40, NO_TIME, "....");
}

/* A forest at random: nobody stays whose base has gone, and no more goes than has to. */
static void a_forest_loses_leaves_only(void **state)
{
	enum { COUNT = 200 };
	struct step_record items[COUNT];
	unsigned int seed = 7;
	bool drop[COUNT];
	char names[COUNT][8];
	struct err e;

	(void)state;
	for (unsigned int i = 0; i < COUNT; i++) {
		seed = seed * 1103515245u + 12345u;
		items[i] = step(i + 1, i > 0 ? (seed >> 16) % (i + 1) : 0, (seed >> 8) % 50, 1);
		(void)snprintf(names[i], sizeof(names[i]), "%u", i);
		items[i].layer = names[i];
	}
	for (uint64_t max = 0; max <= COUNT; max += 7) {
		size_t kept = 0;

		assert_int_equal(step_cache_choose(items, COUNT, max, NO_TIME, drop, &e), 0);
		for (unsigned int i = 0; i < COUNT; i++) {
			kept += !drop[i];
			for (unsigned int j = 0; j < COUNT && !drop[i]; j++)
				assert_false(drop[j] && digest_equal(&items[i].before, &items[j].key));
		}
		assert_int_equal(kept, max);
	}
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_a_step_has_made_is_found_by_its_key),
		STORE_TEST(a_step_may_have_changed_nothing),
		STORE_TEST(a_step_whose_layer_is_gone_is_made_again),
		STORE_TEST(a_record_that_is_damaged_or_anothers_is_none),
		STORE_TEST(use_is_noted_once_a_day),
		STORE_TEST(what_cannot_be_a_record_is_refused),
		STORE_TEST(a_long_text_is_cut_between_characters),
		STORE_TEST(all_are_listed_with_their_times),
		cmocka_unit_test(the_least_recently_used_go_first),
		cmocka_unit_test(no_step_goes_before_what_is_made_on_it),
		cmocka_unit_test(a_layer_that_several_have_counts_once),
		cmocka_unit_test(records_that_go_in_a_circle_go_all_the_same),
		cmocka_unit_test(a_forest_loses_leaves_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
