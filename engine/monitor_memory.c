/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the kernel has killed for want of memory, where that cannot be asked after the end: systemd removes a scope's cgroup when it is empty. */
#include <string.h>
#include <unistd.h>

#include "engine/monitor_program.h"

#define EVENTS_MAX 512 /* bytes of memory.events */
#define KILLS      "\noom_kill "

void monitor_memory_watch(struct monitor *m, int events_fd, uint64_t limit)
{
	monitor_memory_end(m);
	m->memory = (struct monitor_memory){ .events_fd = events_fd, .limit = limit };
}

void monitor_memory_look(struct monitor *m)
{
	char text[EVENTS_MAX];
	ssize_t n = m->memory.events_fd < 0 ? -1 : pread(m->memory.events_fd, text, sizeof(text) - 1, 0);
	const char *kills;

	if (n < 0) { /* the cgroup is gone, or there is none: what was seen is what there is */
		monitor_memory_end(m);
		return;
	}
	text[n] = '\0';
	kills = strstr(text, KILLS);
	if (kills && kills[sizeof(KILLS) - 1] != '0')
		m->memory.killed = true;
}

void monitor_memory_end(struct monitor *m)
{
	if (m->memory.events_fd >= 0)
		(void)close(m->memory.events_fd);
	m->memory.events_fd = -1;
}
