# SPDX-License-Identifier: Apache-2.0
"""sampan-oci against images, containers and neighbours that attack it. What has broken other runtimes is mounted here and shown to
be harmless; the comments name the CVE."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import time

import pytest

from bundle_fixture import Bundle
from conftest import BUILD, SLOW, Program

pytestmark = pytest.mark.root


@pytest.fixture
def bundle(scratch, busybox):
    return Bundle(scratch / "bundle", busybox)


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def status(sampan_oci, name):
    return json.loads(sampan_oci("state", name, check=True).stdout)["status"]


def start_detached(sampan_oci, bundle, name, script=None):
    if script is not None:
        bundle.shell(script)
    bundle.save()
    sampan_oci("run", "-d", "-b", bundle.path, name, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# --- the runtime's binary: CVE-2019-5736 -----------------------------------------------------------------


def interpreter_of(program):
    """PT_INTERP of a 64-bit little-endian ELF file."""
    image = pathlib.Path(program).read_bytes()
    table, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for i in range(count):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", image, table + i * size)
        if kind == 3:
            return image[offset:offset + length - 1].decode()
    raise AssertionError(f"{program} has no interpreter")


@pytest.fixture
def victim(scratch):
    """A copy of sampan-oci that may be overwritten, with `.intact()`."""
    path = scratch / "victim" / "sampan-oci"
    path.parent.mkdir()
    shutil.copy(BUILD / "sampan-oci", path)
    digest = hashlib.sha256(path.read_bytes()).digest()
    program = Program(path, "--root", scratch / "oci-of-the-victim")
    program.path, program.root = path, scratch / "oci-of-the-victim"
    program.intact = lambda: hashlib.sha256(path.read_bytes()).digest() == digest
    yield program
    program.end()
    reliable = Program(BUILD / "sampan-oci", "--root", program.root)
    for name in os.listdir(program.root) if program.root.is_dir() else []:
        reliable("delete", "--force", name)


def make_evil(bundle, program):
    """An image whose programs are the runtime's own binary. Its dynamic linker stops at a FIFO; it could do anything."""
    needed = [interpreter_of(program)]
    needed += [line.split(" => ")[1].split()[0] for line in
               subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout.splitlines() if " => " in line]
    for library in needed:
        inside = bundle.rootfs / library.lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(library), inside)
    os.mkfifo(bundle.rootfs / "stop")
    bundle.config["process"]["env"] = ["PATH=/bin", "LD_PRELOAD=/stop"]
    (bundle.rootfs / "program").symlink_to("/proc/self/exe")
    script = bundle.rootfs / "script"
    script.write_text("#!/proc/self/exe\n")
    script.chmod(0o755)


@pytest.mark.parametrize("command", ["/program", "/script"])
def test_the_binary_is_not_executed_as_a_containers_program(victim, bundle, command):
    make_evil(bundle, victim.path)
    bundle.config["process"]["args"] = [command]
    bundle.save()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    victim("create", "-b", bundle.path, "attack-program", check=True, **quiet)
    done = victim("start", "attack-program")
    assert (done.returncode, done.stderr) == (1, f"sampan-oci: exec {command}: exec format error\n")


# Holds the binary of a process open, ends that, and overwrites what nobody runs any more.
OVERWRITE = """
for p in /proc/[0-9]*; do case $(readlink $p/exe) in */sampan-oci) exec 9<$p/exe; kill -9 ${p#/proc/};; esac; done
for i in 1 2 3 4 5 6 7 8 9; do (echo overwritten >/proc/self/fd/9) && break; sleep 0.1; done
"""


@pytest.mark.parametrize("command", ["/program", "/script"])
def test_the_binary_cannot_be_overwritten_by_a_container_that_gets_it_executed(victim, bundle, command):
    make_evil(bundle, victim.path)
    start_detached(victim, bundle, "attack-binary", "unset LD_PRELOAD; exec /bin/sleep 1000")
    done = victim("exec", "-d", "attack-binary", command)
    victim("exec", "-e", "LD_PRELOAD=", "attack-binary", "/bin/sh", "-c", OVERWRITE)
    assert victim.intact()
    assert (done.returncode, done.stderr) == (255, f"sampan-oci: exec {command}: exec format error\n")


def test_a_container_that_may_trace_gets_no_hold_of_the_binary(victim, bundle):
    """With CAP_SYS_PTRACE in the machine's user namespace /proc/1/exe can be opened."""
    for kind in ("bounding", "effective", "permitted"):
        bundle.config["process"]["capabilities"][kind].append("CAP_SYS_PTRACE")
    bundle.shell("sleep 1000")
    look = "readlink /proc/1/exe; exec 9</proc/1/exe; wc -c </proc/self/fd/9; echo overwritten >/proc/self/fd/9"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    victim("create", "-b", bundle.path, "attack-link", check=True, **quiet)
    done = victim("exec", "attack-link", "/bin/sh", "-c", look)
    assert done.stdout == "/memfd:sampan (deleted)\n0\n"
    assert done.returncode == 1 and "can't create /proc/self/fd/9" in done.stderr
    assert victim.intact()
