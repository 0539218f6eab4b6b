/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/seccomp_default.h"

#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "oci/seccomp_table.h"

#ifndef AF_MCTP
#define AF_MCTP 45
#endif

#define NEW_NAMESPACES                                                                             \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP)

static const char *const ARCHITECTURES[] = {
#if defined(__x86_64__)
	"SCMP_ARCH_X86_64",
	"SCMP_ARCH_X86",
	"SCMP_ARCH_X32",
#elif defined(__aarch64__)
	"SCMP_ARCH_AARCH64",
	"SCMP_ARCH_ARM",
#endif
};

/* personality(2) to what is harmless: Linux, 32-bit Linux, with or without the 2.6 version string, and "tell me". */
static const uint64_t PERSONALITIES[] = { PER_LINUX, PER_LINUX32, UNAME26, UNAME26 | PER_LINUX32,
					  0xffffffff };

/* Address families beside those below FIRST_FAMILIES. Left out are AF_DECnet, AF_ECONET, AF_ATMSVC, AF_IRDA, AF_WANPIPE, AF_ISDN, AF_CAIF:
 * obsolete; AF_ALG: a large attack surface in the kernel; AF_VSOCK: it reaches the hypervisor past the network namespace. */
#define FIRST_FAMILIES AF_DECnet /* AF_UNIX, AF_INET, AF_INET6 and the radio protocols */
static const int FAMILIES[] = {
	AF_NETBEUI,   AF_SECURITY, AF_KEY,  AF_NETLINK, AF_PACKET,     AF_ASH, AF_RDS,
	AF_SNA,       AF_PPPOX,    AF_LLC,  AF_IB,      AF_MPLS,       AF_CAN, AF_TIPC,
	AF_BLUETOOTH, AF_RXRPC,    AF_IUCV, AF_PHONET,  AF_IEEE802154, AF_NFC, AF_KCM,
	AF_QIPCRTR,   AF_SMC,      AF_XDP,  AF_MCTP,
};

void spec_seccomp_free_fn(struct spec_seccomp **s)
{
	spec_seccomp_free(*s);
}

static bool has_capability(const struct strvec *bounding, int number)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH" },
		{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
		{ CAP_SYS_BOOT, "CAP_SYS_BOOT" },
		{ CAP_SYS_CHROOT, "CAP_SYS_CHROOT" },
		{ CAP_SYS_MODULE, "CAP_SYS_MODULE" },
		{ CAP_SYS_PACCT, "CAP_SYS_PACCT" },
		{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE" },
		{ CAP_SYS_RAWIO, "CAP_SYS_RAWIO" },
		{ CAP_SYS_TIME, "CAP_SYS_TIME" },
		{ CAP_SYS_TTY_CONFIG, "CAP_SYS_TTY_CONFIG" },
		{ CAP_SYS_NICE, "CAP_SYS_NICE" },
		{ CAP_SYSLOG, "CAP_SYSLOG" },
		{ CAP_BPF, "CAP_BPF" },
		{ CAP_PERFMON, "CAP_PERFMON" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].number == number)
			return strvec_has(bounding, names[i].name);
	return false;
}

static uint64_t capability_mask(const struct strvec *bounding)
{
	uint64_t mask = 0;

	for (int i = 0; i <= CAP_LAST_CAP; i++)
		if (has_capability(bounding, i))
			mask |= UINT64_C(1) << i;
	return mask;
}

/* --- rules --- */

/* Room for one more rule, whose action is `action`; NULL when memory is out. The array has room for all (see MAX_RULES). */
static struct spec_syscall *add_rule(struct spec_seccomp *s, const char *action)
{
	struct spec_syscall *rule = &s->syscalls[s->syscalls_len];

	rule->action = strdup(action);
	if (!rule->action)
		return NULL;
	s->syscalls_len++;
	return rule;
}

/* "Allow `name` if its first argument `op` value". */
static int allow_if(struct spec_seccomp *s, const char *name, const char *op, uint64_t value)
{
	struct spec_syscall *rule = add_rule(s, "SCMP_ACT_ALLOW");

	if (!rule)
		return -ENOMEM;
	rule->args = calloc(1, sizeof(*rule->args));
	if (!rule->args)
		return -ENOMEM;
	rule->args_len = 1;
	rule->args[0].value = value;
	rule->args[0].op = strdup(op);
	if (!rule->args[0].op)
		return -ENOMEM;
	return strvec_add(&rule->names, name);
}

static int allow_names(struct spec_seccomp *s, uint64_t capabilities)
{
	struct spec_syscall *rule = add_rule(s, "SCMP_ACT_ALLOW");
	int r = rule ? 0 : -ENOMEM;

	for (const struct seccomp_name *n = SECCOMP_DEFAULT_NAMES; n->name && r == 0; n++)
		if (!n->capabilities || (n->capabilities & capabilities))
			r = strvec_add(&rule->names, n->name);
	return r;
}

/* Without CAP_SYS_ADMIN: no new namespaces by clone(2). clone3(2) has its flags behind a pointer; ENOSYS makes C libraries use clone. */
static int restrict_clone(struct spec_seccomp *s)
{
	struct spec_syscall *rule;
	int r = allow_if(s, "clone", "SCMP_CMP_MASKED_EQ", NEW_NAMESPACES);

	if (r < 0)
		return r;
	rule = add_rule(s, "SCMP_ACT_ERRNO");
	if (!rule)
		return -ENOMEM;
	rule->errno_ret = (struct opt_u64){ true, ENOSYS };
	return strvec_add(&rule->names, "clone3");
}

#define MAX_RULES \
	(4 + ARRAY_LEN(PERSONALITIES) + ARRAY_LEN(FAMILIES)) /* names, clone, clone3, low families */

static int fill(struct spec_seccomp *s, uint64_t capabilities)
{
	int r = 0;

	s->syscalls = calloc(MAX_RULES, sizeof(*s->syscalls));
	s->default_action = strdup("SCMP_ACT_ERRNO");
	if (!s->syscalls || !s->default_action)
		return -ENOMEM;
	s->default_errno_ret = (struct opt_u64){ true, EPERM };
	for (size_t i = 0; i < ARRAY_LEN(ARCHITECTURES) && r == 0; i++)
		r = strvec_add(&s->architectures, ARCHITECTURES[i]);
	if (r == 0)
		r = allow_names(s, capabilities);
	for (size_t i = 0; i < ARRAY_LEN(PERSONALITIES) && r == 0; i++)
		r = allow_if(s, "personality", "SCMP_CMP_EQ", PERSONALITIES[i]);
	if (r == 0)
		r = allow_if(s, "socket", "SCMP_CMP_LT", FIRST_FAMILIES);
	for (size_t i = 0; i < ARRAY_LEN(FAMILIES) && r == 0; i++)
		r = allow_if(s, "socket", "SCMP_CMP_EQ", (uint64_t)FAMILIES[i]);
	if (r == 0 && !(capabilities & (UINT64_C(1) << CAP_SYS_ADMIN)))
		r = restrict_clone(s);
	return r;
}

int spec_seccomp_default(const struct strvec *bounding_capabilities, struct spec_seccomp **ret, struct err *e)
{
	cleanup_spec_seccomp struct spec_seccomp *s = calloc(1, sizeof(*s));
	int r = s ? fill(s, capability_mask(bounding_capabilities)) : -ENOMEM;

	if (r < 0)
		return err_code(e, r, "cannot make the default seccomp profile");
	*ret = ptr_take(s);
	return 0;
}
