# SPDX-License-Identifier: Apache-2.0
"""Registries for tests: a real docker-registry, and one that lies.

    with Registry(tmp_path) as registry:
        registry.push("team/app", "v1", image)      # an Image or Index of image_fixture
        sampan("pull", registry.ref("team/app:v1"))
"""
import contextlib
import http.client
import http.server
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from image_fixture import blobs, documents

SLOW = float(os.environ.get("SAMPAN_SLOW", "1"))
BINARY = "docker-registry"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def available():
    return shutil.which(BINARY) is not None


class Registry:
    """A docker-registry process on a free port of loopback, with its blobs below `directory`."""

    def __init__(self, directory, auth=None, http="", accesslog=False):
        self.directory = directory
        self.http = http  # more members of the "http" map, as YAML: ", tls: {...}"
        self.accesslog = accesslog
        self.port = free_port()
        self.host = f"localhost:{self.port}"
        self.auth = auth  # lines of YAML
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        config = self.directory / "registry.yml"
        self.directory.mkdir(parents=True, exist_ok=True)
        config.write_text(f"""version: 0.1
log: {{level: error, accesslog: {{disabled: {str(not self.accesslog).lower()}}}}}
storage:
  filesystem: {{rootdirectory: {self.directory / "registry"}}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{self.port}"{self.http}}}
{self.auth or ""}
""", encoding="utf-8")
        with open(self.directory / "registry.log", "wb") as log:
            self.process = subprocess.Popen([BINARY, "serve", str(config)], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 20 * SLOW
        while True:
            assert self.process.poll() is None, (self.directory / "registry.log").read_text(errors="replace")
            with contextlib.suppress(OSError):
                self.request("GET", "/v2/")
                return
            assert time.monotonic() < deadline, "docker-registry does not answer"
            time.sleep(0.02)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def ref(self, name):
        return f"{self.host}/{name}"

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60 * SLOW)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body) of one exchange."""
        connection = self.connect()
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def push_blob(self, repository, digest, data):
        status, headers, _ = self.request("POST", f"/v2/{repository}/blobs/uploads/")
        assert status == 202, status
        location = re.sub(r"^https?://[^/]+", "", headers["Location"])
        separator = "&" if "?" in location else "?"
        status, _, text = self.request("PUT", f"{location}{separator}digest={digest}", data,
                                       {"Content-Type": "application/octet-stream"})
        assert status == 201, (status, text)

    def push(self, repository, tag, top):
        """Puts an image or an index, and all below it, under a tag."""
        for digest, data in blobs(top):
            self.push_blob(repository, digest, data)
        for document in documents(top):
            name = tag if document is top else document.digest
            status, _, text = self.request("PUT", f"/v2/{repository}/manifests/{name}", document.text,
                                           {"Content-Type": document.media_type})
            assert status == 201, (status, text)
        return self.ref(f"{repository}:{tag}")


class LyingRegistry:
    """A registry in a thread that serves what it is told, right or wrong.

    manifests   {tag or digest: (media type, bytes)}
    blobs       {digest: bytes}
    hooks       [function(handler) -> bool]: true if it has answered the request itself
    requests    [(path, headers)] so far
    """

    def __init__(self):
        self.manifests = {}
        self.blobs = {}
        self.hooks = []
        self.requests = []
        self.lock = threading.Lock()
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):  # noqa: N802 (http.server's name)
                with registry.lock:
                    registry.requests.append((self.path, dict(self.headers)))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    registry.serve(self)

            def do_with_body(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.do_GET()

            do_POST = do_PUT = do_with_body  # noqa: N815 (for hooks; without one it is as a GET)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.host = f"localhost:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def ref(self, name):
        return f"{self.host}/{name}"

    def add(self, tag, top):
        for document in documents(top):
            self.manifests[document.digest] = (document.media_type, document.text)
        self.manifests[tag] = (top.media_type, top.text)
        self.blobs.update(blobs(top))

    def paths(self):
        with self.lock:
            return [path for path, _ in self.requests]

    def serve(self, handler):
        if any(hook(handler) for hook in self.hooks):
            return
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/([^/]+)", handler.path.partition("?")[0])
        kind, name = match.group(2, 3) if match else (None, None)
        if kind == "manifests" and name in self.manifests:
            media_type, data = self.manifests[name]
            answer(handler, 200, data, {"Content-Type": media_type})
        elif kind == "blobs" and name in self.blobs:
            answer(handler, 200, self.blobs[name], {"Content-Type": "application/octet-stream"})
        else:
            error(handler, 404, "MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN",
                  "manifest unknown" if kind == "manifests" else "blob unknown to registry")


def answer(handler, status, data=b"", headers=None):
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)


def error(handler, status, code, message, headers=None):
    text = '{"errors":[{"code":"%s","message":"%s"}]}' % (code, message)
    answer(handler, status, text.encode(), {"Content-Type": "application/json", **(headers or {})})
