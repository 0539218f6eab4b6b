# SPDX-License-Identifier: Apache-2.0
"""Builds that are stopped, that fill the disk, and that have company: what stays is valid, and nothing else stays."""
import contextlib
import fcntl
import glob
import json
import os
import signal
import subprocess
import termios
import time
import uuid

import pytest
from conftest import SLOW
from container_fixture import load, staged, wait_for
from image_fixture import Image, Layer, file, write_layout

pytestmark = pytest.mark.root

BOX = "FROM localhost/box\n"
ENDS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -signal.SIGKILL}
FILES = 20000


class Site:
    """A context, a base image, and a word that all processes of its builds have in their command line or their environment."""

    def __init__(self, sampan, scratch, folder):
        self.sampan, self.context, self.mark = sampan, folder, f"mark-{uuid.uuid4().hex}"
        self.env = {"BUILD_MARK": self.mark}
        self.names = set()
        load(sampan, scratch, "box")
        folder.mkdir()

    def write(self, dockerfile):
        (self.context / "Dockerfile").write_text(dockerfile)

    def start(self, *options, name="built"):
        """A build whose standard error goes to a file, `.log`."""
        log = self.context.parent / f"log-{uuid.uuid4().hex}"
        with open(log, "w", encoding="utf-8") as stderr:
            process = self.sampan.popen("build", "-t", name, *options, self.context, env=self.env, stderr=stderr)
        process.log = log
        return process

    def build(self, *options, name="built"):
        return self.sampan("build", "-t", name, *options, self.context, env=self.env)

    def staging(self):
        """Names in staging/; all that were there once are remembered."""
        found = staged(self.sampan) if (self.sampan.root / "staging").is_dir() else []
        self.names.update(found)
        return found

    def caches(self, name):
        """Files of that name in cache mounts."""
        self.staging()
        return glob.glob(f"{self.sampan.root}/cache-mounts/*/data/{name}")

    def touch_cache(self, name):
        (folder,) = glob.glob(f"{self.sampan.root}/cache-mounts/*/data")
        with open(f"{folder}/{name}", "w", encoding="ascii"):
            pass

    def processes(self):
        found = []
        for path in glob.glob("/proc/[0-9]*"):
            with contextlib.suppress(OSError):
                for name in ("cmdline", "environ"):
                    with open(f"{path}/{name}", "rb") as file:
                        if self.mark.encode() in file.read():
                            found.append(path)
        return found

    def mounts(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as table:
            return [line for line in table if f" {self.sampan.root}/" in line]

    def cgroups(self):
        return [path for name in self.names for path in glob.glob(f"/sys/fs/cgroup/*/build-{name}-*") +
                glob.glob(f"/sys/fs/cgroup/*/*/build-{name}-*")]

    def assert_gone(self):
        """Nothing of a build lives or is mounted."""
        wait_for(lambda: not self.processes(), "the end of all processes", 20)
        assert self.mounts() == []

    def assert_clean(self):
        assert staged(self.sampan) == []
        assert self.cgroups() == []
        done = self.sampan("fsck")
        assert done.returncode == 0, done.stdout + done.stderr

    def steps(self, log):
        return [line.split(" ", 1)[1] for line in log.splitlines() if line.startswith("#") and
                line.split(" ")[1] in ("CACHED", "DONE", "ERROR")]


@pytest.fixture(name="site")
def site_fixture(sampan, scratch, tmp_path):
    return Site(sampan, scratch, tmp_path / "context")


def layer(sampan, name="built", index=-1):
    """The folder of a layer's files."""
    (found,) = json.loads(sampan("inspect", name, check=True).stdout)
    return sampan.root / "layers" / found["RootFS"]["Layers"][index].removeprefix("sha256:") / "tree"


def end(process):
    process.wait(60 * SLOW)
    return process.log.read_text()


# --- stopped ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ENDS)
def test_a_build_that_is_stopped_at_run_leaves_what_was_made_before(site, number):
    script = f"{BOX}RUN echo first >/first\nRUN --mount=type=cache,target=/c echo half >/second; {{}}: {site.mark}\n"
    site.write(script.format("touch /c/begun; sleep 3600 & sleep 3600; "))
    process = site.start()
    wait_for(lambda: site.caches("begun"), "the second step")
    assert site.processes() and site.names
    os.kill(process.pid, number)
    log = end(process)
    assert process.returncode == ENDS[number]
    site.assert_gone()
    if number != signal.SIGKILL:
        assert log.splitlines()[-1] == "sampan: interrupted"
        site.assert_clean()
    site.write(script.format("echo whole >/second; "))
    done = site.build()
    assert done.returncode == 0, done.stderr
    assert [step.split(" ")[0] for step in site.steps(done.stderr)] == ["CACHED", "DONE"]
    assert (layer(site.sampan) / "second").read_text() == "whole\n"
    site.assert_clean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_stopped_while_it_copies_is_made_whole_by_the_next_one(site, number):
    (site.context / "many").mkdir()
    for index in range(FILES):
        (site.context / "many" / str(index)).touch()
    site.write("FROM scratch\nCOPY many /many\n")
    process = site.start()
    trees = f"{site.sampan.root}/staging/*/step-*/tree/many"
    wait_for(lambda: site.staging() and any(len(os.listdir(path)) > 10 for path in glob.glob(trees)), "the copy")
    os.kill(process.pid, number)
    end(process)
    assert process.returncode == ENDS[number]
    site.assert_gone()
    if number != signal.SIGKILL:
        site.assert_clean()
    done = site.build()
    assert done.returncode == 0, done.stderr
    assert len(os.listdir(layer(site.sampan) / "many")) == FILES
    site.assert_clean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_build_that_reads_its_context_stops_at_once(site, number):
    with open(site.context / "large", "wb") as file:
        file.truncate(1 << 40)  # which nobody waits for
    site.write("FROM scratch\nCOPY large /\n")
    process = site.start()
    wait_for(lambda: any("/large" in link for link in links_of(process.pid)), "the reading")
    os.kill(process.pid, number)
    assert end(process) == "sampan: interrupted\n"
    assert process.returncode == ENDS[number]
    site.assert_clean()


def links_of(pid):
    found = []
    for path in glob.glob(f"/proc/{pid}/fd/*"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(path))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("delay_ms", [0, 3, 8, 15, 30, 60])
def test_a_build_can_be_stopped_at_any_time(site, number, delay_ms):
    (site.context / "file").write_text("text")
    site.write(f"{BOX}COPY file /\nRUN cat /file >/copy; : {site.mark}\n")
    process = site.start()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(delay_ms / 1000)
    site.staging()
    if process.poll() is None:
        os.kill(process.pid, number)
    end(process)
    assert process.returncode in (0, ENDS[number], -number)  # nobody had asked for it yet
    site.assert_gone()
    done = site.build()
    assert done.returncode == 0, done.stderr
    assert (layer(site.sampan) / "copy").read_text() == "text"
    site.assert_clean()


# --- stopped while what was made is brought out -----------------------------------------------------------


EXPORTS = {"local": "type=local,dest={out}/d", "beside": "type=local,dest={out}", "tar": "type=tar,dest={out}/f", "oci": "type=oci,dest={out}/f",
           "docker": "type=docker,dest={out}/f", "layout": "type=oci,tar=false,dest={out}/d"}


def export_begun(site, out):
    """Whether there is something at the destination, or on its way there, that was not there before."""
    return [name for name in os.listdir(out) if name != "there"] or glob.glob(f"{site.sampan.root}/staging/*/squash")


@pytest.mark.parametrize("kind, number", zip(EXPORTS, [signal.SIGINT, signal.SIGTERM] * 3))
def test_an_export_that_is_stopped_leaves_nothing_at_its_destination(site, kind, number):
    out = site.context.parent / "out"
    out.mkdir()
    (out / "there").touch()
    (site.context / "many").mkdir()
    for index in range(FILES // 8):
        (site.context / "many" / str(index)).touch()
    with open(site.context / "large", "wb") as file:
        file.truncate(512 << 20)
    site.write("FROM scratch\nCOPY large /\nCOPY many /many\n")
    assert site.build().returncode == 0
    process = site.start("-o", EXPORTS[kind].format(out=out))
    wait_for(lambda: export_begun(site, out), "the export")
    began = time.monotonic()
    os.kill(process.pid, number)
    log = end(process)
    assert (process.returncode, log.splitlines()[-1]) == (ENDS[number], "sampan: interrupted"), log
    assert time.monotonic() - began < 5 * SLOW
    assert os.listdir(out) == ["there"]
    site.assert_gone()
    site.assert_clean()


@pytest.mark.parametrize("kind", ["tar", "oci", "docker"])
def test_an_export_into_a_pipe_that_nobody_reads_is_stopped(site, kind):
    with open(site.context / "large", "wb") as file:
        file.write(os.urandom(4 << 20))
    site.write("FROM scratch\nCOPY large /\n")
    assert site.build().returncode == 0
    reader, writer = os.pipe()
    log = site.context.parent / "log"
    with open(log, "w", encoding="utf-8") as stderr:
        process = site.sampan.popen("build", "-o", f"type={kind},dest=-", site.context, env=site.env, stdout=writer, stderr=stderr)
    os.close(writer)
    process.log = log
    wait_for(lambda: fcntl.ioctl(reader, termios.FIONREAD, b"\0" * 4) != b"\0" * 4, "the first bytes")
    os.kill(process.pid, signal.SIGINT)
    assert end(process).splitlines()[-1] == "sampan: interrupted"
    assert process.returncode == 130
    os.close(reader)
    site.assert_gone()
    site.assert_clean()


def test_a_build_that_squashes_is_stopped(site):
    (site.context / "many").mkdir()
    for index in range(FILES):
        (site.context / "many" / str(index)).touch()
    site.write("FROM scratch\nCOPY many /many\nCOPY Dockerfile /\n")
    assert site.build().returncode == 0
    process = site.start("--squash", name="squashed")
    wait_for(lambda: any(len(os.listdir(path)) > 10 for path in glob.glob(f"{site.sampan.root}/staging/*/squash/tree/many")), "the squashing")
    os.kill(process.pid, signal.SIGTERM)
    assert end(process).splitlines()[-1] == "sampan: interrupted"
    assert process.returncode == 143
    site.assert_gone()
    site.assert_clean()
    assert site.build("--squash", name="squashed").returncode == 0
    assert len(os.listdir(layer(site.sampan, "squashed") / "many")) == FILES


# --- beside others ---------------------------------------------------------------------------------------


def test_what_is_at_work_beside_a_step_that_fails_ends(site):
    wait = "while ! test -e /c/begun; do sleep 0.02; done"
    site.write(f"{BOX.strip()} AS slow\nRUN --mount=type=cache,target=/c touch /c/begun; sleep 3600; : {site.mark}\n"
               f"{BOX.strip()} AS bad\nRUN --mount=type=cache,target=/c {wait}; touch /bad; exit 3\n"
               f"{BOX}COPY --from=slow /c /\nCOPY --from=bad /bad /\n")
    process = site.start("--jobs", "2")
    log = end(process)
    assert process.returncode == 1
    assert log.splitlines()[-1].endswith("did not complete successfully: exit code: 3"), log
    site.assert_gone()
    site.assert_clean()


def test_the_next_build_sweeps_what_a_killed_one_left(site):
    site.write(f"{BOX}RUN --mount=type=cache,target=/c touch /c/begun; sleep 3600; : {site.mark}\n")
    process = site.start()
    wait_for(lambda: site.caches("begun"), "the step")
    process.kill()
    end(process)
    site.assert_gone()
    assert staged(site.sampan) != []
    site.write("FROM scratch\nENV A=1\n")
    assert site.build().returncode == 0
    site.assert_clean()


def names_of(site):
    return set(site.sampan("images", "--format", "{{.Repository}}:{{.Tag}}", check=True).stdout.split())


def test_a_collection_takes_what_a_killed_build_had_read_from_a_layout(site, scratch):
    layout = write_layout(scratch / "layout", {"t": Image([Layer([file("i", b"of the layout alone")])])})
    before, blobs = names_of(site), set(os.listdir(site.sampan.root / "blobs" / "sha256"))
    site.write(f"FROM other AS other\n{BOX}COPY --from=other /i /\nRUN --mount=type=cache,target=/c touch /c/begun; sleep 3600; : {site.mark}\n")
    process = site.start("--build-context", f"other=oci-layout://{layout}:t")
    wait_for(lambda: site.caches("begun"), "the step")
    assert len(names_of(site) - before) == 1
    process.kill()
    end(process)
    site.assert_gone()
    site.write("FROM scratch\n")
    assert site.build("--check").returncode == 0  # which sweeps its cgroup
    site.sampan("image", "prune", "-f", check=True)
    assert names_of(site) == before
    assert set(os.listdir(site.sampan.root / "blobs" / "sha256")) == blobs
    site.assert_clean()


def test_a_collection_takes_what_a_killed_build_had_made_for_a_file(site):
    with open(site.context / "large", "wb") as out:
        out.write(os.urandom(4 << 20))
    site.write("FROM scratch\nCOPY large /\n")
    before = names_of(site)
    reader, writer = os.pipe()
    process = site.sampan.popen("build", "-o", "type=oci,dest=-", site.context, env=site.env, stdout=writer)
    os.close(writer)
    wait_for(lambda: fcntl.ioctl(reader, termios.FIONREAD, b"\0" * 4) != b"\0" * 4, "the first bytes")
    assert len(names_of(site) - before) == 1
    process.kill()
    process.wait()
    os.close(reader)
    site.assert_gone()
    site.sampan("image", "prune", "-f", check=True)
    assert names_of(site) == before
    site.assert_clean()


# --- a full disk -----------------------------------------------------------------------------------------


@pytest.fixture(name="disk")
def disk_fixture(sampan, scratch, tmp_path):
    """Puts the store on an ext4 of 48 MiB of which disk.fill() leaves 8 MiB free, and disk.free() all."""
    with open(tmp_path / "disk", "wb") as image:
        image.truncate(48 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-N", "4000", tmp_path / "disk"], check=True)
    sampan.root.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", tmp_path / "disk", sampan.root], check=True)
    filler = sampan.root / "filler"

    class Disk:
        @staticmethod
        def fill():
            info = os.statvfs(sampan.root)
            with open(filler, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, info.f_bavail * info.f_bsize - (8 << 20))

        @staticmethod
        def free():
            filler.unlink()

    assert scratch
    yield Disk
    subprocess.run(["umount", "-l", sampan.root], check=False)


@pytest.mark.usefixtures("disk")
@pytest.mark.parametrize("how", ["COPY large /", "COPY --link large /", "RUN --mount=type=bind,target=/m,rw true",
                                 "RUN --mount=type=bind,target=/m cp /m/large /"])
def test_a_disk_that_fills_up_while_files_are_copied_gives_one_line(sampan, disk, site, how):
    (site.context / "large").write_bytes(os.urandom(12 << 20))
    site.write(f"{BOX}RUN echo a >/a\n{how}\n")
    disk.fill()
    done = site.build()
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("sampan: failed to solve: ") and "no space left on the file system" in last, done.stderr
    assert str(sampan.root) in last and done.stderr.count("sampan: ") == 1
    site.assert_clean()
    disk.free()
    done = site.build()
    assert done.returncode == 0, done.stderr
    assert site.steps(done.stderr)[0] == "CACHED"
    site.assert_clean()


@pytest.mark.usefixtures("disk")
def test_a_command_that_fills_the_disk_fails_and_leaves_room(disk, site):
    site.write(f"{BOX}RUN busybox dd if=/dev/zero of=/large bs=1000000 count=12\n")
    disk.fill()
    done = site.build()
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("did not complete successfully: exit code: 1")
    site.assert_clean()
    disk.free()
    done = site.build()
    assert done.returncode == 0, done.stderr
    assert (layer(site.sampan) / "large").stat().st_size == 12000000
    site.assert_clean()


# --- what stays of one that nobody stopped ---------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--no-cache",)], ids=" ".join)
def test_a_build_of_several_stages_and_platforms_leaves_nothing(site, options):
    site.write(f"FROM --platform=$BUILDPLATFORM {BOX[5:].strip()} AS tools\nARG TARGETARCH\nCOPY Dockerfile /same\n"
               "RUN echo $TARGETARCH >/architecture; touch /only-$TARGETARCH\n"
               "FROM tools AS more\nRUN echo more >/more\n"
               "FROM scratch\nCOPY --from=tools /architecture /only* /\nCOPY --from=more /more /\nCOPY Dockerfile /d\n")
    for _ in range(2):
        done = site.build("--platform", "linux/amd64,linux/arm64", "-o", f"type=local,dest={site.context.parent}/out", "--load", *options)
        assert done.returncode == 0, done.stderr
        site.assert_clean()
    for name in ("amd64", "arm64"):
        (found,) = (path for path in (site.context.parent / "out").iterdir() if name in path.name)
        assert sorted(os.listdir(found)) == ["architecture", "d", "more", f"only-{name}"]
        assert (found / "architecture").read_text() == f"{name}\n"


# --- company ---------------------------------------------------------------------------------------------


COUNT = "echo x >>/c/count; while ! test -e /c/go; do sleep 0.02; done; echo made >/made"


def test_a_step_that_two_builds_want_is_made_once(site):
    site.write(f"{BOX}RUN --mount=type=cache,target=/c {COUNT}\n")
    first = site.start(name="first")
    wait_for(lambda: site.caches("count"), "the step")
    others = [site.start(name=f"other{number}") for number in range(2)]
    for process in others:
        wait_for(lambda p=process: "RUN" in p.log.read_text(), "the other build")
    site.touch_cache("go")
    logs = [end(process) for process in (first, *others)]
    assert [process.returncode for process in (first, *others)] == [0, 0, 0], logs
    (count,) = site.caches("count")
    with open(count, encoding="ascii") as file:
        assert file.read() == "x\n"
    assert [site.steps(log)[0].split(" ")[0] for log in logs] == ["DONE", "CACHED", "CACHED"]
    assert len({layer(site.sampan, name) for name in ("first", "other0", "other1")}) == 1
    site.assert_clean()


def test_the_second_build_makes_what_the_first_one_fails_at(site):
    site.write(f"{BOX}RUN --mount=type=cache,target=/c echo x >>/c/count; while ! test -e /c/go; do sleep 0.02; done; "
               "test $(wc -l </c/count) -ge 2\n")
    first = site.start(name="first")
    wait_for(lambda: site.caches("count"), "the step")
    second = site.start(name="second")
    wait_for(lambda: "RUN" in second.log.read_text(), "the other build")
    site.touch_cache("go")
    end(first)
    log = end(second)
    assert (first.returncode, second.returncode) == (1, 0), log
    site.assert_clean()


def test_two_builds_whose_steps_lock_two_caches_in_different_orders_both_end(site):
    first, second = site.context / "first", site.context / "second"
    script = "sleep 0.2; echo {0} >/{0}"
    for path, ids in ((first, "ab"), (second, "ba")):
        mounts = " ".join(f"--mount=type=cache,id={name},target=/{name},sharing=locked" for name in ids)
        path.write_text("".join(f"{BOX.strip()} AS s{number}\nRUN {mounts} {script.format(f'{path.name}{number}')}\n" for number in range(4)) +
                        "FROM scratch\n" + "".join(f"COPY --from=s{number} /{path.name}{number} /\n" for number in range(4)))
    site.write("FROM scratch\n")
    processes = [site.start("-f", path, "--jobs", "4", name=path.name) for path in (first, second)]
    logs = [end(process) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], logs
    site.assert_clean()


@pytest.mark.parametrize("command", [("system", "prune", "-af"), ("builder", "prune", "-af"), ("image", "prune", "-af"),
                                     ("rmi", "-f", "localhost/box")], ids=" ".join)
def test_who_cleans_up_beside_a_build_harms_it_not(site, command):
    site.write(f"{BOX}RUN echo before >/before\nRUN --mount=type=cache,target=/c {COUNT}\nRUN cat /before /made >/after\n")
    process = site.start()
    wait_for(lambda: site.caches("count"), "the step")
    cleaner = site.sampan.popen(*command, env=site.env)
    with contextlib.suppress(subprocess.TimeoutExpired):
        cleaner.wait(1)  # it may wait for us
    site.touch_cache("go")
    log = end(process)
    assert process.returncode == 0, log
    out, err = cleaner.communicate(timeout=60 * SLOW)
    assert cleaner.returncode == 0, out + err
    assert site.sampan("fsck").returncode == 0
    images = site.sampan("images", "--format", "json", check=True).stdout
    if '"localhost/built"' in images or "/built" in images:
        done = site.sampan("run", "--rm", "built", "cat", "/after")
        assert done.stdout == "before\nmade\n", done.stderr
    load(site.sampan, site.context.parent, "box")
    site.write(f"{BOX}RUN echo before >/before\nRUN echo made >/made\nRUN cat /before /made >/after\n")
    assert site.build().returncode == 0
    assert site.sampan("run", "--rm", "built", "cat", "/after", check=True).stdout == "before\nmade\n"
    site.assert_clean()
