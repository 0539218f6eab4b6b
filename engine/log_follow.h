/* SPDX-License-Identifier: Apache-2.0 */
/* How long a log is followed: while the container runs as it ran when this began. */
#ifndef SAMPAN_ENGINE_LOG_FOLLOW_H
#define SAMPAN_ENGINE_LOG_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shared_page.h"

struct log_follow {
	struct shared_page page;
	bool runs;
	int64_t started_ns; /* which run of the container it is */
	int monitor_fd;     /* pidfd: readable when the monitor has ended; -1 */
};

/* Looks at the status page in monitor_dir_fd (<state dir>/monitor/<id>; borrowed; -1: there is none). Without a page, or with one that nobody
 * keeps up, the container does not run. */
void log_follow_begin(int monitor_dir_fd, struct log_follow *ret);
void log_follow_done(struct log_follow *f);

/* Whether that run of the container still goes on, so that more may come. Once false it stays so: what has been written by then is all there
 * is, as a monitor writes the log before it says that the container has ended. Looks at memory only, while nothing has changed. */
bool log_follow_runs(struct log_follow *f);

/* How long to sleep at most before asking again: the monitor may live on, and say in its page alone that the container has ended. A
 * log that is closed then wakes whoever watches its directory, so this is for those that cannot. */
#define LOG_FOLLOW_LIFE_SIGN_MS 1000

#endif
