/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/host.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "cgroups/files.h"
#include "common/cleanup.h"

const char *cgroup_controller_name(enum cgroup_controller c)
{
	switch (c) {
	case CGROUP_CPU:
		return "cpu";
	case CGROUP_MEMORY:
		return "memory";
	case CGROUP_PIDS:
		return "pids";
	case CGROUP_IO:
		return "io";
	case CGROUP_CPUSET:
		return "cpuset";
	case CGROUP_HUGETLB:
		return "hugetlb";
	case CGROUP_RDMA:
		return "rdma";
	case CGROUP_MISC:
		return "misc";
	}
	return "unknown";
}

int cgroup_own_path(const char *proc_cgroup, char *out, size_t size)
{
	const char *line = proc_cgroup;
	size_t len;

	while (strncmp(line, "0::", 3) != 0) {
		line = strchr(line, '\n');
		if (!line)
			return -ENOENT;
		line++;
	}
	line += 3;
	len = strcspn(line, "\n");
	if (len >= size)
		return -EFBIG;
	memcpy(out, line, len);
	out[len] = '\0';
	return 0;
}

int cgroup_own_path_read(char *out, size_t size)
{
	char text[8192];
	ssize_t n = cgroup_file_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));

	return n < 0 ? (int)n : cgroup_own_path(text, out, size);
}

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

void cgroup_host_find(struct cgroup_host *ret)
{
	*ret = (struct cgroup_host){ .mode = CGROUP_NONE };
	if (is_cgroup2("/sys/fs/cgroup"))
		ret->mode = CGROUP_UNIFIED;
	else if (is_cgroup2("/sys/fs/cgroup/unified"))
		ret->mode = CGROUP_HYBRID;
	else
		return;
	if (ret->mode == CGROUP_UNIFIED)
		memcpy(ret->mount_point, "/sys/fs/cgroup", sizeof("/sys/fs/cgroup"));
	else
		memcpy(ret->mount_point, "/sys/fs/cgroup/unified", sizeof("/sys/fs/cgroup/unified"));
}

int cgroup_host_detect(struct cgroup_host *ret, struct err *e)
{
	char text[1024], path[sizeof(ret->mount_point) + sizeof("/cgroup.controllers")];
	struct cgroup_host host;
	ssize_t n;

	cgroup_host_find(&host);
	if (host.mode != CGROUP_NONE) {
		(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", host.mount_point);
		n = cgroup_file_read(AT_FDCWD, path, text, sizeof(text));
		if (n < 0)
			return err_code(e, (int)n, "cannot read '%s'", path);
		host.available = cgroup_text_controllers(text);
	}
	*ret = host;
	return 0;
}
