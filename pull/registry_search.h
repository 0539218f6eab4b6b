/* SPDX-License-Identifier: Apache-2.0 */
/* What a registry has, and which of it somebody may have meant. */
#ifndef SAMPAN_PULL_REGISTRY_SEARCH_H
#define SAMPAN_PULL_REGISTRY_SEARCH_H

#include "common/buf.h"
#include "common/err.h"
#include "pull/http.h"
#include "pull/registry.h"

#define REGISTRY_PAGE_MAX 1000 /* entries that are asked for at a time */

/* Appends what Docker Hub's search answers: {"results": [...]}, up to `limit` of them. -ENOENT the registry has no such thing, and others of
 * registry_manifest's. Docker's "Docker Registry HTTP API V1", /v1/search. */
int registry_search(struct registry *r, const char *term, unsigned int limit, struct buf *body,
		    struct err *e) MUST_CHECK;

/* Where a list goes on, in the registry's own words: the query of its Link header (RFC 8288), as not all go by the last name. "": it has not said. */
struct registry_next {
	char query[HTTP_LINK_MAX];
};

/* Appends a page of the repositories ({"repositories": [...]}): what *next says, where it says something; else those behind `last`, or the first ones for
 * "". *next is what this page says of the one behind it. distribution's API, "Catalog". */
int registry_catalog(struct registry *r, const char *last, struct registry_next *next, struct buf *body,
		     struct err *e) MUST_CHECK;

/* The same for the tags of the repository ({"tags": [...]}). distribution-spec "Listing Tags". */
int registry_tags(struct registry *r, const char *last, struct registry_next *next, struct buf *body,
		  struct err *e) MUST_CHECK;

#endif
