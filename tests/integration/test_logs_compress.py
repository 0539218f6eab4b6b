# SPDX-License-Identifier: Apache-2.0
"""`--log-opt compress=true`: rotated files of a log become gzip, by a helper of the monitor; `logs` reads them."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from busybox_fixture import busybox_layer
from conftest import SLOW, sampan_below
from image_fixture import Image, machine_architecture, write_layout

pytestmark = pytest.mark.root

COMPRESS = ("--log-opt", "compress=true")
# What a container is told to write comes by its stdin: "TO" goes on to that line.
WRITER = "n=0; while read to; do while [ $n -lt $to ]; do echo \"line $n\"; n=$((n + 1)); done; done"


def wait_for(condition, what, seconds=20):
    deadline = time.monotonic() + seconds * SLOW
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)
    return value


def wait_until_packed(names):
    """Helpers have the lowest priority: on a busy machine each takes a while, but then another file is packed. `names` gives what is there, without the
    log's own name."""
    def unpacked():
        return sorted(name for name in names() if name and not re.fullmatch(r"\d+\.gz", name))

    while before := unpacked():
        wait_for(lambda before=before: unpacked() != before, f"the gzip of one of {before}")
    return names()


class Box:
    """A container that writes as many lines as it is told to."""

    def __init__(self, sampan, *options):
        self.sampan = sampan
        self.process = sampan.popen("run", "-i", "--name", "box", *options, "localhost/box", "sh", "-c", WRITER, stdin=subprocess.PIPE)
        wait_for(lambda: sampan("inspect", "box").returncode == 0, "the container")
        self.inspected = json.loads(sampan("inspect", "box", check=True).stdout)[0]
        self.dir = sampan.root / "containers" / self.inspected["Id"] / "log"
        self.lines = 0

    def write_to(self, to):
        self.process.stdin.write(f"{to}\n")
        self.process.stdin.flush()
        while self.lines < to:
            assert self.process.stdout.readline() == f"line {self.lines}\n"
            self.lines += 1

    def files(self):
        """"" for the current file, "1.gz" and so on: sizes."""
        prefix = f"{self.inspected['Id']}-json.log"
        sizes = {}
        for path in self.dir.glob(prefix + "*"):
            try:
                sizes[path.name[len(prefix):].lstrip(".")] = path.stat().st_size
            except FileNotFoundError:
                pass
        return sizes

    def path(self, name):
        return self.dir / f"{self.inspected['Id']}-json.log.{name}"

    def all_packed(self):
        return wait_until_packed(self.files)

    def logs(self, *options):
        return self.sampan("logs", *options, "box", check=True).stdout

    def end(self):
        self.process.stdin.close()
        self.process.stdout.read()
        assert self.process.wait(20 * SLOW) == 0


def lines(begin, end):
    return "".join(f"line {n}\n" for n in range(begin, end))


def packers(sampan):
    """The processes that compress logs below our state directory."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if (b"log-pack" in command or b"monitor-pack" in command) and f"--root={sampan.root}".encode() in command:
            found.append(int(folder.name))
    return found


def pull(sampan, folder):
    content = Image([busybox_layer(machine_architecture())], cmd=["sh"], env=["PATH=/usr/bin:/bin"])
    folder.mkdir(exist_ok=True)
    sampan("pull", "-q", f"oci:{write_layout(folder / 'box', {None: content})}", check=True)


@pytest.fixture(autouse=True)
def image(sampan, scratch):
    pull(sampan, scratch / "image")


def test_rotated_files_become_gzip_and_are_read(sampan):
    box = Box(sampan, *COMPRESS, "--log-opt", "max-size=100k", "--log-opt", "max-file=4")
    box.write_to(8000)
    files = box.all_packed()
    assert sorted(files) == ["", "1.gz", "2.gz", "3.gz"]
    assert all(files[name] < 20_000 for name in files if name)
    for number in (1, 2, 3):
        unpacked = subprocess.run(["gzip", "-dc", box.path(f"{number}.gz")], check=True, capture_output=True).stdout
        assert 90_000 < len(unpacked) <= 100_000
        assert box.path(f"{number}.gz").stat().st_mode & 0o777 == 0o640
    shown = box.logs()
    first = int(shown.split("\n", 1)[0].split()[1])
    assert 0 < first < 5000
    assert shown == lines(first, 8000)
    assert box.logs("--tail", "2500") == lines(5500, 8000)
    assert box.logs("--tail", "3") == lines(7997, 8000)
    stamp = box.logs("-t", "--tail", "2500").split(" ", 1)[0]
    assert box.logs("--since", stamp).endswith(lines(5500, 8000))
    box.end()
    assert box.logs("-f") == shown


def test_a_follower_that_stalls_misses_nothing_that_is_compressed(sampan):
    box = Box(sampan, *COMPRESS, "--log-opt", "max-size=50k", "--log-opt", "max-file=9")
    box.write_to(700)
    reader = sampan.popen("logs", "-f", "box")
    for n in range(600):
        assert reader.stdout.readline() == f"line {n}\n"
    reader.send_signal(signal.SIGSTOP)
    box.write_to(3000)
    box.all_packed()
    reader.send_signal(signal.SIGCONT)
    for n in range(600, 3000):
        assert reader.stdout.readline() == f"line {n}\n"
    box.write_to(4000)
    box.end()
    assert reader.stdout.read() == lines(3000, 4000)
    assert reader.wait(10 * SLOW) == 0


def test_a_helper_that_is_killed_loses_nothing(sampan):
    box = Box(sampan, *COMPRESS, "--log-opt", "max-size=100k", "--log-opt", "max-file=50")
    killed = 0
    for to in range(500, 20_000, 500):
        box.write_to(to)
        for pid in packers(sampan):
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
    assert killed > 0
    assert box.logs() == lines(0, 19_500)
    # The next rotation begins again with all that was left.
    box.write_to(22_000)
    assert len(box.all_packed()) > 15
    assert box.logs() == lines(0, 22_000)
    box.end()


def test_a_killed_monitor_loses_nothing(sampan):
    options = (*COMPRESS, "--log-opt", "max-size=100k", "--log-opt", "max-file=50", "--name", "box")
    loop = "n=0; while [ $n -lt 6000 ]; do echo \"line $n\"; n=$((n + 1)); done; sleep 1000"
    sampan("run", "-d", *options, "localhost/box", "sh", "-c", loop, check=True)
    container = json.loads(sampan("inspect", "box", check=True).stdout)[0]
    folder = sampan.root / "containers" / container["Id"] / "log"

    def names():
        return [path.name.partition("-json.log")[2].lstrip(".") for path in folder.glob("*")]

    wait_for(lambda: {"2", "2.gz"} & set(names()), "two rotations")
    stat = pathlib.Path(f"/proc/{container['State']['Pid']}/stat").read_text(encoding="ascii")
    os.kill(int(stat.rsplit(")", 1)[1].split()[1]), signal.SIGKILL)
    wait_for(lambda: sampan("kill", "box").returncode, "the end")
    before = sampan("logs", "box", check=True).stdout
    seen = before.count("\n")
    assert seen > 1000 and before == lines(0, seen)
    sampan("start", "box", check=True)
    wait_for(lambda: sampan("logs", "--tail", "1", "box", check=True).stdout == "line 5999\n", "the last line", 60)
    wait_until_packed(names)
    assert sampan("logs", "box", check=True).stdout == before + lines(0, 6000)
    sampan("rm", "-f", "box", check=True)


def test_a_disk_without_room_for_the_gzip_keeps_the_log(scratch):
    """What is free is the log's: it is not compressed, and no record is lost. Later it is."""
    small = scratch / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", small], check=True)
    with sampan_below(small) as sampan:
        pull(sampan, scratch / "other")
        box = Box(sampan, *COMPRESS, "--log-opt", "max-size=1500k")
        free = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
        filler = small / "filler"
        filler.write_bytes(b"x" * (free - 3_500_000))
        box.write_to(20_000)
        wait_for(lambda: sorted(box.files()) == ["", "1"] and not packers(sampan), "the helper's refusal")
        time.sleep(0.5)
        assert set(box.files()) - {"gz.part"} == {"", "1"}
        assert box.logs() == lines(0, 20_000)
        filler.unlink()
        box.write_to(38_000)
        assert sorted(box.all_packed()) == ["", "1.gz", "2.gz"]
        assert box.logs() == lines(0, 38_000)
        box.end()


def test_local_keeps_more_and_compresses_it(sampan):
    box = Box(sampan, "--log-driver", "local")
    assert box.inspected["HostConfig"]["LogConfig"] == {"Type": "local", "Config": {}}
    box.write_to(10)
    assert box.logs() == lines(0, 10)
    assert box.logs("--tail", "2") == lines(8, 10)
    box.end()
    sampan("rm", "box", check=True)
    box = Box(sampan, "--log-driver", "local", "--log-opt", "max-size=50k")
    box.write_to(6000)
    assert sorted(box.all_packed()) == ["", "1.gz", "2.gz", "3.gz", "4.gz"]
    assert lines(0, 6000).endswith(box.logs()) and box.logs("-n", "2000") == lines(4000, 6000)
    box.end()
    sampan("rm", "box", check=True)
    box = Box(sampan, "--log-driver", "local", "--log-opt", "max-size=50k", "--log-opt", "compress=false", "--log-opt", "max-file=2")
    box.write_to(2000)
    assert sorted(box.files()) == ["", "1"]
    box.end()
    done = sampan("create", "--log-driver", "local", "--log-opt", "max-file=1", "localhost/box")
    assert (done.returncode, done.stderr) == (1, "sampan: compression cannot be enabled when max file count is 1\n")
    done = sampan("create", "--log-driver", "local", "--log-opt", "colour=red", "localhost/box")
    assert (done.returncode, done.stderr) == (1, "sampan: unknown log opt 'colour' for log driver local\n")


def test_what_docker_refuses_is_refused(sampan):
    done = sampan("create", *COMPRESS, "--log-opt", "max-file=1", "localhost/box")
    assert (done.returncode, done.stderr) == (
        1, "sampan: compress cannot be true when max-file is less than 2 or max-size is not set\n")
    done = sampan("create", "--log-opt", "compress=perhaps", "localhost/box")
    assert (done.returncode, done.stderr) == (1, "sampan: compress: 'perhaps' is neither true nor false\n")


def test_a_damaged_gzip_is_an_error_only_for_who_needs_it(sampan):
    box = Box(sampan, *COMPRESS, "--log-opt", "max-size=100k", "--log-opt", "max-file=3")
    box.write_to(3500)
    box.all_packed()
    with open(box.path("1.gz"), "r+b") as file:
        file.seek(file.seek(0, os.SEEK_END) // 2)
        file.write(b"\xff" * 64)
    assert box.logs("--tail", "5") == lines(3495, 3500)
    done = sampan("logs", "box")
    assert done.returncode == 1
    assert done.stderr == (f"sampan: cannot read a compressed file of the log '{box.inspected['Id']}-json.log': it is damaged, or there is "
                           "no room for what it holds\n")
    box.end()
