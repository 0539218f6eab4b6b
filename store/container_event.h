/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to a container, or a volume, for `sampan events`. A container's labels, image and name go with each. */
#ifndef SAMPAN_STORE_CONTAINER_EVENT_H
#define SAMPAN_STORE_CONTAINER_EVENT_H

#include "common/event_log.h"
#include "store/container.h"

/* `more`: key, value, ..., NULL, up to CONTAINER_EVENT_MORE of these pairs; NULL: none. Nothing fails (common/event_log.h). */
#define CONTAINER_EVENT_MORE 4
void container_event_add(struct event_batch *b, const struct container_record *c, const char *action,
			 const char *const *more);
void container_event(const char *state_dir, const struct container_record *c, const char *action,
		     const char *const *more);

/* The same where only its ID is known. One that is gone is told of all the same. */
void container_event_by_id(const struct store *s, const char *state_dir, const char *id, const char *action,
			   const char *const *more);

/* A volume that was made, or is gone: "create", "destroy". */
void volume_event_add(struct event_batch *b, const char *name, const char *action);
void volume_event(const char *state_dir, const char *name, const char *action);

#endif
