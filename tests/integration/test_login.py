# SPDX-License-Identifier: Apache-2.0
"""sampan login and logout, and the credentials of other tools: against real registries with passwords and tokens."""
import base64
import fcntl
import json
import os
import pty
import signal
import stat
import termios

import pytest
from auth_fixture import TokenServer, basic, htpasswd_auth
from image_fixture import Image, Layer, directory, file, root
from registry_fixture import LyingRegistry, Registry, answer, error

SLOW = float(os.environ.get("SAMPAN_SLOW", "1"))
pytestmark = pytest.mark.root
USER, PASSWORD = "fritz", "s3cr:et päss"


def small_image(text=b"hello"):
    return Image([Layer([root(), directory("etc"), file("etc/motd", text)])], cmd=["/bin/sh"])


class AuthenticatedRegistry(Registry):
    """Its fixture's own requests carry the password."""

    def request(self, method, path, body=None, headers=None):
        return super().request(method, path, body, {"Authorization": basic(USER, PASSWORD), **(headers or {})})


@pytest.fixture(scope="module", name="guarded")
def guarded_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    with AuthenticatedRegistry(folder, auth=htpasswd_auth(folder, {USER: PASSWORD})) as registry:
        registry.push("team/app", "v1", small_image())
        yield registry


@pytest.fixture(name="home")
def home_fixture(sampan, tmp_path):
    """No credentials but those that the test makes; returns the folder of everything."""
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    sampan.env.update({"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "PATH": f"{home}/bin:{os.environ['PATH']}"})
    for name in ("REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME", "DOCKER_CONFIG"):
        sampan.env.pop(name, None)
    return home


def auth_of(user, password):
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def log_in(sampan, registry, *options, password=PASSWORD):
    return sampan("login", "-u", USER, "--password-stdin", *options, registry.host, input=password + "\n")


# --- login ---------------------------------------------------------------------------------------------


def test_a_login_is_verified_and_kept_in_auth_json_and_lets_pulls_through(sampan, home, guarded):
    ref = guarded.ref("team/app:v1")
    done = sampan("pull", ref)
    assert (done.returncode, done.stderr) == (
        1, f"sampan: registry '{guarded.host}': authentication required (sampan login {guarded.host})\n")
    done = log_in(sampan, guarded)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Login Succeeded!\n", "")
    path = home / "run/containers/auth.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {"auths": {guarded.host: {"auth": auth_of(USER, PASSWORD)}}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    sampan("pull", ref, check=True)
    assert sampan("login", "--get-login", guarded.host, check=True).stdout == USER + "\n"


def test_a_wrong_password_is_refused_and_not_kept(sampan, home, guarded):
    done = log_in(sampan, guarded, password="wrong")
    assert done.returncode == 1
    assert done.stderr == (f"sampan: cannot log into {guarded.host}: access to '{guarded.host}' denied: authentication "
                           "required\n")
    assert not (home / "run/containers").exists()


def test_logins_at_the_same_time_lose_none(sampan, home, guarded):
    hosts = [f"127.0.0.{n}:{guarded.port}" for n in range(1, 9)]
    running = [sampan.popen("login", "-u", USER, "--password", PASSWORD, host) for host in hosts
               if host.startswith("127.0.0.1:")]
    running += [sampan.popen("login", "-u", USER, "--password", PASSWORD, f"{name}:{guarded.port}")
                for name in ("localhost", "LOCALHOST", "Localhost", "localHost", "locaLhost")]
    assert [process.wait(30 * SLOW) for process in running] == [0] * 6
    kept = json.loads((home / "run/containers/auth.json").read_text())["auths"]
    assert len(kept) == 6, sorted(kept)


def test_a_logout_takes_away_one_login_or_all(sampan, home, guarded):
    path = write_json(home / "auth.json", {"auths": {"quay.io": {"auth": auth_of("a", "b")}}, "other": {"kept": [1, "x"]}})
    log_in(sampan, guarded, "--authfile", path)
    done = sampan("logout", "--authfile", path, guarded.host, check=True)
    assert done.stdout == f"Removed login credentials for {guarded.host}\n"
    assert json.loads(path.read_text(encoding="utf-8")) == {"auths": {"quay.io": {"auth": auth_of("a", "b")}},
                                                            "other": {"kept": [1, "x"]}}
    done = sampan("logout", "--authfile", path, guarded.host)
    assert (done.returncode, done.stderr) == (1, f"sampan: not logged into {guarded.host}\n")
    assert sampan("pull", "--authfile", path, guarded.ref("team/app:v1")).returncode == 1
    assert sampan("logout", "--all", "--authfile", path, check=True).stdout == (
        "Removed login credentials for all registries\n")
    assert json.loads(path.read_text(encoding="utf-8")) == {"auths": {}, "other": {"kept": [1, "x"]}}


def test_a_login_that_docker_has_made_is_not_ours_to_remove(sampan, home):
    write_json(home / ".docker/config.json", {"auths": {"quay.io": {"auth": auth_of("a", "b")}}})
    done = sampan("logout", "quay.io")
    assert (done.returncode, done.stderr) == (
        1, f"sampan: not logged into quay.io with '{home}/run/containers/auth.json'; the login was made with another tool or "
           "file\n")


def test_at_a_terminal_the_password_is_asked_for_and_not_shown(sampan, home, guarded):
    master, slave = pty.openpty()
    process = sampan.popen("login", guarded.host, stdin=slave, stderr=slave)
    screen = b""
    for question, line in ((b"Username: ", USER), (b"Password: ", PASSWORD)):
        while question not in screen:
            screen += os.read(master, 1000)
        os.write(master, line.encode() + b"\n")
    assert process.wait(20 * SLOW) == 0
    os.close(slave)
    try:
        while data := os.read(master, 1000):
            screen += data
    except OSError:
        pass
    os.close(master)
    assert PASSWORD.encode() not in screen and USER.encode() in screen, screen
    assert process.stdout.read() == "Login Succeeded!\n"


def test_ctrl_c_at_the_password_gives_the_terminal_back(sampan, home):
    master, slave = pty.openpty()
    process = sampan.popen("login", "-u", USER, "x.io", stdin=slave, stderr=slave, start_new_session=True,
                           preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    screen = b""
    while b"Password: " not in screen:
        screen += os.read(master, 1000)
    assert not termios.tcgetattr(slave)[3] & termios.ECHO
    os.write(master, b"half\x03")
    assert process.wait(20 * SLOW) == -signal.SIGINT
    assert termios.tcgetattr(slave)[3] & termios.ECHO
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("arguments, code, text", [
    (["--password-stdin", "x.io"], 125, "--password-stdin needs --username"),
    (["-p", "x", "--password-stdin", "-u", "y", "x.io"], 125, "--password and --password-stdin exclude each other"),
    (["x.io"], 1, "there is no terminal to ask at (use --username and --password-stdin)"),
    (["-u", "", "--password-stdin", "x.io"], 1, "user name and password must not be empty"),
    (["--get-login", "x.io"], 1, "not logged into x.io"),
    (["a", "b"], 125, "'sampan login' accepts at most 1 argument"),
])
def test_a_bad_command_line_is_refused(sampan, home, arguments, code, text):
    done = sampan("login", *arguments)
    assert (done.returncode, done.stderr) == (code, f"sampan: {text}\n") or (
        done.returncode == code and done.stderr.startswith(f"sampan: {text}\n")), done.stderr


def test_logging_out_of_all_takes_no_name(sampan, home):
    done = sampan("logout", "--all", "x.io")
    assert (done.returncode, done.stderr) == (125, "sampan: --all takes no registry\n")


# --- what other tools have written -----------------------------------------------------------------------


@pytest.mark.parametrize("place", ["run/containers/auth.json", ".config/containers/auth.json", ".docker/config.json"])
def test_credentials_of_other_tools_are_found_where_they_are(sampan, home, guarded, place):
    write_json(home / place, {"auths": {guarded.host: {"auth": auth_of(USER, PASSWORD)}}})
    sampan("pull", guarded.ref("team/app:v1"), check=True)


@pytest.mark.parametrize("variable, name", [("REGISTRY_AUTH_FILE", "x.json"), ("XDG_CONFIG_HOME", "containers/auth.json"),
                                            ("DOCKER_CONFIG", "config.json")])
def test_variables_name_places_of_credentials(sampan, home, guarded, variable, name):
    path = write_json(home / "place" / name, {"auths": {guarded.host: {"auth": auth_of(USER, PASSWORD)}}})
    value = path if variable == "REGISTRY_AUTH_FILE" else home / "place"
    sampan("pull", guarded.ref("team/app:v1"), check=True, env={variable: str(value)})


def test_the_most_specific_key_wins(sampan, home, guarded):
    right, wrong = {"auth": auth_of(USER, PASSWORD)}, {"auth": auth_of("x", "y")}
    path = home / "auth.json"
    ref = guarded.ref("team/app:v1")
    for auths, code in (({guarded.host: wrong, f"{guarded.host}/team": right}, 0),
                        ({f"{guarded.host}/team": wrong, f"{guarded.host}/team/app": right}, 0),
                        ({f"{guarded.host}/team/other": wrong, guarded.host: right}, 0),
                        ({f"http://{guarded.host}/v1/": right}, 0),
                        ({f"{guarded.host}/team/app": wrong, guarded.host: right}, 1)):
        write_json(path, {"auths": auths})
        assert sampan("pull", "--authfile", path, ref).returncode == code, auths


def write_helper(home, name, text):
    path = home / "bin" / f"docker-credential-{name}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_credential_helpers_are_asked_with_the_registrys_name(sampan, home, guarded):
    write_helper(home, "vault", f"""echo "$1 $(cat)" >>{home}/log
echo '{json.dumps({"ServerURL": "x", "Username": USER, "Secret": PASSWORD}, ensure_ascii=False)}'""")
    for config in ({"credHelpers": {guarded.host: "vault"}}, {"credsStore": "vault", "auths": {guarded.host: {}}}):
        write_json(home / ".docker/config.json", config)
        sampan("pull", guarded.ref("team/app:v1"), check=True)
    assert (home / "log").read_text(encoding="utf-8") == f"get {guarded.host}\n" * 2


def test_a_helper_that_has_nothing_leaves_us_anonymous_and_a_broken_one_is_named(sampan, home, guarded):
    config = write_json(home / ".docker/config.json", {"credHelpers": {guarded.host: "vault"}})
    ref = guarded.ref("team/app:v1")
    write_helper(home, "vault", "echo 'credentials not found in native keychain'; exit 1")
    assert "authentication required" in sampan("pull", ref).stderr
    write_helper(home, "vault", "printf 'vault is \\033sealed\\n'; exit 3")
    done = sampan("pull", ref)
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot pull '{ref}': '{config}': 'docker-credential-vault get' failed with code 3: vault is ?sealed\n")
    write_json(config, {"credHelpers": {guarded.host: "gone"}})
    done = sampan("pull", ref)
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot pull '{ref}': '{config}': credential helper 'docker-credential-gone' is not installed\n")
    write_json(config, {"credHelpers": {guarded.host: "../evil"}})
    done = sampan("pull", ref)
    assert (done.returncode, done.stderr) == (1, f"sampan: cannot pull '{ref}': '{config}': '../evil' is no name of a credential helper\n")


def test_a_login_goes_into_the_helper_that_the_file_has_for_the_registry(sampan, home, guarded):
    path = write_json(home / "auth.json", {"credHelpers": {guarded.host: "vault"}})
    write_helper(home, "vault", f"echo $1 >>{home}/log; cat >>{home}/log")
    log_in(sampan, guarded, "--authfile", path)
    verb, text = (home / "log").read_text(encoding="utf-8").split("\n", 1)
    assert verb == "store"
    assert json.loads(text) == {"ServerURL": guarded.host, "Username": USER, "Secret": PASSWORD}
    assert PASSWORD not in path.read_text(encoding="utf-8")
    sampan("logout", "--authfile", path, guarded.host, check=True)
    assert (home / "log").read_text(encoding="utf-8").endswith(f"erase\n{guarded.host}")


@pytest.mark.parametrize("text, message", [
    ("{", "bad JSON at line 1, column 1: "),
    ("[]", "expected an object"),
    ('{"auths":[]}', "auths: expected an object"),
    ('{"auths":{"HOST":{"auth":"%%%%"}}}', "the entry of 'HOST': 'auth' is no base64"),
    ('{"auths":{"HOST":{"auth":"eA=="}}}', "the entry of 'HOST': 'auth' is not base64 of user:password"),
    ('{"auths":{"HOST":{"auth":7}}}', "auths.HOST.auth: expected a string"),
])
def test_a_broken_file_is_named_with_what_is_wrong_and_without_its_secrets(sampan, home, guarded, text, message):
    path = home / "auth.json"
    path.write_text(text.replace("HOST", guarded.host), encoding="utf-8")
    done = sampan("pull", "--authfile", path, guarded.ref("team/app:v1"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"sampan: cannot pull '{guarded.ref('team/app:v1')}': '{path}': "
                                  f"{message.replace('HOST', guarded.host)}"), done.stderr


def test_a_file_that_is_asked_for_must_be_there(sampan, home, guarded):
    done = sampan("pull", "--authfile", home / "none.json", guarded.ref("team/app:v1"))
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot pull '{guarded.ref('team/app:v1')}': cannot open '{home}/none.json': no such file or "
           "directory\n")


# --- tokens --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", name="tokens")
def tokens_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    with TokenServer(folder, {USER: PASSWORD}, refresh={"refresh-me": USER}, public=["public/app"]) as server:
        yield server


@pytest.fixture(scope="module", name="token_registry")
def token_registry_fixture(tmp_path_factory, tokens):
    folder = tmp_path_factory.mktemp("token-registry")
    with Registry(folder) as plain:
        plain.push("public/app", "v1", small_image(b"public"))
        plain.push("private/app", "v1", small_image(b"private"))
    with Registry(folder, auth=tokens.auth()) as registry:
        yield registry


def test_a_real_registry_takes_the_token_of_a_real_token_server(sampan, home, tokens, token_registry):
    ref = token_registry.ref("private/app:v1")
    sampan("pull", token_registry.ref("public/app:v1"), check=True)
    done = sampan("pull", ref)
    assert done.returncode == 1
    assert done.stderr.startswith(f"sampan: access to '{token_registry.host}/private/app' denied: ")
    done = log_in(sampan, token_registry, password="wrong")
    assert done.returncode == 1
    assert done.stderr == (f"sampan: cannot log into {token_registry.host}: registry '{token_registry.host}': token server "
                           f"'{tokens.url.removesuffix('/token')}': refused: incorrect username or password\n")
    log_in(sampan, token_registry).check_returncode()
    assert tokens.asked[-1] == ("GET", {"account": USER, "service": "test-registry"}, basic(USER, PASSWORD))
    sampan("pull", ref, check=True)
    assert tokens.asked[-1][1]["scope"] == "repository:private/app:pull"


def test_a_refresh_token_is_posted_for_an_access_token(sampan, home, tokens, token_registry):
    path = home / "auth.json"
    write_json(path, {"auths": {token_registry.host: {"auth": auth_of("", ""), "identitytoken": "refresh-me"}}})
    sampan("pull", "--authfile", path, token_registry.ref("private/app:v1"), check=True)
    assert tokens.asked[-1] == ("POST", {"grant_type": "refresh_token", "client_id": "sampan", "service": "test-registry",
                                         "scope": "repository:private/app:pull", "refresh_token": "refresh-me"}, None)


@pytest.fixture(name="liar")
def liar_fixture():
    with LyingRegistry() as server:
        yield server


def test_a_token_is_used_until_it_runs_out(sampan, home, liar):
    given = []

    def guard(life_s):
        def hook(handler):
            if handler.path.startswith("/token"):
                given.append(handler.path)
                answer(handler, 200, json.dumps({"token": f"t{len(given)}", "expires_in": life_s}).encode())
                return True
            if handler.headers.get("Authorization") == f"Bearer t{len(given)}":
                return False
            error(handler, 401, "UNAUTHORIZED", "no", {"WWW-Authenticate": f'Bearer realm="http://{liar.host}/token"'})
            return True

        return hook

    for life_s, tag in ((300, "long"), (1, "short")):
        given.clear()
        liar.add(tag, small_image(tag.encode()))
        liar.hooks[:] = [guard(life_s)]
        sampan("pull", "--jobs", "1", liar.ref(f"app:{tag}"), check=True)
        # Manifest, config, and a layer: a token that is over at once is asked for each time.
        assert len(given) == (1 if life_s == 300 else 3)


def test_credentials_neither_follow_a_redirect_nor_show_anywhere(sampan, home, liar):
    image = small_image()
    with LyingRegistry() as elsewhere:
        elsewhere.blobs.update(image.blobs())
        liar.add("v1", image)

        def guard(handler):
            if handler.headers.get("Authorization") != basic(USER, PASSWORD):
                error(handler, 401, "UNAUTHORIZED", "no", {"WWW-Authenticate": 'Basic realm="x"'})
            elif "/blobs/" in handler.path:
                answer(handler, 307, headers={"Location": f"http://{elsewhere.host}{handler.path}?signature=hush"})
            else:
                return False
            return True

        liar.hooks.append(guard)
        path = write_json(home / "auth.json", {"auths": {liar.host: {"auth": auth_of(USER, PASSWORD)},
                                                         elsewhere.host: {"auth": auth_of("other", "other")}}})
        done = sampan("pull", "--authfile", path, liar.ref("app:v1"), check=True)
        assert elsewhere.requests
        assert [headers for _, headers in elsewhere.requests if "Authorization" in headers] == []
        elsewhere.hooks.append(lambda handler: error(handler, 403, "DENIED", "expired") or True)
        liar.add("v2", small_image(b"2"))
        done = sampan("pull", "--authfile", path, liar.ref("app:v2"))
        assert done.returncode == 1
        for secret in (PASSWORD, auth_of(USER, PASSWORD), "hush"):
            assert secret not in done.stderr + done.stdout


def test_a_registry_that_asks_for_a_token_for_ever_is_given_up(sampan, home, liar):
    def guard(handler):
        if handler.path.startswith("/token"):
            answer(handler, 200, b'{"token":"never-good-enough"}')
        else:
            error(handler, 401, "UNAUTHORIZED", "again", {"WWW-Authenticate": f'Bearer realm="http://{liar.host}/token"'})
        return True

    liar.hooks.append(guard)
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (1, f"sampan: access to '{liar.host}/app' denied: again\n")
    assert liar.paths() == ["/v2/app/manifests/v1", "/token?scope=repository:app:pull", "/v2/app/manifests/v1"]
