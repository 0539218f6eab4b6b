# SPDX-License-Identifier: Apache-2.0
"""sampan-oci checkpoint and restore. CRIU wants a kernel with its options: what runs it, runs in the virtual machine."""
import array
import contextlib
import ctypes
import json
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

from bundle_fixture import Bundle
from conftest import BUILD, SLOW, Program
from rootless_fixture import rootless, user  # noqa: F401  pylint: disable=unused-import

criu = pytest.mark.cgroup2
pytestmark = pytest.mark.root

CGROUP = f"checkpoint-{os.getpid()}"
COUNTER = "i=0; while :; do i=$((i+1)); echo $i > /tmp/next; mv /tmp/next /tmp/count; sleep 0.05; done"


@pytest.fixture
def bundle(scratch, busybox):
    made = Bundle(scratch / "bundle", busybox)
    for applet in ("mv", "nc"):
        os.symlink("busybox", made.rootfs / "bin" / applet)
    made.config["linux"]["cgroupsPath"] = CGROUP
    return made


@pytest.fixture
def images(scratch):
    return scratch / "images"


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def state(sampan_oci, name="c"):
    return json.loads(sampan_oci("state", name, check=True).stdout)


def count(bundle):
    try:
        return int((bundle.rootfs / "tmp" / "count").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def counts_on(bundle, beyond):
    wait_for(lambda: count(bundle) > beyond)


def detach(sampan_oci, bundle, script=COUNTER, *args, name="c", **kwargs):
    """Starts the script; its standard streams are /dev/null."""
    bundle.shell(script)
    kwargs = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **kwargs}
    sampan_oci("run", "-d", "-b", bundle.path, *args, name, check=True, **kwargs)


def logs_of(images):
    texts = [f"--- {log}\n{log.read_text(errors='replace')[-6000:]}" for log in sorted(images.rglob("*.log"))]
    return "\n".join(texts)


def checkpoint(sampan_oci, images, *args, name="c"):
    done = sampan_oci("checkpoint", "--image-path", images, *args, name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done.stderr + logs_of(images.parent)


def restore(sampan_oci, bundle, images, *args, name="c", **kwargs):
    kwargs = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **kwargs}
    done = sampan_oci("restore", "-d", "-b", bundle.path, "--image-path", images, *args, name, **kwargs)
    assert done.returncode == 0, (done.stderr or "") + logs_of(images.parent)


def refused(done, text):
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"sampan-oci: {text}\n"


def cgroup_of(pid):
    return pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip()


# --- the way there and back ---------------------------------------------------------------------------


@criu
def test_a_checkpointed_container_is_gone_and_a_restored_one_goes_on_counting(sampan_oci, bundle, images, scratch):
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, images)
    reached = count(bundle)
    refused(sampan_oci("state", "c"), 'container "c" does not exist')
    assert not pathlib.Path(f"/sys/fs/cgroup/sampan/{CGROUP}").exists()
    time.sleep(0.3)
    assert count(bundle) == reached

    restore(sampan_oci, bundle, images, "--pid-file", scratch / "pid")
    counts_on(bundle, reached + 3)
    now = state(sampan_oci)
    assert now["status"] == "running"
    assert now["bundle"] == str(bundle.path)
    assert (scratch / "pid").read_text() == str(now["pid"])
    assert cgroup_of(now["pid"]) == f"0::/sampan/{CGROUP}"
    assert not (sampan_oci.root / "c" / "criu-root").exists()
    assert "criu-root" not in pathlib.Path("/proc/self/mountinfo").read_text()


@criu
def test_what_is_done_to_a_container_is_done_to_a_restored_one(sampan_oci, bundle, images):
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, images)
    restore(sampan_oci, bundle, images)
    assert sampan_oci("exec", "c", "cat", "/proc/1/comm", check=True).stdout == "sh\n"
    sampan_oci("pause", "c", check=True)
    assert state(sampan_oci)["status"] == "paused"
    sampan_oci("resume", "c", check=True)
    counts_on(bundle, count(bundle) + 3)
    refused(sampan_oci("start", "c"), "cannot start a container that is not in the created state: it is running")
    refused(sampan_oci("delete", "c"), "cannot delete container c that is not stopped: running")
    sampan_oci("kill", "c", "KILL", check=True)
    wait_for(lambda: state(sampan_oci)["status"] == "stopped")
    sampan_oci("delete", "c", check=True)
    refused(sampan_oci("state", "c"), 'container "c" does not exist')
    assert not pathlib.Path(f"/sys/fs/cgroup/sampan/{CGROUP}").exists()


@criu
def test_a_restored_container_can_be_checkpointed_again(sampan_oci, bundle, images, scratch):
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, images)
    restore(sampan_oci, bundle, images)
    counts_on(bundle, count(bundle) + 3)
    checkpoint(sampan_oci, scratch / "again", "--work-path", scratch / "work")
    reached = count(bundle)
    assert (scratch / "work" / "dump.log").exists()
    assert not (scratch / "again" / "dump.log").exists()
    restore(sampan_oci, bundle, scratch / "again", "--work-path", scratch / "work")
    counts_on(bundle, reached + 3)


@criu
def test_with_leave_running_the_container_runs_on(sampan_oci, bundle, images):
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    pid = state(sampan_oci)["pid"]
    checkpoint(sampan_oci, images, "--leave-running")
    counts_on(bundle, count(bundle) + 3)
    assert (state(sampan_oci)["pid"], state(sampan_oci)["status"]) == (pid, "running")


@criu
def test_a_paused_container_is_checkpointed_too(sampan_oci, bundle, images):
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    sampan_oci("pause", "c", check=True)
    checkpoint(sampan_oci, images)
    reached = count(bundle)
    restore(sampan_oci, bundle, images)
    counts_on(bundle, reached + 3)


@criu
def test_a_pre_dump_makes_the_parent_of_a_dump(sampan_oci, bundle, scratch):
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, scratch / "parent", "--pre-dump")
    assert not (scratch / "parent" / "descriptors.json").exists()
    counts_on(bundle, count(bundle) + 3)
    checkpoint(sampan_oci, scratch / "images", "--parent-path", "../parent")
    reached = count(bundle)
    assert os.readlink(scratch / "images" / "parent") == "../parent"
    restore(sampan_oci, bundle, scratch / "images")
    counts_on(bundle, reached + 3)


@criu
def test_lazy_pages_come_from_the_checkpoint_when_they_are_used(sampan_oci, bundle, images, scratch):
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    reader, writer = os.pipe()
    dump = sampan_oci.popen("checkpoint", "--image-path", images, "--lazy-pages", "--page-server", "127.0.0.1:2727",
                            "--status-fd", writer, "c", pass_fds=[writer])
    os.close(writer)
    with open(reader, "rb") as status:
        assert status.read(1) == b"\0", logs_of(scratch)
    reached = count(bundle)
    work = scratch / "work"
    work.mkdir()
    server = Program("criu").popen("lazy-pages", "--page-server", "--address", "127.0.0.1", "--port", "2727", "-D", images,
                                   "-W", work, "-o", "lazy.log", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((work / "lazy-pages.socket").exists)
    bundle.config["linux"]["cgroupsPath"] = CGROUP + "-lazy"
    bundle.save()
    restore(sampan_oci, bundle, images, "--work-path", work, "--lazy-pages", name="r")
    assert (dump.wait(30 * SLOW), server.wait(30 * SLOW)) == (0, 0), logs_of(scratch)
    counts_on(bundle, reached + 3)
    refused(sampan_oci("state", "c"), 'container "c" does not exist')


@criu
def test_a_restore_in_the_foreground_ends_as_the_container_ends(sampan_oci, bundle, images):
    detach(sampan_oci, bundle, "until test -e /tmp/end; do echo x > /tmp/count; sleep 0.05; done; exit 7")
    wait_for((bundle.rootfs / "tmp" / "count").exists)
    checkpoint(sampan_oci, images)
    (bundle.rootfs / "tmp" / "end").touch()
    done = sampan_oci("restore", "-b", bundle.path, "--image-path", images, "c")
    assert done.returncode == 7, done.stderr + logs_of(images)
    refused(sampan_oci("state", "c"), 'container "c" does not exist')


# --- what is in a container ---------------------------------------------------------------------------


@criu
def test_a_pipe_on_stdout_is_the_pipe_of_who_restores(sampan_oci, bundle, images):
    read_end, write_end = os.pipe()
    detach(sampan_oci, bundle, "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done", stdout=write_end)
    os.close(write_end)
    with open(read_end, encoding="ascii") as lines:
        assert [next(lines) for _ in range(3)] == ["1\n", "2\n", "3\n"]
        checkpoint(sampan_oci, images)
        last = int(lines.readlines()[-1])
    assert re.fullmatch(r'\["/dev/null","pipe:\[\d+\]","/dev/null"\]', (images / "descriptors.json").read_text())
    read_end, write_end = os.pipe()
    restore(sampan_oci, bundle, images, stdout=write_end)
    os.close(write_end)
    with open(read_end, encoding="ascii") as lines:
        assert [int(next(lines)) for _ in range(3)] == [last + 1, last + 2, last + 3]


@contextlib.contextmanager
def console_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(20 * SLOW)
        yield listener
    os.unlink(path)


def take_console(listener):
    connection, _ = listener.accept()
    with connection:
        _, ancillary, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
    (_, _, data), = ancillary
    return array.array("i", data[:4])[0]


@criu
def test_the_console_socket_gets_the_terminal_of_a_restored_container(sampan_oci, bundle, images, scratch):
    bundle.config["process"]["terminal"] = True
    with console_socket(scratch / "console") as listener:
        detach(sampan_oci, bundle, "while read line; do echo got $line; done", "--console-socket", scratch / "console")
        master = take_console(listener)
    os.write(master, b"one\n")
    wait_for(lambda: b"got one" in os.read(master, 1000))
    checkpoint(sampan_oci, images)
    os.close(master)
    done = sampan_oci("restore", "-d", "-b", bundle.path, "--image-path", images, "c")
    refused(done, "a terminal and --detach need a --console-socket")
    with console_socket(scratch / "console") as listener:
        restore(sampan_oci, bundle, images, "--console-socket", scratch / "console")
        master = take_console(listener)
    os.write(master, b"two\n")
    wait_for(lambda: b"got two" in os.read(master, 1000))
    os.close(master)


@criu
def test_a_bind_mount_is_what_lies_there_at_the_restore(sampan_oci, bundle, images, scratch):
    before, after = scratch / "before", scratch / "after"
    for folder in (before, after):
        folder.mkdir()
        (folder / "name").write_text(f"{folder.name}\n")
    (scratch / "one").write_text("a file\n")
    os.symlink("/run", bundle.rootfs / "var-run")
    (bundle.rootfs / "run").mkdir()
    bundle.mount("/var-run/data", "bind", before, "rbind", "rw")
    bundle.mount("/run/data/one", "bind", scratch / "one", "bind", "ro")
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    script = "cat /var-run/data/name /run/data/one; echo x > /run/data/one"
    done = sampan_oci("exec", "c", "sh", "-c", script)
    assert done.stdout == "before\na file\n"
    assert "Read-only file system" in done.stderr
    checkpoint(sampan_oci, images)
    bundle.config["mounts"][-2]["source"] = str(after)
    bundle.save()
    restore(sampan_oci, bundle, images)
    done = sampan_oci("exec", "c", "sh", "-c", script)
    assert done.stdout == "after\na file\n"
    assert "Read-only file system" in done.stderr


@criu
def test_a_fresh_rootfs_gets_the_mount_points_that_it_lacks(sampan_oci, bundle, images):
    bundle.mount("/new/tmp", "tmpfs", "tmpfs")
    detach(sampan_oci, bundle, "echo kept > /new/tmp/file; " + COUNTER)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, images)
    for folder in ("new/tmp", "new", "proc", "dev"):
        (bundle.rootfs / folder).rmdir()
    restore(sampan_oci, bundle, images)
    assert sampan_oci("exec", "c", "cat", "/new/tmp/file", check=True).stdout == "kept\n"


@pytest.fixture
def network(scratch):
    """The path of a network namespace with a dummy interface in it."""
    path = scratch / "network"
    path.touch()
    subprocess.run(["unshare", f"--net={path}", "ip", "link", "add", "marker", "type", "dummy"], check=True)
    yield path
    subprocess.run(["umount", path], check=True)


@criu
def test_a_network_namespace_by_path_is_joined_again(sampan_oci, bundle, images, network):
    bundle.namespace("network", str(network))
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, images)
    reached = count(bundle)
    restore(sampan_oci, bundle, images)
    counts_on(bundle, reached + 3)
    assert "marker" in sampan_oci("exec", "c", "cat", "/proc/net/dev", check=True).stdout
    inode = os.stat(f"/proc/{state(sampan_oci)['pid']}/ns/net").st_ino
    assert inode == network.stat().st_ino


def in_network(network, *argv):
    return subprocess.run(["nsenter", f"--net={network}", *argv], check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def listening_in(network):
    """A TCP socket of ours that listens in another network namespace; nobody else in this process is there."""
    with open("/proc/thread-self/ns/net", "rb") as own, open(network, "rb") as there:
        setns = ctypes.CDLL(None, use_errno=True).setns
        assert setns(there.fileno(), 0) == 0
        try:
            listener = socket.create_server(("127.0.0.1", 5555))
        finally:
            assert setns(own.fileno(), 0) == 0
    with listener:
        listener.settimeout(20 * SLOW)
        yield listener


@criu
def test_a_tcp_connection_goes_on_where_that_was_asked_for(sampan_oci, bundle, images, network):
    """Its peer is outside of the container, and notices nothing but a pause."""
    in_network(network, "ip", "link", "set", "lo", "up")
    bundle.namespace("network", str(network))
    with listening_in(network) as listener:
        detach(sampan_oci, bundle, f"({COUNTER.replace('echo $i >', 'echo $i; echo $i >')}) | nc 127.0.0.1 5555")
        connection, _ = listener.accept()
    with connection, connection.makefile() as lines:
        connection.settimeout(20 * SLOW)
        assert [next(lines) for _ in range(3)] == ["1\n", "2\n", "3\n"]
        done = sampan_oci("checkpoint", "--image-path", images, "c")
        assert (done.returncode, done.stdout) == (1, "")
        assert "criu failed: " in done.stderr and "tcp" in (images / "dump.log").read_text()
        assert state(sampan_oci)["status"] == "running"
        assert "CRIU" not in in_network(network, "iptables", "-S")
        checkpoint(sampan_oci, images, "--tcp-established")
        restore(sampan_oci, bundle, images, "--tcp-established")
        assert "CRIU" not in in_network(network, "iptables", "-S")
        seen = [int(next(lines)) for _ in range(count(bundle) + 3)]
        assert seen == list(range(4, 4 + len(seen)))


@criu
def test_a_user_namespace_is_made_anew_with_its_mappings(sampan_oci, bundle, images):
    bundle.namespace("user")
    for kind in ("uidMappings", "gidMappings"):
        bundle.config["linux"][kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    for parent in bundle.path.parents:
        if str(parent).startswith(("/tmp/", "/var/tmp/")):
            parent.chmod(0o755)
    for path in [bundle.rootfs, *bundle.rootfs.rglob("*")]:
        os.chown(path, 100000, 100000, follow_symlinks=False)
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, images)
    reached = count(bundle)
    restore(sampan_oci, bundle, images)
    counts_on(bundle, reached + 3)
    pid = state(sampan_oci)["pid"]
    assert pathlib.Path(f"/proc/{pid}/uid_map").read_text().split() == ["0", "100000", "65536"]
    assert (bundle.rootfs / "tmp" / "count").stat().st_uid == 100000
    found = images.stat()  # criu opens images in it before and after it is the container's root
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, 100000, 0o710)
    assert sampan_oci("exec", "c", "id", "-u", check=True).stdout == "0\n"


@criu
def test_hooks_run_at_a_restore_and_poststop_at_a_checkpoint(sampan_oci, bundle, images, scratch):
    log = scratch / "log"
    for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"):
        script = f"echo {kind} $(cut -d, -f3 | tr -d '\"') >> {log}"
        bundle.config.setdefault("hooks", {})[kind] = [{"path": "/bin/sh", "args": ["sh", "-c", script]}]
    for kind in ("createContainer", "startContainer"):  # in the container, which has other programs
        del bundle.config["hooks"][kind]
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    begun = ["prestart status:creating", "createRuntime status:creating", "poststart status:running"]
    assert log.read_text().splitlines() == begun
    checkpoint(sampan_oci, images)
    assert log.read_text().splitlines() == [*begun, "poststop status:stopped"]
    log.unlink()
    restore(sampan_oci, bundle, images)
    assert log.read_text().splitlines() == begun


@criu
def test_a_hook_that_fails_fails_the_restore_and_leaves_nothing(sampan_oci, bundle, images):
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, images)
    reached = count(bundle)
    script = "echo no such luck >&2; exit 3"
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}
    bundle.save()
    done = sampan_oci("restore", "-d", "-b", bundle.path, "--image-path", images, "c")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "sampan-oci: createRuntime hook 0 '/bin/sh': exit status 3: no such luck\n"
    refused(sampan_oci("state", "c"), 'container "c" does not exist')
    assert not pathlib.Path(f"/sys/fs/cgroup/sampan/{CGROUP}").exists()
    time.sleep(0.3)
    assert count(bundle) == reached


# --- cgroups ------------------------------------------------------------------------------------------


@criu
@pytest.mark.parametrize("mode", ["soft", "full", "strict", "ignore"])
def test_a_restored_container_is_in_its_cgroup_with_its_limits(sampan_oci, bundle, images, mode):
    bundle.config["linux"]["resources"] = {"pids": {"limit": 77}, "memory": {"limit": 64 << 20}}
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, images, "--manage-cgroups-mode", mode)
    bundle.config["linux"]["cgroupsPath"] = CGROUP + "-b"
    bundle.config["linux"]["resources"]["pids"]["limit"] = 88
    bundle.save()
    own = cgroup_of("self")
    restore(sampan_oci, bundle, images, "--manage-cgroups-mode", mode)
    assert cgroup_of("self") == own
    reached = count(bundle)
    counts_on(bundle, reached + 3)
    pid = state(sampan_oci)["pid"]
    assert cgroup_of(pid) == f"0::/sampan/{CGROUP}-b"
    cgroup = pathlib.Path(f"/sys/fs/cgroup/sampan/{CGROUP}-b")
    assert (cgroup / "pids.max").read_text() == "88\n"
    assert (cgroup / "memory.max").read_text() == f"{64 << 20}\n"
    assert not pathlib.Path(f"/sys/fs/cgroup/sampan/{CGROUP}").exists()
    if mode != "ignore":  # where criu makes no cgroup namespace either
        assert sampan_oci("exec", "c", "cat", "/proc/1/cgroup", check=True).stdout == "0::/\n"


@criu
@pytest.mark.systemd
def test_a_restored_container_is_in_a_scope_of_systemds(sampan_oci, bundle, images):
    bundle.config["linux"].update(cgroupsPath="system.slice:test:checkpoint", resources={"pids": {"limit": 77}})
    bundle.shell(COUNTER)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    sampan_oci("--systemd-cgroup", "run", "-d", "-b", bundle.path, "c", check=True, **quiet)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, images)
    show = ["systemctl", "show", "test-checkpoint.scope", "--property", "LoadState,TasksMax"]
    assert "LoadState=not-found" in subprocess.run(show, check=True, capture_output=True, text=True).stdout
    reached = count(bundle)
    done = sampan_oci("--systemd-cgroup", "restore", "-d", "-b", bundle.path, "--image-path", images, "c", stdout=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr + logs_of(images)
    counts_on(bundle, reached + 3)
    assert cgroup_of(state(sampan_oci)["pid"]) == "0::/system.slice/test-checkpoint.scope"
    shown = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    assert sorted(shown.splitlines()) == ["LoadState=loaded", "TasksMax=77"]
    sampan_oci("delete", "--force", "c", check=True)
    assert "LoadState=not-found" in subprocess.run(show, check=True, capture_output=True, text=True).stdout


# --- what goes wrong ----------------------------------------------------------------------------------


@criu
def test_what_criu_refuses_is_told_with_its_log_and_the_container_runs_on(sampan_oci, bundle, images, scratch):
    detach(sampan_oci, bundle, f"exec 9> /tmp/a; ln /tmp/a /tmp/b; rm /tmp/a; {COUNTER}")
    counts_on(bundle, 3)
    work = scratch / "work"
    done = sampan_oci("checkpoint", "--image-path", images, "--work-path", work, "c")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"sampan-oci: criu failed: Error \(criu/files-reg\.c:\d+\): .*link.*: see {work}/dump\.log\n",
                        done.stderr), done.stderr
    counts_on(bundle, count(bundle) + 3)
    assert state(sampan_oci)["status"] == "running"

    checkpoint(sampan_oci, images, "--link-remap")
    reached = count(bundle)
    restore(sampan_oci, bundle, images)
    counts_on(bundle, reached + 3)


@criu
def test_only_what_runs_can_be_checkpointed(sampan_oci, bundle, images):
    bundle.shell(COUNTER)
    sampan_oci("create", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    refused(sampan_oci("checkpoint", "--image-path", images, "c"), "container cannot be checkpointed in the created state")
    sampan_oci("kill", "c", "KILL", check=True)
    wait_for(lambda: state(sampan_oci)["status"] == "stopped")
    refused(sampan_oci("checkpoint", "--image-path", images, "c"), "container cannot be checkpointed in the stopped state")


@criu
def test_a_restore_wants_images_and_a_free_name(sampan_oci, bundle, images):
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    checkpoint(sampan_oci, images, "--leave-running")
    refused(sampan_oci("restore", "-b", bundle.path, "--image-path", images, "c"),
            "container with given ID already exists: 'c'")
    assert state(sampan_oci)["status"] == "running"
    refused(sampan_oci("restore", "-b", bundle.path, "--image-path", images / "not", "d"),
            f"cannot open the image directory '{images}/not': no such file or directory")
    (images / "empty").mkdir()
    refused(sampan_oci("restore", "-b", bundle.path, "--image-path", images / "empty", "d"),
            f"no checkpoint in '{images}/empty': cannot open 'descriptors.json': no such file or directory")
    (images / "empty" / "descriptors.json").write_text('{"a": 1}')
    refused(sampan_oci("restore", "-b", bundle.path, "--image-path", images / "empty", "d"),
            "descriptors.json: expected an array of strings")
    (images / "empty" / "descriptors.json").write_text('["","",""]')
    bundle.config["linux"]["cgroupsPath"] = CGROUP + "-d"
    bundle.save()
    done = sampan_oci("restore", "-b", bundle.path, "--image-path", images / "empty", "d")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"sampan-oci: criu failed: .*: see {images}/empty/restore\.log\n", done.stderr), done.stderr
    refused(sampan_oci("state", "d"), 'container "d" does not exist')


@criu
def test_an_idmapped_mount_is_refused(sampan_oci, bundle, images, scratch):
    (scratch / "data").mkdir()
    mapping = [{"containerID": 0, "hostID": 1000, "size": 1}]
    bundle.mount("/data", "bind", scratch / "data", "bind")
    bundle.config["mounts"][-1].update(uidMappings=mapping, gidMappings=mapping)
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    refused(sampan_oci("checkpoint", "--image-path", images, "c"), "mount on '/data': criu cannot carry idmapped mounts")


# --- without CRIU -------------------------------------------------------------------------------------


@pytest.fixture
def sleeper(sampan_oci, bundle):
    detach(sampan_oci, bundle, "sleep 1000")


def libraries():
    return [p for top in ("/lib", "/usr/lib") for p in pathlib.Path(top).glob("*-linux-gnu/libcriu.so.2")]


def test_without_libcriu_the_error_names_the_package(sampan_oci, sleeper, bundle, images):
    # A library that is no library: bound over what may be installed, in a mount namespace of its own.
    hide = "".join(f"mount --bind /dev/null {path}; " for path in libraries()[:1])
    for command in (["checkpoint", "--image-path", images], ["restore", "-b", bundle.path, "--image-path", images]):
        name = "c" if command[0] == "checkpoint" else "d"
        done = subprocess.run(["unshare", "-m", "sh", "-ec", hide + 'exec "$@"', "-", *sampan_oci.argv, *command, name],
                              capture_output=True, text=True, check=False, timeout=60 * SLOW)
        refused(done, "checkpoint and restore need CRIU (apt install criu)")
    assert state(sampan_oci)["status"] == "running"
    refused(sampan_oci("state", "d"), 'container "d" does not exist')


OLD_LIBRARY = """
#include <stdlib.h>
int criu_local_init_opts(void **ret) { *ret = malloc(1); return *ret ? 0 : -1; }
void criu_local_free_opts(void *o) { free(o); }
int criu_local_set_service_binary(void *o, const char *path) { (void)o; (void)path; return 0; }
int criu_local_get_version(void *o) { (void)o; return VERSION; }
"""


@pytest.mark.parametrize("version, text", [
    ("30800", "checkpoint and restore need CRIU 3.15 or newer: 'criu' is 3.8"),
    ("-2", "checkpoint and restore need the program 'criu', which does not answer (apt install criu)")])
def test_a_criu_that_is_too_old_or_silent_is_refused(sampan_oci, sleeper, images, scratch, version, text):
    source = OLD_LIBRARY.replace("VERSION", version)
    used = re.findall(r'"(criu_\w+)"', (BUILD.parent.parent / "runtime" / "criu_lib.c").read_text())
    for name in sorted(set(used) - set(re.findall(r"(criu_\w+)\(", source))):
        source += f"void {name}(void) {{ abort(); }}\n"
    (scratch / "old.c").write_text(source)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", scratch / "libcriu.so.2", scratch / "old.c"], check=True)
    done = sampan_oci("checkpoint", "--image-path", images, "c", env={"LD_LIBRARY_PATH": str(scratch)})
    refused(done, text)


def test_a_library_without_a_function_is_refused(sampan_oci, sleeper, images, scratch):
    (scratch / "old.c").write_text("int criu_local_dump(void *o) { return o != 0; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", scratch / "libcriu.so.2", scratch / "old.c"], check=True)
    done = sampan_oci("checkpoint", "--image-path", images, "c", env={"LD_LIBRARY_PATH": str(scratch)})
    refused(done, "checkpoint and restore need a newer CRIU: it lacks 'criu_local_init_opts'")


# --- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args, text", [
    (["--manage-cgroups-mode", "some"], "invalid --manage-cgroups-mode 'some' (soft, full, strict or ignore)"),
    (["--empty-ns", "pid"], 'namespace "pid" is not supported by --empty-ns (network)'),
    (["--parent-path", "/abs"], "--parent-path must be relative"),
    (["--parent-path", "../nowhere"], "invalid --parent-path '{images}/../nowhere': no such file or directory"),
    (["--parent-path", "../bundle/config.json"], "invalid --parent-path '{images}/../bundle/config.json': not a directory"),
    (["--page-server", "localhost"], "use --page-server ADDRESS:PORT to specify the page server"),
    (["--page-server", "localhost:0"], "use --page-server ADDRESS:PORT to specify the page server"),
    (["--page-server", "::1:7"], "use --page-server ADDRESS:PORT to specify the page server"),
    (["--page-server", "a b:7"], "use --page-server ADDRESS:PORT to specify the page server"),
    (["--page-server", "[]:7"], "use --page-server ADDRESS:PORT to specify the page server"),
    (["--status-fd", "1"], "--status-fd is of use only with --lazy-pages"),
    (["--status-fd", "77", "--lazy-pages"], "invalid --status-fd 77: bad file descriptor"),
    (["--status-fd", "-7", "--lazy-pages"], "invalid --status-fd -7"),
])
def test_bad_options_of_a_checkpoint_are_refused(sampan_oci, sleeper, images, args, text):
    done = sampan_oci("checkpoint", "--image-path", images, *args, "c")
    refused(done, text.format(images=images))


def test_a_status_fd_must_be_writable(sampan_oci, sleeper, images):
    with open("/dev/null", "rb") as null:
        done = sampan_oci("checkpoint", "--image-path", images, "--lazy-pages", "--status-fd", "0", "c", stdin=null)
    refused(done, "invalid --status-fd 0: not writable")


@pytest.mark.parametrize("args, text", [
    (["--manage-cgroups-mode", "none"], "invalid --manage-cgroups-mode 'none' (soft, full, strict or ignore)"),
    (["--empty-ns", "ipc"], 'namespace "ipc" is not supported by --empty-ns (network)'),
    (["--no-pivot"], "--no-pivot is not supported: CRIU always uses pivot_root"),
])
def test_bad_options_of_a_restore_are_refused(sampan_oci, bundle, images, args, text):
    bundle.save()
    refused(sampan_oci("restore", "-b", bundle.path, "--image-path", images, *args, "c"), text)


def test_the_program_may_be_another(sampan_oci, sleeper, bundle, images):
    """The global option, as runc has it."""
    if not libraries():
        pytest.skip("needs libcriu")
    text = "checkpoint and restore need the program '/no/criu', which does not answer (apt install criu)"
    for command in (["checkpoint", "--image-path", images, "c"], ["restore", "-b", bundle.path, "--image-path", images, "d"]):
        images.mkdir(exist_ok=True)
        done = sampan_oci("--criu", "/no/criu", *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[-1] == f"sampan-oci: {text}"  # libcriu says something before it


@criu
def test_the_program_may_be_elsewhere(sampan_oci, bundle, images, scratch):
    used = scratch / "used"
    program = scratch / "criu"
    program.write_text(f'#!/bin/sh\necho "$1" >>{used}\nexec criu "$@"\n')
    program.chmod(0o755)
    detach(sampan_oci, bundle)
    counts_on(bundle, 3)
    done = sampan_oci("--criu", program, "checkpoint", "--image-path", images, "c")
    assert done.returncode == 0, done.stderr
    assert set(used.read_text().split()) == {"swrk"}


def test_a_user_is_refused_as_criu_needs_root(rootless):
    rootless.start()
    for command in (["checkpoint", "c"], ["restore", "--bundle", rootless.bundle.path, "d"]):
        refused(rootless(*command), "checkpoint and restore of rootless containers: CRIU needs root")
    assert rootless.state()["status"] == "running"


@pytest.mark.parametrize("command", ["checkpoint", "restore"])
def test_podman_finds_the_options_that_it_looks_for(sampan_oci, command):
    done = sampan_oci(command, "--help", check=True)
    wanted = {"checkpoint": ("--pre-dump", "--leave-running"), "restore": ("--lsm-mount-context", "--console-socket")}
    assert all(option in done.stdout for option in wanted[command])


def test_an_absent_container_is_not_checkpointed(sampan_oci):
    refused(sampan_oci("checkpoint", "nobody"), 'container "nobody" does not exist')
