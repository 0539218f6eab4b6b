/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/transfer.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/packer.h"
#include "store/blob.h"

static void close_blob(struct transfer_blob *b)
{
	worker_stop(&b->own);
	cleanup_fd_fn(&b->fd);
	cleanup_fd_fn(&b->plain_fd);
	b->fd = b->plain_fd = -1;
}

static void drop_blobs(struct transfer *t)
{
	for (size_t i = 0; i < t->len; i++)
		close_blob(&t->blobs[i]);
	free(t->blobs);
	t->blobs = NULL;
	t->len = 0;
}

void transfer_done(struct transfer *t)
{
	for (size_t i = 0; i < t->downloads_len; i++)
		worker_stop(&t->downloads[i]);
	for (size_t i = 0; i < t->uploads_len; i++)
		worker_stop(&t->uploads[i]);
	t->downloads_len = t->uploads_len = 0;
	drop_blobs(t);
}

int transfer_begin(struct transfer *t, size_t len, struct err *e)
{
	drop_blobs(t);
	t->blobs = calloc(len + 1, sizeof(*t->blobs));
	if (!t->blobs)
		return err_code(e, -ENOMEM, "cannot list the layers");
	for (t->len = 0; t->len < len; t->len++)
		t->blobs[t->len].fd = t->blobs[t->len].plain_fd = -1;
	return 0;
}

void transfer_outcome(const struct transfer *t, size_t index, struct encoder_result *ret)
{
	const struct transfer_blob *b = &t->blobs[index];

	if (b->twin != TRANSFER_NO_TWIN)
		b = &t->blobs[b->twin];
	*ret = b->was_made ? b->made.blob
			   : (struct encoder_result){ .diff_id = b->diff_id,
						      .digest = b->digest,
						      .size_bytes = b->size_bytes };
}

/* --- reports ------------------------------------------------------------------------------------------------- */

static void observe(const struct transfer *t, const struct transfer_blob *b, uint64_t done_bytes)
{
	if (t->observer.blob)
		t->observer.blob(t->observer.arg, (size_t)(b - t->blobs), b->phase, done_bytes);
}

static void enter(const struct transfer *t, struct transfer_blob *b, enum transfer_phase phase)
{
	b->phase = phase;
	observe(t, b, phase > TRANSFER_SENDING ? b->size_bytes : 0);
}

static int blame(const struct transfer_blob *b, struct err *e)
{
	if (e->code == -EINTR)
		return e->code; /* nothing is wrong with it */
	return err_wrap(e, "%s %s", b->text ? "document" : "layer", b->digest.text);
}

static bool is_over(const struct transfer_blob *b)
{
	return b->phase >= TRANSFER_DONE;
}

/* --- workers --------------------------------------------------------------------------------------------------- */

static size_t jobs_of(const struct transfer *t)
{
	size_t jobs = t->jobs ? t->jobs : TRANSFER_DEFAULT_JOBS;

	return jobs < TRANSFER_JOBS_MAX ? jobs : TRANSFER_JOBS_MAX;
}

static struct worker *idle_of(struct worker *workers, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!workers[i].busy)
			return &workers[i];
	return NULL;
}

struct worker *transfer_uploader(struct transfer *t, struct err *e)
{
	struct worker *w = idle_of(t->uploads, t->uploads_len);

	e->code = 0;
	if (w || t->uploads_len == jobs_of(t))
		return w;
	if (uploader_start(t->registry, &t->uploads[t->uploads_len], e) < 0)
		return NULL;
	return &t->uploads[t->uploads_len++];
}

static struct worker *idle_downloader(struct transfer *t, struct err *e)
{
	struct worker *w = idle_of(t->downloads, t->downloads_len);

	e->code = 0;
	if (w || t->downloads_len == (t->source->is_sequential ? 1 : jobs_of(t)))
		return w;
	if (worker_start(t->source, &t->downloads[t->downloads_len], e) < 0)
		return NULL;
	return &t->downloads[t->downloads_len++];
}

/* A file without a name: whatever happens to us, it is gone with our descriptor. */
static int open_nameless(const struct transfer *t, int *ret_fd, struct err *e)
{
	int fd = openat(t->staging_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, "cannot make a temporary file");
	*ret_fd = fd;
	return 0;
}

/* --- one step of one blob -------------------------------------------------------------------------------------- */

static bool wants_plain(const struct transfer *t)
{
	return !t->registry && layout_wants_plain(t->layout);
}

/* Files that wait to be sent take up space: so many, and no more, are under way at a time. */
static bool may_make(const struct transfer *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->len; i++)
		n += t->blobs[i].fd >= 0 && !is_over(&t->blobs[i]);
	return n < jobs_of(t);
}

static int write_text(struct transfer *t, struct transfer_blob *b, struct err *e)
{
	int r = open_nameless(t, &b->fd, e);

	if (r < 0)
		return r;
	r = write_all(b->fd, b->text, b->size_bytes);
	if (r < 0)
		return err_code(e, r, "cannot write");
	enter(t, b, TRANSFER_READY);
	return 0;
}

static int lost(struct err *e)
{
	return err_set(e, -ENOENT,
		       "it is not in the store (a layer above hides all of it, so it was not kept)");
}

static int expand_or_go_on(struct transfer *t, struct transfer_blob *b, struct err *e);

/* Whether the blob was kept when the layer was unpacked: then nothing need be made. */
static bool open_kept(const struct transfer *t, struct transfer_blob *b)
{
	cleanup_fd int fd = -1;
	struct stat st;
	struct err ignored; /* then it is made again */

	if (transfer_makes_anew(t, b) || blob_open(t->store, &b->digest, &fd, &ignored) < 0 ||
	    fstat(fd, &st) < 0 || (uint64_t)st.st_size != b->size_bytes)
		return false;
	b->fd = fd_take(&fd);
	b->is_kept = true;
	return true;
}

static int start_packing(struct transfer *t, struct transfer_blob *b, struct err *e)
{
	bool anew = transfer_makes_anew(t, b) || wants_plain(t);
	int r;

	if (open_kept(t, b))
		return expand_or_go_on(t, b, e);
	r = open_nameless(t, &b->fd, e);
	if (r == 0)
		r = packer_start(t->store, b->key, anew ? &t->compression : NULL, b->fd, &b->own, e);
	if (r < 0)
		return r;
	b->worker = &b->own;
	enter(t, b, TRANSFER_MAKING);
	return 0;
}

static int start_making(struct transfer *t, struct transfer_blob *b, struct err *e)
{
	struct worker *w;
	int r;

	if (b->is_lost)
		return lost(e);
	if (!may_make(t))
		return 0;
	if (b->text)
		return write_text(t, b, e);
	if (b->key[0])
		return start_packing(t, b, e);
	w = idle_downloader(t, e);
	if (!w)
		return e->code; /* 0: all are busy */
	r = open_nameless(t, &b->fd, e);
	if (r == 0)
		r = worker_fetch(w, t->source, &b->digest, b->size_bytes, b->fd, false, e);
	if (r < 0)
		return r;
	b->worker = w;
	enter(t, b, TRANSFER_MAKING);
	return 0;
}

static int start_looking(struct transfer *t, struct transfer_blob *b, const struct digest *digest,
			 struct err *e)
{
	struct worker *w;
	int r;

	if (!t->registry) {
		bool here = !layout_wants_plain(t->layout) || b->was_made;

		here = here && layout_has(t->layout, digest);
		if (here)
			close_blob(b);
		enter(t, b, here ? TRANSFER_PRESENT : b->fd >= 0 ? TRANSFER_READY : TRANSFER_ABSENT);
		return 0;
	}
	w = transfer_uploader(t, e);
	if (!w)
		return e->code; /* 0: all are busy */
	r = uploader_look(w, digest, &b->mounts, e);
	if (r < 0)
		return r;
	b->worker = w;
	enter(t, b, TRANSFER_LOOKING);
	return 0;
}

/* Archives have their layers in the image's order: the same images make the same archive. */
static bool is_next(const struct transfer *t, const struct transfer_blob *b)
{
	for (const struct transfer_blob *before = t->blobs; before < b; before++)
		if (!is_over(before))
			return false;
	return true;
}

static int start_sending(struct transfer *t, struct transfer_blob *b, struct err *e)
{
	const struct digest *digest = b->was_made ? &b->made.blob.digest : &b->digest;
	uint64_t size = b->was_made ? b->made.blob.size_bytes : b->size_bytes;
	struct worker *w;
	int r;

	if (!t->registry && !is_next(t, b))
		return 0;
	if (!t->registry) {
		r = layout_put_layer(t->layout, digest, size, b->fd, b->is_kept, e);
		if (r < 0)
			return r;
		close_blob(b);
		enter(t, b, TRANSFER_DONE);
		return 0;
	}
	w = transfer_uploader(t, e);
	if (!w)
		return e->code; /* 0: all are busy */
	r = uploader_blob(w, digest, size, b->fd, e);
	if (r < 0)
		return r;
	b->worker = w;
	enter(t, b, TRANSFER_SENDING);
	return 0;
}

static int start_one(struct transfer *t, struct transfer_blob *b, struct err *e)
{
	switch (b->phase) {
	case TRANSFER_WAITING:
		return start_looking(t, b, b->was_made ? &b->made.blob.digest : &b->digest, e);
	case TRANSFER_ABSENT:
		return start_making(t, b, e);
	case TRANSFER_READY:
		return start_sending(t, b, e);
	default:
		return 0;
	}
}

/* --- what the workers say ---------------------------------------------------------------------------------------- */

/* A blob that goes where only tars may is expanded first, and a tar that is to be compressed goes the same way. */
static int expand_or_go_on(struct transfer *t, struct transfer_blob *b, struct err *e)
{
	const struct compression plain = { .kind = COMPRESSION_NONE };
	int r;

	if (!(wants_plain(t) || b->is_to_compress) || b->text || b->was_made) {
		enter(t, b, TRANSFER_READY);
		return 0;
	}
	b->plain_fd = b->fd;
	b->fd = -1;
	r = open_nameless(t, &b->fd, e);
	if (r == 0)
		r = packer_expand(b->plain_fd, b->kind, b->is_to_compress ? &t->compression : &plain, b->fd,
				  &b->own, e);
	if (r < 0)
		return r;
	b->worker = &b->own;
	enter(t, b, TRANSFER_EXPANDING);
	return 0;
}

/* It is compressed already, whatever its media type says: it goes as it is. */
static int keep_packed(struct transfer *t, struct transfer_blob *b)
{
	cleanup_fd_fn(&b->fd);
	b->fd = fd_take(&b->plain_fd);
	enter(t, b, TRANSFER_WAITING);
	return 0;
}

/* Packed or expanded. Another digest than the one that was looked for may be there all the same. */
static int on_made(struct transfer *t, struct transfer_blob *b, struct err *e)
{
	worker_stop(&b->own);
	if (!digest_is_set(&b->made.blob.digest))
		return err_set(e, -EPROTO, "a worker process talks nonsense");
	if (b->is_to_compress && digest_is_set(&b->diff_id) &&
	    !digest_equal(&b->made.blob.diff_id, &b->diff_id))
		return keep_packed(t, b);
	cleanup_fd_fn(&b->plain_fd);
	b->plain_fd = -1;
	if (b->phase == TRANSFER_EXPANDING && !b->is_to_compress &&
	    !digest_equal(&b->made.blob.diff_id, &b->diff_id))
		return err_set(e, -EBADMSG, "its tar has digest %s where the config says %s",
			       b->made.blob.diff_id.text, b->diff_id.text);
	b->was_made = true;
	b->size_bytes = b->made.blob.size_bytes;
	b->mounts.len = 0;
	enter(t, b, digest_equal(&b->made.blob.digest, &b->digest) ? TRANSFER_READY : TRANSFER_WAITING);
	return 0;
}

static int on_looked(struct transfer *t, struct transfer_blob *b, uint64_t presence)
{
	if (presence == UPLOAD_ABSENT)
		enter(t, b, b->fd >= 0 ? TRANSFER_READY : TRANSFER_ABSENT);
	else
		enter(t, b, presence == UPLOAD_MOUNTED ? TRANSFER_MOUNTED : TRANSFER_PRESENT);
	return 0;
}

static int on_done(struct transfer *t, struct transfer_blob *b, const struct worker_event *event,
		   struct err *e)
{
	bool is_own = b->worker == &b->own;

	b->worker = NULL;
	if (is_own)
		return on_made(t, b, e);
	if (b->phase == TRANSFER_MAKING) {
		if (t->source->ops->learn)
			t->source->ops->learn(t->source, &event->answer);
		return expand_or_go_on(t, b, e);
	}
	if (event->answer.scheme != REGISTRY_SCHEME_UNKNOWN)
		t->registry->scheme = event->answer.scheme; /* for workers to come */
	if (b->phase == TRANSFER_LOOKING)
		return on_looked(t, b, event->bytes);
	close_blob(b);
	enter(t, b, TRANSFER_DONE);
	return 0;
}

static int on_event(struct transfer *t, struct transfer_blob *b, struct err *e)
{
	struct worker_event event = { 0 };
	int r;

	if (b->worker == &b->own)
		r = packer_receive(b->worker, &event, &b->made, e);
	else
		r = worker_receive(b->worker, &event, NULL, e);
	if (r < 0)
		return r;
	switch (event.kind) {
	case WORKER_PROGRESS:
		observe(t, b, event.bytes);
		return 0;
	case WORKER_DATA:
		return b->worker == &b->own ? 0 : err_set(e, -EPROTO, "a worker process talks nonsense");
	case WORKER_DONE:
		return on_done(t, b, &event, e);
	default:
		*e = event.error;
		return e->code;
	}
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

static bool is_twin(const struct transfer_blob *a, const struct transfer_blob *b)
{
	if (a->is_to_compress != b->is_to_compress)
		return false;
	return digest_is_set(&a->digest) ? digest_equal(&a->digest, &b->digest)
					 : !digest_is_set(&b->digest) && strcmp(a->key, b->key) == 0;
}

static void find_twins(struct transfer *t)
{
	for (size_t i = 0; i < t->len; i++) {
		t->blobs[i].twin = TRANSFER_NO_TWIN;
		for (size_t before = 0; before < i && t->blobs[i].twin == TRANSFER_NO_TWIN; before++)
			if (is_twin(&t->blobs[before], &t->blobs[i]))
				t->blobs[i].twin = before;
		if (t->blobs[i].twin != TRANSFER_NO_TWIN)
			enter(t, &t->blobs[i], TRANSFER_PRESENT);
	}
}

/* Nothing that is at work yet, or that can be begun now, is left out; *ret_over: all are through. */
static int start_all(struct transfer *t, bool *ret_over, struct err *e)
{
	int r = 0;

	*ret_over = true;
	for (size_t i = 0; r == 0 && i < t->len; i++) {
		struct transfer_blob *b = &t->blobs[i];
		enum transfer_phase before;

		do {
			before = b->phase;
			r = start_one(t, b, e);
		} while (r == 0 && b->phase != before);
		if (r < 0)
			return blame(b, e);
		*ret_over = *ret_over && is_over(b);
	}
	return r;
}

static int wait_and_handle(struct transfer *t, struct err *e)
{
	struct pollfd fds[2 * TRANSFER_JOBS_MAX + 1] = { { .fd = t->cancel_fd, .events = POLLIN } };
	struct transfer_blob *blobs[ARRAY_LEN(fds)] = { 0 };
	nfds_t len = 1;
	int r = 0;

	for (size_t i = 0; i < t->len && len < ARRAY_LEN(fds); i++) {
		if (!t->blobs[i].worker)
			continue;
		blobs[len] = &t->blobs[i];
		fds[len++] = (struct pollfd){ .fd = t->blobs[i].worker->sock, .events = POLLIN };
	}
	while (poll(fds, len, -1) < 0)
		if (errno != EINTR)
			return err_errno(e, "cannot wait for the workers");
	if (fds[0].revents)
		return err_set(e, -EINTR, "interrupted");
	for (nfds_t i = 1; r == 0 && i < len; i++)
		if (fds[i].revents && on_event(t, blobs[i], e) < 0)
			r = blame(blobs[i], e);
	return r;
}

int transfer_run(struct transfer *t, struct err *e)
{
	bool over = false;
	int r = 0;

	if (t->observer.blobs)
		t->observer.blobs(t->observer.arg, t->blobs, t->len);
	find_twins(t);
	while (r == 0) {
		r = start_all(t, &over, e);
		if (t->observer.tick)
			t->observer.tick(t->observer.arg);
		if (r < 0 || over)
			break;
		r = wait_and_handle(t, e);
	}
	return r;
}
