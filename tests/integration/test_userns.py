# SPDX-License-Identifier: Apache-2.0
"""run --userns: containers whose IDs are not the host's, on layers, volumes and secrets that belong to the IDs that they see."""
import io
import json
import os
import pathlib
import re
import shlex
import tarfile

import pytest

from container_fixture import SLEEP, load, refused, shell, start, state, upper
from image_fixture import Layer, directory, file

pytestmark = pytest.mark.root
MAPS = ("--uidmap", "0:200000:65536", "--gidmap", "0:300000:65536")


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "mapped", layers=[Layer([
        directory("etc"), file("etc/passwd", b"root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n"),
        file("etc/group", b"root:x:0:\nbig:x:3000:\nnogroup:x:65534:\n"), directory("home", uid=1000, gid=1000),
        file("home/mine", b"old\n", uid=1000, gid=1000), file("theirs", uid=70000, gid=70000)])])


def ids(line):
    return tuple(int(n) for n in line.split())


def owner(path):
    found = path.lstat()
    return found.st_uid, found.st_gid


def test_a_container_is_root_of_its_own_ids_only(sampan, image):
    start(sampan, image, *MAPS)
    pid = state(sampan)["Pid"]
    assert ids(shell(sampan, "cat /proc/self/uid_map")) == (0, 200000, 65536)
    assert ids(shell(sampan, "cat /proc/self/gid_map")) == (0, 300000, 65536)
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    assert re.search(r"^Uid:\t200000\t", status, re.M) and re.search(r"^Gid:\t300000\t", status, re.M)
    # What the image has belongs to the IDs that the image names; what is outside of the range to nobody.
    assert shell(sampan, "stat -c '%u %g' / /etc/passwd /home/mine /etc/hosts /theirs").split("\n")[:5] == [
        "0 0", "0 0", "1000 1000", "0 0", "65534 65534"]
    refused(sampan("exec", "box", "chown", "0:0", "/theirs"), "not permitted")


def test_on_disk_everything_belongs_to_the_ids_that_the_container_sees(sampan, image):
    start(sampan, image, *MAPS, "-v", "data:/data")
    shell(sampan, "echo new >> /home/mine; rm /etc/group; mkdir /home/d; touch /data/v; chown 5:6 /home/d /data/v; echo 1.2.3.4 x >> /etc/hosts")
    top = upper(sampan)
    assert owner(top / "home/mine") == (1000, 1000) and owner(top / "home/d") == (5, 6)
    assert owner(sampan.root / "volumes/data/_data/v") == (5, 6)
    assert sampan("diff", "box", check=True).stdout.splitlines() == [
        "A /data", "C /etc", "D /etc/group", "C /home", "A /home/d", "C /home/mine"]
    # So whoever reads it there need not know of ranges: cp, commit, and a container with other IDs, or with the host's.
    with tarfile.open(fileobj=io.BytesIO(sampan("cp", "box:/home", "-", check=True, text=False).stdout)) as tar:
        assert {m.name: (m.uid, m.gid) for m in tar} == {
            "home": (1000, 1000), "home/d": (5, 6), "home/mine": (1000, 1000), "home/user": (1000, 1000)}
    sampan("cp", "-a", "/etc/passwd", "box:/home/host", check=True)
    assert shell(sampan, "stat -c '%u %g' /home/host") == "0 0\n"
    sampan("commit", "box", "localhost/kept", check=True)
    for options in ((), ("--uidmap", "0:400000:65536")):
        done = sampan("run", "--rm", *options, "-v", "data:/data", "localhost/kept", "stat", "-c", "%u %g", "/home/mine",
                      "/home/d", "/data/v", check=True)
        assert done.stdout == "1000 1000\n5 6\n5 6\n"


def test_it_is_started_again_with_the_same_ids(sampan, image):
    sampan("create", "--name", "box", *MAPS, image, "sh", "-c", "cat /proc/self/uid_map >> /log; cat /log", check=True)
    for times in (1, 2):
        assert len(sampan("start", "-a", "box", check=True).stdout.splitlines()) == times


def test_what_a_container_has_beside_its_layers_is_its_own_too(sampan, image, scratch):
    (scratch / "secret").write_text("hidden")
    (scratch / "bound").mkdir()
    (scratch / "bound").chmod(0o755)
    sampan("secret", "create", "s", scratch / "secret", check=True)
    # Before Linux 6.3 there are no idmapped mounts of a tmpfs.
    ephemeral = ["--ephemeral"] if tuple(int(n) for n in os.uname().release.split(".")[:2]) >= (6, 3) else []
    done = sampan("run", "--rm", *MAPS, *ephemeral, "--user", "1000", "--secret", "s,uid=1000,mode=0400", "--ipc", "shareable",
                  "-v", f"{scratch}/bound:/bound", "--tmpfs", "/scratch:uid=1000", "--init", image, "sh", "-c",
                  "cat /run/secrets/s; echo; touch /dev/shm/x /scratch/x /home/x && stat -c %u /home/x /bound; touch /bound/x || id -u",
                  check=True)
    assert done.stdout == "hidden\n1000\n65534\n1000\n"


def test_a_terminal_and_a_bridge_are_there_as_usual(sampan, image):
    start(sampan, image, *MAPS, "--network", "none", "-t")
    assert shell(sampan, "stat -c %u /dev/pts/0; ls /sys/class/net; ls -d /proc/1") == "0\nlo\n/proc/1\n"
    done = sampan("run", "--rm", *MAPS, "--network", "host", "--pid", "host", image, "sh", "-c",
                  "cat /proc/self/uid_map; touch /sys/x /proc/sys/kernel/hostname")
    assert ids(done.stdout) == (0, 200000, 65536), done.stderr
    assert done.returncode == 1 and "Read-only file system" in done.stderr


@pytest.fixture
def subordinate(sampan, scratch):
    """Gives the user `containers` other ranges, for our sampan alone: set(uids, gids)."""
    for kind in ("uid", "gid"):
        pathlib.Path(f"/etc/sub{kind}").touch()
    wrapper = scratch / "sampan-with-ranges"
    wrapper.write_text(f"#!/bin/sh\nmount --bind {scratch}/subuid /etc/subuid && mount --bind {scratch}/subgid /etc/subgid &&\n"
                       f"exec {shlex.quote(sampan.argv[0])} \"$@\"\n")
    wrapper.chmod(0o755)
    sampan.argv[:1] = ["unshare", "-m", str(wrapper)]

    def give(uids, gids):
        (scratch / "subuid").write_text(uids)
        (scratch / "subgid").write_text(gids)
    return give


def test_auto_takes_ranges_that_no_other_container_has(sampan, image, subordinate):
    subordinate("containers:500000:4000\nother:1:9\ncontainers:600000:70000\n", "containers:800000:70000\n")
    print_maps = ("sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map")

    def maps(name, *options):
        done = sampan("run", "--name", name, "--userns", *options, image, *print_maps, check=True)
        return [ids(line) for line in done.stdout.splitlines()]

    assert maps("ba", "auto") == [(0, 500000, 3001), (0, 800000, 3001)]  # what the image's groups need
    assert maps("bb", "auto:size=1500") == [(0, 600000, 1500), (0, 803001, 1500)]
    assert maps("bc", "auto:size=900") == [(0, 503001, 900), (0, 804501, 900)]
    assert json.loads(sampan("inspect", "bc", check=True).stdout)[0]["HostConfig"]["UsernsMode"] == "private"
    refused(sampan("run", "--userns", "auto:size=70000", image, "true"), "not enough unused IDs in user namespace", 125)
    sampan("rm", "ba", check=True)
    assert maps("bd", "auto:size=2000")[0] == (0, 500000, 2000)
    assert sampan("start", "-a", "bb", check=True).stdout.split()[:3] == ["0", "600000", "1500"]
    assert [c["Names"] for c in json.loads(sampan("ps", "-a", "--format", "json", check=True).stdout)] == ["bd", "bc", "bb"]


def test_ranges_are_named_by_their_user(sampan, image, subordinate):
    subordinate("me:500000:1000\nme:700000:500\n", "me:800000:1000\nyou:900000:9\n")
    done = sampan("run", "--rm", "--subuidname", "me", image, "cat", "/proc/self/uid_map", "/proc/self/gid_map", check=True)
    assert [ids(line) for line in done.stdout.splitlines()] == [(0, 500000, 1000), (1000, 700000, 500), (0, 800000, 1000)]
    refused(sampan("run", "--rm", "--subuidname", "you", image, "true"),
            "cannot find mappings for user \"you\": no ranges in '/etc/subuid' (add a line like", 125)
    refused(sampan("run", "--userns", "auto", image, "true"), 'cannot find mappings for user "containers"', 125)
    assert sampan("ps", "-aq", check=True).stdout == ""


@pytest.mark.parametrize("options, message", [
    (["--userns", "nomap"], "nomap is only supported in rootless mode"),
    (["--userns", "keep-id"], "keep-id is only supported in rootless mode"),
    (["--userns", "keep-id:uid=1,gid=2"], "keep-id is only supported in rootless mode"),
    (["--userns", "container:x"], "no such container: x"),
    (["--userns", "container:"], "--userns container:: which one? (container:NAME, ns:PATH)"),
    (["--userns", "ns:/proc/self/ns/net"], "'/proc/self/ns/net' is not a user namespace"),
    (["--userns", "ns:/no/such"], "cannot open the user namespace '/no/such'"),
    (["--userns", "container:x", "--pid", "container:y"], "--userns container:x is not supported with the namespaces of another container"),
    (["--userns", "auto:size=0"], "invalid --userns 'auto:size=0': expected auto, or auto:size=N"),
    (["--uidmap", "0:1:4294967295"], "expected CONTAINER:HOST:SIZE"),
    (["--uidmap", "0:200000:1000", "--rootfs"], "not supported with --rootfs"),
    (["--uidmap", "0:200000:1000", "--ipc", "container:x"], "not supported with the namespaces of another container"),
    (["--uidmap", "0:200000:1000", "--network", "container:x"], "not supported with the namespaces of another container"),
    (["--uidmap", "0:200000:1000", "--user", "2000"], "cannot set"),
])
def test_what_cannot_be_is_refused_by_name(sampan, image, options, message):
    refused(sampan("run", "--rm", *options, image, "true"), message, 125)
    assert sampan("ps", "-aq", check=True).stdout == ""


def test_a_container_that_runs_while_others_come_keeps_its_own(sampan, image):
    start(sampan, image, *MAPS, command=SLEEP)
    sampan("exec", "-u", "user", "box", "sh", "-c", "id -u > /home/who", check=True)
    assert shell(sampan, "stat -c %u /home/who; cat /home/who") == "1000\n1000\n"
    sampan("restart", "box", check=True)
    assert shell(sampan, "stat -c %u /home/who") == "1000\n"


def test_another_container_joins_its_user_namespace(sampan, image):
    start(sampan, image, *MAPS, "--ipc", "shareable")
    space = os.readlink(f"/proc/{state(sampan)['Pid']}/ns/user")
    show = "readlink /proc/self/ns/user; stat -c %u /home/mine; cat /proc/self/uid_map"
    for options in (["--userns", "container:box"], ["--userns", f"ns:/proc/{state(sampan)['Pid']}/ns/user"],
                    ["--userns", "container:box", "--pid", "container:box", "--ipc", "container:box", "--network", "container:box"]):
        done = sampan("run", "--rm", "-u", "user", *options, image, "sh", "-c", f"{show}; id -u; touch /home/x", check=True)
        assert done.stdout.split() == [space, "1000", "0", "200000", "65536", "1000"]
    # It is looked for at each start.
    sampan("create", "--name", "later", "--userns", "container:box", image, "readlink", "/proc/self/ns/user", check=True)
    sampan("restart", "-t", "0", "box", check=True)
    assert sampan("start", "-a", "later", check=True).stdout.strip() == os.readlink(f"/proc/{state(sampan)['Pid']}/ns/user")
    sampan("stop", "-t", "0", "box", check=True)
    done = sampan("start", "later")
    assert done.returncode == 1 and "cannot join user namespace of a non running container" in done.stderr


def test_the_hosts_user_namespace_is_joined_by_doing_nothing(sampan, image):
    start(sampan, image)
    for mode in ("container:box", "ns:/proc/self/ns/user"):
        assert sampan("run", "--rm", "--userns", mode, image, "readlink", "/proc/self/ns/user", check=True).stdout.strip() == os.readlink("/proc/self/ns/user")


def test_a_path_that_leads_to_other_ids_by_now_is_refused(sampan, image, scratch):
    start(sampan, image, *MAPS)
    (scratch / "users").symlink_to(f"/proc/{state(sampan)['Pid']}/ns/user")
    sampan("create", "--name", "later", "--userns", f"ns:{scratch}/users", image, "true", check=True)
    start(sampan, image, "--uidmap", "0:400000:65536", name="other")
    (scratch / "users").unlink()
    (scratch / "users").symlink_to(f"/proc/{state(sampan, 'other')['Pid']}/ns/user")
    done = sampan("start", "later")
    assert done.returncode == 1 and f"the user namespace '{scratch}/users' has other IDs than when container later was made" in done.stderr
