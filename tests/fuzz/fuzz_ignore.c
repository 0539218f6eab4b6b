/* SPDX-License-Identifier: Apache-2.0 */
/* The last line is a path, what is in front of it an ignore file. What a walk prunes must not come back, the matcher must agree with
 * a slow and simple one, and what matches must be reachable from each directory that it is in. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/ignore.h"
#include "build/path_clean.h"
#include "build/rune.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEPTH_MAX 32
#define STEPS_MAX 50000

/* In brackets: *pattern stands behind '[', and then behind ']'. */
static bool class_has(const char **pattern, uint32_t rune)
{
	const char *end = *pattern + strlen(*pattern);
	bool negated = **pattern == '^', found = false;

	*pattern += negated;
	while (**pattern != ']') {
		uint32_t low, high;

		*pattern += **pattern == '\\';
		low = high = rune_next(pattern, end);
		if (**pattern == '-') {
			++*pattern;
			*pattern += **pattern == '\\';
			high = rune_next(pattern, end);
		}
		found = found || (rune >= low && rune <= high);
	}
	++*pattern;
	return found != negated;
}

static bool matches(const char *pattern, const char *path, bool start, unsigned *steps);

static bool stars(const char *pattern, const char *path, bool start, unsigned *steps)
{
	const char *rest = pattern + 2 + (pattern[2] == '/');
	size_t len = strlen(path);

	if (*rest == '\0')
		return true;
	if (start && pattern[2] != '/' && !strpbrk(rest, "*?[]\\"))
		return len >= strlen(rest) && strcmp(path + len - strlen(rest), rest) == 0;
	if (matches(rest, path, false, steps))
		return true;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
		if (matches(rest, slash + 1, false, steps))
			return true;
	return false;
}

/* `pattern` is good. */
static bool matches(const char *pattern, const char *path, bool start, unsigned *steps)
{
	uint32_t rune;

	if (++*steps > STEPS_MAX)
		return false;
	if (pattern[0] == '*' && pattern[1] == '*')
		return stars(pattern, path, start, steps);
	if (*pattern == '*') {
		if (matches(pattern + 1, path, false, steps))
			return true;
		return *path && *path != '/' &&
		       (rune_next(&path, path + strlen(path)), matches(pattern, path, false, steps));
	}
	if (*pattern == '\0' || *path == '\0')
		return *pattern == '\0' && *path == '\0';
	rune = rune_next(&path, path + strlen(path));
	if (*pattern == '?')
		return rune != '/' && matches(pattern + 1, path, false, steps);
	if (*pattern == '[') {
		pattern++;
		return class_has(&pattern, rune) && matches(pattern, path, false, steps);
	}
	pattern += *pattern == '\\';
	return rune_next(&pattern, pattern + strlen(pattern)) == rune && matches(pattern, path, false, steps);
}

static bool is_utf8(const char *text)
{
	const char *end = text + strlen(text);

	while (text < end)
		if (rune_next(&text, end) >= RUNE_BAD)
			return false;
	return true;
}

static void check_glob(const struct glob *g, const char *path)
{
	bool fast = glob_matches(g, path);
	unsigned steps = 0;
	bool slow = matches(g->text, path, true, &steps);
	cleanup_free char *copy = strdup(path);

	/* A character that is cut off at the end of a pattern is compared as bytes. */
	if (steps <= STEPS_MAX && fast != slow && is_utf8(g->text) && is_utf8(path))
		abort();
	for (char *slash = copy ? strchr(copy, '/') : NULL; slash && fast; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!glob_reaches_below(g, copy))
			abort();
		*slash = '/';
	}
}

static void walk(const struct ignore *ignore, char *path)
{
	struct ignore_state states[DEPTH_MAX] = { 0 };
	bool pruned = false, more = true;
	struct err e;

	for (size_t depth = 0; depth < DEPTH_MAX && more; depth++) {
		char *slash = path;
		struct ignore_result r;

		for (size_t i = 0; i <= depth && slash; i++)
			slash = strchr(slash + (i > 0), '/');
		more = slash != NULL;
		if (more)
			*slash = '\0';
		if (ignore_state_make(ignore, &states[depth], &e) < 0)
			break;
		r = ignore_check(ignore, depth ? &states[depth - 1] : NULL, path, &states[depth]);
		if ((pruned && !r.excluded) || (r.prune && !r.excluded))
			abort();
		pruned = pruned || r.prune;
		if (more)
			*slash = '/';
	}
	for (size_t i = 0; i < DEPTH_MAX; i++)
		ignore_state_done(&states[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_ignore struct ignore ignore = { 0 };
	const char *text = (const char *)data;
	const char *last = size ? memrchr(text, '\n', size) : NULL;
	cleanup_free char *line = NULL, *path = NULL;
	struct err e = { 0 };
	bool excluded;
	int r;

	if (!last || size > 8192)
		return 0;
	line = strndup(last + 1, (size_t)(text + size - last - 1));
	path = line ? path_clean(line) : NULL;
	if (!path || path[0] == '/')
		return 0;
	r = ignore_read(text, (size_t)(last - text), &ignore, &e);
	if (r < 0) {
		if (r != e.code || !strstr(e.text, "line "))
			abort();
		return 0;
	}
	for (size_t i = 0; i < ignore.len; i++)
		check_glob(&ignore.items[i].glob, path);
	walk(&ignore, path);
	if (ignore_check_path(&ignore, path, &excluded, &e) < 0)
		abort();
	return 0;
}
