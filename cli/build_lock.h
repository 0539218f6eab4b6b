/* SPDX-License-Identifier: Apache-2.0 */
/* The lock file beside a Dockerfile (build/lock.h), on disk. */
#ifndef SAMPAN_CLI_BUILD_LOCK_H
#define SAMPAN_CLI_BUILD_LOCK_H

#include "build/lock.h"
#include "cli/build_input.h"

/* For `build --locked`: what base_images.pin wants as its pin_arg, with lock_pin. `ret` is zeroed, and to be done in any case. -EINVAL the Dockerfile is in no folder; -ENOENT there is no
 * lock file, -EINVAL, -EFBIG and others it is not one, all of them with its name. */
int build_lock_read(const struct build_input *in, struct lock_pins *ret, struct err *e) MUST_CHECK;

/* Replaces it, durably, and at once for readers; one that is just that stays as it is (*ret_changed: false). */
int build_lock_write(const struct build_input *in, const struct lock *lock, bool *ret_changed,
		     struct err *e) MUST_CHECK;

/* Its path as people see it. Owned; NULL: out of memory. The Dockerfile has a path. */
char *build_lock_path(const struct build_input *in) MUST_CHECK;

#endif
