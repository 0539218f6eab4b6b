/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/hash_apart.h"

#include "tests/unit/common/scratch.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define WORTH ((size_t)HASH_APART_WORTH_BYTES)
#define MIB   ((size_t)1 << 20)
#define TRIES 500 /* of 10 ms */

static unsigned char *make_bytes(size_t len)
{
	unsigned char *p = malloc(len + 1);
	uint32_t x = 1;

	assert_non_null(p);
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		p[i] = (unsigned char)(x >> 24);
	}
	return p;
}

/* In pieces of `piece` bytes. */
static struct digest digest_of(const char *algorithm, const unsigned char *data, size_t len, size_t piece,
			       bool *ret_apart)
{
	cleanup_hash_apart struct hash_apart h = { 0 };
	struct digest digest = { 0 };
	struct err e = { 0 };

	assert_int_equal(hash_apart_init(&h, algorithm, &e), 0);
	for (size_t at = 0; at < len; at += piece)
		if (hash_apart_update(&h, data + at, len - at < piece ? len - at : piece, &e) < 0)
			fail_msg("%s", e.text);
	*ret_apart = hash_apart_pid(&h) > 0;
	if (hash_apart_final(&h, &digest, &e) < 0)
		fail_msg("%s", e.text);
	return digest;
}

static void the_digest_is_that_of_a_hash_whatever_the_size_and_the_pieces(void **state)
{
	static const size_t SIZES[] = { 0,
					1,
					WORTH - 1,
					WORTH,
					WORTH + 1,
					WORTH + MIB / 2,
					WORTH + MIB / 2 + 1,
					WORTH + 2 * MIB,
					WORTH + 7 * MIB + 777 };
	static const size_t PIECES[] = { 65536, 262144 + 512, 3 * MIB + 1 };
	cleanup_free unsigned char *data = make_bytes(WORTH + 8 * MIB);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(SIZES); i++)
		for (size_t k = 0; k < ARRAY_LEN(PIECES); k++) {
			struct digest plain, apart;
			struct err e;
			bool is_apart;

			assert_int_equal(hash_bytes("sha256", data, SIZES[i], &plain, &e), 0);
			apart = digest_of("sha256", data, SIZES[i], PIECES[k], &is_apart);
			assert_string_equal(apart.text, plain.text);
			assert_int_equal(is_apart, SIZES[i] >= WORTH);
		}
}

static void other_algorithms_are_as_good(void **state)
{
	cleanup_free unsigned char *data = make_bytes(WORTH + MIB);
	struct hash_apart none = { 0 };
	struct digest plain, apart;
	struct err e;
	bool is_apart;

	(void)state;
	assert_int_equal(hash_bytes("sha512", data, WORTH + MIB, &plain, &e), 0);
	apart = digest_of("sha512", data, WORTH + MIB, 65536, &is_apart);
	assert_string_equal(apart.text, plain.text);
	assert_int_equal(hash_apart_init(&none, "md5", &e), -EOPNOTSUPP);
	assert_string_equal(e.text, "digest algorithm 'md5' is not supported");
	hash_apart_done(&none);
}

static void what_is_put_into_its_room_is_not_copied(void **state)
{
	cleanup_hash_apart struct hash_apart h = { 0 };
	cleanup_free unsigned char *data = make_bytes(WORTH + 9 * MIB);
	size_t len = 0, at = WORTH;
	struct digest plain, digest;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(hash_apart_init(&h, "sha256", &e), 0);
	assert_null(hash_apart_room(&h, &len)); /* there is no process yet */
	assert_int_equal(hash_apart_update(&h, data, WORTH, &e), 0);
	for (size_t piece = 1000; at < WORTH + 9 * MIB; piece = piece * 3 % 700001 + 1) {
		char *room = hash_apart_room(&h, &len);

		assert_non_null(room);
		assert_true(len > 0);
		if (len > piece)
			len = piece;
		if (len > WORTH + 9 * MIB - at)
			len = WORTH + 9 * MIB - at;
		memcpy(room, data + at, len);
		assert_int_equal(hash_apart_update(&h, room, len, &e), 0);
		at += len;
	}
	assert_int_equal(hash_apart_final(&h, &digest, &e), 0);
	assert_int_equal(hash_bytes("sha256", data, WORTH + 9 * MIB, &plain, &e), 0);
	assert_string_equal(digest.text, plain.text);
}

/* --- its process ------------------------------------------------------------------------------------------ */

static void nap(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

/* One that has its process. */
static void begin(struct hash_apart *h, const unsigned char *data)
{
	struct err e = { 0 };

	assert_int_equal(hash_apart_init(h, "sha256", &e), 0);
	assert_int_equal(hash_apart_update(h, data, WORTH, &e), 0);
	assert_true(hash_apart_pid(h) > 0);
}

static void a_process_that_is_killed_is_an_error_and_no_hang(void **state)
{
	cleanup_free unsigned char *data = make_bytes(WORTH);
	struct digest digest;
	struct err e = { 0 };

	(void)state;
	for (int is_full = 0; is_full < 2; is_full++) {
		cleanup_hash_apart struct hash_apart h = { 0 };
		int r = 0;

		begin(&h, data);
		assert_int_equal(kill(hash_apart_pid(&h), SIGKILL), 0);
		/* All slots, and more: some update, or the end, meets it. */
		for (size_t i = 0; is_full && r == 0 && i < 16; i++)
			r = hash_apart_update(&h, data, MIB, &e);
		if (r == 0)
			r = hash_apart_final(&h, &digest, &e);
		assert_int_equal(r, -EPROTO);
		assert_string_equal(e.text, "the process that computes a digest has died");
	}
}

static void its_process_is_gone_when_it_is_dropped(void **state)
{
	cleanup_free unsigned char *data = make_bytes(WORTH);
	struct hash_apart h = { 0 };
	pid_t pid;

	(void)state;
	begin(&h, data);
	pid = hash_apart_pid(&h);
	hash_apart_done(&h);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	hash_apart_done(&h); /* an empty one */
}

static void its_process_holds_one_descriptor_and_no_stream_of_ours(void **state)
{
	cleanup_free unsigned char *data = make_bytes(WORTH);
	cleanup_hash_apart struct hash_apart h = { 0 };
	size_t fds = 0;

	(void)state;
	begin(&h, data);
	for (int i = 0; i < TRIES && fds != 1; i++, nap())
		fds = count_fds(hash_apart_pid(&h));
	assert_int_equal(fds, 1);
}

static void its_process_dies_with_who_began_it(void **state)
{
	cleanup_free unsigned char *data = make_bytes(WORTH);
	pid_t parent, pid = 0;
	int fds[2], gone = 0;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	parent = fork();
	if (parent == 0) {
		struct hash_apart h = { 0 };

		begin(&h, data);
		pid = hash_apart_pid(&h);
		_exit(write(fds[1], &pid, sizeof(pid)) != sizeof(pid));
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	for (int i = 0; i < TRIES && !gone; i++, nap()) {
		char path[64], text[256] = "";
		cleanup_stream FILE *file = NULL;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		file = fopen(path, "re");
		gone = !file || !fgets(text, sizeof(text), file) || strstr(text, ") Z ");
	}
	assert_true(gone);
	(void)close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_is_that_of_a_hash_whatever_the_size_and_the_pieces),
		cmocka_unit_test(other_algorithms_are_as_good),
		cmocka_unit_test(what_is_put_into_its_room_is_not_copied),
		cmocka_unit_test(a_process_that_is_killed_is_an_error_and_no_hang),
		cmocka_unit_test(its_process_is_gone_when_it_is_dropped),
		cmocka_unit_test(its_process_holds_one_descriptor_and_no_stream_of_ours),
		cmocka_unit_test(its_process_dies_with_who_began_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
