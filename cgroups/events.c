/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/events.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/files.h"
#include "common/cleanup.h"

#define EVENTS_MAX 256

int cgroup_events_read(int dir_fd, const char *key, uint64_t *ret)
{
	char text[EVENTS_MAX];
	ssize_t n = cgroup_file_read(dir_fd, "cgroup.events", text, sizeof(text));

	return n < 0 ? (int)n : cgroup_text_key(text, key, ret);
}

/* kernfs reports POLLPRI for changes since the descriptor was last read. */
void cgroup_events_wait(int dir_fd, const char *key, uint64_t wanted, int wait_ms)
{
	cleanup_fd int fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	struct pollfd changed = { .fd = fd, .events = POLLPRI };
	char text[EVENTS_MAX];
	uint64_t value;
	ssize_t n;

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		if (cgroup_text_key(text, key, &value) == 0 && value == wanted)
			return;
	}
	(void)poll(&changed, 1, wait_ms); /* without a descriptor, a plain sleep */
}

bool cgroup_is_populated(const struct cgroup *c)
{
	uint64_t populated;

	return c->path && cgroup_events_read(c->dir_fd, "populated", &populated) == 0 && populated != 0;
}
