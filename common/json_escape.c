/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/utf8.h"

/* Sixteen bytes at once: gcc and clang have instructions for it on both of our machines. */
typedef uint8_t vector __attribute__((vector_size(16)));
typedef int8_t signed_vector __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

#define BLOCK (4 * sizeof(vector))

static bool is_plain(unsigned char c)
{
	return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

/* The index of the first byte of the vector that is not 0. Both of our machines are little-endian. */
static size_t first_set(halves v)
{
	return v[0] ? (size_t)__builtin_ctzll(v[0]) / 8 : 8 + (size_t)__builtin_ctzll(v[1]) / 8;
}

/* Copies a vector. Which of its bytes are not plain: as signed numbers, those that are not ASCII are below a blank as well. */
static inline halves copy_vector(const char *data, char *out)
{
	vector v;

	memcpy(&v, data, sizeof(v));
	memcpy(out, &v, sizeof(v));
	return (halves)(((signed_vector)v < ' ') | (signed_vector)(v == '"') | (signed_vector)(v == '\\'));
}

/* Copies bytes that stand for themselves, up to the first that does not. Returns how many. What is behind them in `out`, up to `len`, is of no use. */
static inline size_t copy_plain(const char *data, size_t len, char *out)
{
	halves special;
	size_t n = 0;

	/* Four at once are asked once. */
	for (; len - n >= BLOCK; n += BLOCK) {
		special = copy_vector(data + n, out + n) | copy_vector(data + n + 16, out + n + 16) |
			  copy_vector(data + n + 32, out + n + 32) | copy_vector(data + n + 48, out + n + 48);
		if (special[0] | special[1])
			break;
	}
	for (; len - n >= sizeof(vector); n += sizeof(vector)) {
		special = copy_vector(data + n, out + n);
		if (special[0] | special[1])
			return n + first_set(special);
	}
	/* The rest together with what is before it, once more. */
	if (n < len && len >= sizeof(vector)) {
		n = len - sizeof(vector);
		special = copy_vector(data + n, out + n);
		return special[0] | special[1] ? n + first_set(special) : len;
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
