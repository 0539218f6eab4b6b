/* SPDX-License-Identifier: Apache-2.0 */
/* sampan commit: pauses the container while sampan-image makes the image (cli/image_commit.c). */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/commit_flags.h"
#include "cli/find_container.h"
#include "cli/image_exec.h"
#include "common/cleanup.h"
#include "common/process.h"
#include "runtime/control.h"

/* Ctrl-C is for who makes the image; we have a container to let go on. */
static void ignore_signals(struct sigaction saved[2])
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)sigaction(SIGINT, &ignore, &saved[0]); /* fails for numbers that are no signals only */
	(void)sigaction(SIGTERM, &ignore, &saved[1]);
}

static void restore_signals(const struct sigaction saved[2])
{
	(void)sigaction(SIGINT, &saved[0], NULL);
	(void)sigaction(SIGTERM, &saved[1], NULL);
}

/* argv is that of the user, as the other program reads the same flags. */
static int run_image(const struct cli_globals *g, char **argv, int *ret_exit, struct err *e)
{
	struct sigaction saved[2];
	cleanup_fd int pidfd = -1;
	int argc = 0, status = 0, r;
	pid_t pid;

	while (argv[argc])
		argc++;
	ignore_signals(saved);
	pid = process_clone(0, -1, &pidfd);
	if (pid == 0) {
		restore_signals(saved);
		(void)!image_exec(g, argc, argv, e);
		_exit(cli_fail(e));
	}
	r = pid < 0 ? (int)pid : process_wait(pidfd, &status);
	restore_signals(saved);
	if (r < 0)
		return err_code(e, r, "cannot run sampan-image");
	*ret_exit = process_exit_code(status);
	return 0;
}

/* One that does not run, or is paused already, stands still by itself. */
static int pause_it(const struct cli_globals *g, const struct container_record *c, bool wanted,
		    bool *ret_paused, struct err *e)
{
	int r;

	*ret_paused = false;
	if (!wanted || c->status != CONTAINER_RUNNING)
		return 0;
	r = control_pause(g->state_dir, c->id, e);
	if (r == -EBUSY || r == -ENOENT) /* it has just ended */
		return 0;
	if (r < 0)
		return err_wrap(e, "cannot pause container %s", c->id);
	container_view_tell_paused(g->state_dir, c->id, true);
	*ret_paused = true;
	return 0;
}

static int resume_it(const struct cli_globals *g, const struct container_record *c, struct err *e)
{
	int r = control_resume(g->state_dir, c->id, e);

	if (r < 0 && r != -EBUSY && r != -ENOENT) /* else somebody has done so, or ended it */
		return err_wrap(e, "cannot unpause container %s", c->id);
	container_view_tell_paused(g->state_dir, c->id, false);
	return 0;
}

static int commit(const struct cli_globals *g, const struct commit_flags *f, const char *what, char **argv,
		  int *ret_exit, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_store struct store *store = NULL;
	struct err late = { 0 };
	bool paused = false;
	int r = store_open(g->root, &store, e);

	if (r == 0)
		r = find_container(store, g, what, &c, e);
	if (r == 0)
		r = pause_it(g, &c, f->pause && !f->no_pause, &paused, e);
	if (r == 0)
		r = run_image(g, argv, ret_exit, e);
	if (paused && resume_it(g, &c, &late) < 0)
		IGNORE_RESULT(cli_fail(&late));
	return r;
}

static char **copy_argv(int argc, char **argv)
{
	char **copy = calloc((size_t)argc + 1, sizeof(*copy));

	if (copy)
		memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	return copy;
}

int cmd_commit(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_commit_flags struct commit_flags f = { .pause = true };
	cleanup_free char **all = copy_argv(argc, argv); /* reading options changes their order */
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMIT_COMMAND, argc, argv, &f, &n, &code))
		return code;
	if (!all) {
		cli_error("out of memory");
		return CLI_EXIT_FAILED;
	}
	return commit(g, &f, argv[1], all, &code, &e) < 0 ? cli_fail(&e) : code;
}
