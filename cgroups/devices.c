/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/devices.h"

#include "common/cleanup.h"

#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)
#define ANY        (-1)

struct rule {
	bool allow;
	int type;             /* BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR or ANY */
	int64_t major, minor; /* or ANY */
	uint32_t minors;      /* not 0: instead of minor, those whose bits are set */
	int access;           /* BPF_DEVCG_ACC_* */
};

#define BIT(n) (UINT32_C(1) << (n))

/* What runc allows every container, so that a list of "deny all" leaves a working /dev. */
static const struct rule DEFAULTS[] = {
	{ .allow = true, .type = ANY, .major = ANY, .minor = ANY, .access = BPF_DEVCG_ACC_MKNOD },
	{ .allow = true,
	  .type = BPF_DEVCG_DEV_CHAR,
	  .major = 136,
	  .minor = ANY,
	  .access = ACCESS_ALL }, /* pts/N */
	{ .allow = true,
	  .type = BPF_DEVCG_DEV_CHAR,
	  .major = 5,
	  .minors = BIT(0) | BIT(2), /* tty, ptmx */
	  .access = ACCESS_ALL },
	{ .allow = true,
	  .type = BPF_DEVCG_DEV_CHAR,
	  .major = 1,
	  .minors = BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9), /* null, zero, full, random, urandom */
	  .access = ACCESS_ALL },
};
_Static_assert(ARRAY_LEN(DEFAULTS) == 4, "DEVICE_FILTER_INSNS_MAX counts them");

/* The program has no jumps: each makes the kernel's verifier follow two ways, at each start of a container. A filter of the defaults takes
 * a third of the time that it takes with them (Linux 6.18). What a rule does not match it leaves alone by a mask of no bits. */
enum {
	REG_RESULT = 0,
	REG_CONTEXT = 1,
	REG_ACCESS = 2, /* not decided yet */
	REG_TYPE = 3,   /* 0 for a character device */
	REG_MAJOR = 4,
	REG_MINOR = 5,
	REG_DENIED = 6,
	REG_MINOR_HIGH = 7, /* minor / 32 */
	REG_MINOR_LOW = 8,  /* minor % 32 */
	REG_SCRATCH = 9,
};

struct program {
	struct bpf_insn *insns;
	size_t len;
};

static void emit(struct program *p, unsigned int code, unsigned int reg, int imm)
{
	p->insns[p->len++] =
		(struct bpf_insn){ .code = (__u8)code, .dst_reg = (__u8)(reg & 0xf), .imm = imm };
}

static void emit_with(struct program *p, unsigned int code, unsigned int reg, unsigned int source)
{
	emit(p, code | BPF_X, reg, 0);
	p->insns[p->len - 1].src_reg = (__u8)(source & 0xf);
}

static void emit_load(struct program *p, unsigned int reg, size_t offset)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, reg, 0);
	p->insns[p->len - 1].src_reg = REG_CONTEXT;
	p->insns[p->len - 1].off = (__s16)offset;
}

static void emit_prologue(struct program *p)
{
	emit_load(p, REG_ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit_load(p, REG_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(p, REG_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	emit_with(p, BPF_ALU | BPF_MOV, REG_TYPE, REG_ACCESS);
	emit(p, BPF_ALU | BPF_AND, REG_TYPE, 0xffff);
	emit(p, BPF_ALU | BPF_XOR, REG_TYPE, BPF_DEVCG_DEV_CHAR);
	emit(p, BPF_ALU | BPF_RSH, REG_ACCESS, 16);
	emit(p, BPF_ALU | BPF_MOV, REG_DENIED, 0);
	emit_with(p, BPF_ALU | BPF_MOV, REG_MINOR_HIGH, REG_MINOR);
	emit(p, BPF_ALU | BPF_RSH, REG_MINOR_HIGH, 5);
	emit_with(p, BPF_ALU | BPF_MOV, REG_MINOR_LOW, REG_MINOR);
	emit(p, BPF_ALU | BPF_AND, REG_MINOR_LOW, 31);
}

/* REG_RESULT |= what is not 0 unless `reg` is `value`. */
static void emit_difference(struct program *p, unsigned int reg, uint32_t value)
{
	if (value == 0) {
		emit_with(p, BPF_ALU | BPF_OR, REG_RESULT, reg);
		return;
	}
	emit_with(p, BPF_ALU | BPF_MOV, REG_SCRATCH, reg);
	emit(p, BPF_ALU | BPF_XOR, REG_SCRATCH, (int)value);
	emit_with(p, BPF_ALU | BPF_OR, REG_RESULT, REG_SCRATCH);
}

/* REG_RESULT |= what is not 0 unless the minor number's bit is one of `minors`. */
static void emit_minors(struct program *p, uint32_t minors)
{
	emit_with(p, BPF_ALU | BPF_OR, REG_RESULT, REG_MINOR_HIGH);
	emit(p, BPF_ALU | BPF_MOV, REG_SCRATCH, (int)~minors);
	emit_with(p, BPF_ALU | BPF_RSH, REG_SCRATCH, REG_MINOR_LOW);
	emit(p, BPF_ALU | BPF_AND, REG_SCRATCH, 1);
	emit_with(p, BPF_ALU | BPF_OR, REG_RESULT, REG_SCRATCH);
}

/* REG_RESULT: 0 if the rule is for this device, else all ones. */
static void emit_mismatch(struct program *p, const struct rule *rule)
{
	emit(p, BPF_ALU | BPF_MOV, REG_RESULT, 0);
	if (rule->type != ANY)
		emit_difference(p, REG_TYPE, (uint32_t)rule->type ^ BPF_DEVCG_DEV_CHAR);
	if (rule->major != ANY)
		emit_difference(p, REG_MAJOR, (uint32_t)rule->major);
	if (rule->minors)
		emit_minors(p, rule->minors);
	else if (rule->minor != ANY)
		emit_difference(p, REG_MINOR, (uint32_t)rule->minor);
	emit(p, BPF_ALU64 | BPF_NEG, REG_RESULT, 0);
	emit(p, BPF_ALU64 | BPF_ARSH, REG_RESULT, 63);
}

static void emit_rule(struct program *p, const struct rule *rule)
{
	emit_mismatch(p, rule);
	if (rule->allow) {
		if (rule->access != ACCESS_ALL)
			emit(p, BPF_ALU | BPF_OR, REG_RESULT, ACCESS_ALL & ~rule->access);
		emit_with(p, BPF_ALU | BPF_AND, REG_ACCESS, REG_RESULT);
	} else {
		emit(p, BPF_ALU | BPF_XOR, REG_RESULT, -1);
		emit(p, BPF_ALU | BPF_AND, REG_RESULT, rule->access);
		emit_with(p, BPF_ALU | BPF_AND, REG_RESULT, REG_ACCESS);
		emit_with(p, BPF_ALU | BPF_OR, REG_DENIED, REG_RESULT);
	}
}

static bool is_reset(const struct rule *rule)
{
	return rule->type == ANY && rule->major == ANY && rule->minor == ANY && rule->access == ACCESS_ALL;
}

/* 1 if nothing is denied, and, where the rest is, nothing is left undecided. */
static void emit_end(struct program *p, bool rest_is_allowed)
{
	emit_with(p, BPF_ALU | BPF_MOV, REG_RESULT, REG_DENIED);
	if (!rest_is_allowed)
		emit_with(p, BPF_ALU | BPF_OR, REG_RESULT, REG_ACCESS);
	emit(p, BPF_ALU64 | BPF_SUB, REG_RESULT, 1);
	emit(p, BPF_ALU64 | BPF_RSH, REG_RESULT, 63);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0);
}

static int parse_access(const char *text, size_t index, int *ret, struct err *e)
{
	int access = 0;

	if (!text || text[0] == '\0') {
		*ret = ACCESS_ALL;
		return 0;
	}
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == 'r')
			access |= BPF_DEVCG_ACC_READ;
		else if (*c == 'w')
			access |= BPF_DEVCG_ACC_WRITE;
		else if (*c == 'm')
			access |= BPF_DEVCG_ACC_MKNOD;
		else
			return err_set(
				e, -EINVAL,
				"linux.resources.devices[%zu].access: '%s' has something else than 'r', "
				"'w' and 'm'",
				index, text);
	}
	*ret = access;
	return 0;
}

static int parse_number(struct opt_i64 v, const char *what, size_t index, int64_t *ret, struct err *e)
{
	*ret = v.set ? v.value : ANY;
	if (*ret < ANY || *ret > UINT32_MAX)
		return err_set(e, -EINVAL,
			       "linux.resources.devices[%zu].%s: '%" PRId64 "' is no device number", index,
			       what, v.value);
	return 0;
}

static int parse_rule(const struct spec_device_rule *from, size_t index, struct rule *ret, struct err *e)
{
	int r;

	ret->allow = from->allow;
	if (from->type == 'b')
		ret->type = BPF_DEVCG_DEV_BLOCK;
	else if (from->type == 'c' || from->type == 'u')
		ret->type = BPF_DEVCG_DEV_CHAR;
	else if (from->type == 'a' || from->type == '\0')
		ret->type = ANY;
	else
		return err_set(e, -EINVAL, "linux.resources.devices[%zu].type: '%c' is not 'a', 'b' or 'c'",
			       index, from->type);
	r = parse_number(from->major, "major", index, &ret->major, e);
	if (r < 0)
		return r;
	r = parse_number(from->minor, "minor", index, &ret->minor, e);
	if (r < 0)
		return r;
	return parse_access(from->access, index, &ret->access, e);
}

/* From the last rule to the first: what a later rule has decided, an earlier one does not see. */
static int emit_rules(struct program *p, const struct spec_device_rule *rules, size_t rules_len,
		      struct err *e)
{
	for (size_t i = ARRAY_LEN(DEFAULTS); i > 0; i--)
		emit_rule(p, &DEFAULTS[i - 1]);
	for (size_t i = rules_len; i > 0; i--) {
		struct rule rule = { 0 };
		int r = parse_rule(&rules[i - 1], i - 1, &rule, e);

		if (r < 0)
			return r;
		if (is_reset(&rule)) {
			emit_end(p, rule.allow);
			return 0;
		}
		emit_rule(p, &rule);
	}
	emit_end(p, false);
	return 0;
}

int device_filter_compile(const struct spec_device_rule *rules, size_t rules_len, struct bpf_insn **ret,
			  size_t *ret_len, struct err *e)
{
	cleanup_free struct bpf_insn *insns = NULL;
	struct program p = { 0 };
	int r;

	if (rules_len > DEVICE_RULES_MAX)
		return err_set(e, -EFBIG, "linux.resources.devices: more than %d rules", DEVICE_RULES_MAX);
	insns = calloc(DEVICE_FILTER_INSNS_MAX(rules_len), sizeof(*insns));
	if (!insns)
		return err_code(e, -ENOMEM, "cannot compile the device rules");
	p.insns = insns;
	emit_prologue(&p);
	r = emit_rules(&p, rules, rules_len, e);
	if (r < 0)
		return r;
	*ret = ptr_take(insns);
	*ret_len = p.len;
	return 0;
}
