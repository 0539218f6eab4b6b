/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/container_cgroup.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "runtime/runtime.h"

int container_cgroup_make(const struct cgroup_host *host, const struct runtime_args *args, struct cgroup *ret,
			  struct err *e)
{
	const struct spec_linux *linux_ = &args->spec->linux_;
	int r;

	if (args->systemd_cgroup)
		return cgroup_create_systemd(host, linux_->cgroups_path, args->id, linux_->resources,
					     &args->spec->annotations, ret, e);
	r = cgroup_create(host, linux_->cgroups_path, args->id, linux_->resources, ret, e);
	if (r == 0 && !ret->path && args->cgroup_required && host->mode != CGROUP_NONE)
		return err_set(e, -EACCES,
			       "cannot make cgroup '%s': permission denied (without --rootless "
			       "false a container without limits does without)",
			       args->id);
	return r;
}

int container_cgroup_check_new(const struct cgroup_host *host, const struct runtime_args *args, struct err *e)
{
	const char *wanted = args->spec->linux_.cgroups_path;
	cleanup_cgroup struct cgroup found = { .dir_fd = -1 };
	cleanup_free char *path = NULL;
	bool absolute = wanted && wanted[0] == '/';
	int r;

	if (args->systemd_cgroup || host->mode == CGROUP_NONE)
		return 0;
	if (asprintf(&path, "%s%s%s", absolute ? "" : CGROUP_DEFAULT_PARENT "/", wanted ? wanted : "",
		     wanted && *wanted ? "" : args->id) < 0) {
		path = NULL;
		return err_code(e, -ENOMEM, "cgroup");
	}
	r = cgroup_open(host, path, &found, e);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : err_set(e, -EEXIST, "cgroup '%s' exists, and strict mode makes a new one", path);
}

int container_cgroup_limit(struct cgroup *cgroup, const struct spec_resources *resources, struct err *e)
{
	struct spec_resources others;

	if (!resources)
		return 0;
	others = *resources; /* borrows */
	others.devices = NULL;
	others.devices_len = 0;
	return cgroup_apply(cgroup, &others, e);
}

int container_cgroup_filter(struct cgroup *cgroup, const struct plan *plan,
			    const struct spec_resources *resources, struct err *e)
{
	int r = cgroup->path ? cgroup_apply_devices(cgroup, resources, e) : 0;

	return r == -EPERM && (plan->user_namespace || process_in_user_namespace()) ? 0 : r;
}
