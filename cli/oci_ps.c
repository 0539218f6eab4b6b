/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/oci.h"
#include "cli/ps_table.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "runtime/control.h"

#define OUTPUT_MAX_BYTES (64u << 20)

struct ps_options {
	const char *format;
};

static const struct option_def OPTIONS[] = {
	{ "format", 'f', OPTION_STRING, offsetof(struct ps_options, format), "format",
	  "table (what ps prints) or json (host process ids)" },
	{ 0 },
};

static const struct command_def PS = {
	.name = "sampan-oci ps",
	.usage = "[OPTIONS] CONTAINER-ID [PS-OPTION...]",
	.summary = "List the processes of a container (PS-OPTIONs: default -ef)",
	.options = OPTIONS,
	.options_first = true,
	.min_args = 1,
	.max_args = -1,
};

struct pids {
	pid_t *items; /* sorted */
	size_t len;
};

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* As Go's encoder: no processes are "null". */
static int print_pids(const struct pids *pids, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, OUTPUT_MAX_BYTES);
	int r = 0;

	if (pids->len == 0) {
		(void)fputs("null", stdout); /* the flush below sees what goes wrong */
	} else {
		json_out_array(o, NULL);
		for (size_t i = 0; i < pids->len; i++)
			json_out_i64(o, NULL, pids->items[i]);
		json_out_end(o);
		r = oci_print_json(o, e);
	}
	if (r == 0 && (fputc('\n', stdout) == EOF || fflush(stdout) != 0))
		r = err_errno(e, "cannot write to stdout");
	return r;
}

static void exec_ps(char **argv, int out_fd)
{
	char *const defaults[] = { argv[0], (char *)(uintptr_t) "-ef", NULL };

	if (dup2(out_fd, STDOUT_FILENO) >= 0 && dup2(out_fd, STDERR_FILENO) >= 0)
		(void)execvp(argv[0], argv[1] ? argv : defaults);
	(void)dprintf(out_fd, "%s", strerror(errno));
	_exit(127);
}

/* Runs ps(1); what it writes to stdout and stderr ends up in `out`. argv[0] is "ps". */
static int run_ps(char **argv, struct buf *out, struct err *e)
{
	cleanup_fd int read_end = -1, write_end = -1, pidfd = -1;
	int fds[2], status = 0, r, waited;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, "cannot run ps");
	read_end = fds[0];
	write_end = fds[1];
	pid = process_clone(0, -1, &pidfd);
	if (pid == 0)
		exec_ps(argv, write_end);
	if (pid < 0)
		return err_code(e, pid, "cannot run ps");
	(void)close(fd_take(&write_end));
	r = read_fd(read_end, out, e);
	(void)close(fd_take(&read_end)); /* what still writes gets SIGPIPE */
	waited = process_wait(pidfd, &status);
	if (r < 0)
		return err_wrap(e, "cannot read the output of ps");
	if (waited < 0)
		return err_code(e, waited, "cannot wait for ps");
	if (status != 0)
		return err_set(e, -EINVAL, "ps failed with exit status %d: %.*s", process_exit_code(status),
			       (int)strcspn(out->data ? out->data : "", "\n"), out->data ? out->data : "");
	return 0;
}

static int print_own_lines(char *text, const struct pids *pids, struct err *e)
{
	char *line = strsep(&text, "\n");
	size_t column;

	if (!line || ps_pid_column(line, &column) < 0)
		return err_set(e, -EINVAL, "couldn't find PID field in ps output");
	(void)puts(line); /* the flush below sees what goes wrong */
	while ((line = strsep(&text, "\n")) != NULL) {
		pid_t pid;

		if (!*line)
			continue;
		if (ps_line_pid(line, column, &pid) < 0)
			return err_set(e, -EINVAL, "unable to parse pid in '%s'", line);
		if (pids->len && bsearch(&pid, pids->items, pids->len, sizeof(pid), compare_pids))
			(void)puts(line);
	}
	return fflush(stdout) != 0 ? err_errno(e, "cannot write to stdout") : 0;
}

static int print_table(const struct pids *pids, char **argv, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(OUTPUT_MAX_BYTES);
	int r = run_ps(argv, &text, e);

	return r < 0 ? r : print_own_lines(text.data, pids, e);
}

int oci_ps(int argc, char **argv, const struct oci_globals *g)
{
	char program[] = "ps";
	struct ps_options o = { 0 };
	cleanup_free pid_t *items = NULL;
	struct pids pids = { 0 };
	int exit_code, count, r;
	bool json;
	struct err e;

	if (!oci_options(g, &PS, argc, argv, &o, &count, &exit_code))
		return exit_code;
	json = o.format && strcmp(o.format, "json") == 0;
	if (o.format && !json && strcmp(o.format, "table") != 0) {
		(void)err_set(&e, -EINVAL, "invalid format option '%s' (table or json)", o.format);
		return oci_fail(g, &e);
	}
	r = control_processes(g->root, argv[1], &items, &pids.len, &e);
	if (r < 0)
		return oci_fail(g, &e);
	pids.items = items;
	if (pids.len)
		qsort(items, pids.len, sizeof(*items), compare_pids);
	argv[1] = program;
	r = json ? print_pids(&pids, &e) : print_table(&pids, argv + 1, &e);
	return r < 0 ? oci_fail(g, &e) : 0;
}
