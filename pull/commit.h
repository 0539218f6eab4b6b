/* SPDX-License-Identifier: Apache-2.0 */
/* An image out of a container: its image's layers, and what it has written itself as one more. */
#ifndef SAMPAN_PULL_COMMIT_H
#define SAMPAN_PULL_COMMIT_H

#include "common/buf.h"
#include "common/digest.h"
#include "oci/image_config.h"
#include "oci/runtime_spec.h"
#include "store/container.h"

struct commit_options {
	const char *name;             /* canonical reference; NULL: localhost/committed:<ID> */
	const char *author, *message; /* NULL: not said */
	struct strvec changes;        /* as import_options has them; borrowed */
	int cancel_fd;                /* -1: none */
	int users_fd;                 /* the user namespace whose IDs its files have; -1: ours */
};

/* *ret: the image's ID. The caller has paused it, if he wants it to stand still. -ENOENT its image is not in the store any more; -EINVAL a change is
 * malformed; errors of pull_image. */
int commit_container(const struct store *s, const struct container_record *c,
		     const struct commit_options *options, struct digest *ret, struct err *e) MUST_CHECK;

/* The config of such an image, as JSON, into `out`: that of the container's image, with what `run` was told of command, environment, working directory
 * and labels, and the changes. `spec`: what the container runs. Pure but for the time. -EINVAL, naming the change. */
int commit_config(const struct image_config *image, const struct runtime_spec *spec,
		  const struct strvec *args, const struct commit_options *options,
		  const struct digest *diff_id, struct buf *out, struct err *e) MUST_CHECK;

#endif
