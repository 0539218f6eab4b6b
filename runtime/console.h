/* SPDX-License-Identifier: Apache-2.0 */
/* The container's terminal: a pty of its own devpts. */
#ifndef SAMPAN_RUNTIME_CONSOLE_H
#define SAMPAN_RUNTIME_CONSOLE_H

#include <stdint.h>

#include "common/err.h"

struct console {
	int master, slave; /* owned; -1 when closed */
};

/* Opens a pair from /dev/pts/ptmx below root_fd. ONLCR is off, as runc leaves it: the reader of the master sees what was
 * written. width and height 0: as they come. */
int console_open(int root_fd, uint64_t width, uint64_t height, struct console *ret, struct err *e) MUST_CHECK;

/* Binds the slave to /dev/console below root_fd. */
int console_bind(const struct console *c, int root_fd, struct err *e) MUST_CHECK;

/* Makes the slave the controlling terminal of the session that the caller leads, and its standard streams. */
int console_make_stdio(const struct console *c, struct err *e) MUST_CHECK;

/* Passes the master to whoever listens at the other end, as runc does for --console-socket. */
int console_pass(int socket_fd, int master, struct err *e) MUST_CHECK;

void console_done(struct console *c);
#define cleanup_console __attribute__((cleanup(console_done)))

#endif
