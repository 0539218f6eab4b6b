/* SPDX-License-Identifier: Apache-2.0 */
/* Signals as people write them. */
#ifndef SAMPAN_CLI_SIGNAL_NAME_H
#define SAMPAN_CLI_SIGNAL_NAME_H

#include "common/err.h"

/* "9", "KILL", "SIGKILL", "sigkill", "RTMIN+3" -> the number. -EINVAL. */
int signal_number(const char *text, int *ret, struct err *e) MUST_CHECK;

#endif
