/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cgroups/unit.h"
#include "common/cleanup.h"
#include "common/parse.h"

#define PREFIX    "org.systemd.property."
#define SECOND_US UINT64_C(1000000)
#define VALUE_MAX 4096 /* bytes of one string */

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* A string in either kind of quotes; the backslash takes the meaning from what follows it. *text ends up behind it. */
static int read_string(const char **text, struct strvec *out)
{
	char value[VALUE_MAX], quote = **text;
	const char *in = *text + 1;
	size_t len = 0;

	if (quote != '\'' && quote != '"')
		return -EINVAL;
	for (; *in != quote; in++) {
		if (*in == '\\')
			in++;
		if (*in == '\0' || len == sizeof(value) - 1)
			return -EINVAL;
		value[len++] = *in;
	}
	value[len] = '\0';
	*text = skip_blanks(in + 1);
	return strvec_add(out, value);
}

static int read_strings(const char **text, struct strvec *out)
{
	int r = 0;

	*text = skip_blanks(*text + 1);
	if (**text == ']') {
		*text = skip_blanks(*text + 1);
		return 0;
	}
	while (r == 0) {
		r = read_string(text, out);
		if (r < 0 || **text != ',')
			break;
		*text = skip_blanks(*text + 1);
	}
	if (r < 0)
		return r;
	if (**text != ']')
		return -EINVAL;
	*text = skip_blanks(*text + 1);
	return 0;
}

static int read_number(const char *text, struct unit_property *item)
{
	static const char UINT64[] = "uint64 ";

	if (strncmp(text, UINT64, sizeof(UINT64) - 1) == 0) {
		item->kind = UNIT_PROPERTY_U64;
		return parse_u64(skip_blanks(text + sizeof(UINT64) - 1), 0, UINT64_MAX, &item->number);
	}
	item->kind = UNIT_PROPERTY_I32;
	return parse_u64(text, 0, INT32_MAX, &item->number);
}

static int read_value(const char *text, struct unit_property *item)
{
	int r;

	text = skip_blanks(text);
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		item->kind = UNIT_PROPERTY_BOOL;
		item->number = text[0] == 't';
		return 0;
	}
	if (*text == '[') {
		item->kind = UNIT_PROPERTY_STRV;
		r = read_strings(&text, &item->strings);
	} else if (*text == '\'' || *text == '"') {
		item->kind = UNIT_PROPERTY_STRING;
		r = read_string(&text, &item->strings);
	} else {
		return read_number(text, item);
	}
	return r == 0 && *text != '\0' ? -EINVAL : r;
}

/* Unit files say TimeoutStopSec=, D-Bus says TimeoutStopUSec. */
static int seconds_to_usec(struct unit_property *item)
{
	size_t len = strlen(item->name);
	bool number = item->kind == UNIT_PROPERTY_U64 || item->kind == UNIT_PROPERTY_I32;
	char *name = NULL;

	if (!number || len < 4 || strcmp(item->name + len - 3, "Sec") != 0 || item->name[len - 4] == 'U')
		return 0;
	if (item->number > UINT64_MAX / SECOND_US)
		return -EINVAL;
	if (asprintf(&name, "%.*sUSec", (int)(len - 3), item->name) < 0)
		return -ENOMEM;
	free(item->name);
	item->name = name;
	item->kind = UNIT_PROPERTY_U64;
	item->number *= SECOND_US;
	return 0;
}

static bool is_property_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool upper = name[i] >= 'A' && name[i] <= 'Z', lower = name[i] >= 'a' && name[i] <= 'z';

		if (!upper && !lower && (i == 0 || name[i] < '0' || name[i] > '9'))
			return false;
	}
	return len > 0;
}

static int add_annotation(struct unit_properties *p, const char *name, const char *value)
{
	struct unit_property *item;
	int r;

	if (!is_property_name(name, (size_t)(value - name)))
		return -EINVAL;
	item = unit_properties_add(p, name, (size_t)(value - name));
	if (!item)
		return -ENOMEM;
	r = read_value(value + 1, item);
	return r < 0 ? r : seconds_to_usec(item);
}

int unit_properties_add_annotations(struct unit_properties *p, const struct strvec *annotations,
				    struct err *e)
{
	for (size_t i = 0; i < annotations->len; i++) {
		const char *text = annotations->items[i], *name = text + sizeof(PREFIX) - 1, *value;
		int r;

		if (strncmp(text, PREFIX, sizeof(PREFIX) - 1) != 0)
			continue;
		value = strchr(name, '=');
		r = value ? add_annotation(p, name, value) : -EINVAL;
		if (r == -ENOMEM)
			return err_code(e, r, "annotation '%.200s'", text);
		if (r < 0)
			return err_set(e, -EINVAL,
				       "bad annotation '%.200s': expected a property of systemd in "
				       "GVariant's text form (uint64 5, true, 'text')",
				       text);
	}
	return 0;
}
