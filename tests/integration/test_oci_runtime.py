# SPDX-License-Identifier: Apache-2.0
"""sampan-oci on bundles: its commands, and what a container sees."""
import array
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from bundle_fixture import Bundle

pytestmark = pytest.mark.root


@pytest.fixture
def bundle(scratch, busybox):
    return Bundle(scratch / "bundle", busybox)


def run(sampan_oci, bundle, script, name="c", **kwargs):
    bundle.shell(script)
    return sampan_oci("run", "--bundle", bundle.path, name, **kwargs)


def output(sampan_oci, bundle, script):
    done = run(sampan_oci, bundle, script, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


def state(sampan_oci, name):
    return json.loads(sampan_oci("state", name, check=True).stdout)


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def has_ended(pid):
    """Gone, or a zombie that its new parent has not reaped yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def cgroups_of(name):
    tops = ("/sys/fs/cgroup/unified/sampan", "/sys/fs/cgroup/sampan")
    return [p for top in tops for p in pathlib.Path(top).glob(name)]


def nothing_left(sampan_oci, name="c"):
    """No state, no cgroup."""
    return not (sampan_oci.root / name).exists() and not cgroups_of(name)


# --- commands ----------------------------------------------------------------------------------------


@pytest.mark.main_job
def test_run_passes_output_and_exit_code(sampan_oci, bundle):
    done = run(sampan_oci, bundle, "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert nothing_left(sampan_oci)


def test_run_passes_standard_input(sampan_oci, bundle):
    assert run(sampan_oci, bundle, "cat", input="hello\n").stdout == "hello\n"


def test_a_killed_command_exits_with_128_and_the_signal(sampan_oci, bundle):
    # Process 1 takes no deadly signals from inside, so its child is asked.
    bundle.config["process"]["args"] = ["/bin/sh", "-c", "sh -c 'kill -TERM $$'; exit $?"]
    bundle.save()
    assert sampan_oci("run", "-b", bundle.path, "c").returncode == 128 + signal.SIGTERM


@pytest.mark.main_job
def test_create_start_kill_delete(sampan_oci, bundle):
    bundle.shell("echo started; sleep 100")
    log = bundle.path / "log"
    with open(log, "wb") as out:
        sampan_oci("create", "--bundle", bundle.path, "--pid-file", bundle.path / "pid", "c", check=True,
                   stdout=out, stderr=out, text=None)
    created = state(sampan_oci, "c")
    assert created["status"] == "created"
    assert created["id"] == "c"
    assert created["bundle"] == str(bundle.path)
    assert (bundle.path / "pid").read_text() == str(created["pid"])
    assert log.read_text() == ""

    sampan_oci("start", "c", check=True)
    assert state(sampan_oci, "c")["status"] == "running"
    wait_for(lambda: log.read_text() == "started\n")

    second = sampan_oci("start", "c")
    assert second.returncode == 1
    assert "cannot start a container that is not in the created state: it is running" in second.stderr
    refused = sampan_oci("delete", "c")
    assert refused.returncode == 1
    assert refused.stderr == "sampan-oci: cannot delete container c that is not stopped: running\n"

    sampan_oci("kill", "c", "KILL", check=True)
    wait_for(lambda: state(sampan_oci, "c")["status"] == "stopped")
    assert state(sampan_oci, "c")["pid"] == 0
    late = sampan_oci("kill", "c", "KILL")
    assert (late.returncode, late.stderr) == (1, "sampan-oci: container not running\n")
    sampan_oci("delete", "c", check=True)
    assert nothing_left(sampan_oci)


def test_a_created_container_can_be_deleted_without_force(sampan_oci, bundle):
    bundle.shell("sleep 100")
    sampan_oci("create", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sampan_oci("delete", "c", check=True)
    assert nothing_left(sampan_oci)


def test_delete_force_ends_a_running_container_and_ignores_an_absent_one(sampan_oci, bundle):
    bundle.shell("sleep 100")
    sampan_oci("run", "-d", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = state(sampan_oci, "c")["pid"]
    sampan_oci("delete", "--force", "c", check=True)
    assert has_ended(pid)
    assert nothing_left(sampan_oci)
    sampan_oci("delete", "--force", "c", check=True)


@pytest.mark.parametrize("command", [("state",), ("start",), ("kill",), ("delete",)])
def test_commands_on_an_absent_container_say_so(sampan_oci, command):
    done = sampan_oci(*command, "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'sampan-oci: container "nobody" does not exist\n'


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "x" * 1025])
def test_bad_ids_are_refused(sampan_oci, bundle, name):
    bundle.shell("true")
    done = sampan_oci("run", "-b", bundle.path, name)
    assert done.returncode == 1
    assert "invalid container ID format" in done.stderr


def test_a_taken_id_is_refused_and_its_owner_unharmed(sampan_oci, bundle):
    bundle.shell("sleep 100")
    sampan_oci("run", "-d", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = sampan_oci("run", "-b", bundle.path, "c")
    assert done.returncode == 1
    assert "container with given ID already exists" in done.stderr
    assert state(sampan_oci, "c")["status"] == "running"


def test_list_shows_containers_as_table_json_and_ids(sampan_oci, bundle):
    assert sampan_oci("list", "-f", "json", check=True).stdout == "null\n"
    bundle.shell("sleep 100")
    for name in ("b", "a"):
        sampan_oci("run", "-d", "-b", bundle.path, name, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    assert sampan_oci("list", "-q", check=True).stdout == "a\nb\n"
    table = sampan_oci("list", check=True).stdout.splitlines()
    assert table[0].split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert [line.split()[0] for line in table[1:]] == ["a", "b"]
    listed = json.loads(sampan_oci("list", "-f", "json", check=True).stdout)
    assert [(c["id"], c["status"]) for c in listed] == [("a", "running"), ("b", "running")]


def test_errors_go_to_the_log_as_json(sampan_oci, scratch):
    done = sampan_oci("--log", scratch / "log", "--log-format", "json", "state", "nobody")
    assert done.returncode == 1
    entry = json.loads((scratch / "log").read_text())
    assert entry["level"] == "error"
    assert entry["msg"] == 'container "nobody" does not exist'
    assert entry["time"].endswith("Z")


def test_kill_all_reaches_every_process(sampan_oci, bundle):
    bundle.shell("trap '' TERM; sleep 100 & sleep 100 & wait")
    sampan_oci("run", "-d", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: len((cgroups_of("c")[0] / "cgroup.procs").read_text().split()) == 3)
    sampan_oci("kill", "--all", "c", "KILL", check=True)
    wait_for(lambda: state(sampan_oci, "c")["status"] == "stopped")


def test_preserved_descriptors_arrive_and_others_do_not(sampan_oci, bundle, scratch):
    bundle.shell("echo hello >&3; ls /proc/self/fd")
    command = " ".join([*sampan_oci.argv, "run", "--preserve-fds", "1", "-b", str(bundle.path), "c"])
    done = subprocess.run(["bash", "-c", f"exec 3>{scratch}/three 5</ 9</; exec {command}"], capture_output=True,
                          text=True, check=True, stdin=subprocess.DEVNULL)
    assert (scratch / "three").read_text() == "hello\n"
    # 0 to 3, and what ls itself opens.
    assert done.stdout.split() == ["0", "1", "2", "3", "4"]


# --- what a container sees ---------------------------------------------------------------------------


@pytest.mark.main_job
def test_namespaces_are_its_own(sampan_oci, bundle):
    kinds = ("pid", "net", "ipc", "uts", "mnt", "cgroup")
    got = output(sampan_oci, bundle, "for n in %s; do readlink /proc/self/ns/$n; done" % " ".join(kinds)).split()
    for kind, inside in zip(kinds, got):
        assert inside != os.readlink(f"/proc/self/ns/{kind}"), kind
    assert output(sampan_oci, bundle, "echo $$; hostname; cat /proc/1/cgroup | head -n 99") .split()[:2] == ["1", "bundle"]


def test_the_cgroup_namespace_begins_at_its_own_cgroup(sampan_oci, bundle):
    lines = output(sampan_oci, bundle, "cat /proc/self/cgroup").splitlines()
    assert "0::/" in lines


def test_a_network_namespace_is_joined_by_path(sampan_oci, bundle):
    holder = subprocess.Popen(["unshare", "--net", "sleep", "100"])
    try:
        wait_for(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        bundle.namespace("network", f"/proc/{holder.pid}/ns/net")
        assert output(sampan_oci, bundle, "readlink /proc/self/ns/net") == os.readlink(f"/proc/{holder.pid}/ns/net")
    finally:
        holder.kill()
        holder.wait()


def test_a_pid_namespace_is_joined_by_path(sampan_oci, bundle):
    bundle.shell("sleep 100")
    sampan_oci("run", "-d", "-b", bundle.path, "first", check=True, stdout=subprocess.DEVNULL,
               stderr=subprocess.DEVNULL)
    pid = state(sampan_oci, "first")["pid"]
    bundle.namespace("pid", f"/proc/{pid}/ns/pid")
    assert "sleep 100" in output(sampan_oci, bundle, "ps")


def test_default_devices_and_links(sampan_oci, bundle):
    got = output(sampan_oci, bundle, "cd /dev; stat -c '%n %F %t %T %a' null zero full random urandom tty; "
                                     "for l in fd stdin stdout stderr ptmx; do readlink $l; done").splitlines()
    assert got == ["null character special file 1 3 666", "zero character special file 1 5 666",
                   "full character special file 1 7 666", "random character special file 1 8 666",
                   "urandom character special file 1 9 666", "tty character special file 5 0 666",
                   "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "pts/ptmx"]


def test_devices_of_the_spec(sampan_oci, bundle):
    bundle.config["linux"]["devices"] = [
        {"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 0o640, "uid": 7, "gid": 8}]
    assert output(sampan_oci, bundle, "stat -c '%F %t %T %a %u %g' /dev/net/tun") == "character special file a c8 640 7 8"


def test_the_device_filter_denies_what_is_not_allowed(sampan_oci, bundle):
    bundle.config["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    script = "mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg; dd if=/dev/zero of=/dev/null bs=1 count=1 2>&1 | head -n 1"
    done = run(sampan_oci, bundle, script)
    assert "can't open '/tmp/kmsg': Operation not permitted" in done.stderr
    assert done.stdout == "1+0 records in\n"


@pytest.mark.main_job
def test_masked_and_readonly_paths(sampan_oci, bundle):
    done = run(sampan_oci, bundle, "wc -c </proc/keys; ls /sys/firmware | wc -l; touch /sys/firmware/x; "
                                   "echo x >/proc/sys/kernel/domainname || echo denied", check=True)
    assert done.stdout.split() == ["0", "0", "denied"]
    assert done.stderr.count("Read-only file system") == 2


def test_a_readonly_rootfs(sampan_oci, bundle):
    bundle.config["root"]["readonly"] = True
    done = run(sampan_oci, bundle, "touch /x; touch /dev/shm/x && echo fine")
    assert "Read-only file system" in done.stderr
    assert done.stdout == "fine\n"


def test_capabilities_and_no_new_privs(sampan_oci, bundle):
    got = dict(line.split(":\t") for line in
               output(sampan_oci, bundle, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status").splitlines())
    want = sum(1 << n for n in (0, 1, 3, 27, 6, 7, 5))
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert int(got[name], 16) == want, name
    assert got["CapInh"] == got["CapAmb"] == "0" * 16
    assert got["NoNewPrivs"] == "1"


def test_ambient_capabilities_survive_a_change_of_user(sampan_oci, bundle):
    caps = ["CAP_NET_BIND_SERVICE"]
    bundle.config["process"]["capabilities"] = {s: caps for s in
                                                ("bounding", "effective", "permitted", "inheritable", "ambient")}
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    assert output(sampan_oci, bundle, "grep CapEff /proc/self/status").endswith(f"{1 << 10:016x}")


@pytest.mark.parametrize("no_new_privileges", [True, False])
@pytest.mark.parametrize("uid", [0, 1000])
def test_seccomp_denies_a_system_call(sampan_oci, bundle, no_new_privileges, uid):
    (bundle.rootfs / "open").mkdir()
    (bundle.rootfs / "open").chmod(0o777)
    bundle.config["process"]["noNewPrivileges"] = no_new_privileges
    bundle.config["process"]["user"] = {"uid": uid, "gid": uid}
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 33}]}
    done = run(sampan_oci, bundle, "mkdir /open/x; grep Seccomp: /proc/self/status")
    assert "Numerical argument out of domain" in done.stderr
    assert done.stdout.split() == ["Seccomp:", "2"]


def test_user_groups_umask_and_home(sampan_oci, bundle):
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [7, 8], "umask": 0o027}
    got = output(sampan_oci, bundle, "id -u; id -g; id -G; echo $HOME; umask").split("\n")
    assert got == ["1000", "1001", "1001 7 8", "/home/user", "0027"]


def test_the_working_directory_is_made(sampan_oci, bundle):
    bundle.config["process"]["cwd"] = "/deep/down/here"
    assert output(sampan_oci, bundle, "pwd") == "/deep/down/here"


def test_rlimits_and_oom_score(sampan_oci, bundle):
    bundle.config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
    bundle.config["process"]["oomScoreAdj"] = 500
    assert output(sampan_oci, bundle, "ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj").split() == \
        ["100", "200", "500"]


def test_sysctls_of_its_namespaces(sampan_oci, bundle):
    bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096"}
    assert output(sampan_oci, bundle, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax").split() == \
        ["1", "4096"]


def test_bind_mounts(sampan_oci, bundle, scratch):
    source = scratch / "source"
    (source / "sub").mkdir(parents=True)
    (source / "file").write_text("content\n")
    bundle.mount("/rw", "bind", source, "rbind", "rw")
    bundle.mount("/ro/made", "bind", source, "bind", "ro", "noexec")
    bundle.mount("/etc/one", "none", source / "file", "bind", "ro")
    got = output(sampan_oci, bundle, "touch /rw/new; touch /ro/made/x 2>&1; cat /etc/one; "
                                     "grep ' /ro/made ' /proc/self/mountinfo")
    assert (source / "new").exists()
    assert not (source / "x").exists()
    assert "touch: /ro/made/x: Read-only file system\ncontent" in got
    assert "ro,noexec" in got


def test_recursive_options_hold_for_a_new_file_system(sampan_oci, bundle):
    bundle.mount("/m", "tmpfs", "tmpfs", "rro", "rnosuid")
    assert output(sampan_oci, bundle, "grep ' /m ' /proc/mounts") == "tmpfs /m tmpfs ro,nosuid,relatime 0 0"


def test_a_recursive_readonly_bind_covers_what_is_mounted_below(sampan_oci, bundle, scratch):
    (scratch / "source" / "below").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "below", scratch / "source" / "below"], check=True)
    bundle.mount("/plain", "bind", scratch / "source", "rbind", "ro")
    bundle.mount("/deep", "bind", scratch / "source", "rbind", "rro")
    done = run(sampan_oci, bundle, "touch /plain/below/x && echo plain; touch /deep/below/y && echo deep")
    assert done.stdout == "plain\n"
    assert "/deep/below/y: Read-only file system" in done.stderr


def test_mounts_do_not_reach_the_host(sampan_oci, bundle):
    run(sampan_oci, bundle, "true", check=True)
    assert str(bundle.path) not in pathlib.Path("/proc/self/mountinfo").read_text()


def test_a_user_namespace(sampan_oci, bundle):
    bundle.namespace("user")
    mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    bundle.config["linux"].update(uidMappings=mapping, gidMappings=mapping)
    bundle.path.parent.chmod(0o755)
    for parent in bundle.path.parents:
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    for path in [bundle.rootfs, *bundle.rootfs.rglob("*")]:
        os.chown(path, 100000, 100000, follow_symlinks=False)
    got = output(sampan_oci, bundle, "id -u; cat /proc/self/uid_map; touch /made; echo x >/dev/null && echo fine; "
                                     "ip link show lo | grep -c UP")
    assert got.split() == ["0", "0", "100000", "65536", "fine", "1"]
    assert (bundle.rootfs / "made").stat().st_uid == 100000


def test_a_tmpfs_that_begins_with_what_it_hides(sampan_oci, bundle):
    hidden = bundle.rootfs / "data"
    (hidden / "sub").mkdir(parents=True)
    (hidden / "sub" / "file").write_text("content")
    (hidden / "sub" / "file").chmod(0o4750)
    os.chown(hidden / "sub" / "file", 7, 8)
    (hidden / "sub" / "file").chmod(0o4750)
    os.symlink("sub/file", hidden / "link")
    bundle.mount("/data", "tmpfs", "tmpfs", "tmpcopyup", "nosuid")
    bundle.mount("/etc", "tmpfs", "tmpfs", "tmpcopyup", "ro")
    done = run(sampan_oci, bundle, "cat /data/link; stat -c ' %a %u %g' /data/sub/file; touch /data/new; "
                                   "grep -c root /etc/passwd; touch /etc/new")
    assert done.stdout == "content 4750 7 8\n1\n"
    assert "touch: /etc/new: Read-only file system" in done.stderr
    assert not (hidden / "new").exists()


def test_scheduling_io_priority_and_personality(sampan_oci, bundle):
    bundle.config["process"].update(scheduler={"policy": "SCHED_BATCH", "nice": 5},
                                    ioPriority={"class": "IOPRIO_CLASS_IDLE", "priority": 0})
    bundle.config["linux"]["personality"] = {"domain": "LINUX32"}
    got = output(sampan_oci, bundle, "grep -E '^policy' /proc/self/sched; cut -d' ' -f19,41 /proc/self/stat; "
                                     "cat /proc/self/personality").splitlines()
    assert got[-2:] == ["5 3", "00000008"]


def test_clocks_of_a_time_namespace(sampan_oci, bundle):
    bundle.namespace("time")
    bundle.config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000, "nanosecs": 0}}
    got = float(output(sampan_oci, bundle, "cat /proc/uptime").split()[0])
    assert got - float(pathlib.Path("/proc/uptime").read_text().split()[0]) == pytest.approx(1000000, abs=60)


@pytest.mark.parametrize("change, text", [
    (lambda c: c["linux"].update(timeOffsets={"monotonic": {"secs": 1}}), "timeOffsets"),
    (lambda c: c["process"].update(scheduler={"policy": "SCHED_MAGIC"}), "scheduler"),
    (lambda c: c["process"].update(ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 8}), "ioPriority"),
    (lambda c: c["linux"].update(personality={"domain": "MINIX"}), "personality"),
])
def test_bad_scheduling_is_refused(sampan_oci, bundle, change, text):
    change(bundle.config)
    done = run(sampan_oci, bundle, "true")
    assert done.returncode == 1
    assert text in done.stderr
    assert nothing_left(sampan_oci)


# --- terminal ----------------------------------------------------------------------------------------


def test_the_console_socket_gets_the_terminal(sampan_oci, bundle, scratch):
    bundle.config["process"]["terminal"] = True
    bundle.config["process"]["consoleSize"] = {"height": 33, "width": 77}
    bundle.shell("tty; stty size; stat -c %t /dev/console; read line; echo got $line")
    path = str(scratch / "socket")
    received = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)

        def accept():
            connection, _ = server.accept()
            with connection:
                _, ancillary, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
                received.append(array.array("i", ancillary[0][2][:4])[0])

        thread = threading.Thread(target=accept)
        thread.start()
        sampan_oci("create", "-b", bundle.path, "--console-socket", path, "c", check=True)
        thread.join(10)
    master = received[0]
    sampan_oci("start", "c", check=True)
    os.write(master, b"hello\n")
    text = b""
    wait_for(lambda: state(sampan_oci, "c")["status"] == "stopped")
    while True:
        try:
            chunk = os.read(master, 1000)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
    os.close(master)
    # No carriage returns: ONLCR is off. The line that was typed is echoed as it was.
    assert b"/dev/pts/0\n33 77\n88\n" in text.replace(b"hello\n", b"").replace(b"hello\r\n", b"")
    assert b"got hello\n" in text


def test_a_terminal_and_hooks_go_together(sampan_oci, bundle, scratch):
    """Docker sets a network up in a prestart hook, with a terminal or without."""
    bundle.config["process"]["terminal"] = True
    bundle.config["hooks"] = {"prestart": [{"path": "/bin/touch", "args": ["touch", str(scratch / "ran")]}]}
    bundle.shell("tty")
    command = " ".join([*sampan_oci.argv, "run", "-b", str(bundle.path), "c"])
    done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL)
    assert "/dev/pts/0" in done.stdout
    assert (scratch / "ran").exists()


def test_a_terminal_without_a_console_socket_is_refused_at_create(sampan_oci, bundle):
    bundle.config["process"]["terminal"] = True
    bundle.save()
    done = sampan_oci("create", "-b", bundle.path, "c")
    assert done.returncode == 1
    assert "a console socket is needed" in done.stderr


# --- hooks -------------------------------------------------------------------------------------------


def test_hooks_run_in_order_with_the_state_on_stdin(sampan_oci, bundle, scratch):
    log = scratch / "hooks"
    kinds = {"prestart": "creating", "createRuntime": "creating", "createContainer": "creating",
             "poststart": "running", "poststop": "stopped"}
    bundle.config["hooks"] = {
        kind: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {kind} $(cat) >>{log}"],
                "env": ["PATH=/usr/bin:/bin"]}] for kind in kinds}
    bundle.config["hooks"]["startContainer"] = [
        {"path": "/bin/sh", "args": ["sh", "-c", "cat >/started"], "env": ["PATH=/bin"]}]
    bundle.config["annotations"] = {"org.example": "yes"}
    run(sampan_oci, bundle, "grep -o '\"status\":\"[a-z]*\"' /started", check=True)
    lines = log.read_text().splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == list(kinds)
    for line in lines:
        kind, text = line.split(" ", 1)
        got = json.loads(text)
        assert (got["id"], got["status"], got["annotations"]) == ("c", kinds[kind], {"org.example": "yes"}), kind


@pytest.mark.parametrize("hook, text", [
    ({"path": "/bin/sh", "args": ["sh", "-c", "echo no >&2; exit 3"]}, "exit status 3: no"),
    ({"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}, "timed out after 1 s"),
    ({"path": "/nosuch"}, "exit status 127: No such file or directory"),
])
def test_a_failing_hook_fails_the_creation(sampan_oci, bundle, hook, text):
    bundle.config["hooks"] = {"createRuntime": [hook]}
    done = run(sampan_oci, bundle, "true")
    assert done.returncode == 1
    assert f"createRuntime hook 0 '{hook['path']}': {text}" in done.stderr
    assert nothing_left(sampan_oci)


# --- attacks and accidents ---------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["proc", "sys"])
def test_procfs_and_sysfs_behind_a_symlink_are_refused(sampan_oci, bundle, where):
    (bundle.rootfs / "elsewhere").mkdir()
    os.symlink("elsewhere", bundle.rootfs / where)
    done = run(sampan_oci, bundle, "true")
    assert done.returncode == 1
    assert "must be mounted on an ordinary directory" in done.stderr


def test_mount_points_behind_symlinks_stay_inside(sampan_oci, bundle, scratch):
    outside = scratch / "outside"
    outside.mkdir()
    os.symlink(outside, bundle.rootfs / "link")
    os.symlink("../../../../../../.." + str(outside), bundle.rootfs / "climb")
    bundle.mount("/link/made", "tmpfs", "tmpfs")
    bundle.mount("/climb/made", "tmpfs", "tmpfs")
    run(sampan_oci, bundle, "true", check=True)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 9, 10])
def test_a_leaked_descriptor_is_no_working_directory(sampan_oci, bundle, number):
    bundle.config["process"]["cwd"] = f"/proc/self/fd/{number}"
    host = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    os.set_inheritable(host, True)
    bundle.shell("ls -a ../../../../.. ")
    done = sampan_oci("run", "-b", bundle.path, "c", pass_fds=(host,))
    os.close(host)
    assert done.returncode == 1
    assert done.stdout == ""
    assert nothing_left(sampan_oci)


def test_init_ends_with_a_creator_that_is_killed(sampan_oci, bundle):
    """Whatever the moment, `delete --force` removes all that is left."""
    bundle.shell("sleep 100")
    seen = set()
    for delay_ms in range(0, 12):
        creator = sampan_oci.popen("create", "-b", bundle.path, "c", stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(delay_ms / 1000)
        creator.kill()
        creator.wait()
        done = sampan_oci("state", "c")
        seen.add(json.loads(done.stdout)["status"] if done.returncode == 0 else "absent")
        sampan_oci("delete", "--force", "c", check=True)
        assert not (sampan_oci.root / "c").exists()
        wait_for(lambda: all(not (c / "cgroup.procs").read_text() for c in cgroups_of("c")))
    assert seen <= {"absent", "creating", "created", "stopped"}


def test_a_container_that_fills_its_state_is_still_described(sampan_oci, bundle):
    bundle.config["annotations"] = {f"key{i}": "x" * 1000 for i in range(200)}
    bundle.shell("sleep 100")
    sampan_oci("run", "-d", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert len(state(sampan_oci, "c")["annotations"]) == 200


def test_a_damaged_state_is_named_and_can_be_forced_away(sampan_oci, bundle):
    bundle.shell("true")
    sampan_oci("run", "-d", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (sampan_oci.root / "c" / "state.json").write_text("{")
    done = sampan_oci("state", "c")
    assert done.returncode == 1
    assert "state of container 'c' is damaged" in done.stderr
    sampan_oci("delete", "--force", "c", check=True)
    assert nothing_left(sampan_oci)


# --- limits ------------------------------------------------------------------------------------------


@pytest.mark.cgroup2
def test_limits_are_set_and_seen(sampan_oci, bundle):
    bundle.config["linux"]["resources"] = {
        "memory": {"limit": 64 << 20, "swap": 64 << 20, "reservation": 32 << 20},
        "cpu": {"quota": 50000, "period": 100000, "shares": 1024},
        "pids": {"limit": 32}}
    got = output(sampan_oci, bundle, "cd /sys/fs/cgroup; cat memory.max memory.low cpu.max cpu.weight pids.max")
    assert got.splitlines() == [str(64 << 20), str(32 << 20), "50000 100000", "100", "32"]


@pytest.mark.cgroup2
def test_pids_limit_stops_forks(sampan_oci, bundle):
    bundle.config["linux"]["resources"] = {"pids": {"limit": 3}}
    done = run(sampan_oci, bundle, "sleep 5 & sleep 5 & sleep 5 & sleep 5 & kill $(ps | grep 'sleep 5' | grep -v grep); true")
    assert "fork" in done.stderr


def test_a_limit_without_its_controller_is_an_error_that_names_the_cure(sampan_oci, bundle):
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        pytest.skip("this machine has the controllers on cgroup v2")
    bundle.config["linux"]["resources"] = {"memory": {"limit": 64 << 20}}
    done = run(sampan_oci, bundle, "true")
    assert done.returncode == 1
    assert "cannot limit memory: controller 'memory'" in done.stderr
    assert "systemd.unified_cgroup_hierarchy=1" in done.stderr
    assert nothing_left(sampan_oci)


def test_stat_modes_of_the_state_directory(sampan_oci, bundle):
    bundle.shell("sleep 100")
    sampan_oci("run", "-d", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert stat.S_IMODE((sampan_oci.root / "c" / "state.json").stat().st_mode) == 0o600
