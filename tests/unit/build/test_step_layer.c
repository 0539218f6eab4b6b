/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_layer.h"

#include "build/layer_tar.h"
#include "common/buf.h"
#include "pull/hash.h"
#include "pull/layer_rebuild.h"
#include "store/layer_sums.h"
#include "tests/unit/build/build_test.h"

#include <sys/xattr.h>

#define TAR_MAX   (1u << 20)

/* The old header of a tar has room for a hundred bytes. */
#define TEN_BYTES "ten-bytes-"
#define LONG_FILE                                                                                      \
	"f " TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES \
		TEN_BYTES "x text"

static struct stat stat_in(const struct store *s, const struct step_layer *layer, const char *path)
{
	struct stat st = { 0 };
	char name[256];

	(void)snprintf(name, sizeof(name), "layers/%s/tree/%s", layer->key, path);
	if (fstatat(store_root_fd(s), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", name, strerror(errno));
	return st;
}

static void rebuild(const struct store *s, const struct step_layer *layer, struct buf *out)
{
	cleanup_layer_rebuild struct layer_rebuild l = { .dir_fd = -1 };
	const struct sink sink = sink_to_buf(out);
	struct err e = { 0 };

	if (layer_rebuild_open(s, layer->key, &l, &e) < 0 || layer_rebuild_tar(&l, &sink, &e) < 0)
		fail_msg("%s", e.text);
}

static void the_same_tree_gives_the_same_diff_id_whatever_the_order(void **state)
{
	const struct fixture *f = *state;
	struct step_layer a = make_layer(f->store, LINES("d d", "f d/a text", "f d/b other"), NULL);
	struct step_layer b = make_layer(f->store, LINES("d d", "f d/b other", "f d/a text"), NULL);
	struct step_layer c = make_layer(f->store, LINES("d d", "f d/b other", "f d/a texts"), NULL);

	assert_string_equal(a.key, b.key);
	assert_true(digest_equal(&a.diff_id, &b.diff_id));
	assert_string_equal(a.key, digest_hex(&a.diff_id));
	assert_string_not_equal(a.key, c.key);
	assert_int_equal(a.tar_bytes % 512, 0);
	assert_true(a.tar_bytes > 0);
}

static void of_two_equal_layers_the_first_stays_with_its_time(void **state)
{
	const struct fixture *f = *state;
	struct step_layer a = make_layer(f->store, LINES("f a text"), NULL);
	struct stat before = stat_in(f->store, &a, "a");
	struct step_layer b = make_layer(f->store, LINES("f a text"), NULL);
	struct stat after = stat_in(f->store, &a, "a");

	assert_string_equal(a.created, b.created);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(a.tar_bytes, b.tar_bytes);
}

static void what_is_younger_than_the_epoch_gets_its_time_and_the_rest_stays(void **state)
{
	const struct fixture *f = *state;
	const int64_t early = TREE_TIME - 1000, late = TREE_TIME + 1000;
	const char *const *lines = LINES("d d", "f d/a text", "l d/l a", "p d/p");
	struct step_layer clamped = make_layer(f->store, lines, &early);
	struct step_layer kept =
		make_layer(f->store, LINES("d d", "f d/a text", "l d/l a", "p d/p", "f b text"), &late);
	const char *const paths[] = { "d", "d/a", "d/l", "d/p" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		assert_int_equal(stat_in(f->store, &clamped, paths[i]).st_mtim.tv_sec, early);
		assert_int_equal(stat_in(f->store, &kept, paths[i]).st_mtim.tv_sec, TREE_TIME);
	}
	assert_string_equal(clamped.created, "2001-09-09T01:30:00.000000000Z");
}

static void an_epoch_makes_layers_of_any_time_equal(void **state)
{
	const struct fixture *f = *state;
	const int64_t epoch = TREE_TIME - 5, earlier = TREE_TIME - 6;
	struct step_layer a = make_layer(f->store, LINES("d d", "f d/a text"), &epoch);
	struct step_layer b = make_layer(f->store, LINES("d d", "f d/a text"), &earlier);
	struct step_layer c = make_layer(f->store, LINES("d d", "f d/a text"), &epoch);

	assert_string_equal(a.key, c.key);
	assert_string_not_equal(a.key, b.key);
}

static void the_time_of_the_root_does_not_count(void **state)
{
	const struct fixture *f = *state;
	struct step_layer a = make_layer(f->store, LINES("f a text"), NULL);

	assert_int_equal(stat_in(f->store, &a, "").st_mtim.tv_sec, 0);
}

static void the_tar_comes_out_again_bit_for_bit(void **state)
{
	const struct fixture *f = *state;
	cleanup_buf struct buf tar = BUF_INIT(TAR_MAX);
	struct digest digest;
	struct err e;
	struct step_layer layer =
		make_layer(f->store,
			   LINES("d d", "d0700 d/e", "f04755 d/e/suid text", "h d/hard d/e/suid",
				 "l d/link ../x", "p pipe", "f empty ", LONG_FILE),
			   NULL);

	rebuild(f->store, &layer, &tar);
	assert_int_equal(tar.len, layer.tar_bytes);
	assert_int_equal(hash_bytes("sha256", tar.data, tar.len, &digest, &e), 0);
	assert_true(digest_equal(&digest, &layer.diff_id));
}

static void the_size_of_a_layer_is_that_of_its_files(void **state)
{
	const struct fixture *f = *state;
	struct step_layer layer =
		make_layer(f->store, LINES("d d", "f d/a text", "f b 12345", "h c b", "l l b"), NULL);
	struct layer_meta meta = { 0 };
	struct err e = { 0 };

	assert_int_equal(layer_meta_read(f->store, layer.key, &meta, &e), 0);
	assert_int_equal(meta.unpacked_size, 9);
	assert_int_equal(meta.blob_size, layer.tar_bytes);
	layer_meta_done(&meta);
}

static void an_empty_tree_is_a_layer(void **state)
{
	const struct fixture *f = *state;
	cleanup_buf struct buf tar = BUF_INIT(TAR_MAX);
	const char *const none[] = { NULL };
	struct step_layer layer = make_layer(f->store, none, NULL);

	rebuild(f->store, &layer, &tar);
	assert_int_equal(tar.len, layer.tar_bytes);
	assert_true(layer_exists(f->store, layer.key));
}

static void read_sums(int dir_fd, struct buf *out)
{
	struct err e;

	if (file_read(dir_fd, LAYER_SUMS_NAME, out, &e) < 0)
		fail_msg("%s", e.text);
}

/* Files of all kinds, `len` plain ones among them. */
static void stage_all_kinds(const struct staging *st, size_t len)
{
	cleanup_fd int tree_fd = -1, fd = -1;

	stage_tree(st, "layer",
		   LINES("d d", "f04755 d/suid text", "f a text", "h d/z a", "f empty ", "l l a", "p p",
			 LONG_FILE, "f owned text", "f0000 none text", "f attr text"));
	tree_fd = openat(st->fd, "layer/tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	IGNORE_RESULT(fchownat(tree_fd, "owned", 1234, 5678, 0)); /* where we may */
	fd = openat(tree_fd, "attr", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(fd, "user.a", "b", 1, 0), 0);
	(void)close(fd);
	fd = openat(tree_fd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(pwrite(fd, "x", 1, 300000), 1);
	assert_int_equal(pwrite(fd, "y", 1, 5000000), 1);
	assert_int_equal(ftruncate(fd, 9000000), 0);
	(void)mknodat(tree_fd, "removed", S_IFCHR, 0); /* a whiteout, where we may */
	for (size_t i = 0; i < len; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "f d/%zu text%zu", i, i);
		tree_make_one(tree_fd, line);
	}
}

static void the_checksums_are_those_that_are_found_by_reading_all_again(void **state)
{
	const struct fixture *f = *state;

	for (size_t len = 0; len <= 3000; len += 3000) {
		cleanup_buf struct buf learnt = BUF_INIT(1u << 20), read = BUF_INIT(1u << 20);
		struct staging st = { .fd = -1 };
		struct step_layer layer;
		cleanup_fd int dir_fd = -1;
		struct err e = { 0 };

		assert_int_equal(staging_begin(f->store, &st, &e), 0);
		stage_all_kinds(&st, len);
		if (step_layer_commit(f->store, &st, "layer", NULL, NULL, &layer, &e) < 0)
			fail_msg("%s", e.text);
		staging_end(f->store, &st);
		assert_int_equal(layer_open_dir(f->store, layer.key, &dir_fd, &e), 0);
		read_sums(dir_fd, &learnt);
		assert_int_equal(layer_sums_write(dir_fd, -1, &e), 0);
		read_sums(dir_fd, &read);
		assert_string_equal(learnt.data, read.data);
		assert_int_equal(faccessat(dir_fd, LAYER_CONTENTS_NAME, F_OK, 0), -1);
	}
}

static bool is_listed(const struct fixture *f, size_t files)
{
	struct staging st = { .fd = -1 };
	cleanup_fd int dir_fd = -1, tree_fd = -1;
	struct layer_tar tar;
	struct err e = { 0 };
	bool is;

	assert_int_equal(staging_begin(f->store, &st, &e), 0);
	stage_tree(&st, "layer", LINES("d d"));
	dir_fd = openat(st.fd, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree_fd = openat(dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < files; i++) {
		char line[32];

		(void)snprintf(line, sizeof(line), "f d/%zu text", i);
		tree_make_one(tree_fd, line);
	}
	assert_int_equal(layer_tar_make(dir_fd, tree_fd, NULL, &tar, &e), 0);
	is = faccessat(dir_fd, LAYER_CONTENTS_NAME, F_OK, 0) == 0;
	staging_end(f->store, &st);
	return is;
}

static void what_is_learnt_of_few_small_files_is_not_listed(void **state)
{
	assert_false(is_listed(*state, 31));
	assert_true(is_listed(*state, 32));
}

static void a_layer_is_loaded_as_it_was_made(void **state)
{
	const struct fixture *f = *state;
	struct step_layer made = make_layer(f->store, LINES("f a text"), NULL);
	struct step_layer loaded = { 0 };
	struct err e = { 0 };

	assert_int_equal(step_layer_load(f->store, made.key, &loaded, &e), 0);
	assert_string_equal(loaded.key, made.key);
	assert_true(digest_equal(&loaded.diff_id, &made.diff_id));
	assert_int_equal(loaded.tar_bytes, made.tar_bytes);
	assert_string_equal(loaded.created, made.created);
}

static void a_layer_that_is_not_there_cannot_be_loaded(void **state)
{
	const struct fixture *f = *state;
	struct step_layer loaded = { 0 };
	struct err e = { 0 };
	char key[65];

	assert_int_equal(step_layer_load(f->store, key_of('e', key), &loaded, &e), -ENOENT);
	assert_string_equal(loaded.key, "");
}

static void what_is_not_staged_is_no_layer(void **state)
{
	const struct fixture *f = *state;
	struct staging st = { .fd = -1 };
	struct step_layer layer = { 0 };
	struct err e = { 0 };

	assert_int_equal(staging_begin(f->store, &st, &e), 0);
	assert_int_equal(step_layer_commit(f->store, &st, "none", NULL, NULL, &layer, &e), -ENOENT);
	assert_string_equal(e.text, "cannot open 'none' in staging: no such file or directory");
	assert_int_equal(mkdirat(st.fd, "no-tree", 0700), 0);
	assert_int_equal(step_layer_commit(f->store, &st, "no-tree", NULL, NULL, &layer, &e), -ENOENT);
	assert_string_equal(e.text, "cannot open 'tree' in staging: no such file or directory");
	assert_int_equal(symlinkat("/etc", st.fd, "link"), 0);
	assert_int_equal(step_layer_commit(f->store, &st, "link", NULL, NULL, &layer, &e), -ENOTDIR);
	staging_end(f->store, &st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(the_same_tree_gives_the_same_diff_id_whatever_the_order),
		FIXTURE_TEST(of_two_equal_layers_the_first_stays_with_its_time),
		FIXTURE_TEST(what_is_younger_than_the_epoch_gets_its_time_and_the_rest_stays),
		FIXTURE_TEST(an_epoch_makes_layers_of_any_time_equal),
		FIXTURE_TEST(the_time_of_the_root_does_not_count),
		FIXTURE_TEST(the_tar_comes_out_again_bit_for_bit),
		FIXTURE_TEST(the_size_of_a_layer_is_that_of_its_files),
		FIXTURE_TEST(an_empty_tree_is_a_layer),
		FIXTURE_TEST(the_checksums_are_those_that_are_found_by_reading_all_again),
		FIXTURE_TEST(what_is_learnt_of_few_small_files_is_not_listed),
		FIXTURE_TEST(a_layer_is_loaded_as_it_was_made),
		FIXTURE_TEST(a_layer_that_is_not_there_cannot_be_loaded),
		FIXTURE_TEST(what_is_not_staged_is_no_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
