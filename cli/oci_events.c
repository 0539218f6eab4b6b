/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cgroups/files.h"
#include "cli/events_stats.h"
#include "cli/oci.h"
#include "common/cleanup.h"
#include "common/go_duration.h"
#include "common/timestamp.h"
#include "runtime/control.h"

#define EVENT_MAX_BYTES     (1u << 20)
#define DEFAULT_INTERVAL_NS INT64_C(5000000000)
#define NS_PER_MS           1000000

struct events_options {
	int64_t interval_ns;
	bool stats;
};

static int set_duration(const char *text, void *member, struct err *e)
{
	int r = go_duration_parse(text, member);

	return r < 0 ? err_set(e, r, "expected a duration such as 5s or 1m30s") : 0;
}

#define EVENTS(member) offsetof(struct events_options, member)
static const struct option_def OPTIONS[] = {
	{ "interval", 0, OPTION_CALL, EVENTS(interval_ns), "duration", "Time between stats (default 5s)",
	  set_duration },
	{ "stats", 0, OPTION_BOOL, EVENTS(stats), NULL, "Print the stats once, and end" },
	{ 0 },
};

static const struct command_def EVENTS_COMMAND = {
	.name = "sampan-oci events",
	.usage = "[OPTIONS] CONTAINER-ID",
	.summary = "Print stats and out-of-memory events of a container, a line of JSON each, until it ends",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

/* A line of its own, which readers at the other end of a pipe get at once. */
static int print_line(struct json_out *o, struct err *e)
{
	int r = oci_print_json(o, e);

	if (r == 0 && (fputc('\n', stdout) == EOF || fflush(stdout) != 0))
		r = err_errno(e, "cannot write to stdout");
	return r;
}

/* -ENOENT: the cgroup has been removed. */
static int print_stats(const struct control *c, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, EVENT_MAX_BYTES);
	int r;

	json_out_object(o, NULL);
	json_out_string(o, "type", "stats");
	json_out_string(o, "id", c->state.id);
	r = events_stats_write(o, "data", c->cgroup.dir_fd, e);
	json_out_end(o);
	return r < 0 ? r : print_line(o, e);
}

static int print_oom(const struct control *c, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, EVENT_MAX_BYTES);

	json_out_object(o, NULL);
	json_out_string(o, "type", "oom");
	json_out_string(o, "id", c->state.id);
	json_out_end(o);
	return print_line(o, e);
}

/* --- the stream ----------------------------------------------------------------------------------------- */

struct stream {
	const struct control *container;
	int64_t interval_ms, next_ms; /* of the stats, on monotonic_ms's clock */
	int inotify_fd;               /* of memory.events; without the controller nothing comes of it */
	uint64_t ooms;                /* that have been told */
};

static uint64_t count_ooms(const struct control *c)
{
	char text[256];
	uint64_t count;

	if (cgroup_file_read(c->cgroup.dir_fd, "memory.events", text, sizeof(text)) < 0 ||
	    cgroup_text_key(text, "oom", &count) < 0)
		return 0;
	return count;
}

/* The watch comes before the count, so that no event falls between them. inotify(7), cgroup-v2.rst on memory.events. */
static int watch_memory(struct stream *s, struct err *e)
{
	char path[64];

	s->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->inotify_fd < 0)
		return err_errno(e, "cannot watch the container");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events", s->container->cgroup.dir_fd);
	if (inotify_add_watch(s->inotify_fd, path, IN_MODIFY) < 0 && errno != ENOENT)
		return err_errno(e, "cannot watch the container's memory.events");
	s->ooms = count_ooms(s->container);
	return 0;
}

/* memory.events changes for other reasons, too. */
static int tell_ooms(struct stream *s, struct err *e)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	uint64_t now;

	while (read(s->inotify_fd, events, sizeof(events)) > 0)
		;
	now = count_ooms(s->container);
	if (now <= s->ooms)
		return 0;
	s->ooms = now;
	return print_oom(s->container, e);
}

static int wait_ms(const struct stream *s)
{
	int64_t left_ms = s->next_ms - monotonic_ms();

	if (left_ms < 0)
		return 0;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* Returns 1 when the container has ended. */
static int step(struct stream *s, struct err *e)
{
	struct pollfd fds[] = { { .fd = s->container->pidfd, .events = POLLIN },
				{ .fd = s->inotify_fd, .events = POLLIN } };
	int r = 0;

	if (poll(fds, ARRAY_LEN(fds), wait_ms(s)) < 0 && errno != EINTR)
		return err_errno(e, "cannot wait for the container");
	if (fds[1].revents)
		r = tell_ooms(s, e); /* before its end: the last process killed may have been init */
	if (r == 0 && fds[0].revents)
		return 1;
	if (r == 0 && monotonic_ms() >= s->next_ms) {
		s->next_ms = monotonic_ms() + s->interval_ms;
		r = print_stats(s->container, e);
	}
	return r == -ENOENT ? 1 : r;
}

static int stream_events(const struct control *c, int64_t interval_ns, struct err *e)
{
	struct stream s = { .container = c, .inotify_fd = -1 };
	int r;

	s.interval_ms = interval_ns < NS_PER_MS ? 1 : interval_ns / NS_PER_MS;
	s.next_ms = monotonic_ms() + s.interval_ms;
	r = watch_memory(&s, e);
	while (r == 0)
		r = step(&s, e);
	if (s.inotify_fd >= 0)
		(void)close(s.inotify_fd);
	return r < 0 ? r : 0;
}

static int events(const struct oci_globals *g, const char *id, const struct events_options *o, struct err *e)
{
	cleanup_control struct control c = { .pidfd = -1 };
	int r;

	if (o->interval_ns <= 0)
		return err_set(e, -EINVAL, "duration interval must be greater than 0");
	r = control_open(g->root, id, &c, e);
	if (r < 0)
		return r;
	if (c.status == RUNTIME_STOPPED)
		return err_set(e, -EBUSY, "container with id %s is not running", id);
	if (!c.cgroup.path)
		return err_set(e, -EOPNOTSUPP, "container '%s' has no cgroup that counts", id);
	return o->stats ? print_stats(&c, e) : stream_events(&c, o->interval_ns, e);
}

int oci_events(int argc, char **argv, const struct oci_globals *g)
{
	struct events_options o = { .interval_ns = DEFAULT_INTERVAL_NS };
	int exit_code, count;
	struct err e;

	if (!oci_options(g, &EVENTS_COMMAND, argc, argv, &o, &count, &exit_code))
		return exit_code;
	return events(g, argv[1], &o, &e) < 0 ? oci_fail(g, &e) : 0;
}
