/* SPDX-License-Identifier: Apache-2.0 */
/* Where an image comes from: a registry, an OCI layout directory, an archive. The parent makes a source; workers, forked from it, read it. */
#ifndef SAMPAN_PULL_SOURCE_H
#define SAMPAN_PULL_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "oci/reference.h"
#include "pull/endpoint.h"
#include "pull/http.h"
#include "pull/registry.h"
#include "pull/sink.h"
#include "pull/transport.h"

enum source_item {
	SOURCE_TOP, /* a registry: what the reference names; a layout: index.json. No digest is known yet */
	SOURCE_MANIFEST, /* a manifest or index by digest */
	SOURCE_BLOB,     /* a config or a layer by digest */
	SOURCE_PING,     /* an empty document, from a registry that lets us in */
	/* A registry's, about the manifest of a digest, which is not their own: */
	SOURCE_SIGNATURE, /* the manifest under its tag for signatures, sha256-<hex>.sig */
	SOURCE_REFERRERS, /* the index of what refers to it, of signatures at least */
	/* To a registry; the answer is an empty document: */
	SOURCE_PUT_BLOB,      /* the bytes of local_fd, which have this digest */
	SOURCE_PUT_SIGNATURE, /* the manifest in local_fd goes where SOURCE_SIGNATURE of this digest is */
};

/* What came with a document. */
struct source_answer {
	char content_type[HTTP_CONTENT_TYPE_MAX]; /* "" where unknown */
	enum registry_scheme scheme;
	uint32_t endpoint; /* which one has answered */
	bool has_more;     /* of a list: the registry has further pages of it */
};

struct source {
	const struct source_ops *ops;
	bool is_layout;     /* SOURCE_TOP is an index to choose from by name */
	bool is_remote;     /* its workers need the network */
	bool is_sequential; /* one worker is as fast as many */
	int local_fd;       /* what its workers inherit; -1: nothing */
	int scratch_fd;     /* an empty file for its workers; -1: nothing */
};

struct source_ops {
	/* In the parent, before each request: opens what a worker may not open itself. *ret_fd stays -1 where there is nothing
	 * to open; it is owned by the caller. NULL: never anything. -ENOENT. */
	int (*open_local)(const struct source *s, enum source_item item, const struct digest *digest,
			  int *ret_fd, struct err *e);

	/* In a worker. `digest` is NULL for SOURCE_TOP; local_fd is what open_local opened, what worker_put was given, or -1. Content is not checked. `ret` is
	 * NULL for blobs of which nobody asks it. -ENOENT, the sink's error, and those of pull/registry.h. */
	int (*read)(struct source *s, enum source_item item, const struct digest *digest, int local_fd,
		    const struct sink *sink, struct source_answer *ret, struct err *e);

	/* In the parent: what a worker found out about the source is remembered for the next worker. NULL: nothing. */
	void (*learn)(struct source *s, const struct source_answer *answer);

	void (*free)(struct source *s);
};

/* Each makes a source that source_free frees. What is passed is copied, or borrowed where its header says so. */

/* A registry, or several that have the same: endpoints are tried in turn, and one that fails is not asked again. `reference` and `endpoints` (at
 * least one) are borrowed for the life of the source; `reference` may be NULL if nothing but SOURCE_PING is asked for. */
int source_registry_new(const struct reference *reference, const struct endpoints *endpoints,
			struct source **ret, struct err *e) MUST_CHECK;

/* An OCI layout: image-spec image-layout.md. -ENOENT, -ENOTDIR. */
int source_oci_dir_new(const char *path, struct source **ret, struct err *e) MUST_CHECK;

/* A tar file, gzip-compressed or not: an OCI layout, or what `docker save` writes, which is presented as an OCI layout too. scratch_fd: an empty
 * file without a name, taken, where a compressed archive is expanded to; writable for its workers. -ENOENT, -EINVAL. */
int source_archive_new(const char *path, enum transport_kind kind, int scratch_fd, struct source **ret,
		       struct err *e) MUST_CHECK;

/* The one of these that a transport asks for. `t` and `endpoints`, which is filled for a registry, must outlive the source; in staging_fd an
 * archive may be expanded. Errors as above, and endpoints_find's. */
int source_open(const struct transport *t, const struct endpoint_options *options, int staging_fd,
		struct endpoints *endpoints, struct source **ret, struct err *e) MUST_CHECK;

void source_free(struct source *s);
void source_free_fn(struct source **s);
#define cleanup_source __attribute__((cleanup(source_free_fn)))

/* Copies a file from its start into a sink. */
int source_copy_fd(int fd, const struct sink *sink, struct err *e) MUST_CHECK;

#endif
