/* SPDX-License-Identifier: Apache-2.0 */
#include "build/resolve.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/rootfd.h"

struct resolving {
	int root_fd;
	bool (*follows)(void *arg, const char *path);
	void *arg;
	struct buf done;
	char *rest; /* owned */
	unsigned int links;
};

static void resolving_done(struct resolving *r)
{
	buf_done(&r->done);
	free(r->rest);
}
#define cleanup_resolving __attribute__((cleanup(resolving_done)))

static void cut(struct resolving *r, size_t len)
{
	r->done.len = len;
	if (r->done.data)
		r->done.data[len] = '\0';
}

static size_t parent_len(const struct resolving *r)
{
	const char *slash = r->done.len ? memrchr(r->done.data, '/', r->done.len) : NULL;

	return slash ? (size_t)(slash - r->done.data) : 0;
}

/* The length of the symlink's text that is written to `target`; 0: what is there is none, or nothing is there. */
static ssize_t read_link(const struct resolving *r, char target[PATH_MAX])
{
	cleanup_fd int fd = rootfd_try_open(r->root_fd, r->done.data, O_PATH | O_NOFOLLOW);
	struct stat st;
	ssize_t len;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISLNK(st.st_mode))
		return 0;
	len = readlinkat(fd, "", target, PATH_MAX - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	return len;
}

/* r->done is a symlink with this text: it goes, and the text stands before the rest. */
static int follow(struct resolving *r, const char *target)
{
	char *joined;

	if (++r->links > RESOLVE_LINKS_MAX)
		return -ELOOP;
	if (r->follows && !r->follows(r->arg, r->done.data))
		return -ENOENT;
	if (strlen(target) + strlen(r->rest) >= RESOLVE_PATH_MAX_BYTES)
		return -EFBIG;
	if (asprintf(&joined, "%s/%s", target, r->rest) < 0)
		return -ENOMEM;
	free(r->rest);
	r->rest = joined;
	cut(r, target[0] == '/' ? 0 : parent_len(r));
	return 0;
}

static int step(struct resolving *r, const char *name, size_t len)
{
	char target[PATH_MAX];
	ssize_t n;
	int err;

	if (len == 1 && name[0] == '.')
		return 0;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		cut(r, parent_len(r));
		return 0;
	}
	err = r->done.len ? buf_add_char(&r->done, '/') : 0;
	if (err == 0)
		err = buf_add(&r->done, name, len);
	if (err < 0)
		return err;
	n = read_link(r, target);
	return n > 0 ? follow(r, target) : (int)n;
}

static int resolve(struct resolving *r)
{
	int err = 0;

	while (err == 0) {
		size_t skip = strspn(r->rest, "/");
		size_t len = strcspn(r->rest + skip, "/");
		cleanup_free char *name = NULL;

		if (len == 0)
			return 0;
		name = strndup(r->rest + skip, len);
		if (!name)
			return -ENOMEM;
		memmove(r->rest, r->rest + skip + len, strlen(r->rest + skip + len) + 1);
		err = step(r, name, len);
	}
	return err;
}

int resolve_in_root(int root_fd, const char *path, bool (*follows)(void *arg, const char *path), void *arg,
		    char **ret, struct err *e)
{
	cleanup_resolving struct resolving r = { .root_fd = root_fd,
						 .follows = follows,
						 .arg = arg,
						 .done = BUF_INIT(RESOLVE_PATH_MAX_BYTES),
						 .rest = strdup(path) };
	int err = r.rest ? resolve(&r) : -ENOMEM;

	if (err == -ELOOP && r.links > RESOLVE_LINKS_MAX)
		return err_set(e, err, "too many symlinks on the way to '%s'", path);
	if (err == 0 && r.done.len == 0)
		err = buf_add_char(&r.done, '.');
	if (err == 0) {
		*ret = buf_take(&r.done);
		err = *ret ? 0 : -ENOMEM;
	}
	return err < 0 ? err_code(e, err, "cannot look up '%s'", path) : 0;
}
