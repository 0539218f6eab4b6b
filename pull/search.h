/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for images in registries. */
#ifndef SAMPAN_PULL_SEARCH_H
#define SAMPAN_PULL_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/json_read.h" /* opt_* */
#include "common/strvec.h"

#define SEARCH_LIMIT_DEFAULT 25 /* per registry */
#define SEARCH_LIMIT_MAX     10000
#define SEARCH_TERM_MAX      512

/* What a result must be. */
struct search_filter {
	uint64_t stars; /* at least */
	struct opt_bool is_official, is_automated;
};

/* "stars=3", "is-official", "is-official=false", "is-automated=true". -EINVAL. */
int search_filter_add(struct search_filter *f, const char *text, struct err *e) MUST_CHECK;

struct search_options {
	bool tls_verify;
	const char *auth_file; /* NULL: where auth_find looks */
	unsigned int limit;
	struct search_filter filter;
	int cancel_fd; /* -1: none */
};

struct search_item {
	char *index;       /* the registry */
	char *name;        /* "docker.io/library/busybox" */
	char *description; /* "" where nobody has written one */
	uint64_t stars;
	bool is_official, is_automated;
};

struct search_results {
	struct search_item *items;
	size_t len;
};
void search_results_done(struct search_results *r);
#define cleanup_search_results __attribute__((cleanup(search_results_done)))

/* Asks the registry that `term` names, or else each of unqualified-search-registries (without any: docker.io), with /v1/search where there is such a thing, and by
 * the catalog elsewhere. What one of several does not answer is left out; an error only where there is nothing else. -EINVAL, -ENOENT, -EACCES, -EINTR
 * and others of pull/registry.h. */
int search_images(const char *term, const struct search_options *options, struct search_results *ret,
		  struct err *e) MUST_CHECK;

/* The tags of one repository, up to the limit. *ret_name: "docker.io/library/busybox", owned. */
int search_tags(const char *name, const struct search_options *options, char **ret_name,
		struct strvec *ret_tags, struct err *e) MUST_CHECK;

#endif
