/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices RUN --device may have: what follows "device" in --allow, by BuildKit's grammar. Pure. */
#ifndef SAMPAN_BUILD_DEVICE_ALLOW_H
#define SAMPAN_BUILD_DEVICE_ALLOW_H

#include <stdbool.h>

#include "common/err.h"
#include "common/strvec.h"

struct device_allow {
	bool all;
	/* In pairs: what RUN says, and the device that it gets, "" if that is the same. */
	struct strvec names;
};
void device_allow_done(struct device_allow *a);
#define cleanup_device_allow __attribute__((cleanup(device_allow_done)))

/* "": all of them; "KIND=NAME": one; "KIND=*": those of one kind; "KIND=NAME,alias=TEXT": one, by the name TEXT alone. -EINVAL. */
int device_allow_add(struct device_allow *a, const char *text, struct err *e) MUST_CHECK;

/* The device that RUN gets for a name; NULL: none. Borrowed from either. `a` may be NULL: nothing is allowed. */
const char *device_allow_find(const struct device_allow *a, const char *name);

#endif
