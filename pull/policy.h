/* SPDX-License-Identifier: Apache-2.0 */
/* containers-policy.json(5): what an image must satisfy before it is taken. */
#ifndef SAMPAN_PULL_POLICY_H
#define SAMPAN_PULL_POLICY_H

#include <stddef.h>

#include "common/err.h"
#include "common/strvec.h"
#include "oci/reference.h"

#define POLICY_MAX_BYTES        (1u << 20)
#define POLICY_DEPTH_MAX        16
#define POLICY_REQUIREMENTS_MAX 64
#define POLICY_KEYS_MAX         64
#define POLICY_KEY_BYTES        65536

enum policy_kind { POLICY_ACCEPT, POLICY_REJECT, POLICY_SIGSTORE };

/* What the name in a signature must be, compared with the name that was asked for. */
enum policy_identity_kind {
	IDENTITY_REPO_DIGEST_OR_EXACT, /* the default */
	IDENTITY_EXACT,
	IDENTITY_REPOSITORY,
	IDENTITY_EXACT_REFERENCE,
	IDENTITY_EXACT_REPOSITORY,
	IDENTITY_REMAP,
};

struct policy_identity {
	enum policy_identity_kind kind;
	char *name;                   /* IDENTITY_EXACT_REFERENCE, IDENTITY_EXACT_REPOSITORY */
	char *prefix, *signed_prefix; /* IDENTITY_REMAP */
};

struct policy_requirement {
	enum policy_kind kind;
	struct strvec keys; /* POLICY_SIGSTORE: PEM texts, one of which must have signed */
	struct policy_identity identity;
};

/* All of them must be satisfied. */
struct policy_requirements {
	struct policy_requirement *items;
	size_t len;
};
void policy_requirements_done(struct policy_requirements *r);
#define cleanup_policy_requirements __attribute__((cleanup(policy_requirements_done)))

/* The scopes of a name from a registry, most specific first: "docker.io/library/busybox:1", "docker.io/library/busybox", "docker.io/library", "docker.io",
 * "*.io", "". Those of a file are its path and what is above it. */
int policy_scopes_of_reference(const struct reference *ref, struct strvec *ret, struct err *e) MUST_CHECK;
int policy_scopes_of_path(const char *path, struct strvec *ret, struct err *e) MUST_CHECK;

/* Reads what a policy requires of `transport` ("docker", "oci", "docker-archive", "oci-archive") in the first of `scopes` that it has, or else by default. Key files
 * that it names are read. -EINVAL malformed, with the place; -EOPNOTSUPP a kind of requirement, or a part of one, that we cannot check. */
int policy_decode(const char *text, size_t len, const char *transport, const struct strvec *scopes,
		  struct policy_requirements *ret, struct err *e) MUST_CHECK;

/* The same from ~/.config/containers/policy.json, or else from /etc/containers/policy.json. Without one nothing is required. *ret_path, owned: the
 * file; NULL: there is none. Errors name the file. */
int policy_load(const char *transport, const struct strvec *scopes, struct policy_requirements *ret,
		char **ret_path, struct err *e) MUST_CHECK;

/* Whether the name that a signature holds is one that an identity allows for `wanted`. -EACCES it is not. */
int policy_identity_check(const struct policy_identity *i, const struct reference *wanted,
			  const char *signed_name, struct err *e) MUST_CHECK;

#endif
