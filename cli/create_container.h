/* SPDX-License-Identifier: Apache-2.0 */
/* A new container, from the flags to what the store has of it: what `run` and `create` share. */
#ifndef SAMPAN_CLI_CREATE_CONTAINER_H
#define SAMPAN_CLI_CREATE_CONTAINER_H

#include <time.h>

#include "cli/cli.h"
#include "cli/run_flags.h"
#include "cli/run_image.h"
#include "cli/run_mounts.h"
#include "cli/run_userns.h"
#include "common/buf.h"
#include "engine/life.h"
#include "oci/overlay.h"
#include "oci/runtime_spec.h"
#include "store/container.h"

#define CREATION_PASSWD_MAX (4u << 20) /* bytes of the image's passwd and group */

/* Everything that belongs to one creation. */
struct creation {
	const struct run_flags *flags;
	const struct cli_globals *globals;
	bool starts; /* it is started at once */
	struct timespec begun;
	struct store *store;
	struct run_image image;
	struct container_record record;
	struct life life;
	bool created;        /* the record is in the store */
	struct strvec lower; /* the image's trees, topmost first */
	struct overlay_plan overlay;
	struct run_mounts mounts;
	struct runtime_spec spec;
	struct network_config network;
	struct strvec args, env;
	struct buf passwd, group; /* of the image; empty where it has none */
	struct run_users users;
	char *rootfs; /* --rootfs: absolute */
	char *dir;    /* of the container, absolute */
	int dir_fd, lock_fd;
	int volumes_lock_fd, ids_lock_fd; /* until the record is there */
	bool unsynced;                    /* creation_sync is still to come */
};
void creation_done(struct creation *c);
#define cleanup_creation __attribute__((cleanup(creation_done)))
#define CREATION(f, g)                                               \
	((struct creation){ .flags = (f),                            \
			    .globals = (g),                          \
			    .image = { .lock_fd = -1 },              \
			    .dir_fd = -1,                            \
			    .lock_fd = -1,                           \
			    .volumes_lock_fd = -1,                   \
			    .ids_lock_fd = -1,                       \
			    .passwd = BUF_INIT(CREATION_PASSWD_MAX), \
			    .group = BUF_INIT(CREATION_PASSWD_MAX) })

/* Makes a container of `image` that is to run `args` (may be empty); the caller has its lock (c->lock_fd). On failure nothing is left of it. One that
 * `starts` is on the disk for good after creation_sync only. */
int create_container(struct creation *c, const char *image, char **args, size_t args_len,
		     struct err *e) MUST_CHECK;

/* Makes it durable where that is still to be done, and worth it. `creation`: a struct creation. */
int creation_sync(void *creation, struct err *e) MUST_CHECK;

/* With --debug: what took how long, on stderr. */
void creation_debug(const struct creation *c, const char *what);

#endif
