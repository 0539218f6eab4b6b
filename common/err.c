/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/names.h"

int err_set(struct err *e, int code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	e->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap); /* truncation is the documented behaviour */
	va_end(ap);
	errno = saved;
	return code;
}

/* Appends ": " and the words for `code` as runc's clients know them: in lower case. */
static void add_reason(struct err *e, int code)
{
	char unknown[sizeof("Unknown error -2147483648")];
	const char *text = errno_text(-code);
	size_t len = strlen(e->text);

	if (!errno_name(-code)) {
		(void)snprintf(unknown, sizeof(unknown), "%s %d", text, -code);
		text = unknown;
	}
	if (len + 3 >= sizeof(e->text))
		return;
	(void)snprintf(e->text + len, sizeof(e->text) - len, ": %s", text);
	/* "No such file" -> "no such file", but "RPC version wrong" stays. */
	if (islower((unsigned char)text[0]) == 0 && islower((unsigned char)text[1]))
		e->text[len + 2] = (char)tolower((unsigned char)text[0]);
}

static int set_with_reason(struct err *e, int code, const char *fmt, va_list ap)
{
	e->code = code;
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	add_reason(e, code);
	return code;
}

int err_errno(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	(void)set_with_reason(e, -saved, fmt, ap);
	va_end(ap);
	errno = saved;
	return -saved;
}

int err_code(struct err *e, int code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	(void)set_with_reason(e, code, fmt, ap);
	va_end(ap);
	errno = saved;
	return code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char inner[sizeof(e->text)];
	int saved = errno;
	size_t len;
	va_list ap;

	memcpy(inner, e->text, sizeof(inner));
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	(void)snprintf(e->text + len, sizeof(e->text) - len, ": %s", inner);
	errno = saved;
	return e->code;
}
