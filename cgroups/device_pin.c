/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/device_pin.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/bpf_call.h"
#include "common/cleanup.h"

struct pin_path {
	char text[64];
};

/* Where programs meet in one place the last one stays: FNV-1a is enough to tell them apart mostly. */
static struct pin_path path_of(const struct bpf_insn *insns, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)insns;
	struct pin_path path;
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len * sizeof(*insns); i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	(void)snprintf(path.text, sizeof(path.text), DEVICE_PIN_FOLDER "/sampan-device-filter-%u",
		       (unsigned int)(hash >> 32) % DEVICE_PINS);
	return path;
}

/* Device programs are kept by the verifier as they were loaded: nothing in them is rewritten. Where a kernel does so all the same (to
 * blind constants), nothing is ever found. */
static bool is_same(int fd, const struct bpf_insn *insns, size_t len)
{
	size_t bytes = len * sizeof(*insns);
	cleanup_free struct bpf_insn *loaded = malloc(bytes);
	struct bpf_prog_info info = { .xlated_prog_insns = (uintptr_t)loaded,
				      .xlated_prog_len = (__u32)bytes };
	union bpf_attr attr;

	if (!loaded)
		return false;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (__u32)fd;
	attr.info.info = (uintptr_t)&info;
	attr.info.info_len = sizeof(info);
	return bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && info.type == BPF_PROG_TYPE_CGROUP_DEVICE &&
	       info.xlated_prog_len == bytes && info.xlated_prog_insns && memcmp(loaded, insns, bytes) == 0;
}

int device_pin_find(const struct bpf_insn *insns, size_t len)
{
	struct pin_path path = path_of(insns, len);
	cleanup_fd int fd = -1;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path.text;
	fd = bpf_call(BPF_OBJ_GET, &attr);
	if (fd < 0)
		return fd;
	return is_same(fd, insns, len) ? fd_take(&fd) : -ENOENT;
}

void device_pin_keep(int program_fd, const struct bpf_insn *insns, size_t len)
{
	struct pin_path path = path_of(insns, len);
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path.text;
	attr.bpf_fd = (__u32)program_fd;
	if (bpf_call(BPF_OBJ_PIN, &attr) == -EEXIST && unlink(path.text) == 0)
		(void)bpf_call(BPF_OBJ_PIN, &attr);
}
