/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/verify.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "pull/remote.h"
#include "pull/signatures.h"

void verify_result_done(struct verify_result *r)
{
	free(r->name);
	*r = (struct verify_result){ 0 };
}

static int find_signature(struct remote *remote, const char *key, struct verify_result *ret, struct err *e)
{
	struct policy_requirement requirement = { .kind = POLICY_SIGSTORE,
						  .identity = { .kind = IDENTITY_REPOSITORY } };
	struct signature_reader reader = { .worker = &remote->worker,
					   .source = remote->source,
					   .cancel_fd = -1 };
	cleanup_signatures struct signatures found = { 0 };
	int r = strvec_add(&requirement.keys, key);

	if (r < 0)
		return err_code(e, r, "cannot keep a key");
	r = remote_digest(remote, &ret->digest, e);
	if (r == 0)
		r = signatures_fetch(&reader, &ret->digest, &found, e);
	if (r == 0)
		r = signatures_check(&found, &requirement, &remote->reference, &ret->digest, 1, &ret->name,
				     e);
	strvec_done(&requirement.keys);
	return r;
}

int verify_image(const char *text, const struct verify_options *options, struct verify_result *ret,
		 struct err *e)
{
	cleanup_remote struct remote remote = { 0 };
	int r = remote_open(&remote, text, options->tls_verify, options->auth_file, false, e);

	if (r == 0)
		r = find_signature(&remote, options->key, ret, e);
	return r < 0 ? err_wrap(e, "cannot verify '%s'", text) : 0;
}
