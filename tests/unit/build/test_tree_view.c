/* SPDX-License-Identifier: Apache-2.0 */
#include "build/tree_view.h"

#include "runtime/rootfs.h"
#include "tests/unit/build/build_test.h"

/* In a child with a mount namespace of its own, where the store is opened anew: its descriptors lead to the old one's mounts. */
struct view {
	const struct fixture *f;
	struct strvec keys; /* of two layers, base first */
};

static void in_child(const struct fixture *f, void (*function)(void *))
{
	struct view v = { .f = f };
	struct step_layer lower = make_layer(f->store, LINES("d d", "f d/a below", "f b below"), NULL);
	struct step_layer upper = make_layer(f->store, LINES("d d", "f d/a above", "f c above"), NULL);

	need_root();
	assert_int_equal(strvec_add(&v.keys, lower.key), 0);
	assert_int_equal(strvec_add(&v.keys, upper.key), 0);
	run_in_child(0, function, &v);
	strvec_done(&v.keys);
}

static struct store *isolate(const struct view *v)
{
	struct store *s = NULL;
	struct err e = { 0 };

	if (tree_view_isolate(&e) < 0)
		_exit(CHILD_LACKS);
	CHILD_OK(store_open(v->f->root, &s, &e));
	return s;
}

static bool holds(int dir_fd, const char *path, const char *text)
{
	cleanup_buf struct buf found = BUF_INIT(4096);
	struct err e;

	return file_read(dir_fd, path, &found, &e) == 0 && strcmp(found.data ? found.data : "", text) == 0;
}

static unsigned int entries(const struct staging *st)
{
	unsigned int n = 0;
	DIR *dir = fdopendir(openat(st->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	CHILD_CHECK(dir != NULL);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

static void look_at_both(void *arg)
{
	const struct view *v = arg;
	struct store *s = isolate(v);
	struct staging st = { .fd = -1 };
	struct err e = { 0 };
	char *path = NULL;
	int fd = -1;

	CHILD_OK(staging_begin(s, &st, &e));
	CHILD_OK(tree_view_open(s, &st, "view-0", &v->keys, &fd, &path, &e));
	CHILD_CHECK(holds(fd, "d/a", "above") && holds(fd, "b", "below") && holds(fd, "c", "above"));
	CHILD_CHECK(openat(fd, "new", O_WRONLY | O_CREAT, 0644) < 0 && errno == EROFS);
	tree_view_unmount_all(s, &st);
	CHILD_CHECK(holds(fd, "b", "below")); /* what is open stays */
	CHILD_CHECK(rmdir(path) == 0);
	staging_end(s, &st);
	CHILD_CHECK(!exists(s, "staging/view-0"));
	store_close(s);
	free(path);
}

static void layers_are_seen_together(void **state)
{
	in_child(*state, look_at_both);
}

static void look_at_one(void *arg)
{
	struct view *v = arg;
	struct store *s = isolate(v);
	struct staging st = { .fd = -1 };
	struct strvec none = { 0 };
	struct err e = { 0 };
	int fd = -1;

	CHILD_OK(staging_begin(s, &st, &e));
	strvec_remove(&v->keys, 1);
	CHILD_OK(tree_view_open(s, &st, "one", &v->keys, &fd, NULL, &e));
	CHILD_CHECK(holds(fd, "d/a", "below") && faccessat(fd, "c", F_OK, 0) < 0);
	CHILD_OK(tree_view_open(s, &st, "none", &none, &fd, NULL, &e));
	CHILD_CHECK(faccessat(fd, "d", F_OK, 0) < 0);
	staging_end(s, &st);
	store_close(s);
}

static void one_layer_is_itself_and_none_is_empty(void **state)
{
	in_child(*state, look_at_one);
}

static void look_detached(void *arg)
{
	const struct view *v = arg;
	struct store *s = isolate(v);
	struct staging st = { .fd = -1 };
	const struct strvec none = { 0 };
	struct err e = { 0 };
	int fd = -1, r;

	CHILD_OK(staging_begin(s, &st, &e));
	r = tree_view_open_detached(s, &v->keys, &fd, &e);
	if (r == -EOPNOTSUPP) /* this kernel cannot */
		_exit(CHILD_LACKS);
	CHILD_OK(r);
	CHILD_CHECK(holds(fd, "d/a", "above") && holds(fd, "b", "below"));
	CHILD_CHECK(entries(&st) == 0);
	CHILD_CHECK(tree_view_open_detached(s, &none, &fd, &e) == -EOPNOTSUPP);
	staging_end(s, &st);
	store_close(s);
}

static void a_tree_can_be_looked_at_without_a_mount_point(void **state)
{
	in_child(*state, look_detached);
}

static void write_on_top(void *arg)
{
	const struct view *v = arg;
	struct store *s = isolate(v);
	cleanup_overlay_plan struct overlay_plan plan = { 0 };
	struct staging st = { .fd = -1 };
	struct err e = { 0 };
	struct stat root;
	char *path = NULL;
	int below = -1, fd = -1, upper;

	CHILD_OK(staging_begin(s, &st, &e));
	CHILD_OK(tree_view_open(s, &st, "view-0", &v->keys, &below, &path, &e));
	CHILD_OK(tree_view_prepare(s, &st, "step", &v->keys, below, &plan, &e));
	CHILD_OK(tree_view_mount(&plan, &fd, &e));
	CHILD_CHECK(holds(fd, "d/a", "above"));
	CHILD_CHECK(unlinkat(fd, "b", 0) == 0 && mkdirat(fd, "new", 0755) == 0);
	upper = open(plan.upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHILD_CHECK(faccessat(upper, "new", F_OK, 0) == 0 && faccessat(upper, "c", F_OK, 0) < 0);
	CHILD_CHECK(fstat(upper, &root) == 0 && (root.st_mode & 07777) == 0755);
	CHILD_CHECK(holds(below, "b", "below"));
	CHILD_CHECK(umount2(plan.target, MNT_DETACH) == 0);
	tree_view_unmount_all(s, &st);
	staging_end(s, &st);
	store_close(s);
	free(path);
}

static void what_is_written_goes_into_the_upper_directory_alone(void **state)
{
	in_child(*state, write_on_top);
}

static void write_on_nothing(void *arg)
{
	const struct view *v = arg;
	struct store *s = isolate(v);
	cleanup_overlay_plan struct overlay_plan plan = { 0 };
	struct staging st = { .fd = -1 };
	const struct strvec none = { 0 };
	struct err e = { 0 };
	struct stat a, b;
	int below, fd = -1;

	CHILD_OK(staging_begin(s, &st, &e));
	CHILD_CHECK(mkdirat(st.fd, "dressed", 0700) == 0 && fchmodat(st.fd, "dressed", 01751, 0) == 0 &&
		    fchownat(st.fd, "dressed", 5, 6, 0) == 0);
	below = openat(st.fd, "dressed", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHILD_OK(tree_view_prepare(s, &st, "step", &none, below, &plan, &e));
	CHILD_OK(tree_view_mount(&plan, &fd, &e));
	CHILD_CHECK(fstat(fd, &a) == 0 && stat(plan.upper, &b) == 0 && a.st_ino == b.st_ino);
	CHILD_CHECK((a.st_mode & 07777) == 01751 && a.st_uid == 5 && a.st_gid == 6);
	staging_end(s, &st);
	store_close(s);
}

static void the_root_looks_like_the_one_below(void **state)
{
	in_child(*state, write_on_nothing);
}

static void more_layers_than_can_be_mounted_are_refused(void **state)
{
	const struct fixture *f = *state;
	struct strvec keys = { 0 }, lower = { 0 };
	struct err e = { 0 };

	for (unsigned int i = 0; i <= ROOTFS_LAYERS_MAX; i++)
		assert_int_equal(strvec_addf(&keys, "%064x", i), 0);
	assert_int_equal(tree_view_lower(f->store, &keys, &lower, &e), -EFBIG);
	assert_non_null(strstr(e.text, " layers are more than the "));
	strvec_done(&keys);
	strvec_done(&lower);
}

static void the_topmost_layer_comes_first(void **state)
{
	const struct fixture *f = *state;
	struct strvec keys = { 0 }, lower = { 0 };
	struct err e = { 0 };
	char a[65], b[65];

	assert_int_equal(strvec_add(&keys, key_of('a', a)), 0);
	assert_int_equal(strvec_add(&keys, key_of('b', b)), 0);
	assert_int_equal(tree_view_lower(f->store, &keys, &lower, &e), 0);
	assert_int_equal(lower.len, 2);
	assert_non_null(strstr(lower.items[0], b));
	assert_non_null(strstr(lower.items[1], a));
	strvec_done(&keys);
	strvec_done(&lower);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(layers_are_seen_together),
		FIXTURE_TEST(one_layer_is_itself_and_none_is_empty),
		FIXTURE_TEST(a_tree_can_be_looked_at_without_a_mount_point),
		FIXTURE_TEST(what_is_written_goes_into_the_upper_directory_alone),
		FIXTURE_TEST(the_root_looks_like_the_one_below),
		FIXTURE_TEST(more_layers_than_can_be_mounted_are_refused),
		FIXTURE_TEST(the_topmost_layer_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
