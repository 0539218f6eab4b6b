/* SPDX-License-Identifier: Apache-2.0 */
#include "build/binfmt.h"

#include <elf.h>
#include <stdint.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

/* --- what there is to emulate --- */

/* Class, byte order, version, then ABI and padding; type ET_EXEC; machine. */
#define MAGIC_LE(class, machine)                                                                   \
	{                                                                                          \
		0x7f, 'E', 'L', 'F', class, ELFDATA2LSB, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, ET_EXEC, 0, \
			(machine)&0xff, (machine) >> 8                                             \
	}
#define MAGIC_BE(class, machine)                                                                   \
	{                                                                                          \
		0x7f, 'E', 'L', 'F', class, ELFDATA2MSB, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ET_EXEC, \
			(machine) >> 8, (machine)&0xff                                             \
	}
/* The lowest bit of the type is left out, which ET_DYN has. `order` and `version` are those of the byte order and of the ELF version,
 * `abi` and `abi_version` of the ABI, `flags` of the machine's high byte. */
#define MASK_LE(order, version, abi, abi_version, high)                                                 \
	{                                                                                               \
		0xff, 0xff, 0xff, 0xff, 0xff, order, version, abi, abi_version, 0xff, 0xff, 0xff, 0xff, \
			0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, high                                        \
	}
#define MASK_BE(abi)                                                                                     \
	{                                                                                                \
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, abi, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, \
			0xff, 0xff, 0xfe, 0xff, 0xff                                                     \
	}

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

static const struct binfmt_cpu CPUS[] = {
	{ "arm64", "aarch64", "qemu-aarch64", MAGIC_LE(ELFCLASS64, EM_AARCH64),
	  MASK_LE(0xff, 0xff, 0x00, 0xff, 0xff) },
	{ "arm", "arm", "qemu-arm", MAGIC_LE(ELFCLASS32, EM_ARM), MASK_LE(0xff, 0xff, 0x00, 0xff, 0xff) },
	{ "amd64", "x86_64", "qemu-x86_64", MAGIC_LE(ELFCLASS64, EM_X86_64),
	  MASK_LE(0xfe, 0xfe, 0x00, 0xff, 0xff) },
	{ "386", "i386", "qemu-i386", MAGIC_LE(ELFCLASS32, EM_386), MASK_LE(0xfe, 0xfe, 0x00, 0xff, 0xff) },
	{ "riscv64", "riscv64", "qemu-riscv64", MAGIC_LE(ELFCLASS64, EM_RISCV),
	  MASK_LE(0xff, 0xff, 0x00, 0xff, 0xff) },
	{ "ppc64le", "ppc64le", "qemu-ppc64le", MAGIC_LE(ELFCLASS64, EM_PPC64),
	  MASK_LE(0xff, 0xff, 0xfc, 0xff, 0x00) },
	{ "s390x", "s390x", "qemu-s390x", MAGIC_BE(ELFCLASS64, EM_S390), MASK_BE(0xfc) },
	{ "mips64le", "mips64el", "qemu-mips64el", MAGIC_LE(ELFCLASS64, EM_MIPS),
	  MASK_LE(0xff, 0xff, 0x00, 0xfe, 0xff) },
	{ "loong64", "loongarch64", "qemu-loongarch64", MAGIC_LE(ELFCLASS64, EM_LOONGARCH),
	  MASK_LE(0xff, 0xff, 0xfc, 0x00, 0xff) },
};

const struct binfmt_cpu *binfmt_cpu_at(size_t i)
{
	return i < ARRAY_LEN(CPUS) ? &CPUS[i] : NULL;
}

const struct binfmt_cpu *binfmt_cpu_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(CPUS); i++)
		if (strcmp(CPUS[i].architecture, name) == 0 || strcmp(CPUS[i].qemu, name) == 0)
			return &CPUS[i];
	return NULL;
}

int binfmt_cpu_parse(const char *text, const struct binfmt_cpu **ret, struct err *e)
{
	const struct binfmt_cpu *cpu = binfmt_cpu_find(text);
	struct err ignored; /* ours says more */
	struct platform p;

	if (!cpu && platform_parse(text, &p, &ignored) == 0 && strcmp(p.os, "linux") == 0)
		cpu = binfmt_cpu_find(p.architecture);
	if (!cpu)
		return err_set(e, -EINVAL,
			       "'%s' is nothing that can be emulated: arm64, arm, amd64, 386, riscv64, "
			       "ppc64le, s390x, "
			       "mips64le and loong64 are",
			       text);
	*ret = cpu;
	return 0;
}

static int add_bytes(const unsigned char *bytes, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < BINFMT_ELF_BYTES; i++)
		r = buf_printf(ret, "\\x%02x", bytes[i]);
	return r;
}

int binfmt_rule(const struct binfmt_cpu *cpu, const char *interpreter, const char *flags, struct buf *ret,
		struct err *e)
{
	int r;

	if (interpreter[0] != '/' || strpbrk(interpreter, ":\n\\"))
		return err_set(e, -EINVAL, "'%s' cannot be registered as an interpreter", interpreter);
	r = buf_printf(ret, ":%s:M::", cpu->entry);
	if (r == 0)
		r = add_bytes(cpu->magic, ret);
	if (r == 0)
		r = buf_add_char(ret, ':');
	if (r == 0)
		r = add_bytes(cpu->mask, ret);
	if (r == 0)
		r = buf_printf(ret, ":%s:%s", interpreter, flags);
	return r < 0 ? err_code(e, r, "cannot register '%s'", cpu->entry) : 0;
}

/* --- what is registered --- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As many bytes as there are; -EINVAL. */
static int read_hex(const char *text, unsigned char *ret, size_t *ret_len)
{
	size_t len = strlen(text);

	if (len == 0 || len % 2 != 0 || len / 2 > BINFMT_MAGIC_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len / 2; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		ret[i] = (unsigned char)(high << 4 | low);
	}
	*ret_len = len / 2;
	return 0;
}

static int copy_text(char *to, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size)
		return -EINVAL;
	memcpy(to, text, len + 1);
	return 0;
}

/* What follows a word that a line begins with; NULL: it does not. */
static const char *behind(const char *line, const char *word)
{
	size_t len = strlen(word);

	return strncmp(line, word, len) == 0 ? line + len : NULL;
}

/* Lines that a later kernel may have are skipped. */
static int read_line(const char *line, struct binfmt_entry *b, size_t *mask_len)
{
	const char *value;
	uint64_t n = 0;
	int r;

	if (strcmp(line, "enabled") == 0 || strcmp(line, "disabled") == 0) {
		b->enabled = line[0] == 'e';
		return 0;
	}
	if ((value = behind(line, "interpreter ")))
		return value[0] ? copy_text(b->interpreter, sizeof(b->interpreter), value) : -EINVAL;
	if ((value = behind(line, "flags: ")))
		return copy_text(b->flags, sizeof(b->flags), value);
	if ((value = behind(line, "magic ")))
		return read_hex(value, b->magic, &b->len);
	if ((value = behind(line, "mask ")))
		return read_hex(value, b->mask, mask_len);
	if (behind(line, "extension ")) {
		b->by_extension = true;
		return 0;
	}
	if (!(value = behind(line, "offset ")))
		return 0;
	r = parse_u64(value, 0, BINFMT_MAGIC_MAX, &n);
	b->offset = (size_t)n;
	return r;
}

static int check_entry(const struct binfmt_entry *b, size_t mask_len, struct err *e)
{
	if (!b->interpreter[0])
		return err_set(e, -EINVAL, "'%s' has no interpreter", b->name);
	if (b->by_extension ? b->len > 0 : b->len == 0)
		return err_set(e, -EINVAL, "'%s' has neither a magic nor an extension, or both", b->name);
	if (b->offset + b->len > BINFMT_MAGIC_MAX || (mask_len > 0 && mask_len != b->len))
		return err_set(e, -EINVAL, "'%s' has a magic, a mask and an offset that do not go together",
			       b->name);
	return 0;
}

int binfmt_entry_parse(const char *name, const char *text, size_t len, struct binfmt_entry *ret,
		       struct err *e)
{
	cleanup_free char *copy = strndup(text, len);
	char *rest = copy, *line;
	size_t mask_len = 0;
	int r;

	*ret = (struct binfmt_entry){ 0 };
	if (!copy)
		return err_code(e, -ENOMEM, "cannot read '%s'", name);
	if (copy_text(ret->name, sizeof(ret->name), name) < 0)
		return err_set(e, -EINVAL, "'%.40s...' is too long a name", name);
	while ((line = strsep(&rest, "\n")))
		if (read_line(line, ret, &mask_len) < 0)
			return err_set(e, -EINVAL, "'%s' has a line that means nothing: '%.100s'", name,
				       line);
	r = check_entry(ret, mask_len, e);
	if (r == 0 && mask_len == 0)
		memset(ret->mask, 0xff, ret->len);
	return r;
}

static bool matches(const struct binfmt_entry *entry, const unsigned char *header)
{
	for (size_t i = 0; i < entry->len; i++)
		if ((header[entry->offset + i] ^ entry->magic[i]) & entry->mask[i])
			return false;
	return true;
}

bool binfmt_entry_fits(const struct binfmt_entry *entry, const struct binfmt_cpu *cpu)
{
	unsigned char header[BINFMT_MAGIC_MAX] = { 0 };
	size_t type = cpu->magic[EI_DATA] == ELFDATA2MSB ? 17 : 16;

	if (entry->by_extension || entry->len == 0)
		return false;
	memcpy(header, cpu->magic, sizeof(cpu->magic));
	if (!matches(entry, header))
		return false;
	header[type] = ET_DYN;
	return matches(entry, header);
}

bool binfmt_entry_works(const struct binfmt_entry *entry)
{
	return entry->enabled && strchr(entry->flags, 'F');
}

void binfmt_done(struct binfmt *b)
{
	free(b->items);
	*b = (struct binfmt){ 0 };
}

const struct binfmt_entry *binfmt_find(const struct binfmt *b, const char *name)
{
	for (size_t i = 0; i < b->len; i++)
		if (strcmp(b->items[i].name, name) == 0)
			return &b->items[i];
	return NULL;
}

const char *binfmt_way_name(enum binfmt_way way)
{
	static const char *const NAMES[] = {
		[BINFMT_NATIVE] = "NATIVE", [BINFMT_EMULATED] = "EMULATED", [BINFMT_MISSING] = "MISSING"
	};

	return NAMES[way];
}

/* The kernel takes the first one that is enabled and fits: one without F then stands in the way of others. */
struct binfmt_answer binfmt_ask(const struct binfmt *b, const struct platform_list *native,
				const struct platform *p)
{
	struct binfmt_answer a = { .way = BINFMT_MISSING };
	const struct binfmt_cpu *cpu;

	if (platform_rank(native, p) >= 0)
		return (struct binfmt_answer){ .way = BINFMT_NATIVE };
	cpu = strcmp(p->os, "linux") == 0 ? binfmt_cpu_find(p->architecture) : NULL;
	for (size_t i = 0; cpu && i < b->len; i++) {
		const struct binfmt_entry *entry = &b->items[i];

		if (!binfmt_entry_fits(entry, cpu))
			continue;
		if (!a.entry || (entry->enabled && !a.entry->enabled))
			a.entry = entry;
	}
	if (b->enabled && a.entry && binfmt_entry_works(a.entry))
		a.way = BINFMT_EMULATED;
	return a;
}
