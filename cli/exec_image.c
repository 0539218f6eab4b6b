/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_exec.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/program_path.h"
#include "common/strvec.h"

#define PROGRAM "sampan-image"

int image_exec(const struct cli_globals *g, int argc, char **argv, struct err *e)
{
	cleanup_free char *program = NULL;
	cleanup_strvec struct strvec args = { 0 };
	int r = program_path(PROGRAM, &program, e);

	if (r < 0)
		return r;
	r = strvec_add(&args, PROGRAM);
	if (r == 0)
		r = strvec_addf(&args, "--root=%s", g->root);
	if (r == 0)
		r = strvec_addf(&args, "--state-dir=%s", g->state_dir);
	for (int i = 0; r == 0 && i < argc; i++)
		r = strvec_add(&args, argv[i]);
	if (r < 0)
		return err_code(e, r, "cannot run '%s'", program);
	(void)execv(program, args.items);
	return err_errno(e, "cannot run '%s'", program);
}

/* --- pull for another command --- */

static int pull_args(const struct cli_globals *g, const char *ref, const char *platform, bool quiet,
		     int error_fd, struct strvec *out)
{
	int r = strvec_add(out, PROGRAM);

	if (r == 0)
		r = strvec_addf(out, "--root=%s", g->root);
	if (r == 0)
		r = strvec_addf(out, "--state-dir=%s", g->state_dir);
	if (r == 0)
		r = strvec_addf(out, "--error-fd=%d", error_fd);
	if (r == 0)
		r = strvec_add(out, "pull");
	if (r == 0 && quiet)
		r = strvec_add(out, "--quiet");
	if (r == 0 && platform)
		r = strvec_addf(out, "--platform=%s", platform);
	if (r == 0)
		r = strvec_add(out, "--");
	return r < 0 ? r : strvec_add(out, ref);
}

static void run_child(const char *program, const struct strvec *args, int error_fd) __attribute__((noreturn));

static void run_child(const char *program, const struct strvec *args, int error_fd)
{
	/* stdout is the container's */
	if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 && fcntl(error_fd, F_SETFD, 0) == 0)
		(void)execv(program, args->items);
	_exit(CLI_EXIT_NOT_FOUND);
}

/* "-2 the text", as sampan-image writes it to --error-fd. */
static int read_error(const char *text, int status, struct err *e)
{
	char number[16];
	const char *blank = text ? strchr(text, ' ') : NULL;
	size_t len = blank ? (size_t)(blank - text) : 0;
	int64_t code;

	if (len > 0 && len < sizeof(number)) {
		memcpy(number, text, len);
		number[len] = 0;
		if (parse_i64(number, -4095, -1, &code) == 0)
			return err_set(e, (int)code, "%s", blank + 1);
	}
	if (WIFSIGNALED(status))
		return err_set(e, -EPROTO, PROGRAM " died of signal %d", WTERMSIG(status));
	return err_set(e, -EPROTO, PROGRAM " ended with code %d and said nothing", WEXITSTATUS(status));
}

static int open_pipe(const char *program, int *ret_read, int *ret_write, struct err *e)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_errno(e, "cannot run '%s'", program);
	*ret_read = pair[0];
	*ret_write = pair[1];
	return 0;
}

static int wait_for(pid_t pid, int *ret_status, struct err *e)
{
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, "cannot wait for " PROGRAM);
	return 0;
}

/* "0 NAME" */
static int read_name(const char *text, char **ret, struct err *e)
{
	if (!text || strncmp(text, "0 ", 2) != 0)
		return err_set(e, -EPROTO, PROGRAM " does not say what it has pulled");
	*ret = strdup(text + 2);
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot keep a name");
}

int image_pull_run(const struct cli_globals *g, const char *ref, const char *platform, bool quiet,
		   char **ret_name, struct err *e)
{
	cleanup_free char *program = NULL;
	cleanup_strvec struct strvec args = { 0 };
	cleanup_buf struct buf text = BUF_INIT(4096);
	cleanup_fd int read_end = -1, write_end = -1;
	struct err ignored; /* without its words the exit status must do */
	int status = 0;
	pid_t pid;
	int r = program_path(PROGRAM, &program, e);

	if (r < 0)
		return r;
	r = open_pipe(program, &read_end, &write_end, e);
	if (r < 0)
		return r;
	r = pull_args(g, ref, platform, quiet, write_end, &args);
	if (r < 0)
		return err_code(e, r, "cannot run '%s'", program);
	pid = fork();
	if (pid == 0)
		run_child(program, &args, write_end);
	if (pid < 0)
		return err_errno(e, "cannot run '%s'", program);
	(void)close(fd_take(&write_end)); /* the child's */
	(void)!read_fd(read_end, &text, &ignored);
	r = wait_for(pid, &status, e);
	if (r < 0)
		return r;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return read_name(text.data, ret_name, e);
	return read_error(text.data, status, e);
}

/* --- YAML --- */

static _Noreturn void run_yaml(const char *program, int in_fd, int out_fd)
{
	static char name[] = PROGRAM, errors[] = "--error-fd=1", command[] = "yaml";
	char *args[] = { name, errors, command, NULL };

	if (dup2(in_fd, STDIN_FILENO) >= 0 && dup2(out_fd, STDOUT_FILENO) >= 0)
		(void)execv(program, args);
	_exit(CLI_EXIT_NOT_FOUND);
}

int image_yaml_read(const char *path, struct buf *ret, struct err *e)
{
	cleanup_free char *program = NULL;
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	cleanup_fd int read_end = -1, write_end = -1;
	int status = 0;
	pid_t pid;
	int r;

	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	r = program_path(PROGRAM, &program, e);
	if (r < 0)
		return r;
	r = open_pipe(program, &read_end, &write_end, e);
	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		run_yaml(program, fd, write_end);
	if (pid < 0)
		return err_errno(e, "cannot run '%s'", program);
	(void)close(fd_take(&write_end)); /* the child's */
	r = read_fd(read_end, ret, e);
	(void)close(fd_take(&read_end)); /* so that a child that writes on ends */
	if (wait_for(pid, &status, e) < 0)
		return e->code;
	if (r < 0)
		return r;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : read_error(ret->data, status, e);
}
