/* SPDX-License-Identifier: Apache-2.0 */
/* What `run` makes on disk for a container: its hosts, hostname and resolv.conf, directories for anonymous volumes, and host directories that
 * -v names and that are absent. */
#ifndef SAMPAN_CLI_RUN_FILES_H
#define SAMPAN_CLI_RUN_FILES_H

#include "cli/run_flags.h"
#include "cli/run_mounts.h"
#include "oci/image_config.h"

struct run_files_args {
	const struct run_flags *flags;
	const struct image_config *image;
	const struct strvec *lower; /* the image's layers, topmost first */
	const char *dir;            /* of the container, absolute */
	int dir_fd;                 /* the same, open */
	const char *hostname;
};

/* The sources of bind mounts: made where -v may make them. -ENOENT in docker's words. */
int run_files_make_sources(struct run_mounts *mounts, struct err *e) MUST_CHECK;

/* Writes the files and makes the directories; adds their mounts to `mounts`, where the user has not put something else there.
 * The image's VOLUMEs become directories of the container's own with the owner and mode that they have in the image; one that is not empty
 * stays in the root file system, which belongs to the container alone as well. */
int run_files_make(const struct run_files_args *args, struct run_mounts *mounts, struct err *e) MUST_CHECK;

#endif
