/* SPDX-License-Identifier: Apache-2.0 */
/* A container's removal, as `rm` and `run --replace` do it. */
#ifndef SAMPAN_CLI_REMOVE_CONTAINER_H
#define SAMPAN_CLI_REMOVE_CONTAINER_H

#include "cli/cli.h"
#include "store/store.h"

struct remove_options {
	bool force;   /* also one that runs: it gets SIGKILL; and it is no error if there is none */
	bool volumes; /* also its anonymous volumes */
};

/* -ENOENT, -EBUSY in docker's words. */
int remove_container(const struct store *s, const struct cli_globals *g, const char *what,
		     const struct remove_options *o, struct err *e) MUST_CHECK;

#endif
