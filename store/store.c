/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "store/internal.h"
#include "store/layer.h"

#define VERSION_NAME "version"
#define VERSION_NOW  1
#define VERSION_TEXT "1\n"
#define LOCK_NAME    "lock"
#define LAST_DIR     "staging"
#define WORK_DIGITS  14 /* of a digest: 56 bits */

/* LAST_DIR is last: where it is, all are. */
static const char *const DIRS[] = { "blobs",      "blobs/sha256",    "layers", "names",
				    "containers", "container-names", LAST_DIR };

void store_close(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->additional_len; i++)
		store_close(s->additional[i]);
	if (s->root_fd >= 0)
		(void)close(s->root_fd); /* a directory: nothing to lose */
	free(s->root);
	free(s);
}

void store_close_fn(struct store **s)
{
	store_close(*s);
}

int store_root_fd(const struct store *s)
{
	return s->root_fd;
}

const char *store_root_path(const struct store *s)
{
	return s->root;
}

/* The cure for what most often keeps a store from being opened. */
static int explain(int code, const char *root, struct err *e)
{
	if (code == -EACCES || code == -EPERM)
		return err_set(
			e, -EACCES,
			"cannot open the store '%s': permission denied (run as root, or name a store of your "
			"own with --root)",
			root);
	if (code == -EROFS)
		return err_set(
			e, code,
			"cannot make a store in '%s': the file system is read-only (name another place with "
			"--root)",
			root);
	return err_wrap(e, "cannot open the store '%s'", root);
}

/* -ENOENT where there is none. */
static int check_version(int root_fd, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(64);
	uint64_t version;
	int r = file_read(root_fd, VERSION_NAME, &text, e);

	if (r < 0)
		return r;
	if (text.len > 0 && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	if (!text.data || parse_u64(text.data, 1, UINT32_MAX, &version) < 0)
		return err_set(e, -EBADMSG, "its file '%s' is damaged (it should hold a number)",
			       VERSION_NAME);
	if (version != VERSION_NOW)
		return err_set(e, -EOPNOTSUPP,
			       "it is of version %llu, and this program knows version %d only",
			       (unsigned long long)version, VERSION_NOW);
	return 0;
}

/* Guards against --root /home. A fresh file system has lost+found. */
static int check_unused(const struct store *s, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	int r = store_list_dir(s, ".", &names, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < names.len; i++) {
		if (names.items[i][0] == '.' || strcmp(names.items[i], "lost+found") == 0)
			continue;
		/* Another process may have made the store since we looked. */
		r = check_version(s->root_fd, e);
		if (r == -ENOENT)
			r = err_set(e, -EINVAL, "the directory is not empty and is no store (it has '%s')",
				    names.items[i]);
		return r;
	}
	return 0;
}

/* The version comes first: what has anything else but no version is no store. */
static int make_store(const struct store *s, struct err *e)
{
	int r = check_version(s->root_fd, e);

	if (r == -ENOENT) {
		r = check_unused(s, e);
		if (r == 0)
			r = file_write_durable(s->root_fd, VERSION_NAME, VERSION_TEXT, strlen(VERSION_TEXT),
					       0644, e);
	}
	if (r < 0)
		return r;
	if (faccessat(s->root_fd, LAST_DIR, F_OK, 0) == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(DIRS); i++)
		if (mkdirat(s->root_fd, DIRS[i], DIR_MODE) < 0 && errno != EEXIST)
			return err_errno(e, "cannot make '%s'", DIRS[i]);
	return 0;
}

/* --- additional stores ---------------------------------------------------------------------------------- */

static int open_additional(const char *root, struct store **ret, struct err *e)
{
	cleanup_store struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_code(e, -ENOMEM, "cannot open it");
	s->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd < 0)
		return err_errno(e, "cannot open it");
	s->root = realpath(root, NULL);
	if (!s->root)
		return err_errno(e, "cannot resolve it");
	r = check_version(s->root_fd, e);
	if (r == -ENOENT)
		return err_set(e, -EINVAL, "it is no store");
	if (r == 0)
		*ret = ptr_take(s);
	return r;
}

static int add_additional(struct store *s, const char *root, struct err *e)
{
	int r = 0;

	if (*root == '\0')
		return 0;
	if (*root != '/')
		r = err_set(e, -EINVAL, "its path is not absolute");
	else if (s->additional_len == STORE_ADDITIONAL_MAX)
		r = err_set(e, -EINVAL, "there are more than %d", STORE_ADDITIONAL_MAX);
	else
		r = open_additional(root, &s->additional[s->additional_len], e);
	if (r == 0)
		s->additional_len++;
	return r < 0 ? err_wrap(e, "additional store '%s'", root) : 0;
}

static int add_all_additional(struct store *s, struct err *e)
{
	const char *list = getenv(STORE_ADDITIONAL_ENV);
	cleanup_free char *copy = list ? strdup(list) : NULL;
	char *rest = copy;
	int r = 0;

	if (list && !copy)
		return err_code(e, -ENOMEM, "cannot open the additional stores");
	for (const char *root = strsep(&rest, ":"); r == 0 && root; root = strsep(&rest, ":"))
		r = add_additional(s, root, e);
	return r;
}

/* --- opening -------------------------------------------------------------------------------------------- */

int store_open(const char *root, struct store **ret, struct err *e)
{
	cleanup_store struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_code(e, -ENOMEM, "cannot open the store '%s'", root);
	s->root_fd = -1;
	r = dir_make_open(AT_FDCWD, root, DIR_MODE, &s->root_fd, e);
	if (r < 0)
		return explain(r, root, e);
	s->root = realpath(root, NULL);
	if (!s->root)
		return err_errno(e, "cannot resolve '%s'", root);
	r = make_store(s, e);
	if (r < 0)
		return explain(r, root, e);
	r = add_all_additional(s, e);
	if (r < 0)
		return r;
	*ret = ptr_take(s);
	return 0;
}

/* Every lock is an open file of its own, so that two in one process exclude each other too. */
static int open_lock(const struct store *s, int *ret_fd, struct err *e)
{
	int fd = openat(s->root_fd, LOCK_NAME, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, RECORD_MODE);

	if (fd < 0)
		return err_errno(e, "cannot open the lock of the store '%s'", s->root);
	*ret_fd = fd;
	return 0;
}

int store_lock(const struct store *s, bool exclusive, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = open_lock(s, &fd, e);

	if (r < 0)
		return r;
	do
		r = flock(fd, exclusive ? LOCK_EX : LOCK_SH);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_errno(e, "cannot lock the store '%s'", s->root);
	*ret_fd = fd_take(&fd);
	return 0;
}

int store_try_lock_exclusive(const struct store *s, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	int r = open_lock(s, &fd, e);

	if (r < 0)
		return r;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EWOULDBLOCK
					    : err_errno(e, "cannot lock the store '%s'", s->root);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* One byte of the lock file per digest, far behind its end. Two digests that meet in one wait for each other, which does no harm. */
int store_try_lock_work(const struct store *s, const struct digest *digest, int *ret_fd, struct err *e)
{
	cleanup_fd int fd =
		openat(s->root_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, RECORD_MODE);
	struct flock byte = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	const char *hex = digest_hex(digest);

	if (fd < 0)
		return err_errno(e, "cannot open the lock of the store '%s'", s->root);
	for (size_t i = 0; i < WORK_DIGITS && hex[i]; i++)
		byte.l_start = byte.l_start * 16 + (strchr(HEX_DIGITS, hex[i]) - HEX_DIGITS);
	if (fcntl(fd, F_OFD_SETLK, &byte) < 0)
		return errno == EAGAIN || errno == EACCES
			       ? -EWOULDBLOCK
			       : err_errno(e, "cannot lock the store '%s'", s->root);
	*ret_fd = fd_take(&fd);
	return 0;
}

int store_sync(const struct store *s, struct err *e)
{
	if (syncfs(s->root_fd) < 0)
		return err_errno(e, "cannot sync the store '%s'", s->root);
	return 0;
}
