/* SPDX-License-Identifier: Apache-2.0 */
/* The process that asks a registry what it has (pull/registry_search.h); pull/worker.h says what it may do. */
#ifndef SAMPAN_PULL_SEARCHER_H
#define SAMPAN_PULL_SEARCHER_H

#include "common/buf.h"
#include "common/err.h"
#include "pull/registry_search.h"
#include "pull/worker.h"

#define SEARCHER_BODY_MAX ((size_t)16 << 20) /* bytes of one answer */
#define SEARCHER_PAGE_MIN 10 /* registries may send fewer entries than were asked for, but not so few */

enum searcher_item { SEARCHER_SEARCH, SEARCHER_CATALOG, SEARCHER_TAGS };

/* `options` is borrowed while this runs; the process has a copy. */
int searcher_start(const struct registry_options *options, struct worker *ret, struct err *e) MUST_CHECK;

/* Asks one thing; `text` is the term, or the last name of the page before. Errors of pull/registry_search.h; -EINTR: cancel_fd (-1: none) became
 * readable; -EINVAL `text` is too long. */
int searcher_ask(struct worker *w, enum searcher_item item, const char *text, unsigned int limit,
		 int cancel_fd, struct buf *body, struct err *e) MUST_CHECK;

#endif
