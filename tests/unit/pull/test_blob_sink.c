/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "pull/blob_sink.h"
#include "pull/layer_keys.h"

#define HELLO  "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" /* "hello" */
#define FOO    "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
#define BAR    "sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"
/* printf '%s %s' FOO BAR | sha256sum */
#define FOOBAR "9abe30faa5bc3b839df938728ef8d9af0bcbe042db6d46fc4d816ae64d60a786"

static struct blob_sink sink_for(int fd, const char *digest, uint64_t size)
{
	struct blob_sink b = { .fd = fd, .size_bytes = size };
	struct err e = { 0 };

	assert_int_equal(digest_parse(digest, &b.expected, &e), 0);
	return b;
}

static void put(struct blob_sink *b, const char *text, int expected)
{
	struct sink s = blob_sink_start(b);
	struct err e = { 0 };

	assert_int_equal(s.begin(s.arg, &e), 0);
	assert_int_equal(s.write(s.arg, text, strlen(text), &e), expected);
}

static void a_blob_that_is_what_it_should_be_ends_in_the_file(void **state)
{
	cleanup_fd int fd = memfd_create("blob", MFD_CLOEXEC);
	cleanup_blob_sink struct blob_sink b = sink_for(fd, HELLO, 5);
	struct sink s = blob_sink_start(&b);
	struct err e = { 0 };
	char content[6] = "";

	(void)state;
	put(&b, "junk", 0); /* a try that broke off: the next one begins anew */
	assert_int_equal(s.begin(s.arg, &e), 0);
	assert_int_equal(s.write(s.arg, "he", 2, &e), 0);
	assert_int_equal(s.write(s.arg, "llo", 3, &e), 0);
	assert_int_equal(blob_sink_finish(&b, &e), 0);
	assert_int_equal(pread(fd, content, sizeof(content), 0), 5);
	assert_string_equal(content, "hello");
}

static void another_content_another_size_and_more_of_it_are_refused(void **state)
{
	cleanup_fd int fd = memfd_create("blob", MFD_CLOEXEC);
	cleanup_blob_sink struct blob_sink other = sink_for(fd, HELLO, 5), less = sink_for(fd, HELLO, 6),
					   more = sink_for(fd, HELLO, 4);
	struct err e = { 0 };

	(void)state;
	put(&other, "hellO", 0);
	assert_int_equal(blob_sink_finish(&other, &e), -EBADMSG);
	assert_memory_equal(e.text, "its content has digest sha256:", 30);
	put(&less, "hello", 0);
	assert_int_equal(blob_sink_finish(&less, &e), -EBADMSG);
	assert_string_equal(e.text, "it has 5 bytes where the manifest says 6");
	put(&more, "hello", -EBADMSG);
}

/* Of HELLO, into a pipe that it makes, and begun. */
static struct sink start_stream(struct blob_sink *b, int ret_ends[2])
{
	struct err e = { 0 };
	struct sink s;

	assert_int_equal(pipe2(ret_ends, O_CLOEXEC), 0);
	*b = sink_for(ret_ends[1], HELLO, 5);
	b->is_stream = true;
	s = blob_sink_start(b);
	assert_int_equal(s.begin(s.arg, &e), 0);
	return s;
}

static void a_stream_passes_on_what_it_hashes(void **state)
{
	int ends[2];
	cleanup_blob_sink struct blob_sink b = { 0 };
	struct sink s = start_stream(&b, ends);
	struct err e = { 0 };
	char content[8] = "";

	(void)state;
	assert_int_equal(s.begin(s.arg, &e), 0); /* nothing has gone out yet */
	assert_int_equal(s.write(s.arg, "he", 2, &e), 0);
	assert_int_equal(read(ends[0], content, sizeof(content)), 2);
	assert_memory_equal(content, "he", 2);
	assert_int_equal(s.held(s.arg), 2);
	assert_int_equal(s.write(s.arg, "llo", 3, &e), 0); /* the rest, after a cut */
	assert_int_equal(read(ends[0], content, sizeof(content)), 3);
	assert_int_equal(s.finish(s.arg, &e), 0);
	assert_true(b.is_right);
	assert_false(b.must_start_over);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void a_stream_cannot_begin_anew_and_says_so(void **state)
{
	int ends[2];
	cleanup_blob_sink struct blob_sink b = { 0 };
	struct sink s = start_stream(&b, ends);
	struct err e = { 0 };
	char content[8] = "";

	(void)state;
	assert_int_equal(s.write(s.arg, "he", 2, &e), 0);
	assert_int_equal(s.begin(s.arg, &e), -ESTALE);
	assert_true(b.must_start_over);
	assert_false(b.is_right);
	assert_int_equal(read(ends[0], content, sizeof(content)), 2); /* and no more */
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void a_stream_that_nobody_reads_is_judged_all_the_same(void **state)
{
	static const struct {
		const char *rest;
		int verdict;
	} CASES[] = { { "llo", 0 }, { "llO", -EBADMSG } };

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		int ends[2];
		cleanup_blob_sink struct blob_sink b = { 0 };
		struct sink s = start_stream(&b, ends);
		struct err e = { 0 };

		(void)close(ends[0]);
		assert_int_equal(s.write(s.arg, "he", 2, &e), 0);
		assert_true(b.nobody_reads);
		assert_int_equal(s.write(s.arg, CASES[i].rest, 3, &e), 0);
		assert_int_equal(s.finish(s.arg, &e), CASES[i].verdict);
		(void)close(ends[1]);
	}
}

static void a_stream_takes_no_byte_over_a_doubtful_line_and_a_file_does(void **state)
{
	cleanup_blob_sink struct blob_sink stream = sink_for(-1, HELLO, 5), whole = sink_for(-1, HELLO, 5);
	struct err e = { 0 };
	struct sink s;

	(void)state;
	stream.is_stream = true;
	s = blob_sink_start(&stream);
	assert_non_null(s.doubt);
	assert_int_equal(s.doubt(s.arg, &e), -ESTALE);
	assert_true(stream.must_start_over);
	assert_null(blob_sink_start(&whole).doubt);
}

static void keys_are_diff_id_chain_id_and_hashes_of_their_own(void **state)
{
	struct digest ids[3];
	struct layer_keys keys[3];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(digest_parse(FOO, &ids[0], &e), 0);
	assert_int_equal(digest_parse(BAR, &ids[1], &e), 0);
	assert_int_equal(digest_parse(FOO, &ids[2], &e), 0);
	assert_int_equal(layer_keys_make(ids, 3, keys, &e), 0);
	assert_string_equal(keys[0].plain, digest_hex(&ids[0]));
	assert_string_equal(keys[2].plain, keys[0].plain);
	assert_string_equal(keys[1].chained, FOOBAR);
	/* One content at two places in an image: the same key if it stands alone, others if it depends on what is below. */
	assert_string_not_equal(keys[0].chained, keys[0].plain);
	assert_string_not_equal(keys[2].chained, keys[0].chained);
	assert_string_equal(keys[2].opaque, keys[0].opaque);
	assert_string_not_equal(keys[0].opaque, keys[0].plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_blob_that_is_what_it_should_be_ends_in_the_file),
		cmocka_unit_test(another_content_another_size_and_more_of_it_are_refused),
		cmocka_unit_test(a_stream_passes_on_what_it_hashes),
		cmocka_unit_test(a_stream_cannot_begin_anew_and_says_so),
		cmocka_unit_test(a_stream_that_nobody_reads_is_judged_all_the_same),
		cmocka_unit_test(a_stream_takes_no_byte_over_a_doubtful_line_and_a_file_does),
		cmocka_unit_test(keys_are_diff_id_chain_id_and_hashes_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
