/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/launch_network.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "engine/container_view.h"
#include "engine/network_files.h"

int launch_network_join(const struct store *s, const char *state_dir, const struct network_config *c,
			struct runtime_spec *spec, struct err *e)
{
	cleanup_container_record struct container_record other = { 0 };
	struct spec_namespace *ns = spec_find_namespace(spec, SPEC_NS_NETWORK);
	int r;

	if (c->mode != NETWORK_CONTAINER)
		return 0;
	r = container_view_find(s, state_dir, c->container, &other, e);
	if (r < 0)
		return r;
	if (!container_is_up(&other) || other.pid <= 0)
		return err_set(e, -EBUSY, "cannot join network of a non running container: %.12s", other.id);
	if (!ns)
		return err_set(e, -EINVAL, "the container has no network namespace that could be another's");
	free(ns->path);
	if (asprintf(&ns->path, "/proc/%lld/ns/net", (long long)other.pid) < 0) {
		ns->path = NULL;
		return err_set(e, -ENOMEM, "out of memory");
	}
	return 0;
}

int launch_network_start(const struct network_args *args, const struct network_config *c, int dir_fd,
			 struct network_result *ret, struct err *e)
{
	cleanup_network_result struct network_result result = { 0 };
	struct err ignored;
	int r;

	if (c->mode != NETWORK_BRIDGE)
		return 0;
	r = network_up(args, c, &result, e);
	if (r < 0)
		return r;
	r = network_files_update(dir_fd, c, &result.record, args->hostname, e);
	if (r < 0) {
		IGNORE_RESULT(network_down(args->state_dir, args->id, -1, &ignored)); /* *e is what matters */
		return r;
	}
	*ret = result;
	result = (struct network_result){ 0 };
	return 0;
}
