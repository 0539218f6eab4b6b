# SPDX-License-Identifier: Apache-2.0
"""sampan-oci --systemd-cgroup: the container's cgroup is a transient scope of systemd. Most of it needs systemd, so it runs in the
virtual machine; what is said where there is no systemd, or no libsystemd, is tested everywhere."""
import glob
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import time

import pytest

from bundle_fixture import Bundle, copy_oci

pytestmark = pytest.mark.root
needs_systemd = [pytest.mark.systemd, pytest.mark.cgroup2]
TREE = pathlib.Path("/sys/fs/cgroup")
LIMITS = {
    "memory": {"limit": 64 << 20, "swap": 96 << 20, "reservation": 16 << 20},
    "cpu": {"shares": 2048, "quota": 25000, "period": 50000, "burst": 5000, "cpus": "0-1", "mems": "0"},
    "pids": {"limit": 40},
    "unified": {"memory.high": str(48 << 20)},
}
PROPERTIES = {
    "MemoryMax": 64 << 20, "MemoryHigh": 48 << 20, "MemoryLow": 16 << 20, "MemorySwapMax": 32 << 20, "CPUWeight": 174,
    "CPUQuotaPerSecUSec": "500ms", "CPUQuotaPeriodUSec": "50ms", "TasksMax": 40, "AllowedCPUs": "0-1",
    "AllowedMemoryNodes": 0,
}
FILES = {
    "memory.max": 64 << 20, "memory.high": 48 << 20, "memory.low": 16 << 20, "cpu.weight": 174, "cpu.max": "25000 50000",
    "cpu.max.burst": 5000, "pids.max": 40, "cpuset.cpus": "0-1", "cpuset.mems": 0,
}


@pytest.fixture
def bundle(scratch, busybox):
    return Bundle(scratch / "bundle", busybox)


@pytest.fixture
def oci(sampan_oci):
    """sampan-oci with --systemd-cgroup; what a failed test leaves is deleted by sampan_oci's fixture."""
    def call(command, *args, **kwargs):
        if command != "create":
            return sampan_oci("--systemd-cgroup", command, *args, **kwargs)
        # init keeps the streams: a pipe would have no end.
        with tempfile.TemporaryFile("w+") as errors:
            done = sampan_oci("--systemd-cgroup", command, *args, stdout=subprocess.DEVNULL, stderr=errors, **kwargs)
            errors.seek(0)
            done.stderr = errors.read()
        return done
    call.root = sampan_oci.root
    call.plain = sampan_oci
    return call


def systemctl(*args, **kwargs):
    return subprocess.run(["systemctl", *args], capture_output=True, text=True, check=True, timeout=200, **kwargs).stdout


def properties(unit, names, **kwargs):
    text = systemctl("show", unit, "--property", ",".join(names), **kwargs)
    return dict(line.split("=", 1) for line in text.splitlines())


def exists(unit, **kwargs):
    return properties(unit, ["LoadState"], **kwargs)["LoadState"] == "loaded"


def assert_properties(unit, expected):
    assert properties(unit, expected) == {name: str(value) for name, value in expected.items()}


def read(folder, name):
    return (folder / name).read_text().strip()


def assert_files(folder, expected):
    assert {name: read(folder, name) for name in expected} == {name: str(value) for name, value in expected.items()}


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def start(oci, bundle, name="c", path=None, resources=None):
    bundle.config["linux"]["cgroupsPath"] = path if path is not None else f"system.slice:test:{name}"
    bundle.config["linux"]["resources"] = resources or {}
    bundle.shell("exec sleep 1000")
    oci("create", "--bundle", bundle.path, name, check=True)
    oci.plain("start", name, check=True)
    return json.loads(oci.plain("state", name, check=True).stdout)["pid"]


def cgroup_of(pid):
    line = pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip()
    assert line.startswith("0::")
    return TREE / line[4:]


# --- with systemd ------------------------------------------------------------------------------------


class TestWithSystemd:
    pytestmark = needs_systemd

    def test_a_scope_has_the_limits_as_properties_and_as_files(self, oci, bundle):
        pid = start(oci, bundle, resources=LIMITS)
        folder = cgroup_of(pid)
        assert folder == TREE / "system.slice/test-c.scope"
        assert_properties("test-c.scope", {
            **PROPERTIES, "Slice": "system.slice", "Delegate": "yes", "ActiveState": "active", "CollectMode": "inactive-or-failed",
            "DefaultDependencies": "no", "Description": "sampan container c", "TimeoutStopUSec": "10s"})
        assert_files(folder, FILES)
        # The process that held the place of init is gone.
        assert read(folder, "cgroup.procs") == str(pid)
        assert json.loads((oci.root / "c/state.json").read_text())["systemdUnit"] == "test-c.scope"

    def test_the_container_sees_the_scope_as_its_root(self, oci, bundle):
        bundle.config["linux"]["cgroupsPath"] = "system.slice:test:c"
        bundle.shell("cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max")
        bundle.config["linux"]["resources"] = {"pids": {"limit": 30}}
        bundle.save()
        done = oci("run", "--bundle", bundle.path, "c", check=True)
        assert done.stdout.split() == ["0::/", "30"]
        assert not exists("test-c.scope")
        assert not (TREE / "system.slice/test-c.scope").exists()

    def test_delete_removes_scope_cgroup_and_state_and_the_name_is_free_again(self, oci, bundle):
        for _ in range(3):
            folder = cgroup_of(start(oci, bundle))
            oci.plain("delete", "--force", "c", check=True)
            assert not exists("test-c.scope")
            assert not folder.exists()
            assert not (oci.root / "c").exists()

    def test_a_container_that_ended_by_itself_is_deleted_and_its_name_is_free_again(self, oci, bundle):
        for _ in range(3):
            pid = start(oci, bundle)
            oci.plain("kill", "c", "KILL", check=True)
            wait_for(lambda: json.loads(oci.plain("state", "c", check=True).stdout)["status"] == "stopped")
            assert pid
            oci.plain("delete", "c", check=True)
            bundle.config["linux"]["resources"] = {}
        wait_for(lambda: not exists("test-c.scope"))

    def test_delete_ends_what_outlived_init(self, oci, bundle):
        bundle.remove_namespace("pid")
        bundle.config["linux"]["cgroupsPath"] = "system.slice:test:c"
        bundle.shell("sleep 1000 & exec true")
        oci("create", "--bundle", bundle.path, "c", check=True)
        oci.plain("start", "c", check=True)
        wait_for(lambda: json.loads(oci.plain("state", "c", check=True).stdout)["status"] == "stopped")
        folder = TREE / "system.slice/test-c.scope"
        assert len(read(folder, "cgroup.procs").split()) == 1
        oci.plain("delete", "c", check=True)
        assert not folder.exists()
        assert not exists("test-c.scope")

    @pytest.mark.parametrize("path, unit, folder", [
        ("a-b-c.slice:test:c", "test-c.scope", "a.slice/a-b.slice/a-b-c.slice/test-c.scope"),
        ("", "sampan-c.scope", "system.slice/sampan-c.scope"),
        ("machine.slice::c", "c.scope", "machine.slice/c.scope"),
        ("-.slice:test:c", "test-c.scope", "test-c.scope"),
        ("machine.slice:test:a+b", "test-a\\x2bb.scope", "machine.slice/test-a\\x2bb.scope"),
    ])
    def test_slice_and_name_come_from_the_path(self, oci, bundle, path, unit, folder):
        pid = start(oci, bundle, path=path, resources={"memory": {"limit": 32 << 20}})
        assert cgroup_of(pid) == TREE / folder
        assert_properties(unit, {"MemoryMax": 32 << 20})
        assert_files(TREE / folder, {"memory.max": 32 << 20})
        oci.plain("delete", "--force", "c", check=True)
        assert not exists(unit)

    def test_limits_survive_a_daemon_reload(self, oci, bundle):
        folder = cgroup_of(start(oci, bundle, resources=LIMITS))
        systemctl("daemon-reload")
        assert_properties("test-c.scope", PROPERTIES)
        assert_files(folder, FILES)

    def test_an_update_changes_properties_and_files_and_survives_a_reload(self, oci, bundle):
        folder = cgroup_of(start(oci, bundle, resources=LIMITS))
        given = {"memory": {"limit": 128 << 20, "swap": 192 << 20}, "cpu": {"quota": 10000, "shares": 512}, "pids": {"limit": -1},
                 "unified": {"memory.high": "max"}}
        oci.plain("update", "-r", "-", "c", input=json.dumps(given), check=True)
        changed = {"MemoryMax": 128 << 20, "MemoryHigh": "infinity", "MemorySwapMax": 64 << 20, "CPUQuotaPerSecUSec": "200ms",
                   "CPUWeight": 59, "TasksMax": "infinity"}
        files = {"memory.max": 128 << 20, "memory.high": "max", "cpu.max": "10000 50000", "cpu.weight": 59, "pids.max": "max"}
        for _ in range(2):
            assert_properties("test-c.scope", {**PROPERTIES, **changed})
            assert_files(folder, {**FILES, **files})
            systemctl("daemon-reload")

    def test_what_systemd_does_later_does_not_undo_the_limits(self, oci, bundle):
        folder = cgroup_of(start(oci, bundle, resources=LIMITS))
        systemctl("set-property", "--runtime", "test-c.scope", "MemoryMax=100M", "CPUWeight=50")
        assert_files(folder, {**FILES, "memory.max": 100 << 20, "cpu.weight": 50})

    def test_idle_is_kept_by_systemd(self, oci, bundle):
        folder = cgroup_of(start(oci, bundle, resources={"cpu": {"idle": 1}}))
        assert_files(folder, {"cpu.idle": 1})
        assert_properties("test-c.scope", {"CPUWeight": "idle"})

    def test_a_limit_of_one_process_leaves_room_for_init(self, oci, bundle):
        folder = cgroup_of(start(oci, bundle, resources={"pids": {"limit": 1}}))
        assert_files(folder, {"pids.max": 1, "pids.current": 1})
        # Moved into the cgroup later than usual, it still has a cgroup namespace that begins there.
        done = oci.plain("exec", "c", "cat", "/proc/1/cgroup")
        assert done.returncode != 0  # no second process
        oci.plain("update", "--pids-limit", "2", "c", check=True)
        assert oci.plain("exec", "c", "cat", "/proc/1/cgroup", check=True).stdout == "0::/\n"

    def test_properties_come_from_annotations(self, oci, bundle):
        bundle.config["annotations"] = {
            "org.systemd.property.TimeoutStopUSec": "uint64 7000000",
            "org.systemd.property.CollectMode": "'inactive'",
            "org.systemd.property.After": "['dbus.service', 'basic.target']",
            "org.systemd.property.DefaultDependencies": "true",
        }
        start(oci, bundle)
        found = properties("test-c.scope", ["TimeoutStopUSec", "CollectMode", "After", "DefaultDependencies"])
        assert {"dbus.service", "basic.target"} <= set(found.pop("After").split())
        assert found == {"TimeoutStopUSec": "7s", "CollectMode": "inactive", "DefaultDependencies": "yes"}

    def test_a_property_that_systemd_does_not_know_is_refused_and_nothing_is_left(self, oci, bundle):
        bundle.config["annotations"] = {"org.systemd.property.NoSuchThing": "true"}
        bundle.config["linux"]["cgroupsPath"] = "system.slice:test:c"
        bundle.save()
        done = oci("create", "--bundle", bundle.path, "c")
        assert done.returncode == 1
        assert "systemd refuses StartTransientUnit of 'test-c.scope': " in done.stderr
        assert "NoSuchThing" in done.stderr
        assert not exists("test-c.scope") and not (oci.root / "c").exists()

    def test_a_scope_of_that_name_that_runs_is_left_alone(self, oci, bundle):
        first = start(oci, bundle, path="system.slice:test:same")
        done = oci("create", "--bundle", bundle.path, "d")
        assert (done.returncode, done.stderr) == (1, "sampan-oci: the systemd scope 'test-same.scope' exists already\n")
        assert not (oci.root / "d").exists()
        assert read(TREE / "system.slice/test-same.scope", "cgroup.procs") == str(first)

    def test_a_failed_start_leaves_no_scope(self, oci, bundle):
        bundle.config["linux"]["cgroupsPath"] = "system.slice:test:c"
        bundle.config["process"]["args"] = ["/no/such/program"]
        bundle.save()
        assert oci("create", "--bundle", bundle.path, "c").returncode != 0
        assert not exists("test-c.scope")
        assert not (TREE / "system.slice/test-c.scope").exists()

    def test_systemctl_stop_ends_the_container(self, oci, bundle):
        bundle.config["annotations"] = {"org.systemd.property.TimeoutStopSec": "1"}
        start(oci, bundle)
        systemctl("stop", "test-c.scope")
        assert json.loads(oci.plain("state", "c", check=True).stdout)["status"] == "stopped"
        oci.plain("delete", "c", check=True)

    def test_pause_and_resume(self, oci, bundle):
        folder = cgroup_of(start(oci, bundle))
        oci.plain("pause", "c", check=True)
        assert json.loads(oci.plain("state", "c", check=True).stdout)["status"] == "paused"
        assert "frozen 1" in read(folder, "cgroup.events")
        oci.plain("resume", "c", check=True)
        oci.plain("pause", "c", check=True)
        oci.plain("delete", "--force", "c", check=True)
        assert not exists("test-c.scope")

    def test_a_creator_that_is_killed_at_any_moment_leaves_no_scope_behind(self, oci, bundle):
        # With a kill in the wrong moment systemd would keep a scope for a process that was dead when it was put there.
        names = [f"killed{i}" for i in range(40)]
        for i, name in enumerate(names):
            bundle.config["linux"]["cgroupsPath"] = f"system.slice:test:{name}"
            bundle.shell("exec sleep 1000")
            creator = oci.plain.popen("--systemd-cgroup", "create", "--bundle", bundle.path, name, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
            time.sleep(i * 0.006)
            creator.kill()
            creator.wait()
            if (oci.root / name).exists():
                oci.plain("delete", "--force", name, check=True)
        for name in names:
            wait_for(lambda unit=f"test-{name}.scope": not exists(unit))
        assert list((TREE / "system.slice").glob("test-killed*")) == []

    def test_the_bus_will_do_where_the_private_socket_is_not(self, oci, bundle):
        bundle.config["linux"]["cgroupsPath"] = "system.slice:test:c"
        bundle.shell("cat /proc/self/cgroup")
        argv = [*oci.plain.argv, "--systemd-cgroup", "run", "--bundle", str(bundle.path), "c"]
        done = in_private_mounts("mount -t tmpfs none /run/systemd", argv)
        assert (done.returncode, done.stdout) == (0, "0::/\n"), done.stderr


# --- rootless ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def user():
    """A user with a systemd of its own, as after `loginctl enable-linger`."""
    name = "sampan-test"
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--create-home", "--uid", "1234", name], check=True)
        entry = pwd.getpwnam(name)
    systemctl("start", f"user@{entry.pw_uid}.service")
    return entry


def as_user(user, argv, **kwargs):
    env = {"PATH": os.environ["PATH"], "HOME": user.pw_dir, "XDG_RUNTIME_DIR": f"/run/user/{user.pw_uid}"}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        done = subprocess.run(
            ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *map(str, argv)], env=env,
            stdin=subprocess.DEVNULL, stdout=out, stderr=errors, text=True, timeout=200, check=False, **kwargs)
        for name, file in (("stdout", out), ("stderr", errors)):
            file.seek(0)
            setattr(done, name, file.read())
    return done


class TestRootless:
    pytestmark = needs_systemd

    @pytest.fixture
    def rootless(self, user, oci, busybox):
        """A call of sampan-oci as that user, and a bundle of hers."""
        top = pathlib.Path("/var/tmp/sampan-rootless")
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir(mode=0o755)
        bundle = Bundle(top / "bundle", busybox)
        bundle.namespace("user")
        bundle.remove_namespace("network")
        for kind, number in (("uid", user.pw_uid), ("gid", user.pw_gid)):
            bundle.config["linux"][f"{kind}Mappings"] = [{"containerID": 0, "hostID": number, "size": 1}]
        bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["type"] not in ("sysfs", "devpts", "mqueue")]
        for m in bundle.config["mounts"]:
            m["options"] = [o for o in m.get("options", []) if not o.startswith("gid=")]
        program = copy_oci(oci.plain.argv[0], top)

        def call(*args):
            subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", top], check=True)
            return as_user(user, [program, "--systemd-cgroup", "--root", top / "state", *args])
        call.bundle = bundle
        yield call
        call("delete", "--force", "c")
        shutil.rmtree(top, ignore_errors=True)

    def test_the_scope_is_one_of_the_users_systemd(self, user, rootless):
        rootless.bundle.config["linux"]["resources"] = {"memory": {"limit": 32 << 20}, "pids": {"limit": 20}}
        rootless.bundle.shell("exec sleep 1000")
        for args in (("create", "--bundle", rootless.bundle.path, "c"), ("start", "c")):
            done = rootless(*args)
            assert done.returncode == 0, done.stderr
        pid = json.loads(rootless("state", "c").stdout)["pid"]
        folder = cgroup_of(pid)
        assert folder == TREE / f"user.slice/user-{user.pw_uid}.slice/user@{user.pw_uid}.service/user.slice/sampan-c.scope"
        assert_files(folder, {"memory.max": 32 << 20, "pids.max": 20})
        shown = as_user(user, ["systemctl", "--user", "show", "sampan-c.scope", "--property", "MemoryMax,TasksMax,Delegate"])
        assert sorted(shown.stdout.split()) == ["Delegate=yes", f"MemoryMax={32 << 20}", "TasksMax=20"], shown.stderr
        done = rootless("exec", "c", "cat", "/proc/1/cgroup")
        assert (done.returncode, done.stdout) == (0, "0::/\n"), done.stderr
        done = rootless("update", "--memory", str(48 << 20), "c")
        assert done.returncode == 0, done.stderr
        assert_files(folder, {"memory.max": 48 << 20})
        done = rootless("delete", "--force", "c")
        assert done.returncode == 0, done.stderr
        assert not folder.exists()
        shown = as_user(user, ["systemctl", "--user", "show", "sampan-c.scope", "--property", "LoadState"])
        assert shown.stdout == "LoadState=not-found\n"

    def test_without_a_user_manager_the_cure_is_named(self, user, rootless):
        rootless.bundle.save()
        systemctl("stop", f"user@{user.pw_uid}.service")
        try:
            done = rootless("create", "--bundle", rootless.bundle.path, "c")
        finally:
            systemctl("start", f"user@{user.pw_uid}.service")
        assert done.returncode == 1
        assert done.stderr.startswith("sampan-oci: cannot reach the systemd of the user over D-Bus (log in, or 'loginctl "
                                      "enable-linger', and see that XDG_RUNTIME_DIR is set): 'unix:path=/run/user/")


# --- without systemd ---------------------------------------------------------------------------------


def in_private_mounts(setup, argv):
    script = f"mount --make-rprivate / && {setup} && exec \"$@\""
    return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *map(str, argv)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False)


def refused(oci, bundle, setup):
    bundle.config["linux"]["cgroupsPath"] = "system.slice:test:c"
    bundle.save()
    done = in_private_mounts(setup, [*oci.plain.argv, "--systemd-cgroup", "create", "--bundle", bundle.path, "c"])
    assert done.returncode == 1
    assert not (oci.root / "c").exists()
    assert glob.glob("/sys/fs/cgroup/**/test-c.scope", recursive=True) == []
    return done.stderr


def test_where_systemd_cannot_be_reached_the_error_says_so_and_nothing_is_left(oci, bundle):
    text = refused(oci, bundle, "mount -t tmpfs none /run && unset DBUS_SYSTEM_BUS_ADDRESS")
    assert text == ("sampan-oci: cannot reach systemd over D-Bus (is it the init system here? without --systemd-cgroup it is not "
                    "needed): 'unix:path=/run/dbus/system_bus_socket': no such file or directory\n")


def test_where_libsystemd_is_absent_the_package_is_named_and_nothing_is_left(oci, bundle):
    libraries = glob.glob("/usr/lib/*/libsystemd.so.0")
    assert libraries
    setup = " && ".join(f"mount --bind /dev/null {os.path.realpath(p)}" for p in libraries)
    text = refused(oci, bundle, setup)
    assert text == "sampan-oci: the systemd cgroup driver needs libsystemd (apt install libsystemd0)\n"


@pytest.mark.parametrize("path", ["/a/b", "system.slice:c", "a:b:c:d", "system.slice:test:"])
def test_other_forms_of_the_path_are_refused(oci, bundle, path):
    bundle.config["linux"]["cgroupsPath"] = path
    bundle.save()
    done = oci("create", "--bundle", bundle.path, "c")
    assert (done.returncode, done.stderr) == (
        1, f"sampan-oci: bad linux.cgroupsPath '{path}': the systemd cgroup driver wants \"slice:prefix:name\"\n")
    assert not (oci.root / "c").exists()


def test_a_name_that_is_no_slice_is_refused(oci, bundle):
    bundle.config["linux"]["cgroupsPath"] = "a--b.slice:test:c"
    bundle.save()
    done = oci("create", "--bundle", bundle.path, "c")
    assert (done.returncode, done.stderr) == (
        1, "sampan-oci: bad linux.cgroupsPath 'a--b.slice:test:c': 'a--b.slice' is no name of a systemd slice\n")
