/* SPDX-License-Identifier: Apache-2.0 */
/* What takes too long to be tested through the programs: transfers that stand still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/timestamp.h"
#include "pull/http.h"

struct server {
	pid_t pid;
	char url[64];
};

/* Answers each connection with `text`, and then with nothing for ever. */
static void serve(int fd, const char *text)
{
	char request[4096];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer < 0)
			_exit(1);
		if (read(peer, request, sizeof(request)) <= 0)
			continue;
		(void)!write_all(peer, text, strlen(text));
	}
}

static void start(struct server *s, const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/", ntohs(a.sin_port));
	s->pid = fork();
	if (s->pid == 0)
		serve(fd, text);
	assert_true(s->pid > 0);
	(void)close(fd); /* the child's */
}

static void stop(const struct server *s)
{
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
}

static int get_into(const char *text, const struct sink *sink, bool to_this_machine,
		    struct http_response *ret, struct err *e)
{
	const struct http_options options = { .tls_verify = true,
					      .connect_timeout_s = 2,
					      .stall_timeout_s = 1 };
	cleanup_http struct http *h = NULL;
	struct server s;
	struct http_request request = { .url = s.url, .to_this_machine = to_this_machine, .sink = sink };
	int r;

	start(&s, text);
	assert_int_equal(http_new(&options, &h, e), 0);
	r = http_perform(h, &request, ret, e);
	stop(&s);
	return r;
}

static int get(const char *text, struct buf *body, struct http_response *ret, struct err *e)
{
	struct sink sink = sink_to_buf(body);

	return get_into(text, &sink, true, ret, e);
}

static void a_transfer_that_stands_still_is_ended(void **state)
{
	static const char *const TEXTS[] = {
		"",
		"HTTP/1.1 200 OK\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nhalf",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		cleanup_buf struct buf body = BUF_INIT(1000);
		cleanup_http_response struct http_response answer = { 0 };
		int64_t before = monotonic_ms();
		struct err e = { 0 };

		assert_int_equal(get(TEXTS[i], &body, &answer, &e), -ECONNABORTED);
		assert_int_equal(answer.failure, HTTP_FAILED_TRANSFER);
		assert_non_null(strstr(e.text, "Operation too slow"));
		assert_true(monotonic_ms() - before < 30000);
	}
}

static void an_answer_comes_with_what_its_headers_say(void **state)
{
	cleanup_buf struct buf body = BUF_INIT(1000);
	cleanup_http_response struct http_response answer = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(get("HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Type: a/b; c=d\r\n"
			     "Location: /there?x=1\r\nRetry-After: 7\r\nWWW-Authenticate: Basic\r\n"
			     "WWW-Authenticate: Bearer realm=x\r\n\r\nok",
			     &body, &answer, &e),
			 0);
	assert_int_equal(answer.status, 201);
	assert_string_equal(answer.content_type, "a/b");
	assert_non_null(strstr(answer.location, "/there?x=1"));
	assert_int_equal(strncmp(answer.location, "http://127.0.0.1:", 17), 0);
	assert_int_equal(answer.retry_after_s, 7);
	assert_int_equal(answer.challenges.len, 2);
	assert_string_equal(body.data, "ok");
}

static int doubt(void *arg, struct err *e)
{
	(void)arg;
	return err_set(e, -ESTALE, "who knows");
}

/* That it goes to this machine is for the name to say, not for the address alone: the address may be a proxy's. */
static void plain_http_is_doubted_unless_it_stays_on_this_machine(void **state)
{
	static const char OK[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	static const char EMPTY[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	static const char NO[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";
	static const struct {
		const char *text;
		bool to_this_machine;
		int result;
	} CASES[] = { { OK, true, 0 }, { OK, false, -ESTALE }, { EMPTY, false, -ESTALE }, { NO, false, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_buf struct buf body = BUF_INIT(1000);
		cleanup_http_response struct http_response answer = { 0 };
		struct sink sink = sink_to_buf(&body);
		struct err e = { 0 };

		sink.doubt = doubt;
		assert_int_equal(get_into(CASES[i].text, &sink, CASES[i].to_this_machine, &answer, &e),
				 CASES[i].result);
		assert_int_equal(answer.failure, CASES[i].result == 0 ? HTTP_NO_FAILURE : HTTP_FAILED_LOCAL);
		assert_int_equal(body.len, CASES[i].to_this_machine ? 2 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transfer_that_stands_still_is_ended),
		cmocka_unit_test(an_answer_comes_with_what_its_headers_say),
		cmocka_unit_test(plain_http_is_doubted_unless_it_stays_on_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
