/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "engine/log_config.h"
#include "engine/log_file.h"
#include "engine/log_unpack.h"

#define ATTEMPTS  1000
#define OPEN_MODE (O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

void log_files_close(struct log_files *f, size_t index)
{
	if (f->items[index].fd >= 0)
		(void)close(f->items[index].fd); /* only read */
	f->items[index].fd = -1;
}

void log_files_done(struct log_files *f)
{
	for (size_t i = 0; i < f->len; i++)
		log_files_close(f, i);
	free(f->items);
	*f = (struct log_files){ 0 };
}

static const char *file_name(const char *name, unsigned int n, bool packed, char ret[NAME_MAX + 16])
{
	if (n == 0)
		return name;
	(void)snprintf(ret, NAME_MAX + 16, "%s.%u%s", name, n, packed ? LOG_PACKED_SUFFIX : "");
	return ret;
}

/* The N of "name.N" and "name.N.gz"; 0: it is none of them. */
static uint64_t number_of(const char *entry, const char *name)
{
	char digits[16];
	size_t len = strlen(name), digits_len;
	uint64_t n;

	if (strncmp(entry, name, len) != 0 || entry[len] != '.')
		return 0;
	entry += len + 1;
	digits_len = strcspn(entry, ".");
	if (digits_len >= sizeof(digits) ||
	    (entry[digits_len] && strcmp(entry + digits_len, LOG_PACKED_SUFFIX) != 0))
		return 0;
	memcpy(digits, entry, digits_len);
	digits[digits_len] = '\0';
	return parse_u64(digits, 1, LOG_MAX_FILES_MAX, &n) == 0 ? n : 0;
}

/* The highest number that is there; 0: none. Or -errno. */
static int highest(int dir_fd, const char *name)
{
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	uint64_t n, max = 0;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			(void)close(fd); /* only read */
		return -errno;
	}
	while ((entry = readdir(dir))) {
		n = number_of(entry->d_name, name);
		max = n > max ? n : max;
	}
	return (int)max;
}

/* The original, as long as it is there: it needs no expanding. Before it goes the gzip has its name. */
static int open_one(int dir_fd, const char *name, unsigned int n, struct log_files *f)
{
	struct log_open_file *file = &f->items[f->len];
	char path[NAME_MAX + 16];
	struct stat st;

	*file = (struct log_open_file){ .fd = openat(dir_fd, file_name(name, n, false, path), OPEN_MODE) };
	if (file->fd < 0 && errno == ENOENT && n > 0) {
		file->packed = true;
		file->fd = openat(dir_fd, file_name(name, n, true, path), OPEN_MODE);
	}
	if (file->fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(file->fd); /* only read */
		return -EINVAL;
	}
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	if (file->packed && !log_packed_inode(file->fd, &file->original))
		file->original = 0;
	f->len++;
	return 0;
}

static bool has_name(int dir_fd, const char *name, const struct log_open_file *file)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == file->ino &&
	       st.st_dev == file->dev;
}

bool log_file_is_rotated(int dir_fd, const char *name, const struct log_open_file *file)
{
	return !has_name(dir_fd, name, file);
}

static bool is_there(int dir_fd, const char *name, unsigned int n)
{
	char path[NAME_MAX + 16];

	return faccessat(dir_fd, file_name(name, n, false, path), F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	       (n > 0 && faccessat(dir_fd, file_name(name, n, true, path), F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

/* Whether the names from `top` down to 0 still are those of the open files, as far as there were any. */
static bool unchanged(int dir_fd, const char *name, unsigned int top, const struct log_files *f)
{
	char path[NAME_MAX + 16];
	size_t next = 0;

	if (is_there(dir_fd, name, top + 1))
		return false; /* the oldest one, which had a name that we know */
	for (unsigned int n = top + 1; n-- > 0;) {
		if (next < f->len &&
		    has_name(dir_fd, file_name(name, n, f->items[next].packed, path), &f->items[next]))
			next++;
		else if (is_there(dir_fd, name, n))
			return false;
	}
	return next == f->len;
}

/* One attempt: 1 they were rotated meanwhile. */
static int open_all(int dir_fd, const char *name, struct log_files *ret)
{
	cleanup_log_files struct log_files f = { 0 };
	int r = 0, top = highest(dir_fd, name);

	if (top < 0)
		return top;
	f.items = calloc((size_t)top + 1, sizeof(f.items[0]));
	if (!f.items)
		return -ENOMEM;
	for (unsigned int n = (unsigned int)top + 1; r == 0 && n-- > 0;)
		r = open_one(dir_fd, name, n, &f);
	if (r < 0)
		return r;
	if (!unchanged(dir_fd, name, (unsigned int)top, &f))
		return 1;
	*ret = f;
	f = (struct log_files){ 0 };
	return 0;
}

int log_files_open(int dir_fd, const char *name, struct log_files *ret, struct err *e)
{
	int r = 1;

	for (int i = 0; r == 1 && i < ATTEMPTS; i++)
		r = open_all(dir_fd, name, ret);
	if (r == 1)
		return err_set(e, -EAGAIN, "the log '%s' is rotated faster than it can be read", name);
	return r < 0 ? err_code(e, r, "cannot open the log '%s'", name) : 0;
}

/* The index behind the file in `all`; 0 if it is not among them. */
static size_t find_behind(const struct log_files *all, const struct log_open_file *file)
{
	for (size_t i = all->len; i-- > 0;)
		if (all->items[i].ino == file->ino && all->items[i].dev == file->dev)
			return i + 1;
	/* Compressed meanwhile. As long as we have it open its number is no other's, so of gzips with that number the newest is its own. */
	for (size_t i = all->len; i-- > 0;)
		if (!file->packed && all->items[i].packed && all->items[i].original == file->ino &&
		    all->items[i].dev == file->dev)
			return i + 1;
	return 0;
}

int log_files_add_newer(int dir_fd, const char *name, struct log_files *f, struct err *e)
{
	cleanup_log_files struct log_files all = { 0 };
	struct log_open_file *items;
	size_t from;
	int r = log_files_open(dir_fd, name, &all, e);

	if (r < 0)
		return r;
	from = f->len > 0 ? find_behind(&all, &f->items[f->len - 1]) : 0;
	if (from == all.len)
		return 0;
	items = realloc(f->items, (f->len + all.len - from) * sizeof(items[0]));
	if (!items)
		return err_code(e, -ENOMEM, "cannot open the log '%s'", name);
	f->items = items;
	memcpy(items + f->len, all.items + from, (all.len - from) * sizeof(items[0]));
	f->len += all.len - from;
	all.len = from;
	return 0;
}
