/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"

#define CACHE_DIR      ":seccomp" /* no container's ID has a colon */
#define CACHE_NAME     "%016llx"  /* hash of the profile */
#define CACHE_MAGIC    0x33636373706d6173ull
#define CACHE_FILE_MAX (1u << 20)
#define CACHE_MAX_FILTERS \
	64 /* distinct profiles on a machine are few: more come from somebody who makes them up */

#define BUILD_ID_MAX 32

/* The program that compiles, by the build ID that the linker has made of its contents: another version may do it otherwise. */
struct compiler {
	uint64_t id_len;
	uint8_t id[BUILD_ID_MAX];
};

struct header {
	uint64_t magic;
	uint64_t checksum; /* of what follows in the file */
	struct compiler compiler;
	uint32_t profile_len;
	uint32_t flags;
	uint32_t insns;
	uint32_t reserved;
};

#define FNV_OFFSET 0xcbf29ce484222325ull
#define FNV_PRIME  0x100000001b3ull

static uint64_t fnv1a(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t hash = FNV_OFFSET;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * FNV_PRIME;
	return hash;
}

/* Notes are padded to four bytes. elf(5) */
static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static void find_build_id(const unsigned char *at, size_t left, struct compiler *ret)
{
	ElfW(Nhdr) note;

	while (left >= sizeof(note)) {
		size_t name, whole;

		memcpy(&note, at, sizeof(note));
		name = sizeof(note) + padded(note.n_namesz);
		whole = name + padded(note.n_descsz);
		if (whole > left)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_descsz > 0 && note.n_descsz <= BUILD_ID_MAX) {
			memcpy(ret->id, at + name, note.n_descsz);
			ret->id_len = note.n_descsz;
			return;
		}
		at += whole;
		left -= whole;
	}
}

/* The first object of all is the program itself. dl_iterate_phdr(3) */
static int look_at_program(struct dl_phdr_info *info, size_t size, void *ret)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_NOTE && p->p_align <= 4)
			find_build_id((const unsigned char *)(uintptr_t)(info->dlpi_addr + p->p_vaddr),
				      p->p_filesz,
				      ret); /* NOLINT(performance-no-int-to-ptr): from its headers */
	}
	return 1;
}

static bool find_compiler(struct compiler *ret)
{
	*ret = (struct compiler){ .id_len = 0 };
	(void)dl_iterate_phdr(look_at_program, ret);
	return ret->id_len > 0;
}

/* Where others can write, a filter could be anybody's. */
static int make_dir(const char *state_root)
{
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -1;
	struct stat st;

	if (asprintf(&path, "%s/" CACHE_DIR, state_root) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		cleanup_fd int root = -1;
		struct err ignored;

		/* The first container's state is yet to be made, and with it the directory above. */
		if (errno != ENOENT || dir_make_open(AT_FDCWD, state_root, 0711, &root, &ignored) < 0 ||
		    mkdir(path, 0700) < 0)
			return -errno;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return -EPERM;
	return fd_take(&fd);
}

static bool matches(const struct header *h, const char *body, size_t body_len, const char *profile,
		    size_t len)
{
	struct compiler us;

	return h->magic == CACHE_MAGIC && h->profile_len == len && h->insns > 0 && h->insns <= BPF_MAXINSNS &&
	       body_len == len + h->insns * sizeof(struct sock_filter) && memcmp(body, profile, len) == 0 &&
	       find_compiler(&us) && memcmp(&us, &h->compiler, sizeof(us)) == 0 &&
	       h->checksum == fnv1a(&h->compiler, sizeof(*h) - offsetof(struct header, compiler)) +
				      fnv1a(body + len, body_len - len);
}

/* A file that is ours alone: another user could have made no such one, wherever the directory leads. */
static int read_own(const char *state_root, uint64_t hash, struct buf *out)
{
	char path[PATH_MAX];
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (snprintf(path, sizeof(path), "%s/" CACHE_DIR "/" CACHE_NAME, state_root,
		     (unsigned long long)hash) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || /* ours never changes */ st.st_uid != getauxval(AT_EUID) ||
	    (st.st_mode & 077) || st.st_size > CACHE_FILE_MAX)
		return -EPERM;
	r = buf_reserve(out, (size_t)st.st_size);
	if (r == 0)
		r = read_exactly(fd, out->data, (size_t)st.st_size);
	if (r == 0)
		out->len = (size_t)st.st_size;
	return r;
}

bool seccomp_cache_find(const char *state_root, const char *profile, size_t len, struct seccomp_program *ret)
{
	cleanup_buf struct buf file = BUF_INIT(CACHE_FILE_MAX);
	struct sock_filter *insns;
	struct header h;

	if (read_own(state_root, fnv1a(profile, len), &file) < 0 || file.len < sizeof(h))
		return false;
	memcpy(&h, file.data, sizeof(h));
	if (!matches(&h, file.data + sizeof(h), file.len - sizeof(h), profile, len))
		return false;
	insns = calloc(h.insns, sizeof(*insns));
	if (!insns)
		return false;
	memcpy(insns, file.data + sizeof(h) + len, h.insns * sizeof(*insns));
	*ret = (struct seccomp_program){ .insns = insns, .len = (uint16_t)h.insns, .flags = h.flags };
	return true;
}

/* Before one more than CACHE_MAX_FILTERS comes, all go. */
static void make_room(int dir_fd)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;
	size_t count = 0;

	if (!dir) {
		if (copy >= 0)
			(void)close(copy);
		return;
	}
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (count < CACHE_MAX_FILTERS)
		return;
	rewinddir(dir);
	while ((entry = readdir(dir)))
		(void)unlinkat(dir_fd, entry->d_name, 0); /* what stays counts again the next time */
}

void seccomp_cache_keep(const char *state_root, const char *profile, size_t len,
			const struct seccomp_program *program)
{
	size_t filter_len = program->len * sizeof(*program->insns);
	cleanup_buf struct buf file = BUF_INIT(CACHE_FILE_MAX);
	struct header h = { .magic = CACHE_MAGIC,
			    .profile_len = (uint32_t)len,
			    .flags = program->flags,
			    .insns = program->len };
	cleanup_fd int dir = -1;
	struct err ignored;
	char name[24];

	if (program->notify || len > CACHE_FILE_MAX / 2 || !find_compiler(&h.compiler))
		return;
	h.checksum = fnv1a(&h.compiler, sizeof(h) - offsetof(struct header, compiler)) +
		     fnv1a(program->insns, filter_len);
	if (buf_add(&file, &h, sizeof(h)) < 0 || buf_add(&file, profile, len) < 0 ||
	    buf_add(&file, program->insns, filter_len) < 0)
		return;
	dir = make_dir(state_root);
	if (dir < 0)
		return;
	make_room(dir);
	(void)snprintf(name, sizeof(name), CACHE_NAME, (unsigned long long)fnv1a(profile, len));
	IGNORE_RESULT(file_write_atomic(dir, name, file.data, file.len, 0600, &ignored)); /* best effort */
}
