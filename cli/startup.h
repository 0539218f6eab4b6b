/* SPDX-License-Identifier: Apache-2.0 */
/* What each of the programs does first. */
#ifndef SAMPAN_CLI_STARTUP_H
#define SAMPAN_CLI_STARTUP_H

#include "common/err.h"

/* Opens /dev/null where 0, 1 or 2 is closed: the next file that is opened would become a standard stream. 0 or -errno. */
int startup_fill_streams(void) MUST_CHECK;

#endif
