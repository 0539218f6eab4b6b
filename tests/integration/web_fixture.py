# SPDX-License-Identifier: Apache-2.0
"""A web server of a test's own: files, and repositories of git."""
import gzip
import http.server
import os
import subprocess
import threading


class Web:
    """Serves .files, {path with query: bytes}, and below /git the repositories that .repository makes in `folder`.

    .wants: the Authorization header without which nothing is given; .moved: {beginning of a path: URL that is before the rest of it now};
    .etags: {path: ETag}; .requests: (path, status, headers) of all."""

    def __init__(self, folder):
        self.files, self.folder, self.wants, self.moved, self.etags, self.requests = {}, folder, None, {}, {}, []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def send_response(self, code, message=None):
                web.requests.append((self.path, code, dict(self.headers)))
                super().send_response(code, message)

            def refused(self):
                """True: it has been answered that this is not to be had, or not here."""
                moved = next((old for old in web.moved if self.path.startswith(old)), None)
                if moved:
                    self.send_response(301)
                    self.send_header("Location", web.moved[moved] + self.path.removeprefix(moved))
                elif web.wants and self.headers.get("Authorization") != web.wants:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="here"')
                else:
                    return False
                self.send_header("Content-Length", "0")
                self.end_headers()
                return True

            def do_GET(self):  # noqa: N802 (http.server's name)
                if self.refused():
                    return
                if self.path.startswith("/git/"):
                    self.git(b"")
                    return
                content, etag = web.files.get(self.path), web.etags.get(self.path)
                if etag and self.headers.get("If-None-Match") == etag:
                    self.send_response(304)
                    self.send_header("ETag", etag)
                    self.end_headers()
                    return
                self.send_response(404 if content is None else 200)
                self.send_header("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")
                if etag:
                    self.send_header("ETag", etag)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def do_POST(self):  # noqa: N802 (http.server's name)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.refused():
                    return
                self.git(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)

            def git(self, body):
                path, _, query = self.path.partition("?")
                env = {"GIT_PROJECT_ROOT": str(web.folder), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path.removeprefix("/git"),
                       "QUERY_STRING": query, "REQUEST_METHOD": self.command, "PATH": os.environ["PATH"],
                       "CONTENT_TYPE": self.headers.get("Content-Type") or "", "CONTENT_LENGTH": str(len(body)),
                       "GIT_PROTOCOL": self.headers.get("Git-Protocol") or ""}
                done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=True).stdout
                head, _, content = done.partition(b"\r\n\r\n")
                fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
                self.send_response(int(fields.pop("Status", "200").split()[0]))
                for key, value in fields.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(content)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def repository(self, name, files):
        """Makes /git/NAME.git with one commit on the branch "main", which has the tag "v1"; the commit."""
        work = self.folder / f"{name}.work"
        for path, content in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(content, encoding="utf-8")
        env = {**os.environ, "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1"}

        def git(*args):
            argv = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main", *args]
            return subprocess.run(argv, cwd=work, env=env, check=True, capture_output=True, text=True).stdout.strip()

        for args in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v1"],
                     ["clone", "-q", "--bare", ".", str(self.folder / f"{name}.git")]):
            git(*args)
        return git("rev-parse", "HEAD")
