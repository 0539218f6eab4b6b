/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/remove_container.h"

#include <signal.h>

#include "cli/find_container.h"
#include "common/cleanup.h"
#include "engine/container_start.h"
#include "engine/launch_events.h"
#include "engine/monitor.h"
#include "engine/network_up.h"
#include "runtime/runtime.h"

/* docker's "removal in progress" has no counterpart: whoever comes second finds nothing. */
static int remove_ended(const struct store *store, const struct container_record *c,
			const struct cli_globals *g, bool volumes, struct err *e)
{
	cleanup_fd int lock_fd = -1;
	int r = container_lock_settled(store, c->id, &lock_fd, e);

	if (r == -ENOENT)
		return 0;
	if (r == -EBUSY)
		return err_set(e, r, "container %s has been started again", c->name);
	if (r < 0)
		return r;
	/* Where something was killed that should have cleaned up, the runtime still has a dead container. */
	r = runtime_delete(g->state_dir, c->id, true, e);
	if (r < 0 && r != -ENOENT)
		return r;
	r = network_down(g->state_dir, c->id, -1, e);
	if (r < 0)
		return r;
	monitor_remove_dir(g->state_dir, c->id);
	r = launch_remove(store, g->state_dir, c, volumes, e);
	return r == -ENOENT ? 0 : r;
}

int remove_container(const struct store *store, const struct cli_globals *g, const char *what,
		     const struct remove_options *o, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	int r = find_container(store, g, what, &c, e);

	if (r == -ENOENT && o->force)
		return 0;
	if (r < 0)
		return r;
	if (container_is_up(&c) && !o->force)
		return err_set(e, -EBUSY,
			       "cannot remove container \"%s\": container is %s: stop the container before "
			       "removing or force remove",
			       what, container_status_name(c.status));
	if (container_is_up(&c) || (c.starting && o->force))
		r = container_stop(store, g->state_dir, &c, SIGKILL, 0, e);
	return r < 0 && r != -ENOENT ? r : remove_ended(store, &c, g, o->volumes, e);
}
