/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/cleanup.h"
#include "pull/source.h"

struct source_registry {
	struct source source;
	const struct reference *reference;
	struct registry_options options;
	struct registry *registry; /* in a worker, from its first request on */
};

static struct source_registry *self(struct source *s)
{
	return (struct source_registry *)s; /* its first member */
}

static int read_manifest(struct source_registry *s, const char *what, const struct sink *sink,
			 struct source_answer *ret, struct err *e)
{
	cleanup_buf struct buf body = BUF_INIT(MANIFEST_MAX_BYTES);
	int r = registry_manifest(s->registry, what, &body, ret->content_type, e);

	if (r == 0)
		r = sink->begin(sink->arg, e);
	if (r == 0)
		r = sink->write(sink->arg, body.data, body.len, e);
	return r;
}

static int source_registry_read(struct source *source, enum source_item item, const struct digest *digest,
				int local_fd, const struct sink *sink, struct source_answer *ret,
				struct err *e)
{
	struct source_registry *s = self(source);
	const struct digest *wanted = item == SOURCE_TOP ? &s->reference->digest : digest;
	int r = 0;

	(void)local_fd; /* there is none */
	if (!s->registry)
		r = registry_new(&s->options, &s->registry, e);
	if (r < 0)
		return r;
	if (item == SOURCE_BLOB)
		r = registry_blob(s->registry, wanted, sink, e);
	else
		r = read_manifest(s, digest_is_set(wanted) ? wanted->text : s->reference->tag, sink, ret, e);
	if (r == 0)
		ret->scheme = registry_scheme(s->registry);
	return r;
}

static void source_registry_learn(struct source *source, const struct source_answer *answer)
{
	self(source)->options.scheme = answer->scheme;
}

static void source_registry_free(struct source *source)
{
	registry_free(self(source)->registry);
	free(source);
}

static const struct source_ops REGISTRY_OPS = {
	.read = source_registry_read,
	.learn = source_registry_learn,
	.free = source_registry_free,
};

int source_registry_new(const struct source_registry_options *options, struct source **ret, struct err *e)
{
	struct source_registry *s = calloc(1, sizeof(*s));

	if (!s)
		return err_code(e, -ENOMEM, "cannot open registry '%s'", options->reference->domain);
	s->source =
		(struct source){ .ops = &REGISTRY_OPS, .is_remote = true, .local_fd = -1, .scratch_fd = -1 };
	s->reference = options->reference;
	s->options = (struct registry_options){
		.domain = options->reference->domain,
		.path = options->reference->path,
		.tls_verify = options->tls_verify,
		.credentials = options->credentials,
	};
	*ret = &s->source;
	return 0;
}
