/* SPDX-License-Identifier: Apache-2.0 */
/* Programs are run by a small interpreter, so that every number and argument can be tried on every architecture, and compared with
 * what libseccomp's compiler makes of the same profile. Only the last tests install a filter. */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "oci/seccomp_default.h"
#include "runtime/seccomp.h"

#define X32_BIT 0x40000000u
#define ALLOW   SECCOMP_RET_ALLOW
#define KILL    SECCOMP_RET_KILL_THREAD
#define FAIL(n) (SECCOMP_RET_ERRNO | (n))

/* --- a BPF machine, with the checks of the kernel's own checker --- */

static bool jumps(const struct sock_filter *f, uint32_t a)
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

static uint32_t run(const struct sock_filter *insns, size_t len, const struct seccomp_data *d)
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
			pc += BPF_OP(f->code) == BPF_JA ? f->k : jumps(f, a) ? f->jt : f->jf;
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

static uint32_t judge(const struct seccomp_program *p, uint32_t arch, uint32_t nr, const uint64_t args[6])
{
	struct seccomp_data d = { .nr = (int)nr, .arch = arch };

	if (args)
		memcpy(d.args, args, sizeof(d.args));
	return run(p->insns, p->len, &d);
}

static uint32_t judge1(const struct seccomp_program *p, uint32_t arch, uint32_t nr, uint64_t arg0)
{
	const uint64_t args[6] = { arg0 };

	return judge(p, arch, nr, args);
}

/* --- profiles --- */

static struct spec_seccomp *profile(const char *text)
{
	struct spec_seccomp *s = NULL;
	struct strvec none = { 0 };
	struct err e = { 0 };

	if (spec_seccomp_decode_profile(text, strlen(text), &none, &s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

static void compile_for(uint32_t machine, const char *text, struct seccomp_program *ret)
{
	cleanup_spec_seccomp struct spec_seccomp *s = profile(text);
	struct err e = { 0 };

	if (seccomp_compile_for(machine, s, ret, &e) < 0)
		fail_msg("%s", e.text);
}

static void compile(const char *text, struct seccomp_program *ret)
{
	compile_for(AUDIT_ARCH_X86_64, text, ret);
}

static void assert_refused(const char *text, const char *message)
{
	cleanup_spec_seccomp struct spec_seccomp *s = profile(text);
	struct seccomp_program p = { 0 };
	struct err e = { 0 };

	assert_int_equal(seccomp_compile_for(AUDIT_ARCH_X86_64, s, &p, &e), -EINVAL);
	if (!strstr(e.text, message))
		fail_msg("'%s' is not in '%s'", message, e.text);
	assert_null(p.insns);
}

#define RULES(rules)       "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rules "]}"
#define RULE(name, action) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_" action "\"}"
#define RULE_IF(name, action, args) \
	"{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_" action "\",\"args\":[" args "]}"
#define ARG(index, op, value) "{\"index\":" #index ",\"op\":\"SCMP_CMP_" op "\",\"value\":" #value "}"
#define MASKED(index, mask, value) \
	"{\"index\":" #index ",\"op\":\"SCMP_CMP_MASKED_EQ\",\"value\":" #mask ",\"valueTwo\":" #value "}"

/* x86_64 numbers */
#define READ  0
#define WRITE 1
#define CLOSE 3
#define FAR   200 /* tkill */

/* --- one rule at a time --- */

static void each_action_has_its_return_value(void **state)
{
	static const struct {
		const char *action;
		uint32_t ret;
	} cases[] = {
		{ "ALLOW", SECCOMP_RET_ALLOW },
		{ "KILL", SECCOMP_RET_KILL_THREAD },
		{ "KILL_THREAD", SECCOMP_RET_KILL_THREAD },
		{ "KILL_PROCESS", SECCOMP_RET_KILL_PROCESS },
		{ "TRAP", SECCOMP_RET_TRAP },
		{ "TRACE", SECCOMP_RET_TRACE | EPERM },
		{ "LOG", SECCOMP_RET_LOG },
		{ "NOTIFY", SECCOMP_RET_USER_NOTIF },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_seccomp_program struct seccomp_program p = { 0 };
		char text[256];

		(void)snprintf(text, sizeof(text), RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_%s\"}"),
			       cases[i].action);
		compile(text, &p);
		assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, READ, NULL), cases[i].ret);
		assert_int_equal(p.notify, strcmp(cases[i].action, "NOTIFY") == 0);
	}
}

static void errno_values_are_those_of_the_profile(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":13,\"syscalls\":["
		"{\"names\":[\"close\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":22}," RULE("tkill",
											      "ALLOW") "]}",
		&p);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, READ, NULL), FAIL(13));
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, CLOSE, NULL), FAIL(22));
}

static void every_operator_compares_64_bits(void **state)
{
	static const struct {
		const char *op;
		uint64_t value, yes[3], no[3];
	} cases[] = {
#define BIG 0x100000005
		{ "EQ", BIG, { BIG, BIG, BIG }, { 5, BIG + 1, 0x200000005 } },
		{ "NE", BIG, { 5, BIG + 1, 0x200000005 }, { BIG, BIG, BIG } },
		{ "GT", BIG, { BIG + 1, 0x200000000, UINT64_MAX }, { BIG, 0xffffffff, 6 } },
		{ "GE", BIG, { BIG, 0x200000000, BIG + 1 }, { BIG - 1, 0xffffffff, 6 } },
		{ "LT", BIG, { BIG - 1, 0xffffffff, 0 }, { BIG, 0x200000000, BIG + 1 } },
		{ "LE", BIG, { BIG, 0xffffffff, 0 }, { BIG + 1, 0x200000000, UINT64_MAX } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_seccomp_program struct seccomp_program p = { 0 };
		char text[512];

		(void)snprintf(
			text, sizeof(text),
			RULES("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
			      "\"op\":\"SCMP_CMP_%s\",\"value\":%llu}]}"),
			cases[i].op, (unsigned long long)cases[i].value);
		compile(text, &p);
		for (size_t j = 0; j < 3; j++) {
			assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, READ, cases[i].yes[j]), ALLOW);
			assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, READ, cases[i].no[j]), FAIL(EPERM));
		}
	}
}

static void a_mask_covers_both_halves(void **state)
{
	cleanup_seccomp_program struct seccomp_program low = { 0 }, both = { 0 };

	(void)state;
	compile(RULES(RULE_IF("read", "ALLOW", MASKED(0, 240, 16))), &low);
	assert_int_equal(judge1(&low, AUDIT_ARCH_X86_64, READ, 0x1f), ALLOW);
	assert_int_equal(judge1(&low, AUDIT_ARCH_X86_64, READ, 0xffffffff00000010), ALLOW);
	assert_int_equal(judge1(&low, AUDIT_ARCH_X86_64, READ, 0x30), FAIL(EPERM));
	compile(RULES(RULE_IF("read", "ALLOW", MASKED(0, 1099511627776, 1099511627776))),
		&both); /* 1 << 40 */
	assert_int_equal(judge1(&both, AUDIT_ARCH_X86_64, READ, UINT64_C(3) << 40), ALLOW);
	assert_int_equal(judge1(&both, AUDIT_ARCH_X86_64, READ, 0xff), FAIL(EPERM));
}

static void conditions_on_several_arguments_must_all_hold(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };
	const uint64_t both[6] = { 1, 0, 0, 0, 0, 9 }, one[6] = { 1 }, other[6] = { 0, 0, 0, 0, 0, 9 };

	(void)state;
	compile(RULES(RULE_IF("read", "ALLOW", ARG(0, "EQ", 1) "," ARG(5, "GE", 9))), &p);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, READ, both), ALLOW);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, READ, one), FAIL(EPERM));
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, READ, other), FAIL(EPERM));
}

static void two_conditions_on_one_argument_are_alternatives(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile(RULES(RULE_IF("read", "ALLOW", ARG(0, "EQ", 1) "," ARG(0, "EQ", 7))), &p);
	assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, READ, 1), ALLOW);
	assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, READ, 7), ALLOW);
	assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, READ, 2), FAIL(EPERM));
}

static void a_rule_without_conditions_beats_the_others(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile(RULES(RULE_IF("read", "LOG", ARG(0, "EQ", 1)) "," RULE("read", "ALLOW") "," RULE("read",
												 "TRAP")),
		&p);
	assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, READ, 1), ALLOW);
	assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, READ, 2), ALLOW);
}

static void the_first_condition_that_holds_decides(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile(RULES(RULE_IF("read", "LOG", ARG(0, "GT", 5)) "," RULE_IF("read", "ALLOW", ARG(0, "GT", 1))),
		&p);
	assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, READ, 6), SECCOMP_RET_LOG);
	assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, READ, 5), ALLOW);
	assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, READ, 1), FAIL(EPERM));
}

static void unknown_names_are_skipped(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile(RULES(RULE("no_such_call", "ALLOW") "," RULE("read", "ALLOW")), &p);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, READ, NULL), ALLOW);
}

/* --- architectures --- */

static void a_foreign_architecture_kills(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile(RULES(RULE("read", "ALLOW")), &p);
	assert_int_equal(judge(&p, AUDIT_ARCH_I386, 3, NULL), KILL);
	assert_int_equal(judge(&p, AUDIT_ARCH_AARCH64, 63, NULL), KILL);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, X32_BIT | READ, NULL), KILL);
}

static void x32_is_told_from_x86_64(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_"
		"X32\"],"
		"\"syscalls\":[" RULE("rt_sigaction", "ALLOW") "]}",
		&p);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, 13, NULL), ALLOW);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, X32_BIT | 512, NULL), ALLOW);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, X32_BIT | 13, NULL), FAIL(EPERM));
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, X32_BIT | 513, NULL), FAIL(ENOSYS));
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, 0xffffffff, NULL), FAIL(ENOSYS));
}

#define ON_X86(rules)                                                                                      \
	"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86\"],\"syscalls\":[" rules \
	"]}"

static void i386_multiplexers_follow_their_calls(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 }, q = { 0 };

	(void)state;
	compile(ON_X86(RULE("socket", "ALLOW") "," RULE("shmget", "ALLOW")), &p);
	assert_int_equal(judge1(&p, AUDIT_ARCH_I386, 102, 1), ALLOW);       /* socketcall(SYS_SOCKET) */
	assert_int_equal(judge1(&p, AUDIT_ARCH_I386, 102, 2), FAIL(EPERM)); /* SYS_BIND */
	assert_int_equal(judge1(&p, AUDIT_ARCH_I386, 359, 38), ALLOW);
	assert_int_equal(judge1(&p, AUDIT_ARCH_I386, 117, 23), ALLOW);
	assert_int_equal(judge1(&p, AUDIT_ARCH_I386, 395, 0), ALLOW);
	compile(ON_X86(RULE_IF("socket", "ALLOW", ARG(0, "EQ", 1))), &q);
	assert_int_equal(judge1(&q, AUDIT_ARCH_I386, 359, 1), ALLOW);
	assert_int_equal(judge1(&q, AUDIT_ARCH_I386, 359, 2), FAIL(EPERM));
	assert_int_equal(judge1(&q, AUDIT_ARCH_I386, 102, 1), FAIL(EPERM));
}

static void arm64_and_arm_share_a_program(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile_for(AUDIT_ARCH_AARCH64,
		    "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_AARCH64\","
		    "\"SCMP_ARCH_ARM\",\"SCMP_ARCH_X86_64\"],\"syscalls\":[" RULE("read", "ALLOW") "," RULE(
			    "cacheflush", "ALLOW") "]}",
		    &p);
	assert_int_equal(judge(&p, AUDIT_ARCH_AARCH64, 63, NULL), ALLOW);
	assert_int_equal(judge(&p, AUDIT_ARCH_ARM, 3, NULL), ALLOW);
	assert_int_equal(judge(&p, AUDIT_ARCH_ARM, 0xf0002, NULL), ALLOW);
	assert_int_equal(judge(&p, AUDIT_ARCH_ARM, 0xf0005, NULL), FAIL(EPERM)); /* set_tls */
	assert_int_equal(judge(&p, AUDIT_ARCH_ARM, 400, NULL), FAIL(ENOSYS));    /* in spite of 0xf0002 */
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, 0, NULL), KILL);
}

static void machines_that_we_do_not_know_are_refused(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *s = profile(RULES(RULE("read", "ALLOW")));
	struct seccomp_program p = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(seccomp_compile_for(AUDIT_ARCH_RISCV64, s, &p, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "no seccomp for audit architecture 0xc00000f3"));
}

/* --- newer system calls --- */

static void calls_newer_than_the_profile_get_enosys(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile(RULES(RULE("read", "ALLOW") "," RULE("tkill", "ALLOW")), &p);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, FAR, NULL), ALLOW);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, FAR - 1, NULL), FAIL(EPERM));
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, FAR + 1, NULL), FAIL(ENOSYS));
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, X32_BIT - 1, NULL), FAIL(ENOSYS));
}

static void calls_named_with_the_default_action_are_not_newer(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile(RULES(RULE("read", "ALLOW") "," RULE("tkill", "ERRNO")), &p);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, FAR, NULL), FAIL(EPERM));
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, FAR + 1, NULL), FAIL(ENOSYS));
}

static void permissive_defaults_hold_for_newer_calls(void **state)
{
	static const struct {
		const char *action;
		uint32_t ret;
	} cases[] = { { "ALLOW", SECCOMP_RET_ALLOW },
		      { "LOG", SECCOMP_RET_LOG },
		      { "TRACE", SECCOMP_RET_TRACE | EPERM },
		      { "KILL_PROCESS", FAIL(ENOSYS) } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_seccomp_program struct seccomp_program p = { 0 };
		char text[256];

		(void)snprintf(text, sizeof(text), "{\"defaultAction\":\"SCMP_ACT_%s\",\"syscalls\":[%s]}",
			       cases[i].action, RULE("read", "TRAP"));
		compile(text, &p);
		assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, 400, NULL), cases[i].ret);
	}
}

static void calls_newer_than_libseccomp_are_known(void **state)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	compile(RULES(RULE("file_setattr", "ALLOW") "," RULE("uretprobe", "ALLOW")), &p);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, 469, NULL), ALLOW);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, 335, NULL), ALLOW);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, 468, NULL), FAIL(EPERM));
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, 470, NULL), FAIL(ENOSYS));
}

/* --- flags and refusals --- */

static void flags_are_those_of_the_profile(void **state)
{
	cleanup_seccomp_program struct seccomp_program none = { 0 }, empty = { 0 }, all = { 0 };

	(void)state;
	compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", &none);
	assert_int_equal(none.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[]}", &empty);
	assert_int_equal(empty.flags, 0);
	compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\","
		"\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}",
		&all);
	assert_int_equal(all.flags, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | 1u << 5);
}

static void bad_profiles_are_refused(void **state)
{
	(void)state;
	assert_refused("{\"defaultAction\":\"SCMP_ACT_MAYBE\"}",
		       "defaultAction: string 'SCMP_ACT_MAYBE' is not a valid action");
	assert_refused("{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "cannot be used as default action");
	assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}", "takes no errno");
	assert_refused("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":65536}",
		       "larger than 65535");
	assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_Z80\"]}",
		       "string 'SCMP_ARCH_Z80' is not a valid arch for seccomp");
	assert_refused("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"FAST\"]}", "seccomp flag 'FAST'");
	assert_refused(RULES(RULE("write", "NOTIFY")), "cannot be used for the write syscall");
	assert_refused(RULES(RULE_IF("read", "ALLOW", ARG(6, "EQ", 1))), "index 6 is larger than 5");
	assert_refused(RULES(RULE_IF("read", "ALLOW", ARG(0, "ABOUT", 1))), "is not a valid operator");
}

static void a_profile_too_large_for_the_kernel_is_refused(void **state)
{
	cleanup_buf struct buf text = BUF_INIT(1 << 20);
	cleanup_spec_seccomp struct spec_seccomp *s = NULL;
	struct seccomp_program p = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(buf_add_str(&text, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["), 0);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(buf_printf(&text,
					    "%s{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":"
					    "[{\"index\":0,\"op\":\"SCMP_CMP_EQ\",\"value\":%d}]}",
					    i ? "," : "", i),
				 0);
	assert_int_equal(buf_add_str(&text, "]}"), 0);
	s = profile(text.data);
	assert_int_equal(seccomp_compile(s, &p, &e), -EFBIG);
	assert_string_equal(e.text, "the seccomp profile needs more than 4096 instructions");
}

static void long_jumps_reach_their_targets(void **state)
{
	cleanup_buf struct buf text = BUF_INIT(1 << 20);
	cleanup_seccomp_program struct seccomp_program p = { 0 };

	(void)state;
	assert_int_equal(buf_add_str(&text, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["), 0);
	for (int i = 0; i < 400; i++)
		assert_int_equal(
			buf_printf(&text,
				   "{\"names\":[\"%s\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":%d,"
				   "\"args\":[{\"index\":%d,\"op\":\"SCMP_CMP_EQ\",\"value\":%d}]},",
				   i % 2 ? "read" : "close", 100 + i, i % 6, 1000 + i),
			0);
	assert_int_equal(buf_add_str(&text, RULE("tkill", "ALLOW") "]}"), 0);
	compile(text.data, &p);
	for (int i = 0; i < 400; i++) {
		uint64_t args[6] = { 0 };

		args[i % 6] = (uint64_t)(1000 + i);
		assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, i % 2 ? READ : CLOSE, args), FAIL(100 + i));
		assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, i % 2 ? CLOSE : READ, args), FAIL(EPERM));
	}
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, FAR, NULL), ALLOW);
	assert_int_equal(judge(&p, AUDIT_ARCH_X86_64, 100, NULL), FAIL(EPERM));
}

/* --- against libseccomp's compiler --- */

static struct sock_filter *libseccomp_compiles(const struct spec_seccomp *s, const uint32_t *archs, size_t n,
					       size_t *ret_len)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(s->default_errno_ret.value));
	cleanup_fd int fd = memfd_create("filter", MFD_CLOEXEC);
	struct sock_filter *insns;
	off_t size;

	assert_int_equal(seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(seccomp_arch_add(ctx, archs[i]), 0);
	for (size_t i = 0; i < s->syscalls_len; i++) {
		const struct spec_syscall *rule = &s->syscalls[i];
		uint32_t action = strcmp(rule->action, "SCMP_ACT_ALLOW") == 0
					  ? SCMP_ACT_ALLOW
					  : SCMP_ACT_ERRNO(rule->errno_ret.value);
		struct scmp_arg_cmp cmp = { 0 };

		if (rule->args_len == 1)
			cmp = (struct scmp_arg_cmp){ rule->args[0].index,
						     strcmp(rule->args[0].op, "SCMP_CMP_EQ") == 0
							     ? SCMP_CMP_EQ
						     : strcmp(rule->args[0].op, "SCMP_CMP_LT") == 0
							     ? SCMP_CMP_LT
							     : SCMP_CMP_MASKED_EQ,
						     rule->args[0].value, rule->args[0].value_two };
		for (size_t j = 0; j < rule->names.len; j++) {
			int nr = seccomp_syscall_resolve_name(rule->names.items[j]);

			if (nr != __NR_SCMP_ERROR)
				assert_int_equal(seccomp_rule_add_array(ctx, action, nr,
									(unsigned int)rule->args_len, &cmp),
						 0);
		}
	}
	assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
	seccomp_release(ctx);
	size = lseek(fd, 0, SEEK_CUR);
	insns = calloc(1, (size_t)size);
	assert_int_equal(pread(fd, insns, (size_t)size, 0), size);
	*ret_len = (size_t)size / sizeof(*insns);
	return insns;
}

static const uint64_t INTERESTING[] = {
	0,
	1,
	2,
	3,
	8,
	9,
	10,
	11,
	12,
	13,
	14,
	15,
	16,
	17,
	18,
	19,
	20,
	21,
	22,
	23,
	24,
	25,
	26,
	27,
	28,
	29,
	30,
	31,
	32,
	33,
	34,
	35,
	36,
	37,
	38,
	39,
	40,
	41,
	42,
	43,
	44,
	45,
	46,
	0x11,
	0x20000,
	0x20008,
	0x40000,
	0xffffffff,
	0x01200011,
	0x7e020000,
	0x20000000,
	0x10000000,
	UINT64_C(0x100000001),
	UINT64_MAX,
};

/* Same answers for all numbers that libseccomp knows the names of; `newer` and up are where we say ENOSYS. */
static void assert_same_answers(const struct spec_seccomp *s, uint32_t machine, const uint32_t *scmp,
				const uint32_t *audit, const uint32_t *first, size_t n)
{
	cleanup_seccomp_program struct seccomp_program p = { 0 };
	cleanup_free struct sock_filter *theirs = NULL;
	size_t len, compared = 0;
	struct err e = { 0 };

	if (seccomp_compile_for(machine, s, &p, &e) < 0)
		fail_msg("%s", e.text);
	theirs = libseccomp_compiles(s, scmp, n, &len);
	assert_true(p.len < len);
	for (size_t i = 0; i < n; i++) {
		for (uint32_t nr = first[i]; nr < first[i] + 600; nr++) {
			cleanup_free char *name = seccomp_syscall_resolve_num_arch(scmp[i], (int)nr);

			for (size_t j = 0; name && j < ARRAY_LEN(INTERESTING); j++) {
				struct seccomp_data d = { .nr = (int)nr, .arch = audit[i] };
				uint32_t ours, other;

				/* 32-bit machines have no upper halves. */
				d.args[0] = first[i] || audit[i] == machine ? INTERESTING[j]
									    : (uint32_t)INTERESTING[j];
				d.args[1] = j;
				ours = run(p.insns, p.len, &d);
				other = run(theirs, len, &d);
				if (ours != other && !(ours == FAIL(ENOSYS) && other == FAIL(EPERM)))
					fail_msg("%s(0x%llx) on 0x%x: 0x%x, not 0x%x", name,
						 (unsigned long long)d.args[0], scmp[i], ours, other);
				compared++;
			}
		}
	}
	assert_true(compared > 30000);
}

static struct spec_seccomp *default_with(const char *capability, bool arm)
{
	static const char *const names[2][3] = { { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" },
						 { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM" } };
	cleanup_strvec struct strvec caps = { 0 };
	struct spec_seccomp *s = NULL;
	struct err e;

	if (capability)
		assert_int_equal(strvec_add(&caps, capability), 0);
	assert_int_equal(spec_seccomp_default(&caps, &s, &e), 0);
	strvec_done(&s->architectures);
	for (size_t i = 0; i < 3 && names[arm][i]; i++)
		assert_int_equal(strvec_add(&s->architectures, names[arm][i]), 0);
	return s;
}

static void libseccomp_agrees_on_the_default_profile_on_amd64(void **state)
{
	static const uint32_t scmp[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32 };
	static const uint32_t audit[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_X86_64 };
	static const uint32_t first[] = { 0, 0, X32_BIT };
	static const char *const capabilities[] = { NULL, "CAP_SYS_ADMIN", "CAP_SYS_TIME" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
		cleanup_spec_seccomp struct spec_seccomp *s = default_with(capabilities[i], false);

		assert_same_answers(s, AUDIT_ARCH_X86_64, scmp, audit, first, 3);
	}
}

static void libseccomp_agrees_on_the_default_profile_on_arm64(void **state)
{
	static const uint32_t scmp[] = { SCMP_ARCH_AARCH64, SCMP_ARCH_ARM };
	static const uint32_t audit[] = { AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM };
	static const uint32_t first[] = { 0, 0 };
	cleanup_spec_seccomp struct spec_seccomp *s = default_with(NULL, true);

	(void)state;
	assert_same_answers(s, AUDIT_ARCH_AARCH64, scmp, audit, first, 2);
}

static void the_default_profile_compiles_in_milliseconds_at_most(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *s = default_with(NULL, false);
	struct timespec before, after;
	double ms;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < 20; i++) {
		cleanup_seccomp_program struct seccomp_program p = { 0 };
		struct err e;

		assert_int_equal(seccomp_compile_for(AUDIT_ARCH_X86_64, s, &p, &e), 0);
		if (i == 0)
			print_message("[   INFO   ] %u instructions\n", p.len);
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	ms = ((double)(after.tv_sec - before.tv_sec) * 1e3 + (double)(after.tv_nsec - before.tv_nsec) / 1e6) /
	     20;
	print_message("[   INFO   ] compiled in %.3f ms\n", ms);
	assert_true(ms <
		    50); /* a hundred times what it takes: sanitizers, emulators and busy machines pass */
}

/* --- in the kernel --- */

static bool kernel_filters(void)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) ==
	       0; /* qemu-user has no seccomp(2) */
}

/* Runs `test` in a child with the filter installed; its result is the child's exit code. */
static int run_filtered(const char *text, int (*test)(int listener))
{
	cleanup_spec_seccomp struct spec_seccomp *s = profile(text);
	cleanup_seccomp_program struct seccomp_program p = { 0 };
	struct err e = { 0 };
	int status;
	pid_t pid;

	if (seccomp_compile(s, &p, &e) < 0)
		fail_msg("%s", e.text);
	pid = fork();
	if (pid == 0) {
		int listener = -2;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_install(&p, &listener) < 0)
			_exit(99);
		_exit(test(listener));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int try_calls(int listener)
{
	if (listener != -1)
		return 1;
	if (syscall(SYS_getppid) != -1 || errno != 77)
		return 2;
	return syscall(SYS_getpid) > 0 ? 0 : 4;
}

static int try_signal(int listener)
{
	(void)listener;
	(void)syscall(SYS_getppid);
	return 1;
}

static int try_listener(int listener)
{
	return fcntl(listener, F_GETFD) == FD_CLOEXEC ? 0 : 1;
}

static void an_installed_filter_filters(void **state)
{
	(void)state;
	if (!kernel_filters())
		skip();
	assert_int_equal(
		run_filtered("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getppid\"],"
			     "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":77}]}",
			     try_calls),
		0);
	assert_int_equal(
		run_filtered("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\","
			     "\"SECCOMP_FILTER_FLAG_TSYNC\",\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],"
			     "\"syscalls\":[" RULE("getppid", "KILL_PROCESS") "]}",
			     try_signal),
		128 + SIGSYS);
}

static void notify_gives_a_listener(void **state)
{
	(void)state;
	if (!kernel_filters())
		skip();
	assert_int_equal(
		run_filtered("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\","
			     "\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"],\"syscalls\":[" RULE("getppid",
										       "NOTIFY") "]}",
			     try_listener),
		0);
}

static int try_default(int listener)
{
	(void)listener;
	if (syscall(SYS_unshare, 0x10000000) != -1 || errno != EPERM) /* CLONE_NEWUSER */
		return 1;
	if (syscall(5000) != -1 || errno != ENOSYS)
		return 2;
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		return 3;
	return syscall(SYS_getpid) > 0 ? 0 : 4;
}

static void the_kernel_takes_the_default_profile(void **state)
{
	cleanup_spec_seccomp struct spec_seccomp *s = NULL;
	cleanup_seccomp_program struct seccomp_program p = { 0 };
	struct strvec none = { 0 };
	struct err e;
	int status;
	pid_t pid;

	(void)state;
	if (!kernel_filters())
		skip();
	assert_int_equal(spec_seccomp_default(&none, &s, &e), 0);
	assert_int_equal(seccomp_compile(s, &p, &e), 0);
	pid = fork();
	if (pid == 0) {
		int listener;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_install(&p, &listener) < 0)
			_exit(99);
		_exit(try_default(listener));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(WIFEXITED(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_action_has_its_return_value),
		cmocka_unit_test(errno_values_are_those_of_the_profile),
		cmocka_unit_test(every_operator_compares_64_bits),
		cmocka_unit_test(a_mask_covers_both_halves),
		cmocka_unit_test(conditions_on_several_arguments_must_all_hold),
		cmocka_unit_test(two_conditions_on_one_argument_are_alternatives),
		cmocka_unit_test(a_rule_without_conditions_beats_the_others),
		cmocka_unit_test(the_first_condition_that_holds_decides),
		cmocka_unit_test(unknown_names_are_skipped),
		cmocka_unit_test(a_foreign_architecture_kills),
		cmocka_unit_test(x32_is_told_from_x86_64),
		cmocka_unit_test(i386_multiplexers_follow_their_calls),
		cmocka_unit_test(arm64_and_arm_share_a_program),
		cmocka_unit_test(machines_that_we_do_not_know_are_refused),
		cmocka_unit_test(calls_newer_than_the_profile_get_enosys),
		cmocka_unit_test(calls_named_with_the_default_action_are_not_newer),
		cmocka_unit_test(permissive_defaults_hold_for_newer_calls),
		cmocka_unit_test(calls_newer_than_libseccomp_are_known),
		cmocka_unit_test(flags_are_those_of_the_profile),
		cmocka_unit_test(bad_profiles_are_refused),
		cmocka_unit_test(a_profile_too_large_for_the_kernel_is_refused),
		cmocka_unit_test(long_jumps_reach_their_targets),
		cmocka_unit_test(libseccomp_agrees_on_the_default_profile_on_amd64),
		cmocka_unit_test(libseccomp_agrees_on_the_default_profile_on_arm64),
		cmocka_unit_test(the_default_profile_compiles_in_milliseconds_at_most),
		cmocka_unit_test(an_installed_filter_filters),
		cmocka_unit_test(notify_gives_a_listener),
		cmocka_unit_test(the_kernel_takes_the_default_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
