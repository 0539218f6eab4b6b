/* SPDX-License-Identifier: Apache-2.0 */
/* The container's root file system: mounted, entered, made read-only where asked. In init, inside its mount namespace. */
#ifndef SAMPAN_RUNTIME_ROOTFS_H
#define SAMPAN_RUNTIME_ROOTFS_H

#include "oci/overlay.h"
#include "runtime/plan.h"

#define ROOTFS_LAYERS_MAX 128 /* as Docker's; with descriptors, all of them fit into a page */

/* Takes the mount namespace from the host's propagation and mounts the root: the overlay, or a bind mount of the
 * directory on itself. *ret_fd is its descriptor (O_PATH), owned. */
int rootfs_mount(const struct plan *p, const struct overlay_plan *overlay, int *ret_fd,
		 struct err *e) MUST_CHECK;

/* The same with a detached mount (idmap_open_overlay) as the root, which is attached on "/", as a user namespace's root may not reach another place;
 * its descriptor stays its root's. */
int rootfs_attach(const struct plan *p, int tree_fd, struct err *e) MUST_CHECK;

/* The overlay alone, on its target; read-only where it has no upper directory. Leaves descriptors open where paths do not fit. */
int rootfs_mount_overlay(const struct overlay_plan *o, struct err *e) MUST_CHECK;

/* linux.readonlyPaths, then linux.maskedPaths, below root_fd. What is absent is left out. Those on the plan's procfs and sysfs are
 * looked for there: somebody who shares the directories around them with us could make them seem to be absent. What masks files is null_fd,
 * a null device that is borrowed, or with -1 the host's. */
int rootfs_protect(int root_fd, const struct plan *p, const struct strvec *read_only,
		   const struct strvec *masked, int null_fd, struct err *e) MUST_CHECK;

/* pivot_root, or chroot with `no_pivot`; the working directory is "/" after it. */
int rootfs_enter(int root_fd, const struct plan *p, bool no_pivot, struct err *e) MUST_CHECK;

#endif
