/* SPDX-License-Identifier: Apache-2.0 */
/* The device filter's programs, run by a small interpreter that checks what the kernel's verifier would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cgroups/devices.h"
#include "common/cleanup.h"

struct machine {
	uint64_t regs[11];
	const struct bpf_cgroup_dev_ctx *ctx;
};

/* ALU and ALU64, the operand being a register or a number. */
static void compute(struct machine *m, const struct bpf_insn *i)
{
	bool is_64 = BPF_CLASS(i->code) == BPF_ALU64;
	uint64_t source = BPF_SRC(i->code) == BPF_X ? m->regs[i->src_reg] : (uint64_t)(int64_t)i->imm;
	uint64_t value = m->regs[i->dst_reg];

	assert_true(is_64 || BPF_CLASS(i->code) == BPF_ALU);
	switch (BPF_OP(i->code)) {
	case BPF_MOV:
		value = source;
		break;
	case BPF_AND:
		value &= source;
		break;
	case BPF_OR:
		value |= source;
		break;
	case BPF_XOR:
		value ^= source;
		break;
	case BPF_SUB:
		value -= source;
		break;
	case BPF_NEG:
		value = -value;
		break;
	case BPF_RSH:
		assert_in_range(source, 0, is_64 ? 63 : 31);
		value = (is_64 ? value : (uint32_t)value) >> source;
		break;
	case BPF_ARSH:
		assert_true(is_64 && source == 63);
		value = value >> 63 ? UINT64_MAX : 0;
		break;
	default:
		fail_msg("unknown instruction 0x%02x", i->code);
	}
	m->regs[i->dst_reg] = is_64 ? value : (uint32_t)value;
}

static void load(struct machine *m, const struct bpf_insn *i)
{
	uint32_t word;

	assert_int_equal(i->src_reg, 1);
	assert_in_range(i->off, 0, sizeof(*m->ctx) - sizeof(word));
	memcpy(&word, (const char *)m->ctx + i->off, sizeof(word));
	m->regs[i->dst_reg] = word;
}

/* 1: allowed, 0: denied. */
static int run(const struct bpf_insn *insns, size_t len, char type, uint32_t major, uint32_t minor,
	       const char *access)
{
	struct bpf_cgroup_dev_ctx ctx = { .major = major, .minor = minor };
	struct machine m = { .ctx = &ctx };

	ctx.access_type = type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
	for (; *access != '\0'; access++)
		ctx.access_type |= (uint32_t)(*access == 'm'   ? BPF_DEVCG_ACC_MKNOD
					      : *access == 'r' ? BPF_DEVCG_ACC_READ
							       : BPF_DEVCG_ACC_WRITE)
				   << 16;
	/* Straight to the only exit, which is the last instruction: a filter with jumps takes the verifier three times as long. */
	assert_true(len > 0 && insns[len - 1].code == (BPF_JMP | BPF_EXIT));
	for (size_t pc = 0; pc + 1 < len; pc++) {
		if (insns[pc].code == (BPF_LDX | BPF_MEM | BPF_W))
			load(&m, &insns[pc]);
		else
			compute(&m, &insns[pc]);
	}
	return (int)m.regs[0];
}

struct access_case {
	char type;
	uint32_t major, minor;
	const char *access;
	int allowed;
};

static void assert_filter(const struct spec_device_rule *rules, size_t rules_len,
			  const struct access_case *cases, size_t cases_len)
{
	cleanup_free struct bpf_insn *insns = NULL;
	struct err e = { 0 };
	size_t len;

	assert_int_equal(device_filter_compile(rules, rules_len, &insns, &len, &e), 0);
	assert_in_range(len, 1, DEVICE_FILTER_INSNS_MAX(rules_len));
	for (size_t i = 0; i < cases_len; i++) {
		int allowed = run(insns, len, cases[i].type, cases[i].major, cases[i].minor, cases[i].access);

		if (allowed != cases[i].allowed)
			fail_msg("case %zu: %d instead of %d", i, allowed, cases[i].allowed);
	}
}

#define NUMBER(n)                         \
	{                                 \
		.set = true, .value = (n) \
	}
static char RWM[] = "rwm", R[] = "r", W[] = "w", RW[] = "rw";

static void without_rules_only_the_default_devices_are_open(void **state)
{
	static const struct access_case CASES[] = {
		{ 'c', 1, 3, "rw", 1 },    { 'c', 1, 5, "rwm", 1 }, { 'c', 1, 9, "r", 1 },
		{ 'c', 5, 0, "rw", 1 },    { 'c', 5, 2, "rw", 1 },  { 'c', 136, 7, "rw", 1 },
		{ 'c', 1, 8, "r", 1 },     { 'c', 1, 7, "w", 1 },   { 'c', 1, 1, "r", 0 },
		{ 'c', 10, 200, "rw", 0 }, { 'b', 8, 0, "r", 0 },   { 'b', 8, 0, "m", 1 },
		{ 'c', 1, 11, "m", 1 },    { 'b', 1, 3, "r", 0 },   { 'c', 5, 1, "w", 0 },
		{ 'b', 8, 0, "rm", 0 },
	};

	(void)state;
	assert_filter(NULL, 0, CASES, ARRAY_LEN(CASES));
}

static void deny_all_keeps_the_default_devices(void **state)
{
	const struct spec_device_rule rules[] = { { .allow = false, .type = 'a', .access = RWM } };
	static const struct access_case CASES[] = {
		{ 'c', 1, 3, "rw", 1 },
		{ 'b', 8, 0, "r", 0 },
		{ 'c', 1, 11, "m", 1 },
	};

	(void)state;
	assert_filter(rules, ARRAY_LEN(rules), CASES, ARRAY_LEN(CASES));
}

static void allow_all_lets_everything_through(void **state)
{
	const struct spec_device_rule rules[] = { { .allow = false, .type = 'c', .access = RWM },
						  { .allow = true, .type = 'a' } };
	static const struct access_case CASES[] = {
		{ 'b', 8, 0, "rwm", 1 },
		{ 'c', 4294967295, 4294967295, "rw", 1 },
		{ 'c', 0, 0, "w", 1 },
	};

	(void)state;
	assert_filter(rules, ARRAY_LEN(rules), CASES, ARRAY_LEN(CASES));
}

static void a_later_rule_overrides_an_earlier_one(void **state)
{
	const struct spec_device_rule rules[] = {
		{ .allow = false, .type = 'a', .access = RWM },
		{ .allow = true, .type = 'b', .major = NUMBER(8), .access = RWM },
		{ .allow = false, .type = 'b', .major = NUMBER(8), .minor = NUMBER(1), .access = RWM },
		{ .allow = true, .type = 'c', .major = NUMBER(10), .minor = NUMBER(-1), .access = RW },
	};
	static const struct access_case CASES[] = {
		{ 'b', 8, 0, "rw", 1 },    { 'b', 8, 1, "r", 0 },    { 'b', 8, 2, "rwm", 1 },
		{ 'c', 10, 200, "rw", 1 }, { 'c', 10, 229, "w", 1 }, { 'b', 9, 0, "r", 0 },
		{ 'c', 8, 0, "r", 0 },
	};

	(void)state;
	assert_filter(rules, ARRAY_LEN(rules), CASES, ARRAY_LEN(CASES));
}

static void a_reset_forgets_what_came_before(void **state)
{
	const struct spec_device_rule rules[] = {
		{ .allow = true, .type = 'b', .major = NUMBER(8), .access = RWM },
		{ .allow = false, .type = 'a' },
		{ .allow = true, .type = 'c', .major = NUMBER(10), .minor = NUMBER(200), .access = RW },
	};
	static const struct access_case CASES[] = {
		{ 'b', 8, 0, "r", 0 },
		{ 'c', 10, 200, "rw", 1 },
	};

	(void)state;
	assert_filter(rules, ARRAY_LEN(rules), CASES, ARRAY_LEN(CASES));
}

static void each_access_is_decided_by_itself(void **state)
{
	const struct spec_device_rule rules[] = {
		{ .allow = true, .type = 'b', .major = NUMBER(8), .minor = NUMBER(0), .access = RW },
		{ .allow = false, .type = 'b', .major = NUMBER(8), .minor = NUMBER(0), .access = W },
		{ .allow = true, .type = 'b', .major = NUMBER(9), .minor = NUMBER(0), .access = R },
		{ .allow = true, .type = 'b', .major = NUMBER(9), .minor = NUMBER(0), .access = W },
	};
	static const struct access_case CASES[] = {
		/* One that is denied denies the whole open. */
		{ 'b', 8, 0, "r", 1 },
		{ 'b', 8, 0, "w", 0 },
		{ 'b', 8, 0, "rw", 0 },
		/* Two rules together allow it. */
		{ 'b', 9, 0, "rw", 1 },
		{ 'b', 9, 0, "rwm", 1 },
	};

	(void)state;
	assert_filter(rules, ARRAY_LEN(rules), CASES, ARRAY_LEN(CASES));
}

static void the_greatest_number_of_rules_compiles_and_one_more_does_not(void **state)
{
	cleanup_free struct spec_device_rule *rules = calloc(DEVICE_RULES_MAX + 1, sizeof(*rules));
	static const struct access_case CASES[] = {
		{ 'b', 300, 300, "r", 1 },
		{ 'b', 300, 301, "r", 0 },
		{ 'b', 0, 0, "w", 1 },
		{ 'b', DEVICE_RULES_MAX, DEVICE_RULES_MAX, "w", 0 },
	};
	struct bpf_insn *insns = NULL;
	struct err e = { 0 };
	size_t len;

	(void)state;
	assert_non_null(rules);
	for (int i = 0; i <= DEVICE_RULES_MAX; i++)
		rules[i] = (struct spec_device_rule){
			.allow = true, .type = 'b', .major = NUMBER(i), .minor = NUMBER(i)
		};
	assert_filter(rules, DEVICE_RULES_MAX, CASES, ARRAY_LEN(CASES));
	assert_int_equal(device_filter_compile(rules, DEVICE_RULES_MAX + 1, &insns, &len, &e), -EFBIG);
	assert_string_equal(e.text, "linux.resources.devices: more than 1024 rules");
}

static void bad_rules_are_refused_with_their_place(void **state)
{
	char access[] = "rx";
	const struct {
		struct spec_device_rule rule;
		const char *message;
	} cases[] = {
		{ { .type = 'p' }, "linux.resources.devices[0].type: 'p' is not 'a', 'b' or 'c'" },
		{ { .type = 'c', .major = NUMBER(-2) },
		  "linux.resources.devices[0].major: '-2' is no device number" },
		{ { .type = 'c', .minor = NUMBER(4294967296) },
		  "linux.resources.devices[0].minor: '4294967296' is no device number" },
		{ { .type = 'c', .access = access },
		  "linux.resources.devices[0].access: 'rx' has something else than 'r', 'w' and 'm'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bpf_insn *insns = NULL;
		struct err e = { 0 };
		size_t len;

		assert_int_equal(device_filter_compile(&cases[i].rule, 1, &insns, &len, &e), -EINVAL);
		assert_string_equal(e.text, cases[i].message);
		assert_null(insns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rules_only_the_default_devices_are_open),
		cmocka_unit_test(deny_all_keeps_the_default_devices),
		cmocka_unit_test(allow_all_lets_everything_through),
		cmocka_unit_test(a_later_rule_overrides_an_earlier_one),
		cmocka_unit_test(a_reset_forgets_what_came_before),
		cmocka_unit_test(each_access_is_decided_by_itself),
		cmocka_unit_test(the_greatest_number_of_rules_compiles_and_one_more_does_not),
		cmocka_unit_test(bad_rules_are_refused_with_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
