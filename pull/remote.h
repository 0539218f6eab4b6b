/* SPDX-License-Identifier: Apache-2.0 */
/* One image in a registry, and the worker that asks about it: what commands need that neither pull nor push whole images. */
#ifndef SAMPAN_PULL_REMOTE_H
#define SAMPAN_PULL_REMOTE_H

#include <stdbool.h>

#include "common/digest.h"
#include "common/err.h"
#include "oci/reference.h"
#include "pull/endpoint.h"
#include "pull/registries_conf.h"
#include "pull/source.h"
#include "pull/worker.h"

/* Borrows from itself: not to be copied. */
struct remote {
	struct registries_conf conf;
	struct reference reference;
	struct endpoints endpoints;
	struct source *source;
	struct worker worker;
};
void remote_done(struct remote *r);
#define cleanup_remote __attribute__((cleanup(remote_done)))

/* `r` must be zeroed. Mirrors are left out if `for_writing`: what is written belongs to the registry itself. -EINVAL a bad name, or a short one
 * that may mean several images; endpoints_find's errors. */
int remote_open(struct remote *r, const char *text, bool tls_verify, const char *auth_file, bool for_writing,
		struct err *e) MUST_CHECK;

/* The digest of what the name stands for. -ENOENT, -EBADMSG. */
int remote_digest(struct remote *r, struct digest *ret, struct err *e) MUST_CHECK;

#endif
