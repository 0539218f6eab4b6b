/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"

#include <stdbool.h>

/* What the first byte promises; 0: it begins no character. */
static size_t promised_len(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Whether the bytes behind the first one, as far as they are there, can be those of a character of `promised` bytes. */
static bool may_follow(const unsigned char *s, size_t len, size_t promised)
{
	unsigned char low = 0x80, high = 0xbf;

	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < promised && i < len; i++) {
		if (s[i] < low || s[i] > high)
			return false;
		low = 0x80;
		high = 0xbf;
	}
	return true;
}

size_t utf8_char_len(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t promised = promised_len(s[0]);

	return promised <= len && may_follow(s, len, promised) ? promised : 0;
}

size_t utf8_cut_len(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t back = 1; back < UTF8_MAX && back <= len; back++) {
		const unsigned char *first = s + len - back;
		size_t promised = promised_len(*first);

		if (promised > back)
			return may_follow(first, back, promised) ? back : 0;
		if (promised != 0)
			return 0;
	}
	return 0;
}
