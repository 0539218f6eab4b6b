/* SPDX-License-Identifier: Apache-2.0 */
/* The last part of every process that is started in a container, by create or by exec: from a process that is in the container's
 * namespaces to its program. */
#ifndef SAMPAN_RUNTIME_PROGRAM_H
#define SAMPAN_RUNTIME_PROGRAM_H

#include <limits.h>
#include <stdint.h>

#include "runtime/home.h"
#include "runtime/privileges.h"

struct program {
	const struct spec_process *process; /* borrowed, as is the next one */
	const struct privileges *privileges;
	unsigned int preserve_fds; /* beside 0, 1, 2 */
	bool init_process;         /* under a reaper: runtime/reaper.h */
	bool at_root;              /* the working directory is "/" already */
	bool starts_at_once;       /* execve itself may say what it thinks of the program */
	uint32_t ignored_signals;  /* by us, and not by the program: process_heed_signals */
	int label_fd;              /* of privileges_open_label; -1: none */
	unsigned int null_streams; /* of stdio_null_streams */
	int null_fd;               /* the container's own null device; -1: none */
	bool unchecked;            /* program_prepare's own */
	bool is_expected;          /* set by it, unless starts_at_once: execve can hardly fail */
	char path[PATH_MAX];
	char home[HOME_MAX];
};

/* Nobody may look into a process that still holds what is the host's: first thing in the child. proc_pid(5), dumpable. */
int program_hide(struct err *e) MUST_CHECK;

/* Joins the session keyring of the container, or makes it: keys of the caller's session are no business of the container's. keyrings(7) */
int program_join_keyring(const char *container_id, struct err *e) MUST_CHECK;

/* In the container's root: standard streams, umask, user, working directory, and the program looked up. What can go wrong with a program
 * goes wrong here, before anybody is told that the process is ready. A seccomp listener is sent over
 * sync_fd. */
int program_prepare(struct program *p, int sync_fd, struct err *e) MUST_CHECK;

/* Label, filter, execve. Returns only to say why not. */
int program_exec(struct program *p, struct err *e);

#endif
