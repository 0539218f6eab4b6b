/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor: what it waits for, and whom it calls then. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/names.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "engine/monitor_program.h"

#define PATIENCE_CHECK_MS 1000

static void reap(struct monitor *m)
{
	pid_t pid;
	int status;

	monitor_read_helper(m); /* it says whose end is whose */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->helper.pid) {
			monitor_read_helper(m);
			m->helper.ended = true;
			m->helper.status = status;
		} else if (pid == m->probe.helper.pid) {
			m->probe.helper.ended = true;
			m->probe.helper.status = status;
		} else if (pid == m->packer.pid) {
			m->packer.ended = true;
			m->packer.status = status;
		} else if (pid == m->status.pid) {
			m->init_ended = true;
			monitor_memory_look(m);
			if (m->started) /* else the helper says why not */
				m->status.exit_code = process_exit_code(status);
		}
	}
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
		short in = s->in_len == 0 ? POLLIN : 0;

		fds[WATCH_CLIENTS + i] = want(c->fd, (short)(in | (c->owed ? POLLOUT : 0)));
		if (c->hushed)
			fds[WATCH_CLIENTS + i] = (struct pollfd){ .fd = c->fd }; /* POLLHUP */
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int timeout_ms(const struct monitor *m)
{
	int64_t due = earlier(monitor_probe_deadline(m), monitor_asked_deadline(m)), left;

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
		monitor_read_helper(m);
	if (fds[WATCH_MEMORY].revents)
		monitor_memory_look(m);
	if (fds[WATCH_SIGNALS].revents)
		take_signals(m);
	if (fds[WATCH_IN].revents)
		monitor_streams_write(&m->streams);
	serve_clients(m, fds + WATCH_CLIENTS);
	if (fds[WATCH_NOTIFY_IN].revents || fds[WATCH_NOTIFY_OUT].revents)
		monitor_notify_step(m);
	for (int which = 0; which < STREAMS; which++)
		m->streams.ready[which] |= fds[WATCH_OUT + which].revents != 0;
	IGNORE_RESULT(monitor_output_pump(m)); /* poll says so where there is more */
	monitor_output_trim(m, m->untrimmed != before);
	if (fds[WATCH_LISTEN].revents)
		monitor_clients_accept(m);
	kill_overdue(m);
	monitor_probe_step(m);
	monitor_output_pack(m);
	monitor_step(m);
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

/* Without our word it takes back what it has made. */
static void end_launcher(const struct monitor *m)
{
	if (m->config.launcher <= 0)
		return;
	(void)close(MONITOR_FD_LAUNCHER);
	(void)waitpid(m->config.launcher, NULL, 0); /* the one child that there is */
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
		end_launcher(m);
		(void)snprintf(m->error, sizeof(m->error), "the container's monitor: %.200s",
			       e.code < 0 ? e.text : errno_text(-r));
		monitor_report_failure(m, MONITOR_EXIT_FAILED);
	}
	return r;
}

int monitor_main(const struct monitor_config *config)
{
	static struct monitor m; /* large, and mostly never touched */

	/* Member by member: assigning the whole would touch it all. */
	m.report_fd = MONITOR_FD_REPORT;
	m.signal_fd = m.netns_fd = m.helper.fd = m.probe.helper.fd = -1;
	m.notify.in = m.notify.out = m.memory.events_fd = m.asked.trash_fd = m.mntns_fd = -1;
	m.config = *config;
	if (begin(&m) < 0)
		return MONITOR_EXIT_FAILED;
	if (config->client_wants)
		monitor_clients_add(&m, MONITOR_FD_CLIENT, config->client_wants);
	m.status.state = STATUS_CREATED;
	monitor_publish(&m);
	monitor_launch(&m);
	while (m.phase != PHASE_DONE)
		turn(&m);
	if (m.helper.pid > 0 && !m.helper.ended)
		(void)waitpid(m.helper.pid, NULL,
			      0); /* of a service, what is left when the main process ends is killed */
	monitor_asked_empty(&m);
	return m.status.exit_code; /* a service manager's verdict follows it */
}
