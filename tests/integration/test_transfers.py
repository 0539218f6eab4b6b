# SPDX-License-Identifier: Apache-2.0
"""Transfers over bad lines and from bad servers: resumed, repeated, limited."""
import email.utils
import gzip
import os
import re
import socket
import struct
import subprocess
import threading
import time

import pytest
from image_fixture import Image, Layer, directory, file, root, sha256
from registry_fixture import SLOW, LyingRegistry, answer, error

pytestmark = pytest.mark.root


@pytest.fixture(name="liar")
def liar_fixture():
    with LyingRegistry() as server:
        yield server


def big_image(size=300000):
    return Image([Layer([root(), file("big", os.urandom(size))], compression=None)])


class Blob:
    """Serves a layer as `serve(handler, start)` says; remembers the Range headers and the bytes that were sent."""

    def __init__(self, liar, serve, size=300000):
        self.image = big_image(size)
        self.layer = self.image.layers[0]
        self.ranges, self.sent = [], 0
        self.over = threading.Event()
        liar.add("v1", self.image)

        def hook(handler):
            if self.layer.digest not in handler.path:
                return False
            asked = handler.headers.get("Range")
            self.ranges.append(asked)
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0
            serve(self, handler, start)
            return True

        liar.hooks.append(hook)

    def send(self, handler, start, end=None, *, status=None, content_range=None, length=None):
        """The headers for all from `start` on, and the bytes up to `end`; an early end closes the connection."""
        size = self.layer.size
        status = status or (206 if start else 200)
        handler.send_response(status)
        handler.send_header("Content-Length", str(size - start if length is None else length))
        if status == 206:
            handler.send_header("Content-Range", content_range or f"bytes {start}-{size - 1}/{size}")
        handler.end_headers()
        part = self.layer.blob[start:end]
        handler.wfile.write(part)
        self.sent += len(part)
        if end is not None and end < size:
            handler.close_connection = True


def failed(done, liar, blob, text):
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"sampan: cannot pull '{liar.ref('app:v1')}': layer 1 of 1, {blob.layer.digest}: {text}")


# --- cuts ------------------------------------------------------------------------------------------------


def test_after_a_cut_only_the_rest_is_asked_for(sampan, liar):
    blob = Blob(liar, lambda b, handler, start: b.send(handler, start, None if start else 100000))
    sampan("pull", liar.ref("app:v1"), check=True)
    assert blob.ranges == [None, "bytes=100000-"]
    assert blob.sent == blob.layer.size


def test_a_blob_may_come_in_many_pieces(sampan, liar):
    blob = Blob(liar, lambda b, handler, start: b.send(handler, start, start + 60000))
    sampan("pull", liar.ref("app:v1"), check=True)
    assert len(blob.ranges) >= 6 and blob.sent == blob.layer.size


def test_a_reset_in_mid_blob_is_survived(sampan, liar):
    def serve(b, handler, start):
        if start:
            b.send(handler, start)
            return
        b.send(handler, 0, 150000)
        time.sleep(0.2)  # a reset takes with it what has not been read
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    blob = Blob(liar, serve)
    sampan("pull", liar.ref("app:v1"), check=True)
    assert blob.ranges[0] is None and blob.ranges[1].startswith("bytes=")


def test_resets_on_every_try_are_given_up(sampan, liar):
    def serve(_, handler, start):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        handler.close_connection = True

    blob = Blob(liar, serve)
    failed(sampan("pull", liar.ref("app:v1")), liar, blob, f"registry '{liar.host}': Recv failure: Connection reset by peer")
    assert 3 <= len(blob.ranges) <= 4  # libcurl asks once more where a connection was in use before


# --- stalls ----------------------------------------------------------------------------------------------


def stand_still(blob, handler, start, end):
    """The connection stays open, and nothing more comes."""
    blob.send(handler, start, end)
    handler.close_connection = False
    handler.wfile.flush()
    blob.over.wait(30 * SLOW)
    handler.close_connection = True


@pytest.fixture(name="impatient")
def impatient_fixture(sampan):
    sampan.env["SAMPAN_STALL_TIMEOUT"] = "1"
    return sampan


@pytest.mark.plain
def test_after_a_stall_only_the_rest_is_asked_for(impatient, liar):
    blob = Blob(liar, lambda b, handler, start: b.send(handler, start) if start else stand_still(b, handler, 0, 100000))
    impatient("pull", liar.ref("app:v1"), check=True)
    blob.over.set()
    assert blob.ranges == [None, "bytes=100000-"]


@pytest.mark.plain
def test_a_server_that_stands_still_on_every_try_is_given_up(impatient, liar):
    blob = Blob(liar, lambda b, handler, start: stand_still(b, handler, start, start))
    done = impatient("pull", liar.ref("app:v1"))
    blob.over.set()
    failed(done, liar, blob, f"registry '{liar.host}': Operation too slow. Less than 1 bytes/sec transferred the last 1 seconds")
    assert blob.ranges == [None] * 3


def test_a_server_that_ignores_the_range_is_listened_to_from_the_start_again(sampan, liar):
    blob = Blob(liar, lambda b, handler, start: b.send(handler, 0, None if start else 100000, status=200))
    sampan("pull", liar.ref("app:v1"), check=True)
    assert blob.ranges == [None, "bytes=100000-"]
    assert blob.sent == blob.layer.size + 100000


def test_a_server_that_sends_other_bytes_the_second_time_is_found_out(sampan, liar):
    def serve(b, handler, start):
        if not start:
            b.send(handler, 0, 100000)
            return
        b.send(handler, start, start, length=b.layer.size - start)
        handler.wfile.write(b"\0" * (b.layer.size - start))

    blob = Blob(liar, serve)
    wrong = sha256(blob.layer.blob[:100000] + b"\0" * (blob.layer.size - 100000))
    failed(sampan("pull", liar.ref("app:v1")), liar, blob, f"its content has digest {wrong}")


@pytest.mark.parametrize("content_range", ["bytes 5-9/10", "bytes 99999-{last}/{size}", "bytes */{size}", "lines 100000-2/3",
                                           "bytes 100000", "bytes x-1/2", "bytes 99999999999999999999999999-1/2"])
def test_a_content_range_that_lies_is_refused(sampan, liar, content_range):
    def serve(b, handler, start):
        text = content_range.format(last=b.layer.size - 1, size=b.layer.size)
        b.send(handler, start, None if start else 100000, content_range=text)

    blob = Blob(liar, serve)
    failed(sampan("pull", liar.ref("app:v1")), liar, blob,
           "the server sends another part than the one from byte 100000 on that it was asked for")


def test_a_part_that_nobody_asked_for_is_refused(sampan, liar):
    blob = Blob(liar, lambda b, handler, start: b.send(handler, 10, status=206))
    failed(sampan("pull", liar.ref("app:v1")), liar, blob,
           "the server sends another part than the one from byte 0 on that it was asked for")


def test_a_server_that_has_nothing_behind_what_we_hold_is_asked_for_all_of_it(sampan, liar):
    def serve(b, handler, start):
        if start:
            answer(handler, 416, headers={"Content-Range": f"bytes */{b.layer.size}"})
        else:
            b.send(handler, 0, 100000 if len(b.ranges) == 1 else None)

    blob = Blob(liar, serve)
    sampan("pull", liar.ref("app:v1"), check=True)
    assert blob.ranges == [None, "bytes=100000-", None]


def test_a_content_length_that_promises_more_than_there_is(sampan, liar):
    def serve(b, handler, start):
        b.send(handler, start, length=b.layer.size - start + 7)
        handler.close_connection = True

    blob = Blob(liar, serve)
    failed(sampan("pull", liar.ref("app:v1")), liar, blob, f"registry '{liar.host}': transfer closed with 7 bytes remaining to read")


def test_a_content_length_that_is_too_short(sampan, liar):
    blob = Blob(liar, lambda b, handler, start: b.send(handler, 0, length=1000))
    failed(sampan("pull", liar.ref("app:v1")), liar, blob,
           f"it has 1000 bytes where the manifest says {blob.layer.size}")


# --- patience ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["2", "date"])
def test_a_server_that_asks_for_patience_gets_it(sampan, liar, value):
    liar.add("v1", big_image(10))
    times = []

    def hook(handler):
        times.append(time.time())
        if len(times) > 1:
            return False
        # A date has whole seconds: three of them are at least two.
        when = email.utils.formatdate(time.time() + 3, usegmt=True) if value == "date" else value
        error(handler, 429, "TOOMANYREQUESTS", "slow down", {"Retry-After": when})
        return True

    liar.hooks.append(hook)
    sampan("pull", liar.ref("app:v1"), check=True)
    assert 1.9 <= times[1] - times[0] < 8 * SLOW


@pytest.mark.parametrize("value", ["31", "date"])
def test_a_server_that_asks_for_too_much_patience_is_given_up_at_once(sampan, liar, value):
    when = email.utils.formatdate(time.time() + 3600, usegmt=True) if value == "date" else value
    liar.hooks.append(lambda handler: error(handler, 429, "TOOMANYREQUESTS", "slow down", {"Retry-After": when}) or True)
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (1, f"sampan: registry '{liar.host}' asks for patience: slow down\n")
    assert len(liar.paths()) == 1


@pytest.mark.parametrize("value", ["soon", "-5", "Thu, 01 Jan 1970 00:00:00 GMT", ""])
def test_a_retry_after_that_means_nothing_is_not_heeded(sampan, liar, value):
    liar.hooks.append(lambda handler: error(handler, 503, "UNAVAILABLE", "no", {"Retry-After": value}) or True)
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (1, f"sampan: registry '{liar.host}': HTTP status 503: no\n")
    assert len(liar.paths()) == 3


# --- connections -------------------------------------------------------------------------------------------


def test_one_worker_uses_one_connection(sampan, liar):
    ports = set()
    liar.add("v1", Image([Layer([root(), file(f"f{i}", b"x")]) for i in range(6)]))
    liar.hooks.append(lambda handler: ports.add(handler.client_address[1]))
    sampan("pull", "--jobs", "1", liar.ref("app:v1"), check=True)
    # The first connection spoke TLS, which the liar does not; it never became a request.
    assert len(liar.paths()) == 8 and len(ports) == 1


@pytest.mark.parametrize("arguments, most", [([], 2), (["--jobs", "1"], 1), (["--jobs", "4"], 4)])
def test_as_many_layers_come_at_a_time_as_were_asked_for(sampan, liar, arguments, most):
    liar.add("v1", Image([Layer([root(), file(f"f{i}", os.urandom(1000))]) for i in range(8)]))
    lock, state = threading.Lock(), {"now": 0, "most": 0}

    def hook(handler):
        if "/blobs/" not in handler.path:
            return False
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        time.sleep(0.3)
        with lock:
            state["now"] -= 1
        return False

    liar.hooks.append(hook)
    sampan("pull", *arguments, liar.ref("app:v1"), check=True)
    assert state["most"] == most


# --- limits ------------------------------------------------------------------------------------------------


def test_an_error_without_end_is_cut_off(sampan, liar):
    def endless(handler):
        handler.send_response(403)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    liar.hooks.append(endless)
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (
        1, f"sampan: access to '{liar.host}/app' denied: the registry gives no reason\n")


def test_headers_without_end_are_cut_off(sampan, liar):
    def endless(handler):
        handler.send_response(200)
        handler.flush_headers()
        while True:
            handler.wfile.write(b"X-Again: " + b"x" * 1000 + b"\r\n")

    liar.hooks.append(endless)
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot pull '{liar.ref('app:v1')}': the manifest: the headers of the answer are longer than 262144 "
           "bytes\n")


def test_a_token_without_end_is_cut_off(sampan, liar):
    def guard(handler):
        if handler.path.startswith("/token"):
            answer(handler, 200, b'{"token":"' + b"x" * (2 << 20) + b'"}')
        else:
            error(handler, 401, "UNAUTHORIZED", "no", {"WWW-Authenticate": f'Bearer realm="http://{liar.host}/token"'})
        return True

    liar.hooks.append(guard)
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot pull '{liar.ref('app:v1')}': the manifest: registry '{liar.host}': token server "
           f"'http://{liar.host}': document is larger than 1048576 bytes\n")


# --- layers that are more than they seem ---------------------------------------------------------------------


def compressed_by_zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, check=True, capture_output=True).stdout


def skippable(data):
    return struct.pack("<II", 0x184D2A50, len(data)) + data


def as_layer(plain, blob, media_type):
    layer = Layer(content=plain.content)
    layer.blob, layer.digest, layer.size, layer.media_type = blob, sha256(blob), len(blob), media_type
    layer.diff_id = sha256(plain.content)
    return layer


def pull_layer(sampan, liar, layer, annotations):
    image = Image([layer])
    image.value["layers"][0].update(mediaType=layer.media_type, annotations=annotations)
    again = type(image).__mro__[1](image.value)
    again.layers, again.config = image.layers, image.config
    liar.manifests["v1"] = (again.media_type, again.text)
    liar.blobs.update(image.blobs())
    sampan("pull", liar.ref("app:v1"), check=True)
    tree, = (sampan.root / "layers").glob("*/tree")
    return tree


def test_a_zstd_chunked_layer_is_read_as_the_zstd_stream_that_it_is(sampan, liar):
    plain = Layer([root(), directory("etc"), file("etc/motd", b"chunked" * 1000)])
    half = len(plain.content) // 2
    blob = (compressed_by_zstd(plain.content[:half]) + compressed_by_zstd(plain.content[half:]) +
            skippable(b"manifest" * 20) + skippable(b"tar-split" * 10) + skippable(b"\0" * 64 + b"GNUlInUx"))
    layer = as_layer(plain, blob, "application/vnd.oci.image.layer.v1.tar+zstd")
    tree = pull_layer(sampan, liar, layer, {"io.github.containers.zstd-chunked.manifest-checksum": sha256(b"lie"),
                                            "io.github.containers.zstd-chunked.manifest-position": "1:2:3:1"})
    assert (tree / "etc/motd").read_bytes() == b"chunked" * 1000


def test_an_estargz_layer_is_read_as_the_gzip_stream_that_it_is(sampan, liar):
    plain = Layer([root(), directory("etc"), file("etc/motd", b"stargz" * 1000), file("stargz.index.json", b"{}")])
    half = len(plain.content) // 2
    # An empty gzip member whose extra field has the place of the table of contents.
    extra = b"SG" + struct.pack("<H", 22) + b"%016x" % half + b"STARGZ"
    footer = (b"\x1f\x8b\x08\x04" + bytes(4) + b"\0\xff" + struct.pack("<H", len(extra)) + extra + b"\x01\0\0\xff\xff" + bytes(8))
    blob = gzip.compress(plain.content[:half]) + gzip.compress(plain.content[half:]) + footer
    layer = as_layer(plain, blob, "application/vnd.oci.image.layer.v1.tar+gzip")
    tree = pull_layer(sampan, liar, layer, {"containerd.io/snapshot/stargz/toc.digest": sha256(b"lie")})
    assert (tree / "etc/motd").read_bytes() == b"stargz" * 1000
