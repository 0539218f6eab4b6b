/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/registry_push.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "oci/descriptor.h"
#include "pull/registry_session.h"

#define PATH_MAX_BYTES 4096

void registry_for_push(struct registry *r)
{
	if (r->can_push)
		return;
	r->can_push = true;
	free(r->authorization); /* it is for pulling alone */
	r->authorization = NULL;
}

static int make_path(const struct registry *r, const char *kind, const char *what, struct buf *out,
		     struct err *e)
{
	if (buf_printf(out, "/v2/%s/%s/%s", r->options->path, kind, what) < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	return 0;
}

/* --- what is there already --------------------------------------------------------------------------- */

int registry_has_blob(struct registry *r, const struct digest *digest, bool *ret, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);
	cleanup_http_response struct http_response answer = { 0 };
	struct registry_ask ask = { .method = HTTP_HEAD };
	int code = make_path(r, "blobs", digest->text, &path, e);

	if (code < 0)
		return code;
	ask.path = path.data;
	code = registry_ask(r, &ask, &answer, e);
	if (code < 0 && code != -ENOENT)
		return code;
	*ret = code == 0;
	return 0;
}

int registry_manifest_digest(struct registry *r, const char *tag_or_digest, struct digest *ret, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);
	cleanup_http_response struct http_response answer = { 0 };
	struct registry_ask ask = { .method = HTTP_HEAD, .accept = REGISTRY_MANIFEST_TYPES };
	struct err ignored; /* a digest that is none is not the one that we look for */
	int code = make_path(r, "manifests", tag_or_digest, &path, e);

	if (code < 0)
		return code;
	ask.path = path.data;
	code = registry_ask(r, &ask, &answer, e);
	if (code < 0 && code != -ENOENT)
		return code;
	if (code < 0 || digest_parse(answer.digest, ret, &ignored) < 0)
		*ret = (struct digest){ 0 };
	return 0;
}

/* --- uploads ----------------------------------------------------------------------------------------- */

struct session {
	struct registry *r;
	const struct registry_upload *upload;
	char *url; /* where the next piece goes; NULL: there is no session */
	uint64_t offset;
	bool whole;            /* in one piece */
	unsigned int failures; /* in a row */
	unsigned int restarts;
};

static void session_done(struct session *s)
{
	free(s->url);
}
#define cleanup_session __attribute__((cleanup(session_done)))

static int no_location(const struct registry *r, struct err *e)
{
	return err_set(e, -EPROTO, "registry '%s' does not say where to upload to", r->options->domain);
}

static int session_open(struct session *s, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);
	cleanup_http_response struct http_response answer = { 0 };
	struct registry_ask ask = { .method = HTTP_POST };
	int code = make_path(s->r, "blobs", "uploads/", &path, e);

	if (code < 0)
		return code;
	ask.path = path.data;
	code = registry_ask(s->r, &ask, &answer, e);
	if (code < 0)
		return code;
	if (!answer.location)
		return no_location(s->r, e);
	free(s->url);
	s->url = ptr_take(answer.location);
	s->offset = 0;
	return 0;
}

/* The last request of a session, with what is left of the blob or nothing. */
static int session_close(const struct session *s, struct http_response *ret, struct err *e)
{
	const struct registry_upload *u = s->upload;
	const struct http_upload rest = { .fd = u->fd,
					  .offset = s->offset,
					  .size_bytes = u->size_bytes - s->offset,
					  .progress = u->progress,
					  .progress_arg = u->progress_arg };
	struct registry_ask ask = { .method = HTTP_PUT, .once = true };
	cleanup_buf struct buf url = BUF_INIT(REGISTRY_UPLOAD_URL_MAX);

	if (buf_printf(&url, "%s%cdigest=%s%%3A%s", s->url, strchr(s->url, '?') ? '&' : '?',
		       digest_algorithm(u->digest), digest_hex(u->digest)) < 0)
		return err_set(e, -EFBIG, "registry '%s' names an upload in more than %d bytes",
			       s->r->options->domain, REGISTRY_UPLOAD_URL_MAX);
	ask.url = url.data;
	if (rest.size_bytes > 0)
		ask.upload = &rest;
	return registry_ask(s->r, &ask, ret, e);
}

/* "0-99": how many bytes the registry has. False: it does not say. distribution says "0-0" where it has none. */
static bool read_range(const char *text, uint64_t *ret)
{
	uint64_t last;

	if (strncmp(text, "bytes=", 6) == 0)
		text += 6;
	if (strncmp(text, "0-", 2) != 0 || parse_u64(text + 2, 0, DESCRIPTOR_MAX_BYTES, &last) < 0)
		return false;
	*ret = last == 0 ? 0 : last + 1;
	return true;
}

/* What an answer says about the session: where it goes on, and from which byte. */
static int session_learn(struct session *s, struct http_response *answer, uint64_t otherwise, struct err *e)
{
	uint64_t has = otherwise;

	(void)read_range(answer->range, &has); /* what is not said is as we think */
	if (has > s->upload->size_bytes)
		return err_set(e, -EPROTO, "registry '%s' claims to have more bytes than there are",
			       s->r->options->domain);
	if (answer->location) {
		free(s->url);
		s->url = ptr_take(answer->location);
	}
	if (has > s->offset)
		s->failures = 0;
	s->offset = has;
	return 0;
}

static uint64_t chunk_of(const struct registry_upload *u)
{
	return u->chunk_bytes ? u->chunk_bytes : REGISTRY_CHUNK_BYTES;
}

static int send_chunk(struct session *s, struct http_response *ret, struct err *e)
{
	const struct registry_upload *u = s->upload;
	uint64_t left = u->size_bytes - s->offset;
	const struct http_upload part = { .fd = u->fd,
					  .offset = s->offset,
					  .size_bytes = left < chunk_of(u) ? left : chunk_of(u),
					  .progress = u->progress,
					  .progress_arg = u->progress_arg };
	char range[48];
	const struct registry_ask ask = {
		.method = HTTP_PATCH, .url = s->url, .upload = &part, .content_range = range, .once = true
	};
	int code;

	(void)snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)s->offset,
		       (unsigned long long)(s->offset + part.size_bytes - 1));
	code = registry_ask(s->r, &ask, ret, e);
	return code < 0 ? code : session_learn(s, ret, s->offset + part.size_bytes, e);
}

/* After a cut: what has the registry got? A session that it does not know any more, or that it cannot go on with, is given up. */
static int session_resume(struct session *s, struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	const struct registry_ask ask = { .url = s->url };
	struct err ignored; /* then from the start */
	uint64_t has;

	if (!s->whole && registry_ask(s->r, &ask, &answer, &ignored) == 0 && read_range(answer.range, &has))
		return session_learn(s, &answer, 0, e);
	free(s->url);
	s->url = NULL;
	s->offset = 0;
	return 0;
}

/* Whether a refused piece may be taken in another way. */
static bool give_up_chunks(struct session *s, const struct http_response *answer)
{
	if (answer->failure != HTTP_NO_FAILURE)
		return false;
	switch (answer->status) {
	case 404: /* the session is gone; the blob as such cannot be */
		return true;
	case 400:
	case 405:
	case 411:
	case 416:
	case 501:
		if (s->whole)
			return false;
		s->whole = true;
		return true;
	default:
		return false;
	}
}

/* The next piece. 1: there is more to do; 0: the registry has the blob. */
static int session_step(struct session *s, struct http_response *answer, struct err *e)
{
	const struct registry_upload *u = s->upload;
	bool is_there = false;
	int code = 0;

	/* The answer to the last piece may be what was lost. */
	if (!s->url && s->restarts > 0)
		code = registry_has_blob(s->r, u->digest, &is_there, e);
	if (code == 0 && !is_there && !s->url)
		code = session_open(s, e);
	if (code < 0 || is_there)
		return code;
	http_response_done(answer);
	if (s->whole || s->offset == u->size_bytes || u->size_bytes <= chunk_of(u))
		return session_close(s, answer, e);
	code = send_chunk(s, answer, e);
	return code < 0 ? code : 1;
}

/* 0: try again. Else the failure stands. */
static int after_failure(struct session *s, const struct http_response *answer, int code, struct err *e)
{
	struct err why = *e;
	int r;

	if (!s->url || ++s->restarts > REGISTRY_UPLOADS_MAX)
		return code;
	if (give_up_chunks(s, answer)) {
		if (++s->failures >= REGISTRY_TRIES)
			return code;
		free(s->url);
		s->url = NULL;
		s->offset = 0;
		return 0;
	}
	if (!registry_worth_another_try(answer) || ++s->failures >= REGISTRY_TRIES ||
	    !registry_wait(s->r, s->failures, answer))
		return code;
	r = session_resume(s, e);
	if (r == 0)
		*e = why;
	return r;
}

int registry_put_blob(struct registry *r, const struct registry_upload *upload, struct err *e)
{
	cleanup_session struct session s = { .r = r, .upload = upload };
	cleanup_http_response struct http_response answer = { 0 };
	int code;

	do {
		code = session_step(&s, &answer, e);
		if (code < 0)
			code = after_failure(&s, &answer, code, e) < 0 ? e->code : 1;
	} while (code > 0);
	return code;
}

/* --- cross-repository mounts ------------------------------------------------------------------------- */

/* An upload that nobody wants. Registries forget those anyway, in their own time. */
static void cancel(struct registry *r, const char *url)
{
	cleanup_http_response struct http_response answer = { 0 };
	const struct registry_ask ask = { .method = HTTP_DELETE, .url = url, .once = true };
	struct err ignored;

	IGNORE_RESULT(registry_ask(r, &ask, &answer, &ignored)); /* see above */
}

int registry_mount_blob(struct registry *r, const struct digest *digest, const char *from_path, bool *ret,
			struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);
	cleanup_http_response struct http_response answer = { 0 };
	struct registry_ask ask = { .method = HTTP_POST };

	if (buf_printf(&path, "/v2/%s/blobs/uploads/?mount=%s%%3A%s&from=%s", r->options->path,
		       digest_algorithm(digest), digest_hex(digest), from_path) < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	ask.path = path.data;
	*ret = registry_ask(r, &ask, &answer, e) == 0 && answer.status == 201;
	if (answer.failure != HTTP_NO_FAILURE)
		return e->code;
	if (!*ret && answer.status == 202 && answer.location)
		cancel(r, answer.location);
	return 0;
}

/* --- manifests --------------------------------------------------------------------------------------- */

int registry_put_manifest(struct registry *r, const char *tag_or_digest, const char *media_type,
			  const void *text, size_t len, const struct digest *digest, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);
	cleanup_http_response struct http_response answer = { 0 };
	struct registry_ask ask = {
		.method = HTTP_PUT, .content_type = media_type, .body = text, .body_len = len
	};
	int code = make_path(r, "manifests", tag_or_digest, &path, e);

	if (code < 0)
		return code;
	ask.path = path.data;
	code = registry_ask(r, &ask, &answer, e);
	if (code < 0)
		return code;
	if (answer.digest[0] && strncmp(answer.digest, "sha256:", 7) == 0 &&
	    strcmp(answer.digest, digest->text) != 0)
		return err_set(e, -EBADMSG, "registry '%s' keeps the manifest under another digest",
			       r->options->domain);
	return 0;
}
