/* SPDX-License-Identifier: Apache-2.0 */
/* Our standard streams and a container's, by way of its monitor: `run`, `start -a`, `attach`. */
#ifndef SAMPAN_CLI_ATTACH_CONTAINER_H
#define SAMPAN_CLI_ATTACH_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/attach_keys.h"
#include "cli/run_foreground.h"
#include "common/shared_page.h"
#include "store/container.h"

struct attach {
	int fd;         /* to the monitor; owned by the caller */
	int pidfd;      /* of the container's init, which gets our signals; -1: they are ours */
	bool tty, in;   /* it has a terminal; our stdin is its */
	bool no_output; /* the end of our stdin ends this */
	struct attach_keys keys;
	const char *state_dir; /* for events; borrowed, as what follows */
	const struct container_record *record;
	const struct store
		*store; /* to clear away after the container, where its monitor may ask for that; NULL */
	const struct shared_page *page; /* where the monitor's last word is, if its message is lost; NULL */
};

struct attach_end {
	bool detached; /* by its keys: the container goes on */
	int exit_code;
	bool oom_killed;
	uint64_t memory_max; /* bytes; UINT64_MAX: no limit */
};

/* Until the container ends or the user detaches. `f` has begun (run_foreground_begin); its terminal mode is changed here. -EOWNERDEAD: the
 * monitor was killed. */
int attach_serve(struct attach *a, struct run_foreground *f, struct attach_end *ret,
		 struct err *e) MUST_CHECK;

#endif
