/* SPDX-License-Identifier: Apache-2.0 */
/* How a pull is shown. */
#ifndef SAMPAN_CLI_IMAGE_PULL_H
#define SAMPAN_CLI_IMAGE_PULL_H

#include "cli/progress.h"
#include "pull/pull.h"

/* Shows on `p`, which is borrowed. */
struct pull_observer image_pull_observer(struct progress *p);

#endif
