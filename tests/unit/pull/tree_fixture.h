/* SPDX-License-Identifier: Apache-2.0 */
/* A directory to unpack into, with a witness beside it that no archive may touch. */
#ifndef SAMPAN_TESTS_UNIT_PULL_TREE_FIXTURE_H
#define SAMPAN_TESTS_UNIT_PULL_TREE_FIXTURE_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/tree_unpack.h"
#include "tests/unit/pull/tar_fixture.h"
#include "tests/unit/common/scratch.h"

struct tree_fixture {
	char path[64];
	int top_fd, dir_fd;
	struct buf tar, pax, packed;
	struct tree_unpack how;
	struct err e;
};

static inline int tree_setup(void **state)
{
	struct tree_fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->tar = f->pax = f->packed = BUF_INIT((size_t)64 << 20);
	(void)snprintf(f->path, sizeof(f->path), "/tmp/sampan-tree.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->top_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_write_atomic(f->top_fd, "witness", "untouched", 9, 0644, &f->e), 0);
	assert_int_equal(mkdirat(f->top_fd, "dir", 0755), 0);
	f->dir_fd = openat(f->top_fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dir_fd >= 0);
	f->how.keep_owner = geteuid() == 0;
	f->how.uid = geteuid();
	f->how.gid = getegid();
	*state = f;
	return 0;
}

static inline int tree_teardown(void **state)
{
	struct tree_fixture *f = *state;
	cleanup_buf struct buf text = BUF_INIT(64);
	struct stat st;

	assert_int_equal(file_read(f->top_fd, "witness", &text, &f->e), 0);
	assert_string_equal(text.data, "untouched");
	assert_int_equal(fstatat(f->top_fd, "witness", &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(tree_remove(AT_FDCWD, f->path, &f->e), 0);
	cleanup_fd_fn(&f->top_fd);
	cleanup_fd_fn(&f->dir_fd);
	buf_done(&f->tar);
	buf_done(&f->pax);
	buf_done(&f->packed);
	free(f);
	return 0;
}

static inline int file_of(const struct buf *data)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, data->data ? data->data : "", data->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Compresses f->tar into f->packed. */
static inline void pack(struct tree_fixture *f, enum tree_compression compression)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t room = f->tar.len + 65536, used = 0;
	char *out = malloc(room);
	int r = ARCHIVE_OK;

	assert_non_null(out);
	if (compression == TREE_GZIP)
		r = archive_write_add_filter_gzip(a);
	else if (compression == TREE_BZIP2)
		r = archive_write_add_filter_bzip2(a);
	else if (compression == TREE_XZ)
		r = archive_write_add_filter_xz(a);
	else if (compression == TREE_ZSTD)
		r = archive_write_add_filter_zstd(a);
	assert_int_equal(r, ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, out, room, &used), ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_pathname(entry, "x");
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, f->tar.data, f->tar.len), f->tar.len);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	buf_clear(&f->packed);
	assert_int_equal(buf_add(&f->packed, out, used), 0);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	archive_entry_free(entry);
	free(out);
}

static inline int unpack_bytes(struct tree_fixture *f, const struct buf *data)
{
	cleanup_fd int fd = -1;

	need_openat2();
	fd = file_of(data);
	f->how.compression = tree_compression_of(data->data, data->len);
	return tree_unpack(fd, f->dir_fd, &f->how, -1, &f->e);
}

static inline int unpack(struct tree_fixture *f)
{
	tar_end(&f->tar);
	return unpack_bytes(f, &f->tar);
}

static inline void unpack_well(struct tree_fixture *f)
{
	if (unpack(f) < 0)
		fail_msg("%s", f->e.text);
	buf_clear(&f->tar);
}

static inline void assert_file(int dir_fd, const char *path, const char *text)
{
	cleanup_buf struct buf found = BUF_INIT(65536);
	struct err e;

	if (file_read(dir_fd, path, &found, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(found.data ? found.data : "", text);
}

static inline void assert_absent(int dir_fd, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(errno, ENOENT);
}

static inline void add(struct tree_fixture *f, struct tar_item item)
{
	tar_add(&f->tar, &item);
}

#endif
