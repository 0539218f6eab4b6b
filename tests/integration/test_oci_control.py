# SPDX-License-Identifier: Apache-2.0
"""sampan-oci on containers that live: pause, resume, update, events, ps."""
import contextlib
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import time

import pytest

from bundle_fixture import Bundle
from conftest import SLOW

pytestmark = pytest.mark.root

MIB = 1 << 20
CGROUP = f"control-{os.getpid()}"  # several runs of these tests may go on side by side


@pytest.fixture
def bundle(scratch, busybox):
    made = Bundle(scratch / "bundle", busybox)
    made.config["linux"]["cgroupsPath"] = CGROUP
    return made


def detach(sampan_oci, bundle, script="sleep 1000", name="c", verb=("run", "-d")):
    bundle.shell(script)
    sampan_oci(*verb, "-b", bundle.path, name, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return state(sampan_oci, name)["pid"]


def state(sampan_oci, name="c"):
    return json.loads(sampan_oci("state", name, check=True).stdout)


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def cgroup_of():
    tops = ("/sys/fs/cgroup/unified/sampan", "/sys/fs/cgroup/sampan")
    (path,) = [p for top in tops for p in pathlib.Path(top).glob(CGROUP)]
    return path


def refused(done, text):
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"sampan-oci: {text}\n"


def kill(sampan_oci, name="c"):
    sampan_oci("kill", name, "KILL", check=True)
    wait_for(lambda: state(sampan_oci, name)["status"] == "stopped")


@pytest.mark.parametrize("command", ["pause", "resume", "update", "events", "ps"])
def test_commands_on_an_absent_container_say_so(sampan_oci, command):
    refused(sampan_oci(command, "nobody"), 'container "nobody" does not exist')


# --- pause and resume --------------------------------------------------------------------------------


def test_a_paused_container_stands_still_until_it_is_resumed(sampan_oci, bundle):
    detach(sampan_oci, bundle, "while :; do echo x >> /tmp/ticks; sleep 0.01; done")
    ticks = bundle.rootfs / "tmp" / "ticks"
    wait_for(ticks.exists)
    sampan_oci("pause", "c", check=True)
    assert state(sampan_oci)["status"] == "paused"
    assert "paused" in sampan_oci("list", check=True).stdout
    size = ticks.stat().st_size
    time.sleep(0.3)
    assert ticks.stat().st_size == size
    refused(sampan_oci("pause", "c"), "container not running")
    sampan_oci("resume", "c", check=True)
    assert state(sampan_oci)["status"] == "running"
    wait_for(lambda: ticks.stat().st_size > size)
    refused(sampan_oci("resume", "c"), "container not paused")


def test_a_stopped_container_can_be_neither_paused_nor_resumed(sampan_oci, bundle):
    detach(sampan_oci, bundle)
    kill(sampan_oci)
    refused(sampan_oci("pause", "c"), "container not running")
    refused(sampan_oci("resume", "c"), "container not paused")


def test_a_created_container_can_be_paused_and_resumed(sampan_oci, bundle):
    detach(sampan_oci, bundle, "echo started > /tmp/started; sleep 1000", verb=("create",))
    sampan_oci("pause", "c", check=True)
    assert (cgroup_of() / "cgroup.freeze").read_text() == "1\n"
    refused(sampan_oci("pause", "c"), "container not running")
    assert json.loads(sampan_oci("state", "c", check=True).stdout)["status"] == "paused"
    refused(sampan_oci("start", "c"), "cannot start a container that is not in the created state: it is paused")
    sampan_oci("resume", "c", check=True)
    assert json.loads(sampan_oci("state", "c", check=True).stdout)["status"] == "created"
    sampan_oci("start", "c", check=True)
    wait_for((bundle.rootfs / "tmp" / "started").exists)


def test_kill_ends_a_paused_container(sampan_oci, bundle):
    detach(sampan_oci, bundle, "sleep 1000 & sleep 1000")
    sampan_oci("pause", "c", check=True)
    kill(sampan_oci)
    wait_for(lambda: (cgroup_of() / "cgroup.procs").read_text() == "")
    sampan_oci("delete", "c", check=True)


def test_delete_force_removes_a_paused_container(sampan_oci, bundle):
    detach(sampan_oci, bundle, "sleep 1000 & sleep 1000")
    path = cgroup_of()
    sampan_oci("pause", "c", check=True)
    plain = sampan_oci("delete", "c")
    refused(plain, "cannot delete container c that is not stopped: paused")
    sampan_oci("delete", "--force", "c", check=True)
    assert not path.exists()
    assert not (sampan_oci.root / "c").exists()


# --- ps ----------------------------------------------------------------------------------------------


def test_ps_lists_the_processes_of_the_container_and_of_cgroups_below(sampan_oci, bundle):
    pid = detach(sampan_oci, bundle, "sleep 1001 & sleep 1002 & wait")
    path = cgroup_of()
    wait_for(lambda: len((path / "cgroup.procs").read_text().split()) == 3)
    pids = [int(p) for p in (path / "cgroup.procs").read_text().split()]
    (path / "below" / "more").mkdir(parents=True)
    (path / "below" / "more" / "cgroup.procs").write_text(str(pids[-1]))

    listed = json.loads(sampan_oci("ps", "-f", "json", "c", check=True).stdout)
    assert sorted(listed) == sorted(pids)
    assert pid in listed

    table = sampan_oci("ps", "c", check=True).stdout.splitlines()
    assert table[0].split()[:3] == ["UID", "PID", "PPID"]
    assert sorted(int(line.split()[1]) for line in table[1:]) == sorted(pids)
    assert {line.rsplit(None, 1)[1] for line in table[1:]} >= {"1001", "1002"}

    own = sampan_oci("ps", "--format", "table", "c", "-A", "-o", "comm,pid", check=True).stdout.splitlines()
    assert own[0].split() == ["COMMAND", "PID"]
    assert sorted(int(line.split()[1]) for line in own[1:]) == sorted(pids)


def test_ps_of_a_stopped_container_is_empty(sampan_oci, bundle):
    detach(sampan_oci, bundle)
    kill(sampan_oci)
    assert sampan_oci("ps", "-f", "json", "c", check=True).stdout == "null\n"
    assert len(sampan_oci("ps", "c", check=True).stdout.splitlines()) == 1


def test_ps_says_what_is_wrong(sampan_oci, bundle):
    detach(sampan_oci, bundle)
    refused(sampan_oci("ps", "-f", "yaml", "c"), "invalid format option 'yaml' (table or json)")
    refused(sampan_oci("ps", "c", "-o", "comm"), "couldn't find PID field in ps output")
    bad = sampan_oci("ps", "c", "--no-such-option")
    assert bad.returncode == 1
    assert bad.stderr.startswith("sampan-oci: ps failed with exit status 1: ")
    refused(sampan_oci("ps", "c", env={"PATH": "/nowhere"}),
            "ps failed with exit status 127: No such file or directory")


# --- events ------------------------------------------------------------------------------------------


def read_event(process, seconds=10):
    ready, _, _ = select.select([process.stdout], [], [], seconds * SLOW)
    assert ready, "no event came"
    return json.loads(process.stdout.readline())


def test_stats_are_one_line_of_json_with_the_keys_of_runc(sampan_oci, bundle):
    detach(sampan_oci, bundle, "while :; do :; done")
    wait_for(lambda: int(re.search(r"usage_usec (\d+)", (cgroup_of() / "cpu.stat").read_text())[1]) > 50000)
    done = sampan_oci("events", "--stats", "c", check=True)
    assert done.stdout.endswith("}\n") and done.stdout.count("\n") == 1
    event = json.loads(done.stdout)
    assert (event["type"], event["id"]) == ("stats", "c")
    data = event["data"]
    assert list(data) == ["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"]
    usage = data["cpu"]["usage"]
    assert usage["total"] > 50_000_000
    assert usage["total"] >= usage["user"] + usage["kernel"] - 2000
    assert data["cpu"]["throttling"] == {}
    assert set(data["memory"]) >= {"usage", "swap", "kernel", "kernelTCP"}
    assert set(data["memory"]["usage"]) >= {"limit", "failcnt"}


def test_events_come_at_the_interval_and_end_with_the_container(sampan_oci, bundle):
    detach(sampan_oci, bundle)
    process = sampan_oci.popen("events", "--interval", "0.1s", "c")
    started = time.monotonic()
    for _ in range(3):
        assert read_event(process)["type"] == "stats"
    assert time.monotonic() - started >= 0.25
    kill(sampan_oci)
    assert process.wait(10 * SLOW) == 0
    assert process.stderr.read() == ""


def test_events_end_when_the_container_is_deleted(sampan_oci, bundle):
    detach(sampan_oci, bundle)
    process = sampan_oci.popen("events", "--interval", "1h", "c")
    time.sleep(0.2 * SLOW)
    assert process.poll() is None
    sampan_oci("delete", "-f", "c", check=True)
    assert process.wait(10 * SLOW) == 0
    assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_a_paused_container_has_stats(sampan_oci, bundle):
    detach(sampan_oci, bundle)
    sampan_oci("pause", "c", check=True)
    assert json.loads(sampan_oci("events", "--stats", "c", check=True).stdout)["type"] == "stats"


def test_events_say_what_is_wrong(sampan_oci, bundle):
    detach(sampan_oci, bundle)
    for interval in ("0", "-1s"):
        refused(sampan_oci("events", "--interval", interval, "c"), "duration interval must be greater than 0")
    refused(sampan_oci("events", "--interval", "5", "c"),
            'invalid argument "5" for "--interval" flag: expected a duration such as 5s or 1m30s')
    kill(sampan_oci)
    refused(sampan_oci("events", "--stats", "c"), "container with id c is not running")


# --- update ------------------------------------------------------------------------------------------


def test_update_says_what_is_wrong(sampan_oci, bundle):
    detach(sampan_oci, bundle)
    refused(sampan_oci("update", "--memory", "lots", "c"),
            'invalid argument "lots" for "--memory" flag: expected bytes, with a unit or without (64M), or -1')
    refused(sampan_oci("update", "--l3-cache-schema", "L3:0=f", "c"),
            "Intel RDT/CAT: l3 cache schema is not supported (leave out --l3-cache-schema)")
    refused(sampan_oci("update", "--mem-bw-schema", "MB:0=10", "c"),
            "Intel RDT/MBA: memory bandwidth schema is not supported (leave out --mem-bw-schema)")
    refused(sampan_oci("update", "--cpu-rt-period", "1000", "c"),
            "linux.resources.cpu.realtimePeriod: cgroup v2 has no such control (remove it)")
    refused(sampan_oci("update", "-r", "/nowhere", "c"), "cannot open '/nowhere': no such file or directory")
    bad = sampan_oci("update", "-r", "-", "c", input='{"memory":{"limit":"x"}}')
    refused(bad, "resources in '-': memory.limit: expected an integer")
    kill(sampan_oci)
    refused(sampan_oci("update", "--memory", "64M", "c"), "container not running")


def test_an_update_of_nothing_succeeds(sampan_oci, bundle):
    detach(sampan_oci, bundle)
    sampan_oci("update", "c", check=True)
    sampan_oci("update", "--resources=-", "c", check=True, input="{}")
    # Device rules belong to what containerd hands in, and stay as they are.
    sampan_oci("update", "-r", "-", "c", check=True, input='{"devices":[{"allow":false,"access":"rwm"}]}')


def test_without_the_controller_an_update_names_the_cure(sampan_oci, bundle):
    v2 = pathlib.Path("/sys/fs/cgroup/unified/cgroup.controllers")
    if not v2.exists() or "memory" in v2.read_text():
        return  # the next tests are for this machine
    detach(sampan_oci, bundle)
    refused(sampan_oci("update", "--memory", "64M", "c"),
            "cannot limit memory: controller 'memory' belongs to cgroup v1 on this host "
            "(boot with systemd.unified_cgroup_hierarchy=1)")


def limits(*names):
    return [(cgroup_of() / name).read_text().strip() for name in names]


@pytest.mark.cgroup2
def test_update_changes_what_it_names_alone(sampan_oci, bundle):
    bundle.config["linux"]["resources"] = {"memory": {"limit": 64 * MIB, "swap": 96 * MIB}, "pids": {"limit": 40},
                                           "cpu": {"quota": 50000, "period": 100000, "shares": 512}}
    detach(sampan_oci, bundle)
    before = limits("cpu.max", "cpu.weight", "pids.max")
    assert before[0] == "50000 100000" and before[2] == "40"

    sampan_oci("update", "--memory", "80M", "c", check=True)
    assert limits("memory.max", "memory.swap.max") == [str(80 * MIB), str(16 * MIB)]  # 96 MiB of both, as before
    assert limits("cpu.max", "cpu.weight", "pids.max") == before
    sampan_oci("update", "--memory-swap", "100Mi", "c", check=True)
    assert limits("memory.max", "memory.swap.max") == [str(80 * MIB), str(20 * MIB)]
    sampan_oci("update", "--cpu-period", "200000", "c", check=True)
    assert limits("cpu.max") == ["50000 200000"]
    sampan_oci("update", "--cpu-quota", "20000", "c", check=True)
    assert limits("cpu.max") == ["20000 200000"]
    sampan_oci("update", "--cpu-share", "1024", "--memory-reservation", "8M", "c", check=True)
    assert limits("cpu.weight", "memory.low") == ["100", str(8 * MIB)]
    sampan_oci("update", "-r", "-", "c", check=True, input=json.dumps({"pids": {"limit": 50}}))
    assert limits("pids.max", "memory.max") == ["50", str(80 * MIB)]
    resources = bundle.path / "resources.json"
    resources.write_text(json.dumps({"memory": {"limit": -1}, "pids": {"limit": -1}, "cpu": {"quota": -1}}))
    sampan_oci("update", "--resources", resources, "c", check=True)
    assert limits("memory.max", "memory.swap.max", "pids.max", "cpu.max") == ["max", "max", "max", "max 200000"]
    assert limits("cpu.weight") == ["100"]


@pytest.mark.cgroup2
def test_update_turns_on_the_controllers_that_it_needs(sampan_oci, bundle):
    bundle.config["linux"]["cgroupsPath"] = f"/sampan-control-{os.getpid()}/deep/er/c"
    detach(sampan_oci, bundle)
    path = pathlib.Path("/sys/fs/cgroup") / bundle.config["linux"]["cgroupsPath"][1:]
    assert not (path / "memory.max").exists()
    sampan_oci("update", "--memory", "64M", "--pids-limit", "20", "--cpuset-cpus", "0", "--cpu-idle", "1", "c",
               check=True)
    assert (path / "memory.max").read_text() == f"{64 * MIB}\n"
    assert (path / "pids.max").read_text() == "20\n"
    assert (path / "cpuset.cpus").read_text() == "0\n"
    assert (path / "cpu.idle").read_text() == "1\n"
    sampan_oci("delete", "-f", "c", check=True)
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        folder.rmdir()


@pytest.mark.cgroup2
def test_a_parent_with_processes_keeps_its_controllers_off(sampan_oci, bundle):
    top = pathlib.Path(f"/sys/fs/cgroup/sampan-control-{os.getpid()}")
    bundle.config["linux"]["cgroupsPath"] = f"/{top.name}/c"
    detach(sampan_oci, bundle)
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        try:
            (top / "cgroup.procs").write_text(str(sleeper.pid))
            refused(sampan_oci("update", "--pids-limit", "20", "c"),
                    "cannot limit pids: controller 'pids' is off and cannot be turned on in "
                    f"'{top}/cgroup.subtree_control' (create the container with a limit): device or resource busy")
            assert (top / "cgroup.subtree_control").read_text().strip() == ""
        finally:
            sleeper.kill()
            sleeper.wait()
    sampan_oci("delete", "-f", "c", check=True)
    top.rmdir()


@pytest.mark.cgroup2
def test_a_limit_below_the_usage_is_refused_if_asked_to_look(sampan_oci, bundle):
    bundle.config["linux"]["resources"] = {"memory": {"limit": 128 * MIB}}
    detach(sampan_oci, bundle, "dd if=/dev/zero of=/dev/shm/full bs=1M count=40 2>/dev/null; echo > /tmp/done; "
           "sleep 1000")
    wait_for((bundle.rootfs / "tmp" / "done").exists, 20)
    done = sampan_oci("update", "-r", "-", "c",
                      input=json.dumps({"memory": {"limit": 20 * MIB, "checkBeforeUpdate": True}}))
    assert done.returncode == 1
    assert re.fullmatch(rf"sampan-oci: cannot set 'memory.max' to '{20 * MIB}': '\d+' bytes are in use, and "
                        r"checkBeforeUpdate is set\n", done.stderr)
    assert limits("memory.max") == [str(128 * MIB)]
    assert state(sampan_oci)["status"] == "running"


@pytest.mark.cgroup2
def test_limits_of_memory_and_swap_must_fit_together(sampan_oci, bundle):
    bundle.config["linux"]["resources"] = {"memory": {"limit": 32 * MIB, "swap": 32 * MIB}}
    detach(sampan_oci, bundle)
    refused(sampan_oci("update", "--memory", "64M", "c"),
            f"linux.resources.memory.swap: '{32 * MIB}' is memory and swap: it cannot be below memory.limit "
            f"'{64 * MIB}'")
    assert limits("memory.max", "memory.swap.max") == [str(32 * MIB), "0"]
    sampan_oci("update", "--memory", "64M", "--memory-swap", "64M", "c", check=True)
    assert limits("memory.max", "memory.swap.max") == [str(64 * MIB), "0"]


@pytest.mark.cgroup2
def test_a_paused_container_can_be_updated(sampan_oci, bundle):
    bundle.config["linux"]["resources"] = {"pids": {"limit": 40}}
    detach(sampan_oci, bundle)
    sampan_oci("pause", "c", check=True)
    sampan_oci("update", "--pids-limit", "30", "c", check=True)
    assert limits("pids.max") == ["30"]
    assert state(sampan_oci)["status"] == "paused"


@pytest.mark.cgroup2
def test_stats_tell_limits_and_usage(sampan_oci, bundle):
    bundle.config["linux"]["resources"] = {"memory": {"limit": 64 * MIB, "swap": 96 * MIB}, "pids": {"limit": 40},
                                           "cpu": {"quota": 20000, "period": 100000}}
    detach(sampan_oci, bundle, "while :; do :; done")
    wait_for(lambda: "nr_throttled 0" not in (cgroup_of() / "cpu.stat").read_text())
    data = json.loads(sampan_oci("events", "--stats", "c", check=True).stdout)["data"]
    assert data["memory"]["usage"]["limit"] == 64 * MIB
    assert 0 < data["memory"]["usage"]["usage"] < 64 * MIB
    assert data["memory"]["swap"]["limit"] == 96 * MIB
    assert data["memory"]["raw"]["pgfault"] > 0
    assert set(data["memory"]["raw"]) >= {"anon", "file", "slab"}
    assert data["pids"] == {"current": 1, "limit": 40}
    assert data["cpu"]["throttling"]["throttledPeriods"] > 0
    assert data["cpu"]["throttling"]["periods"] >= data["cpu"]["throttling"]["throttledPeriods"]


def is_watching(pid, pattern):
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if pattern.search(path.read_text()):
                return True
    return False


@pytest.mark.cgroup2
def test_running_out_of_memory_is_an_event(sampan_oci, bundle):
    bundle.config["linux"]["resources"] = {"memory": {"limit": 16 * MIB, "swap": 16 * MIB}}
    bundle.mount("/go", "bind", bundle.path / "go", "bind", "rw")
    (bundle.path / "go").mkdir()
    detach(sampan_oci, bundle, "until test -e /go/now; do sleep 0.1; done; "
           "dd if=/dev/zero of=/dev/null bs=64M count=1; echo $? > /go/exit; sleep 1000")
    process = sampan_oci.popen("events", "--interval", "1h", "c")
    watching = re.compile(r"inotify wd:")
    wait_for(lambda: is_watching(process.pid, watching))
    (bundle.path / "go" / "now").touch()
    assert read_event(process, 30) == {"type": "oom", "id": "c"}
    code = bundle.path / "go" / "exit"
    wait_for(lambda: code.exists() and code.read_text())  # the shell makes it, then writes it
    assert code.read_text() == f"{128 + signal.SIGKILL}\n"
    kill(sampan_oci)
    assert process.wait(10 * SLOW) == 0
    assert "stats" not in process.stdout.read()
