/* SPDX-License-Identifier: Apache-2.0 */
/* What `run` makes on disk for a container: its hosts, hostname and resolv.conf, and host directories that -v names and that are absent. */
#ifndef SAMPAN_CLI_RUN_FILES_H
#define SAMPAN_CLI_RUN_FILES_H

#include "cli/run_flags.h"
#include "cli/run_mounts.h"
#include "engine/network_config.h"
#include "engine/user_namespace.h"

struct run_files_args {
	const struct network_config *network;
	const char *tz;  /* --tz; NULL: none */
	const char *dir; /* of the container, absolute */
	int dir_fd;      /* the same, open */
	const char *hostname;
	const struct id_maps *maps; /* without root they belong to who is root there; all zero: to us */
};

/* The sources of bind mounts: made where -v may make them. -ENOENT in docker's words. */
int run_files_make_sources(struct run_mounts *mounts, struct err *e) MUST_CHECK;

/* Writes the files; adds their mounts to `mounts`, where the user has not put something else there. */
int run_files_make(const struct run_files_args *args, struct run_mounts *mounts, struct err *e) MUST_CHECK;

/* One more of them: `name` in the container's directory, mounted on `target`. */
int run_files_add(const struct run_files_args *args, const char *name, const char *target,
		  const struct buf *text, struct run_mounts *mounts, struct err *e) MUST_CHECK;

#endif
