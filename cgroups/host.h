/* SPDX-License-Identifier: Apache-2.0 */
/* What this host makes of cgroups, and why a controller is off. */
#ifndef SAMPAN_CGROUPS_HOST_H
#define SAMPAN_CGROUPS_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "cgroups/cgroup.h"
#include "common/err.h"

/* Copies the v2 path ("0::/a/b") out of the text of /proc/PID/cgroup. -ENOENT: no such line; -EFBIG: longer than size - 1.
 * Pure. */
int cgroup_own_path(const char *proc_cgroup, char *out, size_t size) MUST_CHECK;

/* The same of this process, as the kernel has it now. -errno too. */
int cgroup_own_path_read(char *out, size_t size) MUST_CHECK;

/* What tells why the root of the v2 tree lacks a controller. Texts are "" where unknown, never NULL. */
struct controller_facts {
	enum cgroup_mode mode;
	bool nested;                /* the mount's root is not the machine's: a cgroup namespace */
	const char *kernel_cmdline; /* /proc/cmdline */
	const char *machine_model;  /* /proc/device-tree/model */
	const char *proc_cgroups;   /* /proc/cgroups */
};

/* Sets "cannot limit NAME: ..." with the reason and the cure, for the first of the controllers in `missing` (not 0). Returns
 * -EOPNOTSUPP. Pure. */
int controller_explain(const struct controller_facts *facts, unsigned int missing, struct err *e);

/* The same, with the facts of this host. */
int controller_off(const struct cgroup_host *host, unsigned int missing, struct err *e);

#endif
