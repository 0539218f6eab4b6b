/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/remote.h"

#include <string.h>

#include "common/cleanup.h"
#include "oci/descriptor.h"
#include "pull/hash.h"

void remote_done(struct remote *r)
{
	worker_stop(&r->worker);
	source_free(r->source);
	endpoints_done(&r->endpoints);
	reference_done(&r->reference);
	registries_conf_done(&r->conf);
	*r = (struct remote){ 0 };
}

static int parse_name(struct remote *r, const char *text, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	int code = registries_conf_load(&r->conf, e);

	if (strncmp(text, "docker://", 9) == 0)
		text += 9;
	if (code == 0)
		code = registries_conf_expand(&r->conf, text, &names, e);
	if (code < 0)
		return code;
	if (names.len != 1)
		return err_set(e, -EINVAL, "'%s' may mean several images; write the registry too", text);
	code = reference_parse(names.items[0], &r->reference, e);
	return code < 0 ? err_wrap(e, "invalid reference '%s'", text) : 0;
}

int remote_open(struct remote *r, const char *text, bool tls_verify, const char *auth_file, bool for_writing,
		struct err *e)
{
	struct endpoint_options options = { .tls_verify = tls_verify,
					    .auth_file = auth_file,
					    .conf = &r->conf,
					    .without_mirrors = for_writing };
	int code = parse_name(r, text, e);

	if (code == 0)
		code = endpoints_find(&r->reference, &options, &r->endpoints, e);
	if (code == 0)
		code = source_registry_new(&r->reference, &r->endpoints, &r->source, e);
	return code < 0 ? code : worker_start(r->source, &r->worker, e);
}

int remote_digest(struct remote *r, struct digest *ret, struct err *e)
{
	const struct digest *wanted = digest_is_set(&r->reference.digest) ? &r->reference.digest : NULL;
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct source_answer answer = { 0 };
	int code = worker_document(&r->worker, r->source, SOURCE_TOP, wanted, 0, -1, &text, &answer, e);

	if (code < 0)
		return code == -ENOENT ? err_wrap(e, "manifest not found") : code;
	return hash_bytes(wanted ? digest_algorithm(wanted) : "sha256", text.data, text.len, ret, e);
}
