/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/file_extract.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/rootfd.h"
#include "pull/layer_entry.h"
#include "pull/layer_xattr.h"

#define BLOCK_BYTES ((size_t)128 << 10)
#define DIR_MODE    0700 /* until it is complete */

/* A directory, and what it gets when nothing more is made in it. */
struct noted_dir {
	char *path;
	struct stat st;
};

struct extract {
	const struct file_extract *how;
	struct archive *archive;
	struct noted_dir *dirs;
	size_t dirs_len, dirs_cap;
	uint64_t bytes, entries;
};

/* One entry. */
struct item {
	struct archive_entry *entry;
	char path[PATH_MAX]; /* below the root */
	char shown[LAYER_SHOWN_MAX];
	struct stat st;
	int parent_fd;
	const char *name; /* in `path`; NULL: the base itself */
};

static void extract_done(struct extract *x)
{
	for (size_t i = 0; i < x->dirs_len; i++)
		free(x->dirs[i].path);
	free(x->dirs);
	(void)archive_read_free(x->archive); /* nothing is written to it */
}
#define cleanup_extract __attribute__((cleanup(extract_done)))

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot unpack");
}

static int bad_archive(const struct extract *x, struct err *e)
{
	const char *text = archive_error_string(x->archive);
	int code = archive_errno(x->archive);

	if (code == ENOMEM)
		return no_memory(e);
	return err_set(e, -EINVAL, "cannot read the tar: %s", text ? text : "unknown reason");
}

/* --- paths --- */

static int append(char out[PATH_MAX], size_t *used, const char *text, size_t len)
{
	if (*used + len + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	if (*used > 0)
		out[(*used)++] = '/';
	memcpy(out + *used, text, len);
	*used += len;
	out[*used] = '\0';
	return 0;
}

/* A path of the archive, below the base. */
static int make_path(const struct file_extract *how, const char *from, char out[PATH_MAX], struct err *e)
{
	size_t used = 0;
	int r = 0;

	out[0] = '\0';
	if (*how->base)
		r = append(out, &used, how->base, strlen(how->base));
	while (r == 0 && *from) {
		size_t len;

		from += strspn(from, "/");
		len = strcspn(from, "/");
		if (len == 2 && memcmp(from, "..", 2) == 0)
			return err_set(e, -EINVAL, "there is a '..' in the path");
		if (len > 1 || (len == 1 && *from != '.'))
			r = append(out, &used, from, len);
		from += len;
	}
	return r < 0 ? err_code(e, r, "it is too long") : 0;
}

/* Opens the directory that the last component of `path` is in, made where it is absent. */
static int open_parent(const struct file_extract *how, const char *path, int *ret_fd, const char **ret_name,
		       struct err *e)
{
	return rootfd_open_parent(how->root_fd, path, 0755, ret_fd, ret_name, e);
}

/* --- what is there already --- */

static int make_way(const struct extract *x, const struct item *i, struct err *e)
{
	struct stat st;

	if (fstatat(i->parent_fd, i->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot look at it");
	if (S_ISDIR(st.st_mode) && x->how->adds)
		return tree_remove(i->parent_fd, i->name, e);
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "cannot overwrite directory with non-directory");
	return unlinkat(i->parent_fd, i->name, 0) < 0 ? err_errno(e, "cannot replace it") : 0;
}

/* --- attributes --- */

static int set_owner(const struct extract *x, const struct item *i, struct err *e)
{
	const struct file_extract *how = x->how;
	uid_t uid = how->keep_owner ? i->st.st_uid : how->uid;
	gid_t gid = how->keep_owner ? i->st.st_gid : how->gid;

	return fchownat(i->parent_fd, i->name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0
		       ? err_errno(e, "cannot change its owner")
		       : 0;
}

static int set_times(int dir_fd, const char *name, const struct stat *st, struct err *e)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };

	return utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? err_errno(e, "cannot set its time")
								       : 0;
}

/* Owner first: changing it takes set-user-ID bits away. */
static int complete_file(const struct extract *x, const struct item *i, int fd, struct err *e)
{
	int r = set_owner(x, i, e);

	if (r == 0 && fchmod(fd, i->st.st_mode & 07777) < 0)
		r = err_errno(e, "cannot change its mode");
	if (r == 0)
		r = layer_xattr_set_all(i->entry, fd, x->how->lenient || geteuid() != 0, i->shown, e);
	return r == 0 ? set_times(i->parent_fd, i->name, &i->st, e) : r;
}

/* --- things --- */

static int write_block(int fd, const char *data, size_t len, off_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
		offset += n;
	}
	return 0;
}

static int over_bytes(const struct extract *x, struct err *e)
{
	return err_set(e, -EFBIG, "the archive unpacks to more than %llu bytes",
		       (unsigned long long)x->how->max_bytes);
}

static int write_contents(struct extract *x, int fd, uint64_t size, struct err *e)
{
	uint64_t max = x->how->max_bytes;
	const void *data;
	size_t len;
	la_int64_t offset;
	int r;

	if (max > 0 && size > max - x->bytes)
		return over_bytes(x, e);
	while ((r = archive_read_data_block(x->archive, &data, &len, &offset)) == ARCHIVE_OK) {
		if (offset < 0 || (uint64_t)offset > size || len > size - (uint64_t)offset)
			return err_set(e, -EINVAL, "it has contents behind its end");
		r = write_block(fd, data, len, offset);
		if (r < 0)
			return err_code(e, r, "cannot write it");
	}
	if (r != ARCHIVE_EOF)
		return bad_archive(x, e);
	x->bytes += size;
	return ftruncate(fd, (off_t)size) < 0 ? err_errno(e, "cannot write it") : 0; /* a hole may end it */
}

static int make_file(struct extract *x, const struct item *i, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = make_way(x, i, e);

	if (r < 0)
		return r;
	fd = openat(i->parent_fd, i->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "cannot make it");
	r = write_contents(x, fd, (uint64_t)i->st.st_size, e);
	return r == 0 ? complete_file(x, i, fd, e) : r;
}

static int make_symlink(const struct extract *x, const struct item *i, struct err *e)
{
	const char *target = archive_entry_symlink(i->entry);
	int r = make_way(x, i, e);

	if (r < 0)
		return r;
	if (symlinkat(target ? target : "", i->parent_fd, i->name) < 0)
		return err_errno(e, "cannot make it");
	r = set_owner(x, i, e);
	return r == 0 ? set_times(i->parent_fd, i->name, &i->st, e) : r;
}

static bool is_same(int fd_a, const char *a, int fd_b, const char *b)
{
	struct stat st_a, st_b;

	return fstatat(fd_a, a, &st_a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(fd_b, b, &st_b, AT_SYMLINK_NOFOLLOW) == 0 && st_a.st_dev == st_b.st_dev &&
	       st_a.st_ino == st_b.st_ino;
}

/* To an earlier entry of the same tar. */
static int make_hardlink(const struct extract *x, const struct item *i, const char *target, struct err *e)
{
	cleanup_fd int fd = -1;
	char path[PATH_MAX];
	const char *name = path;
	int r = make_path(x->how, target, path, e);

	if (r == 0)
		r = open_parent(x->how, path, &fd, &name, e);
	if (r == 0 && is_same(fd, name, i->parent_fd, i->name))
		return 0;
	if (r == 0)
		r = make_way(x, i, e);
	if (r < 0)
		return r;
	return linkat(fd, name, i->parent_fd, i->name, 0) < 0
		       ? err_errno(e, "cannot make a link to '%.64s'", target)
		       : 0;
}

static int make_node(const struct extract *x, const struct item *i, struct err *e)
{
	int r = make_way(x, i, e);

	if (r < 0)
		return r;
	if (mknodat(i->parent_fd, i->name, (i->st.st_mode & S_IFMT) | 0600, i->st.st_rdev) < 0)
		return errno == EPERM && x->how->lenient ? 0 : err_errno(e, "cannot make it");
	r = set_owner(x, i, e);
	if (r == 0 && fchmodat(i->parent_fd, i->name, i->st.st_mode & 07777, 0) < 0)
		r = err_errno(e, "cannot change its mode");
	return r == 0 ? set_times(i->parent_fd, i->name, &i->st, e) : r;
}

static int note_dir(struct extract *x, const struct item *i, struct err *e)
{
	if (x->dirs_len == FILE_EXTRACT_DIRS_MAX)
		return err_set(e, -EFBIG, "the tar has more than %d directories", FILE_EXTRACT_DIRS_MAX);
	if (x->dirs_len == x->dirs_cap) {
		size_t cap = x->dirs_cap ? 2 * x->dirs_cap : 64;
		struct noted_dir *grown = reallocarray(x->dirs, cap, sizeof(*grown));

		if (!grown)
			return no_memory(e);
		x->dirs = grown;
		x->dirs_cap = cap;
	}
	x->dirs[x->dirs_len] = (struct noted_dir){ .path = strdup(i->path), .st = i->st };
	if (!x->dirs[x->dirs_len].path)
		return no_memory(e);
	x->dirs_len++;
	return 0;
}

static int make_dir(struct extract *x, const struct item *i, struct err *e)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (mkdirat(i->parent_fd, i->name, DIR_MODE) < 0 && errno != EEXIST)
		return err_errno(e, "cannot make it");
	if (fstatat(i->parent_fd, i->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "cannot look at it");
	if (!S_ISDIR(st.st_mode) && !x->how->adds)
		return err_set(e, -ENOTDIR, "cannot overwrite non-directory with directory");
	if (!S_ISDIR(st.st_mode) &&
	    (unlinkat(i->parent_fd, i->name, 0) < 0 || mkdirat(i->parent_fd, i->name, DIR_MODE) < 0))
		return err_errno(e, "cannot replace it");
	fd = openat(i->parent_fd, i->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open it");
	r = set_owner(x, i, e);
	if (r == 0)
		r = layer_xattr_set_all(i->entry, fd, x->how->lenient || geteuid() != 0, i->shown, e);
	return r == 0 ? note_dir(x, i, e) : r;
}

/* The innermost come last, and first here. One that has gone meanwhile needs nothing more. */
static int complete_dirs(const struct extract *x, struct err *e)
{
	for (size_t i = x->dirs_len; i > 0; i--) {
		const struct noted_dir *d = &x->dirs[i - 1];
		cleanup_fd int fd =
			rootfd_try_open(x->how->root_fd, d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, d->st.st_mtim };

		if (fd >= 0 && (fchmod(fd, d->st.st_mode & 07777) < 0 || futimens(fd, times) < 0))
			return err_errno(e, "cannot complete the directory '%.128s'", d->path);
	}
	return 0;
}

static int make(struct extract *x, const struct item *i, struct err *e)
{
	const char *hardlink = archive_entry_hardlink(i->entry);

	if (hardlink)
		return make_hardlink(x, i, hardlink, e);
	switch (i->st.st_mode & S_IFMT) {
	case S_IFREG:
		return make_file(x, i, e);
	case S_IFDIR:
		return make_dir(x, i, e);
	case S_IFLNK:
		return make_symlink(x, i, e);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		return make_node(x, i, e);
	default:
		return err_set(e, -EOPNOTSUPP, "files of this type cannot be copied");
	}
}

/* In a layer it would remove other files. */
static int check_name(const char *path, struct err *e)
{
	for (const char *at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (strncmp(at, ".wh.", 4) == 0)
			return err_set(e, -EINVAL,
				       "the name begins with '.wh.', which has another meaning in layers");
	}
	return 0;
}

/* The directory that is copied into stays as it is. */
static int take(struct extract *x, struct archive_entry *entry, struct err *e)
{
	struct item i = { .entry = entry };
	cleanup_fd int parent_fd = -1;
	const char *path = archive_entry_pathname(entry);
	int r;

	if (!path)
		return err_set(e, -EINVAL, "the tar has an entry without a name");
	layer_path_show(path, i.shown);
	r = make_path(x->how, path, i.path, e);
	if (r == 0 && strcmp(i.path, x->how->base) == 0)
		return 0;
	if (r == 0 && x->how->adds)
		r = check_name(i.path, e);
	if (r == 0)
		r = open_parent(x->how, i.path, &parent_fd, &i.name, e);
	if (r == 0) {
		i.parent_fd = parent_fd;
		i.st = *archive_entry_stat(entry);
		if (x->how->time)
			i.st.st_mtim = *x->how->time;
		r = make(x, &i, e);
	}
	return r < 0 ? err_wrap(e, "'%s'", i.shown) : 0;
}

static int count(struct extract *x, struct err *e)
{
	uint64_t max = x->how->max_entries;

	if (max > 0 && x->entries >= max)
		return err_set(e, -EFBIG, "the archive has more than %llu entries", (unsigned long long)max);
	x->entries++;
	return 0;
}

static int open_tar(const struct extract *x, int in_fd, struct err *e)
{
	struct archive *a = x->archive;

	if (!a)
		return no_memory(e);
	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(a) != ARCHIVE_OK ||
	    (!x->how->adds && archive_read_support_filter_gzip(a) != ARCHIVE_OK) ||
	    archive_read_open_fd(a, in_fd, BLOCK_BYTES) != ARCHIVE_OK)
		return bad_archive(x, e);
	return 0;
}

int file_extract(int in_fd, const struct file_extract *how, uint64_t *ret_bytes, struct err *e)
{
	cleanup_extract struct extract x = { .how = how, .archive = archive_read_new() };
	struct archive_entry *entry;
	int r = open_tar(&x, in_fd, e), got = ARCHIVE_FATAL;

	while (r == 0 &&
	       ((got = archive_read_next_header(x.archive, &entry)) == ARCHIVE_OK || got == ARCHIVE_WARN)) {
		r = count(&x, e);
		if (r == 0)
			r = take(&x, entry, e);
	}
	if (r < 0)
		return r;
	if (got != ARCHIVE_EOF)
		return bad_archive(&x, e);
	*ret_bytes = (uint64_t)archive_filter_bytes(x.archive, 0);
	return complete_dirs(&x, e);
}
