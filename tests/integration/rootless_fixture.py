# SPDX-License-Identifier: Apache-2.0
"""A real unprivileged user with subordinate IDs, bundles of hers, and sampan-oci as she calls it."""
import contextlib
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import time

import pytest

from bundle_fixture import Bundle, copy_oci
from conftest import BUILD, SLOW, Program

PREFIX = "sampanrl"
RANGE = 65536
HOME_OF_HOMES = pathlib.Path("/var/tmp")
# LeakSanitizer waits for a thread that it cannot have once setns has set another PID namespace for children, and an
# exec as a user whom the new user namespace keeps from setting it back never returns. Root's tests look for leaks.
NO_LEAK_CHECK = {"ASAN_OPTIONS": "detect_leaks=0"}


def processes_of(uid):
    """The processes of a user and of the IDs that are hers in containers."""
    ids = {uid, *range_ids(uid)}
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry.stat().st_uid in ids or real_uid(entry) in ids:
                found.append(int(entry.name))
    return found


def real_uid(entry):
    lines = (entry / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))


def range_ids(uid):
    first = subordinate("subuid", pwd.getpwuid(uid).pw_name)
    return range(first, first + RANGE) if first else ()


def subordinate(kind, name):
    """The first of a user's subordinate IDs, or None."""
    for line in pathlib.Path(f"/etc/{kind}").read_text().splitlines():
        owner, first, count = line.split(":")
        if owner == name and int(count) >= RANGE:
            return int(first)
    return None


def remove_user(name):
    """The user, her processes and her files. Her name is one that only these tests give."""
    assert name.startswith(PREFIX)
    entry = pwd.getpwnam(name)
    for _ in range(100):
        left = processes_of(entry.pw_uid)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.05)
    shutil.rmtree(HOME_OF_HOMES / name, ignore_errors=True)
    subprocess.run(["userdel", name], check=True, capture_output=True)


def remove_leftovers():
    """Users of test runs that were killed: the number in the name is the process ID of the run."""
    for entry in pwd.getpwall():
        number = entry.pw_name.removeprefix(PREFIX)
        if entry.pw_name.startswith(PREFIX) and number.isdigit() and not os.path.exists(f"/proc/{number}"):
            remove_user(entry.pw_name)


def make_user(name):
    for kind in ("subuid", "subgid"):
        pathlib.Path(f"/etc/{kind}").touch()  # useradd gives ranges only where the files are
    home = HOME_OF_HOMES / name
    subprocess.run(["useradd", "--no-create-home", "--home-dir", home, "--shell", "/bin/sh", name], check=True,
                   capture_output=True)
    for kind, option in (("subuid", "--add-subuids"), ("subgid", "--add-subgids")):
        if subordinate(kind, name) is None:
            first = 1 << 30
            subprocess.run(["usermod", option, f"{first}-{first + RANGE - 1}", name], check=True, capture_output=True)


class User:
    def __init__(self, name):
        entry = pwd.getpwnam(name)
        self.name, self.uid, self.gid = name, entry.pw_uid, entry.pw_gid
        self.home = pathlib.Path(entry.pw_dir)
        self.first_uid, self.first_gid = subordinate("subuid", name), subordinate("subgid", name)
        self.home.mkdir(mode=0o755)
        self.runtime_dir = self.home / "run"
        self.runtime_dir.mkdir(mode=0o700)
        self.own(self.home)

    def own(self, top):
        subprocess.run(["chown", "-R", f"{self.uid}:{self.gid}", top], check=True)

    def argv(self, *argv):
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--inh-caps=-all",
                *map(str, argv)]

    def env(self, **more):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.home), "LC_ALL": "C.UTF-8", "USER": self.name,
                "XDG_RUNTIME_DIR": str(self.runtime_dir), **NO_LEAK_CHECK, **more}

    def __call__(self, *argv, check=False, env=None, timeout=60, **kwargs):
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        if "input" not in kwargs:
            kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("cwd", self.home)
        done = subprocess.run(self.argv(*argv), env=self.env(**(env or {})), text=True, timeout=timeout * SLOW, check=False,
                              **kwargs)
        if check:
            assert done.returncode == 0, f"{argv} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done


class Rootless:
    """sampan-oci as the user calls it: rootless("run", ...). `bundle` is hers; save() or shell() hand it over."""

    def __init__(self, user, top, busybox):
        self.user, self.top = user, top
        self.program = copy_oci(BUILD / "sampan-oci", top)
        self.root = user.runtime_dir / "sampan-oci"
        self.bundle = Bundle(top / "bundle", busybox)
        make_rootless(self.bundle, [(0, user.uid, 1)], [(0, user.gid, 1)])

    def map_ranges(self):
        """All of the user's IDs, which takes newuidmap and newgidmap."""
        user = self.user
        for kind, own, first in (("uid", user.uid, user.first_uid), ("gid", user.gid, user.first_gid)):
            self.bundle.config["linux"][f"{kind}Mappings"] = mappings([(0, own, 1), (1, first, RANGE)])

    def save(self):
        self.bundle.save()
        self.user.own(self.bundle.path)

    def shell(self, script):
        self.bundle.shell(script)
        self.user.own(self.bundle.path)
        return self

    def __call__(self, *args, **kwargs):
        return self.user(self.program, *args, **kwargs)

    def run(self, script, *options, name="c", **kwargs):
        self.shell(script)
        return self(*options, "run", "--bundle", self.bundle.path, name, **kwargs)

    def output(self, script, *options):
        done = self.run(script, *options)
        assert (done.returncode, done.stderr) == (0, ""), f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start(self, script="exec sleep 1000", name="c", options=()):
        self.shell(script)
        # Its output would keep a pipe of ours open.
        with open(self.top / "out", "w+", encoding="utf-8") as out:
            done = self(*options, "run", "--detach", "--bundle", self.bundle.path, name, stdout=out, stderr=out)
            out.seek(0)
            assert done.returncode == 0, out.read()
        return self.state(name)

    def state(self, name="c"):
        return json.loads(self("state", name, check=True).stdout)

    def end(self):
        for name in os.listdir(self.root) if self.root.is_dir() else []:
            self("delete", "--force", name)


def mappings(rows):
    return [{"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in rows]


def make_rootless(bundle, uids, gids):
    """What a user may have: a user namespace, and no group 5, as only one group is mapped."""
    bundle.namespace("user")
    bundle.config["linux"]["uidMappings"], bundle.config["linux"]["gidMappings"] = mappings(uids), mappings(gids)
    for mount in bundle.config["mounts"]:
        mount["options"] = [option for option in mount.get("options", []) if not option.startswith("gid=")]


@pytest.fixture(scope="module")
def user():
    remove_leftovers()
    name = f"{PREFIX}{os.getpid()}"
    make_user(name)
    try:
        yield User(name)
    finally:
        remove_user(name)


@pytest.fixture
def rootless(user, busybox, request):
    top = user.home / f"case-{abs(hash(request.node.nodeid))}"
    top.mkdir(mode=0o755)
    user.own(top)
    program = Rootless(user, top, busybox)
    user.own(top)
    yield program
    program.end()
    shutil.rmtree(top)


def as_ordinary(user, top, env=None):
    """`sampan` as the user calls it, with its store and state below `top`, which is hers: a Program."""
    top.mkdir(mode=0o755)
    for name in ("sampan", "libexec"):
        copy = shutil.copytree if (BUILD / name).is_dir() else shutil.copy
        copy(BUILD / name, top / name)
    user.own(top)
    setpriv, *options = user.argv("env", "-C", top, top / "sampan", "--root", top / "store", "--state-dir", top / "state")
    program = Program(setpriv, *options, env={**user.env(), **(env or {})})
    program.root, program.state_dir, program.user, program.top = top / "store", top / "state", user, top
    return program


def end_ordinary(program):
    """Her containers, and the process that has kept her namespaces."""
    program.end()
    containers = program.root / "containers"
    for name in os.listdir(containers) if containers.is_dir() else []:
        if not name.startswith("."):
            program("rm", "-f", name)
    deadline = time.monotonic() + 10
    while containers.is_dir() and os.listdir(containers) and time.monotonic() < deadline:
        time.sleep(0.01)  # the files of temporary ones go after it was told
    with contextlib.suppress(OSError):
        os.kill(keeper(program), signal.SIGKILL)
    shutil.rmtree(program.top)


def keeper(program):
    return int((program.state_dir / "namespace").read_text(encoding="ascii").split()[0])


@pytest.fixture
def ordinary(user, request):
    program = as_ordinary(user, user.home / f"sampan-{abs(hash(request.node.nodeid))}")
    yield program
    end_ordinary(program)
