/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits: runtime-spec config.md#posix-process, setrlimit(2). */
#ifndef SAMPAN_RUNTIME_RLIMITS_H
#define SAMPAN_RUNTIME_RLIMITS_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/err.h"
#include "oci/runtime_spec.h"

/* What is to be set, ready for a child that may not allocate. */
struct rlimit_plan {
	struct {
		int resource;
		struct rlimit limit;
	} items[RLIM_NLIMITS];
	size_t len;
};

/* "RLIMIT_NOFILE" or "nofile" (as --ulimit has it) -> the number for setrlimit(2); -1 for names that Linux does not have. */
int rlimit_number(const char *name);
/* The number -> "RLIMIT_NOFILE"; NULL out of range. Static. */
const char *rlimit_name(int resource);

/* -EINVAL unknown or duplicate name, soft over hard. */
int rlimit_plan_make(const struct spec_rlimit *limits, size_t len, struct rlimit_plan *ret,
		     struct err *e) MUST_CHECK;

/* Sets them for this process (pid 0), or another one. Allocates nothing. 0, or -errno with the resource that failed in *ret_failed:
 * -EPERM a hard limit over ours without CAP_SYS_RESOURCE, or nofile over fs.nr_open. */
int rlimit_plan_apply(const struct rlimit_plan *plan, pid_t pid, int *ret_failed) MUST_CHECK;

#endif
