/* SPDX-License-Identifier: Apache-2.0 */
/* Names in seccomp profiles -> numbers. For runtime/seccomp*.c alone. */
#ifndef SAMPAN_RUNTIME_SECCOMP_NAMES_H
#define SAMPAN_RUNTIME_SECCOMP_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* libseccomp, which knows the numbers: loaded only by those who compile a profile, as its loading costs a start 0.1 ms. */
struct seccomp_names {
	void *library;
	int (*resolve)(uint32_t scmp_arch, const char *name); /* seccomp_syscall_resolve_name_arch(3) */
	const struct scmp_version *(*version)(void);          /* seccomp_version(3) */
};

/* -EOPNOTSUPP: it is not there, or too old; -ELIBACC: library_open. */
int seccomp_names_open(struct seccomp_names *ret, struct err *e) MUST_CHECK;
/* -ELIBACC: not by this program. Pure. */
int seccomp_names_possible(struct err *e) MUST_CHECK;
void seccomp_names_close(struct seccomp_names *n);
#define cleanup_seccomp_names __attribute__((cleanup(seccomp_names_close)))

/* A system call convention. Those of one audit architecture share a part of the program. */
struct seccomp_abi {
	const char *name;    /* "SCMP_ARCH_X32" */
	uint32_t scmp_arch;  /* libseccomp's token */
	uint32_t audit_arch; /* what the kernel puts into seccomp_data.arch */
	uint32_t first;      /* numbers of this ABI begin here: 0, or __X32_SYSCALL_BIT */
	bool narrow;         /* arguments have 32 bits */
	uint32_t machine;    /* audit architecture of the machines that have it */
};

/* NULL for architectures that run on neither amd64 nor arm64. */
const struct seccomp_abi *seccomp_abi_by_name(const char *name);
/* The native one of a machine; NULL if we do not know it. */
const struct seccomp_abi *seccomp_abi_native(uint32_t machine);
/* Is it an architecture of anybody's? */
bool seccomp_arch_known(const char *name);

/* Where a system call is found. */
struct seccomp_number {
	uint32_t nr;
	uint32_t call; /* 0, or the value of argument 0 in a multiplexer: socketcall(2), ipc(2) */
};

/* Up to two places, into `ret`. Returns their number: 0 where this ABI does not have the call, or nobody knows it. */
size_t seccomp_numbers(const struct seccomp_names *names, const struct seccomp_abi *abi, const char *name,
		       struct seccomp_number ret[2]);

#endif
