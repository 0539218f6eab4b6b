/* SPDX-License-Identifier: Apache-2.0 */
/* containers/<id>/config.json: what a container runs, as the runtime wants it. */
#ifndef SAMPAN_ENGINE_CONTAINER_SPEC_H
#define SAMPAN_ENGINE_CONTAINER_SPEC_H

#include "oci/runtime_spec.h"
#include "runtime/filtered_spec.h"

#define CONTAINER_SPEC_FILE "config.json"

/* dir_fd: the container's directory. -ENOENT: it was never written. */
int container_spec_read(int dir_fd, struct runtime_spec *ret, struct err *e) MUST_CHECK;
/* With the filter of its profile, where that was compiled before (runtime/filtered_spec.h). */
int container_spec_read_filtered(int dir_fd, const char *state_root, struct filtered_spec *ret,
				 struct err *e) MUST_CHECK;
int container_spec_write(int dir_fd, const struct runtime_spec *s, bool durable, struct err *e) MUST_CHECK;

#endif
