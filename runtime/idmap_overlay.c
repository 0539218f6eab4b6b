/* SPDX-License-Identifier: Apache-2.0 */
/* The root of a container with a user namespace: an overlay of idmapped layers, so that on disk everything belongs to the IDs that the container
 * sees, whatever range it has on the host. Layers are shared, and cp, diff and commit need not know of ranges. Linux 5.19.
 *
 * In a user namespace ourselves we may not idmap: there the layers belong to the container's IDs already (store/mapped.h), and just the mount is made
 * for its root, who cannot reach the store. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "runtime/idmap.h"
#include "runtime/rootfs.h"
#include "runtime/sync.h"
#include "runtime/sys_mount.h"

/* overlayfs itself makes files as the host's root: whiteouts, its work directory, copies that then get their owner. That has to be somebody on
 * disk as well: an ID that nobody has. */
#define OVERLAY_OWN_ID 2147483646u
#define TOP            "top" /* where the directory of upper and work is mounted */
#define ROOT           "root"
#define NAME_MAX_LEN   24

/* Directory and last part of the paths of upper and work, which must be of one mount. */
struct top {
	char *dir;
	const char *upper, *work;
};

struct layers {
	int fds[ROOTFS_LAYERS_MAX + 1]; /* idmapped, detached; the last one is of the top */
	size_t len;
};

static void layers_close(struct layers *l)
{
	while (l->len > 0)
		(void)close(l->fds[--l->len]);
}
#define cleanup_layers __attribute__((cleanup(layers_close)))

static bool maps_root(const struct spec_id_mapping *m, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (m[i].host_id == 0 && m[i].size > 0)
			return true;
	return false;
}

/* The mappings and, where the host's root is nobody's of the container, a place for it. */
static int with_root(const struct spec_id_mapping *m, size_t len, struct spec_id_mapping **ret,
		     size_t *ret_len)
{
	struct spec_id_mapping *copy = calloc(len + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	memcpy(copy, m, len * sizeof(*copy));
	*ret_len = len;
	if (!maps_root(m, len))
		copy[(*ret_len)++] =
			(struct spec_id_mapping){ .container_id = OVERLAY_OWN_ID, .host_id = 0, .size = 1 };
	*ret = copy;
	return 0;
}

static int open_layer_namespace(const struct spec_linux *linux_, int *ret_fd, struct err *e)
{
	struct spec_linux all = { 0 };
	int r = with_root(linux_->uid_mappings, linux_->uid_mappings_len, &all.uid_mappings,
			  &all.uid_mappings_len);

	if (r == 0)
		r = with_root(linux_->gid_mappings, linux_->gid_mappings_len, &all.gid_mappings,
			      &all.gid_mappings_len);
	r = r < 0 ? err_code(e, r, "idmapped layers") : idmap_make_namespace(&all, ret_fd, e);
	free(all.uid_mappings);
	free(all.gid_mappings);
	return r;
}

static int open_layer(const char *path, int user_namespace, struct layers *l, struct err *e)
{
	cleanup_fd int tree = mount_clone(AT_FDCWD, path, false);
	int r = tree < 0 ? tree : user_namespace < 0 ? 0 : mount_idmap(tree, user_namespace, false);

	if (r < 0)
		return idmap_explain(path, r, e);
	l->fds[l->len++] = fd_take(&tree);
	return 0;
}

static int find_top(const struct overlay_plan *o, struct top *ret, struct err *e)
{
	const char *upper = o->upper ? strrchr(o->upper, '/') : NULL;
	const char *work = o->work ? strrchr(o->work, '/') : NULL;

	if (!upper || !work || upper - o->upper != work - o->work ||
	    strncmp(o->upper, o->work, (size_t)(upper - o->upper)) != 0)
		return err_set(e, -EINVAL, "upper and work directory are not in one directory");
	ret->dir = strndup(o->upper, (size_t)(upper - o->upper));
	ret->upper = upper + 1;
	ret->work = work + 1;
	return ret->dir ? 0 : err_code(e, -ENOMEM, "idmapped layers");
}

/* --- in a mount namespace of its own, as overlayfs takes its layers from the caller's only --- */

static int attach(int tree, const char *name, struct err *e)
{
	cleanup_fd int target = -1;
	int r;

	if (mkdir(name, 0700) < 0 || (target = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_errno(e, "cannot make '%s'", name);
	r = mount_attach(tree, target, "");
	return r < 0 ? err_code(e, r, "cannot mount an idmapped layer") : 0;
}

static int attach_all(const struct layers *l, struct err *e)
{
	char name[NAME_MAX_LEN];
	int r = 0;

	for (size_t i = 0; r == 0 && i + 1 < l->len; i++) {
		(void)snprintf(name, sizeof(name), "%zu", i);
		r = attach(l->fds[i], name, e);
	}
	return r == 0 ? attach(l->fds[l->len - 1], TOP, e) : r;
}

static int plan_inside(const struct overlay_plan *o, const struct top *top, struct overlay_plan *ret,
		       struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->lower.len; i++)
		r = strvec_addf(&ret->lower, "%zu", i);
	if (asprintf(&ret->upper, TOP "/%s", top->upper) < 0)
		ret->upper = NULL;
	if (asprintf(&ret->work, TOP "/%s", top->work) < 0)
		ret->work = NULL;
	ret->target = strdup(ROOT);
	ret->temporary = o->temporary;
	return r < 0 || !ret->upper || !ret->work || !ret->target ? err_code(e, -ENOMEM, "idmapped layers")
								  : 0;
}

static int assemble(const struct overlay_plan *o, const struct top *top, const struct layers *l, int *ret_fd,
		    struct err *e)
{
	cleanup_overlay_plan struct overlay_plan inside = { 0 };
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", o->target, "tmpfs", 0, "mode=0700") < 0 || chdir(o->target) < 0 ||
	    mkdir(ROOT, 0700) < 0)
		return err_errno(e, "cannot mount a tmpfs on '%s'", o->target);
	r = attach_all(l, e);
	if (r == 0)
		r = plan_inside(o, top, &inside, e);
	if (r == 0)
		r = rootfs_mount_overlay(&inside, e);
	if (r == -EINVAL)
		return err_set(e, -EOPNOTSUPP,
			       "cannot mount idmapped layers (a container with a user namespace takes "
			       "Linux 5.19)");
	if (r < 0)
		return r;
	r = mount_clone(AT_FDCWD, ROOT, false);
	if (r < 0)
		return err_code(e, r, "cannot take the container's root");
	*ret_fd = r;
	return 0;
}

static _Noreturn void run_child(const struct overlay_plan *o, const struct top *top, const struct layers *l,
				int sync_fd)
{
	struct err e = { 0 };
	int fd = -1;
	int r = assemble(o, top, l, &fd, &e);

	if (r == 0)
		r = sync_send_fd(sync_fd, SYNC_READY, fd, &e);
	if (r < 0)
		sync_send_error(sync_fd, &e);
	_exit(0);
}

static int mount_apart(const struct overlay_plan *o, const struct top *top, const struct layers *l,
		       int *ret_fd, struct err *e)
{
	cleanup_fd int ours = -1, theirs = -1, pidfd = -1;
	int fds[2], status, r = sync_pair(fds);
	pid_t pid;

	if (r < 0)
		return err_code(e, r, "cannot make a socket pair");
	ours = fds[0];
	theirs = fds[1];
	pid = process_clone(CLONE_NEWNS, -1, &pidfd);
	if (pid == 0)
		run_child(o, top, l, theirs);
	(void)close(fd_take(&theirs));
	if (pid < 0)
		return err_code(e, pid, "cannot make a mount namespace");
	r = sync_expect(ours, SYNC_READY, ret_fd, e);
	IGNORE_RESULT(process_wait(pidfd, &status));
	return r;
}

int idmap_open_overlay(const struct overlay_plan *o, const struct spec_linux *linux_, int *ret_fd,
		       struct err *e)
{
	cleanup_layers struct layers l = { .len = 0 };
	cleanup_fd int user_namespace = -1;
	struct top top = { 0 };
	int r;

	if (o->lower.len == 0 || o->lower.len > ROOTFS_LAYERS_MAX)
		return err_set(e, -E2BIG, "cannot mount %zu layers (1 to %d)", o->lower.len,
			       ROOTFS_LAYERS_MAX);
	r = find_top(o, &top, e);
	if (r == 0 && !process_in_user_namespace())
		r = open_layer_namespace(linux_, &user_namespace, e);
	for (size_t i = 0; r == 0 && i < o->lower.len; i++)
		r = open_layer(o->lower.items[i], user_namespace, &l, e);
	if (r == 0)
		r = open_layer(top.dir, user_namespace, &l, e);
	if (r == 0)
		r = mount_apart(o, &top, &l, ret_fd, e);
	free(top.dir);
	return r;
}
