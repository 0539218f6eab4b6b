/* SPDX-License-Identifier: Apache-2.0 */
/* The name of an image that is made here. */
#ifndef SAMPAN_CLI_IMAGE_NAME_H
#define SAMPAN_CLI_IMAGE_NAME_H

#include "common/err.h"

/* What a person types -> the canonical reference, owned. NULL stays NULL. -EINVAL it is none, or has a digest. */
int image_name_parse(const char *text, char **ret, struct err *e) MUST_CHECK;

#endif
