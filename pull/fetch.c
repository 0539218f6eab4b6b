/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/fetch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

#define STREAM_PIPE_BYTES (1 << 20)

/* --- reports --- */

static void observe(const struct fetch *f, const struct layer_job *job, uint64_t done_bytes)
{
	const struct pull_observer *o = &f->options->observer;

	if (o->layer)
		o->layer(o->arg, (size_t)(job - f->jobs), job->phase, done_bytes);
}

static void enter(const struct fetch *f, struct layer_job *job, enum pull_phase phase)
{
	job->phase = phase;
	observe(f, job, phase > PULL_DOWNLOADING ? job->blob->size_bytes : 0);
}

/* --- what there is to do --- */

static size_t earlier_of_same(const struct fetch *f, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (digest_equal(f->jobs[i].diff_id, f->jobs[index].diff_id) && !f->jobs[i].key)
			return i;
	return FETCH_NO_TWIN;
}

static int plan_limits(struct fetch *f)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int jobs = f->options->jobs ? f->options->jobs : PULL_DEFAULT_JOBS;

	if (jobs > PULL_JOBS_MAX)
		jobs = PULL_JOBS_MAX;
	f->workers_max = f->source->is_sequential ? 1 : jobs;
	f->unpacks_max = cpus > 0 && (unsigned long)cpus < jobs ? (size_t)cpus : jobs;
	return 0;
}

int fetch_plan(struct fetch *ret, const struct manifest *manifest, const struct image_config *config,
	       struct err *e)
{
	struct fetch *f = ret;
	cleanup_free struct layer_keys *keys = calloc(manifest->layers_len + 1, sizeof(*keys));
	int r;

	f->jobs = calloc(manifest->layers_len + 1, sizeof(*f->jobs));
	if (!keys || !f->jobs)
		return err_code(e, -ENOMEM, "cannot list the layers");
	r = layer_keys_make(config->diff_ids, manifest->layers_len, keys, e);
	if (r < 0)
		return r;
	f->jobs_len = manifest->layers_len;
	for (size_t i = 0; i < f->jobs_len; i++) {
		struct layer_job *job = &f->jobs[i];

		*job = (struct layer_job){ .blob = &manifest->layers[i],
					   .diff_id = &config->diff_ids[i],
					   .keys = keys[i],
					   .twin = FETCH_NO_TWIN,
					   .blob_fd = -1 };
		(void)snprintf(job->subdir, sizeof(job->subdir), "%zu", i);
		job->key = layer_keys_find(&job->keys, f->store);
		job->phase = job->key ? PULL_PRESENT : PULL_WAITING;
		if (!job->key)
			job->twin = earlier_of_same(f, i);
	}
	return plan_limits(f);
}

void fetch_look_again(struct fetch *f)
{
	for (size_t i = 0; i < f->jobs_len; i++) {
		struct layer_job *job = &f->jobs[i];

		if (job->key)
			continue;
		job->key = layer_keys_find(&job->keys, f->store);
		if (job->key || (job->twin != FETCH_NO_TWIN && f->jobs[job->twin].key))
			job->twin = FETCH_NO_TWIN; /* nobody settles it any more */
		if (job->key)
			enter(f, job, PULL_PRESENT);
	}
}

bool fetch_is_complete(const struct fetch *f)
{
	for (size_t i = 0; i < f->jobs_len; i++)
		if (f->jobs[i].phase != PULL_DONE && f->jobs[i].phase != PULL_PRESENT)
			return false;
	return true;
}

void fetch_done(struct fetch *f)
{
	for (size_t i = 0; i < f->workers_len; i++)
		worker_stop(&f->workers[i]);
	for (size_t i = 0; i < f->jobs_len; i++) {
		unpack_cancel(&f->jobs[i].unpack);
		if (f->jobs[i].blob_fd >= 0)
			(void)close(f->jobs[i].blob_fd); /* garbage */
	}
	free(f->jobs);
	f->jobs = NULL;
	f->jobs_len = f->workers_len = 0;
}

static int blame(const struct fetch *f, const struct layer_job *job, struct err *e)
{
	return err_wrap(e, "layer %zu of %zu, %s", (size_t)(job - f->jobs) + 1, f->jobs_len,
			job->blob->digest.text);
}

/* --- downloads --- */

/* A file without a name: whatever happens to us, it is gone with our descriptor. */
static int open_nameless(const struct fetch *f, const struct layer_job *job, int *ret_fd, struct err *e)
{
	char name[32];
	int fd = openat(f->staging->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		(void)snprintf(name, sizeof(name), "blob-%s", job->subdir);
		fd = openat(f->staging->fd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0 && unlinkat(f->staging->fd, name, 0) < 0) {
			(void)close(fd); /* empty */
			return err_errno(e, "cannot make a temporary file");
		}
	}
	if (fd < 0)
		return err_errno(e, "cannot make a temporary file");
	*ret_fd = fd;
	return 0;
}

static struct worker *idle_worker(struct fetch *f, struct err *e)
{
	for (size_t i = 0; i < f->workers_len; i++)
		if (!f->workers[i].busy)
			return &f->workers[i];
	if (f->workers_len == f->workers_max)
		return NULL;
	if (worker_start(f->source, &f->workers[f->workers_len], e) < 0)
		return NULL;
	return &f->workers[f->workers_len++];
}

/* Blobs that wait to be unpacked take up space that nobody asked for: the downloads do not run far ahead. */
static size_t backlog(const struct fetch *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->jobs_len; i++)
		n += f->jobs[i].phase == PULL_DOWNLOADED;
	return n;
}

/* The file's place may be a pipe's, to a process that unpacks what comes. That process closes what is not its own, this end too. */
static int start_stream(const struct fetch *f, struct layer_job *job, struct worker *w, struct err *e)
{
	const struct unpack_limits limits = { .max_bytes = f->options->max_layer_bytes };
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	(void)fcntl(fds[1], F_SETPIPE_SZ, STREAM_PIPE_BYTES); /* a smaller one will do */
	r = unpack_start(fds[0], media_kind_of(job->blob->media_type), f->staging->fd, job->subdir,
			 job->diff_id, &limits, &job->unpack, e);
	if (r == 0)
		r = worker_fetch(w, f->source, &job->blob->digest, job->blob->size_bytes, fds[1], true, e);
	(void)close(fds[0]); /* the child has it */
	(void)close(fds[1]); /* the worker has it */
	job->streams = true;
	return r;
}

static int start_download(const struct fetch *f, struct layer_job *job, struct worker *w, struct err *e)
{
	int r = open_nameless(f, job, &job->blob_fd, e);

	return r < 0 ? r
		     : worker_fetch(w, f->source, &job->blob->digest, job->blob->size_bytes, job->blob_fd,
				    false, e);
}

static size_t count_unpacks(const struct fetch *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->jobs_len; i++)
		n += f->jobs[i].unpack.pid != 0;
	return n;
}

static bool can_stream(const struct fetch *f, const struct layer_job *job)
{
	return f->may_stream && !job->comes_whole && !f->options->keep_blobs &&
	       count_unpacks(f) < f->unpacks_max;
}

static struct layer_job *next_of_phase(const struct fetch *f, enum pull_phase phase)
{
	for (size_t i = 0; i < f->jobs_len; i++)
		if (f->jobs[i].phase == phase && f->jobs[i].twin == FETCH_NO_TWIN)
			return &f->jobs[i];
	return NULL;
}

static int start_downloads(struct fetch *f, struct err *e)
{
	struct layer_job *job;
	int r;

	while ((job = next_of_phase(f, PULL_WAITING)) && backlog(f) < f->workers_max) {
		struct worker *w;

		e->code = 0;
		w = idle_worker(f, e);
		if (!w)
			return e->code; /* 0: all are busy */
		r = can_stream(f, job) ? start_stream(f, job, w, e) : start_download(f, job, w, e);
		if (r < 0)
			return blame(f, job, e);
		job->worker = w;
		enter(f, job, PULL_DOWNLOADING);
	}
	return 0;
}

/* --- unpacking --- */

/* Another name for the nameless file: it outlives its descriptor, as garbage until the pull has its layer in place. */
static int keep_blob(const struct fetch *f, const struct layer_job *job, struct err *e)
{
	char from[32], name[FETCH_KEPT_MAX];

	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", job->blob_fd);
	fetch_kept_name(job, name);
	if (linkat(AT_FDCWD, from, f->staging->fd, name, AT_SYMLINK_FOLLOW) < 0)
		return err_errno(e, "cannot keep its blob");
	return 0;
}

void fetch_kept_name(const struct layer_job *job, char ret[FETCH_KEPT_MAX])
{
	(void)snprintf(ret, FETCH_KEPT_MAX, "kept-%s", job->subdir);
}

static int start_unpacks(struct fetch *f, struct err *e)
{
	const struct unpack_limits limits = { .max_bytes = f->options->max_layer_bytes };
	struct layer_job *job;
	int r;

	while (count_unpacks(f) < f->unpacks_max && (job = next_of_phase(f, PULL_DOWNLOADED))) {
		if (lseek(job->blob_fd, 0, SEEK_SET) < 0)
			return err_errno(e, "cannot rewind a file");
		r = f->options->keep_blobs ? keep_blob(f, job, e) : 0;
		if (r < 0)
			return blame(f, job, e);
		r = unpack_start(job->blob_fd, media_kind_of(job->blob->media_type), f->staging->fd,
				 job->subdir, job->diff_id, &limits, &job->unpack, e);
		if (r < 0)
			return blame(f, job, e);
		(void)close(job->blob_fd); /* the child has it */
		job->blob_fd = -1;
		enter(f, job, PULL_UNPACKING);
	}
	return 0;
}

/* A layer of the same content either does for its twin, or, if what it looks like depends on the layers below, is got once more. */
static void settle_twins(struct fetch *f, const struct layer_job *done)
{
	for (size_t i = 0; i < f->jobs_len; i++) {
		struct layer_job *job = &f->jobs[i];

		if (job->twin != (size_t)(done - f->jobs))
			continue;
		if (done->key == done->keys.chained) {
			job->twin = FETCH_NO_TWIN;
			continue;
		}
		job->key = done->key == done->keys.plain ? job->keys.plain : job->keys.opaque;
		enter(f, job, PULL_PRESENT);
	}
}

static void complete(struct fetch *f, struct layer_job *job)
{
	job->is_ours = true;
	if (job->result.root_is_opaque)
		job->key = job->keys.opaque;
	else
		job->key = job->result.has_implied_dirs ? job->keys.chained : job->keys.plain;
	enter(f, job, PULL_DONE);
	settle_twins(f, job);
}

/* Either side may be through first. What the unpacker thinks of bytes that turn out to be others than they should be is of no interest. */
static int settle_stream(struct fetch *f, struct layer_job *job, struct err *e)
{
	if (!job->is_verified)
		return 0;
	if (!job->is_unpacked) {
		enter(f, job, PULL_UNPACKING);
		return 0;
	}
	if (job->unpack_error.code < 0) {
		*e = job->unpack_error;
		return blame(f, job, e);
	}
	complete(f, job);
	return 0;
}

/* The rest of the blob would not help. Of a limit that says nobody: another mirror's bytes may be within it. */
static bool is_final(int code)
{
	return code == -ENOSPC || code == -EDQUOT || code == -EROFS || code == -ENOMEM;
}

static int on_unpacked(struct fetch *f, struct layer_job *job, struct err *e)
{
	int r = unpack_wait(&job->unpack, &job->result, e);

	if (r < 0 && (!job->streams || is_final(r)))
		return blame(f, job, e);
	if (job->streams) {
		if (r < 0)
			job->unpack_error = *e;
		job->is_unpacked = true;
		return settle_stream(f, job, e);
	}
	complete(f, job);
	return 0;
}

/* What has been unpacked so far may be of bytes that are not the blob's. */
static int start_over(const struct fetch *f, struct layer_job *job, struct err *e)
{
	int r;

	unpack_cancel(&job->unpack);
	r = tree_remove(f->staging->fd, job->subdir, e);
	if (r < 0)
		return blame(f, job, e);
	job->streams = job->is_unpacked = false;
	job->unpack_error.code = 0;
	job->comes_whole = true;
	enter(f, job, PULL_WAITING);
	return 0;
}

/* --- what workers say --- */

static struct layer_job *job_of_worker(const struct fetch *f, const struct worker *w)
{
	for (size_t i = 0; i < f->jobs_len; i++)
		if (f->jobs[i].worker == w)
			return &f->jobs[i];
	return NULL;
}

static int on_worker(struct fetch *f, struct worker *w, struct err *e)
{
	struct layer_job *job = job_of_worker(f, w);
	struct worker_event event;
	int r = worker_receive(w, &event, NULL, e);

	if (!job)
		return r < 0 ? r : err_set(e, -EPROTO, "a worker process talks nonsense");
	if (r < 0)
		return blame(f, job, e);
	switch (event.kind) {
	case WORKER_PROGRESS:
		if (event.bytes >= job->blob->size_bytes)
			job->phase = PULL_VERIFYING;
		observe(f, job, event.bytes);
		return 0;
	case WORKER_DONE:
		job->worker = NULL;
		job->is_verified = true;
		if (job->streams)
			return settle_stream(f, job, e);
		enter(f, job, PULL_DOWNLOADED);
		return 0;
	case WORKER_FAILED:
		job->worker = NULL;
		if (job->streams && event.error.code == -ESTALE)
			return start_over(f, job, e);
		*e = event.error;
		return blame(f, job, e);
	default:
		return err_set(e, -EPROTO, "a worker process talks nonsense");
	}
}

/* --- the loop --- */

struct waiting {
	struct pollfd fds[1 + 2 * PULL_JOBS_MAX];
	struct worker *workers[1 + 2 * PULL_JOBS_MAX]; /* or NULL, as below */
	struct layer_job *unpacks[1 + 2 * PULL_JOBS_MAX];
	nfds_t len;
};

static void list_waiting(struct fetch *f, struct waiting *ret)
{
	*ret = (struct waiting){ .len = 1 };
	ret->fds[0] = (struct pollfd){ .fd = f->options->cancel_fd, .events = POLLIN };
	for (size_t i = 0; i < f->workers_len; i++) {
		ret->fds[ret->len] = (struct pollfd){ .fd = f->workers[i].sock, .events = POLLIN };
		ret->workers[ret->len++] = &f->workers[i];
	}
	for (size_t i = 0; i < f->jobs_len; i++) {
		if (f->jobs[i].unpack.pid == 0)
			continue;
		ret->fds[ret->len] = (struct pollfd){ .fd = f->jobs[i].unpack.pidfd, .events = POLLIN };
		ret->unpacks[ret->len++] = &f->jobs[i];
	}
}

static int wait_and_handle(struct fetch *f, struct err *e)
{
	struct waiting w;
	int r = 0;

	list_waiting(f, &w);
	while (poll(w.fds, w.len, -1) < 0)
		if (errno != EINTR)
			return err_errno(e, "cannot wait for the workers");
	if (w.fds[0].revents)
		return err_set(e, -EINTR, "interrupted");
	for (nfds_t i = 1; r == 0 && i < w.len; i++) {
		if (!w.fds[i].revents)
			continue;
		if (w.workers[i])
			r = on_worker(f, w.workers[i], e);
		else if (w.unpacks[i]->unpack.pid != 0) /* its worker may have made it start over just now */
			r = on_unpacked(f, w.unpacks[i], e);
	}
	return r;
}

/* The trees below layer `index`, topmost first, as far down as they can be seen. */
static int lower_trees(const struct fetch *f, size_t index, struct strvec *out)
{
	int r = 0;

	for (size_t i = index; r == 0 && i > 0; i--) {
		const struct layer_job *job = &f->jobs[i - 1];

		if (job->is_ours)
			r = strvec_addf(out, "%s/staging/%s/%s/tree", store_root_path(f->store),
					f->staging->name, job->subdir);
		else if (job->twin != FETCH_NO_TWIN)
			r = strvec_addf(out, "%s/staging/%s/%s/tree", store_root_path(f->store),
					f->staging->name, f->jobs[job->twin].subdir);
		else
			r = strvec_take(out, layer_tree_path(f->store, job->key));
		if (job->key == job->keys.opaque)
			break;
	}
	return r;
}

/* Base first: what a layer takes from the ones below has been settled there. */
static int fix_implied(const struct fetch *f, struct err *e)
{
	for (size_t i = 0; i < f->jobs_len; i++) {
		const struct layer_job *job = &f->jobs[i];
		cleanup_strvec struct strvec lower = { 0 };
		int r;

		if (!job->is_ours || !job->result.has_implied_dirs)
			continue;
		if (job->key != job->keys.opaque && lower_trees(f, i, &lower) < 0)
			return err_code(e, -ENOMEM, "cannot list the layers");
		r = unpack_fix_implied(f->staging->fd, job->subdir, &lower, e);
		if (r < 0)
			return blame(f, job, e);
	}
	return 0;
}

int fetch_run(struct fetch *f, struct err *e)
{
	const struct pull_observer *o = &f->options->observer;
	int r = 0;

	while (r == 0 && !fetch_is_complete(f)) {
		r = start_unpacks(f, e);
		if (r == 0)
			r = start_downloads(f, e);
		if (r == 0)
			r = wait_and_handle(f, e);
		if (r == 0 && o->tick)
			o->tick(o->arg);
	}
	return r < 0 ? r : fix_implied(f, e);
}
