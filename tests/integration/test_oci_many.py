# SPDX-License-Identifier: Apache-2.0
"""Five hundred containers at a time."""
import json
import os
import pathlib
import subprocess

import pytest

from bundle_fixture import Bundle
from conftest import SLOW

pytestmark = [pytest.mark.root, pytest.mark.plain]

COUNT = 500
NAMES = [f"many-{number:03}" for number in range(COUNT)]
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def statuses(sampan_oci):
    listed = json.loads(sampan_oci("list", "-f", "json", check=True).stdout) or []
    return {container["id"]: container["status"] for container in listed}


def for_each(sampan_oci, command, *more):
    """One shell for all: a Python that starts each of them takes longer than they do."""
    script = f"for name do {' '.join(sampan_oci.argv)} {command} $name {' '.join(more)} || exit; done"
    subprocess.run(["sh", "-c", script, "-", *NAMES], check=True, stdin=subprocess.DEVNULL, timeout=300 * SLOW, **QUIET)


def cgroups():
    return [path for top in ("/sys/fs/cgroup/unified/sampan", "/sys/fs/cgroup/sampan")
            for path in pathlib.Path(top).glob("many-*")]


def test_they_are_made_listed_killed_and_leave_nothing(sampan_oci, scratch, busybox):
    bundle = Bundle(scratch / "bundle", busybox)
    bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                                         "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}
    bundle.config["process"]["args"] = ["/bin/sleep", "100000"]
    bundle.save()
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    descriptors = os.listdir("/proc/self/fd")

    for_each(sampan_oci, f"create -b {bundle.path}")
    assert statuses(sampan_oci) == dict.fromkeys(NAMES, "created")
    for_each(sampan_oci, "start")
    assert statuses(sampan_oci) == dict.fromkeys(NAMES, "running")
    assert sampan_oci("list", "-q", check=True).stdout.split() == NAMES
    pids = [json.loads(sampan_oci("state", name, check=True).stdout)["pid"] for name in NAMES[::10]]
    assert len(set(pids)) == len(pids)
    pids = [container["pid"] for container in json.loads(sampan_oci("list", "-f", "json", check=True).stdout)]
    assert len(set(pids)) == COUNT
    # What a container holds open of the runtime's is nothing: only its program's standard streams.
    assert len(os.listdir(f"/proc/{pids[-1]}/fd")) == 3
    for_each(sampan_oci, "kill", "KILL")
    for_each(sampan_oci, "delete -f")
    assert statuses(sampan_oci) == {}
    assert [entry.name for entry in sampan_oci.root.iterdir()] == [":seccomp"]
    assert cgroups() == []
    assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts
    assert os.listdir("/proc/self/fd") == descriptors
    assert not any(pathlib.Path(f"/proc/{pid}/root").exists() for pid in pids)
