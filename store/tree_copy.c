/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tree_copy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/strvec.h"
#include "store/tree_walk.h"

#define OPEN_DIR     (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define XATTRS_MAX   65536 /* xattr(7): bytes of a file's names, and of one value */
#define PATH_BYTES   ((size_t)1 << 20)
#define PIECE_BYTES  ((size_t)1 << 30)
#define FD_PATH_MAX  32
#define WHITEOUT(st) (S_ISCHR((st)->st_mode) && (st)->st_rdev == 0)

/* A file of many names, and the first of them in the copy. */
struct linked {
	dev_t device;
	ino_t inode;
	char *path; /* below the copy's root */
};

struct level {
	struct stat st;  /* of the source: times are set when the directory is left */
	size_t path_len; /* of copy.path without this directory's name */
};

struct copy {
	int to_fd; /* the copy's root, borrowed */
	const struct tree_owners *owners;
	int dir_fd;      /* where we are in it; -1: nowhere yet */
	struct buf path; /* of that: "a/b/" */
	struct level *levels;
	size_t depth, cap;
	struct linked *links;
	size_t links_len, links_cap;
};

static void copy_done(struct copy *c)
{
	cleanup_fd_fn(&c->dir_fd);
	buf_done(&c->path);
	for (size_t i = 0; i < c->links_len; i++)
		free(c->links[i].path);
	free(c->links);
	free(c->levels);
}
#define cleanup_copy __attribute__((cleanup(copy_done)))

/* --- what a file is beside its contents --- */

/* Through /proc, so that it works for what cannot be opened, and never follows a symlink. */
static void fd_name(int fd, char ret[FD_PATH_MAX])
{
	(void)snprintf(ret, FD_PATH_MAX, "/proc/self/fd/%d", fd);
}

static int copy_xattr(const char *from, const char *to, const char *name)
{
	char value[XATTRS_MAX];
	ssize_t len = getxattr(from, name, value, sizeof(value));

	if (len < 0)
		return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
	if (setxattr(to, name, value, (size_t)len, 0) < 0)
		return errno == EOPNOTSUPP || strncmp(name, "security.selinux", 16) == 0 ? 0 : -errno;
	return 0;
}

/* O_PATH descriptors do for both. */
static int copy_xattrs(int from_fd, int to_fd)
{
	char names[XATTRS_MAX], from[FD_PATH_MAX], to[FD_PATH_MAX];
	ssize_t len;
	int r = 0;

	fd_name(from_fd, from);
	fd_name(to_fd, to);
	len = listxattr(from, names, sizeof(names));
	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (const char *name = names; r == 0 && name < names + len; name += strlen(name) + 1)
		if (strncmp(name, "trusted.overlay.", 16) != 0 && strncmp(name, "user.overlay.", 13) != 0)
			r = copy_xattr(from, to, name);
	return r;
}

static int map_id(const struct spec_id_mapping *m, size_t len, uint32_t id, uint32_t *ret)
{
	if (!spec_maps_id(m, len, id))
		return -EOVERFLOW;
	*ret = spec_host_id(m, len, id);
	return 0;
}

static int give(const struct copy *c, int dir_fd, const char *name, int flags, const struct stat *st)
{
	const struct tree_owners *o = c->owners;
	uid_t uid = st->st_uid;
	gid_t gid = st->st_gid;
	int r = o ? map_id(o->uids, o->uids_len, st->st_uid, &uid) : 0;

	if (r == 0 && o)
		r = map_id(o->gids, o->gids_len, st->st_gid, &gid);
	return r < 0 ? r : fchownat(dir_fd, name, uid, gid, flags) < 0 ? -errno : 0;
}

/* The owner first: a change of it takes set-ID bits and capabilities away. */
static int copy_attributes(const struct copy *c, int from_fd, int to_fd, const struct stat *st)
{
	char to[FD_PATH_MAX];
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r = give(c, to_fd, "", AT_EMPTY_PATH, st);

	if (r < 0)
		return r;
	fd_name(to_fd, to);
	if (!S_ISLNK(st->st_mode) && chmod(to, st->st_mode & 07777) < 0)
		return -errno;
	if (!S_ISLNK(st->st_mode))
		r = copy_xattrs(from_fd, to_fd);
	if (r < 0)
		return r;
	if (!S_ISLNK(st->st_mode) && utimensat(AT_FDCWD, to, times, 0) < 0)
		return -errno;
	return 0;
}

/* --- contents --- */

/* As much as one call brings, by the kernel's own means or by ours. -errno. */
static ssize_t copy_piece(int from_fd, int to_fd, off_t at, size_t len)
{
	char data[65536];
	off_t in = at, out = at;
	ssize_t n = copy_file_range(from_fd, &in, to_fd, &out, len, 0);

	if (n >= 0 || (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS))
		return n < 0 ? -errno : n;
	n = pread(from_fd, data, len < sizeof(data) ? len : sizeof(data), at);
	if (n > 0)
		n = pwrite(to_fd, data, (size_t)n, at);
	return n < 0 ? -errno : n;
}

static int copy_range(int from_fd, int to_fd, off_t begin, off_t end)
{
	while (begin < end) {
		size_t left = (size_t)(end - begin);
		ssize_t n = copy_piece(from_fd, to_fd, begin, left < PIECE_BYTES ? left : PIECE_BYTES);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return (int)n; /* 0: it has become shorter */
		begin += n;
	}
	return 0;
}

static int copy_contents(int from_fd, int to_fd, off_t size)
{
	off_t at = 0;
	int r = ftruncate(to_fd, size) < 0 ? -errno : 0;

	while (r == 0 && at < size) {
		off_t begin = lseek(from_fd, at, SEEK_DATA), end;

		if (begin < 0 && errno == ENXIO)
			return 0; /* a hole to its end */
		if (begin < 0)
			begin = at;
		end = lseek(from_fd, begin, SEEK_HOLE);
		if (end <= begin)
			end = size;
		r = copy_range(from_fd, to_fd, begin, end);
		at = end;
	}
	return r;
}

/* --- hard links --- */

static const struct linked *find_link(const struct copy *c, const struct stat *st)
{
	for (size_t i = 0; i < c->links_len; i++)
		if (c->links[i].inode == st->st_ino && c->links[i].device == st->st_dev)
			return &c->links[i];
	return NULL;
}

static int note_link(struct copy *c, const struct tree_entry *entry)
{
	struct linked *item;

	if (c->links_len == c->links_cap) {
		size_t cap = c->links_cap ? c->links_cap * 2 : 16;
		struct linked *grown = reallocarray(c->links, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		c->links = grown;
		c->links_cap = cap;
	}
	item = &c->links[c->links_len];
	*item = (struct linked){ .device = entry->st.st_dev, .inode = entry->st.st_ino };
	if (asprintf(&item->path, "%s%s", c->path.data ? c->path.data : "", entry->name) < 0) {
		item->path = NULL;
		return -ENOMEM;
	}
	c->links_len++;
	return 0;
}

/* 1: it is another name of a file that is there. Where the way to it is too long for the kernel, it becomes a file of its own. */
static int try_link(struct copy *c, const struct tree_entry *entry)
{
	const struct linked *l;

	if (entry->st.st_nlink < 2)
		return 0;
	l = find_link(c, &entry->st);
	if (!l)
		return note_link(c, entry);
	if (linkat(c->to_fd, l->path, c->dir_fd, entry->name, 0) == 0)
		return 1;
	return errno == ENAMETOOLONG || errno == EMLINK ? 0 : -errno;
}

/* --- one entry --- */

static int copy_file(const struct copy *c, const struct tree_entry *entry)
{
	cleanup_fd int from =
		openat(entry->parent_fd, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_fd int to = -1;
	int r;

	if (from < 0)
		return -errno;
	to = openat(c->dir_fd, entry->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	r = copy_contents(from, to, entry->st.st_size);
	return r == 0 ? copy_attributes(c, from, to, &entry->st) : r;
}

static int copy_symlink(const struct copy *c, const struct tree_entry *entry)
{
	const struct timespec times[2] = { entry->st.st_atim, entry->st.st_mtim };
	char target[4096];
	ssize_t len = readlinkat(entry->parent_fd, entry->name, target, sizeof(target) - 1);
	int r;

	if (len < 0)
		return -errno;
	target[len] = '\0';
	if (symlinkat(target, c->dir_fd, entry->name) < 0)
		return -errno;
	r = give(c, c->dir_fd, entry->name, AT_SYMLINK_NOFOLLOW, &entry->st);
	if (r < 0)
		return r;
	return utimensat(c->dir_fd, entry->name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_special(const struct copy *c, const struct tree_entry *entry)
{
	cleanup_fd int from = openat(entry->parent_fd, entry->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	cleanup_fd int to = -1;

	if (from < 0 || mknodat(c->dir_fd, entry->name, entry->st.st_mode & ~07077u, entry->st.st_rdev) < 0)
		return -errno;
	to = openat(c->dir_fd, entry->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return to < 0 ? -errno : copy_attributes(c, from, to, &entry->st);
}

static int push(struct copy *c, const struct stat *st)
{
	if (c->depth == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 32;
		struct level *levels = reallocarray(c->levels, cap, sizeof(*levels));

		if (!levels)
			return -ENOMEM;
		c->levels = levels;
		c->cap = cap;
	}
	c->levels[c->depth++] = (struct level){ .st = *st, .path_len = c->path.len };
	return 0;
}

static int enter(struct copy *c, const struct tree_entry *entry)
{
	cleanup_fd int from = openat(entry->parent_fd, entry->name, OPEN_DIR);
	cleanup_fd int to = -1;
	int r;

	if (from < 0)
		return -errno;
	if (entry->depth > 0 && mkdirat(c->dir_fd, entry->name, 0700) < 0)
		return -errno;
	to = openat(entry->depth > 0 ? c->dir_fd : c->to_fd, entry->depth > 0 ? entry->name : ".", OPEN_DIR);
	if (to < 0)
		return -errno;
	r = push(c, &entry->st);
	if (r == 0)
		r = copy_attributes(c, from, to, &entry->st);
	if (r == 0 && entry->depth > 0)
		r = buf_printf(&c->path, "%s/", entry->name);
	if (r < 0)
		return r;
	cleanup_fd_fn(&c->dir_fd);
	c->dir_fd = fd_take(&to);
	return 0;
}

/* Out of a directory that is complete. Nobody else is in the copy, so ".." is where we came from. */
static int leave(struct copy *c)
{
	const struct level *l = &c->levels[--c->depth];
	const struct timespec times[2] = { l->st.st_atim, l->st.st_mtim };
	int up = -1;

	if (futimens(c->dir_fd, times) < 0)
		return -errno;
	if (c->depth > 0) {
		up = openat(c->dir_fd, "..", OPEN_DIR);
		if (up < 0)
			return -errno;
		c->path.len = l->path_len;
		if (c->path.data)
			c->path.data[l->path_len] = '\0';
	}
	cleanup_fd_fn(&c->dir_fd);
	c->dir_fd = up;
	return 0;
}

static int copy_entry(struct copy *c, const struct tree_entry *entry)
{
	int r = 0;

	while (r == 0 && c->depth > entry->depth)
		r = leave(c);
	if (r < 0 || WHITEOUT(&entry->st))
		return r;
	if (S_ISDIR(entry->st.st_mode))
		return enter(c, entry);
	r = try_link(c, entry);
	if (r != 0)
		return r < 0 ? r : 0;
	if (S_ISREG(entry->st.st_mode))
		return copy_file(c, entry);
	return S_ISLNK(entry->st.st_mode) ? copy_symlink(c, entry) : copy_special(c, entry);
}

int tree_copy(int from_fd, int to_fd, const struct tree_owners *owners, struct err *e)
{
	cleanup_copy struct copy c = {
		.to_fd = to_fd, .owners = owners, .dir_fd = -1, .path = BUF_INIT(PATH_BYTES)
	};
	cleanup_tree_walk struct tree_walk *walk = NULL;
	struct tree_entry entry;
	int more, r = tree_walk_new(from_fd, &walk, e);

	if (r < 0)
		return r;
	while ((more = tree_walk_next(walk, &entry, e)) > 0) {
		r = copy_entry(&c, &entry);
		if (r == -EOVERFLOW)
			return err_set(e, r,
				       "'/%s%s' belongs to %u:%u, who is nobody in the container's user "
				       "namespace",
				       c.path.data ? c.path.data : "", entry.name,
				       (unsigned int)entry.st.st_uid, (unsigned int)entry.st.st_gid);
		if (r < 0)
			return err_code(e, r, "cannot copy '%s%s'", c.path.data ? c.path.data : "",
					entry.name);
	}
	while (more == 0 && r == 0 && c.depth > 0)
		r = leave(&c);
	return more < 0 ? more : r < 0 ? err_code(e, r, "cannot copy a directory") : 0;
}
