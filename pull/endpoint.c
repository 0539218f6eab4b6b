/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/auth_apart.h"

void endpoints_done(struct endpoints *l)
{
	for (size_t i = 0; i < l->len; i++) {
		struct endpoint *p = &l->items[i];

		free(p->domain);
		free(p->path);
		secret_done(&p->secret);
		certs_done(&p->certs);
	}
	free(l->items);
	*l = (struct endpoints){ 0 };
}

static struct endpoint *add(struct endpoints *l, const char *domain, const char *path, struct err *e)
{
	struct endpoint *longer = reallocarray(l->items, l->len + 1, sizeof(*longer));
	struct endpoint *p;

	if (longer) {
		l->items = longer;
		p = &longer[l->len++];
		*p = (struct endpoint){ .domain = strdup(domain), .path = path ? strdup(path) : NULL };
		if (p->domain && (p->path || !path))
			return p;
	}
	(void)err_code(e, -ENOMEM, "cannot list registries");
	return NULL;
}

/* Adds "host/path" with what the user has for it. */
static int add_location(struct endpoints *l, const char *location, bool insecure, bool is_mirror,
			const struct endpoint_options *options, struct err *e)
{
	size_t host = strcspn(location, "/");
	cleanup_free char *domain = strndup(location, host);
	struct endpoint *p;
	int r;

	if (!domain)
		return err_code(e, -ENOMEM, "cannot list registries");
	if (!location[host] || !location[host + 1])
		return err_set(e, -EINVAL, "registries.conf makes '%s' of it, which names no repository",
			       location);
	if (l->len == ENDPOINTS_MAX)
		return err_set(e, -EFBIG, "registries.conf has more than %d mirrors for it",
			       ENDPOINTS_MAX - 1);
	p = add(l, domain, location + host + 1, e);
	if (!p)
		return e->code;
	p->tls_verify = options->tls_verify && !insecure;
	p->is_mirror = is_mirror;
	r = certs_find(p->domain, &p->certs, e);
	return r < 0 ? r : auth_find_apart(options->auth_file, p->domain, p->path, &p->secret, e);
}

static bool may_serve(const struct registry_rule *rule, const struct registry_mirror *m, bool by_digest)
{
	if (rule->mirror_by_digest_only)
		return by_digest;
	return m->use == MIRROR_ALL || (m->use == MIRROR_DIGEST_ONLY) == by_digest;
}

/* `rest` is what of the name is behind the rule's prefix. */
static int add_mirrors(struct endpoints *l, const struct registry_rule *rule, const char *rest,
		       bool by_digest, const struct endpoint_options *options, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < rule->mirrors_len; i++) {
		const struct registry_mirror *m = &rule->mirrors[i];
		cleanup_free char *location = NULL;

		if (!may_serve(rule, m, by_digest))
			continue;
		if (asprintf(&location, "%s%s", m->location, rest) < 0)
			return err_code(e, -ENOMEM, "cannot list registries");
		r = add_location(l, location, m->insecure, true, options, e);
	}
	return r;
}

static int add_all(struct endpoints *l, const struct reference *ref, const char *name,
		   const struct endpoint_options *options, struct err *e)
{
	const struct registry_rule *rule = NULL;
	cleanup_free char *location = NULL;
	size_t len = 0;
	int r;

	if (options->conf)
		rule = registries_conf_find(options->conf, name, &len);
	if (!rule)
		return add_location(l, name, false, false, options, e);
	if (rule->blocked)
		return err_set(e, -EACCES, "registries.conf blocks '%s'", rule->prefix);
	if (!options->without_mirrors) {
		r = add_mirrors(l, rule, name + len, digest_is_set(&ref->digest), options, e);
		if (r < 0)
			return r;
	}
	if (rule->location && asprintf(&location, "%s%s", rule->location, name + len) < 0)
		return err_code(e, -ENOMEM, "cannot list registries");
	return add_location(l, location ? location : name, rule->insecure, false, options, e);
}

int endpoints_find(const struct reference *ref, const struct endpoint_options *options, struct endpoints *ret,
		   struct err *e)
{
	cleanup_endpoints struct endpoints l = { 0 };
	cleanup_free char *name = NULL;
	int r;

	if (asprintf(&name, "%s/%s", ref->domain, ref->path) < 0)
		return err_code(e, -ENOMEM, "cannot list registries");
	r = add_all(&l, ref, name, options, e);
	if (r < 0)
		return r;
	*ret = l;
	l = (struct endpoints){ 0 };
	return 0;
}

static int copy_secret(const struct secret *from, struct secret *ret)
{
	if (from->user && !(ret->user = strdup(from->user)))
		return -ENOMEM;
	if (from->password && !(ret->password = strdup(from->password)))
		return -ENOMEM;
	if (from->identity_token && !(ret->identity_token = strdup(from->identity_token)))
		return -ENOMEM;
	return 0;
}

int endpoints_of_registry(const char *domain, const struct secret *secret,
			  const struct endpoint_options *options, struct endpoints *ret, struct err *e)
{
	cleanup_endpoints struct endpoints l = { 0 };
	struct endpoint *p = add(&l, domain, NULL, e);
	const struct registry_rule *rule = NULL;
	size_t len;

	if (!p)
		return e->code;
	if (options->conf)
		rule = registries_conf_find(options->conf, domain, &len);
	p->tls_verify = options->tls_verify && !(rule && rule->insecure);
	if (copy_secret(secret, &p->secret) < 0)
		return err_code(e, -ENOMEM, "cannot keep credentials");
	if (certs_find(p->domain, &p->certs, e) < 0)
		return e->code;
	*ret = l;
	l = (struct endpoints){ 0 };
	return 0;
}

struct registry_options endpoint_registry_options(const struct endpoint *p)
{
	return (struct registry_options){
		.domain = p->domain,
		.path = p->path,
		.tls_verify = p->tls_verify,
		.credentials = secret_borrow(&p->secret),
		.http = { .tls = { .authorities = p->certs.authorities,
				   .certificate = p->certs.certificate,
				   .key = p->certs.key } },
	};
}
