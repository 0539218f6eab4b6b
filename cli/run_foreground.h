/* SPDX-License-Identifier: Apache-2.0 */
/* A container in the foreground: its stdio is ours, signals that we get go to it, and we wait for its end. */
#ifndef SAMPAN_CLI_RUN_FOREGROUND_H
#define SAMPAN_CLI_RUN_FOREGROUND_H

#include <stdbool.h>

#include "cli/attach_keys.h"
#include "cli/run_tty.h"
#include "common/err.h"

struct run_foreground {
	bool tty, interactive;
	int signal_fd;           /* -1 when empty */
	struct attach_keys keys; /* that end run_foreground_wait; none at first */
	bool detached;           /* by them */
	struct run_tty_mode mode;
};

/* Before the container is made: blocks the signals that will be forwarded, so that none is lost (the runtime unblocks them in the container),
 * and without -i puts /dev/null on stdin. -ENOTTY "the input device is not a TTY". */
int run_foreground_begin(bool tty, bool interactive, struct run_foreground *ret, struct err *e) MUST_CHECK;

/* Ours are ours again, but for the terminal's size: they end this program alone. */
int run_foreground_keep_signals(struct run_foreground *f, struct err *e) MUST_CHECK;

/* Gives the terminal back. Accepts one that never began. */
void run_foreground_end(struct run_foreground *f);
#define cleanup_run_foreground __attribute__((cleanup(run_foreground_end)))

/* Once the container has a terminal and before it starts: its size, our raw mode. */
int run_foreground_attach(struct run_foreground *f, int console_fd, struct err *e) MUST_CHECK;

/* Until the process behind `pidfd`, a child of ours, has ended; it is reaped. *ret_status as waitpid(2)'s. console_fd: -1 without a
 * terminal. Or until f->keys are typed into one: then f->detached is set, and somebody else has to hold it open from here on. */
int run_foreground_wait(struct run_foreground *f, int pidfd, int console_fd, int *ret_status,
			struct err *e) MUST_CHECK;

#endif
