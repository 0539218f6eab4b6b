/* SPDX-License-Identifier: Apache-2.0 */
/* Images of a checkpoint into a container that runs, by CRIU. */
#ifndef SAMPAN_RUNTIME_RESTORE_H
#define SAMPAN_RUNTIME_RESTORE_H

#include "runtime/criu_job.h"
#include "runtime/runtime.h"

struct runtime_restore_args {
	const struct runtime_args
		*container; /* all but what CRIU brings: separate_start, filter, preserve_fds */
	struct criu_options criu;
	const char *lsm_profile, *lsm_mount_context; /* NULL: as they were */
};

/* Makes the container anew, cgroup and state and all, and has its processes go on; its first one is our child. Where the dumped process had
 * pipes for standard streams, it gets ours. The hooks prestart and createRuntime run once its namespaces are there, poststart at the end.
 * On failure nothing is left. The members of *ret are as with runtime_create; there is nothing to start.
 * -EEXIST; -EOPNOTSUPP: no CRIU; -ENOENT: no images; -EIO 'criu failed: ...'. */
int runtime_restore(const struct runtime_restore_args *args, struct runtime_container *ret,
		    struct err *e) MUST_CHECK;

#endif
