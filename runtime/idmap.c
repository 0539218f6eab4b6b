/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/idmap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "runtime/namespaces.h"
#include "runtime/sys_mount.h"

static _Noreturn void hold_namespace(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* the creator kills us anyway, unless it is killed itself */
	for (;;)
		(void)pause();
}

/* A user namespace is made by a process that is in it, and lives on in the descriptor. */
int idmap_make_namespace(const struct spec_linux *mappings, int *ret_fd, struct err *e)
{
	cleanup_fd int pidfd = -1;
	pid_t pid = process_clone(CLONE_NEWUSER, -1, &pidfd);
	char path[64];
	int status, r;

	if (pid == 0)
		hold_namespace();
	if (pid < 0)
		return err_code(e, pid, "cannot make a user namespace");
	r = namespaces_write_maps(pid, mappings, e);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
		r = *ret_fd < 0 ? err_errno(e, "cannot open the user namespace") : 0;
	}
	IGNORE_RESULT(process_signal(pidfd, SIGKILL));
	IGNORE_RESULT(process_wait(pidfd, &status));
	return r;
}

/* The mount's own mappings, else those of the container's user namespace. */
static int open_user_namespace(const struct spec_mount *m, const struct plan *p,
			       const struct spec_linux *linux_, int *ret_fd, struct err *e)
{
	const struct spec_linux own = {
		.uid_mappings = m->uid_mappings,
		.uid_mappings_len = m->uid_mappings_len,
		.gid_mappings = m->gid_mappings,
		.gid_mappings_len = m->gid_mappings_len,
	};

	if (m->uid_mappings_len)
		return idmap_make_namespace(&own, ret_fd, e);
	for (size_t i = 0; i < p->joins_len; i++) {
		if (p->joins[i].clone_flag != CLONE_NEWUSER)
			continue;
		*ret_fd = open(p->joins[i].path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		return *ret_fd < 0 ? err_errno(e, "cannot open namespace '%s'", p->joins[i].path) : 0;
	}
	return idmap_make_namespace(linux_, ret_fd, e);
}

int idmap_explain(const char *what, int r, struct err *e)
{
	if (r == -EINVAL)
		return err_set(e, -EOPNOTSUPP, "cannot idmap '%s': its file system does not support it",
			       what);
	if (r == -ENOSYS)
		return err_set(e, -EOPNOTSUPP, "cannot idmap '%s': this takes Linux 5.12", what);
	if (r == -EPERM)
		return err_set(e, r,
			       "cannot idmap '%s': not permitted (it takes root on the host, and a mount "
			       "that is not "
			       "idmapped already)",
			       what);
	return err_code(e, r, "cannot idmap '%s'", what);
}

static int open_one(const struct plan_mount *m, const struct plan *p, const struct spec_linux *linux_,
		    int *ret_fd, struct err *e)
{
	cleanup_fd int tree = mount_clone(AT_FDCWD, m->source, m->options.recursive_bind);
	cleanup_fd int user_namespace = -1;
	int r;

	if (tree == -EPERM && m->idmapped)
		return idmap_explain(m->source, tree, e);
	if (tree < 0)
		return err_code(e, tree, "cannot bind '%s' to '%s'", m->source, m->target);
	if (!m->idmapped) {
		r = mount_change(tree, 0, 0, MS_SLAVE, true);
		if (r == -ENOSYS) /* Linux 5.12: before it init must get at the source by itself */
			return 0;
		if (r < 0)
			return err_code(e, r, "cannot part the mounts of '%s' from the host", m->source);
		*ret_fd = fd_take(&tree);
		return 0;
	}
	r = open_user_namespace(m->idmapped, p, linux_, &user_namespace, e);
	if (r < 0)
		return err_wrap(e, "mount on '%s'", m->target);
	r = mount_idmap(tree, user_namespace, m->options.recursive_idmap);
	if (r < 0)
		return idmap_explain(m->source, r, e);
	*ret_fd = fd_take(&tree);
	return 0;
}

/* Without privileges init itself has as much right to a source as we. */
static bool is_opened(const struct plan *p, const struct plan_mount *m)
{
	return m->idmapped || (m->kind == PLAN_MOUNT_BIND && p->other_users && geteuid() == 0);
}

int idmap_open(const struct plan *p, const struct spec_linux *linux_, struct idmap_trees *ret, struct err *e)
{
	struct idmap_trees t = { 0 };
	size_t first = 0;
	int r = 0;

	while (first < p->mounts_len && !is_opened(p, &p->mounts[first]))
		first++;
	if (first == p->mounts_len)
		return 0;
	t.fds = calloc(p->mounts_len, sizeof(*t.fds));
	if (!t.fds)
		return err_code(e, -ENOMEM, "idmapped mounts");
	for (t.len = 0; t.len < p->mounts_len; t.len++)
		t.fds[t.len] = -1;
	for (size_t i = first; i < p->mounts_len && r == 0; i++)
		if (is_opened(p, &p->mounts[i]))
			r = open_one(&p->mounts[i], p, linux_, &t.fds[i], e);
	if (r == 0)
		*ret = t;
	else
		idmap_close(&t);
	return r;
}

void idmap_close(struct idmap_trees *t)
{
	for (size_t i = 0; i < t->len; i++)
		if (t->fds[i] >= 0)
			(void)close(t->fds[i]);
	free(t->fds);
	*t = (struct idmap_trees){ 0 };
}
