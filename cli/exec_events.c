/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exec_events.h"

#include <stdio.h>
#include <sys/random.h>

#include "common/cleanup.h"
#include "store/container_event.h"

#define ACTION_BYTES 4096 /* a longer command is cut off */

static void choose_id(char ret[CONTAINER_ID_LEN + 1])
{
	unsigned char bytes[CONTAINER_ID_LEN / 2] = { 0 };

	(void)!getrandom(bytes, sizeof(bytes),
			 0); /* it cannot fail that early in the pool's life that we run */
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

static void add(struct event_batch *b, const struct exec_events *events, const char *verb,
		const struct strvec *args)
{
	const char *more[] = { "execID", events->id, NULL };
	cleanup_buf struct buf action = BUF_INIT(ACTION_BYTES);
	int r = buf_printf(&action, "%s:", verb);

	for (size_t i = 0; r == 0 && i < args->len; i++)
		r = buf_printf(&action, " %s", args->items[i]);
	if (action.data)
		container_event_add(b, events->container, action.data, more);
}

void exec_events_begin(const char *state_dir, const struct container_record *c, const struct strvec *args,
		       struct exec_events *ret)
{
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;

	*ret = (struct exec_events){ .state_dir = state_dir, .container = c };
	choose_id(ret->id);
	add(&b, ret, "exec_create", args);
	add(&b, ret, "exec_start", args);
	event_batch_write(&b, state_dir, true);
}

void exec_events_end(const struct exec_events *events, int exit_code)
{
	char code[16];
	const char *more[] = { "execID", events->id, "exitCode", code, NULL };

	(void)snprintf(code, sizeof(code), "%d", exit_code);
	container_event(events->state_dir, events->container, "exec_die", more);
}

void exec_events_detach(const struct exec_events *events)
{
	const char *more[] = { "execID", events->id, NULL };

	container_event(events->state_dir, events->container, "exec_detach", more);
}
