/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/unpack.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "pull/layer_rebuild.h"
#include "pull/unpack_child.h"
#include "pull/unpack_implied.h"
#include "store/layer.h"

#define DIR_MODE 0755

_Static_assert(sizeof(struct unpack_message) < 4096, "a message is written in one piece");

/* The layer's directories, empty, and the lists of implied ones and of contents. Opened descriptors go to *t and *ret_dir_fd, also on failure. */
static int make_directories(int staging_fd, const char *subdir, struct unpack_task *t, int *ret_dir_fd,
			    struct err *e)
{
	if (*subdir == '\0' || strchr(subdir, '/') || strcmp(subdir, ".") == 0 || strcmp(subdir, "..") == 0)
		return err_set(e, -EINVAL, "'%s' is no name for a layer's directory", subdir);
	if (mkdirat(staging_fd, subdir, DIR_MODE) < 0)
		return err_errno(e, "cannot make the layer's directory '%s'", subdir);
	*ret_dir_fd = openat(staging_fd, subdir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_dir_fd < 0 || mkdirat(*ret_dir_fd, "tree", DIR_MODE) < 0)
		return err_errno(e, "cannot make the layer's directory '%s/tree'", subdir);
	t->tree_fd = openat(*ret_dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* The umask is the caller's, the mode is the layer's. */
	if (t->tree_fd < 0 || fchmod(t->tree_fd, DIR_MODE) < 0)
		return err_errno(e, "cannot open the layer's directory '%s/tree'", subdir);
	t->implied_fd = openat(*ret_dir_fd, UNPACK_IMPLIED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (t->implied_fd < 0)
		return err_errno(e, "cannot make '%s/%s'", subdir, UNPACK_IMPLIED);
	t->contents_fd =
		openat(*ret_dir_fd, LAYER_CONTENTS_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (t->contents_fd < 0)
		return err_errno(e, "cannot make '%s/%s'", subdir, LAYER_CONTENTS_NAME);
	t->split_fd = openat(*ret_dir_fd, LAYER_SPLIT_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (t->split_fd < 0)
		return err_errno(e, "cannot make '%s/%s'", subdir, LAYER_SPLIT_NAME);
	return 0;
}

static int start_process(struct unpack_task *t, struct unpack_job *job, struct err *e)
{
	int result[2];

	if (pipe2(result, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe to the unpacking process");
	t->result_fd = result[1];
	t->parent = getpid();
	job->pid = fork();
	if (job->pid == 0)
		unpack_child_run(t);
	if (job->pid < 0)
		(void)err_errno(e, "cannot start the unpacking process");
	(void)close(result[1]);
	if (job->pid < 0) {
		(void)close(result[0]);
		job->pid = 0;
		return e->code;
	}
	job->result_fd = result[0];
	job->pidfd = process_pidfd_open(job->pid);
	return job->pidfd < 0 ? err_code(e, job->pidfd, "cannot watch the unpacking process") : 0;
}

int unpack_start(int blob_fd, enum media_kind kind, int staging_fd, const char *subdir,
		 const struct digest *expected, const struct unpack_limits *limits, struct unpack_job *ret,
		 struct err *e)
{
	struct unpack_task task = { .blob_fd = blob_fd,
				    .tree_fd = -1,
				    .implied_fd = -1,
				    .contents_fd = -1,
				    .split_fd = -1,
				    .kind = kind,
				    .expected = *expected };
	struct unpack_job job = { .pidfd = -1, .result_fd = -1, .dir_fd = -1 };
	int r = make_directories(staging_fd, subdir, &task, &job.dir_fd, e);

	if (limits)
		task.limits = *limits;
	if (task.limits.max_bytes == 0)
		task.limits.max_bytes = UNPACK_DEFAULT_MAX_BYTES;
	if (task.limits.max_entries == 0)
		task.limits.max_entries = UNPACK_DEFAULT_MAX_ENTRIES;
	if (r == 0)
		r = start_process(&task, &job, e);
	cleanup_fd_fn(&task.tree_fd);
	cleanup_fd_fn(&task.implied_fd);
	cleanup_fd_fn(&task.contents_fd);
	cleanup_fd_fn(&task.split_fd);
	if (r < 0 && job.pid > 0)
		unpack_cancel(&job);
	else if (r < 0)
		cleanup_fd_fn(&job.dir_fd);
	else
		*ret = job;
	return r;
}

static void job_empty(struct unpack_job *job)
{
	cleanup_fd_fn(&job->pidfd);
	cleanup_fd_fn(&job->result_fd);
	cleanup_fd_fn(&job->dir_fd);
	*job = (struct unpack_job){ .pidfd = -1, .result_fd = -1, .dir_fd = -1 };
}

static int reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

static int died(int status, struct err *e)
{
	if (status < 0)
		return err_code(e, status, "cannot wait for the unpacking process");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return err_set(e, -EPROTO,
			       "the unpacking process was stopped at a system call that it may not make");
	if (WIFSIGNALED(status))
		return err_set(e, -EPROTO, "the unpacking process died of signal %d", WTERMSIG(status));
	return err_set(e, -EPROTO, "the unpacking process ended without a result");
}

int unpack_wait(struct unpack_job *job, struct unpack_result *ret, struct err *e)
{
	struct unpack_message message;
	bool heard = read_exactly(job->result_fd, &message, sizeof(message)) == 0;
	int status = reap(job->pid);
	int r = 0;

	if (!heard) {
		r = died(status, e);
	} else if (message.err.code != 0) {
		message.err.text[sizeof(message.err.text) - 1] = '\0';
		*e = message.err;
		if (e->code > 0) /* it may have been taken over */
			e->code = -EPROTO;
		r = e->code;
	} else {
		message.result.diff_id.text[sizeof(message.result.diff_id.text) - 1] = '\0';
		if (!message.result.has_implied_dirs && unlinkat(job->dir_fd, UNPACK_IMPLIED, 0) < 0)
			r = err_errno(e, "cannot remove the empty list of implied directories");
	}
	if (r == 0)
		*ret = message.result;
	job_empty(job);
	return r;
}

void unpack_cancel(struct unpack_job *job)
{
	if (job->pid <= 0)
		return;
	(void)kill(job->pid, SIGKILL); /* not reaped yet, so the pid is its own */
	(void)reap(job->pid);          /* how it ended does not matter */
	job_empty(job);
}
