# SPDX-License-Identifier: Apache-2.0
"""Builds of large files, which are hashed beside being read, and copied while the tar of their layer is made."""
import glob
import hashlib
import json
import os
import signal
import tarfile
import time

import pytest
from conftest import SLOW
from container_fixture import wait_for
from test_build_interrupt import ENDS, end, layer, site_fixture  # noqa: F401  pylint: disable=unused-import

pytestmark = pytest.mark.root

MIB = 1 << 20
TIME_NS = 1700000000_123456789


def write_large(path, mib, mode=0o644):
    data = os.urandom(mib * MIB + 12345)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    os.utime(path, ns=(TIME_NS, TIME_NS))
    return data


def saved_layer(site, name, index=-1):
    """The bytes of a layer's tar as `save` makes it again, and its diff ID."""
    path = site.context.parent / f"{name}.tar"
    site.sampan("save", "-o", path, name, check=True)
    with tarfile.open(path) as archive:
        (manifest,) = json.load(archive.extractfile("manifest.json"))
        config = json.load(archive.extractfile(manifest["Config"]))
        return archive.extractfile(manifest["Layers"][index]).read(), config["rootfs"]["diff_ids"][index]


@pytest.mark.parametrize("base, flags", [("FROM scratch\n", ""), ("FROM localhost/box\n", ""), ("FROM localhost/box\n", "--link ")],
                         ids=["on nothing", "on an overlay", "link"])
def test_large_files_are_in_the_layer_bit_for_bit(site, base, flags):
    first = write_large(site.context / "d" / "a", 20, 0o640)
    second = write_large(site.context / "d" / "z", 9)
    privileged = write_large(site.context / "d" / "suid", 8, 0o4755)
    os.link(site.context / "d" / "a", site.context / "d" / "other")
    with open(site.context / "d" / "sparse", "wb") as file:
        file.truncate(64 * MIB)
        file.write(b"begin")
    (site.context / "d" / "small").write_text("small")
    site.write(f"{base}COPY {flags}d /d/\n")
    done = site.build()
    assert done.returncode == 0, done.stderr
    made = layer(site.sampan) / "d"
    for name, data, mode in (("a", first, 0o640), ("other", first, 0o640), ("z", second, 0o644), ("suid", privileged, 0o4755)):
        assert (made / name).read_bytes() == data, name
        assert ((made / name).stat().st_mode & 0o7777, (made / name).stat().st_mtime_ns) == (mode, TIME_NS), name
    assert (made / "a").stat().st_ino == (made / "other").stat().st_ino
    tar, diff_id = saved_layer(site, "built")
    assert f"sha256:{hashlib.sha256(tar).hexdigest()}" == diff_id
    site.assert_clean()
    (record,) = [path for path in glob.glob(f"{site.sampan.root}/layers/*/files.sum") if f"{made}".startswith(os.path.dirname(path))]
    with open(record, encoding="ascii") as file:
        sums = {fields[8].strip(): fields for fields in (line.split(" ") for line in file) if len(fields) == 9}
    assert sums["a"][6] == sums["other"][6] != "-" and sums["sparse"][6] != "-"
    assert site.steps(site.build().stderr)[-1].startswith("CACHED")


def test_a_file_that_was_written_just_then_is_known_to_the_next_step_of_its_kind(site):
    write_large(site.context / "large", 260)
    site.write("FROM scratch\nCOPY large /\n")
    assert site.build().returncode == 0
    began = time.monotonic()
    os.utime(site.context, ns=(TIME_NS, TIME_NS))
    done = site.build()
    assert [step.split(" ")[0] for step in site.steps(done.stderr)] == ["CACHED"], done.stderr
    assert time.monotonic() - began < 5 * SLOW
    site.assert_clean()


def test_the_later_of_two_large_files_of_one_name_stays(site):
    write_large(site.context / "one" / "x", 10)
    last = write_large(site.context / "two" / "x", 11)
    (site.context / "three").mkdir()
    site.write("FROM localhost/box\nCOPY one/x two/x /d/\n")
    assert site.build().returncode == 0
    assert (layer(site.sampan) / "d" / "x").read_bytes() == last
    site.assert_clean()


def test_an_epoch_is_the_time_of_large_files_too(site):
    write_large(site.context / "large", 12)
    site.write("FROM localhost/box\nCOPY large /\n")
    ids = set()
    for epoch in (1500000000, 1500000000):
        assert site.build("--no-cache", "--build-arg", f"SOURCE_DATE_EPOCH={epoch}").returncode == 0
        assert (layer(site.sampan) / "large").stat().st_mtime == epoch
        (found,) = json.loads(site.sampan("inspect", "built", check=True).stdout)
        ids.add(found["Id"])
    assert len(ids) == 1
    site.assert_clean()


# --- stopped ---------------------------------------------------------------------------------------------


def stop(site, process, number):
    began = time.monotonic()
    os.kill(process.pid, number)
    log = end(process)
    assert process.returncode == ENDS[number]
    assert time.monotonic() - began < 5 * SLOW
    site.assert_gone()
    if number != signal.SIGKILL:
        assert log.splitlines()[-1] == "sampan: interrupted"
        site.assert_clean()


def hashing(site):
    """Whether a build has its process that hashes: a child of the one that reads."""
    return len(site.processes()) > 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_stopped_while_it_hashes_a_large_file_leaves_nothing(site, number):
    with open(site.context / "large", "wb") as file:
        file.truncate(64 << 30)
    site.write("FROM scratch\nCOPY large /\n")
    process = site.start()
    wait_for(lambda: hashing(site), "the process that hashes")
    stop(site, process, number)
    (site.context / "large").write_text("text")
    assert site.build().returncode == 0
    site.assert_clean()


@pytest.mark.parametrize("base", ["FROM scratch\n", "FROM localhost/box\n"], ids=["on nothing", "on an overlay"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_stopped_while_it_copies_a_large_file_is_made_whole_by_the_next_one(site, number, base):
    data = write_large(site.context / "large", 256)
    site.write(f"{base}COPY large /\n")
    process = site.start()
    copies = f"{site.sampan.root}/staging/*/step-*/tree/large"
    wait_for(lambda: site.staging() and any(os.stat(path).st_blocks for path in glob.glob(copies)), "the copy")
    stop(site, process, number)
    done = site.build()
    assert done.returncode == 0, done.stderr
    assert (layer(site.sampan) / "large").read_bytes() == data
    site.assert_clean()
