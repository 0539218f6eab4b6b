/* SPDX-License-Identifier: Apache-2.0 */
/* Copies that begin or end in the store: "containers-storage:NAME" of `sampan copy`. */
#ifndef SAMPAN_CLI_IMAGE_COPY_STORE_H
#define SAMPAN_CLI_IMAGE_COPY_STORE_H

#include "cli/progress.h"
#include "common/err.h"
#include "pull/copy.h"
#include "pull/layout.h"
#include "store/store.h"

/* What copy_image does, of an image of the store that `name` finds: without options->all one image, with it the index that the name was bound with, or the list (-ENODATA the store
 * lacks some of it). `progress` NULL: nothing is shown. */
int copy_out_of_store(const struct store *s, const char *state_dir, const char *name,
		      const struct transport *to, struct layout *layout, const struct copy_options *options,
		      struct progress *progress, struct copy_result *ret, struct err *e) MUST_CHECK;

/* What pull_image does of `from` (pull/transport.h), under the name `name`. -EINVAL also for options that a store has no use for. */
int copy_into_store(const struct store *s, const char *state_dir, const char *from, const char *name,
		    const struct copy_options *options, struct progress *progress, struct copy_result *ret,
		    struct err *e) MUST_CHECK;

#endif
