/* SPDX-License-Identifier: Apache-2.0 */
/* A scratch directory with a staging area, and a witness beside it that no layer may touch. */
#ifndef SAMPAN_TESTS_UNIT_PULL_UNPACK_FIXTURE_H
#define SAMPAN_TESTS_UNIT_PULL_UNPACK_FIXTURE_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/hash.h"
#include "pull/layer_writer.h"
#include "pull/unpack.h"
#include "store/layer.h"
#include "store/layer_sums.h"
#include "tests/unit/pull/tar_fixture.h"

#define TAR_MAX ((size_t)64 << 20)

struct fixture {
	char dir[64];
	int dir_fd;
	int staging_fd;
	int layers;  /* made so far */
	int tree_fd; /* of the layer made last */
	struct buf tar;
	struct buf pax;
	struct unpack_result result;
	struct err e;
};

static const char WITNESS[] = "untouched";

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct stat st;

	assert_non_null(f);
	f->tree_fd = -1;
	f->tar = BUF_INIT(TAR_MAX);
	f->pax = BUF_INIT(TAR_MAX);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/sampan-unpack.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dir_fd >= 0);
	assert_int_equal(mkdirat(f->dir_fd, "staging", 0755), 0);
	assert_int_equal(mkdirat(f->dir_fd, "outside", 0755), 0);
	f->staging_fd = openat(f->dir_fd, "staging", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->staging_fd >= 0);
	assert_int_equal(file_write_atomic(f->dir_fd, "witness", WITNESS, strlen(WITNESS), 0644, &f->e), 0);
	assert_int_equal(fstatat(f->dir_fd, "witness", &st, 0), 0);
	*state = f;
	return 0;
}

static inline size_t count_entries(int dir_fd, const char *name)
{
	DIR *dir = fdopendir(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

/* What lies beside the staging area is as it was, and nothing was added. */
static inline void assert_outside_untouched(struct fixture *f)
{
	struct buf text = BUF_INIT(4096);
	struct stat st;

	assert_int_equal(count_entries(f->dir_fd, "."), 3);
	assert_int_equal(count_entries(f->dir_fd, "outside"), 0);
	assert_int_equal(file_read(f->dir_fd, "witness", &text, &f->e), 0);
	assert_string_equal(text.data, WITNESS);
	assert_int_equal(fstatat(f->dir_fd, "witness", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(count_entries(f->staging_fd, "."), f->layers);
	buf_done(&text);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	assert_outside_untouched(f);
	cleanup_fd_fn(&f->tree_fd);
	assert_int_equal(tree_remove(AT_FDCWD, f->dir, &f->e), 0);
	cleanup_fd_fn(&f->staging_fd);
	cleanup_fd_fn(&f->dir_fd);
	buf_done(&f->tar);
	buf_done(&f->pax);
	free(f);
	return 0;
}

static inline int blob_fd_of(const void *data, size_t len)
{
	int fd = memfd_create("blob", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, data, len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static inline const char *layer_name(const struct fixture *f, int number, char ret[64])
{
	(void)f;
	(void)snprintf(ret, 64, "layer%d", number);
	return ret;
}

/* Unpacks a blob as the next layer, and opens its tree. Returns what unpack_wait returned. */
static inline int unpack_blob(struct fixture *f, const void *blob, size_t len, const struct digest *diff_id,
			      const struct unpack_limits *limits)
{
	int fd = blob_fd_of(blob, len);
	struct unpack_job job = { 0 };
	char name[96];
	char path[64];
	int r;

	layer_name(f, f->layers++, path);
	r = unpack_start(fd, MEDIA_LAYER, f->staging_fd, path, diff_id, limits, &job, &f->e);
	(void)close(fd);
	if (r < 0)
		fail_msg("unpack_start: %s", f->e.text);
	r = unpack_wait(&job, &f->result, &f->e);
	assert_int_equal(job.pid, 0);
	(void)snprintf(name, sizeof(name), "%s/tree", path);
	cleanup_fd_fn(&f->tree_fd);
	f->tree_fd = openat(f->staging_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->tree_fd >= 0);
	return r;
}

static inline struct digest digest_of(const void *data, size_t len)
{
	struct digest d;
	struct err e;

	assert_int_equal(hash_bytes("sha256", data ? data : "", len, &d, &e), 0);
	return d;
}

/* Ends the tar, and unpacks it uncompressed. */
static inline int unpack_tar_limited(struct fixture *f, const struct unpack_limits *limits)
{
	struct digest d;

	tar_end(&f->tar);
	d = digest_of(f->tar.data, f->tar.len);
	return unpack_blob(f, f->tar.data, f->tar.len, &d, limits);
}

static inline int unpack_tar(struct fixture *f)
{
	return unpack_tar_limited(f, NULL);
}

static inline void read_sums(struct fixture *f, int dir_fd, int contents_fd, struct buf *ret)
{
	if (layer_sums_write(dir_fd, contents_fd, &f->e) < 0 ||
	    file_read(dir_fd, LAYER_SUMS_NAME, ret, &f->e) < 0)
		fail_msg("%s", f->e.text);
}

/* What the writer has noted of the files is what one finds who looks at each of them. */
static inline void assert_noted_truly(struct fixture *f)
{
	struct buf noted = BUF_INIT(TAR_MAX), found = BUF_INIT(TAR_MAX);
	int dir_fd = openat(f->tree_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int contents_fd = openat(dir_fd, LAYER_CONTENTS_NAME, O_RDONLY | O_CLOEXEC);

	assert_true(contents_fd >= 0);
	read_sums(f, dir_fd, contents_fd, &noted);
	read_sums(f, dir_fd, -1, &found);
	assert_string_equal(noted.data, found.data);
	assert_int_equal(unlinkat(dir_fd, LAYER_SUMS_NAME, 0), 0);
	(void)close(contents_fd);
	(void)close(dir_fd);
	buf_done(&noted);
	buf_done(&found);
}

static inline void unpack_well(struct fixture *f)
{
	if (unpack_tar(f) < 0)
		fail_msg("unpacking failed: %s", f->e.text);
	assert_noted_truly(f);
	buf_clear(&f->tar);
}

struct memory_source {
	const char *data;
	size_t len;
};

static inline ssize_t memory_next(void *arg, const void **ret_block, struct err *e)
{
	struct memory_source *m = arg;
	size_t n = m->len;

	(void)e;
	*ret_block = m->data;
	m->len = 0;
	return (ssize_t)n;
}

/* The same tar in this very process, without any wall around it. The tar must be ended. */
static inline int write_without_sandbox(struct fixture *f)
{
	struct memory_source memory = { f->tar.data, f->tar.len };
	const struct layer_source from = { memory_next, &memory };
	struct layer_target to = { .contents_fd = -1, .max_bytes = UINT64_MAX, .max_entries = UINT64_MAX };
	struct layer_stats stats;
	char name[64];
	int r;

	layer_name(f, f->layers++, name);
	assert_int_equal(mkdirat(f->staging_fd, name, 0755), 0);
	to.root_fd = openat(f->staging_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	to.implied_fd = memfd_create("implied", MFD_CLOEXEC);
	assert_true(to.root_fd >= 0 && to.implied_fd >= 0);
	r = layer_write(&from, &to, &stats, &f->e);
	(void)close(to.root_fd);
	(void)close(to.implied_fd);
	return r;
}

/* Fails both ways with this code and this message, and nothing outside is touched. */
static inline void assert_refused(struct fixture *f, int code, const char *message)
{
	assert_int_equal(unpack_tar(f), code);
	assert_string_equal(f->e.text, message);
	assert_outside_untouched(f);
	assert_int_equal(write_without_sandbox(f), code);
	assert_string_equal(f->e.text, message);
	assert_outside_untouched(f);
	buf_clear(&f->tar);
}

static inline struct stat look(const struct fixture *f, const char *path)
{
	struct stat st;

	if (fstatat(f->tree_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("'%s' is not there", path);
	return st;
}

static inline bool is_there(const struct fixture *f, const char *path)
{
	struct stat st;

	return fstatat(f->tree_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void assert_content(struct fixture *f, const char *path, const char *want)
{
	struct buf text = BUF_INIT(1 << 20);

	assert_int_equal(file_read(f->tree_fd, path, &text, &f->e), 0);
	assert_string_equal(text.data ? text.data : "", want);
	buf_done(&text);
}

static inline bool is_whiteout(const struct fixture *f, const char *path)
{
	struct stat st = look(f, path);

	return S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

/* tmpfs has none before Linux 6.6. */
static inline bool has_user_xattrs(const struct fixture *f)
{
	return fsetxattr(f->dir_fd, "user.probe", "", 0, 0) == 0;
}

#endif
