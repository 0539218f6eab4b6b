/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_export.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/mman.h>

#include "build/tree_view.h"
#include "tests/unit/build/build_test.h"

/* A result of two layers. */
struct exported {
	const struct fixture *f;
	struct build_result r;
};

static void in_child(const struct fixture *f, void (*function)(void *))
{
	struct exported x = { .f = f,
			      .r = make_result(f->store, "linux/amd64",
					       LINES("d d", "f d/a below", "f b below", "l l /etc/passwd")) };
	struct step_layer upper = make_layer(f->store, LINES("d d", "f04711 d/a above", "h hard d/a"), NULL);

	need_root();
	assert_int_equal(strvec_add(&x.r.layers, upper.key), 0);
	run_in_child(0, function, &x);
	build_result_done(&x.r);
}

/* In a mount namespace of its own; a fresh directory OUT in the fixture's. */
static struct build isolate(const struct exported *x, struct store **ret, int *ret_out)
{
	struct build b = BUILD_EMPTY;
	struct err e = { 0 };
	char path[96];

	if (tree_view_isolate(&e) < 0)
		_exit(CHILD_LACKS);
	CHILD_OK(store_open(x->f->root, ret, &e));
	b.store = *ret;
	CHILD_OK(staging_begin(*ret, &b.staging, &e));
	(void)snprintf(path, sizeof(path), "%s/out", x->f->dir);
	CHILD_OK(dir_make_open(AT_FDCWD, path, 0755, ret_out, &e));
	return b;
}

static void end(struct build *b, struct store *s)
{
	tree_view_unmount_all(s, &b->staging);
	CHILD_CHECK(unlinkat(b->staging.fd, "view-export", AT_REMOVEDIR) == 0 ||
		    errno == ENOENT); /* not every kernel needs it */
	staging_end(s, &b->staging);
	store_close(s);
}

static bool holds(int dir_fd, const char *path, const char *text)
{
	cleanup_buf struct buf found = BUF_INIT(4096);
	struct err e;

	return file_read(dir_fd, path, &found, &e) == 0 && strcmp(found.data ? found.data : "", text) == 0;
}

static void export_dir(void *arg)
{
	const struct exported *x = arg;
	const int64_t epoch = 12345;
	struct store *s = NULL;
	struct err e = { 0 };
	struct stat a, hard;
	char target[32] = { 0 };
	int out = -1;
	struct build b = isolate(x, &s, &out);

	CHILD_CHECK(mkdirat(out, "mine", 0700) == 0 && mkdirat(out, "d", 0755) == 0);
	CHILD_CHECK(symlinkat("/tmp", out, "other") == 0);
	CHILD_OK(build_export_dir(&b, &x->r, &epoch, out, &e));
	CHILD_CHECK(holds(out, "d/a", "above") && holds(out, "b", "below"));
	CHILD_CHECK(fstatat(out, "d/a", &a, 0) == 0 && (a.st_mode & 07777) == 04711 &&
		    a.st_mtim.tv_sec == epoch);
	CHILD_CHECK(fstatat(out, "hard", &hard, 0) == 0 && hard.st_size == a.st_size);
	CHILD_CHECK(readlinkat(out, "l", target, sizeof(target) - 1) > 0 &&
		    strcmp(target, "/etc/passwd") == 0);
	CHILD_CHECK(faccessat(out, "mine", F_OK, 0) == 0 && faccessat(out, "other", F_OK, 0) == 0);
	CHILD_OK(build_export_dir(&b, &x->r, NULL, out, &e)); /* once more, over it */
	CHILD_CHECK(fstatat(out, "b", &a, 0) == 0 && a.st_mtim.tv_sec == TREE_TIME);
	end(&b, s);
}

static void files_go_into_a_directory_beside_what_is_there(void **state)
{
	in_child(*state, export_dir);
}

/* Names of the tar's members, each with a newline. */
static void list_tar(int fd, struct buf *names)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;

	CHILD_CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHILD_CHECK(archive_read_support_format_tar(a) == ARCHIVE_OK &&
		    archive_read_open_fd(a, fd, 10240) == ARCHIVE_OK);
	while (archive_read_next_header(a, &entry) == ARCHIVE_OK)
		CHILD_CHECK(buf_printf(names, "%s\n", archive_entry_pathname(entry)) == 0);
	CHILD_CHECK(archive_read_free(a) == ARCHIVE_OK);
}

static void export_tar(void *arg)
{
	const struct exported *x = arg;
	cleanup_buf struct buf first = BUF_INIT(4096), second = BUF_INIT(4096);
	int tar = memfd_create("tar", MFD_CLOEXEC), several = memfd_create("tar", MFD_CLOEXEC);
	struct store *s = NULL;
	struct err e = { 0 };
	int out = -1;
	struct build b = isolate(x, &s, &out);

	CHILD_CHECK(tar >= 0 && several >= 0);
	CHILD_OK(build_export_tar(&b, &x->r, NULL, tar, &e));
	CHILD_OK(build_export_tar_end(&b, tar, &e));
	list_tar(tar, &first);
	CHILD_CHECK(strstr(first.data, "d/\nd/a\n") && strstr(first.data, "hard\n") &&
		    strstr(first.data, "l\n"));
	CHILD_OK(build_export_tar(&b, &x->r, "one", several, &e));
	CHILD_OK(build_export_tar(&b, &x->r, "two", several, &e));
	CHILD_OK(build_export_tar_end(&b, several, &e));
	list_tar(several, &second);
	CHILD_CHECK(strstr(second.data, "one/\none/b\none/d/\none/d/a\n") &&
		    strstr(second.data, "\ntwo/\ntwo/b\ntwo/d/\n"));
	CHILD_CHECK(strcmp(second.data + second.len - strlen("two/l\n"), "two/l\n") == 0);
	end(&b, s);
}

static void a_tar_has_all_files(void **state)
{
	in_child(*state, export_tar);
}

static void export_to_a_full_disk(void *arg)
{
	const struct exported *x = arg;
	struct store *s = NULL;
	struct err e = { 0 };
	int out = -1, full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct build b = isolate(x, &s, &out);

	if (full < 0)
		_exit(CHILD_LACKS);
	CHILD_CHECK(build_export_tar(&b, &x->r, NULL, full, &e) == -ENOSPC);
	CHILD_CHECK(strncmp(e.text, "cannot write a tar: ", strlen("cannot write a tar: ")) == 0);
	end(&b, s);
}

static void a_tar_that_cannot_be_written_is_an_error(void **state)
{
	in_child(*state, export_to_a_full_disk);
}

static void export_when_it_is_over(void *arg)
{
	const struct exported *x = arg;
	struct store *s = NULL;
	struct err e = { 0 };
	int out = -1, fds[2];
	struct build b = isolate(x, &s, &out);

	CHILD_CHECK(pipe2(fds, O_CLOEXEC) == 0 && write(fds[1], "x", 1) == 1);
	b.cancel_fd = fds[0];
	CHILD_CHECK(build_export_dir(&b, &x->r, NULL, out, &e) == -EINTR &&
		    strcmp(e.text, "interrupted") == 0);
	CHILD_CHECK(build_export_tar(&b, &x->r, NULL, out, &e) == -EINTR);
	end(&b, s);
}

static void an_export_is_stopped(void **state)
{
	in_child(*state, export_when_it_is_over);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(files_go_into_a_directory_beside_what_is_there),
		FIXTURE_TEST(a_tar_has_all_files),
		FIXTURE_TEST(a_tar_that_cannot_be_written_is_an_error),
		FIXTURE_TEST(an_export_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
