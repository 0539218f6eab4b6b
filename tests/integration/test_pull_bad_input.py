# SPDX-License-Identifier: Apache-2.0
"""Registries and images that lie. Each time: one clear line, exit code 1, the store as it was, and the next good pull succeeds."""
import gzip
import io
import json
import os
import subprocess
import tarfile
import threading
import time

import pytest
from image_fixture import (OCI_INDEX, Document, Image, Index, Layer, directory, file, foreign_architecture, hardlink,
                           machine_architecture, root, sha256, symlink, tar, write_docker_archive, write_layout)
from registry_fixture import LyingRegistry

SLOW = float(os.environ.get("SAMPAN_SLOW", "1"))
pytestmark = pytest.mark.root


@pytest.fixture(name="liar")
def liar_fixture():
    with LyingRegistry() as server:
        yield server


def small_layer(text=b"good"):
    return Layer([root(), directory("etc"), file("etc/motd", text)])


def snapshot(store):
    """All that the store holds: names and what they are bound to, layers, blobs, staging."""
    found = {}
    for folder, folders, files in os.walk(store):
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), store)] = "directory"
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path) and os.path.isfile(path):
                with open(path, "rb") as content:
                    found[os.path.relpath(path, store)] = content.read()
    return found


class Case:
    """A store with one good image in it, against which a bad pull is held."""

    def __init__(self, sampan, liar):
        self.sampan, self.liar = sampan, liar
        liar.add("before", Image([small_layer(b"before")]))
        sampan("pull", liar.ref("app:before"), check=True)
        self.before = snapshot(sampan.root)

    def refused(self, *arguments, message):
        """The pull fails with exactly this line, and nothing else has happened."""
        done = self.sampan("pull", *arguments)
        errors = [line for line in done.stderr.splitlines() if line.startswith("sampan: ")]
        assert errors == [f"sampan: {message}"], done.stderr
        assert done.stderr.endswith(errors[0] + "\n")
        assert done.returncode == 1
        assert snapshot(self.sampan.root) == self.before

    def good_pull_succeeds(self):
        self.liar.hooks.clear()
        self.liar.add("after", Image([small_layer(b"after")]))
        self.sampan("pull", self.liar.ref("app:after"), check=True)
        names = os.listdir(self.sampan.root / "names")
        assert len(names) == 2
        assert os.listdir(self.sampan.root / "staging") == []


@pytest.fixture(name="case")
def case_fixture(sampan, liar):
    case = Case(sampan, liar)
    yield case
    case.good_pull_succeeds()


def bad_image(case, layers, **more):
    image = Image(layers, **more)
    case.liar.add("bad", image)
    return case.liar.ref("app:bad"), image


# --- content that does not match its digest ------------------------------------------------------------


def test_a_layer_whose_digest_in_the_manifest_is_wrong(case):
    layer = small_layer()
    right, layer.digest = layer.digest, sha256(b"other")
    ref, _ = bad_image(case, [layer])
    case.refused(ref, message=f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: its content has digest {right}")


def test_a_manifest_that_is_not_what_its_digest_says(case):
    image = Image([small_layer()])
    case.liar.add("bad", image)
    wrong = sha256(b"wanted")
    case.liar.manifests[wrong] = (image.media_type, image.text)
    ref = case.liar.ref(f"app@{wrong}")
    case.refused(ref, message=f"cannot pull '{ref}': the manifest: its content has digest {image.digest}")


def test_a_manifest_that_is_not_what_the_index_says(case):
    image, other = Image([small_layer()]), Image([small_layer(b"evil")])
    case.liar.add("bad", Index([image]))
    padded = other.text + b" " * (len(image.text) - len(other.text))
    case.liar.manifests[image.digest] = (image.media_type, padded)
    ref = case.liar.ref("app:bad")
    case.refused(ref, message=f"cannot pull '{ref}': manifest {image.digest}: its content has digest {sha256(padded)}")


def test_a_config_that_is_not_what_the_manifest_says(case):
    ref, image = bad_image(case, [small_layer()])
    digest = sha256(image.config)
    evil = image.config.replace(b"2026", b"1999")
    case.liar.blobs[digest] = evil
    case.refused(ref, message=f"cannot pull '{ref}': config {digest}: its content has digest {sha256(evil)}")


def test_a_layer_that_ends_early_on_every_try(case):
    layer = Layer([root(), file("big", os.urandom(100000))])

    def truncate(handler):
        if layer.digest not in handler.path:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(layer.size))
        handler.end_headers()
        handler.wfile.write(layer.blob[:50000])
        handler.close_connection = True
        return True

    case.liar.hooks.append(truncate)
    ref, _ = bad_image(case, [layer])
    case.refused(ref, message=f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: registry '{case.liar.host}': transfer "
                              f"closed with {layer.size - 50000} bytes remaining to read")
    assert len([path for path in case.liar.paths() if layer.digest in path]) == 3


def test_a_layer_that_is_shorter_than_the_manifest_says(case):
    layer = small_layer()
    ref, _ = bad_image(case, [layer])
    case.liar.blobs[layer.digest] = layer.blob[:-7]
    case.refused(ref, message=f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: it has {layer.size - 7} bytes where the "
                              f"manifest says {layer.size}")


def test_a_layer_that_is_longer_than_the_manifest_says(case):
    layer = small_layer()
    ref, _ = bad_image(case, [layer])
    case.liar.blobs[layer.digest] = layer.blob + b"x" * 1000000
    case.refused(ref, message=f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: it is larger than the {layer.size} bytes "
                              "that the manifest says")


def test_a_size_in_the_manifest_that_is_a_lie(case):
    layer = small_layer()
    size = layer.size
    layer.size += 1
    ref, _ = bad_image(case, [layer])
    case.refused(ref, message=f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: it has {size} bytes where the manifest says "
                              f"{size + 1}")


def test_a_diff_id_that_is_a_lie(case):
    layer = small_layer()
    lie = sha256(b"lie")
    ref, _ = bad_image(case, [layer], diff_ids=[lie])
    case.refused(ref, message=f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: layer content has digest "
                              f"{layer.diff_id}, expected {lie}")


def test_one_bad_layer_among_good_ones_leaves_nothing_of_any(case):
    bad = Layer([root(), file("bad", b"bad")])
    ref, _ = bad_image(case, [Layer([root(), file(f"f{i}", os.urandom(50000))]) for i in range(5)] + [bad])
    case.liar.blobs[bad.digest] = b"\0" * bad.size
    case.refused(ref, message=f"cannot pull '{ref}': layer 6 of 6, {bad.digest}: its content has digest "
                              f"{sha256(bytes(bad.size))}")


# --- tars that want out ----------------------------------------------------------------------------------


UP = "../" * 12


@pytest.mark.parametrize("members", [
    lambda outside: [file(UP + outside[1:], b"out")],
    lambda outside: [directory("a"), file("a/" + UP + outside[1:], b"out")],
    lambda outside: [hardlink("shadow", UP + "etc/shadow")],
], ids=["dot-dot", "dot-dot in the middle", "hard link"])
def test_a_tar_that_climbs_out_is_refused(case, tmp_path, members):
    layer = Layer([root(), *members(str(tmp_path / "outside"))])
    name = layer_member_name(layer)
    ref, _ = bad_image(case, [layer])
    case.refused(ref, message=f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: entry '{name}' climbs out of the layer")
    assert not (tmp_path / "outside").exists()


def layer_member_name(layer):
    with tarfile.open(fileobj=io.BytesIO(layer.content)) as archive:
        return archive.getnames()[-1]


@pytest.mark.parametrize("target", [str, lambda outside: UP + str(outside)[1:]], ids=["absolute", "relative"])
def test_a_tar_that_climbs_through_a_symlink(case, tmp_path, target):
    outside = tmp_path / "outside"
    outside.mkdir()
    layer = Layer([root(), symlink("link", target(outside)), file("link/x", b"out")])
    ref, _ = bad_image(case, [layer])
    case.refused(ref, message=f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: "
                              "entry 'link/x' goes through a symlink that leads out of the layer")
    assert list(outside.iterdir()) == []


def test_a_tar_with_absolute_names_lands_inside(case, tmp_path):
    """Real images have such (kaniko's, distroless java): docs/adr/0005. They mean the container's own root."""
    outside = tmp_path / "outside"
    ref, _ = bad_image(case, [Layer([root(), file(str(outside), b"in"), symlink("var/run", "/run"), directory("run"),
                                     file("var/run/alias", b"run")])])
    case.sampan("pull", ref, check=True)
    assert not outside.exists()
    landed, = (case.sampan.root / "layers").glob(f"*/tree{outside}")
    assert landed.read_bytes() == b"in"
    alias, = (case.sampan.root / "layers").glob("*/tree/run/alias")
    assert alias.read_bytes() == b"run"
    case.sampan("rmi", ref, check=True)
    assert snapshot(case.sampan.root) == case.before


def test_a_layer_that_is_no_tar(case):
    layer = Layer(content=b"this is no tar archive" * 1000)
    ref, _ = bad_image(case, [layer])
    case.refused(ref, message=f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: malformed tar: Unrecognized archive format")


def test_a_gzip_stream_that_is_damaged(case):
    layer = Layer([root(), file("big", os.urandom(100000))])
    damaged = bytearray(layer.blob)
    damaged[len(damaged) // 2] ^= 0xFF
    layer.blob = bytes(damaged)
    layer.digest = sha256(layer.blob)
    ref, _ = bad_image(case, [layer])
    case.refused(ref, message=f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: malformed gzip: wrong checksum")


# --- platforms -------------------------------------------------------------------------------------------


def test_an_index_without_this_platform(case):
    case.liar.add("bad", Index([Image([small_layer()], architecture="s390x"), Image([small_layer()], architecture="ppc64le")]))
    ref = case.liar.ref("app:bad")
    done = case.sampan("pull", ref)
    assert done.returncode == 1
    assert done.stderr.startswith(f"sampan: cannot pull '{ref}': no image for linux/{machine_architecture()}")
    assert done.stderr.endswith("; there is: linux/s390x, linux/ppc64le\n")
    assert snapshot(case.sampan.root) == case.before


def test_a_single_manifest_of_a_foreign_platform(case):
    there = foreign_architecture()
    ref, _ = bad_image(case, [small_layer()], architecture=there)
    case.refused(ref, message=f"image '{ref}' is for linux/{there}, this machine runs linux/{machine_architecture()} "
                              f"(use --platform linux/{there} to pull it all the same)")
    case.refused("--platform", "linux/riscv64", ref,
                 message=f"image '{ref}' is for linux/{there}, not for linux/riscv64 as --platform asks")


# --- documents -------------------------------------------------------------------------------------------


def test_indexes_nested_too_deep(case):
    top = Image([small_layer()])
    for _ in range(5):
        top = Index([top])
    case.liar.add("bad", top)
    ref = case.liar.ref("app:bad")
    case.refused(ref, message=f"cannot pull '{ref}': indexes nested deeper than 4")


def test_a_manifest_larger_than_any_registry_takes(case):
    case.liar.manifests["bad"] = (OCI_INDEX, b" " * (5 << 20))
    ref = case.liar.ref("app:bad")
    case.refused(ref, message=f"cannot pull '{ref}': the manifest: document is larger than {4 << 20} bytes")


def test_a_body_without_end_is_cut_off(case):
    def endless(handler):
        if "/manifests/" not in handler.path:
            return False
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    case.liar.hooks.append(endless)
    ref = case.liar.ref("app:bad")
    case.refused(ref, message=f"cannot pull '{ref}': the manifest: document is larger than {4 << 20} bytes")


def serve_bad(case, text, media_type="application/vnd.oci.image.manifest.v1+json"):
    case.liar.manifests["bad"] = (media_type, text)
    return case.liar.ref("app:bad")


def test_a_manifest_of_100_megabytes(case):
    ref = serve_bad(case, b'{"schemaVersion":2,"x":"' + b"x" * (100 << 20) + b'"}')
    case.refused(ref, message=f"cannot pull '{ref}': the manifest: document is larger than {4 << 20} bytes")


@pytest.mark.parametrize("text, message", [
    (b"[" * 100000, "json is nested deeper than 16 levels"),
    (b'{"a":' * 100000, "json is nested deeper than 16 levels"),
    (b'{"schemaVersion":2,"schemaVersion":2}', "json has the key 'schemaVersion' twice in one object"),
    (b'{"schemaVersion":2', "json is malformed behind byte 18: "),
    (b"\xff\xfe", "json is malformed behind byte 0: "),
    (b"", "json is malformed behind byte 0: "),
], ids=["arrays", "objects", "twice", "cut", "bytes", "empty"])
def test_json_that_is_deep_double_or_broken(case, text, message):
    ref = serve_bad(case, text)
    done = case.sampan("pull", ref)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"sampan: cannot pull '{ref}': the manifest: {message}"), done.stderr
    assert snapshot(case.sampan.root) == case.before


@pytest.mark.parametrize("digest, message", [
    ("sha256:" + "A" * 64, "bad digest"), ("sha256:" + "a" * 63, "bad digest"), ("sha256:../../etc/passwd", "bad digest"),
    ("sha256", "bad digest"), ("", "bad digest"), ("md5:" + "a" * 32, "md5"),
    ("sha256:" + "a" * 64 + "\\n\\u001b[2J\\u009b", "aa??[2J??'"),
], ids=["upper case", "short", "path", "algorithm alone", "empty", "md5", "escape sequences"])
def test_digests_that_are_none(case, digest, message):
    image = Image([small_layer()])
    ref = serve_bad(case, image.text.replace(image.layers[0].digest.encode(), digest.encode()))
    done = case.sampan("pull", ref)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"sampan: cannot pull '{ref}': manifest sha256:") and "layers[0].digest: " in last, last
    assert message in last, last
    assert snapshot(case.sampan.root) == case.before


def test_an_index_that_names_itself_is_no_loop(case):
    """No document can hold its own digest; a registry that serves the same index under every digest lies, and that shows."""
    image = Image([small_layer()])
    index = Index([image])
    case.liar.manifests["bad"] = case.liar.manifests[image.digest] = (index.media_type, index.text)
    ref = case.liar.ref("app:bad")
    done = case.sampan("pull", ref)
    assert done.returncode == 1
    assert f"sampan: cannot pull '{ref}': manifest {image.digest}: it has {len(index.text)} bytes where its descriptor says " \
        f"{len(image.text)}\n" in done.stderr, done.stderr
    assert snapshot(case.sampan.root) == case.before


def test_a_manifest_with_more_layers_than_the_config(case):
    ref, _ = bad_image(case, [small_layer(b"1"), small_layer(b"2")], diff_ids=[small_layer(b"1").diff_id])
    case.refused(ref, message=f"cannot pull '{ref}': the manifest has 2 layers where the config has 1")


def test_an_artifact_that_is_no_image(case):
    image = Image([small_layer()])
    image.value["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    chart = Document(image.value)
    chart.layers, chart.config = image.layers, image.config
    case.liar.manifests["bad"] = (chart.media_type, chart.text)
    case.liar.blobs.update(image.blobs())
    ref = case.liar.ref("app:bad")
    case.refused(ref, message=f"cannot pull '{ref}': it is no container image: its config is of type "
                              "'application/vnd.cncf.helm.config.v1+json'")


def test_a_docker_archive_that_lacks_what_it_names(case, tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(tar([file("manifest.json", json.dumps(
        [{"Config": "../../etc/shadow", "RepoTags": ["x:1"], "Layers": []}]).encode())]))
    case.refused(f"docker-archive:{path}", message=f"'{path}': image '../../etc/shadow': the archive has no 'etc/shadow'")


def test_an_archive_with_links_to_host_files(case, tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(tar([symlink("index.json", "/etc/shadow"), hardlink("manifest.json", "/etc/passwd")]))
    case.refused(f"oci-archive:{path}", message=f"'{path}': the archive has no 'index.json'")
    case.refused(f"docker-archive:{path}", message=f"'{path}': manifest.json: the archive has no 'manifest.json'")


def test_an_archive_with_a_link_to_itself(case, tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(tar([symlink("index.json", "index.json")]))
    case.refused(f"oci-archive:{path}", message=f"'{path}': 'index.json' in the archive: too many links")


def test_a_layout_with_links_to_host_files(case, tmp_path):
    layout = write_layout(tmp_path / "layout", {"v1": Image([small_layer()])})
    (layout / "index.json").unlink()
    (layout / "index.json").symlink_to("/etc/passwd")
    done = case.sampan("pull", f"oci:{layout}")
    assert done.returncode == 1
    assert done.stderr.endswith("no such file or directory\n"), done.stderr
    assert snapshot(case.sampan.root) == case.before


def test_a_docker_archive_whose_layer_is_not_the_configs(case, tmp_path):
    image = Image([small_layer()])
    image.layers[0].content = small_layer(b"evil").content
    path = write_docker_archive(tmp_path / "x.tar", {"x:1": image})
    diff_id = image.layers[0].diff_id
    case.refused(f"docker-archive:{path}",
                 message=f"cannot pull '{path}': layer 1 of 1, {diff_id}: its content has digest "
                         f"{small_layer(b'evil').diff_id}")


# --- the machine -----------------------------------------------------------------------------------------


@pytest.fixture(name="small_disk")
def small_disk_fixture(tmp_path):
    """An ext4 of 16 MB in a file."""
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    folder.mkdir()
    with open(image, "wb") as disk:
        disk.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("where, options", [("while downloading", ["--keep-blobs"]), ("while unpacking", ["--keep-blobs"]),
                                            ("while both", [])])
def test_a_full_disk(sampan, liar, small_disk, where, options):
    store = small_disk / "store"
    liar.add("before", Image([small_layer(b"before")]))
    program = type(sampan)(sampan.argv[0], "--root", store, "--state-dir", sampan.state_dir)
    program("pull", liar.ref("app:before"), check=True)
    before = snapshot(store)
    content = os.urandom(24 << 20) if where != "while unpacking" else bytes(range(256)) * (24 << 12)
    layer = Layer([root(), file("big", content)])
    liar.add("bad", Image([layer]))
    ref = liar.ref("app:bad")
    done = program("pull", "--check-space=false", *options, ref)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (f"sampan: cannot pull '{ref}': no space left on the file system of '{store}' (free "
                                            "some, for example with sampan rmi)")
    assert snapshot(store) == before
    liar.add("after", Image([small_layer(b"after")]))
    program("pull", liar.ref("app:after"), check=True)


@pytest.mark.parametrize("delay_ms", [0, 40, 120])
def test_sigkill_in_mid_pull(case, delay_ms):
    """The staging directory is all that a killed pull leaves, and the next one takes it away."""
    layers = [Layer([root(), *(file(f"{i}/{n}", os.urandom(2000)) for n in range(300))]) for i in range(4)]
    asked = threading.Event()

    def slow(handler):
        if "/blobs/" in handler.path and layers[3].digest in handler.path:
            asked.set()
            time.sleep(0.2)
        return False

    case.liar.hooks.append(slow)
    ref, _ = bad_image(case, layers)
    process = case.sampan.popen("pull", ref)
    assert asked.wait(20 * SLOW)
    time.sleep(delay_ms / 1000)
    process.kill()
    process.wait()
    left = {path: content for path, content in snapshot(case.sampan.root).items() if not path.startswith("staging/")}
    assert left == case.before


def test_sigkill_leaves_garbage_that_the_next_pull_removes(case):
    layer = Layer([root(), file("big", os.urandom(1 << 20))])
    arrived = threading.Event()

    def stall(handler):
        if layer.digest in handler.path:
            arrived.set()
            time.sleep(1)
        return False

    case.liar.hooks.append(stall)
    ref, _ = bad_image(case, [layer])
    process = case.sampan.popen("pull", ref)
    assert arrived.wait(20 * SLOW)
    process.kill()
    process.wait()
    assert len(os.listdir(case.sampan.root / "staging")) == 1


def test_a_gzip_bomb_is_stopped_by_its_diff_id_or_the_disk_and_not_by_memory(case):
    """1 GB of zeros in 1 MB: memory stays small while it is hashed, and the diff ID tells."""
    member = io.BytesIO()
    with tarfile.open(fileobj=member, mode="w") as archive:
        info = tarfile.TarInfo("zeros")
        info.size = 256 << 20
        header = info.tobuf()
    layer = Layer(content=b"")
    layer.blob = gzip.compress(header, 1) + gzip.compress(bytes(256 << 20), 1)
    layer.digest, layer.size = sha256(layer.blob), len(layer.blob)
    layer.diff_id = sha256(b"lie")
    ref, _ = bad_image(case, [layer])
    before = os.times().children_user
    done = case.sampan("pull", ref)
    assert done.returncode == 1
    assert f"layer 1 of 1, {layer.digest}: " in done.stderr.splitlines()[-1] and (
        "layer content has digest sha256:" in done.stderr or "no space left on the file system of " in done.stderr), done.stderr
    assert os.times().children_user - before < 10 * SLOW
    assert snapshot(case.sampan.root) == case.before
