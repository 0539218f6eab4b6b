# SPDX-License-Identifier: Apache-2.0
"""sampan push and save of names that stand for an index: all of it, what of it is there, or one image of it."""
import hashlib
import json
import os
import subprocess
import tarfile

import pytest
from image_fixture import (DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, Image, Index, Layer, directory, file, foreign_architecture, machine_architecture, root, sha256,
                           write_layout)
from registry_fixture import Registry

pytestmark = pytest.mark.root
HERE, FOREIGN = machine_architecture(), foreign_architecture()
BOTH = ["--platform", f"linux/{HERE},linux/{FOREIGN}"]
TEXT = "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /x\n"
FILES = {HERE: "mine", FOREIGN: "other"}
ACCEPT = f"{OCI_INDEX}, {DOCKER_LIST}, {OCI_MANIFEST}"


@pytest.fixture(name="other")
def other_fixture(tmp_path):
    with Registry(tmp_path / "other") as registry:
        yield registry


@pytest.fixture(name="pair")
def pair_fixture():
    return [image_of(HERE), image_of(FOREIGN)]


def image_of(architecture, **more):
    return Image([Layer([root(), directory("etc"), file("etc/arch", architecture.encode()), file("etc/random", os.urandom(5000))])],
                 architecture=architecture, **more)


def fetch(registry, reference, repository="a/b"):
    """(media type, text) of a manifest or an index."""
    status, headers, text = registry.request("GET", f"/v2/{repository}/manifests/{reference}", headers={"Accept": ACCEPT})
    assert status == 200, text
    return headers["Content-Type"], text


def index_of(registry, reference="v1"):
    media_type, text = fetch(registry, reference)
    assert media_type == OCI_INDEX
    return json.loads(text), sha256(text)


def blob(registry, digest):
    status, _, text = registry.request("GET", f"/v2/a/b/blobs/{digest}")
    assert status == 200 and f"sha256:{hashlib.sha256(text).hexdigest()}" == digest
    return text


def platforms(index):
    return [entry["platform"]["architecture"] for entry in index["manifests"]]


def judge(other, tmp_path):
    """skopeo copies only what is there whole."""
    judged = subprocess.run(["skopeo", "copy", "-q", "--all", "--src-tls-verify=false", f"docker://{other.ref('a/b:v1')}", f"oci:{tmp_path}/judge:x"],
                            capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stderr


def assert_attested(registry, entry, image):
    """All that the attestation names is there, and it is about the image as the registry has it."""
    assert entry["annotations"]["vnd.docker.reference.type"] == "attestation-manifest"
    assert entry["annotations"]["vnd.docker.reference.digest"] == image["digest"]
    manifest = json.loads(fetch(registry, entry["digest"])[1])
    blob(registry, manifest["config"]["digest"])
    for layer in manifest["layers"]:
        subject, = {named["digest"]["sha256"] for named in json.loads(blob(registry, layer["digest"]))["subject"]}
        assert f"sha256:{subject}" == image["digest"]


def pull_children(sampan, registry, name, children):
    for child in children:
        sampan("pull", "-q", "--platform", child.platform["architecture"], f"{registry.ref(name)}@{child.digest}", check=True)


def pulled(sampan, registry, name, index):
    """The reference of an index of which the store has the images of all platforms."""
    ref = registry.push(name, "v1", index)
    pull_children(sampan, registry, name, index.children)
    sampan("pull", "-q", ref, check=True)
    return ref


# --- what was built ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [["push"], ["image", "push"]])
def test_what_was_built_for_several_platforms_is_pushed_for_all_of_them(builder, other, tmp_path, verb):
    name = "localhost/push-index:v1"
    builder.run(TEXT, FILES, *BOTH, "--provenance=mode=max", "-t", name, check=True)
    done = builder.sampan(*verb, "--tls-verify=false", "--digestfile", tmp_path / "digest", name, other.ref("a/b:v1"), check=True)
    index, digest = index_of(other)
    assert platforms(index) == [HERE, FOREIGN, "unknown", "unknown"]
    assert done.stdout == f"v1: digest: {digest} size: {len(fetch(other, 'v1')[1])}\n"
    assert (tmp_path / "digest").read_text() == digest
    for entry in index["manifests"][:2]:
        manifest = json.loads(fetch(other, entry["digest"])[1])
        assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/vnd.oci.image.layer.v1.tar+gzip"]
    assert_attested(other, index["manifests"][2], index["manifests"][0])
    assert_attested(other, index["manifests"][3], index["manifests"][1])
    judge(other, tmp_path)
    builder.sampan("rmi", name, check=True)


def test_what_build_pushes_and_what_push_pushes_is_the_same(builder, other):
    name = other.ref("a/b:v1")
    builder.run(TEXT, FILES, *BOTH, "--provenance=true", "--push", "--tls-verify=false", "-t", name, check=True)
    _, built = index_of(other)
    builder.sampan("push", "-q", "--tls-verify=false", name, other.ref("a/b:v2"), check=True)
    assert index_of(other, "v2")[1] == built
    builder.sampan("rmi", name, check=True)


def test_attestations_follow_images_that_are_compressed_otherwise(builder, other, tmp_path):
    name = "localhost/push-zstd:v1"
    builder.run(TEXT, FILES, *BOTH, "--provenance=true", "-t", name, check=True)
    builder.sampan("push", "-q", "--tls-verify=false", "--compression-format", "zstd:9", name, other.ref("a/b:v1"), check=True)
    index, _ = index_of(other)
    for entry in index["manifests"][:2]:
        layer, = json.loads(fetch(other, entry["digest"])[1])["layers"]
        assert layer["mediaType"].endswith("+zstd") and blob(other, layer["digest"]).startswith(b"\x28\xb5\x2f\xfd")
    assert_attested(other, index["manifests"][2], index["manifests"][0])
    assert_attested(other, index["manifests"][3], index["manifests"][1])
    judge(other, tmp_path)
    builder.sampan("rmi", name, check=True)


def test_one_platform_of_what_was_built_is_pushed_alone(builder, other):
    name = "localhost/push-one:v1"
    builder.run(TEXT, FILES, *BOTH, "-t", name, check=True)
    for option in (["--platform", f"linux/{FOREIGN}"], ["--platform", FOREIGN]):
        builder.sampan("push", "-q", "--tls-verify=false", *option, name, other.ref("a/b:v1"), check=True)
        media_type, text = fetch(other, "v1")
        assert media_type == OCI_MANIFEST
        assert json.loads(blob(other, json.loads(text)["config"]["digest"]))["architecture"] == FOREIGN
    done = builder.sampan("push", "--tls-verify=false", "--platform", "linux/s390x", name, other.ref("a/b:v1"))
    assert done.returncode == 1
    assert f"'{name}': no image for linux/s390x; there is: linux/{HERE}, linux/{FOREIGN}" in done.stderr
    builder.sampan("rmi", name, check=True)


def test_an_id_means_one_image(builder, other):
    name = "localhost/push-id:v1"
    builder.run(TEXT, FILES, *BOTH, "-t", name, check=True)
    image = json.loads(builder.sampan("inspect", name, check=True).stdout)[0]["Id"]
    builder.sampan("push", "-q", "--tls-verify=false", image.removeprefix("sha256:")[:12], other.ref("a/b:v1"), check=True)
    media_type, text = fetch(other, "v1")
    assert media_type == OCI_MANIFEST and json.loads(text)["config"]["digest"] == image
    builder.sampan("rmi", name, check=True)


@pytest.mark.parametrize("form", ["oci-archive", "oci-dir"])
def test_an_oci_form_is_saved_with_all_platforms_and_is_pushed_from_there(builder, other, tmp_path, form):
    name = "localhost/save-index:v1"
    builder.run(TEXT, FILES, *BOTH, "--provenance=true", "-t", name, check=True)
    builder.sampan("save", "-q", "--format", form, "-o", tmp_path / "saved", name, check=True)
    source = ("oci-archive" if form == "oci-archive" else "oci") + f":{tmp_path / 'saved'}"
    builder.sampan("copy", "-q", "--all", "--dest-tls-verify=false", f"{source}:{name}", other.ref("a/b:v1"), check=True)
    index, _ = index_of(other)
    assert platforms(index) == [HERE, FOREIGN, "unknown", "unknown"]
    judge(other, tmp_path)
    builder.sampan("save", "-q", "--format", form, "--platform", FOREIGN, "-o", tmp_path / "one", name, check=True)
    builder.sampan("copy", "-q", "--all", "--dest-tls-verify=false", source.replace("/saved", "/one"), other.ref("a/b:v2"), check=True)
    media_type, text = fetch(other, "v2")
    assert media_type == OCI_MANIFEST
    assert json.loads(blob(other, json.loads(text)["config"]["digest"]))["architecture"] == FOREIGN
    builder.sampan("rmi", name, check=True)


def test_dockers_form_gets_this_machines_image_and_says_so(builder, tmp_path):
    name = "localhost/save-docker:v1"
    builder.run(TEXT, FILES, *BOTH, "-t", name, check=True)
    done = builder.sampan("save", "-o", tmp_path / "saved", name, check=True)
    assert f"{name}: docker's form has no indexes: the image that the name runs as is saved (--format oci-archive has all 2)\n" in done.stderr
    with tarfile.open(tmp_path / "saved") as archive:
        entry, = json.load(archive.extractfile("manifest.json"))
        assert entry["RepoTags"] == [name]
        assert json.load(archive.extractfile(entry["Config"]))["architecture"] == HERE
    builder.sampan("rmi", name, check=True)


# --- what was pulled ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("docker", [False, True])
def test_an_index_that_is_there_whole_goes_as_it_came(sampan, registry, other, pair, docker):
    index = Index([image_of(child.platform["architecture"], docker=docker) for child in pair], docker=docker)
    ref = pulled(sampan, registry, f"index/whole{int(docker)}", index)
    sampan("tag", ref, "mine:v1", check=True)
    for name in (ref, "mine:v1"):
        done = sampan("push", name, other.ref("a/b:v1"), check=True)
        assert fetch(other, "v1") == (DOCKER_LIST if docker else OCI_INDEX, index.text)
        assert done.stdout == f"v1: digest: {index.digest} size: {len(index.text)}\n"
        assert "packed anew" not in done.stderr and "alone" not in done.stderr
    for child in index.children:
        assert fetch(other, child.digest)[1] == child.text


def test_a_list_of_dockers_becomes_an_index_for_zstd(sampan, registry, other, pair, tmp_path):
    index = Index([image_of(child.platform["architecture"], docker=True) for child in pair], docker=True)
    ref = pulled(sampan, registry, "index/docker", index)
    sampan("push", "-q", "--compression-format", "gzip", "--compression-level", "9", ref, other.ref("a/b:v1"), check=True)
    media_type, text = fetch(other, "v1")
    assert media_type == DOCKER_LIST and text != index.text
    sampan("push", "-q", "--compression-format", "zstd", ref, other.ref("a/b:v1"), check=True)
    assert platforms(index_of(other)[0]) == [HERE, FOREIGN]
    judge(other, tmp_path)


def test_of_an_index_that_was_pulled_for_this_machine_one_image_goes_and_that_is_said(sampan, registry, other, pair):
    ref = registry.push("index/one", "v1", Index(pair))
    sampan("pull", "-q", ref, check=True)
    done = sampan("push", ref, other.ref("a/b:v1"), check=True)
    assert fetch(other, "v1") == (OCI_MANIFEST, pair[0].text)
    assert (f"{ref}: the store has one image of the index that it came with, which goes alone (sampan copy --all brings all of them over)\n"
            in done.stderr)
    done = sampan("push", "--platform", f"linux/{FOREIGN}", ref, other.ref("a/b:v1"))
    assert done.returncode == 1
    assert f"the store does not have linux/{FOREIGN} of '{ref}' (sampan pull --platform, or sampan copy)" in done.stderr


def test_of_an_index_of_which_several_images_are_there_and_others_not_none_goes_unasked(sampan, registry, other, pair, tmp_path):
    index = Index([*pair, image_of("s390x"), image_of("riscv64")])
    ref = registry.push("index/some", "v1", index)
    pull_children(sampan, registry, "index/some", pair)
    sampan("pull", "-q", ref, check=True)
    text = f"'{ref}' is an index, and the store lacks linux/s390x, linux/riscv64 of it (name what shall go with --platform)"
    for done in (sampan("push", ref, other.ref("a/b:v1")), sampan("save", "--format", "oci-archive", "-o", tmp_path / "saved", ref)):
        assert done.returncode == 1 and text in done.stderr
    assert other.request("GET", "/v2/a/b/manifests/v1", headers={"Accept": ACCEPT})[0] == 404 and not (tmp_path / "saved").exists()
    sampan("push", "-q", "--platform", FOREIGN, ref, other.ref("a/b:v1"), check=True)
    assert fetch(other, "v1")[1] == pair[1].text
    assert sampan("save", "-o", tmp_path / "docker", ref, check=True).stderr.count("indexes") == 0  # there is no other form that has all
    with tarfile.open(tmp_path / "docker") as archive:
        entry, = json.load(archive.extractfile("manifest.json"))
        assert json.load(archive.extractfile(entry["Config"]))["architecture"] == HERE


def test_an_attestation_that_was_not_pulled_is_missed(sampan, registry, other, pair):
    attestation = Image([Layer([file("said")])], architecture="unknown", os_name="unknown")
    entry = attestation.descriptor(platform={"architecture": "unknown", "os": "unknown"},
                                   annotations={"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": pair[0].digest})
    ref = registry.push("index/attested", "v1", attestation)
    ref = pulled(sampan, registry, "index/attested", Index(pair, extra=[entry]))
    done = sampan("push", ref, other.ref("a/b:v1"))
    assert done.returncode == 1
    assert f"'{ref}' is an index, and the store lacks attestation {attestation.digest} of it (name what shall go with --platform)" in done.stderr


def test_a_digest_asks_for_what_it_is_of(sampan, registry, other, pair):
    index = Index(pair)
    pulled(sampan, registry, "index/digest", index)
    repository = registry.ref("index/digest")
    sampan("push", "-q", f"{repository}@{index.digest}", other.ref("a/b:v1"), check=True)
    assert fetch(other, "v1") == (OCI_INDEX, index.text)
    sampan("push", "-q", f"{repository}@{pair[1].digest}", other.ref("a/b:v2"), check=True)
    assert fetch(other, "v2") == (OCI_MANIFEST, pair[1].text)


def test_all_tags_go_with_all_that_they_stand_for(sampan, registry, other, pair):
    index = Index(pair)
    ref = pulled(sampan, registry, "index/tags", index)
    sampan("tag", ref, other.ref("a/b:whole"), check=True)
    sampan("tag", f"{registry.ref('index/tags')}@{pair[1].digest}", other.ref("a/b:one"), check=True)
    sampan("push", "-q", "--all-tags", other.ref("a/b"), check=True)
    assert fetch(other, "whole") == (OCI_INDEX, index.text)
    assert fetch(other, "one") == (OCI_MANIFEST, pair[1].text)


def test_an_index_cannot_say_where_its_images_come_from(sampan, registry, other, pair, tmp_path):
    layout = write_layout(tmp_path / "secret", {"x": image_of(HERE)})
    index = Index(pair, extra=[])
    for entry in index.value["manifests"]:
        entry["annotations"] = {"org.sampan.list.source": f"oci:{layout}"}
    index.text = json.dumps(index.value).encode()
    index.digest = sha256(index.text)
    ref = pulled(sampan, registry, "index/hostile", index)
    sampan("push", "-q", ref, other.ref("a/b:v1"), check=True)
    assert fetch(other, "v1")[1] == index.text
    sampan("push", "-q", "--compression-format", "zstd", ref, other.ref("a/b:v1"), check=True)
    assert platforms(index_of(other)[0]) == [HERE, FOREIGN] and b"org.sampan" not in fetch(other, "v1")[1]


# --- lists, and what is refused -------------------------------------------------------------------------------------------


def test_a_list_is_pushed_and_saved_by_its_name(sampan, other, pair, tmp_path):
    for name, image in zip(["here", "foreign"], pair):
        sampan("load", "-q", "-i", write_layout(tmp_path / name, {"x": image}), check=True)
    sampan("manifest", "create", "localhost/multi:v1", "localhost/here:x", "localhost/foreign:x", check=True)
    sampan("push", "-q", "localhost/multi:v1", other.ref("a/b:v1"), check=True)
    assert [entry["digest"] for entry in index_of(other)[0]["manifests"]] == [image.digest for image in pair]
    sampan("save", "-q", "--format", "oci-dir", "-o", tmp_path / "saved", "localhost/multi:v1", check=True)
    sampan("copy", "-q", "--all", f"oci:{tmp_path / 'saved'}", other.ref("a/b:v2"), check=True)
    assert fetch(other, "v2") == fetch(other, "v1")
    done = sampan("push", "--platform", HERE, "localhost/multi:v1", other.ref("a/b:v1"))
    assert done.returncode == 1 and "'localhost/multi:v1' is a list, of which all goes" in done.stderr
    done = sampan("save", "-o", tmp_path / "docker", "localhost/multi:v1")
    assert done.returncode == 1 and "docker's form of images has no indexes" in done.stderr


def test_a_list_that_is_damaged_is_not_said_to_be_missing(sampan, other, pair, tmp_path):
    sampan("load", "-q", "-i", write_layout(tmp_path / "here", {"x": pair[0]}), check=True)
    sampan("manifest", "create", "localhost/multi:v1", "localhost/here:x", check=True)
    path, = (sampan.root / "lists").iterdir()
    path.write_text("nonsense", encoding="ascii")
    done = sampan("push", "localhost/multi:v1", other.ref("a/b:v1"))
    assert done.returncode == 1 and "manifest list 'localhost/multi:v1': " in done.stderr and "no such image" not in done.stderr


def test_a_push_by_a_short_name_is_an_event_under_the_name_that_it_goes_to(sampan, other, pair, tmp_path):
    sampan("load", "-q", "-i", write_layout(tmp_path / "here", {"x": pair[0]}), check=True)
    (tmp_path / "registries.conf").write_text('[aliases]\n"my/tool"="localhost/here"\n', encoding="ascii")
    sampan("push", "-q", "my/tool:x", other.ref("a/b:v1"), check=True, env={"CONTAINERS_REGISTRIES_CONF": str(tmp_path / "registries.conf")})
    events = [json.loads(line) for line in sampan("events", "--stream=false", "--format", "json", check=True).stdout.splitlines()]
    assert [event["Actor"]["ID"] for event in events if event["Action"] == "push"] == [other.ref("a/b:v1")]


def test_a_platform_is_one_that_the_image_has(sampan, other, pair, tmp_path):
    sampan("load", "-q", "-i", write_layout(tmp_path / "here", {"x": pair[0]}), check=True)
    sampan("push", "-q", "--platform", HERE, "localhost/here:x", other.ref("a/b:v1"), check=True)
    assert fetch(other, "v1")[1] == pair[0].text
    for command in (["push"], ["save", "-o", tmp_path / "saved"]):
        done = sampan(*command, "--platform", FOREIGN, "localhost/here:x")
        assert done.returncode == 1 and f"'localhost/here:x' is an image for linux/{HERE} alone" in done.stderr
        done = sampan(*command, "--platform", "a/b/c/d", "localhost/here:x")
        assert done.returncode == 125 and "a/b/c/d" in done.stderr
