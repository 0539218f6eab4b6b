# SPDX-License-Identifier: Apache-2.0
"""sampan-oci exec: a further process in a container."""
import array
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import pytest

from bundle_fixture import Bundle

pytestmark = pytest.mark.root


@pytest.fixture
def running(sampan_oci, scratch, busybox):
    """A function that starts a container "c" that sleeps, from a bundle that the caller may bend before."""
    bundle = Bundle(scratch / "bundle", busybox)
    bundle.shell("sleep 1000")

    def start(name="c"):
        bundle.save()
        sampan_oci("run", "-d", "-b", bundle.path, name, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return bundle

    start.bundle = bundle
    return start


def exec_sh(sampan_oci, script, *options, **kwargs):
    return sampan_oci("exec", *options, "c", "/bin/sh", "-c", script, **kwargs)


def init_pid(sampan_oci):
    return json.loads(sampan_oci("state", "c", check=True).stdout)["pid"]


def test_output_input_and_exit_code(sampan_oci, running):
    running()
    done = exec_sh(sampan_oci, "cat; echo err >&2; exit 7", input="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "in\n", "err\n")


def test_it_is_in_all_namespaces_and_the_cgroup_of_the_container(sampan_oci, running):
    running()
    pid = init_pid(sampan_oci)
    kinds = ("pid", "net", "ipc", "uts", "mnt", "cgroup", "user")
    got = exec_sh(sampan_oci, "for n in %s; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup" % " ".join(kinds),
                  check=True).stdout.splitlines()
    assert got[:len(kinds)] == [os.readlink(f"/proc/{pid}/ns/{kind}") for kind in kinds]
    assert "0::/" in got


def test_it_has_the_privileges_of_the_container(sampan_oci, running):
    running.bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 33}]}
    running()
    pid = init_pid(sampan_oci)
    done = exec_sh(sampan_oci, "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status; mkdir /x")
    want = [line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith(("Cap", "NoNew", "Seccomp:"))]
    assert done.stdout.splitlines() == want
    assert "Numerical argument out of domain" in done.stderr


def test_options_change_the_process(sampan_oci, running):
    running()
    got = exec_sh(sampan_oci, "id -u; id -g; id -G; pwd; echo $A $B $TERM; grep CapEff /proc/self/status",
                  "--user", "1000:1001", "-g", "7", "-g", "8", "--cwd", "/tmp", "-e", "A=1", "--env", "B=x y",
                  "--cap", "CAP_SYS_TIME", check=True).stdout.splitlines()
    assert got[:5] == ["1000", "1001", "1001 7 8", "/tmp", "1 x y xterm"]
    assert exec_sh(sampan_oci, "grep CapBnd /proc/self/status", "-c", "CAP_SYS_TIME", check=True).stdout != \
        exec_sh(sampan_oci, "grep CapBnd /proc/self/status", check=True).stdout


def test_a_process_json_says_it_all(sampan_oci, running, scratch):
    running()
    (scratch / "process.json").write_text(json.dumps({
        "user": {"uid": 3, "gid": 4}, "args": ["/bin/sh", "-c", "id -u; id -g; env"], "env": ["ONLY=this"], "cwd": "/etc"}))
    got = sampan_oci("exec", "--process", scratch / "process.json", "c", check=True).stdout.splitlines()
    assert got[:2] == ["3", "4"]
    assert "ONLY=this" in got


@pytest.mark.parametrize("command, text", [
    ("nosuch", 'exec: "nosuch": executable file not found in $PATH'),
    ("/nosuch", 'exec: "/nosuch": stat /nosuch: no such file or directory'),
    ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
])
def test_what_cannot_be_executed_is_said(sampan_oci, running, command, text):
    running()
    done = sampan_oci("exec", "c", command)
    assert (done.returncode, done.stderr) == (255, f"sampan-oci: {text}\n")


def test_a_stopped_or_absent_container_is_refused(sampan_oci, running):
    running()
    sampan_oci("kill", "c", "KILL", check=True)
    end = time.monotonic() + 10
    while json.loads(sampan_oci("state", "c").stdout)["status"] != "stopped" and time.monotonic() < end:
        time.sleep(0.02)
    done = exec_sh(sampan_oci, "true")
    assert (done.returncode, done.stderr) == (255, "sampan-oci: cannot exec in a stopped container\n")
    done = sampan_oci("exec", "nobody", "true")
    assert (done.returncode, done.stderr) == (255, 'sampan-oci: container "nobody" does not exist\n')


def test_detached_with_a_pid_file(sampan_oci, running, scratch):
    running()
    sampan_oci("exec", "--detach", "--pid-file", scratch / "pid", "c", "/bin/sleep", "77", check=True,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = int((scratch / "pid").read_text())
    assert pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() == b"/bin/sleep\x0077\x00"
    assert os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{init_pid(sampan_oci)}/ns/pid")
    sampan_oci("kill", "c", "KILL", check=True)


def test_signals_reach_it(sampan_oci, running):
    running()
    process = sampan_oci.popen("exec", "c", "/bin/sh", "-c", "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.1; done")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 3
    assert process.stdout.read() == "got\n"


def test_a_terminal_through_a_console_socket(sampan_oci, running, scratch):
    running()
    path = str(scratch / "socket")
    received = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)

        def accept():
            connection, _ = server.accept()
            with connection:
                _, ancillary, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
                received.append(array.array("i", ancillary[0][2][:4])[0])

        thread = threading.Thread(target=accept)
        thread.start()
        done = exec_sh(sampan_oci, "tty; exit 5", "--tty", "--console-socket", path)
        thread.join(10)
    assert done.returncode == 5
    assert os.read(received[0], 100) == b"/dev/pts/0\n"
    os.close(received[0])


def test_it_holds_nothing_of_the_hosts(sampan_oci, running):
    running()
    host = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    os.set_inheritable(host, True)
    try:
        done = exec_sh(sampan_oci, "ls /proc/self/fd", pass_fds=(host,), check=True)
        assert done.stdout.split() == ["0", "1", "2", "3"]  # 3 is ls's own
        for number in range(3, 16):
            leaked = exec_sh(sampan_oci, "ls ..", "--cwd", f"/proc/self/fd/{number}", pass_fds=(host,))
            assert leaked.returncode == 255
            assert leaked.stdout == ""
    finally:
        os.close(host)


def test_in_a_user_namespace(sampan_oci, running):
    bundle = running.bundle
    bundle.namespace("user")
    mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    bundle.config["linux"].update(uidMappings=mapping, gidMappings=mapping)
    for parent in bundle.path.parents:
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    for path in [bundle.rootfs, *bundle.rootfs.rglob("*")]:
        os.chown(path, 100000, 100000, follow_symlinks=False)
    running()
    got = exec_sh(sampan_oci, "id -u; cat /proc/self/uid_map; touch /made", check=True).stdout.split()
    assert got == ["0", "0", "100000", "65536"]
    assert (bundle.rootfs / "made").stat().st_uid == 100000


def test_a_cgroup_below_that_of_the_container(sampan_oci, running):
    running()
    top = [p for top in ("/sys/fs/cgroup/unified/sampan", "/sys/fs/cgroup/sampan") for p in pathlib.Path(top).glob("c")][0]
    (top / "below").mkdir()
    try:
        got = exec_sh(sampan_oci, "cat /proc/self/cgroup", "--cgroup", "below", check=True).stdout.splitlines()
        assert "0::/below" in got
    finally:
        sampan_oci("delete", "--force", "c", check=True)
