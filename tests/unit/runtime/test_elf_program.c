/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/elf_program.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/common/scratch.h"

#include "common/cleanup.h"

#if defined(__x86_64__)
#define OURS   EM_X86_64
#define THEIRS EM_AARCH64
#else
#define OURS   EM_AARCH64
#define THEIRS EM_X86_64
#endif

/* A program of two segments, of which the second may name a dynamic linker. */
struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	char linker[PATH_MAX];
};

static void native(struct program *p, const char *linker)
{
	*p = (struct program){
		.header = { .e_type = ET_DYN,
			    .e_machine = OURS,
			    .e_phoff = offsetof(struct program, segments),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 2 },
		.segments = { { .p_type = PT_LOAD } },
	};
	memcpy(p->header.e_ident, ELFMAG, SELFMAG);
	p->header.e_ident[EI_CLASS] = ELFCLASS64;
	p->header.e_ident[EI_DATA] = ELFDATA2LSB;
	if (!linker)
		return;
	p->segments[1] = (Elf64_Phdr){ .p_type = PT_INTERP,
				       .p_offset = offsetof(struct program, linker),
				       .p_filesz = strlen(linker) + 1 };
	memcpy(p->linker, linker, strlen(linker) + 1);
}

static bool looks_native(const struct scratch *s, const struct program *p, size_t len)
{
	char path[PATH_MAX];
	int fd = openat(s->fd, "program", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
	assert_true(snprintf(path, sizeof(path), "%s/program", s->path) < (int)sizeof(path));
	return elf_program_is_native(path);
}

static void a_program_of_this_machine_is_native(void **state)
{
	struct program p;

	assert_true(elf_program_is_native("/proc/self/exe"));
	native(&p, NULL);
	assert_true(looks_native(*state, &p, sizeof(p)));
	p.header.e_type = ET_EXEC;
	assert_true(looks_native(*state, &p, sizeof(p)));
}

static void what_is_none_is_not(void **state)
{
	static const struct {
		size_t offset;
		unsigned char value;
	} CHANGES[] = {
		{ offsetof(Elf64_Ehdr, e_ident), '#' },
		{ offsetof(Elf64_Ehdr, e_ident) + EI_CLASS, ELFCLASS32 },
		{ offsetof(Elf64_Ehdr, e_ident) + EI_DATA, ELFDATA2MSB },
		{ offsetof(Elf64_Ehdr, e_machine), THEIRS },
		{ offsetof(Elf64_Ehdr, e_type), ET_REL },
		{ offsetof(Elf64_Ehdr, e_phentsize), 32 },
		{ offsetof(Elf64_Ehdr, e_phnum), 0 },
		{ offsetof(Elf64_Ehdr, e_phnum), 65 },
		{ offsetof(Elf64_Ehdr, e_phoff) + 7, 0x80 },
		{ offsetof(Elf64_Ehdr, e_phoff) + 3, 1 },
	};
	struct program p;

	for (size_t i = 0; i < ARRAY_LEN(CHANGES); i++) {
		native(&p, NULL);
		((unsigned char *)&p)[CHANGES[i].offset] = CHANGES[i].value;
		assert_false(looks_native(*state, &p, sizeof(p)));
	}
	native(&p, NULL);
	assert_false(looks_native(*state, &p, 0));
	assert_false(looks_native(*state, &p, sizeof(p.header) - 1));
	assert_false(looks_native(*state, &p, sizeof(p.header) + sizeof(p.segments) - 1));
}

static void its_linker_has_to_be_one_too(void **state)
{
	static const char *const NONE[] = { "/nosuch/linker", "/etc/passwd", "/tmp", "" };
	struct scratch *s = *state;
	struct program p;

	native(&p, "/proc/self/exe");
	assert_true(looks_native(s, &p, sizeof(p)));
	for (size_t i = 0; i < ARRAY_LEN(NONE); i++) {
		native(&p, NONE[i]);
		assert_false(looks_native(s, &p, sizeof(p)));
	}
	native(&p, "/proc/self/exe");
	p.segments[1].p_filesz--; /* not terminated */
	assert_false(looks_native(s, &p, sizeof(p)));
	p.segments[1].p_filesz = PATH_MAX + 1;
	assert_false(looks_native(s, &p, sizeof(p)));
	native(&p, "/proc/self/exe");
	p.segments[1].p_offset = sizeof(p);
	assert_false(looks_native(s, &p, sizeof(p)));
}

static void nothing_is_waited_for(void **state)
{
	struct scratch *s = *state;
	char path[PATH_MAX];

	assert_int_equal(mkfifoat(s->fd, "fifo", 0755), 0);
	assert_true(snprintf(path, sizeof(path), "%s/fifo", s->path) < (int)sizeof(path));
	assert_false(elf_program_is_native(path));
	assert_false(elf_program_is_native(s->path));
	assert_false(elf_program_is_native("/dev/null"));
	assert_false(elf_program_is_native("/nosuch"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_program_of_this_machine_is_native, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(what_is_none_is_not, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(its_linker_has_to_be_one_too, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(nothing_is_waited_for, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
