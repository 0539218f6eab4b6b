# SPDX-License-Identifier: Apache-2.0
"""sampan copy from and to containers-storage:, which is sampan's own store; skopeo is the judge of what it makes."""
import fcntl
import json
import os
import signal
import subprocess
import tarfile
import termios

import pytest
from container_fixture import wait_for
from image_fixture import (OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Image, Index, Layer, file, foreign_architecture, machine_architecture, root, sha256, write_layout)
from registry_fixture import Registry

pytestmark = pytest.mark.root
HERE, FOREIGN = machine_architecture(), foreign_architecture()
BOTH = ["--platform", f"linux/{HERE},linux/{FOREIGN}"]
TEXT = "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /x\n"
FILES = {HERE: "mine", FOREIGN: "other"}
STORE = "containers-storage:"


@pytest.fixture(name="other")
def other_fixture(tmp_path):
    with Registry(tmp_path / "other") as registry:
        yield registry


@pytest.fixture(name="stored")
def stored_fixture(sampan, tmp_path):
    """An image of the store by the name app:v1."""
    image = image_of()
    sampan("load", "-q", "-i", write_layout(tmp_path / "loaded", {"x": image}), check=True)
    sampan("tag", "localhost/loaded:x", "app:v1", check=True)
    return image


@pytest.fixture(name="multi", scope="module")
def multi_fixture(builder):
    """The name of what was built for two platforms, with attestations."""
    name = "localhost/multi:v1"
    builder.run(TEXT, FILES, *BOTH, "--provenance=true", "-t", name, check=True)
    return name


def image_of(architecture=HERE):
    return Image([Layer([root(), file("etc/random", os.urandom(3000))])], architecture=architecture)


def fetch(registry, reference="v1"):
    """(media type, document, digest) of a manifest or an index."""
    status, headers, text = registry.request("GET", f"/v2/a/b/manifests/{reference}", headers={"Accept": f"{OCI_INDEX}, {OCI_MANIFEST}"})
    assert status == 200, text
    return headers["Content-Type"], json.loads(text), sha256(text)


def judge(place, tmp_path):
    """skopeo copies only what is there whole."""
    judged = subprocess.run(["skopeo", "copy", "-q", "--all", "--src-tls-verify=false", place, f"oci:{tmp_path}/judge:x"], capture_output=True, text=True,
                            check=False)
    assert judged.returncode == 0, judged.stderr


# --- out of it --------------------------------------------------------------------------------------------------------


def test_a_copy_out_of_the_store_is_an_event(sampan, other, stored, tmp_path):
    sampan("copy", STORE + "app:v1", f"docker://{other.ref('a/b:v1')}", check=True)
    sampan("copy", STORE + "app:v1", f"oci:{tmp_path}/out:v1", check=True)
    shown = sampan("events", "--since", "1m", "--until", "0s", "--filter", "type=image", "--format", "{{.Action}} {{.Actor.Attributes.name}}", check=True).stdout
    assert shown.splitlines()[-2:] == [f"push {other.ref('a/b')}", "save app:v1"]


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_a_copy_into_a_pipe_that_nobody_reads_is_stopped(sampan, tmp_path, kind):
    image = Image([Layer([root(), file("random", os.urandom(1 << 20))])], architecture=HERE)
    layout = write_layout(tmp_path / "large", {"x": image})
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    process = sampan.popen("copy", "-q", f"oci:{layout}", f"{kind}:{tmp_path}/fifo")
    wait_for(lambda: fcntl.ioctl(reader, termios.FIONREAD, bytes(4)) != bytes(4), "the first bytes")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[1] == "sampan: interrupted\n"
    assert process.returncode == 130
    os.close(reader)


@pytest.mark.parametrize("spelling", ["app:v1", "@ID", "ID"])
def test_an_image_of_the_store_goes_to_a_registry_under_its_own_digest(sampan, other, stored, tmp_path, spelling):
    spelling = spelling.replace("ID", sha256(stored.config)[7:19])
    done = sampan("copy", "--digestfile", tmp_path / "digest", STORE + spelling, f"docker://{other.ref('a/b:v1')}", check=True)
    assert done.stdout == f"Digest: {stored.digest}\n" and (tmp_path / "digest").read_text() == stored.digest
    assert fetch(other)[2] == stored.digest
    judge(f"docker://{other.ref('a/b:v1')}", tmp_path)


def test_it_goes_into_files_under_a_tag_or_a_reference(sampan, stored, tmp_path):
    for number, (kind, name) in enumerate([("oci", "tag"), ("oci-archive", "tag"), ("oci-archive", "quay.io/a/b:v1"), ("docker-archive", "quay.io/a/b:v1")]):
        place = f"{kind}:{tmp_path}/{number}:{name}"
        done = sampan("copy", "-q", STORE + "app:v1", place, check=True)
        assert done.stdout == f"{stored.digest}\n"
        judge(place if name == "tag" or kind == "docker-archive" else f"{kind}:{tmp_path}/{number}", tmp_path)
    sampan("load", "-q", "-i", tmp_path / "2", check=True)
    assert json.loads(sampan("inspect", "quay.io/a/b:v1", check=True).stdout)[0]["Id"] == sha256(stored.config)
    with tarfile.open(tmp_path / "3") as archive:
        assert json.load(archive.extractfile("manifest.json"))[0]["RepoTags"] == ["quay.io/a/b:v1"]


def test_of_an_index_one_image_goes_or_with_all_all_of_it(builder, other, multi, tmp_path):
    done = builder.sampan("copy", "-q", "--dest-tls-verify=false", STORE + multi, other.ref("a/b:v1"), check=True)
    media_type, manifest, digest = fetch(other)
    assert (media_type, done.stdout) == (OCI_MANIFEST, f"{digest}\n")
    assert [layer["mediaType"] for layer in manifest["layers"]] == [OCI_LAYER + "+gzip"]
    builder.sampan("copy", "-q", "--dest-tls-verify=false", "--platform", FOREIGN, STORE + multi, other.ref("a/b:v2"), check=True)
    done = builder.sampan("copy", "-q", "--all", "--dest-tls-verify=false", STORE + multi, other.ref("a/b:v1"), check=True)
    media_type, index, is_digest = fetch(other)
    assert (media_type, done.stdout) == (OCI_INDEX, f"{is_digest}\n")
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == [HERE, FOREIGN, "unknown", "unknown"]
    assert [entry["digest"] for entry in index["manifests"][:2]] == [digest, fetch(other, "v2")[2]]
    judge(f"docker://{other.ref('a/b:v1')}", tmp_path)
    builder.sampan("copy", "-q", "--all", STORE + multi, f"oci:{tmp_path}/layout:x", check=True)
    judge(f"oci:{tmp_path}/layout:x", tmp_path)
    done = builder.sampan("copy", "--all", STORE + multi, f"docker-archive:{tmp_path}/d.tar")
    assert done.returncode == 1 and "a docker-archive holds images of one platform (leave --all out)" in done.stderr


def test_layers_go_as_asked_for(builder, other, multi):
    for options, suffix in (([], "+gzip"), (["--compression-format", "zstd"], "+zstd"), (["--preserve-digests"], "")):
        builder.sampan("copy", "-q", "--dest-tls-verify=false", *options, STORE + multi, other.ref("a/b:v1"), check=True)
        assert [layer["mediaType"] for layer in fetch(other)[1]["layers"]] == [OCI_LAYER + suffix]


def test_all_of_an_index_of_which_one_image_was_pulled_is_not_there(sampan, registry, other):
    ref = registry.push("store/index", "v1", Index([image_of(), image_of(FOREIGN)]))
    sampan("pull", "-q", ref, check=True)
    done = sampan("copy", "--all", STORE + ref, other.ref("a/b:v1"))
    assert done.returncode == 1
    assert f"the store has one image of the index of '{ref}' (leave --all out, or copy from its registry)" in done.stderr
    sampan("copy", "-q", STORE + ref, other.ref("a/b:v1"), check=True)


def test_of_an_index_of_which_some_images_are_there_one_goes_and_another_is_missed(sampan, registry, other, tmp_path):
    index = Index([image_of(), image_of(FOREIGN), image_of("s390x")])
    ref = registry.push("store/some", "v1", index)
    for child in index.children[:2]:
        sampan("pull", "-q", "--platform", child.platform["architecture"], f"{registry.ref('store/some')}@{child.digest}", check=True)
    sampan("pull", "-q", ref, check=True)
    for options, image in (([], index.children[0]), (["--platform", FOREIGN], index.children[1])):
        done = sampan("copy", "-q", *options, STORE + ref, other.ref("a/b:v1"), check=True)
        assert done.stdout == f"{image.digest}\n" and fetch(other)[2] == image.digest
    sampan("copy", "-q", STORE + ref, f"docker-archive:{tmp_path}/d.tar:quay.io/a/b:v1", check=True)
    done = sampan("copy", "--platform", "s390x", STORE + ref, other.ref("a/b:v2"))
    assert done.returncode == 1 and f"the store does not have linux/s390x of '{ref}' (sampan pull --platform, or sampan copy)" in done.stderr
    assert "no such image" not in done.stderr
    done = sampan("copy", "--all", STORE + ref, other.ref("a/b:v2"))
    assert done.returncode == 1 and f"'{ref}' is an index, and the store lacks linux/s390x of it" in done.stderr


def test_a_list_goes_with_all(sampan, other, stored):
    sampan("manifest", "create", "localhost/list:v1", "app:v1", check=True)
    done = sampan("copy", STORE + "localhost/list:v1", other.ref("a/b:v1"))
    assert done.returncode == 1 and "'localhost/list:v1' is a list, of which all goes (--all)" in done.stderr
    sampan("copy", "-q", "--all", STORE + "localhost/list:v1", other.ref("a/b:v1"), check=True)
    assert [entry["digest"] for entry in fetch(other)[1]["manifests"]] == [stored.digest]


# --- into it ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["registry", "oci", "docker-archive"])
def test_an_image_comes_into_the_store_under_the_name_that_was_given(sampan, registry, tmp_path, kind):
    image = image_of()
    source = registry.push("store/into", "v1", image)
    if kind != "registry":
        sampan("copy", "-q", source, f"{kind}:{tmp_path}/file:quay.io/its/own:name", check=True)
        source = f"{kind}:{tmp_path}/file:quay.io/its/own:name"
    done = sampan("copy", source, STORE + "mine", check=True)
    found, = json.loads(sampan("inspect", "mine:latest", check=True).stdout)
    assert found["Id"] == sha256(image.config) and found["RepoTags"] == ["mine:latest"]
    assert kind == "docker-archive" or done.stdout == f"Digest: {image.digest}\n"


def test_of_an_index_the_image_for_a_platform_comes(sampan, registry):
    images = [image_of(), image_of(FOREIGN)]
    ref = registry.push("store/platform", "v1", Index(images))
    sampan("copy", "-q", "--platform", FOREIGN, ref, STORE + "localhost/theirs:v1", check=True)
    assert json.loads(sampan("inspect", "localhost/theirs:v1", check=True).stdout)[0]["Id"] == sha256(images[1].config)


@pytest.mark.parametrize("arguments, text", [
    ([STORE + "none", "oci:x"], "no such image: none (this is sampan's own store; of podman's: podman save none | sampan load)"),
    ([STORE + "a", STORE + "b"], "an image of the store gets another name with sampan tag"),
    (["--all", "a", STORE + "b"], "the store takes one image of an index (--platform)"),
    (["--compression-format", "zstd", "a", STORE + "b"], "layers in the store are not compressed"),
    (["a", STORE + f"b@sha256:{'0' * 64}"], "an image gets a name with a tag in the store, not a digest"),
    (["a", STORE + "B"], "invalid reference 'B'"),
    (["a", STORE + "@0123456789ab"], "an image gets a name in the store, not an ID"),
    (["docker-daemon:a:v1", "oci:x"], "images of a docker daemon come and go by way of a file (docker save NAME | sampan load, sampan save NAME | docker load)"),
    (["a", "docker-daemon:a:v1"], "images of a docker daemon come and go by way of a file"),
])
def test_what_is_refused(sampan, tmp_path, arguments, text):
    done = subprocess.run([*sampan.argv, "copy", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, env=sampan.env)
    assert done.returncode == 1 and text in done.stderr
    assert not (tmp_path / "x" / "index.json").exists()


def test_a_digest_is_no_place_to_copy_to(sampan, other, stored):
    done = sampan("copy", STORE + "app:v1", other.ref(f"a/b@{stored.digest}"))
    assert done.returncode == 1 and "a push goes to a tag, not to a digest" in done.stderr
