/* SPDX-License-Identifier: Apache-2.0 */
#include "common/strvec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strvec_done(struct strvec *v)
{
	for (size_t i = 0; i < v->len; i++)
		free(v->items[i]);
	free(v->items);
	*v = (struct strvec){ 0 };
}

static int grow(struct strvec *v)
{
	size_t cap = v->cap ? v->cap * 2 : 8;
	char **items;

	if (v->len >= (v->max ? v->max : STRVEC_MAX))
		return -EFBIG;
	if (v->len + 2 <= v->cap)
		return 0;
	items = realloc(v->items, cap * sizeof(*items));
	if (!items)
		return -ENOMEM;
	v->items = items;
	v->cap = cap;
	return 0;
}

int strvec_take(struct strvec *v, char *text)
{
	int r = text ? grow(v) : -ENOMEM;

	if (r < 0) {
		free(text);
		return r;
	}
	v->items[v->len++] = text;
	v->items[v->len] = NULL;
	return 0;
}

int strvec_add(struct strvec *v, const char *text)
{
	return strvec_take(v, strdup(text));
}

int strvec_addf(struct strvec *v, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	return len < 0 ? -ENOMEM : strvec_take(v, text);
}

int strvec_add_all(struct strvec *v, const struct strvec *from)
{
	for (size_t i = 0; i < from->len; i++) {
		int r = strvec_add(v, from->items[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The index of NAME in NAME=VALUE strings, or len. */
static size_t find_env(const struct strvec *v, const char *name, size_t name_len)
{
	size_t i;

	for (i = 0; i < v->len; i++) {
		const char *item = v->items[i];

		if (strncmp(item, name, name_len) == 0 && (item[name_len] == '=' || item[name_len] == '\0'))
			break;
	}
	return i;
}

int strvec_set_env(struct strvec *v, const char *name_value)
{
	size_t at = find_env(v, name_value, strcspn(name_value, "="));
	char *copy;

	if (at == v->len)
		return strvec_add(v, name_value);
	copy = strdup(name_value);
	if (!copy)
		return -ENOMEM;
	free(v->items[at]);
	v->items[at] = copy;
	return 0;
}

int strvec_split(struct strvec *v, const char *text, char separator)
{
	int r = 0;

	while (r == 0 && *text) {
		const char *stop = strchrnul(text, separator);

		if (stop > text)
			r = strvec_addf(v, "%.*s", (int)(stop - text), text);
		text = *stop ? stop + 1 : stop;
	}
	return r;
}

const char *strvec_get_env(const struct strvec *v, const char *name)
{
	size_t len = strlen(name);
	size_t at = find_env(v, name, len);

	return at < v->len && v->items[at][len] == '=' ? v->items[at] + len + 1 : NULL;
}

bool strvec_has_label(const struct strvec *v, const char *wanted)
{
	size_t len = strlen(wanted);

	for (size_t i = 0; i < v->len; i++) {
		const char *label = v->items[i];

		if (strncmp(label, wanted, len) == 0 &&
		    (label[len] == '\0' || (label[len] == '=' && !strchr(wanted, '='))))
			return true;
	}
	return false;
}

bool strvec_has(const struct strvec *v, const char *text)
{
	for (size_t i = 0; i < v->len; i++)
		if (strcmp(v->items[i], text) == 0)
			return true;
	return false;
}

void strvec_remove(struct strvec *v, size_t index)
{
	free(v->items[index]);
	memmove(&v->items[index], &v->items[index + 1], (v->len - index) * sizeof(*v->items));
	v->len--;
}
