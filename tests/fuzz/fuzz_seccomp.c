/* SPDX-License-Identifier: Apache-2.0 */
/* A seccomp profile: its program passes the kernel's checks, and judges calls as a plain reading of the profile does. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "common/cleanup.h"
#include "oci/seccomp_default.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_names.h"

#define X32_FIRST       0x40000000u
#define ARM_PRIVATE     0x0f0000u
#define ARM_PRIVATE_END 0x0f0800u
#define NO_SYSCALL      UINT32_MAX
#define MAX_POOL        64 /* numbers, and values of arguments, to make calls of */
#define CALLS           48 /* judged per machine */
#define MAX_RULES       64 /* in a profile whose judgements are compared: the plain reading is slow */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool so)
{
	if (!so)
		abort();
}

/* --- the program: what the kernel's checker wants, and a machine --- */

static void check_program(const struct seccomp_program *p)
{
	require(p->len > 0 && p->len <= BPF_MAXINSNS);
	for (uint32_t i = 0; i < p->len; i++) {
		const struct sock_filter *f = &p->insns[i];

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			require(f->k % 4 == 0 && f->k < sizeof(struct seccomp_data));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
		case BPF_RET | BPF_K:
			break;
		case BPF_JMP | BPF_JA:
			require(f->k < p->len - i - 1);
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
			require(i + f->jt + 1 < p->len && i + f->jf + 1 < p->len);
			break;
		default:
			abort();
		}
	}
	require(p->insns[p->len - 1].code == (BPF_RET | BPF_K));
}

static bool jumps(const struct sock_filter *f, uint32_t a)
{
	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		return a == f->k;
	case BPF_JGT:
		return a > f->k;
	default:
		return a >= f->k;
	}
}

static uint32_t run(const struct seccomp_program *p, const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (size_t pc = 0;; pc++) {
		const struct sock_filter *f = &p->insns[pc];

		if (BPF_CLASS(f->code) == BPF_RET)
			return f->k;
		if (BPF_CLASS(f->code) == BPF_LD)
			memcpy(&a, (const char *)d + f->k, sizeof(a));
		else if (BPF_CLASS(f->code) == BPF_ALU)
			a &= f->k;
		else if (BPF_OP(f->code) == BPF_JA)
			pc += f->k;
		else
			pc += jumps(f, a) ? f->jt : f->jf;
	}
}

/* --- the plain reading --- */

struct reading {
	const struct spec_seccomp *profile;
	const struct seccomp_names *names;
	uint32_t machine;
};

static uint32_t action(const char *name, struct opt_u64 errno_ret)
{
	uint32_t data = errno_ret.set ? (uint32_t)errno_ret.value : EPERM;
	static const struct {
		const char *name;
		uint32_t ret;
	} plain[] = {
		{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW },
		{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD },
		{ "SCMP_ACT_LOG", SECCOMP_RET_LOG },
		{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD },
		{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP },
		{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
		{ "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF },
	};

	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (strcmp(plain[i].name, name) == 0)
			return plain[i].ret;
	return (strcmp(name, "SCMP_ACT_ERRNO") == 0 ? SECCOMP_RET_ERRNO : SECCOMP_RET_TRACE) | data;
}

static uint32_t default_action(const struct reading *r)
{
	return action(r->profile->default_action, r->profile->default_errno_ret);
}

static bool holds(const struct spec_syscall_arg *c, uint64_t arg)
{
	const char *op = c->op + strlen("SCMP_CMP_");

	if (strcmp(op, "EQ") == 0)
		return arg == c->value;
	if (strcmp(op, "NE") == 0)
		return arg != c->value;
	if (strcmp(op, "LT") == 0)
		return arg < c->value;
	if (strcmp(op, "LE") == 0)
		return arg <= c->value;
	if (strcmp(op, "GE") == 0)
		return arg >= c->value;
	if (strcmp(op, "GT") == 0)
		return arg > c->value;
	return (arg & c->value) == c->value_two;
}

static bool twice_on_one_argument(const struct spec_syscall *s)
{
	for (size_t i = 0; i < s->args_len; i++)
		for (size_t j = 0; j < i; j++)
			if (s->args[i].index == s->args[j].index)
				return true;
	return false;
}

static bool conditions_hold(const struct spec_syscall *s, const struct seccomp_abi *abi,
			    const struct seccomp_data *d)
{
	bool any = false, all = true;

	for (size_t i = 0; i < s->args_len; i++) {
		uint64_t arg = d->args[s->args[i].index];
		bool yes = holds(&s->args[i], abi->narrow ? (uint32_t)arg : arg);

		any = any || yes;
		all = all && yes;
	}
	return twice_on_one_argument(s) ? any : all;
}

struct verdict {
	bool always, sometimes;             /* a rule without conditions, and one whose conditions hold */
	uint32_t ret_always, ret_sometimes; /* of the first one each */
	bool any_below_private, any;
	uint32_t highest; /* number that the profile names, in the same range of numbers */
};

/* One name of one rule, on one ABI. */
static void consider(const struct reading *r, const struct spec_syscall *s, const char *name,
		     const struct seccomp_abi *abi, const struct seccomp_data *d, struct verdict *v)
{
	struct seccomp_number places[2];
	size_t n = seccomp_numbers(r->names, abi, name, places);
	uint32_t ret = action(s->action, s->errno_ret), nr = (uint32_t)d->nr;
	bool is_default = ret == default_action(r);

	for (size_t i = 0; i < n; i++) {
		if (places[i].call && s->args_len > 0 && !is_default)
			continue;
		if ((places[i].nr >= X32_FIRST) ==
			    (nr >= X32_FIRST && abi->audit_arch == AUDIT_ARCH_X86_64) &&
		    !(abi->audit_arch == AUDIT_ARCH_ARM && places[i].nr >= ARM_PRIVATE)) {
			v->any = true;
			v->highest = places[i].nr > v->highest ? places[i].nr : v->highest;
		}
		if (places[i].nr != nr || is_default)
			continue;
		if (places[i].call ? (uint32_t)d->args[0] == places[i].call
				   : s->args_len > 0 && conditions_hold(s, abi, d)) {
			v->ret_sometimes = v->sometimes ? v->ret_sometimes : ret;
			v->sometimes = true;
		} else if (!places[i].call && s->args_len == 0) {
			v->ret_always = v->always ? v->ret_always : ret;
			v->always = true;
		}
	}
}

/* The place of an ABI in the profile counts for nothing; the native one is always in it. */
static bool has_abi(const struct reading *r, const struct seccomp_abi *abi)
{
	return abi->machine == r->machine &&
	       (abi == seccomp_abi_native(r->machine) || strvec_has(&r->profile->architectures, abi->name));
}

static uint32_t judge(const struct reading *r, const struct seccomp_data *d)
{
	static const char *const ABIS[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32",
					    "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM" };
	uint32_t fallback = default_action(r), nr = (uint32_t)d->nr;
	uint32_t kind = fallback & SECCOMP_RET_ACTION_FULL;
	bool known = false, x32 = false, is_x86 = d->arch == AUDIT_ARCH_X86_64;
	struct verdict v = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(ABIS); i++)
		if (seccomp_abi_by_name(ABIS[i])->audit_arch == d->arch &&
		    has_abi(r, seccomp_abi_by_name(ABIS[i]))) {
			known = true;
			x32 = x32 || i == 2;
		}
	if (!known || (is_x86 && nr >= X32_FIRST && nr != NO_SYSCALL && !x32))
		return SECCOMP_RET_KILL_THREAD;
	for (size_t i = 0; i < r->profile->syscalls_len; i++)
		for (size_t j = 0; j < r->profile->syscalls[i].names.len; j++)
			for (size_t k = 0; k < ARRAY_LEN(ABIS); k++) {
				const struct seccomp_abi *abi = seccomp_abi_by_name(ABIS[k]);

				if (abi->audit_arch == d->arch && has_abi(r, abi))
					consider(r, &r->profile->syscalls[i],
						 r->profile->syscalls[i].names.items[j], abi, d, &v);
			}
	if (v.always)
		return v.ret_always;
	if (v.sometimes)
		return v.ret_sometimes;
	if (kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG || kind == SECCOMP_RET_TRACE)
		return fallback;
	if (is_x86 && nr == NO_SYSCALL)
		return SECCOMP_RET_ERRNO | ENOSYS;
	if (d->arch == AUDIT_ARCH_ARM && nr >= ARM_PRIVATE)
		return nr < ARM_PRIVATE_END ? fallback : SECCOMP_RET_ERRNO | ENOSYS;
	return v.any && nr > v.highest ? SECCOMP_RET_ERRNO | ENOSYS : fallback;
}

/* --- calls to be judged --- */

struct pool {
	uint64_t items[MAX_POOL];
	size_t len;
};

static void add(struct pool *p, uint64_t value)
{
	if (p->len < MAX_POOL)
		p->items[p->len++] = value;
}

static uint64_t pick(const struct pool *p, uint32_t *random)
{
	uint64_t value;

	*random = *random * 1664525u + 1013904223u;
	value = p->items[(*random >> 16) % p->len];
	*random = *random * 1664525u + 1013904223u;
	switch (*random >> 29) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value ^ 1ull << 32;
	default:
		return value;
	}
}

static void fill_pools(const struct reading *r, struct pool *numbers, struct pool *values)
{
	static const char *const ABIS[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32",
					    "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM" };
	static const uint32_t edges[] = { 0, X32_FIRST, ARM_PRIVATE, ARM_PRIVATE_END, NO_SYSCALL, 1000 };

	for (size_t i = 0; i < ARRAY_LEN(edges); i++)
		add(numbers, edges[i]);
	for (uint64_t i = 0; i < 5; i++)
		add(values, i * i);
	for (size_t i = r->profile->syscalls_len; i-- > 0;) {
		const struct spec_syscall *s = &r->profile->syscalls[i];
		struct seccomp_number places[2];

		for (size_t j = 0; j < s->args_len; j++) {
			add(values, s->args[j].value);
			add(values, s->args[j].value_two);
		}
		for (size_t j = 0; j < s->names.len; j++)
			for (size_t k = 0; k < ARRAY_LEN(ABIS); k++)
				if (seccomp_numbers(r->names, seccomp_abi_by_name(ABIS[k]), s->names.items[j],
						    places) > 0)
					add(numbers, places[0].nr);
	}
}

static void compare(const struct reading *r, const struct seccomp_program *p, uint32_t random)
{
	static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
					  AUDIT_ARCH_ARM };
	struct pool numbers = { 0 }, values = { 0 };

	fill_pools(r, &numbers, &values);
	for (size_t i = 0; i < CALLS; i++) {
		struct seccomp_data d = { .nr = (int)pick(&numbers, &random) };

		d.arch = i % 3 == 0 ? archs[(random >> 20) % ARRAY_LEN(archs)] : r->machine;
		for (size_t j = 0; j < ARRAY_LEN(d.args); j++)
			d.args[j] = pick(&values, &random);
		require(run(p, &d) == judge(r, &d));
	}
}

static size_t count_names(const struct spec_seccomp *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->syscalls_len; i++)
		n += s->syscalls[i].names.len + s->syscalls[i].args_len;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t machines[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64 };
	cleanup_seccomp_names struct seccomp_names names = { 0 };
	cleanup_spec_seccomp struct spec_seccomp *profile = NULL;
	cleanup_strvec struct strvec bounding = { 0 };
	uint32_t random = (uint32_t)size;
	struct err e;

	for (size_t i = 0; i < size; i++)
		random = random * 31 + data[i];
	require(random % 2 == 0 || strvec_add(&bounding, "CAP_SYS_ADMIN") == 0);
	if (spec_seccomp_decode_profile((const char *)data, size, &bounding, &profile, &e) < 0)
		return 0;
	require(seccomp_names_open(&names, &e) == 0);
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		cleanup_seccomp_program struct seccomp_program p = { 0 };
		const struct reading r = { profile, &names, machines[i] };

		if (seccomp_compile_for(machines[i], profile, &p, &e) < 0)
			continue;
		check_program(&p);
		if (count_names(profile) <= MAX_RULES)
			compare(&r, &p, random);
	}
	return 0;
}
