/* SPDX-License-Identifier: Apache-2.0 */
#include "common/program_path.h"

#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>

#include "common/cleanup.h"

#define CONCEALED "/memfd:"

char *program_path_self(void)
{
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	return len < 0 ? NULL : strndup(self, (size_t)len);
}

/* Where the link leads elsewhere (docs/adr/0006-conceal-the-binary.md), what execve(2) was given. */
static char *own_path(void)
{
	char *self = program_path_self();
	unsigned long executed = getauxval(AT_EXECFN);

	if (!self || strncmp(self, CONCEALED, strlen(CONCEALED)) != 0 || !executed)
		return self;
	free(self);
	return strdup((const char *)executed); // NOLINT(performance-no-int-to-ptr): getauxval(3)
}

/* <dir of this program>/libexec/sampan/NAME; of a program that is in such a directory itself the one beside it. Owned; NULL where that cannot be told. */
static char *beside_us(const char *name)
{
	static const char LIBEXEC[] = "/libexec/sampan";
	cleanup_free char *self = own_path();
	const char *slash = self ? strrchr(self, '/') : NULL;
	size_t len = slash ? (size_t)(slash - self) : 0;
	bool inside = len >= sizeof(LIBEXEC) - 1 &&
		      strncmp(slash - (sizeof(LIBEXEC) - 1), LIBEXEC, sizeof(LIBEXEC) - 1) == 0;
	char *path;

	if (!slash)
		return NULL;
	return asprintf(&path, "%.*s%s/%s", (int)len, self, inside ? "" : LIBEXEC, name) < 0 ? NULL : path;
}

static char *in_dir(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

int program_path(const char *name, char **ret, struct err *e)
{
	const char *dir = getenv("SAMPAN_LIBEXEC");
	cleanup_free char *path = dir && *dir ? in_dir(dir, name) : beside_us(name);

	if (!(dir && *dir) && (!path || access(path, X_OK) < 0)) {
		free(path);
		path = in_dir(SAMPAN_LIBEXECDIR, name);
	}
	if (!path)
		return err_code(e, -ENOMEM, "cannot look for %s", name);
	if (access(path, X_OK) < 0)
		return err_errno(e,
				 "cannot run '%s' (install it there, or set SAMPAN_LIBEXEC to its directory)",
				 path);
	*ret = ptr_take(path);
	return 0;
}
