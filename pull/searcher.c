/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/searcher.h"

#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "pull/worker_protocol.h"

struct search_request {
	uint32_t item, limit;
	bool is_next; /* what follows the page before, not the first one */
	char text[512];
};

static int answer(struct registry *r, const struct search_request *rq, struct registry_next *next,
		  struct buf *body, struct err *e)
{
	if (!rq->is_next)
		next->query[0] = '\0';
	switch (rq->item) {
	case SEARCHER_SEARCH:
		return registry_search(r, rq->text, rq->limit, body, e);
	case SEARCHER_CATALOG:
		return registry_catalog(r, rq->text, next, body, e);
	default:
		return registry_tags(r, rq->text, next, body, e);
	}
}

static bool serve_one(struct registry *r, struct registry_next *next, int sock)
{
	cleanup_buf struct buf body = BUF_INIT(SEARCHER_BODY_MAX);
	struct worker_event done = { .kind = WORKER_DONE };
	struct search_request rq;
	struct err e = { 0 };
	int code;

	if (!worker_take(sock, &rq, sizeof(rq), NULL, 0))
		return false;
	code = answer(r, &rq, next, &body, &e);
	done.answer.has_more = code == 0 && next->query[0];
	if (code == 0)
		code = worker_send_document(sock, &body, &e);
	if (code == 0)
		return worker_tell(sock, &done, NULL, 0, 0) == 0;
	worker_fail(sock, &e);
	return true;
}

static void searcher_main(void *arg, int sock, pid_t parent) __attribute__((noreturn));

static void searcher_main(void *arg, int sock, pid_t parent)
{
	struct registry *registry = NULL;
	struct registry_next next = { 0 };
	struct err e;
	int r = worker_confine(NULL, 0, sock, true, parent, &e);

	if (r == 0)
		r = registry_new(arg, &registry, &e);
	if (r < 0) {
		worker_fail(sock, &e);
		_exit(1);
	}
	while (serve_one(registry, &next, sock))
		;
	_exit(0);
}

int searcher_start(const struct registry_options *options, struct worker *ret, struct err *e)
{
	return worker_spawn(searcher_main, (void *)(uintptr_t)options, ret, e);
}

int searcher_ask(struct worker *w, const struct searcher_question *q, int cancel_fd, struct buf *body,
		 bool *ret_more, struct err *e)
{
	struct search_request rq = { .item = q->item, .limit = q->limit, .is_next = q->is_next };
	struct source_answer answer = { 0 };
	int r;

	if (strlen(q->text) >= sizeof(rq.text))
		return err_set(e, -EINVAL, "a name is longer than %zu bytes", sizeof(rq.text) - 1);
	(void)snprintf(rq.text, sizeof(rq.text), "%s", q->text);
	r = worker_send(w, &rq, sizeof(rq), NULL, 0, e);
	if (r == 0)
		r = worker_collect(w, cancel_fd, body, &answer, e);
	if (r == 0)
		*ret_more = answer.has_more;
	return r;
}
