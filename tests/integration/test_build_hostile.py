# SPDX-License-Identifier: Apache-2.0
"""Dockerfiles, contexts and commands that try to get out of a build: into the host's files, the terminal, or another's layers."""
import io
import json
import os
import socket
import stat
import subprocess
import tarfile

import pytest
from container_fixture import load, refused, staged, wait_for
from image_fixture import Layer, directory, file, symlink

pytestmark = pytest.mark.root

BOX = "FROM localhost/box\n"
VALUE = "the-value-of-a-secret-7f3a"


@pytest.fixture(name="box")
def box_fixture(sampan, scratch):
    return load(sampan, scratch, "box")


@pytest.fixture(name="context")
def context_fixture(tmp_path):
    """The context; beside it lies `outside`, a folder with a file, which no build may read."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text(VALUE)
    (tmp_path / "context").mkdir()
    return tmp_path / "context"


def build(sampan, context, dockerfile, *options, **kwargs):
    (context / "Dockerfile").write_bytes(dockerfile if isinstance(dockerfile, bytes) else dockerfile.encode())
    return sampan("build", "-t", "built", *options, context, **kwargs)


def solve_fails(done, text):
    """Its last line is just that."""
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.splitlines()[-1] == f"sampan: {text}", done.stderr


def layers(sampan, name="built"):
    """Of each layer {path: mode}."""
    (found,) = json.loads(sampan("inspect", name, check=True).stdout)
    result = []
    for diff_id in found["RootFS"]["Layers"]:
        top = sampan.root / "layers" / diff_id.removeprefix("sha256:") / "tree"
        result.append({str(path.relative_to(top)): stat.filemode(path.lstat().st_mode) for path in top.rglob("*")})
    return result


def shell(sampan, script, name="built"):
    return sampan("run", "--rm", name, "sh", "-c", script, check=True).stdout


def files_with(top, text):
    """Files below top that have this text: names, contents, links."""
    found = []
    for folder, folders, names in os.walk(top):
        for name in folders + names:
            path = os.path.join(folder, name)
            if text in name or (os.path.islink(path) and text in os.readlink(path)):
                found.append(path)
            elif os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as content:
                    if text.encode() in content.read():
                        found.append(path)
    return found


def tree_of(top):
    """All that one can see of files: to compare."""
    result = {}
    for folder, folders, names in os.walk(top):
        for path in (os.path.join(folder, name) for name in folders + names):
            info = os.lstat(path)
            result[path] = (info.st_mode, info.st_uid, info.st_gid, info.st_size, info.st_mtime_ns, info.st_ino)
    return result


# --- mounts of RUN ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../../../etc", "/", "..", ".", "a/b", "\x1b[31m", " ", "x" * 4096, "é\u202e"])
@pytest.mark.usefixtures("box")
def test_an_id_of_a_cache_never_becomes_a_path(sampan, scratch, context, name):
    before = set(os.listdir(scratch))
    text = name if name != " " else "$NAME"  # a blank ends a flag, one of a variable does not
    done = build(sampan, context, f'{BOX}ARG NAME=" "\nRUN --mount=type=cache,id="{text}",target=/c echo here >/c/file\n')
    assert done.returncode == 0, done.stderr
    (folder,) = os.listdir(sampan.root / "cache-mounts")
    assert len(folder) == 64 and set(folder) <= set("0123456789abcdef")
    assert (sampan.root / "cache-mounts" / folder / "data" / "file").read_text() == "here\n"
    assert set(os.listdir(scratch)) - before <= {"state"}


@pytest.mark.usefixtures("box")
def test_an_id_of_a_cache_that_is_too_long_is_refused(sampan, context):
    done = build(sampan, context, f"{BOX}RUN --mount=type=cache,id={'x' * 4097},target=/c true\n")
    assert done.returncode == 1
    assert "cache" in done.stderr.splitlines()[-1] and "4096" in done.stderr.splitlines()[-1], done.stderr


LINKS = Layer([directory("./"), directory("data"), symlink("absolute", "/data"), symlink("dangling", "/made/here"),
               symlink("loop", "loop"), symlink("up", "../../../../../../tmp"), symlink("file", "/etc/passwd")])


@pytest.mark.parametrize("target, real", [("/absolute", "/data"), ("/absolute/new", "/data/new"), ("/up/new", "/tmp/new"),
                                          ("/dangling/new", "/made/here/new"), ("/../../new", "/new"),
                                          ("/absolute/../new", "/new")])
def test_mount_points_go_through_links_within_the_image_and_leave_nothing(sampan, scratch, context, target, real):
    load(sampan, scratch, "box", [LINKS])
    host = real + "-of-the-host-is-untouched"
    done = build(sampan, context, f"{BOX}RUN --mount=type=tmpfs,target={target} grep -q ' {real} tmpfs' /proc/mounts && touch {real}/x\n")
    assert done.returncode == 0, done.stderr
    assert layers(sampan)[-1] == {}
    assert not os.path.exists(host) and not os.path.exists("/tmp/new") and not os.path.exists("/new")


@pytest.mark.parametrize("kind", ["tmpfs", "cache", "bind"])
def test_a_mount_point_behind_a_loop_of_links_is_refused(sampan, scratch, context, kind):
    load(sampan, scratch, "box", [LINKS])
    done = build(sampan, context, f"{BOX}RUN --mount=type={kind},target=/loop/x true\n")
    solve_fails(done, "failed to solve: mount point '/loop/x': too many symlinks on the way to '/loop/x'")
    assert staged(sampan) == []


@pytest.mark.parametrize("source", ["absolute", "relative", "folder", "folder/file", "../outside", "inner/../../outside"])
@pytest.mark.parametrize("instruction", ["RUN --mount=type=bind,source={},target=/m cat /m /m/file", "COPY {} /m", "ADD {} /m",
                                         "COPY --parents {} /m", "RUN --mount=type=bind,rw,source={},target=/m cat /m"])
@pytest.mark.usefixtures("box")
def test_links_of_the_context_lead_out_of_it_for_nobody(sampan, context, source, instruction):
    (context / "inner").mkdir()
    (context / "absolute").symlink_to(context.parent / "outside" / "file")
    (context / "relative").symlink_to("../outside/file")
    (context / "folder").symlink_to(context.parent / "outside")
    done = build(sampan, context, BOX + instruction.format(source))
    assert done.returncode == 1 and '": not found' in done.stderr.splitlines()[-1], done.stderr
    assert VALUE not in done.stderr
    assert files_with(sampan.root, VALUE) == [] and staged(sampan) == []


@pytest.mark.usefixtures("box")
def test_links_in_a_folder_that_is_copied_or_mounted_stay_links(sampan, context):
    (context / "d").mkdir()
    (context / "d" / "link").symlink_to(context.parent / "outside" / "file")
    (context / "d" / "folder").symlink_to("../../outside")
    done = build(sampan, context, BOX + "COPY d /d\nRUN --mount=type=bind,source=d,target=/m readlink /m/link && ! cat /m/link /m/folder/file\n")
    assert done.returncode == 0, done.stderr
    assert layers(sampan)[1] == {"d": "drwxr-xr-x", "d/link": "lrwxrwxrwx", "d/folder": "lrwxrwxrwx"}
    assert files_with(sampan.root / "layers", VALUE) == []


@pytest.mark.parametrize("how", ["rw", "rw,source=d"])
@pytest.mark.usefixtures("box")
def test_a_context_that_is_mounted_to_be_written_to_stays_as_it_was(sampan, context, how):
    (context / "d").mkdir()
    (context / "d" / "file").write_text("text")
    os.link(context / "d" / "file", context / "hard")
    (context / "Dockerfile").write_text(f"{BOX}RUN --mount=type=bind,{how},target=/m cd /m && echo other >$(find . -name file) && "
                                        "chmod 777 . && touch new && rm -rf d hard\n")
    before = tree_of(context)
    sampan("build", "-t", "built", context, check=True)
    assert tree_of(context) == before
    assert layers(sampan)[-1] == {}


@pytest.mark.parametrize("script", [
    "rm -rf /p 2>/dev/null; mv /p /gone; ln -s /etc /p; mkdir /etc/q; touch /etc/q/hostname",
    "mv /p/q /gone; ln -s /etc /p/q",
    "umount /p/q/hostname; rm -rf /p; ln -s / /p; mkdir -p /q; ln -s /etc/hostname /q/hostname",
    "mv /etc /gone; ln -s / /etc",
])
@pytest.mark.usefixtures("box")
def test_a_mount_point_that_a_command_replaces_by_a_link_harms_nothing(sampan, context, script):
    before = tree_of("/etc")
    (context.parent / "secret").write_text(VALUE)
    done = build(sampan, context, f"{BOX}RUN --mount=type=secret,id=s,target=/p/q/hostname --mount=type=tmpfs,target=/p/q/t {script}; true\n",
                 "--secret", f"id=s,src={context.parent}/secret")
    assert done.returncode == 0, done.stderr
    assert tree_of("/etc") == before
    assert files_with(sampan.root, VALUE) == []
    if "touch /etc/q/hostname" in script:  # what the command made is not taken for a mount point
        assert shell(sampan, "ls /etc/q") == "hostname\n"


@pytest.mark.usefixtures("box")
def test_mounts_leave_no_empty_files_and_folders_in_layers(sampan, context):
    (context / "file").write_text("text")
    done = build(sampan, context, BOX + "RUN --mount=type=tmpfs,target=/a/b/c --mount=type=cache,target=/root/.cache "
                 "--mount=type=bind,source=file,target=/etc/new/file --mount=type=secret,id=none,target=/s true\n")
    assert done.returncode == 0, done.stderr
    assert layers(sampan)[-1] == {}


# --- secrets ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("box")
def test_secrets_are_nowhere_on_the_disk_not_even_while_the_command_runs(sampan, context):
    (context.parent / "secret").write_text(VALUE)
    (context / "Dockerfile").write_text(
        f"{BOX}RUN --mount=type=secret,id=s --mount=type=secret,id=e,env=E --mount=type=cache,target=/c "
        "test $(cat /run/secrets/s) = $E && echo yes >/c/seen; while ! test -e /c/go; do sleep 0.05; done\n")
    process = sampan.popen("build", "-t", "built", "--secret", f"id=s,src={context.parent}/secret", "--secret", "id=e,env=VALUE",
                           context, env={"VALUE": VALUE})
    caches = sampan.root / "cache-mounts"
    wait_for(lambda: list(caches.glob("*/data/seen")) if caches.is_dir() else [], "the command")
    assert files_with(sampan.root, VALUE) == []
    assert files_with(sampan.state_dir, VALUE) == []
    (data,) = caches.glob("*/data")
    (data / "go").touch()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert VALUE not in stderr
    assert files_with(sampan.root, VALUE) == []
    assert VALUE not in sampan("inspect", "built").stdout + sampan("history", "--no-trunc", "built").stdout


# --- archives --------------------------------------------------------------------------------------------


def archive(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


def hard_link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.LNKTYPE, target
    return info, None


@pytest.mark.parametrize("members", [
    [file("../../../../../../tmp/climbed", b"x")],
    [file("/tmp/climbed", b"x")],
    [symlink("l", "/tmp"), file("l/climbed", b"x")],
    [symlink("l", "../../../../../../../../tmp"), file("l/climbed", b"x")],
    [hard_link("l", "/etc/passwd")],
    [hard_link("l", "../../../../../../etc/passwd")],
])
@pytest.mark.usefixtures("box")
def test_archives_that_climb_stay_in_the_layer(sampan, context, members):
    host = tree_of("/etc")
    (context / "a.tar").write_bytes(archive(*members))
    done = build(sampan, context, BOX + "ADD a.tar /d/\n")
    assert not os.path.exists("/tmp/climbed")
    assert tree_of("/etc") == host
    assert staged(sampan) == []
    if done.returncode == 0:
        assert all(path.split("/")[0] in ("d", "tmp") for path in layers(sampan)[-1]), layers(sampan)[-1]
    else:
        assert done.stderr.splitlines()[-1].startswith("sampan: failed to solve: "), done.stderr


# --- contexts --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("box")
def test_pipes_and_devices_of_a_context_are_copied_as_such_and_sockets_are_left_out(sampan, context):
    (context / "d").mkdir()
    os.mkfifo(context / "d" / "pipe")
    os.mknod(context / "d" / "null", 0o644 | stat.S_IFCHR, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as server:
        where = os.open(context / "d", os.O_PATH)
        server.bind(f"/proc/self/fd/{where}/socket")
        os.close(where)
    done = build(sampan, context, BOX + "COPY d /d\nRUN --mount=type=bind,source=d,target=/m ls /m\n")
    assert done.returncode == 0, done.stderr
    assert layers(sampan)[1] == {"d": "drwxr-xr-x", "d/pipe": "prw-r--r--", "d/null": "crw-r--r--"}


def test_a_context_of_many_files_is_copied_once(sampan, context):
    (context / "many").mkdir()
    for number in range(10000):
        (context / "many" / str(number)).touch()
    assert build(sampan, context, "FROM scratch\nCOPY many /\n", timeout=120).returncode == 0
    assert len(layers(sampan)[-1]) == 10000
    assert "CACHED" in build(sampan, context, "FROM scratch\nCOPY many /\n").stderr


def test_a_context_that_is_too_deep_is_refused(sampan, context):
    folder = os.open(context, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    done = build(sampan, context, "FROM scratch\nCOPY d /\n")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("sampan: failed to solve: more than 256 directories in each other: '/d/d/")
    assert staged(sampan) == []


@pytest.mark.parametrize("text, want", [
    ("*\n!keep\n", {"keep"}),
    ("*\n!../outside\n!/../outside/file\n", set()),
    ("!**\n**/secret\n", {"keep", "d", "d/other"}),
    ("d\n!d/secret\n!d/../../outside\n", {"keep", "d", "d/secret"}),
    ("d/*\n!d/o*\n", {"keep", "d", "d/other"}),
    ("\ufeff# comment\n  keep  \n", {"d", "d/secret", "d/other"}),
])
def test_ignore_files_with_exceptions_let_in_nothing_from_outside(sampan, context, text, want):
    (context / "d").mkdir()
    for name in ("keep", "d/secret", "d/other"):
        (context / name).write_text(name)
    (context.parent / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (context / ".dockerignore").write_text(text + ".dockerignore\n")
    sampan("build", "-t", "built", "-f", context.parent / "Dockerfile", context, check=True)
    assert set(layers(sampan)[-1]) == want
    assert files_with(sampan.root / "layers", VALUE) == []


# --- what is shown ---------------------------------------------------------------------------------------


BAD_BYTES = [b"\x07", b"\x08", b"\x0b", b"\x1b]", b"\x1b[2J", b"\xc2\x9b", b"\x7f"]


def is_harmless(text):
    return all(c in "\n\t" or (ord(c) >= 0x20 and not 0x7f <= ord(c) <= 0x9f) for c in text)


@pytest.mark.usefixtures("box")
def test_control_bytes_of_commands_and_dockerfiles_do_not_reach_the_terminal(sampan, context):
    octal = "".join(f"\\{byte:03o}" for part in BAD_BYTES for byte in part)
    dockerfile = (BOX + f"RUN printf 'first{octal}last\\n'; printf 'one\\rtwo\\r\\n'; printf 'a\\0b'\n").encode()
    dockerfile += b"LABEL a='" + b"".join(BAD_BYTES) + b"'\nRUN echo '" + b"".join(BAD_BYTES) + b"'; exit 3\n"
    done = build(sampan, context, dockerfile, "--build-arg", "A\x1b[2J\nB=1")
    assert done.returncode == 1
    assert is_harmless(done.stderr), [c for c in done.stderr if not is_harmless(c)]
    assert "first???" in done.stderr and "one?two\n" in done.stderr and "a?b\n" in done.stderr


def test_colours_of_commands_are_shown(sampan, box, context):
    assert box
    done = build(sampan, context, BOX + "RUN printf '\\033[1;31mred\\033[0m\\n'\n")
    assert "\x1b[1;31mred\x1b[0m\n" in done.stderr


def test_names_with_control_bytes_do_not_reach_the_terminal(sampan, context):
    name = "a\x1b[2J\nsampan: b"
    (context / name).mkdir()
    inner = context / name
    for _ in range(260):
        inner = inner / "d" if len(str(inner)) < 3000 else inner
        inner.mkdir(exist_ok=True)
    done = build(sampan, context, "FROM scratch\nCOPY . /\n")
    assert done.returncode == 1
    assert is_harmless(done.stderr)
    assert "more than 256 directories in each other: '/a?[2J" in done.stderr
    done = build(sampan, context, "FROM scratch\nCOPY a\x1b[2J\x07 /\n")
    assert done.returncode == 1 and is_harmless(done.stderr)


# --- Dockerfiles and flags -------------------------------------------------------------------------------


@pytest.mark.parametrize("text, message", [
    ("RUN : " + "x" * (1 << 20), "failed to read dockerfile 'Dockerfile': longer than 1048576 bytes"),
    ("RUN : " + "x" * 70000, "Dockerfile:2:1: dockerfile line greater than max allowed size of 65535"),
    ("ENV A=1\n" * 16384, "Dockerfile:16385:1: more than 16384 instructions"),
    ("RUN <<A\n" * 20000, "Dockerfile:2:5: unterminated heredoc"),
    ("RUN " + " ".join(f"<<A{n}" for n in range(20000)), "Dockerfile:2:1: dockerfile line greater than max allowed size of 65535"),
    ("ENV A=a\n" + "ENV A=$A$A$A$A$A$A$A$A$A$A\n" * 8,
     "Dockerfile:9:5: failed to process '$A$A$A$A$A$A$A$A$A$A': it becomes longer than 1048576 bytes or 65536 words"),
    ("RUN \0", "Dockerfile:2:5: it is not a text file (there is a NUL byte)"),
], ids=["file", "line", "instructions", "open heredocs", "many heredocs", "words", "NUL"])
@pytest.mark.usefixtures("box")
def test_dockerfiles_that_are_too_much_are_refused_at_once(sampan, context, text, message):
    done = build(sampan, context, f"{BOX}{text}\n", timeout=10)
    solve_fails(done, message)
    assert len(done.stderr) < 10000
    assert staged(sampan) == []


def test_heredocs_in_heredocs_are_text(sampan, context):
    text = "RUN <<B\nFROM x\n" * 5000
    assert build(sampan, context, f"FROM scratch\nCOPY <<A /x\n{text}A\n").returncode == 0
    assert layers(sampan)[-1] == {"x": "-rw-r--r--"}


@pytest.mark.usefixtures("box")
def test_a_line_break_in_an_argument_begins_no_instruction(sampan, context):
    done = build(sampan, context, BOX + 'ARG A\nENV E=$A\nLABEL l=$A\nRUN test "$E" = "$A" && ! ls /evil && echo "$A" | wc -l >/lines\n',
                 "--build-arg", "A=x\nRUN touch /evil", "--label", "m=x\nRUN touch /evil")
    assert done.returncode == 0, done.stderr
    assert layers(sampan)[-1] == {"lines": "-rw-r--r--"}
    (found,) = json.loads(sampan("inspect", "built", check=True).stdout)
    assert found["Config"]["Labels"] == {"l": "x\nRUN touch /evil", "m": "x\nRUN touch /evil"}
    assert "E=x\nRUN touch /evil" in found["Config"]["Env"]


@pytest.mark.parametrize("name, why", [
    ("UPPER", "the repository name must be in lower case"), ("a b", "'library/a b' is not a repository name"), ("", "it is empty"),
    ("../x", "'..' is not a registry host"), ("a\x1b[2j", "'library/a?[2j' is not a repository name"), ("/x", ""), ("a@sha256:x", "bad digest 'sha256:x'"),
])
def test_names_of_images_that_are_none_are_refused_before_anything_is_made(sampan, context, name, why):
    (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    done = sampan("build", "-t", name, context)
    refused(done, f"invalid tag \"{name}\"".replace("\x1b", "?"))
    assert why in done.stderr and is_harmless(done.stderr)
    assert not (sampan.root / "steps").is_dir() or os.listdir(sampan.root / "steps") == []


@pytest.mark.usefixtures("box")
def test_a_command_sees_neither_the_store_nor_other_processes(sampan, context):
    done = build(sampan, context, BOX + "RUN test $(ls -d /proc/[0-9]* | wc -l) -le 4; ! ls -d /proc/1/root/" +
                 f"{str(sampan.root).strip('/')} && ! mount -t tmpfs none /mnt 2>/dev/null && test -z \"$(head -c1 /proc/kcore)\" && "
                 "mknod /x b 7 0 && ! head -c1 /x\n")
    assert done.returncode == 0, done.stderr


def test_a_store_is_not_copied_into_its_own_layers(sampan, scratch):
    """The store lies in the context."""
    load(sampan, scratch, "box")
    (scratch / "Dockerfile").write_text(BOX + "RUN --mount=type=bind,source=Dockerfile,target=/m cat /m\nCOPY Dockerfile /\n")
    sampan("build", "-t", "built", scratch, check=True)
    assert subprocess.run(["find", sampan.root / "staging", "-mindepth", "1"], check=True, capture_output=True).stdout == b""
