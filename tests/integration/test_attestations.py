# SPDX-License-Identifier: Apache-2.0
"""Attestations in indexes of the store, on their way to a registry."""
import hashlib
import json

import pytest
from image_fixture import OCI_INDEX, OCI_MANIFEST, Image, Layer, file, root, write_layout
from registry_fixture import Registry

pytestmark = pytest.mark.root
LIST = "localhost/multi:v1"
PREDICATE = "https://example.org/said"


@pytest.fixture(name="other")
def other_fixture(tmp_path):
    with Registry(tmp_path / "other") as registry:
        yield registry


@pytest.fixture(name="listed")
def listed_fixture(sampan, tmp_path):
    """A list with an image whose layer cannot be made again as it was; the list's path and its entry."""
    image = Image([Layer([root(), file("twice", b"first"), file("twice", b"the second")])])
    sampan("load", "-q", "-i", write_layout(tmp_path / "twice", {"x": image}), check=True)
    sampan("manifest", "create", LIST, "localhost/twice:x", check=True)
    path, = (sampan.root / "lists").iterdir()
    entry, = json.loads(path.read_text())["manifests"]
    return path, entry


def put_blob(sampan, text):
    digest = hashlib.sha256(text).hexdigest()
    (sampan.root / "blobs/sha256" / digest).write_bytes(text)
    return {"digest": f"sha256:{digest}", "size": len(text)}


def attest(sampan, path, image):
    """Adds an attestation of the image to the list, as a build would keep it; its entry."""
    statement = json.dumps({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": PREDICATE,
                            "subject": [{"name": "_", "digest": {"sha256": image.removeprefix("sha256:")}}], "predicate": {"before": image}}).encode()
    layer = put_blob(sampan, statement) | {"mediaType": "application/vnd.in-toto+json", "annotations": {"in-toto.io/predicate-type": PREDICATE}}
    config = {"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    config = put_blob(sampan, json.dumps(config).encode()) | {"mediaType": "application/vnd.oci.image.config.v1+json"}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}
    entry = put_blob(sampan, json.dumps(manifest).encode()) | {
        "mediaType": OCI_MANIFEST, "platform": {"architecture": "unknown", "os": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image}}
    index = json.loads(path.read_text())
    index["manifests"].insert(0, entry)  # before its image: the order must not matter
    path.write_text(json.dumps(index))
    return entry


def get(registry, what, digest, accept="*/*"):
    status, _, text = registry.request("GET", f"/v2/a/b/{what}/{digest}", headers={"Accept": accept})
    assert status == 200
    return text


def test_an_attestation_follows_its_image_which_becomes_another_on_its_way(sampan, other, listed):
    path, built = listed
    attest(sampan, path, built["digest"])
    sampan("manifest", "push", LIST, other.ref("a/b:v1"), check=True)
    said, image = json.loads(get(other, "manifests", "v1", OCI_INDEX))["manifests"]
    assert image["digest"] != built["digest"]
    assert said["annotations"] == {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]}
    assert said["platform"] == {"architecture": "unknown", "os": "unknown"}
    manifest = json.loads(get(other, "manifests", said["digest"], OCI_MANIFEST))
    layer, = manifest["layers"]
    assert layer["mediaType"] == "application/vnd.in-toto+json" and layer["annotations"] == {"in-toto.io/predicate-type": PREDICATE}
    statement = json.loads(get(other, "blobs", layer["digest"]))
    assert statement["subject"] == [{"name": "_", "digest": {"sha256": image["digest"].removeprefix("sha256:")}}]
    assert statement["predicate"] == {"before": built["digest"]}
    config = json.loads(get(other, "blobs", manifest["config"]["digest"]))
    assert config["rootfs"]["diff_ids"] == [layer["digest"]]
    sampan("pull", "-q", other.ref("a/b:v1"), check=True)


def test_an_attestation_of_something_else_goes_as_it_is(sampan, other, listed):
    path, _ = listed
    entry = attest(sampan, path, "sha256:" + "a" * 64)
    sampan("manifest", "push", LIST, other.ref("a/b:v1"), check=True)
    said, _ = json.loads(get(other, "manifests", "v1", OCI_INDEX))["manifests"]
    assert said["digest"] == entry["digest"] and said["size"] == entry["size"]
    get(other, "manifests", said["digest"], OCI_MANIFEST)


def test_an_attestation_that_the_store_has_lost_is_named(sampan, other, listed):
    path, built = listed
    entry = attest(sampan, path, built["digest"])
    (sampan.root / "blobs/sha256" / entry["digest"].removeprefix("sha256:")).unlink()
    done = sampan("manifest", "push", LIST, other.ref("a/b:v1"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"sampan: cannot push manifest list '{LIST}': manifest {entry['digest']}: attestation {entry['digest']}: ")
