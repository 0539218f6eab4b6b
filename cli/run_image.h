/* SPDX-License-Identifier: Apache-2.0 */
/* The image that `run` was asked for: from the store, or pulled first. */
#ifndef SAMPAN_CLI_RUN_IMAGE_H
#define SAMPAN_CLI_RUN_IMAGE_H

#include "cli/cli.h"
#include "cli/run_flags.h"
#include "oci/image_config.h"
#include "store/image.h"
#include "store/store.h"

struct run_image {
	struct image_record record;
	struct image_config config;
	int lock_fd; /* the store's lock, shared: keeps the layers from garbage collection until the container has its record */
};
void run_image_done(struct run_image *i);
#define cleanup_run_image __attribute__((cleanup(run_image_done)))

/* Finds `what`, pulling it by the rules of --pull and --platform; notices go to stderr. -ENOENT and errors of the pull. */
int run_image_get(const struct store *s, const struct cli_globals *g, const char *what,
		  const struct run_flags *f, struct run_image *ret, struct err *e) MUST_CHECK;

#endif
