/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_check.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A program of two segments, one with a note that asks for an x86-64 level. */
struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	uint32_t note[8];
};

static struct program make(uint16_t machine, uint64_t align, uint32_t isa)
{
	struct program p = { .header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
					 .e_machine = machine,
					 .e_phoff = sizeof(Elf64_Ehdr),
					 .e_phentsize = sizeof(Elf64_Phdr),
					 .e_phnum = 2 } };

	p.segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_align = align };
	p.segments[1] = (Elf64_Phdr){ .p_type = PT_NOTE,
				      .p_offset = offsetof(struct program, note),
				      .p_filesz = sizeof(p.note),
				      .p_align = 8 };
	p.note[0] = 4;
	p.note[1] = 16;
	p.note[2] = NT_GNU_PROPERTY_TYPE_0;
	memcpy(&p.note[3], "GNU", 4);
	p.note[4] = 0xc0008002;
	p.note[5] = 4;
	p.note[6] = isa;
	return p;
}

static bool everything(const char *qemu_name)
{
	(void)qemu_name;
	return true;
}

static bool nothing(const char *qemu_name)
{
	(void)qemu_name;
	return false;
}

static void expect(const struct program *p, const struct machine *m, long page, bool (*foreign)(const char *),
		   const char *wanted)
{
	const struct run_check_host host = { .machine = m, .page_bytes = page, .runs_foreign = foreign };
	struct buf text = BUF_INIT(RUN_CHECK_TEXT_MAX);
	struct elf_needs needs;

	assert_true(elf_needs_read(p, sizeof(*p), &needs));
	assert_int_equal(run_check_needs(&needs, "/bin/x", &host, &text), 0);
	if (!wanted && text.data)
		fail_msg("'%s' was not expected", text.data);
	if (wanted && (!text.data || !strstr(text.data, wanted)))
		fail_msg("'%s' has no '%s'", text.data ? text.data : "", wanted);
	buf_done(&text);
}

static void what_will_not_work_is_said_in_a_line(void **state)
{
	const struct machine v2 = { .cpu = MACHINE_AMD64, .amd64_level = 2 };
	const struct machine pi = { .cpu = MACHINE_ARM64 };
	const struct machine old_pi = { .cpu = MACHINE_ARM64, .aarch32 = true };
	const struct program plain = make(EM_X86_64, 4096, 1), v3 = make(EM_X86_64, 4096, 7);
	const struct program arm64_4k = make(EM_AARCH64, 4096, 0), arm64_64k = make(EM_AARCH64, 65536, 0);
	const struct program arm = make(EM_ARM, 65536, 0);

	(void)state;
	expect(&plain, &v2, 4096, nothing, NULL);
	expect(&v3, &v2, 4096, nothing, "'/bin/x' needs a CPU of x86-64-v3, and this one is x86-64-v2");
	expect(&arm64_4k, &pi, 16384, nothing, "aligned to pages of 4 KiB, and this kernel's have 16 KiB");
	expect(&arm64_64k, &pi, 16384, nothing, NULL);
	expect(&arm64_4k, &pi, 4096, nothing, NULL);
	expect(&arm, &pi, 4096, nothing, "this CPU does not run AArch32");
	expect(&arm, &pi, 4096, everything, NULL);
	expect(&arm, &old_pi, 4096, nothing, NULL);
	expect(&plain, &pi, 4096, nothing,
	       "is a program for amd64, this machine is arm64, and nothing is registered");
	expect(&plain, &pi, 16384, everything, NULL);
}

static void damaged_programs_are_not_believed(void **state)
{
	struct program p = make(EM_X86_64, 4096, 7);
	struct elf_needs needs;

	(void)state;
	assert_false(elf_needs_read("#!/bin/sh\n", 10, &needs));
	assert_false(elf_needs_read(&p, 20, &needs));
	for (size_t len = sizeof(Elf64_Ehdr); len < sizeof(p); len++)
		assert_true(elf_needs_read(&p, len, &needs)); /* whatever is cut off */
	p.segments[1].p_offset = UINT64_MAX - 4;
	assert_true(elf_needs_read(&p, sizeof(p), &needs));
	assert_int_equal(needs.amd64_level, 0);
	p = make(EM_X86_64, 4096, 7);
	p.note[1] = UINT32_MAX;
	assert_true(elf_needs_read(&p, sizeof(p), &needs));
	assert_int_equal(needs.amd64_level, 0);
	p.header.e_phoff = UINT64_MAX - 10;
	assert_true(elf_needs_read(&p, sizeof(p), &needs));
	assert_int_equal(needs.alignment, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_will_not_work_is_said_in_a_line),
		cmocka_unit_test(damaged_programs_are_not_believed),
	};

	return cmocka_run_group_tests_name("cli/run_check", tests, NULL, NULL);
}
