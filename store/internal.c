/* SPDX-License-Identifier: Apache-2.0 */
#include "store/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

int store_random_hex(char *ret, size_t digits)
{
	unsigned char bytes[HEX_KEY_LEN / 2];

	if (digits > sizeof(bytes) * 2)
		return -EINVAL;
	if (getrandom(bytes, digits / 2, 0) != (ssize_t)(digits / 2))
		return -EIO;
	for (size_t i = 0; i < digits; i++)
		ret[i] = HEX_DIGITS[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
	ret[digits] = '\0';
	return 0;
}

bool store_key_ok(const char *key)
{
	return strlen(key) == HEX_KEY_LEN && strspn(key, HEX_DIGITS) == HEX_KEY_LEN;
}

int store_open_dir(const struct store *s, const char *path, int *ret_fd, struct err *e)
{
	int fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "cannot open '%s/%s'", s->root, path);
	*ret_fd = fd;
	return 0;
}

int store_list_dir(const struct store *s, const char *path, struct strvec *ret, struct err *e)
{
	cleanup_fd int fd = -1;
	cleanup_dir DIR *dir = NULL;
	int r = store_open_dir(s, path, &fd, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	dir = fdopendir(fd);
	if (!dir)
		return err_errno(e, "cannot list '%s/%s'", s->root, path);
	fd = -1; /* the stream owns it */
	for (;;) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return errno ? err_errno(e, "cannot list '%s/%s'", s->root, path) : 0;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = strvec_add(ret, entry->d_name);
		if (r < 0)
			return err_code(e, r, "cannot list '%s/%s'", s->root, path);
	}
}

bool store_has(const struct store *s, const char *dir, const char *name)
{
	char path[SUBPATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	return n > 0 && (size_t)n < sizeof(path) &&
	       faccessat(s->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int store_trash(const struct store *s, const char *dir, const char *name, char ret_path[SUBPATH_MAX],
		struct err *e)
{
	char from[SUBPATH_MAX];

	(void)snprintf(from, sizeof(from), "%s/%s", dir, name);
	(void)snprintf(ret_path, SUBPATH_MAX, "%s/" TRASH_PREFIX "%s", dir, name);
	if (renameat(s->root_fd, from, s->root_fd, ret_path) == 0)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST) { /* a crash has left one there */
		int r = tree_remove(s->root_fd, ret_path, e);

		if (r < 0)
			return r;
		if (renameat(s->root_fd, from, s->root_fd, ret_path) == 0)
			return 0;
	}
	return err_errno(e, "cannot remove '%s/%s'", s->root, from);
}

bool store_error_is_damage(int code)
{
	switch (code) {
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -EACCES:
	case -EPERM:
		return false;
	default:
		return true;
	}
}
