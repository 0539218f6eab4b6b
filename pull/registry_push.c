/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/registry_push.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/registry_session.h"

#define URL_MAX 8192

static void want_to_push(struct registry *r)
{
	if (r->can_push)
		return;
	r->can_push = true;
	free(r->authorization);
	r->authorization = NULL;
}

/* Where the registry wants the blob: the URL that it gave, with the digest behind it. */
static int start_upload(struct registry *r, const struct digest *digest, struct buf *url, struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	cleanup_buf struct buf path = BUF_INIT(URL_MAX);
	int code;

	if (buf_printf(&path, "/v2/%s/blobs/uploads/", r->options->path) < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	code = registry_ask(r, &(struct registry_ask){ .method = HTTP_POST, .path = path.data }, &answer, e);
	if (code < 0)
		return code;
	if (!answer.location)
		return err_set(e, -EPROTO, "registry '%s' says nowhere to put a blob", r->options->domain);
	if (buf_printf(url, "%s%cdigest=%s", answer.location, strchr(answer.location, '?') ? '&' : '?',
		       digest->text) < 0)
		return err_set(e, -EFBIG, "registry '%s' wants a blob at a URL that is too long",
			       r->options->domain);
	return 0;
}

int registry_push_blob(struct registry *r, const struct digest *digest, const void *data, size_t len,
		       struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	cleanup_buf struct buf url = BUF_INIT(URL_MAX);
	int code;

	want_to_push(r);
	code = start_upload(r, digest, &url, e);
	if (code < 0)
		return code;
	return registry_ask(r,
			    &(struct registry_ask){
				    .method = HTTP_PUT, .url = url.data, .body = data, .body_len = len },
			    &answer, e);
}

int registry_push_manifest(struct registry *r, const char *tag_or_digest, const char *media_type,
			   const void *data, size_t len, struct err *e)
{
	cleanup_http_response struct http_response answer = { 0 };
	cleanup_buf struct buf path = BUF_INIT(URL_MAX);

	want_to_push(r);
	if (buf_printf(&path, "/v2/%s/manifests/%s", r->options->path, tag_or_digest) < 0)
		return err_code(e, -ENOMEM, "cannot make a URL");
	return registry_ask(r,
			    &(struct registry_ask){ .method = HTTP_PUT,
						    .path = path.data,
						    .content_type = media_type,
						    .body = data,
						    .body_len = len },
			    &answer, e);
}
