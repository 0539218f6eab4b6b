/* SPDX-License-Identifier: Apache-2.0 */
/* Between our terminal and the container's: raw mode, window size, and the bytes both ways. */
#ifndef SAMPAN_CLI_RUN_TTY_H
#define SAMPAN_CLI_RUN_TTY_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "cli/attach_keys.h"
#include "common/err.h"

/* Our terminal in raw mode. Output processing stays on, as the container's pty leaves newlines alone. */
struct run_tty_mode {
	bool raw;
	struct termios saved;
};

/* Switches stdin to raw mode if it is a terminal. */
int run_tty_raw(struct run_tty_mode *ret, struct err *e) MUST_CHECK;

/* Switches it back; a second call does nothing. */
void run_tty_restore(struct run_tty_mode *m);
#define cleanup_run_tty_mode __attribute__((cleanup(run_tty_restore)))

/* Gives the pty behind `master` the size of our terminal (the first of stdin, stdout, stderr that is one). */
void run_tty_resize(int master);

/* The same, as numbers. False: none of ours is a terminal. */
bool run_tty_size(unsigned int *ret_rows, unsigned int *ret_columns);

#define RUN_PROXY_BUFFER 4096

/* What goes from stdin to the pty and waits while the container does not read. */
struct run_proxy {
	int master; /* borrowed, non-blocking */
	int in;     /* stdin; -1: not forwarded, or at its end */
	int out;    /* stdout */
	bool ended; /* the pty has no more output */
	char pending[RUN_PROXY_BUFFER + ATTACH_KEYS_MAX];
	size_t pending_from, pending_len;
	struct attach_keys keys; /* that detach */
	bool detached;           /* they have been typed */
};

/* The events for poll(2): 0 means leave it out. */
short run_proxy_wants_master(const struct run_proxy *p);
short run_proxy_wants_in(const struct run_proxy *p);

/* Each moves one buffer, without waiting for the container. -errno of writing to stdout; all else ends its direction. */
int run_proxy_from_master(struct run_proxy *p, struct err *e) MUST_CHECK;
void run_proxy_from_in(struct run_proxy *p);
void run_proxy_to_master(struct run_proxy *p);

#endif
