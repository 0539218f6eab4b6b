/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/format.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/timestamp.h"

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

void format_ago_s(int64_t since_s, time_t now, char out[FORMAT_MAX])
{
	char text[TIMESTAMP_MAX];

	timestamp_format(&(struct timespec){ .tv_sec = since_s }, text);
	format_ago(text, now, out);
}

void format_time(const char *rfc3339, char out[FORMAT_MAX])
{
	struct timespec t;
	struct tm tm;

	if (!rfc3339 || timestamp_parse(rfc3339, &t) < 0 || !localtime_r(&t.tv_sec, &tm) ||
	    strftime(out, FORMAT_MAX, "%Y-%m-%d %H:%M:%S %z %Z", &tm) == 0)
		(void)snprintf(out, FORMAT_MAX, "%s", rfc3339 ? rfc3339 : "");
}

int format_parse_rfc3339(const char *text, struct timespec *ret)
{
	return timestamp_parse(text, ret);
}

void format_short_id(const char *id, char out[FORMAT_MAX])
{
	const char *colon = strchr(id, ':');

	(void)snprintf(out, FORMAT_MAX, "%.*s", SHORT_ID_LEN, colon ? colon + 1 : id);
}
