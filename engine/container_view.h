/* SPDX-License-Identifier: Apache-2.0 */
/* Containers as they are at this moment: what the store has on record, and over it what their monitors publish. */
#ifndef SAMPAN_ENGINE_CONTAINER_VIEW_H
#define SAMPAN_ENGINE_CONTAINER_VIEW_H

#include "engine/status_page.h"
#include "store/container.h"

/* Completes a record from the container's status page. One whose monitor was killed is given as exited, with c->abandoned set: its
 * processes may still run. */
void container_view_look(const char *state_dir, struct container_record *c);

/* As container_find and container_list. */
int container_view_find(const struct store *s, const char *state_dir, const char *what,
			struct container_record *ret, struct err *e) MUST_CHECK;
int container_view_list(const struct store *s, const char *state_dir, struct container_record **ret_items,
			size_t *ret_len, struct err *e) MUST_CHECK;

/* Ends and clears away what is left of an abandoned container, and records it as exited. -EBUSY (no text): somebody else is about it.
 * -EALREADY (no text): it was not abandoned, but has just ended; *c is what is on record. */
int container_view_recover(const struct store *s, const char *state_dir, struct container_record *c,
			   struct err *e) MUST_CHECK;

/* Tells its monitor that it has been paused, or goes on, and waits, but not for long, until everybody can see that. */
void container_view_tell_paused(const char *state_dir, const char *id, bool paused);

/* Whether there are processes of it, or will be without anybody's doing. */
bool container_is_up(const struct container_record *c);

/* Waits until it is up no more, for timeout_ms (-1: as long as it takes). *ret_exit_code of its last end. -ETIMEDOUT. `c` as
 * container_view_find gave it. */
int container_view_wait(const struct store *s, const char *state_dir, const struct container_record *c,
			int timeout_ms, int *ret_exit_code, struct err *e) MUST_CHECK;

#endif
