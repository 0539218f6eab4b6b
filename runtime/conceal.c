/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/conceal.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "runtime/sys_mount.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3; needed where vm.memfd_noexec is 1 */
#endif

#define OWN_BINARY "/proc/self/exe"
#define PIECES_MAX 16

static bool covers(const struct spec_id_mapping *m, size_t len, uid_t uid)
{
	for (size_t i = 0; i < len; i++)
		if (uid >= m[i].host_id && uid - m[i].host_id < m[i].size)
			return true;
	return false;
}

bool conceal_needed(const struct spec_id_mapping *uids, size_t len)
{
	struct stat st;

	/* What we cannot write, on a read-only file system or as another's, a container of ours cannot, either. */
	if (faccessat(AT_FDCWD, OWN_BINARY, W_OK, AT_EACCESS) < 0)
		return false;
	if (len == 0 || stat(OWN_BINARY, &st) < 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return true;
	return covers(uids, len, st.st_uid);
}

/* --- the pages of the binary --------------------------------------------------------------------------- */

/* A segment of the program in memory, in whole pages. */
struct piece {
	uintptr_t start, end;
	uintptr_t readonly_end; /* up to there it is read-only, whatever its protection */
	int protection;
	off_t offset; /* in the file, where memory is as the file is */
	bool changed; /* it may not be: written to, or relocated */
};

struct image {
	struct piece pieces[PIECES_MAX];
	size_t len;
	uintptr_t page;
	bool full;
};

static void add_piece(struct image *image, const struct piece *p)
{
	if (p->start >= p->end)
		return;
	if (image->len == PIECES_MAX)
		image->full = true;
	else
		image->pieces[image->len++] = *p;
}

static int protection_of(uint32_t flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
	       (flags & PF_X ? PROT_EXEC : 0);
}

/* What comes from the file, in whole pages; the rest of a segment is anonymous already. The dynamic linker has made the beginning of the
 * writable segment read-only (PT_GNU_RELRO). */
static void add_segment(struct image *image, const struct dl_phdr_info *info, const ElfW(Phdr) * segment)
{
	uintptr_t mask = image->page - 1;
	struct piece p = {
		.start = (info->dlpi_addr + segment->p_vaddr) & ~mask,
		.end = (info->dlpi_addr + segment->p_vaddr + segment->p_filesz + mask) & ~mask,
		.protection = protection_of(segment->p_flags),
		.offset = (off_t)(segment->p_offset & ~mask),
		.changed = (segment->p_flags & PF_W) != 0,
	};

	p.readonly_end = p.start;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *relro = &info->dlpi_phdr[i];
		uintptr_t end = (info->dlpi_addr + relro->p_vaddr + relro->p_memsz) & ~mask;

		if (relro->p_type == PT_GNU_RELRO && relro->p_vaddr == segment->p_vaddr && end <= p.end)
			p.readonly_end = end;
	}
	add_piece(image, &p);
}

/* The first object of all is the program itself. dl_iterate_phdr(3) */
static int collect(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_filesz)
			add_segment(arg, info, &info->dlpi_phdr[i]);
	return 1;
}

/* Where we have left the mount namespace that we were started in, the link leads to a mount that is not of ours: what lies at its path here will do, if it is the
 * same file. */
static int clone_by_path(void)
{
	char path[PATH_MAX];
	ssize_t len = readlink(OWN_BINARY, path, sizeof(path) - 1);
	cleanup_fd int fd = -1;
	struct stat ours, found;

	if (len < 0)
		return -errno;
	path[len] = '\0';
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &found) < 0 || stat(OWN_BINARY, &ours) < 0)
		return -errno;
	if (found.st_dev != ours.st_dev || found.st_ino != ours.st_ino)
		return -ESTALE;
	return mount_clone(fd, "", false);
}

/* The binary through a mount of its own. To the kernel that is another path than the one that we were started by, though its pages are the
 * same: nothing is read or copied. */
static int open_again(int *ret_fd)
{
	cleanup_fd int tree = mount_clone(AT_FDCWD, OWN_BINARY, false);

	if (tree == -EINVAL)
		tree = clone_by_path();
	if (tree < 0)
		return tree;
	*ret_fd = open(fd_path(tree).text, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

/* Whole pages, between variables too, where AddressSanitizer lets no memcpy go; volatile, or the compiler would make one of it. */
__attribute__((no_sanitize("address"))) static void copy_pages(volatile uint64_t *to, const uint64_t *from,
							       size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*from); i++)
		to[i] = from[i];
}

/* Puts the same pages or a copy of them in the place of a piece, at once: we never run without a page under our feet. Between the
 * copy and its move nothing may change in the piece, hence nothing but these calls. mmap(2), mremap(2) */
static int replace(const struct piece *p, int file_fd)
{
	size_t len = p->end - p->start, readonly = p->readonly_end - p->start;
	void *place =
		(void *)p
			->start; /* NOLINT(performance-no-int-to-ptr): an address from the program's headers */
	void *copy;

	if (!p->changed)
		return mmap(place, len, p->protection, MAP_PRIVATE | MAP_FIXED, file_fd, p->offset) ==
				       MAP_FAILED
			       ? -errno
			       : 0;
	copy = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (copy == MAP_FAILED)
		return -errno;
	copy_pages(copy, place, len);
	if (mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, place) == MAP_FAILED)
		return -errno;
	return readonly > 0 && mprotect(place, readonly, PROT_READ) < 0 ? -errno : 0;
}

/* --- the link ------------------------------------------------------------------------------------------ */

/* Nothing, for good. Reopened, since the kernel takes no file here that somebody could write. */
static int open_nothing(int *ret_fd)
{
	cleanup_fd int fd = memfd_create("sampan", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("sampan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;
	*ret_fd = open(fd_path(fd).text, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

/* The addresses that the kernel knows of us, to be told the same again. proc_pid_stat(5), whose field 3 `fields` points at. */
static int read_map(char *fields, struct prctl_mm_map *map)
{
	typeof(map->start_code) *const members[] = {
		[26 - 3] = &map->start_code, [27 - 3] = &map->end_code, [28 - 3] = &map->start_stack,
		[45 - 3] = &map->start_data, [46 - 3] = &map->end_data, [47 - 3] = &map->start_brk,
		[48 - 3] = &map->arg_start,  [49 - 3] = &map->arg_end,  [50 - 3] = &map->env_start,
		[51 - 3] = &map->env_end,
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const char *field = strsep(&fields, " \n");
		uint64_t value;

		if (!field || (members[i] && parse_u64(field, 0, UINT64_MAX, &value) < 0))
			return -EPROTO;
		if (members[i])
			*members[i] = value;
	}
	map->brk = (uintptr_t)sbrk(0);
	return 0;
}

/* With all the rest as it is. Takes CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in our own user namespace only, but a kernel that can
 * checkpoint. */
static int set_link_by_map(int fd)
{
	cleanup_fd int stat_fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	struct prctl_mm_map map = { .exe_fd = (uint32_t)fd };
	char text[2048], *fields;
	ssize_t len = stat_fd < 0 ? -1 : read(stat_fd, text, sizeof(text) - 1);
	int r;

	if (len < 0)
		return -errno;
	text[len] = '\0';
	fields = strrchr(text, ')');
	r = fields && fields[1] == ' ' ? read_map(fields + 2, &map) : -EPROTO;
	if (r < 0)
		return r;
	return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0) < 0 ? -errno : 0;
}

/* -EBUSY while pages of the binary are mapped; -EPERM. */
static int set_link(int fd)
{
	int r = prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, fd, 0, 0) < 0 ? -errno : 0;

	if (r != -EPERM)
		return r;
	r = set_link_by_map(fd);
	return r == -EINVAL ? -EPERM : r; /* a kernel that cannot checkpoint does not know it */
}

int conceal_binary(struct err *e)
{
	struct image image = { .page = (uintptr_t)getpagesize() };
	cleanup_fd int again = -1;
	leave_fd int nothing = -1; /* stays open: whoever finds it has nothing */
	int r = open_again(&again);

	if (r == 0)
		r = open_nothing(&nothing);
	if (r == 0)
		(void)dl_iterate_phdr(collect, &image);
	if (image.full)
		r = -E2BIG;
	for (size_t i = 0; i < image.len && r == 0; i++)
		r = replace(&image.pieces[i], again);
	if (r == 0)
		r = set_link(nothing);
	return r < 0 && r != -EPERM ? err_code(e, r, "cannot conceal the runtime's binary") : 0;
}
