/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cgroups/bpf_call.h"
#include "cgroups/cgroup.h"
#include "cgroups/device_pin.h"
#include "cgroups/devices.h"
#include "common/cleanup.h"

#define ATTACHED_MAX 64 /* what the kernel allows per cgroup */

static int load(const struct bpf_insn *insns, size_t len)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr)); /* the kernel wants its padding zeroed too */
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.expected_attach_type = BPF_CGROUP_DEVICE;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = (__u32)len;
	attr.license = (uintptr_t) "Apache-2.0";
	memcpy(attr.prog_name, "sampan_devices", sizeof("sampan_devices"));
	return bpf_call(BPF_PROG_LOAD, &attr);
}

/* Before Linux 5.11 programs count against RLIMIT_MEMLOCK, which is small. The limit goes back to what it was, as containers
 * inherit it. */
static int load_with_memlock(const struct bpf_insn *insns, size_t len)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit before;
	int fd = load(insns, len);

	if (fd != -EPERM || getrlimit(RLIMIT_MEMLOCK, &before) < 0 ||
	    setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0)
		return fd;
	fd = load(insns, len);
	if (setrlimit(RLIMIT_MEMLOCK, &before) < 0 && fd >= 0) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	return fd;
}

/* The program, kept from another start or loaded now. */
static int program(const struct bpf_insn *insns, size_t len)
{
	int fd = device_pin_find(insns, len);

	if (fd >= 0)
		return fd;
	fd = load_with_memlock(insns, len);
	if (fd >= 0)
		device_pin_keep(fd, insns, len);
	return fd;
}

/* The ids of the programs that are attached to this very cgroup. */
static int query(int cgroup_fd, __u32 *ids, size_t *ret_len)
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (__u32)cgroup_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = ATTACHED_MAX;
	r = bpf_call(BPF_PROG_QUERY, &attr);
	if (r < 0)
		return r;
	*ret_len = attr.query.prog_cnt;
	return 0;
}

static int open_by_id(__u32 id)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	return bpf_call(BPF_PROG_GET_FD_BY_ID, &attr);
}

static int attach(int cgroup_fd, int program_fd, int replaced_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (__u32)cgroup_fd;
	attr.attach_bpf_fd = (__u32)program_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (replaced_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (__u32)replaced_fd;
	}
	return bpf_call(BPF_PROG_ATTACH, &attr);
}

static int detach(int cgroup_fd, __u32 id)
{
	cleanup_fd int fd = open_by_id(id);
	union bpf_attr attr;

	if (fd < 0)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (__u32)cgroup_fd;
	attr.attach_bpf_fd = (__u32)fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return bpf_call(BPF_PROG_DETACH, &attr);
}

/* One program is replaced in place; of several, the new one goes beside them before they leave, so that there is no moment
 * without a filter. */
static int attach_instead(int cgroup_fd, int program_fd)
{
	__u32 ids[ATTACHED_MAX];
	size_t len = 0;
	int r = query(cgroup_fd, ids, &len);

	if (r < 0)
		return r;
	if (len == 1) {
		cleanup_fd int old_fd = open_by_id(ids[0]);

		return old_fd < 0 ? old_fd : attach(cgroup_fd, program_fd, old_fd);
	}
	r = attach(cgroup_fd, program_fd, -1);
	for (size_t i = 0; r == 0 && i < len; i++)
		r = detach(cgroup_fd, ids[i]);
	return r;
}

int device_filter_attach(int cgroup_fd, bool is_new, const struct bpf_insn *insns, size_t len, struct err *e)
{
	cleanup_fd int program_fd = program(insns, len);
	int r = program_fd;

	if (r >= 0)
		r = is_new ? attach(cgroup_fd, program_fd, -1) : attach_instead(cgroup_fd, program_fd);
	if (r == -EPERM || r == -EACCES)
		return err_set(e, -EPERM, "cannot filter devices: bpf(2) is not permitted here");
	if (r == -ENOSYS || (r == -EINVAL && program_fd < 0))
		return err_set(e, -EOPNOTSUPP,
			       "cannot filter devices: this kernel has no eBPF for cgroups (it needs "
			       "CONFIG_BPF_SYSCALL "
			       "and CONFIG_CGROUP_BPF)");
	if (r < 0)
		return err_code(e, r, "cannot filter devices: cannot attach the eBPF program");
	return 0;
}

int cgroup_apply_devices(struct cgroup *c, const struct spec_resources *r, struct err *e)
{
	cleanup_free struct bpf_insn *insns = NULL;
	size_t len = 0;
	int rc;

	if (!c->path)
		return err_set(e, -EOPNOTSUPP, "cannot filter devices: the container has no cgroup");
	rc = device_filter_compile(r ? r->devices : NULL, r ? r->devices_len : 0, &insns, &len, e);
	if (rc < 0)
		return rc;
	rc = device_filter_attach(c->dir_fd, c->is_new, insns, len, e);
	c->is_new = c->is_new && rc < 0;
	return rc;
}
