/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/file_copy.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "pull/sandbox.h"
#include "pull/tree_tar.h"

#define MEMORY_MAX_BYTES ((size_t)1 << 30)

/* What the process that writes files has to say. */
struct report {
	struct err err; /* code 0: a success */
	uint64_t bytes;
};

/* --- the process that writes files --- */

/* Whoever may not change his root is no danger to anything but what is his own. */
static int enter_root(int root_fd, struct err *e)
{
	if (fchdir(root_fd) == 0 && chroot(".") == 0)
		return 0;
	return errno == EPERM && geteuid() != 0 ? 0 : err_errno(e, "cannot enter the destination");
}

static int confine(const struct file_copy *c, int in_fd, int report_fd, struct err *e)
{
	static const int FILES[] = { CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,
				     CAP_FSETID, CAP_MKNOD,        CAP_SETFCAP };
	const int keep[] = { c->to.root_fd, in_fd, report_fd };
	int r = sandbox_keep_fds(keep, ARRAY_LEN(keep), e);

	if (r == 0)
		r = sandbox_settle(MEMORY_MAX_BYTES, e);
	if (r == 0)
		r = enter_root(c->to.root_fd, e);
	if (r == 0)
		r = sandbox_drop_caps(FILES, ARRAY_LEN(FILES), e);
	(void)umask(0); /* modes are the tar's */
	return r;
}

static int enter_users(int user_fd, struct err *e)
{
	return user_fd > 0 && setns(user_fd, CLONE_NEWUSER) < 0
		       ? err_errno(e, "cannot enter the container's user namespace")
		       : 0;
}

/* What it makes must belong to somebody there: to root, until it has its owner. */
static int become_root(int user_fd, struct err *e)
{
	int r = enter_users(user_fd, e);

	if (r == 0 && user_fd > 0 && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		r = err_errno(e, "cannot become root of the container's user namespace");
	return r;
}

static _Noreturn void run_extractor(const struct file_copy *c, int in_fd, int report_fd, pid_t parent)
{
	struct report report = { 0 };
	int r = become_root(c->to_user_fd, &report.err);

	if (r == 0)
		r = sandbox_die_with(parent, &report.err);
	if (r == 0)
		r = confine(c, in_fd, report_fd, &report.err);
	if (r == 0)
		r = file_extract(in_fd, &c->to, &report.bytes, &report.err);
	report.err.code = r;
	_exit(write_all(report_fd, &report, sizeof(report)) < 0 || r < 0);
}

/* What it has read is right only once it has ended: it may be killed. */
static int collect(int report_fd, int pidfd, uint64_t *ret_bytes, struct err *e)
{
	struct report report;
	int status = 0;
	int got = read_exactly(report_fd, &report, sizeof(report));
	int r = process_wait(pidfd, &status);

	if (r < 0)
		return err_code(e, r, "cannot wait for a process");
	if (got < 0)
		return err_set(e, -EPROTO, "the process that writes files has died (status %d)", status);
	report.err.text[sizeof(report.err.text) - 1] = '\0';
	*ret_bytes = report.bytes;
	if (report.err.code < 0)
		*e = report.err;
	return report.err.code;
}

/* --- the one that reads them --- */

struct output {
	int fd;
	uint64_t bytes;
};

static int begin(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return 0;
}

static int write_output(void *arg, const void *data, size_t len, struct err *e)
{
	struct output *o = arg;
	int r = write_all(o->fd, data, len);

	o->bytes += len;
	return r < 0 ? err_code(e, r, "cannot write") : 0;
}

static int pack(const struct file_copy *c, int out_fd, uint64_t *ret_bytes, struct err *e)
{
	struct output out = { .fd = out_fd };
	const struct sink sink = { .begin = begin, .write = write_output, .arg = &out };
	cleanup_fd int dir_fd = -1;
	int r = enter_users(c->from_user_fd, e); /* there is nothing to be done outside of it any more */

	if (r < 0)
		return r;
	if (strcmp(c->as, ".") != 0) {
		r = tree_tar_write_entry(c->from_fd, c->name, c->as, &sink, e);
	} else {
		dir_fd = openat(c->from_fd, *c->name ? c->name : ".",
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = dir_fd < 0 ? err_errno(e, "cannot open '%s'", c->name)
			       : tree_tar_write(dir_fd, TREE_TAR_FILES, &sink, e);
	}
	*ret_bytes = out.bytes;
	return r;
}

/* --- both --- */

static int make_pipe(int *ret_read, int *ret_write, struct err *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

static int extract(const struct file_copy *c, uint64_t *ret_bytes, struct err *e)
{
	cleanup_fd int in = -1, out = -1, report = -1, report_end = -1, pidfd = -1;
	struct err why = { 0 };
	uint64_t ignored; /* who reads counts */
	pid_t parent = getpid(), pid;
	int r = make_pipe(&report, &report_end, e);

	if (r == 0 && c->from_fd >= 0)
		r = make_pipe(&in, &out, e);
	else if (r == 0 && (in = fcntl(c->in_fd, F_DUPFD_CLOEXEC, 3)) < 0) /* not a standard stream */
		r = err_errno(e, "cannot read the tar");
	if (r < 0)
		return r;
	pid = process_clone(0, -1, &pidfd);
	if (pid == 0)
		run_extractor(c, in, report_end, parent);
	if (pid < 0)
		return err_code(e, pid, "cannot start a process");
	(void)close(fd_take(&report_end));
	(void)close(fd_take(&in));
	if (out >= 0) {
		r = pack(c, out, &ignored, &why);
		if (r < 0 && r != -EPIPE) /* half a tar shall not look like a whole one */
			IGNORE_RESULT(process_signal(pidfd, SIGKILL));
		(void)close(fd_take(&out));
	}
	if (r == 0 || r == -EPIPE)
		return collect(report, pidfd, ret_bytes, e);
	IGNORE_RESULT(collect(report, pidfd, ret_bytes, e));
	*e = why;
	return r;
}

int file_copy(const struct file_copy *c, uint64_t *ret_bytes, struct err *e)
{
	(void)signal(SIGPIPE, SIG_IGN); /* write(2) says it */
	return c->out_fd >= 0 ? pack(c, c->out_fd, ret_bytes, e) : extract(c, ret_bytes, e);
}
