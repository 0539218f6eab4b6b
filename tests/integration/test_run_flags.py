# SPDX-License-Identifier: Apache-2.0
"""Flags of `sampan run` that are about namespaces, limits of devices, where the root file system is, and what is refused."""
import json
import os
import pathlib
import time

import pytest

from busybox_fixture import busybox_layer
from conftest import SLOW
from container_fixture import state, wait_for
from image_fixture import Image, foreign_architecture, machine_architecture, write_layout

pytestmark = pytest.mark.root


@pytest.fixture(name="plain")
def fixture_plain(sampan, scratch):
    layout = write_layout(scratch / "plain", {None: Image([busybox_layer(machine_architecture())], cmd=["sh"])})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    return "localhost/plain"


def run(sampan, *args):
    return sampan("run", "--rm", *args, check=True).stdout


def refused(sampan, *args):
    done = sampan("run", "--rm", *args)
    assert done.returncode == 125, done
    return done.stderr


def namespace(kind):
    return os.readlink(f"/proc/self/ns/{kind}") + "\n"


def config_of(sampan, name):
    return json.loads((sampan.root / "containers" / state(sampan, name)["ID"] / "config.json").read_text())


# --- namespaces ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag, kind", [("--pid", "pid"), ("--ipc", "ipc"), ("--uts", "uts"), ("--cgroupns", "cgroup")])
def test_namespaces_are_the_containers_own_or_the_hosts(sampan, plain, flag, kind):
    assert run(sampan, plain, "readlink", f"/proc/self/ns/{kind}") != namespace(kind)
    assert run(sampan, flag, "host", plain, "readlink", f"/proc/self/ns/{kind}") == namespace(kind)


def test_the_hosts_uts_namespace_has_the_hosts_name(sampan, plain):
    assert run(sampan, "--uts", "host", plain, "hostname") == os.uname().nodename + "\n"
    assert "conflicting options: hostname and the UTS mode" in refused(sampan, "--uts", "host", "-h", "x", plain)


def test_a_container_joins_anothers_processes_at_each_start(sampan, plain):
    sampan("run", "-d", "--name", "donor", plain, "sleep", "1234", check=True)
    assert "sleep 1234" in run(sampan, "--pid", "container:donor", plain, "ps")
    sampan("create", "--name", "guest", "--pid", "container:donor", plain, "ps", check=True)
    sampan("restart", "-t", "0", "donor", check=True)
    assert "sleep 1234" in sampan("start", "-a", "guest", check=True).stdout
    sampan("stop", "-t", "0", "donor", check=True)
    done = sampan("start", "-a", "guest")
    assert done.returncode != 0 and "cannot join PID namespace of a non running container" in done.stderr
    assert "no such container: nobody" in refused(sampan, "--pid", "container:nobody", plain)


def test_a_shareable_ipc_namespace_comes_with_its_shared_memory(sampan, plain):
    sampan("run", "-d", "--name", "donor", "--ipc", "shareable", "--shm-size", "8m", plain,
           "sh", "-c", "echo shared >/dev/shm/file; sleep 1000", check=True)
    script = "readlink /proc/self/ns/ipc; while ! test -s /dev/shm/file; do sleep 0.1; done; cat /dev/shm/file; echo back >/dev/shm/back"
    joined = run(sampan, "--ipc", "container:donor", plain, "sh", "-c", script)
    assert joined.splitlines()[1] == "shared" and joined.splitlines()[0] != namespace("ipc").strip()
    assert run(sampan, "--ipc", "container:donor", plain, "cat", "/dev/shm/back") == "back\n"
    assert run(sampan, "--ipc", "container:donor", plain, "sh", "-c", "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2") == "8192\n"
    sampan("rm", "-f", "donor", check=True)
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert f"{sampan.root}/containers" not in table.read()


def test_a_private_ipc_namespace_is_not_shared(sampan, plain):
    sampan("run", "-d", "--name", "donor", plain, "sleep", "1000", check=True)
    assert "non-shareable IPC (hint: use --ipc shareable" in refused(sampan, "--ipc", "container:donor", plain)
    assert run(sampan, "--ipc", "none", plain, "sh", "-c", "grep -c /dev/shm /proc/mounts || true") == "0\n"


@pytest.mark.parametrize("args, message", [
    (["--pid", "mine"], "--pid: invalid PID mode"),
    (["--ipc", "mine"], "--ipc: invalid IPC mode"),
    (["--uts", "container:x"], "--uts: invalid UTS mode"),
    (["--cgroupns", "x"], "--cgroupns: invalid CGROUP mode"),
    (["--userns", "x"], "--userns: invalid USER mode"),
    (["--userns", "keep-id"], "keep-id is only supported in rootless mode"),
    (["--uidmap", "0:1000"], "invalid value '0:1000' for --uidmap: expected CONTAINER:HOST:SIZE"),
    (["--userns", "private"], "--userns private needs a range of IDs"),
    (["--userns", "host", "--gidmap", "0:1000:1"], "cannot be used with --userns host"),
    (["--userns", "auto", "--privileged"], "conflicting options: --privileged and --userns auto"),
    (["--oom-kill-disable"], "--oom-kill-disable is not supported: cgroup v2 has no such switch"),
    (["--memory-swappiness", "10"], "--memory-swappiness is not supported"),
    (["--kernel-memory", "10m"], "--kernel-memory is not supported: it is deprecated"),
    (["--cpu-rt-runtime", "1000"], "--cpu-rt-runtime is not supported"),
    (["--storage-opt", "size=1g"], "--storage-opt is not supported"),
    (["--cpu-period", "10"], "CPU cfs period can not be less than 1ms"),
    (["--cpu-quota", "10"], "CPU cfs quota can not be less than 1ms"),
    (["--cpus", "1", "--cpu-quota", "50000"], "Nano CPUs and CPU Quota cannot both be set"),
    (["--replace"], "cannot replace container without --name being set"),
    (["--annotation", "x"], "invalid annotation 'x'"),
    (["--blkio-weight", "5"], "range of blkio weight is from 10 to 1000"),
    (["--device-read-bps", "/dev/null:1mb"], "'/dev/null' is not a block device"),
    (["--device-read-bps", "nothing"], "bad format: nothing"),
    (["--device-cgroup-rule", "x 1:2 r"], "invalid device cgroup format 'x 1:2 r'"),
    (["--tz", "Nowhere/City"], "unrecognized timezone Nowhere/City"),
    (["--tz", "../../etc/passwd"], "unrecognized timezone"),
    (["--ephemeral", "--rootfs"], "conflicting options: --rootfs and --ephemeral"),
])
def test_what_cannot_be_is_refused(sampan, plain, args, message):
    assert message in refused(sampan, *args, plain)
    assert not (sampan.root / "containers").exists() or os.listdir(sampan.root / "containers") == []


# --- limits and devices, as the runtime gets them ---------------------------------------------------------------------


def test_quota_and_rules_reach_the_runtime(sampan, plain):
    sampan("create", "--name", "box", "--cpu-period", "50000", "--cpu-quota", "25000", "--blkio-weight", "300",
           "--device-cgroup-rule", "c 10:200 rwm", "--device-cgroup-rule", "b *:* r", "--annotation", "org.example=yes", plain,
           check=True)
    config = config_of(sampan, "box")
    resources = config["linux"]["resources"]
    assert (resources["cpu"]["period"], resources["cpu"]["quota"]) == (50000, 25000)
    assert resources["blockIO"]["weight"] == 300
    assert {"allow": True, "type": "c", "major": 10, "minor": 200, "access": "rwm"} in resources["devices"]
    assert any(rule.get("type") == "b" and rule["access"] == "r" for rule in resources["devices"])
    assert config["annotations"]["org.example"] == "yes"


def test_rates_of_a_real_device_reach_the_runtime(sampan, plain):
    disks = [p for p in pathlib.Path("/dev").glob("*") if p.is_block_device()]
    if not disks:
        pytest.skip("no block device here")
    st = disks[0].stat()
    sampan("create", "--name", "box", "--device-read-bps", f"{disks[0]}:1mb", "--device-write-iops", f"{disks[0]}:100",
           "--blkio-weight-device", f"{disks[0]}:200", plain, check=True)
    block = config_of(sampan, "box")["linux"]["resources"]["blockIO"]
    where = {"major": os.major(st.st_rdev), "minor": os.minor(st.st_rdev)}
    assert block["throttleReadBpsDevice"] == [{**where, "rate": 1 << 20}]
    assert block["throttleWriteIOPSDevice"] == [{**where, "rate": 100}]
    assert block["weightDevice"] == [{**where, "weight": 200}]


# --- labels, names, zones ----------------------------------------------------------------------------------------------


def test_labels_come_from_files_too(sampan, plain, scratch):
    labels = scratch / "labels"
    labels.write_text("# comment\n\none=1\ntwo\nthree=from=file\n")
    sampan("create", "--name", "box", "--label-file", labels, "--label", "one=flag", plain, check=True)
    annotations = config_of(sampan, "box")["annotations"]
    assert (annotations["one"], annotations["two"], annotations["three"]) == ("flag", "", "from=file")
    assert "/nowhere" in sampan("create", "--label-file", "/nowhere", plain).stderr


def test_replace_takes_the_place_of_the_other(sampan, plain):
    sampan("run", "-d", "--name", "box", plain, "sleep", "1000", check=True)
    assert "already in use" in refused(sampan, "--name", "box", plain)
    assert run(sampan, "--name", "box", "--replace", plain, "echo", "new") == "new\n"
    assert sampan("ps", "-aq", check=True).stdout == ""
    assert run(sampan, "--name", "box", "--replace", plain, "echo", "nobody there") == "nobody there\n"


def test_the_time_zone_is_the_one_that_was_asked_for(sampan, plain):
    if not os.path.exists("/usr/share/zoneinfo/Asia/Tokyo"):
        pytest.skip("no tzdata here")
    assert run(sampan, "--tz", "Asia/Tokyo", plain, "sh", "-c", "head -c 4 /etc/localtime; tail -n 1 /etc/localtime") == "TZifJST-9\n"


# --- where it writes to -------------------------------------------------------------------------------------------------


def test_an_ephemeral_container_writes_to_memory_only(sampan, plain):
    sampan("run", "-d", "--name", "box", "--ephemeral", "--ephemeral-size", "4m", plain,
           "sh", "-c", "echo x >/written; dd if=/dev/zero of=/big bs=1M count=8 2>/dev/null; ls -l /big | tr -s ' ' | cut -d ' ' -f 5 >/size; sleep 1000",
           check=True)
    entry = sampan.root / "containers" / state(sampan)["ID"]
    deadline = time.monotonic() + 10 * SLOW
    while not (entry / "volatile" / "upper" / "written").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (entry / "volatile" / "upper" / "written").read_text() == "x\n"
    assert os.listdir(entry / "upper") == []
    while not (entry / "volatile" / "upper" / "size").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (entry / "volatile" / "upper" / "big").stat().st_size <= 4 << 20
    sampan("stop", "-t", "0", "box", check=True)
    assert os.listdir(entry / "volatile") == []
    assert run(sampan, "--ephemeral", plain, "sh", "-c", "cp /bin/busybox /tmp/busybox; /tmp/busybox echo runs; test -e /written || echo fresh") == "runs\nfresh\n"


def test_a_directory_can_be_the_root_file_system(sampan, busybox, scratch):
    root = scratch / "root"
    (root / "bin").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text("me:x:7:8::/home/me:/bin/sh\n")
    (root / "bin" / "sh").write_bytes(pathlib.Path(busybox).read_bytes())
    (root / "bin" / "sh").chmod(0o755)
    for name in ("id", "pwd", "touch"):
        (root / "bin" / name).symlink_to("sh")
    assert run(sampan, "--rootfs", "-u", "me", root, "sh", "-c", "id -u; echo $HOME") == "7\n/home/me\n"
    run(sampan, "--rootfs", root, "touch", "/written")
    assert (root / "written").exists()
    assert "no command specified" in refused(sampan, "--rootfs", root)
    assert "No such file" in refused(sampan, "--rootfs", scratch / "none", "sh").replace("no such file", "No such file")
    sampan("create", "--name", "box", "--rootfs", root, "sh", check=True)
    assert str(root) in sampan("ps", "-a", "--format", "json", check=True).stdout


def test_what_an_ephemeral_container_wrote_can_be_had_while_it_runs(sampan, plain):
    sampan("run", "-d", "--name", "box", "--ephemeral", plain, "sh", "-c", "echo kept > /kept; sleep 1000", check=True)
    wait_for(lambda: sampan("diff", "box", check=True).stdout == "A /kept\n", "the file")
    sampan("commit", "--no-pause", "box", "localhost/kept", check=True)
    assert run(sampan, "localhost/kept", "cat", "/kept") == "kept\n"
    sampan("stop", "-t", "0", "box", check=True)
    for argv in (["diff", "box"], ["cp", "box:/kept", "-"], ["commit", "box"], ["export", "box"]):
        done = sampan(*argv)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, (argv, done)
        assert "container box does not run: what it had written was in memory only (--ephemeral), and is gone" in done.stderr


def test_annotations_are_apart_from_labels(sampan, plain):
    sampan("create", "--name", "box", "--label", "kind=label", "--annotation", "org.example=yes", plain, check=True)
    (shown,) = json.loads(sampan("inspect", "box", check=True).stdout)
    assert shown["Config"]["Labels"] == {"kind": "label"}
    assert shown["HostConfig"]["Annotations"] == {"org.example": "yes"}


def test_volumes_are_shown_as_volumes(sampan, plain, scratch):
    sampan("create", "--name", "box", "-v", "data:/data:ro", "-v", "/anonymous", "-v", f"{scratch}:/bound", plain, check=True)
    (shown,) = json.loads(sampan("inspect", "box", check=True).stdout)
    mounts = {m["Destination"]: m for m in shown["Mounts"]}
    volumes = sampan.root / "volumes"
    assert mounts["/data"] == {"Type": "volume", "Name": "data", "Source": f"{volumes}/data/_data", "Destination": "/data",
                               "Driver": "local", "RW": False}
    name = mounts["/anonymous"]["Name"]
    assert len(name) == 64 and mounts["/anonymous"]["Source"] == f"{volumes}/{name}/_data"
    assert mounts["/bound"] == {"Type": "bind", "Source": str(scratch), "Destination": "/bound", "RW": True}
    assert shown["HostConfig"]["Binds"] == ["data:/data:ro", f"{scratch}:/bound"]


# --- CDI ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(name="cdi")
def fixture_cdi(scratch):
    top = scratch / "cdi"
    top.mkdir()
    (scratch / "library").write_text("library\n")
    (top / "vendor.json").write_text(json.dumps({
        "cdiVersion": "0.6.0", "kind": "vendor.com/thing", "containerEdits": {"env": ["FOR_ALL=yes"]},
        "devices": [{"name": "one", "containerEdits": {
            "env": ["ONE=1"], "additionalGids": [4242], "deviceNodes": [{"path": "/dev/thing", "hostPath": "/dev/zero"}],
            "mounts": [{"hostPath": str(scratch / "library"), "containerPath": "/opt/library", "options": ["ro", "bind"]}],
            "hooks": [{"hookName": "createRuntime", "path": "/bin/sh", "args": ["sh", "-c", f"touch {scratch}/hooked"]}]}}],
    }))
    (top / "nvidia.json").write_text(json.dumps({
        "cdiVersion": "0.6.0", "kind": "nvidia.com/gpu",
        "devices": [{"name": name, "containerEdits": {"env": [f"GPU_{name}=1"]}} for name in ("0", "1", "all")]}))
    return top


def test_a_cdi_device_brings_what_its_file_says(sampan, plain, cdi, scratch):
    shown = run(sampan, "--cdi-spec-dir", cdi, "--device", "vendor.com/thing=one", plain, "sh", "-c",
                "echo $FOR_ALL $ONE; cat /opt/library; id -G; head -c 3 /dev/thing | wc -c; touch /opt/library 2>/dev/null || echo ro")
    assert shown == "yes 1\nlibrary\n0 4242\n3\nro\n"
    assert (scratch / "hooked").exists()


def test_gpus_are_cdi_devices(sampan, plain, cdi):
    assert run(sampan, "--cdi-spec-dir", cdi, "--gpus", "all", plain, "sh", "-c", "env | grep ^GPU_") == "GPU_all=1\n"
    assert run(sampan, "--cdi-spec-dir", cdi, "--gpus", "2", plain, "sh", "-c", "env | grep ^GPU_ | sort") == "GPU_0=1\nGPU_1=1\n"


def test_a_cdi_device_that_is_not_there_is_refused(sampan, plain, cdi):
    where = ["--cdi-spec-dir", cdi]
    assert "unresolvable CDI devices vendor.com/thing=two" in refused(sampan, *where, "--device", "vendor.com/thing=two", plain)
    (cdi / "twin.json").write_text((cdi / "vendor.json").read_text())
    assert "is in two files" in refused(sampan, *where, "--device", "vendor.com/thing=one", plain)
    (cdi / "bad.json").write_text("{")
    assert "bad.json" in refused(sampan, *where, "--device", "vendor.com/thing=one", plain)


# As nvidia-ctk writes it.
NVIDIA_YAML = """---
cdiVersion: 0.5.0
containerEdits:
  deviceNodes:
  - path: /dev/zero
  env:
  - NVIDIA_VISIBLE_DEVICES=void
  mounts:
  - containerPath: /opt/library
    hostPath: {library}
    options:
    - ro
    - nosuid
    - bind
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      hostPath: /dev/null
      fileMode: 0640
      permissions: rw
  name: "0"
- containerEdits: &all
    env: [ALL=yes]
  name: all
- {{name: other, containerEdits: *all}}
kind: nvidia.com/gpu
"""


def test_cdi_files_may_be_yaml(sampan, plain, scratch):
    top = scratch / "cdi"
    top.mkdir()
    (scratch / "library").write_text("library\n")
    (top / "nvidia.yaml").write_text(NVIDIA_YAML.format(library=scratch / "library"))
    (top / "notes.yml").write_text("{")
    assert run(sampan, "--cdi-spec-dir", top, "--gpus", "device=0", plain, "sh", "-c",
               "cat /opt/library; stat -c '%t %T %a' /dev/nvidia0; echo $NVIDIA_VISIBLE_DEVICES$ALL") == "library\n1 3 640\nvoid\n"
    assert run(sampan, "--cdi-spec-dir", top, "--device", "nvidia.com/gpu=other", plain, "sh", "-c", "echo $ALL") == "yes\n"


@pytest.mark.parametrize("text, message", [
    ("a: [", "line 2: did not find expected node content"),
    ("kind: x\nkind: y\n", "line 2: 'kind' is there twice"),
    ("a: &a [x, *a]\n", "there is too much in it, or it is too deep"),
    ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh")), "there is too much in it"),
    ("", "there is nothing in it"),
    ("cdiVersion: 7\n", "cdiVersion: expected a string"),
])
def test_cdi_files_that_are_no_good_yaml_are_named(sampan, plain, scratch, text, message):
    top = scratch / "cdi"
    top.mkdir()
    (top / "bad.yaml").write_text(text)
    why = refused(sampan, "--cdi-spec-dir", top, "--device", "a.com/b=c", plain)
    assert f"CDI file '{top}/bad.yaml': " in why and message in why


# --- will it run? ------------------------------------------------------------------------------------------------------------


def test_what_is_no_program_cannot_be_run(sampan, plain):
    sampan("run", "-d", "--name", "box", plain, "sh", "-c", "echo nothing >/tmp/x; chmod 755 /tmp/x; sleep 1000", check=True)
    wait_for(lambda: sampan("exec", "box", "test", "-x", "/tmp/x").returncode == 0, "the file")
    done = sampan("exec", "box", "/tmp/x")
    assert done.returncode == 126 and done.stderr.endswith("exec /tmp/x: exec format error\n"), done
    sampan("commit", "box", "localhost/bad", check=True)
    done = sampan("run", "--rm", "localhost/bad", "/tmp/x")
    assert done.returncode == 126 and done.stderr.endswith("exec /tmp/x: exec format error\n"), done


def test_a_program_for_another_machine_is_told_of_before_it_fails(sampan, scratch):
    if any("qemu" in name for name in (os.listdir("/proc/sys/fs/binfmt_misc") if os.path.isdir("/proc/sys/fs/binfmt_misc") else [])):
        pytest.skip("this machine runs foreign programs")
    other = foreign_architecture()
    layout = write_layout(scratch / "foreign", {None: Image([busybox_layer(other)], architecture=other, cmd=["sh"])})
    sampan("pull", "-q", "--platform", f"linux/{other}", f"oci:{layout}", check=True)
    done = sampan("run", "--rm", "--platform", f"linux/{other}", "localhost/foreign", "sh", "-c", "true")
    assert done.returncode == 126, done
    assert f"is a program for {other}, this machine is {machine_architecture()}, and nothing is registered to run it" in done.stderr


def test_a_program_that_runs_is_not_talked_about(sampan, plain):
    assert sampan("run", "--rm", plain, "true", check=True).stderr == ""
