# SPDX-License-Identifier: Apache-2.0
"""sampan fsck: damage is found by checksums, and what is damaged is fetched again, and nothing else."""
import json
import os
import time

import pytest
from busybox_fixture import busybox_layer
from conftest import SLOW
from image_fixture import Image, Layer, directory, file, machine_architecture, root, symlink, write_layout
from registry_fixture import LyingRegistry

pytestmark = pytest.mark.root


def three_layers():
    return Image([
        Layer([root(), directory("etc"), file("etc/base", b"base"), file("etc/other", b"o" * 100000)]),
        Layer([directory("etc"), file("etc/middle", b"middle"), symlink("etc/link", "base")]),
        Layer([file("etc/implied", b"its directory is taken from below")]),
    ])


@pytest.fixture(name="pulled")
def pulled_fixture(sampan, registry):
    """(reference, trees base first) of an image in the store."""
    ref = registry.push("fsck/three", "v1", three_layers())
    sampan("pull", "-q", ref, check=True)
    return ref, trees(sampan)


def trees(sampan):
    (name,) = os.listdir(sampan.root / "names")
    record = json.loads((sampan.root / "names" / name).read_text(encoding="utf-8"))
    return [sampan.root / "layers" / key / "tree" for key in record["layers"]]


def record_of(sampan):
    (name,) = os.listdir(sampan.root / "names")
    return sampan.root / "names" / name


def damage(sampan, *args, code=1):
    """[(type, path or name, problem, repaired)] as --format json tells."""
    done = sampan("fsck", "--format", "json", *args)
    assert done.returncode == code, done.stderr
    value = json.loads(done.stdout)
    assert value["Clean"] == (code == 0)
    return [(d["Type"], d.get("Path", d["Name"]), d["Problem"], d["Repaired"]) for d in value["Damage"]]


def assert_clean(sampan):
    done = sampan("fsck")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(": clean\n")


def test_an_empty_store_is_clean(sampan):
    assert sampan("fsck", check=True).stdout == \
        "checked 0 layers (0 files, 0B), 0 blobs, 0 images, 0 containers: clean\n"


def test_a_store_after_a_pull_is_clean_and_everything_was_looked_at(sampan, pulled):
    assert pulled
    done = sampan("fsck", check=True)
    assert done.stdout == "checked 3 layers (11 files, 100kB), 2 blobs, 1 images, 0 containers: clean\n"
    assert sampan("fsck", "-q", check=True).stdout == ""


def test_damaged_files_are_found_each_by_its_kind(sampan, pulled):
    base, middle, _ = pulled[1]
    (base / "etc/base").write_bytes(b"bAse")
    os.truncate(base / "etc/other", 7)
    (middle / "etc/middle").write_bytes(bytes(6))
    (middle / "etc/link").unlink()
    done = sampan("fsck")
    assert done.returncode == 1
    lines = sorted(line.split(": ", 1)[1] for line in done.stdout.splitlines()[:-1])
    assert lines == ["etc/base: altered", "etc/link: missing", "etc/middle: zeroed", "etc/other: truncated"]
    assert done.stdout.endswith("4 damaged (sampan fsck --repair fetches them again)\n")


def test_repair_fetches_only_the_damaged_layer(sampan):
    with LyingRegistry() as server:
        image = three_layers()
        server.add("v1", image)
        sampan("pull", "-q", "--tls-verify=false", server.ref("fsck/lone:v1"), check=True)
        base, middle, top = trees(sampan)
        inode = base.stat().st_ino
        (middle / "etc/middle").write_bytes(bytes(6))
        server.requests.clear()
        assert damage(sampan, "--repair", "--tls-verify=false", code=0) == \
            [("layer", "etc/middle", "zeroed", True)]
        fetched = [path.rsplit("/", 1)[1] for path in server.paths() if "/blobs/" in path]
        assert fetched == [image.layers[1].digest]
    assert (middle / "etc/middle").read_bytes() == b"middle"
    assert base.stat().st_ino == inode
    assert (top / "etc/implied").exists()
    assert os.listdir(sampan.root / "staging") == []
    assert_clean(sampan)


def test_repair_says_what_it_did(sampan, pulled):
    (pulled[1][0] / "etc/base").unlink()
    done = sampan("fsck", "--repair", "--tls-verify=false")
    assert (done.returncode, done.stderr) == (0, "")
    assert "etc/base: missing (repaired)\n" in done.stdout
    assert done.stdout.endswith("1 damaged, 0 left\n")


def test_a_layer_with_implied_directories_is_repaired_as_it_was(sampan, pulled):
    base, _, top = pulled[1]
    os.chmod(base / "etc", 0o711)
    (top / "etc/implied").write_bytes(b"")
    assert ("layer", "etc/implied", "truncated", True) in damage(sampan, "--repair", "--tls-verify=false", code=0)
    assert (top / "etc").stat().st_mode & 0o7777 == 0o755
    assert_clean(sampan)


def test_damaged_checksums_and_metadata_are_repaired(sampan, pulled):
    base, middle, _ = pulled[1]
    (base.parent / "files.sum").write_bytes(b"")
    (middle.parent / "meta.json").write_bytes(b"")
    found = damage(sampan)
    assert sorted(problem for _, _, problem, _ in found) == ["'files.sum' is truncated", "'meta.json' is damaged"]
    damage(sampan, "--repair", "--tls-verify=false", code=0)
    assert_clean(sampan)


@pytest.mark.parametrize("how, problem", [("gone", "missing"), ("cut", "damaged"), ("flipped", "damaged")])
def test_damage_to_what_makes_the_tar_again_is_found_and_repaired(sampan, pulled, scratch, how, problem):
    split = pulled[1][0].parent / "tar-split"
    before = split.read_bytes()
    if how == "gone":
        split.unlink()
    else:
        split.write_bytes(before[:-1] if how == "cut" else before[:40] + bytes([before[40] ^ 1]) + before[41:])
    assert damage(sampan) == [("layer", split.parent.name, f"'tar-split' is {problem}", False)]
    assert damage(sampan, "--repair", "--tls-verify=false", code=0) == [("layer", split.parent.name, f"'tar-split' is {problem}", True)]
    assert split.read_bytes() == before
    sampan("save", "--format", "oci-dir", "-o", scratch / "saved", pulled[0], check=True)
    assert_clean(sampan)


def test_a_layer_of_a_version_that_kept_no_checksum_of_its_tar_is_clean(sampan, pulled):
    meta = pulled[1][0].parent / "meta.json"
    value = json.loads(meta.read_text(encoding="utf-8"))
    assert len(value.pop("tarSplit")) == 32
    meta.write_text(json.dumps(value), encoding="utf-8")
    assert_clean(sampan)


def test_a_layer_that_a_running_container_uses_is_repaired_after_its_end(sampan, scratch):
    """Its overlay must not lose the layer that it is made of."""
    image = Image([busybox_layer(machine_architecture()), Layer([file("word", b"intact")])], cmd=["sleep", "1000"])
    layout = write_layout(scratch / "used", {None: image})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    container = sampan.popen("run", "--name", "user", "localhost/used")
    deadline = time.monotonic() + 20 * SLOW
    while not sampan("ps", "-q", check=True).stdout:
        assert container.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    key = trees(sampan)[1].parent.name
    inode = trees(sampan)[1].stat().st_ino
    (trees(sampan)[1] / "word").write_bytes(b"broken")
    done = sampan("fsck", "--repair", "--from", f"oci:{layout}")
    assert done.returncode == 1
    assert f"layer {key[:12]}: word: altered (not repaired)\n" in done.stdout
    assert done.stdout.endswith("1 damaged, 1 left\n")
    assert "container 'user' runs on it (stop it first)" in done.stderr
    assert trees(sampan)[1].stat().st_ino == inode
    assert os.listdir(sampan.root / "staging") == []
    assert container.poll() is None
    sampan("rm", "-f", "user", check=True)
    container.wait(20 * SLOW)
    assert damage(sampan, "--repair", "--from", f"oci:{layout}", code=0) == [("layer", "word", "altered", True)]
    assert (trees(sampan)[1] / "word").read_bytes() == b"intact"
    assert_clean(sampan)


def test_damaged_documents_are_repaired(sampan, pulled):
    record = json.loads(record_of(sampan).read_text(encoding="utf-8"))
    (sampan.root / "blobs" / record["manifest"].replace(":", "/")).write_bytes(b"")
    config = sampan.root / "blobs" / record["config"].replace(":", "/")
    config.write_bytes(config.read_bytes()[:-1] + b" ")
    assert sorted(damage(sampan)) == sorted([("blob", record["manifest"], "truncated", False),
                                             ("blob", record["config"], "altered", False)])
    damage(sampan, "--repair", "--tls-verify=false", code=0)
    assert_clean(sampan)


def test_a_damaged_image_record_is_pulled_again(sampan, pulled):
    record_of(sampan).write_bytes(b"")
    found = damage(sampan)
    assert [(kind, name) for kind, name, _, _ in found] == [("image", pulled[0])]
    assert "is damaged (pull the image again, or remove the file)" in found[0][2]
    damage(sampan, "--repair", "--tls-verify=false", code=0)
    assert sampan("images", "-q", check=True).stdout.count("\n") == 1


def test_a_layer_that_is_gone_is_fetched_again(sampan, pulled):
    layer = pulled[1][1].parent
    os.rename(layer, sampan.root / "staging" / "away")
    assert damage(sampan) == [("layer", layer.name, "missing", False)]
    damage(sampan, "--repair", "--tls-verify=false", code=0)
    assert_clean(sampan)


def test_repair_may_fetch_from_a_file(sampan, scratch):
    layout = write_layout(scratch / "offline", {None: three_layers()})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    (trees(sampan)[0] / "etc/base").write_bytes(b"bAse")
    done = sampan("fsck", "--repair", "--from", f"oci:{layout}")
    assert (done.returncode, done.stderr) == (0, "")
    assert_clean(sampan)


def test_what_cannot_be_repaired_is_told_and_left(sampan, scratch):
    layout = write_layout(scratch / "offline", {None: three_layers()})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    (trees(sampan)[0] / "etc/base").write_bytes(b"bAse")
    done = sampan("fsck", "--repair", "--from", f"oci:{scratch}/nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("sampan: image 'localhost/offline:latest': ")
    assert done.stderr.endswith("nowhere': no such file or directory\n")
    assert "etc/base: altered (not repaired)\n" in done.stdout
    assert done.stdout.endswith("1 damaged, 1 left\n")


def test_a_damaged_layer_that_nothing_needs_goes(sampan, pulled):
    (pulled[1][0] / "etc/base").write_bytes(b"bAse")
    record_of(sampan).unlink()
    assert damage(sampan, "--repair", code=0) == [("layer", "etc/base", "altered", True)]
    assert os.listdir(sampan.root / "layers") == []


def test_torn_blobs_that_nothing_needs_are_no_damage(sampan, pulled):
    assert pulled
    (sampan.root / "blobs/sha256" / ("0" * 64)).write_bytes(b"")
    assert_clean(sampan)


def test_a_store_of_another_version_is_not_checked(sampan):
    sampan("images", check=True)
    (sampan.root / "version").write_text("9\n", encoding="ascii")
    done = sampan("fsck")
    assert done.returncode == 125
    assert "it is of version 9, and this program knows version 1 only" in done.stderr
