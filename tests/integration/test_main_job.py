# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end: pull the right architecture from a real registry, unpack, run, under limits where there are some."""
import json
import os

import pytest

from container_fixture import wait_for
from image_fixture import foreign_architecture, machine_architecture

pytestmark = [pytest.mark.main_job, pytest.mark.root]


@pytest.fixture(name="pulled")
def fixture_pulled(sampan, busybox_image):
    sampan("pull", "--tls-verify=false", busybox_image, check=True)
    return busybox_image


def store_layers(sampan):
    return sorted(os.listdir(sampan.root / "layers"))


def test_the_machines_own_architecture_is_pulled_and_runs(sampan, pulled):
    done = sampan("run", "--rm", pulled, "uname", "-m", check=True)
    assert done.stdout == os.uname().machine + "\n"


def test_pull_says_what_it_chose_and_from_what(sampan, busybox_image):
    done = sampan("pull", "--tls-verify=false", busybox_image, check=True)
    assert f"choosing linux/{machine_architecture()}" in done.stderr
    assert "the index has linux/amd64, linux/arm64" in done.stderr


def test_another_platform_is_pulled_on_request(sampan, busybox_image):
    other = foreign_architecture()
    sampan("pull", "--tls-verify=false", "--platform", f"linux/{other}", busybox_image, check=True)
    shown = json.loads(sampan("inspect", "--format", "json", busybox_image, check=True).stdout)
    image = shown[0] if isinstance(shown, list) else shown
    assert {key.lower(): value for key, value in image.items()}["architecture"] == other


def test_a_second_pull_fetches_nothing_and_keeps_the_layers(sampan, pulled):
    before = store_layers(sampan)
    done = sampan("pull", "--tls-verify=false", pulled, check=True)
    assert "downloading" not in done.stderr
    assert store_layers(sampan) == before


def test_the_container_sees_its_own_processes_and_root_only(sampan, pulled):
    done = sampan("run", "--rm", pulled, "sh", "-c", "echo $$; ls /; ls /proc | grep -c '^[0-9]'", check=True)
    pid, *entries, processes = done.stdout.split()
    assert pid == "1"
    assert {"bin", "dev", "etc", "proc", "sys", "tmp"} <= set(entries)
    assert "lib" not in entries
    assert int(processes) <= 4


def test_the_exit_status_is_the_commands(sampan, pulled):
    assert sampan("run", "--rm", pulled, "sh", "-c", "exit 42").returncode == 42
    assert sampan("run", "--rm", pulled, "no-such-command").returncode == 127
    assert sampan("run", "--rm", pulled, "/etc/passwd").returncode == 126
    assert sampan("run", "--rm", "--no-such-flag", pulled).returncode == 125


def test_rm_leaves_no_container_behind(sampan, pulled):
    sampan("run", "--rm", pulled, "touch", "/written", check=True)
    assert json.loads(sampan("ps", "-a", "--format", "json", check=True).stdout) == []
    wait_for(lambda: os.listdir(sampan.root / "containers") == [], "the end of its files")
    assert sampan("run", "--rm", pulled, "ls", "/written").returncode != 0


@pytest.mark.cgroup2
def test_limits_are_what_the_containers_cgroup_says(sampan, pulled):
    script = "cd /sys/fs/cgroup; cat memory.max cpu.max pids.max"
    done = sampan("run", "--rm", "--memory", "64m", "--cpus", "0.5", "--pids-limit", "32", pulled, "sh", "-c", script, check=True)
    assert done.stdout.splitlines() == ["67108864", "50000 100000", "32"]


@pytest.mark.cgroup2
def test_the_pids_limit_stops_forks(sampan, pulled):
    script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; echo all started"
    done = sampan("run", "--rm", "--pids-limit", "8", pulled, "sh", "-c", script)
    assert done.returncode != 0
    assert "can't fork: Resource temporarily unavailable" in done.stderr
    assert "all started" not in done.stdout


@pytest.mark.cgroup2
def test_too_much_memory_is_killed_and_said_to_be(sampan, pulled):
    script = "head -c 100000000 /dev/zero | tail -c 90000000 >/dev/null; exit $?"
    done = sampan("run", "--rm", "--memory", "32m", "--memory-swap", "32m", pulled, "sh", "-c", script)
    assert done.returncode == 137
    assert "out of memory" in done.stderr.lower() or "oom" in done.stderr.lower()
