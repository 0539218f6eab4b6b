/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blob.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "store/internal.h"

/* "blobs/sha256/<hex>" */
static void blob_path(const struct digest *digest, char ret[SUBPATH_MAX])
{
	(void)snprintf(ret, SUBPATH_MAX, "blobs/%s/%s", digest_algorithm(digest), digest_hex(digest));
}

/* Size of a blob in bytes; 0 where there is none. After a power cut, a file that was never synced may be there with no
 * bytes: no document is empty, so that counts as absent. */
static off_t blob_size(const struct store *s, const struct digest *digest)
{
	char path[SUBPATH_MAX];
	struct stat st;

	blob_path(digest, path);
	if (fstatat(s->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return st.st_size;
}

const struct store *store_of_blob(const struct store *s, const struct digest *digest)
{
	if (blob_size(s, digest) > 0)
		return s;
	for (size_t i = 0; i < s->additional_len; i++)
		if (blob_size(s->additional[i], digest) > 0)
			return s->additional[i];
	return NULL;
}

/* sha512 has its directory once somebody needs it. */
static int open_dir_of(const struct store *s, const struct digest *digest, int *ret_fd, struct err *e)
{
	char dir[SUBPATH_MAX];

	(void)snprintf(dir, sizeof(dir), "blobs/%s", digest_algorithm(digest));
	if (mkdirat(s->root_fd, dir, DIR_MODE) < 0 && errno != EEXIST)
		return err_errno(e, "cannot make '%s/%s'", s->root, dir);
	return store_open_dir(s, dir, ret_fd, e);
}

int blob_adopt(const struct store *s, const struct staging *st, const char *name, const struct digest *digest,
	       struct err *e)
{
	cleanup_fd int fd = -1;
	int r = open_dir_of(s, digest, &fd, e);

	if (r == 0 && renameat(st->fd, name, fd, digest_hex(digest)) < 0)
		r = err_errno(e, "cannot move it into place");
	return r < 0 ? err_wrap(e, "blob '%s'", digest->text) : 0;
}

int blob_put(const struct store *s, const struct digest *digest, const void *data, size_t len, struct err *e)
{
	const struct store *of;
	cleanup_fd int fd = -1;
	int r;

	if (!digest_is_set(digest) || len == 0)
		return err_set(e, -EINVAL, "cannot keep a blob without a digest or without contents");
	of = store_of_blob(s, digest);
	if (of && blob_size(of, digest) == (off_t)len)
		return 0;
	r = open_dir_of(s, digest, &fd, e);
	if (r == 0)
		r = file_write_atomic(fd, digest_hex(digest), data, len, RECORD_MODE, e);
	return r < 0 ? err_wrap(e, "blob '%s'", digest->text) : 0;
}

int blob_get(const struct store *s, const struct digest *digest, struct buf *out, struct err *e)
{
	const struct store *of = store_of_blob(s, digest);
	char path[SUBPATH_MAX];
	int r;

	blob_path(digest, path);
	r = file_read(of ? of->root_fd : s->root_fd, path, out, e);
	return r < 0 ? err_wrap(e, "blob '%s'", digest->text) : 0;
}

int blob_open(const struct store *s, const struct digest *digest, int *ret_fd, struct err *e)
{
	const struct store *of = digest_is_set(digest) ? store_of_blob(s, digest) : NULL;
	char path[SUBPATH_MAX];
	int fd;

	if (!of)
		return err_set(e, -ENOENT, "blob '%s' is not in the store", digest->text);
	blob_path(digest, path);
	fd = openat(of->root_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open blob '%s'", digest->text);
	*ret_fd = fd;
	return 0;
}

int blob_drop(const struct store *s, const struct digest *digest, struct err *e)
{
	char path[SUBPATH_MAX];

	blob_path(digest, path);
	if (unlinkat(s->root_fd, path, 0) < 0 && errno != ENOENT)
		return err_errno(e, "cannot remove '%s/%s'", s->root, path);
	return 0;
}

bool blob_exists(const struct store *s, const struct digest *digest)
{
	return digest_is_set(digest) && store_of_blob(s, digest);
}
