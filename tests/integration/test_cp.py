# SPDX-License-Identifier: Apache-2.0
"""`sampan cp` both ways, with containers that run and with those that do not."""
import io
import os
import stat
import tarfile

import pytest

from container_fixture import load, refused, shell, staged, start

pytestmark = pytest.mark.root


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "img")


@pytest.fixture(params=["running", "stopped", "created"])
def box(request, sampan, image):
    """A container named box in one of the states; files are looked at with `look`."""
    if request.param == "created":
        sampan("create", "--name", "box", image, "true", check=True)
    else:
        start(sampan, image)
        if request.param == "stopped":
            sampan("kill", "box", check=True)
            sampan("wait", "box", check=True)
    return request.param


@pytest.fixture
def running(sampan, image):
    return start(sampan, image)


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "here"
    (folder / "dir" / "sub").mkdir(parents=True)
    (folder / "file").write_text("hello", encoding="ascii")
    (folder / "dir" / "a").write_text("a", encoding="ascii")
    (folder / "dir" / "sub" / "b").write_text("b", encoding="ascii")
    os.symlink("a", folder / "dir" / "link")
    os.link(folder / "dir" / "a", folder / "dir" / "sub" / "same")
    os.chmod(folder / "file", 0o4751)
    os.chmod(folder / "dir" / "sub", 0o711)
    os.utime(folder / "file", (1000000000, 1000000000))
    os.utime(folder / "dir" / "sub", (1000000001, 1000000001))
    return folder


def listing(sampan, path):
    """Name -> member of what cp gives as a tar."""
    data = sampan("cp", f"box:{path}", "-", check=True, text=False).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: m for m in archive.getmembers()}


def content(sampan, path):
    data = sampan("cp", f"box:{path}", "-", check=True, text=False).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.extractfile(archive.getmembers()[0]).read().decode()


# --- into a container -------------------------------------------------------------------------------------------------


@pytest.mark.main_job
def test_a_file_goes_in_and_comes_out_again(sampan, box, here):
    done = sampan("cp", here / "file", "box:/tmp/new", check=True)
    assert done.stdout == "" and done.stderr.startswith("Successfully copied ") and done.stderr.endswith(" to box:/tmp/new\n")
    done = sampan("cp", "-q", "box:/tmp/new", here / "back", check=True)
    assert (done.stdout, done.stderr) == ("", "")
    found = os.stat(here / "back")
    assert (here / "back").read_text(encoding="ascii") == "hello"
    assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o4751, 1000000000)
    assert staged(sampan) == []


def test_what_was_copied_into_a_stopped_container_is_there_when_it_starts(sampan, image, here):
    sampan("create", "--name", "box", image, "sh", "-c", "cat /etc/greeting; ls /srv", check=True)
    sampan("cp", here / "file", "box:/etc/greeting", check=True)
    sampan("cp", here / "dir", "box:/srv", check=True)
    assert sampan("start", "-a", "box", check=True).stdout == "helloa\nlink\nsub\n"


def test_directories_by_dockers_rules(sampan, box, here):
    sampan("cp", here / "dir", "box:/absent", check=True)  # becomes it
    sampan("cp", here / "dir", "box:/tmp", check=True)  # goes into it
    sampan("cp", f"{here}/dir/.", "box:/root", check=True)  # its contents do
    names = {"a", "link", "sub", "sub/b", "sub/same"}
    assert set(listing(sampan, "/absent")) == {"absent"} | {f"absent/{n}" for n in names}
    assert set(listing(sampan, "/tmp")) == {"tmp", "tmp/dir"} | {f"tmp/dir/{n}" for n in names}
    found = listing(sampan, "/root/.")
    assert set(found) == {"."} | {f"./{n}" for n in names} or set(found) == {"."} | names
    sub = next(m for n, m in found.items() if n.endswith("sub"))
    assert (sub.mode, sub.mtime) == (0o711, 1000000001)
    assert found[next(n for n in found if n.endswith("link"))].linkname == "a"
    assert stat.S_IMODE(0o700) == found["."].mode  # that of /root, as it was


def test_hard_links_stay_together(sampan, running, here):
    sampan("cp", here / "dir", "box:/d", check=True)
    assert shell(sampan, "stat -c %h /d/a; stat -c %i /d/a /d/sub/same | sort -u | wc -l") == "2\n1\n"


def test_what_is_there_is_replaced(sampan, box, here):
    sampan("cp", here / "file", "box:/etc/passwd", check=True)
    assert content(sampan, "/etc/passwd") == "hello"
    sampan("cp", here / "dir", "box:/srv", check=True)
    (here / "dir" / "a").write_text("changed", encoding="ascii")
    sampan("cp", f"{here}/dir/.", "box:/srv", check=True)
    assert content(sampan, "/srv/a") == "changed"


def test_owners_are_root_and_with_a_those_of_the_source(sampan, box, here):
    os.chown(here / "file", 1234, 1235)
    os.chmod(here / "file", 0o4751)
    sampan("cp", here / "file", "box:/tmp/x", check=True)
    sampan("cp", "-a", here / "file", "box:/tmp/y", check=True)
    x, y = listing(sampan, "/tmp/x")["x"], listing(sampan, "/tmp/y")["y"]
    assert (x.uid, x.gid, y.uid, y.gid) == (0, 0, 1234, 1235)
    assert x.mode == 0o4751
    sampan("cp", "box:/tmp/y", here / "mine", check=True)
    sampan("cp", "-a", "box:/tmp/y", here / "its", check=True)
    assert (os.stat(here / "mine").st_uid, os.stat(here / "its").st_uid) == (os.geteuid(), 1234)


def test_links_are_copied_and_with_l_followed(sampan, box, here):
    sampan("cp", here / "dir" / "link", "box:/tmp/link", check=True)
    sampan("cp", "-L", here / "dir" / "link", "box:/tmp/real", check=True)
    assert listing(sampan, "/tmp/link")["link"].issym() and content(sampan, "/tmp/real") == "a"
    sampan("cp", "box:/bin/sh", here / "sh-link", check=True)
    sampan("cp", "-L", "box:/bin/sh", here / "sh-real", check=True)
    assert os.readlink(here / "sh-link") == "busybox" and os.stat(here / "sh-real").st_size > 100000


def test_a_link_at_the_destination_is_followed(sampan, running, here):
    shell(sampan, "mkdir /real; ln -s /real /way; ln -s real/absent /dangling; ln -s /etc/motd /motd; echo >/etc/motd")
    for target in ("/way", "/dangling", "/motd"):
        sampan("cp", here / "file", f"box:{target}", check=True)
    assert shell(sampan, "ls /real; cat /real/file /real/absent /etc/motd; readlink /motd") == "absent\nfile\nhellohellohello/etc/motd\n"


def test_large_and_sparse_files(sampan, box, here):
    data = os.urandom(3 << 20)
    with open(here / "big", "wb") as file:
        file.write(data)
        file.truncate(64 << 20)
    sampan("cp", here / "big", "box:/tmp/big", check=True)
    sampan("cp", "box:/tmp/big", here / "again", check=True)
    with open(here / "again", "rb") as file:
        assert file.read(len(data)) == data and os.fstat(file.fileno()).st_size == 64 << 20


# --- tars -----------------------------------------------------------------------------------------------------------------


def test_a_tar_from_stdin(sampan, box, here):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.add(here / "dir", "deep/dir")
        archive.add(here / "file", ".wh.name")  # no whiteout here
    sampan("cp", "-", "box:/tmp", input=out.getvalue(), text=False, check=True)
    assert {"tmp/deep/dir/sub/b", "tmp/.wh.name"} <= set(listing(sampan, "/tmp"))
    refused(sampan("cp", "-", "box:/etc/passwd", input=""), 'destination "box:/etc/passwd" must be a directory')
    refused(sampan("cp", "-", "box:/nope", input=""), "could not find the file /nope in container box")


def test_a_tar_that_is_none_or_climbs(sampan, box):
    refused(sampan("cp", "-", "box:/tmp", input="no tar at all" * 100), "cannot read the tar")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../up"))
    done = sampan("cp", "-", "box:/tmp", input=out.getvalue(), text=False)
    assert done.returncode == 1 and b"'../../up': there is a '..' in the path" in done.stderr


# --- hostile containers -----------------------------------------------------------------------------------------------------


def test_paths_of_the_container_stay_in_it(sampan, running, here, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("host", encoding="ascii")
    shell(sampan, f"mkdir -p {tmp_path}; echo inside >{secret}; ln -s / /top; ln -s ../../../../../../../../.. /up; ln -s {tmp_path} /abs")
    for way in ("/top", "/up", "/up/top"):
        sampan("cp", f"box:{way}{secret}", here / "out", check=True)
        assert (here / "out").read_text(encoding="ascii") == "inside\n"
    sampan("cp", here / "file", "box:/abs/planted", check=True)
    assert not (tmp_path / "planted").exists()
    assert shell(sampan, f"cat {tmp_path}/planted") == "hello"


def test_links_in_what_is_copied_out_do_not_lead_out_of_the_destination(sampan, running, here, tmp_path):
    """Twice: the second time the link is there already."""
    victim = tmp_path / "victim"
    victim.mkdir()
    shell(sampan, f"mkdir /evil; ln -s {victim} /evil/way")
    sampan("cp", "box:/evil", here, check=True)
    shell(sampan, "rm /evil/way; mkdir /evil/way; echo >/evil/way/planted")
    refused(sampan("cp", "box:/evil", here), "cannot overwrite non-directory with directory")
    assert os.listdir(victim) == []
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:  # and in a tar
        link = tarfile.TarInfo("way")
        link.type, link.linkname = tarfile.SYMTYPE, str(victim)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("way/planted"))
    sampan("cp", "-", "box:/tmp", input=out.getvalue(), text=False, check=True)
    assert os.listdir(victim) == [] and shell(sampan, f"ls {victim}") == "planted\n"


def test_magic_links_are_not_followed(sampan, running, here):
    """The text of one counts, in the container; what it stands for does not."""
    sampan("cp", "-L", "box:/proc/1/exe", here / "out", check=True)
    assert (here / "out").read_bytes() == (sampan.root / "layers" / os.listdir(sampan.root / "layers")[0] / "tree/bin/busybox").read_bytes()
    assert sampan("cp", "box:/proc/1/root/etc/passwd", here / "out").returncode == 1
    assert sampan("cp", here / "file", "box:/proc/1/cwd/x").returncode == 1


def test_what_is_mounted_in_a_running_container_is_seen(sampan, image, here, tmp_path):
    (tmp_path / "data").mkdir()
    start(sampan, image, "-v", f"{tmp_path}/data:/data", "--tmpfs", "/ram")
    sampan("cp", here / "file", "box:/data", check=True)
    assert (tmp_path / "data" / "file").read_text(encoding="ascii") == "hello"
    sampan("cp", here / "file", "box:/ram", check=True)
    assert shell(sampan, "cat /ram/file") == "hello"


def test_volumes_of_a_stopped_container_are_there_too(sampan, image, here, tmp_path):
    for name in ("data", "fixed"):
        (tmp_path / name).mkdir()
    made = sampan("create", "--name", "box", "-v", f"{tmp_path}/data:/data", "-v", f"{tmp_path}/fixed:/fixed:ro", image, "true",
                  check=True).stdout.strip()
    sampan("cp", here / "file", "box:/data", check=True)
    assert (tmp_path / "data" / "file").read_text(encoding="ascii") == "hello"
    sampan("cp", "box:/data/file", here / "back", check=True)
    refused(sampan("cp", here / "file", "box:/fixed"), "read-only file system")
    assert not (sampan.root / "containers" / made / "upper/data/file").exists()
    assert staged(sampan) == []


# --- what is refused ------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_copied(sampan, box, here):
    refused(sampan("cp", here / "none", "box:/tmp"), f"lstat {here}/none: no such file or directory")
    refused(sampan("cp", "box:/none", here), "could not find the file /none in container box")
    refused(sampan("cp", here / "file", "box:/no/such/dir"), "could not find the directory of /no/such/dir in container box")
    refused(sampan("cp", "box:/etc/passwd", here / "no" / "such"), "invalid output path")
    refused(sampan("cp", here / "file", "box:/absent/"), "no such directory")
    refused(sampan("cp", here / "dir", "box:/etc/passwd"), "cannot copy a directory to a file")
    refused(sampan("cp", here / "file", "none:/tmp"), "no such container: none")
    refused(sampan("cp", "box:/etc", "other:/etc"), "copying between containers is not supported")
    refused(sampan("cp", here, here), "must specify at least one container source")
    refused(sampan("cp", "./box:/etc", here), "must specify at least one container source")
    refused(sampan("cp", here), "'sampan cp' requires exactly 2 arguments", code=125)
    assert staged(sampan) == []


def test_file_to_directory_of_that_name(sampan, box, here):
    sampan("cp", here / "dir", "box:/tmp/file", check=True)
    done = sampan("cp", here / "file", "box:/tmp", check=False)
    refused(done, "cannot overwrite directory with non-directory")
