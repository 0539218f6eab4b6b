/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "build/dockerfile_parse.h"

/* White space beyond ASCII, in UTF-8. U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000. */
static size_t wide_space_len(const unsigned char *p, size_t len)
{
	if (len >= 2 && p[0] == 0xc2)
		return p[1] == 0x85 || p[1] == 0xa0 ? 2 : 0;
	if (len < 3)
		return 0;
	if (p[0] == 0xe1)
		return p[1] == 0x9a && p[2] == 0x80 ? 3 : 0;
	if (p[0] == 0xe3)
		return p[1] == 0x80 && p[2] == 0x80 ? 3 : 0;
	if (p[0] != 0xe2)
		return 0;
	if (p[1] == 0x80)
		return (p[2] >= 0x80 && p[2] <= 0x8a) || p[2] == 0xa8 || p[2] == 0xa9 || p[2] == 0xaf ? 3 : 0;
	return p[1] == 0x81 && p[2] == 0x9f ? 3 : 0;
}

bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

size_t space_len(const char *p, size_t len)
{
	if (len == 0)
		return 0;
	return is_separator(*p) || *p == '\n' ? 1 : wide_space_len((const unsigned char *)p, len);
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

/* Bytes of the white space at the end. */
static size_t space_len_at_end(struct slice s)
{
	for (size_t n = 1; n <= 3 && n <= s.len; n++)
		if (space_len(s.p + s.len - n, n) == n)
			return n;
	return 0;
}

struct slice trim_space(struct slice s)
{
	size_t n;

	s = trim_left(s);
	while ((n = space_len_at_end(s)) > 0)
		s.len -= n;
	return s;
}
