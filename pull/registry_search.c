/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/registry_search.h"

#include <string.h>

#include "common/cleanup.h"
#include "pull/registry_session.h"

#define PATH_MAX_BYTES 4096

/* RFC 3986, 2.3: what is unreserved stays. */
static int add_escaped(struct buf *out, const char *text)
{
	static const char SAFE[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	int r = 0;

	for (; r == 0 && *text; text++)
		r = strchr(SAFE, *text) ? buf_add_char(out, *text)
					: buf_printf(out, "%%%02X", (unsigned int)(unsigned char)*text);
	return r;
}

static int ask(struct registry *r, const struct buf *path, struct buf *body, struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	struct sink sink = sink_to_buf(body);

	return registry_ask(r,
			    &(struct registry_ask){
				    .path = path->data, .accept = "application/json", .sink = &sink },
			    &answer, e);
}

int registry_search(struct registry *r, const char *term, unsigned int limit, struct buf *body, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);

	if (buf_printf(&path, "/v1/search?n=%u&q=", limit) < 0 || add_escaped(&path, term) < 0)
		return err_set(e, -EFBIG, "cannot make a URL of what is searched for");
	return ask(r, &path, body, e);
}

static int ask_page(struct registry *r, struct buf *path, const char *last, struct buf *body, struct err *e)
{
	int code = buf_printf(path, "?n=%d", REGISTRY_PAGE_MAX);

	if (code == 0 && *last)
		code = buf_add_str(path, "&last=");
	if (code == 0)
		code = add_escaped(path, last);
	return code < 0 ? err_set(e, -EFBIG, "cannot make a URL") : ask(r, path, body, e);
}

int registry_catalog(struct registry *r, const char *last, struct buf *body, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);

	if (buf_add_str(&path, "/v2/_catalog") < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	return ask_page(r, &path, last, body, e);
}

int registry_tags(struct registry *r, const char *last, struct buf *body, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);

	if (buf_printf(&path, "/v2/%s/tags/list", r->options->path) < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	return ask_page(r, &path, last, body, e);
}
