# SPDX-License-Identifier: Apache-2.0
"""sampan as an ordinary user with a session: limits through her systemd, a network through pasta, `sampan boot` as a unit of hers.

Needs systemd and cgroup v2, so it runs in the virtual machine.
"""
import contextlib
import json
import os
import pathlib
import pty
import subprocess
import time
import urllib.request

import pytest

from conftest import IN_VM, SLOW
from container_fixture import load, shell, start, state, wait_for
from rootless_fixture import as_ordinary, end_ordinary, user  # noqa: F401  pylint: disable=unused-import

pytestmark = [pytest.mark.systemd, pytest.mark.cgroup2,
              pytest.mark.skipif(not IN_VM, reason="changes the machine's network and users' sessions")]
SLICE = pathlib.Path("/sys/fs/cgroup/user.slice")


@pytest.fixture(scope="module")
def session(user):
    """What `loginctl enable-linger` gives her: a systemd of her own, and /run/user/UID."""
    subprocess.run(["loginctl", "enable-linger", user.name], check=True, timeout=200)
    wait_for(lambda: os.path.exists(f"/run/user/{user.uid}/systemd/private"), "her systemd", 30)
    yield {"XDG_RUNTIME_DIR": f"/run/user/{user.uid}"}
    subprocess.run(["loginctl", "disable-linger", user.name], check=True, timeout=200)
    wait_for(lambda: not os.path.exists(f"/run/user/{user.uid}/systemd/private"), "the end of her systemd", 30)


@pytest.fixture(scope="module")
def her(user, session):
    """Her sampan, for all tests: an emulated machine is slow."""
    program = as_ordinary(user, user.home / "sampan", session)
    yield program
    end_ordinary(program)


@pytest.fixture(scope="module")
def image(her):
    return load(her, her.top, "mine", cmd=["sh"])


@pytest.fixture(autouse=True)
def nothing_is_left(her):
    yield
    for container in json.loads(her("ps", "-a", "--format", "json", check=True, timeout=200).stdout):
        her("rm", "-f", container["Names"], check=True, timeout=200)


def as_her(her, *argv, **kwargs):
    return subprocess.run(her.user.argv(*argv), env=her.env, capture_output=True, text=True, timeout=300, check=False, **kwargs)


def scope_of(her, name="box"):
    path = pathlib.Path(f"/proc/{state(her, name)['Pid']}/cgroup").read_text(encoding="ascii").split("::", 1)[1].strip()
    return pathlib.Path(f"/sys/fs/cgroup{path}")


def test_she_pulls_and_her_limits_are_in_force(her, busybox_image):
    her("pull", "-q", busybox_image, check=True, timeout=200)
    start(her, busybox_image, "--memory", "64m", "--pids-limit", "20", "--cpus", "0.5")
    scope = scope_of(her)
    assert str(scope).startswith(f"{SLICE}/user-{her.user.uid}.slice/user@{her.user.uid}.service/user.slice/sampan-")
    assert [(scope / name).read_text().strip() for name in ("memory.max", "pids.max", "cpu.max")] == [
        str(64 << 20), "20", "50000 100000"]
    assert shell(her, "cat /proc/self/cgroup; cat /sys/fs/cgroup/memory.max") == f"0::/\n{64 << 20}\n"
    her("update", "--memory", "48m", "--memory-swap", "48m", "box", check=True)
    assert (scope / "memory.max").read_text() == f"{48 << 20}\n"
    (stats,) = [json.loads(line) for line in her("stats", "--no-stream", "--format", "json", "box", check=True).stdout.splitlines()]
    assert stats["MemUsage"].endswith("/ 48MiB") and int(stats["PIDs"]) >= 1
    her("pause", "box", check=True)
    assert state(her)["State"] == "paused"
    her("unpause", "box", check=True)
    done = her("exec", "box", "sh", "-c", "i=0; while [ $i -lt 40 ]; do sleep 30 & i=$((i + 1)); done", timeout=200)
    assert "can't fork" in done.stderr
    done = her("run", "--rm", "--memory", "16m", "--memory-swap", "16m", busybox_image, "sh", "-c", "x=$(head -c 100000000 /dev/zero | tr '\\0' x)",
               timeout=300)
    assert done.returncode == 137 and "out of memory" in done.stderr
    her("rm", "-f", "box", check=True, timeout=200)
    assert not scope.exists()


def test_a_terminal_logs_stop_and_commit(her, image):
    start(her, image, "-v", "data:/data")
    master, slave = pty.openpty()
    process = her.popen("exec", "-it", "box", "sh", "-c", "tty; echo from the terminal > /proc/1/fd/1", stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    assert process.wait(60 * SLOW) == 0
    assert b"/dev/pts/" in os.read(master, 1000)
    os.close(master)
    follow = her.popen("logs", "-f", "box")
    assert follow.stdout.readline() == "from the terminal\n"
    shell(her, "echo kept > /kept; echo data > /data/x; echo second > /proc/1/fd/1")
    assert follow.stdout.readline() == "second\n"
    her("commit", "box", "localhost/kept", check=True, timeout=200)
    her("stop", "box", check=True, timeout=200)
    assert follow.wait(30 * SLOW) == 0
    assert state(her)["State"] == "exited" and not list(SLICE.glob("**/sampan-*.scope"))
    her("cp", "box:/kept", her.user.home / "kept", check=True)
    assert (her.user.home / "kept").read_text() == "kept\n"
    assert her("run", "--rm", "-v", "data:/data", "localhost/kept", "cat", "/kept", "/data/x", check=True, timeout=200).stdout == "kept\ndata\n"


def test_ports_are_published_through_pasta(her, image):
    # pasta copies the interface of the default route, and the virtual machine has none.
    subprocess.run(["modprobe", "tun"], check=False)
    for line in ("link add up0 type dummy", "address add 198.51.100.2/24 dev up0", "link set up0 up",
                 "route add default via 198.51.100.1 dev up0"):
        subprocess.run(["ip", *line.split()], check=True)
    start(her, image, "--network", "bridge", "-p", "18080:80",
          command=("sh", "-c", "mkdir /www; echo through pasta > /www/index.html; exec httpd -f -p 80 -h /www"))

    def fetched():
        with contextlib.suppress(OSError):
            with urllib.request.urlopen("http://127.0.0.1:18080/", timeout=5) as answer:
                return answer.read()
        return None
    assert wait_for(fetched, "an answer", 30) == b"through pasta\n"
    assert "80/tcp -> 0.0.0.0:18080\n" in her("port", "box", check=True).stdout
    assert "eth0" in shell(her, "ls /sys/class/net")
    her("restart", "-t", "1", "box", check=True, timeout=200)
    assert wait_for(fetched, "an answer after the restart", 30) == b"through pasta\n"
    her("rm", "-f", "box", check=True, timeout=200)
    assert subprocess.run(["pgrep", "-u", her.user.name, "pasta"], check=False, capture_output=True, text=True).stdout == ""


def test_it_is_restarted_and_its_health_is_checked(her, image):
    her("run", "-d", "--name", "again", "--restart", "on-failure:2", image, "false", check=True, timeout=200)
    start(her, image, "--health-cmd", "test -e /well", "--health-interval", "1s")
    shell(her, "touch /well")
    wait_for(lambda: "(healthy)" in state(her)["Status"], "its health", 30)
    wait_for(lambda: json.loads(her("inspect", "again").stdout)[0]["RestartCount"] == 2, "its restarts", 60)


def test_boot_is_a_unit_of_hers(her, image):
    units = her.user.home / ".config/systemd/user"
    units.mkdir(parents=True)
    packaged = pathlib.Path(__file__).resolve().parents[2] / "packaging/systemd/user/sampan-boot.service"
    command = " ".join(her.argv[her.argv.index(str(her.top / "sampan")):])
    (units / "sampan-boot.service").write_text(packaged.read_text(encoding="utf-8").replace("/usr/bin/sampan", command))
    her.user.own(her.user.home / ".config")
    start(her, image, "--restart", "always")
    # As a power cut leaves it: nobody looks after it, and it was to run.
    first = state(her)["Pid"]
    stat = pathlib.Path(f"/proc/{first}/stat").read_text(encoding="ascii")
    os.kill(int(stat.rsplit(")", 1)[1].split()[1]), 9)
    os.kill(first, 9)
    wait_for(lambda: state(her)["State"] == "exited", "its end", 20)
    done = as_her(her, "systemctl", "--user", "start", "sampan-boot.service")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: state(her)["State"] == "running", "its start", 30)
    assert "/sampan-" in str(scope_of(her))
    assert as_her(her, "systemctl", "--user", "stop", "sampan-boot.service").returncode == 0
    wait_for(lambda: state(her)["State"] == "exited", "its stop", 30)


def test_a_unit_of_type_notify_of_hers(her, image):
    her("create", "--name", "box", "--sdnotify", "conmon", image, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done", check=True)
    command = her.argv[her.argv.index(str(her.top / "sampan")):]
    done = as_her(her, "systemd-run", "--user", "--unit", "mine", "--property=Type=notify", *command, "start", "-a", "box")
    assert done.returncode == 0, done.stderr  # it waits for READY
    assert state(her)["State"] == "running"
    time.sleep(0.1)
    assert as_her(her, "systemctl", "--user", "stop", "mine").returncode == 0
    assert state(her)["State"] == "exited"


def test_the_hosts_network_and_processes(her, image):
    done = her("run", "--rm", "--network", "host", "--pid", "host", image, "sh", "-c", "ls /sys/class/net/lo/mtu; cat /proc/self/cgroup; "
               "ls /sys/fs/cgroup/cgroup.procs; cat /proc/1/comm", check=True, timeout=200)
    assert done.stdout == "/sys/class/net/lo/mtu\n0::/\n/sys/fs/cgroup/cgroup.procs\nsystemd\n"
