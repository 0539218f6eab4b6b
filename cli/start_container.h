/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a container with our standard streams as its: what `run` and `start -a` share. */
#ifndef SAMPAN_CLI_START_CONTAINER_H
#define SAMPAN_CLI_START_CONTAINER_H

#include "cli/attach_container.h"
#include "cli/cli.h"
#include "engine/container_start.h"

struct start_attached {
	const char *detach_keys; /* NULL: ATTACH_KEYS_DEFAULT */
	bool tty, interactive;   /* it has a terminal; our stdin is its */
	bool no_signals;         /* ours are ours */
	bool chosen;             /* by -a: only these of its streams are shown */
	bool clears_away; /* we do it after its end, in place of a helper that would have to be started */
	int32_t streams;  /* MONITOR_WANT_STDOUT, MONITOR_WANT_STDERR */
};

/* Starts it and stays until it ends or the user detaches. *ret_exit_code: its own; docker's where it does not start; 0 when detached. */
int start_attached(const struct start_attached *how, const struct container_start *start,
		   struct container_record *c, int *ret_exit_code, struct err *e) MUST_CHECK;

/* The same with one that runs. */
int attach_running(const struct start_attached *how, const char *state_dir, struct container_record *c,
		   int *ret_exit_code, struct err *e) MUST_CHECK;

#endif
