/* SPDX-License-Identifier: Apache-2.0 */
#include "common/subid.h"

#include <stdio.h>
#include <string.h>

#include "common/parse.h"

#define DIGITS_MAX 16

static bool is(const char *text, size_t len, const char *what)
{
	return strlen(what) == len && memcmp(text, what, len) == 0;
}

static bool read_number(const char *text, size_t len, uint32_t *ret)
{
	char digits[DIGITS_MAX];
	uint64_t n;

	if (len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (parse_u64(digits, 0, UINT32_MAX, &n) < 0)
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* "name:first:count" */
static bool read_line(const char *line, size_t len, const char *user, const char *number,
		      struct subid_range *ret)
{
	const char *first = memchr(line, ':', len), *count = memrchr(line, ':', len);

	if (!first || count == first ||
	    (!is(line, (size_t)(first - line), user) && !is(line, (size_t)(first - line), number)))
		return false;
	return read_number(first + 1, (size_t)(count - first - 1), &ret->first) &&
	       read_number(count + 1, (size_t)(line + len - count - 1), &ret->count) && ret->count > 0 &&
	       (uint64_t)ret->first + ret->count <= UINT32_MAX; /* the last one is nobody's: (uid_t)-1 */
}

size_t subid_ranges(const char *text, const char *user, uint32_t number,
		    struct subid_range ret[SUBID_RANGES_MAX])
{
	char digits[DIGITS_MAX] = ":"; /* which no name is */
	size_t n = 0;

	if (number != SUBID_NOBODY)
		(void)snprintf(digits, sizeof(digits), "%u", number);
	while (*text && n < SUBID_RANGES_MAX) {
		size_t len = strcspn(text, "\n");

		if (read_line(text, len, user, digits, &ret[n]))
			n++;
		text += len + (text[len] == '\n');
	}
	return n;
}
