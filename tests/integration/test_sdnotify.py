# SPDX-License-Identifier: Apache-2.0
"""run --sdnotify: what reaches the service manager, and through what hands. The manager is a socket of the test's, and in the virtual machine systemd."""
import os
import signal
import socket
import struct
import subprocess
import time

import pytest

from conftest import SLOW
from container_fixture import SLEEP, load, monitor_of, refused, start, state, wait_for

pytestmark = pytest.mark.root


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "notify")


class Manager:
    """A service manager's end of NOTIFY_SOCKET."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(address)
        self.env = {"NOTIFY_SOCKET": address.replace("\0", "@")}

    def next(self, seconds=5):
        """The next message and the pid of its sender."""
        self.socket.settimeout(seconds * SLOW)
        data, ancillary, _, _ = self.socket.recvmsg(8192, 1024)
        pids = [struct.unpack("3i", d)[0] for _, kind, d in ancillary if kind == socket.SCM_CREDENTIALS]
        return data.decode(), pids[0]

    def silent(self, seconds=0.3):
        with pytest.raises(TimeoutError):
            self.next(seconds)


@pytest.fixture
def manager(scratch):
    m = Manager(f"{scratch}/manager.sock")
    yield m
    m.socket.close()


def say(sampan, message, descriptors=()):
    """Sends as a process of the container would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(f"/proc/{state(sampan)['Pid']}/root/run/notify/notify.sock")
        s.settimeout(5 * SLOW)
        socket.send_fds(s, [message.encode() if isinstance(message, str) else message], list(descriptors))


def run(sampan, image, manager, *options, command=SLEEP):
    sampan("run", "-d", "--name", "box", *options, image, *command, check=True, env=manager.env)
    monitor = monitor_of(state(sampan)["Pid"])
    message, sender = manager.next()
    assert message == f"MAINPID={monitor}"
    assert sender != monitor  # of the main process until then, or NotifyAccess=main would not let it pass
    return monitor


def test_a_container_says_that_it_is_ready_and_the_monitor_is_the_main_process(sampan, image, manager):
    monitor = run(sampan, image, manager, "--user", "1234", command=(
        "sh", "-c", 'echo "$NOTIFY_SOCKET"; touch /run/notify/x || trap "exit 0" TERM; while :; do sleep 0.1; done'))
    manager.silent()
    say(sampan, "STATUS=warming up")
    assert manager.next() == ("STATUS=warming up", monitor)
    say(sampan, "READY=1\nSTATUS=serving\n")
    assert manager.next() == (f"MAINPID={monitor}\nREADY=1\nSTATUS=serving", monitor)
    say(sampan, "WATCHDOG=1")
    assert manager.next()[0] == "WATCHDOG=1"
    assert sampan("logs", "box").stdout == "/run/notify/notify.sock\n"
    assert os.listdir(sampan.state_dir / "monitor" / state(sampan)["ID"] / "notify") == ["notify.sock"]
    sampan("stop", "box", check=True)
    assert not (sampan.state_dir / "monitor").exists() or not os.listdir(sampan.state_dir / "monitor")


def test_a_hostile_container_gets_nothing_else_through(sampan, image, manager):
    monitor = run(sampan, image, manager)
    reader, writer = os.pipe()
    say(sampan, "MAINPID=1\nFDSTORE=1\nFDNAME=x\nNOTIFYACCESS=all\nMAINPIDFDID=1\nBUSERROR=x\nWATCHDOG_USEC=1\nREADY=2\n"
        "ERRNO=-1\nERRNO=7\nX_READY=1\nEXTEND_TIMEOUT_USEC=1 2\nEXTEND_TIMEOUT_USEC=5000\n\nSTATUS=a\x1b[2J\x00\xe9", [writer])
    assert manager.next() == ("ERRNO=7\nEXTEND_TIMEOUT_USEC=5000\nSTATUS=a?[2J?\xe9", monitor)
    say(sampan, b"STATUS=\xff\xc2\x9b\xe2\x82")
    assert manager.next()[0] == "STATUS=?????"
    say(sampan, "STATUS=" + "x" * 5000)
    say(sampan, "BARRIER=1", [writer])
    manager.silent()
    os.close(writer)  # the monitor has not kept the others: else this would wait
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_reload_reaches_the_container_and_its_answer_the_manager(sampan, image, manager):
    """Type=notify-reload, of systemd 253: SIGHUP to the main process, and RELOADING with a time that is later than that."""
    monitor = run(sampan, image, manager, command=("sh", "-c", "trap 'echo reload' HUP; trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"))
    wait_for(lambda: sampan("logs", "box").stdout == "ready\n", "its trap")
    os.kill(monitor, signal.SIGHUP)
    wait_for(lambda: sampan("logs", "box").stdout == "ready\nreload\n", "the signal")
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    say(sampan, f"RELOADING=1\nMONOTONIC_USEC={now}\nMONOTONIC_USEC=x")
    assert manager.next() == (f"RELOADING=1\nMONOTONIC_USEC={now}", monitor)
    say(sampan, "READY=1")
    assert manager.next() == (f"MAINPID={monitor}\nREADY=1", monitor)
    sampan("rm", "-f", "box", check=True)
    monitor = run(sampan, image, manager, "--sdnotify", "conmon", command=("sh", "-c", "trap 'echo reload' HUP; while :; do sleep 0.1; done"))
    assert manager.next()[0].endswith("READY=1")
    os.kill(monitor, signal.SIGHUP)  # it is nobody's there, and harms nobody
    time.sleep(0.3)
    assert sampan("logs", "box").stdout == "" and state(sampan)["State"] == "running"


def test_a_manager_that_is_slow_loses_nothing_and_a_container_that_floods_it_waits(sampan, image, manager):
    run(sampan, image, manager)
    sent = 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(f"/proc/{state(sampan)['Pid']}/root/run/notify/notify.sock")
        s.settimeout(0.5 * SLOW)
        with pytest.raises(TimeoutError):
            for sent in range(100000):
                s.send(f"STATUS={sent}".encode())
    assert sampan("exec", "box", "echo", "alive", check=True).stdout == "alive\n"
    for number in range(sent):
        assert manager.next()[0] == f"STATUS={number}"


def test_the_monitor_says_that_it_has_started_with_conmon(sampan, image, manager):
    monitor = run(sampan, image, manager, "--sdnotify", "conmon", command=(
        "sh", "-c", 'echo "<$NOTIFY_SOCKET>"; ls /run/notify; while :; do sleep 0.1; done'))
    assert manager.next() == (f"MAINPID={monitor}\nREADY=1", monitor)
    logs = sampan("logs", "box")
    assert (logs.stdout, "No such file" in logs.stderr) == ("<>\n", True)


def test_the_monitor_says_so_when_it_is_healthy(sampan, image, manager):
    monitor = run(sampan, image, manager, "--sdnotify=healthy", "--health-cmd", "test -e /well",
                  "--health-interval", "100ms")
    manager.silent(0.5)
    sampan("exec", "box", "touch", "/well", check=True)
    assert manager.next() == (f"MAINPID={monitor}\nREADY=1", monitor)
    refused(sampan("run", "--sdnotify=healthy", image, "true"), 'sdnotify policy "healthy" requires a healthcheck', 125)


def test_with_ignore_nobody_hears_of_it(sampan, image, manager):
    sampan("run", "-d", "--name", "box", "--sdnotify=ignore", image, "sh", "-c", 'echo "<$NOTIFY_SOCKET>"; sleep 1000',
           check=True, env=manager.env)
    wait_for(lambda: sampan("logs", "box").stdout == "<>\n", "its output")
    manager.silent()
    with open(f"/proc/{monitor_of(state(sampan)['Pid'])}/environ", "rb") as environ:
        assert b"NOTIFY_SOCKET" not in environ.read()
    sampan("rm", "-f", "box", check=True)
    start(sampan, image)  # and nothing is there without a manager
    assert sampan("exec", "box", "ls", "/run").stdout == ""


def test_start_attached_tells_the_manager_that_it_has_then(sampan, image, scratch):
    sampan("create", "--name", "box", "--rm", image, *SLEEP, check=True)
    manager = Manager(f"\0sampan-test-{os.getpid()}")
    foreground = sampan.popen("start", "-a", "box", env={**manager.env, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"})
    message, sender = manager.next()
    assert sender == foreground.pid
    wait_for(lambda: state(sampan)["State"] == "running", "its start")
    assert message == f"MAINPID={monitor_of(state(sampan)['Pid'])}"
    assert b"WATCHDOG_USEC=30000000\0" in sampan("exec", "box", "cat", "/proc/1/environ", text=False).stdout
    say(sampan, "READY=1")
    assert manager.next()[0].endswith("\nREADY=1")
    say(sampan, "STOPPING=1")
    foreground.terminate()
    assert foreground.wait(10 * SLOW) == 0
    assert manager.next()[0] == "STOPPING=1"
    manager.socket.close()


def test_a_manager_that_has_gone_is_no_reason_not_to_start(sampan, image):
    done = sampan("run", "--rm", image, "echo", "here", env={"NOTIFY_SOCKET": "/nowhere/socket"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", "")


def test_what_is_no_mode_is_refused(sampan, image):
    refused(sampan("run", "--sdnotify", "perhaps", image, "true"),
            'invalid sdnotify value "perhaps": must be container, conmon, healthy or ignore', 125)


def shown(unit, *names):
    printed = subprocess.run(["systemctl", "show", unit, *(f"-p{n}" for n in names)], check=True, capture_output=True,
                             text=True, timeout=100).stdout
    return dict(line.split("=", 1) for line in printed.splitlines())


@pytest.mark.systemd
@pytest.mark.cgroup2
@pytest.mark.parametrize("way", ["attached", "detached"])
def test_a_unit_of_type_notify_is_up_when_its_container_says_so(sampan, image, way):
    unit = f"sampan-notify-{way}.service"
    sampan("create", "--name", "box", image, "sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done", check=True)
    subprocess.run(["systemd-run", "--unit", unit, "--no-block", "--property=Type=notify", "--property=WatchdogSec=300",
                    "--property=TimeoutStartSec=600", *sampan.argv, "start", *(["-a"] if way == "attached" else []), "box"],
                   check=True, timeout=100)
    wait_for(lambda: state(sampan)["State"] == "running", "its start", 60)
    wait_for(lambda: shown(unit, "MainPID")["MainPID"] == str(monitor_of(state(sampan)["Pid"])), "the main process", 30)
    assert shown(unit, "ActiveState")["ActiveState"] == "activating"
    say(sampan, "READY=1\nSTATUS=serving\nMAINPID=1")
    wait_for(lambda: shown(unit, "ActiveState")["ActiveState"] == "active", "READY", 30)
    now = shown(unit, "MainPID", "StatusText", "WatchdogTimestampMonotonic")
    assert (now["MainPID"], now["StatusText"]) == (str(monitor_of(state(sampan)["Pid"])), "serving")
    say(sampan, "WATCHDOG=1")
    wait_for(lambda: shown(unit, "WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"] !=
             now["WatchdogTimestampMonotonic"], "the watchdog", 30)
    sampan("stop", "box", check=True, timeout=200)
    wait_for(lambda: shown(unit, "ActiveState")["ActiveState"] == "failed", "its end", 30)
    ended = shown(unit, "Result", "ExecMainStatus")
    assert (ended["Result"], ended["ExecMainStatus"]) == ("exit-code", "7")
    subprocess.run(["systemctl", "reset-failed", unit], check=True, timeout=100)
