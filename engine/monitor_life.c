/* SPDX-License-Identifier: Apache-2.0 */
/* A container's life as its monitor makes it: starts, what helpers say, ends, and the way from one to the next. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/names.h"
#include "common/timestamp.h"
#include "engine/monitor_program.h"

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail */
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void monitor_publish(struct monitor *m)
{
	if (m->log_open)
		m->status.log_offset = log_writer_offset(&m->log);
	status_page_publish(&m->page, &m->status);
}

/* To who started the monitor, once. */
static void report(struct monitor *m, const struct monitor_message *message, const void *data)
{
	if (m->report_fd < 0)
		return;
	IGNORE_RESULT(
		monitor_send(m->report_fd, message, data, -1, MSG_DONTWAIT)); /* it may have been killed */
	(void)close(m->report_fd);
	m->report_fd = -1;
}

void monitor_report_failure(struct monitor *m, int exit_code)
{
	const struct monitor_message message = { .type = MONITOR_FAILED,
						 .a = exit_code,
						 .data_len = (uint32_t)strlen(m->error) };

	report(m, &message, m->error);
}

void monitor_signal(const struct monitor *m, int number)
{
	if (m->status.pid > 0 && !m->init_ended)
		(void)kill(m->status.pid, number); /* our child, not reaped: the number is its own */
}

/* --- start --- */

static void start_failed(struct monitor *m, int exit_code);

static bool has_own_streams(const struct monitor *m)
{
	return m->config.log.driver == LOG_PASSTHROUGH;
}

static int start_launcher(struct monitor *m, struct err *e)
{
	struct monitor_stdio stdio;
	int r = monitor_streams_open(&m->streams, m->config.tty, m->config.interactive, has_own_streams(m),
				     &stdio);

	if (r < 0)
		return r;
	r = monitor_output_open(m, e);
	if (r == 0)
		r = monitor_helper_start(m, "monitor-launch", NULL, &stdio, &m->helper);
	monitor_stdio_close(&stdio);
	return r;
}

static void say_why(struct monitor *m, int r, const struct err *e)
{
	(void)snprintf(m->error, sizeof(m->error), "%s%.200s",
		       e->code < 0 ? "" : "cannot start the container: ",
		       e->code < 0 ? e->text : errno_text(-r));
}

static int wait_for_starter(const struct monitor *m, struct err *e)
{
	struct monitor_message message;
	int r = monitor_receive(m->report_fd, &message, NULL, 0, 0, NULL);

	return r > 0 && message.type == MONITOR_GO
		       ? 0
		       : err_set(e, r < 0 ? r : -ECANCELED,
				 "cannot start the container: who started it has ended, or could not "
				 "write it to disk");
}

/* That of the first start runs already, and waits for our word to make the container. Without it, or without us, it ends. */
static void take_launcher(struct monitor *m)
{
	const struct monitor_message go = { .type = MONITOR_GO };
	struct err e = { 0 };
	int r;

	m->helper = (struct monitor_helper){ .pid = m->config.launcher, .fd = MONITOR_FD_LAUNCHER };
	m->config.launcher = 0;
	monitor_streams_adopt(&m->streams, m->config.tty, m->config.interactive, has_own_streams(m));
	r = monitor_output_open(m, &e);
	if (r == 0)
		r = wait_for_starter(m, &e);
	if (r == 0) {
		IGNORE_RESULT(monitor_send(m->helper.fd, &go, NULL, -1, 0)); /* its end will say why */
		return;
	}
	say_why(m, r, &e);
	m->status.exit_code = MONITOR_EXIT_FAILED;
	(void)close(m->helper.fd);
	m->helper.fd = -1;
}

void monitor_launch(struct monitor *m)
{
	struct err e = { 0 };
	int r;

	m->phase = PHASE_LAUNCHING;
	m->started = m->init_ended = false;
	m->kill_ms = 0;
	monitor_memory_watch(m, -1, UINT64_MAX);
	m->launched_ms = monotonic_ms();
	m->status.pid = 0;
	m->status.pid_start_ticks = 0;
	m->status.exit_code = 0;
	if (m->config.launcher > 0) {
		take_launcher(m);
		return;
	}
	r = start_launcher(m, &e);
	if (r < 0) {
		say_why(m, r, &e);
		start_failed(m, MONITOR_EXIT_FAILED);
	}
}

/* The last who has it takes its mounts down: not init, of whose end we hear after that only, but we, while somebody clears away. */
static void hold_mounts(struct monitor *m)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", m->status.pid);
	m->mntns_fd = open(path, O_RDONLY | O_CLOEXEC);
}

static void let_go_of_mounts(struct monitor *m)
{
	if (m->mntns_fd >= 0)
		(void)close(m->mntns_fd); /* nothing was written */
	m->mntns_fd = -1;
}

static void take_created(struct monitor *m, const struct monitor_message *message, int console_fd)
{
	m->status.pid = message->a;
	m->status.pid_start_ticks = message->u;
	hold_mounts(m);
	if (console_fd >= 0)
		monitor_streams_take_terminal(&m->streams, console_fd, m->config.interactive);
}

static void take_started(struct monitor *m, const struct monitor_message *message)
{
	m->started = m->ever_started = true;
	m->error[0] = '\0';
	m->status.state = STATUS_RUNNING;
	m->status.started_ns = now_ns();
	m->status.exit_code = 0;
	m->status.oom_killed = false;
	m->status.health = m->config.health.set ? STATUS_HEALTH_STARTING : STATUS_HEALTH_NONE;
	m->status.health_failures = 0;
	monitor_publish(m);
	monitor_probe_begin(m);
	if (m->config.sdnotify == NOTIFY_CONMON)
		monitor_notify_ready(m);
	report(m, message, NULL);
	if (m->stopping)
		monitor_signal(m, m->config.stop_signal);
}

static void close_network(struct monitor *m)
{
	if (m->netns_fd >= 0)
		(void)close(m->netns_fd); /* nothing was written */
	m->netns_fd = -1;
}

static void finish(struct monitor *m);

/* Nobody needs to wait for the files; we do (monitor_main). */
static void take_removed(struct monitor *m)
{
	if (m->phase == PHASE_CLEANING && !m->restarting)
		finish(m);
}

void monitor_take_cleaned(struct monitor *m, const struct monitor_message *message)
{
	m->status.oom_killed = message->a != 0 || m->memory.killed;
	m->memory_max = m->memory.killed ? m->memory.limit : message->u;
}

static void take_message(struct monitor *m, const struct monitor_message *message, const char *data, int fd)
{
	switch (message->type) {
	case MONITOR_CREATED:
		take_created(m, message, fd);
		return;
	case MONITOR_HOLD:
		if (fd >= 0 && m->held_len < MONITOR_HELD_MAX) {
			m->held[m->held_len++] = fd;
			return;
		}
		break;
	case MONITOR_NETWORK:
		close_network(m);
		m->netns_fd = fd;
		return;
	case MONITOR_MEMORY:
		monitor_memory_watch(m, fd, message->u);
		return;
	case MONITOR_STARTED:
		take_started(m, message);
		break;
	case MONITOR_FAILED:
		(void)snprintf(m->error, sizeof(m->error), "%.*s", (int)message->data_len, data);
		m->status.exit_code = message->a;
		break;
	case MONITOR_CLEANED:
		monitor_take_cleaned(m, message);
		break;
	case MONITOR_REMOVED:
		take_removed(m);
		break;
	default:
		break;
	}
	if (fd >= 0)
		(void)close(fd);
}

void monitor_read_helper(struct monitor *m)
{
	struct monitor_message message;
	char data[sizeof(m->error)];
	int fd = -1, r;

	while (m->helper.fd >= 0) {
		r = monitor_receive(m->helper.fd, &message, data, sizeof(data), MSG_DONTWAIT, &fd);
		if (r == -EAGAIN)
			return;
		if (r <= 0) {
			(void)close(m->helper.fd);
			m->helper.fd = -1;
			return;
		}
		take_message(m, &message, data, fd);
		fd = -1;
	}
}

/* --- end --- */

/* `final`: there will be no other start, and the store gets to know how it was. */
static void clean_up(struct monitor *m, bool final)
{
	char code[32], restarts[32], started[40], finished[40], error[sizeof(m->error) + 16];
	static char died_flag[] = "--died", final_flag[] = "--final", network_flag[] = "--network",
		    remove_flag[] = "--remove";
	const struct monitor_stdio stdio = { { m->netns_fd, -1, -1 } };
	char *args[] = { code, restarts, started, finished, NULL, NULL, NULL, NULL, NULL, NULL };
	size_t n = 4;
	int r;

	(void)snprintf(code, sizeof(code), "--exit-code=%d", m->status.exit_code);
	(void)snprintf(restarts, sizeof(restarts), "--restarts=%u", m->status.restarts);
	(void)snprintf(started, sizeof(started), "--started=%lld", (long long)m->status.started_ns);
	(void)snprintf(finished, sizeof(finished), "--finished=%lld", (long long)m->status.finished_ns);
	if (m->phase != PHASE_CLEANING && m->phase != PHASE_WAITING)
		args[n++] = died_flag;
	if (final)
		args[n++] = final_flag;
	if (final && m->config.auto_remove)
		args[n++] = remove_flag;
	if (m->netns_fd >= 0)
		args[n++] = network_flag;
	if (m->error[0]) {
		(void)snprintf(error, sizeof(error), "--error=%s", m->error);
		args[n++] = error;
	}
	m->phase = PHASE_CLEANING;
	m->restarting = !final;
	m->memory_max = UINT64_MAX;
	r = monitor_helper_start(m, "monitor-cleanup", args, &stdio, &m->helper);
	if (r < 0) /* without it, what is left is for the next command to find */
		m->helper = (struct monitor_helper){ .ended = true, .fd = -1 };
}

/* Its networks are a helper's, who may take its time (docs/adr/0016). Before it has started, its client waits for something else. */
static bool ask_client(struct monitor *m)
{
	if (!m->config.auto_remove || m->phase != PHASE_RUNNING || m->netns_fd >= 0 ||
	    !monitor_asked_begin(m))
		return false;
	m->phase = PHASE_CLEANING;
	m->restarting = false;
	m->memory_max = UINT64_MAX;
	return true;
}

static void step_asked(struct monitor *m)
{
	monitor_asked_hurry(m);
	if (m->asked.state == ASKED_DONE) {
		finish(m);
	} else if (m->asked.state == ASKED_FAILED) {
		m->asked.state = ASKED_NOBODY;
		m->phase = m->asked.told ? PHASE_CLEANING : PHASE_RUNNING;
		clean_up(m, true);
	}
}

static bool is_stopped(const struct monitor *m)
{
	return m->stopping || life_is_stopped(MONITOR_FD_CONTAINER);
}

static void end_of_run(struct monitor *m)
{
	bool again =
		m->ever_started && !is_stopped(m) &&
		(m->again || restart_is_due(&m->config.restart, m->status.exit_code, m->status.restarts));

	m->again = false;
	monitor_probe_end(m);
	m->status.finished_ns = now_ns();
	monitor_streams_close(&m->streams);
	monitor_notify_step(m); /* its last words */
	monitor_output_close(m);
	while (m->held_len > 0)
		(void)close(m->held[--m->held_len]); /* nobody reads them */
	if (again || !ask_client(m))
		clean_up(m, !again);
	let_go_of_mounts(m);
}

/* The first start decides; later ones are tried again as the policy has it. */
static void start_failed(struct monitor *m, int exit_code)
{
	m->status.exit_code = exit_code;
	end_of_run(m);
}

/* Where readers look first: after this the store's record is all there is to know. */
static void remove_files(const struct monitor *m)
{
	cleanup_fd int parent_fd = openat(MONITOR_FD_RUN, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)unlinkat(MONITOR_FD_RUN, MONITOR_SOCKET, 0);
	(void)unlinkat(MONITOR_FD_RUN, STATUS_PAGE_FILE, 0);
	monitor_notify_remove();
	if (parent_fd >= 0)
		(void)unlinkat(parent_fd, m->config.id,
			       AT_REMOVEDIR); /* what stays, the next start takes over */
}

static void finish(struct monitor *m)
{
	m->status.state = STATUS_EXITED;
	m->status.pid = 0;
	m->status.pid_start_ticks = 0;
	monitor_publish(m);
	remove_files(m);
	monitor_report_failure(m, m->status.exit_code);
	monitor_clients_end(m, m->status.exit_code, m->status.oom_killed, m->memory_max);
	m->phase = PHASE_DONE;
}

static void wait_for_next_start(struct monitor *m)
{
	int64_t now = monotonic_ms();

	m->delay_ms = restart_delay_ms(m->delay_ms, now - m->launched_ms);
	m->deadline_ms = now + m->delay_ms;
	m->phase = PHASE_WAITING;
	m->status.state = STATUS_RESTARTING;
	m->status.pid = 0;
	m->status.pid_start_ticks = 0;
	monitor_publish(m);
}

void monitor_check_stopped(struct monitor *m)
{
	if (m->phase == PHASE_WAITING && is_stopped(m))
		clean_up(m, true);
}

void monitor_stop(struct monitor *m, bool again)
{
	if (m->stopping)
		return;
	m->stopping = !again;
	m->again = again;
	monitor_signal(m, m->config.stop_signal);
	if (m->config.stop_timeout_s >= 0)
		m->kill_ms = monotonic_ms() + m->config.stop_timeout_s * 1000;
	monitor_check_stopped(m);
}

/* --- from one phase to the next --- */

static void launched(struct monitor *m)
{
	m->helper.pid = 0;
	if (m->started) {
		m->phase = PHASE_RUNNING;
		return;
	}
	if (!m->error[0])
		(void)snprintf(m->error, sizeof(m->error), "the container's start was killed");
	start_failed(m, m->status.exit_code > 0 ? m->status.exit_code : MONITOR_EXIT_FAILED);
}

static void cleaned_up(struct monitor *m)
{
	m->helper.pid = 0;
	close_network(m);
	if (!m->restarting)
		finish(m);
	else if (is_stopped(m))
		clean_up(m, true);
	else
		wait_for_next_start(m);
}

static void start_again(struct monitor *m)
{
	if (monotonic_ms() < m->deadline_ms)
		return;
	m->status.restarts++;
	monitor_launch(m);
}

void monitor_step(struct monitor *m)
{
	if (m->helper.pid > 0 && !m->helper.ended)
		return;
	if (m->phase == PHASE_LAUNCHING)
		launched(m);
	else if (m->asked.state != ASKED_NOBODY)
		step_asked(m);
	else if (m->phase == PHASE_CLEANING)
		cleaned_up(m);
	else if (m->phase == PHASE_WAITING)
		start_again(m);
	/* What it has left in its pipes is all there will be. */
	if (m->phase == PHASE_RUNNING && m->init_ended && monitor_output_pump(m))
		end_of_run(m);
}
