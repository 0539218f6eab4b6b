/* SPDX-License-Identifier: Apache-2.0 */
/* --filter of `ps`. */
#ifndef SAMPAN_CLI_CONTAINER_FILTER_H
#define SAMPAN_CLI_CONTAINER_FILTER_H

#include "engine/container_view.h"

/* What was asked for, looked up once. */
struct container_filter {
	const struct strvec *filters;
	const struct store *store;
	const char *state_dir;
	const char *before,
		*since; /* when the youngest and the oldest of those named were created; NULL: not asked for */
};

/* `items`: all containers; both are borrowed. -EINVAL in docker's words, -ENOENT "no such container: x". */
int container_filter_make(const struct strvec *filters, const struct store *s, const char *state_dir,
			  const struct container_record *items, size_t len, struct container_filter *ret,
			  struct err *e) MUST_CHECK;

/* Files are read for the filters only that need some (network, publish, expose, ancestor, and volume where it is a path). */
bool container_filter_match(const struct container_filter *f, const struct container_record *c);

/* A filter of docker's that shows also what does not run. */
bool container_filter_wants_all(const struct strvec *filters);

#endif
