/* SPDX-License-Identifier: Apache-2.0 */
/* What each of the programs does first, and what those do last that start containers. */
#ifndef SAMPAN_CLI_STARTUP_H
#define SAMPAN_CLI_STARTUP_H

#include "common/err.h"

/* Opens /dev/null where 0, 1 or 2 is closed: the next file that is opened would become a standard stream. 0 or -errno. */
int startup_fill_streams(void) MUST_CHECK;

/* Ends the program without libc's exit handlers: nothing of ours needs them, and the pages that they visit take longer than a dozen
 * system calls. What stdout still holds is written; whoever has to know whether that works has called fflush. */
_Noreturn void startup_end(int exit_code);

#endif
