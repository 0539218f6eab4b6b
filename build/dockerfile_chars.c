/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "build/dockerfile_parse.h"
#include "common/cleanup.h"

/* White space beyond ASCII: U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000. */
static const char *const WIDE_SPACES[] = {
	"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
	"\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
	"\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
	"\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};

static size_t wide_space_len(const char *p, size_t len)
{
	if ((unsigned char)*p < 0x80)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(WIDE_SPACES); i++) {
		size_t n = strlen(WIDE_SPACES[i]);

		if (n <= len && memcmp(p, WIDE_SPACES[i], n) == 0)
			return n;
	}
	return 0;
}

bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

size_t space_len(const char *p, size_t len)
{
	if (len == 0)
		return 0;
	return is_separator(*p) || *p == '\n' ? 1 : wide_space_len(p, len);
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
