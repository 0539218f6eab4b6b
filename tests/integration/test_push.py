# SPDX-License-Identifier: Apache-2.0
"""sampan push: what is sent, what is not, over bad lines and to picky registries; skopeo is the judge of what has arrived."""
import gzip
import io
import json
import os
import random
import re
import signal
import stat
import subprocess
import tarfile
import time

import pytest
from auth_fixture import basic, htpasswd_auth
from image_fixture import (DOCKER_MANIFEST, OCI_MANIFEST, Image, Layer, directory, file, hardlink, root, sha256, symlink,
                           whiteout)
from proxy_fixture import Proxy, cut, path_of
from registry_fixture import SLOW, LyingRegistry, Registry, answer, error

pytestmark = pytest.mark.root


def two_layers(size=300000, **more):
    return Image([Layer([root(), directory("etc"), file("etc/gone", b"old"), file("etc/motd", b"hello", mode=0o600, uid=7)]),
                  Layer([root(), directory("etc"), whiteout("etc/gone"), file("etc/big", os.urandom(size)),
                         hardlink("etc/again", "etc/big"), symlink("link", "etc/big"),
                         directory("etc/d", pax_headers={"SCHILY.xattr.user.colour": "red"})])], cmd=["/bin/sh"], **more)


@pytest.fixture(name="other")
def other_fixture(tmp_path):
    """A second registry, empty, that keeps a log of requests."""
    with Registry(tmp_path / "other", accesslog=True) as registry:
        yield registry


@pytest.fixture(name="proxy")
def proxy_fixture(other):
    with Proxy(other) as proxy:
        yield proxy


@pytest.fixture(name="pulled")
def pulled_fixture(sampan, registry):
    """The reference of an image of two layers in the store, pulled from the session's registry."""
    ref = registry.push("push/app", f"t{time.monotonic_ns()}", two_layers())
    sampan("pull", "-q", ref, check=True)
    return ref


def requests(registry, *methods):
    """(method, path) of what the registry's log has of these methods."""
    log = (registry.directory / "registry.log").read_text(errors="replace")
    found = re.findall(r'"(GET|HEAD|POST|PUT|PATCH|DELETE) (/v2/\S*) HTTP', log)
    return [(method, path) for method, path in found if method in methods]


def manifest_of(registry, repository, tag):
    status, headers, text = registry.request("GET", f"/v2/{repository}/manifests/{tag}",
                                             headers={"Accept": f"{OCI_MANIFEST}, {DOCKER_MANIFEST}"})
    assert status == 200, text
    return headers["Content-Type"], json.loads(text), sha256(text)


def tree(path):
    """What overlay users see of a store's image: name, type, mode, owner, contents."""
    found = {}
    for folder, directories, files in os.walk(path):
        for name in directories + files:
            full = os.path.join(folder, name)
            st = os.lstat(full)
            if os.path.islink(full):
                content = os.readlink(full)
            else:
                content = sha256(open(full, "rb").read()) if os.path.isfile(full) else st.st_rdev
            time_of = 0 if stat.S_ISCHR(st.st_mode) else st.st_mtime  # a whiteout's is of no interest
            found[os.path.relpath(full, path)] = (st.st_mode, st.st_uid, time_of, content, st.st_nlink)
    return found


def trees(sampan):
    return sorted((json.dumps(tree(path), default=repr, sort_keys=True) for path in (sampan.root / "layers").glob("*/tree")))


# --- what is sent, and what is not ---------------------------------------------------------------------------


def test_pushing_back_what_was_pulled_sends_nothing_and_keeps_the_digest(sampan, other):
    image = two_layers()
    ref = other.push("team/app", "v1", image)
    sampan("pull", "-q", ref, check=True)
    before = len(requests(other, "POST", "PUT", "PATCH"))
    done = sampan("push", ref, check=True)
    assert done.stdout == f"v1: digest: {image.digest} size: {len(image.text)}\n"
    assert done.stderr.splitlines()[0] == f"The push refers to repository [{other.host}/team/app]"
    assert done.stderr.count(": already there") == 2
    assert len(requests(other, "POST", "PUT", "PATCH")) == before


def test_another_repository_of_the_same_registry_takes_the_layers_over(sampan, other):
    image = two_layers()
    ref = other.push("team/app", "v1", image)
    sampan("pull", "-q", ref, check=True)
    before = len(requests(other, "PATCH", "PUT"))
    done = sampan("push", ref, other.ref("another/name:v2"), check=True)
    assert done.stdout == f"v2: digest: {image.digest} size: {len(image.text)}\n"
    assert done.stderr.count(": mounted") == 2
    assert [path.split("?")[0].rsplit("/", 1)[0] for _, path in requests(other, "PATCH", "PUT")[before:]] == [
        "/v2/another/name/blobs/uploads", "/v2/another/name/manifests"]  # the config, and the manifest
    assert manifest_of(other, "another/name", "v2")[2] == image.digest


def recompressed(layer, *command):
    """The same layer, compressed by another program."""
    layer.blob = subprocess.run(command, input=layer.content, stdout=subprocess.PIPE, check=True).stdout
    layer.digest, layer.size = sha256(layer.blob), len(layer.blob)
    return layer


def gnu_layers():
    """Two layers that GNU gzip has compressed: zlib does not make the same bytes."""
    return Image([recompressed(layer, "gzip", "-n", "-9") for layer in two_layers().layers], cmd=["/bin/sh"])


def pulled_from(sampan, registry, image, *arguments):
    ref = registry.push("push/other", f"t{time.monotonic_ns()}", image)
    sampan("pull", "-q", *arguments, ref, check=True)
    return ref


NOT_ZLIB = "it was not compressed by zlib, but by another program whose output cannot be redone"


@pytest.mark.parametrize("level", [1, 4, 6, 9])
@pytest.mark.parametrize("docker", [False, True])
def test_what_zlib_compressed_is_made_again_bit_for_bit(sampan, other, registry, level, docker):
    image = two_layers(docker=docker)
    for layer in image.layers:
        layer.blob = gzip.compress(layer.content, level)
        layer.digest, layer.size = sha256(layer.blob), len(layer.blob)
    image = Image(image.layers, cmd=["/bin/sh"], docker=docker)
    ref = pulled_from(sampan, registry, image)
    assert not list(sampan.root.glob(f"blobs/sha256/{image.layers[0].digest[7:]}"))
    done = sampan("push", ref, other.ref("new/app:v1"), check=True)
    assert done.stdout == f"v1: digest: {image.digest} size: {len(image.text)}\n"
    assert " anew" not in done.stderr
    assert manifest_of(other, "new/app", "v1")[2] == image.digest


def test_layers_that_were_not_compressed_are_made_again_bit_for_bit(sampan, other, registry):
    image = Image([Layer([root(), file("a", os.urandom(3000))], compression=None)])
    sampan("push", pulled_from(sampan, registry, image), other.ref("new/app:v1"), check=True)
    assert manifest_of(other, "new/app", "v1")[2] == image.digest


@pytest.mark.parametrize("command", [("gzip", "-n"), ("zstd", "-q", "-19")])
def test_kept_blobs_are_pushed_as_they_came(sampan, other, registry, command):
    image = Image([recompressed(layer, *command) for layer in two_layers().layers])
    if command[0] == "zstd":
        for layer in image.value["layers"]:
            layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"
        image = as_document(image)
    ref = pulled_from(sampan, registry, image, "--keep-blobs")
    done = sampan("push", ref, other.ref("new/app:v1"), check=True)
    assert done.stdout.startswith(f"v1: digest: {image.digest} ")
    assert "preparing" not in done.stderr and " anew" not in done.stderr
    assert manifest_of(other, "new/app", "v1")[2] == image.digest


def as_document(image):
    """After a change of its `value`."""
    image.text = json.dumps(image.value).encode()
    image.digest = sha256(image.text)
    return image


def test_a_kept_blob_that_is_damaged_is_refused_by_the_registry(sampan, other, registry):
    image = gnu_layers()
    ref = pulled_from(sampan, registry, image, "--keep-blobs")
    blob = sampan.root / "blobs/sha256" / image.layers[1].digest[7:]
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    done = sampan("push", "--jobs", "1", ref, other.ref("new/app:v1"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(": provided digest did not match uploaded content")


def test_zstd_is_compressed_anew_with_zstd_and_annotations_about_the_old_blob_go(sampan, other, registry):
    image = Image([recompressed(layer, "zstd", "-q", "-19") for layer in two_layers().layers])
    for layer in image.value["layers"]:
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"
        layer["annotations"] = {"io.github.containers.zstd-chunked.manifest-position": "1:2:3:4"}
    ref = pulled_from(sampan, registry, as_document(image))
    done = sampan("push", ref, other.ref("new/app:v1"), check=True)
    assert done.stderr.count(": it was not compressed with gzip, which is all that can be redone\n") == 2
    layers = manifest_of(other, "new/app", "v1")[1]["layers"]
    assert [sorted(layer) for layer in layers] == [["digest", "mediaType", "size"]] * 2
    assert {layer["mediaType"] for layer in layers} == {"application/vnd.oci.image.layer.v1.tar+zstd"}
    sampan("rmi", ref, check=True)
    sampan("pull", "-q", other.ref("new/app:v1"), check=True)


def test_a_file_that_a_layer_has_twice_makes_another_tar_and_that_is_said(sampan, other, registry):
    image = Image([Layer([root(), file("twice", b"first"), file("twice", b"the second")])])
    ref = pulled_from(sampan, registry, image)
    done = sampan("push", ref, other.ref("new/app:v1"), check=True)
    assert re.search(r"^layer [0-9a-f]{12} goes as [0-9a-f]{12}, a tar made anew of its files: its file 'twice' has another "
                     r"size than in its tar \(a later entry replaced it, or it is damaged: sampan fsck\)$", done.stderr, re.M)
    sampan("rmi", ref, check=True)
    sampan("pull", "-q", other.ref("new/app:v1"), check=True)
    assert [path.read_bytes() for path in sampan.root.glob("layers/*/tree/twice")] == [b"the second"]


def test_a_damaged_layer_is_not_pushed(sampan, other, pulled):
    big = next(sampan.root.glob("layers/*/tree/etc/big"))
    with open(big, "r+b") as out:
        out.write(b"damage")
    done = sampan("push", pulled, other.ref("new/app:v1"))
    assert done.returncode == 1
    assert re.search(r": layer sha256:[0-9a-f]{64}: its file 'etc/(big|again)' is damaged: altered \(sampan fsck --repair\)$",
                     done.stderr.splitlines()[-1]), done.stderr


@pytest.mark.parametrize("drop", [False, True])
def test_layers_that_a_later_one_hides_are_pushed_too(sampan, other, registry, drop):
    image = Image([Layer([root(), file("below", b"1" * 5000)]), Layer([directory("etc"), file("etc/x", b"2")]),
                   Layer([root(), file(".wh..wh..opq"), file("above", b"3")])])
    ref = pulled_from(sampan, registry, image)
    if drop:
        sampan("image", "prune", "-f", check=True)
    assert sampan("push", ref, other.ref("new/app:v1"), check=True).stdout.startswith(f"v1: digest: {image.digest} ")
    assert sampan("fsck", check=True).returncode == 0
    layers = json.loads(next((sampan.root / "names").iterdir()).read_text())
    assert (len(layers["hidden"]), len(layers["layers"])) == (2, 1)
    damaged = next(sampan.root.glob("layers/*/tree/below"))
    damaged.write_bytes(b"")
    assert sampan("fsck").returncode == 1
    sampan("fsck", "--repair", check=True)
    assert damaged.read_bytes() == b"1" * 5000
    sampan("rmi", ref, check=True)
    assert os.listdir(sampan.root / "layers") == []


@pytest.mark.plain
def test_a_directory_of_many_files_is_packed(sampan, other, registry):
    many = 70000
    image = Image([Layer([root(), *(file(f"f{n}") for n in range(many)), file("twice", b"one"), file("twice", b"2")])])
    ref = pulled_from(sampan, registry, image)
    done = sampan("push", ref, other.ref("new/app:v1"), check=True)
    assert "a tar made anew of its files" in done.stderr
    digest = manifest_of(other, "new/app", "v1")[1]["layers"][0]["digest"]
    blob = other.request("GET", f"/v2/new/app/blobs/{digest}")[2]
    with tarfile.open(fileobj=io.BytesIO(blob)) as archive:
        assert len(archive.getmembers()) == many + 2


def test_layers_are_packed_for_a_registry_that_lacks_them_and_skopeo_agrees(sampan, other, registry, tmp_path):
    image = gnu_layers()
    pulled = pulled_from(sampan, registry, image)
    done = sampan("push", pulled, other.ref("new/app:v1"), check=True)
    assert "layers were packed anew, so the registry has the image under another digest" in done.stderr
    layers = manifest_of(other, "new/app", "v1")[1]["layers"]
    others = [(was, now) for was, now in zip(image.layers, layers) if was.digest != now["digest"]]
    assert others  # of little data both may make the same
    for was, now in others:
        assert f"layer {was.digest[7:19]} goes as {now['digest'][7:19]}, the same tar compressed anew: {NOT_ZLIB}\n" in done.stderr
        blob = other.request("GET", f"/v2/new/app/blobs/{now['digest']}")[2]
        assert sha256(gzip.decompress(blob)) == was.diff_id
    digest = re.fullmatch(r"v1: digest: (sha256:[0-9a-f]{64}) size: \d+\n", done.stdout)[1]
    assert manifest_of(other, "new/app", "v1")[2] == digest
    # skopeo checks the digest of every blob, and the diff IDs.
    subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{other.ref('new/app:v1')}",
                    f"docker-archive:{tmp_path}/judge.tar:a/b:c"], check=True)
    before = trees(sampan)
    sampan("rmi", pulled, check=True)
    sampan("pull", "-q", other.ref("new/app:v1"), check=True)
    assert trees(sampan) == before
    top = [path for path in (sampan.root / "layers").glob("*/tree") if (path / "etc/d").exists()]
    assert os.getxattr(top[0] / "etc/d", "user.colour") == b"red"


def test_pushing_it_again_sends_nothing(sampan, other, pulled):
    first = sampan("push", pulled, other.ref("new/app:v1"), check=True)
    before = len(requests(other, "POST", "PUT", "PATCH"))
    second = sampan("push", pulled, other.ref("new/app:v1"), check=True)
    assert second.stdout == first.stdout
    assert len(requests(other, "POST", "PUT", "PATCH")) == before


@pytest.mark.parametrize("arguments, suffix, magic", [
    (["--compression-format", "gzip"], "+gzip", b"\x1f\x8b"),
    (["--compression-level", "9"], "+gzip", b"\x1f\x8b"),
    (["--compression-format", "zstd"], "+zstd", b"\x28\xb5\x2f\xfd"),
    (["--compression-format", "zstd:12"], "+zstd", b"\x28\xb5\x2f\xfd"),
    (["--compression-format", "none"], "", b"./"),
])
def test_layers_are_compressed_as_asked_for(sampan, other, pulled, arguments, suffix, magic):
    sampan("push", *arguments, pulled, other.ref("new/app:v1"), check=True)
    media_type, manifest, _ = manifest_of(other, "new/app", "v1")
    assert media_type == OCI_MANIFEST
    for layer in manifest["layers"]:
        assert layer["mediaType"] == f"application/vnd.oci.image.layer.v1.tar{suffix}"
        status, _, blob = other.request("GET", f"/v2/new/app/blobs/{layer['digest']}")
        assert status == 200 and blob.startswith(magic) and len(blob) == layer["size"]
    sampan("rmi", pulled, check=True)
    sampan("pull", "-q", other.ref("new/app:v1"), check=True)


def words(count):
    """Text that can be compressed better and worse."""
    source = random.Random(1)
    vocabulary = ["".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=source.randint(3, 9))) for _ in range(3000)]
    return " ".join(source.choices(vocabulary, k=count)).encode()


def test_levels_make_a_difference(sampan, other, registry):
    ref = registry.push("push/text", "v1", Image([Layer([root(), file("text", words(40000))])]))
    sampan("pull", "-q", ref, check=True)
    sizes = []
    for level in ("1", "19"):
        sampan("push", "--compression-format", "zstd", "--compression-level", level, ref, other.ref(f"a/b:l{level}"),
               check=True)
        sizes.append(manifest_of(other, "a/b", f"l{level}")[1]["layers"][0]["size"])
    assert sizes[1] < sizes[0]


def test_a_docker_image_stays_one_and_becomes_an_oci_image_for_zstd(sampan, other, registry):
    ref = registry.push("push/docker", "v1", two_layers(docker=True))
    sampan("pull", "-q", ref, check=True)
    sampan("push", ref, other.ref("a/b:gzip"), check=True)
    sampan("push", "--compression-format=zstd", ref, other.ref("a/b:zstd"), check=True)
    media_type, manifest, _ = manifest_of(other, "a/b", "gzip")
    assert media_type == manifest["mediaType"] == DOCKER_MANIFEST
    assert {layer["mediaType"] for layer in manifest["layers"]} == {
        "application/vnd.docker.image.rootfs.diff.tar.gzip"}
    media_type, manifest, _ = manifest_of(other, "a/b", "zstd")
    assert media_type == manifest["mediaType"] == OCI_MANIFEST
    assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"


def test_a_layer_that_an_image_has_twice_is_sent_once(sampan, other, registry):
    layer = Layer([root(), file("f", os.urandom(5000))])
    ref = registry.push("push/twice", "v1", Image([layer, Layer([root(), file("g")]), layer]))
    sampan("pull", "-q", ref, check=True)
    sampan("push", ref, other.ref("a/b:v1"), check=True)
    layers = manifest_of(other, "a/b", "v1")[1]["layers"]
    assert len(layers) == 3 and layers[0] == layers[2] != layers[1]
    assert len([path for _, path in requests(other, "PUT") if "/uploads/" in path]) == 3  # two layers, one config


def test_all_tags_of_a_repository(sampan, other):
    images = {tag: Image([Layer([root(), file(tag, tag.encode())])]) for tag in ("one", "two")}
    for tag, image in images.items():
        sampan("pull", "-q", other.push("team/app", tag, image), check=True)
    done = sampan("push", "-a", other.ref("team/app"), check=True)
    assert done.stdout == "".join(f"{tag}: digest: {image.digest} size: {len(image.text)}\n"
                                  for tag, image in images.items())


def test_quiet_prints_the_name_and_the_digest_goes_to_a_file(sampan, other, pulled, tmp_path):
    done = sampan("push", "-q", "--digestfile", tmp_path / "digest", pulled, f"docker://{other.ref('a/b:v1')}", check=True)
    assert (done.stdout, done.stderr) == (f"{other.ref('a/b:v1')}\n", "")
    assert (tmp_path / "digest").read_text() == manifest_of(other, "a/b", "v1")[2]


def test_an_image_may_be_named_by_its_id(sampan, other, pulled):
    image_id = sampan("images", "-q", "--no-trunc", check=True).stdout.strip()
    sampan("push", image_id, other.ref("a/b:v1"), check=True)
    assert manifest_of(other, "a/b", "v1")[1]["layers"]


# --- uploads in pieces ---------------------------------------------------------------------------------------


def chunked(sampan, size="70000"):
    sampan.env["SAMPAN_PUSH_CHUNK"] = size


def test_a_large_layer_goes_chunk_by_chunk(sampan, proxy, pulled):
    chunked(sampan)
    sampan("push", pulled, proxy.ref("a/b:v1"), check=True)
    patches = proxy.sent("PATCH")
    assert patches[:4] == [70000] * 4 and len(patches) == 5
    ranges = [headers["Content-Range"] for verb, _, headers, _ in proxy.requests if verb == "PATCH"]
    assert ranges[:2] == ["0-69999", "70000-139999"]


def test_after_a_cut_only_the_rest_is_sent(sampan, proxy, pulled):
    chunked(sampan)
    cuts = []

    def hook(_, handler, body):
        if handler.command != "PATCH" or len(proxy.sent("PATCH")) != 3 or cuts:
            return False
        cuts.append(len(body))
        return cut(handler)

    proxy.hooks.append(hook)
    sampan("push", pulled, proxy.ref("a/b:v1"), check=True)
    assert cuts == [70000]
    assert proxy.sent("PATCH")[:5] == [70000] * 5 and len(proxy.sent("PATCH")) == 6
    ranges = [headers["Content-Range"] for verb, _, headers, _ in proxy.requests if verb == "PATCH"]
    assert ranges[2] == ranges[3] == "140000-209999"
    assert len([1 for verb, path, _, _ in proxy.requests if verb == "GET" and "/uploads/" in path]) == 1


def test_a_registry_that_has_part_of_a_chunk_is_sent_what_is_behind_it(sampan, proxy, pulled):
    """As the specification has it; docker-registry itself forgets such a session, so the proxy answers in its place."""
    chunked(sampan)
    state = {}

    def hook(_, handler, body):
        if handler.command == "PATCH" and not state:
            headers = {**dict(handler.headers), "Content-Range": "0-29999", "Content-Length": "30000"}
            status, got, _ = proxy.ask("PATCH", handler.path, body[:30000], headers)
            assert status == 202
            state["location"] = next(value for name, value in got if name.lower() == "location")
            return cut(handler)
        if handler.command == "GET" and "/uploads/" in handler.path:
            answer(handler, 204, headers={"Range": "0-29999", "Location": path_of(state["location"])})
            return True
        return False

    proxy.hooks.append(hook)
    sampan("push", pulled, proxy.ref("a/b:v1"), check=True)
    ranges = [headers["Content-Range"] for verb, _, headers, _ in proxy.requests if verb == "PATCH"]
    assert ranges[:3] == ["0-69999", "30000-99999", "100000-169999"]


def test_a_registry_that_has_forgotten_the_upload_gets_all_of_it_again(sampan, proxy, pulled):
    chunked(sampan)
    gone = []

    def hook(_, handler, _body):
        if handler.command == "PATCH" and len(proxy.sent("PATCH")) == 3:
            return cut(handler)
        if handler.command == "GET" and "/uploads/" in handler.path:
            gone.append(handler.path)
            error(handler, 404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
            return True
        return False

    proxy.hooks.append(hook)
    sampan("push", "--jobs", "1", pulled, proxy.ref("a/b:v1"), check=True)
    ranges = [headers["Content-Range"] for verb, _, headers, _ in proxy.requests if verb == "PATCH"]
    assert len(gone) == 1 and ranges[3:5] == ["0-69999", "70000-139999"]


@pytest.mark.parametrize("status", [400, 404, 405, 416, 501])
def test_a_registry_that_takes_no_chunks_gets_the_whole_in_one_piece(sampan, proxy, pulled, status):
    chunked(sampan)

    def hook(_, handler, _body):
        if handler.command != "PATCH":
            return False
        error(handler, status, "UNSUPPORTED", "no chunks here")
        return True

    proxy.hooks.append(hook)
    done = sampan("push", pulled, proxy.ref("a/b:v1"))
    if status == 404:  # that may also be a session that is gone; three of them are enough
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].endswith(": no chunks here")
    else:
        assert done.returncode == 0, done.stderr
        assert max(proxy.sent("PUT")) > 300000


def test_a_line_that_never_holds_is_given_up(sampan, proxy, pulled):
    proxy.hooks.append(lambda _, handler, body: "digest=" in handler.path and len(body) > 1000 and cut(handler))
    done = sampan("push", "--jobs", "1", pulled, proxy.ref("a/b:v1"))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"sampan: cannot push to '{proxy.ref('a/b:v1')}': layer sha256:"), last
    assert f": registry '{proxy.host}': " in last
    assert len([length for length in proxy.sent("PUT") if length > 1000]) == 3


def test_a_lost_answer_to_the_last_piece_is_not_sent_again(sampan, proxy, pulled):
    lost = []

    def hook(_, handler, body):
        if handler.command != "PUT" or len(body) < 1000 or lost:
            return False
        lost.append(handler.path)
        assert proxy.ask("PUT", handler.path, body, dict(handler.headers))[0] == 201
        return cut(handler)

    proxy.hooks.append(hook)
    sampan("push", "--jobs", "1", pulled, proxy.ref("a/b:v1"), check=True)
    assert len([length for length in proxy.sent("PUT") if length > 1000]) == 1


# --- registries that lie or refuse ---------------------------------------------------------------------------


def test_our_credentials_do_not_go_where_a_registry_sends_an_upload(sampan, tmp_path, pulled):
    elsewhere = []
    with Registry(tmp_path / "third") as third, Proxy(third) as proxy, LyingRegistry() as thief:
        def hook(_, handler, _body):
            if handler.headers.get("Authorization") != basic("fritz", "secret"):
                answer(handler, 401, headers={"WWW-Authenticate": 'Basic realm="x"'})
                return True
            if handler.command == "POST":
                answer(handler, 202, headers={"Location": f"http://{thief.host}/v2/a/b/blobs/uploads/1"})
                return True
            return False

        class Thief(thief.server.RequestHandlerClass):
            def do_PUT(self):  # noqa: N802 (http.server's name)
                self.rfile.read(int(self.headers["Content-Length"]))
                elsewhere.append(self.headers.get("Authorization"))
                error(self, 401, "UNAUTHORIZED", "tell me", {"WWW-Authenticate": 'Basic realm="y"'})

        thief.server.RequestHandlerClass = Thief
        proxy.hooks.append(hook)
        auth = tmp_path / "auth.json"
        auth.write_text(json.dumps({"auths": {proxy.host: {"auth": basic("fritz", "secret").split()[1]}}}))
        done = sampan("push", "--authfile", auth, pulled, proxy.ref("a/b:v1"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f": access to '{proxy.host}/a/b' denied: tell me")
    assert elsewhere and set(elsewhere) == {None}


def test_a_registry_that_wants_a_password_gets_it_and_nobody_else_may_push(sampan, tmp_path, pulled):
    folder = tmp_path / "guarded"
    with Registry(folder, auth=htpasswd_auth(folder, {"fritz": "secret"})) as guarded:
        ref = guarded.ref("a/b:v1")
        done = sampan("push", pulled, ref, env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)})
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].endswith(f"authentication required (sampan login {guarded.host})")
        auth = tmp_path / "auth.json"
        auth.write_text(json.dumps({"auths": {guarded.host: {"auth": basic("fritz", "secret").split()[1]}}}))
        sampan("push", "--authfile", auth, pulled, ref, check=True)


def test_a_manifest_that_the_registry_refuses_is_told_in_its_words(sampan, proxy, pulled):
    def hook(_, handler, _body):
        if handler.command != "PUT" or "/manifests/" not in handler.path:
            return False
        error(handler, 400, "MANIFEST_INVALID", "I do not like it")
        return True

    proxy.hooks.append(hook)
    done = sampan("push", pulled, proxy.ref("a/b:v1"))
    assert done.returncode == 1
    assert re.fullmatch(
        rf"sampan: cannot push to '{proxy.ref('a/b:v1')}': manifest sha256:[0-9a-f]{{64}}: registry '{proxy.host}': HTTP "
        r"status 400: I do not like it", done.stderr.splitlines()[-1]), done.stderr


def test_an_upload_without_a_place_to_go_to_is_refused(sampan, proxy, pulled):
    proxy.hooks.append(lambda _, handler, _body: handler.command == "POST" and (answer(handler, 202) or True))
    done = sampan("push", pulled, proxy.ref("a/b:v1"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f": registry '{proxy.host}' does not say where to upload to")


def test_a_push_that_is_interrupted_ends_at_once(sampan, proxy, pulled):
    def hook(_, handler, body):
        if "digest=" in handler.path and len(body) > 1000:
            time.sleep(30)
        return False

    proxy.hooks.append(hook)
    process = sampan.popen("push", pulled, proxy.ref("a/b:v1"))
    deadline = time.monotonic() + 20 * SLOW
    while not [length for length in proxy.sent("PUT") if length > 1000]:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(5 * SLOW) == 130
    assert os.listdir(sampan.root / "staging") == []


# --- the command line ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, code, text", [
    (["nothing:here"], 1, "no such image: nothing:here"),
    (["--compression-format", "xz", "a"], 125,
     "--compression-format: unknown compression 'xz' (there are gzip, zstd and none, with a level: zstd:19)"),
    (["--compression-format", "zstd:99", "a"], 125, "--compression-format: zstd has levels from 1 to 20"),
    (["--compression-format", "none", "--compression-level", "3", "a"], 125,
     "--compression-level: without compression there are no levels"),
    (["--jobs", "0", "a"], 125, "--jobs takes a number from 1 to 16"),
    (["-a", "a", "b"], 125, "--all-tags takes no other name to push to"),
    (["-a", "a:b"], 1, "--all-tags takes a name without a tag"),
    (["-a", "localhost:1/a"], 1, "no image of 'localhost:1/a' has a tag"),
])
def test_what_push_refuses(sampan, arguments, code, text):
    done = sampan("push", *arguments)
    assert (done.returncode, done.stderr) == (code, f"sampan: {text}\n")


def test_a_digest_is_no_place_to_push_to(sampan, pulled, other):
    target = other.ref("a/b@sha256:" + "0" * 64)
    done = sampan("push", pulled, target)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1, f"sampan: cannot push to '{target}': a push goes to a tag, not to a digest")
