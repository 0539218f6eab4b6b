/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go_duration.h"

#include <stdbool.h>
#include <string.h>

#include "common/cleanup.h"

struct unit {
	const char *name;
	uint64_t ns;
};

/* The µ is either of Unicode's two, as in Go. */
static const struct unit UNITS[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 },
	{ "\xce\xbcs", 1000 },
	{ "ms", 1000000 },
	{ "s", UINT64_C(1000000000) },
	{ "m", UINT64_C(60000000000) },
	{ "h", UINT64_C(3600000000000) },
};

/* The unit at *text, up to the next number; moves *text behind it. 0: there is none. */
static uint64_t take_unit(const char **text)
{
	size_t len = strcspn(*text, ".0123456789");

	for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
		if (strlen(UNITS[i].name) == len && memcmp(UNITS[i].name, *text, len) == 0) {
			*text += len;
			return UNITS[i].ns;
		}
	}
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "1.5h" at *text. */
static int take_term(const char **text, unsigned __int128 *ret_ns)
{
	uint64_t whole = 0, fraction = 0, scale = 1, unit;
	const char *p = *text;
	size_t digits = 0;

	for (; is_digit(*p); p++, digits++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return -ERANGE;
	if (*p == '.')
		for (p++; is_digit(*p); p++, digits++)
			if (scale <
			    UINT64_C(1000000000000000)) { /* more digits than an hour has nanoseconds */
				fraction = fraction * 10 + (uint64_t)(*p - '0');
				scale *= 10;
			}
	unit = take_unit(&p);
	if (digits == 0 || unit == 0)
		return -EINVAL;
	*ret_ns = (unsigned __int128)whole * unit + (unsigned __int128)fraction * unit / scale;
	*text = p;
	return 0;
}

int go_duration_parse(const char *text, int64_t *ret_ns)
{
	bool negative = text[0] == '-';
	unsigned __int128 total = 0;

	if (text[0] == '-' || text[0] == '+')
		text++;
	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		unsigned __int128 term = 0;
		int r = take_term(&text, &term);

		if (r < 0)
			return r;
		total += term;
		if (total > INT64_MAX)
			return -ERANGE;
	}
	*ret_ns = negative ? -(int64_t)total : (int64_t)total;
	return 0;
}
