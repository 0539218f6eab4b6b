/* SPDX-License-Identifier: Apache-2.0 */
/* The caches of one `sampan build`, and what is said of them on standard error. */
#ifndef SAMPAN_CLI_BUILD_CACHE_H
#define SAMPAN_CLI_BUILD_CACHE_H

#include "build/cache_transfer.h"
#include "cli/build_cache_flags.h"

/* Reads them all, in their order. One that cannot be had is a warning. Errors of build_cache_import. */
int build_caches_import(const struct build *b, const struct build_caches *from,
			const struct pull_options *options, bool quiet, struct err *e) MUST_CHECK;

/* Writes them all, but for those inside of the image. Errors of build_cache_export. */
int build_caches_export(const struct build *b, const struct cache_steps *steps, const struct build_caches *to,
			const struct push_options *options, bool quiet, struct err *e) MUST_CHECK;

#endif
