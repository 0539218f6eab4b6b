# SPDX-License-Identifier: Apache-2.0
"""Seccomp: the agent that SCMP_ACT_NOTIFY asks, the cache of filters; and the pidfd socket."""
import array
import errno
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import threading

import pytest

from bundle_fixture import Bundle

pytestmark = pytest.mark.root

NOTIF_RECV = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV
NOTIF_SEND = 0xC0182101  # SECCOMP_IOCTL_NOTIF_SEND
NAME = "seccomp-notify"


class Receiver:
    """A server on an AF_UNIX path that takes messages with one descriptor each, and does `handle(text, fd)`."""

    def __init__(self, path, handle):
        self.path, self.handle, self.failure = str(path), handle, None
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(4)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                text, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(4))
                if ancillary:
                    self.handle(text, array.array("i", ancillary[0][2][:4])[0])

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


class Agent:
    """Answers every notification with EDOM, and remembers what it was told."""

    def __init__(self, path):
        self.states, self.asked = [], 0
        self.receiver = Receiver(path, self.take)

    def take(self, text, listener):
        self.states.append(json.loads(text))
        threading.Thread(target=self.answer, args=(listener,), daemon=True).start()

    def answer(self, listener):
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while True:
            for _, event in poll.poll():
                if event & (select.POLLHUP | select.POLLERR):
                    os.close(listener)
                    return
            request = bytearray(80)
            try:
                fcntl.ioctl(listener, NOTIF_RECV, request)
            except OSError:
                continue  # who asked is gone
            self.asked += 1
            number = struct.unpack_from("Q", request)[0]
            fcntl.ioctl(listener, NOTIF_SEND, bytearray(struct.pack("QqiI", number, 0, -errno.EDOM, 0)))


@pytest.fixture
def bundle(scratch, busybox):
    return Bundle(scratch / "bundle", busybox)


@pytest.fixture
def agent(scratch):
    agent = Agent(scratch / "agent.sock")
    yield agent
    agent.receiver.close()


def notify(bundle, agent, names=("mkdir", "mkdirat"), **more):
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": agent.receiver.path, "listenerMetadata": "for the agent",
        "syscalls": [{"names": list(names), "action": "SCMP_ACT_NOTIFY"}], **more}


@pytest.mark.parametrize("no_new_privileges", [True, False])
@pytest.mark.parametrize("uid", [0, 1000])
def test_an_agent_answers_for_the_kernel(sampan_oci, bundle, agent, no_new_privileges, uid):
    notify(bundle, agent)
    bundle.config["annotations"] = {"org.example": "yes"}
    bundle.config["process"]["user"] = {"uid": uid, "gid": uid}
    bundle.config["process"]["noNewPrivileges"] = no_new_privileges
    bundle.shell("mkdir /tmp/x; echo $?")
    done = sampan_oci("run", "-b", bundle.path, NAME)
    assert done.stdout == "1\n"
    assert "Numerical argument out of domain" in done.stderr
    assert agent.asked == 1
    told = agent.states[0]
    assert told["fds"] == ["seccompFd"] and told["metadata"] == "for the agent" and told["ociVersion"] == "1.0.2"
    state = told["state"]
    assert (state["id"], state["status"], state["pid"]) == (NAME, "creating", told["pid"])
    assert state["bundle"] == str(bundle.path) and state["annotations"] == {"org.example": "yes"}


def test_exec_has_an_agent_too(sampan_oci, bundle, agent):
    notify(bundle, agent)
    bundle.shell("sleep 1000")
    sampan_oci("create", "-b", bundle.path, NAME, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sampan_oci("start", NAME, check=True)
    done = sampan_oci("exec", NAME, "/bin/mkdir", "/tmp/y")
    assert done.returncode == 1 and "out of domain" in done.stderr
    init, process = agent.states
    assert process["state"]["status"] == "running" and process["state"]["pid"] == init["pid"] != process["pid"]
    sampan_oci("delete", "-f", NAME, check=True)


@pytest.mark.parametrize("change, text", [
    ({"listenerPath": ""}, "linux.seccomp.listenerPath: must be set for SCMP_ACT_NOTIFY"),
    ({"listenerPath": "/tmp/no-agent-is-here"}, "cannot connect to seccomp agent '/tmp/no-agent-is-here': no such file"),
    ({"defaultAction": "SCMP_ACT_NOTIFY"}, "SCMP_ACT_NOTIFY"),
    ({"syscalls": [{"names": ["write"], "action": "SCMP_ACT_NOTIFY"}]},
     "SCMP_ACT_NOTIFY cannot be used for the write syscall"),
    ({"syscalls": [{"names": ["sendmsg"], "action": "SCMP_ACT_NOTIFY"}]},
     "SCMP_ACT_NOTIFY cannot be used for the sendmsg syscall"),
])
def test_what_cannot_be_asked_for_is_refused(sampan_oci, bundle, agent, change, text):
    notify(bundle, agent, **change)
    bundle.shell("true")
    done = sampan_oci("run", "-b", bundle.path, NAME)
    assert done.returncode == 1 and text in done.stderr
    assert not (sampan_oci.root / NAME).exists()


def test_a_pidfd_socket_gets_the_pidfd(sampan_oci, bundle, scratch):
    received = []
    receiver = Receiver(scratch / "pidfd.sock", lambda text, fd: received.append((text, fd)))
    bundle.shell("sleep 1000")
    sampan_oci("create", "-b", bundle.path, "--pidfd-socket", receiver.path, NAME, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sampan_oci("start", NAME, check=True)
    sampan_oci("exec", "--pidfd-socket", receiver.path, NAME, "/bin/sleep", "0.2", check=True)
    pids = []
    for _, fd in received:
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
            pids.append(int(dict(line.split(":", 1) for line in info)["Pid"]))
        os.close(fd)
    assert pids[0] == json.loads(sampan_oci("state", NAME, check=True).stdout)["pid"]
    assert len(pids) == 2 and pids[1] != pids[0]
    done = sampan_oci("exec", "--pidfd-socket", "/tmp/nobody-listens", NAME, "/bin/true")
    assert done.returncode == 255 and "cannot connect to pidfd socket '/tmp/nobody-listens'" in done.stderr
    sampan_oci("delete", "-f", NAME, check=True)
    receiver.close()


# --- the cache of filters -------------------------------------------------------------------------------


def deny_mkdir(bundle):
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EDOM}]}
    bundle.shell("mkdir /tmp/x; echo $?")


def run_denied(sampan_oci, bundle):
    done = sampan_oci("run", "-b", bundle.path, NAME)
    assert (done.returncode, done.stdout) == (0, "1\n") and "out of domain" in done.stderr


def test_a_filter_is_kept_and_used_again(sampan_oci, bundle):
    deny_mkdir(bundle)
    run_denied(sampan_oci, bundle)
    kept, = (sampan_oci.root / ":seccomp").iterdir()
    before = kept.stat()
    run_denied(sampan_oci, bundle)
    assert kept.stat().st_mtime_ns == before.st_mtime_ns and kept.stat().st_ino == before.st_ino
    assert kept.stat().st_mode & 0o777 == 0o600
    assert sampan_oci("list", "-q", check=True).stdout == ""
    done = sampan_oci("run", "-d", "-b", bundle.path, NAME, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert done.returncode == 0
    sampan_oci("delete", "-f", NAME, check=True)


def test_a_kept_filter_that_was_altered_is_made_anew(sampan_oci, bundle):
    deny_mkdir(bundle)
    run_denied(sampan_oci, bundle)
    kept, = (sampan_oci.root / ":seccomp").iterdir()
    good = kept.read_bytes()
    kept.write_bytes(good[:-8] + struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))  # BPF_RET: allow
    run_denied(sampan_oci, bundle)
    assert kept.read_bytes() == good
    kept.write_bytes(b"")
    run_denied(sampan_oci, bundle)
    os.chmod(kept.parent, 0o777)
    run_denied(sampan_oci, bundle)


def test_exec_uses_the_kept_filter(sampan_oci, bundle):
    deny_mkdir(bundle)
    bundle.shell("sleep 1000")
    for _ in range(2):  # first compiled, then found
        sampan_oci("run", "-d", "-b", bundle.path, NAME, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        done = sampan_oci("exec", NAME, "/bin/mkdir", "/tmp/x")
        assert done.returncode == 1 and "out of domain" in done.stderr
        sampan_oci("delete", "-f", NAME, check=True)


@pytest.mark.parametrize("old, new, text", [
    ('"hostname":', '"hostname": 7, "x":', "hostname: expected a string"),
    ('"linux": {', '"linux": {"seccomp": {}, ', "duplicate object key near '\"seccomp\"'"),
    ('"process": {', '"process": {,', "bad JSON at line 1"),
])
def test_errors_beside_a_known_profile_are_found(sampan_oci, bundle, old, new, text):
    deny_mkdir(bundle)
    run_denied(sampan_oci, bundle)
    config = bundle.path / "config.json"
    config.write_text(config.read_text().replace(old, new, 1))
    done = sampan_oci("run", "-b", bundle.path, NAME)
    assert done.returncode == 1 and text in done.stderr, done.stderr
