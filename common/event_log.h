/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened, for `sampan events`: <state dir>/events/events.json, a record a line, and events.json.1, what was before it. Whoever does
 * something appends to it. docs/adr/0013. Nothing here fails: an event that cannot be written is lost, and what it tells of was done.
 *
 * A record is an object of strings: "time" (nanoseconds since the epoch), "type", "action", "id", and an object "attributes". */
#ifndef SAMPAN_COMMON_EVENT_LOG_H
#define SAMPAN_COMMON_EVENT_LOG_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/strvec.h"

#define EVENT_LOG_DIR        "events" /* below the state directory */
#define EVENT_LOG_FILE       "events.json"
#define EVENT_LOG_OLD        "events.json.1"
#define EVENT_LOG_FILE_BYTES (256u << 10) /* a file that is larger becomes the old one */
#define EVENT_RECORD_BYTES   (16u << 10)  /* one that would be larger goes without its labels */

struct event {
	const char *type, *action, *id; /* "container", "start", ... as docker has them */
	const struct strvec *labels;    /* "key=value"; NULL: none */
	const char *const *attributes;  /* key, value, key, value, NULL; they win over labels; NULL: none */
};

/* Events that are written together, which takes three system calls. */
struct event_batch {
	struct buf text;
};
#define EVENT_BATCH_EMPTY ((struct event_batch){ .text = BUF_INIT(1u << 20) })
void event_batch_done(struct event_batch *b);
#define cleanup_event_batch __attribute__((cleanup(event_batch_done)))

void event_batch_add(struct event_batch *b, const struct event *event);

/* Appends them, whole and one behind the other, whoever else writes. With `trim` the file is looked at afterwards, and makes room for a new one when it is
 * full: what is in a hurry leaves that to others. */
void event_batch_write(const struct event_batch *b, const char *state_dir, bool trim);

/* One alone, with `trim`. */
void event_write(const char *state_dir, const struct event *event);

#endif
