# SPDX-License-Identifier: Apache-2.0
"""sampan-oci is killed at each of its system calls: what is left is described truly, and goes whole.

A dry run under strace tells the calls; then the command is run once per call, with SIGKILL as it enters that call.
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import time

import pytest

from bundle_fixture import Bundle

pytestmark = [pytest.mark.root, pytest.mark.plain,
              pytest.mark.skipif("asan" in os.environ.get("SAMPAN_BUILD", ""), reason="LeakSanitizer fails under strace")]

NAME = "killed-at"
CALL = re.compile(r"^([a-z0-9_]+)\(", re.MULTILINE)
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
# Some runs more than this find nothing new: the loader's calls are the same for every program.
LOADER = "set_tid_address"


class Victim:
    """A bundle whose container is made by commands that are killed."""

    def __init__(self, sampan_oci, bundle, scratch):
        self.oci, self.bundle, self.trace = sampan_oci, bundle, scratch / "trace"

    def strace(self, *args, inject=None, follow=()):
        options = [*follow]
        if inject:
            options += ["-e", f"trace={inject[0]}", "-e", f"inject={inject[0]}:signal=KILL:when={inject[1]}"]
        return subprocess.run(["strace", "-qq", "-o", self.trace, *options, *self.oci.argv, *args], check=False, timeout=60,
                              stdin=subprocess.DEVNULL, **QUIET).returncode

    def points_of_init(self, *args):
        """The same of the first child of a command, up to its execve."""
        command = ["strace", "-qq", "-ff", "-o", self.trace, *self.oci.argv, *args]
        assert subprocess.run(command, check=False, timeout=60, stdin=subprocess.DEVNULL, **QUIET).returncode == 0
        _, init, *_ = sorted(self.trace.parent.glob("trace.*"), key=lambda path: int(path.suffix[1:]))
        seen, result = collections.Counter(), []
        for name in CALL.findall(init.read_text()):
            seen[name] += 1
            result.append((name, seen[name]))
            if name == "execve":
                return result
        raise AssertionError("no execve")

    def points(self, *args):
        """(name, which of that name) of each call that the command makes, after the loader's."""
        assert self.strace(*args) == 0
        names = CALL.findall(self.trace.read_text())
        seen, result = collections.Counter(), []
        for name in names:
            seen[name] += 1
            result.append((name, seen[name]))
        first = [name for name, _ in result].index(LOADER)
        # What ends the program is not entered twice, and reading the clock is no system call on most machines.
        return [point for point in result[first:] if point[0] not in ("exit_group", "rt_sigreturn")]

    def status(self):
        """What `state` says, once an init that lost its creator had the time to end; None: no such container."""
        for _ in range(200):
            done = self.oci("state", NAME)
            status = json.loads(done.stdout)["status"] if done.returncode == 0 else None
            if status != "creating":
                break
            time.sleep(0.01)
        self.oci("list", check=True)
        if status is None:
            assert "does not exist" in done.stderr or "has no state" in done.stderr, done.stderr
        else:
            pid = json.loads(done.stdout)["pid"]
            assert pathlib.Path(f"/proc/{pid}/stat").exists() == (status in ("created", "running"))
        return status

    def delete(self):
        self.oci("delete", "-f", NAME, check=True)
        assert not (self.oci.root / NAME).exists()
        assert self.processes() == []
        for top in ("/sys/fs/cgroup/unified/sampan", "/sys/fs/cgroup/sampan"):
            assert not os.path.exists(f"{top}/{NAME}")
        assert str(self.bundle.path) not in pathlib.Path("/proc/self/mountinfo").read_text()

    def processes(self):
        """Those whose command line names our bundle or the container's program."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            except OSError:
                continue
            if str(self.bundle.path).encode() in words or b"86399" in words:
                found.append((entry.name, words))
        return found


@pytest.fixture
def victim(sampan_oci, scratch, busybox):
    bundle = Bundle(scratch / "bundle", busybox)
    bundle.config["process"]["args"] = ["/bin/sleep", "86399"]
    bundle.save()
    victim = Victim(sampan_oci, bundle, scratch)
    yield victim
    sampan_oci("delete", "-f", NAME)


def test_the_helper_that_makes_the_network_namespace(victim):
    """Where the creator would not be let back, as the machine's network is another user namespace's, and hooks want it to be there. The creator itself
    calls ioctl once."""
    victim.bundle.config["hooks"] = {"poststop": [{"path": "/bin/true"}]}
    victim.bundle.config["mounts"] = [m for m in victim.bundle.config["mounts"] if m["type"] not in ("sysfs", "cgroup", "mqueue")]
    victim.bundle.save()
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount",
                           "strace", "-qq", "-f", "-o", victim.trace, "-e", "trace=ioctl", "-e", "inject=ioctl:signal=KILL:when=2",
                           *victim.oci.argv, "create", "-b", victim.bundle.path, NAME], check=False, timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "cannot make a network namespace: the helper was killed" in done.stderr
    assert victim.status() is None
    assert victim.processes() == []


def create(victim):
    victim.oci("create", "-b", victim.bundle.path, NAME, check=True, **QUIET)


def test_create(victim, scratch):
    """With all that makes it call more: hooks, a seccomp profile, a pid file."""
    hook = [{"path": "/bin/true"}]
    victim.bundle.config["hooks"] = {"prestart": hook, "createRuntime": hook, "createContainer": hook, "poststop": hook}
    victim.bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}
    victim.bundle.save()
    command = ("create", "--pid-file", str(scratch / "pid"), "-b", str(victim.bundle.path), NAME)
    points = victim.points(*command)
    victim.delete()
    seen = collections.Counter()
    for point in points:
        victim.strace(*command, inject=point)
        status = victim.status()
        assert status in (None, "created", "stopped"), (point, status)
        if status == "created":
            # init may hear only now that its creator has ended before it could say the last word
            started = victim.oci("start", NAME).returncode == 0
            status = victim.status()
            assert status == ("running" if started else "stopped"), point
        seen[status] += 1
        victim.delete()
    assert seen[None] > 20 and seen["stopped"] > 2 and seen["running"] > 5, seen
    create(victim)
    victim.delete()


def test_init(victim):
    """Its creator says so and leaves nothing, unless it was killed at the same call of its own."""
    victim.bundle.config["process"]["args"] = ["/bin/true"]
    victim.bundle.save()
    command = ("run", "-b", str(victim.bundle.path), NAME)
    seen = collections.Counter()
    victim.oci(*command, check=True)  # mount points that the image lacks are made once
    for point in victim.points_of_init(*command):
        code = victim.strace(*command, inject=point, follow=["-f"])
        status = victim.status()
        assert status in (None, "stopped") and code != 0, (point, status, code)
        if code == 1:
            assert not (victim.oci.root / NAME).exists(), point
        seen[code] += 1
        victim.delete()
    assert seen[1] > 50, seen


def test_start(victim):
    create(victim)
    points = victim.points("start", NAME)
    victim.delete()
    seen = collections.Counter()
    for point in points:
        create(victim)
        victim.strace("start", NAME, inject=point)
        status = victim.status()
        seen[status] += 1
        assert status in ("created", "running"), (point, status)
        if status == "created":
            victim.oci("start", NAME)  # fails where init heard the killed one, and starts just now
            assert victim.status() == "running", point
        victim.delete()
    assert seen["created"] > 5 and seen["running"] > 1, seen


def test_delete(victim):
    create(victim)
    points = victim.points("delete", "-f", NAME)
    seen = collections.Counter()
    for point in points:
        create(victim)
        victim.strace("delete", "-f", NAME, inject=point)
        status = victim.status()
        seen[status] += 1
        assert status in ("created", "stopped", None), (point, status)
        victim.delete()
    assert seen["created"] > 5 and seen["stopped"] > 5, seen


def test_exec(victim):
    """It may come to be or not; the container does not care."""
    create(victim)
    victim.oci("start", NAME, check=True)
    command = ("exec", "-d", NAME, "/bin/sleep", "86399")
    for point in victim.points(*command):
        victim.strace(*command, inject=point)
        assert victim.status() == "running", point
    victim.oci("exec", NAME, "/bin/true", check=True)
    victim.delete()
