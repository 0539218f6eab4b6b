# SPDX-License-Identifier: Apache-2.0
"""sampan as a systemd service: limits, stop, and what is left. Needs systemd, so it runs in the virtual machine."""
import os
import subprocess

import pytest

pytestmark = [pytest.mark.systemd, pytest.mark.cgroup2]


@pytest.fixture
def image(sampan, busybox_image):
    sampan("pull", "-q", busybox_image, check=True, timeout=120)
    return busybox_image


def as_service(sampan, name, options, *args, timeout=300):
    """systemd-run with these options, and `sampan run` with these arguments."""
    return subprocess.run(["systemd-run", "--unit", name, "--collect", *options, *sampan.argv, "run", "--rm", *args],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)


def left_over():
    try:
        return [entry.name for entry in os.scandir("/sys/fs/cgroup/sampan") if entry.is_dir()]
    except FileNotFoundError:
        return []


def test_a_service_runs_a_container_under_its_limits(sampan, image):
    done = as_service(sampan, "sampan-limits", ["--wait", "--pipe", "--quiet"], "--memory", "64m", "--pids-limit", "20",
                      image, "cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/pids.max")
    assert (done.returncode, done.stdout) == (0, f"{64 << 20}\n20\n"), done.stderr
    assert left_over() == []


def test_the_exit_code_of_the_container_is_the_services(sampan, image):
    done = as_service(sampan, "sampan-exit", ["--wait", "--pipe", "--quiet"], image, "sh", "-c", "exit 7")
    assert done.returncode == 7


def test_stopping_the_service_stops_the_container_and_leaves_nothing(sampan, image):
    started = as_service(sampan, "sampan-stop", ["--property=TimeoutStopSec=60"], "--name", "service", "--init", image,
                         "sleep", "1000")
    assert started.returncode == 0, started.stderr
    for _ in range(600):
        if sampan("ps", "-q", check=True).stdout:
            break
    assert len(left_over()) == 1
    subprocess.run(["systemctl", "stop", "sampan-stop"], check=True, timeout=200)
    assert sampan("ps", "-a", "-q", check=True).stdout == ""
    assert left_over() == []
