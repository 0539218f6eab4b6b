/* SPDX-License-Identifier: Apache-2.0 */
#include "build/init_parts.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

#define VERSION_MAX 99 /* of the part that counts */

void init_say(struct init_out *o, const char *fmt, ...)
{
	va_list ap;

	if (o->r < 0)
		return;
	va_start(ap, fmt);
	o->r = buf_vprintf(o->dockerfile, fmt, ap);
	va_end(ap);
}

void init_ignore(struct init_out *o, const char *fmt, ...)
{
	va_list ap;

	if (o->r < 0)
		return;
	va_start(ap, fmt);
	o->r = buf_vprintf(o->ignore, fmt, ap);
	va_end(ap);
}

void init_say_user(struct init_out *o)
{
	init_say(o, "# Not root: a number needs no entry in /etc/passwd.\nUSER " INIT_USER "\n");
}

bool init_has(const struct init_project *p, const char *name)
{
	return strvec_has(&p->names, name);
}

bool init_has_ending(const struct init_project *p, const char *folder, const char *ending)
{
	size_t before = strlen(folder), after = strlen(ending);

	for (size_t i = 0; i < p->names.len; i++) {
		const char *name = p->names.items[i];
		size_t len = strlen(name);

		if (len > before + after && strncmp(name, folder, before) == 0 &&
		    !strchr(name + before, '/') && strcmp(name + len - after, ending) == 0)
			return true;
	}
	return false;
}

const char *init_text(const struct init_project *p, enum init_text which)
{
	return p->texts[which].data ? p->texts[which].data : "";
}

/* isalnum() is of the locale. */
static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_name_of(const char *text, size_t len)
{
	if (len == 0 || len >= INIT_NAME_MAX || !is_plain(text[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_plain(text[i]) && !strchr(".+-", text[i]))
			return false;
	return true;
}

bool init_is_name(const char *text)
{
	return is_name_of(text, strlen(text));
}

bool init_is_path(const char *text)
{
	if (strlen(text) >= INIT_NAME_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(text, "/");

		if (!is_name_of(text, len))
			return false;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

void init_name(const struct init_project *p, const char *found, char out[INIT_NAME_MAX])
{
	size_t len = 0;

	if (found && init_is_name(found)) {
		(void)snprintf(out, INIT_NAME_MAX, "%s", found);
		return;
	}
	for (const char *c = p->folder; c && *c && len < INIT_NAME_MAX - 1; c++)
		if (is_plain(*c) || (len > 0 && (*c == '-' || *c == '.')))
			out[len++] = *c;
	out[len] = '\0';
	if (len == 0)
		(void)snprintf(out, INIT_NAME_MAX, "app");
}

const char *init_next_line(const char **p, char *out, size_t size)
{
	const char *line = *p;
	size_t len = strcspn(line, "\n");

	if (!*line)
		return NULL;
	*p = line + len + (line[len] == '\n');
	for (; len > 0 && isspace((unsigned char)*line); len--)
		line++;
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	(void)snprintf(out, size, "%.*s", (int)(len < size ? len : size - 1), line);
	return out;
}

/* --- versions --- */

struct condition {
	char sign[3]; /* "", "<", "<=", ">", ">=", "=", "==", "~", "~=", "^", "!=" */
	unsigned int value;
};

static unsigned int read_number(const char **p)
{
	unsigned int n = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++)
		if (n <= VERSION_MAX)
			n = n * 10 + (unsigned int)(**p - '0');
	return n;
}

/* What a version counts for: with a major version, its minor one; a higher major version is above all of them. */
static unsigned int read_version(const char **p, unsigned int major)
{
	unsigned int first = read_number(p), second = 0;

	if (**p == '.') {
		(*p)++;
		second = read_number(p);
	}
	*p += strcspn(*p, " ,|<>=~^!");
	if (major == 0)
		return first;
	return first == major ? second : first > major ? VERSION_MAX + 1 : 0;
}

static bool next_condition(const char **p, unsigned int major, struct condition *ret)
{
	size_t len;

	*p += strcspn(*p, "<>=~^!0123456789");
	if (!**p)
		return false;
	len = strspn(*p, "<>=~^!");
	(void)snprintf(ret->sign, sizeof(ret->sign), "%.*s", (int)(len < 2 ? len : 2), *p);
	*p += len;
	*p += strspn(*p, " v");
	ret->value = read_version(p, major);
	return true;
}

/* Whether it names the version itself; one with '^' does only where major versions count. */
static bool is_exact(const struct condition *c, unsigned int major)
{
	static const char *const SIGNS[] = { "", "=", "==", "~" };

	for (size_t i = 0; i < ARRAY_LEN(SIGNS); i++)
		if (strcmp(c->sign, SIGNS[i]) == 0)
			return true;
	return major == 0 && strcmp(c->sign, "^") == 0;
}

static void narrow(const struct condition *c, unsigned int *low, unsigned int *high)
{
	if (c->sign[0] == '<') {
		unsigned int last = c->sign[1] == '=' ? c->value : c->value > 0 ? c->value - 1 : 0;

		if (last < *high)
			*high = last;
	} else if (c->sign[0] != '!' && c->value > *low) {
		*low = c->value;
	}
}

unsigned int init_version(const char *conditions, unsigned int major, unsigned int otherwise)
{
	unsigned int low = 0, high = VERSION_MAX, exact = 0, n = otherwise;
	struct condition c = { .value = 0 };

	while (next_condition(&conditions, major, &c)) {
		if (!is_exact(&c, major))
			narrow(&c, &low, &high);
		else if (c.value > exact && c.value <= VERSION_MAX)
			exact = c.value;
	}
	if (exact > 0)
		return exact;
	if (n < low)
		n = low;
	if (n > high)
		n = high;
	return n > 0 && n <= VERSION_MAX ? n : otherwise;
}
