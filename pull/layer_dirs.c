/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/layer_dirs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/layer_xattr.h"

#define LINKS_MAX    40 /* as the kernel's */
#define IMPLIED_MODE 0755
#define NODE_BYTES   64 /* of tsearch and malloc, about */
#define OPEN_PATH    (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define OPEN_DIR     (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

struct dir_note {
	ino_t ino;
	bool implied;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	struct buf acl; /* the default ACL */
	char path[];    /* without symlinks */
};

static int compare_notes(const void *left, const void *right)
{
	const struct dir_note *a = left;
	const struct dir_note *b = right;

	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

static void note_free(void *p)
{
	struct dir_note *n = p;

	buf_done(&n->acl);
	free(n);
}

static size_t note_bytes(const char *path)
{
	return sizeof(struct dir_note) + NODE_BYTES + strlen(path) + 1;
}

/* A note for the directory of this inode, fresh and empty; one that was there goes away. Borrowed; NULL on failure. */
static struct dir_note *note_new(struct layer_dirs *d, ino_t ino, const char *path, struct err *e)
{
	size_t bytes = note_bytes(path);
	struct dir_note *n;
	void *slot;

	if (d->notes_bytes + bytes > LAYER_DIRS_MAX_BYTES) {
		(void)err_set(e, -EFBIG, "the layer has too many directories");
		return NULL;
	}
	n = calloc(1, sizeof(*n) + strlen(path) + 1);
	if (!n) {
		(void)err_set(e, -ENOMEM, "cannot remember a directory: out of memory");
		return NULL;
	}
	n->ino = ino;
	n->acl = BUF_INIT(LAYER_ACL_MAX_BYTES);
	memcpy(n->path, path, strlen(path) + 1);
	slot = tfind(n, &d->notes, compare_notes);
	if (slot) {
		struct dir_note **place = slot;

		d->notes_bytes -= note_bytes((*place)->path);
		note_free(*place);
		*place = n;
	} else if (!tsearch(n, &d->notes, compare_notes)) {
		note_free(n);
		(void)err_set(e, -ENOMEM, "cannot remember a directory: out of memory");
		return NULL;
	}
	d->notes_bytes += bytes;
	return n;
}

static int note_implied(struct layer_dirs *d, int fd, const char *path, struct err *e)
{
	struct dir_note *n;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at directory '%s'", path);
	n = note_new(d, st.st_ino, path, e);
	if (!n)
		return e->code;
	n->implied = true;
	return 0;
}

int layer_dirs_init(struct layer_dirs *ret, int root_fd, bool lenient, struct err *e)
{
	ret->root_fd = root_fd;
	ret->lenient = lenient;
	ret->parent_fd = -1;
	ret->stale = false;
	ret->notes = NULL;
	ret->notes_bytes = 0;
	return note_implied(ret, root_fd, "", e);
}

static void drop_parent(struct layer_dirs *d)
{
	cleanup_fd_fn(&d->parent_fd);
	d->parent_fd = -1;
	d->stale = false;
}

void layer_dirs_done(struct layer_dirs *d)
{
	drop_parent(d);
	tdestroy(d->notes, note_free);
	d->notes = NULL;
}

void layer_dirs_forget(struct layer_dirs *d)
{
	d->stale = true;
}

bool layer_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* The next component of *path, which moves behind it; an empty one at the end. */
static int next_component(const char **path, char ret[NAME_MAX + 1])
{
	size_t len;

	*path += strspn(*path, "/");
	len = strcspn(*path, "/");
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(ret, *path, len);
	ret[len] = '\0';
	*path += len;
	return 0;
}

/* Where there is no openat2(2) (qemu-user has none). */
static int open_by_hand(int root_fd, const char *path, int flags, int *ret_fd)
{
	cleanup_fd int at = openat(root_fd, ".", flags);
	char name[NAME_MAX + 1];

	while (at >= 0) {
		int next;
		int r = next_component(&path, name);

		if (r < 0)
			return r;
		if (*name == '\0')
			break;
		next = openat(at, name, flags);
		cleanup_fd_fn(&at);
		at = next;
	}
	if (at < 0)
		return -errno;
	*ret_fd = fd_take(&at);
	return 0;
}

/* A directory along a path without symlinks. 0 or -errno. */
static int open_real(int root_fd, const char *path, int flags, int *ret_fd)
{
	struct open_how how = { .flags = (uint64_t)(unsigned int)flags,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	long fd = syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));

	if (fd < 0)
		return errno == ENOSYS ? open_by_hand(root_fd, path, flags, ret_fd) : -errno;
	*ret_fd = (int)fd;
	return 0;
}

/* --- finding and making parents ---
 *
 * The walk holds each directory open and follows symlinks itself, by putting their text before what is still to go. It never
 * goes up from the root: its depth is that of `real`. */

struct walk {
	struct layer_dirs *dirs;
	bool make;
	const char *shown;
	int links;
	size_t behind_link; /* how long `rest` was when the last symlink was met */
	int fd;             /* where we are, O_PATH */
	char real[PATH_MAX];
	char *rest; /* owned; what is still to go */
};

static void walk_done(struct walk *w)
{
	cleanup_fd_fn(&w->fd);
	free(w->rest);
}
#define cleanup_walk __attribute__((cleanup(walk_done)))

static void walk_move(struct walk *w, int fd)
{
	cleanup_fd_fn(&w->fd);
	w->fd = fd;
}

static int walk_to_root(struct walk *w, struct err *e)
{
	int fd = openat(w->dirs->root_fd, ".", OPEN_PATH);

	if (fd < 0)
		return err_errno(e, "cannot open the layer's root");
	walk_move(w, fd);
	*w->real = '\0';
	return 0;
}

static int walk_up(struct walk *w, struct err *e)
{
	char *slash = strrchr(w->real, '/');
	int fd;

	if (*w->real == '\0')
		return 0;
	fd = openat(w->fd, "..", OPEN_PATH);
	if (fd < 0)
		return err_errno(e, "cannot open the parent of '%s'", w->shown);
	walk_move(w, fd);
	*(slash ? slash : w->real) = '\0';
	return 0;
}

static int real_append(char real[PATH_MAX], const char *name, const char *shown, struct err *e)
{
	size_t used = strlen(real);
	int n = snprintf(real + used, PATH_MAX - used, "%s%s", used > 0 ? "/" : "", name);

	if (used + (size_t)n >= PATH_MAX)
		return err_set(e, -ENAMETOOLONG, "entry '%s' lies deeper than %d bytes of path", shown,
			       PATH_MAX - 1);
	return 0;
}

/* A directory that the archive does not mention (yet), where nothing is or where a whiteout was. */
static int walk_make(struct walk *w, const char *name, bool opaque, struct err *e)
{
	cleanup_fd int fd = -1;

	if (mkdirat(w->fd, name, IMPLIED_MODE) < 0)
		return err_errno(e, "cannot make a parent of '%s'", w->shown);
	fd = openat(w->fd, name, OPEN_DIR);
	if (fd < 0)
		return err_errno(e, "cannot open a parent of '%s'", w->shown);
	if (opaque && layer_xattr_set_opaque(fd, w->shown, e) < 0)
		return e->code;
	return note_implied(w->dirs, fd, w->real, e);
}

static int walk_symlink(struct walk *w, const char *name, struct err *e)
{
	char text[PATH_MAX];
	ssize_t len = readlinkat(w->fd, name, text, sizeof(text));
	char *rest;

	if (len < 0)
		return err_errno(e, "cannot read a symlink above '%s'", w->shown);
	if (++w->links > LINKS_MAX)
		return err_set(e, -ELOOP, "entry '%s' lies behind too many symlinks", w->shown);
	if (asprintf(&rest, "%.*s/%s", (int)len, text, w->rest) < 0)
		return err_set(e, -ENOMEM, "cannot follow a symlink above '%s': out of memory", w->shown);
	w->behind_link = strlen(w->rest);
	free(w->rest);
	w->rest = rest;
	return len > 0 && text[0] == '/' ? walk_to_root(w, e) : 0;
}

/* `name` is no directory: a symlink is followed, a whiteout gives way, nothing is filled. *ret_again if to be looked at anew. */
static int walk_around(struct walk *w, const char *name, bool *ret_again, struct err *e)
{
	struct stat st;
	bool absent = fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0;

	if (absent && errno != ENOENT)
		return err_errno(e, "cannot look at a parent of '%s'", w->shown);
	if (!absent && S_ISLNK(st.st_mode))
		return walk_symlink(w, name, e);
	if (!absent && !layer_is_whiteout(&st))
		return err_set(e, -ENOTDIR, "entry '%s' lies below something that is not a directory",
			       w->shown);
	if (!w->make)
		return err_set(e, -ENOENT, "the parent of '%s' is not in this layer", w->shown);
	/* A symlink that leads to something in the layer is an alias (var/run); one that leads to nothing is made to lead out. */
	if (w->links > 0 && strlen(w->rest) > w->behind_link)
		return err_set(e, -EINVAL, "entry '%s' goes through a symlink that leads out of the layer",
			       w->shown);
	if (!absent && unlinkat(w->fd, name, 0) < 0)
		return err_errno(e, "cannot replace a whiteout above '%s'", w->shown);
	*ret_again = true;
	if (real_append(w->real, name, w->shown, e) < 0)
		return e->code;
	return walk_make(w, name, !absent, e);
}

static int walk_down(struct walk *w, const char *name, struct err *e)
{
	bool made = false;
	int fd = openat(w->fd, name, OPEN_PATH);
	int r;

	if (fd < 0) {
		r = walk_around(w, name, &made, e);
		if (r < 0 || !made)
			return r;
		fd = openat(w->fd, name, OPEN_PATH);
	}
	if (fd < 0)
		return err_errno(e, "cannot open a parent of '%s'", w->shown);
	walk_move(w, fd);
	return made ? 0 : real_append(w->real, name, w->shown, e);
}

/* One component of the rest. */
static int walk_step(struct walk *w, bool *ret_end, struct err *e)
{
	char name[NAME_MAX + 1];
	const char *rest = w->rest;

	if (next_component(&rest, name) < 0)
		return err_set(e, -ENAMETOOLONG, "entry '%s' has a name longer than %d bytes", w->shown,
			       NAME_MAX);
	memmove(w->rest, rest, strlen(rest) + 1);
	*ret_end = *name == '\0';
	if (*ret_end || strcmp(name, ".") == 0)
		return 0;
	return strcmp(name, "..") == 0 ? walk_up(w, e) : walk_down(w, name, e);
}

static int walk_parent(struct layer_dirs *d, const char *parent, bool make, const char *shown, struct err *e)
{
	cleanup_walk struct walk w = { .dirs = d, .make = make, .shown = shown, .fd = -1 };
	bool end = false;
	int r;

	w.rest = strdup(parent);
	if (!w.rest)
		return err_set(e, -ENOMEM, "cannot find the parent of '%s': out of memory", shown);
	r = walk_to_root(&w, e);
	while (r == 0 && !end)
		r = walk_step(&w, &end, e);
	if (r < 0)
		return r;
	memcpy(d->real, w.real, sizeof(d->real));
	d->parent_fd = fd_take(&w.fd);
	return 0;
}

int layer_dirs_parent(struct layer_dirs *d, const char *parent, bool make, const char *shown, int *ret_fd,
		      struct err *e)
{
	int r;

	if (d->parent_fd < 0 || d->stale || strcmp(parent, d->parent) != 0) {
		drop_parent(d);
		r = open_real(d->root_fd, parent, OPEN_PATH, &d->parent_fd);
		if (r == 0)
			memcpy(d->real, parent, strlen(parent) + 1);
		else
			r = walk_parent(d, parent, make, shown, e);
		if (r < 0)
			return r;
		memcpy(d->parent, parent, strlen(parent) + 1);
	}
	*ret_fd = d->parent_fd;
	return 0;
}

/* --- completing directories --- */

int layer_dirs_declare(struct layer_dirs *d, const struct layer_entry *t, const struct buf *acl,
		       struct err *e)
{
	char path[PATH_MAX] = "";
	struct dir_note *n;
	struct stat st;
	int r = 0;

	if (t->name) {
		memcpy(path, d->real, strlen(d->real) + 1);
		r = real_append(path, t->name, t->shown, e);
	}
	if (r < 0)
		return r;
	if (fstatat(t->name ? d->parent_fd : d->root_fd, t->name ? t->name : ".", &st, AT_SYMLINK_NOFOLLOW) <
	    0)
		return err_errno(e, "cannot look at directory '%s'", t->shown);
	n = note_new(d, st.st_ino, path, e);
	if (!n)
		return e->code;
	n->mode = t->mode;
	n->uid = t->uid;
	n->gid = t->gid;
	n->mtime = t->mtime;
	if (acl->len > 0 && buf_add(&n->acl, acl->data, acl->len) < 0)
		return err_set(e, -ENOMEM, "cannot remember the ACL of '%s': out of memory", t->shown);
	return 0;
}

struct completion {
	const struct layer_dirs *dirs;
	struct buf implied; /* paths, NUL after each */
	struct err *e;
	int r;
};

static int complete_attributes(const struct completion *c, const struct dir_note *n, int fd,
			       const struct stat *st)
{
	struct timespec times[2] = { n->mtime, n->mtime };
	int r;

	if ((n->uid != st->st_uid || n->gid != st->st_gid) && fchown(fd, n->uid, n->gid) < 0 &&
	    !(c->dirs->lenient && errno == EPERM))
		return err_errno(c->e, "cannot give '%s' its owner", n->path);
	if (n->acl.len > 0) {
		r = layer_xattr_set_default_acl(fd, n->acl.data, n->acl.len);
		if (r < 0)
			return err_code(c->e, r, "cannot set the default ACL of '%s'", n->path);
	}
	if ((n->mode & 07777) != (st->st_mode & 07777) && fchmod(fd, n->mode & 07777) < 0)
		return err_errno(c->e, "cannot set the mode of '%s'", n->path);
	if (futimens(fd, times) < 0)
		return err_errno(c->e, "cannot set the time of '%s'", n->path);
	return 0;
}

/* A note may be of a directory that was replaced since: then its path is gone, or is another inode's. */
static int complete_one(struct completion *c, const struct dir_note *n)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int r = open_real(c->dirs->root_fd, n->path, OPEN_DIR, &fd);

	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
		return 0;
	if (r < 0)
		return err_code(c->e, r, "cannot open directory '%s'", n->path);
	if (fstat(fd, &st) < 0)
		return err_errno(c->e, "cannot look at directory '%s'", n->path);
	if (st.st_ino != n->ino)
		return 0;
	if (!n->implied)
		return complete_attributes(c, n, fd, &st);
	if (buf_add_str(&c->implied, *n->path ? n->path : ".") < 0 || buf_add_char(&c->implied, '\0') < 0)
		return err_set(c->e, -ENOMEM, "cannot list the implied directories: out of memory");
	return 0;
}

static void visit(const void *node, VISIT order, void *arg)
{
	struct completion *c = arg;

	if (c->r == 0 && (order == postorder || order == leaf))
		c->r = complete_one(c, *(struct dir_note *const *)node);
}

int layer_dirs_finish(struct layer_dirs *d, int implied_fd, bool *ret_implied, struct err *e)
{
	struct completion c = { .dirs = d, .implied = BUF_INIT(LAYER_DIRS_MAX_BYTES), .e = e };

	twalk_r(d->notes, visit, &c);
	if (c.r == 0 && c.implied.len > 0) {
		c.r = write_all(implied_fd, c.implied.data, c.implied.len);
		if (c.r < 0)
			(void)err_code(e, c.r, "cannot write the list of implied directories");
	}
	if (c.r == 0)
		*ret_implied = c.implied.len > 0;
	buf_done(&c.implied);
	return c.r;
}
