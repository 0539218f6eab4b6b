/* SPDX-License-Identifier: Apache-2.0 */
/* The volumes and images that a new container has mounted: made or found, filled, and turned into mounts that a runtime knows. */
#ifndef SAMPAN_CLI_RUN_VOLUMES_H
#define SAMPAN_CLI_RUN_VOLUMES_H

#include "cli/run_flags.h"
#include "cli/run_mounts.h"
#include "oci/image_config.h"
#include "engine/user_namespace.h"
#include "store/container.h"

struct run_volumes_args {
	const struct store *store;
	const char *state_dir; /* for events */
	const struct run_flags *flags;
	const struct image_config *image;
	const struct strvec *lower; /* the image's layers, topmost first */
	const struct id_maps *maps; /* of the container's user namespace */
};

/* Adds what --volumes-from and the image's VOLUMEs ask for to `mounts`, where nothing else is mounted; makes volumes that are missing, and copies
 * into empty ones what the image has at their place. Mounts of volumes and images become bind mounts and overlays; `record` names what has
 * to stay for them. *ret_lock_fd, owned: to be held until the record is in the store; -1 where there are no volumes. On failure the anonymous volumes
 * that were made are in record->anonymous_volumes.
 * -ENOENT no such container or image; -EINVAL in docker's words. */
int run_volumes_resolve(const struct run_volumes_args *a, struct run_mounts *mounts,
			struct container_record *record, int *ret_lock_fd, struct err *e) MUST_CHECK;

#endif
