/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup that a container is made or restored in. */
#ifndef SAMPAN_RUNTIME_CONTAINER_CGROUP_H
#define SAMPAN_RUNTIME_CONTAINER_CGROUP_H

#include "cgroups/cgroup.h"
#include "cgroups/host.h"
#include "runtime/plan.h"

/* Makes the cgroup that config.json asks for, by systemd where the caller wants that; without limits. Without the permission, and where nobody
 * asked for one, ret->path stays NULL. *ret is the caller's to cgroup_done, and on success to cgroup_destroy.
 * -EACCES: args->cgroup_required; else what cgroup_create and cgroup_create_systemd return. */
int container_cgroup_make(const struct cgroup_host *host, const struct runtime_args *args, struct cgroup *ret,
			  struct err *e) MUST_CHECK;

/* Refuses a cgroup that exists: -EEXIST. For the machine's root, whose cgroups are where config.json says; systemd refuses by itself. */
int container_cgroup_check_new(const struct cgroup_host *host, const struct runtime_args *args,
			       struct err *e) MUST_CHECK;

/* Sets the limits, but for devices. As cgroup_apply. */
int container_cgroup_limit(struct cgroup *cgroup, const struct spec_resources *resources,
			   struct err *e) MUST_CHECK;

/* Every container gets a device filter, as with runc: rules or not, what is not allowed is denied. In a user namespace, where the kernel
 * does not let us load one, it does not let anybody make devices, either. No filter without a cgroup. As cgroup_apply_devices. */
int container_cgroup_filter(struct cgroup *cgroup, const struct plan *plan,
			    const struct spec_resources *resources, struct err *e) MUST_CHECK;

#endif
