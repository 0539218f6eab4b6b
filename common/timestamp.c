/* SPDX-License-Identifier: Apache-2.0 */
#include "common/timestamp.h"

#include <stdio.h>

void timestamp_format(const struct timespec *t, char ret[TIMESTAMP_MAX])
{
	struct tm tm = { 0 };

	(void)gmtime_r(&t->tv_sec, &tm); /* fails only for years that do not fit an int */
	(void)snprintf(ret, TIMESTAMP_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ",
		       ((unsigned int)tm.tm_year + 1900) % 10000, ((unsigned int)tm.tm_mon + 1) % 100,
		       (unsigned int)tm.tm_mday % 100, (unsigned int)tm.tm_hour % 100,
		       (unsigned int)tm.tm_min % 100, (unsigned int)tm.tm_sec % 100,
		       (unsigned int)t->tv_nsec % 1000000000);
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
