/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "pull/curl_library.h"

#define RECEIVE_BUFFER \
	(256L << 10) /* fewer, larger reads: a pull is bound by system calls before it is by the network */
#define SEND_BUFFER           (128L << 10)
#define RETRY_AFTER_MAX       3600

#define SET(h, option, value) ((h)->library.easy_setopt((h)->curl, (option), (value)))

struct http {
	struct curl_library library;
	CURL *curl;
	bool tls_verify;
	struct http_tls tls; /* borrowed */
	unsigned int connect_timeout_s, stall_timeout_s;
	char reason[CURL_ERROR_SIZE];
};

/* What the write callback sees of one exchange. */
struct exchange {
	struct http *http;
	const struct sink *sink;
	struct http_response *response;
	uint64_t from; /* the rest is asked for from this byte on */
	uint64_t skip; /* bytes that are sent although we have them */
	const struct http_upload *upload;
	uint64_t sent; /* bytes of it */
	size_t header_bytes;
	bool is_https, to_this_machine; /* as its URL says */
	bool begun;
	bool cut;      /* the rest of an error's body is not worth reading */
	struct err *e; /* the sink's error */
	int failed;    /* 0, or the sink's code */
};

int http_new(const struct http_options *options, struct http **ret, struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_code(e, -ENOMEM, "cannot start libcurl");
	r = curl_library_open(&h->library, e);
	if (r < 0) {
		free(h);
		return r;
	}
	if (h->library.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		h->curl = h->library.easy_init();
	if (!h->curl) {
		free(h);
		return err_set(e, -ENOMEM, "cannot start libcurl");
	}
	h->tls_verify = options->tls_verify;
	h->tls = options->tls;
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
	h->library.easy_cleanup(h->curl);
	h->library.global_cleanup();
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

static const char *header_of(const struct http *h, const char *name, size_t index)
{
	struct curl_header *header = NULL;

	if (h->library.easy_header(h->curl, name, index, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	return header->value;
}

static unsigned int status_of(const struct http *h)
{
	long status = 0;

	(void)h->library.easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status); /* cannot fail */
	return (unsigned int)status;
}

static bool is_success(unsigned int status)
{
	return status >= 200 && status <= 299;
}

/* Only for a message: what finds no memory is not missed. False at the limit. */
static bool keep_error_body(struct buf *body, const char *data, size_t len)
{
	size_t room = body->max - body->len;

	(void)!buf_add(body, data, len < room ? len : room);
	return len <= room;
}

/* "bytes 100-199/200": the first number. */
static int range_start(const char *header, uint64_t *ret)
{
	char number[24];
	size_t len;

	if (!header || strncasecmp(header, "bytes ", 6) != 0)
		return -EINVAL;
	len = strcspn(header + 6, "-");
	if (header[6 + len] != '-' || len >= sizeof(number))
		return -EINVAL;
	memcpy(number, header + 6, len);
	number[len] = 0;
	return parse_u64(number, 0, UINT64_MAX, ret);
}

/* A name of this machine alone does not do: a proxy may have been asked in its stead. */
static bool is_loopback(const struct http *h)
{
	char *address = NULL;

	(void)h->library.easy_getinfo(h->curl, CURLINFO_PRIMARY_IP, &address); /* cannot fail */
	return address && (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0);
}

static int doubt_line(const struct exchange *x)
{
	bool is_safe = (x->is_https && x->http->tls_verify) || (x->to_this_machine && is_loopback(x->http));

	return is_safe || !x->sink->doubt ? 0 : x->sink->doubt(x->sink->arg, x->e);
}

/* What the first bytes of a successful answer are: the beginning, or what follows what the sink holds. */
static int begin_body(struct exchange *x, unsigned int status)
{
	uint64_t start = 0;
	bool partial = status == 206;
	int r = doubt_line(x);

	if (r < 0)
		return r;
	x->begun = true;
	if (partial && (range_start(header_of(x->http, "Content-Range", 0), &start) < 0 || start != x->from))
		return err_set(
			x->e, -EPROTO,
			"the server sends another part than the one from byte %llu on that it was asked for",
			(unsigned long long)x->from);
	if (x->from == 0)
		return x->sink->begin(x->sink->arg, x->e);
	x->skip = partial ? 0 : x->from;
	return 0;
}

static int take_body(struct exchange *x, const char *data, size_t len)
{
	size_t known = x->skip < len ? (size_t)x->skip : len;

	x->skip -= known;
	return known == len ? 0 : x->sink->write(x->sink->arg, data + known, len - known, x->e);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * count;
	unsigned int status = status_of(x->http);

	if (!x->sink || !is_success(status)) {
		x->cut = !keep_error_body(&x->response->error_body, data, len);
		return x->cut ? 0 : len;
	}
	if (!x->begun)
		x->failed = begin_body(x, status);
	if (x->failed == 0)
		x->failed = take_body(x, data, len);
	return x->failed == 0 ? len : 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * count;

	(void)data; /* libcurl keeps them for header_of */
	x->header_bytes += len;
	if (x->header_bytes <= HTTP_HEADERS_MAX)
		return len;
	x->failed =
		err_set(x->e, -EFBIG, "the headers of the answer are longer than %u bytes", HTTP_HEADERS_MAX);
	return 0;
}

static int add_header(const struct http *h, struct curl_slist **list, const char *name, const char *value)
{
	cleanup_buf struct buf line = BUF_INIT(1 << 20);
	struct curl_slist *longer;

	if (!value)
		return 0;
	if (buf_printf(&line, "%s: %s", name, value) < 0)
		return -ENOMEM;
	longer = h->library.slist_append(*list, line.data);
	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static struct curl_blob blob_of(const char *text)
{
	return (struct curl_blob){ .data = (void *)(uintptr_t)text,
				   .len = strlen(text),
				   .flags = CURL_BLOB_NOCOPY };
}

/* The system's authorities stay trusted: Debian's libcurl finds them by directory. */
static CURLcode set_tls(struct http *h, bool anonymous)
{
	CURLcode r = CURLE_OK;
	struct curl_blob blob;

	r |= SET(h, CURLOPT_SSL_VERIFYPEER, (long)h->tls_verify);
	r |= SET(h, CURLOPT_SSL_VERIFYHOST, h->tls_verify ? 2L : 0L);
	if (h->tls.authorities) {
		blob = blob_of(h->tls.authorities);
		r |= SET(h, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (anonymous || !h->tls.certificate || !h->tls.key)
		return r;
	blob = blob_of(h->tls.certificate);
	r |= SET(h, CURLOPT_SSLCERT_BLOB, &blob);
	blob = blob_of(h->tls.key);
	r |= SET(h, CURLOPT_SSLKEY_BLOB, &blob);
	return r;
}

static size_t on_read(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *x = arg;
	const struct http_upload *u = x->upload;
	uint64_t left = u->size_bytes - x->sent;
	size_t len = size * count < left ? size * count : (size_t)left;
	ssize_t n;

	do
		n = pread(u->fd, data, len, (off_t)(u->offset + x->sent));
	while (n < 0 && errno == EINTR);
	if (n < 0 || (n == 0 && len > 0)) {
		x->failed = n < 0 ? err_errno(x->e, "cannot read what is to be sent")
				  : err_set(x->e, -EIO, "what is to be sent has become shorter");
		return CURL_READFUNC_ABORT;
	}
	x->sent += (uint64_t)n;
	if (u->progress)
		u->progress(u->progress_arg, u->offset + x->sent);
	return (size_t)n;
}

static CURLcode set_upload(struct http *h, const struct http_upload *u, struct exchange *x)
{
	CURLcode r = CURLE_OK;

	x->upload = u;
	r |= SET(h, CURLOPT_UPLOAD, 1L);
	r |= SET(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)u->size_bytes);
	r |= SET(h, CURLOPT_READFUNCTION, on_read);
	r |= SET(h, CURLOPT_READDATA, x);
	/* No way to rewind is given: libcurl would send a piece twice of which the server may have a part. Only for speed: */
	(void)SET(h, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER);
	return r;
}

static bool has_body(const struct http_request *request)
{
	return request->method == HTTP_POST || request->method == HTTP_PUT || request->method == HTTP_PATCH;
}

static CURLcode set_method(struct http *h, const struct http_request *request, struct exchange *x)
{
	static const char *const NAMES[] = {
		[HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"
	};
	CURLcode r = CURLE_OK;

	if (request->method == HTTP_HEAD)
		r |= SET(h, CURLOPT_NOBODY, 1L);
	if (request->upload) {
		r |= set_upload(h, request->upload, x);
	} else if (has_body(request)) {
		r |= SET(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
		r |= SET(h, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	}
	if (request->method < ARRAY_LEN(NAMES) && NAMES[request->method])
		r |= SET(h, CURLOPT_CUSTOMREQUEST, NAMES[request->method]);
	return r;
}

static CURLcode set_callbacks(struct http *h, struct exchange *x)
{
	CURLcode r = CURLE_OK;

	r |= SET(h, CURLOPT_WRITEFUNCTION, on_body);
	r |= SET(h, CURLOPT_WRITEDATA, x);
	r |= SET(h, CURLOPT_HEADERFUNCTION, on_header);
	r |= SET(h, CURLOPT_HEADERDATA, x);
	return r;
}

static bool set_options(struct http *h, const struct http_request *request, struct curl_slist *headers,
			struct exchange *x)
{
	CURLcode r = CURLE_OK;

	h->library.easy_reset(h->curl); /* keeps connections */
	r |= SET(h, CURLOPT_URL, request->url);
	r |= SET(h, CURLOPT_PROTOCOLS_STR, "http,https");
	r |= SET(h, CURLOPT_FOLLOWLOCATION, 0L);
	r |= SET(h, CURLOPT_NOSIGNAL, 1L);
	r |= SET(h, CURLOPT_ERRORBUFFER, h->reason);
	r |= SET(h, CURLOPT_USERAGENT, "sampan/" SAMPAN_VERSION);
	r |= SET(h, CURLOPT_CONNECTTIMEOUT, (long)h->connect_timeout_s);
	r |= SET(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
	r |= SET(h, CURLOPT_LOW_SPEED_TIME, (long)h->stall_timeout_s);
	r |= SET(h, CURLOPT_HTTPHEADER, headers);
	r |= SET(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	r |= set_tls(h, request->anonymous_tls);
	r |= set_method(h, request, x);
	r |= set_callbacks(h, x);
	/* Only for speed; libcurl 7.88 refuses it on a handle whose last name lookup failed. */
	(void)SET(h, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
	h->reason[0] = 0;
	return r == CURLE_OK;
}

static void read_short(const struct http *h, const char *name, char *out, size_t max)
{
	const char *value = header_of(h, name, 0);

	if (value && strlen(value) < max)
		(void)snprintf(out, max, "%s", value);
}

static void read_content_type(const struct http *h, char *out, size_t max)
{
	const char *value = header_of(h, "Content-Type", 0);
	size_t len = value ? strcspn(value, "; \t") : 0;

	if (len < max)
		(void)snprintf(out, max, "%.*s", (int)len, value ? value : "");
}

/* Seconds, or a date: RFC 9110 section 10.2.3. */
static unsigned int retry_after_of(const struct http *h)
{
	const char *value = header_of(h, "Retry-After", 0);
	time_t now = time(NULL), then;
	uint64_t seconds;

	if (!value)
		return 0;
	if (parse_u64(value, 0, RETRY_AFTER_MAX, &seconds) == 0)
		return (unsigned int)seconds;
	then = h->library.getdate(value, NULL);
	if (then <= now)
		return 0;
	return then - now > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (unsigned int)(then - now);
}

static char *absolute_location(const struct http *h)
{
	const char *value = header_of(h, "Location", 0);
	char *base = NULL, *text = NULL, *out = NULL;
	CURLU *u = h->library.url();

	(void)h->library.easy_getinfo(h->curl, CURLINFO_EFFECTIVE_URL, &base); /* cannot fail */
	if (u && base && value && h->library.url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
	    h->library.url_set(u, CURLUPART_URL, value, 0) == CURLUE_OK &&
	    h->library.url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
		out = strdup(text);
	h->library.free(text);
	h->library.url_cleanup(u);
	return out;
}

static void read_last_modified(const struct http *h, struct http_response *ret)
{
	const char *value = header_of(h, "Last-Modified", 0);
	time_t when = value ? h->library.getdate(value, NULL) : -1;

	ret->has_last_modified = when >= 0;
	ret->last_modified = when >= 0 ? (int64_t)when : 0;
}

static int read_headers(struct http *h, struct http_response *ret)
{
	const char *value;
	int r;

	ret->status = status_of(h);
	read_content_type(h, ret->content_type, sizeof(ret->content_type));
	read_short(h, "Range", ret->range, sizeof(ret->range));
	read_short(h, "Link", ret->link, sizeof(ret->link));
	read_short(h, "Docker-Content-Digest", ret->digest, sizeof(ret->digest));
	read_short(h, "ETag", ret->etag, sizeof(ret->etag));
	read_short(h, "Content-Disposition", ret->disposition, sizeof(ret->disposition));
	read_last_modified(h, ret);
	for (size_t i = 0; i < HTTP_CHALLENGES_MAX; i++) {
		value = header_of(h, "WWW-Authenticate", i);
		if (!value)
			break;
		r = strvec_add(&ret->challenges, value);
		if (r < 0)
			return r;
	}
	ret->retry_after_s = retry_after_of(h);
	if (header_of(h, "Location", 0) && (ret->status / 100 == 3 || ret->status / 100 == 2))
		ret->location = absolute_location(h);
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
	case CURLE_SEND_FAIL_REWIND: /* the connection was cut, and libcurl would have tried another */
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
	CURLcode code = h->library.easy_perform(h->curl);

	if (x->failed) { /* the sink has said why, in e */
		x->response->failure = HTTP_FAILED_LOCAL;
		return x->failed;
	}
	if (x->cut) /* by us, after all that we want */
		code = CURLE_OK;
	x->response->failure = failure_of(code);
	if (code == CURLE_OK)
		return 0;
	if (code == CURLE_SEND_FAIL_REWIND)
		return err_set(e, code_of(x->response->failure), "the connection broke off while we sent");
	return err_set(e, code_of(x->response->failure), "%s",
		       h->reason[0] ? h->reason : h->library.easy_strerror(code));
}

/* An answer without a body still begins the sink. */
static int begin_empty(struct exchange *x)
{
	if (x->begun || !x->sink || !is_success(x->response->status))
		return 0;
	return begin_body(x, x->response->status);
}

static int add_headers(const struct http *h, const struct http_request *request, uint64_t from,
		       struct curl_slist **out)
{
	char range[48];
	int r = add_header(h, out, "Accept", request->accept);

	if (r == 0)
		r = add_header(h, out, "Authorization", request->authorization);
	if (r == 0)
		r = add_header(h, out, "If-None-Match", request->if_none_match);
	if (r == 0 && has_body(request))
		r = add_header(h, out, "Content-Type",
			       request->content_type ? request->content_type : "application/octet-stream");
	if (r == 0)
		r = add_header(h, out, "Content-Range", request->content_range);
	if (r == 0 && has_body(request))
		r = add_header(h, out, "Expect", ""); /* nobody waits for "100 Continue" */
	(void)snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long)from);
	return r == 0 && from > 0 ? add_header(h, out, "Range", range) : r;
}

int http_perform(struct http *h, const struct http_request *request, struct http_response *ret, struct err *e)
{
	const struct sink *sink = request->sink;
	struct exchange x = { .http = h,
			      .sink = sink,
			      .response = ret,
			      .is_https = strncasecmp(request->url, "https://", 8) == 0,
			      .to_this_machine = request->to_this_machine,
			      .e = e };
	struct curl_slist *headers = NULL;
	int r;

	*ret = (struct http_response){ .failure = HTTP_FAILED_LOCAL,
				       .error_body = BUF_INIT(HTTP_ERROR_BODY_MAX) };
	x.from = sink && sink->held ? sink->held(sink->arg) : 0;
	if (add_headers(h, request, x.from, &headers) < 0 || !set_options(h, request, headers, &x)) {
		h->library.slist_free_all(headers);
		return err_set(e, -ENOMEM, "cannot prepare a request");
	}
	r = perform(h, &x, e);
	if (r == 0 && read_headers(h, ret) < 0)
		r = err_code(e, -ENOMEM, "cannot keep an answer's headers");
	if (r == 0)
		r = begin_empty(&x);
	if (r < 0 && ret->failure == HTTP_NO_FAILURE)
		ret->failure = HTTP_FAILED_LOCAL;
	(void)SET(h, CURLOPT_HTTPHEADER, NULL); /* the list is about to go */
	h->library.slist_free_all(headers);
	return r;
}

static int add_part(const struct curl_library *l, CURLU *u, CURLUPart part, unsigned int flags,
		    const char *before, struct buf *out)
{
	char *text = NULL;
	int r = -EINVAL;

	if (l->url_get(u, part, &text, flags) == CURLUE_OK)
		r = buf_printf(out, "%s%s", before, text);
	l->free(text);
	return r;
}

char *http_origin(const char *url)
{
	cleanup_buf struct buf out = BUF_INIT(4096);
	struct curl_library l;
	struct err ignored;
	CURLU *u;
	int r = -ENOMEM;

	if (curl_library_open(&l, &ignored) < 0)
		return NULL;
	u = l.url();
	if (u && l.url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
		r = add_part(&l, u, CURLUPART_SCHEME, 0, "", &out);
		if (r == 0)
			r = add_part(&l, u, CURLUPART_HOST, 0, "://", &out);
		if (r == 0)
			r = add_part(&l, u, CURLUPART_PORT, CURLU_DEFAULT_PORT, ":", &out);
	}
	l.url_cleanup(u);
	if (r < 0)
		return NULL;
	for (char *p = out.data; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (strncmp(out.data, "http://", 7) != 0 && strncmp(out.data, "https://", 8) != 0)
		return NULL;
	return buf_take(&out);
}
