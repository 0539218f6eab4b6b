/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to a container while it lives: pause, resume, new limits, a look at its processes. By state root and id;
 * -ENOENT 'container "x" does not exist'. */
#ifndef SAMPAN_RUNTIME_CONTROL_H
#define SAMPAN_RUNTIME_CONTROL_H

#include <stddef.h>
#include <sys/types.h>

#include "cgroups/cgroup.h"
#include "common/err.h"
#include "oci/runtime_spec.h"
#include "runtime/state.h"

/* A container that somebody looks after. */
struct control {
	struct container_state state;
	enum runtime_status status;
	struct cgroup_host host;
	struct cgroup cgroup; /* empty: it has none, or it is gone */
	int pidfd;            /* of its init, which the status is about; -1 where that has ended */
};

/* *ret is owned by the caller. -EBADMSG damaged state. */
int control_open(const char *state_root, const char *id, struct control *ret, struct err *e) MUST_CHECK;
void control_done(struct control *c);
#define cleanup_control __attribute__((cleanup(control_done)))

/* Freezes a running or created container and returns once all of its processes stand still. -EBUSY 'container not running';
 * -ETIMEDOUT: they do not, and run on; -EOPNOTSUPP: it has no cgroup. */
int control_pause(const char *state_root, const char *id, struct err *e) MUST_CHECK;

/* Thaws it, created or running. -EBUSY 'container not paused'. */
int control_resume(const char *state_root, const char *id, struct err *e) MUST_CHECK;

/* Changes the limits of a container that has not ended, paused ones too; what `r` does not set stays as it is. What belongs
 * together is completed from the limits in force: a period keeps its quota, and a limit of memory the one of memory and swap. Turns on
 * the controllers that it takes. As with runc, device rules are left out: they cannot be changed by an update, and callers
 * hand in all resources that they know of; 0 for pids.limit is no change. config-linux.md#control-groups
 * -EBUSY 'container not running', or less than is in use with checkBeforeUpdate; else as cgroup_apply. */
int control_update(const char *state_root, const char *id, const struct spec_resources *r,
		   struct err *e) MUST_CHECK;

/* Completes an update from the limits that are in force. Pure. */
void control_complete(const struct cgroup_stats *now, struct spec_resources *r);

#define CONTROL_PIDS_MAX (4u << 20) /* the kernel's limit of processes */

/* The processes in its cgroup and all below, as the host numbers them: owned by the caller (free). A container that has ended has
 * none. -EOPNOTSUPP: it has no cgroup. */
int control_processes(const char *state_root, const char *id, pid_t **ret, size_t *ret_len,
		      struct err *e) MUST_CHECK;

#endif
