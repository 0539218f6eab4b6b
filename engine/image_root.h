/* SPDX-License-Identifier: Apache-2.0 */
/* The file system of an image, as containers of it see it at first, without a container. */
#ifndef SAMPAN_ENGINE_IMAGE_ROOT_H
#define SAMPAN_ENGINE_IMAGE_ROOT_H

#include "common/err.h"
#include "common/strvec.h"

/* Opens its root, read-only. `lower`: the layers' trees, topmost first. Where they are several they are mounted in a mount namespace that ends before this
 * returns: the mount lives as long as something in it is open. `target`: any directory, which nobody else sees covered. */
int image_root_open(const struct strvec *lower, const char *target, int *ret_fd, struct err *e) MUST_CHECK;

#endif
