/* SPDX-License-Identifier: Apache-2.0 */
/* `sampan events`: which are shown, and how. Pure. */
#ifndef SAMPAN_CLI_EVENT_FILTER_H
#define SAMPAN_CLI_EVENT_FILTER_H

#include <stdbool.h>

#include "common/buf.h"
#include "engine/event_reader.h"

/* -EINVAL: docker has no such filter, or we have no such events. */
int event_filter_check(const struct strvec *filters, struct err *e) MUST_CHECK;

/* docker's rules: names and IDs of containers, volumes and networks match by their beginning, everything else as a whole; an image also by its name without a
 * tag, and a container by its image; "health_status", "exec_create" and "exec_start" by what is before the colon. */
bool event_filter_match(const struct strvec *filters, const struct event_record *r);

/* docker's line, with local time and without a newline: "2026-11-30T05:00:00.000000000+01:00 container start ID (image=..., name=...)". With `format` a Go template
 * or "json". -EINVAL "template: ...". */
int event_format(const char *format, const struct event_record *r, struct buf *out, struct err *e) MUST_CHECK;

/* Whether `format` (NULL: there is none) can be one, before there is an event. -EINVAL as above. */
int event_format_check(const char *format, struct err *e) MUST_CHECK;

#endif
