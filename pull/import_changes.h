/* SPDX-License-Identifier: Apache-2.0 */
/* `--change`: instructions of a Dockerfile that say how an image is run. Pure. */
#ifndef SAMPAN_PULL_IMPORT_CHANGES_H
#define SAMPAN_PULL_IMPORT_CHANGES_H

#include "common/err.h"
#include "common/json_write.h"
#include "common/strvec.h"

struct import_changes {
	char *user, *working_dir, *stop_signal; /* NULL: not said */
	struct strvec cmd, entrypoint, env, exposed_ports, labels, volumes;
};
void import_changes_done(struct import_changes *c);
#define cleanup_import_changes __attribute__((cleanup(import_changes_done)))

/* -EINVAL, with the instruction that is wrong. */
int import_changes_parse(const struct strvec *changes, struct import_changes *ret, struct err *e) MUST_CHECK;

/* The member "config" of an image's config. */
void import_changes_write(const struct import_changes *c, struct json_out *o);

#endif
