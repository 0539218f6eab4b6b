/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of `sampan-oci update`, which go straight into linux.resources. */
#ifndef SAMPAN_CLI_UPDATE_FLAGS_H
#define SAMPAN_CLI_UPDATE_FLAGS_H

#include "cli/options.h"
#include "oci/runtime_spec.h"

struct update_flags {
	const char *resources_file; /* --resources; "-": stdin; NULL */
	const char *l3_cache_schema, *mem_bw_schema;
	struct spec_resources resources; /* what the flags set */
};
void update_flags_done(struct update_flags *f);
#define cleanup_update_flags __attribute__((cleanup(update_flags_done)))

/* For a struct update_flags. As with runc, an empty value is none, and so is 0 for --pids-limit and --blkio-weight; bytes take
 * units, and -1 is no limit. */
extern const struct option_def UPDATE_FLAGS[];

#endif
