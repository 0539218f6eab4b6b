/* SPDX-License-Identifier: Apache-2.0 */
/* An image of the store by what a person types. */
#ifndef SAMPAN_CLI_FIND_IMAGE_H
#define SAMPAN_CLI_FIND_IMAGE_H

#include <stdbool.h>

#include "common/err.h"
#include "store/image.h"
#include "store/store.h"

/* A short name is what registries.conf says that it stands for, as it is for a pull: what its alias names, or what one of unqualified-search-registries has. No
 * registry is asked. True: it is here. */
bool find_image_by_short_name(const struct store *s, const char *what, struct image_record *ret);

/* That, or else image_find. */
int find_image(const struct store *s, const char *what, struct image_record *ret, struct err *e) MUST_CHECK;

#endif
