/* SPDX-License-Identifier: Apache-2.0 */
/* From judged ranges of system call numbers to BPF instructions. Pure. For runtime/seccomp*.c alone. */
#ifndef SAMPAN_RUNTIME_SECCOMP_EMIT_H
#define SAMPAN_RUNTIME_SECCOMP_EMIT_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum seccomp_op {
	SECCOMP_EQ,
	SECCOMP_NE,
	SECCOMP_LT,
	SECCOMP_LE,
	SECCOMP_GE,
	SECCOMP_GT,
	SECCOMP_MASKED_EQ /* (argument & value) == value_two */
};

struct seccomp_cond {
	uint32_t index; /* of the argument, 0 to 5 */
	enum seccomp_op op;
	uint64_t value, value_two;
};

/* "This system call, if all conditions hold: return `ret`." */
struct seccomp_entry {
	uint32_t nr;
	uint32_t order; /* in the profile */
	uint32_t ret;   /* SECCOMP_RET_* */
	uint32_t call;  /* 0, or what argument 0 must be besides */
	bool narrow; /* a 32-bit convention: upper halves of arguments are 0, or garbage that the kernel drops */
	const struct seccomp_cond *conds;
	size_t conds_len;
};

/* Numbers from `first` up to the next span: entries to try, then `ret`. */
struct seccomp_span {
	uint32_t first;
	uint32_t ret;
	const struct seccomp_entry *entries;
	size_t entries_len;
};

/* Instructions are laid down from the last to the first: jumps only go forwards in BPF, so that every target is known when a jump
 * to it is made. A label is the place of an instruction counted from the end. */
struct seccomp_emitter {
	struct sock_filter *backwards; /* BPF_MAXINSNS of them */
	size_t len;
	bool full; /* more than BPF_MAXINSNS were wanted; what is there is then useless */
	struct {
		uint32_t ret;
		size_t label;
		bool used;
	} returns[8]; /* recent "return" instructions, to be shared */
	size_t next_return;
};

/* "return ret"; shared with an earlier one where that is in reach. */
size_t seccomp_emit_return(struct seccomp_emitter *m, uint32_t ret);

/* "if (arch == audit_arch) goto yes; else goto no". Expects the architecture in the accumulator. */
size_t seccomp_emit_arch_test(struct seccomp_emitter *m, uint32_t audit_arch, size_t yes, size_t no);
size_t seccomp_emit_load_arch(struct seccomp_emitter *m);

/* Loads the system call's number and judges it: a binary search over the spans, which are sorted and begin at 0. */
size_t seccomp_emit_spans(struct seccomp_emitter *m, const struct seccomp_span *spans, size_t len);

#endif
