/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a container that exists, and ending one that runs. */
#ifndef SAMPAN_ENGINE_CONTAINER_START_H
#define SAMPAN_ENGINE_CONTAINER_START_H

#include "engine/container_view.h"
#include "engine/restart_policy.h"

struct container_start {
	const struct store *store;
	const char *state_dir;
	int *lock_fd; /* of one that was made just now, and whose record says that it runs: closed, as the monitor has it; NULL: take it */
	int client_fd; /* as struct monitor_start; -1: none */
	int32_t client_wants;
	int (*make_durable)(void *arg, struct err *e); /* as struct monitor_start */
	void *durable_arg;
};
#define CONTAINER_START(s, dir) \
	((struct container_start){ .store = (s), .state_dir = (dir), .client_fd = -1 })

/* -EBUSY (no text): it is up already. *ret_pid: its init on the host. Else as monitor_run. `c` as container_view_find gave it. */
int container_start(const struct container_start *s, struct container_record *c, pid_t *ret_pid,
		    int *ret_exit_code, struct err *e) MUST_CHECK;

/* Takes the lock of a container that is not up, from a monitor that is about to end too. -EBUSY (no text): it is up again. */
int container_lock_settled(const struct store *s, const char *id, int *ret_fd, struct err *e) MUST_CHECK;

/* Sends the signal that ends the container, and SIGKILL when timeout_s have passed (-1: never; INT32_MIN: as it was created with), and waits
 * until it is over and its monitor gone. signal 0: its own. Its restart policy does not start it again. One that is not up is a success. */
#define CONTAINER_STOP_DEFAULT INT32_MIN
int container_stop(const struct store *s, const char *state_dir, const struct container_record *was,
		   int signal, int32_t timeout_s, struct err *e) MUST_CHECK;

/* Tells the monitor of a container that is up, or about to be, of its new restart policy; one that is not up has no need of it. */
int container_tell_restart(const struct store *s, const char *state_dir, const struct container_record *was,
			   const struct restart_policy *policy, struct err *e) MUST_CHECK;

/* Sends a signal to its init. -EBUSY 'container X is not running'. SIGKILL, or the signal that it stops with, is the user's word that it
 * shall not run again. */
int container_signal(const struct store *s, const char *state_dir, const struct container_record *was,
		     int signal, struct err *e) MUST_CHECK;

#endif
