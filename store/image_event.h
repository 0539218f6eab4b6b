/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to an image, for `sampan events` (common/event_log.h: nothing fails). Its labels and its name go with each. */
#ifndef SAMPAN_STORE_IMAGE_EVENT_H
#define SAMPAN_STORE_IMAGE_EVENT_H

#include "common/event_log.h"
#include "store/image.h"

/* "pull" and "push" are about a name, the others about an ID. */
void image_event(const struct store *s, const char *state_dir, const char *action,
		 const struct image_record *r);

/* The same for what image_find finds. */
void image_event_of(const struct store *s, const char *state_dir, const char *action, const char *what);

/* image_unbind of r->name, with "untag", and "delete" where that was the image's last name. */
int image_unbind_told(const struct store *s, const char *state_dir, const struct image_record *r,
		      struct err *e) MUST_CHECK;

#endif
