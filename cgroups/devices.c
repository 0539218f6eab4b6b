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

/* What runc allows every container, so that a list of "deny all" leaves a working /dev. Every branch makes the kernel's verifier follow two
 * ways, at each start: sets of minors take one. */
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

/* r2: the accesses that are not decided yet; r3: type; r4: major; r5: minor. */
enum { REG_RESULT = 0, REG_CONTEXT = 1, REG_ACCESS = 2, REG_TYPE = 3, REG_MAJOR = 4, REG_MINOR = 5 };

/* A jump to an end of the program, whose place is not known yet, has one of these in `off`. */
enum { JUMP_ALLOW = 1, JUMP_DENY = 2 };

struct program {
	struct bpf_insn *insns;
	unsigned char *fixups; /* per instruction: 0, JUMP_ALLOW or JUMP_DENY */
	size_t len;
	bool to_allow, to_deny;
};

static struct bpf_insn *emit(struct program *p, unsigned int code, unsigned int reg, int imm)
{
	struct bpf_insn *insn = &p->insns[p->len++];

	*insn = (struct bpf_insn){ .code = (__u8)code, .dst_reg = (__u8)(reg & 0xf), .imm = imm };
	return insn;
}

static void emit_load(struct program *p, unsigned int reg, size_t offset)
{
	struct bpf_insn *insn = emit(p, BPF_LDX | BPF_MEM | BPF_W, reg, 0);

	insn->src_reg = REG_CONTEXT;
	insn->off = (__s16)offset;
}

static void emit_jump_to_end(struct program *p, unsigned int op, int imm, unsigned char end)
{
	p->fixups[p->len] = end;
	(void)emit(p, BPF_JMP32 | op | BPF_K, REG_ACCESS, imm);
	if (end == JUMP_ALLOW)
		p->to_allow = true;
	else
		p->to_deny = true;
}

static void emit_prologue(struct program *p)
{
	struct bpf_insn *copy;

	emit_load(p, REG_ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit_load(p, REG_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(p, REG_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	copy = emit(p, BPF_ALU | BPF_MOV | BPF_X, REG_TYPE, 0);
	copy->src_reg = REG_ACCESS;
	(void)emit(p, BPF_ALU | BPF_AND | BPF_K, REG_TYPE, 0xffff);
	(void)emit(p, BPF_ALU | BPF_RSH | BPF_K, REG_ACCESS, 16);
}

/* Two jumps past the rule: for minors that have no bit, and for those whose bit is not set. */
static void emit_minors(struct program *p, uint32_t minors, size_t *skips, size_t *skips_len)
{
	skips[(*skips_len)++] = p->len;
	(void)emit(p, BPF_JMP32 | BPF_JGT | BPF_K, REG_MINOR, 31);
	(void)emit(p, BPF_ALU | BPF_MOV | BPF_K, REG_RESULT, (int)minors);
	emit(p, BPF_ALU | BPF_RSH | BPF_X, REG_RESULT, 0)->src_reg = REG_MINOR;
	(void)emit(p, BPF_ALU | BPF_AND | BPF_K, REG_RESULT, 1);
	skips[(*skips_len)++] = p->len;
	(void)emit(p, BPF_JMP32 | BPF_JEQ | BPF_K, REG_RESULT, 0);
}

static void emit_rule(struct program *p, const struct rule *rule)
{
	const struct {
		unsigned int reg;
		int64_t value;
	} conditions[] = { { REG_TYPE, rule->type }, { REG_MAJOR, rule->major }, { REG_MINOR, rule->minor } };
	size_t skips[ARRAY_LEN(conditions) + 1], skips_len = 0;

	for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
		if (conditions[i].value == ANY || (conditions[i].reg == REG_MINOR && rule->minors))
			continue;
		skips[skips_len++] = p->len;
		(void)emit(p, BPF_JMP32 | BPF_JNE | BPF_K, conditions[i].reg,
			   (int)(uint32_t)conditions[i].value);
	}
	if (rule->minors)
		emit_minors(p, rule->minors, skips, &skips_len);
	if (rule->allow) {
		(void)emit(p, BPF_ALU | BPF_AND | BPF_K, REG_ACCESS, ACCESS_ALL & ~rule->access);
		emit_jump_to_end(p, BPF_JEQ, 0, JUMP_ALLOW);
	} else {
		emit_jump_to_end(p, BPF_JSET, rule->access, JUMP_DENY);
	}
	for (size_t i = 0; i < skips_len; i++)
		p->insns[skips[i]].off = (__s16)(p->len - skips[i] - 1);
}

static bool is_reset(const struct rule *rule)
{
	return rule->type == ANY && rule->major == ANY && rule->minor == ANY && rule->access == ACCESS_ALL;
}

static size_t emit_return(struct program *p, int value)
{
	size_t at = p->len;

	(void)emit(p, BPF_ALU64 | BPF_MOV | BPF_K, REG_RESULT, value);
	(void)emit(p, BPF_JMP | BPF_EXIT, 0, 0);
	return at;
}

/* The end that the last rule falls into comes first; the other one is left out where nothing jumps to it, as the verifier refuses
 * instructions that cannot be reached. */
static void emit_ends(struct program *p, bool last_allows)
{
	size_t ends[JUMP_DENY + 1] = { 0 }, rules_end = p->len;

	ends[last_allows ? JUMP_ALLOW : JUMP_DENY] = emit_return(p, last_allows);
	if (last_allows ? p->to_deny : p->to_allow)
		ends[last_allows ? JUMP_DENY : JUMP_ALLOW] = emit_return(p, !last_allows);
	for (size_t i = 0; i < rules_end; i++) {
		if (p->fixups[i])
			p->insns[i].off = (__s16)(ends[p->fixups[i]] - i - 1);
	}
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
			emit_ends(p, rule.allow);
			return 0;
		}
		emit_rule(p, &rule);
	}
	emit_ends(p, false);
	return 0;
}

int device_filter_compile(const struct spec_device_rule *rules, size_t rules_len, struct bpf_insn **ret,
			  size_t *ret_len, struct err *e)
{
	cleanup_free struct bpf_insn *insns = NULL;
	cleanup_free unsigned char *fixups = NULL;
	struct program p = { 0 };
	int r;

	if (rules_len > DEVICE_RULES_MAX)
		return err_set(e, -EFBIG, "linux.resources.devices: more than %d rules", DEVICE_RULES_MAX);
	insns = calloc(DEVICE_FILTER_INSNS_MAX(rules_len), sizeof(*insns));
	fixups = calloc(DEVICE_FILTER_INSNS_MAX(rules_len), 1);
	if (!insns || !fixups)
		return err_code(e, -ENOMEM, "cannot compile the device rules");
	p.insns = insns;
	p.fixups = fixups;
	emit_prologue(&p);
	r = emit_rules(&p, rules, rules_len, e);
	if (r < 0)
		return r;
	*ret = ptr_take(insns);
	*ret_len = p.len;
	return 0;
}
