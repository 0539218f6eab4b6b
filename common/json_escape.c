/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/utf8.h"

/* Sixteen bytes at once: gcc and clang have instructions for it on both of our machines. */
typedef uint8_t vector __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

static bool is_plain(unsigned char c)
{
	return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

/* The index of the first byte of the vector that is not 0. Both of our machines are little-endian. */
static size_t first_set(halves v)
{
	return v[0] ? (size_t)__builtin_ctzll(v[0]) / 8 : 8 + (size_t)__builtin_ctzll(v[1]) / 8;
}

/* Copies bytes that stand for themselves, up to the first that does not. Returns how many. */
static inline size_t copy_plain(const char *data, size_t len, char *out)
{
	size_t n = 0;

	for (; len - n >= sizeof(vector); n += sizeof(vector)) {
		vector v;
		halves special;

		memcpy(&v, data + n, sizeof(v));
		memcpy(out + n, &v, sizeof(v));
		special = (halves)((v < ' ') | (v >= 0x80) | (v == '"') | (v == '\\'));
		if (special[0] | special[1])
			return n + first_set(special);
	}
	for (; n < len && is_plain((unsigned char)data[n]); n++)
		out[n] = data[n];
	return n;
}

/* The escaped form of one ASCII character. Returns its length. */
static inline size_t escape_ascii(unsigned char c, char ret[JSON_ESCAPE_GROWTH])
{
	static const char HEX[] = "0123456789abcdef";
	static const char LETTERS[128] = { ['"'] = '"',  ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r',
					   ['\t'] = 't', ['\b'] = 'b',  ['\f'] = 'f' };

	ret[0] = '\\';
	ret[1] = LETTERS[c];
	if (ret[1])
		return 2;
	ret[1] = 'u';
	ret[2] = ret[3] = '0';
	ret[4] = HEX[c >> 4];
	ret[5] = HEX[c & 0xf];
	return JSON_ESCAPE_GROWTH;
}

/* utf8_char_len, quick for what text is made of: two bytes, or three of most languages. */
static inline size_t wide_len(const char *data, size_t len)
{
	unsigned char first = (unsigned char)data[0];

	if (first >= 0xc2 && first < 0xe0 && len >= 2 && (data[1] & 0xc0) == 0x80)
		return 2;
	if (first > 0xe0 && first < 0xed && len >= 3 && (data[1] & 0xc0) == 0x80 && (data[2] & 0xc0) == 0x80)
		return 3;
	return utf8_char_len(data, len);
}

/* Copies characters of more than one byte, up to the first thing that is none, or has no room. Returns how many bytes. */
static inline size_t copy_wide(const char *data, size_t len, char *out, size_t room)
{
	size_t n = 0;

	while (n < len && (unsigned char)data[n] >= 0x80) {
		size_t one = wide_len(data + n, len - n);

		if (one == 0 || one > room - n)
			break;
		if (len - n >= UTF8_MAX && room - n >= UTF8_MAX)
			memcpy(out + n, data + n,
			       UTF8_MAX); /* one instruction; what is too much is written over */
		else
			memcpy(out + n, data + n, one);
		n += one;
	}
	return n;
}

/* What stands for a byte that cannot be copied. Returns its length. */
static size_t replace_byte(unsigned char c, char ret[JSON_ESCAPE_GROWTH])
{
	if (c < 0x80)
		return escape_ascii(c, ret);
	memcpy(ret, UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1);
	return sizeof(UTF8_REPLACEMENT) - 1;
}

size_t json_escape(const char *data, size_t len, char *out, size_t room, size_t *ret_taken)
{
	size_t taken = 0, written = 0;

	while (taken < len && written < room) {
		size_t left = len - taken < room - written ? len - taken : room - written, n;
		char one[JSON_ESCAPE_GROWTH];

		n = copy_plain(data + taken, left, out + written);
		n += copy_wide(data + taken + n, len - taken - n, out + written + n, room - written - n);
		taken += n;
		written += n;
		if (n > 0)
			continue;
		if ((unsigned char)data[taken] >= 0x80 && utf8_char_len(data + taken, len - taken) > 0)
			break; /* there was no room for it */
		n = replace_byte((unsigned char)data[taken], one);
		if (n > room - written)
			break;
		memcpy(out + written, one, n);
		taken++;
		written += n;
	}
	*ret_taken = taken;
	return written;
}
