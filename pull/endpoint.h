/* SPDX-License-Identifier: Apache-2.0 */
/* Where an image may be had: each place with all that a worker needs to ask there, and nothing about any other. Made by the parent from the
 * user's configuration. */
#ifndef SAMPAN_PULL_ENDPOINT_H
#define SAMPAN_PULL_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "oci/reference.h"
#include "pull/auth_file.h"
#include "pull/certs.h"
#include "pull/registries_conf.h"
#include "pull/registry.h"

#define ENDPOINTS_MAX 32

struct endpoint {
	char *domain;    /* "localhost:5000" */
	char *path;      /* of the repository there; NULL: none, for a login */
	bool is_mirror;  /* one of several; failures are no end */
	bool tls_verify; /* false: plain HTTP and any certificate will do */
	struct secret secret;
	struct certs certs;
};

/* In the order in which they are to be tried. */
struct endpoints {
	struct endpoint *items;
	size_t len;
};
void endpoints_done(struct endpoints *l); /* wipes secrets */
#define cleanup_endpoints __attribute__((cleanup(endpoints_done)))

struct endpoint_options {
	bool tls_verify;                    /* false: for all of them */
	const char *auth_file;              /* NULL: where auth_find looks */
	const struct registries_conf *conf; /* NULL: a name says where it is */
	bool without_mirrors;
};

/* All the places for a reference: the mirrors that may be used for it, and what it names. -EACCES it is blocked, -EINVAL malformed
 * configuration, and auth_find's and certs_find's. */
int endpoints_find(const struct reference *ref, const struct endpoint_options *options, struct endpoints *ret,
		   struct err *e) MUST_CHECK;

/* One place: a registry, with the secrets that are given instead of those on disk. `secret` is copied. */
int endpoints_of_registry(const char *domain, const struct secret *secret,
			  const struct endpoint_options *options, struct endpoints *ret,
			  struct err *e) MUST_CHECK;

/* What a client of the place needs, borrowed from `p`. */
struct registry_options endpoint_registry_options(const struct endpoint *p);

#endif
