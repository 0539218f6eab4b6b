/* SPDX-License-Identifier: Apache-2.0 */
#include "build/xattrs.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "common/cleanup.h"

#define PATH_BYTES (NAME_MAX + sizeof("/proc/self/fd/2147483647/"))
#define CAPABILITY "security.capability"

void xattrs_done(struct xattrs *x)
{
	for (size_t i = 0; i < x->len; i++) {
		free(x->items[i].name);
		free(x->items[i].value);
	}
	free(x->items);
	*x = (struct xattrs){ 0 };
}

/* The way through /proc works for what cannot be opened, and for descriptors that are O_PATH. */
static int path_of(int dir_fd, const char *name, char ret[PATH_BYTES])
{
	int len = snprintf(ret, PATH_BYTES, "/proc/self/fd/%d%s%s", dir_fd, *name ? "/" : "", name);

	return len < 0 || (size_t)len >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

static bool belongs_into_image(const char *name)
{
	static const char *const LEFT_OUT[] = {
		"trusted.overlay.", "user.overlay.",    "security.selinux",  "security.ima",
		"security.evm",     "security.SMACK64", "security.apparmor",
	};

	for (size_t i = 0; i < ARRAY_LEN(LEFT_OUT); i++)
		if (strncmp(name, LEFT_OUT[i], strlen(LEFT_OUT[i])) == 0)
			return false;
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name, ((const struct xattr *)b)->name);
}

/* One that went away meanwhile is none. */
static int add(struct xattrs *x, const char *path, bool self, const char *name, char *value)
{
	ssize_t len = self ? getxattr(path, name, value, XATTRS_MAX_BYTES)
			   : lgetxattr(path, name, value, XATTRS_MAX_BYTES);
	struct xattr *grown, *item;

	if (len < 0)
		return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
	grown = reallocarray(x->items, x->len + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	x->items = grown;
	item = &x->items[x->len];
	*item = (struct xattr){ .name = strdup(name), .value = malloc((size_t)len + 1), .len = (size_t)len };
	x->len++;
	if (!item->name || !item->value)
		return -ENOMEM;
	memcpy(item->value, value, (size_t)len);
	return 0;
}

/* There are some. */
static int read_all(struct xattrs *x, const char *path, bool self)
{
	cleanup_free char *names = malloc(XATTRS_MAX_BYTES), *value = malloc(XATTRS_MAX_BYTES);
	ssize_t len;
	int r = 0;

	if (!names || !value)
		return -ENOMEM;
	len = self ? listxattr(path, names, XATTRS_MAX_BYTES) : llistxattr(path, names, XATTRS_MAX_BYTES);
	if (len < 0)
		return -errno;
	for (const char *name = names; r == 0 && name < names + len; name += strlen(name) + 1)
		if (belongs_into_image(name))
			r = add(x, path, self, name, value);
	if (x->len > 1)
		qsort(x->items, x->len, sizeof(*x->items), by_name);
	return r;
}

int xattrs_read(int dir_fd, const char *name, struct xattrs *ret, struct err *e)
{
	cleanup_xattrs struct xattrs x = { 0 };
	bool self = *name == '\0';
	char path[PATH_BYTES];
	int r = path_of(dir_fd, name, path);
	ssize_t len;

	if (r == 0) {
		len = self ? listxattr(path, NULL, 0) : llistxattr(path, NULL, 0);
		if (len > 0)
			r = read_all(&x, path, self);
		else if (len < 0 && errno != EOPNOTSUPP)
			r = -errno;
	}
	if (r < 0)
		return err_code(e, r, "cannot read extended attributes");
	*ret = x;
	x = (struct xattrs){ 0 };
	return 0;
}

int xattrs_write(int dir_fd, const char *name, const struct xattrs *x, struct err *e)
{
	char path[PATH_BYTES];
	int r = path_of(dir_fd, name, path);

	for (size_t i = 0; r == 0 && i < x->len; i++) {
		const struct xattr *a = &x->items[i];
		int done = *name == '\0' ? setxattr(path, a->name, a->value, a->len, 0)
					 : lsetxattr(path, a->name, a->value, a->len, 0);

		if (done == 0)
			continue;
		if (strcmp(a->name, CAPABILITY) == 0 ||
		    (errno != EOPNOTSUPP && errno != EPERM && errno != EINVAL))
			return err_errno(e, "cannot set extended attribute '%s'", a->name);
	}
	return r < 0 ? err_code(e, r, "cannot set extended attributes") : 0;
}
