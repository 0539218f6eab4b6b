/* SPDX-License-Identifier: Apache-2.0 */
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "pull/blob_sink.h"
#include "pull/worker_protocol.h"

#define WORKER_FILES_MAX 256

struct link {
	struct source *source;
	int sock;
	struct timespec last_progress;
};

int worker_tell(int sock, struct worker_event *event, const void *data, size_t len, int flags)
{
	struct iovec parts[] = { { event, sizeof(*event) }, { (char *)(uintptr_t)data, len } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = len > 0 ? 2 : 1 };

	event->data_len = (uint32_t)len;
	return sendmsg(sock, &message, MSG_NOSIGNAL | flags) < 0 ? -errno : 0;
}

void worker_fail(int sock, const struct err *e)
{
	struct worker_event event = { .kind = WORKER_FAILED, .error = *e };

	if (worker_tell(sock, &event, NULL, 0, 0) < 0)
		_exit(1); /* nobody is there to hear it */
}

/* --- sinks --- */

bool worker_progress_due(struct timespec *last)
{
	struct timespec now;
	int64_t ms;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* cannot fail */
	ms = (now.tv_sec - last->tv_sec) * 1000 + (now.tv_nsec - last->tv_nsec) / 1000000;
	if (ms < WORKER_PROGRESS_MS)
		return false;
	*last = now;
	return true;
}

static void on_progress(void *arg, uint64_t done_bytes)
{
	struct link *l = arg;
	struct worker_event event = { .kind = WORKER_PROGRESS, .bytes = done_bytes };

	if (!worker_progress_due(&l->last_progress))
		return;
	(void)!worker_tell(l->sock, &event, NULL, 0, MSG_DONTWAIT); /* a busy parent does without */
}

/* Documents wait in a buffer until they are whole: a second try must not follow half of the first. */
int worker_send_document(int sock, const struct buf *body, struct err *e)
{
	for (size_t at = 0; at < body->len;) {
		struct worker_event event = { .kind = WORKER_DATA };
		size_t len = body->len - at < WORKER_DATA_MAX ? body->len - at : WORKER_DATA_MAX;
		int r = worker_tell(sock, &event, body->data + at, len, 0);

		if (r < 0)
			return err_code(e, r, "cannot hand over a document");
		at += len;
	}
	return 0;
}

/* --- requests --- */

static void serve_document(struct link *l, const struct worker_request *rq, int local_fd)
{
	cleanup_buf struct buf body = BUF_INIT(rq->size_bytes);
	struct sink sink = sink_to_buf(&body);
	struct worker_event done = { .kind = WORKER_DONE };
	struct err e;
	int r = l->source->ops->read(l->source, (enum source_item)rq->item,
				     rq->has_digest ? &rq->digest : NULL, local_fd, &sink, &done.answer, &e);

	if (r == 0)
		r = worker_send_document(l->sock, &body, &e);
	done.bytes = body.len;
	if (r == 0)
		r = worker_tell(l->sock, &done, NULL, 0, 0);
	if (r < 0)
		worker_fail(l->sock, &e);
}

static void serve_blob(struct link *l, const struct worker_request *rq, int local_fd, int out_fd)
{
	cleanup_blob_sink struct blob_sink b = { .fd = out_fd,
						 .expected = rq->digest,
						 .size_bytes = rq->size_bytes,
						 .is_stream = rq->is_stream,
						 .progress = on_progress,
						 .progress_arg = l };
	struct sink sink = blob_sink_start(&b);
	struct worker_event done = { .kind = WORKER_DONE };
	struct err e;
	int r = l->source->ops->read(l->source, SOURCE_BLOB, &rq->digest, local_fd, &sink, &done.answer, &e);

	if (r == 0)
		r = blob_sink_finish(&b, &e);
	done.bytes = b.done_bytes;
	if (r == 0 && worker_tell(l->sock, &done, NULL, 0, 0) < 0)
		_exit(1); /* nobody is there to hear it */
	if (r < 0 && b.must_start_over)
		e.code = -ESTALE; /* whatever went wrong after that */
	if (r < 0)
		worker_fail(l->sock, &e);
}

bool worker_take(int sock, void *ret, size_t size, int *ret_fds, size_t fds_len)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * WORKER_REQUEST_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec part = { ret, size };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.space,
				  .msg_controllen = sizeof(control.space) };
	const struct cmsghdr *c;
	size_t len;
	ssize_t n;

	for (size_t i = 0; i < fds_len; i++)
		ret_fds[i] = -1;
	do
		n = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)size)
		return false;
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		len = c->cmsg_len - CMSG_LEN(0);
		memcpy(ret_fds, CMSG_DATA(c), len < fds_len * sizeof(int) ? len : fds_len * sizeof(int));
	}
	return true;
}

static bool serve_one(struct link *l)
{
	int fds[WORKER_REQUEST_FDS];
	struct worker_request rq;
	cleanup_fd int local_fd = -1, out_fd = -1;
	size_t used = 0;

	if (!worker_take(l->sock, &rq, sizeof(rq), fds, WORKER_REQUEST_FDS))
		return false;
	if (rq.has_local)
		local_fd = fds[used++];
	if (rq.has_out)
		out_fd = fds[used];
	if (rq.has_out)
		serve_blob(l, &rq, local_fd, out_fd);
	else
		serve_document(l, &rq, local_fd);
	return true;
}

/* --- confinement --- */

/* Closes all but the standard ones and these: the store's lock and the user's files are none of a worker's. */
static int close_others(const int *wanted, size_t len, int sock)
{
	int keep[WORKER_KEEP_MAX + 1] = { sock };
	unsigned int first = 3;

	for (size_t i = 0; i < len && i < WORKER_KEEP_MAX; i++)
		keep[i + 1] = wanted[i];
	for (;;) {
		unsigned int next = 0;

		for (size_t i = 0; i <= len && i < ARRAY_LEN(keep); i++)
			if (keep[i] >= (int)first && (next == 0 || (unsigned int)keep[i] < next))
				next = (unsigned int)keep[i];
		if (next == 0)
			return process_close_from(first);
		for (; first < next; first++)
			(void)close((int)first); /* may not be open */
		first = next + 1;
	}
}

static int become_nobody(void)
{
	if (geteuid() != 0)
		return 0; /* rootless: the user's own rights are what there is */
	if (setgroups(0, NULL) < 0 || setresgid(WORKER_UID, WORKER_UID, WORKER_UID) < 0 ||
	    setresuid(WORKER_UID, WORKER_UID, WORKER_UID) < 0)
		return -errno;
	return 0;
}

/* In this order: unshare needs what setresuid drops, and setresuid clears the parent-death signal. */
int worker_confine(const int *keep, size_t len, int sock, bool is_remote, pid_t parent, struct err *e)
{
	struct rlimit files = { WORKER_FILES_MAX, WORKER_FILES_MAX }, core = { 0, 0 };
	sigset_t none;
	int r;

	(void)sigemptyset(&none);                    /* cannot fail */
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */
	(void)signal(SIGINT, SIG_IGN);               /* the parent decides */
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN); /* who unpacks may end first */
	r = close_others(keep, len, sock);
	if (r < 0)
		return err_code(e, r, "cannot close descriptors");
	if (!is_remote && geteuid() == 0)
		(void)unshare(CLONE_NEWNET | CLONE_NEWIPC); /* one wall more, where the kernel has it */
	r = become_nobody();
	if (r < 0)
		return err_code(e, r, "cannot give up root's rights");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_errno(e, "cannot confine a worker");
	if (getppid() != parent)
		_exit(1); /* it died before we asked to be told */
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_CORE, &core) < 0)
		return err_errno(e, "cannot limit a worker");
	return 0;
}

void worker_main(void *arg, int sock, pid_t parent)
{
	struct source *source = arg;
	const int keep[] = { source->local_fd, source->scratch_fd };
	struct link l = { .source = source, .sock = sock };
	struct err e;

	if (worker_confine(keep, ARRAY_LEN(keep), sock, source->is_remote, parent, &e) < 0) {
		worker_fail(sock, &e);
		_exit(1);
	}
	while (serve_one(&l))
		;
	_exit(0);
}
