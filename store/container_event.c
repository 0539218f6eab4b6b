/* SPDX-License-Identifier: Apache-2.0 */
#include "store/container_event.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "store/volume.h"

#define OWN 2 /* pairs */

void container_event_add(struct event_batch *b, const struct container_record *c, const char *action,
			 const char *const *more)
{
	const char *pairs[2 * (OWN + CONTAINER_EVENT_MORE) + 1] = { "image", c->image_name, "name", c->name };
	const struct event event = {
		.type = "container", .action = action, .id = c->id, .labels = &c->labels, .attributes = pairs
	};
	size_t n = (size_t)OWN * 2;

	for (size_t i = 0; more && more[i] && n + 1 < ARRAY_LEN(pairs) - 1; i++)
		pairs[n++] = more[i];
	event_batch_add(b, &event);
}

void container_event(const char *state_dir, const struct container_record *c, const char *action,
		     const char *const *more)
{
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;

	container_event_add(&b, c, action, more);
	event_batch_write(&b, state_dir, true);
}

void container_event_by_id(const struct store *s, const char *state_dir, const char *id, const char *action,
			   const char *const *more)
{
	cleanup_container_record struct container_record c = { 0 };
	struct err ignored;

	if (container_find(s, id, &c, &ignored) < 0)
		(void)snprintf(c.id, sizeof(c.id), "%s", id);
	container_event(state_dir, &c, action, more);
}

void volume_event_add(struct event_batch *b, const char *name, const char *action)
{
	static const char *const PAIRS[] = { "driver", VOLUME_DRIVER, NULL };

	event_batch_add(b, &(struct event){
				   .type = "volume", .action = action, .id = name, .attributes = PAIRS });
}

void volume_event(const char *state_dir, const char *name, const char *action)
{
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;

	volume_event_add(&b, name, action);
	event_batch_write(&b, state_dir, true);
}
