/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/commit.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "pull/container_tree.h"
#include "pull/new_image.h"
#include "pull/packer.h"
#include "pull/repack.h"
#include "pull/stored.h"

static int load_image(const struct store *s, const struct container_record *c, struct stored_image *ret,
		      struct err *e)
{
	int r = stored_image_load(s, c->image_id.text, ret, e);

	return r == -ENOENT ? err_set(e, r, "its image %s is not in the store any more", c->image_name) : r;
}

static int pack_upper(int fd, int out_fd, const struct commit_options *o, struct encoder_result *ret,
		      struct err *e)
{
	struct packer_result result = { 0 };
	struct worker w = { 0 };
	int r = packer_tree(fd, TREE_TAR_UPPER, o->users_fd, out_fd, &w, e);

	if (r == 0)
		r = packer_wait(&w, o->cancel_fd, &result, e);
	*ret = result.blob;
	return r;
}

static int commit(const struct store *s, const struct container_record *c,
		  const struct commit_options *options, const struct staging *st, struct digest *ret,
		  struct err *e)
{
	cleanup_stored_image struct stored_image base = { 0 };
	cleanup_runtime_spec struct runtime_spec spec = { 0 };
	cleanup_buf struct buf config = BUF_INIT(CONFIG_MAX_BYTES);
	cleanup_fd int dir_fd = -1, upper_fd = -1;
	cleanup_fd int plain_fd = openat(st->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct encoder_result layer;
	struct new_image image = { .name = options->name,
				   .nameless = "committed",
				   .layer = &layer,
				   .layer_fd = plain_fd,
				   .config = &config,
				   .cancel_fd = options->cancel_fd };
	int r = plain_fd < 0 ? err_errno(e, "cannot make a temporary file") : load_image(s, c, &base, e);

	if (r == 0)
		r = container_open_dir(s, c->id, &dir_fd, e);
	if (r == 0)
		r = container_tree_spec(dir_fd, &spec, e);
	if (r == 0)
		r = container_open_upper(s, c, &upper_fd, e);
	if (r == 0)
		r = pack_upper(upper_fd, plain_fd, options, &layer, e);
	if (r == 0)
		r = commit_config(&base.config, &spec, &c->args, options, &layer.diff_id, &config, e);
	if (r < 0)
		return r;
	image.platform = base.config.platform;
	image.is_docker = repack_is_docker(&base.manifest);
	image.base = base.manifest.layers;
	image.base_len = base.manifest.layers_len;
	return new_image_store(s, st, &image, ret, e);
}

int commit_container(const struct store *s, const struct container_record *c,
		     const struct commit_options *options, struct digest *ret, struct err *e)
{
	struct staging st = { .fd = -1 };
	int r = staging_begin(s, &st, e);

	if (r == 0)
		r = commit(s, c, options, &st, ret, e);
	if (r < 0)
		r = store_explain_full(s, e); /* all that is written is below its root */
	staging_end(s, &st);
	return r;
}
