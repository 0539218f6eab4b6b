/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor: what it waits for, and what it does then. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "engine/monitor_program.h"

#define EXIT_SAMPAN       125 /* docker's: it was not the program that failed */
#define EXIT_LOST         137 /* as if by SIGKILL */
#define PATIENCE_CHECK_MS 1000
#define CHUNKS_PER_TURN   32
#define TRIM_BYTES        32768 /* of output, after which a silence gives the memory of its buffers back */
#define TRIM_SILENCE_MS   2000

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

static void report_failure(struct monitor *m, int exit_code)
{
	const struct monitor_message message = { .type = MONITOR_FAILED,
						 .a = exit_code,
						 .data_len = (uint32_t)strlen(m->error) };

	report(m, &message, m->error);
}

/* --- start --- */

void monitor_signal(const struct monitor *m, int number)
{
	if (m->status.pid > 0 && !m->init_ended)
		(void)kill(m->status.pid, number); /* our child, not reaped: the number is its own */
}

static void start_failed(struct monitor *m, int exit_code);

static int open_log(struct monitor *m, struct err *e)
{
	int r = log_writer_open(MONITOR_FD_CONTAINER, &m->config.log, &m->log, e);

	m->log_open = r == 0;
	if (r == 0)
		log_writer_trim(&m->log); /* it has read what it wrote before */
	return r;
}

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
	r = open_log(m, e);
	if (r == 0)
		r = monitor_helper_start(m, "monitor-launch", NULL, &stdio, &m->helper);
	monitor_stdio_close(&stdio);
	return r;
}

static void say_why(struct monitor *m, int r, const struct err *e)
{
	(void)snprintf(m->error, sizeof(m->error), "%s%.200s",
		       e->code < 0 ? "" : "cannot start the container: ",
		       e->code < 0 ? e->text : strerror(-r));
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
	r = open_log(m, &e);
	if (r == 0) {
		IGNORE_RESULT(monitor_send(m->helper.fd, &go, NULL, -1, 0)); /* its end will say why */
		return;
	}
	say_why(m, r, &e);
	m->status.exit_code = EXIT_SAMPAN;
	(void)close(m->helper.fd);
	m->helper.fd = -1;
}

static void launch(struct monitor *m)
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
		start_failed(m, EXIT_SAMPAN);
	}
}

static void take_created(struct monitor *m, const struct monitor_message *message, int console_fd)
{
	m->status.pid = message->a;
	m->status.pid_start_ticks = message->u;
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
		m->status.oom_killed = message->a != 0 || m->memory.killed;
		m->memory_max = m->memory.killed ? m->memory.limit : message->u;
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

static void read_helper(struct monitor *m)
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

static bool is_stopped(const struct monitor *m)
{
	return m->stopping || life_is_stopped(MONITOR_FD_CONTAINER);
}

static void close_log(struct monitor *m)
{
	if (!m->log_open)
		return;
	log_writer_close(&m->log);
	m->status.log_offset = log_writer_offset(&m->log);
	m->log_open = false;
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
	close_log(m);
	while (m->held_len > 0)
		(void)close(m->held[--m->held_len]); /* nobody reads them */
	clean_up(m, !again);
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
	report_failure(m, m->status.exit_code);
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

/* --- turns --- */

/* Hands on what the container has written, up to a limit, as there are others to be served. True when there is no more now. */
static bool pump(struct monitor *m)
{
	if (m->streams.chunk_len > 0 && !monitor_clients_deliver(m))
		return false;
	for (int which = 0; which < STREAMS; which++) {
		for (int i = 0; monitor_streams_read(&m->streams, which); i++) {
			log_writer_put(&m->log, which == STREAM_ERR ? LOG_STDERR : LOG_STDOUT,
				       m->streams.chunk, m->streams.chunk_len);
			m->untrimmed += m->streams.chunk_len;
			monitor_clients_owe(m);
			if (!monitor_clients_deliver(m) || i == CHUNKS_PER_TURN)
				return false;
		}
	}
	return true;
}

/* A burst of output uses all of the buffers, once; the memory would be its container's for ever. */
static void trim(struct monitor *m, bool more)
{
	if (more && m->untrimmed >= TRIM_BYTES)
		m->trim_ms = monotonic_ms() + TRIM_SILENCE_MS;
	if (m->trim_ms == 0 || monotonic_ms() < m->trim_ms)
		return;
	log_writer_trim(&m->log);
	monitor_streams_trim(&m->streams);
	m->untrimmed = 0;
	m->trim_ms = 0;
}

static void launched(struct monitor *m)
{
	m->helper.pid = 0;
	if (m->started) {
		m->phase = PHASE_RUNNING;
		return;
	}
	if (!m->error[0])
		(void)snprintf(m->error, sizeof(m->error), "the container's start was killed");
	start_failed(m, m->status.exit_code > 0 ? m->status.exit_code : EXIT_SAMPAN);
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
	launch(m);
}

static void step(struct monitor *m)
{
	if (m->helper.pid > 0 && !m->helper.ended)
		return;
	if (m->phase == PHASE_LAUNCHING)
		launched(m);
	else if (m->phase == PHASE_CLEANING)
		cleaned_up(m);
	else if (m->phase == PHASE_WAITING)
		start_again(m);
	/* What it has left in its pipes is all there will be. */
	if (m->phase == PHASE_RUNNING && m->init_ended && pump(m))
		end_of_run(m);
}

static void reap(struct monitor *m)
{
	pid_t pid;
	int status;

	read_helper(m); /* it says whose end is whose */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->helper.pid) {
			read_helper(m);
			m->helper.ended = true;
			m->helper.status = status;
		} else if (pid == m->probe.helper.pid) {
			m->probe.helper.ended = true;
			m->probe.helper.status = status;
		} else if (pid == m->status.pid) {
			m->init_ended = true;
			monitor_memory_look(m);
			if (m->started) /* else the helper says why not */
				m->status.exit_code = process_exit_code(status);
		}
	}
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

static void take_signals(struct monitor *m)
{
	struct signalfd_siginfo info;

	while (read(m->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(m);
		else if (info.ssi_signo ==
			 SIGTERM) /* systemd's, as a rule: the monitor ends with its container */
			monitor_stop(m, false);
		else if (info.ssi_signo == SIGHUP && m->notify.in >= 0)
			monitor_signal(m, SIGHUP); /* Type=notify-reload, and the container is to answer */
	}
}

enum {
	WATCH_SIGNALS,
	WATCH_LISTEN,
	WATCH_HELPER,
	WATCH_OUT,
	WATCH_ERR,
	WATCH_IN,
	WATCH_NOTIFY_IN,
	WATCH_NOTIFY_OUT,
	WATCH_MEMORY,
	WATCH_CLIENTS
};
#define WATCHED (WATCH_CLIENTS + MONITOR_CLIENTS_MAX)

static struct pollfd want(int fd, short events)
{
	return (struct pollfd){ .fd = events ? fd : -1, .events = events };
}

static void watch(const struct monitor *m, struct pollfd fds[WATCHED])
{
	const struct monitor_streams *s = &m->streams;
	short out = s->chunk_len == 0 ? POLLIN : 0;

	fds[WATCH_SIGNALS] = want(m->signal_fd, POLLIN);
	fds[WATCH_LISTEN] = want(m->clients.listen_fd, POLLIN);
	fds[WATCH_HELPER] = want(m->helper.fd, POLLIN);
	fds[WATCH_OUT] = want(s->out[STREAM_OUT], out);
	fds[WATCH_ERR] = want(s->out[STREAM_ERR], out);
	fds[WATCH_IN] = want(s->in, s->in_len > 0 ? POLLOUT : 0);
	fds[WATCH_NOTIFY_IN] = want(m->notify.in, m->notify.pending_len == 0 ? POLLIN : 0);
	fds[WATCH_MEMORY] = want(m->memory.events_fd, POLLPRI);
	fds[WATCH_NOTIFY_OUT] = want(m->notify.out, m->notify.pending_len > 0 ? POLLOUT : 0);
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		const struct monitor_client *c = &m->clients.items[i];

		fds[WATCH_CLIENTS + i] =
			want(c->fd, (short)((s->in_len == 0 ? POLLIN : 0) | (c->owed ? POLLOUT : 0)));
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int timeout_ms(const struct monitor *m)
{
	int64_t due = monitor_probe_deadline(m), left;

	if (m->phase == PHASE_WAITING)
		due = earlier(due, m->deadline_ms);
	if (m->kill_ms > 0)
		due = earlier(due, m->kill_ms);
	if (m->trim_ms > 0)
		due = earlier(due, m->trim_ms);
	if (m->streams.chunk_len > 0) /* somebody's patience may end */
		due = earlier(due, monotonic_ms() + PATIENCE_CHECK_MS);
	if (due == INT64_MAX)
		return -1;
	left = due - monotonic_ms();
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static void serve_clients(struct monitor *m, const struct pollfd *fds)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		struct monitor_client *c = &m->clients.items[i];

		if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) && c->fd == fds[i].fd &&
		    m->streams.in_len == 0)
			monitor_clients_serve(m, c);
	}
}

static void kill_overdue(struct monitor *m)
{
	if (m->kill_ms == 0 || monotonic_ms() < m->kill_ms)
		return;
	m->kill_ms = 0;
	monitor_signal(m, SIGKILL);
}

static void turn(struct monitor *m)
{
	struct pollfd fds[WATCHED];
	uint64_t before = m->untrimmed;

	watch(m, fds);
	if (poll(fds, WATCHED, timeout_ms(m)) < 0)
		return; /* no signal is handled: only for want of memory */
	if (fds[WATCH_HELPER].revents)
		read_helper(m);
	if (fds[WATCH_MEMORY].revents)
		monitor_memory_look(m);
	if (fds[WATCH_SIGNALS].revents)
		take_signals(m);
	if (fds[WATCH_IN].revents)
		monitor_streams_write(&m->streams);
	serve_clients(m, fds + WATCH_CLIENTS);
	if (fds[WATCH_NOTIFY_IN].revents || fds[WATCH_NOTIFY_OUT].revents)
		monitor_notify_step(m);
	IGNORE_RESULT(pump(m)); /* poll says so where there is more */
	trim(m, m->untrimmed != before);
	if (fds[WATCH_LISTEN].revents)
		monitor_clients_accept(m);
	kill_overdue(m);
	monitor_probe_step(m);
	step(m);
}

/* --- the beginning --- */

static int listen_for_clients(struct monitor *m)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)unlinkat(MONITOR_FD_RUN, MONITOR_SOCKET, 0); /* a killed one's */
	/* The paths of sockets are short, those of state directories are not. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" MONITOR_SOCKET,
		       MONITOR_FD_RUN);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
		return -errno;
	m->clients.listen_fd = fd_take(&fd);
	return 0;
}

static int watch_signals(struct monitor *m)
{
	static const int NUMBERS[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++)
		(void)sigaddset(&set, NUMBERS[i]); /* fails only for numbers that are no signals */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signal_fd < 0 ? -errno : 0;
}

static int begin(struct monitor *m)
{
	struct err e = { 0 };
	int r;

	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		m->clients.items[i].fd = -1;
	monitor_streams_init(&m->streams);
	monitor_protect(m);
	(void)umask(022);
	r = process_cloexec_from(MONITOR_FD_REPORT);
	if (r == 0 && (chdir("/") < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0))
		r = -errno;
	if (r == 0)
		r = watch_signals(m);
	if (r == 0)
		r = listen_for_clients(m);
	if (r == 0)
		r = status_page_create(MONITOR_FD_RUN, &m->page, &e);
	if (r == 0)
		r = monitor_notify_open(m);
	if (r < 0) {
		(void)snprintf(m->error, sizeof(m->error), "the container's monitor: %.200s",
			       e.code < 0 ? e.text : strerror(-r));
		report_failure(m, EXIT_SAMPAN);
	}
	return r;
}

int monitor_main(const struct monitor_config *config)
{
	static struct monitor m; /* large, and mostly never touched */

	/* Member by member: assigning the whole would touch it all. */
	m.report_fd = MONITOR_FD_REPORT;
	m.signal_fd = m.netns_fd = m.helper.fd = m.probe.helper.fd = -1;
	m.notify.in = m.notify.out = m.memory.events_fd = -1;
	m.config = *config;
	if (begin(&m) < 0)
		return EXIT_SAMPAN;
	if (config->client_wants)
		monitor_clients_add(&m, MONITOR_FD_CLIENT, config->client_wants);
	m.status.state = STATUS_CREATED;
	monitor_publish(&m);
	launch(&m);
	while (m.phase != PHASE_DONE)
		turn(&m);
	if (m.helper.pid > 0 && !m.helper.ended)
		(void)waitpid(m.helper.pid, NULL,
			      0);  /* of a service, what is left when the main process ends is killed */
	return m.status.exit_code; /* a service manager's verdict follows it */
}
