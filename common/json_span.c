/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_span.h"

#include <string.h>

struct cursor {
	const char *at, *end;
};

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && is_one_of(*c->at, " \t\r\n"))
		c->at++;
}

static bool take(struct cursor *c, char wanted)
{
	skip_blanks(c);
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

/* From an opening quote to behind the closing one. */
static bool skip_string(struct cursor *c)
{
	for (c->at++; c->at < c->end; c->at++) {
		if (*c->at == '"') {
			c->at++;
			return true;
		}
		if (*c->at == '\\')
			c->at++;
	}
	c->at = c->end; /* a backslash at the end went one too far */
	return false;
}

/* A string, or one character. */
static bool skip_token(struct cursor *c)
{
	if (*c->at == '"')
		return skip_string(c);
	c->at++;
	return true;
}

/* Objects and arrays are left when as many brackets are closed as were opened: which ones is for the parser to judge. */
static bool skip_value(struct cursor *c)
{
	size_t depth = 0;

	skip_blanks(c);
	while (c->at < c->end) {
		char now = *c->at;

		if (depth == 0 && is_one_of(now, ",]}"))
			return true;
		if (!skip_token(c))
			return false;
		depth += is_one_of(now, "{[");
		depth -= is_one_of(now, "}]");
		if (depth == 0 && is_one_of(now, "}]"))
			return true;
	}
	return depth == 0;
}

/* Goes to the value of the member `name` of the object that begins here. */
static bool enter_member(struct cursor *c, const char *name)
{
	size_t len = strlen(name);

	if (!take(c, '{'))
		return false;
	do {
		const char *key;
		bool match;

		skip_blanks(c);
		key = c->at;
		if (c->at == c->end || *c->at != '"' || !skip_string(c))
			return false;
		match = (size_t)(c->at - key) == len + 2 && memcmp(key + 1, name, len) == 0;
		if (!take(c, ':'))
			return false;
		skip_blanks(c);
		if (match)
			return true;
	} while (skip_value(c) && take(c, ','));
	return false;
}

bool json_find_span(const char *text, size_t len, const char *const *names, size_t *ret_at, size_t *ret_len)
{
	struct cursor c = { text, text + len };
	const char *value;

	for (; *names; names++)
		if (!enter_member(&c, *names))
			return false;
	skip_blanks(&c);
	value = c.at;
	if (!skip_value(&c) || c.at == value)
		return false;
	*ret_at = (size_t)(value - text);
	*ret_len = (size_t)(c.at - value);
	return true;
}
