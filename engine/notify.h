/* SPDX-License-Identifier: Apache-2.0 */
/* The readiness protocol of systemd, sd_notify(3): who tells the service manager that a container is up, and what a container may say to it. */
#ifndef SAMPAN_ENGINE_NOTIFY_H
#define SAMPAN_ENGINE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

#define NOTIFY_ENV         "NOTIFY_SOCKET"
#define NOTIFY_MESSAGE_MAX 4096 /* bytes of one message; the service manager takes no more */

/* podman's --sdnotify. Of all but the last the monitor is the service's main process. */
enum notify_mode {
	NOTIFY_CONTAINER, /* the container says when it is ready, on a socket of its own */
	NOTIFY_CONMON,    /* the monitor, when it has started */
	NOTIFY_HEALTHY,   /* the monitor, when its health check has passed */
	NOTIFY_IGNORE,
	NOTIFY_MODES
};

/* "container" and the like. -EINVAL in podman's words. */
int notify_mode_parse(const char *text, int *ret, struct err *e) MUST_CHECK;
const char *notify_mode_name(int mode);

/* The service manager's socket, of our environment; NULL: there is none. */
const char *notify_address(void);

/* A connected socket to `address`, a path or "@" and an abstract name. *ret_fd is owned. -errno */
int notify_connect(const char *address, int *ret_fd) MUST_CHECK;

/* Tells our service manager that `pid` is the service's main process. Without one, or where it does not listen, nothing happens. */
void notify_main_pid(int pid);

/* What of a container's message may go on: whole lines of READY=1, STOPPING=1, RELOADING=1, STATUS=, ERRNO=, WATCHDOG=1, WATCHDOG=trigger,
 * EXTEND_TIMEOUT_USEC= and MONOTONIC_USEC=, in which control characters and what is not UTF-8 are '?'. out has room for NOTIFY_MESSAGE_MAX + 1 bytes, and
 * gets a NUL; in has up to NOTIFY_MESSAGE_MAX. Returns out's length. *ret_ready: READY=1 is among them. */
size_t notify_filter(const char *in, size_t len, char *out, bool *ret_ready);

#endif
