/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/tar_split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/cleanup.h"
#include "pull/split_file.h"
#include "tests/unit/pull/tar_fixture.h"

#define TAR_MAX (64u << 20)

/* Follows the split through the tar that it was made from. */
struct follow {
	const struct buf *tar;
	size_t at;
	struct buf files; /* "path:size " of each file */
	size_t raw;
};

static int on_raw(void *arg, const void *data, size_t len, struct err *e)
{
	struct follow *f = arg;

	(void)e;
	assert_true(len <= f->tar->len - f->at);
	assert_memory_equal(data, f->tar->data + f->at, len);
	f->at += len;
	f->raw += len;
	return 0;
}

static int on_file(void *arg, const char *path, uint64_t size, struct err *e)
{
	struct follow *f = arg;

	(void)e;
	assert_true(size <= f->tar->len - f->at);
	f->at += (size_t)size;
	return buf_printf(&f->files, "%s:%llu ", path, (unsigned long long)size);
}

/* Splits the tar in steps, and checks that the two parts make up all of it. */
static void assert_split(const struct buf *tar, const char *files)
{
	static const size_t STEPS[] = { 1, 511, 513, 1u << 20 };

	for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
		struct follow f = { .tar = tar, .files = BUF_INIT(65536) };
		const struct tar_split_out out = { on_raw, on_file, &f };
		cleanup_tar_split struct tar_split *t = NULL;
		struct err e;

		assert_int_equal(tar_split_new(&out, &t, &e), 0);
		for (size_t at = 0; at < tar->len; at += STEPS[i])
			assert_int_equal(tar_split_feed(t, tar->data + at,
							tar->len - at < STEPS[i] ? tar->len - at : STEPS[i],
							&e),
					 0);
		assert_int_equal(tar_split_end(t, &e), 0);
		assert_int_equal(f.at, tar->len);
		assert_string_equal(f.files.data ? f.files.data : "", files);
		buf_done(&f.files);
	}
}

static void add(struct buf *tar, const char *name, char type, const char *data)
{
	tar_add(tar, &(struct tar_item){ .name = name, .type = type, .data = data, .link = "target" });
}

static void contents_of_files_are_left_out(void **state)
{
	struct buf tar = BUF_INIT(TAR_MAX);

	(void)state;
	add(&tar, "dir/", '5', NULL);
	add(&tar, "dir/file", '0', "contents");
	add(&tar, "dir/empty", '0', "");
	add(&tar, "dir/link", '2', NULL);
	add(&tar, "dir/hard", '1', NULL);
	add(&tar, "old", '7', "contiguous");
	tar_end(&tar);
	assert_split(&tar, "dir/file:8 old:10 ");
	buf_done(&tar);
}

static void names_are_those_in_the_layer(void **state)
{
	struct buf tar = BUF_INIT(TAR_MAX), pax = BUF_INIT(TAR_MAX);

	(void)state;
	add(&tar, "./a", '0', "1");
	add(&tar, "/b//./c", '0', "22");
	tar_gnu_long(&tar, 'L', "by/gnu");
	add(&tar, "ignored", '0', "333");
	pax_text(&pax, "path", "by/pax");
	pax_text(&pax, "mtime", "1");
	tar_pax(&tar, &pax);
	add(&tar, "ignored", '0', "4444");
	add(&tar, "after", '0', "55555");
	tar_end(&tar);
	assert_split(&tar, "a:1 b/c:2 by/gnu:3 by/pax:4 after:5 ");
	buf_done(&tar);
	buf_done(&pax);
}

static void what_has_no_place_of_its_own_is_kept(void **state)
{
	struct buf tar = BUF_INIT(TAR_MAX), pax = BUF_INIT(TAR_MAX);

	(void)state;
	add(&tar, "../up", '0', "climbs");
	add(&tar, ".wh.gone", '0', "a whiteout with contents");
	add(&tar, "directory/", '0', "of old tars");
	pax_text(&pax, "GNU.sparse.major", "1");
	tar_pax(&tar, &pax);
	add(&tar, "sparse", '0', "a map, and pieces");
	add(&tar, "unknown", 'Z', "of a type of its own");
	add(&tar, "plain", '0', "x");
	tar_end(&tar);
	assert_split(&tar, "plain:1 ");
	buf_done(&tar);
	buf_done(&pax);
}

static void a_size_in_a_pax_header_counts(void **state)
{
	struct buf tar = BUF_INIT(TAR_MAX), pax = BUF_INIT(TAR_MAX);

	(void)state;
	pax_text(&pax, "size", "600");
	tar_pax(&tar, &pax);
	tar_add(&tar, &(struct tar_item){ .name = "large", .type = '0', .data = "", .fake_size = 0 });
	for (int i = 0; i < 1024; i++)
		tar_bytes(&tar, "y", 1);
	add(&tar, "next", '0', "z");
	tar_end(&tar);
	assert_split(&tar, "large:600 next:1 ");
	buf_done(&tar);
	buf_done(&pax);
}

static void garbage_is_kept_from_where_it_begins(void **state)
{
	struct buf tar = BUF_INIT(TAR_MAX);

	(void)state;
	add(&tar, "file", '0', "contents");
	for (int i = 0; i < 3000; i++)
		tar_bytes(&tar, "garbage", 7);
	add(&tar, "behind", '0', "is not seen");
	assert_split(&tar, "file:8 ");
	buf_done(&tar);
}

static void trailing_bytes_and_odd_padding_are_kept(void **state)
{
	struct buf tar = BUF_INIT(TAR_MAX);
	size_t at;

	(void)state;
	add(&tar, "file", '0', "contents");
	at = tar.len - 100;
	memcpy(tar.data + at, "padding that is not zero", 24);
	tar_end(&tar);
	tar_bytes(&tar, "trailing", 8);
	assert_split(&tar, "file:8 ");
	buf_done(&tar);
}

static void a_gzip_header_is_measured(void **state)
{
	static const char PLAIN[] = "\x1f\x8b\x08\x00????\x00\x03rest";
	static const char FULL[] = "\x1f\x8b\x08\x1e????\x00\x03\x02\x00xxname\0comment\0hhrest";

	(void)state;
	assert_int_equal(gzip_header_len(PLAIN, sizeof(PLAIN)), 10);
	assert_int_equal(gzip_header_len(FULL, sizeof(FULL)), 10 + 4 + 5 + 8 + 2);
	assert_int_equal(gzip_header_len(FULL, 20), 0); /* not all of it */
	assert_int_equal(gzip_header_len("BZh91AY&SY", 10), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents_of_files_are_left_out),
		cmocka_unit_test(names_are_those_in_the_layer),
		cmocka_unit_test(what_has_no_place_of_its_own_is_kept),
		cmocka_unit_test(a_size_in_a_pax_header_counts),
		cmocka_unit_test(garbage_is_kept_from_where_it_begins),
		cmocka_unit_test(trailing_bytes_and_odd_padding_are_kept),
		cmocka_unit_test(a_gzip_header_is_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
