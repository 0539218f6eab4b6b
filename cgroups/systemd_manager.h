/* SPDX-License-Identifier: Apache-2.0 */
/* What we ask of systemd: org.freedesktop.systemd1(5), the interface Manager. */
#ifndef SAMPAN_CGROUPS_SYSTEMD_MANAGER_H
#define SAMPAN_CGROUPS_SYSTEMD_MANAGER_H

#include <stdbool.h>
#include <sys/types.h>

#include "cgroups/sdbus.h"
#include "cgroups/unit.h"
#include "common/err.h"

struct systemd_manager {
	struct sdbus sdbus;
	bool watching;   /* it tells us of finished jobs */
	const char *job; /* that we wait for */
	bool job_done;
	char job_result[32]; /* "done", "failed"... */
};

/* Connects to the manager that is ours (sdbus_is_user). `ret` must stay where it is until sdbus_close(&ret->sdbus), which the
 * caller owes on success. Errors of sdbus_open. */
int systemd_manager_open(struct systemd_manager *ret, struct err *e) MUST_CHECK;

/* Starts a transient scope with process `pid` in it, and waits until it is started. `properties` come on top of our own. What is
 * left of an earlier scope of that name goes; -EBUSY if it still runs. -ETIMEDOUT, -EINVAL bad properties, -errno. */
int systemd_manager_start_scope(struct systemd_manager *m, const struct unit_names *names, const char *id,
				pid_t pid, const struct unit_properties *properties,
				struct err *e) MUST_CHECK;

/* Stops a unit, waits for that, and forgets that it has failed. An absent one is a success. */
int systemd_manager_stop(struct systemd_manager *m, const char *unit, struct err *e) MUST_CHECK;

/* Sets properties of a running unit until it ends. An empty list does nothing. */
int systemd_manager_set_properties(struct systemd_manager *m, const char *unit,
				   const struct unit_properties *properties, struct err *e) MUST_CHECK;

/* Moves a process into the cgroup of a unit, or `below` it ("/a/b"; "": into itself), from wherever it is: the user's manager gets help
 * from the system's. */
int systemd_manager_attach(struct systemd_manager *m, const char *unit, const char *below, pid_t pid,
			   struct err *e) MUST_CHECK;

#endif
