/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/export.h"

#include "pull/container_tree.h"
#include "pull/packer.h"

static int pack(int tree_fd, int users_fd, int out_fd, int cancel_fd, struct err *e)
{
	struct packer_result ignored; /* nobody asks for digests */
	struct worker w = { 0 };
	int r = packer_tree(tree_fd, TREE_TAR_FILES, users_fd, out_fd, &w, e);

	return r < 0 ? r : packer_wait(&w, cancel_fd, &ignored, e);
}

int export_container(const struct store *s, const struct container_record *c, int users_fd, int out_fd,
		     int cancel_fd, struct err *e)
{
	struct container_tree tree = CONTAINER_TREE_EMPTY;
	int r = container_tree_read(s, c, &tree, e);

	if (r < 0)
		return err_wrap(e, "cannot export '%s'", c->name);
	r = pack(tree.fd, users_fd, out_fd, cancel_fd, e);
	container_tree_close(s, &tree);
	return r < 0 && r != -EINTR ? err_wrap(e, "cannot export '%s'", c->name) : r;
}
