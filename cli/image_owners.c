/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_owners.h"

#include "common/cleanup.h"
#include "pull/container_tree.h"
#include "runtime/idmap.h"

int image_owners_open(const struct store *s, const struct container_record *c, int *ret_fd, struct err *e)
{
	cleanup_runtime_spec struct runtime_spec spec = { 0 };
	cleanup_fd int dir_fd = -1;
	int r;

	if (!c->mapped)
		return 0;
	r = container_open_dir(s, c->id, &dir_fd, e);
	if (r == 0)
		r = container_tree_spec(dir_fd, &spec, e);
	return r == 0 ? idmap_make_namespace(&spec.linux_, ret_fd, e) : r;
}
