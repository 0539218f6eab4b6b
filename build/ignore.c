/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "build/path_clean.h"
#include "build/rune.h"
#include "common/buf.h"
#include "common/cleanup.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void ignore_done(struct ignore *i)
{
	for (size_t n = 0; n < i->len; n++)
		glob_done(&i->items[n].glob);
	free(i->items);
	*i = (struct ignore){ 0 };
}

/* --- reading ---------------------------------------------------------------------------------------- */

static int grow(struct ignore *i, struct err *e)
{
	size_t cap = i->cap ? 2 * i->cap : 16;
	struct ignore_pattern *items;

	if (i->len >= IGNORE_PATTERNS_MAX)
		return err_set(e, -EFBIG, "there are more than %d patterns", IGNORE_PATTERNS_MAX);
	if (i->len < i->cap)
		return 0;
	items = realloc(i->items, cap * sizeof(*items));
	if (!items)
		return err_code(e, -ENOMEM, "cannot keep the patterns");
	i->items = items;
	i->cap = cap;
	return 0;
}

/* `pattern` is clean. */
static int add_clean(struct ignore *i, const char *pattern, struct err *e)
{
	struct ignore_pattern item = { .exception = pattern[0] == '!' };
	int r = grow(i, e);

	if (r < 0 || !i->items)
		return r;
	if (item.exception && pattern[1] == '\0')
		return err_set(e, -EINVAL, "illegal exclusion pattern: '!'");
	r = glob_parse(GLOB_IGNORE, pattern + item.exception, &item.glob, e);
	if (r < 0)
		return err_wrap(e, "bad pattern '%.150s%s'", pattern, strlen(pattern) > 150 ? "..." : "");
	i->exceptions = i->exceptions || item.exception;
	i->items[i->len++] = item;
	return 0;
}

int ignore_add(struct ignore *i, const char *pattern, struct err *e)
{
	size_t len = rune_trim(&pattern, strlen(pattern));
	cleanup_free char *copy = NULL, *clean = NULL;

	if (len == 0)
		return 0;
	copy = strndup(pattern, len);
	clean = copy ? path_clean(copy) : NULL;
	if (!clean)
		return err_code(e, -ENOMEM, "cannot keep the patterns");
	return add_clean(i, clean, e);
}

/* What ignorefile makes of a line, which it is not NULL or a comment: the pattern without its '!', clean and relative. */
static char *clean_line(const char *text, size_t len)
{
	cleanup_free char *copy = strndup(text, len);
	char *clean = copy && len > 0 ? path_clean(copy) : ptr_take(copy);

	if (clean && clean[0] == '/' && clean[1] != '\0')
		memmove(clean, clean + 1, strlen(clean));
	return clean;
}

static int add_line(struct ignore *i, const char *line, size_t len, struct err *e)
{
	cleanup_free char *clean = NULL, *pattern = NULL;
	bool exception;

	/* A pattern with a zero byte, as in UTF-16, matches nothing. */
	if (len == 0 || line[0] == '#' || memchr(line, '\0', len))
		return 0;
	len = rune_trim(&line, len);
	if (len == 0)
		return 0;
	exception = line[0] == '!';
	line += exception;
	len -= exception;
	len = rune_trim(&line, len);
	clean = clean_line(line, len);
	if (!clean || asprintf(&pattern, "%s%s", exception ? "!" : "", clean) < 0)
		return err_code(e, -ENOMEM, "cannot keep the patterns");
	return ignore_add(i, pattern, e);
}

int ignore_read(const char *text, size_t len, struct ignore *ret, struct err *e)
{
	cleanup_ignore struct ignore i = { 0 };
	const char *end = text + len;

	if (len > IGNORE_FILE_MAX)
		return err_set(e, -EFBIG, "it is longer than %u bytes", IGNORE_FILE_MAX);
	if (len >= strlen(BYTE_ORDER_MARK) && memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		text += strlen(BYTE_ORDER_MARK);
	for (size_t number = 1; text < end; number++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		int r;

		stop = stop ? stop : end;
		r = add_line(&i, text, (size_t)(stop - text), e);
		if (r < 0)
			return err_wrap(e, "line %zu", number);
		text = stop < end ? stop + 1 : end;
	}
	*ret = i;
	i = (struct ignore){ 0 };
	return 0;
}

/* --- matching --------------------------------------------------------------------------------------- */

static size_t state_words(const struct ignore *i)
{
	return i->len / 64 + 1;
}

int ignore_state_make(const struct ignore *i, struct ignore_state *ret, struct err *e)
{
	uint64_t *matched = calloc(state_words(i), sizeof(*matched));

	if (!matched)
		return err_code(e, -ENOMEM, "cannot keep what a directory matches");
	ret->matched = matched;
	return 0;
}

void ignore_state_done(struct ignore_state *s)
{
	free(s->matched);
	s->matched = NULL;
}

static bool has(const struct ignore_state *s, size_t n)
{
	return s && s->matched[n / 64] >> n % 64 & 1;
}

/* Whether an exception behind pattern `last`, which left `path` out, could bring something below it back. What comes in front of
 * `last` is overruled by it down there too. */
static bool may_come_back(const struct ignore *i, size_t last, const char *path)
{
	for (size_t n = last + 1; n < i->len; n++)
		if (i->items[n].exception && glob_reaches_below(&i->items[n].glob, path))
			return true;
	return false;
}

struct ignore_result ignore_check(const struct ignore *i, const struct ignore_state *parent, const char *path,
				  struct ignore_state *state)
{
	struct ignore_result result = { 0 };
	size_t last = 0;

	if (state)
		memset(state->matched, 0, state_words(i) * sizeof(*state->matched));
	for (size_t n = 0; n < i->len; n++) {
		const struct ignore_pattern *p = &i->items[n];

		/* A pattern that would change nothing is not matched, and those below do not know of it: as in BuildKit. */
		if (!has(parent, n) && (p->exception != result.excluded || !glob_matches(&p->glob, path)))
			continue;
		if (state)
			state->matched[n / 64] |= UINT64_C(1) << n % 64;
		if (!p->exception)
			last = n;
		result.excluded = !p->exception;
	}
	if (state && result.excluded)
		result.prune = !i->exceptions || !may_come_back(i, last, path);
	return result;
}

/* `path` is a copy to cut up. */
static bool matches_or_parent_does(const struct glob *g, char *path)
{
	bool found = glob_matches(g, path);

	for (char *slash = strchr(path, '/'); slash && !found; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		found = glob_matches(g, path);
		*slash = '/';
	}
	return found;
}

int ignore_check_path(const struct ignore *i, const char *path, bool *ret_excluded, struct err *e)
{
	cleanup_free char *copy = strdup(path);
	bool excluded = false;

	if (!copy)
		return err_code(e, -ENOMEM, "cannot match '%.150s'", path);
	for (size_t n = 0; n < i->len; n++) {
		const struct ignore_pattern *p = &i->items[n];

		if (p->exception == excluded && matches_or_parent_does(&p->glob, copy))
			excluded = !p->exception;
	}
	*ret_excluded = excluded;
	return 0;
}

/* --- which file ------------------------------------------------------------------------------------- */

enum ignore_file ignore_file_choose(unsigned exist)
{
	unsigned file = 0;

	while (file < IGNORE_FILE_NONE && !(exist >> file & 1))
		file++;
	return (enum ignore_file)file;
}

char *ignore_file_path(enum ignore_file file, const char *dockerfile)
{
	char *path = NULL;

	switch (file) {
	case IGNORE_FILE_OF_DOCKERFILE:
		return asprintf(&path, "%s.dockerignore", dockerfile) < 0 ? NULL : path;
	case IGNORE_FILE_OF_CONTAINERFILE:
		return asprintf(&path, "%s.containerignore", dockerfile) < 0 ? NULL : path;
	case IGNORE_FILE_CONTAINERIGNORE:
		return strdup(".containerignore");
	default:
		return strdup(".dockerignore");
	}
}
