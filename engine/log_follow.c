/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_follow.h"

#include <poll.h>
#include <unistd.h>

#include "common/process.h"
#include "engine/status_page.h"

static bool is_running(const struct status *s)
{
	return s->state == STATUS_RUNNING || s->state == STATUS_PAUSED;
}

static bool is_alive(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	return poll(&ended, 1, 0) == 0; /* of a zombie it is readable */
}

void log_follow_begin(int monitor_dir_fd, struct log_follow *ret)
{
	struct shared_page_owner monitor = { 0 };
	struct status s = { 0 };
	struct err e;

	*ret = (struct log_follow){ .monitor_fd = -1 };
	if (monitor_dir_fd < 0 || status_page_open(monitor_dir_fd, &ret->page, &e) < 0)
		return;
	if (status_page_read(&ret->page, &s, NULL, &monitor, &e) < 0 || !is_running(&s))
		return;
	ret->monitor_fd = process_pidfd_open(monitor.pid);
	ret->started_ns = s.started_ns;
	/* The pidfd is that of the owner if the owner is alive after it was opened. */
	ret->runs = ret->monitor_fd >= 0 && shared_page_owner_alive(&monitor);
}

void log_follow_done(struct log_follow *f)
{
	shared_page_done(&f->page);
	if (f->monitor_fd >= 0)
		(void)close(f->monitor_fd); /* only waited on */
	f->monitor_fd = -1;
}

bool log_follow_runs(struct log_follow *f)
{
	struct shared_page_owner monitor;
	struct status s;
	struct err e;
	int r;

	if (!f->runs)
		return false;
	r = status_page_read(&f->page, &s, NULL, &monitor, &e);
	/* Caught in the middle of a change (-EAGAIN), or about to be replaced: only the owner's end ends it. */
	f->runs = is_alive(f->monitor_fd) && (r < 0 || (is_running(&s) && s.started_ns == f->started_ns));
	return f->runs;
}
