/* SPDX-License-Identifier: Apache-2.0 */
/* sampan pause, sampan unpause */
#include "cli/find_container.h"
#include "runtime/control.h"
#include "store/container_event.h"

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def PAUSE = {
	.name = "sampan pause",
	.usage = "CONTAINER [CONTAINER...]",
	.summary = "Freeze all processes of containers",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static const struct command_def UNPAUSE = {
	.name = "sampan unpause",
	.usage = "CONTAINER [CONTAINER...]",
	.summary = "Let the processes of paused containers go on",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static int pause_one(const struct store *s, const struct cli_globals *g, const char *what,
		     const void *options, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	int r = find_running_container(s, g, what, true, &c, e);

	(void)options; /* there are none */
	if (r < 0)
		return r;
	if (c.status == CONTAINER_PAUSED)
		return err_set(e, -EBUSY, "container %s is already paused", c.id);
	r = control_pause(g->state_dir, c.id, e);
	if (r == -ENOENT)
		return container_ended_since(&c, r, e);
	if (r < 0)
		return err_wrap(e, "cannot pause container %s", c.id);
	container_view_tell_paused(g->state_dir, c.id, true);
	container_event(g->state_dir, &c, "pause", NULL);
	return 0;
}

/* One that nobody has told its monitor about is frozen all the same: the kernel knows best. */
static int unpause_one(const struct store *s, const struct cli_globals *g, const char *what,
		       const void *options, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	int r = find_running_container(s, g, what, true, &c, e);

	(void)options; /* there are none */
	if (r < 0)
		return r;
	r = control_resume(g->state_dir, c.id, e);
	if (r == -EBUSY && c.status != CONTAINER_PAUSED)
		return err_set(e, r, "container %s is not paused", c.id);
	if (r == -ENOENT)
		return container_ended_since(&c, r, e);
	if (r < 0 && r != -EBUSY)
		return err_wrap(e, "cannot unpause container %s", c.id);
	container_view_tell_paused(g->state_dir, c.id, false);
	container_event(g->state_dir, &c, "unpause", NULL);
	return 0;
}

int cmd_pause(int argc, char **argv, const struct cli_globals *g)
{
	int n = 0, code = 0;

	if (!cli_options(&PAUSE, argc, argv, NULL, &n, &code))
		return code;
	return for_each_container(g, argv + 1, n, pause_one, NULL);
}

int cmd_unpause(int argc, char **argv, const struct cli_globals *g)
{
	int n = 0, code = 0;

	if (!cli_options(&UNPAUSE, argc, argv, NULL, &n, &code))
		return code;
	return for_each_container(g, argv + 1, n, unpause_one, NULL);
}
