/* SPDX-License-Identifier: Apache-2.0 */
/* What --provenance, --sbom and --attest ask for. Pure. */
#ifndef SAMPAN_BUILD_ATTEST_OPTIONS_H
#define SAMPAN_BUILD_ATTEST_OPTIONS_H

#include <stdbool.h>

#include "common/err.h"

struct attest_options {
	bool provenance, sbom;
	bool is_max;       /* provenance: mode=max */
	bool is_v1;        /* provenance: version=v1; else v0.2 */
	bool reproducible; /* provenance: the user says so */
	char *builder_id;  /* provenance; owned; NULL: none */
};
void attest_options_done(struct attest_options *o);
#define cleanup_attest_options __attribute__((cleanup(attest_options_done)))

/* `text` is the value of --provenance ("true", "false", "mode=max", "mode=min,builder-id=ID,reproducible=true,version=v0.2"), of --sbom ("true", "false"), or of
 * --attest ("type=provenance,mode=max", "type=sbom,disabled=true"). A later one goes on from what an earlier one said. `type`: "provenance" or "sbom"; NULL: the text says. -EINVAL with
 * what is wrong; -EOPNOTSUPP other generators than ours, other versions. */
int attest_options_add(struct attest_options *o, const char *type, const char *text,
		       struct err *e) MUST_CHECK;

#endif
