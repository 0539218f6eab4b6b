/* SPDX-License-Identifier: Apache-2.0 */
/* What `sampan events` hears of an exec. */
#ifndef SAMPAN_CLI_EXEC_EVENTS_H
#define SAMPAN_CLI_EXEC_EVENTS_H

#include "store/container.h"

struct exec_events {
	const char *state_dir;
	const struct container_record *container;
	char id[CONTAINER_ID_LEN + 1]; /* of the exec: for who reads events, nothing else knows it */
};

/* "exec_create: ARGS" and "exec_start: ARGS". What is given is borrowed until the end. */
void exec_events_begin(const char *state_dir, const struct container_record *c, const struct strvec *args,
		       struct exec_events *ret);

/* "exec_die" */
void exec_events_end(const struct exec_events *events, int exit_code);

/* "exec_detach": by its keys. Nobody waits for the command from then on. */
void exec_events_detach(const struct exec_events *events);

#endif
