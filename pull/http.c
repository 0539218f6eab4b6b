/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/parse.h"

#define RECEIVE_BUFFER \
	(256L << 10) /* fewer, larger reads: a pull is bound by system calls before it is by the network */
#define RETRY_AFTER_MAX 3600

struct http {
	CURL *curl;
	bool tls_verify;
	unsigned int connect_timeout_s, stall_timeout_s;
	char reason[CURL_ERROR_SIZE];
};

/* What the write callback sees of one exchange. */
struct exchange {
	struct http *http;
	const struct sink *sink;
	struct http_response *response;
	bool begun;
	struct err *e; /* the sink's error */
	int failed;    /* 0, or the sink's code */
};

int http_new(const struct http_options *options, struct http **ret, struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return err_code(e, -ENOMEM, "cannot start libcurl");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		h->curl = curl_easy_init();
	if (!h->curl) {
		free(h);
		return err_set(e, -ENOMEM, "cannot start libcurl");
	}
	h->tls_verify = options->tls_verify;
	h->connect_timeout_s =
		options->connect_timeout_s ? options->connect_timeout_s : HTTP_CONNECT_TIMEOUT_S;
	h->stall_timeout_s = options->stall_timeout_s ? options->stall_timeout_s : HTTP_STALL_TIMEOUT_S;
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	curl_global_cleanup();
	free(h);
}

void http_free_fn(struct http **h)
{
	http_free(*h);
}

void http_set_tls_verify(struct http *h, bool verify)
{
	h->tls_verify = verify;
}

void http_response_done(struct http_response *r)
{
	strvec_done(&r->challenges);
	free(r->location);
	buf_done(&r->error_body);
	*r = (struct http_response){ 0 };
}

static void keep_error_body(struct buf *body, const char *data, size_t len)
{
	size_t room = body->max - body->len;

	/* Only for a message: what does not fit, or finds no memory, is not missed. */
	(void)!buf_add(body, data, len < room ? len : room);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * count;
	long status = 0;

	(void)curl_easy_getinfo(x->http->curl, CURLINFO_RESPONSE_CODE, &status); /* cannot fail */
	if (status < 200 || status > 299) {
		keep_error_body(&x->response->error_body, data, len);
		return len;
	}
	if (!x->begun)
		x->failed = x->sink->begin(x->sink->arg, x->e);
	x->begun = true;
	if (x->failed == 0)
		x->failed = x->sink->write(x->sink->arg, data, len, x->e);
	return x->failed == 0 ? len : 0;
}

static int add_header(struct curl_slist **list, const char *name, const char *value)
{
	cleanup_buf struct buf line = BUF_INIT(1 << 20);
	struct curl_slist *longer;

	if (!value)
		return 0;
	if (buf_printf(&line, "%s: %s", name, value) < 0)
		return -ENOMEM;
	longer = curl_slist_append(*list, line.data);
	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static bool set_options(struct http *h, const char *url, struct curl_slist *headers, struct exchange *x)
{
	CURL *c = h->curl;
	long verify = h->tls_verify;
	CURLcode r = CURLE_OK;

	curl_easy_reset(c); /* keeps connections */
	r |= curl_easy_setopt(c, CURLOPT_URL, url);
	r |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	r |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	r |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	r |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->reason);
	r |= curl_easy_setopt(c, CURLOPT_USERAGENT, "sampan/" SAMPAN_VERSION);
	r |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)h->connect_timeout_s);
	r |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	r |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)h->stall_timeout_s);
	r |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, verify);
	r |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	r |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	r |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	r |= curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	/* Only for speed; libcurl 7.88 refuses it on a handle whose last name lookup failed. */
	(void)curl_easy_setopt(c, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
	h->reason[0] = 0;
	return r == CURLE_OK;
}

static const char *header_of(CURL *c, const char *name, size_t index)
{
	struct curl_header *h = NULL;

	if (curl_easy_header(c, name, index, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return NULL;
	return h->value;
}

static void read_content_type(CURL *c, char *out, size_t max)
{
	const char *value = header_of(c, "Content-Type", 0);
	size_t len = value ? strcspn(value, "; \t") : 0;

	if (len < max)
		(void)snprintf(out, max, "%.*s", (int)len, value ? value : "");
}

static int read_headers(struct http *h, struct http_response *ret)
{
	const char *value;
	char *location = NULL;
	uint64_t seconds;
	long status = 0;
	int r;

	(void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status); /* cannot fail */
	ret->status = (unsigned int)status;
	read_content_type(h->curl, ret->content_type, sizeof(ret->content_type));
	for (size_t i = 0; i < HTTP_CHALLENGES_MAX; i++) {
		value = header_of(h->curl, "WWW-Authenticate", i);
		if (!value)
			break;
		r = strvec_add(&ret->challenges, value);
		if (r < 0)
			return r;
	}
	value = header_of(h->curl, "Retry-After", 0);
	if (value && parse_u64(value, 0, RETRY_AFTER_MAX, &seconds) == 0)
		ret->retry_after_s = (unsigned int)seconds;
	(void)curl_easy_getinfo(h->curl, CURLINFO_REDIRECT_URL, &location); /* NULL is an answer */
	if (location) {
		ret->location = strdup(location);
		if (!ret->location)
			return -ENOMEM;
	}
	return 0;
}

static enum http_failure failure_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return HTTP_NO_FAILURE;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return HTTP_FAILED_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
		return HTTP_FAILED_TLS;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return HTTP_FAILED_CERTIFICATE;
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return HTTP_FAILED_TRANSFER;
	default:
		return HTTP_FAILED_LOCAL;
	}
}

static int code_of(enum http_failure failure)
{
	switch (failure) {
	case HTTP_NO_FAILURE:
		return 0;
	case HTTP_FAILED_CONNECT:
	case HTTP_FAILED_TRANSFER:
		return -ECONNABORTED;
	case HTTP_FAILED_CERTIFICATE:
		return -EACCES;
	case HTTP_FAILED_TLS:
		return -EPROTO;
	default:
		return -EIO;
	}
}

static int perform(struct http *h, struct exchange *x, struct err *e)
{
	CURLcode code = curl_easy_perform(h->curl);

	if (x->failed) { /* the sink has said why, in e */
		x->response->failure = HTTP_FAILED_LOCAL;
		return x->failed;
	}
	x->response->failure = failure_of(code);
	if (code == CURLE_OK)
		return 0;
	return err_set(e, code_of(x->response->failure), "%s",
		       h->reason[0] ? h->reason : curl_easy_strerror(code));
}

/* An answer without a body still begins the sink. */
static int begin_empty(struct exchange *x)
{
	if (x->begun || x->response->status < 200 || x->response->status > 299)
		return 0;
	return x->sink->begin(x->sink->arg, x->e);
}

int http_get(struct http *h, const struct http_request *request, struct http_response *ret, struct err *e)
{
	struct exchange x = { .http = h, .sink = request->sink, .response = ret, .e = e };
	struct curl_slist *headers = NULL;
	int r;

	*ret = (struct http_response){ .failure = HTTP_FAILED_LOCAL,
				       .error_body = BUF_INIT(HTTP_ERROR_BODY_MAX) };
	if (add_header(&headers, "Accept", request->accept) < 0 ||
	    add_header(&headers, "Authorization", request->authorization) < 0 ||
	    !set_options(h, request->url, headers, &x)) {
		curl_slist_free_all(headers);
		return err_set(e, -ENOMEM, "cannot ask for '%s'", request->url);
	}
	r = perform(h, &x, e);
	if (r == 0 && read_headers(h, ret) < 0)
		r = err_code(e, -ENOMEM, "cannot keep an answer's headers");
	if (r == 0)
		r = begin_empty(&x);
	if (r < 0 && ret->failure == HTTP_NO_FAILURE)
		ret->failure = HTTP_FAILED_LOCAL;
	(void)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL); /* the list is about to go */
	curl_slist_free_all(headers);
	return r;
}

static int add_part(CURLU *u, CURLUPart part, unsigned int flags, const char *before, struct buf *out)
{
	char *text = NULL;
	int r = -EINVAL;

	if (curl_url_get(u, part, &text, flags) == CURLUE_OK)
		r = buf_printf(out, "%s%s", before, text);
	curl_free(text);
	return r;
}

char *http_origin(const char *url)
{
	cleanup_buf struct buf out = BUF_INIT(4096);
	CURLU *u = curl_url();
	int r = -ENOMEM;

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
		r = add_part(u, CURLUPART_SCHEME, 0, "", &out);
		if (r == 0)
			r = add_part(u, CURLUPART_HOST, 0, "://", &out);
		if (r == 0)
			r = add_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, ":", &out);
	}
	curl_url_cleanup(u);
	if (r < 0)
		return NULL;
	for (char *p = out.data; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (strncmp(out.data, "http://", 7) != 0 && strncmp(out.data, "https://", 8) != 0)
		return NULL;
	return buf_take(&out);
}
