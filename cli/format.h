/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and times as people read them, in the forms that docker prints. */
#ifndef SAMPAN_CLI_FORMAT_H
#define SAMPAN_CLI_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/err.h"

#define FORMAT_MAX 64 /* bytes that hold any result of this header */

/* Powers of 1000, three digits: "4.26MB". */
void format_size(uint64_t bytes, char out[FORMAT_MAX]);

/* Powers of 1024, four digits: "64MiB", "1.5GiB". */
void format_size_binary(uint64_t bytes, char out[FORMAT_MAX]);

/* "Less than a second", "About a minute", "2 hours", "3 weeks"; negative counts as none. */
void format_duration(int64_t seconds, char out[FORMAT_MAX]);

/* The time since `since_rfc3339`: "2 hours ago"; "N/A" where that is NULL, malformed, or the zero time of images without one. */
void format_ago(const char *since_rfc3339, time_t now, char out[FORMAT_MAX]);

/* The same for seconds since 1970. */
void format_ago_s(int64_t since_s, time_t now, char out[FORMAT_MAX]);

/* As Go prints a time, in local time: "2026-11-30 05:00:00 +0100 CET"; one that is malformed as it is, NULL as "". */
void format_time(const char *rfc3339, char out[FORMAT_MAX]);

/* RFC 3339 with or without a fraction, 'Z' or an offset. -EINVAL. */
int format_parse_rfc3339(const char *text, struct timespec *ret) MUST_CHECK;

/* "sha256:0123..." or "0123..." -> its first 12 digits. */
void format_short_id(const char *id, char out[FORMAT_MAX]);

#endif
