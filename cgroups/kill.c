/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/kill.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "cgroups/events.h"
#include "cgroups/walk.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/timestamp.h"

#define FREEZE_WAIT_MS 2000
#define KILL_ROUNDS    5 /* without the freezer, forks race with us */

static int wait_until_frozen(const struct cgroup *c)
{
	int64_t deadline_ms = monotonic_ms() + FREEZE_WAIT_MS;

	for (;;) {
		uint64_t frozen;
		int64_t left_ms;
		int r = cgroup_events_read(c->dir_fd, "frozen", &frozen);

		if (r < 0 || frozen == 1)
			return r;
		left_ms = deadline_ms - monotonic_ms();
		if (left_ms <= 0)
			return -ETIMEDOUT;
		cgroup_events_wait(c->dir_fd, "frozen", 1, (int)left_ms);
	}
}

int cgroup_freeze(const struct cgroup *c, bool frozen, struct err *e)
{
	int r;

	if (!c->path)
		return err_set(e, -EOPNOTSUPP, "cannot freeze: the container has no cgroup");
	r = file_poke(c->dir_fd, "cgroup.freeze", frozen ? "1" : "0");
	if (r < 0)
		return err_code(e, r, "cannot %s cgroup '%s'", frozen ? "freeze" : "thaw", c->path);
	if (!frozen)
		return 0;
	r = wait_until_frozen(c);
	if (r < 0) {
		bool thawed = file_poke(c->dir_fd, "cgroup.freeze", "0") == 0;

		return err_code(e, r, "cannot freeze cgroup '%s'%s", c->path,
				thawed ? "" : " and cannot thaw it");
	}
	return 0;
}

struct request {
	int signal;
	size_t sent; /* to how many processes */
};

static int signal_listed(int fd, struct request *request)
{
	int procs_fd = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	cleanup_stream FILE *procs = NULL;
	char line[32];

	if (procs_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	procs = fdopen(procs_fd, "re");
	if (!procs) {
		(void)close(procs_fd);
		return -ENOMEM;
	}
	while (fgets(line, sizeof(line), procs)) {
		int64_t pid;

		line[strcspn(line, "\n")] = '\0';
		/* 0 is a process of another pid namespace, which kill(2) cannot name. */
		if (parse_i64(line, 1, INT32_MAX, &pid) == 0 && kill((pid_t)pid, request->signal) == 0)
			request->sent++;
	}
	return 0; /* a threaded cgroup lists its processes in the domain above it */
}

static int signal_visited(int parent_fd, int fd, const char *name, void *arg)
{
	(void)parent_fd;
	(void)name;
	return signal_listed(fd, arg);
}

int cgroup_signal(const struct cgroup *c, int signal, struct err *e)
{
	struct request request = { .signal = signal };
	int r;

	if (!c->path)
		return 0;
	r = signal_listed(c->dir_fd, &request);
	if (r == 0)
		r = cgroup_walk(c->dir_fd, signal_visited, &request);
	return r < 0 ? err_code(e, r, "cannot signal the processes of cgroup '%s'", c->path) : 0;
}

int cgroup_kill_each(const struct cgroup *c, struct err *e)
{
	struct err ignored;
	/* A process that hangs in the kernel does not freeze: kill the others all the same. */
	bool frozen = cgroup_freeze(c, true, &ignored) == 0;
	struct request request = { .signal = SIGKILL };
	int r, rounds = frozen ? 1 : KILL_ROUNDS;

	do {
		request.sent = 0;
		r = signal_listed(c->dir_fd, &request);
		if (r == 0)
			r = cgroup_walk(c->dir_fd, signal_visited, &request);
	} while (r == 0 && request.sent > 0 && --rounds > 0);
	if (r < 0)
		(void)err_code(e, r, "cannot kill the processes of cgroup '%s'", c->path);
	/* Killed processes end frozen or not; the others must not stay so. */
	if (frozen && cgroup_freeze(c, false, r < 0 ? &ignored : e) < 0 && r == 0)
		r = e->code;
	return r;
}

int cgroup_kill(const struct cgroup *c, struct err *e)
{
	int r;

	if (!c->path)
		return 0;
	r = file_poke(c->dir_fd, "cgroup.kill", "1");
	if (r == -ENOENT || r == -EOPNOTSUPP) /* an old kernel, or a threaded cgroup */
		return cgroup_kill_each(c, e);
	if (r < 0 && r != -ENODEV) /* ENODEV: removed meanwhile */
		return err_code(e, r, "cannot kill the processes of cgroup '%s'", c->path);
	return 0;
}
