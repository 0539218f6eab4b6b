/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_check.h"

#include <dirent.h>
#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/run_image_file.h"
#include "common/cleanup.h"

#define BINFMT_DIR "/proc/sys/fs/binfmt_misc"
#define PATH_MAX_  4096
#define SCRIPTS    2 /* "#!" that are followed: a script, and its interpreter that is one too */

/* An architecture by its ELF machine. */
struct architecture {
	uint16_t machine;
	enum machine_cpu cpu;
	const char *name, *qemu; /* GOARCH's, and what qemu-user calls it */
};

static const struct architecture *find_architecture(const struct elf_needs *n)
{
	static const struct architecture ALL[] = {
		{ EM_X86_64, MACHINE_AMD64, "amd64", "x86_64" },
		{ EM_AARCH64, MACHINE_ARM64, "arm64", "aarch64" },
		{ EM_386, MACHINE_386, "386", "i386" },
		{ EM_ARM, MACHINE_ARM, "arm", "arm" },
		{ EM_RISCV, MACHINE_OTHER, "riscv64", "riscv64" },
		{ EM_PPC64, MACHINE_OTHER, "ppc64le", "ppc64le" },
		{ EM_S390, MACHINE_OTHER, "s390x", "s390x" },
	};

	for (size_t i = 0; i < ARRAY_LEN(ALL); i++)
		if (ALL[i].machine == n->machine)
			return &ALL[i];
	return NULL;
}

static const char *cpu_name(enum machine_cpu cpu)
{
	static const char *const NAMES[] = { [MACHINE_AMD64] = "amd64",
					     [MACHINE_ARM64] = "arm64",
					     [MACHINE_386] = "386",
					     [MACHINE_ARM] = "arm",
					     [MACHINE_OTHER] = "of another kind" };

	return NAMES[cpu];
}

static int check_architecture(const struct architecture *a, const char *name, const struct run_check_host *h,
			      struct buf *ret)
{
	const struct machine *m = h->machine;

	if (m->cpu == MACHINE_OTHER || a->cpu == m->cpu || (a->cpu == MACHINE_386 && m->cpu == MACHINE_AMD64))
		return 0;
	if (a->cpu == MACHINE_ARM && m->cpu == MACHINE_ARM64) {
		if (m->aarch32 || h->runs_foreign(a->qemu))
			return 0;
		return buf_printf(
			ret,
			"'%s' is a 32-bit ARM program, and this CPU does not run AArch32: it will fail with "
			"\"exec format error\" (use an arm64 image, or install qemu-user-static)\n",
			name);
	}
	if (h->runs_foreign(a->qemu))
		return 0;
	return buf_printf(
		ret,
		"'%s' is a program for %s, this machine is %s, and nothing is registered to run it: it will "
		"fail "
		"with \"exec format error\" (install qemu-user-static, which registers with binfmt_misc)\n",
		name, a->name, cpu_name(m->cpu));
}

int run_check_needs(const struct elf_needs *needs, const char *name, const struct run_check_host *host,
		    struct buf *ret)
{
	const struct architecture *a = find_architecture(needs);
	int r = a ? check_architecture(a, name, host, ret) : 0;

	if (r < 0 || !a || a->cpu != host->machine->cpu)
		return r;
	if (needs->alignment > 0 && needs->alignment < (uint64_t)host->page_bytes)
		r = buf_printf(ret,
			       "'%s' is aligned to pages of %llu KiB, and this kernel's have %ld KiB: it "
			       "will not be loaded "
			       "(boot a kernel with pages of 4 KiB; on a Raspberry Pi: kernel=kernel8.img)\n",
			       name, (unsigned long long)needs->alignment / 1024, host->page_bytes / 1024);
	if (r == 0 && needs->amd64_level > host->machine->amd64_level && host->machine->amd64_level > 0)
		r = buf_printf(ret,
			       "'%s' needs a CPU of x86-64-v%d, and this one is x86-64-v%d: it will end with "
			       "\"Illegal "
			       "instruction\"\n",
			       name, needs->amd64_level, host->machine->amd64_level);
	return r;
}

/* --- looking --- */

/* A file of binfmt_misc whose name has that of the architecture, as Debian's and others' have. */
static bool is_registered(const char *qemu_name)
{
	cleanup_dir DIR *dir = opendir(BINFMT_DIR);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *found = strstr(entry->d_name, qemu_name);

		if (found && (found == entry->d_name || found[-1] == '-') &&
		    (!found[strlen(qemu_name)] || found[strlen(qemu_name)] == '-'))
			return true;
	}
	return false;
}

struct beginning {
	char path[PATH_MAX_];
	char data[ELF_NEEDS_BYTES];
	size_t len;
};

static bool read_beginning(const struct strvec *lower, struct beginning *b)
{
	struct err ignored;
	cleanup_fd int fd = -1;
	ssize_t n;

	if (run_image_open(lower, b->path, &fd, &ignored) < 0)
		return false;
	n = pread(fd, b->data, sizeof(b->data) - 1, 0);
	b->len = n > 0 ? (size_t)n : 0;
	b->data[b->len] = '\0';
	return n > 0;
}

/* As execvp(3) looks: with a '/' from the working directory, else along PATH. */
static bool find_program(const struct strvec *lower, const char *name, const struct strvec *env,
			 const char *cwd, struct beginning *b)
{
	const char *path = strvec_get_env(env, "PATH");

	if (strchr(name, '/')) {
		(void)snprintf(b->path, sizeof(b->path), "%s/%s", name[0] == '/' ? "" : cwd, name);
		return read_beginning(lower, b);
	}
	while (path && *path) {
		size_t len = strcspn(path, ":");

		(void)snprintf(b->path, sizeof(b->path), "%.*s/%s", (int)len, path, name);
		if (read_beginning(lower, b))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

/* "#!/bin/sh -e" -> the path in b->path. False: it is no script. */
static bool take_interpreter(struct beginning *b)
{
	const char *begin = b->data + 2;
	size_t len;

	if (b->len < 3 || memcmp(b->data, "#!", 2) != 0)
		return false;
	begin += strspn(begin, " \t");
	len = strcspn(begin, " \t\r\n");
	if (len == 0 || len >= sizeof(b->path))
		return false;
	memcpy(b->path, begin, len);
	b->path[len] = '\0';
	return true;
}

/* x86-64 levels are variants of a platform: what the whole image was made for. */
static void check_platform(const struct platform *p, const struct machine *m)
{
	if (m->cpu == MACHINE_AMD64 && m->amd64_level > 0 && strcmp(p->architecture, "amd64") == 0 &&
	    p->variant[0] == 'v' && p->variant[1] > '0' + m->amd64_level && p->variant[1] <= '4' &&
	    !p->variant[2])
		cli_error("warning: the image is for linux/amd64/%s, and this CPU is x86-64-v%d: its "
			  "programs may end with "
			  "\"Illegal instruction\"",
			  p->variant, m->amd64_level);
}

/* Whether it takes no more than all machines of its kind have. */
static bool is_plain(const struct elf_needs *needs, const struct platform *p, const struct machine *m)
{
	const struct architecture *a = find_architecture(needs);

	return a && a->cpu == m->cpu && needs->amd64_level <= 1 &&
	       !(m->cpu == MACHINE_AMD64 && p->variant[0]);
}

void run_check_program(const struct strvec *lower, const struct strvec *args, const struct strvec *env,
		       const char *cwd, const struct platform *platform)
{
	cleanup_buf struct buf text = BUF_INIT(RUN_CHECK_TEXT_MAX);
	struct machine machine;
	const struct run_check_host host = { .machine = &machine,
					     .page_bytes = sysconf(_SC_PAGESIZE),
					     .runs_foreign = is_registered };
	struct beginning b = { .len = 0 };
	struct elf_needs needs;
	bool found = args->len > 0 && find_program(lower, args->items[0], env, cwd ? cwd : "", &b);

	for (int i = 0; found && i < SCRIPTS && take_interpreter(&b); i++)
		found = read_beginning(lower, &b);
	if (!found || !elf_needs_read(b.data, b.len, &needs))
		return;
	machine_detect_baseline(&machine);
	if (!is_plain(&needs, platform, &machine))
		machine_detect(&machine);
	check_platform(platform, &machine);
	if (run_check_needs(&needs, b.path, &host, &text) < 0 || !text.data)
		return;
	for (char *rest = text.data, *line = strsep(&rest, "\n"); line && *line; line = strsep(&rest, "\n"))
		cli_error("warning: %s", line);
}
