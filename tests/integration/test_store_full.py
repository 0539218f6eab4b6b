# SPDX-License-Identifier: Apache-2.0
"""Stores on small file systems: full, without inodes, read-only. Each gives one clear line, and what was there stays whole."""
import contextlib
import json
import os
import subprocess

import pytest
from image_fixture import Image, Layer, directory, file, root, write_docker_archive, write_layout

pytestmark = pytest.mark.root

MB = 1000 * 1000


@pytest.fixture(name="small_disk")
def small_disk_fixture(sampan, tmp_path):
    """Puts sampan's store on an ext4 of 8 MiB: small_disk(inodes) mounts it, small_disk.remount("ro") changes it."""
    image = tmp_path / "disk"

    def mount(inodes=400):
        with open(image, "wb") as disk:
            disk.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-N", str(inodes), image], check=True)
        sampan.root.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop", image, sampan.root], check=True)

    mount.remount = lambda how: subprocess.run(["mount", "-o", f"remount,{how}", sampan.root], check=True)
    yield mount
    subprocess.run(["umount", "-l", sampan.root], check=False)


def image_of(data, count=1):
    files = [file(f"data/{number}", data) for number in range(count)]
    return Image([Layer([root(), directory("data"), *files])])


def layout(scratch, name, image):
    return f"oci:{write_layout(scratch / name, {None: image})}"


def names(sampan):
    return [image["Repository"] for image in json.loads(sampan("images", "--format", "json", check=True).stdout)]


def assert_whole(sampan, *want):
    assert names(sampan) == list(want)
    assert sampan("fsck").returncode == 0
    assert os.listdir(sampan.root / "staging") == []


def test_an_image_that_does_not_fit_is_refused_before_it_is_downloaded(sampan, scratch, small_disk):
    small_disk()
    sampan("pull", "-q", layout(scratch, "small", image_of(b"x")), check=True)
    where = layout(scratch, "large", image_of(os.urandom(5 * MB)))
    done = sampan("pull", where)
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"sampan: cannot pull '{where[4:]}': it needs about 15 MB, and the file system of "
                           f"'{sampan.root}' has ")
    assert line.endswith(" MB free (free some, for example with sampan image prune -a, or try all the same with "
                         "--check-space=false)")
    assert_whole(sampan, "localhost/small")


def test_a_disk_that_fills_up_on_the_way_gives_one_line(sampan, scratch, small_disk):
    small_disk()
    sampan("pull", "-q", layout(scratch, "small", image_of(b"x")), check=True)
    where = layout(scratch, "zeros", image_of(bytes(3 * MB), 5))  # compresses too well for any estimate
    done = sampan("pull", "-q", where)
    assert (done.returncode, done.stderr) == \
        (1, f"sampan: cannot pull '{where[4:]}': no space left on the file system of '{sampan.root}' "
            "(free some, for example with sampan rmi)\n")
    assert_whole(sampan, "localhost/small")


def test_removing_works_on_a_full_disk(sampan, scratch, small_disk):
    small_disk()
    sampan("pull", "-q", layout(scratch, "small", image_of(b"x")), check=True)
    with open(sampan.root / "filler", "wb") as filler, pytest.raises(OSError):
        while True:
            filler.write(bytes(65536))
            filler.flush()
    done = sampan("rmi", "localhost/small", check=True)
    assert done.stdout.startswith("Untagged: localhost/small:latest\n")
    assert names(sampan) == []
    assert os.listdir(sampan.root / "layers") == []


def test_no_inodes_give_one_line(sampan, scratch, small_disk):
    small_disk(inodes=128)
    sampan("pull", "-q", layout(scratch, "small", image_of(b"x")), check=True)
    where = layout(scratch, "many", image_of(b"", 200))
    done = sampan("pull", "-q", where)
    assert (done.returncode, done.stderr) == \
        (1, f"sampan: cannot pull '{where[4:]}': no inodes left on the file system of '{sampan.root}' "
            "(remove files, for example with sampan rmi)\n")
    assert_whole(sampan, "localhost/small")


FULL = "no space left on the file system of '{root}' (free some, for example with sampan rmi)"
NO_INODES = "no inodes left on the file system of '{root}' (remove files, for example with sampan rmi)"
READ_ONLY = "the file system of '{root}' is read-only"


def fill(folder, inodes, again):
    """To the last block or inode: also those that a command in between has freed."""
    with contextlib.suppress(OSError):
        for number in range(10_000):
            with open(folder / f"filler-{again}-{number}", "wb", buffering=0) as out:
                while not inodes:
                    out.write(bytes(1024))  # a block


@pytest.mark.parametrize("state, message", [("full", FULL), ("inodes", NO_INODES), ("ro", READ_ONLY)],
                         ids=["full", "no inodes", "read-only"])
def test_each_command_that_writes_says_what_is_missing_in_one_line(sampan, scratch, small_disk, state, message):
    small_disk()
    sampan("pull", "-q", layout(scratch, "small", image_of(b"x")), check=True)
    sampan("create", "--name", "box", "localhost/small", "/none", check=True)
    archive = write_docker_archive(scratch / "other.tar", {"other:v1": image_of(b"y")})
    if state == "ro":
        small_disk.remount("ro")
    message = message.format(root=sampan.root) + "\n"
    for number, command in enumerate((["load", "-q", "-i", archive], ["import", archive], ["tag", "localhost/small", "again:v1"],
                    ["create", "localhost/small", "/none"], ["run", "localhost/small", "/none"], ["commit", "box", "com:v1"],
                    ["save", "-o", scratch / "saved", "localhost/small"], ["manifest", "create", "list:v1", "localhost/small"],
                    ["volume", "create", "vol"], ["secret", "create", "word", "-"])):
        if state != "ro":
            fill(sampan.root, state == "inodes", number)
        done = sampan(*command, input="hush" if command[0] == "secret" else None)
        assert done.returncode == (125 if command[0] == "run" else 1), command
        assert done.stderr.startswith("sampan: ") and done.stderr.endswith(message) and done.stderr.count("\n") == 1, done.stderr
    if state == "ro":
        small_disk.remount("rw")
    for path in sampan.root.glob("filler*"):
        path.unlink()
    sampan("rm", "box", check=True)
    assert_whole(sampan, "localhost/small")


def test_a_read_only_store_is_read_and_not_written(sampan, scratch, small_disk):
    small_disk()
    sampan("pull", "-q", layout(scratch, "small", image_of(b"x")), check=True)
    small_disk.remount("ro")
    assert names(sampan) == ["localhost/small"]
    assert sampan("system", "df").returncode == 0
    where = layout(scratch, "other", image_of(b"y"))
    done = sampan("pull", "-q", where)
    assert (done.returncode, done.stderr) == \
        (1, f"sampan: cannot pull '{where[4:]}': the file system of '{sampan.root}' is read-only\n")
    done = sampan("rmi", "localhost/small")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].endswith("read-only file system")
    assert sampan("fsck").returncode == 0
    small_disk.remount("rw")
    assert_whole(sampan, "localhost/small")
