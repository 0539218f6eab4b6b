/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "engine/monitor_program.h"

#define NS_PER_MS 1000000
#define GRACE_MS  5000 /* for the helper, which kills a check that takes too long and writes its log */

static bool in_grace(const struct monitor *m)
{
	return m->status.health == STATUS_HEALTH_STARTING && monotonic_ms() < m->probe.grace_ms;
}

static void schedule(struct monitor *m)
{
	m->probe.due_ms = monotonic_ms() + health_delay_ns(&m->config.health, in_grace(m)) / NS_PER_MS;
}

void monitor_probe_begin(struct monitor *m)
{
	if (!m->config.health.set)
		return;
	m->probe.grace_ms = monotonic_ms() + m->config.health.start_period_ns / NS_PER_MS;
	schedule(m);
}

/* A check that still runs is in a container that is gone: the helper ends by itself. */
void monitor_probe_end(struct monitor *m)
{
	m->probe.due_ms = 0;
	m->status.health = STATUS_HEALTH_NONE;
	m->status.health_failures = 0;
}

static void start(struct monitor *m)
{
	struct monitor_probe *p = &m->probe;

	m->probe.due_ms = 0;
	if (m->status.state == STATUS_PAUSED ||
	    monitor_helper_start(m, "monitor-health", NULL, NULL, &p->helper) < 0) {
		schedule(
			m); /* a frozen container cannot answer; with too little memory for a process, later */
		return;
	}
	(void)close(p->helper.fd); /* it has nothing to say but how it ends */
	p->helper.fd = -1;
	p->kill_ms = monotonic_ms() + m->config.health.timeout_ns / NS_PER_MS + GRACE_MS;
}

static void act(struct monitor *m)
{
	switch (m->config.health.action) {
	case HEALTH_ACTION_KILL:
		monitor_signal(m, SIGKILL);
		break;
	case HEALTH_ACTION_RESTART:
		monitor_stop(m, true);
		break;
	case HEALTH_ACTION_STOP:
		monitor_stop(m, false);
		break;
	default:
		break;
	}
}

/* A helper that nobody waits for: with too little memory for it there is no event. */
static void tell(const struct monitor *m)
{
	static char healthy[] = "--action=health_status: healthy",
		    unhealthy[] = "--action=health_status: unhealthy";
	char *args[] = { m->status.health == STATUS_HEALTHY ? healthy : unhealthy, NULL };
	struct monitor_helper helper;

	if (monitor_helper_start(m, "monitor-event", args, NULL, &helper) == 0)
		(void)close(helper.fd);
}

static void take_result(struct monitor *m)
{
	bool passed = WIFEXITED(m->probe.helper.status) && WEXITSTATUS(m->probe.helper.status) == 0;
	enum status_health before = m->status.health;

	m->probe.helper = (struct monitor_helper){ .fd = -1 };
	m->probe.kill_ms = 0;
	if (m->phase != PHASE_RUNNING || m->init_ended)
		return;
	health_judge(&m->config.health, passed, in_grace(m), &m->status.health, &m->status.health_failures);
	monitor_publish(m);
	schedule(m);
	if (m->status.health != before)
		tell(m);
	if (m->status.health == STATUS_HEALTHY && before != STATUS_HEALTHY &&
	    m->config.sdnotify == NOTIFY_HEALTHY)
		monitor_notify_ready(m);
	if (m->status.health == STATUS_UNHEALTHY && before != STATUS_UNHEALTHY)
		act(m);
}

void monitor_probe_step(struct monitor *m)
{
	struct monitor_probe *p = &m->probe;
	int64_t now = monotonic_ms();

	if (p->helper.pid > 0 && p->helper.ended)
		take_result(m);
	else if (p->helper.pid > 0 && p->kill_ms > 0 && now >= p->kill_ms) {
		p->kill_ms = 0;
		(void)kill(p->helper.pid, SIGKILL); /* our child, not reaped */
	} else if (p->helper.pid == 0 && p->due_ms > 0 && now >= p->due_ms)
		start(m);
}

int64_t monitor_probe_deadline(const struct monitor *m)
{
	const struct monitor_probe *p = &m->probe;

	if (p->helper.pid > 0)
		return p->kill_ms > 0 ? p->kill_ms : INT64_MAX;
	return p->due_ms > 0 ? p->due_ms : INT64_MAX;
}
