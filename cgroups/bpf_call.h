/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPAN_CGROUPS_BPF_CALL_H
#define SAMPAN_CGROUPS_BPF_CALL_H

#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

/* bpf(2): the result, or -errno. The kernel wants all of `attr` zeroed that is not set, padding too. */
static inline int bpf_call(int command, union bpf_attr *attr)
{
	int r = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : r;
}

#endif
