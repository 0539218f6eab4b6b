/* SPDX-License-Identifier: Apache-2.0 */
/* A scope needs a process to be started with, and init, cloned into the scope's cgroup, needs the scope: so a keeper process goes
 * first. It does nothing, and ends when init is in its place (cgroup_settle) or the creator is gone; a scope that becomes empty is
 * collected by systemd without being asked. */
#include "cgroups/systemd.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/files.h"
#include "cgroups/host.h"
#include "cgroups/sdbus.h"
#include "cgroups/systemd_manager.h"
#include "cgroups/tree.h"
#include "cgroups/unit.h"
#include "common/cleanup.h"
#include "common/process.h"

#define DEFAULT_PERIOD_US 100000 /* of cpu.max */
#define ORPHAN_POLLS      500    /* times 20 ms: systemd may be busy */
#define ORPHAN_POLL_NS    (20 * 1000 * 1000)

/* --- the keeper ------------------------------------------------------------------------------------------- */

static bool is_in_scope(const char *unit)
{
	char text[8192];

	return cgroup_file_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) > 0 && strstr(text, unit);
}

/* An orphan may have been promised to systemd already. To die then would be wrong: the kernel takes a dead process for a scope without a
 * word and systemd never hears that the scope is empty, as it never was otherwise. */
static void outlive(const char *unit)
{
	const struct timespec pause = { .tv_nsec = ORPHAN_POLL_NS };

	for (int i = 0; i < ORPHAN_POLLS && !is_in_scope(unit); i++)
		(void)nanosleep(&pause, NULL); /* cut short, it is polled earlier */
}

static _Noreturn void keep(pid_t creator, const char *unit)
{
	sigset_t term;
	int signal;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	/* Nobody who waits for an end of file shall wait for us. */
	if (process_close_from(0) < 0 || sigprocmask(SIG_SETMASK, &term, NULL) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		_exit(1);
	if (getppid() == creator)
		(void)sigwait(&term, &signal); /* until the creator ends; cgroup_settle sends SIGKILL */
	outlive(unit);
	_exit(0);
}

static int start_keeper(struct cgroup *c, struct err *e)
{
	pid_t creator = getpid(), pid = process_clone(0, -1, &c->keeper_pidfd);

	if (pid == 0)
		keep(creator, c->unit);
	if (pid < 0)
		return err_code(e, pid, "cannot start the first process of the systemd scope");
	c->keeper = pid;
	return 0;
}

void cgroup_settle(struct cgroup *c)
{
	int status;

	if (c->keeper <= 0)
		return;
	IGNORE_RESULT(process_signal(c->keeper_pidfd, SIGKILL)); /* it can only be dead already */
	IGNORE_RESULT(process_wait(c->keeper_pidfd, &status));
	(void)close(c->keeper_pidfd);
	c->keeper = 0;
}

bool cgroup_wants_user_scope(void)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	struct cgroup_host host;
	char path[PATH_MAX];

	if (!sdbus_is_user() || !runtime_dir ||
	    snprintf(path, sizeof(path), "%s/systemd/private", runtime_dir) >= (int)sizeof(path) ||
	    access(path, F_OK) < 0)
		return false;
	cgroup_host_find(&host);
	return host.mode == CGROUP_UNIFIED;
}

/* --- making a scope --------------------------------------------------------------------------------------- */

static int plan_properties(const struct spec_resources *r, const struct strvec *annotations,
			   struct unit_properties *ret, struct err *e)
{
	const struct unit_cpu now = { .period_us = DEFAULT_PERIOD_US };
	cleanup_limit_list struct limit_list limits = { 0 };
	int rc = r ? limits_plan(r, &limits, e) : 0;

	if (rc == 0)
		rc = unit_properties_add_limits(ret, &limits, &now, e);
	return rc == 0 && annotations ? unit_properties_add_annotations(ret, annotations, e) : rc;
}

/* Where systemd has put the scope is where the keeper is. */
static int find_path(const struct cgroup *c, char *out, size_t size, struct err *e)
{
	char name[40], text[8192];
	ssize_t n;
	int r;

	(void)snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)c->keeper);
	n = cgroup_file_read(AT_FDCWD, name, text, sizeof(text));
	r = n < 0 ? (int)n : cgroup_own_path(text, out, size);
	if (r < 0)
		return err_code(e, r, "cannot find the cgroup of the systemd scope '%s'", c->unit);
	if (!strstr(out, c->unit))
		return err_set(e, -EOPNOTSUPP,
			       "systemd has not put the scope '%s' into cgroup v2 (boot with "
			       "systemd.unified_cgroup_hierarchy=1)",
			       c->unit);
	return 0;
}

static int open_scope(const struct cgroup_host *host, const struct spec_resources *r, struct cgroup *c,
		      struct err *e)
{
	char path[PATH_MAX];
	struct cgroup opened = { .dir_fd = -1 };
	int rc = find_path(c, path, sizeof(path), e);

	if (rc == 0)
		rc = cgroup_tree_open(host, path, cgroup_needed_controllers(r), &opened, e);
	if (rc < 0)
		return rc;
	c->path = opened.path;
	c->dir_fd = opened.dir_fd;
	c->enabled = opened.enabled;
	return 0;
}

static int start(struct systemd_manager *manager, const struct cgroup_host *host,
		 const struct unit_names *names, const char *id, const struct unit_properties *properties,
		 const struct spec_resources *r, struct cgroup *c, struct err *e)
{
	struct err ignored;
	int rc;

	c->unit = strdup(names->scope);
	if (!c->unit)
		return err_code(e, -ENOMEM, "cannot start the systemd scope '%s'", names->scope);
	rc = start_keeper(c, e);
	if (rc == 0)
		rc = systemd_manager_start_scope(manager, names, id, c->keeper, properties, e);
	if (rc < 0)
		return rc;
	rc = open_scope(host, r, c, e);
	if (rc < 0) {
		cgroup_settle(c);
		IGNORE_RESULT(systemd_manager_stop(manager, names->scope, &ignored));
	}
	return rc;
}

int cgroup_create_systemd(const struct cgroup_host *host, const char *spec_path, const char *id,
			  const struct spec_resources *r, const struct strvec *annotations,
			  struct cgroup *ret, struct err *e)
{
	cleanup_unit_properties struct unit_properties properties = { 0 };
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	unsigned int missing = cgroup_needed_controllers(r) & ~host->available;
	struct systemd_manager manager;
	struct unit_names names;
	int rc;

	if (host->mode == CGROUP_NONE)
		return err_set(e, -EOPNOTSUPP,
			       "the systemd cgroup driver needs cgroup v2 (boot with "
			       "systemd.unified_cgroup_hierarchy=1)");
	if (missing)
		return controller_off(host, missing, e);
	rc = unit_names_parse(spec_path, id, sdbus_is_user(), &names, e);
	if (rc == 0)
		rc = plan_properties(r, annotations, &properties, e);
	if (rc == 0)
		rc = systemd_manager_open(&manager, e);
	if (rc < 0)
		return rc;
	rc = start(&manager, host, &names, id, &properties, r, &c, e);
	sdbus_close(&manager.sdbus);
	if (rc < 0)
		return rc;
	*ret = c;
	c = (struct cgroup){ .dir_fd = -1 };
	return 0;
}

int cgroup_set_unit(struct cgroup *c, const char *unit, struct err *e)
{
	char *copy;
	int r = sdbus_possible(e);

	if (r < 0)
		return r;
	copy = strdup(unit);
	if (!copy)
		return err_code(e, -ENOMEM, "systemd scope '%s'", unit);
	free(c->unit);
	c->unit = copy;
	return 0;
}

/* --- a scope that is there -------------------------------------------------------------------------------- */

static struct unit_cpu read_cpu(const struct cgroup *c)
{
	struct unit_cpu cpu = { .period_us = DEFAULT_PERIOD_US };
	uint64_t quota, period, idle;
	char text[64];
	const char *end;

	if (cgroup_file_read(c->dir_fd, "cpu.max", text, sizeof(text)) > 0 &&
	    cgroup_text_u64(text, &quota, &end) == 0 && *end == ' ' &&
	    cgroup_text_u64(end + 1, &period, NULL) == 0)
		cpu.period_us = period;
	cpu.idle = cgroup_file_u64(c->dir_fd, "cpu.idle", &idle) == 0 && idle != 0;
	return cpu;
}

int systemd_update(const struct cgroup *c, const struct limit_list *limits, struct err *e)
{
	cleanup_unit_properties struct unit_properties properties = { 0 };
	const struct unit_cpu now = read_cpu(c);
	struct systemd_manager manager;
	int r = unit_properties_add_limits(&properties, limits, &now, e);

	if (r < 0 || properties.len == 0)
		return r;
	r = systemd_manager_open(&manager, e);
	if (r < 0)
		return r;
	r = systemd_manager_set_properties(&manager, c->unit, &properties, e);
	sdbus_close(&manager.sdbus);
	return r;
}

int systemd_attach(const struct cgroup *c, pid_t pid, struct err *e)
{
	const char *unit = strstr(c->path, c->unit);
	struct systemd_manager manager;
	int r = systemd_manager_open(&manager, e);

	if (r < 0)
		return r;
	r = systemd_manager_attach(&manager, c->unit, unit ? unit + strlen(c->unit) : "", pid, e);
	sdbus_close(&manager.sdbus);
	return r;
}

void systemd_forget(const struct cgroup *c)
{
	struct systemd_manager manager;
	struct err ignored;

	if (systemd_manager_open(&manager, &ignored) < 0)
		return;
	IGNORE_RESULT(systemd_manager_stop(&manager, c->unit, &ignored));
	sdbus_close(&manager.sdbus);
}
