/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"

#define CACHE_DIR      ":seccomp" /* no container's ID has a colon */
#define CACHE_NAME     "%016llx"  /* hash of the profile */
#define CACHE_MAGIC    0x34636373706d6173ull
#define CACHE_FILE_MAX (1u << 20)
#define CACHE_MAX_FILTERS \
	64 /* distinct profiles on a machine are few: more come from somebody who makes them up */

/* What compiles, as a digest of its sources (Makefile): another version may do it otherwise. Not of a program: several of ours share what is kept, docs/adr/0021. */
#ifndef SAMPAN_SECCOMP_COMPILER
#define SAMPAN_SECCOMP_COMPILER SAMPAN_VERSION
#endif
#define COMPILER_MAX 32

struct header {
	uint64_t magic;
	uint64_t checksum; /* of what follows in the file */
	char compiler[COMPILER_MAX];
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
	return h->magic == CACHE_MAGIC && h->profile_len == len && h->insns > 0 && h->insns <= BPF_MAXINSNS &&
	       body_len == len + h->insns * sizeof(struct sock_filter) && memcmp(body, profile, len) == 0 &&
	       strncmp(h->compiler, SAMPAN_SECCOMP_COMPILER, sizeof(h->compiler)) == 0 &&
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
			    .compiler = SAMPAN_SECCOMP_COMPILER,
			    .profile_len = (uint32_t)len,
			    .flags = program->flags,
			    .insns = program->len };
	cleanup_fd int dir = -1;
	struct err ignored;
	char name[24];

	if (program->notify || len > CACHE_FILE_MAX / 2)
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
