/* SPDX-License-Identifier: Apache-2.0 */
/* Questions at the terminal, and secrets from elsewhere. */
#ifndef SAMPAN_CLI_IMAGE_PROMPT_H
#define SAMPAN_CLI_IMAGE_PROMPT_H

#include <stdbool.h>

#include "common/err.h"

#define PROMPT_LINE_MAX 32768 /* bytes */

/* Asks at the terminal that is standard input; what is typed is not shown if `hidden`. *ret is owned, without the line's end. -EINVAL there is no terminal, with
 * `cure` as what to do; -EINTR a signal that is about to end us, -EFBIG. */
int image_prompt(const char *text, bool hidden, const char *cure, char **ret, struct err *e) MUST_CHECK;

/* All that `fd` has, without a line's end; errors say that it is about `what`. *ret is owned. */
int image_read_line(int fd, const char *what, char **ret, struct err *e) MUST_CHECK;

#endif
