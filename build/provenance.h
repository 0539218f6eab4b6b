/* SPDX-License-Identifier: Apache-2.0 */
/* --provenance: how an image came to be, as the predicate of an in-toto statement (build/attestation.h): https://slsa.dev/spec/v0.2/provenance or https://slsa.dev/spec/v1.1/provenance, with the
 * members that BuildKit gives it (docs.docker.com/build/metadata/attestations/slsa-definitions). Pure: structs in, JSON out. */
#ifndef SAMPAN_BUILD_PROVENANCE_H
#define SAMPAN_BUILD_PROVENANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/platform.h"

#define PROVENANCE_PREDICATE_TYPE "https://slsa.dev/provenance/v0.2"
#define PROVENANCE_PREDICATE_V1   "https://slsa.dev/provenance/v1"
#define PROVENANCE_MAX_BYTES      (16u << 20)

/* An image that was read. */
struct provenance_image {
	const char *reference;           /* canonical */
	const struct platform *platform; /* NULL: not known */
	struct digest digest;            /* of what the reference named: its index or manifest */
};

/* A file of a web server, or a commit of a git repository. */
struct provenance_source {
	const char *uri;       /* "https://example.org/a.git#main" */
	const char *algorithm; /* "sha1" of a commit, "sha256" of a file */
	const char *hex;
};

/* All is borrowed. Strings may be NULL where nothing is known of them. */
struct provenance {
	bool is_v1; /* else v0.2 */
	bool is_max;
	const char *builder_id;
	const struct provenance_source *context; /* where the Dockerfile is from; NULL: from this machine */
	const char *entry_point;                 /* the Dockerfile's path */
	const struct strvec *
		args; /* KEY=VALUE: "build-arg:NAME=VALUE", "label:KEY=VALUE", "target=NAME"; the first two kinds with is_max only. NULL: none */
	const struct strvec *secrets, *ssh; /* their ids, with is_max only. NULL: none */
	const struct strvec
		*locals; /* "context", "dockerfile", and other contexts that are folders here. NULL: none */
	struct platform builder; /* this machine's */
	const struct provenance_image *images;
	size_t images_len;
	const struct provenance_source *sources;
	size_t sources_len;
	const char *invocation_id;
	const char *started, *finished; /* RFC 3339 */
	bool has_network;               /* some command could reach the network */
	bool reproducible;              /* who built says so */
	const char *vcs_source, *vcs_revision;
	const char *dockerfile; /* its text, with is_max only */
	size_t dockerfile_len;
};

/* Appends the predicate. The same struct gives the same bytes: maps are sorted, and materials are in the order of images and sources, each once. -EINVAL an
 * image's reference is none; -EFBIG, -ENOMEM. */
int provenance_write(const struct provenance *p, struct buf *out, struct err *e) MUST_CHECK;

#endif
