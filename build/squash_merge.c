/* SPDX-License-Identifier: Apache-2.0 */
/* Every path is looked at from the roots of the layers and of the copy, so that depth costs no descriptors. What leads to it has been seen to be a directory in each layer that is asked, and
 * nobody changes layers: no symlink is on the way. */
#include "build/squash_merge.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/copy_data.h"
#include "build/squash.h"
#include "build/xattrs.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/strvec.h"
#include "pull/layer_dirs.h"
#include "pull/layer_xattr.h"

#define OPEN_DIR    (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define FD_PATH_MAX 32

/* The first name of a file that has several. */
struct known_link {
	dev_t device;
	ino_t inode;
	char *path;
};

struct merge {
	const int *roots;
	size_t made; /* layers; those behind them are the base */
	int to_fd;
	struct buf path; /* of what is in hand; "" for the root */
	unsigned int depth;
	void *links; /* tsearch(3) tree of struct known_link */
	size_t links_len;
	struct data_copier copier;
};

/* The layers that a directory is merged of, topmost first. */
struct view {
	size_t *layers;
	size_t len;
};

static void view_done(struct view *v)
{
	free(v->layers);
}
#define cleanup_view __attribute__((cleanup(view_done)))

static int compare_links(const void *a, const void *b)
{
	const struct known_link *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void link_free(void *p)
{
	struct known_link *l = p;

	free(l->path);
	free(l);
}

static void merge_done(struct merge *m)
{
	tdestroy(m->links, link_free);
	data_copier_done(&m->copier);
	buf_done(&m->path);
}
#define cleanup_merge __attribute__((cleanup(merge_done)))

static const char *shown(const struct merge *m)
{
	return m->path.len > 0 ? m->path.data : ".";
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot squash layers");
}

/* --- what the layers have at the path in hand ------------------------------------------------------------- */

enum below { BELOW_NOTHING, BELOW_FILE, BELOW_DIRECTORY };

struct found {
	size_t layer;     /* the topmost that has it */
	struct stat st;   /* there */
	enum below below; /* what the base shows there */
	bool is_cut;      /* a directory that does not show what the base has in its own */
	struct view dirs; /* of a directory: what it is merged of */
};

static int is_opaque(const struct merge *m, size_t layer, struct err *e)
{
	cleanup_fd int fd = openat(m->roots[layer], shown(m), OPEN_DIR);

	return fd < 0 ? err_errno(e, "cannot open '%s'", shown(m)) : layer_xattr_is_opaque(fd);
}

static enum below below_of(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return BELOW_DIRECTORY;
	return layer_is_whiteout(st) ? BELOW_NOTHING : BELOW_FILE;
}

/* 1: the layer has what is in hand. */
static int look(const struct merge *m, size_t layer, struct stat *ret, struct err *e)
{
	if (fstatat(m->roots[layer], shown(m), ret, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_errno(e, "cannot look at '%s'", shown(m));
}

/* One more layer that has it. *open: nothing so far has hidden what comes below. */
static int take_in(const struct merge *m, struct found *f, size_t layer, const struct stat *st, bool *open,
		   struct err *e)
{
	int r;

	if (layer >= m->made && f->below == BELOW_NOTHING) {
		f->below = below_of(st);
		f->is_cut = !*open;
	}
	if (!*open || !S_ISDIR(st->st_mode)) {
		*open = false;
		return 0;
	}
	f->dirs.layers[f->dirs.len++] = layer;
	r = is_opaque(m, layer, e);
	*open = r == 0;
	return r < 0 ? r : 0;
}

/* Some merged layer of `in` has it. f->dirs is to be done. */
static int find(const struct merge *m, const struct view *in, struct found *f, struct err *e)
{
	bool open = true, is_first = true;
	struct stat st;
	int r = 0;

	f->dirs.layers = calloc(in->len + 1, sizeof(*f->dirs.layers));
	if (!f->dirs.layers)
		return no_memory(e);
	for (size_t i = 0; r == 0 && i < in->len; i++) {
		size_t layer = in->layers[i];

		r = look(m, layer, &st, e);
		if (r <= 0)
			continue;
		if (is_first) {
			f->layer = layer;
			f->st = st;
			is_first = false;
		}
		r = take_in(m, f, layer, &st, &open, e);
		if (layer >= m->made && !open)
			break; /* whatever else the base has there it hides by itself */
	}
	return r;
}

/* --- what a file is beside its contents --------------------------------------------------------------------- */

/* The owner first: a change of it takes set-ID bits and capabilities away. */
static int dress(const struct merge *m, int from_fd, int to_fd, const struct stat *st, struct err *e)
{
	const struct timespec times[2] = { st->st_mtim, st->st_mtim };
	cleanup_xattrs struct xattrs x = { 0 };
	char to[FD_PATH_MAX];
	int r;

	/* Through /proc, so that it works for what cannot be opened. */
	(void)snprintf(to, sizeof(to), "/proc/self/fd/%d", to_fd);
	if (chown(to, st->st_uid, st->st_gid) < 0 || chmod(to, st->st_mode & 07777) < 0)
		return err_errno(e, "cannot set the owner of '%s'", shown(m));
	r = from_fd < 0 ? 0 : xattrs_read(from_fd, "", &x, e);
	if (r == 0)
		r = xattrs_write(to_fd, "", &x, e);
	if (r < 0)
		return err_wrap(e, "'%s'", shown(m));
	return utimensat(AT_FDCWD, to, times, 0) < 0 ? err_errno(e, "cannot set the time of '%s'", shown(m))
						     : 0;
}

/* --- hard links ----------------------------------------------------------------------------------------------- */

static int remember(struct merge *m, const struct known_link *key, struct err *e)
{
	struct known_link *l;

	if (m->links_len++ == SQUASH_LINKS_MAX)
		return err_set(e, -EFBIG, "more than %d files have several names", SQUASH_LINKS_MAX);
	l = malloc(sizeof(*l));
	if (!l)
		return no_memory(e);
	*l = *key;
	l->path = strdup(m->path.data);
	if (!l->path || !tsearch(l, &m->links, compare_links)) {
		link_free(l);
		return no_memory(e);
	}
	return 0;
}

/* 1: it is another name of a file that is there by now. */
static int try_link(struct merge *m, const struct stat *st, struct err *e)
{
	const struct known_link key = { .device = st->st_dev, .inode = st->st_ino };
	const struct known_link *const *known;

	if (st->st_nlink < 2)
		return 0;
	known = tfind(&key, &m->links, compare_links);
	if (!known)
		return remember(m, &key, e);
	if (linkat(m->to_fd, (*known)->path, m->to_fd, m->path.data, 0) < 0)
		return err_errno(e, "cannot link '%s'", shown(m));
	return 1;
}

/* --- one thing -------------------------------------------------------------------------------------------------- */

static int copy_file(struct merge *m, const struct found *f, struct err *e)
{
	cleanup_fd int from = openat(m->roots[f->layer], m->path.data,
				     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	cleanup_fd int to = -1;
	int r;

	if (from < 0)
		return err_errno(e, "cannot open '%s'", shown(m));
	to = openat(m->to_fd, m->path.data, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_errno(e, "cannot make '%s'", shown(m));
	r = copy_data(&m->copier, from, to, &f->st);
	return r < 0 ? err_code(e, r, "cannot copy '%s'", shown(m)) : dress(m, from, to, &f->st, e);
}

static int copy_symlink(const struct merge *m, const struct found *f, struct err *e)
{
	const struct timespec times[2] = { f->st.st_mtim, f->st.st_mtim };
	char target[PATH_MAX];
	ssize_t len = readlinkat(m->roots[f->layer], m->path.data, target, sizeof(target) - 1);

	if (len < 0)
		return err_errno(e, "cannot read the link '%s'", shown(m));
	target[len] = '\0';
	if (symlinkat(target, m->to_fd, m->path.data) < 0 ||
	    fchownat(m->to_fd, m->path.data, f->st.st_uid, f->st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(m->to_fd, m->path.data, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "cannot make the link '%s'", shown(m));
	return 0;
}

/* Devices and pipes, and whiteouts, whose time is in a layer's tar as well. */
static int copy_special(const struct merge *m, const struct found *f, struct err *e)
{
	cleanup_fd int to = -1;

	if (mknodat(m->to_fd, m->path.data, f->st.st_mode & ~07077u, f->st.st_rdev) < 0)
		return err_errno(e, "cannot make '%s'", shown(m));
	to = openat(m->to_fd, m->path.data, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return to < 0 ? err_errno(e, "cannot open '%s'", shown(m)) : dress(m, -1, to, &f->st, e);
}

static int copy_thing(struct merge *m, const struct found *f, struct err *e)
{
	int r;

	if (layer_is_whiteout(&f->st))
		return f->below == BELOW_NOTHING ? 0 : copy_special(m, f, e);
	if (S_ISSOCK(f->st.st_mode))
		return 0; /* which no tar of a layer has */
	r = try_link(m, &f->st, e);
	if (r != 0)
		return r < 0 ? r : 0;
	if (S_ISREG(f->st.st_mode))
		return copy_file(m, f, e);
	return S_ISLNK(f->st.st_mode) ? copy_symlink(m, f, e) : copy_special(m, f, e);
}

/* --- directories ---------------------------------------------------------------------------------------------- */

static int merge_dir(struct merge *m, const struct view *v, struct err *e);

/* When nothing more is made in it, which would change its time. */
static int complete(const struct merge *m, const struct found *f, struct err *e)
{
	cleanup_fd int from = openat(m->roots[f->layer], shown(m), OPEN_DIR);
	cleanup_fd int to = from < 0 ? -1 : openat(m->to_fd, shown(m), OPEN_DIR);
	int r = 0;

	if (to < 0)
		return err_errno(e, "cannot open '%s'", shown(m));
	if (f->is_cut && f->below == BELOW_DIRECTORY)
		r = layer_xattr_set_opaque(to, shown(m), e);
	return r < 0 ? r : dress(m, from, to, &f->st, e);
}

static int make_dir(struct merge *m, const struct found *f, struct err *e)
{
	int r;

	if (mkdirat(m->to_fd, m->path.data, 0700) < 0)
		return err_errno(e, "cannot make '%s'", shown(m));
	r = merge_dir(m, &f->dirs, e);
	return r < 0 ? r : complete(m, f, e);
}

static int merge_thing(struct merge *m, const struct view *v, struct err *e)
{
	struct found f = { 0 };
	int r = find(m, v, &f, e);

	if (r == 0)
		r = S_ISDIR(f.st.st_mode) ? make_dir(m, &f, e) : copy_thing(m, &f, e);
	view_done(&f.dirs);
	return r;
}

static int list_layer(const struct merge *m, size_t layer, struct strvec *out, struct err *e)
{
	int fd = openat(m->roots[layer], shown(m), OPEN_DIR);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!dir) {
		cleanup_fd_fn(&fd);
		return err_errno(e, "cannot list '%s'", shown(m));
	}
	while ((errno = 0, d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (strvec_add(out, d->d_name) < 0)
			return err_set(e, -EFBIG, "'%s' has too many files, or memory is out", shown(m));
	}
	return errno ? err_errno(e, "cannot list '%s'", shown(m)) : 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted; names that several layers have are there as often. */
static int list_names(const struct merge *m, const struct view *v, struct strvec *out, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->len && v->layers[i] < m->made; i++)
		r = list_layer(m, v->layers[i], out, e);
	if (out->len > 1)
		qsort(out->items, out->len, sizeof(*out->items), by_text);
	return r;
}

static int merge_dir(struct merge *m, const struct view *v, struct err *e)
{
	cleanup_strvec struct strvec names = { .max = SQUASH_NAMES_MAX };
	size_t before = m->path.len;
	int r;

	if (++m->depth > SQUASH_DEPTH_MAX)
		return err_set(e, -ELOOP, "directories are nested deeper than %d", SQUASH_DEPTH_MAX);
	r = list_names(m, v, &names, e);
	for (size_t i = 0; r == 0 && i < names.len; i++) {
		if (i > 0 && strcmp(names.items[i], names.items[i - 1]) == 0)
			continue;
		if (buf_printf(&m->path, "%s%s", before ? "/" : "", names.items[i]) < 0)
			return err_set(e, -ENAMETOOLONG, "a path below '%s' is too long", shown(m));
		r = merge_thing(m, v, e);
		m->path.len = before;
		m->path.data[before] = '\0';
	}
	m->depth--;
	return r;
}

int squash_merge(const int *roots, size_t len, size_t made, int to_fd, struct err *e)
{
	cleanup_merge struct merge m = {
		.roots = roots, .made = made, .to_fd = to_fd, .path = BUF_INIT(PATH_MAX - 1)
	};
	cleanup_view struct view all = { .layers = calloc(len + 1, sizeof(*all.layers)), .len = len };
	struct found root = { 0 };
	int r;

	if (!all.layers)
		return no_memory(e);
	for (size_t i = 0; i < len; i++)
		all.layers[i] = i;
	r = find(&m, &all, &root, e);
	if (r == 0)
		r = merge_dir(&m, &root.dirs, e);
	if (r == 0)
		r = complete(&m, &root, e);
	view_done(&root.dirs);
	return r;
}
