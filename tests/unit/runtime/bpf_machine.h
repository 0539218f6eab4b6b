/* SPDX-License-Identifier: Apache-2.0 */
/* A BPF machine for tests, so that every number and argument can be tried on every architecture. */
#ifndef SAMPAN_TESTS_UNIT_RUNTIME_BPF_MACHINE_H
#define SAMPAN_TESTS_UNIT_RUNTIME_BPF_MACHINE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "oci/seccomp_default.h"

#define X32_BIT 0x40000000u
#define ALLOW   SECCOMP_RET_ALLOW
#define KILL    SECCOMP_RET_KILL_THREAD
#define FAIL(n) (SECCOMP_RET_ERRNO | (n))

/* --- a BPF machine, with the checks of the kernel's own checker --- */

static inline bool bpf_jumps(const struct sock_filter *f, uint32_t a)
{
	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		return a == f->k;
	case BPF_JGE:
		return a >= f->k;
	case BPF_JGT:
		return a > f->k;
	case BPF_JSET:
		return a & f->k;
	default:
		fail_msg("jump 0x%x", f->code);
		return false;
	}
}

static inline uint32_t bpf_run(const struct sock_filter *insns, size_t len, const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < len; pc++) {
		const struct sock_filter *f = &insns[pc];

		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			assert_int_equal(f->code, BPF_LD | BPF_W | BPF_ABS);
			assert_true(f->k % 4 == 0 && f->k + 4 <= sizeof(*d));
			memcpy(&a, (const char *)d + f->k, 4);
			break;
		case BPF_ALU:
			assert_int_equal(f->code, BPF_ALU | BPF_AND | BPF_K);
			a &= f->k;
			break;
		case BPF_JMP:
			pc += BPF_OP(f->code) == BPF_JA ? f->k : bpf_jumps(f, a) ? f->jt : f->jf;
			break;
		case BPF_RET:
			return f->k;
		default:
			fail_msg("instruction 0x%x", f->code);
		}
	}
	fail_msg("the program runs off its end");
	return 0;
}

/* --- profiles --- */

/* A profile for a process without capabilities; fails the test if the text is bad. */
static inline struct spec_seccomp *profile(const char *text)
{
	struct spec_seccomp *s = NULL;
	struct strvec none = { 0 };
	struct err e = { 0 };

	if (spec_seccomp_decode_profile(text, strlen(text), &none, &s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

#endif
