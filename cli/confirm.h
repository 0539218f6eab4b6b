/* SPDX-License-Identifier: Apache-2.0 */
/* The question before things are removed for good. */
#ifndef SAMPAN_CLI_CONFIRM_H
#define SAMPAN_CLI_CONFIRM_H

#include <stdbool.h>

/* "WARNING! This will remove WHAT." and whether the answer on stdin is yes. */
bool cli_confirm(const char *what);

/* The question alone. */
bool cli_confirm_question(const char *question);

#endif
