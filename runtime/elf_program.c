/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/elf_program.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define SEGMENTS_MAX 64 /* program headers: the usual are 4 to 14 */

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "which machine is this?"
#endif

static bool read_at(int fd, uint64_t offset, void *out, size_t len)
{
	return offset <= INT64_MAX && pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* The image names it: nothing is waited for, and what is no file is not read. */
static int open_headers(const char *path, Elf64_Ehdr *ret)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !read_at(fd, 0, ret, sizeof(*ret)))
		return -1;
	if (memcmp(ret->e_ident, ELFMAG, SELFMAG) != 0 || ret->e_ident[EI_CLASS] != ELFCLASS64 ||
	    ret->e_ident[EI_DATA] != ELFDATA2LSB || ret->e_machine != MACHINE)
		return -1;
	return ret->e_type == ET_EXEC || ret->e_type == ET_DYN ? fd_take(&fd) : -1;
}

static bool linker_is_there(int fd, const Elf64_Phdr *segment)
{
	cleanup_fd int linker = -1;
	Elf64_Ehdr header;
	char path[PATH_MAX];

	if (segment->p_filesz < 2 || segment->p_filesz > sizeof(path) ||
	    !read_at(fd, segment->p_offset, path, segment->p_filesz) || path[segment->p_filesz - 1] != '\0' ||
	    faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return false;
	linker = open_headers(path, &header);
	return linker >= 0;
}

bool elf_program_is_native(const char *path)
{
	Elf64_Phdr segments[SEGMENTS_MAX];
	Elf64_Ehdr header;
	cleanup_fd int fd = open_headers(path, &header);

	if (fd < 0 || header.e_phentsize != sizeof(segments[0]) || header.e_phnum == 0 ||
	    header.e_phnum > SEGMENTS_MAX ||
	    !read_at(fd, header.e_phoff, segments, header.e_phnum * sizeof(segments[0])))
		return false;
	for (size_t i = 0; i < header.e_phnum; i++)
		if (segments[i].p_type == PT_INTERP)
			return linker_is_there(fd, &segments[i]);
	return true;
}
