/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces that are joined by path, and the ID maps of new user namespaces. */
#ifndef SAMPAN_RUNTIME_NAMESPACES_H
#define SAMPAN_RUNTIME_NAMESPACES_H

#include <sys/types.h>

#include "runtime/plan.h"

/* Descriptors of the namespaces to join, opened before clone3 while their paths mean what the caller meant. */
struct namespace_fds {
	int fds[PLAN_NAMESPACES_MAX]; /* in the order of plan->joins; -1 when closed */
};
int namespaces_open(const struct plan *p, struct namespace_fds *ret, struct err *e) MUST_CHECK;
void namespaces_close(struct namespace_fds *n);
#define cleanup_namespace_fds __attribute__((cleanup(namespaces_close)))

/* In the creator: joins the PID namespace, which counts for children only, where the plan names one. *ret_old_fd is what
 * leads back, or -1. */
int namespaces_join_pid(const struct plan *p, const struct namespace_fds *n, int *ret_old_fd,
			struct err *e) MUST_CHECK;

/* In the creator: where linux.timeOffsets asks for it, makes a time namespace with these offsets, which counts for children only: they can be
 * set only while nobody is in it. *ret_old_fd is what leads back, or -1. time_namespaces(7) */
int namespaces_make_time(const struct plan *p, const struct spec_linux *linux_, int *ret_old_fd,
			 struct err *e) MUST_CHECK;

/* In a process of its own, before init is cloned, so that it owns the namespaces that are new: joins the user namespace, where the plan names one. */
int namespaces_join_users(const struct plan *p, const struct namespace_fds *n, struct err *e) MUST_CHECK;

/* In init: joins all others. */
int namespaces_join(const struct plan *p, const struct namespace_fds *n, struct err *e) MUST_CHECK;

/* In the creator: writes uid_map, setgroups and gid_map of a child. Without privileges through newuidmap and newgidmap. */
int namespaces_write_maps(pid_t pid, const struct spec_linux *linux_, struct err *e) MUST_CHECK;

#endif
