/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp profiles to BPF programs, and their installation. runtime-spec config-linux.md#seccomp, seccomp(2).
 *
 * The compiler is our own; libseccomp only knows the system calls' numbers. Docker's profile for three architectures, measured with
 * libseccomp 2.5.4 on a PC: 6 to 8 ms for 988 instructions (SCMP_FLTATR_CTL_OPTIMIZE 1) or 1237 (2), which every container start
 * would pay. This one takes 0.14 ms for 564: a binary search over ranges of numbers with the same answer.
 *
 * How a system call is judged, where rules overlap:
 *   - a rule without arguments beats rules with arguments, wherever it stands (as in libseccomp);
 *   - else the first rule that matches, in the order of the profile;
 *   - a rule with the default action is left out, and so are names that nobody knows (as in runc);
 *   - two conditions on one argument turn all conditions of that rule into alternatives (as in runc).
 * On x86 a rule for a socket or System V IPC call covers socketcall(2) and ipc(2), unless it looks at arguments.
 *
 * System calls newer than the profile (numbers over the highest one that it names on that architecture) get ENOSYS, so that C
 * libraries fall back to older ones, where the default action would be an error or worse (as in runc). A call by way of an
 * architecture that is not in the profile kills the thread.
 */
#ifndef SAMPAN_RUNTIME_SECCOMP_H
#define SAMPAN_RUNTIME_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "oci/runtime_spec.h"

#define SECCOMP_MAX_RULES (1u << 18) /* system calls times architectures times rules */

struct seccomp_program {
	struct sock_filter *insns;
	uint16_t len; /* up to BPF_MAXINSNS */
	uint32_t
		flags; /* SECCOMP_FILTER_FLAG_* as the profile has them; SPEC_ALLOW where it has no "flags" */
	bool notify;   /* has SCMP_ACT_NOTIFY: installing gives a listener */
};

void seccomp_program_done(struct seccomp_program *p);
#define cleanup_seccomp_program __attribute__((cleanup(seccomp_program_done)))

/* Compiles for the machine that we run on. *ret is owned by the caller. Loads libseccomp; -EOPNOTSUPP where it is not there.
 * -EINVAL unknown action, operator, architecture or flag, or a value that these cannot take; -EFBIG longer than the kernel takes, or
 * more than SECCOMP_MAX_RULES; -ENOMEM. */
int seccomp_compile(const struct spec_seccomp *p, struct seccomp_program *ret, struct err *e) MUST_CHECK;

/* Whether starts of this program can use the profile: -ELIBACC if it is static and the filter is of a kind that is not kept (runtime/filtered_spec.h), as it notifies. */
int seccomp_check_program(const struct spec_seccomp *p, struct err *e) MUST_CHECK;

/* The same for a machine whose native audit architecture (AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64) is given. -EOPNOTSUPP others. */
int seccomp_compile_for(uint32_t audit_arch, const struct spec_seccomp *p, struct seccomp_program *ret,
			struct err *e) MUST_CHECK;

/* Installs with one seccomp(2); nothing is allocated, for use between clone and exec. The caller has set no_new_privs or has
 * CAP_SYS_ADMIN. *ret_listener_fd is owned by the caller (close-on-exec), -1 unless p->notify. 0 or -errno: -EACCES neither of the
 * two, -EINVAL a flag that this kernel does not know, -EBUSY another listener is there already. */
int seccomp_install(const struct seccomp_program *p, int *ret_listener_fd) MUST_CHECK;

/* libseccomp's version, "2.5.4". -EOPNOTSUPP: it is not there. */
#define SECCOMP_VERSION_MAX 36
int seccomp_library_version(char ret[SECCOMP_VERSION_MAX], struct err *e) MUST_CHECK;

/* What we know, for `features`: arrays that a NULL ends. */
extern const char *const SECCOMP_ACTIONS[];
extern const char *const SECCOMP_OPERATORS[];
extern const char *const
	SECCOMP_ARCHITECTURES[]; /* all that a profile may name; those of other machines have no effect */
extern const char *const SECCOMP_FLAGS[];

#endif
