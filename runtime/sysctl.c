/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sysctl.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "runtime/procfs.h"

#define SYSCTL_NAME_MAX 256

/* "net.ipv4.ip_forward" -> "sys/net/ipv4/ip_forward"; a name with slashes keeps its dots (interfaces have some). */
static int write_one(int proc_fd, const char *setting, struct err *e)
{
	size_t len = strcspn(setting, "=");
	char path[SYSCTL_NAME_MAX];
	bool dots;
	int r;

	if (setting[len] != '=' || len >= sizeof(path) - strlen("sys/"))
		return err_set(e, -EINVAL, "bad sysctl '%.100s'", setting);
	(void)snprintf(path, sizeof(path), "sys/%.*s", (int)len, setting);
	dots = !strchr(path + strlen("sys/"), '/');
	for (char *p = path; dots && *p; p++)
		if (*p == '.')
			*p = '/';
	r = procfs_write(proc_fd, path, setting + len + 1, e);
	return r < 0 ? err_code(e, r, "cannot set sysctl '%s'", setting) : 0;
}

int sysctl_apply(const struct strvec *settings, struct err *e)
{
	cleanup_fd int proc_fd = -1;
	int r = settings->len ? procfs_open(&proc_fd, e) : 0;

	for (size_t i = 0; i < settings->len && r == 0; i++)
		r = write_one(proc_fd, settings->items[i], e);
	return r;
}
