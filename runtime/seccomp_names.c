/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp_names.h"

#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/library.h"
#include "runtime/seccomp.h"

#define X32_BIT 0x40000000u /* __X32_SYSCALL_BIT of asm/unistd.h, which arm64 does not have */

static const struct seccomp_abi ABIS[] = {
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 0, false, AUDIT_ARCH_X86_64 },
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86, AUDIT_ARCH_I386, 0, true, AUDIT_ARCH_X86_64 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32, AUDIT_ARCH_X86_64, X32_BIT, true, AUDIT_ARCH_X86_64 },
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, 0, false, AUDIT_ARCH_AARCH64 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM, AUDIT_ARCH_ARM, 0, true, AUDIT_ARCH_AARCH64 },
};

const char *const SECCOMP_ARCHITECTURES[] = {
	"SCMP_ARCH_AARCH64",  "SCMP_ARCH_ARM",         "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",
	"SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL",
	"SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC",      "SCMP_ARCH_PARISC64",
	"SCMP_ARCH_PPC",      "SCMP_ARCH_PPC64",       "SCMP_ARCH_PPC64LE",     "SCMP_ARCH_RISCV64",
	"SCMP_ARCH_S390",     "SCMP_ARCH_S390X",       "SCMP_ARCH_SH",          "SCMP_ARCH_SHEB",
	"SCMP_ARCH_X32",      "SCMP_ARCH_X86",         "SCMP_ARCH_X86_64",      NULL
};

static const struct library LIBRARY = { "libseccomp.so.2", "a seccomp profile needs", "libseccomp",
					"libseccomp2" };

int seccomp_names_possible(struct err *e)
{
	return library_possible(&LIBRARY, e);
}

int seccomp_names_open(struct seccomp_names *ret, struct err *e)
{
	static const struct library_symbol SYMBOLS[] = {
		{ "seccomp_syscall_resolve_name_arch", offsetof(struct seccomp_names, resolve) },
		{ "seccomp_version", offsetof(struct seccomp_names, version) },
	};
	return library_open(&LIBRARY, SYMBOLS, ARRAY_LEN(SYMBOLS), ret, &ret->library, e);
}

void seccomp_names_close(struct seccomp_names *n)
{
	library_close(n->library);
	*n = (struct seccomp_names){ 0 };
}

int seccomp_library_version(char ret[SECCOMP_VERSION_MAX], struct err *e)
{
	cleanup_seccomp_names struct seccomp_names n = { 0 };
	int r = seccomp_names_open(&n, e);

	if (r < 0)
		return r;
	(void)snprintf(ret, SECCOMP_VERSION_MAX, "%u.%u.%u", n.version()->major, n.version()->minor,
		       n.version()->micro); /* fits */
	return 0;
}

const struct seccomp_abi *seccomp_abi_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(ABIS); i++)
		if (strcmp(ABIS[i].name, name) == 0)
			return &ABIS[i];
	return NULL;
}

const struct seccomp_abi *seccomp_abi_native(uint32_t machine)
{
	for (size_t i = 0; i < ARRAY_LEN(ABIS); i++)
		if (ABIS[i].audit_arch == machine && ABIS[i].machine == machine && ABIS[i].first == 0)
			return &ABIS[i];
	return NULL;
}

bool seccomp_arch_known(const char *name)
{
	for (const char *const *a = SECCOMP_ARCHITECTURES; *a; a++)
		if (strcmp(*a, name) == 0)
			return true;
	return false;
}

/* i386 has two ways to these: a multiplexer, and (where nr is not 0) a number of their own since Linux 4.3 and 5.1.
 * linux/net.h, linux/ipc.h, arch/x86/entry/syscalls/syscall_32.tbl. */
static const struct muxed {
	const char *name;
	uint16_t mux, call, nr;
} I386_MUXED[] = {
#define SOCKETCALL 102
#define IPC        117
	{ "socket", SOCKETCALL, 1, 359 },
	{ "bind", SOCKETCALL, 2, 361 },
	{ "connect", SOCKETCALL, 3, 362 },
	{ "listen", SOCKETCALL, 4, 363 },
	{ "accept", SOCKETCALL, 5, 0 },
	{ "getsockname", SOCKETCALL, 6, 367 },
	{ "getpeername", SOCKETCALL, 7, 368 },
	{ "socketpair", SOCKETCALL, 8, 360 },
	{ "send", SOCKETCALL, 9, 0 },
	{ "recv", SOCKETCALL, 10, 0 },
	{ "sendto", SOCKETCALL, 11, 369 },
	{ "recvfrom", SOCKETCALL, 12, 371 },
	{ "shutdown", SOCKETCALL, 13, 373 },
	{ "setsockopt", SOCKETCALL, 14, 366 },
	{ "getsockopt", SOCKETCALL, 15, 365 },
	{ "sendmsg", SOCKETCALL, 16, 370 },
	{ "recvmsg", SOCKETCALL, 17, 372 },
	{ "accept4", SOCKETCALL, 18, 364 },
	{ "recvmmsg", SOCKETCALL, 19, 337 },
	{ "sendmmsg", SOCKETCALL, 20, 345 },
	{ "semop", IPC, 1, 0 },
	{ "semget", IPC, 2, 393 },
	{ "semctl", IPC, 3, 394 },
	{ "semtimedop", IPC, 4, 0 },
	{ "msgsnd", IPC, 11, 400 },
	{ "msgrcv", IPC, 12, 401 },
	{ "msgget", IPC, 13, 399 },
	{ "msgctl", IPC, 14, 402 },
	{ "shmat", IPC, 21, 397 },
	{ "shmdt", IPC, 22, 398 },
	{ "shmget", IPC, 23, 395 },
	{ "shmctl", IPC, 24, 396 },
};

/* Calls that the installed libseccomp may be too old for. Since Linux 5.1 new ones have one number everywhere. */
static const struct {
	const char *name;
	uint32_t nr;
} NEWER[] = {
	{ "cachestat", 451 },         { "fchmodat2", 452 },        { "map_shadow_stack", 453 },
	{ "futex_wake", 454 },        { "futex_wait", 455 },       { "futex_requeue", 456 },
	{ "statmount", 457 },         { "listmount", 458 },        { "lsm_get_self_attr", 459 },
	{ "lsm_set_self_attr", 460 }, { "lsm_list_modules", 461 }, { "mseal", 462 },
	{ "setxattrat", 463 },        { "getxattrat", 464 },       { "listxattrat", 465 },
	{ "removexattrat", 466 },     { "open_tree_attr", 467 },   { "file_getattr", 468 },
	{ "file_setattr", 469 },
};
#define URETPROBE_X86_64 335 /* arch/x86/entry/syscalls/syscall_64.tbl; nowhere else */

static size_t muxed_numbers(const char *name, struct seccomp_number ret[2])
{
	for (size_t i = 0; i < ARRAY_LEN(I386_MUXED); i++) {
		const struct muxed *m = &I386_MUXED[i];

		if (strcmp(m->name, name) != 0)
			continue;
		ret[0] = (struct seccomp_number){ m->mux, m->call };
		ret[1] = (struct seccomp_number){ m->nr, 0 };
		return m->nr ? 2 : 1;
	}
	return 0;
}

static size_t newer_number(const struct seccomp_abi *abi, const char *name, struct seccomp_number *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(NEWER); i++) {
		if (strcmp(NEWER[i].name, name) == 0) {
			*ret = (struct seccomp_number){ abi->first + NEWER[i].nr, 0 };
			return 1;
		}
	}
	if (strcmp(name, "uretprobe") == 0 && abi->scmp_arch == SCMP_ARCH_X86_64) {
		*ret = (struct seccomp_number){ URETPROBE_X86_64, 0 };
		return 1;
	}
	return 0;
}

size_t seccomp_numbers(const struct seccomp_names *names, const struct seccomp_abi *abi, const char *name,
		       struct seccomp_number ret[2])
{
	size_t n = abi->scmp_arch == SCMP_ARCH_X86 ? muxed_numbers(name, ret) : 0;
	int nr;

	if (n > 0)
		return n;
	nr = names->resolve(abi->scmp_arch, name);
	if (nr == __NR_SCMP_ERROR)
		return newer_number(abi, name, ret);
	if (nr < 0)
		return 0; /* libseccomp's number for "exists, but not here" */
	ret[0] = (struct seccomp_number){ (uint32_t)nr, 0 };
	return 1;
}
