/* SPDX-License-Identifier: Apache-2.0 */
/* A step in a process of its own, which is the first one of a PID namespace: whatever it has started ends with it, and it ends with the build. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "build/copy_later.h"
#include "build/execution.h"
#include "build/tree_view.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "oci/overlay.h"
#include "store/step_cache.h"

#define TURN_POLL_MS 50

void step_job_done(struct step_job *j)
{
	for (size_t i = 0; i < j->fetched_len; i++)
		cleanup_fd_fn(&j->fetched[i].fd);
	free(j->fetched);
	cleanup_fd_fn(&j->pidfd);
	cleanup_fd_fn(&j->report_fd);
	cleanup_fd_fn(&j->output_fd);
	*j = (struct step_job){ .pidfd = -1, .report_fd = -1, .output_fd = -1 };
}

/* --- in the process ------------------------------------------------------------------------------------- */

/* Whoever waits for our report is gone: nobody told us if that was before we asked. */
static bool is_orphan(int report_fd)
{
	struct pollfd p = { .fd = report_fd };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLERR);
}

static int settle(int report_fd, int output_fd, struct err *e)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || is_orphan(report_fd))
		_exit(1);
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(output_fd, 1) < 0 || dup2(output_fd, 2) < 0)
		return err_errno(e, "cannot set up a step's streams");
	(void)sigemptyset(&none); /* cannot fail; nor does this: */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)umask(0); /* modes are those that are said */
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_errno(e, "cannot mount a procfs");
	return 0;
}

/* Somebody else may be at work on the same step. */
static int wait_for_turn(const struct store *s, const struct digest *key, int *ret_fd, struct err *e)
{
	const struct timespec pause = { .tv_nsec = TURN_POLL_MS * 1000000L };
	int r;

	while ((r = store_try_lock_work(s, key, ret_fd, e)) == -EWOULDBLOCK)
		(void)nanosleep(&pause, NULL);
	return r;
}

static bool find_made(struct execution *x, const struct step_job *j, struct step_report *report)
{
	cleanup_step_record struct step_record record = { 0 };
	struct err ignored; /* what cannot be read is made again */

	if (!execution_may_look(x, j->stage) ||
	    step_cache_find(x->build->store, &j->key, x->now_s, &record, &ignored) < 0 || !record.layer)
		return false;
	report->found = step_layer_find(x->build->store, &record, &report->layer, &ignored) == 0;
	report->is_remembered = report->found;
	return report->found;
}

static int make(struct step_place *p, struct step_report *report, struct err *e)
{
	switch (p->step->kind) {
	case PLAN_RUN:
		return step_run_make(p, &report->exit_code, e);
	case PLAN_WORKDIR:
		return step_workdir_make(p, e);
	case PLAN_COPY:
	default:
		return step_copy_make(p, e);
	}
}

static int put_record(struct execution *x, const struct step_job *j, struct step_layer *layer, struct err *e)
{
	const struct step_record record = {
		.key = j->key,
		.before = j->before,
		.layer = layer->key,
		.diff_id = layer->diff_id,
		.size_bytes = layer->tar_bytes,
		.created = layer->created,
		.text = execution_step(x, j->stage, j->step)->text,
	};

	return step_cache_put(x->build->store, &record, e);
}

/* Stages and images do not change. */
static bool is_folder(const struct plan_source *from)
{
	return from->kind == PLAN_CONTEXT || from->kind == PLAN_NAMED;
}

static bool reads_folder(const struct plan_step *step)
{
	bool reads = step->kind == PLAN_COPY && is_folder(&step->copy.from);

	for (size_t i = 0; step->kind == PLAN_RUN && i < step->run.mounts_len; i++)
		reads = reads || (step->run.mounts[i].mount.type == RUN_MOUNT_BIND &&
				  is_folder(&step->run.mounts[i].from));
	return reads;
}

/* What the step read may be another by now: then it is used this once, and not remembered. */
static bool saw_what_it_was(struct execution *x, struct step_job *j)
{
	const struct plan_step *step = execution_step(x, j->stage, j->step);
	cleanup_free struct digest *contents = NULL;
	struct digest key;
	struct err ignored;
	size_t len;

	if (!reads_folder(step))
		return true;
	return step_contents(x, j, &contents, &len, &ignored) == 0 &&
	       execution_key(x, j, contents, len, &key, &ignored) == 0 && digest_equal(&key, &j->key);
}

static int make_layer(struct execution *x, struct step_job *j, struct step_report *report, struct err *e)
{
	const struct strvec *layers = &x->stages[j->stage].layers;
	cleanup_overlay_plan struct overlay_plan overlay = { 0 };
	cleanup_copy_later struct copy_later later = { 0 };
	struct step_place place = { .x = x,
				    .job = j,
				    .step = execution_step(x, j->stage, j->step),
				    .overlay = &overlay,
				    .below_fd = -1,
				    .later = &later };
	struct tree *below;
	int r = 0;

	if (layers->len > 0) {
		r = execution_stage_tree(x, j->stage, &below, e);
		if (r < 0)
			return r;
		place.below_fd = below->fd;
	}
	r = tree_view_prepare(x->build->store, &x->build->staging, j->name, layers, place.below_fd, &overlay,
			      e);
	if (r == 0)
		r = make(&place, report, e);
	if (r == 0 && overlay.lower.len > 0 && umount2(overlay.target, MNT_DETACH) < 0)
		r = errno == EINVAL ? 0 : err_errno(e, "cannot unmount '%s'", overlay.target);
	return r < 0 ? r
		     : step_layer_commit(x->build->store, &x->build->staging, j->name, execution_epoch(x),
					 &later, &report->layer, e);
}

static int work(struct execution *x, struct step_job *j, struct step_report *report, struct err *e)
{
	cleanup_fd int lock_fd = -1;
	int r = wait_for_turn(x->build->store, &j->key, &lock_fd, e);

	if (r < 0 || find_made(x, j, report))
		return r;
	r = make_layer(x, j, report, e);
	if (r < 0)
		return store_explain_full(x->build->store, e);
	report->is_remembered = saw_what_it_was(x, j);
	return report->is_remembered ? put_record(x, j, &report->layer, e) : 0;
}

static void child(struct execution *x, struct step_job *j, int report_fd, int output_fd)
{
	struct step_report report = { 0 };
	int r = settle(report_fd, output_fd, &report.error);

	if (r == 0)
		r = work(x, j, &report, &report.error);
	if (r == 0)
		report.error = (struct err){ 0 };
	IGNORE_RESULT(write_all(report_fd, &report, sizeof(report))); /* else we have died */
	_exit(0);
}

/* --- outside of it -------------------------------------------------------------------------------------- */

int step_job_start(struct execution *x, struct step_job *j, struct err *e)
{
	cleanup_fd int report_fd = -1;
	cleanup_fd int output_fd = -1;
	int report[2], output[2];
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	j->report_fd = report[0];
	report_fd = report[1];
	if (pipe2(output, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	j->output_fd = output[0];
	output_fd = output[1];
	(void)fcntl(j->output_fd, F_SETFL, O_NONBLOCK);
	j->begun_ms = monotonic_ms();
	pid = process_clone(CLONE_NEWPID | CLONE_NEWNS, -1, &j->pidfd);
	if (pid == 0)
		child(x, j, report_fd, output_fd);
	return pid < 0 ? err_code(e, (int)pid, "cannot start a process for a step") : 0;
}

int step_job_finish(struct step_job *j, struct step_report *ret, struct err *e)
{
	int status = 0;
	int r = read_exactly(j->report_fd, ret, sizeof(*ret));

	if (r < 0) {
		IGNORE_RESULT(process_signal(j->pidfd, SIGKILL)); /* it has died, or is about to */
		IGNORE_RESULT(process_wait(j->pidfd, &status));
		return err_set(e, -EPROTO, "the process of a step has died (status %d)",
			       process_exit_code(status));
	}
	r = process_wait(j->pidfd, &status);
	if (r < 0)
		return err_code(e, r, "cannot wait for a step");
	ret->error.text[sizeof(ret->error.text) - 1] = '\0';
	if (ret->error.code < 0)
		*e = ret->error;
	return ret->error.code;
}
