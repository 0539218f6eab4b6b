/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/path.h"

#include <string.h>

int cgroup_path_add(struct buf *out, const char *path)
{
	for (;;) {
		size_t len;
		int r;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			return 0;
		if (len == 2 && memcmp(path, "..", 2) == 0)
			return -EINVAL;
		if (len != 1 || path[0] != '.') {
			r = buf_add_char(out, '/');
			if (r == 0)
				r = buf_add(out, path, len);
			if (r < 0)
				return r;
		}
		path += len;
	}
}
