/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/exec_path.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* 0, or why it cannot be executed. faccessat with AT_EACCESS: by the IDs and capabilities in force now. */
static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	/* Root may read anything, but executes only what has an execute bit. */
	if ((st.st_mode & 0111) == 0 || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return -EACCES;
	return 0;
}

static int explain(int r, const char *name, struct err *e)
{
	if (r == -EACCES)
		return err_set(e, r, "exec: \"%s\": permission denied", name);
	if (r == -EISDIR)
		return err_set(e, -EACCES, "exec: \"%s\": is a directory: permission denied", name);
	return err_code(e, r, "exec: \"%s\": stat %s", name, name);
}

/* One directory of the search path; an empty one is the working directory. */
static int look_in(const char *dir, size_t len, const char *name, char *out)
{
	int n = snprintf(out, PATH_MAX, "%.*s/%s", len ? (int)len : 1, len ? dir : ".", name);

	if (n < 0 || n >= PATH_MAX)
		return -ENOENT;
	if (executable(out) == 0)
		return 0;
	return access(out, F_OK) == 0 ? -EACCES : -ENOENT;
}

static int look_up(const char *name, const char *path, char *out)
{
	bool denied = false;

	for (;; path++) {
		size_t len = strcspn(path, ":");
		int r = look_in(path, len, name, out);

		if (r == 0)
			return 0;
		denied = denied || r == -EACCES;
		path += len;
		if (*path == '\0')
			return denied ? -EACCES : -ENOENT;
	}
}

int exec_path_find(const char *name, const struct strvec *env, char *out, struct err *e)
{
	const char *path = strvec_get_env(env, "PATH");
	int r;

	if (strchr(name, '/')) {
		r = executable(name);
		if (r == 0 && snprintf(out, PATH_MAX, "%s", name) >= PATH_MAX)
			r = -ENAMETOOLONG;
		return r < 0 ? explain(r, name, e) : 0;
	}
	if (!path)
		path = DEFAULT_PATH;
	r = *name && *path ? look_up(name, path, out) : -ENOENT;
	if (r == -ENOENT)
		return err_set(e, r, "exec: \"%s\": executable file not found in $PATH", name);
	return r < 0 ? explain(r, name, e) : 0;
}
