/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/uploader.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "oci/descriptor.h"
#include "pull/registry_push.h"
#include "pull/worker_protocol.h"

enum upload_kind { UPLOAD_LOOK, UPLOAD_BLOB, UPLOAD_MANIFEST };

/* A blob, or a document, comes with it by SCM_RIGHTS. */
struct upload_request {
	uint32_t kind;
	uint64_t size_bytes;
	struct digest digest;
	struct upload_mounts mounts;
	char name[DIGEST_TEXT_MAX + 1]; /* the longest of tags and digests */
	char media_type[HTTP_CONTENT_TYPE_MAX];
};

/* --- the worker ---------------------------------------------------------------------------------------- */

struct uploader {
	struct registry *registry;
	int sock;
	struct timespec last_progress;
};

static void on_progress(void *arg, uint64_t sent_bytes)
{
	struct uploader *u = arg;
	struct worker_event event = { .kind = WORKER_PROGRESS, .bytes = sent_bytes };

	if (worker_progress_due(&u->last_progress))
		(void)!worker_tell(u->sock, &event, NULL, 0, MSG_DONTWAIT); /* a busy parent does without */
}

static int look(const struct uploader *u, const struct upload_request *rq, uint64_t *ret, struct err *e)
{
	bool there = false;
	int r = registry_has_blob(u->registry, &rq->digest, &there, e);

	*ret = there ? UPLOAD_PRESENT : UPLOAD_ABSENT;
	for (uint32_t i = 0; r == 0 && !there && i < rq->mounts.len; i++) {
		r = registry_mount_blob(u->registry, &rq->digest, rq->mounts.paths[i], &there, e);
		if (there)
			*ret = UPLOAD_MOUNTED;
	}
	return r;
}

static uint64_t chunk_bytes(void)
{
	const char *text = getenv(REGISTRY_CHUNK_ENV);
	uint64_t n;

	return text && parse_u64(text, 1, INT64_MAX, &n) == 0 ? n : 0;
}

static int put_blob(struct uploader *u, const struct upload_request *rq, int fd, struct err *e)
{
	const struct registry_upload upload = { .digest = &rq->digest,
						.fd = fd,
						.size_bytes = rq->size_bytes,
						.chunk_bytes = chunk_bytes(),
						.progress = on_progress,
						.progress_arg = u };

	return registry_put_blob(u->registry, &upload, e);
}

static int put_manifest(const struct uploader *u, const struct upload_request *rq, int fd, uint64_t *ret,
			struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct digest there = { 0 };
	int r = read_fd(fd, &text, e);

	if (r == 0)
		r = registry_manifest_digest(u->registry, rq->name, &there, e);
	if (r < 0)
		return r;
	*ret = digest_equal(&there, &rq->digest) ? UPLOAD_PRESENT : UPLOAD_ABSENT;
	if (*ret == UPLOAD_PRESENT)
		return 0;
	return registry_put_manifest(u->registry, rq->name, rq->media_type, text.data, text.len, &rq->digest,
				     e);
}

static bool serve_one(struct uploader *u)
{
	struct upload_request rq;
	struct worker_event done = { .kind = WORKER_DONE };
	cleanup_fd int fd = -1;
	struct err e = { 0 };
	int r;

	if (!worker_take(u->sock, &rq, sizeof(rq), &fd, 1))
		return false;
	switch (rq.kind) {
	case UPLOAD_LOOK:
		r = look(u, &rq, &done.bytes, &e);
		break;
	case UPLOAD_BLOB:
		r = put_blob(u, &rq, fd, &e);
		break;
	default:
		r = put_manifest(u, &rq, fd, &done.bytes, &e);
	}
	done.answer.scheme = registry_scheme(u->registry);
	if (r < 0)
		worker_fail(u->sock, &e);
	else
		r = worker_tell(u->sock, &done, NULL, 0, 0);
	return r == 0 || e.code < 0;
}

static void uploader_main(void *arg, int sock, pid_t parent) __attribute__((noreturn));

static void uploader_main(void *arg, int sock, pid_t parent)
{
	struct uploader u = { .sock = sock };
	struct err e;
	int r = worker_confine(NULL, 0, sock, true, parent, &e);

	if (r == 0)
		r = registry_new(arg, &u.registry, &e);
	if (r < 0) {
		worker_fail(sock, &e);
		_exit(1);
	}
	registry_for_push(u.registry);
	while (serve_one(&u))
		;
	_exit(0);
}

/* --- the parent ---------------------------------------------------------------------------------------- */

int uploader_start(const struct registry_options *options, struct worker *ret, struct err *e)
{
	return worker_spawn(uploader_main, (void *)(uintptr_t)options, ret, e);
}

int uploader_look(struct worker *w, const struct digest *digest, const struct upload_mounts *mounts,
		  struct err *e)
{
	struct upload_request rq = { .kind = UPLOAD_LOOK, .digest = *digest };

	if (mounts)
		rq.mounts = *mounts;
	return worker_send(w, &rq, sizeof(rq), NULL, 0, e);
}

int uploader_blob(struct worker *w, const struct digest *digest, uint64_t size_bytes, int fd, struct err *e)
{
	const struct upload_request rq = { .kind = UPLOAD_BLOB, .digest = *digest, .size_bytes = size_bytes };

	return worker_send(w, &rq, sizeof(rq), &fd, 1, e);
}

/* A file in memory that nobody can change any more. */
static int document_fd(const void *text, size_t len, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = memfd_create("sampan-document", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot keep a document");
	r = write_all(fd, text, len);
	if (r < 0)
		return err_code(e, r, "cannot keep a document");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(e, "cannot keep a document");
	*ret_fd = fd_take(&fd);
	return 0;
}

int uploader_manifest(struct worker *w, const char *tag_or_digest, const char *media_type, const void *text,
		      size_t len, const struct digest *digest, int cancel_fd, struct worker_event *ret,
		      struct err *e)
{
	struct upload_request rq = { .kind = UPLOAD_MANIFEST, .digest = *digest };
	cleanup_fd int fd = -1;
	int r;

	if (strlen(tag_or_digest) >= sizeof(rq.name) || strlen(media_type) >= sizeof(rq.media_type))
		return err_set(e, -EINVAL, "the name or the media type of a manifest is too long");
	(void)snprintf(rq.name, sizeof(rq.name), "%s", tag_or_digest);
	(void)snprintf(rq.media_type, sizeof(rq.media_type), "%s", media_type);
	r = document_fd(text, len, &fd, e);
	if (r == 0)
		r = worker_send(w, &rq, sizeof(rq), &fd, 1, e);
	if (r == 0)
		r = worker_wait(w, cancel_fd, e);
	if (r == 0)
		r = worker_receive(w, ret, NULL, e);
	if (r == 0 && ret->kind == WORKER_FAILED) {
		*e = ret->error;
		r = e->code;
	}
	return r;
}
