/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sysctl.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/vfs.h>

#include "common/cleanup.h"
#include "common/file.h"

#define SYSCTL_NAME_MAX 256

/* "net.ipv4.ip_forward" -> "net/ipv4/ip_forward"; a name with slashes keeps its dots (interfaces have some). */
static int write_one(int sys_fd, const char *setting, struct err *e)
{
	size_t len = strcspn(setting, "=");
	char path[SYSCTL_NAME_MAX];
	bool dots;
	int r;

	if (setting[len] != '=' || len >= sizeof(path))
		return err_set(e, -EINVAL, "bad sysctl '%.100s'", setting);
	memcpy(path, setting, len);
	path[len] = '\0';
	dots = !strchr(path, '/');
	for (char *p = path; dots && *p; p++)
		if (*p == '.')
			*p = '/';
	r = file_poke(sys_fd, path, setting + len + 1);
	return r < 0 ? err_code(e, r, "cannot set sysctl '%s'", setting) : 0;
}

int sysctl_apply(const struct strvec *settings, struct err *e)
{
	cleanup_fd int sys_fd = -1;
	struct statfs fs;
	int r = 0;

	if (settings->len == 0)
		return 0;
	sys_fd = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (sys_fd < 0 || fstatfs(sys_fd, &fs) < 0)
		return err_errno(e, "cannot open '/proc/sys'");
	if (fs.f_type != PROC_SUPER_MAGIC)
		return err_set(e, -EINVAL, "'/proc/sys' is not procfs");
	for (size_t i = 0; i < settings->len && r == 0; i++)
		r = write_one(sys_fd, settings->items[i], e);
	return r;
}
