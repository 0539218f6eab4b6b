# SPDX-License-Identifier: Apache-2.0
"""sampan save and load: archives that skopeo and podman read, and theirs."""
import gzip
import json
import os
import subprocess
import tarfile
import tempfile

import pytest
from image_fixture import (Image, Index, Layer, directory, file, foreign_architecture, machine_architecture, root, sha256,
                           write_docker_archive, write_layout, write_oci_archive)

pytestmark = pytest.mark.root


def small_image(name, text=b"hello", **more):
    return Image([Layer([root(), directory("etc"), file("etc/motd", text)]), Layer([root(), file(name, os.urandom(9000))])],
                 cmd=["/bin/sh"], **more)


@pytest.fixture(name="pulled")
def pulled_fixture(sampan, registry):
    """Two images of one layer in common, under short names."""
    refs = []
    for name in ("one", "two"):
        ref = registry.push("save/" + name, "v1", small_image(name))
        sampan("pull", "-q", ref, check=True)
        refs.append(ref)
    return refs


def skopeo(*arguments):
    done = subprocess.run(["skopeo", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(sampan):
    return sorted(row["Repository"] + ":" + row["Tag"]
                  for row in json.loads(sampan("images", "--format", "json", check=True).stdout))


def contents(sampan):
    """Of all layers in the store: the files' bytes, by path."""
    return sorted((str(path).split("/tree/")[1], path.read_bytes())
                  for path in (sampan.root / "layers").glob("*/tree/**/*") if path.is_file())


# --- round trips -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "oci-dir"])
def test_what_was_saved_is_loaded_again_with_all_its_names(sampan, pulled, tmp_path, form):
    before = contents(sampan)
    sampan("save", "--format", form, "-o", tmp_path / "saved", *pulled, check=True)
    sampan("rmi", *pulled, check=True)
    assert names(sampan) == []
    done = sampan("load", "-i", tmp_path / "saved", check=True)
    assert done.stdout == "".join(f"Loaded image: {ref}\n" for ref in pulled)
    assert names(sampan) == sorted(pulled)
    assert contents(sampan) == before


def test_an_archive_goes_through_a_pipe_both_ways(sampan, pulled):
    archive = sampan("save", "-q", pulled[0], check=True, text=False).stdout
    sampan("rmi", *pulled, check=True)
    done = sampan("load", "-q", input=gzip.compress(archive), text=False, check=True)
    assert (done.stdout, done.stderr) == (f"Loaded image: {pulled[0]}\n".encode(), b"")
    assert os.listdir(sampan.root / "staging") == []


def test_the_same_images_make_the_same_archive(sampan, pulled, tmp_path):
    for name in ("a", "b"):
        sampan("save", "-o", tmp_path / name, *pulled, check=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_layer_that_two_images_share_is_in_the_archive_once(sampan, pulled, tmp_path):
    sampan("save", "-o", tmp_path / "a.tar", *pulled, check=True)
    with tarfile.open(tmp_path / "a.tar") as archive:
        members = archive.getnames()
        saved = json.load(archive.extractfile("manifest.json"))
    assert len(members) == len(set(members)) == 3 + 2 + 1  # layers, configs, manifest.json
    assert saved[0]["Layers"][0] == saved[1]["Layers"][0]
    assert [image["RepoTags"] for image in saved] == [[ref] for ref in pulled]


def test_an_image_that_is_named_by_its_id_is_saved_without_a_name(sampan, pulled, tmp_path):
    image_id = sampan("images", "-q", pulled[0], check=True).stdout.strip()
    sampan("save", "-o", tmp_path / "some-image.tar", image_id, check=True)
    with tarfile.open(tmp_path / "some-image.tar") as archive:
        assert json.load(archive.extractfile("manifest.json"))[0]["RepoTags"] == []
    sampan("rmi", *pulled, check=True)
    assert sampan("load", "-i", tmp_path / "some-image.tar", check=True).stdout == (
        "Loaded image: localhost/some-image:latest\n")


def test_the_manifest_that_was_pulled_is_saved(sampan, registry, tmp_path):
    image = small_image("three")
    ref = registry.push("save/three", "v3", image)
    sampan("pull", "-q", ref, check=True)
    done = sampan("save", "--format", "oci-archive", "-o", tmp_path / "a.tar", ref, check=True)
    assert " anew" not in done.stderr
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert json.load(archive.extractfile("index.json"))["manifests"][0]["digest"] == image.digest
    done = sampan("save", "-o", tmp_path / "d.tar", ref, check=True)
    assert " anew" not in done.stderr
    with tarfile.open(tmp_path / "d.tar") as archive:
        saved = json.load(archive.extractfile("manifest.json"))
    assert saved[0]["Layers"] == [f"{layer.diff_id[7:]}.tar" for layer in image.layers]


@pytest.mark.parametrize("form", ["oci-archive", "oci-dir", "docker-archive"])
def test_a_kept_blob_is_saved_unless_it_is_damaged(sampan, registry, tmp_path, form):
    image = small_image("kept")
    for layer in image.layers:
        layer.blob = subprocess.run(["gzip", "-n"], input=layer.content, stdout=subprocess.PIPE, check=True).stdout
        layer.digest, layer.size = sha256(layer.blob), len(layer.blob)
    image = Image(image.layers)
    ref = registry.push("save/kept", "v1", image)
    sampan("pull", "-q", "--keep-blobs", ref, check=True)
    sampan("save", "-q", "--format", form, "-o", tmp_path / "good", ref, check=True)
    if form == "oci-dir":
        index = json.loads((tmp_path / "good/index.json").read_text())
        assert index["manifests"][0]["digest"] == image.digest
    blob = sampan.root / "blobs/sha256" / image.layers[0].digest[7:]
    blob.write_bytes(blob.read_bytes()[:-9] + b"x" * 9)
    done = sampan("save", "-q", "--format", form, "-o", tmp_path / "bad", ref)
    assert done.returncode == 1
    assert f"layer {image.layers[0].digest}: " in done.stderr.splitlines()[-1]
    if form != "docker-archive":
        assert done.stderr.endswith(": its blob in the store is damaged (sampan fsck --repair)\n")


# --- other tools ---------------------------------------------------------------------------------------------------


def test_skopeo_reads_what_was_saved(sampan, pulled, tmp_path):
    sampan("save", "-o", tmp_path / "d.tar", pulled[0], check=True)
    sampan("save", "--format", "oci-archive", "-o", tmp_path / "o.tar", pulled[0], check=True)
    sampan("save", "--format", "oci-archive", "--compression-format", "zstd:7", "-o", tmp_path / "z.tar", pulled[0],
           check=True)
    # It checks all digests and diff IDs while it copies.
    for place in (f"docker-archive:{tmp_path}/d.tar", f"oci-archive:{tmp_path}/o.tar"):
        skopeo("copy", place, f"docker-archive:{tmp_path}/judge-{len(os.listdir(tmp_path))}.tar:a/b:c")
    skopeo("copy", f"oci-archive:{tmp_path}/z.tar:v1", f"dir:{tmp_path}/judge")
    manifest = json.loads(skopeo("inspect", "--raw", f"oci-archive:{tmp_path}/z.tar:v1"))
    assert {layer["mediaType"] for layer in manifest["layers"]} == {"application/vnd.oci.image.layer.v1.tar+zstd"}


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_podman_loads_what_was_saved(sampan, pulled, tmp_path, form):
    if subprocess.run(["which", "podman"], capture_output=True, check=False).returncode:
        pytest.skip("podman is not installed")
    sampan("save", "--format", form, "-o", tmp_path / "a.tar", pulled[0], check=True)
    with tempfile.TemporaryDirectory(prefix="spm") as folder:  # podman wants a short path
        done = subprocess.run(["podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs",
                               "load", "-q", "-i", tmp_path / "a.tar"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"Loaded image: {pulled[0]}"


@pytest.mark.parametrize("place", ["docker-archive:{0}/a.tar:some.where/name:tag", "oci-archive:{0}/a.tar:tag"])
def test_what_skopeo_has_saved_is_loaded(sampan, registry, tmp_path, place):
    ref = registry.push("save/three", "v1", small_image("three"))
    skopeo("copy", "--src-tls-verify=false", f"docker://{ref}", place.format(tmp_path))
    done = sampan("load", "-i", tmp_path / "a.tar", check=True)
    assert done.stdout == ("Loaded image: some.where/name:tag\n" if "docker" in place else "Loaded image: localhost/a:tag\n")


def test_all_images_of_an_archive_are_loaded_and_one_of_several_names_has_them_all(sampan, tmp_path):
    one, two = small_image("one"), small_image("two")
    path = write_docker_archive(tmp_path / "a.tar.gz", {"one:v1": one, "two:v2": two, "again:v3": one})
    done = sampan("load", "-i", path, check=True)
    assert sorted(done.stdout.splitlines()) == [f"Loaded image: {name}" for name in ("again:v3", "one:v1", "two:v2")]


def test_an_oci_archive_of_an_index_gives_this_machines_image(sampan, tmp_path):
    mine = small_image("one", b"mine")
    index = Index([small_image("one", b"other", architecture=foreign_architecture()), mine])
    path = write_oci_archive(tmp_path / "a.tar", {"v1": index}, tmp_path / "scratch")
    assert sampan("load", "-i", path, check=True).stdout == "Loaded image: localhost/a:v1\n"
    assert json.loads(sampan("inspect", "localhost/a:v1", check=True).stdout)[0]["Architecture"] == machine_architecture()


def test_an_image_for_another_platform_is_loaded_but_does_not_take_the_name_of_this_machines(sampan, tmp_path):
    mine = small_image("one", b"mine")
    other = small_image("one", b"other", architecture=foreign_architecture())
    path = write_docker_archive(tmp_path / "a.tar", {"other:v1": other})
    assert sampan("load", "-q", "-i", path, check=True).stdout == "Loaded image: other:v1\n"
    assert json.loads(sampan("inspect", "other:v1", check=True).stdout)[0]["Architecture"] == foreign_architecture()
    layout = write_layout(tmp_path / "layout", {"v1": mine})
    write_layout(layout, {"v2": other})
    index = {"schemaVersion": 2, "manifests": [
        image.descriptor(platform=image.platform, annotations={"org.opencontainers.image.ref.name": "v1"}) for image in (mine, other)]}
    (layout / "index.json").write_text(json.dumps(index))
    assert sampan("load", "-q", "-i", layout, check=True).stdout == "Loaded image: localhost/layout:v1\n"
    assert json.loads(sampan("inspect", "localhost/layout:v1", check=True).stdout)[0]["Architecture"] == machine_architecture()


def test_a_directory_and_a_name_with_a_colon_are_loaded(sampan, tmp_path):
    layout = write_layout(tmp_path / "layout", {"v1": small_image("one")})
    assert sampan("load", "-i", layout, check=True).stdout == "Loaded image: localhost/layout:v1\n"
    path = write_docker_archive(tmp_path / "a:b.tar", {"name:v1": small_image("one")})
    assert sampan("load", "-i", path, check=True).stdout == "Loaded image: name:v1\n"


# --- what does not go ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command, text", [
    ("save", "cannot write an archive to a terminal (use -o, or redirect the output)"),
    ("load", "cannot read an archive from a terminal (use -i, or redirect the input)"),
])
def test_a_terminal_is_no_place_for_an_archive(sampan, pulled, command, text):
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb"), os.fdopen(theirs, "r+b", buffering=0) as terminal:
        if command == "save":
            done = sampan("save", pulled[0], stdout=terminal)
        else:
            done = sampan("load", stdin=terminal)
    assert (done.returncode, done.stderr.strip()) == (1 if command == "save" else 125, f"sampan: {text}")


@pytest.mark.parametrize("arguments, code, text", [
    (["save", "-o", "x", "nothing:here"], 1, "no such image: nothing:here"),
    (["save", "--format", "zip", "a"], 125,
     "--format: unknown format 'zip' (there are docker-archive, oci-archive and oci-dir)"),
    (["save", "--format", "oci-dir", "a"], 125, "--format oci-dir needs --output"),
    (["save", "--compression-format", "zstd", "a"], 125,
     "the layers of a docker-archive are not compressed (compress the archive, or use --format oci-archive)"),
    (["load", "-i", "/nothing/here"], 1, "cannot load /nothing/here: cannot open '/nothing/here': no such file or directory"),
    (["load", "-i", "/etc/hostname"], 1, None),
])
def test_what_save_and_load_refuse(sampan, tmp_path, arguments, code, text):
    done = sampan(*arguments, cwd=tmp_path)
    assert done.returncode == code
    if text:
        assert done.stderr == f"sampan: {text}\n"
    else:
        assert done.stderr.startswith("sampan: cannot load /etc/hostname: "), done.stderr
    assert os.listdir(tmp_path) in ([], ["scratch"])


def test_a_tar_that_is_no_archive_of_images_is_refused(sampan, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add("/etc/hostname", "hostname")
    done = sampan("load", "-i", tmp_path / "a.tar")
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot load {tmp_path}/a.tar: it has neither docker's manifest.json nor an OCI layout's index.json\n")


def test_a_save_that_fails_leaves_the_old_file_alone(sampan, pulled, tmp_path):
    target = tmp_path / "a.tar"
    target.write_text("old")
    done = sampan("save", "-o", target, pulled[0], "nothing:here")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "sampan: no such image: nothing:here")
    assert target.read_text() == "old" and sorted(os.listdir(tmp_path))[0] == "a.tar" and len(os.listdir(tmp_path)) <= 2


def test_a_full_disk_is_told(sampan, pulled):
    done = sampan("save", "-q", "-o", "/dev/full", pulled[0])
    assert done.returncode == 1
    assert done.stderr == "sampan: cannot write the archive: no space left on device\n"


def test_a_damaged_layer_is_not_loaded(sampan, tmp_path):
    image = small_image("one")
    good = image.layers[1].content
    image.layers[1].content = good[:5000] + bytes([good[5000] ^ 1]) + good[5001:]
    path = write_docker_archive(tmp_path / "a.tar", {"name:v1": image})
    done = sampan("load", "-i", path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"sampan: cannot load {path}: cannot pull '{path}': layer 2 of 2, sha256:")
    assert names(sampan) == []
