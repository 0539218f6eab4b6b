# SPDX-License-Identifier: Apache-2.0
"""What is cut short, followed by garbage, or of another size than is said, wherever that may be: one line that says what, and nothing is left of it."""
import gzip
import io
import json
import os
import re
import subprocess
import tarfile

import pytest
from image_fixture import Document, Image, Index, Layer, directory, file, root, sha256, write_docker_archive, write_oci_archive
from registry_fixture import LyingRegistry, answer, error

pytestmark = pytest.mark.root


@pytest.fixture(name="liar")
def liar_fixture():
    with LyingRegistry() as server:
        yield server


def refused(sampan, ref, message, command=("pull", "-q")):
    done = sampan(*command, ref)
    assert (done.returncode, done.stderr) == (1, f"sampan: {message}\n")
    for folder in ("layers", "names", "staging"):
        assert os.listdir(sampan.root / folder) == []


def random_layer():
    return Layer([root(), file("big", os.urandom(100_000))])


def changed(layer, blob):
    layer.blob, layer.digest, layer.size = blob, sha256(blob), len(blob)
    return layer


def flipped(data):
    half = len(data) // 2
    return data[:half] + bytes([data[half] ^ 0xFF]) + data[half + 1:]


def serve(liar, image):
    """After a change of its `value`, its `config` or its layers' blobs."""
    document = Document(image.value)
    liar.manifests["v1"] = liar.manifests[document.digest] = (image.media_type, document.text)
    liar.blobs.update(image.blobs())
    return document


# --- layers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change, text", [
    (lambda blob: blob[:5], "it ends too early"),
    (lambda blob: blob[:len(blob) // 2], "it ends too early"),
    (lambda blob: blob[:-8], "it ends too early"),
    (lambda blob: blob[:-1], "it ends too early"),
    (lambda blob: blob + b"garbage", "something else follows its end"),
    (lambda blob: blob[:-8] + bytes(4) + blob[-4:], "wrong checksum"),
    (flipped, "wrong checksum"),
], ids=["in its header", "in the middle", "before its checksum", "before its last byte", "garbage behind", "false checksum", "a bit flipped"])
def test_gzip_that_is_cut_short_or_damaged(sampan, liar, change, text):
    layer = random_layer()
    liar.add("v1", Image([changed(layer, change(layer.blob))]))
    ref = liar.ref("app:v1")
    refused(sampan, ref, f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: malformed gzip: {text}")


@pytest.mark.parametrize("change, text", [
    (lambda blob: blob[:len(blob) // 2], "it ends too early"),
    (lambda blob: blob[:-1], "it ends too early"),
    (lambda blob: blob + b"garbage" * 100, "something else follows its end"),
    (flipped, "Restored data doesn't match checksum"),
], ids=["in the middle", "before its last byte", "garbage behind", "a bit flipped"])
def test_zstd_that_is_cut_short_or_damaged(sampan, liar, change, text):
    layer = random_layer()
    packed = subprocess.run(["zstd", "-q", "-c"], input=layer.content, check=True, capture_output=True).stdout
    image = Image([changed(layer, change(packed))])
    image.value["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"
    serve(liar, image)
    ref = liar.ref("app:v1")
    refused(sampan, ref, f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: malformed zstd: {text}")


def test_a_bomb_of_zstd_stops_at_the_largest_layer_allowed(sampan, liar):
    layer = Layer([root(), *(file(f"zeros{number}", bytes(10_000_000)) for number in range(3))])
    packed = subprocess.run(["zstd", "-q", "-c"], input=layer.content, check=True, capture_output=True).stdout
    image = Image([changed(layer, packed)])
    image.value["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"
    serve(liar, image)
    ref = liar.ref("app:v1")
    refused(sampan, ref, f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: the layer unpacks to more than 16777216 bytes",
            ("pull", "-q", "--max-layer-size", "16m"))


@pytest.mark.parametrize("end, text", [(700, "Truncated tar archive"), (30_000, "Truncated tar archive"),
                                       (None, "Unrecognized archive format")], ids=["in a header", "in a file", "no tar at all"])
def test_a_tar_that_is_cut_short_or_none(sampan, liar, end, text):
    content = Layer([root(), file("a", bytes(1000)), file("big", bytes(100_000))]).content
    layer = Layer(content=content[:end] if end else b"this is no tar archive" * 1000)
    liar.add("v1", Image([layer]))
    ref = liar.ref("app:v1")
    refused(sampan, ref, f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: malformed tar: {text}")


def pax_layer(**headers):
    """A file "f" with these PAX records."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("f")
        info.pax_headers = headers
        archive.addfile(info)
    return Layer(content=out.getvalue())


def test_more_extended_attributes_than_a_file_system_takes(sampan, liar):
    """ext4 says "no space left" of these, which is not what is wrong."""
    layer = pax_layer(**{f"SCHILY.xattr.user.k{number:05}": "x" * 10 for number in range(20_000)})
    liar.add("v1", Image([layer]))
    done = sampan("pull", "-q", liar.ref("app:v1"))
    assert done.returncode == 1
    assert re.fullmatch(rf"sampan: cannot pull '{liar.ref('app:v1')}': layer 1 of 1, {layer.digest}: 'f' has more extended "
                        r"attributes than the file system takes \('user\.k\d+' of 10 bytes does not fit\)\n", done.stderr), done.stderr


@pytest.mark.parametrize("headers", [{"comment": "x" * (64 << 20)}, {f"SCHILY.xattr.user.k{number}": "x" * 60_000 for number in range(30)}],
                         ids=["one without end", "many attributes"])
def test_pax_headers_that_are_bombs(sampan, liar, headers):
    layer = pax_layer(**headers)
    liar.add("v1", Image([layer]))
    ref = liar.ref("app:v1")
    refused(sampan, ref, f"cannot pull '{ref}': layer 1 of 1, {layer.digest}: malformed tar: Special header too large")


# --- documents ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, message", [
    (b'{"os":"linux"', r"json is malformed behind byte 13: parse error: premature EOF"),
    (b"[" * 100_000, "json is nested deeper than 32 levels"),
    (b'{"os":"linux","os":"linux"}', "json has the key 'os' twice in one object"),
    (b"{}", "rootfs: missing"),
], ids=["cut short", "deep", "a key twice", "without layers"])
def test_a_config_that_is_cut_short_deep_or_double(sampan, liar, text, message):
    image = Image([random_layer()])
    image.config = text
    image.value["config"].update(digest=sha256(text), size=len(text))
    serve(liar, image)
    ref = liar.ref("app:v1")
    refused(sampan, ref, f"cannot pull '{ref}': config {sha256(text)}: bad image config: {message}")


@pytest.mark.parametrize("text, message", [
    (b'{"schemaVersion":2,"manifests":[', "the manifest: json is malformed behind byte 32: parse error: premature EOF"),
    (b'{"manifests":' + b"[" * 100_000, "the manifest: json is nested deeper than 16 levels"),
    (b'{"manifests":[],"manifests":[]}', "the manifest: json has the key 'manifests' twice in one object"),
    (b'{"schemaVersion":2,"x":"' + b"x" * (100 << 20) + b'"}', f"the manifest: document is larger than {4 << 20} bytes"),
], ids=["cut short", "deep", "a key twice", "100 MB"])
def test_an_index_that_is_cut_short_deep_double_or_large(sampan, liar, text, message):
    liar.manifests["v1"] = (Index([]).media_type, text)
    ref = liar.ref("app:v1")
    refused(sampan, ref, f"cannot pull '{ref}': {message}")


@pytest.mark.parametrize("size, message", [
    ("+1", "config {config}: it has {is_} bytes where its descriptor says {said}"),
    ("-1", "config {config}: it has {is_} bytes where its descriptor says {said}"),
    (0, "config {config}: its descriptor says that it is empty"),
    (100 << 20, "manifest {manifest}: bad manifest: config.size: 104857600 is over the limit of 8388608 bytes"),
    (-1, "manifest {manifest}: bad manifest: config.size: expected a non-negative integer"),
    (1 << 70, "the manifest: bad JSON at line 1, column {column}: too big integer"),
], ids=["larger", "smaller", "empty", "100 MB", "negative", "more than 64 bits"])
def test_a_lie_about_a_configs_size(sampan, liar, size, message):
    image = Image([random_layer()])
    is_ = len(image.config)
    said = is_ + int(size) if isinstance(size, str) else size
    image.value["config"]["size"] = said
    manifest = serve(liar, image)
    ref = liar.ref("app:v1")
    column = manifest.text.find(str(said).encode()) + len(str(said))
    refused(sampan, ref, f"cannot pull '{ref}': " + message.format(config=sha256(image.config), manifest=manifest.digest, is_=is_, said=said,
                                                                 column=column))


@pytest.mark.parametrize("size, message", [
    ("+1", "manifest {manifest}: it has {is_} bytes where its descriptor says {said}"),
    ("-1", "manifest {manifest}: it has {is_} bytes where its descriptor says {said}"),
    (0, "manifest {manifest}: its descriptor says that it is empty"),
    (100 << 20, "manifest {manifest}: its descriptor says 104857600 bytes; at most 4194304 are taken"),
    (-1, "bad index: manifests[0].size: expected a non-negative integer"),
], ids=["larger", "smaller", "empty", "100 MB", "negative"])
def test_a_lie_about_a_manifests_size_in_an_index(sampan, liar, size, message):
    image = Image([random_layer()])
    index = Index([image])
    said = len(image.text) + int(size) if isinstance(size, str) else size
    index.value["manifests"][0]["size"] = said
    liar.add("v1", image)
    liar.manifests["v1"] = (index.media_type, json.dumps(index.value).encode())
    ref = liar.ref("app:v1")
    refused(sampan, ref, f"cannot pull '{ref}': " + message.format(manifest=image.digest, is_=len(image.text), said=said))


def test_an_index_that_is_not_what_its_digest_says(sampan, liar):
    index, wrong = Index([Image([random_layer()])]), sha256(b"wanted")
    liar.manifests[wrong] = (index.media_type, index.text)
    ref = liar.ref(f"app@{wrong}")
    refused(sampan, ref, f"cannot pull '{ref}': the manifest: its content has digest {index.digest}")


@pytest.mark.parametrize("where, message", [
    ("index", "bad index: manifests[0].digest: bad digest 'sha256:zz'"),
    ("manifest", "manifest {digest}: bad manifest: config.digest: bad digest 'sha256:zz'"),
    ("config", "config {config}: bad image config: rootfs.diff_ids[0]: bad digest 'sha256:zz'"),
])
def test_a_digest_that_is_none_is_named_with_its_place(sampan, liar, where, message):
    image = Image([random_layer()], diff_ids=["sha256:zz"] if where == "config" else None)
    if where == "manifest":
        image.value["config"]["digest"] = "sha256:zz"
    manifest = serve(liar, image)
    if where == "index":
        index = Index([image])
        index.value["manifests"][0]["digest"] = "sha256:zz"
        liar.manifests["v1"] = (index.media_type, json.dumps(index.value).encode())
    ref = liar.ref("app:v1")
    refused(sampan, ref, f"cannot pull '{ref}': " + message.format(digest=manifest.digest, config=sha256(image.config)))


# --- answers -----------------------------------------------------------------------------------------------


def test_a_manifest_that_is_shorter_than_its_content_length_every_time(sampan, liar):
    text = Image([random_layer()]).text

    def cut(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(text) + 10))
        handler.end_headers()
        handler.wfile.write(text)
        handler.close_connection = True
        return True

    liar.hooks.append(cut)
    refused(sampan, liar.ref("app:v1"), f"registry '{liar.host}': transfer closed with 10 bytes remaining to read")
    assert len(liar.paths()) == 3


def test_a_token_that_is_cut_short(sampan, liar):
    def guard(handler):
        if handler.path.startswith("/token"):
            answer(handler, 200, b'{"token":"ab')
        else:
            error(handler, 401, "UNAUTHORIZED", "no", {"WWW-Authenticate": f'Bearer realm="http://{liar.host}/token"'})
        return True

    liar.hooks.append(guard)
    refused(sampan, liar.ref("app:v1"), f"registry '{liar.host}': token server 'http://{liar.host}': the token server's answer: json "
                                        "is malformed behind byte 12: parse error: premature EOF")


# --- archives ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["docker-archive", "oci-archive"])
def test_an_archive_that_is_cut_short(sampan, tmp_path, kind):
    image, path = Image([random_layer()]), tmp_path / "image.tar"
    if kind == "docker-archive":
        write_docker_archive(path, {"app:v1": image})
        cut_in = image.layers[0].diff_id[7:] + "/layer.tar"
    else:
        write_oci_archive(path, {None: image}, tmp_path / "layout")
        cut_in = "blobs/" + image.layers[0].digest.replace(":", "/")
    with tarfile.open(path) as archive:
        member = archive.getmember(cut_in)
    whole = path.read_bytes()
    path.write_bytes(whole[:member.offset_data + 50_000])
    message = f"the archive is cut short, in the middle of '{cut_in}'"
    refused(sampan, f"{kind}:{path}", f"'{path}': {message}")
    refused(sampan, path, f"cannot load {path}: {message}", ("load", "-q", "-i"))
    path.write_bytes(gzip.compress(whole)[:-1000])
    refused(sampan, path, f"cannot load {path}: truncated gzip input", ("load", "-q", "-i"))


def test_a_docker_archive_whose_layer_is_cut_short_inside(sampan, tmp_path):
    """The archive is whole; the tar in it is not, and its digest is that of the half."""
    content = Layer([root(), directory("etc"), file("etc/big", bytes(100_000))]).content[:30_000]
    layer = Layer(content=content, compression=None)
    path = write_docker_archive(tmp_path / "image.tar", {"app:v1": Image([layer])})
    refused(sampan, f"docker-archive:{path}", f"cannot pull '{path}': layer 1 of 1, {layer.diff_id}: malformed tar: Truncated tar archive")
