/* SPDX-License-Identifier: Apache-2.0 */
/* Containers for commands: as they are now, and with what a killed monitor has left of them cleared away. */
#ifndef SAMPAN_CLI_FIND_CONTAINER_H
#define SAMPAN_CLI_FIND_CONTAINER_H

#include "cli/cli.h"
#include "engine/container_view.h"

/* container_view_find, and container_view_recover with a warning where that is due. */
int find_container(const struct store *s, const struct cli_globals *g, const char *what,
		   struct container_record *ret, struct err *e) MUST_CHECK;

/* All, newest first; the same. Freed with container_list_free. */
int list_containers(const struct store *s, const struct cli_globals *g, struct container_record **ret_items,
		    size_t *ret_len, struct err *e) MUST_CHECK;

/* As find_container, for commands that need a process of it: -EBUSY in docker's words where it does not run, or, but with `paused`, is
 * paused. */
int find_running_container(const struct store *s, const struct cli_globals *g, const char *what, bool paused,
			   struct container_record *ret, struct err *e) MUST_CHECK;

/* Of what was asked of the runtime about a container that was found running: -EBUSY in docker's words instead of -ENOENT, as it has ended in between, and its state with it. */
int container_ended_since(const struct container_record *c, int r, struct err *e) MUST_CHECK;

/* Runs `visit` for each argument (docker's way of commands with many containers): prints the argument where it succeeds, and the error where not.
 * Returns the exit code. */
int for_each_container(const struct cli_globals *g, char **what, int len,
		       int (*visit)(const struct store *s, const struct cli_globals *g, const char *what,
				    const void *options, struct err *e),
		       const void *options);

#endif
