/* SPDX-License-Identifier: Apache-2.0 */
/* The order of things: what was made before is taken, and what was not is made, as many steps at a time as there may be. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "build/binfmt.h"
#include "build/execution.h"
#include "build/leftovers.h"
#include "build/step_key.h"
#include "build/step_remote.h"
#include "build/tree_view.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "pull/hash.h"
#include "store/step_cache.h"

#define OUTPUT_BYTES 65536
#define MEMINFO_MAX  65536
#define JOB_BYTES    (UINT64_C(256) << 20) /* of memory for each step that runs at a time */

/* --- stages --------------------------------------------------------------------------------------------- */

static void stage_run_done(struct stage_run *s)
{
	strvec_done(&s->layers);
	free(s->made);
	free(s->made_steps);
	cleanup_fd_fn(&s->tree.fd);
	free(s->tree.path);
}

static int grow(struct stage_run *s, size_t len)
{
	struct step_layer *made = reallocarray(s->made, len + 1, sizeof(*made));
	struct made_step *steps;

	if (!made)
		return -ENOMEM;
	s->made = made;
	steps = reallocarray(s->made_steps, len + 1, sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	s->made_steps = steps;
	return 0;
}

/* All of what another stage has in the end. */
static int take_over(struct stage_run *s, const struct stage_run *from)
{
	int r = grow(s, from->made_len);

	if (r < 0)
		return r;
	for (size_t i = 0; i < from->made_len; i++) {
		s->made[i] = from->made[i];
		s->made_steps[i] = from->made_steps[i];
	}
	s->made_len = from->made_len;
	s->base = from->base;
	return strvec_add_all(&s->layers, &from->layers);
}

int execution_begin_stage(struct execution *x, size_t stage, struct err *e)
{
	const struct plan_stage *p = &x->plan->stages[stage];
	struct stage_run *s = &x->stages[stage];
	const struct digest *base = &(struct digest){ 0 };
	int r = 0;

	if (s->begun)
		return 0;
	s->begun = true;
	if (p->base.kind == PLAN_STAGE) {
		r = execution_begin_stage(x, p->base.stage,
					  e); /* one without steps has not been begun by anybody */
		if (r < 0)
			return r;
		base = &x->stages[p->base.stage].key;
		if (take_over(s, &x->stages[p->base.stage]) < 0)
			return err_code(e, -ENOMEM, "cannot begin a stage");
	} else if (p->base.kind == PLAN_IMAGE) {
		r = base_images_get(x->bases, p->base.name, &p->base.platform, &s->base, e);
		if (r < 0)
			return r;
		base = &s->base->image.record.config;
		if (strvec_add_all(&s->layers, &s->base->image.record.layers) < 0)
			return err_code(e, -ENOMEM, "cannot begin a stage");
	} else if (p->base.kind != PLAN_SCRATCH) {
		return err_set(e, -EOPNOTSUPP, "a stage cannot be based on the folder of build context '%s'",
			       p->base.name ? p->base.name : "");
	}
	return step_key_begin(p, base, &s->key, e);
}

/* What follows a step that saw something else than its key says is keyed by what that made, lest the cache has it for what the key says. */
static int key_apart(const struct digest *key, const struct digest *diff_id, struct digest *ret,
		     struct err *e)
{
	char text[2 * DIGEST_TEXT_MAX + 16];
	int len = snprintf(text, sizeof(text), "changed %s %s", key->text, diff_id->text);

	return hash_bytes("sha256", text, (size_t)len, ret, e);
}

static int add_layer(struct execution *x, const struct step_job *j, const struct step_layer *layer,
		     bool is_remembered, struct err *e)
{
	const struct plan_step *step = execution_step(x, j->stage, j->step);
	struct stage_run *s = &x->stages[j->stage];
	struct digest key = j->key;
	int r = is_remembered ? 0 : key_apart(&j->key, &layer->diff_id, &key, e);

	if (r < 0)
		return r;
	if (grow(s, s->made_len) < 0 || strvec_add(&s->layers, layer->key) < 0)
		return err_code(e, -ENOMEM, "cannot keep a layer");
	s->made[s->made_len] = *layer;
	s->made_steps[s->made_len++] = (struct made_step){ .history = step->history,
							   .key = j->key,
							   .before = j->before,
							   .text = step->text,
							   .is_remembered = is_remembered };
	s->key = key;
	schedule_made(&x->schedule, j->stage);
	return 0;
}

/* --- steps ---------------------------------------------------------------------------------------------- */

static void tell_end(const struct execution *x, const struct step_job *j, enum build_step_end how)
{
	const struct build_observer *o = &x->params->observer;

	if (o->ended)
		o->ended(o->arg, j->stage, j->step, how, monotonic_ms() - j->begun_ms);
}

int execution_key(const struct execution *x, const struct step_job *j, const struct digest *contents,
		  size_t len, struct digest *ret, struct err *e)
{
	return step_key_next(&j->before, execution_step(x, j->stage, j->step), contents, len,
			     execution_epoch(x), ret, e);
}

bool execution_may_look(const struct execution *x, size_t stage)
{
	const struct strvec *without = x->params->no_cache_stages;

	return !x->params->no_cache && (!without || !strvec_has(without, x->plan->stages[stage].name));
}

/* 1: it was made before. */
static int look_up(struct execution *x, struct step_job *j, struct err *e)
{
	cleanup_step_record struct step_record record = { 0 };
	struct step_layer layer;
	struct err ignored;
	int r;

	if (!execution_may_look(x, j->stage))
		return 0;
	r = step_cache_find(x->build->store, &j->key, x->now_s, &record, e);
	if (r == -ENOENT || (r == 0 && !record.layer))
		return 0;
	if (r < 0)
		return r;
	if (step_layer_find(x->build->store, &record, &layer, &ignored) < 0)
		return 0; /* damaged: made again */
	r = add_layer(x, j, &layer, true, e);
	return r < 0 ? r : 1;
}

/* As look_up, with the key of what the step sees now. */
static int find_key(struct execution *x, struct step_job *j, struct err *e)
{
	cleanup_free struct digest *contents = NULL;
	size_t len = 0;
	int r = step_contents(x, j, &contents, &len, e);

	if (r == 0)
		r = execution_key(x, j, contents, len, &j->key, e);
	return r < 0 ? r : look_up(x, j, e);
}

static int begin_step(struct execution *x, struct step_job *j, struct err *e)
{
	const struct build_observer *o = &x->params->observer;
	int r = execution_begin_stage(x, j->stage, e);

	(void)snprintf(j->name, sizeof(j->name), LEFTOVERS_STEP_PREFIX "%zu", x->build->names_len++);
	j->before = x->stages[j->stage].key;
	j->begun_ms = monotonic_ms();
	if (r == 0)
		r = find_key(x, j, e);
	if (r == 0 && step_remote_forget(x, j))
		r = find_key(x, j, e);
	if (r >= 0 && step_remote_note(x, j, e) < 0)
		r = e->code;
	if (r != 0) {
		if (r != -EINTR)
			tell_end(x, j, r > 0 ? BUILD_STEP_CACHED : BUILD_STEP_FAILED);
		return r;
	}
	x->is_new = true;
	if (o->begun)
		o->begun(o->arg, j->stage, j->step);
	r = build_stage(x->build, e);
	return r < 0 ? r : step_job_start(x, j, e);
}

static struct step_job *free_job(struct execution *x)
{
	for (size_t i = 0; i < x->jobs_len; i++)
		if (x->jobs[i].pidfd < 0)
			return &x->jobs[i];
	return NULL;
}

static size_t running(const struct execution *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->jobs_len; i++)
		n += x->jobs[i].pidfd >= 0;
	return n;
}

/* Begins whatever may begin. */
static int begin_steps(struct execution *x, struct build_failure *failure, struct err *e)
{
	struct step_job *j;

	while ((j = free_job(x))) {
		int r;

		step_job_done(j);
		j->stage = schedule_next(&x->schedule, &j->step);
		if (j->stage == SCHEDULE_NONE)
			return 0;
		r = begin_step(x, j, e);
		if (r == -EINTR)
			return err_set(e, r, "interrupted"); /* no step has failed */
		if (r < 0) {
			*failure = (struct build_failure){ .set = true, .stage = j->stage, .step = j->step };
			return r;
		}
		if (r > 0)
			step_job_done(j);
	}
	return 0;
}

/* --- waiting -------------------------------------------------------------------------------------------- */

static void pass_output(const struct execution *x, struct step_job *j)
{
	const struct build_observer *o = &x->params->observer;
	char data[OUTPUT_BYTES];
	ssize_t n;

	while ((n = read(j->output_fd, data, sizeof(data))) > 0)
		if (o->output)
			o->output(o->arg, j->stage, j->step, data, (size_t)n);
	if (n == 0) {
		(void)close(j->output_fd);
		j->output_fd = -1;
	}
}

static int end_step(struct execution *x, struct step_job *j, struct build_failure *failure, struct err *e)
{
	struct step_report report;
	int r = step_job_finish(j, &report, e);

	if (j->output_fd >= 0)
		pass_output(x, j);
	if (r == 0)
		r = add_layer(x, j, &report.layer, report.is_remembered, e);
	tell_end(x, j, r < 0 ? BUILD_STEP_FAILED : report.found ? BUILD_STEP_CACHED : BUILD_STEP_MADE);
	if (r < 0)
		*failure = (struct build_failure){ .set = true,
						   .stage = j->stage,
						   .step = j->step,
						   .exit_code = r == -EPROTO ? 0 : report.exit_code };
	step_job_done(j);
	return r;
}

/* Until one has ended, with what the others say meanwhile. */
static int wait_for_one(struct execution *x, struct build_failure *failure, struct err *e)
{
	const struct build_observer *o = &x->params->observer;
	struct pollfd fds[2 * BUILD_JOBS_MAX + 1];
	nfds_t n = 0;
	int ready, r = 0;

	for (size_t i = 0; i < x->jobs_len; i++) {
		fds[n++] = (struct pollfd){ .fd = x->jobs[i].output_fd, .events = POLLIN };
		fds[n++] = (struct pollfd){ .fd = x->jobs[i].report_fd, .events = POLLIN };
	}
	fds[n++] = (struct pollfd){ .fd = x->params->cancel_fd, .events = POLLIN };
	ready = poll(fds, n, o->tick ? o->tick_ms : -1);
	if (ready < 0)
		return errno == EINTR ? 0 : err_errno(e, "cannot wait for steps");
	if (ready == 0 && o->tick)
		o->tick(o->arg);
	if (fds[n - 1].revents)
		return err_set(e, -EINTR, "interrupted");
	for (size_t i = 0; r == 0 && i < x->jobs_len; i++) {
		if (fds[2 * i].revents)
			pass_output(x, &x->jobs[i]);
		if (fds[2 * i + 1].revents)
			r = end_step(x, &x->jobs[i], failure, e);
	}
	return r;
}

/* Each takes with it whatever it has started. */
static void stop_all(struct execution *x)
{
	int status;

	for (size_t i = 0; i < x->jobs_len; i++) {
		if (x->jobs[i].pidfd >= 0) {
			IGNORE_RESULT(process_signal(x->jobs[i].pidfd, SIGKILL)); /* it may have ended */
			IGNORE_RESULT(process_wait(x->jobs[i].pidfd, &status));
		}
		step_job_done(&x->jobs[i]);
	}
}

static int run_steps(struct execution *x, struct build_failure *failure, struct err *e)
{
	int r = 0;

	while (r == 0 && !schedule_is_complete(&x->schedule)) {
		r = begin_steps(x, failure, e);
		if (r == 0 && running(x) > 0)
			r = wait_for_one(x, failure, e);
	}
	return r < 0 ? r : execution_begin_stage(x, x->plan->target, e); /* it may have no steps */
}

/* --- platforms ------------------------------------------------------------------------------------------ */

static bool has_run(const struct plan_stage *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->steps[i].kind == PLAN_RUN)
			return true;
	return false;
}

/* Before anything is made: whether this machine can run what is to be run. */
static int check_platforms(const struct build_plan *plan, struct err *e)
{
	for (size_t i = 0; i < plan->len; i++) {
		const struct platform *p = &plan->stages[i].platform;
		cleanup_free char *interpreter = NULL;
		char text[3 * PLATFORM_FIELD_MAX];
		enum binfmt_way way;
		int r;

		if (!has_run(&plan->stages[i]))
			continue;
		r = binfmt_can_run(p, &way, &interpreter, e);
		if (r < 0)
			return r;
		platform_format(p, text);
		if (way == BINFMT_MISSING)
			return err_set(e, -EOPNOTSUPP,
				       "stage '%s': this machine cannot run programs of %s (apt install "
				       "qemu-user-static, then sampan binfmt install %s)",
				       plan->stages[i].name, text, p->architecture);
	}
	return 0;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static void execution_done(struct execution *x)
{
	if (x->jobs)
		stop_all(x);
	free(x->jobs);
	for (size_t i = 0; x->stages && i < x->plan->len; i++)
		stage_run_done(&x->stages[i]);
	free(x->stages);
	for (size_t i = 0; i < x->images_len; i++) {
		cleanup_fd_fn(&x->images[i].tree.fd);
		free(x->images[i].tree.path);
	}
	free(x->images);
	strvec_done(&x->sources);
	schedule_done(&x->schedule);
}
#define cleanup_execution __attribute__((cleanup(execution_done)))

/* By what the kernel says is to be had without swapping. proc(5) */
static size_t memory_allows(void)
{
	static const char NAME[] = "MemAvailable:";
	cleanup_buf struct buf text = BUF_INIT(MEMINFO_MAX);
	struct err ignored; /* then nobody knows, and one at a time is what always works */
	const char *at = file_read(AT_FDCWD, "/proc/meminfo", &text, &ignored) == 0 && text.data
				 ? strstr(text.data, NAME)
				 : NULL;
	uint64_t kib = 0;

	if (!at)
		return 1;
	for (at += sizeof(NAME) - 1; *at == ' '; at++)
		;
	for (; *at >= '0' && *at <= '9' && kib < UINT64_MAX / 16; at++)
		kib = 10 * kib + (uint64_t)(*at - '0');
	return (size_t)(kib / (JOB_BYTES / 1024));
}

/* As many as there are processors and as memory allows, where nobody says. */
static size_t jobs_of(const struct build_params *p)
{
	size_t processors = (size_t)get_nprocs(), memory = memory_allows();
	size_t n = p->jobs ? p->jobs : processors < memory ? processors : memory;

	return n < 1 ? 1 : n > BUILD_JOBS_MAX ? BUILD_JOBS_MAX : n;
}

static int execution_begin(struct execution *x, struct err *e)
{
	x->now_s = (int64_t)time(NULL);
	x->stages = calloc(x->plan->len + 1, sizeof(*x->stages));
	x->jobs_len = jobs_of(x->params);
	x->jobs = calloc(x->jobs_len, sizeof(*x->jobs));
	for (size_t i = 0; x->jobs && i < x->jobs_len; i++) {
		x->jobs[i].pidfd = x->jobs[i].report_fd = x->jobs[i].output_fd = -1;
		step_job_done(&x->jobs[i]);
	}
	for (size_t i = 0; x->stages && i < x->plan->len; i++)
		x->stages[i].tree.fd = -1;
	if (!x->stages || !x->jobs)
		return err_code(e, -ENOMEM, "cannot build");
	return schedule_make(x->plan, &x->schedule, e);
}

int build_execute(struct build *b, const struct build_plan *plan, struct base_images *bases,
		  const struct build_params *params, struct build_result *ret,
		  struct build_failure *ret_failure, struct err *e)
{
	cleanup_execution struct execution x = { .build = b, .plan = plan, .bases = bases, .params = params };
	struct err ignored;
	int r = check_platforms(plan, e);

	if (r == 0)
		r = execution_begin(&x, e);
	if (r == 0)
		r = run_steps(&x, ret_failure, e);
	IGNORE_RESULT(stat_cache_save(b->stat_cache, &ignored)); /* without it files are read again */
	return r < 0 ? r : build_result_make(&x, ret, e);
}

int build_open(const struct store *s, struct build *b, struct err *e)
{
	int r;

	b->store = s;
	r = store_lock(s, false, &b->lock_fd, e);
	if (r == 0)
		leftovers_sweep(s);
	return r < 0 ? r
		     : stat_cache_open(store_root_fd(s), BUILD_STAT_CACHE, STAT_CACHE_ENTRIES_MAX,
				       &b->stat_cache, e);
}

int build_stage(struct build *b, struct err *e)
{
	return b->staging.fd >= 0 ? 0 : staging_begin(b->store, &b->staging, e);
}

void build_close(struct build *b)
{
	stat_cache_free(b->stat_cache);
	if (b->staging.fd >= 0)
		leftovers_remove_cgroups(b->store, &b->staging);
	tree_view_unmount_all(b->store, &b->staging);
	staging_end(b->store, &b->staging);
	cleanup_fd_fn(&b->lock_fd);
	*b = BUILD_EMPTY;
}
