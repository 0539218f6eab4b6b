/* SPDX-License-Identifier: Apache-2.0 */
/* sampan exec */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/container_root.h"
#include "cli/exec_detach.h"
#include "cli/exec_events.h"
#include "cli/exec_process.h"
#include "cli/find_container.h"
#include "cli/run_foreground.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "common/rootfd.h"
#include "engine/container_spec.h"
#include "runtime/exec.h"
#include "runtime/state.h"

#define EXEC_DETACHED (-1)       /* instead of an exit code */
#define PASSWD_MAX    (4u << 20) /* bytes of the container's passwd and group */

extern char **environ;

#define FLAG(m) offsetof(struct exec_flags, m)
static const struct option_def OPTIONS[] = {
	{ "detach", 'd', OPTION_BOOL, FLAG(detach), NULL, "Do not wait for its end, and drop its output" },
	{ "detach-keys", 0, OPTION_STRING, FLAG(detach_keys), "string",
	  "What leaves its terminal, but not it (default " ATTACH_KEYS_DEFAULT ")" },
	{ "env", 'e', OPTION_LIST, FLAG(env), "list", "NAME=VALUE, or NAME with the value that it has here" },
	{ "env-file", 0, OPTION_LIST, FLAG(env_files), "list", "Files of environment variables" },
	{ "interactive", 'i', OPTION_BOOL, FLAG(interactive), NULL, "Give it our stdin" },
	{ "privileged", 0, OPTION_BOOL, FLAG(privileged), NULL, "All capabilities" },
	{ "tty", 't', OPTION_BOOL, FLAG(tty), NULL, "Give it a terminal (not with -d)" },
	{ "user", 'u', OPTION_STRING, FLAG(user), "string", "NAME|UID[:GROUP|GID]" },
	{ "workdir", 'w', OPTION_STRING, FLAG(workdir), "path", "Working directory" },
	{ 0 },
};

static const struct command_def COMMAND = {
	.name = "sampan exec",
	.usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
	.summary = "Run a further command in a container that runs",
	.options = OPTIONS,
	.options_first = true,
	.min_args = 2,
	.max_args = -1,
};

/* --- what is to run --- */

/* A file of the container as it is now. One that is absent, or no file, is empty. */
static int read_file(int root_fd, const char *path, struct buf *out, struct err *e)
{
	cleanup_fd int fd = rootfd_try_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	int r = 0;

	if (fd >= 0)
		r = read_fd(fd, out, e);
	if (r == 0 && buf_add(out, "", 0) < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	return r < 0 ? err_wrap(e, "cannot read the container's '%s'", path) : 0;
}

static int own_environment(struct strvec *ret, struct err *e)
{
	for (char **p = environ; p && *p; p++)
		if (strvec_add(ret, *p) < 0)
			return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

static int adapt(const struct exec_flags *f, int root_fd, char *const *args, struct spec_process *p,
		 struct err *e)
{
	cleanup_buf struct buf passwd = BUF_INIT(PASSWD_MAX);
	cleanup_buf struct buf group = BUF_INIT(PASSWD_MAX);
	cleanup_strvec struct strvec own = { 0 };
	struct exec_context c = { .own = &own };
	int r = own_environment(&own, e);

	if (r == 0 && f->user)
		r = read_file(root_fd, "/etc/passwd", &passwd, e);
	if (r == 0 && f->user)
		r = read_file(root_fd, "/etc/group", &group, e);
	if (r < 0)
		return r;
	c.passwd = passwd.data ? passwd.data : "";
	c.group = group.data ? group.data : "";
	if (!run_tty_size(&c.rows, &c.columns))
		c.rows = c.columns = 0;
	return exec_process_adapt(f, &c, args, p, e);
}

static int load_spec(const struct store *s, const char *state_dir, const char *id, struct filtered_spec *ret,
		     struct err *e)
{
	cleanup_fd int dir_fd = -1;
	int r = container_open_dir(s, id, &dir_fd, e);

	if (r == 0)
		r = container_spec_read_filtered(dir_fd, state_dir, ret, e);
	if (r == 0 && !ret->spec.process)
		r = err_set(e, -EINVAL, "config.json: process: missing");
	return r;
}

static int find(const struct store *s, const struct cli_globals *g, const char *what,
		struct container_record *ret, int *ret_root_fd, struct err *e)
{
	int r = find_running_container(s, g, what, true, ret, e);

	if (r < 0)
		return r;
	if (ret->status == CONTAINER_PAUSED)
		return err_set(e, -EBUSY, "container %s is paused, unpause the container before exec", what);
	return container_root_open(ret, ret_root_fd, e);
}

/* --- running it --- */

/* Its terminal lives as long as somebody has the other side open, and it would wait for somebody to read it. */
static int keep_terminal(int console_fd, struct err *e)
{
	struct pollfd watched = { .fd = console_fd, .events = POLLIN };
	char ignored[4096];
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, "cannot leave the command alone");
	if (pid > 0)
		return 0;
	if (setsid() >= 0 && dup2(console_fd, STDIN_FILENO) >= 0 &&
	    process_close_from(STDIN_FILENO + 1) == 0) {
		watched.fd = STDIN_FILENO;
		while (poll(&watched, 1, -1) >= 0 || errno == EINTR) {
			ssize_t n = read(STDIN_FILENO, ignored, sizeof(ignored));

			if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
				break; /* it has ended */
		}
	}
	_exit(0);
}

static int attach(const struct exec_flags *f, const struct runtime_exec_args *args, int *ret_exit,
		  struct err *e)
{
	cleanup_runtime_container struct runtime_container c = RUNTIME_CONTAINER_EMPTY;
	cleanup_run_foreground struct run_foreground fg = { .signal_fd = -1 };
	int status = 0, r = run_foreground_begin(f->tty, f->interactive, &fg, e);

	fg.keys = f->keys;
	if (r == 0)
		r = runtime_exec(args, &c, e);
	if (r == 0 && c.console_fd >= 0)
		r = run_foreground_attach(&fg, c.console_fd, e);
	if (r == 0)
		r = run_foreground_wait(&fg, c.pidfd, c.console_fd, &status, e);
	if (r == 0 && fg.detached)
		r = keep_terminal(c.console_fd, e);
	if (r == 0)
		*ret_exit = fg.detached ? EXEC_DETACHED : process_exit_code(status);
	return r;
}

/* 126 and 127 where it came to the program itself; else docker's code for what its daemon refuses. */
static int failure_code(const struct err *e)
{
	if (e->code == -ENOEXEC)
		return CLI_EXIT_NOT_EXECUTABLE;
	if (!strstr(e->text, "exec: \""))
		return CLI_EXIT_FAILED;
	return e->code == -ENOENT || e->code == -ENOTDIR ? CLI_EXIT_NOT_FOUND : CLI_EXIT_NOT_EXECUTABLE;
}

static bool is_there(const struct cli_globals *g, const struct container_record *c)
{
	cleanup_container_state struct container_state state = { 0 };
	struct err ignored;

	return container_state_read(g->state_dir, c->id, &state, &ignored) != -ENOENT;
}

static int execute(const struct exec_flags *f, const struct cli_globals *g, const struct container_record *c,
		   const struct filtered_spec *config, int *ret_exit, struct err *e)
{
	const struct runtime_exec_args args = { .state_root = g->state_dir,
						.id = c->id,
						.process = config->spec.process,
						.linux_ = &config->spec.linux_,
						.filter = config->filter.insns ? &config->filter : NULL };
	struct exec_events events;
	int r;

	exec_events_begin(g->state_dir, c, &config->spec.process->args, &events);
	r = f->detach ? exec_detach(&args, &events, g, e) : attach(f, &args, ret_exit, e);
	if (r == -ENOENT && !is_there(g, c)) /* else a directory, or the program, is not */
		r = container_ended_since(c, r, e);
	if (r < 0)
		*ret_exit = failure_code(e);
	if (r == 0 && *ret_exit == EXEC_DETACHED) {
		exec_events_detach(&events);
		*ret_exit = 0;
	} else if (r < 0 || !f->detach) {
		exec_events_end(&events, *ret_exit);
	}
	return r;
}

static int run(const struct exec_flags *f, const struct cli_globals *g, char **argv, int *ret_exit,
	       struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_filtered_spec struct filtered_spec config = { 0 };
	cleanup_store struct store *store = NULL;
	cleanup_fd int root_fd = -1;
	int r;

	if (f->tty && f->interactive && !f->detach && !isatty(STDIN_FILENO))
		return err_set(e, -ENOTTY, "the input device is not a TTY");
	r = store_open(g->root, &store, e);
	if (r == 0)
		r = find(store, g, argv[1], &c, &root_fd, e);
	if (r == 0)
		r = load_spec(store, g->state_dir, c.id, &config, e);
	if (r == 0)
		r = adapt(f, root_fd, argv + 2, config.spec.process, e);
	return r == 0 ? execute(f, g, &c, &config, ret_exit, e) : r;
}

int cmd_exec(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_exec_flags struct exec_flags f = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &f, &n, &code))
		return code;
	code = CLI_EXIT_FAILED;
	if (attach_keys_parse(f.detach_keys ? f.detach_keys : ATTACH_KEYS_DEFAULT, &f.keys, &e) == 0 &&
	    run(&f, g, argv, &code, &e) == 0 && f.detach)
		return 0;
	if (e.code < 0)
		IGNORE_RESULT(cli_fail(&e));
	return code;
}
