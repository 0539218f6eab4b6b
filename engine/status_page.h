/* SPDX-License-Identifier: Apache-2.0 */
/* What a container is doing, published by its monitor and read by ps, wait, stats, inspect and the health gate: /run/sampan/<id>/status,
 * a shared page (common/shared_page.h). Words only, no text: what does not change is in the container's record. */
#ifndef SAMPAN_ENGINE_STATUS_PAGE_H
#define SAMPAN_ENGINE_STATUS_PAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/shared_page.h"

#define STATUS_PAGE_FILE "status"

enum status_state {
	STATUS_CREATED,
	STATUS_RUNNING,
	STATUS_PAUSED,
	STATUS_RESTARTING, /* it has ended and is waited for, until its next start is due */
	STATUS_EXITED,
	STATUS_STATES /* how many */
};

enum status_health {
	STATUS_HEALTH_NONE,
	STATUS_HEALTH_STARTING,
	STATUS_HEALTHY,
	STATUS_UNHEALTHY,
	STATUS_HEALTHS
};

struct status {
	enum status_state state;
	enum status_health health;
	pid_t pid;                /* of the container's init on the host; 0 while it has none */
	uint64_t pid_start_ticks; /* process_start_time of it */
	int exit_code;            /* of its last end: 0 to 255 */
	bool oom_killed;          /* at its last end */
	uint32_t restarts;        /* by its restart policy */
	uint32_t health_failures; /* in a row */
	int64_t started_ns;       /* since the epoch (CLOCK_REALTIME); 0: never */
	int64_t finished_ns;
	uint64_t
		log_offset; /* bytes that were written to its log since it was created, rotated ones among them */
};

/* "running" ... and "healthy" ... as docker says them; "" for STATUS_HEALTH_NONE. */
const char *status_state_name(enum status_state s);
const char *status_health_name(enum status_health h);

/* A monitor's page in the container's runtime directory: shared_page_create. */
int status_page_create(int dir_fd, struct shared_page *ret, struct err *e) MUST_CHECK;
void status_page_publish(struct shared_page *p, const struct status *s);

/* A reader's. *ret_sequence may be NULL; it is what status_page_wait wants. Errors as shared_page_open and shared_page_read have them; -EBADMSG
 * also where the words make no status. */
int status_page_open(int dir_fd, struct shared_page *ret, struct err *e) MUST_CHECK;
int status_page_read(const struct shared_page *p, struct status *ret, uint32_t *ret_sequence,
		     struct shared_page_owner *ret_monitor, struct err *e) MUST_CHECK;

/* Opens and reads that of container `id`, in the directory of all of them (monitor_open_all; negative: -ENOENT), by
 * shared_page_peek. *ret_held: its monitor lives; false says nothing. */
int status_page_peek(int monitors_fd, const char *id, struct status *ret,
		     struct shared_page_owner *ret_monitor, bool *ret_held, struct err *e) MUST_CHECK;

/* Sleeps until `until` says yes to a status, which is in *ret then. -ETIMEDOUT (timeout_ms < 0: never); -EOWNERDEAD: the monitor was
 * killed, and *ret is the last that it said. */
int status_page_wait(const struct shared_page *p, bool (*until)(const struct status *s, void *arg), void *arg,
		     int timeout_ms, struct status *ret, struct err *e) MUST_CHECK;

#endif
