# SPDX-License-Identifier: Apache-2.0
"""sampan manifest: lists of images of the store, and of files."""
import gzip
import json
import os
import subprocess

import pytest
from image_fixture import (OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Document, Image, Index, Layer, directory, file, foreign_architecture, machine_architecture, root, sha256,
                           write_docker_archive, write_layout, write_oci_archive)
from registry_fixture import LyingRegistry, Registry

pytestmark = pytest.mark.root
LIST = "localhost/multi:v1"
HERE, FOREIGN = machine_architecture(), foreign_architecture()


def id_of(image):
    return sha256(image.config)


def image_of(architecture, **more):
    layers = [Layer([root(), directory("etc"), file("etc/arch", architecture.encode())]), Layer([file("etc/random", os.urandom(5000))])]
    return Image(layers, architecture=architecture, **more)


@pytest.fixture(name="other")
def other_fixture(tmp_path):
    with Registry(tmp_path / "other") as registry:
        yield registry


@pytest.fixture(name="pair")
def pair_fixture():
    return [image_of(HERE), image_of(FOREIGN)]


@pytest.fixture(name="stored")
def stored_fixture(sampan, tmp_path, pair):
    """Names of two images of the store, which no registry has; their layers are unpacked and dropped."""
    names = ["app:here", "app:foreign"]
    for name, image in zip(names, pair):
        archive = write_layout(tmp_path / name.replace(":", "-"), {"x": image})
        sampan("load", "-q", "-i", archive, check=True)
        sampan("tag", id_of(image), name, check=True)
        sampan("rmi", f"localhost/{archive.name}:x", check=True)
    assert not any(path.stat().st_size > 4000 for path in (sampan.root / "blobs/sha256").iterdir())
    return names


def entries_of(sampan, name=LIST):
    return json.loads(sampan("manifest", "inspect", name, check=True).stdout)["manifests"]


def pushed(sampan, other, *options):
    """What the registry has after a push of the list."""
    done = sampan("manifest", "push", *options, LIST, other.ref("a/b:v1"), check=True)
    _, headers, text = other.request("GET", "/v2/a/b/manifests/v1", headers={"Accept": OCI_INDEX})
    assert f"Digest: {headers['Docker-Content-Digest']}\n" == done.stdout
    return json.loads(text)["manifests"], done.stderr


def platforms(entries):
    return [entry["platform"]["architecture"] for entry in entries]


def judge(other, tmp_path):
    judged = subprocess.run(["skopeo", "copy", "-q", "--all", "--src-tls-verify=false", f"docker://{other.ref('a/b:v1')}",
                             f"oci:{tmp_path}/judge:x"], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stderr


def test_images_of_the_store_go_with_a_list_under_their_own_digests(sampan, other, pair, stored, tmp_path):
    sampan("manifest", "create", LIST, stored[0], check=True)
    sampan("manifest", "add", LIST, id_of(pair[1])[7:19], check=True)
    assert [(entry["digest"], entry["size"]) for entry in entries_of(sampan)] == [(image.digest, len(image.text)) for image in pair]
    entries, _ = pushed(sampan, other, "--all")
    assert [entry["digest"] for entry in entries] == [image.digest for image in pair]
    assert platforms(entries) == [HERE, FOREIGN] and all("annotations" not in entry for entry in entries)
    judge(other, tmp_path)
    assert other.request("GET", "/v2/a/b/tags/list")[2] == b'{"name":"a/b","tags":["v1"]}\n'
    sampan("pull", "-q", "--platform", f"linux/{FOREIGN}", other.ref("a/b:v1"), check=True)
    assert json.loads(sampan("inspect", other.ref("a/b:v1"), check=True).stdout)[0]["Id"] == id_of(pair[1])


@pytest.mark.parametrize("spelling", ["containers-storage:app:here", "containers-storage:@ID"])
def test_the_store_can_be_named_as_podman_names_it(sampan, pair, stored, spelling):
    spelling = spelling.replace("ID", id_of(pair[0])[7:])
    sampan("manifest", "create", LIST, spelling, check=True)
    assert [entry["digest"] for entry in entries_of(sampan)] == [pair[0].digest]
    assert sampan("manifest", "inspect", spelling, check=True).stdout.encode() == pair[0].text + b"\n"
    done = sampan("pull", f"containers-storage:{stored[0]}")
    assert done.returncode == 1
    assert "images of the store are named without 'containers-storage:' (sampan push, sampan save)" in done.stderr


def test_a_plain_name_is_the_image_that_is_here_and_docker_asks_the_registry(sampan, registry, pair):
    ref = registry.push("manifest/moving", "v1", pair[0])
    sampan("pull", "-q", ref, check=True)
    registry.push("manifest/moving", "v1", image_of(HERE))
    sampan("manifest", "create", LIST, ref, check=True)
    assert [entry["digest"] for entry in entries_of(sampan)] == [pair[0].digest]
    sampan("manifest", "add", LIST, f"docker://{ref}", check=True)
    assert len(entries_of(sampan)) == 2


def test_all_of_an_index_of_which_one_image_is_here_come_from_its_registry(sampan, registry, pair):
    ref = registry.push("manifest/all", "v1", Index(pair))
    sampan("pull", "-q", ref, check=True)
    sampan("manifest", "create", LIST, ref, check=True)
    assert platforms(entries_of(sampan)) == [HERE]
    sampan("manifest", "create", "--amend", "--all", LIST, ref, check=True)
    assert sorted(platforms(entries_of(sampan))) == sorted([HERE, FOREIGN])


def test_a_layer_that_cannot_be_made_again_changes_what_the_list_says(sampan, other, stored, tmp_path):
    twice = Image([Layer([root(), file("twice", b"first"), file("twice", b"the second")])], architecture="s390x")
    sampan("load", "-q", "-i", write_layout(tmp_path / "twice", {"x": twice}), check=True)
    sampan("manifest", "create", LIST, "localhost/twice:x", stored[0], check=True)
    entries, stderr = pushed(sampan, other)
    assert "a tar made anew of its files" in stderr
    assert entries[0]["digest"] != twice.digest and platforms(entries) == ["s390x", HERE]
    assert entries[0]["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    judge(other, tmp_path)


def test_an_image_is_found_again_under_another_name_but_not_when_it_is_gone(sampan, other, pair, stored):
    sampan("manifest", "create", LIST, stored[0], check=True)
    sampan("tag", stored[0], "kept:v1", check=True)
    sampan("tag", stored[1], stored[0], check=True)
    entries, _ = pushed(sampan, other)
    assert [entry["digest"] for entry in entries] == [pair[0].digest]
    sampan("rmi", "kept:v1", check=True)
    done = sampan("manifest", "push", LIST, other.ref("a/b:v2"))
    assert done.returncode == 1
    assert done.stderr == (f"sampan: cannot push manifest list '{LIST}': manifest {pair[0].digest}: image "
                           "'docker.io/library/app:here', as it was added, is no longer in the store\n")
    assert other.request("GET", "/v2/a/b/manifests/v2")[0] == 404


def test_what_is_committed_goes_into_a_list(sampan, other, stored, tmp_path):
    sampan("create", "--name", "mine", stored[0], "/none", check=True)
    (tmp_path / "new").write_bytes(os.urandom(5000))
    sampan("cp", "-q", tmp_path / "new", "mine:/etc/new", check=True)
    sampan("commit", "mine", "mine:v1", check=True)
    sampan("manifest", "create", LIST, "mine:v1", check=True)
    entries, stderr = pushed(sampan, other)
    assert platforms(entries) == [HERE] and "anew" not in stderr


@pytest.mark.parametrize("kind", ["docker-archive", "oci-archive", "oci"])
def test_images_of_files_go_with_a_list_from_wherever_it_is_pushed(sampan, other, pair, tmp_path, kind):
    place = tmp_path / "with:colon"
    place.mkdir()
    if kind == "docker-archive":
        write_docker_archive(place / "x", {"a:v1": pair[0], "b:v1": pair[1]})
    elif kind == "oci":
        write_layout(place / "x", {"a:v1": pair[0], "b:v1": pair[1]})
    else:
        write_oci_archive(place / "x", {"a:v1": pair[0], "b:v1": pair[1]}, tmp_path / "layout")
    sampan("manifest", "create", LIST, f"{kind}:x:a:v1", f"{kind}:x:b:v1", check=True, cwd=place)
    assert platforms(entries_of(sampan)) == [HERE, FOREIGN]
    entries, _ = pushed(sampan, other)
    if kind != "docker-archive":
        assert entries == entries_of(sampan)
        assert [entry["digest"] for entry in entries] == [image.digest for image in pair]
    judge(other, tmp_path)
    sampan("pull", "-q", "--platform", f"linux/{FOREIGN}", other.ref("a/b:v1"), check=True)
    assert json.loads(sampan("inspect", other.ref("a/b:v1"), check=True).stdout)[0]["Id"] == id_of(pair[1])


def gzipped_contents(other, digest):
    """What the layers of a manifest in a/b have in them, all of which must be gzip by name and by content."""
    _, _, text = other.request("GET", f"/v2/a/b/manifests/{digest}", headers={"Accept": OCI_MANIFEST})
    layers = json.loads(text)["layers"]
    assert [layer["mediaType"] for layer in layers] == [OCI_LAYER + "+gzip"] * len(layers)
    return [gzip.decompress(other.request("GET", f"/v2/a/b/blobs/{layer['digest']}")[2]) for layer in layers]


def test_tars_of_a_docker_archive_are_compressed_on_their_way(sampan, other, pair, tmp_path):
    archive = write_docker_archive(tmp_path / "x", {"a:v1": pair[0], "b:v1": pair[1]})
    sampan("manifest", "create", LIST, f"docker-archive:{archive}:a:v1", f"docker-archive:{archive}:b:v1", check=True)
    was = entries_of(sampan)
    entries, _ = pushed(sampan, other)
    assert [entry["platform"] for entry in entries] == [entry["platform"] for entry in was]
    for before, entry, image in zip(was, entries, pair):
        assert entry["digest"] != before["digest"]
        assert gzipped_contents(other, entry["digest"]) == [layer.content for layer in image.layers]
    assert pushed(sampan, other)[0] == entries
    judge(other, tmp_path)


def test_an_index_in_a_layout_is_taken_apart(sampan, other, pair, tmp_path):
    layout = write_layout(tmp_path / "layout", {"v1": Index(pair)})
    sampan("manifest", "create", LIST, f"oci:{layout}", check=True)
    assert platforms(entries_of(sampan)) == [HERE]
    sampan("manifest", "add", "--all", LIST, f"oci:{layout}:v1", check=True)
    entries, _ = pushed(sampan, other)
    assert sorted(entry["digest"] for entry in entries) == sorted(image.digest for image in pair)
    assert sampan("manifest", "inspect", f"oci:{layout}", check=True).stdout.encode() == Index(pair).text + b"\n"


def test_an_index_cannot_say_where_its_images_are_to_be_taken_from(sampan, other, pair, stored):
    """Else who adds somebody's index would push an image of her own store, or a file, that it has chosen."""
    index = Index([image_of(HERE)])
    index.value["manifests"][0].update(digest=pair[0].digest, size=len(pair[0].text), annotations={
        "org.sampan.list.source": f"containers-storage:docker.io/library/{stored[0]}"})
    sly = Document(index.value)
    with LyingRegistry() as liar:
        liar.manifests["v1"] = (index.media_type, sly.text)
        sampan("manifest", "create", LIST, liar.ref("app:v1"), check=True)
        done = sampan("manifest", "push", LIST, other.ref("a/b:v1"))
    assert done.returncode == 1 and f"cannot push manifest list '{LIST}': manifest {pair[0].digest}: " in done.stderr, done.stderr
    assert "manifest unknown" in done.stderr
    assert other.request("GET", "/v2/a/b/tags/list")[0] == 404


def test_a_file_that_is_gone_or_is_another_is_not_pushed(sampan, other, pair, tmp_path):
    archive = write_oci_archive(tmp_path / "x.tar", {None: pair[0]}, tmp_path / "first")
    sampan("manifest", "create", LIST, f"oci-archive:{archive}", check=True)
    write_oci_archive(archive, {None: pair[1]}, tmp_path / "second")
    done = sampan("manifest", "push", LIST, other.ref("a/b:v1"))
    where = f"sampan: cannot push manifest list '{LIST}': manifest {pair[0].digest}: "
    assert (done.returncode, done.stderr) == (
        1, f"{where}manifest {pair[0].digest}: the archive has no 'blobs/sha256/{pair[0].digest[7:]}'\n")
    archive.unlink()
    done = sampan("manifest", "push", LIST, other.ref("a/b:v1"))
    assert (done.returncode, done.stderr) == (1, f"{where}cannot open archive '{archive}': no such file or directory\n")
    assert other.request("GET", "/v2/a/b/manifests/v1")[0] == 404


def test_a_layout_that_lies_about_a_manifest_gives_the_list_nothing(sampan, pair, tmp_path):
    layout = write_layout(tmp_path / "layout", {None: pair[0]})
    (layout / "blobs/sha256" / pair[0].digest[7:]).write_bytes(pair[1].text.ljust(len(pair[0].text))[:len(pair[0].text)])
    done = sampan("manifest", "create", LIST, f"oci:{layout}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"sampan: cannot add 'oci:{layout}': manifest {pair[0].digest}: its content has digest sha256:")
    assert sampan("manifest", "rm", LIST).returncode == 1


@pytest.mark.parametrize("argument, text", [
    ("oci:/none", "cannot add 'oci:/none': cannot open OCI layout '/none': no such file or directory"),
    ("oci-archive:/none", "cannot add 'oci-archive:/none': cannot open archive '/none': no such file or directory"),
    ("containers-storage:none", "cannot add 'containers-storage:none': no such image: none"),
    ("containers-storage:", "cannot add 'containers-storage:': "),
    ("docker-archive:", "cannot add 'docker-archive:': "),
])
def test_what_cannot_be_added_is_said(sampan, argument, text):
    done = sampan("manifest", "create", LIST, argument)
    assert done.returncode == 1 and done.stderr.startswith(f"sampan: {text}"), done.stderr


def test_a_name_that_is_nowhere_is_said_to_be_in_no_registry(sampan):
    with LyingRegistry() as liar:
        done = sampan("manifest", "create", LIST, liar.ref("none:v1"))
        assert done.returncode == 1 and done.stderr.startswith(f"sampan: cannot add '{liar.ref('none:v1')}': "), done.stderr
        assert liar.paths()
