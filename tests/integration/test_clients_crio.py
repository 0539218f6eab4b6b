# SPDX-License-Identifier: Apache-2.0
"""What CRI-O asks of a runtime (internal/oci/runtime_oci.go), asked as CRI-O does: conmon with its arguments and pipes, and the runtime's commands.

CRI-O itself is not in Debian 12. It hands containers to the same conmon that is.
"""
import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from bundle_fixture import Bundle
from clients_fixture import OCI, need
from conftest import SLOW, missing_cgroup2

pytestmark = [pytest.mark.root, pytest.mark.plain]

WAITS = "trap 'echo told; exit 7' TERM; echo up; while :; do sleep 0.05; done"


def until(condition, seconds=20):
    end = time.monotonic() + seconds * SLOW
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Crio:
    """Containers by name, as CRI-O keeps and starts them."""

    def __init__(self, top, busybox):
        self.top, self.busybox, self.names = top, busybox, []
        self.root = top / "root"  # runtime_root
        for name in ("exits", "attach", "logs"):
            (top / name).mkdir()

    def bundle(self, name, script):
        made = Bundle(self.top / name, self.busybox)
        made.config["process"]["args"] = ["/bin/sh", "-c", script]
        made.config["annotations"] = {"io.kubernetes.cri-o.ContainerType": "container", "io.container.manager": "cri-o"}
        made.save()
        return made

    @staticmethod
    def conmon(arguments):
        """Starts conmon with the pipes for what it has to tell and for its start. What it tells."""
        told, tell = os.pipe()
        go_on, start = os.pipe()
        os.set_inheritable(tell, True)
        os.set_inheritable(go_on, True)
        env = {"_OCI_SYNCPIPE": str(tell), "_OCI_STARTPIPE": str(go_on), "PATH": os.environ["PATH"]}
        with subprocess.Popen(["conmon", *map(str, arguments)], env=env, pass_fds=(tell, go_on), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            os.close(tell)
            os.close(go_on)
            os.write(start, b"\0")
            os.close(start)
            with open(told, encoding="utf-8") as file:
                return json.loads(file.readline())

    def create(self, bundle, *more):
        name = bundle.path.name
        self.names.append(name)
        answer = self.conmon([
            "-b", bundle.path, "-c", name, "--exit-dir", self.top / "exits", "-l", self.log(name), "--log-level", "info", "-n", f"k8s_{name}",
            "-P", bundle.path / "conmon-pidfile", "-p", bundle.path / "pidfile", "--persist-dir", bundle.path, "-r", OCI,
            "--runtime-arg", f"--root={self.root}", "--socket-dir-path", self.top / "attach", "-u", name, "--log-size-max", "-1", *more])
        return answer

    def run(self, bundle):
        answer = self.create(bundle)
        assert answer["pid"] == int((bundle.path / "pidfile").read_text()) > 0, answer
        self.runtime("start", bundle.path.name)
        return answer["pid"]

    def log(self, name):
        return self.top / "logs" / f"{name}.log"

    def output(self, name):
        """Of a CRI log: time, stream, F or P, text."""
        lines = self.log(name).read_text().splitlines() if self.log(name).exists() else []
        return [tuple(line.split(" ", 3)[1:]) for line in lines]

    def runtime(self, *arguments, check=True, **kwargs):
        return subprocess.run([OCI, "--root", self.root, *arguments], check=check, text=True, capture_output=True, timeout=60 * SLOW, **kwargs)

    def status(self, name):
        return json.loads(self.runtime("state", name).stdout)["status"]

    def exit_code(self, name):
        until((self.top / "exits" / name).exists)
        return int((self.top / "exits" / name).read_text())

    def exec_sync(self, bundle, command, *more):
        """(answer of conmon, output)"""
        name = bundle.path.name
        process = bundle.path / "exec-process"
        process.write_text(json.dumps(bundle.config["process"] | {"args": command}))
        log = self.top / "logs" / f"exec-{name}.log"
        log.unlink(missing_ok=True)
        answer = self.conmon([
            "-c", name, "-n", f"k8s_{name}", "-r", OCI, "-p", bundle.path / "exec-pidfile", "-e", "-l", log, "--socket-dir-path",
            self.top / "attach", "--log-level", "info", "--sync", *more, "--exec-process-spec", process, "--runtime-arg", f"--root={self.root}"])
        return answer, self.output(f"exec-{name}")

    def end(self):
        for name in self.names:
            self.runtime("delete", "--force", name, check=False)
            with contextlib.suppress(OSError, ValueError):
                pid = int((self.top / name / "conmon-pidfile").read_text())
                until(lambda pid=pid: not os.path.exists(f"/proc/{pid}/exe"))


@pytest.fixture
def crio(tmp_path, busybox):
    need("conmon")
    made = Crio(tmp_path, busybox)
    yield made
    made.end()


def test_a_container_is_created_started_and_told_to_stop(crio):
    bundle = crio.bundle("whole-life", WAITS)
    assert crio.create(bundle)["pid"] > 0
    assert crio.status("whole-life") == "created" and crio.output("whole-life") == []
    crio.runtime("start", "whole-life")
    until(lambda: crio.output("whole-life") == [("stdout", "F", "up")])
    assert crio.status("whole-life") == "running"
    crio.runtime("kill", "whole-life", "TERM")
    assert crio.exit_code("whole-life") == 7
    assert crio.output("whole-life")[-1] == ("stdout", "F", "told")
    assert crio.status("whole-life") == "stopped"
    crio.runtime("delete", "--force", "whole-life")
    gone = crio.runtime("state", "whole-life", check=False)
    assert gone.returncode == 1 and "does not exist" in gone.stderr
    crio.runtime("delete", "--force", "whole-life")  # it is gone already


def test_a_container_that_cannot_be_created_is_explained(crio):
    bundle = crio.bundle("no-program", "")
    bundle.config["process"]["args"] = ["/no/such"]
    bundle.save()
    answer = crio.create(bundle)
    assert answer["pid"] == -1
    assert 'exec: "/no/such": stat /no/such: no such file or directory' in answer["message"]
    assert crio.runtime("list", "-q").stdout == ""


def test_a_probe_is_a_process_of_exec_sync(crio):
    bundle = crio.bundle("probed", WAITS)
    crio.run(bundle)
    answer, output = crio.exec_sync(bundle, ["/bin/sh", "-c", "echo out; echo err >&2; exit 5"])
    assert answer["exit_code"] == 5
    assert sorted(output) == [("stderr", "F", "err"), ("stdout", "F", "out")]
    answer, _ = crio.exec_sync(bundle, ["/bin/sh", "-c", "sleep 100"], "-T", "1")
    assert answer["exit_code"] == -1 and "timed out" in answer["message"]
    answer, _ = crio.exec_sync(bundle, ["/no/such"])
    assert answer["exit_code"] != 0


def test_a_process_with_a_pipe_for_its_input_is_executed(crio):
    bundle = crio.bundle("entered", WAITS)
    crio.run(bundle)
    process = bundle.path / "entered.json"
    process.write_text(json.dumps(bundle.config["process"] | {"args": ["/bin/sh", "-c", "cat; exit 3"]}))
    done = crio.runtime("exec", "--process", str(process), "entered", check=False, input="through the pipe\n")
    assert (done.returncode, done.stdout) == (3, "through the pipe\n"), done.stderr


def test_containers_of_a_pod_share_the_namespaces_of_its_first(crio):
    first = crio.bundle("pod-infra", WAITS)
    pid = crio.run(first)
    second = crio.bundle("pod-member", "hostname; readlink /proc/self/ns/net; ls /proc | grep -c '^[0-9]'; sleep 100")
    for kind, name in (("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid")):
        second.namespace(kind, f"/proc/{pid}/ns/{name}")
    second.config.pop("hostname", None)
    second.save()
    crio.run(second)
    until(lambda: len(crio.output("pod-member")) == 3)
    hostname, net, processes = [text for _, _, text in crio.output("pod-member")]
    assert hostname == first.config["hostname"] and net == os.readlink(f"/proc/{pid}/ns/net")
    assert int(processes) > 2  # those of both
    crio.runtime("kill", "pod-member", "KILL")
    assert crio.exit_code("pod-member") == 128 + signal.SIGKILL
    assert crio.status("pod-infra") == "running"


def test_limits_come_from_standard_input_and_a_pause_holds(crio):
    bundle = crio.bundle("limited", "n=0; while :; do n=$((n + 1)); echo $n; sleep 0.05; done")
    crio.run(bundle)
    cannot = missing_cgroup2()
    done = crio.runtime("update", "--resources", "-", "limited", check=False, input=json.dumps({"memory": {"limit": 64 << 20}}))
    if cannot:
        assert done.returncode == 1 and "cannot limit memory: " in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        _, output = crio.exec_sync(bundle, ["/bin/cat", "/sys/fs/cgroup/memory.max"])
        assert output == [("stdout", "F", str(64 << 20))]
    crio.runtime("pause", "limited")
    assert crio.status("limited") == "paused"
    time.sleep(0.2)  # what is on its way to the log
    before = crio.output("limited")
    time.sleep(0.3)
    assert crio.output("limited") == before
    crio.runtime("resume", "limited")
    assert crio.status("limited") == "running"
    until(lambda: len(crio.output("limited")) > len(before))
