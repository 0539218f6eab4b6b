/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/place.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/rootfd.h"

#define LINKS_MAX 40 /* the kernel's limit: path_resolution(7) */

void place_done(struct place *p)
{
	free(p->parent);
	free(p->name);
	if (p->parent_fd >= 0)
		(void)close(p->parent_fd);
	*p = PLACE_EMPTY;
}

void place_target_done(struct place_target *t)
{
	free(t->dir);
	free(t->as);
	*t = (struct place_target){ 0 };
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot copy");
}

/* Takes the last component away. */
static void drop_last(struct buf *b)
{
	const char *slash = b->len ? strrchr(b->data, '/') : NULL;

	b->len = slash ? (size_t)(slash - b->data) : 0;
	if (b->data)
		b->data[b->len] = '\0';
}

/* "/a//b/../c/." -> "a/c" */
static int clean(const char *path, struct buf *out)
{
	int r = buf_add(out, "", 0);

	while (r == 0 && *path) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && memcmp(path, "..", 2) == 0) {
			drop_last(out);
		} else if (len > 1 || (len == 1 && *path != '.')) {
			if (out->len > 0)
				r = buf_add_char(out, '/');
			if (r == 0)
				r = buf_add(out, path, len);
		}
		path += len;
	}
	return r;
}

static int split(const char *path, struct place *p, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PATH_MAX);
	const char *slash;
	int r = clean(path, &text);

	if (r == -EFBIG)
		return err_code(e, -ENAMETOOLONG, "'%.128s'", path);
	if (r < 0)
		return no_memory(e);
	slash = text.len ? strrchr(text.data, '/') : NULL;
	free(p->name);
	free(p->parent);
	p->name = strdup(slash ? slash + 1 : text.len ? text.data : "");
	p->parent = slash ? strndup(text.data, (size_t)(slash - text.data)) : strdup("");
	return p->name && p->parent ? 0 : no_memory(e);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* The path that a link at the end stands for. Owned; NULL: out of memory, or it is none any more. */
static char *follow_link(const struct place *p)
{
	char target[PATH_MAX], *out = NULL;
	ssize_t len = readlinkat(p->parent_fd, p->name, target, sizeof(target) - 1);

	if (len < 0)
		return NULL;
	target[len] = '\0';
	if (target[0] == '/')
		return strdup(target);
	return asprintf(&out, "%s/%s", p->parent, target) < 0 ? NULL : out;
}

/* What the text in p->parent and p->name names. */
static int look(struct place *p)
{
	if (p->parent_fd >= 0)
		(void)close(p->parent_fd);
	p->parent_fd = rootfd_try_open(p->root_fd, *p->parent ? p->parent : ".", O_PATH | O_DIRECTORY);
	if (p->parent_fd < 0)
		return p->parent_fd;
	p->exists = fstatat(p->parent_fd, *p->name ? p->name : ".", &p->st, AT_SYMLINK_NOFOLLOW) == 0;
	return p->exists || errno == ENOENT ? 0 : -errno;
}

static int find(struct place *p, const char *path, bool follow, struct err *e)
{
	int r = split(path, p, e);

	if (r == 0)
		r = look(p);
	for (int links = 0; r == 0 && follow && p->exists && S_ISLNK(p->st.st_mode); links++) {
		cleanup_free char *target = follow_link(p);

		if (links == LINKS_MAX)
			return err_code(e, -ELOOP, "'%.128s'", path);
		if (!target)
			return no_memory(e);
		r = split(target, p, e);
		if (r == 0)
			r = look(p);
	}
	return r;
}

int place_find(int root_fd, const char *path, bool follow, struct place *ret, struct err *e)
{
	struct place p = PLACE_EMPTY;
	int r;

	p.root_fd = root_fd;
	p.contents = strcmp(path, ".") == 0 || ends_with(path, "/.");
	p.directory = p.contents || ends_with(path, "/");
	r = find(&p, path, follow || p.directory, e);
	if (r < 0) {
		place_done(&p);
		return r;
	}
	if (!*p.name) /* the root has no name to go by */
		p.contents = p.directory = true;
	*ret = p;
	return 0;
}

static int set(struct place_target *t, const char *dir, const char *below, const char *as, struct err *e)
{
	if (asprintf(&t->dir, "%s%s%s", dir, *dir && *below ? "/" : "", below) < 0)
		t->dir = NULL;
	t->as = strdup(as);
	if (t->dir && t->as)
		return 0;
	place_target_done(t);
	return no_memory(e);
}

int place_decide(const struct place *from, const struct place *to, struct place_target *ret, struct err *e)
{
	bool is_dir = S_ISDIR(from->st.st_mode);

	if (from->directory && !is_dir)
		return err_set(e, -ENOTDIR, "not a directory");
	if (to->exists && S_ISDIR(to->st.st_mode))
		return set(ret, to->parent, to->name, from->contents ? "." : from->name, e);
	if (is_dir && to->exists)
		return err_set(e, -EINVAL, "cannot copy a directory to a file");
	if (to->directory && to->exists)
		return err_set(e, -ENOTDIR, "not a directory");
	if (to->directory && !is_dir)
		return err_set(e, -ENOENT, "no such directory");
	return set(ret, to->parent, "", to->name, e);
}
