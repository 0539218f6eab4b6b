/* SPDX-License-Identifier: Apache-2.0 */
/* A further process in a container that runs. */
#ifndef SAMPAN_RUNTIME_EXEC_H
#define SAMPAN_RUNTIME_EXEC_H

#include "runtime/runtime.h"

struct runtime_exec_args {
	const char *state_root;
	const char *id;
	const struct spec_process *process;
	const struct spec_linux *linux_;      /* of the container: its seccomp profile and personality */
	const struct seccomp_program *filter; /* instead of the profile in linux_: compiled already; NULL */
	const char *console_socket;           /* AF_UNIX path that gets the pty master; NULL */
	const char *pidfd_socket;             /* AF_UNIX path that gets the pidfd; NULL */
	const char *pid_file;                 /* NULL */
	const char *cgroup;                   /* a cgroup below the container's; NULL: the container's */
	int preserve_fds;
	bool no_new_keyring;
	bool ignore_paused;
};

/* Starts the process: in the container's cgroup from its first instruction, then in its namespaces. Returns when it has called execve, or
 * with what went wrong, in runc's words, as runtime_start does. -EBUSY the container is stopped or paused. The caller waits on
 * ret->pidfd; ret->console_fd is the pty master where there is a terminal and no console_socket. */
int runtime_exec(const struct runtime_exec_args *args, struct runtime_container *ret,
		 struct err *e) MUST_CHECK;

#endif
