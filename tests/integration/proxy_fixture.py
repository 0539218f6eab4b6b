# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of a docker-registry that cuts lines, forgets and refuses as a test tells it.

hooks       [function(proxy, handler, body) -> bool]: true if it has answered, or cut, the request itself
requests    [(method, path, headers, length of the body)] so far
"""
import contextlib
import http.client
import http.server
import re
import socket
import struct
import threading


class Proxy:
    def __init__(self, registry):
        self.registry = registry
        self.hooks = []
        self.requests = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                proxy.requests.append((self.command, self.path, dict(self.headers), len(body)))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    if not any(hook(proxy, self, body) for hook in proxy.hooks):
                        proxy.forward(self, body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 (http.server's names)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.host = f"localhost:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def ref(self, name):
        return f"{self.host}/{name}"

    def ask(self, method, path, body, headers):
        """One exchange with the registry, as a client that knows it by the proxy's name."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.registry.port)) as connection:
            connection.request(method, path, body=body, headers={**headers, "Host": self.host})
            answer = connection.getresponse()
            return answer.status, list(answer.getheaders()), answer.read()

    def forward(self, handler, body):
        status, headers, data = self.ask(handler.command, handler.path, body, dict(handler.headers))
        handler.send_response(status)
        for name, value in headers:
            if name.lower() not in ("date", "server", "transfer-encoding"):
                handler.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(data)

    def sent(self, method):
        """The bodies' lengths of all requests of a method to uploads."""
        return [length for verb, path, _, length in self.requests if verb == method and "/uploads/" in path]


def cut(handler):
    """Breaks the connection."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.wfile = handler.rfile = open("/dev/null", "r+b", buffering=0)  # noqa: SIM115 (the handler closes it)
    return True


def path_of(url):
    return re.sub(r"^https?://[^/]+", "", url)
