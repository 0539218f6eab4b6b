/* SPDX-License-Identifier: Apache-2.0 */
/* The process that asks a registry what it has (pull/registry_search.h); pull/worker.h says what it may do. */
#ifndef SAMPAN_PULL_SEARCHER_H
#define SAMPAN_PULL_SEARCHER_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "pull/registry_search.h"
#include "pull/worker.h"

#define SEARCHER_BODY_MAX ((size_t)16 << 20) /* bytes of one answer */
#define SEARCHER_PAGE_MIN 10 /* registries may send fewer entries than were asked for, but not so few */

enum searcher_item { SEARCHER_SEARCH, SEARCHER_CATALOG, SEARCHER_TAGS };

/* `options` is borrowed while this runs; the process has a copy. */
int searcher_start(const struct registry_options *options, struct worker *ret, struct err *e) MUST_CHECK;

struct searcher_question {
	enum searcher_item item;
	const char *text; /* the term, or the last name of the pages before; "": none had any */
	bool is_next;     /* of a list: the page behind the one that was asked for last */
	unsigned int limit;
};

/* Asks one thing. *ret_more: the registry says that the list has further pages (those that say nothing may have some all the same). Errors of pull/registry_search.h; -EINTR: cancel_fd (-1: none) became
 * readable; -EINVAL the text is too long. */
int searcher_ask(struct worker *w, const struct searcher_question *q, int cancel_fd, struct buf *body,
		 bool *ret_more, struct err *e) MUST_CHECK;

#endif
