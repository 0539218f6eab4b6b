/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/policy.h"

/* "host/path:tag" and "host/path@digest" say which image; "host/path" names a repository alone. */
static bool names_an_image(const char *text)
{
	const char *slash = strrchr(text, '/');

	return strchr(slash ? slash : text, ':') || strchr(text, '@');
}

static bool same_repository(const struct reference *a, const struct reference *b)
{
	return strcmp(a->domain, b->domain) == 0 && strcmp(a->path, b->path) == 0;
}

static bool same_image(const struct reference *a, const struct reference *b)
{
	if (!same_repository(a, b) || !digest_equal(&a->digest, &b->digest))
		return false;
	return a->tag && b->tag ? strcmp(a->tag, b->tag) == 0 : a->tag == b->tag;
}

/* "host/ns" in front of "host/ns/app:1" becomes another; owned, NULL: it is not in front, or memory is out. */
static char *remapped(const struct policy_identity *i, const struct reference *wanted)
{
	cleanup_free char *full = reference_canonical(wanted);
	size_t len = strlen(i->prefix);
	char *out = NULL;

	if (!full || strncmp(full, i->prefix, len) != 0 || (full[len] && !strchr("/:@", full[len])))
		return NULL;
	return asprintf(&out, "%s%s", i->signed_prefix, full + len) < 0 ? NULL : out;
}

static bool exact(const struct reference *wanted, const char *signed_name, const struct reference *is)
{
	return names_an_image(signed_name) && same_image(wanted, is);
}

static bool repo_digest_or_exact(const struct reference *wanted, const char *signed_name,
				 const struct reference *is)
{
	return digest_is_set(&wanted->digest) ? same_repository(wanted, is) : exact(wanted, signed_name, is);
}

static bool allows(const struct policy_identity *i, const struct reference *wanted, const char *signed_name,
		   const struct reference *is)
{
	cleanup_reference struct reference other = { 0 };
	cleanup_free char *text = NULL;
	struct err ignored; /* what is no name allows nothing */

	switch (i->kind) {
	case IDENTITY_EXACT:
		return exact(wanted, signed_name, is);
	case IDENTITY_REPOSITORY:
		return same_repository(wanted, is);
	case IDENTITY_EXACT_REFERENCE:
		return names_an_image(i->name) && reference_parse(i->name, &other, &ignored) == 0 &&
		       exact(&other, signed_name, is);
	case IDENTITY_EXACT_REPOSITORY:
		return reference_parse(i->name, &other, &ignored) == 0 && same_repository(&other, is);
	case IDENTITY_REMAP:
		text = remapped(i, wanted);
		if (text)
			return reference_parse(text, &other, &ignored) == 0 &&
			       repo_digest_or_exact(&other, signed_name, is);
		return repo_digest_or_exact(wanted, signed_name, is);
	default:
		return repo_digest_or_exact(wanted, signed_name, is);
	}
}

int policy_identity_check(const struct policy_identity *i, const struct reference *wanted,
			  const char *signed_name, struct err *e)
{
	cleanup_reference struct reference is = { 0 };
	struct err ignored;

	if (reference_parse(signed_name, &is, &ignored) == 0 && allows(i, wanted, signed_name, &is))
		return 0;
	return err_set(e, -EACCES, "it is a signature for '%.200s'", signed_name);
}
