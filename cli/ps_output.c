/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ps_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ps_table.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/names.h"
#include "common/process.h"

#define OUTPUT_MAX_BYTES (64u << 20)

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

void ps_sort_pids(pid_t *pids, size_t len)
{
	if (len)
		qsort(pids, len, sizeof(*pids), compare_pids);
}

static void exec_ps(const struct strvec *args, int out_fd)
{
	if (dup2(out_fd, STDOUT_FILENO) >= 0 && dup2(out_fd, STDERR_FILENO) >= 0)
		(void)execvp(args->items[0], args->items);
	(void)dprintf(out_fd, "%s", errno_text(errno));
	_exit(127);
}

/* Runs ps(1); what it writes to stdout and stderr ends up in `out`. */
static int run_ps(const struct strvec *args, struct buf *out, struct err *e)
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
		exec_ps(args, write_end);
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

static int add_line(struct strvec *ret, const char *line, struct err *e)
{
	return strvec_add(ret, line) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int pick_lines(char *text, const pid_t *pids, size_t len, struct strvec *ret, struct err *e)
{
	char *line = strsep(&text, "\n");
	size_t column;
	int r;

	if (!line || ps_pid_column(line, &column) < 0)
		return err_set(e, -EINVAL, "couldn't find PID field in ps output");
	r = add_line(ret, line, e);
	while (r == 0 && (line = strsep(&text, "\n")) != NULL) {
		pid_t pid;

		if (!*line)
			continue;
		if (ps_line_pid(line, column, &pid) < 0)
			return err_set(e, -EINVAL, "unable to parse pid in '%s'", line);
		if (len && bsearch(&pid, pids, len, sizeof(pid), compare_pids))
			r = add_line(ret, line, e);
	}
	return r;
}

int ps_output(char *const *options, const pid_t *pids, size_t len, struct strvec *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(OUTPUT_MAX_BYTES);
	cleanup_strvec struct strvec args = { 0 };
	int r = strvec_add(&args, "ps");

	if (r == 0 && !*options)
		r = strvec_add(&args, "-ef");
	for (; r == 0 && *options; options++)
		r = strvec_add(&args, *options);
	if (r < 0)
		return err_code(e, r, "cannot run ps");
	r = run_ps(&args, &text, e);
	return r < 0 ? r : pick_lines(text.data, pids, len, ret, e);
}
