/* SPDX-License-Identifier: Apache-2.0 */
/* What RUN --mount mounts, as mounts of a runtime spec. In the step's own process: what is made for it lies in staging, or in its mount namespace. */
#ifndef SAMPAN_BUILD_RUN_BINDS_H
#define SAMPAN_BUILD_RUN_BINDS_H

#include "build/execution.h"
#include "oci/runtime_spec.h"
#include "store/cache_mount.h"

struct run_cache {
	struct cache_mount mount;
	struct digest digest; /* of what it is known by */
};

struct run_binds {
	const struct step_place *place;
	const struct spec_user *user;
	struct runtime_spec *spec;
	struct run_cache *caches; /* that are in use */
	size_t caches_len;
	size_t made_len; /* of files and directories in staging, for their names */
	char *secrets;   /* a tmpfs of ours that they are written to; NULL: none so far */
};
void run_binds_done(struct run_binds *b);
#define cleanup_run_binds __attribute__((cleanup(run_binds_done)))

/* Adds all mounts of the step, and to its environment the secrets that are variables. -ENOENT a required secret or socket was not given, a source is not there. */
int run_binds_add(struct run_binds *b, struct err *e) MUST_CHECK;

/* A file of ours, with this text, at `destination`, read-only. */
int run_binds_add_file(struct run_binds *b, const char *destination, const char *text, mode_t mode,
		       struct err *e) MUST_CHECK;

#endif
