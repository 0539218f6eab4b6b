/* SPDX-License-Identifier: Apache-2.0 */
/* How the long commands of sampan-image end early and in order. */
#ifndef SAMPAN_CLI_IMAGE_SIGNALS_H
#define SAMPAN_CLI_IMAGE_SIGNALS_H

#include "common/err.h"

/* SIGINT, SIGTERM and SIGHUP make *ret_fd readable from now on and do nothing else; SIGPIPE is ignored. */
int image_watch_signals(int *ret_fd, struct err *e) MUST_CHECK;

/* The exit code of a program that such a signal has ended: 128 and its number. */
int image_exit_of_signal(int fd);

#endif
