# SPDX-License-Identifier: Apache-2.0
"""Registries that want to know who is there: htpasswd and token authentication of a real docker-registry, and the token server."""
import base64
import json
import subprocess
import threading
import time
import urllib.parse
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from registry_fixture import answer, error

with warnings.catch_warnings():  # it goes in Python 3.13; Debian 12 has 3.11
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt


def htpasswd_auth(directory, users):
    """The lines of YAML for a docker-registry that knows these users: {name: password}."""
    path = directory / "htpasswd"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{user}:{crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}"
             for user, password in users.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"auth: {{htpasswd: {{realm: test, path: {path}}}}}"


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """Signs tokens that a docker-registry takes. Anonymous users may pull what `public` lists.

    users     {name: password}; refresh   {refresh token: name}
    life_s    of a token
    asked     [(method, query or form, Authorization header)]
    """

    def __init__(self, directory, users, refresh=None, public=()):
        self.directory, self.users, self.refresh, self.public = directory, users, refresh or {}, public
        self.life_s = 300
        self.asked = []
        directory.mkdir(parents=True, exist_ok=True)
        self.key, self.certificate = directory / "token.key", directory / "token.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out",
                        self.certificate, "-subj", "/CN=token", "-days", "2"], check=True, capture_output=True)
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):  # noqa: N802 (http.server's name)
                server.serve(self, dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query)))

            def do_POST(self):  # noqa: N802
                length = int(self.headers.get("Content-Length", "0"))
                server.serve(self, dict(urllib.parse.parse_qsl(self.rfile.read(length).decode())))

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://localhost:{self.server.server_address[1]}/token"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def auth(self):
        """The lines of YAML for the docker-registry that believes in this server."""
        return (f"auth: {{token: {{realm: \"{self.url}\", service: test-registry, issuer: test-issuer, "
                f"rootcertbundle: {self.certificate}}}}}")

    def user_of(self, handler, form):
        """The name; "" nobody; None somebody who lies."""
        if handler.command == "POST":
            return self.refresh.get(form.get("refresh_token")) if form.get("grant_type") == "refresh_token" else None
        header = handler.headers.get("Authorization")
        if not header:
            return ""
        user, _, password = base64.b64decode(header.split()[1]).decode().partition(":")
        return user if self.users.get(user) == password else None

    def serve(self, handler, form):
        self.asked.append((handler.command, form, handler.headers.get("Authorization")))
        user = self.user_of(handler, form)
        if user is None:
            error(handler, 401, "UNAUTHORIZED", "incorrect username or password")
            return
        access = []
        for scope in form.get("scope", "").split():
            kind, name, actions = scope.split(":", 2)
            if user or name in self.public:
                access.append({"type": kind, "name": name,
                               "actions": actions.split(",") if user else ["pull"]})
        token = self.sign(user, access)
        answer(handler, 200, json.dumps({"token": token, "expires_in": self.life_s}).encode())

    def sign(self, user, access):
        der = base64.b64encode(subprocess.run(["openssl", "x509", "-in", self.certificate, "-outform", "DER"], check=True,
                                              capture_output=True).stdout).decode()
        now = int(time.time())
        claims = {"iss": "test-issuer", "sub": user, "aud": "test-registry", "exp": now + self.life_s, "nbf": now - 10,
                  "iat": now, "jti": str(time.monotonic_ns()), "access": access}
        text = ".".join(_b64(json.dumps(part).encode())
                        for part in ({"typ": "JWT", "alg": "RS256", "x5c": [der]}, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True,
                                   capture_output=True).stdout
        return f"{text}.{_b64(signature)}"
