/* SPDX-License-Identifier: Apache-2.0 */
/* -v, --mount and --tmpfs: text -> mounts of the spec. Pure; what has to be made on the host is listed for the caller to make. */
#ifndef SAMPAN_CLI_RUN_MOUNTS_H
#define SAMPAN_CLI_RUN_MOUNTS_H

#include <stdbool.h>

#include "common/err.h"
#include "oci/runtime_spec.h"

#define RUN_MOUNTS_MAX 512

enum run_mount_type {
	RUN_MOUNT_BIND,
	RUN_MOUNT_TMPFS,
	RUN_MOUNT_ANONYMOUS, /* a volume without a name */
	RUN_MOUNT_VOLUME,
	RUN_MOUNT_IMAGE, /* of an image's file system, read-only */
};

struct run_mount {
	int type;                             /* enum run_mount_type */
	char *source;                         /* BIND: absolute; VOLUME: its name; IMAGE: what it is called */
	char *target;                         /* absolute, cleaned: no "//", ".", ".." or trailing '/' */
	struct strvec options;                /* of the spec's mount */
	struct strvec labels, driver_options; /* of a volume that does not exist yet */
	char *subpath;                        /* of a volume or image, absolute; NULL: all of it */
	bool no_copy;     /* what the image has there is not copied into an empty volume */
	bool make_source; /* -v: a host path that is absent becomes a directory; --mount: it is an error */
};

struct run_mounts {
	struct run_mount *items;
	size_t len;
};
void run_mounts_done(struct run_mounts *m);
#define cleanup_run_mounts __attribute__((cleanup(run_mounts_done)))

/* One flag's text each; appends. `here` is our working directory, for "./src:/dst". -EINVAL in docker's words. */
int run_mounts_add_volume(struct run_mounts *m, const char *text, const char *here, struct err *e) MUST_CHECK;
int run_mounts_add_mount(struct run_mounts *m, const char *text, const char *here, struct err *e) MUST_CHECK;
int run_mounts_add_tmpfs(struct run_mounts *m, const char *text, struct err *e) MUST_CHECK;

/* A mount of our own making: fails as the others do; does nothing where the target is taken. */
int run_mounts_add_default(struct run_mounts *m, enum run_mount_type type, const char *source,
			   const char *target, struct err *e) MUST_CHECK;

/* NULL where nothing is mounted exactly there. `target` is cleaned first. */
const struct run_mount *run_mounts_find(const struct run_mounts *m, const char *target);

/* Two at one place are refused: -EINVAL "duplicate mount point: /x". */
int run_mounts_check(const struct run_mounts *m, struct err *e) MUST_CHECK;

/* Appends them to the spec, parents before children; a mount that the spec already has at the same place gives way. Volumes and images must
 * have become bind mounts or overlays by then (cli/run_volumes.h). */
int run_mounts_apply(struct run_mounts *m, struct runtime_spec *s, struct err *e) MUST_CHECK;

#endif
