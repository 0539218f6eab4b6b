# SPDX-License-Identifier: Apache-2.0
"""Layers that arrive compressed in another way: sampan copy, push and manifest push with --compression-format."""
import gzip
import json
import os
import subprocess

import pytest
from image_fixture import (DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Document, Image, Index, Layer, file,
                           foreign_architecture, machine_architecture, root, sha256, write_layout)
from registry_fixture import Registry

pytestmark = pytest.mark.root
HERE, FOREIGN = machine_architecture(), foreign_architecture()
ACCEPT = f"{OCI_INDEX}, {DOCKER_LIST}, {OCI_MANIFEST}, {DOCKER_MANIFEST}"
MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}


@pytest.fixture(name="other")
def other_fixture(tmp_path):
    with Registry(tmp_path / "other", accesslog=True) as registry:
        yield registry


def image_of(architecture=HERE, compression="gzip", **more):
    """Two layers; the first compresses well, and better at higher levels."""
    text = b"".join(b"%d and %d\n" % (i, i * i) for i in range(4000))
    return Image([Layer([root(), file("etc/numbers", text)], compression=compression), Layer([file("etc/random", os.urandom(3000))], compression=compression)],
                 architecture=architecture, **more)


def fetch(registry, reference="v1"):
    """(media type, document, digest) of a manifest or an index."""
    status, headers, text = registry.request("GET", f"/v2/a/b/manifests/{reference}", headers={"Accept": ACCEPT})
    assert status == 200, text
    return headers["Content-Type"], json.loads(text), sha256(text)


def blob(registry, digest):
    status, _, text = registry.request("GET", f"/v2/a/b/blobs/{digest}")
    assert status == 200 and sha256(text) == digest
    return text


def expand(data):
    if data.startswith(MAGIC["gzip"]):
        return gzip.decompress(data)
    return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout if data.startswith(MAGIC["zstd"]) else data


def assert_arrived(registry, manifest, image, kind, docker=False):
    """The same image, with its layers compressed in this way."""
    assert manifest["config"]["digest"] == sha256(image.config)
    assert manifest["config"]["mediaType"] == (DOCKER_CONFIG if docker else OCI_CONFIG)
    for layer, was in zip(manifest["layers"], image.layers, strict=True):
        data = blob(registry, layer["digest"])
        assert len(data) == layer["size"] and expand(data) == was.content
        if not docker:
            assert layer["mediaType"] == OCI_LAYER + {"none": ""}.get(kind, f"+{kind}")
        assert kind == "none" or data.startswith(MAGIC[kind])


def uploads(registry):
    log = (registry.directory / "registry.log").read_text(errors="replace")
    return log.count('"POST /v2/a/b/blobs/uploads')


def judge(other, tmp_path):
    """skopeo copies only what is there whole."""
    judged = subprocess.run(["skopeo", "copy", "-q", "--all", "--src-tls-verify=false", f"docker://{other.ref('a/b:v1')}", f"oci:{tmp_path}/judge:x"],
                            capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stderr


# --- copy -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--compression-format", "--dest-compress-format"])
@pytest.mark.parametrize("kind", ["zstd", "none"])
def test_layers_of_a_registry_arrive_as_asked_for(sampan, registry, other, tmp_path, kind, option):
    images = [image_of(), image_of(FOREIGN)]
    ref = registry.push("compress/all", "v1", Index(images))
    digest = sampan("copy", "-q", "--all", option, kind, ref, other.ref("a/b:v1"), check=True).stdout.strip()
    media_type, index, is_digest = fetch(other)
    assert media_type == OCI_INDEX and is_digest == digest
    for entry, image in zip(index["manifests"], images, strict=True):
        assert entry["platform"] == image.platform
        assert_arrived(other, fetch(other, entry["digest"])[1], image, kind)
    judge(other, tmp_path)
    sampan("pull", "-q", other.ref("a/b:v1"), check=True)


def test_there_and_back_again(sampan, registry, other, tmp_path):
    image = image_of()
    ref = registry.push("compress/one", "v1", image)
    sampan("copy", "-q", "--compression-format", "zstd:19", ref, f"oci:{tmp_path}/layout:x", check=True)
    sampan("copy", "-q", "--compression-format", "gzip", f"oci:{tmp_path}/layout:x", other.ref("a/b:v1"), check=True)
    assert_arrived(other, fetch(other)[1], image, "gzip")
    sampan("copy", "-q", f"oci:{tmp_path}/layout:x", other.ref("a/b:v2"), check=True)
    assert_arrived(other, fetch(other, "v2")[1], image, "zstd")


def test_what_is_compressed_like_that_already_stays_unless_there_is_a_level(sampan, registry, other):
    image = image_of()
    ref = registry.push("compress/same", "v1", image)
    sampan("copy", "-q", "--compression-format", "gzip", ref, other.ref("a/b:v1"), check=True)
    assert fetch(other)[2] == image.digest
    sampan("copy", "-q", "--compression-format", "gzip", "--compression-level", "9", ref, other.ref("a/b:v1"), check=True)
    small = fetch(other)[1]
    assert_arrived(other, small, image, "gzip")
    sampan("copy", "-q", "--compression-level", "1", ref, other.ref("a/b:v1"), check=True)
    assert small["layers"][0]["size"] < fetch(other)[1]["layers"][0]["size"]


def test_an_image_of_dockers_stays_one_and_becomes_an_oci_image_for_zstd(sampan, registry, other, tmp_path):
    images = [image_of(docker=True), image_of(FOREIGN, docker=True)]
    ref = registry.push("compress/docker", "v1", Index(images, docker=True))
    sampan("copy", "-q", "--all", "--compression-level", "7", ref, other.ref("a/b:v1"), check=True)
    media_type, index, _ = fetch(other)
    assert media_type == DOCKER_LIST
    for entry, image in zip(index["manifests"], images, strict=True):
        media_type, manifest, _ = fetch(other, entry["digest"])
        assert entry["mediaType"] == media_type == DOCKER_MANIFEST
        assert_arrived(other, manifest, image, "gzip", docker=True)
    sampan("copy", "-q", "--all", "--compression-format", "zstd", ref, other.ref("a/b:v1"), check=True)
    media_type, index, _ = fetch(other)
    assert media_type == OCI_INDEX
    for entry, image in zip(index["manifests"], images, strict=True):
        media_type, manifest, _ = fetch(other, entry["digest"])
        assert entry["mediaType"] == media_type == OCI_MANIFEST
        assert_arrived(other, manifest, image, "zstd")
    judge(other, tmp_path)


@pytest.mark.parametrize("option", ["--force-compression=false", "--dest-force-compress-format=false"])
def test_what_the_target_has_is_good_enough_if_nothing_is_forced(sampan, registry, other, option):
    image = image_of()
    ref = registry.push("compress/reuse", "v1", image)
    sampan("copy", "-q", ref, other.ref("a/b:v1"), check=True)
    before = uploads(other)
    sampan("copy", "-q", "--compression-format", "zstd", option, ref, other.ref("a/b:v2"), check=True)
    assert fetch(other, "v2")[2] == image.digest and uploads(other) == before
    sampan("copy", "-q", "--compression-format", "zstd", ref, other.ref("a/b:v3"), check=True)
    assert_arrived(other, fetch(other, "v3")[1], image, "zstd")


def test_layers_that_others_distribute_and_artifacts_stay_as_they_are(sampan, other, tmp_path):
    image = image_of()
    foreign = dict(image.value, layers=[dict(layer, mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip") for layer in image.value["layers"]])
    artifact = dict(image.value, config=dict(image.value["config"], mediaType="application/vnd.example+json"))
    for name, value in (("foreign", foreign), ("artifact", artifact)):
        image.value, image.text = value, json.dumps(value).encode()
        image.digest = sha256(image.text)
        layout = write_layout(tmp_path / name, {"v1": image})
        sampan("copy", "-q", "--compression-format", "zstd", f"oci:{layout}:v1", other.ref(f"a/b:{name}"), check=True)
        assert fetch(other, name)[2] == image.digest


def test_what_is_no_gzip_but_called_so_is_compressed_and_what_is_cut_short_is_not_copied(sampan, other, tmp_path):
    image = image_of(compression=None)
    for layer in image.layers:
        layer.compression = "gzip"  # in what it is called
    image = Image(image.layers)
    layout = write_layout(tmp_path / "called", {"v1": image})
    sampan("copy", "-q", "--compression-format", "zstd", f"oci:{layout}:v1", other.ref("a/b:v1"), check=True)
    assert_arrived(other, fetch(other)[1], image, "zstd")
    image = image_of()
    layer = image.layers[0]
    layer.blob = layer.blob[:-100]
    layer.digest, layer.size = sha256(layer.blob), len(layer.blob)
    image = Image(image.layers)
    layout = write_layout(tmp_path / "layout", {"v1": image})
    done = sampan("copy", "--compression-format", "zstd", f"oci:{layout}:v1", other.ref("a/b:v2"))
    assert done.returncode == 1 and f"layer {layer.digest}: malformed gzip: it ends too early" in done.stderr
    assert other.request("GET", "/v2/a/b/manifests/v2")[0] == 404


class Attestation(Image):
    """What BuildKit says of an image."""

    def __init__(self, image, statement=None):
        statement = statement or json.dumps({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://example.org/said",
                                             "subject": [{"name": "_", "digest": {"sha256": image.digest[7:]}}], "predicate": {"of": image.digest}}).encode()
        layer = Layer(content=statement, compression=None)
        super().__init__([layer], architecture="unknown", os_name="unknown")
        self.value["layers"] = [dict(layer.descriptor(), mediaType="application/vnd.in-toto+json",
                                     annotations={"in-toto.io/predicate-type": "https://example.org/said"})]
        Document.__init__(self, self.value)
        self.annotations = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.digest}

    def descriptor(self, **more):
        return super().descriptor(annotations=self.annotations, **more)


@pytest.mark.parametrize("kind", ["registry", "layout"])
def test_what_is_attested_of_an_image_follows_it(sampan, registry, other, tmp_path, kind):
    images = [image_of(), image_of(FOREIGN, compression=None)]
    said = [Attestation(image) for image in images]
    index = Index([*images, *said])
    ref = registry.push("compress/said", "v1", index)
    sampan("copy", "-q", "--all", ref, other.ref("a/b:v1"), check=True)
    entries = fetch(other)[1]["manifests"]
    assert (entries[0]["digest"], entries[2]["digest"]) == (images[0].digest, said[0].digest)  # gzip already
    if kind == "registry":
        sampan("copy", "-q", "--all", "--compression-format", "zstd", ref, other.ref("a/b:v1"), check=True)
    else:
        sampan("copy", "-q", "--all", "--compression-format", "zstd", ref, f"oci:{tmp_path}/layout:x", check=True)
        sampan("copy", "-q", "--all", f"oci:{tmp_path}/layout:x", other.ref("a/b:v1"), check=True)
    for entries in (entries[1::2], fetch(other)[1]["manifests"][0::2], fetch(other)[1]["manifests"][1::2]):
        image, about = entries
        assert about["annotations"] == {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]}
        manifest = fetch(other, about["digest"])[1]
        statement = json.loads(blob(other, manifest["layers"][0]["digest"]))
        assert statement["subject"][0]["digest"]["sha256"] == image["digest"][7:]
        assert statement["predicate"]["of"] in [was.digest for was in images]  # what was said stays
        blob(other, manifest["config"]["digest"])
    judge(other, tmp_path)


def test_statements_that_cannot_be_read_go_as_they_are(sampan, registry, other, tmp_path):
    image = image_of()
    said = Attestation(image, b"nonsense")
    ref = registry.push("compress/nonsense", "v1", Index([image, said]))
    sampan("copy", "-q", "--all", "--compression-format", "zstd", ref, other.ref("a/b:v1"), check=True)
    first, second = fetch(other)[1]["manifests"]
    assert second["digest"] == said.digest and second["annotations"]["vnd.docker.reference.digest"] == first["digest"]
    judge(other, tmp_path)


def test_statements_that_have_to_change_have_a_limit_together(sampan, other, tmp_path):
    image = image_of()
    said = Attestation(image, b"x" * (60 << 20))
    said.value["layers"] *= 3
    Document.__init__(said, said.value)
    layout = write_layout(tmp_path / "layout", {"v1": Index([image, said])})
    done = sampan("copy", "-q", "--all", "--compression-format", "zstd", f"oci:{layout}:v1", other.ref("a/b:v1"))
    assert done.returncode == 1
    assert f"attestation {said.digest}: the statements of all attestations have more than {128 << 20} bytes" in done.stderr


@pytest.mark.parametrize("arguments, code, text", [
    (["--compression-format", "lz4", "a", "b"], 125, "--compression-format: unknown compression 'lz4' (there are gzip, zstd and none, with a level: zstd:19)"),
    (["--compression-format", "gzip", "--compression-level", "10", "a", "b"], 125, "--compression-level: gzip has levels from 1 to 9"),
    (["--compression-format", "zstd", "--preserve-digests", "a", "b"], 125, "--compression-format and --preserve-digests exclude each other"),
    (["--compression-format", "zstd", "a", "docker-archive:x.tar"], 1, "the layers of a docker-archive are not compressed"),
    (["--compression-format", "zstd", "a", f"b@sha256:{'0' * 64}"], 1, "layers cannot be compressed for a target that is named by its digest"),
])
def test_what_copy_refuses(sampan, arguments, code, text):
    done = sampan("copy", *arguments)
    assert done.returncode == code and text in done.stderr


# --- push ---------------------------------------------------------------------------------------------------------------


def test_a_push_that_forces_nothing_takes_what_the_registry_has(sampan, registry, other):
    image = image_of()
    ref = registry.push("compress/push", "v1", image)
    sampan("pull", "-q", ref, check=True)
    sampan("push", "-q", "--compression-format", "zstd", "--force-compression=false", ref, other.ref("a/b:v1"), check=True)
    assert_arrived(other, fetch(other)[1], image, "zstd")  # it had nothing
    sampan("copy", "-q", ref, other.ref("a/b:v2"), check=True)
    sampan("push", "-q", "--compression-format", "zstd", "--force-compression=false", ref, other.ref("a/b:v3"), check=True)
    assert fetch(other, "v3")[2] == image.digest
    sampan("push", "-q", "--compression-format", "zstd", "--force-compression", ref, other.ref("a/b:v4"), check=True)
    assert_arrived(other, fetch(other, "v4")[1], image, "zstd")


# --- manifest push ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("docker", [False, True])
def test_a_list_of_images_from_everywhere_arrives_as_asked_for(sampan, registry, other, tmp_path, docker):
    images = [image_of("amd64", docker=docker), image_of("arm64", docker=docker), image_of("s390x", docker=docker)]
    sampan("load", "-q", "-i", write_layout(tmp_path / "stored", {"x": images[0]}), check=True)
    ref = registry.push("compress/list", "v1", images[1])
    layout = write_layout(tmp_path / "layout", {"x": images[2]})
    sampan("manifest", "create", "multi", "localhost/stored:x", f"docker://{ref}", f"oci:{layout}:x", check=True)
    for kind, options in (("zstd", ["--compression-format", "zstd"]), ("gzip", ["--compression-format", "gzip", "--compression-level", "9"])):
        sampan("manifest", "push", "-q", *options, "multi", other.ref("a/b:v1"), check=True)
        for entry, image in zip(fetch(other)[1]["manifests"], images, strict=True):
            media_type, manifest, _ = fetch(other, entry["digest"])
            is_docker = docker and kind == "gzip"
            assert entry["mediaType"] == media_type == (DOCKER_MANIFEST if is_docker else OCI_MANIFEST)
            assert_arrived(other, manifest, image, kind, docker=is_docker)
        judge(other, tmp_path)


def test_a_list_that_forces_nothing_takes_what_the_registry_has(sampan, registry, other, tmp_path):
    images = [image_of("amd64"), image_of("arm64")]
    sampan("load", "-q", "-i", write_layout(tmp_path / "stored", {"x": images[0]}), check=True)
    ref = registry.push("compress/reused", "v1", images[1])
    sampan("manifest", "create", "multi", "localhost/stored:x", f"docker://{ref}", check=True)
    sampan("manifest", "push", "-q", "multi", other.ref("a/b:v1"), check=True)
    before = fetch(other)[2]
    sampan("manifest", "push", "-q", "--compression-format", "zstd", "--force-compression=false", "multi", other.ref("a/b:v2"), check=True)
    assert fetch(other, "v2")[2] == before


@pytest.mark.parametrize("options, text", [
    (["--compression-format", "lz4"], "--compression-format: unknown compression 'lz4' (there are gzip, zstd and none, with a level: zstd:19)"),
    (["--compression-level", "10"], "--compression-level: gzip has levels from 1 to 9"),
])
def test_what_manifest_push_refuses(sampan, tmp_path, options, text):
    sampan("load", "-q", "-i", write_layout(tmp_path / "stored", {"x": image_of()}), check=True)
    sampan("manifest", "create", "multi", "localhost/stored:x", check=True)
    done = sampan("manifest", "push", *options, "multi", "localhost:1/a/b:v1")
    assert done.returncode == 125 and text in done.stderr
