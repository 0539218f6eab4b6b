/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that the runtime's caller wants: the listener of a seccomp filter with SCMP_ACT_NOTIFY, and pidfds. runtime-spec
 * config-linux.md#seccomp, #containerprocessstate. */
#ifndef SAMPAN_RUNTIME_LISTENER_H
#define SAMPAN_RUNTIME_LISTENER_H

#include <sys/types.h>

#include "common/err.h"
#include "oci/runtime_spec.h"

/* Connects to an AF_UNIX stream socket; `what` is for errors: "console socket". *ret_fd is owned. -ENAMETOOLONG, connect(2)'s. */
int caller_socket_connect(const char *path, const char *what, int *ret_fd, struct err *e) MUST_CHECK;

/* Tells the agent behind linux.seccomp.listenerPath of a process, and gives it the listener of its filter. `state` is the container's
 * state as JSON; both descriptors are borrowed. */
int listener_pass(int socket_fd, int listener_fd, const struct spec_seccomp *profile, const char *oci_version,
		  pid_t pid, const char *state, struct err *e) MUST_CHECK;

/* --pidfd-socket, as runc has it. */
int pidfd_pass(int socket_fd, int pidfd, struct err *e) MUST_CHECK;

#endif
