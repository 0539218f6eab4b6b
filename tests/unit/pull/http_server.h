/* SPDX-License-Identifier: Apache-2.0 */
/* A web server of this machine, as long as a test lasts. Files are those of a directory; some paths have a will of their own. */
#ifndef SAMPAN_TESTS_UNIT_PULL_HTTP_SERVER_H
#define SAMPAN_TESTS_UNIT_PULL_HTTP_SERVER_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct http_server {
	pid_t pid;
	char url[64]; /* "http://127.0.0.1:PORT" */
};

static const char HTTP_SERVER_PROGRAM[] =
	"import http.server, socketserver, sys, os, time\n"
	"seen = {}\n"
	"class H(http.server.SimpleHTTPRequestHandler):\n"
	"    def log_message(self, *a): pass\n"
	"    def say(self, status, body=b'', **headers):\n"
	"        self.send_response(status)\n"
	"        for k, v in headers.items(): self.send_header(k.replace('_', '-'), v)\n"
	"        if 'Content_Length' not in headers: self.send_header('Content-Length', str(len(body)))\n"
	"        self.end_headers()\n"
	"        self.wfile.write(body)\n"
	"    def do_GET(self):\n"
	"        p = self.path\n"
	"        n = seen[p] = seen.get(p, 0) + 1\n"
	"        if p.startswith('/redirect/'):\n"
	"            k = int(p[10:])\n"
	"            return self.say(302, Location='/redirect/%d' % (k - 1) if k > 1 else '/plain')\n"
	"        if p == '/plain': return self.say(200, b'hello', Last_Modified='Wed, 01 Jan 2020 00:00:00 "
	"GMT')\n"
	"        if p == '/': return self.say(200, b'named', Content_Disposition='attachment; filename=\"a "
	"b.txt\"')\n"
	"        if p == '/climbs': return self.say(200, b'x', Content_Disposition='attachment; "
	"filename=\"../..\"')\n"
	"        if p.startswith('/status/'): return self.say(int(p[8:]), b'sorry')\n"
	"        if p == '/flaky': return self.say(200, b'at last') if n > 2 else self.say(503)\n"
	"        if p == '/cut': return self.say(200, b'all of it' if n > 1 else b'half', "
	"Content_Length='9')\n"
	"        if p == '/auth': return self.say(200, self.headers.get('Authorization', 'none').encode())\n"
	"        if p == '/auth-away': return self.say(302, Location='http://localhost:%d/auth' % port)\n"
	"        if p == '/file-url': return self.say(302, Location='file:///etc/passwd')\n"
	"        if p == '/etag':\n"
	"            if self.headers.get('If-None-Match') == '\"v1\"': return self.say(304, ETag='\"v1\"')\n"
	"            return self.say(200, b'v1', ETag='\"v1\"')\n"
	"        if p == '/stalls':\n"
	"            self.say(200, b'some', Content_Length='100')\n"
	"            self.wfile.flush()\n"
	"            time.sleep(60)\n"
	"        return super().do_GET()\n"
	"class S(socketserver.ThreadingMixIn, http.server.HTTPServer):\n"
	"    daemon_threads = True\n"
	"os.chdir(sys.argv[1])\n"
	"s = S(('127.0.0.1', 0), H)\n"
	"port = s.server_port\n"
	"print(port, flush=True)\n"
	"s.serve_forever()\n";

static inline void http_server_start(struct http_server *s, const char *directory)
{
	char port[16] = "";
	int out[2];
	size_t len = 0;

	assert_int_equal(pipe(out), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)close(out[0]);
		(void)close(out[1]);
		execl("/usr/bin/python3", "python3", "-c", HTTP_SERVER_PROGRAM, directory, (char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	while (len + 1 < sizeof(port) && read(out[0], port + len, 1) == 1 && port[len] != '\n')
		len++;
	(void)close(out[0]);
	port[len] = '\0';
	assert_true(len > 0);
	(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%s", port);
}

static inline void http_server_stop(struct http_server *s)
{
	(void)kill(s->pid, SIGKILL); /* ours, and not reaped yet */
	(void)waitpid(s->pid, NULL, 0);
}

#endif
