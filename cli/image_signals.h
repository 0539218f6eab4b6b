/* SPDX-License-Identifier: Apache-2.0 */
/* How the long commands of sampan-image end early and in order. */
#ifndef SAMPAN_CLI_IMAGE_SIGNALS_H
#define SAMPAN_CLI_IMAGE_SIGNALS_H

#include "cli/image_main.h"
#include "common/err.h"

/* SIGINT, SIGTERM and SIGHUP make *ret_fd readable from now on and do nothing else; SIGPIPE is ignored. */
int image_watch_signals(int *ret_fd, struct err *e) MUST_CHECK;

/* The exit code of a command that ends with `r`: not 0 means that `e` is told first, and -EINTR that one of these signals came, which the code then says. */
int image_end(const struct image_globals *g, int r, const struct err *e, int fd);

#endif
