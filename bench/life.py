# SPDX-License-Identifier: Apache-2.0
"""A container's life by sampan, podman, docker and containerd's ctr: run, run with a network, many in the background, and lists of them.

Everything happens in a network namespace with nothing but loopback, and with an empty /run and /dev/shm, as podman, netavark and the shims of containerd
have state there whatever they are told. What is left in the namespace at the end is killed.
"""
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

import measure
import pull

sys.path.insert(0, "tests/integration")

from image_fixture import busybox_image, write_docker_archive  # noqa: E402 (needs the path)

STORE_MIB = 8192
NAME = "localhost/bench:1"
CLONE_NEWNET = 0x40000000
CAP_SYS_RESOURCE = 24
SETTLE_S = 0.3
PARTS = ("run", "bridge", "many", "list")
LISTS = 20  # runs of each `ps`
SLEEP = ["sleep", "100000"]


# --- namespaces ---------------------------------------------------------------------------------------------


def libc(call, *args):
    if getattr(ctypes.CDLL(None, use_errno=True), call)(*args) < 0:
        raise OSError(ctypes.get_errno(), f"{call}: {os.strerror(ctypes.get_errno())}")


def kill_namespace():
    """Ends what lives in our network namespace but ourselves, and what that has started: a DNS server; after a failure, monitors and containers."""
    own = os.readlink("/proc/self/ns/net")
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(entry.name) != os.getpid() and os.readlink(entry / "ns" / "net") == own:
                found.append(entry.name)
    for pid in measure.tree_of(found):
        with contextlib.suppress(OSError):
            os.kill(int(pid), signal.SIGKILL)


@contextlib.contextmanager
def apart():
    """An own network namespace, /run and /dev/shm for as long as the block runs."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    libc("unshare", CLONE_NEWNET)
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for folder in ("/run", "/dev/shm"):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
        yield
    finally:
        kill_namespace()
        for folder in ("/run", "/dev/shm"):
            subprocess.run(["umount", "-l", folder], check=False)
        libc("setns", before, CLONE_NEWNET)
        os.close(before)


def has_capability(number):
    with open("/proc/self/status", encoding="ascii") as file:
        effective = next(line.split()[1] for line in file if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> number & 1)


def processes(*words):
    """The pids of those whose command line has all these words in it."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            text = (entry / "cmdline").read_bytes().decode(errors="replace")
            if int(entry.name) != os.getpid() and all(word in text for word in words):
                found.append(int(entry.name))
    return found


def own_pss_kib(pids):
    """What is in memory of these processes, without those below them."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            total += next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    return total


def settle(_):
    """What the one before has left to be done behind its back is not the next one's to wait for."""
    time.sleep(SETTLE_S)


# --- the engines ----------------------------------------------------------------------------------------------


class Engine:
    """One that is asked by its command line. `monitor`: words on the command line of what it leaves beside each container."""

    daemon = None
    bridge = ["--network", "bridge"]
    none = ["--network", "none"]
    run_options = []
    monitor = ()
    now = ["-t", "0"]  # of `stop`, without a time to wait

    def __init__(self, name, argv, archive):
        self.name, self.argv, self.archive = name, argv, archive

    def __call__(self, *args):
        return subprocess.run([*self.argv, *args], check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True).stdout

    def open(self):
        if self.daemon:
            self.daemon.start()
        self("load", "-q", "-i", self.archive)

    def close(self):
        for ident in self("ps", "-aq").split():
            subprocess.run([*self.argv, "rm", "-f", ident], check=False, stdout=subprocess.DEVNULL)
        if self.daemon:
            self.daemon.stop()

    def contender(self, args, **more):
        command = (lambda n: [*self.argv, *args(n)]) if callable(args) else [*self.argv, *args]
        return measure.Contender(self.name, command, daemons=self.daemon and self.daemon.pids, **more)

    def run(self, network):
        return self.contender(["run", "--rm", *network, *self.run_options, NAME, "true"], prepare=settle)

    def start(self, number):
        return ["run", "-d", "--name", f"many{number}", *self.none, *self.run_options, NAME, *SLEEP]

    def monitors(self):
        return processes(*self.monitor)


class Podman(Engine):
    # Without CAP_SYS_RESOURCE its runtime can neither raise limits nor load the filter of devices.
    run_options = [] if has_capability(CAP_SYS_RESOURCE) else [
        "--cgroups=disabled", "--pids-limit=-1", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]

    def __init__(self, store, archive):
        super().__init__("podman", [*pull.podman_root(store), "--tmpdir", f"{store}/pt", "--cgroup-manager", "cgroupfs", "--events-backend",
                                    "file", "--network-config-dir", f"{store}/pn"], archive)
        self.monitor = ("conmon", f"{store}/p")
        self.run_options = [*self.run_options, "--log-driver=k8s-file"]
        self.bridge = ["--network", "podman"]

    def close(self):
        subprocess.run([*self.argv, "rm", "--all", "--force", "--time=0"], check=False, stdout=subprocess.DEVNULL)
        super().close()


class Docker(Engine):
    def __init__(self, store, archive):
        socket = f"unix://{store}/docker.sock"
        super().__init__("docker", ["/usr/bin/docker", "-H", socket], archive)
        self.monitor = ("containerd-shim", f"{store}/de")
        self.daemon = pull.Daemon(["/usr/sbin/dockerd", "--data-root", f"{store}/d", "--exec-root", f"{store}/de", "--pidfile", f"{store}/dpid",
                                   "-H", socket, "--storage-driver=overlay2", "--exec-opt=native.cgroupdriver=cgroupfs"],
                                  self.argv, f"{store}/docker.log")


class Ctr(Engine):
    """containerd's own client: it has no networks, and names containers itself."""

    def __init__(self, store, archive):
        self.daemon = pull.containerd(store, store)
        super().__init__("ctr", self.daemon.client, archive)

    def open(self):
        self.daemon.start()
        self("images", "import", self.archive)

    def close(self):
        self.daemon.stop()

    def run(self, network):
        return self.contender(lambda n: ["run", "--rm", "--cpu-shares=0", NAME, f"run{n + 9}", "/bin/true"], prepare=settle)


def engines(store, archive, chosen):
    sampan = Engine("sampan", pull.sampan(store), archive)
    sampan.monitor = ("sampan-monitor", f"--root={store}/s")
    peers = [Podman(store, archive), Docker(store, archive), Ctr(store, archive)]
    return [sampan, *(peer for peer in peers if shutil.which(peer.argv[0]) and (not chosen or peer.name in chosen))]


@contextlib.contextmanager
def opened(everybody):
    with contextlib.ExitStack() as stack:
        for engine in everybody:
            engine.open()
            stack.callback(engine.close)
        yield


# --- many at a time -----------------------------------------------------------------------------------------------


def in_turn(everybody, args, numbers):
    """Wall times in ms, of a command each number, in turn: {engine's name: [...]}."""
    contenders = [engine.contender(lambda n, e=engine: args(e, n)) for engine in everybody]
    for number in numbers:
        for contender in contenders:
            contender.run(number, keep=True)
    return {contender.name: contender.wall for contender in contenders}


def list_all(everybody):
    """`ps` of what runs, beside a program that does nothing."""
    contenders = [engine.contender(["ps"]) for engine in everybody] + [measure.Contender("/bin/true", ["/bin/true"])]
    return measure.compare(contenders, LISTS)


def many(everybody, count):
    """Containers in the background. One of each engine after the other, so that all have as many when they are measured."""
    idle = {engine.name: measure.pss_kib(engine.daemon.pids()) if engine.daemon else 0 for engine in everybody}
    starts = in_turn(everybody, lambda engine, n: engine.start(n), range(count))
    time.sleep(1)
    memory = {engine.name: own_pss_kib(engine.monitors()) for engine in everybody}
    beside = {engine.name: len(engine.monitors()) for engine in everybody}
    listed = list_all(everybody)
    stops = in_turn(everybody, lambda engine, n: ["stop", *engine.now, f"many{n}"], range(count))
    removals = in_turn(everybody, lambda engine, n: ["rm", f"many{n}"], range(count))
    rows = []
    for engine in everybody:
        name = engine.name
        assert beside[name] == count, f"{name}: {beside[name]} monitors of {count} containers"
        rows.append({"": name, f"{count} starts, s": round(sum(starts[name]) / 1000, 2), "ratio": round(sum(starts[name]) / sum(starts["sampan"]), 2),
                     "stop, ms": round(statistics.median(stops[name]), 1), "rm, ms": round(statistics.median(removals[name]), 1),
                     "PSS per container, KiB": round(memory[name] / count, 1), "daemons idle, MiB": round(idle[name] / 1024, 1)})
    return [(f"{count} containers in the background", rows), (f"`ps` of {count} containers", listed)]


def long_list(everybody, count):
    """`ps` of so many that starting them takes minutes."""
    in_turn(everybody, lambda engine, n: engine.start(n), range(count))
    return [(f"`ps` of {count} containers", list_all(everybody))]


def whole_bridge(sampan):
    """With the end of the networks, for which `run --rm` does not wait, and whoever needs a network next does."""
    lock = sampan.argv[sampan.argv.index("--state-dir") + 1] + "/networks/lock"
    run = [*sampan.argv, "run", "--rm", *sampan.bridge, NAME, "true"]
    return measure.Contender("sampan, until its networks are down", ["sh", "-c", '"$@" && exec flock "$0" true', lock, *run], prepare=settle)


# --- all of it ----------------------------------------------------------------------------------------------------


def measure_part(part, everybody, rounds, count):
    able = [engine for engine in everybody if engine.name != "ctr"]
    if part == "run":
        return [("Life: `run --rm --network none IMAGE true`", measure.compare([e.run(e.none) for e in everybody], rounds))]
    if part == "bridge":
        return [("Life: `run --rm` with a bridge network", measure.compare([*(e.run(e.bridge) for e in able), whole_bridge(able[0])], rounds))]
    if part == "many":
        return many(able, count or 100)
    return long_list([engine for engine in able if engine.name != "docker"], count or 500)


def run(work, rounds, fresh_ext4, parts, peers, count):
    """[(title, rows)]. `parts` of PARTS, default all but the last; `peers`: names, default all; `count` of containers."""
    folder = f"{work}/life"
    archive = f"{work}/life.tar"
    write_docker_archive(pathlib.Path(archive), {NAME: busybox_image()})
    tables = []
    with apart():
        fresh_ext4(folder, STORE_MIB)
        everybody = engines(folder, archive, peers)
        try:
            with opened(everybody):
                for part in parts or PARTS[:-1]:
                    for table in measure_part(part, everybody, rounds, count):
                        tables.append(table)
                        print(measure.table(*table), flush=True)
        finally:
            for below in ("p/overlay", "d/overlay2", ""):
                subprocess.run(["umount", f"{folder}/{below}"], stderr=subprocess.DEVNULL, check=False)
    return tables
