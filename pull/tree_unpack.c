/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/tree_unpack.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "pull/file_extract.h"
#include "pull/layer_writer.h"
#include "pull/sandbox.h"
#include "pull/tree_unpack_decoder.h"

#define MEMORY_MAX_BYTES  ((size_t)1 << 30)
#define ENTRY_EXTRA_BYTES UINT64_C(4096) /* of tar per entry: header, padding, PAX header */
#define DRAIN_BYTES       ((size_t)64 << 10)

_Static_assert(sizeof(struct err) < 4096, "a report is written in one piece");

static const int CAPS[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP };

/* What the process is to do. */
struct task {
	int in_fd, dir_fd, report_fd;
	struct file_extract how;
	enum tree_compression compression;
	pid_t parent;
};

/* --- the process -------------------------------------------------------------------------------------- */

static uint64_t tar_limit(const struct file_extract *how)
{
	uint64_t extra;

	if (__builtin_mul_overflow(how->max_entries, ENTRY_EXTRA_BYTES, &extra) ||
	    __builtin_add_overflow(extra, how->max_bytes, &extra))
		return UINT64_MAX;
	return extra;
}

/* A mount that is nowhere attached (fsmount(2)) cannot be cloned, and somebody's chroot not be left: the root is changed without a mount
 * namespace then. */
static int enter_root(int *dir_fd, struct err *e)
{
	bool entered;
	int r = sandbox_enter_root(dir_fd, &entered, e);

	if (r != -EINVAL)
		return r;
	return fchdir(*dir_fd) < 0 || chroot(".") < 0 ? err_errno(e, "cannot enter the destination") : 0;
}

static int allow_calls(struct err *e)
{
	static const int ALLOWED[] = {
		SYS_read,      SYS_write,      SYS_pwrite64,   SYS_close,        SYS_openat,
		SYS_openat2,   SYS_mkdirat,    SYS_mknodat,    SYS_symlinkat,    SYS_linkat,
		SYS_unlinkat,  SYS_fchown,     SYS_fchownat,   SYS_fchmod,       SYS_fchmodat,
		SYS_utimensat, SYS_ftruncate,  SYS_fsetxattr,  SYS_readlinkat,   SYS_getdents64,
		SYS_fstat,     SYS_newfstatat, SYS_lseek,      SYS_fcntl,        SYS_umask,
		SYS_geteuid,   SYS_getegid,    SYS_brk,        SYS_munmap,       SYS_mremap,
		SYS_madvise,   SYS_wait4,      SYS_exit_group, SYS_rt_sigreturn, SYS_fstatfs,
	};

	return sandbox_seccomp(ALLOWED, ARRAY_LEN(ALLOWED), e);
}

static int confine(struct task *t, int data_fd, int data_report_fd, struct err *e)
{
	const int keep[] = { t->dir_fd, t->report_fd, data_fd, data_report_fd };
	bool privileged = false;
	int r = sandbox_keep_fds(keep, ARRAY_LEN(keep), e);

	layer_write_prepare();
	if (r == 0)
		r = sandbox_has_caps(CAPS, ARRAY_LEN(CAPS), &privileged, e);
	if (r == 0)
		r = enter_root(&t->dir_fd, e);
	if (r == 0)
		r = sandbox_drop_caps(CAPS, ARRAY_LEN(CAPS), e);
	if (r == 0)
		r = allow_calls(e);
	t->how.lenient = !privileged;
	return r;
}

/* To its very end: the checksum of what is compressed stands there. */
static int drain(int fd, struct err *e)
{
	char block[DRAIN_BYTES];
	ssize_t n;

	do
		n = read(fd, block, sizeof(block));
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? err_errno(e, "cannot read from the process that inflates") : 0;
}

/* How it went there, which is known once its data have ended. 1: they have not, so it is not to blame for anything. */
static int decoder_result(const struct tree_decoder *d, struct err *e)
{
	struct err report;
	ssize_t n = read(d->report_fd, &report, sizeof(report));

	if (n < 0 && errno == EAGAIN)
		return 1;
	if (n != (ssize_t)sizeof(report))
		return err_set(e, -EPROTO, "the process that inflates has died");
	if (report.code == 0)
		return 0;
	report.text[sizeof(report.text) - 1] = '\0';
	*e = report;
	if (e->code > 0) /* it may have been taken over */
		e->code = -EPROTO;
	return e->code;
}

static int extract(struct task *t, const struct tree_decoder *d, struct err *e)
{
	struct err why = { 0 };
	uint64_t bytes;
	int r, decoded;

	(void)umask(0); /* modes are the archive's */
	t->how.root_fd = t->dir_fd;
	r = file_extract(d->pid > 0 ? d->data_fd : t->in_fd, &t->how, &bytes, e);
	if (d->pid == 0)
		return r;
	if (r == 0)
		r = drain(d->data_fd, e);
	decoded = decoder_result(d, &why);
	if (decoded < 0)
		*e = why;
	return decoded < 0 ? decoded : r;
}

static int run(struct task *t, struct err *e)
{
	const int keep[] = { t->in_fd, t->dir_fd, t->report_fd };
	struct tree_decoder d = { .data_fd = -1, .report_fd = -1 };
	int r = sandbox_die_with(t->parent, e);

	if (r == 0)
		r = sandbox_keep_fds(keep, ARRAY_LEN(keep), e);
	if (r == 0)
		r = sandbox_settle(MEMORY_MAX_BYTES, e);
	if (r == 0 && t->compression != TREE_PLAIN)
		r = tree_decoder_start(t->in_fd, t->compression, tar_limit(&t->how), &d, e);
	if (r == 0)
		r = confine(t, d.pid > 0 ? d.data_fd : t->in_fd, d.report_fd, e);
	return r == 0 ? extract(t, &d, e) : r;
}

static _Noreturn void run_and_tell(struct task *t)
{
	struct err e = { 0 };

	e.code = run(t, &e);
	/* The other process dies with this one. If the report does not arrive, the parent says so. */
	_exit(write_all(t->report_fd, &e, sizeof(e)) < 0);
}

/* --- its parent --------------------------------------------------------------------------------------- */

static void job_empty(struct tree_unpack_job *job)
{
	cleanup_fd_fn(&job->pidfd);
	cleanup_fd_fn(&job->report_fd);
	*job = (struct tree_unpack_job){ .pidfd = -1, .report_fd = -1 };
}

static int reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

void tree_unpack_cancel(struct tree_unpack_job *job)
{
	if (job->pid <= 0)
		return;
	(void)kill(job->pid, SIGKILL); /* not reaped yet, so the pid is its own */
	(void)reap(job->pid);          /* how it ended does not matter */
	job_empty(job);
}

static int start_process(struct task *t, struct tree_unpack_job *ret, struct err *e)
{
	struct tree_unpack_job job = { .pidfd = -1 };
	int report[2];

	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	t->report_fd = report[1];
	t->parent = getpid();
	job.report_fd = report[0];
	job.pid = fork();
	if (job.pid == 0)
		run_and_tell(t);
	if (job.pid < 0)
		(void)err_errno(e, "cannot start a process that unpacks");
	(void)close(report[1]);
	if (job.pid < 0) {
		(void)close(report[0]);
		return e->code;
	}
	job.pidfd = process_pidfd_open(job.pid);
	if (job.pidfd < 0) {
		(void)err_code(e, job.pidfd, "cannot watch the process that unpacks");
		tree_unpack_cancel(&job);
		return e->code;
	}
	*ret = job;
	return 0;
}

int tree_unpack_start(int in_fd, int dir_fd, const struct tree_unpack *how, struct tree_unpack_job *ret,
		      struct err *e)
{
	/* The standard streams are about to lead nowhere. */
	cleanup_fd int in = fcntl(in_fd, F_DUPFD_CLOEXEC, 3), dir = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	struct task t = {
		.in_fd = in,
		.dir_fd = dir,
		.compression = how->compression,
		.how = { .base = "",
			 .keep_owner = how->keep_owner,
			 .uid = how->uid,
			 .gid = how->gid,
			 .adds = true,
			 .time = how->time,
			 .max_bytes = how->max_bytes ? how->max_bytes : TREE_UNPACK_MAX_BYTES,
			 .max_entries = how->max_entries ? how->max_entries : TREE_UNPACK_MAX_ENTRIES },
	};

	if (in < 0 || dir < 0)
		return err_errno(e, "cannot unpack");
	return start_process(&t, ret, e);
}

static int died(int status, struct err *e)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return err_set(e, -EPROTO,
			       "the process that unpacks made a system call that it may not make");
	if (WIFSIGNALED(status))
		return err_set(e, -EPROTO, "the process that unpacks died of signal %d", WTERMSIG(status));
	return err_set(e, -EPROTO, "the process that unpacks ended without a result");
}

static int wait_report(const struct tree_unpack_job *job, int cancel_fd, struct err *e)
{
	struct pollfd fds[] = { { .fd = job->report_fd, .events = POLLIN },
				{ .fd = cancel_fd, .events = POLLIN } };

	while (poll(fds, ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			return err_errno(e, "cannot wait for the process that unpacks");
	return fds[1].revents ? err_set(e, -EINTR, "interrupted") : 0;
}

int tree_unpack_wait(struct tree_unpack_job *job, int cancel_fd, struct err *e)
{
	int r = wait_report(job, cancel_fd, e), status;
	struct err report;
	bool heard;

	if (r < 0) {
		tree_unpack_cancel(job);
		return r;
	}
	heard = read_exactly(job->report_fd, &report, sizeof(report)) == 0;
	status = reap(job->pid);
	job_empty(job);
	if (!heard)
		return status < 0 ? err_code(e, status, "cannot wait for the process that unpacks")
				  : died(status, e);
	if (report.code == 0)
		return 0;
	report.text[sizeof(report.text) - 1] = '\0';
	*e = report;
	if (e->code > 0) /* it may have been taken over */
		e->code = -EPROTO;
	return e->code;
}

int tree_unpack(int in_fd, int dir_fd, const struct tree_unpack *how, int cancel_fd, struct err *e)
{
	struct tree_unpack_job job = { 0 };
	int r = tree_unpack_start(in_fd, dir_fd, how, &job, e);

	return r == 0 ? tree_unpack_wait(&job, cancel_fd, e) : r;
}
