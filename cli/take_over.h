/* SPDX-License-Identifier: Apache-2.0 */
/* Static programs and the ones of the same names that are linked dynamically: docs/adr/0021-programs-that-start-are-static.md. */
#ifndef SAMPAN_CLI_TAKE_OVER_H
#define SAMPAN_CLI_TAKE_OVER_H

#include "common/err.h"

#ifdef SAMPAN_STATIC
#define PROGRAM_IS_STATIC true
#else
#define PROGRAM_IS_STATIC false
#endif

/* The dynamic program `name` of libexec does all that this one was called for, with the same arguments and descriptors. Returns only where it cannot be executed, with the
 * reason in *e. */
int take_over(const char *name, struct err *e);

#endif
