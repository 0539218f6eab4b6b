/* SPDX-License-Identifier: Apache-2.0 */
/* sampan update */
#include <stdlib.h>
#include <unistd.h>

#include "cli/find_container.h"
#include "cli/update_limits.h"
#include "common/cleanup.h"
#include "engine/container_spec.h"
#include "engine/container_start.h"
#include "engine/life.h"
#include "runtime/control.h"
#include "store/container_event.h"

static int change_spec(int dir_fd, const struct runtime_spec *spec, const struct spec_resources *changes,
		       struct err *e)
{
	int r = update_limits_merge(changes, spec->linux_.resources);

	if (r < 0)
		return err_code(e, r, "cannot keep the limits");
	return container_spec_write(dir_fd, spec, true, e);
}

/* First what it has now, then what it will have after its next start: limits that the kernel refuses are not kept. */
static int change(const struct cli_globals *g, const struct container_record *c, int dir_fd,
		  const struct run_flags *f, struct err *e)
{
	cleanup_runtime_spec struct runtime_spec spec = { 0 };
	cleanup_spec_resources struct spec_resources changes = { 0 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r = container_spec_read(dir_fd, &spec, e);

	if (r < 0)
		return r;
	if (!spec.linux_.resources)
		spec.linux_.resources = calloc(1, sizeof(*spec.linux_.resources));
	if (!spec.linux_.resources)
		return err_set(e, -ENOMEM, "out of memory");
	r = update_limits_make(f, cpus > 0 ? (unsigned int)cpus : 1, spec.linux_.resources, &changes, e);
	if (r == 0 && (c->status == CONTAINER_RUNNING || c->status == CONTAINER_PAUSED)) {
		r = control_update(g->state_dir, c->id, &changes, e);
		if (r == -EBUSY || r == -ENOENT) /* it has just ended */
			r = 0;
	}
	return r == 0 ? change_spec(dir_fd, &spec, &changes, e) : r;
}

/* Its monitor, if it has one, goes by the new one from its next end on. */
static int change_restart(const struct store *s, const struct cli_globals *g,
			  const struct container_record *c, int dir_fd, const char *text, struct err *e)
{
	cleanup_life struct life life = { 0 };
	int r = life_read(dir_fd, &life, e);

	if (r == 0)
		r = restart_policy_parse(text, &life.restart, e);
	if (r == 0 && c->auto_remove && life.restart.kind != RESTART_NO)
		r = err_set(
			e, -EINVAL,
			"restart policy cannot be updated because AutoRemove is enabled for the container");
	if (r == 0)
		r = life_write(dir_fd, &life, true, e);
	return r == 0 ? container_tell_restart(s, g->state_dir, c, &life.restart, e) : r;
}

/* Limits alone, a policy alone, or both. */
static int change_all(const struct store *s, const struct cli_globals *g, const struct container_record *c,
		      int dir_fd, const struct run_flags *f, struct err *e)
{
	int r = change(g, c, dir_fd, f, e);

	if (r == -ENODATA && f->new_restart) {
		*e = (struct err){ 0 };
		r = 0;
	}
	return r == 0 && f->new_restart ? change_restart(s, g, c, dir_fd, f->new_restart, e) : r;
}

static int update_one(const struct store *s, const struct cli_globals *g, const char *what,
		      const void *options, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_fd int dir_fd = -1;
	int r = find_container(s, g, what, &c, e);

	if (r == 0)
		r = container_open_dir(s, c.id, &dir_fd, e);
	if (r < 0)
		return r;
	r = change_all(s, g, &c, dir_fd, options, e);
	if (r == 0)
		container_event(g->state_dir, &c, "update", NULL);
	return r < 0 && r != -ENODATA ? err_wrap(e, "cannot update container %s", what) : r;
}

int cmd_update(int argc, char **argv, const struct cli_globals *g)
{
	const struct command_def command = {
		.name = "sampan update",
		.usage = "[OPTIONS] CONTAINER [CONTAINER...]",
		.summary = "Change limits and restart policy of containers, now and for their next starts",
		.options = update_limits_options(),
		.min_args = 1,
		.max_args = -1,
	};
	cleanup_run_flags struct run_flags f = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&command, argc, argv, &f, &n, &code))
		return code;
	return for_each_container(g, argv + 1, n, update_one, &f);
}
