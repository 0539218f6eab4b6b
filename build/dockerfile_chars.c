/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "build/dockerfile_parse.h"
#include "build/rune.h"

bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

size_t space_len(const char *p, size_t len)
{
	const char *next = p;

	if (len == 0 || !rune_is_space(rune_next(&next, p + len)))
		return 0;
	return (size_t)(next - p);
}

struct slice slice_skip(struct slice s, size_t len)
{
	return (struct slice){ s.p + len, s.len - len };
}

bool slice_is(struct slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

struct slice trim_left(struct slice s)
{
	size_t n;

	while ((n = space_len(s.p, s.len)) > 0)
		s = slice_skip(s, n);
	return s;
}

struct slice trim_space(struct slice s)
{
	s.len = rune_trim(&s.p, s.len);
	return s;
}
