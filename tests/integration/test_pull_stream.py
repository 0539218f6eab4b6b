# SPDX-License-Identifier: Apache-2.0
"""Layers that are unpacked while they arrive (docs/adr/0009): that they are, when they are not, and what happens when they turn bad."""
import gzip
import os
import re
import signal
import ssl
import threading
import time

import pytest
from image_fixture import Image, Layer, file, root, sha256
from registry_fixture import SLOW, LyingRegistry, answer
from test_pull_bad_input import small_disk_fixture  # noqa: F401  pylint: disable=unused-import
from test_registries_conf import conf_fixture, make_authority, make_certificate, write  # noqa: F401  pylint: disable=unused-import
from test_signatures import REPOSITORY, Key, attach, home_fixture, require, signed_by  # noqa: F401  pylint: disable=unused-import

pytestmark = pytest.mark.root
BIG = 8 << 20  # half of it is more than waits in pipes and blocks for the rest
NOBODY = ["65534"] * 4


@pytest.fixture(name="liar")
def liar_fixture():
    with LyingRegistry() as server:
        yield server


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds * SLOW
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def random_layer(compression="gzip", size=BIG, more=()):
    data = os.urandom(size)
    layer = Layer([root(), file("big", data), *more], compression=compression)
    layer.big = data
    return layer


class Halves:
    """Serves a layer's first half, waits until some of it is in staging (`streams`: it came to be there), and lets `rest(halves, handler)`
    do the rest; later requests are `again`'s."""

    def __init__(self, store, liar, rest, *, layer=None, again=None, patience=20, path=""):
        self.layer = layer or random_layer()
        self.blob = self.layer.blob
        self.half = len(self.blob) // 2
        self.rest, self.again = rest, again or Halves.whole
        self.ranges, self.streams, self.inode = [], None, None
        self.half_is_out = threading.Event()
        image = Image([self.layer])
        liar.add("v1", image)
        self.image = image

        def hook(handler):
            if self.layer.digest not in handler.path or path not in handler.path:
                return False
            self.ranges.append(handler.headers.get("Range"))
            if len(self.ranges) > 1:
                self.again(self, handler)
                return True
            self.begin(handler)
            self.streams = wait_until(lambda: self.find(store), patience)
            self.half_is_out.set()
            self.rest(self, handler)
            return True

        liar.hooks.append(hook)

    def find(self, store):
        for path in (store / "staging").glob("*/0/tree/big"):
            if path.stat().st_size > 0:
                self.inode = path.stat().st_ino
                return True
        return False

    def begin(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(self.blob)))
        handler.end_headers()
        handler.wfile.write(self.blob[:self.half])

    def go_on(self, handler):
        handler.wfile.write(self.blob[self.half:])

    def cut(self, handler):
        handler.wfile.flush()
        handler.close_connection = True

    def whole(self, handler):
        answer(handler, 200, self.blob)

    def from_there(self, handler):
        start = int(re.fullmatch(r"bytes=(\d+)-", self.ranges[-1])[1])
        size = len(self.blob)
        answer(handler, 206, self.blob[start:], {"Content-Range": f"bytes {start}-{size - 1}/{size}"})


def tree(sampan):
    found, = (sampan.root / "layers").glob("*/tree")
    return found


def is_whole(sampan, halves):
    assert (tree(sampan) / "big").read_bytes() == halves.layer.big
    assert os.listdir(sampan.root / "staging") == []
    return True


def nothing_is_left(sampan):
    return all(os.listdir(sampan.root / folder) == [] for folder in ("layers", "names", "staging", "blobs/sha256"))


def refused(sampan, liar, halves, message, *arguments):
    done = sampan("pull", *arguments, liar.ref("app:v1"))
    assert halves.streams
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"sampan: cannot pull '{liar.ref('app:v1')}': layer 1 of 1, {halves.layer.digest}: {message}")
    assert nothing_is_left(sampan)


# --- that they are ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_layer_is_unpacked_while_it_arrives_and_is_nothing_until_it_is_right(sampan, liar, compression):
    seen = []

    def look(halves, handler):
        seen.append([os.listdir(sampan.root / folder) for folder in ("layers", "names")])
        time.sleep(1)  # a line that stands still for a while
        halves.go_on(handler)

    halves = Halves(sampan.root, liar, look, layer=random_layer(compression))
    sampan("pull", liar.ref("app:v1"), check=True)
    assert halves.streams and seen == [[[], []]]
    assert is_whole(sampan, halves)
    assert (tree(sampan) / "big").stat().st_ino == halves.inode
    assert sampan("fsck").returncode == 0


def test_a_certificate_that_was_verified_makes_a_line_safe(sampan, conf, liar, tmp_path):
    authority = make_authority(tmp_path / "tls", "authority")
    certificate, key = make_certificate(tmp_path / "tls", "server", authority, "subjectAltName=DNS:reg.localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    liar.server.socket = context.wrap_socket(liar.server.socket, server_side=True)
    write(conf / "certs.d" / f"reg.localhost:{liar.port}" / "ca.crt", authority[0].read_text(encoding="ascii"))
    halves = Halves(sampan.root, liar, Halves.go_on)
    sampan("pull", f"reg.localhost:{liar.port}/app:v1", check=True)
    assert halves.streams and is_whole(sampan, halves)


def test_two_pulls_of_one_image_share_a_layer_that_arrives(sampan, liar):
    go_on = threading.Event()

    def hold(halves, handler):
        assert go_on.wait(60 * SLOW)
        halves.go_on(handler)

    halves = Halves(sampan.root, liar, hold)
    pulls = [sampan.popen("pull", liar.ref("app:v1"))]
    assert halves.half_is_out.wait(60 * SLOW)
    pulls.append(sampan.popen("pull", liar.ref("app:v1")))
    assert wait_until(lambda: sum("/manifests/" in path for path in liar.paths()) == 2)
    time.sleep(0.3)
    go_on.set()
    for process in pulls:
        _, stderr = process.communicate(timeout=60 * SLOW)
        assert process.returncode == 0, stderr
    assert halves.streams and halves.ranges == [None]
    assert is_whole(sampan, halves)


# --- when they are not -----------------------------------------------------------------------------------


def not_streamed(sampan, liar, *arguments, ref=None, prepare=None):
    halves = Halves(sampan.root, liar, Halves.go_on, patience=0.7)
    if prepare:
        prepare(halves)
    sampan("pull", *arguments, (ref or liar.ref("app:v1")).replace("DIGEST", halves.image.digest), check=True)
    assert halves.streams is False and halves.ranges == [None]
    assert is_whole(sampan, halves)


def test_a_layer_whose_blob_is_kept_is_checked_first(sampan, liar):
    not_streamed(sampan, liar, "--keep-blobs")


def test_what_a_digest_of_the_users_names_is_checked_first(sampan, liar):
    not_streamed(sampan, liar, ref=liar.ref("app@DIGEST"))


def test_plain_http_to_elsewhere_is_checked_first(sampan, liar):
    not_streamed(sampan, liar, "--tls-verify=false", ref=f"elsewhere.localhost:{liar.port}/app:v1")


def test_an_unsafe_mirror_has_all_layers_checked_first(sampan, conf, liar):
    write(conf / "registries.conf", f'[[registry]]\nlocation="{liar.host}"\n[[registry.mirror]]\n'
                                    f'location="elsewhere.localhost:{liar.port}"\ninsecure=true\n')
    not_streamed(sampan, liar)


def test_a_signed_image_is_checked_first(sampan, home, liar, tmp_path):
    key = Key(tmp_path)
    require(home, liar.host, keyPath=str(key.public), signedIdentity=REPOSITORY)
    not_streamed(sampan, liar,
                 prepare=lambda halves: attach(liar, halves.image.digest,
                                               [signed_by(key, halves.image.digest, liar.ref("app"))]))


@pytest.mark.parametrize("host, requests", [("localhost", 1), ("elsewhere.localhost", 2)])
def test_a_redirect_to_plain_http_elsewhere_starts_over_and_is_checked_first(sampan, liar, host, requests):
    layer = random_layer()
    far = Halves(sampan.root, liar, Halves.go_on, layer=layer, path="/far/", patience=20 if requests == 1 else 0.7)
    looks = []

    def again(halves, handler):
        halves.begin(handler)
        time.sleep(0.7)
        looks.append(halves.find(sampan.root))
        halves.go_on(handler)

    def lead_away(handler):
        if layer.digest not in handler.path or "/far/" in handler.path:
            return False
        answer(handler, 307, headers={"Location": f"http://{host}:{liar.port}/far/{layer.digest}"})
        return True

    far.again = again
    liar.hooks.append(lead_away)
    sampan("pull", liar.ref("app:v1"), check=True)
    assert bool(far.streams) == (requests == 1) and looks == [False] * (requests - 1)
    assert len([path for path in liar.paths() if "/blobs/" in path and layer.digest in path]) == requests
    assert far.ranges == [None] * requests and is_whole(sampan, far)


# --- cuts ------------------------------------------------------------------------------------------------


def test_a_stream_that_is_cut_goes_on_where_it_was(sampan, liar):
    halves = Halves(sampan.root, liar, Halves.cut, again=Halves.from_there)
    sampan("pull", liar.ref("app:v1"), check=True)
    assert halves.streams and halves.ranges == [None, f"bytes={halves.half}-"]
    assert is_whole(sampan, halves)
    assert (tree(sampan) / "big").stat().st_ino == halves.inode


def test_a_stream_whose_server_ignores_the_range_passes_over_what_it_has(sampan, liar):
    halves = Halves(sampan.root, liar, Halves.cut)
    sampan("pull", liar.ref("app:v1"), check=True)
    assert halves.streams and halves.ranges == [None, f"bytes={halves.half}-"]
    assert is_whole(sampan, halves)
    assert (tree(sampan) / "big").stat().st_ino == halves.inode


def test_a_stream_whose_server_has_no_rest_starts_over_and_is_checked_first(sampan, liar):
    looks = []

    def again(halves, handler):
        if halves.ranges[-1]:
            answer(handler, 416, headers={"Content-Range": f"bytes */{halves.layer.size}"})
            return
        halves.begin(handler)
        time.sleep(0.7)
        looks.append(halves.find(sampan.root))
        halves.go_on(handler)

    halves = Halves(sampan.root, liar, Halves.cut, again=again)
    sampan("pull", liar.ref("app:v1"), check=True)
    assert halves.streams and halves.ranges == [None, f"bytes={halves.half}-", None] and looks == [False]
    assert is_whole(sampan, halves)


def test_a_stream_that_ends_early_on_every_try(sampan, liar):
    halves = Halves(sampan.root, liar, Halves.cut, again=lambda halves, handler: answer(handler, 503))
    refused(sampan, liar, halves, f"registry '{liar.host}': HTTP status 503")


# --- lies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("place", [5000, -1], ids=["in the middle", "last byte"])
def test_a_stream_that_is_other_bytes_in_the_end(sampan, liar, compression, place):
    halves = Halves(sampan.root, liar, lambda _, handler: handler.wfile.write(rest), layer=random_layer(compression))
    rest = bytearray(halves.layer.blob[halves.half:])
    rest[place] ^= 1
    refused(sampan, liar, halves, f"its content has digest {sha256(halves.layer.blob[:halves.half] + bytes(rest))}")


def test_a_stream_of_the_right_tar_under_a_wrong_digest(sampan, liar):
    layer = random_layer()
    right, layer.digest = layer.digest, sha256(b"other")
    halves = Halves(sampan.root, liar, Halves.go_on, layer=layer)
    refused(sampan, liar, halves, f"its content has digest {right}")


def test_a_stream_of_another_tar_under_the_right_digest(sampan, liar):
    layer = random_layer()
    right, layer.diff_id = layer.diff_id, sha256(b"other")
    halves = Halves(sampan.root, liar, Halves.go_on, layer=layer)
    refused(sampan, liar, halves, f"layer content has digest {right}, expected {layer.diff_id}")


@pytest.mark.parametrize("more", [-100, 100], ids=["smaller", "larger"])
def test_a_stream_whose_size_the_manifest_has_wrong(sampan, liar, more):
    layer = random_layer()
    layer.size += more
    halves = Halves(sampan.root, liar, Halves.go_on, layer=layer)
    refused(sampan, liar, halves,
            f"it is larger than the {layer.size} bytes that the manifest says" if more < 0 else
            f"it has {len(layer.blob)} bytes where the manifest says {layer.size}")


def test_a_stream_that_goes_on_behind_the_layers_end(sampan, liar):
    layer = random_layer()
    more = b"this belongs to the digest" * 100
    layer.blob += gzip.compress(more)
    layer.digest, layer.size = sha256(layer.blob), len(layer.blob)
    halves = Halves(sampan.root, liar, Halves.go_on, layer=layer)
    refused(sampan, liar, halves, f"layer content has digest {sha256(layer.content + more)}, expected {layer.diff_id}")


def test_a_stream_that_becomes_a_bomb(sampan, liar):
    layer = random_layer(more=[file("bomb", b"x" * (30 << 20))])
    halves = Halves(sampan.root, liar, Halves.go_on, layer=layer)
    refused(sampan, liar, halves, "the layer unpacks to more than 16777216 bytes", "--max-layer-size", "16m")


def bad_mirror(conf, liar, mirror):
    write(conf / "registries.conf",
          f'[[registry]]\nlocation="{liar.host}"\n[[registry.mirror]]\nlocation="{mirror.host}"\n')


@pytest.mark.parametrize("what", ["garbage", "a bomb", "a cut"])
def test_a_mirror_that_turns_bad_in_the_middle_is_followed_by_the_registry_from_the_start(sampan, conf, liar, what):
    layer = random_layer()
    liar.add("v1", Image([layer]))
    with LyingRegistry() as mirror:
        again = (lambda _, handler: answer(handler, 404)) if what == "a cut" else None
        rest = {"garbage": lambda halves, handler: handler.wfile.write(bytes(layer.size - halves.half)),
                "a bomb": Halves.go_on, "a cut": Halves.cut}[what]
        halves = Halves(sampan.root, mirror, rest, layer=layer, again=again)
        if what == "a bomb":
            bomb = gzip.compress(layer.content[:BIG * 2 // 3] + b"x" * (30 << 20), 1)
            halves.blob = bomb.ljust(layer.size, b"\0")
        bad_mirror(conf, liar, mirror)
        sampan("pull", "--max-layer-size", "16m", liar.ref("app:v1"), check=True)
        # Who has failed is not asked again, and who has not is asked once.
        assert halves.streams and len(halves.ranges) == (2 if what == "a cut" else 1)
        assert [path.split("/")[-2] for path in liar.paths()] == ["blobs"]
        assert is_whole(sampan, halves)


def test_when_mirror_and_registry_lie_both_are_named(sampan, conf, liar):
    layer = random_layer()
    liar.add("v1", Image([layer]))
    liar.blobs[layer.digest] = b"short"
    liar.hooks.append(lambda handler: "/blobs/" in handler.path and not answer(handler, 403))
    with LyingRegistry() as mirror:
        halves = Halves(sampan.root, mirror, lambda halves, handler: handler.wfile.write(bytes(layer.size - halves.half)),
                        layer=layer)
        bad_mirror(conf, liar, mirror)
        done = sampan("pull", liar.ref("app:v1"))
        sent = sha256(layer.blob[:halves.half] + bytes(layer.size - halves.half))
        assert halves.streams and halves.ranges == [None] and done.returncode == 1
        assert done.stderr.splitlines()[-1] == (
            f"sampan: cannot pull '{liar.ref('app:v1')}': layer 1 of 1, {layer.digest}: access to '{liar.host}/app' denied: the "
            f"registry gives no reason (before that, mirror '{mirror.host}': its content has digest {sent})")
        assert nothing_is_left(sampan)


# --- the machine -----------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_while_a_layer_arrives(sampan, liar, small_disk):
    store = small_disk / "store"
    program = type(sampan)(sampan.argv[0], "--root", store, "--state-dir", sampan.state_dir)
    program("images", check=True)
    halves = Halves(store, liar, Halves.go_on, layer=random_layer(size=24 << 20))
    halves.half = 9 << 20
    ref = liar.ref("app:v1")
    done = program("pull", "--check-space=false", ref)
    assert halves.streams and done.returncode == 1
    assert done.stderr.splitlines()[-1] == (f"sampan: cannot pull '{ref}': no space left on the file system of '{store}' (free "
                                            "some, for example with sampan rmi)")
    assert os.listdir(store / "staging") == os.listdir(store / "layers") == os.listdir(store / "names") == []
    liar.add("small", Image([Layer([root(), file("small", b"after")])]))
    program("pull", liar.ref("app:small"), check=True)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as list_:
        return [int(text) for text in list_.read().split()]


def is_nobody(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(line.split()[1:] for line in status if line.startswith("Uid:")) == NOBODY


def writer_of(process):
    """The other child that is root's has no decoder: it only has written to disk what there is."""
    writer, = [pid for pid in children(process.pid) if not is_nobody(pid) and children(pid)]
    return writer


@pytest.mark.parametrize("who, message", [("worker", "a worker process died"),
                                          ("writer", "the unpacking process died of signal 9"),
                                          ("decoder", "the decoder died of signal 9")])
def test_a_process_that_is_killed_in_the_middle(sampan, liar, who, message):
    go_on = threading.Event()

    def hold(halves, handler):
        assert go_on.wait(60 * SLOW)
        halves.go_on(handler)

    halves = Halves(sampan.root, liar, hold)
    ref = liar.ref("app:v1")
    process = sampan.popen("pull", ref)
    assert halves.half_is_out.wait(60 * SLOW) and halves.streams
    worker, = [pid for pid in children(process.pid) if is_nobody(pid)]
    writer = writer_of(process)
    decoder, = children(writer)
    syncer, = [pid for pid in children(process.pid) if not is_nobody(pid) and pid != writer]
    os.kill({"worker": worker, "writer": writer, "decoder": decoder}[who], signal.SIGKILL)
    if who != "worker":
        time.sleep(0.2)
    go_on.set()
    _, stderr = process.communicate(timeout=60 * SLOW)
    assert process.returncode == 1
    assert stderr.splitlines()[-1] == f"sampan: cannot pull '{ref}': layer 1 of 1, {halves.layer.digest}: {message}"
    for folder in ("layers", "names", "staging"):
        assert os.listdir(sampan.root / folder) == []
    assert wait_until(lambda: not [pid for pid in (worker, writer, decoder, syncer) if os.path.exists(f"/proc/{pid}")])
    sampan("pull", ref, check=True)
    assert is_whole(sampan, halves)


def test_nothing_depends_on_who_writes_to_disk_meanwhile(sampan, liar):
    def kill(halves, handler):
        writer = writer_of(process)
        for pid in children(process.pid):
            if pid != writer and not is_nobody(pid):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
        halves.go_on(handler)

    killed = []
    halves = Halves(sampan.root, liar, kill)
    process = sampan.popen("pull", liar.ref("app:v1"))
    _, stderr = process.communicate(timeout=60 * SLOW)
    assert process.returncode == 0, stderr
    assert len(killed) == 1 and halves.streams and is_whole(sampan, halves)


def test_an_unpacker_that_stands_still_holds_up_the_download_and_nothing_more(sampan, liar):
    halves = Halves(sampan.root, liar, Halves.go_on)
    writers = []

    def stop(halves, handler):
        writers.append(writer_of(process))
        os.kill(writers[0], signal.SIGSTOP)
        halves.go_on(handler)

    halves.rest = stop
    process = sampan.popen("pull", liar.ref("app:v1"))
    assert halves.half_is_out.wait(60 * SLOW)
    time.sleep(3)
    assert process.poll() is None
    os.kill(writers[0], signal.SIGCONT)
    _, stderr = process.communicate(timeout=60 * SLOW)
    assert process.returncode == 0, stderr
    assert halves.streams and is_whole(sampan, halves)


def test_an_unpacker_that_ends_just_when_its_layer_starts_over_is_waited_for_once(sampan, liar):
    """The parent sleeps until it has to hear of both at once."""
    def again(halves, handler):
        if not halves.ranges[-1]:
            halves.whole(handler)
            return
        writer = writer_of(process)
        process.send_signal(signal.SIGSTOP)
        os.kill(writer, signal.SIGKILL)
        answer(handler, 416)
        time.sleep(0.5)
        process.send_signal(signal.SIGCONT)

    halves = Halves(sampan.root, liar, Halves.cut, again=again)
    process = sampan.popen("pull", liar.ref("app:v1"))
    _, stderr = process.communicate(timeout=60 * SLOW)
    assert process.returncode == 0, stderr
    assert halves.streams and halves.ranges == [None, f"bytes={halves.half}-", None]
    assert is_whole(sampan, halves)
