/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/policy_gate.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "pull/registries_d.h"

void policy_gate_done(struct policy_gate *g)
{
	policy_requirements_done(&g->requirements);
	free(g->path);
	*g = (struct policy_gate){ 0 };
}

/* Only of interest where a signature is required. */
static int find_attachments(struct policy_gate *g, const struct strvec *scopes, struct err *e)
{
	cleanup_registries_d struct registries_d conf = { 0 };
	int r = registries_d_load(&conf, e);

	if (r == 0)
		g->looks_for_signatures = registries_d_attachments(&conf, scopes);
	return r;
}

int policy_gate_open(const struct transport *source, struct policy_gate *ret, struct err *e)
{
	static const char *const TRANSPORTS[] = {
		[TRANSPORT_REGISTRY] = "docker",
		[TRANSPORT_OCI_DIR] = "oci",
		[TRANSPORT_OCI_ARCHIVE] = "oci-archive",
		[TRANSPORT_DOCKER_ARCHIVE] = "docker-archive",
	};
	cleanup_strvec struct strvec scopes = { 0 };
	bool is_remote = source->kind == TRANSPORT_REGISTRY;
	int r = is_remote ? policy_scopes_of_reference(&source->reference, &scopes, e)
			  : policy_scopes_of_path(source->path, &scopes, e);

	if (r == 0)
		r = policy_load(TRANSPORTS[source->kind], &scopes, &ret->requirements, &ret->path, e);
	for (size_t i = 0; r == 0 && i < ret->requirements.len; i++) {
		enum policy_kind kind = ret->requirements.items[i].kind;

		if (kind == POLICY_SIGSTORE && is_remote)
			r = find_attachments(ret, &scopes, e);
		if (kind == POLICY_REJECT)
			r = err_set(e, -EACCES, "'%s' rejects it", ret->path);
		if (kind == POLICY_SIGSTORE && !is_remote)
			r = err_set(e, -EACCES, "'%s' requires a signature, which images from files have not",
				    ret->path);
	}
	return r;
}

bool policy_gate_wants_signature(const struct policy_gate *g)
{
	for (size_t i = 0; i < g->requirements.len; i++)
		if (g->requirements.items[i].kind == POLICY_SIGSTORE)
			return true;
	return false;
}

static int check_all(const struct policy_gate *g, const struct signatures *found,
		     const struct reference *wanted, const struct digest *subjects, size_t len, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->requirements.len; i++)
		if (g->requirements.items[i].kind == POLICY_SIGSTORE)
			r = signatures_check(found, &g->requirements.items[i], wanted, subjects, len, NULL,
					     e);
	return r;
}

int policy_gate_check(const struct policy_gate *g, const struct signature_reader *reader,
		      const struct reference *wanted, const struct digest *subjects, size_t len,
		      struct err *e)
{
	cleanup_signatures struct signatures found = { 0 };
	int r = 0;

	if (!policy_gate_wants_signature(g))
		return 0;
	for (size_t i = 0; r == 0 && g->looks_for_signatures && i < len; i++)
		r = signatures_fetch(reader, &subjects[i], &found, e);
	if (r == 0)
		r = check_all(g, &found, wanted, subjects, len, e);
	if (r == -EACCES && !g->looks_for_signatures)
		(void)err_set(e, r,
			      "sigstore attachments are not looked for (set use-sigstore-attachments: true "
			      "for '%s' in registries.d)",
			      wanted->domain);
	return r < 0 && r != -EINTR ? err_wrap(e, "'%s' requires a signature", g->path) : r;
}
