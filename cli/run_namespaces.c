/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_namespaces.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run_userns.h"
#include "common/cleanup.h"
#include "store/container.h"

#define CONTAINER "container:"

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static bool is(const char *mode, const char *what)
{
	return mode && strcmp(mode, what) == 0;
}

/* The container that a mode names; NULL: none. */
static const char *other_of(const char *mode)
{
	return mode && strncmp(mode, CONTAINER, sizeof(CONTAINER) - 1) == 0 && mode[sizeof(CONTAINER) - 1]
		       ? mode + sizeof(CONTAINER) - 1
		       : NULL;
}

int run_namespaces_check(const struct run_flags *f, struct err *e)
{
	static const char *const IPC[] = { "", "host", "none", "private", "shareable" };
	bool ipc_ok = !f->ipc || other_of(f->ipc);

	for (size_t i = 0; i < ARRAY_LEN(IPC); i++)
		ipc_ok = ipc_ok || is(f->ipc, IPC[i]);
	if (!ipc_ok)
		return err_set(e, -EINVAL, "--ipc: invalid IPC mode");
	if (f->pid && *f->pid && !is(f->pid, "host") && !is(f->pid, "private") && !other_of(f->pid))
		return err_set(e, -EINVAL, "--pid: invalid PID mode");
	if (f->uts && *f->uts && !is(f->uts, "host") && !is(f->uts, "private"))
		return err_set(e, -EINVAL, "--uts: invalid UTS mode");
	if (f->cgroupns && *f->cgroupns && !is(f->cgroupns, "host") && !is(f->cgroupns, "private"))
		return err_set(e, -EINVAL, "--cgroupns: invalid CGROUP mode");
	if (is(f->uts, "host") && f->hostname)
		return err_set(e, -EINVAL, "conflicting options: hostname and the UTS mode");
	if (is(f->uts, "host") && f->domainname)
		return err_set(e, -EINVAL, "conflicting options: domainname and the UTS mode");
	return run_userns_check(f, e);
}

static int bind_host(struct runtime_spec *s, const char *path, struct err *e)
{
	struct spec_mount *m;

	if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) < 0)
		return 0; /* the container's own mount of it is of the host's namespace as well */
	spec_remove_mount(s, path);
	m = spec_add_mount(s, path, "bind", path);
	return !m || strvec_add(&m->options, "rbind") < 0 || strvec_add(&m->options, "rprivate") < 0
		       ? no_memory(e)
		       : 0;
}

static int apply_ipc(const struct run_flags *f, struct runtime_spec *s, struct err *e)
{
	int r;

	if (is(f->ipc, "none"))
		spec_remove_mount(s, "/dev/shm");
	if (!is(f->ipc, "host"))
		return 0;
	spec_remove_namespace(s, SPEC_NS_IPC);
	r = bind_host(s, "/dev/shm", e);
	return r == 0 ? bind_host(s, "/dev/mqueue", e) : r;
}

int run_namespaces_apply(const struct run_flags *f, struct runtime_spec *s, struct err *e)
{
	if (is(f->pid, "host"))
		spec_remove_namespace(s, SPEC_NS_PID);
	if (is(f->cgroupns, "host"))
		spec_remove_namespace(s, SPEC_NS_CGROUP);
	if (is(f->uts, "host")) {
		spec_remove_namespace(s, SPEC_NS_UTS);
		free(s->hostname);
		s->hostname = NULL;
	}
	return apply_ipc(f, s, e);
}

static int set_other(const struct store *s, const char *what, char **member, struct err *e)
{
	cleanup_container_record struct container_record other = { 0 };
	int r = container_find(s, what, &other, e);

	if (r < 0)
		return r;
	*member = strdup(other.id);
	return *member ? 0 : no_memory(e);
}

static int check_donor(const struct store *s, const char *id, struct err *e)
{
	cleanup_life struct life donor = { 0 };
	cleanup_fd int fd = -1;
	int r = container_open_dir(s, id, &fd, e);

	if (r == 0)
		r = life_read(fd, &donor, e);
	if (r == 0 && !donor.ipc_shareable)
		r = err_set(e, -EINVAL,
			    "can't join IPC of container %s: non-shareable IPC (hint: use --ipc shareable "
			    "for the donor "
			    "container)",
			    id);
	return r;
}

int run_namespaces_life(const struct run_flags *f, const struct store *s, struct life *life, struct err *e)
{
	int r = 0;

	life->ipc_shareable = is(f->ipc, "shareable");
	if (other_of(f->pid))
		r = set_other(s, other_of(f->pid), &life->pid_from, e);
	if (r == 0 && other_of(f->ipc))
		r = set_other(s, other_of(f->ipc), &life->ipc_from, e);
	if (r == 0 && other_of(f->userns))
		r = set_other(s, other_of(f->userns), &life->users_from, e);
	return r == 0 && life->ipc_from ? check_donor(s, life->ipc_from, e) : r;
}
