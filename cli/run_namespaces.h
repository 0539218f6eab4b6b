/* SPDX-License-Identifier: Apache-2.0 */
/* --pid, --ipc, --uts, --cgroupns and --userns: which namespaces a container shares, and with whom. */
#ifndef SAMPAN_CLI_RUN_NAMESPACES_H
#define SAMPAN_CLI_RUN_NAMESPACES_H

#include "cli/run_flags.h"
#include "engine/life.h"
#include "oci/runtime_spec.h"
#include "store/store.h"

/* What the texts of the flags alone tell. -EINVAL in docker's words; -EOPNOTSUPP user namespaces. */
int run_namespaces_check(const struct run_flags *f, struct err *e) MUST_CHECK;

/* Takes namespaces that are shared with the host out of a spec with docker's defaults, and puts what belongs to them in place. */
int run_namespaces_apply(const struct run_flags *f, struct runtime_spec *s, struct err *e) MUST_CHECK;

/* Those of other containers are found anew at each start: their IDs go into `life`. -ENOENT; -EINVAL its IPC namespace is not shareable. */
int run_namespaces_life(const struct run_flags *f, const struct store *s, struct life *life,
			struct err *e) MUST_CHECK;

#endif
