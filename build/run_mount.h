/* SPDX-License-Identifier: Apache-2.0 */
/* `RUN --mount=type=cache,target=/root/.cache` and `RUN --device=vendor.com/gpu=all`. Dockerfile reference, "RUN --mount", "RUN --device";
 * checks and their texts are BuildKit's. Beside its keys those of buildah are taken. Pure. */
#ifndef SAMPAN_BUILD_RUN_MOUNT_H
#define SAMPAN_BUILD_RUN_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum run_mount_type { RUN_MOUNT_BIND, RUN_MOUNT_CACHE, RUN_MOUNT_SECRET, RUN_MOUNT_SSH, RUN_MOUNT_TMPFS };
enum run_mount_sharing { RUN_MOUNT_SHARED, RUN_MOUNT_PRIVATE, RUN_MOUNT_LOCKED };

struct run_mount_number {
	bool set;
	uint32_t value;
};

struct run_mount {
	enum run_mount_type type;
	char *from;   /* NULL: the context; of a cache: nothing */
	char *source; /* NULL: all of `from` */
	char *target; /* NULL: by the type */
	char *id;     /* NULL: by target or source */
	char *env;    /* of a secret: the variable; NULL: none */
	bool readonly;
	bool required; /* secret, ssh */
	enum run_mount_sharing sharing;
	struct run_mount_number mode, uid, gid;
	uint64_t size_bytes;        /* tmpfs; 0: no limit of its own */
	bool nosuid, nodev, noexec; /* buildah's */
	bool chown;                 /* buildah's "U": to the user of RUN */
};

/* Turns one value into what it means. *ret is owned by the caller. */
struct run_mount_expander {
	int (*expand)(void *arg, const char *word, char **ret, struct err *e);
	void *arg;
};

/* Reads what follows "--mount=". Each value goes through `x` (NULL: it is taken as it is). -EINVAL with what is wrong, without a place;
 * what `x` returns. */
int run_mount_parse(const char *text, const struct run_mount_expander *x, struct run_mount *ret,
		    struct err *e) MUST_CHECK;
void run_mount_done(struct run_mount *m);
#define cleanup_run_mount __attribute__((cleanup(run_mount_done)))

/* The value of "from", unexpanded and owned; NULL: there is none. -EINVAL: `text` is not a list of values. */
int run_mount_from(const char *text, char **ret, struct err *e) MUST_CHECK;

/* "bind" */
const char *run_mount_type_name(enum run_mount_type type);

struct run_device {
	char *name;    /* of CDI: "vendor.com/class=name"; NULL: not said */
	bool required; /* without it the build fails */
};

/* Reads what follows "--device=". -EINVAL with what is wrong. */
int run_device_parse(const char *text, struct run_device *ret, struct err *e) MUST_CHECK;
void run_device_done(struct run_device *d);
#define cleanup_run_device __attribute__((cleanup(run_device_done)))

#endif
