/* SPDX-License-Identifier: Apache-2.0 */
#include "build/context.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build/path_clean.h"
#include "build/resolve.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/rootfd.h"

#define NOT_FOUND "failed to calculate checksum: \"%s\": not found" /* BuildKit's, without its ref */

void context_selection_done(struct context_selection *s)
{
	for (size_t i = 0; i < s->len; i++) {
		free(s->items[i].path);
		free(s->items[i].name);
	}
	free(s->items);
	ignore_done(&s->include);
	*s = (struct context_selection){ 0 };
}

/* --- what can be seen --- */

/* What the ignore file says of a path without symlinks. */
static int judge_path(const struct context *c, const char *path, struct ignore_result *ret, struct err *e)
{
	cleanup_free char *copy = strdup(path);
	struct ignore_state states[2] = { 0 };
	size_t depth = 0;
	int r = copy ? 0 : err_code(e, -ENOMEM, "cannot look up '/%s'", path);

	*ret = (struct ignore_result){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(states) && r == 0; i++)
		r = ignore_state_make(c->ignore, &states[i], e);
	for (char *slash = copy; slash && r == 0; depth++) {
		slash = strchr(depth ? slash + 1 : slash, '/');
		if (slash)
			*slash = '\0';
		*ret = ignore_check(c->ignore, depth ? &states[(depth - 1) % 2] : NULL, copy,
				    &states[depth % 2]);
		if (slash)
			*slash = '/';
	}
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		ignore_state_done(&states[i]);
	return r;
}

/* A symlink that is left out leads nowhere. When memory is out that comes up again where it can be said. */
static bool link_is_there(void *arg, const char *path)
{
	const struct context *c = arg;
	struct ignore_result result;
	struct err e;

	return !c->ignore || (judge_path(c, path, &result, &e) == 0 && !result.excluded);
}

/* Whether something in a directory that is left out comes back. */
static int has_something(const struct context *c, const struct context_match *m, bool *ret, struct err *e)
{
	const struct context_filter all = { 0 };
	cleanup_context_walk struct context_walk *w = NULL;
	struct context_entry entry;
	int r = context_walk_new(c, m, &all, &w, e);

	if (r == 0)
		r = context_walk_next(w, &entry, e);
	*ret = r > 0;
	return r < 0 ? r : 0;
}

/* `m` has its path: is there something, and what? -ENOENT, without text, if not. */
static int look(const struct context *c, struct context_match *m, struct err *e)
{
	cleanup_fd int fd = rootfd_try_open(c->fd, m->path, O_PATH | O_NOFOLLOW);
	struct ignore_result result = { 0 };
	struct stat st;
	bool there = true;
	int r = 0;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return -ENOENT;
	if (fd < 0)
		return err_code(e, fd, "cannot look up '/%s'", m->path);
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look up '/%s'", m->path);
	m->is_dir = S_ISDIR(st.st_mode);
	if (c->ignore && strcmp(m->path, ".") != 0)
		r = judge_path(c, m->path, &result, e);
	if (r == 0 && result.excluded) {
		there = m->is_dir && !result.prune;
		if (there)
			r = has_something(c, m, &there, e);
	}
	return r < 0 ? r : there ? 0 : -ENOENT;
}

/* --- one match --- */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int not_found(const char *path, struct err *e)
{
	return err_set(e, -ENOENT, NOT_FOUND, path);
}

/* Appends what `path`, cleaned and absolute, leads to. */
static int add_match(const struct context *c, const char *path, struct context_selection *s, struct err *e)
{
	struct context_match *grown, *m;
	char *resolved;
	int r;

	if (s->len >= CONTEXT_MATCHES_MAX)
		return err_set(e, -EFBIG, "more than %u files match", CONTEXT_MATCHES_MAX);
	grown = reallocarray(s->items, s->len + 1, sizeof(*grown));
	if (!grown)
		return err_code(e, -ENOMEM, "cannot look up '%s'", path);
	s->items = grown;
	m = &s->items[s->len];
	*m = (struct context_match){ .name = strdup(last_part(path)) };
	s->len++;
	if (!m->name)
		return err_code(e, -ENOMEM, "cannot look up '%s'", path);
	r = resolve_in_root(c->fd, path, link_is_there, (void *)(uintptr_t)c, &resolved, e);
	if (r == -ENOENT)
		return not_found(path, e);
	if (r < 0)
		return r;
	m->path = resolved;
	r = look(c, m, e);
	return r == -ENOENT ? not_found(path, e) : r;
}

/* --- wildcards --- */

/* Where the first part with wildcards begins in a cleaned, absolute path; NULL: there is none. */
static const char *first_wildcard(const char *path)
{
	for (const char *part = path + 1; *part; part += strspn(part, "/")) {
		size_t len = strcspn(part, "/");
		cleanup_free char *copy = strndup(part, len);

		/* Out of memory: taken for a pattern, it fails for the same reason. */
		if (!copy || glob_has_wildcards(copy))
			return part;
		part += len;
	}
	return NULL;
}

/* Everything below `base` that matches; what is in a directory that matches is not looked for. */
static int add_matches(const struct context *c, const struct context_match *base, const char *base_path,
		       const struct glob *glob, struct context_selection *s, struct err *e)
{
	const struct context_filter filter = { .reach = glob };
	cleanup_context_walk struct context_walk *w = NULL;
	struct context_entry entry;
	int more, r = context_walk_new(c, base, &filter, &w, e);

	if (r < 0)
		return r;
	while ((more = context_walk_next(w, &entry, e)) > 0) {
		cleanup_free char *path = NULL;

		if (entry.depth == 0 || !glob_matches(glob, entry.path))
			continue;
		if (asprintf(&path, "%s%s", base_path, entry.path) < 0)
			path = NULL;
		r = path ? add_match(c, path, s, e) : err_code(e, -ENOMEM, "cannot look up '%s'", base_path);
		if (r < 0)
			return r;
		if (entry.fd >= 0)
			context_walk_skip(w);
	}
	return more;
}

/* `path` is cleaned and absolute, `pattern` points into it. */
static int select_wildcards(const struct context *c, const char *path, const char *pattern,
			    struct context_selection *s, struct err *e)
{
	cleanup_glob struct glob glob = { 0 };
	cleanup_context_selection struct context_selection base = { 0 };
	cleanup_free char *base_path = strndup(path, (size_t)(pattern - path));
	cleanup_free char *clean = base_path ? path_clean(base_path) : NULL;
	int r;

	if (!clean)
		return err_code(e, -ENOMEM, "cannot look up '%s'", path);
	s->wildcards = true;
	r = glob_parse(GLOB_PATH, pattern, &glob, e);
	if (r < 0)
		return r;
	r = add_match(c, clean, &base, e);
	if (r == 0 && base.items && base.items[0].is_dir)
		r = add_matches(c, &base.items[0], base_path, &glob, s, e);
	return r;
}

static int select_path(const struct context *c, const char *source, struct context_selection *s,
		       struct err *e)
{
	cleanup_free char *rooted = NULL, *path = NULL;
	const char *pattern;

	if (asprintf(&rooted, "/%s", source) < 0)
		rooted = NULL;
	path = rooted ? path_clean(rooted) : NULL;
	if (!path)
		return err_code(e, -ENOMEM, "cannot look up '%s'", source);
	pattern = first_wildcard(path);
	return pattern ? select_wildcards(c, path, pattern, s, e) : add_match(c, path, s, e);
}

/* --- --parents --- */

/* What has no wildcards must be there. */
static int require(const struct context *c, const char *base, const char *rest, struct err *e)
{
	cleanup_context_selection struct context_selection s = { 0 };
	cleanup_free char *path = NULL;

	if (asprintf(&path, "%s/%s", base, rest) < 0)
		path = NULL;
	return path ? select_path(c, path, &s, e) : err_code(e, -ENOMEM, "cannot look up '%s'", base);
}

/* `base` is where names begin, `rest` a pattern below it. */
static int select_below(const struct context *c, const char *base, const char *rest,
			struct context_selection *s, struct err *e)
{
	cleanup_free char *rooted = NULL, *clean = NULL;
	int r = 0;

	if (asprintf(&rooted, "/%s", rest) < 0)
		rooted = NULL;
	clean = rooted ? path_clean(rooted) : NULL;
	if (!clean)
		return err_code(e, -ENOMEM, "cannot look up '%s'", rest);
	s->wildcards = glob_has_wildcards(base) || glob_has_wildcards(rest);
	s->has_include = clean[1] != '\0';
	if (s->has_include)
		r = ignore_add(&s->include, clean + 1, e);
	if (r == 0 && !s->wildcards)
		r = require(c, base, rest, e);
	if (r == 0) {
		bool wildcards = s->wildcards;

		r = select_path(c, base, s, e);
		s->wildcards = wildcards;
	}
	return r;
}

static int select_parents(const struct context *c, const char *source, struct context_selection *s,
			  struct err *e)
{
	const char *pivot = strstr(source, "/./");
	cleanup_free char *base = pivot ? strndup(source, (size_t)(pivot - source)) : strdup("/");

	if (!base)
		return err_code(e, -ENOMEM, "cannot look up '%s'", source);
	return select_below(c, base, pivot ? pivot + 3 : source, s, e);
}

/* Of a base that is a file there is nothing below. */
static void drop_files(struct context_selection *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->len; i++) {
		if (s->items[i].is_dir || !s->has_include) {
			s->items[kept++] = s->items[i];
			continue;
		}
		free(s->items[i].path);
		free(s->items[i].name);
	}
	s->len = kept;
}

int context_select(const struct context *c, const char *source, bool parents, struct context_selection *ret,
		   struct err *e)
{
	cleanup_context_selection struct context_selection s = { 0 };
	int r = parents ? select_parents(c, source, &s, e) : select_path(c, source, &s, e);

	if (r < 0)
		return r;
	drop_files(&s);
	*ret = s;
	s = (struct context_selection){ 0 };
	return 0;
}
