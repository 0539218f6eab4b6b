# SPDX-License-Identifier: Apache-2.0
"""`sampan stats` and `sampan update`, on real containers."""
import json
import os
import pathlib
import re

import pytest

from container_fixture import load, refused, shell, start, state

pytestmark = pytest.mark.root
BUSY = ("sh", "-c", "while :; do :; done")


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "img")


def stats(sampan, *args):
    return [json.loads(line) for line in sampan("stats", "--no-stream", "--format", "json", *args, check=True).stdout.splitlines()]


# --- stats ---------------------------------------------------------------------------------------------------------------


def test_stats_tells_a_busy_container_from_an_idle_one(sampan, image):
    start(sampan, image, name="busy", command=BUSY)
    made = start(sampan, image, name="idle", command=("sleep", "1000"))
    found = {s["Name"]: s for s in stats(sampan)}
    busy, idle = found["busy"], found["idle"]
    assert set(idle) == {"BlockIO", "CPUPerc", "Container", "ID", "MemPerc", "MemUsage", "Name", "NetIO", "PIDs"}
    assert float(busy["CPUPerc"][:-1]) > 20 and float(idle["CPUPerc"][:-1]) < 10
    assert (idle["ID"], idle["PIDs"], idle["NetIO"]) == (made[:12], "1", "0B / 0B")
    assert re.fullmatch(r"[\d.]+[KM]?i?B / [\d.]+[MGT]iB", idle["MemUsage"])
    assert re.fullmatch(r"\d+\.\d\d%", idle["MemPerc"])


def test_stats_as_a_table_and_by_a_template(sampan, image):
    made = start(sampan, image, command=("sleep", "1000"))
    head, row = sampan("stats", "--no-stream", check=True).stdout.splitlines()
    assert re.fullmatch(r"CONTAINER ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET I/O +BLOCK I/O +PIDS", head)
    assert row.startswith(made[:12] + "   box ") and row.endswith("1")
    assert sampan("stats", "--no-stream", "--no-trunc", "--format", "{{.ID}} {{.PIDs}}", "box", check=True).stdout == f"{made} 1\n"
    assert sampan("stats", "--no-stream", "--format", "table {{.Container}}\t{{.PIDs}}", made[:5], check=True).stdout == (
        f"CONTAINER   PIDS\n{made[:5]}       1\n")
    refused(sampan("stats", "--no-stream", "--format", "{{.Nope}}"), "there is no field '.Nope'")


def test_stats_shows_those_that_do_not_run_with_a_alone(sampan, image):
    sampan("create", "--name", "box", image, "true", check=True)
    assert stats(sampan) == []
    (found,) = stats(sampan, "-a")
    assert (found["CPUPerc"], found["MemUsage"], found["PIDs"]) == ("0.00%", "0B / 0B", "0")
    assert [s["Name"] for s in stats(sampan, "box")] == ["box"]
    refused(sampan("stats", "--no-stream", "none"), "no such container: none")


def test_stats_goes_on_until_what_was_named_is_gone(sampan, image):
    start(sampan, image)
    process = sampan.popen("stats", "--format", "{{.Name}} {{.PIDs}}", "box")
    assert all(process.stdout.readline().startswith("box ") for _ in range(2))
    sampan("rm", "-f", "box", check=True)
    assert process.wait(10) == 0


@pytest.mark.cgroup2
def test_stats_of_a_container_with_limits(sampan, image):
    start(sampan, image, "-m", "64m", "--pids-limit", "20", command=("sleep", "1000"))
    (found,) = stats(sampan)
    assert found["MemUsage"].endswith(" / 64MiB") and found["PIDs"] == "1"
    shell(sampan, "dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null")
    (found,) = stats(sampan)
    assert float(found["MemPerc"][:-1]) > 25


# --- update -----------------------------------------------------------------------------------------------------------------


def limits(sampan, name="box"):
    spec = json.loads((sampan.root / "containers" / state(sampan, name)["ID"] / "config.json").read_text())
    return spec["linux"].get("resources", {})


def test_limits_of_a_container_that_does_not_run_are_those_of_its_next_start(sampan, image):
    sampan("create", "--name", "box", image, "true", check=True)
    done = sampan("update", "-m", "64m", "--cpus", "0.5", "--cpu-shares", "512", "--pids-limit", "33", "--cpuset-cpus", "0", "box", check=True)
    assert (done.stdout, done.stderr) == ("box\n", "")
    found = limits(sampan)
    assert found["memory"]["limit"] == 64 << 20
    assert (found["cpu"]["quota"], found["cpu"]["period"], found["cpu"]["shares"], found["cpu"]["cpus"]) == (50000, 100000, 512, "0")
    assert found["pids"]["limit"] == 33
    sampan("update", "--cpu-quota", "20000", "box", check=True)
    assert (limits(sampan)["cpu"]["quota"], limits(sampan)["cpu"]["period"]) == (20000, 100000)
    sampan("update", "--cpu-period", "50000", "--blkio-weight", "300", "box", check=True)
    assert (limits(sampan)["cpu"]["quota"], limits(sampan)["cpu"]["period"]) == (20000, 50000)
    assert limits(sampan)["blockIO"]["weight"] == 300
    sampan("update", "--pids-limit", "-1", "--memory-swap", "128m", "box", check=True)
    found = limits(sampan)
    assert (found["pids"]["limit"], found["memory"]["limit"], found["memory"]["swap"]) == (-1, 64 << 20, 128 << 20)


def test_updates_that_cannot_be(sampan, image):
    sampan("create", "--name", "box", "-m", "64m", image, "true", check=True)
    before = limits(sampan)
    refused(sampan("update", "box"), "you must provide one or more flags when using this command")
    refused(sampan("update", "-m", "1k", "box"), "minimum memory limit allowed is 256KiB")
    refused(sampan("update", "-m", "1g", "box"), "memory limit should be smaller than already set memoryswap limit")
    refused(sampan("update", "--memory-swap", "32m", "box"), "it must not be less than -m")
    refused(sampan("update", "--cpus", "1000", "box"), "range of CPUs is from 0.01 to")
    refused(sampan("update", "--cpu-period", "5", "box"), "CPU cfs period can not be less than 1ms")
    refused(sampan("update", "--blkio-weight", "5", "box"), "range of blkio weight is from 10 to 1000")
    refused(sampan("update", "--cpuset-cpus", "x", "box"), "invalid value 'x' for --cpuset-cpus")
    refused(sampan("update", "-m", "64m", "none"), "no such container: none")
    refused(sampan("update", "-e", "A=1", "box"), "unknown shorthand flag: 'e' in -e", code=125)
    assert limits(sampan) == before


@pytest.mark.cgroup2
def test_a_running_container_has_its_new_limits_at_once_and_after_a_restart(sampan, image):
    start(sampan, image, "-m", "64m", "--pids-limit", "20")
    (group,) = pathlib.Path("/sys/fs/cgroup/sampan").glob(state(sampan)["ID"])
    sampan("update", "-m", "96m", "--cpus", "0.25", "--pids-limit", "40", "box", check=True)
    assert (group / "memory.max").read_text() == f"{96 << 20}\n"
    assert (group / "pids.max").read_text() == "40\n" and (group / "cpu.max").read_text() == "25000 100000\n"
    sampan("update", "--cpu-period", "50000", "box", check=True)
    assert (group / "cpu.max").read_text() == "25000 50000\n"
    sampan("restart", "-t", "1", "box", check=True)
    assert (group / "memory.max").read_text() == f"{96 << 20}\n" and (group / "pids.max").read_text() == "40\n"


def test_limits_that_the_kernel_refuses_are_not_kept(sampan, image):
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        pytest.skip("this machine has all controllers")
    start(sampan, image)
    before = limits(sampan)
    refused(sampan("update", "--pids-limit", "10", "box"), "cannot update container box: cannot limit pids")
    assert limits(sampan) == before
