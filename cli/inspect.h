/* SPDX-License-Identifier: Apache-2.0 */
/* What `sampan inspect` prints, with docker's keys. */
#ifndef SAMPAN_CLI_INSPECT_H
#define SAMPAN_CLI_INSPECT_H

#include "cli/cli.h"
#include "common/err.h"
#include "common/json_write.h"
#include "store/container.h"
#include "store/image.h"
#include "store/store.h"

/* Each writes one object into an array. -ENOENT no such image, no such container; nothing is written then. */
int inspect_image(const struct store *s, const char *what, struct json_out *o, struct err *e) MUST_CHECK;
int inspect_container(const struct store *s, const struct cli_globals *g, const char *what, bool with_size,
		      struct json_out *o, struct err *e) MUST_CHECK;

#endif
