/* SPDX-License-Identifier: Apache-2.0 */
/* What the monitor's two helpers do: bring a container to life from what the store has of it, and clear away after its end. */
#ifndef SAMPAN_ENGINE_LAUNCH_H
#define SAMPAN_ENGINE_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* Creates and starts container `id` with this process's standard streams, or the terminal that goes to report_fd, which is told of all
 * (MONITOR_CREATED, MONITOR_STARTED or MONITOR_FAILED). On failure nothing of it is left in the runtime. The container's init becomes the
 * child of the nearest subreaper when this process ends. starter_fd >= 0: the monitor has only just been started, and the container is made meanwhile; its
 * word (MONITOR_GO) is waited for before anything of the container runs. -ECANCELED: it has ended, or has failed. starter_fd is closed with that word, or
 * when nothing is left of the container: who has the other end hears no sooner that there is no monitor. */
int container_launch(const struct store *s, const char *state_dir, const char *id, int report_fd,
		     int starter_fd, struct err *e) MUST_CHECK;

struct container_end {
	bool final;  /* it will not be started again by its monitor: the record is brought up to date */
	bool remove; /* then the container goes */
	bool died;   /* it has ended just now, which is an event */
	bool asked; /* it has no networks, and report_fd's monitor has a helper for us if we are late, and empties the directory */
	int exit_code;
	uint32_t restarts;
	int64_t started_ns, finished_ns; /* since the epoch; 0: never */
	const char *error;               /* why it did not start; NULL */
	int netns_fd;                    /* its network namespace, borrowed; -1: it is gone, or has none */
};

/* After the end of a container: tells report_fd whether memory was the reason (MONITOR_CLEANED), and removes what the runtime has of it. Goes
 * as far as it can; the first error is returned. It can be done again where it was cut short. With `asked` nothing is done where that cannot be told;
 * 1: all is done, and report_fd has not heard of it. */
int container_clean_up(const struct store *s, const char *state_dir, const char *id,
		       const struct container_end *end, int report_fd, struct err *e) MUST_CHECK;

#endif
