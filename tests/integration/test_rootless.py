# SPDX-License-Identifier: Apache-2.0
"""sampan as an ordinary user, without a cgroup of hers: what takes limits and a session is in test_rootless_vm.py."""
import json
import os
import pathlib
import signal
import subprocess
import tarfile

import pytest

from container_fixture import load, refused, shell, start, state, upper, wait_for
from image_fixture import Layer, directory, file, whiteout
from rootless_fixture import keeper, ordinary, user  # noqa: F401  pylint: disable=unused-import

pytestmark = pytest.mark.root
OWNERS = ("stat", "-c", "%u %g", "/", "/home", "/home/mine")


@pytest.fixture
def image(ordinary):
    layers = [Layer([directory("home", uid=1000, gid=1000), file("home/mine", b"old\n", uid=1000, gid=1000), file("home/gone"),
                     directory("full"), file("full/below")]),
              Layer([whiteout("home/gone"), directory("full"), whiteout("full/below")])]
    return load(ordinary, ordinary.top, "mine", layers=layers)


def end(pid):
    os.kill(pid, signal.SIGKILL)
    stat = pathlib.Path(f"/proc/{pid}/stat")
    wait_for(lambda: not stat.exists() or stat.read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z", "its end")


def owner(path):
    found = path.lstat()
    return found.st_uid, found.st_gid


def test_she_is_root_of_her_containers_and_has_her_range_for_the_others(ordinary, image, user):
    start(ordinary, image)
    assert shell(ordinary, "id -u; cat /proc/self/uid_map").split() == [
        "0", "0", str(user.uid), "1", "1", str(user.first_uid), "65536"]
    assert ordinary("exec", "box", *OWNERS).stdout == "0 0\n1000 1000\n1000 1000\n"
    assert shell(ordinary, "ls /home /full; touch /home/new; rm /home/mine; mkdir -p /full/more") == "/full:\n\n/home:\nmine\nuser\n"
    assert owner(upper(ordinary) / "home/new") == (user.uid, user.gid)
    assert owner(upper(ordinary) / "home") == (user.first_uid + 999, user.first_gid + 999)
    pid = state(ordinary)["Pid"]
    assert os.stat(f"/proc/{pid}").st_uid == user.uid
    assert ordinary("diff", "box").stdout.splitlines() == ["C /full", "A /full/more", "C /home", "D /home/mine", "A /home/new"]


def test_everything_that_she_calls_is_in_the_same_namespaces(ordinary, image):
    start(ordinary, image, "--name", "other", name="box2")
    start(ordinary, image)
    spaces = {os.readlink(f"/proc/{pid}/ns/user") for pid in (keeper(ordinary), state(ordinary)["Pid"], state(ordinary, "other")["Pid"])}
    assert len(spaces) == 1 and os.readlink("/proc/self/ns/user") not in spaces
    # A killed keeper is replaced by another one as long as a container is there.
    first = keeper(ordinary)
    end(first)
    assert ordinary("exec", "box", "echo", "still", check=True).stdout == "still\n"
    assert keeper(ordinary) != first and {os.readlink(f"/proc/{keeper(ordinary)}/ns/user")} == spaces
    ordinary("rm", "-f", "box", "other", check=True)
    end(keeper(ordinary))
    assert ordinary("run", "--rm", image, "echo", "again", check=True).stdout == "again\n"


def test_volumes_secrets_and_mounts(ordinary, image, user):
    (ordinary.top / "secret").write_text("hidden")
    (ordinary.top / "here").mkdir()
    user.own(ordinary.top / "here")
    ordinary("secret", "create", "s", ordinary.top / "secret", check=True)
    ordinary("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=1m", "memory", check=True)
    start(ordinary, image, "-v", "data:/home", "-v", "memory:/memory", "-v", f"{ordinary.top}/here:/here", "--tmpfs", "/t",
          "--mount", f"type=image,source={image},target=/image", "--secret", "s,uid=1000,mode=0400", "--ipc", "shareable")
    assert shell(ordinary, "stat -c %u /home/mine /run/secrets/s; touch /here/x /t/x /home/x /memory/x; ls /image | head -1; "
                 "grep -c '^tmpfs /memory' /proc/mounts") == "1000\n1000\nbin\n1\n"
    assert owner(ordinary.top / "here/x") == (user.uid, user.gid)
    done = ordinary("run", "--rm", "--volumes-from", "box", "--ipc", "container:box", "--pid", "container:box", image, "sh", "-c",
                    "ls /home /memory /here", check=True)
    assert done.stdout == "/here:\nx\n\n/home:\nmine\nuser\nx\n\n/memory:\nx\n"


def test_she_builds_images_of_her_own(ordinary, image):
    folder = pathlib.Path(ordinary.top) / "context"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/a").write_text("copied\n")
    (folder / "secret").write_text("hidden")
    (folder / "Dockerfile").write_text(f"""FROM {image} AS one
WORKDIR /w
COPY --chown=1000:1000 sub /d/
RUN --mount=type=cache,target=/c --mount=type=bind,target=/b --mount=type=secret,id=s \\
    cat /d/a /b/sub/a /run/secrets/s >made && rm /home/mine && id -u >>made
FROM {image}
COPY --from=one /w/made /made
RUN --network=none ls /sys/class/net >>/made
""")
    os.chmod(ordinary.top, 0o755)
    ordinary("build", "-q", "-t", "built", "--secret", f"id=s,src={folder / 'secret'}", folder, check=True)
    assert ordinary("run", "--rm", "built", "cat", "/made", check=True).stdout == "copied\ncopied\nhidden0\nlo\n"
    again = ordinary("build", "-t", "built", "--secret", f"id=s,src={folder / 'secret'}", folder, check=True)
    assert again.stderr.count("CACHED") == 5
    ordinary("build", "-q", "--target", "one", "-t", "one", "--secret", f"id=s,src={folder / 'secret'}", folder, check=True)
    assert ordinary("run", "--rm", "one", "stat", "-c", "%u %g", "/d/a", "/w/made", check=True).stdout == "1000 1000\n0 0\n"
    assert ordinary("fsck", check=True).returncode == 0


def test_cp_commit_export_and_a_stopped_container(ordinary, image, user):
    (ordinary.top / "file").write_text("from here\n")
    start(ordinary, image)
    ordinary("cp", ordinary.top / "file", "box:/home/file", check=True)
    assert shell(ordinary, "cat /home/file") == "from here\n"
    ordinary("commit", "--no-pause", "box", "localhost/kept", check=True)
    ordinary("stop", "-t", "1", "box", check=True)
    ordinary("cp", "box:/home", ordinary.top / "copied", check=True)
    assert owner(ordinary.top / "copied/file") == (user.uid, user.gid)
    ordinary("export", "-o", ordinary.top / "tar", "box", check=True)
    listed = subprocess.run(["tar", "-tvf", ordinary.top / "tar", "--numeric-owner", "home/mine"], check=True, capture_output=True, text=True)
    assert " 1000/1000 " in listed.stdout
    assert ordinary("run", "--rm", "localhost/kept", *OWNERS, check=True).stdout == "0 0\n1000 1000\n1000 1000\n"


def test_the_hosts_namespaces_are_shown_read_only_or_not_at_all(ordinary, image):
    done = ordinary("run", "--rm", "--network", "host", "--pid", "host", image, "sh", "-c",
                    f"ls -d /proc/{os.getpid()} /sys/class/net/lo; touch /sys/x")
    assert done.stdout == f"/proc/{os.getpid()}\n/sys/class/net/lo\n"
    assert "Read-only file system" in done.stderr


def id_map(text):
    return [tuple(int(n) for n in line.split()) for line in text.splitlines()]


@pytest.fixture
def known(ordinary):
    """An image whose passwd has no user of our number, and some files of others."""
    return load(ordinary, ordinary.top, "known", layers=[
        Layer([directory("etc"), file("etc/passwd", b"root:x:0:0::/root:/bin/sh\n"), file("etc/group", b"root:x:0:"), directory("home", uid=1000, gid=1000),
               file("home/mine", b"old\n", uid=1000, gid=1000), file("home/twin", b"old\n", mode=0o4755), directory("seed"), file("seed/s", uid=7)]),
        Layer([whiteout("home/twin"), file("late", uid=5, gid=6)])])


def test_keep_id_makes_her_herself_in_the_container(ordinary, known, user):
    (ordinary.top / "here").mkdir()
    user.own(ordinary.top / "here")
    start(ordinary, known, "--userns", "keep-id", "-v", f"{ordinary.top}/here:/here", "-v", "seeds:/seed", "-v", "new:/new")
    assert shell(ordinary, "id -u; id -g; id -un; echo $HOME; touch /here/x /new/x; cat /proc/self/uid_map").split("\n")[:4] == [
        str(user.uid), str(user.gid), user.name, "/"]
    assert id_map(shell(ordinary, "cat /proc/self/uid_map")) == [(0, 1, user.uid), (user.uid, 0, 1), (user.uid + 1, user.uid + 1, 65536 - user.uid)]
    assert owner(ordinary.top / "here/x") == (user.uid, user.gid)
    # What the image has belongs to whom the image names; the set-user-ID bits too.
    assert shell(ordinary, "stat -c '%u %g' / /etc/hosts /etc/passwd /home/mine /late /seed/s; ls /home").split("\n")[:-1] == [
        "0 0", "0 0", "0 0", "1000 1000", "5 6", "7 0", "mine", "user"]
    refused(ordinary("exec", "box", "touch", "/etc/x"), "Permission denied")
    ordinary("exec", "-u", "0", "box", "sh", "-c", "echo new > /etc/new; chown 9:8 /etc/new; rm /late", check=True)
    assert ordinary("diff", "box", check=True).stdout.splitlines() == ["C /etc", "A /etc/new", "A /here", "D /late", "A /new"]
    assert ordinary("run", "--rm", "--userns", "keep-id", "-u", "0", "-v", "seeds:/seed", known, "stat", "-c", "%u", "/seed/s", check=True).stdout == "7\n"


def test_what_a_container_with_other_ids_wrote_is_what_others_see(ordinary, known, user):
    start(ordinary, known, "--userns", "keep-id:uid=200,gid=210")
    assert shell(ordinary, "id -u; id -g; cat /etc/passwd | wc -l").split() == ["200", "210", "1"]
    assert id_map(shell(ordinary, "cat /proc/self/uid_map"))[1] == (200, 0, 1)
    ordinary("exec", "-u", "0", "box", "sh", "-c", "echo x > /etc/of-root; echo x > /etc/of-200; chown 200:210 /etc/of-200", check=True)
    (ordinary.top / "file").write_text("from here\n")
    ordinary("cp", ordinary.top / "file", "box:/etc/file", check=True)
    shown = ("stat", "-c", "%n %u %g", "/etc/of-root", "/etc/of-200", "/etc/file", "/home/mine")
    expected = "/etc/of-root 0 0\n/etc/of-200 200 210\n/etc/file 0 0\n/home/mine 1000 1000\n"
    assert ordinary("exec", "box", *shown).stdout == expected
    ordinary("commit", "--no-pause", "box", "localhost/kept", check=True)
    assert ordinary("run", "--rm", "localhost/kept", *shown, check=True).stdout == expected
    ordinary("stop", "-t", "0", "box", check=True)
    ordinary("cp", ordinary.top / "file", "box:/etc/late", check=True)
    ordinary("export", "-o", ordinary.top / "tar", "box", check=True)
    with tarfile.open(ordinary.top / "tar") as tar:
        assert {n: (tar.getmember(n).uid, tar.getmember(n).gid) for n in ("etc/of-root", "etc/of-200", "etc/late", "home/mine")} == {
            "etc/of-root": (0, 0), "etc/of-200": (200, 210), "etc/late": (0, 0), "home/mine": (1000, 1000)}
    ordinary("cp", "box:/etc/of-200", ordinary.top / "out", check=True)
    assert owner(ordinary.top / "out") == (user.uid, user.gid)
    ordinary("start", "box", check=True)
    assert shell(ordinary, "stat -c %u /etc/late /etc/of-200") == "0\n200\n"


def test_the_copies_of_an_image_are_shared_and_collected(ordinary, known):
    copies = ordinary.root / "mapped"
    for options in (("keep-id",), ("keep-id",), ("nomap",)):
        ordinary("run", "--userns", *options, known, "true", check=True)
    assert len(list(copies.iterdir())) == 2
    ordinary("rm", *ordinary("ps", "-aq", check=True).stdout.split(), check=True)
    ordinary("image", "prune", "-f", check=True)
    assert not list(copies.iterdir())


def test_the_copies_of_an_image_are_counted_and_checked(ordinary, known):
    assert "Image Copies" not in ordinary("system", "df", check=True).stdout
    ordinary("run", "--name", "box", "--userns", "keep-id", known, "true", check=True)
    copy, = (ordinary.root / "mapped").iterdir()
    row = ordinary("system", "df", check=True).stdout.splitlines()[-1].split()
    assert row[:4] == ["Image", "Copies", "1", "1"] and row[5:] == ["0B", "(0%)"] and row[4] != "0B", row
    verbose = json.loads(ordinary("system", "df", "-v", "--format", "json", check=True).stdout)
    assert [(entry["ID"], entry["Containers"]) for entry in verbose["ImageCopies"]] == [(copy.name, 1)]
    assert f"{copy.name[:12]}" in ordinary("system", "df", "-v", check=True).stdout.splitlines()[-1]
    assert ordinary("fsck", check=True).stdout.endswith(" 1 containers, 1 image copies: clean\n")
    (copy / "tree/home/mine").write_bytes(b"odd\n")
    damage = f"image copy {copy.name[:12]}: home/mine: altered"
    done = ordinary("fsck")
    assert done.returncode == 1 and damage in done.stdout.splitlines(), done.stdout
    done = ordinary("fsck", "--repair")  # what a container has is left
    assert done.returncode == 1 and f"{damage} (not repaired)" in done.stdout.splitlines() and copy.exists()
    copy.rename(copy.with_name("." + copy.name))
    done = ordinary("fsck")
    assert done.returncode == 1 and f"image copy {copy.name[:12]}: missing" in done.stdout.splitlines(), done.stdout
    copy.with_name("." + copy.name).rename(copy)
    ordinary("rm", "box", check=True)
    row = ordinary("system", "df", check=True).stdout.splitlines()[-1].split()
    assert row[2:4] == ["1", "0"] and row[4] == row[5] and row[6] == "(100%)", row
    done = ordinary("fsck", "--repair", check=True)
    assert f"{damage} (repaired)" in done.stdout.splitlines() and not copy.exists()


def test_nomap_uidmap_and_auto_take_from_her_range(ordinary, known, user):
    show = ("cat", "/proc/self/uid_map")
    start(ordinary, known, "--userns", "nomap", "-v", "new:/new")
    assert id_map(shell(ordinary, "cat /proc/self/uid_map")) == [(0, 1, 65536)]
    assert shell(ordinary, "id -u; touch /new/x /x; stat -c %u /new /late /home/mine") == "0\n0\n5\n1000\n"
    assert owner(upper(ordinary) / "x") == (user.first_uid, user.first_gid)
    done = ordinary("run", "--rm", "--uidmap", "0:100:2000", known, *show, check=True)
    assert id_map(done.stdout) == [(0, 100, 2000)]
    ordinary("run", "--name", "auto", "--userns", "auto:size=3000", known, "true", check=True)
    assert id_map(ordinary("run", "--rm", "--userns", "auto", known, *show, check=True).stdout) == [(0, 3001, 1024)]
    refused(ordinary("run", "--uidmap", "0:100:500", known, "true"), "'/home' belongs to 1000:1000, who is nobody in the container's user namespace", 125)


def test_a_user_namespace_is_shared_with_a_container_or_by_its_path(ordinary, known):
    start(ordinary, known, "--userns", "nomap", "--ipc", "shareable")
    space = os.readlink(f"/proc/{state(ordinary)['Pid']}/ns/user")
    for options in (["--userns", "container:box", "--pid", "container:box", "--ipc", "container:box", "--network", "container:box"],
                    ["--userns", f"ns:/proc/{state(ordinary)['Pid']}/ns/user"]):
        done = ordinary("run", "--rm", *options, known, "sh", "-c", "readlink /proc/self/ns/user; stat -c %u /late; id -u", check=True)
        assert done.stdout.split() == [space, "5", "0"]


@pytest.mark.parametrize("options, message", [
    (["--userns", "keep-id:size=3"], 'unknown option specified: "size=3"'),
    (["--userns", "keep-id:uid=x"], "invalid value 'uid=x' for --userns keep-id"),
    (["--userns", "keep-id", "--uidmap", "0:1:9"], "cannot be used with --userns keep-id"),
    (["--uidmap", "0:65000:1000"], "--uidmap and --gidmap: there are no such IDs in your range"),
    (["--subuidname", "x"], "--subuidname and --subgidname need root"),
    (["--userns", "nomap", "--mount", "type=image,source=localhost/known,target=/i"], "an image cannot be mounted on '/i' of a container with a user namespace without root"),
])
def test_what_her_user_namespaces_cannot_have_is_refused(ordinary, known, options, message):
    refused(ordinary("run", *options, known, "true"), message, 125)
    assert ordinary("ps", "-aq", check=True).stdout == ""


def test_without_ids_or_a_place_the_cure_is_named(ordinary, user, scratch):
    for kind, given in (("uid", f"{user.name}:1:65536\n"), ("gid", "")):
        (scratch / kind).write_text(given)
    argv = ["unshare", "-m", "sh", "-c", f"mount --bind {scratch}/gid /etc/subgid && exec \"$@\"", "sh", *ordinary.argv, "ps"]
    done = subprocess.run(argv, env=ordinary.env, capture_output=True, text=True, check=False)
    assert done.returncode == 125
    assert done.stderr == (f"sampan: no IDs for '{user.name}' in '/etc/subgid' (as root: usermod --add-subuids 100000-165535 "
                           f"--add-subgids 100000-165535 {user.name})\n")
    assert not (ordinary.state_dir / "namespace").exists()
    env = {k: v for k, v in ordinary.env.items() if k not in ("XDG_RUNTIME_DIR", "XDG_DATA_HOME")}
    done = subprocess.run(user.argv(ordinary.top / "sampan", "ps"), env=env, capture_output=True, text=True, check=False)
    assert f"there is no '/run/user/{user.uid}' (log in, or: loginctl enable-linger" in done.stderr
    assert subprocess.run(user.argv(ordinary.top / "sampan", "version"), env={**env, "XDG_RUNTIME_DIR": "/nowhere"},
                          capture_output=True, text=True, check=False).returncode == 0


def test_her_store_is_in_her_home(ordinary, user):
    env = {**ordinary.env, "HOME": str(ordinary.top), "XDG_RUNTIME_DIR": str(ordinary.top / "run")}
    env.pop("XDG_DATA_HOME", None)
    pathlib.Path(env["XDG_RUNTIME_DIR"]).mkdir(mode=0o700)
    user.own(ordinary.top)
    done = subprocess.run(user.argv(ordinary.top / "sampan", "volume", "create", "vol"), env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "vol\n"), done.stderr
    assert (ordinary.top / ".local/share/sampan/volumes/vol").is_dir()
    os.kill(int((ordinary.top / "run/sampan/namespace").read_text(encoding="ascii").split()[0]), signal.SIGKILL)


def test_it_is_restarted_and_checked_as_any(ordinary, image):
    ordinary("run", "-d", "--name", "again", "--restart", "on-failure:2", image, "false", check=True)
    start(ordinary, image, "--health-cmd", "true", "--health-interval", "100ms")
    wait_for(lambda: "(healthy)" in state(ordinary)["Status"], "its health")
    wait_for(lambda: json.loads(ordinary("inspect", "again").stdout)[0]["RestartCount"] == 2, "its restarts")
    ordinary("restart", "-t", "0", "box", check=True)
    assert state(ordinary)["State"] == "running"


def test_her_logs_are_compressed(ordinary, image):
    start(ordinary, image, "--log-driver", "local", "--log-opt", "max-size=20k", "--log-opt", "max-file=3", command=("sh", "-c",
          "n=0; while [ $n -lt 1000 ]; do echo line $n; n=$((n + 1)); done; exec sleep 1000"))
    wait_for(lambda: ordinary("logs", "-n", "1", "box").stdout == "line 999\n", "the last line")
    folder = ordinary.root / "containers" / json.loads(ordinary("inspect", "box").stdout)[0]["Id"] / "log"
    wait_for(lambda: sorted(path.name.partition("log")[2] for path in folder.glob("*")) == ["", ".1.gz", ".2.gz"], "the gzip of each file")
    assert ordinary("logs", "-n", "500", "box").stdout == "".join(f"line {n}\n" for n in range(500, 1000))
