/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/download.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "pull/hash.h"
#include "pull/http.h"
#include "pull/registry_session.h"
#include "pull/worker_protocol.h"

#define HASH_BYTES ((size_t)256 << 10)

/* What the process says when it has done its work. */
struct answer {
	bool not_modified, has_mtime;
	int64_t mtime;
	uint64_t size_bytes;
	char name[DOWNLOAD_NAME_MAX + 1];
	char etag[DOWNLOAD_ETAG_MAX + 1];
};

/* --- the process -------------------------------------------------------------------------------------- */

struct job {
	const struct download_options *options;
	int out_fd, sock;
	uint64_t max_bytes, written;
	struct timespec last_progress;
};

static int on_begin(void *arg, struct err *e)
{
	struct job *j = arg;

	j->written = 0;
	return ftruncate(j->out_fd, 0) < 0 ? err_errno(e, "cannot write what is fetched") : 0;
}

static void tell_progress(struct job *j)
{
	struct worker_event event = { .kind = WORKER_PROGRESS, .bytes = j->written };

	if (worker_progress_due(&j->last_progress))
		(void)!worker_tell(j->sock, &event, NULL, 0, MSG_DONTWAIT); /* a busy parent does without */
}

static int on_write(void *arg, const void *data, size_t len, struct err *e)
{
	struct job *j = arg;
	const char *from = data;

	if (len > j->max_bytes - j->written)
		return err_set(e, -EFBIG, "it is larger than %llu bytes", (unsigned long long)j->max_bytes);
	while (len > 0) {
		ssize_t n = pwrite(j->out_fd, from, len, (off_t)j->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot write what is fetched");
		from += n;
		len -= (size_t)n;
		j->written += (uint64_t)n;
	}
	tell_progress(j);
	return 0;
}

static bool is_redirect(const struct http_response *answer)
{
	return answer->location && (answer->status == 301 || answer->status == 302 || answer->status == 303 ||
				    answer->status == 307 || answer->status == 308);
}

/* One request. */
static int ask(struct http *h, struct job *j, const char *url, bool is_first, struct http_response *ret,
	       struct err *e)
{
	const struct download_options *o = j->options;
	const struct sink sink = { .begin = on_begin, .write = on_write, .arg = j };
	cleanup_free char *here = http_origin(url), *home = http_origin(o->url);
	bool ours = here && home && strcmp(here, home) == 0;
	const struct http_request request = { .method = HTTP_GET,
					      .url = url,
					      .authorization = ours ? o->authorization : NULL,
					      .if_none_match = o->etag,
					      .sink = &sink };

	if (!here)
		return err_set(e, -EINVAL,
			       is_first ? "it is no http or https URL"
					: "a redirect leads to what is no http or https URL");
	return http_perform(h, &request, ret, e);
}

/* Requests, as far as answers lead. */
static int follow(struct http *h, struct job *j, struct http_response *ret, struct err *e)
{
	int r;

	http_response_done(ret);
	ret->failure = HTTP_FAILED_LOCAL; /* of what comes to nothing before there is a request */
	r = ask(h, j, j->options->url, true, ret, e);
	for (int hops = 1; r == 0 && is_redirect(ret); hops++) {
		cleanup_free char *url = ptr_take(ret->location);

		if (hops > DOWNLOAD_REDIRECTS_MAX)
			return err_set(e, -ELOOP, "stopped after %d redirects", DOWNLOAD_REDIRECTS_MAX);
		http_response_done(ret);
		ret->failure = HTTP_FAILED_LOCAL;
		r = ask(h, j, url, false, ret, e);
	}
	return r;
}

static int refuse(unsigned int status, struct err *e)
{
	int code = status == 404 || status == 410   ? -ENOENT
		   : status == 401 || status == 403 ? -EACCES
						    : -EPROTO;

	return err_set(e, code, "invalid response status %u", status);
}

static int fetch(struct http *h, struct job *j, struct http_response *ret, struct err *e)
{
	const struct registry_options waits = { .retry_ms = j->options->retry_ms };
	const struct registry session = { .options = &waits };
	unsigned int failures = 0;
	int r;

	do
		r = follow(h, j, ret, e);
	while (registry_worth_another_try(ret) && ++failures < REGISTRY_TRIES &&
	       registry_wait(&session, failures, ret));
	if (r < 0)
		return r;
	if (ret->status / 100 == 2 || (ret->status == 304 && j->options->etag))
		return 0;
	return refuse(ret->status, e);
}

static int work(struct job *j, struct answer *ret, struct err *e)
{
	const struct http_options options = { .tls_verify = true };
	cleanup_http_response struct http_response got = { 0 };
	cleanup_http struct http *h = NULL;
	int r = http_new(&options, &h, e);

	if (r == 0)
		r = fetch(h, j, &got, e);
	if (r < 0)
		return r;
	ret->not_modified = got.status == 304;
	ret->has_mtime = got.has_last_modified;
	ret->mtime = got.last_modified;
	ret->size_bytes = j->written;
	download_disposition_name(got.disposition, ret->name);
	if (strlen(got.etag) < sizeof(ret->etag))
		(void)snprintf(ret->etag, sizeof(ret->etag), "%s", got.etag);
	return 0;
}

static _Noreturn void run(void *arg, int sock, pid_t parent)
{
	struct job *j = arg;
	struct worker_event done = { .kind = WORKER_DONE };
	struct answer answer;
	struct err e = { 0 };
	int r = worker_confine(&j->out_fd, 1, sock, true, parent, &e);

	memset(&answer, 0, sizeof(answer));
	j->sock = sock;
	if (r == 0)
		r = work(j, &answer, &e);
	if (r == 0)
		r = worker_send_document(
			sock, &(const struct buf){ .data = (char *)&answer, .len = sizeof(answer) }, &e);
	done.bytes = answer.size_bytes;
	if (r < 0)
		worker_fail(sock, &e);
	else if (worker_tell(sock, &done, NULL, 0, 0) < 0)
		_exit(1); /* nobody is there to hear it */
	_exit(r < 0);
}

/* --- its parent --------------------------------------------------------------------------------------- */

/* Who was taken over may say anything. */
static int take_answer(const struct buf *said, struct answer *ret, struct err *e)
{
	if (said->len != sizeof(*ret))
		return err_set(e, -EPROTO, "a worker process talks nonsense");
	memcpy(ret, said->data, sizeof(*ret));
	ret->name[sizeof(ret->name) - 1] = ret->etag[sizeof(ret->etag) - 1] = '\0';
	if (strchr(ret->name, '/') || strcmp(ret->name, ".") == 0 || strcmp(ret->name, "..") == 0)
		return err_set(e, -EPROTO, "a worker process talks nonsense");
	return 0;
}

static int listen_to(struct worker *w, const struct download_options *o, struct answer *ret, struct err *e)
{
	cleanup_buf struct buf said = BUF_INIT(sizeof(*ret));
	char data[WORKER_DATA_MAX];

	for (;;) {
		struct worker_event event = { 0 };
		int r = worker_wait(w, o->cancel_fd, e);

		if (r == 0)
			r = worker_receive(w, &event, data, e);
		if (r < 0)
			return r;
		if (event.kind == WORKER_FAILED) {
			*e = event.error;
			return e->code;
		}
		if (event.kind == WORKER_DONE)
			return take_answer(&said, ret, e);
		if (event.kind == WORKER_PROGRESS && o->progress)
			o->progress(o->progress_arg, event.bytes);
		if (event.kind == WORKER_DATA && buf_add(&said, data, event.data_len) < 0)
			return err_set(e, -EPROTO, "a worker process talks nonsense");
	}
}

/* Of the file as it stays: nobody else can write to it any more. */
static int hash_file(int fd, struct download_result *ret, struct err *e)
{
	cleanup_hash struct hash h = { 0 };
	cleanup_free char *block = malloc(HASH_BYTES);
	uint64_t at = 0;
	int r = block ? hash_init(&h, "sha256", e) : err_code(e, -ENOMEM, "cannot hash");

	while (r == 0) {
		ssize_t n = pread(fd, block, HASH_BYTES, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read what was fetched");
		if (n == 0)
			break;
		at += (uint64_t)n;
		r = hash_update(&h, block, (size_t)n, e);
	}
	ret->size_bytes = at;
	return r < 0 ? r : hash_final(&h, &ret->digest, e);
}

static int run_worker(struct job *j, struct answer *ret, struct err *e)
{
	struct worker w = { 0 };
	int r = worker_spawn(run, j, &w, e);

	if (r == 0)
		r = listen_to(&w, j->options, ret, e);
	worker_stop(&w);
	return r;
}

static int download_it(const struct download_options *o, int out_fd, struct download_result *ret,
		       struct err *e)
{
	struct job j = { .options = o, .out_fd = out_fd, .max_bytes = o->max_bytes };
	struct download_result got = { 0 };
	struct answer answer = { 0 };
	int r;

	if (strlen(o->url) > DOWNLOAD_URL_MAX)
		return err_set(e, -EINVAL, "the URL is longer than %d bytes", DOWNLOAD_URL_MAX);
	if (j.max_bytes == 0)
		j.max_bytes = DOWNLOAD_MAX_BYTES;
	r = run_worker(&j, &answer, e);
	if (r == 0 && !answer.not_modified)
		r = hash_file(out_fd, &got, e);
	if (r < 0)
		return r;
	if (!answer.not_modified && got.size_bytes != answer.size_bytes)
		return err_set(e, -EPROTO, "a worker process talks nonsense");
	got.not_modified = answer.not_modified;
	got.has_mtime = answer.has_mtime;
	got.mtime = answer.mtime;
	(void)snprintf(got.name, sizeof(got.name), "%s", answer.name);
	(void)snprintf(got.etag, sizeof(got.etag), "%s", answer.etag);
	*ret = got;
	return 0;
}

int download(const struct download_options *o, int out_fd, struct download_result *ret, struct err *e)
{
	cleanup_free char *shown = NULL;
	int r = download_it(o, out_fd, ret, e);

	if (r == 0 || r == -EINTR)
		return r;
	shown = download_redact(o->url);
	return err_wrap(e, "failed to fetch %.300s", shown ? shown : "a URL");
}
