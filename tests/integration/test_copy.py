# SPDX-License-Identifier: Apache-2.0
"""sampan copy: between registries and files, with every byte kept; skopeo is the judge. Tars become gzip on their way to a registry."""
import gzip
import json
import os
import re
import subprocess
import tarfile

import pytest
from image_fixture import (DOCKER_LIST, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Image, Index, Layer, directory, file, foreign_architecture,
                           machine_architecture, root, sha256, write_docker_archive, write_layout)
from registry_fixture import LyingRegistry, Registry

pytestmark = pytest.mark.root


def image_of(text, **more):
    return Image([Layer([root(), directory("etc"), file("etc/motd", text)]), Layer([root(), file("big", os.urandom(9000))])],
                 **more)


def index_of(docker=False):
    return Index([image_of(b"amd64", architecture="amd64", docker=docker),
                  image_of(b"arm64", architecture="arm64", docker=docker)], docker=docker)


@pytest.fixture(name="other")
def other_fixture(tmp_path):
    with Registry(tmp_path / "other", accesslog=True) as registry:
        yield registry


def raw(place, *arguments):
    """The bytes of the top manifest, as skopeo finds them."""
    done = subprocess.run(["skopeo", "inspect", "--raw", *arguments, place], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def judge(place, tmp_path, *arguments):
    """skopeo checks all digests of all platforms while it copies."""
    target = tmp_path / f"judge{len(os.listdir(tmp_path))}"
    done = subprocess.run(["skopeo", "copy", "-q", "--all", *arguments, place, f"oci:{target}:x"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("docker", [False, True])
def test_all_platforms_go_from_registry_to_registry_with_their_digests(sampan, registry, other, tmp_path, docker):
    index = index_of(docker)
    ref = registry.push("copy/multi", f"d{docker}", index)
    done = sampan("copy", "--all", f"docker://{ref}", other.ref("a/b:v1"), check=True)
    assert done.stdout == f"Digest: {index.digest}\n"
    assert raw(f"docker://{other.ref('a/b:v1')}", "--tls-verify=false") == index.text
    judge(f"docker://{other.ref('a/b:v1')}", tmp_path, "--src-tls-verify=false")
    _, headers, _ = other.request("GET", "/v2/a/b/manifests/v1", headers={"Accept": f"{OCI_INDEX}, {DOCKER_LIST}"})
    assert headers["Content-Type"] == index.media_type
    for platform in ("linux/amd64", "linux/arm64"):
        sampan("pull", "-q", "--platform", platform, other.ref("a/b:v1"), check=True)
        found = json.loads(sampan("inspect", other.ref("a/b:v1"), check=True).stdout)[0]
        assert f"linux/{found['Architecture']}" == platform


def test_copying_again_sends_nothing(sampan, registry, other):
    ref = registry.push("copy/again", "v1", index_of())
    sampan("copy", "--all", ref, other.ref("a/b:v1"), check=True)
    log = other.directory / "registry.log"
    before = len(re.findall('"(POST|PUT|PATCH) ', log.read_text(errors="replace")))
    assert before > 0
    done = sampan("copy", "--all", ref, other.ref("a/b:v1"), check=True)
    assert done.stderr.count(": already there") == 6
    assert len(re.findall('"(POST|PUT|PATCH) ', log.read_text(errors="replace"))) == before


def test_within_a_registry_layers_are_mounted(sampan, other):
    index = index_of()
    done = sampan("copy", "-a", other.push("one/app", "v1", index), other.ref("two/app:v1"), check=True)
    assert done.stderr.count(": mounted") == 6
    log = (other.directory / "registry.log").read_text(errors="replace")
    assert not re.findall(r'"GET /v2/one/app/blobs/', log)


def test_without_all_the_image_for_one_platform_is_copied(sampan, registry, other):
    index = index_of()
    ref = registry.push("copy/one", "v1", index)
    by_platform = {child.platform["architecture"]: child for child in index.children}
    sampan("copy", ref, other.ref("a/b:mine"), check=True)
    assert raw(f"docker://{other.ref('a/b:mine')}", "--tls-verify=false") == by_platform[machine_architecture()].text
    foreign = foreign_architecture()
    done = sampan("copy", "-q", "--platform", f"linux/{foreign}", ref, other.ref("a/b:theirs"), check=True)
    assert (done.stdout, done.stderr) == (f"{by_platform[foreign].digest}\n", "")
    assert raw(f"docker://{other.ref('a/b:theirs')}", "--tls-verify=false") == by_platform[foreign].text


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_through_an_oci_layout_and_back(sampan, registry, other, tmp_path, kind):
    index = index_of()
    ref = registry.push("copy/layout", "v1", index)
    place = f"{kind}:{tmp_path}/layout:v1"
    sampan("copy", "-a", ref, place, check=True)
    assert raw(place) == index.text
    judge(place, tmp_path)
    sampan("copy", "-a", place, other.ref("a/b:v1"), check=True)
    assert raw(f"docker://{other.ref('a/b:v1')}", "--tls-verify=false") == index.text
    judge(f"docker://{other.ref('a/b:v1')}", tmp_path, "--src-tls-verify=false")


def test_a_layout_keeps_what_it_has_and_a_tag_moves(sampan, registry, tmp_path):
    one, two = image_of(b"one"), image_of(b"two")
    write_layout(tmp_path / "layout", {"old": one, "v1": one})
    sampan("copy", registry.push("copy/keep", "v1", two), f"oci:{tmp_path}/layout:v1", check=True)
    assert raw(f"oci:{tmp_path}/layout:old") == one.text
    assert raw(f"oci:{tmp_path}/layout:v1") == two.text
    names = [entry["annotations"]["org.opencontainers.image.ref.name"]
             for entry in json.loads((tmp_path / "layout/index.json").read_text())["manifests"]]
    assert sorted(names) == ["old", "v1"]


def test_a_docker_archive_gets_tars_and_gives_them_back(sampan, registry, other, tmp_path):
    image = image_of(b"hello")
    ref = registry.push("copy/docker", "v1", image)
    place = f"docker-archive:{tmp_path}/d.tar:some.where/name:tag"
    sampan("copy", ref, place, check=True)
    with tarfile.open(tmp_path / "d.tar") as archive:
        saved, = json.load(archive.extractfile("manifest.json"))
        assert saved["RepoTags"] == ["some.where/name:tag"]
        assert [sha256(archive.extractfile(name).read()) for name in saved["Layers"]] == [
            layer.diff_id for layer in image.layers]
        assert archive.extractfile(saved["Config"]).read() == image.config
    subprocess.run(["skopeo", "copy", "-q", place, f"dir:{tmp_path}/judge"], check=True, capture_output=True)
    sampan("copy", place, other.ref("a/b:v1"), check=True)
    subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{other.ref('a/b:v1')}", f"dir:{tmp_path}/judge2"],
                   check=True, capture_output=True)


def plain_image(architecture):
    return Image([Layer([root(), file("etc/arch", architecture.encode())], compression=None)], architecture=architecture)


def test_tars_go_to_a_registry_as_gzip_and_the_index_follows(sampan, other, tmp_path):
    packed = image_of(b"packed")
    images = [plain_image("amd64"), plain_image("arm64"), packed]
    layout = write_layout(tmp_path / "layout", {"v1": Index(images)})
    digest = sampan("copy", "-q", "--all", f"oci:{layout}:v1", other.ref("a/b:v1"), check=True).stdout.strip()
    _, headers, text = other.request("GET", "/v2/a/b/manifests/v1", headers={"Accept": OCI_INDEX})
    assert headers["Docker-Content-Digest"] == digest != Index(images).digest
    entries = json.loads(text)["manifests"]
    assert [entry["platform"] for entry in entries] == [image.platform for image in images]
    assert entries[2]["digest"] == packed.digest
    for entry, image in zip(entries[:2], images):
        manifest = json.loads(other.request("GET", f"/v2/a/b/manifests/{entry['digest']}", headers={"Accept": OCI_MANIFEST})[2])
        layer, = manifest["layers"]
        assert layer["mediaType"] == OCI_LAYER + "+gzip"
        assert gzip.decompress(other.request("GET", f"/v2/a/b/blobs/{layer['digest']}")[2]) == image.layers[0].content
        assert manifest["config"]["digest"] == sha256(image.config)
    sampan("pull", "-q", other.ref("a/b:v1"), check=True)


@pytest.mark.parametrize("by_digest", [False, True], ids=["the flag", "a digest"])
def test_tars_stay_tars_where_digests_must_stay(sampan, other, tmp_path, by_digest):
    image = plain_image("amd64")
    layout = write_layout(tmp_path / "layout", {"v1": image})
    target = other.ref(f"a/b@{image.digest}") if by_digest else other.ref("a/b:v1")
    options = [] if by_digest else ["--preserve-digests"]
    assert sampan("copy", "-q", *options, f"oci:{layout}:v1", target, check=True).stdout == f"{image.digest}\n"
    assert other.request("GET", f"/v2/a/b/manifests/{image.digest}", headers={"Accept": OCI_MANIFEST})[2] == image.text


def test_what_is_compressed_but_called_a_tar_goes_as_it_is(sampan, other, tmp_path):
    layer = Layer([root(), file("etc/motd", b"hello")])
    layer.compression = None  # in what it is called
    image = Image([layer])
    layout = write_layout(tmp_path / "layout", {"v1": image})
    assert sampan("copy", "-q", f"oci:{layout}:v1", other.ref("a/b:v1"), check=True).stdout == f"{image.digest}\n"
    assert other.request("GET", f"/v2/a/b/blobs/{layer.digest}")[2] == layer.blob


def test_a_tar_that_is_not_what_its_digest_says_is_not_compressed(sampan, other, tmp_path):
    image = plain_image("amd64")
    layout = write_layout(tmp_path / "layout", {"v1": image})
    blob = layout / "blobs/sha256" / image.layers[0].digest[7:]
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    done = sampan("copy", f"oci:{layout}:v1", other.ref("a/b:v1"))
    assert done.returncode == 1
    assert f"layer {image.layers[0].digest}: its content has digest sha256:" in done.stderr, done.stderr
    assert other.request("GET", "/v2/a/b/tags/list")[0] == 404


def test_a_docker_archive_of_several_images_is_asked_for_one(sampan, other, tmp_path):
    write_docker_archive(tmp_path / "a.tar", {"one:v1": image_of(b"1"), "two:v1": image_of(b"2")})
    done = sampan("copy", f"docker-archive:{tmp_path}/a.tar", other.ref("a/b:v1"))
    assert done.returncode == 1
    assert "holds several images; append one of them as ':NAME'" in done.stderr
    sampan("copy", f"docker-archive:{tmp_path}/a.tar:two:v1", other.ref("a/b:v1"), check=True)


def test_a_blob_that_is_not_what_its_digest_says_goes_nowhere(sampan, other, tmp_path):
    image = image_of(b"hello")
    with LyingRegistry() as liar:
        liar.add("v1", image)
        liar.blobs[image.layers[1].digest] = b"x" * image.layers[1].size
        for place in (other.ref("a/b:v1"), f"oci-archive:{tmp_path}/o.tar"):
            done = sampan("copy", liar.ref("app:v1"), place)
            assert done.returncode == 1
            assert done.stderr.splitlines()[-1].startswith(
                f"sampan: cannot copy '{liar.ref('app:v1')}' to '{place}': layer {image.layers[1].digest}: its content has "
                "digest sha256:"), done.stderr
    assert other.request("GET", "/v2/a/b/manifests/v1")[0] == 404
    assert not (tmp_path / "o.tar").exists()
    assert os.listdir(sampan.root / "staging") == []


def test_a_manifest_in_an_index_that_is_another_is_refused(sampan, other):
    index = index_of()
    with LyingRegistry() as liar:
        liar.add("v1", index)
        wrong = index.children[1].text.replace(b"schemaVersion", b"schemaVersioN")
        liar.manifests[index.children[1].digest] = (index.children[1].media_type, wrong)
        done = sampan("copy", "-a", liar.ref("app:v1"), other.ref("a/b:v1"))
    assert done.returncode == 1
    assert done.stderr == (f"sampan: cannot copy '{liar.ref('app:v1')}' to '{other.ref('a/b:v1')}': manifest "
                           f"{index.children[1].digest}: its content has digest {sha256(wrong)}\n")


@pytest.mark.parametrize("arguments, code, text", [
    (["--all", "--platform", "linux/arm64", "a", "b"], 125, "--all and --platform exclude each other"),
    (["--jobs", "99", "a", "b"], 125, "--jobs takes a number from 1 to 16"),
    (["A:b", "c"], 1, None),
    (["oci:/nothing/here", "oci:/tmp/x"], 1, "cannot copy 'oci:/nothing/here' to 'oci:/tmp/x': cannot open OCI layout "
     "'/nothing/here': no such file or directory"),
])
def test_what_copy_refuses(sampan, arguments, code, text):
    done = sampan("copy", *arguments)
    assert done.returncode == code
    if text:
        assert done.stderr == f"sampan: {text}\n"
    else:
        assert done.stderr.startswith("sampan: invalid reference 'A:b': ")


def test_a_docker_archive_is_for_one_platform(sampan, registry, tmp_path):
    ref = registry.push("copy/both", "v1", index_of())
    place = f"docker-archive:{tmp_path}/d.tar"
    done = sampan("copy", "--all", ref, place)
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot copy '{ref}' to '{place}': a docker-archive holds images of one platform (leave --all out)\n")
