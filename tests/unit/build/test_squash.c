/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/xattr.h>

#include "build/squash.h"
#include "build/squash_merge.h"
#include "pull/layer_dirs.h"
#include "pull/layer_xattr.h"
#include "store/layer.h"

#include "tests/unit/build/tree.h"

#define LAYERS_MAX 8

/* A store with a build in it, and what the build has made. */
struct squashed {
	struct scratch *scratch;
	struct store *store;
	struct build build;
	struct build_result result;
	struct err e;
	size_t layers;
	int tree_fd; /* of the squashed layer */
};

static int setup(void **state)
{
	struct squashed *t = calloc(1, sizeof(*t));
	void *scratch;

	assert_non_null(t);
	need_root();
	t->build = BUILD_EMPTY;
	t->tree_fd = -1;
	assert_int_equal(scratch_setup(&scratch), 0);
	t->scratch = scratch;
	assert_int_equal(store_open(scratch_path(t->scratch, "store"), &t->store, &t->e), 0);
	t->build.store = t->store;
	assert_int_equal(staging_begin(t->store, &t->build.staging, &t->e), 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct squashed *t = *state;
	void *scratch = t->scratch;

	cleanup_fd_fn(&t->tree_fd);
	build_result_done(&t->result);
	build_close(&t->build);
	store_close(t->store);
	free(t);
	return scratch_teardown(&scratch);
}

#define SQUASH_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void whiteout(int fd, const char *name)
{
	const struct timespec times[2] = { { .tv_sec = TREE_TIME }, { .tv_sec = TREE_TIME } };

	assert_int_equal(mknodat(fd, name, S_IFCHR, 0), 0);
	assert_int_equal(utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void opaque(int fd, const char *name)
{
	cleanup_fd int dir = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e;

	assert_true(dir >= 0);
	assert_int_equal(layer_xattr_set_opaque(dir, name, &e), 0);
}

/* What tree_make takes, and "w NAME", a whiteout; "o NAME", an opaque mark for what is there. */
static void fill(int fd, const char *const *lines)
{
	for (size_t i = 0; lines[i]; i++) {
		if (lines[i][0] == 'w')
			whiteout(fd, lines[i] + 2);
		else if (lines[i][0] == 'o')
			opaque(fd, lines[i] + 2);
		else
			tree_make_one(fd, lines[i]);
	}
	for (size_t i = 0; lines[i]; i++) {
		const struct timespec times[2] = { { .tv_sec = TREE_TIME }, { .tv_sec = TREE_TIME } };

		if (lines[i][0] == 'd')
			assert_int_equal(utimensat(fd, strchr(lines[i], ' ') + 1, times, 0), 0);
	}
}

static void keep_layer(struct squashed *t, const struct step_layer *layer, bool is_made)
{
	struct build_result *r = &t->result;
	char created[32];

	assert_int_equal(strvec_add(&r->layers, layer->key), 0);
	r->config.diff_ids =
		reallocarray(r->config.diff_ids, r->config.diff_ids_len + 1, sizeof(struct digest));
	r->config.history =
		reallocarray(r->config.history, r->config.history_len + 1, sizeof(struct image_history));
	r->config.diff_ids[r->config.diff_ids_len++] = layer->diff_id;
	(void)snprintf(created, sizeof(created), "2024-01-0%zuT00:00:00Z", t->layers);
	r->config.history[r->config.history_len++] = (struct image_history){ .created = strdup(created) };
	free(r->config.created);
	r->config.created = strdup(created);
	if (!is_made)
		return;
	r->made = reallocarray(r->made, r->made_len + 1, sizeof(*r->made));
	r->made[r->made_len++] = *layer;
}

/* One more layer on top. */
static void add(struct squashed *t, bool is_made, const char *const *lines)
{
	struct step_layer layer;
	char name[32], tree[40];
	cleanup_fd int fd = -1;

	(void)snprintf(name, sizeof(name), "layer-%zu", ++t->layers);
	(void)snprintf(tree, sizeof(tree), "%s/tree", name);
	assert_int_equal(mkdirat(t->build.staging.fd, name, 0755), 0);
	assert_int_equal(mkdirat(t->build.staging.fd, tree, 0755), 0);
	fd = openat(t->build.staging.fd, tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	fill(fd, lines);
	if (step_layer_commit(t->store, &t->build.staging, name, NULL, NULL, &layer, &t->e) < 0)
		fail_msg("%s", t->e.text);
	keep_layer(t, &layer, is_made);
}

#define BASE(t, ...) add(t, false, (const char *const[]){ __VA_ARGS__, NULL })
#define MADE(t, ...) add(t, true, (const char *const[]){ __VA_ARGS__, NULL })

static void squash(struct squashed *t)
{
	cleanup_fd int dir = -1;

	if (build_squash(&t->build, &t->result, NULL, &t->e) < 0)
		fail_msg("%s", t->e.text);
	assert_int_equal(layer_open_dir(t->store, t->result.layers.items[t->result.layers.len - 1], &dir,
					&t->e),
			 0);
	t->tree_fd = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->tree_fd >= 0);
}

static struct stat look(const struct squashed *t, const char *name)
{
	struct stat st;

	if (fstatat(t->tree_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("there is no '%s'", name);
	return st;
}

static void assert_whiteout(const struct squashed *t, const char *name)
{
	const struct stat st = look(t, name);

	assert_true(layer_is_whiteout(&st));
}

static void assert_none(const struct squashed *t, const char *name)
{
	assert_int_equal(faccessat(t->tree_fd, name, F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(errno, ENOENT);
}

static void assert_text(const struct squashed *t, const char *name, const char *text)
{
	cleanup_buf struct buf data = BUF_INIT(65536);
	struct err e;

	if (file_read(t->tree_fd, name, &data, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(data.data ? data.data : "", text);
}

static void assert_dir(const struct squashed *t, const char *name, bool is_opaque)
{
	cleanup_fd int fd = openat(t->tree_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(layer_xattr_is_opaque(fd), is_opaque);
}

/* --- the tree --------------------------------------------------------------------------------------------- */

static void the_topmost_of_a_name_wins(void **state)
{
	struct squashed *t = *state;

	BASE(t, "f a base", "f b base");
	MADE(t, "f a one", "f c one", "d dir", "f dir/x one");
	MADE(t, "f0600 c two", "d0700 dir", "f dir/y two");
	squash(t);
	assert_text(t, "a", "one");
	assert_none(t, "b");
	assert_text(t, "c", "two");
	assert_int_equal(look(t, "c").st_mode, S_IFREG | 0600);
	assert_int_equal(look(t, "c").st_mtim.tv_sec, TREE_TIME);
	assert_int_equal(look(t, "dir").st_mode, S_IFDIR | 0700);
	assert_int_equal(look(t, "dir").st_mtim.tv_sec, TREE_TIME);
	assert_text(t, "dir/x", "one");
	assert_text(t, "dir/y", "two");
	assert_dir(t, "dir", false);
}

static void what_is_removed_from_the_base_stays_a_whiteout_and_nothing_else_does(void **state)
{
	struct squashed *t = *state;

	BASE(t, "f a base", "d dir", "f dir/b base");
	MADE(t, "w a", "f new one", "d dir", "f dir/new one");
	MADE(t, "w new", "d dir", "w dir/b", "w dir/new");
	squash(t);
	assert_whiteout(t, "a");
	assert_none(t, "new");
	assert_whiteout(t, "dir/b");
	assert_none(t, "dir/new");
}

static void without_a_base_there_are_no_whiteouts(void **state)
{
	struct squashed *t = *state;

	MADE(t, "f a one", "d dir", "f dir/x one");
	MADE(t, "w a", "w dir", "f b two");
	squash(t);
	assert_none(t, "a");
	assert_none(t, "dir");
	assert_text(t, "b", "two");
	assert_int_equal(t->result.layers.len, 1);
}

static void what_the_base_has_removed_by_itself_needs_no_whiteout(void **state)
{
	struct squashed *t = *state;

	BASE(t, "f a base", "d dir", "f dir/x base");
	BASE(t, "w a", "w dir");
	MADE(t, "f a one", "d dir", "f dir/y one");
	MADE(t, "w a", "d dir", "f dir/z two");
	squash(t);
	assert_none(t, "a");
	assert_dir(t, "dir", false);
}

static void a_directory_that_was_removed_and_made_again_is_opaque(void **state)
{
	struct squashed *t = *state;

	BASE(t, "d a", "f a/base base", "d b", "f b/base base");
	MADE(t, "w a", "d b", "f b/one one", "o b");
	MADE(t, "d a", "f a/two two", "d b", "f b/two two");
	squash(t);
	assert_dir(t, "a", true);
	assert_none(t, "a/base");
	assert_text(t, "a/two", "two");
	assert_dir(t, "b", true);
	assert_text(t, "b/one", "one");
	assert_text(t, "b/two", "two");
}

static void an_opaque_directory_hides_earlier_layers_too(void **state)
{
	struct squashed *t = *state;

	BASE(t, "f other base");
	MADE(t, "d a", "f a/one one");
	MADE(t, "d a", "f a/two two", "o a");
	squash(t);
	assert_dir(t, "a", false); /* the base has none that it could hide */
	assert_none(t, "a/one");
	assert_text(t, "a/two", "two");
}

static void a_file_may_become_a_directory_and_a_directory_a_file(void **state)
{
	struct squashed *t = *state;

	BASE(t, "f a base", "d b", "f b/base base", "d c", "f c/base base");
	MADE(t, "d a", "f a/x one", "f b one", "f c one");
	MADE(t, "f a two", "d b", "f b/y two", "d c", "f c/z two");
	MADE(t, "d a", "f a/w three");
	squash(t);
	assert_dir(t, "a", false); /* over a file: overlayfs looks no further */
	assert_none(t, "a/x");
	assert_text(t, "a/w", "three");
	assert_dir(t, "b", true);
	assert_text(t, "b/y", "two");
	assert_dir(t, "c", true);
}

static void hard_links_stay_within_a_layer_and_no_further(void **state)
{
	struct squashed *t = *state;

	BASE(t, "f base base");
	MADE(t, "f a one", "h b a", "d dir", "h dir/c a");
	MADE(t, "f b two", "h d b");
	squash(t);
	assert_text(t, "a", "one");
	assert_text(t, "b", "two");
	assert_int_equal(look(t, "a").st_ino, look(t, "dir/c").st_ino);
	assert_int_equal(look(t, "a").st_nlink, 2);
	assert_int_equal(look(t, "b").st_ino, look(t, "d").st_ino);
	assert_int_equal(look(t, "b").st_nlink, 2);
}

static void symlinks_are_copied_and_not_followed(void **state)
{
	struct squashed *t = *state;
	char target[64] = { 0 };

	scratch_write(t->scratch, "witness", "untouched");
	BASE(t, "d etc", "f etc/x base");
	MADE(t, "l etc /", "l up ../../../../../../..", "p pipe");
	MADE(t, "f file two", "d up", "f up/witness changed");
	squash(t);
	assert_true(readlinkat(t->tree_fd, "etc", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "/");
	assert_text(t, "up/witness", "changed");
	assert_true(S_ISFIFO(look(t, "pipe").st_mode));
	assert_true(scratch_holds(t->scratch, "witness", "untouched"));
}

static void attributes_and_owners_are_kept(void **state)
{
	struct squashed *t = *state;
	struct step_layer layer;
	char value[16] = { 0 };
	int fd = t->build.staging.fd;
	cleanup_fd int file = -1;

	assert_int_equal(mkdirat(fd, "own", 0755), 0);
	assert_int_equal(mkdirat(fd, "own/tree", 0755), 0);
	file = openat(fd, "own/tree/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(file >= 0);
	assert_int_equal(fchown(file, 1000, 2000), 0);
	assert_int_equal(fchmod(file, 06755), 0);
	if (fsetxattr(file, "user.test", "value", 5, 0) < 0)
		skip(); /* a file system without them */
	assert_int_equal(step_layer_commit(t->store, &t->build.staging, "own", NULL, NULL, &layer, &t->e), 0);
	keep_layer(t, &layer, true);
	MADE(t, "f other two");
	squash(t);
	assert_int_equal(look(t, "file").st_uid, 1000);
	assert_int_equal(look(t, "file").st_gid, 2000);
	assert_int_equal(look(t, "file").st_mode, S_IFREG | 06755);
	cleanup_fd_fn(&file);
	file = openat(t->tree_fd, "file", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(file, "user.test", value, sizeof(value)), 5);
	assert_string_equal(value, "value");
}

static void paths_that_are_too_long_are_refused(void **state)
{
	struct squashed *t = *state;
	char name[201];
	cleanup_fd int fd = -1, top = -1;
	const int roots[1] = { tree_dir(t->scratch, "deep") };

	memset(name, 'd', 200);
	name[200] = '\0';
	fd = openat(roots[0], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 25; i++) {
		int next;

		assert_int_equal(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(fd);
		fd = next;
	}
	top = tree_dir(t->scratch, "to");
	assert_int_equal(squash_merge(roots, 1, 1, top, &t->e), -ENAMETOOLONG);
	assert_non_null(strstr(t->e.text, "a path below 'dddd"));
	(void)close(roots[0]);
}

/* --- the image ---------------------------------------------------------------------------------------------- */

static void the_configuration_has_one_layer_in_place_of_all(void **state)
{
	struct squashed *t = *state;
	const struct image_config *c = &t->result.config;

	BASE(t, "f base base");
	MADE(t, "f a one");
	MADE(t, "f b two");
	squash(t);
	assert_int_equal(t->result.made_len, 1);
	assert_int_equal(t->result.layers.len, 2);
	assert_string_equal(t->result.layers.items[1], t->result.made[0].key);
	assert_int_equal(c->diff_ids_len, 2);
	assert_string_equal(c->diff_ids[1].text, t->result.made[0].diff_id.text);
	assert_int_equal(c->history_len, 4);
	assert_false(c->history[0].empty_layer);
	assert_true(c->history[1].empty_layer);
	assert_true(c->history[2].empty_layer);
	assert_false(c->history[3].empty_layer);
	assert_string_equal(c->history[3].comment, "squashed 2 layers");
	assert_string_equal(c->history[3].created, "2024-01-03T00:00:00Z");
}

static void one_layer_is_left_as_it_is(void **state)
{
	struct squashed *t = *state;
	char key[65];

	BASE(t, "f base base");
	MADE(t, "f a one");
	(void)snprintf(key, sizeof(key), "%s", t->result.layers.items[1]);
	squash(t);
	assert_string_equal(t->result.layers.items[1], key);
	assert_int_equal(t->result.config.history_len, 2);
}

static void the_same_layers_give_the_same_layer(void **state)
{
	struct squashed *t = *state;
	struct digest first;

	BASE(t, "f base base", "d dir", "f dir/x base");
	MADE(t, "f a one", "h b a", "w dir");
	MADE(t, "f c two", "d dir", "w base");
	squash(t);
	first = t->result.made[0].diff_id;
	cleanup_fd_fn(&t->tree_fd);
	t->tree_fd = -1;
	build_result_done(&t->result);
	BASE(t, "f base base", "d dir", "f dir/x base");
	MADE(t, "f a one", "h b a", "w dir");
	MADE(t, "f c two", "d dir", "w base");
	squash(t);
	assert_string_equal(t->result.made[0].diff_id.text, first.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SQUASH_TEST(the_topmost_of_a_name_wins),
		SQUASH_TEST(what_is_removed_from_the_base_stays_a_whiteout_and_nothing_else_does),
		SQUASH_TEST(without_a_base_there_are_no_whiteouts),
		SQUASH_TEST(what_the_base_has_removed_by_itself_needs_no_whiteout),
		SQUASH_TEST(a_directory_that_was_removed_and_made_again_is_opaque),
		SQUASH_TEST(an_opaque_directory_hides_earlier_layers_too),
		SQUASH_TEST(a_file_may_become_a_directory_and_a_directory_a_file),
		SQUASH_TEST(hard_links_stay_within_a_layer_and_no_further),
		SQUASH_TEST(symlinks_are_copied_and_not_followed),
		SQUASH_TEST(attributes_and_owners_are_kept),
		SQUASH_TEST(paths_that_are_too_long_are_refused),
		SQUASH_TEST(the_configuration_has_one_layer_in_place_of_all),
		SQUASH_TEST(one_layer_is_left_as_it_is),
		SQUASH_TEST(the_same_layers_give_the_same_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
