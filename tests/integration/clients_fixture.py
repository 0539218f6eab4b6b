# SPDX-License-Identifier: Apache-2.0
"""Podman, Docker and containerd with folders, sockets and cgroups of their own, and sampan-oci for their runtime.

    client.run("echo", "hello")          a container's CompletedProcess
    client("ps", "-a")                   any other command of the client
    client.left()                        what its containers occupy of the machine
"""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time

import pytest

from conftest import BUILD, SLOW, Program, unmount_below

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "clients.md"
INSTALLED = "/usr/bin/sampan-oci"
OCI = BUILD / "sampan-oci"
IMAGE = "sampan.test/library/busybox:latest"


def need(*programs):
    missing = [name for name in programs if not shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed (tools/install-deps clients)")


def documented(language, containing):
    """The block of docs/clients.md in this language that has the text, for the sampan-oci that is tested."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    found = [block for block in blocks if containing in block]
    assert len(found) == 1, f"{len(found)} blocks of {language} in {DOCUMENT} contain {containing!r}"
    assert INSTALLED in found[0]
    return found[0].replace(INSTALLED, str(OCI))


def until(true, what, seconds=15):
    deadline = time.monotonic() + seconds * SLOW
    while not true():
        assert time.monotonic() < deadline, f"in vain: {what() if callable(what) else what}"
        time.sleep(0.02)


# --- a terminal ----------------------------------------------------------------------------------------


class Terminal:
    """A program on a terminal of 33 rows and 99 columns."""

    def __init__(self, argv, env):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
        self.output = ""
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env={**env, "TERM": "xterm"},
                                        start_new_session=True)
        os.close(slave)

    def read(self, *texts, seconds=30):
        """Waits for one of the texts, or without any for the end of the program. Returns all output until then."""
        deadline = time.monotonic() + seconds * SLOW
        while not any(text in self.output for text in texts):
            ready, _, _ = select.select([self.master], [], [], 0.1)
            try:
                data = os.read(self.master, 4096) if ready else b""
            except OSError:  # the last to have it open has closed it
                data = None
            if data is None:
                assert not texts, f"none of {texts} in {self.output!r}"
                break
            self.output += data.decode(errors="replace")
            assert time.monotonic() < deadline, f"none of {texts} in {self.output!r}"
        return self.output

    def type(self, text):
        os.write(self.master, text.encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def end(self):
        """The program's exit status, when it is done."""
        self.read()
        return self.process.wait(20 * SLOW)


# --- what a container leaves ---------------------------------------------------------------------------


def directories_below(top):
    return {path for path, _, _ in os.walk(top) if path != str(top)}


def cgroup_parents(name):
    return [path for path in (f"/sys/fs/cgroup/{name}", *map(str, pathlib.Path("/sys/fs/cgroup").glob(f"*/{name}")))
            if os.path.isdir(path)]


def remove_cgroups(name):
    """Fails where a container is left."""
    for parent in cgroup_parents(name):
        for path in sorted(directories_below(parent), reverse=True):
            os.rmdir(path)
        os.rmdir(parent)


def mounts_below(top):
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return {point for point in (line.split()[4] for line in table) if point.startswith(f"{top}/")}


class Client(Program):
    """One client. Its containers get the options of `run_options`."""

    name = ""
    run_options = ()

    def __init__(self, folder, argv, *, env=None):
        super().__init__(argv[0], *argv[1:], env=env)
        self.folder = folder
        self.cgroups = f"sampan-test-{self.name}-{os.getpid()}"

    def command(self, *args):
        return self.argv + ["run", *map(str, (*self.run_options, *args))]

    def run(self, *args, **kwargs):
        """`run OPTION... COMMAND...`: the image is where an option (--x=y, -x) no longer is."""
        return subprocess_run(self, self.command(*self.with_image(args)), **kwargs)

    def on_terminal(self, *args):
        return Terminal(self.argv + list(args), self.env)

    def run_on_terminal(self, *args):
        return Terminal(self.command("-i", "-t", *self.with_image(args)), self.env)

    @staticmethod
    def with_image(args):
        options = next(index for index, word in enumerate(args) if not str(word).startswith("-"))
        return [*args[:options], IMAGE, *args[options:]]

    def states(self):
        """Where the runtime keeps the state of this client's containers."""
        raise NotImplementedError

    def left(self):
        cgroups = set().union(*(directories_below(parent) for parent in cgroup_parents(self.cgroups)))
        return {"cgroups": cgroups, "states": self.states_of_bundles(), "mounts": mounts_below(self.folder)}

    def states_of_bundles(self):
        """The states of containers whose bundles are in our folder."""
        done = subprocess.run([OCI, "--root", self.states(), "list", "--format", "json"], check=True, capture_output=True)
        return {state["id"] for state in json.loads(done.stdout) or [] if state["bundle"].startswith(f"{self.folder}/")}


def subprocess_run(client, argv, check=False, timeout=60, **kwargs):
    kwargs.setdefault("stdin", subprocess.DEVNULL if "input" not in kwargs else None)
    done = subprocess.run(argv, env=client.env, capture_output=True, text=True, timeout=timeout * SLOW, check=False,
                          **{key: value for key, value in kwargs.items() if value is not None})
    assert not check or done.returncode == 0, f"{argv} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done


# --- the clients ---------------------------------------------------------------------------------------


class Podman(Client):
    name = "podman"

    def __init__(self, folder):
        (folder / "containers.conf").write_text(documented("toml", "[engine.runtimes]"), encoding="utf-8")
        super().__init__(folder, ["/usr/bin/podman", "--root", folder / "root", "--runroot", folder / "run", "--tmpdir",
                                  folder / "tmp", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
                                  "--events-backend", "file"],
                         env={"CONTAINERS_CONF": str(folder / "containers.conf")})
        self.run_options = ["--network=none", "--log-driver=k8s-file", f"--cgroup-parent=/{self.cgroups}",
                            "--cgroups=no-conmon", "--pids-limit=-1", "--ulimit=nofile=1024:1024",
                            "--ulimit=nproc=1024:1024"]

    def states(self):
        return pathlib.Path("/run/sampan-oci")  # Podman 4.3 does not tell its clean-up of another

    def close(self):
        self("rm", "--all", "--force", "--time=0", check=True)


class Daemon:
    """A daemon in the foreground, its log in a file."""

    def __init__(self, argv, log):
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def wait_for(self, client):
        def answers():
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            return client("version").returncode == 0
        until(answers, lambda: self.log.read_text(encoding="utf-8"), 30)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(20 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Docker(Client):
    name = "docker"

    def __init__(self, folder):
        socket = f"unix://{folder}/sock"
        super().__init__(folder, ["/usr/bin/docker", "--config", folder, "-H", socket])
        (folder / "daemon.json").write_text(documented("json", "default-runtime"), encoding="utf-8")
        self.daemon = Daemon(["/usr/sbin/dockerd", "--config-file", folder / "daemon.json", "-H", socket, "--data-root",
                              folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid",
                              "--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=vfs",
                              "--exec-opt=native.cgroupdriver=cgroupfs", f"--cgroup-parent=/{self.cgroups}"],
                             folder / "log")
        self.run_options = ["--network=none"]

    def states(self):
        name = json.loads((self.folder / "daemon.json").read_text(encoding="utf-8"))["default-runtime"]
        roots = [self.folder / "exec" / f"runtime-{part}" / "moby" for part in (name, "runc")]
        return next((root for root in roots if root.is_dir()), roots[0])

    def close(self):
        for container in self("ps", "-a", "-q").stdout.split():
            self("rm", "-f", container)
        self.daemon.end()


class Ctr(Client):
    """containerd's own client. Its containers are named by the caller: run(OPTION..., NAME, COMMAND...)."""

    name = "containerd"

    def __init__(self, folder):
        address = folder / "sock"
        super().__init__(folder, ["/usr/bin/ctr", "--address", address, "--namespace", "default"])
        self.argv[-1] = self.cgroups  # containers are in cgroups of the namespace's name
        config = (f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n'
                  f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{address}"\n')
        (folder / "config.toml").write_text(config, encoding="utf-8")
        self.daemon = Daemon(["/usr/bin/containerd", "--config", folder / "config.toml"], folder / "log")
        # ctr asks for CPU shares by default: no controller here may offer them.
        self.run_options = [f"--runc-binary={OCI}", f"--runc-root={folder}/oci", "--snapshotter=native", "--cpu-shares=0"]

    def states(self):
        return self.folder / "oci" / self.cgroups

    def close(self):
        for name in self("tasks", "ls", "-q").stdout.split():
            self("tasks", "rm", "--force", name)
        for name in self("containers", "ls", "-q").stdout.split():
            self("containers", "rm", name)
        self.daemon.end()


def opened(kind, folder, archive):
    """The client, with busybox for IMAGE. The caller passes it to closed()."""
    client = kind(folder)
    try:
        if hasattr(client, "daemon"):
            client.daemon.wait_for(client)
        load = ["images", "import", "--snapshotter=native", archive] if kind is Ctr else ["load", "-i", archive]
        client(*load, check=True)
    except BaseException:
        closed(client)
        raise
    return client


def closed(client):
    try:
        client.close()
    finally:
        unmount_below(client.folder)
        remove_cgroups(client.cgroups)
