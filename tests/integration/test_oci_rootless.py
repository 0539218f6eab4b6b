# SPDX-License-Identifier: Apache-2.0
"""sampan-oci as an unprivileged user calls it: everything that the kernel allows her."""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

from bundle_fixture import Bundle
from conftest import BUILD, SLOW, unmount_below
from rootless_fixture import RANGE, make_rootless, rootless, user  # noqa: F401  pylint: disable=unused-import

pytestmark = pytest.mark.root


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def refused(rootless, script="true", *options):
    """The one line of a run that must fail, after which nothing is left."""
    done = rootless.run(script, *options)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert not (rootless.root / "c").exists()
    assert done.stderr.startswith("sampan-oci: ") and done.stderr.count("\n") == 1
    return done.stderr.removeprefix("sampan-oci: ").rstrip("\n")


# --- a life ------------------------------------------------------------------------------------------


def test_the_example_of_a_rootless_bundle_runs(rootless, user):
    folder = rootless.top / "example"
    user("mkdir", folder, check=True)
    rootless("spec", "--rootless", "--bundle", folder, check=True)
    config = json.loads((folder / "config.json").read_text())
    config["process"].update(terminal=False, args=["sh", "-c", "id -u; id -g; mount | grep -c ' on /sys '; hostname"],
                             env=["PATH=/bin"])
    config["root"]["path"] = str(rootless.bundle.rootfs)
    (folder / "config.json").write_text(json.dumps(config))
    done = rootless("run", "--bundle", folder, "c")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[:2] == ["0", "0"]
    assert done.stdout.split()[-1] == config["hostname"]


def test_create_start_state_exec_kill_delete(rootless, user):
    rootless.shell("echo started; exec sleep 1000")
    with open(rootless.top / "out", "w+", encoding="utf-8") as out:
        rootless("create", "--bundle", rootless.bundle.path, "--pid-file", rootless.top / "pid", "c", check=True,
                 stdout=out, stderr=out)
        created = rootless.state()
        assert (created["status"], created["rootfs"]) == ("created", str(rootless.bundle.rootfs))
        assert (rootless.top / "pid").read_text() == str(created["pid"])
        assert os.stat(f"/proc/{created['pid']}").st_uid in (0, user.uid)
        rootless("start", "c", check=True)
        wait_for(lambda: (rootless.top / "out").read_text() == "started\n")
    assert rootless.state()["status"] == "running"
    done = rootless("exec", "c", "sh", "-c", "id -u; cat; exit 3", input="through\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "0\nthrough\n", "")
    listed = json.loads(rootless("list", "--format", "json", check=True).stdout)
    assert [(c["id"], c["status"], c["owner"]) for c in listed] == [("c", "running", user.name)]
    assert rootless("list", "-q", check=True).stdout == "c\n"
    assert "is not stopped" in rootless("delete", "c").stderr
    rootless("kill", "c", "KILL", check=True)
    wait_for(lambda: rootless.state()["status"] == "stopped")
    rootless("delete", "c", check=True)
    assert not (rootless.root / "c").exists()
    assert rootless("state", "c").stderr == 'sampan-oci: container "c" does not exist\n'


def test_the_state_is_below_xdg_runtime_dir_and_not_for_others(rootless, user):
    rootless.start()
    assert (user.runtime_dir / "sampan-oci" / "c" / "state.json").exists()
    assert (user.runtime_dir / "sampan-oci").stat().st_mode & 0o7777 == 0o1700


def test_without_xdg_runtime_dir_the_state_directory_is_named(rootless):
    rootless.shell("true")
    done = rootless("run", "--bundle", rootless.bundle.path, "c", env={"XDG_RUNTIME_DIR": ""})
    assert done.returncode == 1
    assert "/run/sampan-oci" in done.stderr and "permission denied" in done.stderr
    assert rootless("--root", rootless.top / "own", "run", "--bundle", rootless.bundle.path, "c",
                    env={"XDG_RUNTIME_DIR": ""}, check=True).stdout == ""


def test_nobody_else_can_operate_her_container_nor_she_that_of_root(rootless, sampan_oci, scratch, busybox):
    bundle = Bundle(scratch / "bundle", busybox).shell("exec sleep 1000")
    sampan_oci("run", "-d", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for command in (("kill", "c", "KILL"), ("delete", "--force", "c"), ("exec", "c", "true"), ("state", "c")):
        done = rootless("--root", sampan_oci.root, *command)
        assert done.returncode in (1, 255) and "ermission denied" in done.stderr, command
    assert json.loads(sampan_oci("state", "c", check=True).stdout)["status"] == "running"


# --- users and groups --------------------------------------------------------------------------------


def test_one_user_alone_is_mapped_without_helpers(rootless, user):
    paths = {"PATH": "/nowhere"}
    rootless.shell("cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups")
    done = user("/usr/bin/env", "PATH=/nowhere", rootless.program, "run", "--bundle", rootless.bundle.path, "c", env=paths,
                executable="/usr/bin/setpriv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["0", str(user.uid), "1", "0", str(user.gid), "1", "deny"]


def test_with_one_group_additional_ones_are_refused(rootless):
    rootless.bundle.config["process"]["user"]["additionalGids"] = [7]
    assert refused(rootless) == "cannot set the additional groups: operation not permitted"


def test_a_user_that_is_not_mapped_is_refused(rootless):
    rootless.bundle.config["process"]["user"] = {"uid": 5, "gid": 0}
    assert refused(rootless) == "cannot set user 5: invalid argument"


@pytest.fixture
def ranges(rootless, user):
    if not shutil.which("newuidmap"):
        pytest.skip("newuidmap is not installed (tools/install-deps clients)")
    assert user.first_uid and user.first_gid
    rootless.map_ranges()
    return rootless


def test_subordinate_ids_are_mapped_by_newuidmap(ranges, user):
    lines = ranges.output("cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups").split("\n")
    assert [line.split() for line in lines] == [
        ["0", str(user.uid), "1"], ["1", str(user.first_uid), str(RANGE)],
        ["0", str(user.gid), "1"], ["1", str(user.first_gid), str(RANGE)], ["allow"]]


def test_a_mapped_user_owns_what_she_makes(ranges, user):
    os.chmod(ranges.bundle.rootfs / "tmp", 0o1777)
    ranges.bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [7, 8]}
    assert ranges.output("id -G; touch /tmp/x; stat -c %u:%g /tmp/x") == "1000 7 8\n1000:1000"
    made = (ranges.bundle.rootfs / "tmp" / "x").stat()
    assert (made.st_uid, made.st_gid) == (user.first_uid + 999, user.first_gid + 999)


def test_exec_as_another_user(ranges):
    ranges.start()
    done = ranges("exec", "--user", "1000:1000", "--additional-gids", "9", "--cwd", "/tmp", "-e", "X=y", "c", "sh", "-c",
                  "id -u; id -G; pwd; echo $X $HOME")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["1000", "1000", "9", "/tmp", "y", "/home/user"]
    assert ranges("exec", "--user", "70000", "c", "true").returncode == 255


def test_ids_that_are_not_hers_are_refused_with_the_cure(ranges, user):
    ranges.bundle.config["linux"]["uidMappings"][1]["hostID"] = user.first_uid + RANGE
    text = refused(ranges)
    assert text.startswith("'newuidmap' failed: uid range [1-65537) -> [") and "/etc/subuid" in text


def test_without_the_package_uidmap_it_is_named(ranges, user):
    ranges.shell("true")
    done = user("/usr/bin/env", "PATH=/nowhere", ranges.program, "run", "--bundle", ranges.bundle.path, "c",
                executable="/usr/bin/setpriv")
    assert done.returncode == 1
    assert "'newuidmap'" in done.stderr and "package uidmap" in done.stderr


def test_the_group_alone_may_be_one_of_the_subordinate_ones(ranges, user):
    ranges.bundle.config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": user.first_gid + 4, "size": 1}]
    assert ranges.output("id -g; cat /proc/self/gid_map; cat /proc/self/setgroups").split() == [
        "0", "0", str(user.first_gid + 4), "1", "allow"]


# --- mounts ------------------------------------------------------------------------------------------


@pytest.fixture
def locked(user):
    """A mount of the host's whose flags no user namespace may clear, with a file in it."""
    folder = user.home / "locked"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec,noatime,mode=755", "locked", folder], check=True)
    (folder / "file").write_text("theirs\n")
    (folder / "below").mkdir()
    yield folder
    unmount_below(folder)
    folder.rmdir()


def flags_of(listing, target):
    """The mount options in /proc/mounts."""
    return next(line.split()[3].split(",") for line in listing.splitlines() if line.split()[1] == target)


def test_bind_mounts_of_her_own_files(rootless, user):
    (rootless.top / "data").mkdir()
    (rootless.top / "data" / "x").write_text("hers\n")
    user.own(rootless.top / "data")
    rootless.bundle.mount("/data", "bind", rootless.top / "data", "rbind", "rw")
    rootless.bundle.mount("/ro", "bind", rootless.top / "data", "bind", "ro", "nosuid")
    done = rootless.run("cat /data/x; echo new >/data/y; cat /ro/y; touch /ro/z")
    assert done.stdout == "hers\nnew\n"
    assert "Read-only file system" in done.stderr


@pytest.mark.parametrize("options", [["bind", "ro"], ["rbind", "ro"], ["bind"], ["rbind", "rw"], ["rbind", "rro"],
                                     ["bind", "ro", "nosuid", "nodev"], ["bind", "ro", "rprivate"]])
def test_a_locked_mount_keeps_its_flags(rootless, locked, options):
    rootless.bundle.mount("/locked", "bind", locked, *options)
    flags = flags_of(rootless.output("cat /proc/mounts"), "/locked")
    assert {"nosuid", "nodev", "noexec", "noatime"} <= set(flags)
    assert ("ro" in flags) == bool({"ro", "rro"} & set(options))


@pytest.mark.parametrize("option", ["suid", "dev", "exec", "atime", "relatime", "strictatime"])
def test_a_flag_that_is_locked_cannot_be_cleared(rootless, locked, option):
    rootless.bundle.mount("/locked", "bind", locked, "bind", option)
    assert refused(rootless) == "cannot set the options of '/locked': operation not permitted"


def test_a_read_only_mount_cannot_be_made_writable(rootless, locked):
    subprocess.run(["mount", "-o", "remount,bind,ro", locked], check=True)
    rootless.bundle.mount("/locked", "bind", locked, "bind", "rw")
    assert refused(rootless) == "cannot set the options of '/locked': operation not permitted"


def test_what_is_below_a_bind_mount_comes_along_locked(rootless, locked):
    subprocess.run(["mount", "-t", "tmpfs", "below", locked / "below"], check=True)
    (locked / "below" / "secret").write_text("x")
    rootless.bundle.mount("/locked", "bind", locked, "rbind", "ro")
    rootless.bundle.config["process"]["capabilities"] = {
        s: ["CAP_SYS_ADMIN"] for s in ("bounding", "effective", "permitted")}
    done = rootless.run("cat /locked/below/secret; umount /locked/below 2>/dev/null; busybox umount /locked/below")
    assert done.stdout == "x"
    assert "Invalid argument" in done.stderr


def test_a_host_directory_that_was_mounted_over_cannot_be_bound_alone(rootless, locked):
    subprocess.run(["mount", "-t", "tmpfs", "below", locked / "below"], check=True)
    rootless.bundle.mount("/locked", "bind", locked, "bind")
    assert refused(rootless) == (f"cannot bind '{locked}' to '/locked': invalid argument")


def test_idmapped_mounts_are_refused_as_the_kernel_does(ranges, user):
    (ranges.top / "data").mkdir()
    user.own(ranges.top / "data")
    ranges.bundle.config["mounts"].append({
        "destination": "/data", "type": "bind", "source": str(ranges.top / "data"), "options": ["bind"],
        "uidMappings": [{"containerID": 0, "hostID": user.uid, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": user.gid, "size": 1}]})
    text = refused(ranges)
    assert text.startswith(f"cannot idmap '{ranges.top}/data': not permitted (it takes root on the host")


def test_tmpfs_sysfs_mqueue_and_devpts_of_her_own(rootless):
    listing = rootless.output("cat /proc/mounts")
    kinds = {line.split()[1]: line.split()[2] for line in listing.splitlines()}
    assert {k: kinds.get(k) for k in ("/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys")} == {
        "/proc": "proc", "/dev": "tmpfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs", "/dev/mqueue": "mqueue",
        "/sys": "sysfs"}


def test_sysfs_without_a_network_namespace_is_refused_and_the_hosts_can_be_bound(rootless):
    rootless.bundle.remove_namespace("network")
    assert refused(rootless).startswith("cannot mount 'sysfs' on '/sys': operation not permitted")
    rootless.bundle.config["mounts"] = [m for m in rootless.bundle.config["mounts"] if not m["destination"].startswith("/sys")]
    rootless.bundle.mount("/sys", "none", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro")
    assert "ro" in flags_of(rootless.output("cat /proc/mounts"), "/sys")


def test_tmpcopyup(rootless):
    (rootless.bundle.rootfs / "etc" / "conf").write_text("kept\n")
    rootless.bundle.mount("/etc", "tmpfs", "tmpfs", "tmpcopyup", "mode=755")
    assert rootless.output("cat /etc/conf; echo new >/etc/new; cat /etc/new") == "kept\nnew"
    assert not (rootless.bundle.rootfs / "etc" / "new").exists()


def test_a_read_only_rootfs_masks_and_read_only_paths(rootless):
    rootless.bundle.config["root"]["readonly"] = True
    done = rootless.run("touch /x; echo 1 >/proc/sys/net/ipv4/ip_forward; cat /proc/keys | wc -c; ls -A /sys/firmware | wc -l")
    assert done.stdout.split() == ["0", "0"]
    assert done.stderr.lower().count("read-only file system") == 2


def test_file_systems_that_take_privileges_are_refused(rootless):
    rootless.bundle.mount("/mnt", "ext4", "/dev/null", "ro")
    assert re.match(r"cannot mount 'ext4' on '/mnt': (operation not permitted|block device required)", refused(rootless))


@pytest.mark.parametrize("propagation", ["private", "slave", "rprivate", "rslave", "shared", "rshared"])
def test_the_propagation_of_the_rootfs(rootless, propagation):
    rootless.bundle.config["linux"]["rootfsPropagation"] = propagation
    assert rootless.output("echo fine") == "fine"


# --- devices -----------------------------------------------------------------------------------------


def test_the_default_devices_are_those_of_the_host(rootless):
    done = rootless.output("echo x >/dev/null; head -c 3 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c; "
                           "stat -c %t:%T /dev/null /dev/full /dev/tty; readlink /dev/ptmx")
    assert done.split() == ["3", "5", "1:3", "1:7", "5:0", "pts/ptmx"]


def test_devices_are_bound_and_what_is_absent_is_named(rootless):
    device = {"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666}
    rootless.bundle.config["linux"]["devices"] = [device]
    assert rootless.output("stat -c %t:%T /dev/kmsg") == "1:b"
    rootless.bundle.config["linux"]["devices"] = [{**device, "path": "/dev/sampan-absent"}]
    assert refused(rootless) == "cannot bind device '/dev/sampan-absent': no such file or directory"


def test_new_device_nodes_cannot_be_made(rootless):
    done = rootless.run("mknod /tmp/disk b 8 0")
    assert done.returncode == 1
    assert "Operation not permitted" in done.stderr


def test_device_rules_do_not_stop_a_user(rootless):
    rootless.bundle.config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    assert rootless.output("echo fine") == "fine"


# --- privileges --------------------------------------------------------------------------------------


def test_seccomp_capabilities_rlimits_and_no_new_privs(rootless):
    config = rootless.bundle.config
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}
    config["process"]["capabilities"] = {s: ["CAP_KILL"] for s in ("bounding", "effective", "permitted")}
    config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}]
    done = rootless.run("mkdir /tmp/x; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; ulimit -n")
    assert "Operation not supported" in done.stderr
    assert done.stdout.split() == ["CapEff:", "0000000000000020", "NoNewPrivs:", "1", "Seccomp:", "2", "77"]


def test_the_compiled_filter_is_kept_below_her_own_directory(rootless):
    rootless.bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}
    for _ in range(2):
        done = rootless.run("mkdir /tmp/x")
        assert (done.returncode, "Operation not supported" in done.stderr) == (1, True)


def test_sysctls_of_her_own_namespaces(rootless):
    rootless.bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "80", "kernel.msgmax": "4096"}
    assert rootless.output("cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == "80"


def test_oom_score_can_only_go_up(rootless):
    rootless.bundle.config["process"]["oomScoreAdj"] = 500
    assert rootless.output("cat /proc/self/oom_score_adj") == "500"
    rootless.bundle.config["process"]["oomScoreAdj"] = -500
    text = refused(rootless)
    assert "oom" in text.lower() and text.endswith("permission denied")


def test_hard_limits_cannot_be_raised(rootless):
    rootless.bundle.config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 1 << 30, "hard": 1 << 30}]
    assert "RLIMIT_NOFILE" in refused(rootless)


# --- hooks, terminals --------------------------------------------------------------------------------


def test_hooks_run_as_the_user(rootless, user):
    record = rootless.top / "record"
    hook = rootless.top / "hook"
    hook.write_text(f"#!/bin/sh\necho $1 $(id -u) $(jq -r .status 2>/dev/null || cat >/dev/null) >>{record}\n")
    hook.chmod(0o755)
    kinds = ("prestart", "createRuntime", "poststart", "poststop")
    rootless.bundle.config["hooks"] = {k: [{"path": str(hook), "args": ["hook", k]}] for k in kinds}
    user.own(rootless.top)
    assert rootless.output("echo ran") == "ran"
    assert [line.split()[:2] for line in record.read_text().splitlines()] == [[k, str(user.uid)] for k in kinds]


def on_terminal(rootless, *args):
    """Output and exit code of a command on a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(rootless.user.argv(rootless.program, *args), env=rootless.user.env(), cwd=rootless.user.home,
                               stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    text, end = b"", time.monotonic() + 20 * SLOW
    while time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            try:
                text += os.read(master, 4096)
            except OSError:
                break
        elif process.poll() is not None:
            break
    os.close(master)
    return text.decode(), process.wait(10)


def test_a_terminal(rootless):
    rootless.bundle.config["process"]["terminal"] = True
    rootless.shell("tty; test -t 0 && echo is; exit 4")
    text, code = on_terminal(rootless, "run", "--bundle", rootless.bundle.path, "c")
    assert (text.split(), code) == (["/dev/pts/0", "is"], 4)


def test_exec_with_a_terminal(rootless):
    rootless.start()
    text, code = on_terminal(rootless, "exec", "--tty", "c", "sh", "-c", "tty; exit 5")
    assert (text.split(), code) == (["/dev/pts/0"], 5)


def test_a_terminal_for_a_mapped_user_is_hers(ranges):
    ranges.bundle.config["process"]["terminal"] = True
    ranges.bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    ranges.shell("stat -c %u $(tty); echo to it >/dev/tty")
    text, code = on_terminal(ranges, "run", "--bundle", ranges.bundle.path, "c")
    assert (text.replace("\r", ""), code) == ("1000\nto it\n", 0)


# --- cgroups -----------------------------------------------------------------------------------------


def test_without_permission_for_cgroups_a_container_runs_without_one(rootless):
    state = rootless.start()
    assert "sampan" not in pathlib.Path(f"/proc/{state['pid']}/cgroup").read_text()
    for command in (("pause", "c"), ("ps", "c"), ("events", "--stats", "c")):
        done = rootless(*command)
        assert done.returncode == 1, command
        assert re.search("container( 'c')? has no cgroup", done.stderr), command
    assert "not paused" in rootless("resume", "c").stderr
    done = rootless("update", "--pids-limit", "20", "c")
    assert (done.returncode, "no cgroup" in done.stderr) == (1, True)
    rootless("kill", "--all", "c", "KILL", check=True)
    wait_for(lambda: rootless.state()["status"] == "stopped")


@pytest.mark.parametrize("resources, word", [({"memory": {"limit": 1 << 24}}, "memory"), ({"pids": {"limit": 10}}, "pids"),
                                             ({"cpu": {"quota": 1000, "period": 10000}}, "cpu")])
@pytest.mark.parametrize("mode", ["auto", "true", "false"])
def test_a_limit_that_she_cannot_set_is_refused(rootless, resources, word, mode):
    rootless.bundle.config["linux"]["resources"] = resources
    assert refused(rootless, "true", "--rootless", mode).startswith(f"cannot limit {word}: ")


@pytest.mark.parametrize("mode", ["auto", "true"])
def test_a_cgroup_that_was_asked_for_and_cannot_be_made_is_refused(rootless, mode):
    rootless.bundle.config["linux"]["cgroupsPath"] = "/sampan-rootless-asked"
    text = refused(rootless, "true", "--rootless", mode)
    assert "cannot make cgroup" in text and "/sampan-rootless-asked" in text and "permission denied" in text


def test_without_the_rootless_mode_a_cgroup_is_a_must(rootless):
    text = refused(rootless, "true", "--rootless", "false")
    assert "cannot make cgroup" in text and "permission denied" in text and "--rootless" in text


def test_an_unknown_rootless_mode_is_refused(rootless):
    done = rootless("--rootless", "maybe", "list")
    assert (done.returncode, done.stderr) == (1, "sampan-oci: unknown mode of --rootless 'maybe' (true, false or auto)\n")


@pytest.fixture
def delegated(rootless, user):
    """A cgroup that is hers, as systemd delegates it; she is in one below it."""
    mount = pathlib.Path("/sys/fs/cgroup")
    mount = mount if (mount / "cgroup.procs").exists() else mount / "unified"
    if not (mount / "cgroup.procs").exists():
        pytest.skip("there is no cgroup v2 here")
    top = mount / f"sampanrl{os.getpid()}"
    session = top / "session"
    top.mkdir()
    session.mkdir()
    for folder in (top, session):
        for path in (folder, *(folder / f for f in ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads"))):
            os.chown(path, user.uid, user.gid)
    plain = user.argv
    user.argv = lambda *argv: ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(session / "cgroup.procs"), *plain(*argv)]
    yield top
    rootless.end()
    user.argv = plain
    (top / "cgroup.kill").write_text("1")
    for folder in sorted(top.rglob("*"), reverse=True):
        if folder.is_dir():
            folder.rmdir()
    top.rmdir()


def test_a_delegated_cgroup_gives_pause_ps_and_kill_all(rootless, delegated):
    state = rootless.start("sleep 1000 & exec sleep 1001")
    mine = pathlib.Path(f"/proc/{state['pid']}/cgroup").read_text()
    assert f"0::/{delegated.name}/sampan/c\n" in mine
    assert rootless("ps", "--format", "json", "c", check=True).stdout.count(",") == 1
    rootless("pause", "c", check=True)
    assert rootless.state()["status"] == "paused"
    assert "cannot exec in a paused container" in rootless("exec", "c", "true").stderr
    rootless("resume", "c", check=True)
    done = rootless("exec", "c", "cat", "/proc/self/cgroup", check=True)
    assert "0::/\n" in done.stdout
    rootless("kill", "--all", "c", "KILL", check=True)
    wait_for(lambda: not (delegated / "sampan" / "c").exists() or
             (delegated / "sampan" / "c" / "cgroup.procs").read_text() == "")
    rootless("delete", "c", check=True)
    assert not (delegated / "sampan" / "c").exists()


def cgroup_mount_is(rootless, mode):
    mount, = (m for m in rootless.bundle.config["mounts"] if m["type"] == "cgroup")
    mount["options"] = [option for option in mount["options"] if option not in ("ro", "rw")] + [mode]


def test_a_delegated_cgroup_is_read_only_inside_unless_asked_for(rootless, delegated):
    rootless.start()
    assert (delegated / "sampan" / "c").stat().st_uid == rootless.user.uid
    before = (delegated / "sampan" / "c" / "cgroup.max.depth").read_text()
    for command in ("mkdir /sys/fs/cgroup/mine", "echo 1 >/sys/fs/cgroup/cgroup.max.depth", "echo $$ >/sys/fs/cgroup/cgroup.procs",
                    "mount -o remount,rw /sys/fs/cgroup"):
        done = rootless("exec", "c", "sh", "-c", command)
        assert done.returncode != 0, command
        assert re.search("Read-only file system|Permission denied|not permitted|permission denied", done.stderr), done.stderr
    assert not (delegated / "sampan" / "c" / "mine").exists()
    assert (delegated / "sampan" / "c" / "cgroup.max.depth").read_text() == before


def test_a_writable_cgroup_is_writable_from_the_containers_own_downwards_only(rootless, delegated):
    """What lies above and beside it is not there, and what she could do to it outside is not done from inside."""
    cgroup_mount_is(rootless, "rw")
    rootless.start("mkdir /sys/fs/cgroup/mine && echo 1 >/sys/fs/cgroup/mine/cgroup.procs && exec sleep 1000")
    own = delegated / "sampan" / "c"
    pid = rootless.state()["pid"]
    wait_for(lambda: (own / "mine").exists() and str(pid) in (own / "mine" / "cgroup.procs").read_text().split())
    look = "cd /sys/fs/cgroup; ls -d session sampan c 2>/dev/null; cat /proc/1/cgroup; cd ..; pwd; mkdir /sys/fs/cgroup/../outside && echo made"
    done = rootless("exec", "c", "sh", "-c", look)
    assert "0::/mine\n" in done.stdout
    assert done.stdout.splitlines()[-1] == "/sys/fs"
    assert sorted(p.name for p in delegated.iterdir() if p.is_dir()) == ["sampan", "session"]
    assert [p.name for p in (delegated / "sampan").iterdir() if p.is_dir()] == ["c"]
    rootless("delete", "--force", "c", check=True)
    assert not own.exists()


# --- nested ------------------------------------------------------------------------------------------


def test_root_of_a_user_namespace_runs_containers(rootless, user):
    rootless.shell("id -u; cat /proc/self/uid_map; cat /dev/null; hostname")
    config = rootless.bundle.config
    for key in ("uidMappings", "gidMappings"):
        del config["linux"][key]
    rootless.bundle.remove_namespace("user")
    rootless.save()
    done = user("unshare", "--user", "--map-root-user", "--mount", rootless.program, "--root", rootless.top / "state", "run",
                "--bundle", rootless.bundle.path, "c")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["0", "0", str(user.uid), "1", "bundle"]


def test_a_container_in_a_container(rootless, sampan_oci, scratch, busybox):
    """A user's container within one of root's: the outer one has CAP_SYS_ADMIN over nothing but its own namespaces."""
    outer = Bundle(scratch / "outer", busybox)
    inner = Bundle(outer.rootfs / "inner", busybox)
    make_rootless(inner, [(0, 1000, 1)], [(0, 1000, 1)])
    inner.remove_namespace("network")
    inner.config["mounts"] = [m for m in inner.config["mounts"] if not m["destination"].startswith("/sys")]
    inner.config["linux"]["maskedPaths"] = inner.config["linux"]["readonlyPaths"] = []
    inner.shell("id -u; cat /proc/self/uid_map; echo inside >/tmp/x; cat /tmp/x")
    shutil.copy(BUILD / "sampan-oci", outer.rootfs / "bin" / "sampan-oci")
    libraries = subprocess.run(["ldd", BUILD / "sampan-oci"], capture_output=True, text=True, check=True).stdout
    for path in re.findall(r"(/\S+) \(0x", libraries):
        target = outer.rootfs / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(path), target)
    subprocess.run(["chown", "-R", "1000:1000", outer.rootfs / "inner"], check=True)
    os.chmod(outer.rootfs / "tmp", 0o1777)
    # What hides parts of /proc forbids a new procfs: the kernel would show what was masked.
    outer.config["linux"]["maskedPaths"] = outer.config["linux"]["readonlyPaths"] = []
    outer.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    outer.config["process"]["capabilities"] = {}
    outer.shell("sampan-oci --root /tmp/state run --bundle /inner inner")
    done = sampan_oci("run", "--bundle", outer.path, f"outer{os.getpid()}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["0", "0", "1000", "1", "inside"]


def test_where_proc_is_masked_a_new_one_is_refused_and_the_reason_is_told(rootless, user):
    rootless.shell("true")
    script = "mount -t tmpfs none /proc/sys && exec \"$@\""
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh",
                           *user.argv(rootless.program, "run", "--bundle", rootless.bundle.path, "c")],
                          env=user.env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=user.home)
    assert done.returncode == 1
    assert done.stderr.startswith("sampan-oci: cannot mount 'proc' on '/proc': operation not permitted")
    assert not (rootless.root / "c").exists()


# --- ends --------------------------------------------------------------------------------------------


def test_a_killed_creator_leaves_what_delete_removes(rootless, user):
    rootless.shell("exec sleep 1000")
    process = subprocess.Popen(user.argv(rootless.program, "run", "--bundle", rootless.bundle.path, "c"), env=user.env(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: (rootless.root / "c" / "state.json").exists() and rootless.state()["status"] == "running")
    process.send_signal(signal.SIGKILL)
    process.wait()
    pid = rootless.state()["pid"]
    rootless("delete", "--force", "c", check=True)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2])
    assert not (rootless.root / "c").exists()
