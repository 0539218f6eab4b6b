/* SPDX-License-Identifier: Apache-2.0 */
/* The device allow-list as an eBPF program of type CGROUP_DEVICE. config-linux.md#allowed-device-list, bpf(2). */
#ifndef SAMPAN_CGROUPS_DEVICES_H
#define SAMPAN_CGROUPS_DEVICES_H

#include <linux/bpf.h>
#include <stddef.h>

#include "common/err.h"
#include "oci/runtime_spec.h"

#define DEVICE_RULES_MAX               1024

/* At most this many instructions for `rules` rules and the four defaults. */
#define DEVICE_FILTER_INSNS_MAX(rules) (20 + 16 * ((size_t)(rules) + 4))

/* Compiles the rules, and after them runc's default devices, which no rule takes away. Each of read, write and mknod is decided by
 * the last rule that covers it and the device; where there is none it is denied. So rules merge as runc merges them, a later one
 * overriding an earlier one, and a rule for all types, numbers and accesses starts anew; an open for reading and writing is
 * allowed only if both are. *ret is owned by the caller (free). -EINVAL bad rule, -EFBIG over DEVICE_RULES_MAX, -ENOMEM. Pure. */
int device_filter_compile(const struct spec_device_rule *rules, size_t rules_len, struct bpf_insn **ret,
			  size_t *ret_len, struct err *e) MUST_CHECK;

/* Loads a program and attaches it to a cgroup, beside those of parents and in the place of any that is attached there, which is not
 * looked for in one that `is_new`. -EPERM: not permitted; -EOPNOTSUPP: this kernel has no device filter; -errno. */
int device_filter_attach(int cgroup_fd, bool is_new, const struct bpf_insn *insns, size_t len,
			 struct err *e) MUST_CHECK;

#endif
