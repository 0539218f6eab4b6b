/* SPDX-License-Identifier: Apache-2.0 */
#include "common/parse.h"

#include <string.h>
#include <strings.h>

#include "common/cleanup.h"

/* Digits of `base` up to `end`, at least one. -EINVAL, -ERANGE. */
static int parse_digits(const char *text, const char *end, unsigned int base, uint64_t *ret)
{
	uint64_t n = 0;

	if (text == end)
		return -EINVAL;
	for (; text < end; text++) {
		unsigned int digit = (unsigned int)(unsigned char)*text - '0';

		if (digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, digit, &n))
			return -ERANGE;
	}
	*ret = n;
	return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t n;
	int r = parse_digits(text, text + strlen(text), 10, &n);

	if (r < 0)
		return r;
	if (n < min || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

int parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = text[0] == '-';
	const char *digits = text + (negative ? 1 : 0);
	uint64_t magnitude;
	int64_t n;
	int r = parse_digits(digits, digits + strlen(digits), 10, &magnitude);

	if (r < 0)
		return r;
	if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return -ERANGE;
	n = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	if (n < min || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

int parse_octal(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t n;
	int r = parse_digits(text, text + strlen(text), 8, &n);

	if (r < 0)
		return r;
	if (n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

/* "12.345" up to `end` times `unit`, rounded down. Digits of the fraction past the ninth do not count. */
static int parse_decimal(const char *text, const char *end, uint64_t unit, uint64_t *ret)
{
	const char *dot = memchr(text, '.', (size_t)(end - text));
	const char *whole_end = dot ? dot : end;
	uint64_t whole = 0, fraction = 0, scale = 1;
	unsigned __int128 total;
	int r;

	if (text == end || (dot && dot + 1 == end && dot == text))
		return -EINVAL;
	r = text < whole_end ? parse_digits(text, whole_end, 10, &whole) : 0;
	if (r < 0)
		return r;
	for (const char *p = dot ? dot + 1 : end; p < end; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		if (scale < 1000000000) {
			fraction = fraction * 10 + (uint64_t)(*p - '0');
			scale *= 10;
		}
	}
	total = (unsigned __int128)whole * unit + (unsigned __int128)fraction * unit / scale;
	if (total > INT64_MAX)
		return -ERANGE;
	*ret = (uint64_t)total;
	return 0;
}

int parse_size_bytes(const char *text, uint64_t *ret)
{
	/* The empty suffix comes last: it matches everything. */
	static const struct {
		const char *suffix;
		unsigned int shift;
	} UNITS[] = {
		{ "kib", 10 }, { "mib", 20 }, { "gib", 30 }, { "tib", 40 }, { "pib", 50 }, { "ki", 10 },
		{ "mi", 20 },  { "gi", 30 },  { "ti", 40 },  { "pi", 50 },  { "kb", 10 },  { "mb", 20 },
		{ "gb", 30 },  { "tb", 40 },  { "pb", 50 },  { "k", 10 },   { "m", 20 },   { "g", 30 },
		{ "t", 40 },   { "p", 50 },   { "b", 0 },    { "", 0 },
	};
	size_t len = strlen(text);

	for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
		size_t suffix_len = strlen(UNITS[i].suffix);

		if (len >= suffix_len && strcasecmp(text + len - suffix_len, UNITS[i].suffix) == 0)
			return parse_decimal(text, text + len - suffix_len, UINT64_C(1) << UNITS[i].shift,
					     ret);
	}
	return -EINVAL;
}

int parse_nano_cpus(const char *text, uint64_t *ret)
{
	const char *end = text + strlen(text);

	if (end > text && end[-1] == 'm')
		return parse_decimal(text, end - 1, 1000000, ret);
	return parse_decimal(text, end, 1000000000, ret);
}

int parse_bool(const char *text, bool *ret)
{
	static const char *const WORDS[] = { "1", "t", "T", "true",  "TRUE",  "True",
					     "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
		if (strcmp(text, WORDS[i]) == 0) {
			*ret = i < ARRAY_LEN(WORDS) / 2;
			return 0;
		}
	}
	return -EINVAL;
}
