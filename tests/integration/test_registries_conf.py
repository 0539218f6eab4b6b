# SPDX-License-Identifier: Apache-2.0
"""The configuration that users have already: registries.conf and its drop-ins, certs.d, proxy variables."""
import http.client
import json
import os
import ssl
import subprocess
import tarfile

import pytest
from busybox_fixture import busybox_layer
from image_fixture import Image, Index, Layer, directory, file, machine_architecture, root
from registry_fixture import SLOW, LyingRegistry, Registry, error, free_port

pytestmark = pytest.mark.root


def small_image(text=b"hello"):
    return Image([Layer([root(), directory("etc"), file("etc/motd", text)])], cmd=["/bin/sh"])


@pytest.fixture(name="liar")
def liar_fixture():
    with LyingRegistry() as server:
        yield server


@pytest.fixture(name="conf")
def conf_fixture(sampan, tmp_path):
    """The user's ~/.config/containers."""
    home = tmp_path / "home"
    folder = home / ".config/containers"
    folder.mkdir(parents=True)
    sampan.env.update({"HOME": str(home), "XDG_RUNTIME_DIR": str(home)})
    for name in ("XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE", "CONTAINERS_REGISTRIES_CONF"):
        sampan.env.pop(name, None)
    return folder


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def names(sampan):
    folder = sampan.root / "names"
    return sorted(json.loads((folder / name).read_text(encoding="utf-8"))["name"] for name in os.listdir(folder))


# --- registries.conf -------------------------------------------------------------------------------------


def test_mirrors_are_tried_in_order_and_the_image_keeps_its_own_name(sampan, conf, liar):
    closed = free_port()
    with LyingRegistry() as empty:
        write(conf / "registries.conf", f"""
[[registry]]
prefix = "registry.invalid/team"
location = "registry.invalid/elsewhere"
[[registry.mirror]]
location = "localhost:{closed}/m"
[[registry.mirror]]
location = "{empty.host}/m"
[[registry.mirror]]
location = "{liar.host}/copies/team"
""")
        liar.add("v1", Image([Layer([root(), file(f"f{i}", b"x")]) for i in range(3)]))
        sampan("pull", "registry.invalid/team/app:v1", check=True)
        assert names(sampan) == ["registry.invalid/team/app:v1"]
        # Who has failed is not asked again.
        assert empty.paths() == ["/v2/m/app/manifests/v1"]
        assert all(path.startswith("/v2/copies/team/app/") for path in liar.paths())


def test_when_all_fail_the_registrys_own_words_come_first_and_the_mirrors_behind(sampan, conf, liar):
    with LyingRegistry() as mirror:
        mirror.hooks.append(lambda handler: error(handler, 403, "DENIED", "go away") or True)
        write(conf / "registries.conf", f"""
[[registry]]
location = "{liar.host}"
mirror = [ {{ location = "{mirror.host}" }} ]
""")
        ref = liar.ref("app:v1")
        done = sampan("pull", ref)
        assert (done.returncode, done.stderr) == (
            1, f"sampan: manifest for {ref} not found: manifest unknown (before that, mirror '{mirror.host}': access to "
               f"'{mirror.host}/app' denied: go away)\n")


def test_a_mirror_that_breaks_off_in_the_middle_leaves_no_byte_behind(sampan, conf, liar):
    image = Image([Layer([root(), file("big", os.urandom(300000))])])
    liar.add("v1", image)
    with LyingRegistry() as mirror:
        mirror.add("v1", image)

        def evil(handler):
            if image.layers[0].digest not in handler.path:
                return False
            handler.send_response(200)
            handler.send_header("Content-Length", str(image.layers[0].size))
            handler.end_headers()
            handler.wfile.write(b"\0" * 100000)
            handler.close_connection = True
            return True

        mirror.hooks.append(evil)
        write(conf / "registries.conf", f'[[registry]]\nlocation="{liar.host}"\n[[registry.mirror]]\n'
                                        f'location="{mirror.host}"\n')
        sampan("pull", liar.ref("app:v1"), check=True)
        assert [path.split("/")[-2] for path in liar.paths()] == ["blobs"]


def test_a_mirror_that_speaks_no_http_is_passed_over(sampan, conf, liar):
    def babble(handler):
        handler.wfile.write(b"220 mail.example.com ESMTP\r\n")
        handler.close_connection = True
        return True

    liar.add("v1", small_image())
    with LyingRegistry() as mirror:
        mirror.hooks.append(babble)
        write(conf / "registries.conf", f'[[registry]]\nlocation="{liar.host}"\n[[registry.mirror]]\n'
                                        f'location="{mirror.host}"\n')
        sampan("pull", liar.ref("app:v1"), check=True)
        assert mirror.paths() and liar.paths()


def test_a_mirror_whose_content_is_false_is_passed_over(sampan, conf, liar):
    image = Image([Layer([root(), file("big", os.urandom(3000))])])
    index = Index([image])
    liar.add("v1", index)
    for what in ("manifest", "layer", "short layer"):
        with LyingRegistry() as mirror:
            mirror.add("v1", index)
            if what == "manifest":
                mirror.manifests[image.digest] = (image.media_type, image.text.replace(b"2", b"3"))
            else:
                mirror.blobs[image.layers[0].digest] = bytes(image.layers[0].size - (what == "short layer"))
            write(conf / "registries.conf", f'[[registry]]\nlocation="{liar.host}"\n[[registry.mirror]]\n'
                                            f'location="{mirror.host}"\n')
            liar.requests.clear()
            sampan("pull", liar.ref("app:v1"), check=True)
            assert mirror.paths() and len(liar.paths()) == (3 if what == "manifest" else 1)
            sampan("rmi", liar.ref("app:v1"), check=True)


def test_mirrors_for_digests_are_not_asked_for_tags_and_the_other_way_round(sampan, conf, liar):
    image = small_image()
    liar.add("v1", image)
    with LyingRegistry() as digests, LyingRegistry() as tags:
        for server in (digests, tags):
            server.add("v1", image)
        write(conf / "registries.conf", f"""
[[registry]]
location = "{liar.host}"
[[registry.mirror]]
location = "{digests.host}"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "{tags.host}"
pull-from-mirror = "tag-only"
""")
        sampan("pull", liar.ref("app:v1"), check=True)
        assert (digests.paths(), liar.paths()) == ([], []) and tags.paths()
        tags.requests.clear()
        sampan("rmi", liar.ref("app:v1"), check=True)
        sampan("pull", liar.ref(f"app@{image.digest}"), check=True)
        assert (tags.paths(), liar.paths()) == ([], []) and digests.paths()
        write(conf / "registries.conf", f'[[registry]]\nlocation="{liar.host}"\nmirror-by-digest-only=true\n'
                                        f'[[registry.mirror]]\nlocation="{tags.host}"\n')
        sampan("pull", liar.ref("app:v1"), check=True)
        assert tags.paths() == [] and liar.paths()


def test_a_location_takes_the_place_of_a_prefix_and_wildcards_match_hosts(sampan, conf, liar):
    liar.add("v1", small_image())
    write(conf / "registries.conf", f'[[registry]]\nprefix="*.corp.invalid"\nlocation="{liar.host}/all"\n')
    sampan("pull", "eu.west.corp.invalid/team/app:v1", check=True)
    assert liar.paths()[0] == "/v2/all/team/app/manifests/v1"
    assert names(sampan) == ["eu.west.corp.invalid/team/app:v1"]


def test_what_is_blocked_is_refused_with_the_prefix(sampan, conf, liar):
    write(conf / "registries.conf", f'[[registry]]\nlocation="{liar.host}/bad"\nblocked=true\n')
    done = sampan("pull", liar.ref("bad/app:v1"))
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot pull '{liar.host}/bad/app:v1': registries.conf blocks '{liar.host}/bad'\n")
    assert liar.paths() == []
    liar.add("v1", small_image())
    sampan("pull", liar.ref("badly/app:v1"), check=True)


def test_insecure_allows_plain_http_and_false_certificates_for_that_registry_alone(sampan, conf, liar):
    liar.add("v1", small_image())
    ref = f"reg.localhost:{liar.port}/app:v1"
    assert sampan("pull", ref).returncode == 1
    write(conf / "registries.conf", f'[[registry]]\nlocation="reg.localhost:{liar.port}"\ninsecure=true\n')
    sampan("pull", ref, check=True)
    assert sampan("pull", f"other.localhost:{liar.port}/app:v1").returncode == 1


def test_drop_ins_come_after_the_main_file_in_the_order_of_their_names(sampan, conf, liar):
    liar.add("v1", small_image())
    write(conf / "registries.conf", '[[registry]]\nlocation="p.invalid"\nblocked=true\n')
    write(conf / "registries.conf.d/20.conf", f'[[registry]]\nprefix="p.invalid"\nlocation="{liar.host}"\n')
    write(conf / "registries.conf.d/10.conf", '[[registry]]\nprefix="p.invalid"\nlocation="wrong.invalid"\n')
    write(conf / "registries.conf.d/30.txt", "this is not read")
    sampan("pull", "p.invalid/app:v1", check=True)


def test_short_names_mean_what_aliases_and_search_registries_say(sampan, conf, liar):
    liar.add("v1", small_image())
    write(conf / "registries.conf.d/aliases.conf", f'[aliases]\n"my/tool"="{liar.host}/team/tool"\n')
    sampan("pull", "my/tool:v1", check=True)
    assert names(sampan) == [f"{liar.host}/team/tool:v1"]
    with LyingRegistry() as first:
        text = f'unqualified-search-registries=["{first.host}", "{liar.host}"]\n'
        write(conf / "registries.conf", text)
        done = sampan("pull", "unheard-of:v1")
        assert (done.returncode, done.stderr) == (
            1, "sampan: 'unheard-of:v1' may mean several images, as unqualified-search-registries has 2 registries; write the "
               f"registry too ({first.host}/unheard-of:v1), or set short-name-mode to permissive\n")
        write(conf / "registries.conf", text + 'short-name-mode="permissive"\n')
        sampan("pull", "unheard-of:v1", check=True)
        assert first.paths() == ["/v2/unheard-of/manifests/v1"]
        assert liar.ref("unheard-of:v1") in names(sampan)


def test_a_broken_file_is_named_with_the_line(sampan, conf, liar):
    path = write(conf / "registries.conf", '[[registry]]\nlocation = "x.io"\nblocked = "very"\n')
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (1, f"sampan: '{path}': line 3: 'blocked': expected true or false\n")
    path.unlink()
    path = write(conf / "registries.conf.d/x.conf", "[aliases\n")
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (1, f"sampan: '{path}': line 1: expected ']' behind a table's name\n")
    only = write(conf / "only.conf", "")
    liar.add("v1", small_image())
    sampan("pull", liar.ref("app:v1"), check=True, env={"CONTAINERS_REGISTRIES_CONF": str(only)})


# --- TLS -----------------------------------------------------------------------------------------------


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_authority(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            folder / f"{name}.key", "-out", folder / f"{name}.crt", "-subj", f"/CN={name}", "-days", "2")
    return folder / f"{name}.crt", folder / f"{name}.key"


def make_certificate(folder, name, authority, extensions):
    request, extension_file = folder / f"{name}.csr", folder / f"{name}.ext"
    extension_file.write_text(extensions, encoding="utf-8")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}.key",
            "-out", request, "-subj", f"/CN={name}")
    openssl("x509", "-req", "-in", request, "-CA", authority[0], "-CAkey", authority[1], "-CAcreateserial", "-out",
            folder / f"{name}.crt", "-days", "2", "-extfile", extension_file)
    return folder / f"{name}.crt", folder / f"{name}.key"


class TlsRegistry(Registry):
    """At reg.localhost, with a certificate of its own authority, for whoever has one of the same."""

    def __init__(self, directory):
        self.authority = make_authority(directory / "tls", "authority")
        self.server = make_certificate(directory / "tls", "server", self.authority,
                                       "subjectAltName=DNS:reg.localhost,DNS:localhost")
        self.client = make_certificate(directory / "tls", "client", self.authority, "extendedKeyUsage=clientAuth")
        super().__init__(directory, http=f", tls: {{certificate: {self.server[0]}, key: {self.server[1]}, clientcas: "
                                         f"[{self.authority[0]}]}}", accesslog=True)
        self.host = f"reg.localhost:{self.port}"

    def connect(self):
        context = ssl.create_default_context(cafile=str(self.authority[0]))
        context.load_cert_chain(*self.client)
        return http.client.HTTPSConnection("localhost", self.port, timeout=60 * SLOW, context=context)


@pytest.fixture(scope="module", name="tls")
def tls_fixture(tmp_path_factory):
    with TlsRegistry(tmp_path_factory.mktemp("tls")) as registry:
        registry.push("team/app", "v1", Image([Layer([root(), file(f"f{i}", os.urandom(1000))]) for i in range(4)]))
        yield registry


def test_a_registry_with_its_own_authority_and_client_certificates_is_spoken_to_in_http2(sampan, conf, tls):
    ref, certs = tls.ref("team/app:v1"), conf / "certs.d" / tls.host
    done = sampan("pull", ref)
    assert done.returncode == 1
    assert done.stderr.startswith(f"sampan: registry '{tls.host}': SSL certificate problem: ")
    write(certs / "ca.crt", tls.authority[0].read_text(encoding="ascii"))
    done = sampan("pull", ref)
    assert done.returncode == 1
    # TLS 1.3 says so in the middle of the exchange: depending on who is quicker it is an alert, or a connection that is gone.
    assert done.stderr.startswith(f"sampan: registry '{tls.host}': ") and "SSL certificate problem" not in done.stderr
    write(certs / "me.cert", tls.client[0].read_text(encoding="ascii"))
    done = sampan("pull", ref)
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot pull '{ref}': '{certs}/me.cert' has no key beside it ('{certs}/me.key')\n")
    key = write(certs / "me.key", tls.client[1].read_text(encoding="ascii"))
    key.chmod(0o600)  # for root alone; the worker, who is nobody, gets its content
    sampan("pull", ref, check=True)
    lines = [line for line in (tls.directory / "registry.log").read_text(encoding="utf-8").splitlines()
             if "sampan/" in line and "/manifests/v1" in line]
    assert lines and '"GET /v2/team/app/manifests/v1 HTTP/2.0" 200' in lines[-1]


def test_an_authority_of_one_registry_is_not_trusted_for_another(sampan, conf, tls):
    write(conf / "certs.d" / "other.localhost" / "ca.crt", tls.authority[0].read_text(encoding="ascii"))
    done = sampan("pull", tls.ref("team/app:v1"))
    assert done.returncode == 1
    assert "SSL certificate problem" in done.stderr


# --- proxies ---------------------------------------------------------------------------------------------


def test_proxy_variables_are_heeded_and_no_proxy_too(sampan, conf, liar):
    """The liar plays a proxy: requests for it carry whole URLs, and it serves the path of any."""
    liar.add("v1", small_image())
    write(conf / "registries.conf", '[[registry]]\nlocation="behind.invalid"\ninsecure=true\n')

    def strip(handler):
        handler.path = handler.path.removeprefix("http://behind.invalid")
        return False

    liar.hooks.append(strip)
    proxy = {"http_proxy": f"http://{liar.host}"}
    sampan("pull", "behind.invalid/app:v1", check=True, env=proxy)
    assert liar.paths()[0] == "http://behind.invalid/v2/app/manifests/v1"
    liar.requests.clear()
    done = sampan("pull", "behind.invalid/app:v1", env={**proxy, "NO_PROXY": "behind.invalid"})
    assert done.returncode == 1
    assert done.stderr.endswith("Could not resolve host: behind.invalid\n"), done.stderr
    assert liar.paths() == []


def test_run_knows_the_image_that_a_short_name_means(sampan, conf, liar):
    liar.add("v1", Image([busybox_layer(machine_architecture())]))
    write(conf / "registries.conf.d/aliases.conf", f'[aliases]\n"my/box"="{liar.host}/team/box"\n')
    for _ in range(2):
        done = sampan("run", "--rm", "my/box:v1", "/bin/echo", "hello", check=True)
        assert done.stdout == "hello\n"
    assert names(sampan) == [f"{liar.host}/team/box:v1"]


def test_an_image_that_is_here_is_found_by_its_short_name(sampan, conf, liar, tmp_path):
    liar.add("v1", Image([busybox_layer(machine_architecture())]))
    write(conf / "registries.conf", f'unqualified-search-registries = ["other.invalid", "{liar.host}"]\n')
    path = write(conf / "registries.conf.d/aliases.conf", f'[aliases]\n"my/box"="{liar.host}/team/box"\n')
    sampan("pull", "-q", liar.ref("team/box:v1"), check=True)
    full = liar.ref("team/box:v1")
    asked = len(liar.paths())
    for name in ("my/box:v1", "team/box:v1"):
        assert json.loads(sampan("inspect", name, check=True).stdout)[0]["RepoTags"] == [full]
        sampan("history", name, check=True)
        sampan("save", "-q", "-o", tmp_path / "a.tar", name, check=True)
        with tarfile.open(tmp_path / "a.tar") as archive:
            assert json.load(archive.extractfile("manifest.json"))[0]["RepoTags"] == [full]
    sampan("tag", "my/box:v1", "docker.io/team/box:v1", check=True)
    sampan("rmi", "team/box:v1", check=True)  # a short name is what a pull of it would bind
    assert names(sampan) == ["docker.io/team/box:v1"]
    path.write_text("[aliases", encoding="utf-8")
    sampan("inspect", "team/box:v1", check=True)
    assert len(liar.paths()) == asked
