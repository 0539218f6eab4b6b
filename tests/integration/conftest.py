# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the integration tests. The same files run natively and in a virtual machine (tests/vm/run-pytest).

Environment:
  SAMPAN_BUILD   folder of the built programs (default out/release)
  SAMPAN_IN_VM   1 in the virtual machine: it has everything, so a test that would be skipped fails there
  SAMPAN_SLOW    how much slower than usual this machine is (default 1); multiplies the time-outs

Markers:
  cgroup2        needs the cpu, memory and pids controllers on cgroup v2, and root
  systemd        needs systemd as pid 1
  root           needs root
  main_job       part of the main job; runs in the arm64 virtual machine too
  plain          runs no code of ours that others do not, or waits for other programs: left out where ours are sanitized
"""
import contextlib
import os
import pathlib
import signal
import subprocess

import pytest

from build_fixture import Builder
from busybox_fixture import busybox_index, busybox_path
from image_fixture import machine_architecture
from registry_fixture import Registry
from web_fixture import Web

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("SAMPAN_BUILD", TOP / "out" / "release")).resolve()
IN_VM = os.environ.get("SAMPAN_IN_VM") == "1"
SLOW = float(os.environ.get("SAMPAN_SLOW", "1"))
CGROUP2_CONTROLLERS = {"cpu", "memory", "pids"}

# A shell ignores it for what it starts in the background, and programs hand that on: no test of Ctrl-C could pass.
signal.signal(signal.SIGINT, signal.default_int_handler)


# --- what this machine has ---------------------------------------------------------------------------


def missing_cgroup2():
    """Why the cgroup v2 tests cannot run here, or None."""
    try:
        have = set(pathlib.Path("/sys/fs/cgroup/cgroup.controllers").read_text(encoding="ascii").split())
    except OSError:
        return "/sys/fs/cgroup is not cgroup v2"
    missing = CGROUP2_CONTROLLERS - have
    return f"controllers {' '.join(sorted(missing))} are not on cgroup v2" if missing else missing_root()


def missing_systemd():
    return None if os.path.isdir("/run/systemd/system") else "systemd does not run here"


def missing_root():
    return None if os.geteuid() == 0 else "needs root"


MARKERS = {
    "cgroup2": ("needs the cpu, memory and pids controllers on cgroup v2, and root", missing_cgroup2),
    "systemd": ("needs systemd as pid 1", missing_systemd),
    "root": ("needs root", missing_root),
    "main_job": ("part of the main job; runs in the arm64 virtual machine too", lambda: None),
    "plain": ("left out where our programs are sanitized", lambda: None),
}


def pytest_configure(config):
    for name, (text, _) in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {text}")


def pytest_runtest_setup(item):
    for name, (_, missing) in MARKERS.items():
        why = missing() if item.get_closest_marker(name) else None
        if why:
            pytest.skip(why)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if IN_VM and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped in the virtual machine: {call.excinfo.value}"


# --- the programs ------------------------------------------------------------------------------------


class Program:
    """A built program with the options that every call gets.

    program("images", "-q") runs it and returns a subprocess.CompletedProcess with text output; check=True
    asserts exit status 0. program.popen(...) starts it and returns the Popen, which the fixture ends.
    """

    def __init__(self, path, *options, env=None):
        self.argv = [str(path), *map(str, options)]
        self.env = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
        self._running = []

    def __call__(self, *args, check=False, timeout=60, env=None, text=True, **kwargs):
        argv = self.argv + [str(a) for a in args]
        if "input" not in kwargs:
            kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        done = subprocess.run(argv, env={**self.env, **(env or {})}, timeout=timeout * SLOW, text=text, check=False,
                              **kwargs)
        if check:
            assert done.returncode == 0, f"{argv} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    def popen(self, *args, env=None, text=True, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen(self.argv + [str(a) for a in args], env={**self.env, **(env or {})}, text=text,
                                   **kwargs)
        self._running.append(process)
        return process

    def end(self):
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(5 * SLOW)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()


def file_system_of(path):
    return subprocess.run(["stat", "-f", "-c", "%T", path], check=True, capture_output=True, text=True).stdout.strip()


def unmount_below(top):
    """Unmounts what a test left mounted, the newest first."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        points = [line.split()[4].replace("\\040", " ") for line in table]
    for point in reversed(points):
        if point == str(top) or point.startswith(f"{top}/"):
            subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def scratch_below(top):
    folder = top / "scratch"
    folder.mkdir()
    if file_system_of(top) == "overlayfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "scratch", folder], check=True)
    yield folder
    if os.geteuid() == 0:
        unmount_below(folder)


@contextlib.contextmanager
def sampan_below(folder):
    path = BUILD / "sampan"
    program = Program(path, "--root", folder / "store", "--state-dir", folder / "state")
    program.root, program.state_dir = folder / "store", folder / "state"
    yield program
    program.end()
    containers = program.root / "containers"
    for name in os.listdir(containers) if containers.is_dir() else []:
        if not name.startswith("."):  # one that was temporary, whose monitor is about to be done with its files
            program("rm", "-f", name)


@pytest.fixture
def scratch(tmp_path):
    """A folder for stores and states whose file system can hold an overlay's upper directory."""
    with scratch_below(tmp_path) as folder:
        yield folder


@pytest.fixture
def sampan(scratch):
    """`sampan` with a fresh store (.root) and state folder (.state_dir). Containers that a test left are removed."""
    with sampan_below(scratch) as program:
        yield program


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """Builds in a store of the module's own; see build_fixture.py."""
    with scratch_below(tmp_path_factory.mktemp("builder")) as folder, sampan_below(folder) as program:
        yield Builder(program, folder)


@pytest.fixture(name="web", scope="session")
def web_fixture(tmp_path_factory):
    with Web(tmp_path_factory.mktemp("web")) as web:
        yield web


@pytest.fixture
def server(web):
    """A web server of files and repositories of git; see web_fixture.py."""
    web.files, web.wants, web.moved, web.etags, web.requests = {}, None, {}, {}, []
    return web


@pytest.fixture
def sampan_oci(scratch):
    """`sampan-oci` with a fresh state folder (.root). Containers that a test left are deleted."""
    program = Program(BUILD / "sampan-oci", "--root", scratch / "oci")
    program.root = scratch / "oci"
    yield program
    program.end()
    for name in os.listdir(program.root) if program.root.is_dir() else []:
        program("delete", "--force", name)


# --- registry and images -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """A real docker-registry on a free loopback port; see registry_fixture.py for what it offers."""
    with Registry(tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture(scope="session")
def busybox_image(registry):
    """The reference of a multi-arch (amd64, arm64) busybox image in the registry."""
    return registry.push("busybox", "latest", busybox_index())


@pytest.fixture(scope="session")
def busybox():
    """Path of a static busybox for this machine."""
    return busybox_path(machine_architecture())
