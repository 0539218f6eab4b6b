/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/worker.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "pull/hash.h"
#include "pull/worker_protocol.h"

int worker_spawn(void (*run)(void *arg, int sock, pid_t parent), void *arg, struct worker *ret, struct err *e)
{
	pid_t parent = getpid(), pid;
	int pair[2], pidfd;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, "cannot start a worker");
	pid = fork();
	if (pid == 0)
		run(arg, pair[1], parent);
	(void)close(pair[1]); /* the child's */
	if (pid < 0) {
		(void)close(pair[0]); /* unused */
		return err_errno(e, "cannot start a worker");
	}
	pidfd = process_pidfd_open(pid);
	*ret = (struct worker){ .pid = pid, .pidfd = pidfd, .sock = pair[0] };
	if (pidfd < 0) {
		(void)kill(pid, SIGKILL); /* ours and not reaped yet */
		ret->pid = 0;
		(void)close(pair[0]); /* unused */
		return err_code(e, pidfd, "cannot start a worker");
	}
	return 0;
}

int worker_start(struct source *source, struct worker *ret, struct err *e)
{
	return worker_spawn(worker_main, source, ret, e);
}

void worker_stop(struct worker *w)
{
	int status;

	if (w->pid == 0)
		return;
	(void)!process_signal(w->pidfd, SIGKILL); /* it may have ended already */
	(void)!process_wait(w->pidfd, &status);   /* however it ended */
	(void)close(w->pidfd);
	(void)close(w->sock);
	*w = (struct worker){ .pidfd = -1, .sock = -1 };
}

int worker_send(struct worker *w, const void *request, size_t size, const int *fds, size_t fds_len,
		struct err *e)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * WORKER_REQUEST_FDS)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec part = { (void *)(uintptr_t)request, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fds_len > 0) {
		struct cmsghdr *c;

		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fds_len);
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fds_len);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fds_len);
	}
	if (sendmsg(w->sock, &message, MSG_NOSIGNAL) < 0)
		return err_errno(e, "cannot talk to a worker");
	w->busy = true;
	return 0;
}

/* Sends a request with what the worker may not open itself. */
static int request(struct worker *w, const struct source *source, struct worker_request *rq,
		   const struct digest *digest, int out_fd, struct err *e)
{
	cleanup_fd int local_fd = -1;
	int fds[WORKER_REQUEST_FDS];
	size_t fds_len = 0;
	int r;

	if (source->ops->open_local) {
		r = source->ops->open_local(source, (enum source_item)rq->item, digest, &local_fd, e);
		if (r < 0)
			return r;
	}
	if (digest)
		rq->digest = *digest;
	rq->has_digest = digest;
	rq->has_local = local_fd >= 0;
	rq->has_out = out_fd >= 0;
	if (rq->has_local)
		fds[fds_len++] = local_fd;
	if (rq->has_out)
		fds[fds_len++] = out_fd;
	return worker_send(w, rq, sizeof(*rq), fds, fds_len, e);
}

int worker_fetch(struct worker *w, const struct source *source, const struct digest *digest,
		 uint64_t size_bytes, int out_fd, bool is_stream, struct err *e)
{
	struct worker_request rq = { .item = SOURCE_BLOB, .size_bytes = size_bytes, .is_stream = is_stream };

	return request(w, source, &rq, digest, out_fd, e);
}

/* A worker that was taken over may send anything. */
static bool is_sane(struct worker_event *event, size_t len)
{
	if (len != sizeof(*event) + event->data_len || event->data_len > WORKER_DATA_MAX)
		return false;
	event->error.text[sizeof(event->error.text) - 1] = 0;
	event->answer.content_type[sizeof(event->answer.content_type) - 1] = 0;
	if (event->kind == WORKER_FAILED && event->error.code >= 0)
		return false;
	if (event->answer.scheme > REGISTRY_HTTP || event->answer.endpoint >= ENDPOINTS_MAX)
		return false;
	return event->kind <= WORKER_FAILED && (event->kind == WORKER_DATA || event->data_len == 0);
}

int worker_receive(struct worker *w, struct worker_event *ret, char data[WORKER_DATA_MAX], struct err *e)
{
	struct worker_event event;
	struct iovec parts[] = { { &event, sizeof(event) }, { data, data ? WORKER_DATA_MAX : 0 } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t n;

	do
		n = recvmsg(w->sock, &message, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(e, "cannot hear from a worker");
	if (n < (ssize_t)sizeof(event) || (message.msg_flags & MSG_TRUNC) || !is_sane(&event, (size_t)n))
		return err_set(e, -EPROTO,
			       n == 0 ? "a worker process died" : "a worker process talks nonsense");
	if (event.kind == WORKER_DONE || event.kind == WORKER_FAILED)
		w->busy = false;
	*ret = event;
	return 0;
}

int worker_wait(const struct worker *w, int cancel_fd, struct err *e)
{
	struct pollfd fds[] = { { .fd = w->sock, .events = POLLIN }, { .fd = cancel_fd, .events = POLLIN } };

	while (poll(fds, ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			return err_errno(e, "cannot wait for a worker");
	if (fds[1].revents)
		return err_set(e, -EINTR, "interrupted");
	return 0;
}

int worker_collect(struct worker *w, int cancel_fd, struct buf *body, struct source_answer *ret,
		   struct err *e)
{
	char data[WORKER_DATA_MAX];
	struct worker_event event = { 0 };
	int r;

	for (;;) {
		r = worker_wait(w, cancel_fd, e);
		if (r == 0)
			r = worker_receive(w, &event, data, e);
		if (r < 0)
			return r;
		if (event.kind == WORKER_FAILED) {
			*e = event.error;
			return e->code;
		}
		if (event.kind == WORKER_DONE) {
			*ret = event.answer;
			return 0;
		}
		if (event.kind == WORKER_DATA && buf_add(body, data, event.data_len) < 0)
			return err_set(e, -EFBIG, "document is larger than %zu bytes", body->max);
	}
}

static int verify(const struct buf *body, const struct digest *digest, uint64_t size_bytes, struct err *e)
{
	struct digest actual;
	int r;

	if (size_bytes != 0 && body->len != size_bytes)
		return err_set(e, -EBADMSG, "it has %zu bytes where its descriptor says %llu", body->len,
			       (unsigned long long)size_bytes);
	r = hash_bytes(digest_algorithm(digest), body->data, body->len, &actual, e);
	if (r < 0)
		return r;
	if (!digest_equal(&actual, digest))
		return err_set(e, -EBADMSG, "its content has digest %s", actual.text);
	return 0;
}

int worker_document(struct worker *w, struct source *source, enum source_item item,
		    const struct digest *digest, uint64_t size_bytes, int cancel_fd, struct buf *body,
		    struct source_answer *ret, struct err *e)
{
	struct worker_request rq = { .item = item, .size_bytes = body->max };
	int r = request(w, source, &rq, digest, -1, e);

	buf_clear(body);
	if (r == 0)
		r = worker_collect(w, cancel_fd, body, ret, e);
	if (r < 0)
		return r;
	if (source->ops->learn)
		source->ops->learn(source, ret);
	if (item == SOURCE_SIGNATURE || item == SOURCE_REFERRERS)
		return 0; /* the digest is another document's */
	return digest ? verify(body, digest, size_bytes, e) : 0;
}

int worker_put(struct worker *w, enum source_item item, const struct digest *digest, int data_fd,
	       struct err *e)
{
	struct worker_request rq = { .item = item, .has_digest = true, .has_local = true, .digest = *digest };
	cleanup_buf struct buf nothing = BUF_INIT(1);
	struct source_answer answer;
	int r = worker_send(w, &rq, sizeof(rq), &data_fd, 1, e);

	return r < 0 ? r : worker_collect(w, -1, &nothing, &answer, e);
}
