/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/layer_rebuild.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <zlib.h>

#include "store/layer.h"
#include "tests/unit/common/scratch.h"
#include "tests/unit/pull/unpack_fixture.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct rebuild {
	char root[64];
	struct store *store;
	struct buf tar, pax, out;
	struct err e;
};

static int rebuild_setup(void **state)
{
	struct rebuild *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->tar = b->pax = b->out = BUF_INIT(TAR_MAX);
	(void)snprintf(b->root, sizeof(b->root), "/tmp/sampan-rebuild-XXXXXX");
	assert_non_null(mkdtemp(b->root));
	assert_int_equal(store_open(b->root, &b->store, &b->e), 0);
	*state = b;
	return 0;
}

static int rebuild_teardown(void **state)
{
	struct rebuild *b = *state;

	store_close(b->store);
	assert_int_equal(tree_remove(AT_FDCWD, b->root, &b->e), 0);
	buf_done(&b->tar);
	buf_done(&b->pax);
	buf_done(&b->out);
	free(b);
	return 0;
}

/* Unpacks a blob of the tar as layers/KEY. */
static void add_layer(struct rebuild *b, const void *blob, size_t len)
{
	struct layer_meta meta = { .diff_id = digest_of(b->tar.data, b->tar.len),
				   .blob = digest_of(blob, len) };
	struct staging st = { .fd = -1 };
	struct unpack_result result;
	struct unpack_job job = { 0 };
	int fd = blob_fd_of(blob, len);

	need_openat2();
	assert_int_equal(staging_begin(b->store, &st, &b->e), 0);
	if (unpack_start(fd, MEDIA_LAYER, st.fd, "0", &meta.diff_id, NULL, &job, &b->e) < 0 ||
	    unpack_wait(&job, &result, &b->e) < 0 || layer_seal(b->store, &st, "0", &meta, &b->e) < 0 ||
	    layer_commit(b->store, &st, "0", KEY, NULL, &b->e) < 0)
		fail_msg("%s", b->e.text);
	(void)close(fd);
	staging_end(b->store, &st);
}

static int rebuild_tar(struct rebuild *b)
{
	const struct sink sink = sink_to_buf(&b->out);

	cleanup_layer_rebuild struct layer_rebuild l = { .dir_fd = -1 };
	int r = layer_rebuild_open(b->store, KEY, &l, &b->e);

	return r < 0 ? r : layer_rebuild_tar(&l, &sink, &b->e);
}

static int rebuild_blob(struct rebuild *b)
{
	const struct sink sink = sink_to_buf(&b->out);
	cleanup_layer_rebuild struct layer_rebuild l = { .dir_fd = -1 };
	int r = layer_rebuild_open(b->store, KEY, &l, &b->e);

	return r < 0 ? r : layer_rebuild_blob(&l, &sink, &b->e);
}

static void assert_rebuilt(struct rebuild *b)
{
	add_layer(b, b->tar.data, b->tar.len);
	if (rebuild_tar(b) < 0)
		fail_msg("%s", b->e.text);
	assert_int_equal(b->out.len, b->tar.len);
	assert_memory_equal(b->out.data, b->tar.data, b->tar.len);
}

static void a_tar_comes_out_bit_for_bit(void **state)
{
	struct rebuild *b = *state;
	char big[70000];
	size_t padding_at;

	memset(big, 'b', sizeof(big));
	TAR(&b->tar, .name = "./", .type = '5');
	TAR(&b->tar, .name = "dir/", .type = '5', .mode = 0700);
	TAR(&b->tar, .name = "dir/file", .type = '0', .data = "contents", .mode = 04755);
	padding_at = b->tar.len - 10;
	TAR(&b->tar, .name = "dir/big", .type = '0', .data = big, .size = sizeof(big));
	TAR(&b->tar, .name = "hard", .type = '1', .link = "dir/file");
	TAR(&b->tar, .name = "alias", .type = '2', .link = "dir");
	TAR(&b->tar, .name = "alias/through-a-link", .type = '0', .data = "through");
	TAR(&b->tar, .name = "dir/.wh.gone", .type = '0');
	tar_gnu_long(&b->tar, 'L', "name/that/only/gnu/tar/has");
	TAR(&b->tar, .name = "short", .type = '0', .data = "gnu");
	pax_text(&b->pax, "path", "line\nbreak");
	pax_text(&b->pax, "SCHILY.xattr.user.one", "1");
	tar_pax(&b->tar, &b->pax);
	TAR(&b->tar, .name = "short", .type = '0', .data = "pax");
	tar_end(&b->tar);
	tar_bytes(&b->tar, "trailing garbage", 16);
	b->tar.data[padding_at] = '!';
	assert_rebuilt(b);
}

static void an_empty_tar_comes_out_empty(void **state)
{
	struct rebuild *b = *state;

	tar_end(&b->tar);
	assert_rebuilt(b);
}

static void a_file_that_was_damaged_is_named(void **state)
{
	struct rebuild *b = *state;
	char path[sizeof("layers//tree/file") + sizeof(KEY)];
	int fd;

	TAR(&b->tar, .name = "file", .type = '0', .data = "contents");
	tar_end(&b->tar);
	add_layer(b, b->tar.data, b->tar.len);
	(void)snprintf(path, sizeof(path), "layers/%s/tree/file", KEY);
	fd = openat(store_root_fd(b->store), path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 3), 0);
	assert_int_equal(rebuild_tar(b), -EBADMSG);
	assert_string_equal(b->e.text, "its file 'file' has another size than in its "
				       "tar (a later entry replaced it, or it is damaged: sampan fsck)");
	assert_int_equal(pwrite(fd, "Contents", 8, 0), 8);
	(void)close(fd);
	assert_int_equal(rebuild_tar(b), -EBADMSG);
	assert_non_null(strstr(b->e.text, "its tar comes out with digest sha256:"));
	assert_int_equal(unlinkat(store_root_fd(b->store), path, 0), 0);
	assert_int_equal(rebuild_tar(b), -EBADMSG);
	assert_non_null(strstr(b->e.text, "its file 'file' is not there any more"));
}

static void a_file_that_the_tar_has_twice_cannot_be_rebuilt_and_that_is_said(void **state)
{
	struct rebuild *b = *state;

	TAR(&b->tar, .name = "file", .type = '0', .data = "first");
	TAR(&b->tar, .name = "file", .type = '0', .data = "the second");
	tar_end(&b->tar);
	add_layer(b, b->tar.data, b->tar.len);
	assert_int_equal(rebuild_tar(b), -EBADMSG);
	assert_non_null(strstr(b->e.text, "(a later entry replaced it, or it is damaged: sampan fsck)"));
}

static void a_layer_whose_headers_were_not_kept_says_so(void **state)
{
	struct rebuild *b = *state;
	char path[sizeof("layers//" LAYER_SPLIT_NAME) + sizeof(KEY)];
	int fd;

	assert_int_equal(rebuild_tar(b), -ENOENT);
	assert_string_equal(b->e.text, "it is not in the store");
	TAR(&b->tar, .name = "file", .type = '0', .data = "contents");
	tar_end(&b->tar);
	add_layer(b, b->tar.data, b->tar.len);
	(void)snprintf(path, sizeof(path), "layers/%s/" LAYER_SPLIT_NAME, KEY);
	fd = openat(store_root_fd(b->store), path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 20), 0);
	(void)close(fd);
	assert_int_equal(rebuild_tar(b), -EBADMSG);
	assert_non_null(strstr(b->e.text, "what is kept of the layer's tar is damaged"));
	assert_int_equal(unlinkat(store_root_fd(b->store), path, 0), 0);
	assert_int_equal(rebuild_tar(b), -EOPNOTSUPP);
	assert_non_null(strstr(b->e.text, "was not kept (pull it again after sampan rmi)"));
}

/* gzip by zlib itself, with its own header. */
static void compress_tar(struct rebuild *b, int level, struct buf *ret)
{
	z_stream z = { 0 };
	uLong bound;

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	bound = deflateBound(&z, b->tar.len);
	assert_int_equal(buf_reserve(ret, bound), 0);
	z.next_in = (unsigned char *)b->tar.data;
	z.avail_in = (uInt)b->tar.len;
	z.next_out = (unsigned char *)ret->data;
	z.avail_out = (uInt)bound;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	ret->len = bound - z.avail_out;
	(void)deflateEnd(&z);
}

static void make_some_tar(struct rebuild *b)
{
	struct buf text = BUF_INIT(1 << 20);

	for (int i = 0; i < 20000; i++)
		assert_int_equal(buf_printf(&text, "%d %d\n", i, i * i % 977), 0);
	TAR(&b->tar, .name = "file", .type = '0', .data = text.data, .size = text.len);
	tar_end(&b->tar);
	buf_done(&text);
}

static void assert_blob_rebuilt(void **state, int level)
{
	struct rebuild *b = *state;
	struct buf blob = BUF_INIT(TAR_MAX);

	make_some_tar(b);
	compress_tar(b, level, &blob);
	add_layer(b, blob.data, blob.len);
	if (rebuild_blob(b) < 0)
		fail_msg("level %d: %s", level, b->e.text);
	assert_int_equal(b->out.len, blob.len);
	assert_memory_equal(b->out.data, blob.data, blob.len);
	buf_done(&blob);
}

static void what_zlib_compressed_fast_gets_its_digest_again(void **state)
{
	assert_blob_rebuilt(state, 1);
}

static void what_zlib_compressed_as_usual_gets_its_digest_again(void **state)
{
	assert_blob_rebuilt(state, 6);
}

static void what_zlib_compressed_best_gets_its_digest_again(void **state)
{
	assert_blob_rebuilt(state, 9);
}

static void a_blob_that_was_a_tar_is_the_tar(void **state)
{
	struct rebuild *b = *state;

	make_some_tar(b);
	add_layer(b, b->tar.data, b->tar.len);
	assert_int_equal(rebuild_blob(b), 0);
	assert_memory_equal(b->out.data, b->tar.data, b->tar.len);
}

static void what_another_program_compressed_is_told_from_it_and_nothing_is_written(void **state)
{
	struct rebuild *b = *state;
	struct buf blob = BUF_INIT(TAR_MAX);

	make_some_tar(b);
	compress_tar(b, 6, &blob);
	blob.data[8] = 2; /* says level 9, and is none: no writer of this header made it */
	add_layer(b, blob.data, blob.len);
	assert_int_equal(rebuild_blob(b), -EOPNOTSUPP);
	assert_string_equal(b->e.text, "it was not compressed by zlib, "
				       "but by another program whose output cannot be redone");
	assert_int_equal(b->out.len, 0);
	buf_done(&blob);
}

int main(void)
{
#define REBUILD_TEST(f) cmocka_unit_test_setup_teardown(f, rebuild_setup, rebuild_teardown)
	const struct CMUnitTest tests[] = {
		REBUILD_TEST(a_tar_comes_out_bit_for_bit),
		REBUILD_TEST(an_empty_tar_comes_out_empty),
		REBUILD_TEST(a_file_that_was_damaged_is_named),
		REBUILD_TEST(a_file_that_the_tar_has_twice_cannot_be_rebuilt_and_that_is_said),
		REBUILD_TEST(a_layer_whose_headers_were_not_kept_says_so),
		REBUILD_TEST(what_zlib_compressed_fast_gets_its_digest_again),
		REBUILD_TEST(what_zlib_compressed_as_usual_gets_its_digest_again),
		REBUILD_TEST(what_zlib_compressed_best_gets_its_digest_again),
		REBUILD_TEST(a_blob_that_was_a_tar_is_the_tar),
		REBUILD_TEST(what_another_program_compressed_is_told_from_it_and_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
