/* SPDX-License-Identifier: Apache-2.0 */
#include "build/rune.h"

#include "common/cleanup.h"
#include "common/utf8.h"

uint32_t rune_next(const char **at, const char *end)
{
	const unsigned char *s = (const unsigned char *)*at;
	size_t len = utf8_char_len(*at, (size_t)(end - *at));
	uint32_t rune;

	if (len == 0) {
		(*at)++;
		return RUNE_BAD + s[0];
	}
	*at += len;
	if (len == 1)
		return s[0];
	rune = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++)
		rune = rune << 6 | (s[i] & 0x3f);
	return rune;
}

bool rune_is_space(uint32_t rune)
{
	switch (rune) {
	case '\t':
	case '\n':
	case '\v':
	case '\f':
	case '\r':
	case ' ':
	case 0x85:
	case 0xa0:
	case 0x1680:
	case 0x2028:
	case 0x2029:
	case 0x202f:
	case 0x205f:
	case 0x3000:
		return true;
	default:
		return rune >= 0x2000 && rune <= 0x200a;
	}
}

/* First and last. */
static const uint32_t NO_LETTERS[][2] = {
	{ 0x80, 0xa9 },        { 0xab, 0xb4 },           { 0xb6, 0xb9 },       { 0xbb, 0xbf },
	{ 0xd7, 0xd7 },        { 0xf7, 0xf7 },           { 0x2c2, 0x2c5 },     { 0x2d2, 0x2df },
	{ 0x2ef, 0x36f },      { 0x483, 0x489 },         { 0x589, 0x5cf },     { 0x600, 0x61f },
	{ 0x64b, 0x65f },      { 0x1680, 0x1680 },       { 0x2000, 0x2070 },   { 0x2074, 0x207e },
	{ 0x2080, 0x208f },    { 0x20a0, 0x2101 },       { 0x2190, 0x2bff },   { 0x2e00, 0x2e2e },
	{ 0x2e30, 0x3004 },    { 0x3007, 0x3030 },       { 0x3036, 0x303a },   { 0x303d, 0x3040 },
	{ 0x3099, 0x309c },    { 0x30a0, 0x30a0 },       { 0x30fb, 0x30fb },   { 0x3190, 0x319f },
	{ 0x31c0, 0x31ef },    { 0x3200, 0x33ff },       { 0x4dc0, 0x4dff },   { 0xd800, 0xf8ff },
	{ 0xfe00, 0xfe6f },    { 0xfeff, 0xff0f },       { 0xff1a, 0xff20 },   { 0xff3b, 0xff40 },
	{ 0xff5b, 0xff65 },    { 0xffe0, 0xffff },       { 0x1d000, 0x1d3ff }, { 0x1f000, 0x1fbef },
	{ 0xe0000, 0x10ffff }, { RUNE_BAD, UINT32_MAX },
};

bool rune_is_name(uint32_t rune)
{
	if (rune < 0x80)
		return (rune >= '0' && rune <= '9') || (rune >= 'A' && rune <= 'Z') ||
		       (rune >= 'a' && rune <= 'z') || rune == '_';
	for (size_t i = 0; i < ARRAY_LEN(NO_LETTERS); i++)
		if (rune >= NO_LETTERS[i][0] && rune <= NO_LETTERS[i][1])
			return false;
	return true;
}

size_t rune_trim(const char **text, size_t len)
{
	const char *end = *text + len, *at = *text;
	const char *last = *text; /* behind the last character that is no blank */

	while (at < end) {
		const char *next = at;

		if (rune_is_space(rune_next(&next, end))) {
			if (at == *text)
				*text = last = next;
		} else {
			last = next;
		}
		at = next;
	}
	return (size_t)(last - *text);
}
