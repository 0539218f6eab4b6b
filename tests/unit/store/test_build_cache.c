/* SPDX-License-Identifier: Apache-2.0 */
#include "store/build_cache.h"

#include "tests/unit/store/fixture.h"

#include <sys/statvfs.h>

#define NOW          INT64_C(2000000000)
#define LAYER_BYTES  1000 /* add_layer's */
#define FREES_ENOUGH (UINT64_MAX / 2)

static struct digest step_digest(unsigned int number)
{
	struct digest d;

	(void)snprintf(d.text, sizeof(d.text), "sha256:%064x", number);
	return d;
}

static void path_of(const struct fixture *f, unsigned int number, char ret[256])
{
	(void)snprintf(ret, 256, "%s/steps/%064x", f->root, number);
}

/* A record `number`, made on `before`, of layer `digit` (0: of none), used that long ago. */
static void add_step(const struct fixture *f, unsigned int number, unsigned int before, char digit,
		     int64_t ago_s)
{
	struct step_record r = { .key = step_digest(number), .size_bytes = LAYER_BYTES };
	const struct timespec times[] = { { .tv_sec = NOW - ago_s }, { .tv_sec = NOW - ago_s } };
	char key[65], path[256];
	struct err e;

	if (before)
		r.before = step_digest(before);
	if (digit) {
		r.layer = (char *)(uintptr_t)key_of(digit, key);
		r.diff_id = digest_of(digit);
		if (!layer_exists(f->store, key))
			add_layer(f->store, digit);
	}
	assert_int_equal(step_cache_put(f->store, &r, &e), 0);
	path_of(f, number, path);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool has_step(const struct fixture *f, unsigned int number)
{
	char path[256];

	path_of(f, number, path);
	return access(path, F_OK) == 0;
}

static bool has_layer(const struct fixture *f, char digit)
{
	char key[65];

	return layer_exists(f->store, key_of(digit, key));
}

static uint64_t trim(const struct fixture *f, const struct build_cache_policy *p, size_t dropped)
{
	cleanup_strvec struct strvec gone = { 0 };
	uint64_t freed = 0;
	struct err e = { 0 };

	if (build_cache_trim(f->store, p, &gone, &freed, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(gone.len, dropped);
	return freed;
}

static uint64_t collect(const struct fixture *f)
{
	uint64_t freed;
	struct err e = { 0 };

	if (store_gc(f->store, true, &freed, &e) != 0)
		fail_msg("%s", e.text);
	return freed;
}

static struct build_cache_policy at_most(uint64_t bytes)
{
	return (struct build_cache_policy){ .max_bytes = bytes, .unused_since_s = INT64_MAX, .wait = true };
}

/* --- collections ---------------------------------------------------------------------------------------- */

static void what_a_step_has_made_is_no_garbage(void **state)
{
	struct fixture *f = *state;
	struct digest key = step_digest(1);
	struct err e;

	add_step(f, 1, 0, '1', 0);
	add_step(f, 2, 1, 0, 0);
	add_layer(f->store, '9');
	assert_int_equal(collect(f), LAYER_BYTES);
	assert_true(has_layer(f, '1') && has_step(f, 1) && has_step(f, 2));
	assert_false(has_layer(f, '9'));
	assert_int_equal(step_cache_remove(f->store, &key, &e), 0);
	assert_int_equal(collect(f), LAYER_BYTES);
	assert_false(has_layer(f, '1'));
}

static void the_blob_of_a_step_s_layer_stays_with_it(void **state)
{
	struct fixture *f = *state;
	const struct layer_meta meta = { .diff_id = digest_of('1'), .blob = digest_of('b') };
	const struct digest blob = digest_of('b');
	struct staging st;
	struct err e;
	char key[65];

	assert_int_equal(staging_begin(f->store, &st, &e), 0);
	assert_int_equal(mkdirat(st.fd, "l", 0700), 0);
	assert_int_equal(mkdirat(st.fd, "l/tree", 0755), 0);
	assert_int_equal(layer_commit(f->store, &st, "l", key_of('1', key), &meta, &e), 0);
	staging_end(f->store, &st);
	add_blob(f->store, 'b', "compressed");
	add_step(f, 1, 0, '1', 0);
	assert_int_equal(collect(f), 0);
	assert_true(blob_exists(f->store, &blob));
}

static void what_is_no_record_goes_with_a_collection(void **state)
{
	struct fixture *f = *state;
	char path[256], key[65];
	struct err e;

	add_step(f, 1, 0, '1', 0);
	add_step(f, 2, 0, '2', 0);
	add_step(f, 3, 0, '3', 0);
	write_file(store_root_fd(f->store), "steps/.x.12345678", "{");
	write_file(store_root_fd(f->store), "steps/stray", "{");
	path_of(f, 2, path);
	write_file(AT_FDCWD, path, "{\"key\":");
	(void)snprintf(path, sizeof(path), "layers/%s", key_of('3', key));
	assert_int_equal(tree_remove(store_root_fd(f->store), path, &e), 0);
	assert_int_equal(collect(f), LAYER_BYTES);
	assert_true(has_step(f, 1) && has_layer(f, '1'));
	assert_false(has_step(f, 2) || has_layer(f, '2') || has_step(f, 3));
	assert_false(exists(f->store, "steps/.x.12345678") || exists(f->store, "steps/stray"));
}

/* --- policies ------------------------------------------------------------------------------------------- */

static void the_cap_is_a_share_of_the_disk_within_bounds(void **state)
{
	const uint64_t GIB = UINT64_C(1) << 30;

	(void)state;
	assert_int_equal(build_cache_policy_for(4 * GIB).max_bytes, GIB);
	assert_int_equal(build_cache_policy_for(100 * GIB).max_bytes, 10 * GIB);
	assert_int_equal(build_cache_policy_for(1000 * GIB).max_bytes, 20 * GIB);
	assert_int_equal(build_cache_policy_for(100 * GIB).min_free_bytes, 5 * GIB);
	assert_false(build_cache_policy_for(GIB).wait);
	assert_true(build_cache_policy_for(GIB).unused_since_s == INT64_MAX);
}

static void nothing_goes_while_the_cache_is_below_its_cap(void **state)
{
	struct fixture *f = *state;
	struct build_cache_policy p = at_most(2 * LAYER_BYTES);

	add_step(f, 1, 0, '1', 30);
	add_step(f, 2, 1, '2', 20);
	add_layer(f->store, '9'); /* garbage: who has nothing to do does not even look */
	assert_int_equal(trim(f, &p, 0), 0);
	assert_true(has_layer(f, '9'));
}

static void the_leaves_that_were_used_least_recently_go(void **state)
{
	struct fixture *f = *state;
	struct build_cache_policy p = at_most(2 * LAYER_BYTES);

	add_step(f, 1, 0, '1', 40);
	add_step(f, 2, 1, '2', 30);
	add_step(f, 3, 1, '3', 10);
	assert_int_equal(trim(f, &p, 1), LAYER_BYTES);
	assert_true(has_step(f, 1) && has_layer(f, '1') && has_step(f, 3));
	assert_false(has_step(f, 2) || has_layer(f, '2'));
	p.max_bytes = 0;
	assert_int_equal(trim(f, &p, 2), 2 * LAYER_BYTES);
	assert_false(has_layer(f, '1') || has_layer(f, '3'));
}

static void what_images_have_too_costs_nothing_and_stays(void **state)
{
	struct fixture *f = *state;
	struct build_cache_policy p = at_most(LAYER_BYTES);

	add_image(f->store, "docker.io/library/a:latest", 'a', "12");
	add_step(f, 1, 0, '1', 90);
	add_step(f, 2, 1, 0, 80); /* has changed nothing, and the next one has */
	add_step(f, 3, 2, '2', 70);
	add_step(f, 4, 0, '4', 10);
	assert_int_equal(trim(f, &p, 0), 0);
	add_step(f, 5, 0, '5', 20);
	assert_int_equal(trim(f, &p, 1), LAYER_BYTES);
	assert_false(has_step(f, 5));
	p.max_bytes = 0;
	assert_int_equal(trim(f, &p, 1), LAYER_BYTES);
	assert_true(has_step(f, 1) && has_step(f, 2) && has_step(f, 3));
	p.all = true;
	assert_int_equal(trim(f, &p, 3), 0);
	assert_true(has_layer(f, '1') && has_layer(f, '2'));
}

static void what_was_used_not_long_ago_can_be_kept_with_what_is_below(void **state)
{
	struct fixture *f = *state;
	struct build_cache_policy p = at_most(0);

	p.unused_since_s = NOW - 50;
	add_step(f, 1, 0, '1', 90);
	add_step(f, 2, 1, '2', 50);
	add_step(f, 3, 1, '3', 60);
	add_step(f, 4, 0, '4', 70);
	assert_int_equal(trim(f, &p, 2), 2 * LAYER_BYTES);
	assert_true(has_step(f, 1) && has_step(f, 2) && has_layer(f, '1') && has_layer(f, '2'));
	assert_false(has_step(f, 3) || has_step(f, 4));
}

static void records_in_a_circle_are_no_trap(void **state)
{
	struct fixture *f = *state;
	struct build_cache_policy p = at_most(0);

	p.unused_since_s = NOW - 50;
	add_step(f, 1, 2, '1', 90);
	add_step(f, 2, 1, '2', 10);
	add_step(f, 3, 3, '3', 90);
	assert_int_equal(trim(f, &p, 1), LAYER_BYTES);
	p.unused_since_s = INT64_MAX;
	assert_int_equal(trim(f, &p, 2), 2 * LAYER_BYTES);
}

static void a_disk_that_is_too_full_takes_all_that_may_go(void **state)
{
	struct fixture *f = *state;
	struct build_cache_policy p = at_most(100 * LAYER_BYTES);

	add_step(f, 1, 0, '1', 40);
	add_step(f, 2, 1, '2', 30);
	p.min_free_bytes = 1; /* that there is */
	assert_int_equal(trim(f, &p, 0), 0);
	p.min_free_bytes = FREES_ENOUGH;
	assert_int_equal(trim(f, &p, 2), 2 * LAYER_BYTES);
}

static void while_others_are_at_work_nothing_goes_unless_waited_for(void **state)
{
	struct fixture *f = *state;
	struct build_cache_policy p = at_most(0);
	struct err e;
	int fd;

	add_step(f, 1, 0, '1', 40);
	p.wait = false;
	assert_int_equal(store_lock(f->store, false, &fd, &e), 0);
	assert_int_equal(trim(f, &p, 0), 0);
	assert_true(has_step(f, 1));
	(void)close(fd);
	assert_int_equal(trim(f, &p, 1), LAYER_BYTES);
}

static void a_damaged_image_keeps_the_cache_too(void **state)
{
	struct fixture *f = *state;
	struct build_cache_policy p = at_most(0);
	uint64_t freed = 0;
	struct err e;

	add_step(f, 1, 0, '1', 40);
	write_file(store_root_fd(f->store), "names/docker.io+library+x:latest", "{");
	assert_int_equal(build_cache_trim(f->store, &p, NULL, &freed, &e), -EBADMSG);
	assert_true(strncmp(e.text, "cannot trim the cache of builds: layers were not collected: ",
			    strlen("cannot trim the cache of builds: layers were not collected: ")) == 0);
	assert_true(has_step(f, 1) && has_layer(f, '1'));
}

/* --- mounts --------------------------------------------------------------------------------------------- */

static void open_mount(const struct fixture *f, const char *id, char digit, int64_t ago_s,
		       struct cache_mount *ret)
{
	const struct cache_mount_request q = { .id = id,
					       .id_digest = digest_of(digit),
					       .mode = 0755,
					       .uid = getuid(),
					       .gid = getgid(),
					       .now_s = NOW - ago_s };
	struct err e = { 0 };

	if (cache_mount_open(f->store, &q, ret, &e) != 0)
		fail_msg("%s", e.text);
}

static void mounts_go_after_the_steps_unless_somebody_uses_them(void **state)
{
	struct fixture *f = *state;
	struct build_cache_policy p = at_most(0);
	struct cache_mount used, unused;

	add_step(f, 1, 0, '1', 40);
	open_mount(f, "used", 'a', 30, &used);
	open_mount(f, "unused", 'b', 20, &unused);
	write_file(unused.data_fd, "file", "contents");
	cache_mount_done(&unused);
	assert_int_equal(trim(f, &p, 1), LAYER_BYTES);
	p.mounts = true;
	assert_true(trim(f, &p, 1) > 0);
	open_mount(f, "unused", 'b', 20, &unused);
	assert_true(unused.made);
	cache_mount_done(&unused);
	cache_mount_done(&used);
	p.unused_since_s = NOW - 20;
	(void)trim(f, &p, 1);
	p.unused_since_s = INT64_MAX;
	p.max_bytes = FREES_ENOUGH;
	(void)trim(f, &p, 0);
	p.max_bytes = 0;
	(void)trim(f, &p, 1);
}

/* --- what is shown -------------------------------------------------------------------------------------- */

static void what_the_cache_takes_up_is_told_from_what_images_do(void **state)
{
	struct fixture *f = *state;
	cleanup_build_cache struct build_cache c = { 0 };
	cleanup_usage struct usage u = { 0 };
	struct err e;

	add_image(f->store, "docker.io/library/a:latest", 'a', "12");
	add_step(f, 1, 0, '1', 40);
	add_step(f, 2, 1, '3', 30);
	add_step(f, 3, 1, '3', 20);
	add_step(f, 4, 1, 0, 10);
	assert_int_equal(usage_read(f->store, false, &u, &e), 0);
	assert_int_equal(build_cache_read(f->store, &u, &c, &e), 0);
	assert_int_equal(c.steps_len, 4);
	assert_true(c.steps[0].shared && !c.steps[1].shared && !c.steps[3].shared);
	assert_int_equal(c.shared_bytes, LAYER_BYTES);
	assert_int_equal(c.private_bytes, LAYER_BYTES);
	assert_int_equal(usage_layers_bytes(&u), 2 * LAYER_BYTES);
	assert_int_equal(usage_reclaimable_bytes(&u), 2 * LAYER_BYTES);
}

static void steps_that_made_damaged_layers_can_be_forgotten(void **state)
{
	struct fixture *f = *state;
	cleanup_strvec struct strvec layers = { 0 };
	char key[65];
	struct err e;

	add_step(f, 1, 0, '1', 40);
	add_step(f, 2, 1, '2', 40);
	assert_int_equal(strvec_add(&layers, key_of('2', key)), 0);
	assert_int_equal(step_cache_forget_layers(f->store, &layers, &e), 0);
	assert_true(has_step(f, 1) && !has_step(f, 2));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_a_step_has_made_is_no_garbage),
		TEST(the_blob_of_a_step_s_layer_stays_with_it),
		TEST(what_is_no_record_goes_with_a_collection),
		cmocka_unit_test(the_cap_is_a_share_of_the_disk_within_bounds),
		TEST(nothing_goes_while_the_cache_is_below_its_cap),
		TEST(the_leaves_that_were_used_least_recently_go),
		TEST(what_images_have_too_costs_nothing_and_stays),
		TEST(what_was_used_not_long_ago_can_be_kept_with_what_is_below),
		TEST(records_in_a_circle_are_no_trap),
		TEST(a_disk_that_is_too_full_takes_all_that_may_go),
		TEST(while_others_are_at_work_nothing_goes_unless_waited_for),
		TEST(a_damaged_image_keeps_the_cache_too),
		TEST(mounts_go_after_the_steps_unless_somebody_uses_them),
		TEST(what_the_cache_takes_up_is_told_from_what_images_do),
		TEST(steps_that_made_damaged_layers_can_be_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
