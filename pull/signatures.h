/* SPDX-License-Identifier: Apache-2.0 */
/* The signatures that lie beside an image in its repository, and whether they satisfy a policy. For the parent: a worker fetches. */
#ifndef SAMPAN_PULL_SIGNATURES_H
#define SAMPAN_PULL_SIGNATURES_H

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "oci/reference.h"
#include "pull/policy.h"
#include "pull/source.h"
#include "pull/worker.h"

struct signature {
	struct buf payload; /* as it came: its digest is right */
	char *base64;
};

struct signatures {
	struct signature *items;
	size_t len;
};
void signatures_done(struct signatures *s);
#define cleanup_signatures __attribute__((cleanup(signatures_done)))

/* Who asks, and for what; all borrowed. */
struct signature_reader {
	struct worker *worker;
	struct source *source;
	int cancel_fd; /* readable: -EINTR; -1: none */
};

/* Adds all signatures of a manifest or index: those under the tag sha256-<hex>.sig, and those that the registry has as referrers. What is
 * malformed is passed over. -EFBIG more than SIGSTORE_SIGNATURES_MAX, and source_ops.read's errors but -ENOENT. */
int signatures_fetch(const struct signature_reader *reader, const struct digest *subject,
		     struct signatures *ret, struct err *e) MUST_CHECK;

/* Whether one of them was made with a key of the requirement, for one of the `len` digests, under a name that is allowed for `wanted`. *ret_name,
 * owned: that name; may be NULL. -EACCES none: "there is no signature", or what is wrong with the last one. */
int signatures_check(const struct signatures *s, const struct policy_requirement *r,
		     const struct reference *wanted, const struct digest *subjects, size_t len,
		     char **ret_name, struct err *e) MUST_CHECK;

#endif
