/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/export.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "pull/packer.h"
#include "store/container.h"
#include "store/layer.h"

#define OPTIONS_MAX 4095 /* bytes: a page, as mount(2) takes them */
#define MERGED      "merged"

static int add_layer(int staging_fd, size_t index, const char *path, struct buf *options)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "%zu", index);
	if (symlinkat(path, staging_fd, name) < 0)
		return -errno;
	return buf_printf(options, "%s%s", index > 0 ? ":" : "lowerdir=", name);
}

/* Whole paths would not fit into a page: the layers get short names in the working directory. What the container has written itself is the topmost. */
static int name_layers(const struct overlay_plan *plan, int staging_fd, struct buf *options, struct err *e)
{
	int r = add_layer(staging_fd, 0, plan->upper, options);

	for (size_t i = 0; r == 0 && i < plan->lower.len; i++)
		r = add_layer(staging_fd, i + 1, plan->lower.items[i], options);
	return r < 0 ? err_code(e, r, "cannot list the container's layers") : 0;
}

static int enter_namespace(struct err *e)
{
	if (unshare(CLONE_NEWNS) < 0)
		return errno == EPERM ? err_set(e, -EPERM,
						"cannot put the layers together: not permitted (run as root)")
				      : err_errno(e, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(e, "cannot make mounts private");
	return 0;
}

static int open_merged(const struct overlay_plan *plan, int staging_fd, int *ret_fd, bool *ret_mounted,
		       struct err *e)
{
	cleanup_buf struct buf options = BUF_INIT(OPTIONS_MAX);
	int fd, r;

	if (plan->lower.len == 0) { /* of one directory there is nothing to be put together */
		fd = open(plan->upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_errno(e, "cannot open '%s'", plan->upper);
		*ret_fd = fd;
		return 0;
	}
	r = name_layers(plan, staging_fd, &options, e);
	if (r < 0)
		return r;
	/* unshare(2) takes the working directory along, and no descriptor. */
	if (mkdirat(staging_fd, MERGED, 0700) < 0 || fchdir(staging_fd) < 0)
		return err_errno(e, "cannot make a mount point");
	r = enter_namespace(e);
	if (r < 0)
		return r;
	if (mount("overlay", MERGED, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, options.data) < 0)
		return err_errno(e, "cannot put the layers together");
	*ret_mounted = true;
	fd = open(MERGED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open the container's files");
	*ret_fd = fd;
	return 0;
}

static int pack(int tree_fd, int out_fd, int cancel_fd, struct err *e)
{
	struct packer_result ignored; /* nobody asks for digests */
	struct worker w = { 0 };
	int r = packer_tree(tree_fd, out_fd, &w, e);

	return r < 0 ? r : packer_wait(&w, cancel_fd, &ignored, e);
}

static int export(const struct store *s, const struct container_record *c, const struct staging *st,
		  int out_fd, int cancel_fd, struct err *e)
{
	cleanup_overlay_plan struct overlay_plan plan = { 0 };
	cleanup_fd int tree_fd = -1;
	bool mounted = false;
	int r = container_overlay(s, c, &plan, e);

	if (r == 0)
		r = open_merged(&plan, st->fd, &tree_fd, &mounted, e);
	if (r == 0)
		r = pack(tree_fd, out_fd, cancel_fd, e);
	if (mounted)
		(void)umount2(MERGED, MNT_DETACH); /* the namespace ends with us anyway */
	return r;
}

int export_container(const struct store *s, const char *what, int out_fd, int cancel_fd, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	struct staging st = { .fd = -1 };
	int r = container_find(s, what, &c, e);

	if (r < 0)
		return r;
	r = staging_begin(s, &st, e);
	if (r == 0)
		r = export(s, &c, &st, out_fd, cancel_fd, e);
	staging_end(s, &st);
	return r < 0 && r != -EINTR ? err_wrap(e, "cannot export '%s'", what) : r;
}
