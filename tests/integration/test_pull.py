# SPDX-License-Identifier: Apache-2.0
"""sampan pull: from registries, layouts and archives into the store."""
import json
import os
import pty
import select
import signal
import ssl
import stat
import subprocess
import threading
import time

import pytest
from image_fixture import (Image, Index, Layer, directory, file, foreign_architecture, machine_architecture, root,
                           whiteout, write_docker_archive, write_layout, write_oci_archive)
from registry_fixture import LyingRegistry, answer, error

SLOW = float(os.environ.get("SAMPAN_SLOW", "1"))
pytestmark = pytest.mark.root


@pytest.fixture(name="liar")
def liar_fixture():
    with LyingRegistry() as server:
        yield server


def small_image(text=b"hello", **more):
    return Image([Layer([root(), directory("etc"), file("etc/motd", text)])], cmd=["/bin/sh"], **more)


def two_layers(**more):
    return Image([Layer([root(), directory("etc"), file("etc/base", b"base"), file("etc/gone", b"x")]),
                  Layer([directory("etc"), file("etc/top", b"top"), whiteout("etc/gone")])], **more)


def names(sampan):
    """{canonical name: record} of a store."""
    folder = sampan.root / "names"
    records = [json.loads((folder / name).read_text(encoding="utf-8")) for name in os.listdir(folder)]
    return {record["name"]: record for record in records}


def trees(sampan, name):
    return [sampan.root / "layers" / key / "tree" for key in names(sampan)[name]["layers"]]


def staging(sampan):
    return os.listdir(sampan.root / "staging")


# --- what is pulled ------------------------------------------------------------------------------------


@pytest.mark.main_job
def test_the_image_for_this_machine_is_chosen_from_an_index_and_the_choice_is_explained(sampan, registry):
    here, there = small_image(b"here"), small_image(b"there", architecture=foreign_architecture())
    index = Index([there, here])
    ref = registry.push("choice/index", "v1", index)
    done = sampan("pull", ref, check=True)
    arch = machine_architecture()
    line = next(line for line in done.stderr.splitlines() if "choosing" in line)
    assert line.startswith(f"{ref[:-3]}: choosing linux/{arch} (this machine: linux/{arch}")
    assert line.endswith(f"the index has linux/{foreign_architecture()}, linux/{arch})")
    assert done.stdout == f"Digest: {index.digest}\nStatus: downloaded newer image for {ref}\n{ref}\n"
    assert (trees(sampan, ref)[0] / "etc/motd").read_bytes() == b"here"
    record = names(sampan)[ref]
    assert record["index"] == index.digest
    assert record["manifest"] == here.digest
    assert staging(sampan) == []


@pytest.mark.main_job
def test_layers_arrive_as_overlayfs_wants_them(sampan, registry):
    ref = registry.push("layers/two", "v1", two_layers())
    sampan("pull", ref, check=True)
    base, top = trees(sampan, ref)
    assert (base / "etc/base").read_bytes() == b"base"
    assert (top / "etc/top").read_bytes() == b"top"
    gone = os.lstat(top / "etc/gone")
    assert stat.S_ISCHR(gone.st_mode) and gone.st_rdev == 0


def test_an_image_for_another_platform_is_pulled_on_request(sampan, registry):
    there = small_image(b"there", architecture=foreign_architecture())
    ref = registry.push("choice/other", "v1", Index([small_image(b"here"), there]))
    done = sampan("pull", "--platform", f"linux/{foreign_architecture()}", ref, check=True)
    assert f"choosing linux/{foreign_architecture()} (--platform asks for it; this machine: " in done.stderr
    assert names(sampan)[ref]["manifest"] == there.digest


def test_docker_manifest_lists_and_nested_indexes_work(sampan, registry):
    image = small_image(b"nested", docker=True)
    inner = Index([small_image(b"x", architecture="s390x"), image], docker=True)
    ref = registry.push("choice/nested", "v1", Index([inner]))
    sampan("pull", ref, check=True)
    assert names(sampan)[ref]["manifest"] == image.digest


def test_attestations_in_an_index_are_passed_over(sampan, liar):
    image = small_image()
    attestation = {**image.descriptor(), "digest": "sha256:" + "1" * 64,
                   "platform": {"os": "unknown", "architecture": "unknown"},
                   "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    liar.add("v1", Index([image], extra=[attestation]))
    sampan("pull", liar.ref("app:v1"), check=True)
    assert names(sampan)[liar.ref("app:v1")]["manifest"] == image.digest


def test_quiet_prints_the_digest_and_nothing_else(sampan, registry):
    image = small_image(b"quiet")
    done = sampan("pull", "-q", registry.push("quiet", "v1", image), check=True)
    assert (done.stdout, done.stderr) == (image.digest + "\n", "")


def test_a_digest_names_an_image(sampan, registry):
    image = small_image(b"by digest")
    registry.push("digest", "v1", image)
    ref = registry.ref(f"digest@{image.digest}")
    assert sampan("pull", "-q", ref, check=True).stdout == image.digest + "\n"
    assert list(names(sampan)) == [ref]


def test_a_second_pull_downloads_the_manifest_only(sampan, liar):
    liar.add("v1", two_layers())
    ref = liar.ref("app:v1")
    sampan("pull", ref, check=True)
    liar.requests.clear()
    done = sampan("pull", ref, check=True)
    assert f"Status: image is up to date for {ref}\n" in done.stdout
    assert liar.paths() == ["/v2/app/manifests/v1"]


def test_layers_that_are_there_are_not_downloaded_again(sampan, liar):
    base = Layer([root(), directory("etc"), file("etc/base", b"base")])
    liar.add("v1", Image([base]))
    liar.add("v2", Image([base, Layer([root(), file("new", b"new")])]))
    sampan("pull", liar.ref("app:v1"), check=True)
    liar.requests.clear()
    done = sampan("pull", liar.ref("app:v2"), check=True)
    assert f"{base.digest[7:19]}: already here" in done.stderr
    assert not [path for path in liar.paths() if base.digest in path]


def test_a_layer_that_is_there_is_known_by_its_diff_id_however_it_is_compressed(sampan, liar):
    members = [root(), directory("etc"), file("etc/base", b"base" * 1000)]
    plain, packed = Layer(members, compression=None), Layer(members)
    assert plain.diff_id == packed.diff_id and plain.digest != packed.digest
    liar.add("v1", Image([packed]))
    liar.add("v2", Image([plain]))
    sampan("pull", liar.ref("app:v1"), check=True)
    sampan("pull", liar.ref("app:v2"), check=True)
    assert not [path for path in liar.paths() if plain.digest in path]


def test_nobody_waits_for_a_pull_who_only_reads_or_names_or_removes(sampan, liar):
    liar.add("before", small_image(b"before"))
    sampan("pull", "-q", liar.ref("app:before"), check=True)
    process, stalled = stalled_pull(sampan, liar)
    prune = sampan.popen("image", "prune", "-f")  # this one waits, and nobody for it
    before = time.monotonic()
    for command in (["images"], ["inspect", liar.ref("app:before")], ["history", liar.ref("app:before")], ["image", "tree", liar.ref("app:before")],
                    ["system", "df"], ["fsck"], ["tag", liar.ref("app:before"), "again:v1"], ["save", "-o", os.devnull, "again:v1"],
                    ["create", "--name", "box", "again:v1"], ["ps", "-a"], ["rm", "box"], ["rmi", "again:v1"]):
        sampan(*command, check=True)
    assert time.monotonic() - before < 20 * SLOW and process.poll() is None and prune.poll() is None
    liar.hooks.clear()
    stalled.set()
    assert process.wait(20 * SLOW) == 0 and prune.wait(20 * SLOW) == 0
    assert sorted(names(sampan)) == [liar.ref("app:before"), liar.ref("app:v1")]


def test_a_layer_that_the_manifest_has_twice_is_downloaded_once(sampan, liar):
    twice = Layer([root(), directory("etc"), file("etc/twice", b"2")])
    liar.add("v1", Image([twice, Layer([root(), file("between", b"1")]), twice]))
    sampan("pull", liar.ref("app:v1"), check=True)
    assert len([path for path in liar.paths() if twice.digest in path]) == 1
    keys = names(sampan)[liar.ref("app:v1")]["layers"]
    assert keys[0] == keys[2] != keys[1]


def test_directories_that_a_layer_does_not_describe_look_as_they_do_below(sampan, liar):
    base = Layer([root(), directory("srv", 0o1770, uid=42)])
    liar.add("v1", Image([base, Layer([file("srv/file", b"1")])]))
    sampan("pull", liar.ref("app:v1"), check=True)
    top = trees(sampan, liar.ref("app:v1"))[1]
    info = os.stat(top / "srv")
    assert (stat.S_IMODE(info.st_mode), info.st_uid) == (0o1770, 42)


def test_the_same_layer_twice_looks_each_time_as_the_layers_below_have_it(sampan, liar):
    twice = Layer([file("srv/file", b"1")])
    liar.add("v1", Image([Layer([root(), directory("srv", 0o700)]), twice,
                          Layer([root(), directory("srv", 0o711)]), twice]))
    sampan("pull", liar.ref("app:v1"), check=True)
    layers = trees(sampan, liar.ref("app:v1"))
    assert [stat.S_IMODE(os.stat(tree / "srv").st_mode) for tree in layers] == [0o700, 0o700, 0o711, 0o711]


def test_uncompressed_layers_and_many_layers_at_a_time_work(sampan, registry):
    layers = [Layer([root(), file(f"f{i}", os.urandom(30000))], compression=None if i % 2 else "gzip")
              for i in range(12)]
    ref = registry.push("many", "v1", Image(layers))
    for jobs in ("1", "8"):
        sampan("pull", "--jobs", jobs, ref, check=True)
        assert len(names(sampan)[ref]["layers"]) == 12
    assert (trees(sampan, ref)[11] / "f11").stat().st_size == 30000


def test_a_new_image_under_an_old_name_replaces_it(sampan, registry):
    ref = registry.push("moves", "v1", small_image(b"old"))
    sampan("pull", ref, check=True)
    registry.push("moves", "v1", small_image(b"new"))
    sampan("pull", ref, check=True)
    assert (trees(sampan, ref)[0] / "etc/motd").read_bytes() == b"new"


def test_two_pulls_of_one_image_share_the_work(sampan, liar):
    image = two_layers()
    liar.add("v1", image)
    first_blob, go_on = threading.Event(), threading.Event()

    def hold(handler):
        if image.layers[0].digest in handler.path:
            first_blob.set()
            assert go_on.wait(30 * SLOW)
        return False

    liar.hooks.append(hold)
    ref = liar.ref("shared/app:v1")
    first = sampan.popen("pull", "--tls-verify=false", ref)
    assert first_blob.wait(30 * SLOW)
    second = sampan.popen("pull", "--tls-verify=false", ref)
    deadline = time.monotonic() + 30 * SLOW
    while sum("/manifests/" in path for path in liar.paths()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # Readers wait for neither.
    assert sampan("images", "-q", check=True, timeout=5).stdout == ""
    time.sleep(0.3)
    go_on.set()
    for process in (first, second):
        _, stderr = process.communicate(timeout=60 * SLOW)
        assert process.returncode == 0, stderr
    for layer in image.layers:
        assert sum(layer.digest in path for path in liar.paths()) == 1
    assert staging(sampan) == []


# --- files ---------------------------------------------------------------------------------------------


def test_an_oci_layout_is_pulled_by_its_tag(sampan, tmp_path):
    layout = write_layout(tmp_path / "My_Layout", {"v1": small_image(b"1"), "v2": small_image(b"2")})
    layout.chmod(0o700)
    done = sampan("pull", f"oci:{layout}:v2", check=True)
    assert done.stdout.endswith("\nlocalhost/my-layout:v2\n")
    assert (trees(sampan, "localhost/my-layout:v2")[0] / "etc/motd").read_bytes() == b"2"


def test_a_layout_with_several_images_asks_which(sampan, tmp_path):
    layout = write_layout(tmp_path / "layout", {"v1": small_image(b"1"), "v2": small_image(b"2")})
    done = sampan("pull", f"oci:{layout}")
    assert done.returncode == 1
    assert done.stderr == f"sampan: '{layout}' holds several images; append one of them as ':NAME': v1, v2\n"
    done = sampan("pull", f"oci:{layout}:v3")
    assert (done.returncode, done.stderr) == (1, f"sampan: '{layout}' holds no image 'v3'; there is: v1, v2\n")


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_an_oci_archive_keeps_its_full_name(sampan, tmp_path, suffix):
    archive = write_oci_archive(tmp_path / f"image.{suffix}", {"quay.io/team/app:1": two_layers()}, tmp_path / "layout")
    archive.chmod(0o600)
    sampan("pull", f"oci-archive:{archive}", check=True)
    assert (trees(sampan, "quay.io/team/app:1")[1] / "etc/top").read_bytes() == b"top"


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_a_docker_archive_gives_the_image_that_is_asked_for(sampan, tmp_path, suffix):
    archive = write_docker_archive(tmp_path / f"saved.{suffix}", {"busybox:1": small_image(b"1"),
                                                                  "example.com/x/y:2": two_layers()})
    done = sampan("pull", f"docker-archive:{archive}")
    assert done.returncode == 1
    assert done.stderr == (f"sampan: '{archive}' holds several images; append one of them as ':NAME': "
                           "docker.io/library/busybox:1, example.com/x/y:2\n")
    sampan("pull", f"docker-archive:{archive}:busybox:1", check=True)
    sampan("pull", f"docker-archive:{archive}:example.com/x/y:2", check=True)
    assert sorted(names(sampan)) == ["docker.io/library/busybox:1", "example.com/x/y:2"]
    assert (trees(sampan, "docker.io/library/busybox:1")[0] / "etc/motd").read_bytes() == b"1"


def test_a_docker_archive_without_a_name_is_called_after_its_file(sampan, tmp_path):
    archive = write_docker_archive(tmp_path / "Saved.tar", {"": small_image(b"1")})
    done = sampan("pull", f"docker-archive:{archive}", check=True)
    assert done.stdout.endswith("\nlocalhost/saved:latest\n")


def test_what_is_no_archive_is_refused(sampan, tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(b"no archive" * 1000)
    done = sampan("pull", f"docker-archive:{path}")
    assert (done.returncode, done.stderr) == (1, f"sampan: '{path}': Unrecognized archive format\n")


# --- how it is shown -----------------------------------------------------------------------------------


def test_without_a_terminal_each_event_is_a_line(sampan, registry):
    layer = Layer([root(), file("one", b"1")])
    done = sampan("pull", registry.push("lines", "v1", Image([layer])), check=True)
    short = layer.digest[7:19]
    assert done.stderr.splitlines()[1:] == [f"{short}: downloading {layer.size}B", f"{short}: unpacking", f"{short}: done"]
    assert "\033" not in done.stderr


def test_on_a_terminal_bars_are_redrawn_in_place_and_fit(sampan, liar):
    image = Image([Layer([root(), file("big", os.urandom(3 << 20))], compression=None)])
    liar.add("v1", image)

    def slowly(handler):
        if "/blobs/" not in handler.path or image.layers[0].digest not in handler.path:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(image.layers[0].size))
        handler.end_headers()
        for at in range(0, image.layers[0].size, 1 << 19):
            handler.wfile.write(image.layers[0].blob[at:at + (1 << 19)])
            time.sleep(0.08)
        return True

    liar.hooks.append(slowly)
    master, slave = pty.openpty()
    subprocess.run(["stty", "cols", "60", "rows", "20"], stdin=slave, check=True)
    process = sampan.popen("pull", liar.ref("app:v1"), stderr=slave, text=False)
    os.close(slave)
    screen = b""
    while True:
        ready, _, _ = select.select([master], [], [], 20 * SLOW)
        assert ready, screen
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        screen += data
    os.close(master)
    assert process.wait() == 0
    assert screen.count(b"\033[1A\r") >= 3
    assert b"downloading  [" in screen
    assert b"done" in screen
    for line in screen.decode().replace("\033[K", "").replace("\033[J", "").replace("\033[1A", "").split("\r"):
        assert len(line.strip("\n")) < 60 or "choosing" in line, line


def test_an_interrupted_pull_cleans_up_and_says_which_signal(sampan, liar):
    for number in (signal.SIGINT, signal.SIGTERM):
        process, stalled = stalled_pull(sampan, liar)
        process.send_signal(number)
        assert process.wait(20 * SLOW) == 128 + number
        assert process.stderr.read().endswith("sampan: interrupted\n")
        stalled.set()
        assert staging(sampan) == []
        assert os.listdir(sampan.root / "names") == []


def stalled_pull(sampan, liar, text=b"stall", options=()):
    """A pull whose layer stops half-way, and the event that lets the server go."""
    image = Image([Layer([root(), file("big", text * 100000)], compression=None)])
    liar.add("v1", image)
    arrived, go_on = threading.Event(), threading.Event()

    def stall(handler):
        if image.layers[0].digest not in handler.path:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(image.layers[0].size))
        handler.end_headers()
        handler.wfile.write(image.layers[0].blob[:100000])
        arrived.set()
        go_on.wait(60 * SLOW)
        handler.close_connection = True
        return True

    liar.hooks[:] = [stall]
    process = sampan.popen("pull", *options, liar.ref("app:v1"))
    assert arrived.wait(20 * SLOW)
    time.sleep(0.05)
    return process, go_on


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file_:
        return [int(text) for text in file_.read().split()]


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file_:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file_ if ":\t" in line)


def test_who_talks_to_the_registry_is_nobody_and_dies_with_its_parent(sampan, liar):
    process, stalled = stalled_pull(sampan, liar)
    everybody = children(process.pid)
    workers = [pid for pid in everybody if status_of(pid)["Uid"].split() == ["65534"] * 4]
    assert len(everybody) == 2 and len(workers) == 1  # the other one unpacks
    status = status_of(workers[0])
    assert status["Gid"].split() == ["65534"] * 4
    assert status["Groups"].split() == []
    assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    targets = {os.readlink(f"/proc/{workers[0]}/fd/{fd}") for fd in os.listdir(f"/proc/{workers[0]}/fd") if int(fd) > 2}
    assert not [target for target in targets if str(sampan.root) in target], targets
    everybody += children(everybody[0]) + children(everybody[1])
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10 * SLOW
    for pid in everybody:
        while os.path.exists(f"/proc/{pid}") and status_of(pid)["State"][0] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.01)
    stalled.set()


def test_a_blob_that_is_kept_is_checked_before_it_is_unpacked(sampan, liar):
    process, stalled = stalled_pull(sampan, liar, options=["--keep-blobs"])
    workers = children(process.pid)
    assert len(workers) == 1
    targets = {os.readlink(f"/proc/{workers[0]}/fd/{fd}") for fd in os.listdir(f"/proc/{workers[0]}/fd") if int(fd) > 2}
    store_files = [target for target in targets if str(sampan.root) in target]
    assert len(store_files) == 1 and store_files[0].endswith("(deleted)"), targets
    process.kill()
    process.wait()
    stalled.set()


# --- registries ----------------------------------------------------------------------------------------


def test_a_bearer_token_is_fetched_and_sent_to_the_registry_only(sampan, liar):
    image = small_image()
    seen = {}
    with LyingRegistry() as elsewhere:
        elsewhere.blobs.update(image.blobs())
        liar.add("v1", image)

        def guard(handler):
            if handler.path.startswith("/token"):
                seen["token"] = handler.path
                answer(handler, 200, b'{"token":"s3cret","expires_in":60}')
                return True
            if handler.headers.get("Authorization") != "Bearer s3cret":
                error(handler, 401, "UNAUTHORIZED", "authentication required", {
                    "WWW-Authenticate": f'Bearer realm="http://{liar.host}/token",service="reg",'
                                        'scope="repository:team/app:pull"'})
                return True
            if "/blobs/" in handler.path:
                answer(handler, 307, headers={"Location": f"http://{elsewhere.host}{handler.path}"})
                return True
            return False

        liar.hooks.append(guard)
        sampan("pull", liar.ref("team/app:v1"), check=True)
        assert seen["token"] == "/token?service=reg&scope=repository:team/app:pull"
        assert elsewhere.requests
        assert [headers for _, headers in elsewhere.requests if "Authorization" in headers] == []


def test_a_registry_that_wants_a_password_says_so(sampan, liar):
    def guard(handler):
        error(handler, 401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="x"'})
        return True

    liar.hooks.append(guard)
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (
        1, f"sampan: registry '{liar.host}': authentication required (sampan login {liar.host})\n")


def test_a_refusal_is_shown_with_the_registrys_reason(sampan, liar):
    liar.hooks.append(lambda handler: error(handler, 403, "DENIED", "not for \\u001b[31myou") or True)
    done = sampan("pull", liar.ref("app:v1"))
    assert done.returncode == 1
    assert done.stderr == f"sampan: access to '{liar.host}/app' denied: not for ?[31myou\n"


def test_what_is_not_there_is_named(sampan, registry):
    registry.push("there", "v1", small_image())
    for name in ("there:v2", "nowhere:v1"):
        done = sampan("pull", registry.ref(name))
        assert done.returncode == 1
        assert done.stderr == f"sampan: manifest for {registry.ref(name)} not found: manifest unknown\n"


def test_errors_of_the_server_and_broken_connections_are_tried_again(sampan, liar):
    image = Image([Layer([root(), file("big", os.urandom(200000))])])
    liar.add("v1", image)
    failures = {"manifest": 1, "blob": 2}

    def stumble(handler):
        if "/manifests/" in handler.path and failures["manifest"] > 0:
            failures["manifest"] -= 1
            error(handler, 503, "UNAVAILABLE", "later")
            return True
        if image.layers[0].digest in handler.path and failures["blob"] > 0:
            failures["blob"] -= 1
            handler.send_response(200)
            handler.send_header("Content-Length", str(image.layers[0].size))
            handler.end_headers()
            handler.wfile.write(image.layers[0].blob[:70000])
            handler.close_connection = True
            return True
        return False

    liar.hooks.append(stumble)
    sampan("pull", liar.ref("app:v1"), check=True)
    assert failures == {"manifest": 0, "blob": 0}
    assert (trees(sampan, liar.ref("app:v1"))[0] / "big").stat().st_size == 200000


def test_a_server_that_keeps_failing_is_given_up_after_three_tries(sampan, liar):
    times = []
    liar.hooks.append(lambda handler: times.append(time.monotonic()) or error(handler, 500, "UNKNOWN", "disk on fire") or True)
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (1, f"sampan: registry '{liar.host}': HTTP status 500: disk on fire\n")
    assert len(liar.paths()) == 3
    assert times[1] - times[0] >= 0.45 and times[2] - times[1] >= 0.95  # twice as long each time, and some more by chance


def test_endless_redirects_are_given_up(sampan, liar):
    liar.hooks.append(lambda handler: answer(handler, 302, headers={"Location": handler.path + "x"}) or True)
    done = sampan("pull", liar.ref("app:v1"))
    assert (done.returncode, done.stderr) == (1, f"sampan: registry '{liar.host}': more than 5 redirects\n")


def test_plain_http_is_spoken_beyond_loopback_on_request_only(sampan, liar):
    """libcurl resolves *.localhost to loopback; only localhost itself counts as local."""
    liar.add("v1", small_image())
    ref = f"reg.localhost:{liar.port}/app:v1"
    done = sampan("pull", ref)
    assert done.returncode == 1
    assert done.stderr.startswith(f"sampan: registry 'reg.localhost:{liar.port}': ")
    assert done.stderr.endswith(" (if it speaks plain HTTP: --tls-verify=false)\n")
    assert liar.paths() == []
    sampan("pull", "--tls-verify=false", ref, check=True)


def test_a_certificate_must_be_valid_unless_the_user_says_otherwise(sampan, liar, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    key, "-out", certificate, "-subj", "/CN=reg.localhost", "-days", "2"], check=True,
                   capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    liar.server.socket = context.wrap_socket(liar.server.socket, server_side=True)
    liar.add("v1", small_image())
    ref = f"reg.localhost:{liar.port}/app:v1"
    done = sampan("pull", ref)
    assert done.returncode == 1
    assert done.stderr.endswith(" (to take any certificate: --tls-verify=false)\n"), done.stderr
    assert liar.paths() == []
    sampan("pull", "--tls-verify=false", ref, check=True)
    assert "/v2/app/manifests/v1" in liar.paths()


def test_a_token_server_that_refuses_is_named(sampan, liar):
    def guard(handler):
        if handler.path.startswith("/token"):
            error(handler, 401, "UNAUTHORIZED", "who are you")
        else:
            error(handler, 401, "UNAUTHORIZED", "no", {
                "WWW-Authenticate": f'Bearer realm="http://{liar.host}/token",service="s"'})
        return True

    liar.hooks.append(guard)
    done = sampan("pull", liar.ref("app:v1"))
    assert done.returncode == 1
    assert done.stderr == (f"sampan: registry '{liar.host}': token server 'http://{liar.host}': "
                           "refused: who are you\n")


# --- the command line ----------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, text", [
    (["lower/UPPER"], "sampan: invalid reference 'lower/UPPER': "),
    (["--platform", "linux/amd64/v1/x", "busybox"], "sampan: "),
    (["--jobs", "0", "busybox"], "sampan: --jobs takes a number from 1 to 16\n"),
    (["--jobs", "17", "busybox"], "sampan: --jobs takes a number from 1 to 16\n"),
    ([], "sampan: 'sampan pull' requires exactly 1 argument\n"),
    (["--wrong", "busybox"], "sampan: unknown flag: --wrong\n"),
])
def test_a_bad_command_line_is_refused_with_125_and_a_bad_reference_with_1(sampan, arguments, text):
    done = sampan("pull", *arguments)
    assert done.returncode == (1 if "lower/UPPER" in arguments else 125)
    assert done.stderr.startswith(text)


def test_a_registry_that_is_not_there_is_named(sampan):
    done = sampan("pull", "localhost:1/x")
    assert done.returncode == 1
    assert done.stderr.startswith("sampan: registry 'localhost:1': Failed to connect to localhost port 1")


def test_a_host_that_cannot_be_resolved_is_named(sampan):
    done = sampan("pull", "no-such-host.invalid/x")
    assert done.returncode == 1
    assert done.stderr == ("sampan: registry 'no-such-host.invalid': Could not resolve host: no-such-host.invalid\n")


def test_a_token_server_that_stumbles_is_asked_again(sampan, liar):
    liar.add("v1", small_image())
    failures = [503, 500]

    def guard(handler):
        if handler.path.startswith("/token") and failures:
            error(handler, failures.pop(), "UNAVAILABLE", "later")
        elif handler.path.startswith("/token"):
            answer(handler, 200, b'{"access_token":"t"}')
        elif handler.headers.get("Authorization") != "Bearer t":
            error(handler, 401, "UNAUTHORIZED", "no", {"WWW-Authenticate": f'Bearer realm="http://{liar.host}/token"'})
        else:
            return False
        return True

    liar.hooks.append(guard)
    sampan("pull", liar.ref("app:v1"), check=True)
    assert failures == []


def test_a_program_that_is_missing_is_named_with_the_cure(sampan, tmp_path):
    done = sampan("pull", "busybox", env={"SAMPAN_LIBEXEC": str(tmp_path)})
    assert done.returncode == 125
    assert done.stderr == (f"sampan: cannot run '{tmp_path}/sampan-image' (install it there, or set SAMPAN_LIBEXEC to its "
                           "directory): no such file or directory\n")
