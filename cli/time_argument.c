/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/time_argument.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/go_duration.h"
#include "common/parse.h"
#include "common/timestamp.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define TEXT_MAX      64

static int to_ns(int64_t seconds, int64_t ns, int64_t *ret)
{
	if (__builtin_mul_overflow(seconds, NS_PER_SECOND, ret) || __builtin_add_overflow(*ret, ns, ret))
		return -ERANGE;
	return 0;
}

/* "1764000000", "1764000000.123456789" */
static int parse_unix(const char *text, int64_t *ret_ns)
{
	const char *dot = strchr(text, '.');
	size_t len = dot ? (size_t)(dot - text) : strlen(text);
	char whole[TEXT_MAX];
	int64_t seconds, ns = 0, scale = NS_PER_SECOND / 10;

	if (len >= sizeof(whole))
		return -EINVAL;
	memcpy(whole, text, len);
	whole[len] = '\0';
	if (parse_i64(whole, INT64_MIN, INT64_MAX, &seconds) < 0)
		return -EINVAL;
	for (const char *p = dot ? dot + 1 : ""; *p; p++, scale /= 10) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		ns += scale * (*p - '0');
	}
	return to_ns(seconds, seconds < 0 ? -ns : ns, ret_ns);
}

/* Where the zone begins behind date and time: "Z", "+01:00", or the end. */
static const char *zone_of(const char *text)
{
	const char *t = strpbrk(text, "Tt"), *zone;

	if (!t) /* a date alone has two dashes of its own */
		return strlen(text) > strlen("2006-01-02") ? text + strlen("2006-01-02")
							   : text + strlen(text);
	zone = strpbrk(t, "Zz+-");
	return zone ? zone : t + strlen(t);
}

/* What is left out is 0; the result has a zone in any case. False: it is too long to be a time. */
static bool complete(const char *text, const char *zone, char ret[TEXT_MAX])
{
	static const char REST[] = "0000-00-00T00:00:00";
	size_t given = (size_t)(zone - text);
	const char *rest = given < strlen(REST) ? REST + given : "";
	int n;

	/* Only whole fields: "2006-01-02", "...T15", "...T15:04", "...T15:04:05" and fractions. */
	if (given < strlen("2006-01-02") || (given < strlen(REST) && *rest != 'T' && *rest != ':'))
		return false;
	n = snprintf(ret, TEXT_MAX, "%.*s%s%s", (int)given, text, rest, *zone ? zone : "Z");
	return n > 0 && n < TEXT_MAX;
}

/* As the local clock shows it. */
static int from_local(int64_t as_if_utc, int64_t *ret_seconds)
{
	time_t t = (time_t)as_if_utc;
	struct tm tm;
	time_t local;

	if (!gmtime_r(&t, &tm))
		return -ERANGE;
	tm.tm_isdst = -1;
	local = mktime(&tm);
	if (local == (time_t)-1)
		return -ERANGE;
	*ret_seconds = (int64_t)local;
	return 0;
}

static int parse_date(const char *text, int64_t *ret_ns)
{
	const char *zone = zone_of(text);
	char whole[TEXT_MAX];
	struct timespec t;
	int64_t seconds;
	int r = 0;

	if (!complete(text, zone, whole) || timestamp_parse(whole, &t) < 0)
		return -EINVAL;
	seconds = (int64_t)t.tv_sec;
	if (!*zone)
		r = from_local(seconds, &seconds);
	return r < 0 ? r : to_ns(seconds, t.tv_nsec, ret_ns);
}

int time_argument_parse(const char *text, const struct timespec *now, int64_t *ret_ns, struct err *e)
{
	int64_t ns, now_ns = (int64_t)now->tv_sec * NS_PER_SECOND + now->tv_nsec;

	if (go_duration_parse(text, &ns) == 0 && !__builtin_sub_overflow(now_ns, ns, ret_ns))
		return 0;
	if (parse_unix(text, ret_ns) == 0 || parse_date(text, ret_ns) == 0)
		return 0;
	return err_set(e, -EINVAL, "failed to parse value as time or duration: \"%s\"", text);
}
