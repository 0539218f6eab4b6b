/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp_emit.h"

#include <linux/seccomp.h>

#include "common/cleanup.h"

/* Halves of a 64-bit argument; amd64 and arm64 are little-endian. */
#define ARG_LOW(index)  ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (index)))
#define ARG_HIGH(index) (ARG_LOW(index) + 4)

#define MAX_JUMP        255 /* of a conditional one */

static size_t push(struct seccomp_emitter *m, uint16_t code, uint32_t k)
{
	if (m->len == BPF_MAXINSNS) {
		m->full = true;
		return 0;
	}
	m->backwards[m->len] = (struct sock_filter){ .code = code, .k = k };
	return m->len++;
}

static size_t load(struct seccomp_emitter *m, size_t offset)
{
	return push(m, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

/* How many instructions the next one would have to skip. */
static size_t distance(const struct seccomp_emitter *m, size_t label)
{
	return m->len - label - 1;
}

/* A label that a conditional jump reaches with `spare` more instructions between: `label`, or a step towards it. */
static size_t in_reach(struct seccomp_emitter *m, size_t label, size_t spare)
{
	struct sock_filter target;

	if (m->full || distance(m, label) + spare <= MAX_JUMP)
		return label;
	target = m->backwards[label];
	if (target.code == (BPF_RET | BPF_K))
		return push(m, target.code, target.k);
	return push(m, BPF_JMP | BPF_JA, (uint32_t)distance(m, label));
}

/* "if (A `op` k) goto yes; else goto no". */
static size_t jump(struct seccomp_emitter *m, uint16_t op, uint32_t k, size_t yes, size_t no)
{
	size_t at;

	yes = in_reach(m, yes, 1); /* the step towards `no` may come between */
	no = in_reach(m, no, 0);
	if (m->full)
		return 0;
	at = push(m, BPF_JMP | op | BPF_K, k);
	if (m->full)
		return 0;
	m->backwards[at].jt = (uint8_t)(at - yes - 1);
	m->backwards[at].jf = (uint8_t)(at - no - 1);
	return at;
}

size_t seccomp_emit_return(struct seccomp_emitter *m, uint32_t ret)
{
	size_t slot;

	for (size_t i = 0; i < ARRAY_LEN(m->returns); i++)
		if (m->returns[i].used && m->returns[i].ret == ret &&
		    distance(m, m->returns[i].label) < MAX_JUMP / 2)
			return m->returns[i].label;
	slot = m->next_return++ % ARRAY_LEN(m->returns);
	m->returns[slot].used = true;
	m->returns[slot].ret = ret;
	m->returns[slot].label = push(m, BPF_RET | BPF_K, ret);
	return m->returns[slot].label;
}

size_t seccomp_emit_arch_test(struct seccomp_emitter *m, uint32_t audit_arch, size_t yes, size_t no)
{
	return jump(m, BPF_JEQ, audit_arch, yes, no);
}

size_t seccomp_emit_load_arch(struct seccomp_emitter *m)
{
	return load(m, offsetof(struct seccomp_data, arch));
}

/* --- conditions: 64-bit comparisons in 32-bit halves. `narrow`: the upper half of the argument counts as 0, whatever it
 * is: the kernel drops it, and a caller of x32 may have put anything there --- */

static size_t emit_equal(struct seccomp_emitter *m, const struct seccomp_cond *c, bool narrow, size_t yes,
			 size_t no)
{
	uint64_t value = c->value;
	uint32_t index = c->index;
	size_t low;

	if (narrow && value >> 32 != 0)
		return no;
	jump(m, BPF_JEQ, (uint32_t)value, yes, no);
	low = load(m, ARG_LOW(index));
	if (narrow)
		return low;
	jump(m, BPF_JEQ, (uint32_t)(value >> 32), low, no);
	return load(m, ARG_HIGH(index));
}

/* op: BPF_JGT or BPF_JGE. The upper halves decide unless they are equal. */
static size_t emit_greater(struct seccomp_emitter *m, uint16_t op, const struct seccomp_cond *c, bool narrow,
			   size_t yes, size_t no)
{
	uint64_t value = c->value;
	uint32_t index = c->index;
	size_t low, equal;

	if (narrow && value >> 32 != 0)
		return no;
	jump(m, op, (uint32_t)value, yes, no);
	low = load(m, ARG_LOW(index));
	if (narrow)
		return low;
	equal = jump(m, BPF_JEQ, (uint32_t)(value >> 32), low, no);
	jump(m, BPF_JGT, (uint32_t)(value >> 32), yes, equal);
	return load(m, ARG_HIGH(index));
}

static size_t emit_masked(struct seccomp_emitter *m, const struct seccomp_cond *c, bool narrow, size_t yes,
			  size_t no)
{
	uint64_t mask = c->value, value = c->value_two;
	uint32_t index = c->index;
	size_t low;

	if ((narrow || mask >> 32 == 0) && value >> 32 != 0)
		return no;
	jump(m, BPF_JEQ, (uint32_t)value, yes, no);
	push(m, BPF_ALU | BPF_AND | BPF_K, (uint32_t)mask);
	low = load(m, ARG_LOW(index));
	if (narrow || mask >> 32 == 0)
		return low; /* any upper half will do */
	jump(m, BPF_JEQ, (uint32_t)(value >> 32), low, no);
	push(m, BPF_ALU | BPF_AND | BPF_K, (uint32_t)(mask >> 32));
	return load(m, ARG_HIGH(index));
}

static size_t emit_cond(struct seccomp_emitter *m, const struct seccomp_cond *c, bool narrow, size_t yes,
			size_t no)
{
	switch (c->op) {
	case SECCOMP_EQ:
		return emit_equal(m, c, narrow, yes, no);
	case SECCOMP_NE:
		return emit_equal(m, c, narrow, no, yes);
	case SECCOMP_GE:
		return emit_greater(m, BPF_JGE, c, narrow, yes, no);
	case SECCOMP_LT:
		return emit_greater(m, BPF_JGE, c, narrow, no, yes);
	case SECCOMP_GT:
		return emit_greater(m, BPF_JGT, c, narrow, yes, no);
	case SECCOMP_LE:
		return emit_greater(m, BPF_JGT, c, narrow, no, yes);
	case SECCOMP_MASKED_EQ:
		break;
	}
	return emit_masked(m, c, narrow, yes, no);
}

/* "If all conditions hold, return; else goto next". */
static size_t emit_entry(struct seccomp_emitter *m, const struct seccomp_entry *entry, size_t next)
{
	size_t label = seccomp_emit_return(m, entry->ret);

	for (size_t i = entry->conds_len; i-- > 0;)
		label = emit_cond(m, &entry->conds[i], entry->narrow, label, next);
	if (entry->call)
		label = emit_equal(m, &(struct seccomp_cond){ 0, SECCOMP_EQ, entry->call, 0 }, true, label,
				   next);
	return label;
}

static size_t emit_span(struct seccomp_emitter *m, const struct seccomp_span *span)
{
	size_t label = seccomp_emit_return(m, span->ret);

	for (size_t i = span->entries_len; i-- > 0 && !m->full;)
		label = emit_entry(m, &span->entries[i], label);
	return label;
}

/* Depth is the logarithm of len. */
static size_t emit_search(struct seccomp_emitter *m, const struct seccomp_span *spans, size_t len)
{
	size_t half = len / 2, upper, lower;

	if (len == 1)
		return emit_span(m, &spans[0]);
	upper = emit_search(m, spans + half, len - half);
	lower = emit_search(m, spans, half);
	return jump(m, BPF_JGE, spans[half].first, upper, lower);
}

size_t seccomp_emit_spans(struct seccomp_emitter *m, const struct seccomp_span *spans, size_t len)
{
	size_t search = emit_search(m, spans, len);

	if (m->full)
		return 0;
	/* The search must follow its load at once; a single span's answer may be an old, shared instruction. */
	if (search + 1 != m->len)
		push(m, BPF_JMP | BPF_JA, (uint32_t)distance(m, search));
	return load(m, offsetof(struct seccomp_data, nr));
}
