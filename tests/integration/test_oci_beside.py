# SPDX-License-Identifier: Apache-2.0
"""What the creator of a container does while init mounts, and what a program does not inherit from it."""
import os
import subprocess

import pytest
from test_oci_runtime import bundle, nothing_left, output  # noqa: F401 (fixture)  pylint: disable=unused-import

pytestmark = pytest.mark.root


@pytest.mark.parametrize("sysfs", [True, False])
def test_localhost_works_in_a_new_network_namespace(sampan_oci, bundle, sysfs):
    """Which exists by the time that sysfs is mounted, and at the end of the mounts at the latest."""
    if not sysfs:
        bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["type"] not in ("sysfs", "cgroup")]
    got = output(sampan_oci, bundle, "ip -o link; nc 127.0.0.1 7 2>&1 | grep -c 'Connection refused'; "
                                     "ls /sys/class/net 2>/dev/null || echo none").splitlines()
    assert len(got) == 3 and "lo: <LOOPBACK,UP,LOWER_UP>" in got[0], got
    assert got[1:] == ["1", "lo" if sysfs else "none"]


def test_a_network_namespace_that_cannot_be_made_is_named(sampan_oci, bundle):
    """The limit is that of a user namespace of the test's own."""
    bundle.shell("true")
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["type"] not in ("sysfs", "cgroup", "mqueue")]
    bundle.save()
    command = " ".join(map(str, [*sampan_oci.argv, "run", "-b", bundle.path, "c"]))
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
                           f"echo 0 >/proc/sys/user/max_net_namespaces && {command}"], check=False, timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "cannot make a network namespace: no space left on device" in done.stderr
    assert nothing_left(sampan_oci)


def test_a_device_filter_is_kept_for_the_next_container_and_denies_the_same(sampan_oci, bundle):
    """Where there is a bpf file system, as systemd mounts it."""
    bundle.shell("mknod /tmp/kmsg c 1 11; cat /tmp/kmsg; dd if=/dev/zero of=/dev/null bs=1 count=1")
    bundle.config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    bundle.save()
    command = " ".join(map(str, [*sampan_oci.argv, "run", "-b", bundle.path, "c"]))
    kept = "ls /sys/fs/bpf | grep ^sampan-device-filter-"
    done = subprocess.run(["unshare", "--mount", "sh", "-c",
                           f"mount -t bpf bpf /sys/fs/bpf; {command}; {kept}; {command}; {kept}"], check=True, timeout=60,
                          env=sampan_oci.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.stderr.count("can't open '/tmp/kmsg': Operation not permitted") == 2, done.stderr
    assert done.stderr.count("1+0 records in") == 2
    assert len(done.stdout.split()) == 2 and len(set(done.stdout.split())) == 1
    assert nothing_left(sampan_oci)


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "poststart", "poststop"])
def test_the_creator_comes_back_from_the_network_namespace_that_it_makes(sampan_oci, bundle, kind):
    """Its hooks of the runtime namespace see the caller's network."""
    seen = bundle.path / "seen"
    bundle.shell("readlink /proc/self/ns/net")
    bundle.config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", f"readlink /proc/self/ns/net >{seen}"]}]}
    bundle.save()
    done = sampan_oci("run", "-b", bundle.path, "c", check=True)
    mine = os.readlink("/proc/self/ns/net")
    assert seen.read_text().strip() == mine
    assert done.stdout.strip() != mine


@pytest.mark.parametrize("how", ["run", "create and start", "exec"])
def test_what_the_caller_ignores_the_program_does_not(sampan_oci, bundle, how):
    """nohup ignores SIGHUP, systemd SIGPIPE; runc and crun do not pass that on."""
    line = "grep SigIgn: /proc/self/status"
    bundle.config["process"]["args"] = line.split() if how != "exec" else ["sleep", "100"]
    bundle.save()
    oci = " ".join(map(str, sampan_oci.argv))
    script = {"run": f"{oci} run -b {bundle.path} c",
              "create and start": f"{oci} create -b {bundle.path} c && {oci} start c && sleep 0.5",
              "exec": f"{oci} run -d -b {bundle.path} c >/dev/null 2>&1; {oci} exec c {line}"}[how]
    done = subprocess.run(["sh", "-c", f"trap '' HUP INT PIPE USR1; {script}"], check=True, timeout=60, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=sampan_oci.env)
    sampan_oci("delete", "-f", "c")
    # Real-time signals, of which some callers ignore libc's own, are left as they are.
    assert int(done.stdout.removeprefix("SigIgn:"), 16) & 0x7fffffff == 0, done.stdout
