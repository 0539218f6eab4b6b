/* SPDX-License-Identifier: Apache-2.0 */
#include "common/timestamp.h"

#include <stdbool.h>
#include <string.h>

#define SECONDS_PER_DAY 86400
#define DAYS_PER_ERA    146097 /* of 400 years, after which the calendar repeats */

/* A log has one for each piece of output: printf(3) takes as long as all the rest of that. Returns what is behind it. */
static char *put_number(char *out, unsigned int n, int digits, char after)
{
	for (int i = digits; i-- > 0; n /= 10)
		out[i] = (char)('0' + n % 10);
	out[digits] = after;
	return out + digits + 1;
}

/* gmtime_r(3) would read /etc/localtime, which takes seven system calls at a container's start. Years begin in March here, so that a leap
 * day ends one. Days are counted from 0000-03-01. */
void timestamp_format(const struct timespec *t, char ret[TIMESTAMP_MAX])
{
	int64_t seconds = t->tv_sec % SECONDS_PER_DAY, days = t->tv_sec / SECONDS_PER_DAY;
	int64_t era, day, year, month;

	if (seconds < 0) {
		seconds += SECONDS_PER_DAY;
		days--;
	}
	days += 719468; /* from 0000-03-01 to 1970-01-01 */
	era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	day = days - era * DAYS_PER_ERA;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= year * 365 + year / 4 - year / 100;
	month = (5 * day + 2) / 153; /* 0 is March */
	day -= (153 * month + 2) / 5;
	year += era * 400 + (month >= 10);
	month = month < 10 ? month + 3 : month - 9;
	ret = put_number(ret, (unsigned int)(year % 10000), 4, '-');
	ret = put_number(ret, (unsigned int)month, 2, '-');
	ret = put_number(ret, (unsigned int)day + 1, 2, 'T');
	ret = put_number(ret, (unsigned int)(seconds / 3600), 2, ':');
	ret = put_number(ret, (unsigned int)(seconds / 60 % 60), 2, ':');
	ret = put_number(ret, (unsigned int)(seconds % 60), 2, '.');
	ret = put_number(ret, (unsigned int)t->tv_nsec % 1000000000, 9, 'Z');
	*ret = '\0';
}

void timestamp_now(char ret[TIMESTAMP_MAX])
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
	timestamp_format(&now, ret);
}

int64_t monotonic_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Exactly `digits` decimal digits at *p, which moves behind them. */
static bool read_digits(const char **p, int digits, int *ret)
{
	int n = 0;

	for (int i = 0; i < digits; i++) {
		if ((**p < '0' || **p > '9'))
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
	if ((**p < '0' || **p > '9'))
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
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

int timestamp_parse(const char *text, struct timespec *ret)
{
	const char *p = text;
	struct tm tm = { 0 };
	long ns = 0, offset = 0;

	if (!read_date_time(&p, &tm) || !read_fraction(&p, &ns) || !read_offset(&p, &offset) || *p)
		return -EINVAL;
	*ret = (struct timespec){ .tv_sec = timegm(&tm) - offset, .tv_nsec = ns };
	return 0;
}
