/* SPDX-License-Identifier: Apache-2.0 */
/* A container's configuration, and the filter of its seccomp profile where that was compiled before. */
#ifndef SAMPAN_RUNTIME_FILTERED_SPEC_H
#define SAMPAN_RUNTIME_FILTERED_SPEC_H

#include "common/buf.h"
#include "oci/runtime_spec.h"
#include "runtime/seccomp.h"

struct filtered_spec {
	struct runtime_spec spec; /* without linux.seccomp where there is a filter */
	struct seccomp_program
		filter; /* of linux.seccomp, if it was compiled before (runtime/seccomp_cache.h) */
};
void filtered_spec_done(struct filtered_spec *f);
#define cleanup_filtered_spec __attribute__((cleanup(filtered_spec_done)))

/* Decodes the text of a config.json. A seccomp profile, which is most of an ordinary one, is not read again where its filter is kept below `state_root`,
 * and its filter is kept there else. *ret is owned by the caller. Errors as runtime_spec_decode's. */
int filtered_spec_decode(const char *state_root, const struct buf *text, struct filtered_spec *ret,
			 struct err *e) MUST_CHECK;

#endif
