/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine's CPU, kernel and userland are, as far as the choice of an image goes. */
#ifndef SAMPAN_COMMON_MACHINE_H
#define SAMPAN_COMMON_MACHINE_H

#include <stdbool.h>

enum machine_cpu { MACHINE_AMD64, MACHINE_ARM64, MACHINE_386, MACHINE_ARM, MACHINE_OTHER };

struct machine {
	enum machine_cpu cpu; /* of the kernel: uname(2); PER_LINUX32 of personality(2) is seen through */
	/* This program is 32-bit, and so is the userland that installed it; or the caller asked for that with
	 * PER_LINUX32 (linux32(8), systemd's Personality=) on a CPU that runs 32-bit programs. */
	bool userland_32bit;
	bool aarch32;    /* an arm64 CPU that executed an AArch32 program when asked to */
	int amd64_level; /* 1 to 4 (x86-64-v1 ... v4), from cpuid and xgetbv; else 0 */
	int arm_version; /* 5, 6, 7 or 8 on arm kernels and under a 32-bit userland; else 0 */
	char uname_machine[65];
};

/* Cheap but for aarch32, which starts a process once on arm64; never fails: what cannot be found out is off. */
void machine_detect(struct machine *ret);

/* The same without aarch32 and amd64_level (a virtual machine pays for each cpuid), unless the rest depends on them: what such a machine runs
 * this one runs, and perhaps more. */
void machine_detect_baseline(struct machine *ret);

#endif
