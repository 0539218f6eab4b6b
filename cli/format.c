/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/format.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

#define SHORT_ID_LEN 12

static void format_units(uint64_t bytes, double base, int digits, const char *const *units, size_t units_len,
			 char out[FORMAT_MAX])
{
	double n = (double)bytes;
	size_t i = 0;

	while (n >= base && i + 1 < units_len) {
		n /= base;
		i++;
	}
	(void)snprintf(out, FORMAT_MAX, "%.*g%s", digits, n, units[i]);
}

void format_size(uint64_t bytes, char out[FORMAT_MAX])
{
	static const char *const UNITS[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };

	format_units(bytes, 1000.0, 3, UNITS, ARRAY_LEN(UNITS), out);
}

void format_size_binary(uint64_t bytes, char out[FORMAT_MAX])
{
	static const char *const UNITS[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

	format_units(bytes, 1024.0, 4, UNITS, ARRAY_LEN(UNITS), out);
}

void format_duration(int64_t seconds, char out[FORMAT_MAX])
{
	/* Up to `below` of them in that unit; docker's steps. */
	static const struct {
		int64_t seconds, below;
		const char *unit;
	} STEPS[] = {
		{ 1, 60, "seconds" },
		{ 60, 60, "minutes" },
		{ 3600, 48, "hours" },
		{ 86400, 14, "days" },
		{ 7 * 86400, 9, "weeks" },
		{ 30 * 86400, 24, "months" },
		{ 365 * 86400, INT64_MAX, "years" },
	};
	const char *word = NULL;
	size_t i = 0;

	if (seconds < 1)
		word = "Less than a second";
	else if (seconds == 1)
		word = "1 second";
	else if (seconds / 60 == 1)
		word = "About a minute";
	else if (seconds / 3600 == 1)
		word = "About an hour";
	if (word) {
		(void)snprintf(out, FORMAT_MAX, "%s", word);
		return;
	}
	while (seconds / STEPS[i].seconds >= STEPS[i].below)
		i++;
	(void)snprintf(out, FORMAT_MAX, "%lld %s", (long long)(seconds / STEPS[i].seconds), STEPS[i].unit);
}

void format_ago(const char *since_rfc3339, time_t now, char out[FORMAT_MAX])
{
	char duration[FORMAT_MAX];
	struct timespec t;

	if (!since_rfc3339 || format_parse_rfc3339(since_rfc3339, &t) < 0 || t.tv_sec <= 0) {
		(void)snprintf(out, FORMAT_MAX, "N/A");
		return;
	}
	format_duration((int64_t)now - t.tv_sec, duration);
	(void)snprintf(out, FORMAT_MAX, "%.*s ago", FORMAT_MAX - (int)sizeof(" ago"), duration);
}

/* Exactly `digits` decimal digits at *p, which moves behind them. */
static bool read_digits(const char **p, int digits, int *ret)
{
	int n = 0;

	for (int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)**p))
			return false;
		n = n * 10 + (*(*p)++ - '0');
	}
	*ret = n;
	return true;
}

static bool read_char(const char **p, const char *any_of)
{
	if (!**p || !strchr(any_of, **p))
		return false;
	(*p)++;
	return true;
}

static bool read_date_time(const char **p, struct tm *ret)
{
	bool ok = read_digits(p, 4, &ret->tm_year) && read_char(p, "-") && read_digits(p, 2, &ret->tm_mon) &&
		  read_char(p, "-") && read_digits(p, 2, &ret->tm_mday) && read_char(p, "Tt ") &&
		  read_digits(p, 2, &ret->tm_hour) && read_char(p, ":") && read_digits(p, 2, &ret->tm_min) &&
		  read_char(p, ":") && read_digits(p, 2, &ret->tm_sec);

	if (!ok || ret->tm_mon < 1 || ret->tm_mon > 12 || ret->tm_mday < 1 || ret->tm_mday > 31 ||
	    ret->tm_hour > 23 || ret->tm_min > 59 || ret->tm_sec > 60)
		return false;
	ret->tm_year -= 1900;
	ret->tm_mon -= 1;
	return true;
}

static bool read_fraction(const char **p, long *ret_ns)
{
	long scale = 100000000;

	*ret_ns = 0;
	if (!read_char(p, "."))
		return true;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++, scale /= 10)
		*ret_ns += scale * (**p - '0');
	return true;
}

static bool read_offset(const char **p, long *ret_seconds)
{
	long sign = **p == '-' ? -1 : 1;
	int hours = 0, minutes = 0;

	*ret_seconds = 0;
	if (read_char(p, "Zz"))
		return true;
	if (!read_char(p, "+-") || !read_digits(p, 2, &hours) || !read_char(p, ":") ||
	    !read_digits(p, 2, &minutes))
		return false;
	*ret_seconds = sign * (hours * 3600L + minutes * 60L);
	return true;
}

int format_parse_rfc3339(const char *text, struct timespec *ret)
{
	const char *p = text;
	struct tm tm = { 0 };
	long ns = 0, offset = 0;

	if (!read_date_time(&p, &tm) || !read_fraction(&p, &ns) || !read_offset(&p, &offset) || *p)
		return -EINVAL;
	*ret = (struct timespec){ .tv_sec = timegm(&tm) - offset, .tv_nsec = ns };
	return 0;
}

void format_short_id(const char *id, char out[FORMAT_MAX])
{
	const char *colon = strchr(id, ':');

	(void)snprintf(out, FORMAT_MAX, "%.*s", SHORT_ID_LEN, colon ? colon + 1 : id);
}
