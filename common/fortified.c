/* SPDX-License-Identifier: Apache-2.0 */
/* Debian's static libraries are compiled for glibc, with _FORTIFY_SOURCE: they call these, by which glibc checks the size of what is written to. musl has the
 * functions themselves under the names and with the arguments of the C standard, and nothing else is asked of it. The prototypes are those of the Linux
 * Standard Base, "Interfaces for libc". */
#ifdef SAMPAN_STATIC

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__memcpy_chk(void *dest, const void *src, size_t len, size_t dest_len);
char *__strncpy_chk(char *dest, const char *src, size_t len, size_t dest_len);
int __snprintf_chk(char *out, size_t max, int flag, size_t out_len, const char *format, ...);
int __sprintf_chk(char *out, int flag, size_t out_len, const char *format, ...);
int __vsnprintf_chk(char *out, size_t max, int flag, size_t out_len, const char *format, va_list ap);

static void check(size_t len, size_t room)
{
	if (len > room)
		abort();
}

void *__memcpy_chk(void *dest, const void *src, size_t len, size_t dest_len)
{
	check(len, dest_len);
	return memcpy(dest, src, len);
}

char *__strncpy_chk(char *dest, const char *src, size_t len, size_t dest_len)
{
	check(len, dest_len);
	(void)stpncpy(dest, src, len);
	return dest;
}

int __vsnprintf_chk(char *out, size_t max, int flag, size_t out_len, const char *format, va_list ap)
{
	(void)flag;
	check(max, out_len);
	return vsnprintf(out, max, format, ap);
}

int __snprintf_chk(char *out, size_t max, int flag, size_t out_len, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = __vsnprintf_chk(out, max, flag, out_len, format, ap);
	va_end(ap);
	return n;
}

int __sprintf_chk(char *out, int flag, size_t out_len, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = vsnprintf(out, out_len, format, ap);
	va_end(ap);
	check(n < 0 ? 0 : (size_t)n + 1, out_len);
	return n;
}

#endif
