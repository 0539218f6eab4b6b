/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_image_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

#define LINKS_MAX 40 /* path_resolution(7) */

/* One directory as the layers merge it: the layers' directories that show through, topmost first. */
struct merged_dir {
	int fds[RUN_IMAGE_LAYERS_MAX];
	size_t layers[RUN_IMAGE_LAYERS_MAX]; /* whose they are: places in `lower` */
	size_t len;
};

static void merged_dir_done(struct merged_dir *d)
{
	for (size_t i = 0; i < d->len; i++)
		(void)close(d->fds[i]);
	d->len = 0;
}
#define cleanup_merged_dir __attribute__((cleanup(merged_dir_done)))

enum found { FOUND_NOTHING, FOUND_DIR, FOUND_LINK, FOUND_OTHER };

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* trusted. by root, user. by rootless stores. */
static bool is_opaque(int fd)
{
	char value = 0;

	return (fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y') ||
	       (fgetxattr(fd, "user.overlay.opaque", &value, 1) == 1 && value == 'y');
}

/* What `name` is in one layer's part of a directory: FOUND_NOTHING where there is none, *ret_whiteout where it says
 * that there is none below either. */
static int look_in_layer(int dir_fd, const char *name, enum found *ret, bool *ret_whiteout, struct err *e)
{
	struct stat st;

	*ret = FOUND_NOTHING;
	*ret_whiteout = false;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot look up '%s'", name);
	if (is_whiteout(&st))
		*ret_whiteout = true;
	else if (S_ISDIR(st.st_mode))
		*ret = FOUND_DIR;
	else
		*ret = S_ISLNK(st.st_mode) ? FOUND_LINK : FOUND_OTHER;
	return 0;
}

/* Adds a layer's directory to a merged one. *ret_last: nothing below shows through. */
static int merge(struct merged_dir *into, const struct merged_dir *from, size_t at, const char *name,
		 bool *ret_last, struct err *e)
{
	int fd = openat(from->fds[at], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "cannot open '%s'", name);
	into->layers[into->len] = from->layers[at];
	into->fds[into->len++] = fd;
	*ret_last = at + 1 < from->len && is_opaque(fd); /* below the last one there is nothing to hide */
	return 0;
}

/* What `name` is in `dir`. A directory is opened into *ret_dir; else *ret_layer is the one that has it. */
static int look_up(const struct merged_dir *dir, const char *name, struct merged_dir *ret_dir,
		   size_t *ret_layer, enum found *ret, struct err *e)
{
	bool last = false;
	int r = 0;

	*ret = FOUND_NOTHING;
	for (size_t i = 0; r == 0 && !last && i < dir->len; i++) {
		enum found here;

		r = look_in_layer(dir->fds[i], name, &here, &last, e);
		if (r < 0 || here == FOUND_NOTHING)
			continue;
		if (here == FOUND_DIR) {
			*ret = FOUND_DIR;
			r = merge(ret_dir, dir, i, name, &last, e);
			continue;
		}
		if (*ret == FOUND_NOTHING) {
			*ret = here;
			*ret_layer = i;
		}
		last = true;
	}
	return r;
}

static int open_root(const struct strvec *lower, struct merged_dir *ret, struct err *e)
{
	if (lower->len > RUN_IMAGE_LAYERS_MAX)
		return err_set(e, -EFBIG, "the image has more than %d layers", RUN_IMAGE_LAYERS_MAX);
	for (size_t i = 0; i < lower->len; i++) {
		int fd = open(lower->items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return err_errno(e, "cannot open the layer '%s'", lower->items[i]);
		ret->layers[ret->len] = i;
		ret->fds[ret->len++] = fd;
	}
	return 0;
}

/* A walk from the root: what is behind us (no symlinks in it) and what is ahead. */
struct walk {
	const struct strvec *lower;
	struct merged_dir dir;   /* where we are */
	char behind[PATH_MAX];   /* "etc/ssl/" */
	char ahead[PATH_MAX];    /* "certs/ca.pem" */
	char name[NAME_MAX + 2]; /* the last component, where it is not a directory */
	size_t layer;            /* of dir, that has it */
	unsigned int links;
};

static void walk_done(struct walk *w)
{
	merged_dir_done(&w->dir);
}
#define cleanup_walk __attribute__((cleanup(walk_done)))

/* Starts again at the root with `first` in front of what is ahead. */
static int restart(struct walk *w, const char *first, struct err *e)
{
	char joined[PATH_MAX];
	int n = snprintf(joined, sizeof(joined), "%s/%s", first, w->ahead);

	if (n < 0 || (size_t)n >= sizeof(joined))
		return err_set(e, -ENAMETOOLONG, "the path is too long");
	memcpy(w->ahead, joined, (size_t)n + 1);
	w->behind[0] = '\0';
	merged_dir_done(&w->dir);
	return open_root(w->lower, &w->dir, e);
}

static int step_up(struct walk *w, struct err *e)
{
	char parent[PATH_MAX];
	char *slash;

	memcpy(parent, w->behind, sizeof(parent));
	for (int i = 0; i < 2;
	     i++) { /* the slash behind the component that we leave, then the one before it */
		slash = strrchr(parent, '/');
		if (slash)
			*slash = '\0';
		else
			parent[0] = '\0';
	}
	return restart(w, parent, e);
}

static int step_link(struct walk *w, struct err *e)
{
	char target[PATH_MAX], path[PATH_MAX];
	ssize_t len = readlinkat(w->dir.fds[w->layer], w->name, target, sizeof(target) - 1);
	int n;

	if (len < 0)
		return err_errno(e, "cannot read the link '%s'", w->name);
	target[len] = '\0';
	if (++w->links > LINKS_MAX)
		return err_set(e, -ELOOP, "too many symbolic links");
	n = snprintf(path, sizeof(path), "%s%s", target[0] == '/' ? "" : w->behind, target);
	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(e, -ENAMETOOLONG, "the path is too long");
	return restart(w, path, e);
}

static int step_down(struct walk *w, struct merged_dir *into, struct err *e)
{
	size_t len = strlen(w->behind);
	int n = snprintf(w->behind + len, sizeof(w->behind) - len, "%s/", w->name);

	merged_dir_done(&w->dir);
	w->dir = *into;
	into->len = 0;
	if (n < 0 || (size_t)n >= sizeof(w->behind) - len)
		return err_set(e, -ENAMETOOLONG, "the path is too long");
	return 0;
}

/* Takes the next component off `ahead`; false at the end. */
static bool next_component(struct walk *w)
{
	size_t skip = strspn(w->ahead, "/");
	size_t len = strcspn(w->ahead + skip, "/");

	if (len == 0)
		return false;
	if (len > NAME_MAX)
		len = NAME_MAX + 1; /* enough for the kernel to refuse it */
	memcpy(w->name, w->ahead + skip, len);
	w->name[len] = '\0';
	memmove(w->ahead, w->ahead + skip + len, strlen(w->ahead + skip + len) + 1);
	return true;
}

static int walk_step(struct walk *w, enum found *ret, struct err *e)
{
	cleanup_merged_dir struct merged_dir into = { .len = 0 };
	int r;

	if (strcmp(w->name, ".") == 0)
		return 0;
	if (strcmp(w->name, "..") == 0)
		return step_up(w, e);
	r = look_up(&w->dir, w->name, &into, &w->layer, ret, e);
	if (r < 0)
		return r;
	if (*ret == FOUND_DIR)
		return step_down(w, &into, e);
	if (*ret == FOUND_LINK) {
		*ret = FOUND_DIR; /* until the next step says more: a link to the root ends there */
		return step_link(w, e);
	}
	return 0;
}

/* FOUND_DIR: w->dir is it. FOUND_OTHER: w->name in layer w->layer of w->dir. */
static int walk_to(struct walk *w, const char *path, enum found *ret, struct err *e)
{
	int r;

	w->ahead[0] = '\0';
	*ret = FOUND_DIR;
	r = restart(w, path, e);
	while (r == 0 && next_component(w)) {
		r = walk_step(w, ret, e);
		if (r == 0 && *ret == FOUND_OTHER && w->ahead[strspn(w->ahead, "/")])
			*ret = FOUND_NOTHING; /* through a file */
		if (*ret == FOUND_NOTHING || *ret == FOUND_OTHER)
			break;
	}
	if (r == 0 && *ret == FOUND_NOTHING)
		return err_set(e, -ENOENT, "no such file in the image: '%s'", path);
	return r < 0 ? err_wrap(e, "cannot find '%s' in the image", path) : 0;
}

int run_image_open(const struct strvec *lower, const char *path, int *ret_fd, struct err *e)
{
	cleanup_walk struct walk w = { .lower = lower };
	cleanup_fd int fd = -1;
	enum found found;
	struct stat st;
	int r = walk_to(&w, path, &found, e);

	if (r < 0)
		return r;
	if (found == FOUND_OTHER)
		fd = openat(w.dir.fds[w.layer], w.name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (found == FOUND_OTHER && fd < 0)
		return err_errno(e, "cannot open '%s' of the image", path);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "'%s' of the image is not a regular file", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

int run_image_read(const struct strvec *lower, const char *path, struct buf *out, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = run_image_open(lower, path, &fd, e);

	if (r < 0)
		return r;
	r = read_fd(fd, out, e);
	return r < 0 ? err_wrap(e, "'%s' of the image", path) : 0;
}

/* True where a layer's part of a directory holds anything but whiteouts. */
static bool has_entries(int dir_fd)
{
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	struct stat st;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return true; /* not knowing, hide nothing */
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_whiteout(&st))
			return true;
	}
	return false;
}

int run_image_stat_dir(const struct strvec *lower, const char *path, struct stat *ret, bool *ret_empty,
		       struct err *e)
{
	cleanup_walk struct walk w = { .lower = lower };
	enum found found;
	bool empty = true;
	int r = walk_to(&w, path, &found, e);

	if (r < 0)
		return r;
	if (found != FOUND_DIR || w.dir.len == 0)
		return err_set(e, -ENOTDIR, "'%s' of the image is not a directory", path);
	if (fstat(w.dir.fds[0], ret) < 0)
		return err_errno(e, "cannot look at '%s' of the image", path);
	for (size_t i = 0; empty && i < w.dir.len; i++)
		empty = !has_entries(w.dir.fds[i]);
	*ret_empty = empty;
	return 0;
}

static int add_part(const struct walk *w, size_t at, const char *name, struct strvec *out)
{
	return strvec_addf(out, "%s/%s%s", w->lower->items[w->dir.layers[at]], w->behind, name);
}

int run_image_parts(const struct strvec *lower, const char *path, struct strvec *ret, struct err *e)
{
	cleanup_walk struct walk w = { .lower = lower };
	cleanup_strvec struct strvec parts = { 0 };
	enum found found;
	int r = walk_to(&w, path, &found, e);

	if (r < 0)
		return r;
	if (w.behind[0] && found == FOUND_DIR)
		w.behind[strlen(w.behind) - 1] = '\0'; /* the '/' at its end */
	if (found == FOUND_OTHER)
		r = add_part(&w, w.layer, w.name, &parts);
	for (size_t i = 0; r == 0 && found == FOUND_DIR && i < w.dir.len; i++)
		r = add_part(&w, i, "", &parts);
	if (r == 0)
		r = strvec_add_all(ret, &parts);
	return r < 0 ? err_code(e, r, "cannot find '%s' in the image", path) : 0;
}
