/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/launch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "engine/container_spec.h"
#include "engine/launch_events.h"
#include "engine/launch_mounts.h"
#include "engine/launch_network.h"
#include "engine/life.h"
#include "engine/monitor.h"
#include "engine/network_state.h"
#include "engine/network_up.h"
#include "engine/notify.h"
#include "runtime/control.h"
#include "runtime/runtime.h"
#include "store/container.h"
#include "store/volume.h"

#define NS_PER_S 1000000000

enum { EXIT_SAMPAN = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 }; /* docker's */

/* All that a start takes. */
struct launch {
	struct container_record record;
	struct life life;
	struct overlay_plan overlay;
	struct filtered_spec config;
	struct network_config network;
	char *dir;
	int dir_fd;
	int starter_fd; /* until the monitor has given its word; -1: it has */
};

static void launch_done(struct launch *l)
{
	container_record_done(&l->record);
	life_done(&l->life);
	overlay_plan_done(&l->overlay);
	filtered_spec_done(&l->config);
	network_config_done(&l->network);
	if (l->dir_fd >= 0)
		(void)close(l->dir_fd);
	if (l->starter_fd >= 0)
		(void)close(l->starter_fd);
	free(l->dir);
}
#define cleanup_launch __attribute__((cleanup(launch_done)))

static int load(const struct store *s, const char *state_dir, const char *id, struct launch *ret,
		struct err *e)
{
	int r = container_find(s, id, &ret->record, e);

	if (r == 0)
		r = container_open_dir(s, ret->record.id, &ret->dir_fd, e);
	if (r == 0)
		r = life_read(ret->dir_fd, &ret->life, e);
	if (r == 0)
		r = network_config_load(ret->dir_fd, &ret->network, e);
	if (r == 0)
		r = container_spec_read_filtered(ret->dir_fd, state_dir, &ret->config, e);
	if (r == 0)
		r = container_overlay(s, &ret->record, &ret->overlay, e);
	if (r < 0)
		return r;
	if (asprintf(&ret->dir, "%s/containers/%s", store_root_path(s), ret->record.id) < 0) {
		ret->dir = NULL;
		return err_code(e, -ENOMEM, "cannot start a container");
	}
	return 0;
}

/* What exec failed with -> docker's exit code; 125 where it did not come to that. */
static int failure_code(const struct err *e)
{
	if (e->code == -ENOEXEC)
		return EXIT_NOT_EXECUTABLE;
	if (!strstr(e->text, "exec: \""))
		return EXIT_SAMPAN;
	return e->code == -ENOENT || e->code == -ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

static int tell(int fd, enum monitor_message_type type, const struct runtime_container *c, int passed_fd,
		struct err *e)
{
	struct monitor_message message = { .type = type, .a = c->pid };
	int r = process_start_time(c->pid, &message.u);

	if (r == -ESRCH)
		r = 0; /* it is that short */
	if (r == 0)
		r = monitor_send(fd, &message, NULL, passed_fd, 0);
	return r < 0 ? err_code(e, r, "cannot reach the container's monitor") : 0;
}

static void tell_failure(int fd, const struct err *e)
{
	const struct monitor_message message = { .type = MONITOR_FAILED,
						 .a = failure_code(e),
						 .b = e->code,
						 .data_len = (uint32_t)strlen(e->text) };

	IGNORE_RESULT(
		monitor_send(fd, &message, e->text, -1, 0)); /* without a monitor there is nobody to tell */
}

/* The monitor keeps the sockets that hold the published ports for the container. */
static int hand_over(int report_fd, const struct network_sockets *sockets, struct err *e)
{
	const struct monitor_message message = { .type = MONITOR_HOLD };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sockets->len; i++)
		r = monitor_send(report_fd, &message, NULL, sockets->fds[i], 0);
	return r < 0 ? err_code(e, r, "cannot reach the container's monitor") : 0;
}

/* systemd removes a scope's cgroup with its last process: what the kernel has killed in it must be known before. */
static int hand_over_memory(int report_fd, const struct runtime_container *c, struct err *e)
{
	struct monitor_message message = { .type = MONITOR_MEMORY, .u = UINT64_MAX };
	struct cgroup_stats stats;
	struct err ignored;
	cleanup_fd int fd = -1;
	int r;

	if (!c->cgroup.unit)
		return 0;
	fd = openat(c->cgroup.dir_fd, "memory.events", O_RDONLY | O_CLOEXEC);
	if (fd < 0) /* the user has not been given the controller: then there is no limit either */
		return 0;
	if (cgroup_read_stats(&c->cgroup, &stats, &ignored) == 0)
		message.u = stats.memory_max;
	r = monitor_send(report_fd, &message, NULL, fd, 0);
	return r < 0 ? err_code(e, r, "cannot reach the container's monitor") : 0;
}

/* netavark enters it at the end. What it removes there it removes in half the time that it takes with a namespace that stands in for one that is gone. */
static int hand_over_network(int report_fd, pid_t pid, struct err *e)
{
	const struct monitor_message message = { .type = MONITOR_NETWORK };
	cleanup_fd int fd = -1;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	r = monitor_send(report_fd, &message, NULL, fd, 0);
	return r < 0 ? err_code(e, r, "cannot reach the container's monitor") : 0;
}

static int start_networks(const struct store *s, const struct launch *l, const struct runtime_args *args,
			  const struct runtime_container *c, int report_fd, struct network_result *networks,
			  struct err *e)
{
	const struct network_args network = { .root = store_root_path(s),
					      .state_dir = args->state_root,
					      .id = l->record.id,
					      .name = l->record.name,
					      .hostname = l->config.spec.hostname,
					      .pid = c->pid };
	int r = launch_network_start(&network, &l->network, l->dir_fd, networks, e);

	if (r == 0)
		r = hand_over(report_fd, &networks->sockets, e);
	return r == 0 && networks->record.attachments_len > 0 ? hand_over_network(report_fd, c->pid, e) : r;
}

static int wait_for_monitor(struct launch *l, int report_fd, struct err *e)
{
	struct monitor_message message;
	int r;

	if (l->starter_fd < 0)
		return 0;
	r = monitor_receive(report_fd, &message, NULL, 0, 0, NULL);
	if (r <= 0 || message.type != MONITOR_GO)
		return err_set(e, r < 0 ? r : -ECANCELED, "the container's monitor does not want it");
	(void)close(fd_take(&l->starter_fd));
	return 0;
}

/* The monitor may still begin while the container is made, whose init waits for us before it runs anything. */
static int run(const struct store *s, struct launch *l, const struct runtime_args *args, int report_fd,
	       struct err *e)
{
	cleanup_runtime_container struct runtime_container c = RUNTIME_CONTAINER_EMPTY;
	cleanup_network_result struct network_result networks = { 0 };
	struct err ignored;
	int r = runtime_create(args, &c, e);

	if (r < 0)
		return r;
	r = wait_for_monitor(l, report_fd, e);
	if (r == 0)
		r = tell(report_fd, MONITOR_CREATED, &c, c.console_fd, e);
	if (r == 0)
		r = hand_over_memory(report_fd, &c, e);
	if (r == 0)
		r = start_networks(s, l, args, &c, report_fd, &networks, e);
	if (r == 0)
		r = runtime_start(args, &c, e);
	if (r == 0) /* first: who has started it finds the event */
		launch_events_start(s, args->state_root, &l->record, args->spec, &networks.record);
	if (r == 0)
		r = tell(report_fd, MONITOR_STARTED, &c, -1, e);
	if (r < 0) {
		IGNORE_RESULT(runtime_delete(args->state_root, args->id, true, &ignored));
		IGNORE_RESULT(network_down(args->state_root, args->id, -1, &ignored));
	}
	return r;
}

int container_launch(const struct store *s, const char *state_dir, const char *id, int report_fd,
		     int starter_fd, struct err *e)
{
	cleanup_launch struct launch l = { .dir_fd = -1, .starter_fd = starter_fd };
	struct runtime_args args = { .state_root = state_dir, .id = id };
	cleanup_launch_additions struct launch_additions additions = { .store = s,
								       .state_dir = state_dir,
								       .record = &l.record,
								       .life = &l.life,
								       .spec = &l.config.spec,
								       .overlay = &l.overlay };
	int r = load(s, state_dir, id, &l, e);

	additions.dir = l.dir;
	if (r == 0)
		r = launch_add(&additions, e);
	if (r == 0)
		r = launch_network_join(s, state_dir, &l.network, &l.config.spec, e);
	if (r == 0 && notify_address()) /* only then has the monitor made its socket, or none */
		r = wait_for_monitor(&l, report_fd, e);
	if (r == 0 && l.starter_fd < 0)
		r = launch_add_notify(&additions, e);
	if (r == 0) {
		args.bundle = l.dir;
		args.spec = &l.config.spec;
		args.filter = l.config.filter.insns ? &l.config.filter : NULL;
		args.overlay = l.overlay.lower.len > 0 ? &l.overlay : NULL; /* --rootfs has no layers */
		args.init_process = l.life.init;
		args.systemd_cgroup = cgroup_wants_user_scope();
		r = run(s, &l, &args, report_fd, e);
	}
	if (r < 0) {
		launch_undo(s, id, l.record.id[0] ? &l.record : NULL);
		tell_failure(report_fd, e);
	}
	return r;
}

/* --- the end --- */

static void read_oom(const char *state_dir, const char *id, struct monitor_message *ret)
{
	cleanup_control struct control c = { .pidfd = -1, .cgroup = { .dir_fd = -1 } };
	struct cgroup_stats stats;
	struct err ignored; /* a container without a cgroup of its own has no OOM kills of its own either */

	ret->u = UINT64_MAX;
	if (control_open(state_dir, id, &c, &ignored) < 0 || !c.cgroup.path ||
	    cgroup_find_enabled(&c.cgroup, &ignored) < 0 || !(c.cgroup.enabled & CGROUP_MEMORY) ||
	    cgroup_read_stats(&c.cgroup, &stats, &ignored) < 0)
		return;
	ret->a = stats.oom_kill_events != UINT64_MAX && stats.oom_kill_events > 0;
	ret->u = stats.memory_max;
}

static int set_time(char **member, int64_t ns)
{
	const struct timespec t = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
	char text[TIMESTAMP_MAX];

	if (ns <= 0)
		return 0;
	timestamp_format(&t, text);
	free(*member);
	*member = strdup(text);
	return *member ? 0 : -ENOMEM;
}

static int record_end(const struct store *s, const char *id, const struct container_end *end, bool oom,
		      struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	int r = container_find(s, id, &c, e);

	if (r < 0)
		return r;
	c.status = CONTAINER_EXITED;
	c.pid = 0;
	c.pid_start_ticks = 0;
	c.exit_code = end->exit_code;
	c.oom_killed = oom;
	c.restarts = end->restarts;
	free(c.error);
	c.error = end->error ? strdup(end->error) : NULL;
	r = set_time(&c.started, end->started_ns);
	if (r == 0)
		r = set_time(&c.finished, end->finished_ns);
	if (r < 0 || (end->error && !c.error))
		return err_code(e, -ENOMEM, "cannot record the container's end");
	return container_save(s, &c, true, e);
}

/* Where it is not known whether it had networks, they are looked for. */
static bool may_have_networks(const struct store *s, const char *id)
{
	cleanup_network_config struct network_config c = { 0 };
	cleanup_fd int dir_fd = -1;
	struct err ignored;

	return container_open_dir(s, id, &dir_fd, &ignored) < 0 ||
	       network_config_load(dir_fd, &c, &ignored) < 0 || c.mode == NETWORK_BRIDGE;
}

static void tell_end(const char *state_dir, const struct container_record *c, const struct container_end *end,
		     bool oom, bool had_networks)
{
	cleanup_network_record struct network_record networks = { 0 };
	struct launch_end told = { .exit_code = end->exit_code,
				   .ran_s = (end->finished_ns - end->started_ns) / NS_PER_S,
				   .oom_killed = oom,
				   .networks = &networks };
	struct err ignored; /* they are down already */

	if (end->started_ns <= 0)
		told.ran_s = 0;
	if (had_networks)
		IGNORE_RESULT(network_record_load(state_dir, c->id, &networks, &ignored));
	launch_events_end(state_dir, c, &told);
}

struct report {
	int fd;
	const char *id;
	bool asked;
	bool heard; /* it has been told that the container is gone */
};

static bool tell_removed(void *report, const struct container_removal *removal)
{
	struct report *to = report;
	struct monitor_message message = { .type = MONITOR_REMOVED };
	char trash[CONTAINER_TRASH_MAX];
	bool leaves = to->asked && removal && removal->dir_fd >= 0;

	container_trash_name(to->id, trash);
	if (leaves)
		message.data_len = (uint32_t)strlen(trash);
	to->heard = monitor_send(to->fd, &message, trash, leaves ? removal->dir_fd : -1, 0) == 0;
	return leaves && to->heard;
}

/* A container as it was found, or why it was not. */
struct ended {
	int found;
	struct container_record record;
	struct err why;
};

static void ended_done(struct ended *c)
{
	container_record_done(&c->record);
}
#define cleanup_ended __attribute__((cleanup(ended_done)))

/* As container_clean_up. Of one that is gone somebody may have left a part, whose `rm -f` was faster, or who was to clear away and was killed. */
static int settle(const struct store *s, const char *state_dir, const struct ended *c, const char *id,
		  const struct container_end *end, bool oom, int report_fd, struct err *e)
{
	struct report report = { .fd = report_fd, .id = id, .asked = end->asked };
	bool goes = end->final && end->remove;
	int r = c->found;

	if (r < 0 && r != -ENOENT)
		return err_set(e, r, "%s", c->why.text);
	if (r == 0 && goes)
		r = launch_remove_telling(s, state_dir, &c->record, tell_removed, &report, e);
	else if (r == 0 && end->final)
		r = record_end(s, id, end, oom, e);
	if (r == -ENOENT)
		r = goes ? container_remove_rest(s, id, e) : 0;
	return r == 0 && end->asked && !report.heard ? 1 : r;
}

static int delete_ended(const struct store *s, const char *state_dir, const char *id, const struct ended *c,
			struct err *e)
{
	int r = runtime_delete(state_dir, id, true, e);

	launch_undo(s, id, c->found == 0 ? &c->record : NULL);
	return r == -ENOENT || r > 0 ? 0 : r;
}

/* Of several failures the first is told. */
static struct err *unless_failed(int r, struct err *later, struct err *e)
{
	return r < 0 ? later : e;
}

static int first_of(int r, int next)
{
	return r < 0 ? r : next;
}

int container_clean_up(const struct store *s, const char *state_dir, const char *id,
		       const struct container_end *end, int report_fd, struct err *e)
{
	cleanup_ended struct ended c = { 0 };
	cleanup_network_state struct network_state networks = NETWORK_STATE_EMPTY;
	struct monitor_message message = { .type = MONITOR_CLEANED };
	bool goes = end->final && end->remove, had_networks = !end->asked && may_have_networks(s, id);
	struct err later;
	int r, opened;

	read_oom(state_dir, id, &message);
	r = monitor_send(report_fd, &message, NULL, -1, 0);
	if (r < 0 && end->asked)
		return err_code(e, r, "the container's monitor does without");
	c.found = container_find(s, id, &c.record, &c.why);
	if (c.found == 0 && end->died)
		tell_end(state_dir, &c.record, end, message.a != 0, had_networks);
	r = delete_ended(s, state_dir, id, &c, e);
	opened = had_networks ? network_state_open(state_dir, false, &networks, unless_failed(r, &later, e))
			      : -ENOENT;
	if (opened != -ENOENT)
		r = first_of(r, opened);
	/* Whoever needs the networks next waits for their lock: so who waits for the end of a container that goes need not wait until its
	 * networks are down, of which the kernel's part alone is a tenth of a second. */
	if (opened == 0 && !goes)
		r = first_of(r, network_down_in(&networks, id, end->netns_fd, unless_failed(r, &later, e)));
	r = first_of(r, settle(s, state_dir, &c, id, end, message.a != 0, report_fd,
			       unless_failed(r, &later, e)));
	if (opened == 0 && goes)
		r = first_of(r, network_down_in(&networks, id, end->netns_fd, unless_failed(r, &later, e)));
	return r;
}
