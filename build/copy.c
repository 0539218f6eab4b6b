/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/copy_dest.h"
#include "build/copy_data.h"
#include "build/copy_later.h"
#include "build/xattrs.h"
#include "common/cleanup.h"
#include "store/file_sum.h"

#define WHITEOUT_PREFIX ".wh." /* image-spec layer.md#whiteouts */
#define TABLE_MIN       64

/* A file of several names, and the first of them in the copy. */
struct linked {
	dev_t device;
	ino_t inode;
	char *path; /* in the tree; NULL: a free place */
};

struct level {
	int fd;
	struct stat st;  /* of the source: its times are set when the directory is left */
	bool keep_times; /* not even those */
};

struct copying {
	int root_fd;
	const struct copy_options *o;
	const struct copy_dest *dest;
	struct data_copier copier;
	struct level *levels;
	size_t depth, cap;
	struct linked *links; /* a table by device and inode */
	size_t links_len, links_cap;
};

static void copying_done(struct copying *c)
{
	for (size_t i = 0; i < c->depth; i++)
		cleanup_fd_fn(&c->levels[i].fd);
	free(c->levels);
	for (size_t i = 0; i < c->links_cap; i++)
		free(c->links[i].path);
	free(c->links);
	data_copier_done(&c->copier);
}
#define cleanup_copying __attribute__((cleanup(copying_done)))

static int changed(struct err *e)
{
	return err_set(e, -EBUSY, "it changed while it was copied");
}

/* --- what a file is beside its contents --- */

static uid_t owner_uid(const struct copying *c, const struct stat *st)
{
	return c->o->chown ? c->o->uid : c->o->keep_owners ? st->st_uid : 0;
}

static gid_t owner_gid(const struct copying *c, const struct stat *st)
{
	return c->o->chown ? c->o->gid : c->o->keep_owners ? st->st_gid : 0;
}

static mode_t new_mode(const struct copying *c, const struct stat *st)
{
	mode_t mode = st->st_mode & 07777;

	return c->o->chmod ? (mode_t)chmod_expr_apply(c->o->chmod, mode, S_ISDIR(st->st_mode)) : mode;
}

static void new_times(const struct copying *c, const struct stat *st, struct timespec ret[2])
{
	ret[0] = c->o->time ? *c->o->time : st->st_atim;
	ret[1] = c->o->time ? *c->o->time : st->st_mtim;
}

/* Of what is open. The owner first: a change of it takes set-ID bits and capabilities away. */
static int set_attributes(const struct copying *c, int fd, const struct stat *st, const struct xattrs *x,
			  struct err *e)
{
	struct timespec times[2];
	int r;

	if (fchown(fd, owner_uid(c, st), owner_gid(c, st)) < 0)
		return err_errno(e, "cannot change its owner");
	if (fchmod(fd, new_mode(c, st)) < 0)
		return err_errno(e, "cannot change its mode");
	r = xattrs_write(fd, "", x, e);
	if (r < 0)
		return r;
	new_times(c, st, times);
	return futimens(fd, times) < 0 ? err_errno(e, "cannot change its times") : 0;
}

/* Of what is not opened: symlinks, devices, pipes. It was made just then, so that the name leads to no other file. */
static int set_attributes_at(const struct copying *c, int dir_fd, const char *name, const struct stat *st,
			     const struct xattrs *x, struct err *e)
{
	struct timespec times[2];
	int r;

	if (fchownat(dir_fd, name, owner_uid(c, st), owner_gid(c, st), AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "cannot change its owner");
	if (!S_ISLNK(st->st_mode) && fchmodat(dir_fd, name, new_mode(c, st), 0) < 0)
		return err_errno(e, "cannot change its mode");
	r = xattrs_write(dir_fd, name, x, e);
	if (r < 0)
		return r;
	new_times(c, st, times);
	if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "cannot change its times");
	return 0;
}

/* --- hard links --- */

static struct linked *find_link(const struct copying *c, const struct stat *st)
{
	const uint64_t key[2] = { st->st_dev, st->st_ino };
	size_t i = (size_t)file_sum_hash(key, sizeof(key), 0) & (c->links_cap - 1);

	while (c->links[i].path && (c->links[i].inode != st->st_ino || c->links[i].device != st->st_dev))
		i = (i + 1) & (c->links_cap - 1);
	return &c->links[i];
}

static int grow_links(struct copying *c, struct err *e)
{
	struct linked *old = c->links;
	size_t old_cap = c->links_cap;

	if (c->links_len * 2 < c->links_cap)
		return 0;
	c->links_cap = old_cap ? old_cap * 2 : TABLE_MIN;
	c->links = calloc(c->links_cap, sizeof(*c->links));
	if (!c->links) {
		c->links = old;
		c->links_cap = old_cap;
		return err_code(e, -ENOMEM, "cannot be copied");
	}
	for (size_t i = 0; i < old_cap; i++) {
		const struct stat st = { .st_dev = old[i].device, .st_ino = old[i].inode };

		if (old[i].path)
			*find_link(c, &st) = old[i];
	}
	free(old);
	return 0;
}

/* The path of an entry's copy. Owned; NULL: out of memory. */
static char *path_in_tree(const struct copying *c, const struct context_entry *entry)
{
	bool root = strcmp(c->dest->path, ".") == 0;
	char *path;

	if (asprintf(&path, "%s%s%s", root ? "" : c->dest->path, root || !*entry->path ? "" : "/",
		     entry->path) < 0)
		return NULL;
	return path;
}

/* 1: it is another name of a file that was copied. Where there may be no more of them it becomes a file of its own. */
static int try_link(struct copying *c, const struct context_entry *entry, int dir_fd, const char *name,
		    struct err *e)
{
	cleanup_fd int first_dir = -1;
	const char *first_name;
	struct linked *l;
	int r;

	if (entry->st.st_nlink < 2)
		return 0;
	r = grow_links(c, e);
	if (r < 0)
		return r;
	l = find_link(c, &entry->st);
	if (!l->path) {
		l->path = path_in_tree(c, entry);
		l->device = entry->st.st_dev;
		l->inode = entry->st.st_ino;
		c->links_len += l->path != NULL;
		return l->path ? 0 : err_code(e, -ENOMEM, "cannot be copied");
	}
	r = copy_dest_parent(c->root_fd, l->path, &first_dir, &first_name, e);
	if (r < 0)
		return r;
	if (linkat(first_dir, first_name, dir_fd, name, 0) == 0)
		return 1;
	return errno == EMLINK ? 0 : err_errno(e, "cannot be linked to '/%s'", l->path);
}

/* --- one entry --- */

static bool same_version(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Writing takes capabilities away, and without privileges set-ID bits: files that have some are complete before they get them. */
static int copy_bytes(struct copying *c, int from, int to, const struct stat *st, const struct xattrs *x,
		      const char *path)
{
	bool copied = false;

	if (c->o->later && x->len == 0 && !(new_mode(c, st) & 06000) &&
	    copy_later_take(c->o->later, from, to, st, path, &copied))
		return 0;
	return copied ? 0 : copy_data(&c->copier, from, to, st);
}

static int copy_open_file(struct copying *c, int from, int to, const struct stat *before, const char *path,
			  struct err *e)
{
	cleanup_xattrs struct xattrs x = { 0 };
	struct stat after;
	int r = xattrs_read(from, "", &x, e);

	if (r < 0)
		return r;
	r = copy_bytes(c, from, to, before, &x, path);
	if (r < 0)
		return err_code(e, r, "cannot be copied");
	if (fstat(from, &after) < 0 || !same_version(before, &after))
		return changed(e);
	return set_attributes(c, to, before, &x, e);
}

/* The file may be another one than it was when its directory was read: never a pipe that would wait, nor what a symlink leads to. */
static int copy_file(struct copying *c, const struct context_entry *entry, int dir_fd, const char *name,
		     const char *path, struct err *e)
{
	cleanup_fd int from = -1, to = -1;
	struct stat st;
	int r = try_link(c, entry, dir_fd, name, e);

	if (r != 0)
		return r < 0 ? r : 0;
	from = openat(entry->parent_fd, entry->name,
		      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (from < 0 && errno != ELOOP && errno != ENOENT && errno != ENXIO)
		return err_errno(e, "cannot be opened");
	if (from < 0 || fstat(from, &st) < 0 || !S_ISREG(st.st_mode) || !same_version(&st, &entry->st))
		return changed(e);
	to = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_errno(e, "cannot be made");
	return copy_open_file(c, from, to, &st, path, e);
}

static int copy_symlink(const struct copying *c, const struct context_entry *entry, int dir_fd,
			const char *name, const struct xattrs *x, struct err *e)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(entry->parent_fd, entry->name, target, sizeof(target) - 1);

	if (len < 0)
		return errno == EINVAL || errno == ENOENT ? changed(e) : err_errno(e, "cannot be read");
	target[len] = '\0';
	if (symlinkat(target, dir_fd, name) < 0)
		return err_errno(e, "cannot be made");
	return set_attributes_at(c, dir_fd, name, &entry->st, x, e);
}

static int copy_special(const struct copying *c, const struct context_entry *entry, int dir_fd,
			const char *name, struct err *e)
{
	cleanup_xattrs struct xattrs x = { 0 };
	int r = xattrs_read(entry->parent_fd, entry->name, &x, e);

	if (r < 0)
		return r == -ENOENT ? changed(e) : r;
	if (S_ISLNK(entry->st.st_mode))
		return copy_symlink(c, entry, dir_fd, name, &x, e);
	if (mknodat(dir_fd, name, (entry->st.st_mode & S_IFMT) | 0600, entry->st.st_rdev) < 0)
		return err_errno(e, "cannot be made");
	return set_attributes_at(c, dir_fd, name, &entry->st, &x, e);
}

/* A file takes the place of anything but a directory. */
static int make_room(int dir_fd, const char *name, const char *path, struct err *e)
{
	struct stat st;
	int saved;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	saved = -errno;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "cannot replace to directory /%s with file", path);
	return err_code(e, saved, "cannot replace '/%s'", path);
}

/* --- directories --- */

/* Takes fd if it succeeds. */
static int push(struct copying *c, int fd, const struct stat *st, struct err *e)
{
	if (c->depth == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 16;
		struct level *grown = reallocarray(c->levels, cap, sizeof(*grown));

		if (!grown)
			return err_code(e, -ENOMEM, "cannot be copied");
		c->levels = grown;
		c->cap = cap;
	}
	c->levels[c->depth++] = (struct level){ .fd = fd, .st = *st };
	return 0;
}

static int leave(struct copying *c, struct err *e)
{
	struct level *l = &c->levels[--c->depth];
	cleanup_fd int fd = l->fd;
	struct timespec times[2];

	if (l->keep_times)
		return 0;
	new_times(c, &l->st, times);
	return futimens(fd, times) < 0 ? err_errno(e, "cannot change a directory's times") : 0;
}

/* The destination itself: only its times change. */
static int enter_top(struct copying *c, const struct context_entry *entry, struct err *e)
{
	cleanup_fd int fd = fcntl(c->dest->dir_fd, F_DUPFD_CLOEXEC, 0);
	int r = fd < 0 ? err_errno(e, "cannot be opened") : push(c, fd, &entry->st, e);

	if (r == 0)
		(void)fd_take(&fd);
	return r;
}

/* One that is there only because of what is in it, and was there before, keeps its owner and times: BuildKit's rule. */
static int enter(struct copying *c, const struct context_entry *entry, int parent_fd, const char *path,
		 struct err *e)
{
	cleanup_xattrs struct xattrs x = { 0 };
	cleanup_fd int fd = -1;
	bool made = mkdirat(parent_fd, entry->name, 0700) == 0;
	int to, r;

	if (!made && errno != EEXIST)
		return err_errno(e, "cannot be made");
	fd = openat(parent_fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP
			       ? err_set(e, -ENOTDIR, "cannot copy to non-directory: /%s", path)
			       : err_errno(e, "cannot be opened");
	r = push(c, fd, &entry->st, e);
	if (r < 0)
		return r;
	to = fd_take(&fd);
	if (entry->implied && !made) {
		c->levels[c->depth - 1].keep_times = true;
		return fchmod(to, entry->st.st_mode & 07777) < 0 ? err_errno(e, "cannot change its mode") : 0;
	}
	r = xattrs_read(entry->fd, "", &x, e);
	return r < 0 ? r : set_attributes(c, to, &entry->st, &x, e);
}

/* --- all of it --- */

static int copy_entry(struct copying *c, const struct context_entry *entry, const char *path, struct err *e)
{
	const char *name = entry->depth ? entry->name : c->dest->name;
	int dir_fd, r = 0;

	while (c->depth > entry->depth && r == 0)
		r = leave(c, e);
	if (r < 0)
		return r;
	if (name && strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
		return err_set(e, -EINVAL,
			       "names that begin with '" WHITEOUT_PREFIX "' mean removed files in a layer");
	/* A match is what it was when it was looked for. */
	if (entry->depth == 0 && entry->fd >= 0)
		return name ? changed(e) : enter_top(c, entry, e);
	if (!name)
		return changed(e);
	dir_fd = c->depth ? c->levels[c->depth - 1].fd : c->dest->dir_fd;
	if (entry->fd >= 0)
		return enter(c, entry, dir_fd, path, e);
	r = make_room(dir_fd, name, path, e);
	if (r < 0)
		return r;
	return S_ISREG(entry->st.st_mode) ? copy_file(c, entry, dir_fd, name, path, e)
					  : copy_special(c, entry, dir_fd, name, e);
}

/* Messages of BuildKit name the path themselves. */
static int entry_error(const char *path, struct err *e)
{
	return e->code == -EISDIR || e->code == -ENOTDIR ? e->code
							 : err_wrap(e, "cannot copy to '/%s'", path);
}

static int copy_walk(struct copying *c, struct context_walk *w, struct err *e)
{
	struct context_entry entry;
	int more, r = 0;

	while ((more = context_walk_next(w, &entry, e)) > 0) {
		cleanup_free char *path = path_in_tree(c, &entry);

		if (!path)
			return err_code(e, -ENOMEM, "cannot copy '/%s'", entry.path);
		r = copy_entry(c, &entry, path, e);
		if (r < 0)
			return entry_error(path, e);
	}
	while (more == 0 && r == 0 && c->depth > 0)
		r = leave(c, e);
	return more < 0 ? more : r;
}

/* Links are kept among what one match brings, as by BuildKit. */
static int copy_match(const struct context *context, const struct context_match *match,
		      const struct context_selection *s, int root_fd, const struct copy_options *o,
		      struct err *e)
{
	const struct context_filter filter = { .include = s->has_include ? &s->include : NULL,
					       .exclude = o->exclude,
					       .exclude_matches = s->wildcards };
	cleanup_copy_dest struct copy_dest dest = { .dir_fd = -1 };
	cleanup_copying struct copying c = { .root_fd = root_fd, .o = o, .dest = &dest };
	cleanup_context_walk struct context_walk *w = NULL;
	int r = context_walk_new(context, match, &filter, &w, e);

	if (r == 0)
		r = copy_dest_find(root_fd, match, o, &dest, e);
	return r != 0 ? r : copy_walk(&c, w, e);
}

int copy_sources(const struct context *c, const char *const *sources, size_t len, int root_fd,
		 const struct copy_options *o, struct err *e)
{
	for (size_t i = 0; i < len; i++) {
		cleanup_context_selection struct context_selection s = { 0 };
		int r = context_select(c, sources[i], o->parents, &s, e);

		for (size_t k = 0; k < s.len && r == 0; k++)
			r = copy_match(c, &s.items[k], &s, root_fd, o, e);
		if (r < 0)
			return r;
	}
	return 0;
}
