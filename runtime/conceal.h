/* SPDX-License-Identifier: Apache-2.0 */
/* The program's own binary, out of a container's reach: docs/adr/0006-conceal-the-binary.md. */
#ifndef SAMPAN_RUNTIME_CONCEAL_H
#define SAMPAN_RUNTIME_CONCEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "oci/runtime_spec.h"

/* Whether processes whose IDs are mapped so can write the binary that we run, once nobody runs it. `len` 0: IDs as ours. */
bool conceal_needed(const struct spec_id_mapping *uids, size_t len);

/* Makes /proc/PID/exe of this process and of those that are cloned from it an empty, sealed file: an image or a container that opens or
 * executes it gets nothing of the host's. No-op where we lack the privilege for it (CAP_SYS_RESOURCE), which is where containers have
 * no more rights than an ordinary user. PR_SET_MM_EXE_FILE of prctl(2) */
int conceal_binary(struct err *e) MUST_CHECK;

#endif
