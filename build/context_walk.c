/* SPDX-License-Identifier: Apache-2.0 */
#include "build/context.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/rootfd.h"

#define OPEN_DIR     (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define LISTING_SIZE 32768

/* The ignore file's patterns match paths in the context, the other ones paths below the match. */
enum { BY_IGNORE, BY_INCLUDE, BY_EXCLUDE, MATCHERS };

struct level {
	int fd;
	struct stat st;
	struct buf names;    /* each with its NUL */
	const char **sorted; /* in names */
	size_t len, next;
	size_t path_len; /* of the walk's path */
	bool returned;
	struct ignore_state states[MATCHERS];
};

struct context_walk {
	const struct context *context;
	const struct context_match *match;
	struct context_filter filter;
	const struct ignore *matchers[MATCHERS];
	struct buf path;     /* in the context, of where we are */
	size_t base_len;     /* of what is the match's own, with a '/' behind it if there is any */
	struct buf returned; /* the path of the entry that was returned */
	int base_fd;         /* what the match is in */
	char *listing;

	struct level *levels;
	size_t depth, cap;       /* levels in use, and made */
	struct ignore_state top; /* of the directory that the match is in: ignore file only */
	bool begun, has_pending;
	struct context_entry pending; /* waits for the directories that it is in */
};

/* --- making and unmaking --- */

static void level_clear(struct level *l)
{
	cleanup_fd_fn(&l->fd);
	l->fd = -1;
	buf_done(&l->names);
	free(l->sorted);
	l->sorted = NULL;
	l->len = l->next = 0;
}

void context_walk_free(struct context_walk *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->cap; i++) {
		level_clear(&w->levels[i]);
		for (size_t k = 0; k < MATCHERS; k++)
			ignore_state_done(&w->levels[i].states[k]);
	}
	free(w->levels);
	ignore_state_done(&w->top);
	buf_done(&w->path);
	buf_done(&w->returned);
	cleanup_fd_fn(&w->base_fd);
	free(w->listing);
	free(w);
}

void context_walk_free_fn(struct context_walk **w)
{
	context_walk_free(*w);
}

static int read_error(const struct context_walk *w, int r, struct err *e)
{
	return err_code(e, r, "cannot read '/%s'", w->path.len ? w->path.data : "");
}

static void cut(struct context_walk *w, size_t len)
{
	w->path.len = len;
	if (w->path.data)
		w->path.data[len] = '\0';
}

/* One more level: its states are made once, and used again for each directory at that depth. */
static int make_level(struct context_walk *w, struct err *e)
{
	struct level *grown;
	int r = 0;

	if (w->depth < w->cap)
		return 0;
	if (w->depth >= CONTEXT_DEPTH_MAX)
		return err_set(e, -EFBIG, "more than %d directories in each other: '/%s'", CONTEXT_DEPTH_MAX,
			       w->path.data);
	grown = reallocarray(w->levels, w->cap + 1, sizeof(*grown));
	if (!grown)
		return read_error(w, -ENOMEM, e);
	w->levels = grown;
	w->levels[w->cap] = (struct level){ .fd = -1, .names = BUF_INIT(CONTEXT_NAMES_MAX) };
	w->cap++;
	for (size_t k = 0; k < MATCHERS && r == 0; k++)
		if (w->matchers[k])
			r = ignore_state_make(w->matchers[k], &grown[w->cap - 1].states[k], e);
	return r;
}

/* The directories above the match, for the ignore file: w->top is the state of the last one. */
static int descend_to_match(struct context_walk *w, struct err *e)
{
	cleanup_ignore_state struct ignore_state other = { 0 };
	struct ignore_state *last = NULL;
	char *path = w->path.data;
	int r;

	if (!w->matchers[BY_IGNORE])
		return 0;
	r = ignore_state_make(w->matchers[BY_IGNORE], &w->top, e);
	if (r == 0)
		r = ignore_state_make(w->matchers[BY_IGNORE], &other, e);
	for (char *slash = strchr(path, '/'); slash && r == 0; slash = strchr(slash + 1, '/')) {
		struct ignore_state *here = last == &w->top ? &other : &w->top;

		*slash = '\0';
		(void)ignore_check(w->matchers[BY_IGNORE], last, path, here);
		*slash = '/';
		last = here;
	}
	if (last == &other) {
		const struct ignore_state swap = w->top;

		w->top = other;
		other = swap;
	}
	return r;
}

static int open_base(struct context_walk *w, struct err *e)
{
	const char *slash = strrchr(w->match->path, '/');
	cleanup_free char *parent =
		slash ? strndup(w->match->path, (size_t)(slash - w->match->path)) : strdup(".");

	if (!parent)
		return read_error(w, -ENOMEM, e);
	return rootfd_open(w->context->fd, parent, O_RDONLY | O_DIRECTORY, 0, &w->base_fd, e);
}

static bool is_root(const struct context_match *m)
{
	return strcmp(m->path, ".") == 0;
}

int context_walk_new(const struct context *c, const struct context_match *match,
		     const struct context_filter *filter, struct context_walk **ret, struct err *e)
{
	cleanup_context_walk struct context_walk *w = calloc(1, sizeof(*w));
	int r = 0;

	if (w)
		*w = (struct context_walk){ .context = c,
					    .match = match,
					    .filter = *filter,
					    .matchers = { c->ignore, filter->include, filter->exclude },
					    .path = BUF_INIT(CONTEXT_PATH_MAX),
					    .returned = BUF_INIT(CONTEXT_PATH_MAX),
					    .base_fd = -1,
					    .listing = malloc(LISTING_SIZE) };
	if (!w || !w->listing)
		return err_code(e, -ENOMEM, "cannot read '/%s'", match->path);
	r = buf_add_str(&w->path, is_root(match) ? "" : match->path);
	if (r < 0)
		return read_error(w, r, e);
	w->base_len = w->path.len ? w->path.len + 1 : 0;
	r = descend_to_match(w, e);
	if (r == 0)
		r = open_base(w, e);
	if (r == 0)
		*ret = ptr_take(w);
	return r;
}

/* --- reading directories --- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int sort_names(struct level *l)
{
	const char *name = l->names.data;

	l->sorted = calloc(l->len ? l->len : 1, sizeof(*l->sorted));
	if (!l->sorted)
		return -ENOMEM;
	for (size_t i = 0; i < l->len; i++, name += strlen(name) + 1)
		l->sorted[i] = name;
	if (l->len > 1)
		qsort(l->sorted, l->len, sizeof(*l->sorted), compare_names);
	return 0;
}

static int read_names(const struct context_walk *w, struct level *l)
{
	ssize_t n;

	while ((n = getdents64(l->fd, w->listing, LISTING_SIZE)) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(w->listing + at);
			int r;

			at += d->d_reclen;
			if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
				continue;
			r = buf_add(&l->names, d->d_name, strlen(d->d_name) + 1);
			if (r < 0)
				return r;
			l->len++;
		}
	}
	return n < 0 ? -errno : sort_names(l);
}

/* --- which entries --- */

struct verdict {
	bool included, enter;
};

/* Of the directory that the path is in, for one matcher. What has no path itself has no state for what is below it. */
static const struct ignore_state *state_above(const struct context_walk *w, size_t matcher)
{
	if (w->depth == 0)
		return matcher == BY_IGNORE && strchr(w->path.data, '/') ? &w->top : NULL;
	if (w->depth == 1 && (matcher != BY_IGNORE || w->base_len == 0))
		return NULL;
	return &w->levels[w->depth - 1].states[matcher];
}

/* The path below the match; "" for itself. */
static const char *path_below(const struct context_walk *w)
{
	return w->path.len > w->base_len ? w->path.data + w->base_len : "";
}

/* What the matchers say of w->path. `here`: its level, if it is a directory, else NULL. */
static struct verdict judge(struct context_walk *w, struct level *here)
{
	struct verdict v = { .included = true, .enter = true };

	for (size_t k = 0; k < MATCHERS; k++) {
		const char *path = k == BY_IGNORE && w->path.len ? w->path.data : path_below(w);
		struct ignore_result r;

		if (!w->matchers[k] || *path == '\0')
			continue;
		r = ignore_check(w->matchers[k], state_above(w, k), path, here ? &here->states[k] : NULL);
		v.included = v.included && r.excluded == (k == BY_INCLUDE);
		v.enter = v.enter && (k == BY_INCLUDE || !r.prune);
	}
	return v;
}

/* Whether something in this directory, which is not included itself, could be. */
static bool may_include_below(const struct context_walk *w, const char *path)
{
	const struct ignore *include = w->filter.include;

	if (!include)
		return true;
	for (size_t i = 0; i < include->len; i++)
		if (glob_reaches_below(&include->items[i].glob, path))
			return true;
	return false;
}

static bool wanted_below(const struct context_walk *w, const struct verdict *v)
{
	const char *path = path_below(w);

	if (!v->included)
		return v->enter && may_include_below(w, path);
	return v->enter && (!w->filter.reach || glob_reaches_below(w->filter.reach, path));
}

/* Sockets mean nothing without who listens; a whiteout is no file. */
static bool is_nothing(const struct stat *st)
{
	return S_ISSOCK(st->st_mode) || (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0));
}

static struct context_entry level_entry(const struct context_walk *w, size_t depth)
{
	const struct level *l = &w->levels[depth];
	struct context_entry entry = { .depth = depth, .fd = l->fd, .st = l->st };

	if (depth == 0) {
		entry.parent_fd = l->fd;
		entry.name = ".";
	} else {
		entry.parent_fd = w->levels[depth - 1].fd;
		entry.name = w->levels[depth - 1].sorted[w->levels[depth - 1].next - 1];
	}
	return entry;
}

/* Into the directory `name` of dir_fd, w->path already being its path. */
static int enter(struct context_walk *w, int dir_fd, const char *name, struct err *e)
{
	struct level *l = &w->levels[w->depth];
	int r;

	l->fd = openat(dir_fd, name, OPEN_DIR);
	if (l->fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return err_set(e, -EBUSY, "'/%s' changed while it was read", w->path.data);
	if (l->fd < 0 || fstat(l->fd, &l->st) < 0)
		return read_error(w, -errno, e);
	l->path_len = w->path.len;
	l->returned = false;
	r = read_names(w, l);
	return r < 0 ? read_error(w, r, e) : 0;
}

/* A directory: 1 if it is to be returned. Where it is entered w->depth grows. */
static int take_directory(struct context_walk *w, int dir_fd, const char *name, struct err *e)
{
	struct verdict v;
	int r = make_level(w, e);

	if (r < 0)
		return r;
	v = judge(w, &w->levels[w->depth]);
	if (!v.included && !wanted_below(w, &v))
		return 0;
	r = enter(w, dir_fd, name, e);
	if (r < 0)
		return r;
	if (!wanted_below(w, &v))
		w->levels[w->depth].len = 0;
	w->depth++;
	return v.included;
}

static int take(struct context_walk *w, int dir_fd, const char *name, struct context_entry *ret,
		struct err *e)
{
	struct context_entry entry = { .depth = w->depth, .parent_fd = dir_fd, .name = name, .fd = -1 };
	int r;

	if (fstatat(dir_fd, name, &entry.st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT && w->depth > 0 ? 0 : read_error(w, -errno, e);
	if (is_nothing(&entry.st))
		return 0;
	if (S_ISDIR(entry.st.st_mode)) {
		r = take_directory(w, dir_fd, name, e);
		if (r > 0)
			*ret = level_entry(w, w->depth - 1);
		return r;
	}
	if (!judge(w, NULL).included)
		return 0;
	*ret = entry;
	return 1;
}

/* --- one after the other --- */

/* A match that is no directory, and that --exclude names. */
static int match_is_excluded(const struct context_walk *w, bool *ret, struct err *e)
{
	*ret = false;
	if (!w->filter.exclude || !w->filter.exclude_matches || w->match->is_dir)
		return 0;
	return ignore_check_path(w->filter.exclude, w->match->name, ret, e);
}

static int begin(struct context_walk *w, struct context_entry *ret, struct err *e)
{
	const char *slash = strrchr(w->match->path, '/');
	bool excluded;
	int r = match_is_excluded(w, &excluded, e);

	w->begun = true;
	if (r < 0 || excluded)
		return r;
	return take(w, w->base_fd, slash ? slash + 1 : w->match->path, ret, e);
}

/* Back to where the directory that is through was found. */
static void leave(struct context_walk *w)
{
	level_clear(&w->levels[--w->depth]);
}

/* The next that is to be returned, but for the directories that it is in. */
static int find_next(struct context_walk *w, struct context_entry *ret, struct err *e)
{
	int r = w->begun ? 0 : begin(w, ret, e);

	while (r == 0 && w->depth > 0) {
		struct level *l = &w->levels[w->depth - 1];
		const char *name;

		if (l->next >= l->len) {
			leave(w);
			continue;
		}
		name = l->sorted[l->next++];
		cut(w, l->path_len);
		r = l->path_len ? buf_add_char(&w->path, '/') : 0;
		if (r == 0)
			r = buf_add_str(&w->path, name);
		if (r < 0)
			return read_error(w, r, e);
		r = take(w, l->fd, name, ret, e);
	}
	return r;
}

/* Its path is what w->path begins with. */
static int give(struct context_walk *w, const struct context_entry *entry, size_t path_len,
		struct context_entry *ret, struct err *e)
{
	int r;

	buf_clear(&w->returned);
	r = buf_add(&w->returned, path_len > w->base_len ? w->path.data + w->base_len : "",
		    path_len > w->base_len ? path_len - w->base_len : 0);
	if (r < 0)
		return read_error(w, r, e);
	*ret = *entry;
	ret->path = w->returned.data;
	return 1;
}

/* The first directory that waits for the pending entry; NULL: none, or it is that one. */
static struct level *first_waiting(struct context_walk *w, size_t *ret_depth)
{
	for (size_t i = 0; i < w->pending.depth; i++) {
		if (!w->levels[i].returned) {
			*ret_depth = i;
			return &w->levels[i];
		}
	}
	return NULL;
}

int context_walk_next(struct context_walk *w, struct context_entry *ret, struct err *e)
{
	struct context_entry entry;
	struct level *waiting;
	size_t depth = 0;

	if (!w->has_pending) {
		int r = find_next(w, &w->pending, e);

		if (r <= 0)
			return r;
		w->has_pending = true;
	}
	waiting = first_waiting(w, &depth);
	if (waiting) {
		waiting->returned = true;
		entry = level_entry(w, depth);
		entry.implied = true;
		return give(w, &entry, waiting->path_len, ret, e);
	}
	w->has_pending = false;
	if (w->pending.fd >= 0)
		w->levels[w->pending.depth].returned = true;
	return give(w, &w->pending, w->path.len, ret, e);
}

/* It may be one that something waits in: that is left out, too. */
void context_walk_skip(struct context_walk *w)
{
	size_t last = 0;

	for (size_t i = 0; i < w->depth; i++)
		if (w->levels[i].returned)
			last = i;
	w->has_pending = false;
	while (w->depth > last)
		leave(w);
}
