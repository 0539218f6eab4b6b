/* SPDX-License-Identifier: Apache-2.0 */
#include "common/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

#define BIT(n)          (1u << (n))

/* What each level adds: x86-64 psABI, "Micro-Architecture Levels". Level 1 is the baseline. */
#define LEAF1_ECX_V2    (BIT(0) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(23)) /* SSE3 ... POPCNT */
#define LEAF1_ECX_V3    (BIT(12) | BIT(22) | BIT(27) | BIT(28) | BIT(29)) /* FMA MOVBE OSXSAVE AVX F16C */
#define EXT1_ECX_V2     BIT(0)                                            /* LAHF and SAHF */
#define EXT1_ECX_V3     BIT(5)                                            /* LZCNT */
#define LEAF7_EBX_V3    (BIT(3) | BIT(5) | BIT(8))                        /* BMI1 AVX2 BMI2 */
#define LEAF7_EBX_V4    (BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31)) /* AVX512 F DQ CD BW VL */
#define XCR0_AVX_STATE  (BIT(1) | BIT(2))
#define XCR0_ZMM_STATE  (BIT(5) | BIT(6) | BIT(7))
#define LEAF1_OSXSAVE   BIT(27)
#define has_all(v, set) (((v) & (set)) == (set))

/* Which register states the kernel saves: a CPU may have AVX that the kernel does not switch. */
static unsigned int read_xcr0(void)
{
	unsigned int low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

static int detect_amd64_level(void)
{
	unsigned int a, b, c, d, leaf1_ecx = 0, leaf7_ebx = 0, ext1_ecx = 0, xcr0 = 0;

	if (__get_cpuid(1, &a, &b, &c, &d))
		leaf1_ecx = c;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		leaf7_ebx = b;
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		ext1_ecx = c;
	if (leaf1_ecx & LEAF1_OSXSAVE)
		xcr0 = read_xcr0();

	if (!has_all(leaf1_ecx, LEAF1_ECX_V2) || !has_all(ext1_ecx, EXT1_ECX_V2))
		return 1;
	if (!has_all(leaf1_ecx, LEAF1_ECX_V3) || !has_all(ext1_ecx, EXT1_ECX_V3) ||
	    !has_all(leaf7_ebx, LEAF7_EBX_V3) || !has_all(xcr0, XCR0_AVX_STATE))
		return 2;
	if (!has_all(leaf7_ebx, LEAF7_EBX_V4) || !has_all(xcr0, XCR0_ZMM_STATE))
		return 3;
	return 4;
}
#else
static int detect_amd64_level(void)
{
	return 0;
}
#endif

#if defined(__aarch64__)
/* The smallest AArch32 program there is: exit(0). Little endian, EABI version 5. */
static const unsigned char AARCH32_PROGRAM[] = {
	/* Elf32_Ehdr */
	0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 32-bit, LSB, version 1, System V */
	2, 0, 40, 0,                                             /* ET_EXEC, EM_ARM */
	1, 0, 0, 0,                                              /* version */
	0x54, 0, 1, 0,                                           /* entry 0x10054 */
	52, 0, 0, 0,                                             /* program headers follow */
	0, 0, 0, 0,                                              /* no section headers */
	0, 0, 0, 5,                                              /* EF_ARM_EABI_VER5 */
	52, 0, 32, 0, 1, 0, 40, 0, 0, 0, 0, 0,                   /* sizes and counts */
	/* Elf32_Phdr: PT_LOAD of the whole file at 0x10000, read and execute */
	1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0,       /* type, offset, vaddr, paddr */
	0x60, 0, 0, 0, 0x60, 0, 0, 0, 5, 0, 0, 0, 0, 0, 1, 0, /* filesz, memsz, flags, align */
	0x00, 0x00, 0xa0, 0xe3,                               /* mov r0, #0 */
	0x01, 0x70, 0xa0, 0xe3,                               /* mov r7, #1 (__NR_exit) */
	0x00, 0x00, 0x00, 0xef,                               /* svc 0 */
};

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3; needed where vm.memfd_noexec is 1 */
#endif

static int make_program(void)
{
	cleanup_fd int fd = memfd_create("aarch32", MFD_CLOEXEC | MFD_EXEC);

	if (fd < 0)
		fd = memfd_create("aarch32", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	if (write(fd, AARCH32_PROGRAM, sizeof(AARCH32_PROGRAM)) != (ssize_t)sizeof(AARCH32_PROGRAM))
		return -1;
	return fd_take(&fd);
}

/* Some arm64 CPUs have no AArch32 at all, and the kernel may be built without it: only running it tells.
 * The descriptor is close-on-exec, which keeps binfmt_misc (qemu-user) from answering for the CPU. */
static bool detect_aarch32(void)
{
	cleanup_fd int fd = make_program();
	int status;
	pid_t pid;

	if (fd < 0)
		return false;
	pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };
		char name[] = "aarch32";
		char *argv[] = { name, NULL };
		char *envp[] = { NULL };

		(void)setrlimit(RLIMIT_CORE, &no_core); /* a CPU that answers with SIGILL leaves no core */
		(void)syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
#else
static bool detect_aarch32(void)
{
	return false;
}
#endif

static enum machine_cpu cpu_from_uname(const char *machine)
{
	if (strcmp(machine, "x86_64") == 0)
		return MACHINE_AMD64;
	if (strcmp(machine, "aarch64") == 0 || strcmp(machine, "aarch64_be") == 0)
		return MACHINE_ARM64;
	if (machine[0] == 'i' && machine[1] >= '3' && machine[1] <= '6' && strcmp(machine + 2, "86") == 0)
		return MACHINE_386;
	if (strncmp(machine, "arm", 3) == 0)
		return MACHINE_ARM;
	return MACHINE_OTHER;
}

/* "armv7l" -> 7. */
static int arm_version_from_uname(const char *machine)
{
	if (strncmp(machine, "armv", 4) == 0 && machine[4] >= '5' && machine[4] <= '8')
		return machine[4] - '0';
	return 5;
}

/* A 64-bit program under PER_LINUX32 is told "i686" or "armv8l", but what it runs on is 64-bit. */
static enum machine_cpu see_through_personality(enum machine_cpu cpu)
{
#if defined(__x86_64__) && defined(__LP64__)
	return cpu == MACHINE_386 ? MACHINE_AMD64 : cpu;
#elif defined(__aarch64__)
	return cpu == MACHINE_ARM ? MACHINE_ARM64 : cpu;
#else
	return cpu;
#endif
}

static void detect(struct machine *ret, bool baseline)
{
	int persona = personality(0xffffffff); /* asks without setting */
	bool asked_32bit = persona >= 0 && (persona & PER_MASK) == PER_LINUX32;
	struct utsname uts;

	*ret = (struct machine){ .cpu = MACHINE_OTHER, .userland_32bit = sizeof(void *) == 4 };
	if (uname(&uts) < 0)
		return;
	(void)snprintf(ret->uname_machine, sizeof(ret->uname_machine), "%s", uts.machine);
	ret->cpu = see_through_personality(cpu_from_uname(uts.machine));
	if (ret->cpu == MACHINE_AMD64) {
		ret->amd64_level = baseline ? 0 : detect_amd64_level();
		ret->userland_32bit = ret->userland_32bit || asked_32bit;
	}
	if (ret->cpu == MACHINE_ARM64) {
		/* A 32-bit program that runs here is proof enough. */
		ret->aarch32 = ret->userland_32bit || ((asked_32bit || !baseline) && detect_aarch32());
		ret->userland_32bit = ret->userland_32bit || (asked_32bit && ret->aarch32);
		ret->arm_version = ret->userland_32bit ? 8 : 0;
	}
	if (ret->cpu == MACHINE_ARM)
		ret->arm_version = arm_version_from_uname(uts.machine);
}

void machine_detect(struct machine *ret)
{
	detect(ret, false);
}

void machine_detect_baseline(struct machine *ret)
{
	detect(ret, true);
}
