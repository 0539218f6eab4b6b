/* SPDX-License-Identifier: Apache-2.0 */
/* A container's first process, from clone3 to execve. */
#ifndef SAMPAN_RUNTIME_INIT_H
#define SAMPAN_RUNTIME_INIT_H

#include "cgroups/cgroup.h"
#include "runtime/idmap.h"
#include "runtime/namespaces.h"
#include "runtime/plan.h"
#include "runtime/privileges.h"
#include "runtime/runtime.h"
#include "runtime/seccomp.h"

/* All that init needs, made by the creator beforehand. Borrowed: init is a copy of the creator's memory. */
struct init_context {
	const struct runtime_args *args;
	const struct plan *plan;
	const struct namespace_fds *namespaces;
	const struct privileges *privileges;
	const struct idmap_trees *idmapped;
	int root_tree_fd; /* the root, mounted already; -1: init mounts it */
	const struct cgroup_host *host;
	const char *cgroup_path;   /* NULL: none */
	bool wait_for_creator;     /* who writes the ID maps, or moves init into its cgroup */
	int sync_fd;               /* to the creator; see runtime/sync.h */
	int creator_fd;            /* the creator's end of it, to be closed */
	int fifo_fd, listen_fd;    /* where `start` comes, or connects; -1: the creator starts */
	unsigned int null_streams; /* of ours, by stdio_null_streams */
	int lock_fd;               /* of the state directory: kept open until execve closes it */
};

/* Never returns: ends in execve, or with _exit(1) after having told the creator why. */
_Noreturn void init_run(const struct init_context *context);

#endif
