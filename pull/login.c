/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/login.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/source.h"
#include "pull/worker.h"

static int ask(struct source *source, struct err *e)
{
	cleanup_buf struct buf nothing = BUF_INIT(1);
	struct source_answer answer = { 0 };
	struct worker w = { 0 };
	int r = worker_start(source, &w, e);

	if (r == 0)
		r = worker_document(&w, source, SOURCE_PING, NULL, 0, -1, &nothing, &answer, e);
	worker_stop(&w);
	return r;
}

int login_verify(const char *key, const struct secret *s, bool tls_verify, struct err *e)
{
	cleanup_registries_conf struct registries_conf conf = { 0 };
	const struct endpoint_options options = { .tls_verify = tls_verify, .conf = &conf };
	cleanup_free char *domain = strndup(key, strcspn(key, "/"));
	cleanup_endpoints struct endpoints endpoints = { 0 };
	cleanup_source struct source *source = NULL;
	int r;

	if (!domain)
		return err_code(e, -ENOMEM, "cannot log in");
	r = registries_conf_load(&conf, e);
	if (r == 0)
		r = endpoints_of_registry(domain, s, &options, &endpoints, e);
	if (r == 0)
		r = source_registry_new(NULL, &endpoints, &source, e);
	if (r == 0)
		r = ask(source, e);
	return r < 0 ? err_wrap(e, "cannot log into %s", key) : 0;
}
