/* SPDX-License-Identifier: Apache-2.0 */
#include "common/timestamp.h"

#include <stdio.h>

#define SECONDS_PER_DAY 86400
#define DAYS_PER_ERA    146097 /* of 400 years, after which the calendar repeats */

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
	(void)snprintf(ret, TIMESTAMP_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ",
		       (unsigned int)(year % 10000), (unsigned int)month, (unsigned int)day + 1,
		       (unsigned int)(seconds / 3600), (unsigned int)(seconds / 60 % 60),
		       (unsigned int)(seconds % 60), (unsigned int)t->tv_nsec % 1000000000);
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
