/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/audit.h>

#include "common/buf.h"
#include "runtime/seccomp.h"
#include "tests/unit/runtime/bpf_machine.h"

static uint32_t judge(const struct seccomp_program *p, uint32_t arch, uint32_t nr, const uint64_t args[6])
{
	struct seccomp_data d = { .nr = (int)nr, .arch = arch };

	if (args)
		memcpy(d.args, args, sizeof(d.args));
	return bpf_run(p->insns, p->len, &d);
}

static uint32_t judge1(const struct seccomp_program *p, uint32_t arch, uint32_t nr, uint64_t arg0)
{
	const uint64_t args[6] = { arg0 };

	return judge(p, arch, nr, args);
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

/* What x32 callers leave in the upper halves of registers, the kernel drops. */
static void upper_halves_count_as_zero_where_arguments_have_32_bits(void **state)
{
	static const struct {
		const char *op;
		uint64_t arg;
		bool holds;
	} cases[] = {
		{ "EQ", 0x100000005, false }, { "NE", 0x100000005, true }, { "GT", 0x200000000, false },
		{ "GE", 0x200000000, false }, { "LT", 0x200000000, true }, { "LE", 0x200000000, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_seccomp_program struct seccomp_program p = { 0 };
		char text[512];

		(void)snprintf(text, sizeof(text),
			       "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X32\"],"
			       "\"syscalls\":[{\"names\":[\"close\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":"
			       "[{\"index\":0,\"op\":\"SCMP_CMP_%s\",\"value\":4294967301}]}]}",
			       cases[i].op);
		compile(text, &p);
		assert_int_equal(judge1(&p, AUDIT_ARCH_X86_64, X32_BIT | CLOSE, cases[i].arg),
				 cases[i].holds ? ALLOW : FAIL(EPERM));
	}
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
		cmocka_unit_test(upper_halves_count_as_zero_where_arguments_have_32_bits),
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
