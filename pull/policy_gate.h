/* SPDX-License-Identifier: Apache-2.0 */
/* What policy.json wants of one source of images: asked before the source is, and again once the digests are known. For the parent. */
#ifndef SAMPAN_PULL_POLICY_GATE_H
#define SAMPAN_PULL_POLICY_GATE_H

#include <stdbool.h>

#include "common/digest.h"
#include "common/err.h"
#include "pull/policy.h"
#include "pull/signatures.h"
#include "pull/transport.h"

struct policy_gate {
	struct policy_requirements requirements;
	char *path;                /* of the policy; NULL: there is none */
	bool looks_for_signatures; /* among attachments, as registries.d says */
};
void policy_gate_done(struct policy_gate *g);
#define cleanup_policy_gate __attribute__((cleanup(policy_gate_done)))

/* `ret` is zeroed, and to be done in any case. -EACCES it is rejected, whatever it is; and policy_load's and registries_d_load's. */
int policy_gate_open(const struct transport *source, struct policy_gate *ret, struct err *e) MUST_CHECK;

/* Whether a signature is required. */
bool policy_gate_wants_signature(const struct policy_gate *g);

/* Looks for the signatures that are required, of any of the `len` digests: of the index, and of the manifest that was chosen from it. Who has signed the one has signed
 * the other by its digest. `wanted` is what was asked for. -EACCES, and signatures_fetch's. */
int policy_gate_check(const struct policy_gate *g, const struct signature_reader *reader,
		      const struct reference *wanted, const struct digest *subjects, size_t len,
		      struct err *e) MUST_CHECK;

#endif
