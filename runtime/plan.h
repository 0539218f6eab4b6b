/* SPDX-License-Identifier: Apache-2.0 */
/* A container's start as checked steps. Pure: spec in, plan out, no system call. What can be refused is refused
 * here, before anything exists; between clone3 and exec nothing is decided or allocated any more. */
#ifndef SAMPAN_RUNTIME_PLAN_H
#define SAMPAN_RUNTIME_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/cgroup.h"
#include "oci/runtime_spec.h"
#include "runtime/mount_options.h"
#include "runtime/runtime.h"

enum plan_mount_kind {
	PLAN_MOUNT_FS,     /* mount(2) of a new file system */
	PLAN_MOUNT_BIND,   /* a tree of the host's, cloned */
	PLAN_MOUNT_CGROUP, /* the container's view of cgroup v2 */
};

struct plan_mount {
	enum plan_mount_kind kind;
	const char *target, *source, *fs_type; /* borrowed from the spec; source may be NULL but for binds */
	char *owned_source;                    /* where a relative source was made absolute */
	struct mount_options options;
	const struct spec_mount *idmapped; /* borrowed; NULL: its files have the owners that they have */
	bool no_symlink;                   /* procfs and sysfs go on an ordinary directory only */
};

struct plan_join {
	int clone_flag; /* CLONE_NEWNET... */
	const char *path;
};

#define PLAN_NAMESPACES_MAX 8

struct plan {
	uint64_t clone_flags; /* the namespaces that clone3 makes */
	bool network_beside;  /* a new network namespace, which clone3 does not make: see new_network.h */
	bool unshare_cgroup;  /* after clone3: its own cgroup is the root of it only then */
	bool unshare_time;    /* in the creator, before clone3: it gets offsets */
	bool user_namespace;  /* a new one, mappings to be written */
	bool other_users;     /* it is in a user namespace that is not ours, be it new or joined */
	struct plan_join joins[PLAN_NAMESPACES_MAX];
	size_t joins_len;
	bool own_mount_namespace; /* new or not: without it the rootfs is entered by chroot */
	bool own_pid_namespace;

	char *rootfs;              /* absolute */
	unsigned long propagation; /* of the root mount, MS_* | MS_REC */
	struct plan_mount *mounts;
	size_t mounts_len;
	bool setup_dev; /* /dev is ours to fill: not a bind mount of the host's */
};

int plan_make(const struct runtime_args *args, struct plan *ret, struct err *e) MUST_CHECK;
/* Whether it joins a namespace of this kind, CLONE_NEW*, by path. */
bool plan_joins(const struct plan *p, int clone_flag);
void plan_done(struct plan *p);
#define cleanup_plan __attribute__((cleanup(plan_done)))

#endif
