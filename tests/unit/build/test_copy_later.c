/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy_later.h"

#include "build/copy.h"
#include "store/layer_sums.h"
#include "tests/unit/build/build_test.h"

#include <signal.h>
#include <sys/resource.h>

#define SIZE ((size_t)COPY_LATER_WORTH_BYTES + 300001)

/* A context with one large file, "big", and what a build copies it to. */
struct place {
	const struct fixture *f;
	struct staging st;
	int context_fd, dir_fd, tree_fd;
	struct copy_later later;
};

static unsigned char *make_bytes(void)
{
	unsigned char *p = malloc(SIZE);

	assert_non_null(p);
	for (size_t i = 0; i < SIZE; i++)
		p[i] = (unsigned char)(i * 7 + i / 1000);
	return p;
}

static void write_large(int dir_fd, const char *name, mode_t mode)
{
	const struct timespec times[2] = { { .tv_sec = TREE_TIME }, { .tv_sec = TREE_TIME, .tv_nsec = 5 } };
	cleanup_free unsigned char *data = make_bytes();
	cleanup_fd int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, data, SIZE), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(futimens(fd, times), 0);
}

static struct place open_place(const struct fixture *f)
{
	struct place p = { .f = f };
	struct err e = { 0 };

	assert_int_equal(staging_begin(f->store, &p.st, &e), 0);
	assert_int_equal(dir_make_open(p.st.fd, "context", 0700, &p.context_fd, &e), 0);
	assert_int_equal(dir_make_open(p.st.fd, "layer", 0700, &p.dir_fd, &e), 0);
	assert_int_equal(dir_make_open(p.dir_fd, "tree", 0755, &p.tree_fd, &e), 0);
	return p;
}

static void close_place(struct place *p)
{
	copy_later_done(&p->later);
	(void)close(p->context_fd);
	(void)close(p->dir_fd);
	(void)close(p->tree_fd);
	staging_end(p->f->store, &p->st);
}

static void copy(struct place *p, const char *source, const char *dest, bool is_later)
{
	const struct context c = { .fd = p->context_fd };
	const struct copy_options o = { .dest = dest, .later = is_later ? &p->later : NULL };
	struct err e = { 0 };

	if (copy_sources(&c, &source, 1, p->tree_fd, &o, &e) < 0)
		fail_msg("%s", e.text);
}

static struct step_layer commit(struct place *p)
{
	struct step_layer layer = { 0 };
	struct err e = { 0 };

	if (step_layer_commit(p->f->store, &p->st, "layer", NULL, &p->later, &layer, &e) < 0)
		fail_msg("%s", e.text);
	return layer;
}

/* The layer of "big" and two small files, copied at once. */
static struct step_layer make_at_once(const struct fixture *f, const char *name, mode_t mode)
{
	struct place p = open_place(f);
	struct step_layer layer;

	write_large(p.context_fd, name, mode);
	tree_make(p.context_fd, LINES("f a text", "f z text"));
	copy(&p, ".", "/", false);
	assert_int_equal(p.later.len, 0);
	layer = commit(&p);
	close_place(&p);
	return layer;
}

/* Drops the layer, so that an equal one is made and not found. */
static void read_and_drop(const struct fixture *f, const struct step_layer *layer, struct buf *sums)
{
	cleanup_fd int fd = -1;
	char name[96];
	struct err e = { 0 };

	assert_int_equal(layer_open_dir(f->store, layer->key, &fd, &e), 0);
	if (file_read(fd, "files.sum", sums, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(faccessat(fd, LAYER_CONTENTS_NAME, F_OK, 0), -1);
	(void)snprintf(name, sizeof(name), "layers/%s", layer->key);
	assert_int_equal(tree_remove(store_root_fd(f->store), name, &e), 0);
}

static void the_layer_is_the_one_that_a_copy_at_once_makes(void **state)
{
	const struct fixture *f = *state;
	cleanup_buf struct buf sums = BUF_INIT(65536), sums_later = BUF_INIT(65536);
	cleanup_free unsigned char *data = make_bytes(), *copied = malloc(SIZE);
	struct step_layer once = make_at_once(f, "big", 0640), later;
	struct place p = open_place(f);
	cleanup_fd int fd = -1;
	struct stat st;

	read_and_drop(f, &once, &sums);
	write_large(p.context_fd, "big", 0640);
	tree_make(p.context_fd, LINES("f a text", "f z text"));
	copy(&p, ".", "/", true);
	assert_int_equal(p.later.len, 1);
	assert_int_equal(fstatat(p.tree_fd, "big", &st, 0), 0);
	assert_int_equal(st.st_blocks, 0); /* nothing is copied yet */
	later = commit(&p);
	assert_string_equal(later.key, once.key);
	assert_int_equal(later.tar_bytes, once.tar_bytes);

	assert_int_equal(fstatat(p.tree_fd, "big", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_mtim.tv_sec, TREE_TIME);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	fd = openat(p.tree_fd, "big", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read_exactly(fd, copied, SIZE), 0);
	assert_memory_equal(copied, data, SIZE);
	read_and_drop(f, &later, &sums_later);
	assert_string_equal(sums_later.data, sums.data);
	close_place(&p);
}

static void a_file_of_several_names_is_copied_under_the_first_of_the_tar(void **state)
{
	const struct fixture *f = *state;
	struct place p = open_place(f);
	struct step_layer layer;
	cleanup_buf struct buf sums = BUF_INIT(65536);
	struct layer_sums_count count;
	cleanup_fd int fd = -1;
	struct err e = { 0 };

	write_large(p.context_fd, "b", 0644);
	assert_int_equal(mkdirat(p.context_fd, "z", 0755), 0);
	assert_int_equal(linkat(p.context_fd, "b", p.context_fd, "z/a", 0), 0);
	copy(&p, ".", "/", true);
	assert_int_equal(p.later.len, 1);
	assert_int_equal(linkat(p.tree_fd, "b", p.tree_fd, "a", 0), 0);
	layer = commit(&p);
	assert_int_equal(layer_open_dir(f->store, layer.key, &fd, &e), 0);
	assert_int_equal(layer_sums_check(fd, NULL, NULL, &count, &e), 0);
	assert_int_equal(count.bytes, 3 * SIZE);
	read_and_drop(f, &layer, &sums);
	close_place(&p);
}

static void what_is_small_or_sparse_or_has_privileges_is_copied_at_once(void **state)
{
	struct place p = open_place(*state);
	cleanup_fd int fd = openat(p.context_fd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(ftruncate(fd, (off_t)SIZE), 0);
	tree_make(p.context_fd, LINES("f small text"));
	write_large(p.context_fd, "suid", 04755);
	copy(&p, ".", "/", true);
	assert_int_equal(p.later.len, 0);
	close_place(&p);
}

static void no_more_files_are_left_than_there_may_be_open(void **state)
{
	const struct fixture *f = *state;
	struct place p = open_place(f);
	struct stat st;

	write_large(p.context_fd, "big", 0644);
	for (size_t i = 0; i <= COPY_LATER_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "/big%zu", i);
		copy(&p, "big", name, true);
		assert_int_equal(fstatat(p.tree_fd, name + 1, &st, 0), 0);
		assert_int_equal(st.st_blocks > 0, i == COPY_LATER_MAX);
	}
	assert_int_equal(p.later.len, COPY_LATER_MAX);
	close_place(&p);
}

static void a_file_that_another_has_replaced_is_not_copied(void **state)
{
	const struct fixture *f = *state;
	struct place p = open_place(f), q = open_place(f);
	struct step_layer layer, other;

	write_large(p.context_fd, "big", 0644);
	tree_make(p.context_fd, LINES("f small text"));
	copy(&p, "big", "/x", true);
	copy(&p, "small", "/x", true);
	assert_int_equal(p.later.len, 1);
	layer = commit(&p);
	tree_make(q.context_fd, LINES("f small text"));
	copy(&q, "small", "/x", true);
	other = commit(&q);
	assert_string_equal(layer.key, other.key);
	close_place(&p);
	close_place(&q);
}

/* As if an overlay had shown another number than its upper directory has. */
static void a_file_that_is_not_recognized_is_copied_and_the_tar_made_again(void **state)
{
	const struct fixture *f = *state;
	cleanup_buf struct buf sums = BUF_INIT(65536), sums_later = BUF_INIT(65536);
	struct step_layer once = make_at_once(f, "big", 0644), later;
	struct place p = open_place(f);

	read_and_drop(f, &once, &sums);
	write_large(p.context_fd, "big", 0644);
	tree_make(p.context_fd, LINES("f a text", "f z text"));
	copy(&p, ".", "/", true);
	p.later.files[0].inode++;
	later = commit(&p);
	assert_string_equal(later.key, once.key);
	read_and_drop(f, &later, &sums_later);
	assert_string_equal(sums_later.data, sums.data);
	close_place(&p);
}

static void a_file_of_such_a_number_that_has_its_bytes_keeps_them(void **state)
{
	const struct fixture *f = *state;
	cleanup_free char *zeros = calloc(1, SIZE), *kept = malloc(SIZE);
	struct place p = open_place(f);
	cleanup_fd int fd = openat(p.tree_fd, "other", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct stat st;

	assert_int_equal(write_all(fd, zeros, SIZE), 0);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	write_large(p.context_fd, "big", 0644);
	copy(&p, "big", "/big", true);
	p.later.files[0].inode = st.st_ino;
	(void)commit(&p);
	assert_int_equal(pread(fd, kept, SIZE, 0), SIZE);
	assert_memory_equal(kept, zeros, SIZE);
	close_place(&p);
}

/* --- what fails ------------------------------------------------------------------------------------------- */

static void refuse_commit(struct place *p, int code, const char *text)
{
	struct step_layer layer;
	struct err e = { 0 };

	assert_int_equal(step_layer_commit(p->f->store, &p->st, "layer", NULL, &p->later, &layer, &e), code);
	assert_string_equal(e.text, text);
}

static void a_source_that_changes_meanwhile_is_an_error(void **state)
{
	for (int is_shorter = 0; is_shorter < 2; is_shorter++) {
		struct place p = open_place(*state);
		cleanup_fd int fd = -1;

		write_large(p.context_fd, "big", 0644);
		copy(&p, "big", "/d/copy", true);
		fd = openat(p.context_fd, "big", O_WRONLY | O_CLOEXEC);
		if (is_shorter)
			assert_int_equal(ftruncate(fd, 5), 0);
		else
			assert_int_equal(pwrite(fd, "x", 1, 4096), 1);
		refuse_commit(&p, -EBUSY, "cannot copy to '/d/copy': it changed while it was copied");
		close_place(&p);
	}
}

static void a_copy_that_cannot_be_written_is_an_error(void **state)
{
	struct place p = open_place(*state);
	struct rlimit before, limit;

	write_large(p.context_fd, "big", 0644);
	copy(&p, "big", "/copy", true);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = COPY_LATER_WORTH_BYTES / 2;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	refuse_commit(&p, -EFBIG, "cannot copy to '/copy': cannot be copied: file too large");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	close_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(the_layer_is_the_one_that_a_copy_at_once_makes),
		FIXTURE_TEST(a_file_of_several_names_is_copied_under_the_first_of_the_tar),
		FIXTURE_TEST(what_is_small_or_sparse_or_has_privileges_is_copied_at_once),
		FIXTURE_TEST(no_more_files_are_left_than_there_may_be_open),
		FIXTURE_TEST(a_file_that_another_has_replaced_is_not_copied),
		FIXTURE_TEST(a_file_that_is_not_recognized_is_copied_and_the_tar_made_again),
		FIXTURE_TEST(a_file_of_such_a_number_that_has_its_bytes_keeps_them),
		FIXTURE_TEST(a_source_that_changes_meanwhile_is_an_error),
		FIXTURE_TEST(a_copy_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
