/* SPDX-License-Identifier: Apache-2.0 */
/* What a start adds to config.json: what is different at each start, or must not be on disk. */
#ifndef SAMPAN_ENGINE_LAUNCH_MOUNTS_H
#define SAMPAN_ENGINE_LAUNCH_MOUNTS_H

#include "engine/life.h"
#include "oci/overlay.h"
#include "oci/runtime_spec.h"
#include "store/container.h"

#define LAUNCH_FDS_MAX 8

struct launch_additions {
	const struct store *store;
	const char *state_dir;
	const char *dir; /* of the container, absolute */
	const struct container_record *record;
	const struct life *life;
	struct runtime_spec *spec;
	struct overlay_plan *overlay;
	int fds[LAUNCH_FDS_MAX]; /* what the spec names as /proc/PID/fd/N: open until the container is created */
	size_t fds_len;
};
void launch_additions_done(struct launch_additions *a);
#define cleanup_launch_additions __attribute__((cleanup(launch_additions_done)))

/* Mounts volumes that have options, and looks up their subpaths inside them; --ephemeral's upper directory; a shareable /dev/shm; secrets, as files in a
 * tmpfs and as variables; and finds the namespaces of other containers that this one joins. On failure, and after the container's end,
 * launch_undo is due. -ENOENT, -EBUSY the other container does not run. */
int launch_add(struct launch_additions *a, struct err *e) MUST_CHECK;

/* Unmounts what launch_add has mounted; as much as it can. c: the container's record; NULL where it cannot be read. */
void launch_undo(const struct store *s, const char *id, const struct container_record *c);

/* engine/launch_secrets.c, for launch_add: --secret. dir_fd is the container's directory. */
int launch_add_secrets(struct launch_additions *a, struct err *e) MUST_CHECK;

/* engine/launch_notify.c: /run/notify and NOTIFY_SOCKET, where the monitor listens for what is said there, once it does. */
int launch_add_notify(struct launch_additions *a, struct err *e) MUST_CHECK;

/* A tmpfs on `name` in the container's directory, which is made; *ret_path, owned, is where that is. */
int launch_mount_tmpfs(const struct launch_additions *a, const char *name, const char *data, char **ret_path,
		       struct err *e) MUST_CHECK;

#endif
