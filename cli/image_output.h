/* SPDX-License-Identifier: Apache-2.0 */
/* Where an archive goes: a file that is there whole or not at all, or standard output. */
#ifndef SAMPAN_CLI_IMAGE_OUTPUT_H
#define SAMPAN_CLI_IMAGE_OUTPUT_H

#include "common/err.h"

struct image_output {
	int fd;
	char *path, *temporary; /* NULL: standard output */
};

/* `path` NULL or "-": standard output. -EINVAL that is a terminal. */
int image_output_open(const char *path, struct image_output *ret, struct err *e) MUST_CHECK;

/* The file gets its name. */
int image_output_commit(struct image_output *o, struct err *e) MUST_CHECK;

/* Without a commit nothing is left of it. */
void image_output_done(struct image_output *o);
#define cleanup_image_output __attribute__((cleanup(image_output_done)))

#endif
