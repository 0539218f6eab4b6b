/* SPDX-License-Identifier: Apache-2.0 */
/* Names: the pure half of pull/download.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "pull/download.h"

#define HIDDEN    "xxxxx"
#define VALUE_MAX 1024

/* One parameter of the header. */
struct parameter {
	char name[32];
	char value[VALUE_MAX];
};

static void keep(char *out, size_t max, size_t *used, char c)
{
	if (*used + 1 < max)
		out[(*used)++] = c;
}

/* A token, or a string in quotes with backslashes. RFC 9110 section 5.6.4. Returns what is behind it. */
static const char *read_value(const char *at, char out[VALUE_MAX])
{
	size_t used = 0;

	if (*at != '"') {
		while (*at && *at != ';' && *at != ' ' && *at != '\t')
			keep(out, VALUE_MAX, &used, *at++);
	} else {
		for (at++; *at && *at != '"'; at++) {
			if (*at == '\\' && at[1])
				at++;
			keep(out, VALUE_MAX, &used, *at);
		}
		at += *at == '"';
	}
	out[used] = '\0';
	return at;
}

/* What follows the next ';'. NULL: there is no more. */
static const char *read_parameter(const char *at, struct parameter *ret)
{
	size_t used = 0;

	at = strchr(at, ';');
	if (!at)
		return NULL;
	at += 1 + strspn(at + 1, " \t");
	while (*at && *at != '=' && *at != ';' && *at != ' ')
		keep(ret->name, sizeof(ret->name), &used, *at++);
	ret->name[used] = ret->value[0] = '\0';
	at += strspn(at, " \t");
	if (*at == '=')
		at = read_value(at + 1 + strspn(at + 1, " \t"), ret->value);
	return at;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "UTF-8''a%20b" -> "a b". RFC 8187. */
static void decode_extended(char *value)
{
	char *quote = strchr(value, '\''), *to = value;
	const char *from;

	quote = quote ? strchr(quote + 1, '\'') : NULL;
	if (!quote) {
		*value = '\0';
		return;
	}
	for (from = quote + 1; *from; from++) {
		int high = *from == '%' ? hex(from[1]) : -1, low = high >= 0 ? hex(from[2]) : -1;

		if (low >= 0) {
			*to++ = (char)(high * 16 + low);
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/* The last component, if it is a name for a file. */
static void take_name(const char *path, char ret[DOWNLOAD_NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (strlen(name) > DOWNLOAD_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	for (const char *c = name; *c; c++)
		if (iscntrl((unsigned char)*c))
			return;
	(void)snprintf(ret, DOWNLOAD_NAME_MAX + 1, "%s", name);
}

void download_disposition_name(const char *value, char ret[DOWNLOAD_NAME_MAX + 1])
{
	struct parameter p;
	bool extended = false;

	ret[0] = '\0';
	while ((value = read_parameter(value, &p))) {
		if (strcasecmp(p.name, "filename*") == 0) {
			decode_extended(p.value);
			take_name(p.value, ret);
			extended = ret[0];
		} else if (strcasecmp(p.name, "filename") == 0 && !extended) {
			take_name(p.value, ret);
		}
	}
}

char *download_redact(const char *url)
{
	struct buf out = BUF_INIT((size_t)1 << 20);
	const char *host = strstr(url, "://"), *at = NULL, *colon;
	int r;

	if (host) {
		host += 3;
		at = memrchr(host, '@', strcspn(host, "/?#"));
	}
	if (!at)
		return strdup(url);
	colon = memchr(host, ':', (size_t)(at - host));
	r = buf_printf(&out, "%.*s%s%s", (int)(host - url), url, colon ? HIDDEN ":" HIDDEN : HIDDEN, at);
	if (r < 0)
		buf_done(&out);
	return r < 0 ? NULL : buf_take(&out);
}
