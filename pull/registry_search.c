/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/registry_search.h"

#include <string.h>

#include "common/cleanup.h"
#include "pull/registry_session.h"

#define PATH_MAX_BYTES 4096

/* RFC 3986, 2.3 and what else a query may have: 3.4. */
#define UNRESERVED     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
#define QUERY          UNRESERVED "%!$&'()*+,;=:@/?"

/* What is unreserved stays. */
static int add_escaped(struct buf *out, const char *text)
{
	int r = 0;

	for (; r == 0 && *text; text++)
		r = strchr(UNRESERVED, *text) ? buf_add_char(out, *text)
					      : buf_printf(out, "%%%02X", (unsigned int)(unsigned char)*text);
	return r;
}

static bool is_next(const char *parameters, size_t len)
{
	return memmem(parameters, len, "rel=\"next\"", 10) || memmem(parameters, len, "rel=next", 8);
}

/* Only the query counts: host and path stay those that were asked. */
static void take_next(const char *link, struct registry_next *ret)
{
	ret->query[0] = '\0';
	while ((link = strchr(link, '<'))) {
		size_t len = strcspn(link, ">"), at = strcspn(link, "?>"), n = len - at;
		const char *parameters = link + len;

		if (is_next(parameters, strcspn(parameters, ",<")) && n > 1 && n < sizeof(ret->query)) {
			memcpy(ret->query, link + at, n);
			ret->query[n] = '\0';
			if (strspn(ret->query, QUERY) != n)
				ret->query[0] = '\0';
			return;
		}
		link = parameters;
	}
}

/* `next` may be NULL. */
static int ask(struct registry *r, const struct buf *path, struct registry_next *next, struct buf *body,
	       struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	struct sink sink = sink_to_buf(body);
	int code = registry_ask(r,
				&(struct registry_ask){
					.path = path->data, .accept = "application/json", .sink = &sink },
				&answer, e);

	if (code == 0 && next)
		take_next(answer.link, next);
	return code;
}

int registry_search(struct registry *r, const char *term, unsigned int limit, struct buf *body, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);

	if (buf_printf(&path, "/v1/search?n=%u&q=", limit) < 0 || add_escaped(&path, term) < 0)
		return err_set(e, -EFBIG, "cannot make a URL of what is searched for");
	return ask(r, &path, NULL, body, e);
}

static int add_query(struct buf *path, const char *last, const struct registry_next *next)
{
	int code = next->query[0] ? buf_add_str(path, next->query)
				  : buf_printf(path, "?n=%d", REGISTRY_PAGE_MAX);

	if (code < 0 || next->query[0] || !*last)
		return code;
	code = buf_add_str(path, "&last=");
	return code < 0 ? code : add_escaped(path, last);
}

static int ask_page(struct registry *r, struct buf *path, const char *last, struct registry_next *next,
		    struct buf *body, struct err *e)
{
	if (add_query(path, last, next) < 0)
		return err_set(e, -EFBIG, "cannot make a URL");
	return ask(r, path, next, body, e);
}

int registry_catalog(struct registry *r, const char *last, struct registry_next *next, struct buf *body,
		     struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);

	if (buf_add_str(&path, "/v2/_catalog") < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	return ask_page(r, &path, last, next, body, e);
}

int registry_tags(struct registry *r, const char *last, struct registry_next *next, struct buf *body,
		  struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);

	if (buf_printf(&path, "/v2/%s/tags/list", r->options->path) < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	return ask_page(r, &path, last, next, body, e);
}
