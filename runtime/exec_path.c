/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/exec_path.h"

#include <fcntl.h>
#include <stdbool.h>
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

int exec_path_find(const char *name, const struct strvec *env, char *out, struct err *e)
{
	const char *path = strvec_get_env(env, "PATH");
	bool denied = false;

	if (strchr(name, '/')) {
		int r = executable(name);

		if (r == 0 && snprintf(out, PATH_MAX, "%s", name) >= PATH_MAX)
			r = -ENAMETOOLONG;
		return r < 0 ? explain(r, name, e) : 0;
	}
	for (const char *p = path ? path : DEFAULT_PATH; *name && *p; p += *p == ':') {
		size_t len = strcspn(p, ":");
		int n = snprintf(out, PATH_MAX, "%.*s/%s", (int)len, len ? p : ".", name);

		p += len;
		if (n < 0 || n >= PATH_MAX)
			continue;
		if (executable(out) == 0)
			return 0;
		denied = denied || access(out, F_OK) == 0;
	}
	if (denied)
		return explain(-EACCES, name, e);
	return err_set(e, -ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}
