/* SPDX-License-Identifier: Apache-2.0 */
/* Standard input in a file: archives are read here and there, which a pipe does not allow. */
#ifndef SAMPAN_CLI_IMAGE_SPOOL_H
#define SAMPAN_CLI_IMAGE_SPOOL_H

#include "common/err.h"

/* Copies all of standard input to `fd`. -EINTR: cancel_fd became readable. */
int image_spool(int fd, int cancel_fd, struct err *e) MUST_CHECK;

#endif
