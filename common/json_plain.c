/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_plain.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/digest.h"

#define FIELDS_MAX 64
#define DIGITS_MAX 18 /* no number of so many is too large for an int64_t */

enum kind { KIND_STRING, KIND_INTEGER, KIND_BOOL, KIND_STRINGS };

struct handler;

struct value {
	const struct handler *handler; /* NULL: the document has no such member */
	const char *at;                /* between quotes, or brackets */
	size_t len;
	int64_t number; /* and booleans */
};

/* --- into members: 1; 0: json_decode will find it wrong, and say what; -ENOMEM --- */

static int store_string(const struct json_field *f, const struct value *v, void *member)
{
	char *copy = strndup(v->at, v->len);

	(void)f;
	if (!copy)
		return -ENOMEM;
	free(*(char **)member);
	*(char **)member = copy;
	return 1;
}

static int store_strvec(const struct json_field *f, const struct value *v, void *member)
{
	const char *end = v->at + v->len;
	int r = 0;

	(void)f;
	for (const char *p = v->at; r == 0 && p < end;) {
		const char *close = memchr(p + 1, '"', (size_t)(end - p) - 1);

		r = strvec_take(member, strndup(p + 1, (size_t)(close - p) - 1));
		p = close + 2; /* a comma, or the end */
	}
	return r == 0 ? 1 : r == -ENOMEM ? r : 0;
}

static int store_bool(const struct json_field *f, const struct value *v, void *member)
{
	(void)f;
	*(bool *)member = v->number != 0;
	return 1;
}

static int store_i64(const struct json_field *f, const struct value *v, void *member)
{
	(void)f;
	*(int64_t *)member = v->number;
	return 1;
}

static int store_u64(const struct json_field *f, const struct value *v, void *member)
{
	(void)f;
	*(uint64_t *)member = (uint64_t)v->number;
	return v->number >= 0;
}

static int store_u32(const struct json_field *f, const struct value *v, void *member)
{
	(void)f;
	*(uint32_t *)member = (uint32_t)v->number;
	return v->number >= 0 && v->number <= UINT32_MAX;
}

static int store_digest(const struct json_field *f, const struct value *v, void *member)
{
	char text[DIGEST_TEXT_MAX + 1];
	struct err ignored; /* json_decode's */

	(void)f;
	if (v->len >= sizeof(text))
		return 0;
	memcpy(text, v->at, v->len);
	text[v->len] = '\0';
	return digest_parse(text, member, &ignored) == 0;
}

static int store_enum(const struct json_field *f, const struct value *v, void *member)
{
	for (const struct json_enum *known = f->arg; known->name; known++) {
		if (strlen(known->name) != v->len || memcmp(known->name, v->at, v->len) != 0)
			continue;
		*(int *)member = known->value;
		return 1;
	}
	return 0;
}

static const struct handler {
	int (*read)(const struct json_in *in, const void *arg, void *member, struct err *e);
	enum kind kind;
	int (*store)(const struct json_field *f, const struct value *v, void *member);
} HANDLERS[] = {
	{ json_read_string, KIND_STRING, store_string }, { json_read_strvec, KIND_STRINGS, store_strvec },
	{ json_read_i64, KIND_INTEGER, store_i64 },      { json_read_bool, KIND_BOOL, store_bool },
	{ json_read_u64, KIND_INTEGER, store_u64 },      { json_read_u32, KIND_INTEGER, store_u32 },
	{ json_read_digest, KIND_STRING, store_digest }, { json_read_enum, KIND_STRING, store_enum },
};

/* NULL: of that kind it is not for us. */
static const struct handler *handler_of(const struct json_field *f, enum kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(HANDLERS); i++)
		if (HANDLERS[i].read == f->read && HANDLERS[i].kind == kind)
			return &HANDLERS[i];
	return NULL;
}

/* --- the text: each returns what follows, NULL: it is not plain. A NUL at the end is not needed. --- */

/* Behind the closing quote. ASCII without escapes and control characters. */
static const char *skip_string(const char *p, const char *end)
{
	if (p == end || *p++ != '"')
		return NULL;
	while (p < end && *p >= ' ' && *p < 0x7f && *p != '"' && *p != '\\')
		p++;
	return p < end && *p == '"' ? p + 1 : NULL;
}

static const char *skip_strings(const char *p, const char *end)
{
	if (p < end && *p == ']')
		return p + 1;
	while ((p = skip_string(p, end)) && p < end && *p == ',')
		p++;
	return p && p < end && *p == ']' ? p + 1 : NULL;
}

/* Where there are more digits, what follows is none of what may follow. */
static const char *skip_integer(const char *p, const char *end, int64_t *ret)
{
	bool negative = *p == '-';
	const char *first = p + negative, *q = first;
	int64_t n = 0;

	while (q < end && *q >= '0' && *q <= '9' && q - first < DIGITS_MAX)
		n = n * 10 + (*q++ - '0');
	if (q == first || (*first == '0' && (negative || q - first > 1)))
		return NULL;
	*ret = negative ? -n : n;
	return q;
}

static const char *skip_word(const char *p, const char *end, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

static const char *take_value(const char *p, const char *end, const struct json_field *f, struct value *ret)
{
	enum kind kind = KIND_BOOL;
	const char *q;

	if (p == end)
		return NULL;
	ret->at = p + 1;
	if (*p == '"') {
		kind = KIND_STRING;
		q = skip_string(p, end);
	} else if (*p == '[') {
		kind = KIND_STRINGS;
		q = skip_strings(p + 1, end);
	} else if (*p == 't' || *p == 'f') {
		ret->number = *p == 't';
		q = skip_word(p, end, *p == 't' ? "true" : "false");
	} else {
		kind = KIND_INTEGER;
		q = skip_integer(p, end, &ret->number);
	}
	ret->len = q ? (size_t)(q - p) - 2 : 0; /* of numbers nobody asks */
	ret->handler = q ? handler_of(f, kind) : NULL;
	return ret->handler ? q : NULL;
}

/* Members come in the order of the table, as a rule. */
static size_t find_field(const struct json_field *fields, size_t count, size_t from, const char *name,
			 size_t len)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = (from + i) % count;

		if (strncmp(fields[at].name, name, len) == 0 && !fields[at].name[len])
			return at;
	}
	return count;
}

static bool split(const char *p, const char *end, const struct json_field *fields, size_t count,
		  struct value *values)
{
	size_t next = 0;

	if (p == end || *p != '{')
		return false;
	do {
		const char *name = p + 2;

		p = skip_string(p + 1, end);
		if (!p || p == end || *p != ':')
			return false;
		next = find_field(fields, count, next, name, (size_t)(p - name) - 1);
		if (next == count || values[next].handler)
			return false; /* nobody knows it, or it is there twice */
		p = take_value(p + 1, end, &fields[next], &values[next]);
	} while (p && p < end && *p == ',');
	return p && p + 1 == end && *p == '}';
}

static int store(const struct json_field *fields, size_t count, const struct value *values, void *dest)
{
	int r = 1;

	for (size_t i = 0; i < count; i++)
		if (fields[i].required && !values[i].handler)
			return 0;
	for (size_t i = 0; r > 0 && i < count; i++)
		if (values[i].handler)
			r = values[i].handler->store(&fields[i], &values[i], (char *)dest + fields[i].offset);
	return r;
}

int json_plain_decode(const char *text, size_t len, const struct json_field *fields, void *dest)
{
	struct value values[FIELDS_MAX] = { 0 };
	size_t count = 0;

	while (fields[count].name)
		count++;
	if (count > FIELDS_MAX || !split(text, text + len, fields, count, values))
		return 0;
	return store(fields, count, values, dest);
}
