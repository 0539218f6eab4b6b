/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "runtime/seccomp_emit.h"
#include "runtime/seccomp_names.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

#if defined(__x86_64__)
#define OUR_MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE AUDIT_ARCH_AARCH64
#else
#error "seccomp: this architecture needs its row in runtime/seccomp_names.c"
#endif

#define MAX_ABIS        3 /* of one machine */

/* The private calls of arm (cacheflush, set_tls...) lie far above all others. arch/arm/include/uapi/asm/unistd.h. */
#define ARM_PRIVATE     0x0f0000u
#define ARM_PRIVATE_END 0x0f0800u
#define X32_FIRST       0x40000000u
#define ONLY_NAMED      UINT32_MAX  /* order of an entry that just says "the profile knows this number" */
#define NO_SYSCALL      0xffffffffu /* a tracer's "skip this one" */

/* --- names of actions, operators and flags --- */

struct action {
	const char *name;
	uint32_t ret;
	bool takes_errno;
};

static const struct action ACTIONS[] = {
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true },
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG, false },
	{ "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, false },
	{ "SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false },
};
const char *const SECCOMP_ACTIONS[] = { "SCMP_ACT_ALLOW",       "SCMP_ACT_ERRNO",
					"SCMP_ACT_KILL",        "SCMP_ACT_KILL_PROCESS",
					"SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
					"SCMP_ACT_NOTIFY",      "SCMP_ACT_TRACE",
					"SCMP_ACT_TRAP",        NULL };

/* In the order of enum seccomp_op. */
const char *const SECCOMP_OPERATORS[] = { "SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT",        "SCMP_CMP_LE",
					  "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL };

static const uint32_t FLAG_BITS[] = { SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG,
				      SECCOMP_FILTER_FLAG_SPEC_ALLOW,
				      SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV };
const char *const SECCOMP_FLAGS[] = { "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
				      "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
				      "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL };

/* The place of `name` in a list that a NULL ends, or -1. */
static int find_name(const char *const *list, const char *name)
{
	for (int i = 0; list[i]; i++)
		if (strcmp(list[i], name) == 0)
			return i;
	return -1;
}

static int parse_action(const char *name, struct opt_u64 errno_ret, uint32_t *ret, struct err *e)
{
	const struct action *a = NULL;
	uint64_t data = 0;

	for (size_t i = 0; i < ARRAY_LEN(ACTIONS); i++)
		if (strcmp(ACTIONS[i].name, name) == 0)
			a = &ACTIONS[i];
	if (!a)
		return err_set(e, -EINVAL, "string '%.100s' is not a valid action for seccomp", name);
	if (a->takes_errno)
		data = errno_ret.set ? errno_ret.value : EPERM;
	else if (errno_ret.set)
		return err_set(e, -EINVAL, "seccomp action '%s' takes no errno", name);
	if (data > SECCOMP_RET_DATA)
		return err_set(e, -EINVAL, "seccomp errno %llu is larger than %u", (unsigned long long)data,
			       SECCOMP_RET_DATA);
	*ret = a->ret | (uint32_t)data;
	return 0;
}

/* --- collecting: the profile as entries per system call number --- */

struct build {
	const struct spec_seccomp *profile;
	struct seccomp_names names;
	const struct seccomp_abi *abis[MAX_ABIS]; /* the native one first */
	size_t abis_len;
	uint32_t default_ret;
	bool newer_is_enosys;
	bool notify;
	struct seccomp_cond *conds; /* of all rules, in order */
	size_t conds_len;
	struct seccomp_entry *entries; /* of one audit architecture at a time */
	size_t entries_len, entries_cap;
	struct seccomp_span *spans;
	size_t spans_len;
};

static void build_done(struct build *b)
{
	seccomp_names_close(&b->names);
	free(b->conds);
	free(b->entries);
	free(b->spans);
}
#define cleanup_build __attribute__((cleanup(build_done)))

static int choose_abis(struct build *b, uint32_t machine, struct err *e)
{
	const struct strvec *names = &b->profile->architectures;

	b->abis[0] = seccomp_abi_native(machine);
	if (!b->abis[0])
		return err_set(e, -EOPNOTSUPP, "no seccomp for audit architecture 0x%x", machine);
	b->abis_len = 1;
	for (size_t i = 0; i < names->len; i++) {
		const struct seccomp_abi *abi = seccomp_abi_by_name(names->items[i]);
		bool there = false;

		if (!seccomp_arch_known(names->items[i]))
			return err_set(e, -EINVAL, "string '%.100s' is not a valid arch for seccomp",
				       names->items[i]);
		for (size_t j = 0; j < b->abis_len; j++)
			there = there || b->abis[j] == abi;
		if (abi && abi->machine == machine && !there)
			b->abis[b->abis_len++] = abi;
	}
	return 0;
}

/* All conditions, so that entries may point at them. */
static int read_conditions(struct build *b, struct err *e)
{
	const struct spec_seccomp *p = b->profile;
	size_t total = 0;

	for (size_t i = 0; i < p->syscalls_len; i++)
		total += p->syscalls[i].args_len;
	b->conds = calloc(total + 1, sizeof(*b->conds));
	if (!b->conds)
		return err_code(e, -ENOMEM, "cannot compile the seccomp profile");
	for (size_t i = 0; i < p->syscalls_len; i++) {
		for (size_t j = 0; j < p->syscalls[i].args_len; j++) {
			const struct spec_syscall_arg *a = &p->syscalls[i].args[j];
			int op = find_name(SECCOMP_OPERATORS, a->op);

			if (op < 0)
				return err_set(e, -EINVAL,
					       "string '%.100s' is not a valid operator for seccomp", a->op);
			if (a->index > 5)
				return err_set(e, -EINVAL, "seccomp argument index %u is larger than 5",
					       a->index);
			b->conds[b->conds_len++] = (struct seccomp_cond){ a->index, (enum seccomp_op)op,
									  a->value, a->value_two };
		}
	}
	return 0;
}

static int add_entry(struct build *b, const struct seccomp_entry *entry, struct err *e)
{
	if (b->entries_len == b->entries_cap) {
		size_t cap = b->entries_cap ? b->entries_cap * 2 : 1024;
		struct seccomp_entry *grown;

		if (cap > SECCOMP_MAX_RULES)
			return err_set(e, -EFBIG, "the seccomp profile has more than %u rules",
				       SECCOMP_MAX_RULES);
		grown = reallocarray(b->entries, cap, sizeof(*grown));
		if (!grown)
			return err_code(e, -ENOMEM, "cannot compile the seccomp profile");
		b->entries = grown;
		b->entries_cap = cap;
	}
	b->entries[b->entries_len] = *entry;
	if (entry->order != ONLY_NAMED)
		b->entries[b->entries_len].order = (uint32_t)b->entries_len;
	b->entries_len++;
	return 0;
}

/* Two conditions on one argument make alternatives of all: runc does so, and profiles count on it. */
static bool are_alternatives(const struct seccomp_cond *conds, size_t len)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < len; i++) {
		if (seen & (1u << conds[i].index))
			return true;
		seen |= 1u << conds[i].index;
	}
	return false;
}

/* One rule for one name: at each of its places, once or once per alternative. */
static int add_name(struct build *b, const struct seccomp_abi *abi, const char *name,
		    const struct seccomp_entry *rule, struct err *e)
{
	bool split = are_alternatives(rule->conds, rule->conds_len);
	struct seccomp_number places[2];
	size_t n = seccomp_numbers(&b->names, abi, name, places);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct seccomp_entry entry = *rule;

		/* What a multiplexer's call gets lies behind a pointer: conditions cannot see it. */
		if (places[i].call && rule->conds_len > 0)
			continue;
		entry.nr = places[i].nr;
		entry.call = places[i].call;
		entry.narrow = abi->narrow;
		if (!split)
			r = add_entry(b, &entry, e);
		for (size_t j = 0; split && j < rule->conds_len && r == 0; j++) {
			entry.conds = &rule->conds[j];
			entry.conds_len = 1;
			r = add_entry(b, &entry, e);
		}
	}
	return r;
}

static int add_names(struct build *b, uint32_t audit_arch, const struct strvec *names,
		     const struct seccomp_entry *rule, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < names->len; i++)
		for (size_t j = 0; j < b->abis_len && r == 0; j++)
			if (b->abis[j]->audit_arch == audit_arch)
				r = add_name(b, b->abis[j], names->items[i], rule, e);
	return r;
}

static int check_notify(struct build *b, const struct spec_syscall *s, struct err *e)
{
	b->notify = true;
	/* runc and crun refuse it with these words: they write once the filter is there. */
	if (strvec_has(&s->names, "write"))
		return err_set(e, -EINVAL, "SCMP_ACT_NOTIFY cannot be used for the write syscall");
	/* We send: nobody would answer before the listener has arrived. */
	if (strvec_has(&s->names, "sendmsg"))
		return err_set(e, -EINVAL, "SCMP_ACT_NOTIFY cannot be used for the sendmsg syscall");
	return 0;
}

static int collect(struct build *b, uint32_t audit_arch, struct err *e)
{
	const struct spec_seccomp *p = b->profile;
	size_t conds = 0;

	b->entries_len = 0;
	for (size_t i = 0; i < p->syscalls_len; i++) {
		const struct spec_syscall *s = &p->syscalls[i];
		struct seccomp_entry rule = { .conds = b->conds + conds, .conds_len = s->args_len };
		int r = parse_action(s->action, s->errno_ret, &rule.ret, e);

		conds += s->args_len;
		if (r == 0 && rule.ret == SECCOMP_RET_USER_NOTIF)
			r = check_notify(b, s, e);
		if (r < 0)
			return err_wrap(e, "syscalls[%zu]", i);
		if (rule.ret == b->default_ret) {
			rule.order = ONLY_NAMED;
			rule.conds_len = 0;
		}
		r = add_names(b, audit_arch, &s->names, &rule, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct seccomp_entry *x = a, *y = b;

	if (x->nr != y->nr)
		return x->nr < y->nr ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* --- spans: what every number gets --- */

static bool same_answer(const struct seccomp_span *a, const struct seccomp_span *b)
{
	return a->ret == b->ret && a->entries_len == 0 && b->entries_len == 0;
}

/* Numbers from `first` on get this, until the next call. Calls come in the order of their numbers. */
static void add_span(struct build *b, struct seccomp_span span)
{
	if (b->spans_len > 0 && b->spans[b->spans_len - 1].first == span.first)
		b->spans_len--; /* an empty one */
	if (b->spans_len == 0 || !same_answer(&b->spans[b->spans_len - 1], &span))
		b->spans[b->spans_len++] = span;
}

static uint32_t answer_to_newer(const struct build *b)
{
	return b->newer_is_enosys ? SECCOMP_RET_ERRNO | ENOSYS : b->default_ret;
}

/* The entries of one number: [begin, ...); returns the end. */
static size_t add_number(struct build *b, size_t begin)
{
	struct seccomp_span span = { b->entries[begin].nr, b->default_ret, b->entries + begin, 0 };
	size_t i = begin;

	for (; i < b->entries_len && b->entries[i].nr == span.first; i++)
		if (b->entries[i].order != ONLY_NAMED) /* these are sorted to the end */
			span.entries_len++;
	for (size_t j = begin; j < begin + span.entries_len; j++) {
		if (b->entries[j].conds_len > 0 || b->entries[j].call)
			continue;
		span.ret = b->entries[j].ret; /* the first without conditions beats all others */
		span.entries_len = 0;
		break;
	}
	add_span(b, span);
	return i;
}

/* Numbers from `first` to below `end`; entries from `begin` on. What lies over the last entry gets `beyond`. */
static size_t add_window(struct build *b, uint32_t first, uint32_t end, size_t begin, uint32_t beyond)
{
	size_t i = begin;

	add_span(b, (struct seccomp_span){ first, b->default_ret, NULL, 0 });
	while (i < b->entries_len && b->entries[i].nr < end) {
		uint32_t nr = b->entries[i].nr;

		i = add_number(b, i);
		add_span(b, (struct seccomp_span){ nr + 1, b->default_ret, NULL, 0 });
	}
	if (i > begin)
		add_span(b, (struct seccomp_span){ b->entries[i - 1].nr + 1, beyond, NULL, 0 });
	return i;
}

static bool has_x32(const struct build *b)
{
	for (size_t i = 0; i < b->abis_len; i++)
		if (b->abis[i]->first == X32_FIRST)
			return true;
	return false;
}

static void add_windows(struct build *b, uint32_t audit_arch)
{
	uint32_t newer = answer_to_newer(b);
	size_t i;

	b->spans_len = 0;
	if (audit_arch == AUDIT_ARCH_ARM) {
		i = add_window(b, 0, ARM_PRIVATE, 0, newer);
		(void)add_window(b, ARM_PRIVATE, ARM_PRIVATE_END, i, b->default_ret); /* no entry is left */
		add_span(b, (struct seccomp_span){ ARM_PRIVATE_END, newer, NULL, 0 });
		return;
	}
	i = add_window(b, 0, audit_arch == AUDIT_ARCH_X86_64 ? X32_FIRST : NO_SYSCALL, 0, newer);
	if (audit_arch != AUDIT_ARCH_X86_64)
		return;
	if (has_x32(b))
		(void)add_window(b, X32_FIRST, NO_SYSCALL, i, newer); /* no entry is left */
	else
		add_span(b, (struct seccomp_span){ X32_FIRST, SECCOMP_RET_KILL_THREAD, NULL, 0 });
	add_span(b, (struct seccomp_span){ NO_SYSCALL, newer, NULL, 0 });
}

/* The part of one audit architecture. */
static int emit_section(struct build *b, uint32_t audit_arch, struct seccomp_emitter *m, size_t *ret_label,
			struct err *e)
{
	int r = collect(b, audit_arch, e);

	if (r < 0)
		return r;
	if (b->entries_len > 1)
		qsort(b->entries, b->entries_len, sizeof(*b->entries), compare_entries);
	free(b->spans);
	b->spans =
		calloc(2 * b->entries_len + 8, sizeof(*b->spans)); /* two per number, and the windows' own */
	if (!b->spans)
		return err_code(e, -ENOMEM, "cannot compile the seccomp profile");
	add_windows(b, audit_arch);
	*ret_label = seccomp_emit_spans(m, b->spans, b->spans_len);
	return 0;
}

/* --- the whole --- */

/* The sections behind a test of the architecture; the native one is tested first, so it is laid down last. */
static int emit_program(struct build *b, struct seccomp_emitter *m, struct err *e)
{
	size_t next = seccomp_emit_return(m, SECCOMP_RET_KILL_THREAD);

	for (size_t i = b->abis_len; i-- > 0;) {
		uint32_t audit_arch = b->abis[i]->audit_arch;
		size_t section = 0;
		int r;

		if (i > 0 && audit_arch == b->abis[0]->audit_arch)
			continue; /* x32: part of the native section */
		r = emit_section(b, audit_arch, m, &section, e);
		if (r < 0)
			return r;
		next = seccomp_emit_arch_test(m, audit_arch, section, next);
	}
	(void)seccomp_emit_load_arch(m); /* the test laid down last follows it */
	if (m->full)
		return err_set(e, -EFBIG, "the seccomp profile needs more than %d instructions",
			       BPF_MAXINSNS);
	return 0;
}

static int read_defaults(struct build *b, struct err *e)
{
	const struct spec_seccomp *p = b->profile;
	int r = parse_action(p->default_action, p->default_errno_ret, &b->default_ret, e);
	uint32_t action = b->default_ret & SECCOMP_RET_ACTION_FULL;

	if (r < 0)
		return err_wrap(e, "defaultAction");
	if (action == SECCOMP_RET_USER_NOTIF)
		return err_set(e, -EINVAL, "SCMP_ACT_NOTIFY cannot be used as default action");
	/* A tracer answers for new calls itself; the other two let them through. */
	b->newer_is_enosys =
		action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG && action != SECCOMP_RET_TRACE;
	return 0;
}

static int read_flags(const struct spec_seccomp *p, uint32_t *ret, struct err *e)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < p->flags.len; i++) {
		int place = find_name(SECCOMP_FLAGS, p->flags.items[i]);

		if (place < 0)
			return err_set(e, -EINVAL, "seccomp flag '%.100s' is not known to this runtime",
				       p->flags.items[i]);
		flags |= FLAG_BITS[place];
	}
	/* Before Linux 5.16 a filter without it turns off speculation, which costs far more than the filter. */
	*ret = p->has_flags ? flags : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	return 0;
}

static int finish(const struct seccomp_emitter *m, struct seccomp_program *ret, struct err *e)
{
	ret->insns = calloc(m->len, sizeof(*ret->insns));
	if (!ret->insns)
		return err_code(e, -ENOMEM, "cannot compile the seccomp profile");
	for (size_t i = 0; i < m->len; i++)
		ret->insns[i] = m->backwards[m->len - 1 - i];
	ret->len = (uint16_t)m->len;
	return 0;
}

int seccomp_compile_for(uint32_t audit_arch, const struct spec_seccomp *p, struct seccomp_program *ret,
			struct err *e)
{
	cleanup_build struct build b = { .profile = p };
	cleanup_free struct sock_filter *insns = calloc(BPF_MAXINSNS, sizeof(*insns));
	struct seccomp_emitter m = { .backwards = insns };
	struct seccomp_program program = { 0 };
	int r;

	if (!insns)
		return err_code(e, -ENOMEM, "cannot compile the seccomp profile");
	r = seccomp_names_open(&b.names, e);
	if (r == 0)
		r = read_flags(p, &program.flags, e);
	if (r == 0)
		r = read_defaults(&b, e);
	if (r == 0)
		r = choose_abis(&b, audit_arch, e);
	if (r == 0)
		r = read_conditions(&b, e);
	if (r == 0)
		r = emit_program(&b, &m, e);
	if (r == 0)
		r = finish(&m, &program, e);
	if (r < 0)
		return r;
	program.notify = b.notify;
	*ret = program;
	return 0;
}

int seccomp_check_program(const struct spec_seccomp *p, struct err *e)
{
	for (size_t i = 0; i < p->syscalls_len; i++)
		if (p->syscalls[i].action && strcmp(p->syscalls[i].action, "SCMP_ACT_NOTIFY") == 0)
			return seccomp_names_possible(e);
	return 0;
}

int seccomp_compile(const struct spec_seccomp *p, struct seccomp_program *ret, struct err *e)
{
	return seccomp_compile_for(OUR_MACHINE, p, ret, e);
}

void seccomp_program_done(struct seccomp_program *p)
{
	free(p->insns);
	*p = (struct seccomp_program){ 0 };
}

int seccomp_install(const struct seccomp_program *p, int *ret_listener_fd)
{
	struct sock_fprog prog = { .len = p->len, .filter = p->insns };
	uint32_t flags = p->flags;
	long r;

	if (p->notify) {
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
		if (flags & SECCOMP_FILTER_FLAG_TSYNC)
			flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH; /* the kernel wants it with the two */
	} else {
		flags &=
			~(uint32_t)
				SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV; /* only means something with a listener */
	}
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (r < 0)
		return -errno;
	*ret_listener_fd = p->notify ? (int)r : -1;
	return 0;
}
