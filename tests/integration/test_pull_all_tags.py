# SPDX-License-Identifier: Apache-2.0
"""sampan pull --all-tags."""
import json
import time
import urllib.parse

import pytest
from image_fixture import Image, Layer, directory, file, foreign_architecture, root
from registry_fixture import LyingRegistry, answer, error

pytestmark = pytest.mark.root


def image_of(text, **more):
    return Image([Layer([root(), directory("etc")]), Layer([file("etc/motd", text)])], cmd=["/bin/sh"], **more)


@pytest.fixture(name="liar")
def liar_fixture():
    with LyingRegistry() as server:
        yield server


def query_for_tags(handler):
    """Of a request for the list of tags; None: it is for something else."""
    path, _, query = handler.path.partition("?")
    return query if path == "/v2/app/tags/list" else None


def serve_tags(liar, tags, page=1000):
    """In pages, as a registry has them; the number of requests for them is returned as it grows."""
    asked = []

    def hook(handler):
        query = query_for_tags(handler)
        if query is None:
            return False
        asked.append(query)
        last = urllib.parse.parse_qs(query).get("last", [""])[0]
        answer(handler, 200, json.dumps({"name": "app", "tags": [tag for tag in sorted(tags) if tag > last][:page]}).encode())
        return True

    liar.hooks.append(hook)
    return asked


def names(sampan):
    return sampan("images", "--format", "{{.Repository}}:{{.Tag}}", check=True).stdout.split()


@pytest.mark.parametrize("option, prefix", [("-a", ""), ("--all-tags", "docker://")])
def test_every_tag_of_a_repository_is_pulled_and_shared_layers_once(sampan, registry, option, prefix):
    images = {tag: image_of(tag.encode()) for tag in ("v1", "v2", "v3")}
    refs = [registry.push(f"all{option}/tags", tag, image) for tag, image in images.items()]
    done = sampan("pull", option, prefix + registry.ref(f"all{option}/tags"), check=True)
    assert sorted(names(sampan)) == refs
    assert sorted(line for line in done.stdout.splitlines() if line.startswith("Digest")) == sorted(
        f"Digest: {image.digest}" for image in images.values())
    assert done.stdout.count("Status: downloaded newer image for ") == 3
    assert done.stderr.count("already here") == 2
    again = sampan("pull", "-q", option, registry.ref(f"all{option}/tags"), check=True)
    assert sorted(again.stdout.split()) == sorted(image.digest for image in images.values())


def test_tags_come_in_pages_and_a_registry_may_ask_to_wait(sampan, liar):
    tags = [f"t{n:02}" for n in range(25)]
    image = image_of(b"same")
    for tag in tags:
        liar.add(tag, image)
    busy = [True]

    def refuse_once(handler):
        if not handler.path.startswith("/v2/app/tags") or not busy:
            return False
        busy.pop()
        error(handler, 429, "TOOMANYREQUESTS", "slow down", {"Retry-After": "1"})
        return True

    liar.hooks.append(refuse_once)
    asked = serve_tags(liar, tags, page=10)
    begin = time.monotonic()
    sampan("pull", "-q", "-a", liar.ref("app"), check=True)
    assert time.monotonic() - begin >= 1 and not busy
    assert len(asked) == 3
    assert names(sampan) and len(names(sampan)) == 25


@pytest.mark.parametrize("host", ["", "https://elsewhere.invalid"])
def test_a_list_goes_on_where_the_registry_says(sampan, liar, host):
    """By a token of its own, in an order of its own, in small pages: as the Link header says, and nowhere else."""
    pages = [["v9", "v1"], [], ["v5", "a"], ["v9.1"]]
    asked = []

    def hook(handler):
        query = query_for_tags(handler)
        if query is None:
            return False
        asked.append(query)
        at = int(urllib.parse.parse_qs(query).get("token", ["0"])[0])
        link = f'<{host}/v2/app/tags/list?token={at + 1}&n=2>; rel="next"' if at + 1 < len(pages) else '</v2/app/tags/list?token=0>; rel="first"'
        answer(handler, 200, json.dumps({"tags": pages[at]}).encode(), {"Link": link})
        return True

    liar.hooks.append(hook)
    done = sampan("search", "--list-tags", "--format", "{{.Tag}}", liar.ref("app"), check=True)
    assert done.stdout.split() == ["v9", "v1", "v5", "a", "v9.1"]
    assert asked == ["n=1000", "token=1&n=2", "token=2&n=2", "token=3&n=2"]
    for tag in done.stdout.split():
        liar.add(tag, image_of(b"same"))
    sampan("pull", "-q", "-a", liar.ref("app"), check=True)
    assert len(names(sampan)) == 5


def test_the_first_tag_that_fails_ends_it_and_is_named(sampan, liar):
    liar.add("a", image_of(b"a"))
    liar.add("b", image_of(b"b", architecture=foreign_architecture()))
    liar.manifests["c"] = liar.manifests["a"]
    del liar.manifests["b"]
    serve_tags(liar, "abc")
    done = sampan("pull", "-a", liar.ref("app"))
    assert done.returncode == 1 and f"{liar.ref('app')}:b" in done.stderr.splitlines()[-1], done.stderr
    assert names(sampan) == [f"{liar.ref('app')}:a"]


def test_a_repository_without_tags_is_said_to_have_none(sampan, liar):
    serve_tags(liar, [])
    done = sampan("pull", "--all-tags", liar.ref("app"))
    assert (done.returncode, done.stderr) == (1, f"sampan: '{liar.ref('app')}' has no tags\n")


@pytest.mark.parametrize("argument, text", [
    ("localhost:1/app:v1", "--all-tags takes a name without a tag or digest, not 'localhost:1/app:v1'"),
    ("docker://app:v1", "--all-tags takes a name without a tag or digest, not 'app:v1'"),
    ("app@sha256:" + "0" * 64, f"--all-tags takes a name without a tag or digest, not 'app@sha256:{'0' * 64}'"),
    ("oci:/none", "--all-tags is for repositories of registries, which 'oci:/none' is not"),
    ("docker-archive:/none:a", "--all-tags is for repositories of registries, which 'docker-archive:/none:a' is not"),
])
def test_what_all_tags_does_not_go_with(sampan, argument, text):
    done = sampan("pull", "-a", argument)
    assert (done.returncode, done.stderr) == (125, f"sampan: {text}\n")
