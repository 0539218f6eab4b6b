# SPDX-License-Identifier: Apache-2.0
"""sampan search: Docker Hub's kind of search, catalogs of other registries, tags."""
import json
import os
import re
import subprocess
import urllib.parse

import pytest
from auth_fixture import htpasswd_auth
from image_fixture import Image, Layer, file, root
from registry_fixture import LyingRegistry, Registry, answer, error

HITS = [
    {"name": "busybox", "description": "Busybox base image.", "star_count": 3100, "is_official": True, "is_automated": False},
    {"name": "team/busybox", "description": "Mine,\x1b[31m and of more than forty-five characters in all", "star_count": 5,
     "is_official": False, "is_automated": True},
    {"name": "other/busybox", "description": None, "star_count": 0, "is_official": False, "is_automated": False},
]


@pytest.fixture(name="hub")
def hub_fixture():
    """A registry that answers /v1/search, as Docker Hub does."""
    with LyingRegistry() as registry:
        def hook(handler):
            path, _, query = handler.path.partition("?")
            if path != "/v1/search":
                return False
            asked = urllib.parse.parse_qs(query)
            found = [hit for hit in HITS if asked["q"][0] in hit["name"]][:int(asked["n"][0])]
            answer(handler, 200, json.dumps({"num_results": len(found), "results": found}).encode(),
                   {"Content-Type": "application/json"})
            return True

        registry.hooks.append(hook)
        yield registry


@pytest.fixture(name="catalog", scope="module")
def catalog_fixture(tmp_path_factory):
    """A docker-registry, which has a catalog and no search."""
    with Registry(tmp_path_factory.mktemp("catalog")) as registry:
        image = Image([Layer([root(), file("f")])])
        for name in ("team/app", "team/apple", "team/pear", "pineapple"):
            registry.push(name, "v1", image)
        for number in range(30):
            registry.push("many/tags", f"t{number:02}", image)
        yield registry


def rows(done):
    return [re.split(r" {3,}", line.rstrip()) for line in done.stdout.splitlines()]


def test_a_search_shows_what_the_hub_finds(sampan, hub):
    done = sampan("search", f"{hub.host}/busybox", check=True)
    assert rows(done) == [
        ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"],
        [f"{hub.host}/busybox", "Busybox base image.", "3100", "[OK]"],
        [f"{hub.host}/team/busybox", "Mine,?[31m and of more than forty-five charac...", "5"],
        [f"{hub.host}/other/busybox", "0"],
    ]
    assert hub.paths() == ["/v1/search?n=25&q=busybox"]


def test_whole_descriptions_and_limits(sampan, hub):
    done = sampan("search", "--no-trunc", "--limit", "2", f"{hub.host}/busybox", check=True)
    assert "forty-five characters in all" in done.stdout
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize("filters, names", [
    (["stars=5"], ["busybox", "team/busybox"]),
    (["is-official"], ["busybox"]),
    (["is-official=false"], ["team/busybox", "other/busybox"]),
    (["is-automated=true", "stars=1"], ["team/busybox"]),
])
def test_filters(sampan, hub, filters, names):
    arguments = [word for text in filters for word in ("--filter", text)]
    done = sampan("search", *arguments, "--format", "{{.Name}}", f"{hub.host}/busybox", check=True)
    assert done.stdout.splitlines() == [f"{hub.host}/{name}" for name in names]


def test_formats(sampan, hub):
    term = f"{hub.host}/busybox"
    done = sampan("search", "--limit=1", "--format", r"{{.Stars}}\t{{ .Official }} {{.Index}}", term, check=True)
    assert done.stdout == f"3100\t[OK] {hub.host}\n"
    done = sampan("search", "--limit=1", "--format", "table {{.Name}}\t{{.Stars}}", term, check=True)
    assert rows(done) == [["NAME", "STARS"], [term, "3100"]]
    done = sampan("search", "--limit=1", "--format", "{{json .}}", term, check=True)
    one = {"Index": hub.host, "Name": term, "Description": "Busybox base image.", "Stars": 3100, "Official": "[OK]",
           "Automated": "", "Tag": ""}
    assert json.loads(done.stdout) == one
    assert json.loads(sampan("search", "--limit=1", "--format", "json", term, check=True).stdout) == [one]


@pytest.mark.parametrize("arguments, text", [
    (["--format", "{{.Nothing}}"], "template: there is no field '.Nothing'"),
    (["--format", "{{range .}}"], "template parsing error: unexpected EOF at ''"),
    (["--format", "{{.Name"], "template: '{{' without '}}'"),
    (["--filter", "size=3"], "invalid filter 'size=3' (there are stars=N, is-official and is-automated)"),
    (["--filter", "stars=many"], "invalid filter 'stars=many'"),
    (["--limit", "0"], "--limit takes a number from 1 to 10000"),
    (["--list-tags", "--filter", "stars=1"], "filters are not applicable to list tags result"),
])
def test_what_search_refuses(sampan, hub, arguments, text):
    done = sampan("search", *arguments, f"{hub.host}/busybox")
    assert (done.returncode, done.stdout, done.stderr) == (125, "", f"sampan: {text}\n")
    assert hub.paths() == []


def names_of(done):
    return [row[0] for row in rows(done)[1:]]


def test_a_registry_without_search_is_asked_for_its_catalog(sampan, catalog):
    done = sampan("search", f"{catalog.host}/apple", check=True)
    assert names_of(done) == [f"{catalog.host}/{name}" for name in ("pineapple", "team/apple")]
    everything = sampan("search", f"{catalog.host}/", check=True)
    assert len(names_of(everything)) == 5
    assert sampan("search", "--limit", "1", f"{catalog.host}/", check=True).stdout.count("\n") == 2
    assert names_of(sampan("search", "--filter", "stars=1", f"{catalog.host}/", check=True)) == []


def test_a_catalog_in_many_pages(sampan):
    names = [f"r{n:04}" for n in range(60)]
    with LyingRegistry() as registry:
        def hook(handler):
            asked = urllib.parse.parse_qs(handler.path.partition("?")[2])
            if not handler.path.startswith("/v2/_catalog"):
                return False
            page = [name for name in names if name > asked.get("last", [""])[0]][:20]
            answer(handler, 200, json.dumps({"repositories": page}).encode())
            return True

        registry.hooks.append(hook)
        done = sampan("search", "--limit", "100", "--format", "{{.Name}}", f"{registry.host}/r", check=True)
    assert done.stdout.splitlines() == [f"{registry.host}/{name}" for name in names]


def test_a_catalog_that_knows_of_no_pages_is_read_once(sampan):
    with LyingRegistry() as registry:
        registry.hooks.append(lambda handler: handler.path.startswith("/v2/_catalog") and (
            answer(handler, 200, json.dumps({"repositories": [f"r{n:02}" for n in range(40)]}).encode()) or True))
        done = sampan("search", "--limit", "100", "--format", "{{.Name}}", f"{registry.host}/r", check=True)
    assert len(done.stdout.splitlines()) == 40


def test_tags_are_listed(sampan, catalog):
    ref = f"{catalog.host}/many/tags"
    done = sampan("search", "--list-tags", ref, check=True)
    assert rows(done)[0] == ["NAME", "TAG"]
    tags = {f"t{n:02}" for n in range(30)}  # in whatever order the registry has them
    assert len(rows(done)) == 26 and all(row[0] == ref and row[1] in tags for row in rows(done)[1:])
    done = sampan("search", "--list-tags", "--limit", "100", "--format", "json", f"docker://{ref}", check=True)
    listed = json.loads(done.stdout)
    assert len(listed) == 1 and listed[0]["Name"] == ref and sorted(listed[0]["Tags"]) == sorted(tags)
    done = sampan("search", "--list-tags", f"{catalog.host}/not/there")
    assert done.returncode == 1
    assert done.stderr == (f"sampan: cannot list the tags of '{catalog.host}/not/there': repository name not known to "
                           "registry\n")


def write_conf(sampan, tmp_path, text):
    conf = tmp_path / "registries.conf"
    conf.write_text(text)
    sampan.env["CONTAINERS_REGISTRIES_CONF"] = str(conf)


def test_all_unqualified_search_registries_are_asked(sampan, hub, catalog, tmp_path):
    write_conf(sampan, tmp_path, f'unqualified-search-registries = ["{hub.host}", "{catalog.host}", "localhost:1"]\n')
    done = sampan("search", "--format", "{{.Name}}", "app", check=True)
    assert done.stdout.splitlines() == [f"{catalog.host}/{name}" for name in ("pineapple", "team/app", "team/apple")]
    write_conf(sampan, tmp_path, 'unqualified-search-registries = ["localhost:1"]\n')
    done = sampan("search", "app")
    assert done.returncode == 1
    assert done.stderr.startswith("sampan: cannot search 'localhost:1': registry 'localhost:1': "), done.stderr


def test_a_registry_that_wants_a_password_gets_it(sampan, tmp_path):
    folder = tmp_path / "guarded"
    with Registry(folder, auth=htpasswd_auth(folder, {"fritz": "secret"})) as guarded:
        env = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
        done = sampan("search", f"{guarded.host}/", env=env)
        assert done.returncode == 1
        assert done.stderr.endswith(f"authentication required (sampan login {guarded.host})\n")
        sampan("login", "-u", "fritz", "--password-stdin", guarded.host, input="secret", env=env, check=True)
        assert rows(sampan("search", f"{guarded.host}/", env=env, check=True)) == [["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]]


@pytest.mark.parametrize("body, text", [
    (b'{"results": 3}', "registry '{0}': HTTP status 500: no catalog"),
    (b'{"results": [' + b"[" * 50, "json is nested deeper than 16 levels"),
])
def test_answers_that_are_none(sampan, body, text):
    with LyingRegistry() as registry:
        registry.hooks.append(lambda handler: handler.path.startswith("/v1/") and (answer(handler, 200, body) or True))
        registry.hooks.append(lambda handler: error(handler, 500, "UNKNOWN", "no catalog") or True)
        done = sampan("search", f"{registry.host}/x")
    assert done.returncode == 1
    assert done.stderr == f"sampan: cannot search '{registry.host}': {text.format(registry.host)}\n"


def test_an_answer_without_end_is_cut_off(sampan):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    with LyingRegistry() as registry:
        registry.hooks.append(endless)
        done = sampan("search", "--list-tags", f"{registry.host}/x")
        assert (done.returncode, done.stderr) == (
            1, f"sampan: cannot list the tags of '{registry.host}/x': document is larger than {16 << 20} bytes\n")


def test_podman_finds_the_same(sampan, catalog):
    if subprocess.run(["which", "podman"], capture_output=True, check=False).returncode or os.geteuid() != 0:
        pytest.skip("podman is not installed")
    done = subprocess.run(["podman", "search", "--tls-verify=false", "--format", "{{.Name}}", f"{catalog.host}/apple"],
                          capture_output=True, text=True, check=True)
    ours = sampan("search", "--format", "{{.Name}}", f"{catalog.host}/apple", check=True)
    assert sorted(ours.stdout.split()) == sorted(done.stdout.split())
