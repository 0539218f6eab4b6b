# SPDX-License-Identifier: Apache-2.0
"""Layers that are too large, too many, too deep, or named to confuse: each is refused with its reason, or unpacked as it is."""
import io
import json
import os
import shutil
import stat
import tarfile

import pytest
from conftest import BUILD
from image_fixture import Image, Layer, directory, file, root, write_layout
from rootless_fixture import subordinate, user  # noqa: F401  pylint: disable=unused-import

pytestmark = pytest.mark.root


def layout(scratch, layer):
    return f"oci:{write_layout(scratch / 'hostile', {None: Image([layer])})}"


def refused(sampan, scratch, layer, message, *args):
    done = sampan("pull", "-q", *args, layout(scratch, layer))
    assert done.returncode == 1
    assert done.stderr == f"sampan: cannot pull '{scratch}/hostile': layer 1 of 1, {layer.digest}: {message}\n"
    assert os.listdir(sampan.root / "staging") == []
    assert os.listdir(sampan.root / "layers") == []


def pulled_tree(sampan, scratch, layer):
    sampan("pull", "-q", layout(scratch, layer), check=True, timeout=300)
    (key,) = os.listdir(sampan.root / "layers")
    assert sampan("fsck", timeout=300).returncode == 0
    return sampan.root / "layers" / key / "tree"


def pax_tar(**headers):
    """A file "f" with these PAX records."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("f")
        info.pax_headers = headers
        archive.addfile(info)
    return out.getvalue()


def test_a_zip_bomb_stops_at_the_largest_layer_allowed(sampan, scratch):
    bomb = Layer([root(), *(file(f"zeros{number}", bytes(10_000_000)) for number in range(3))])
    assert bomb.size < 1_000_000
    refused(sampan, scratch, bomb, "the layer unpacks to more than 16777216 bytes", "--max-layer-size", "16m")


def test_a_pax_header_without_end_is_refused(sampan, scratch):
    refused(sampan, scratch, Layer(content=pax_tar(comment="x" * (64 << 20))), "malformed tar: Special header too large")


def test_an_extended_attribute_that_no_kernel_takes_is_refused(sampan, scratch):
    bomb = Layer(content=pax_tar(**{"SCHILY.xattr.user.big": "x" * 70000}))
    refused(sampan, scratch, bomb, "'f' has an extended attribute 'user.big' of 70000 bytes, more than Linux takes")


def test_names_with_line_breaks_and_bytes_that_are_no_text_are_kept(sampan, scratch):
    names = [b"two\nlines", b"\xff\xfe", b"back\\slash", b"tab\there", b" "]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT, encoding="utf-8",
                      errors="surrogateescape") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name.decode("utf-8", "surrogateescape")))
    tree = pulled_tree(sampan, scratch, Layer(content=out.getvalue()))
    assert sorted(os.listdir(os.fsencode(tree))) == sorted(names)
    os.unlink(os.path.join(os.fsencode(tree), names[0]))
    done = sampan("fsck", "-q")
    assert (done.returncode, done.stdout.split(": ", 1)[1]) == (1, "two\\012lines: missing\n")


@pytest.mark.plain
def test_a_great_many_entries_are_unpacked(sampan, scratch):
    """A million where that is asked for (SAMPAN_MILLION=1), which takes a minute or some, and 600 MB of memory for this test itself; else a twentieth."""
    count = 1_000_000 if os.environ.get("SAMPAN_MILLION") else 50_000
    path = scratch / "entries.tar"
    with open(path, "wb") as out:
        for number in range(count):
            out.write(tarfile.TarInfo(f"d{number % 1000:03}/{number:06}").tobuf(tarfile.USTAR_FORMAT))
        out.write(bytes(1024))
    tree = pulled_tree(sampan, scratch, Layer(content=path.read_bytes()))
    path.unlink()
    assert sum(len(os.listdir(tree / name)) for name in os.listdir(tree)) == count
    sampan("rmi", "localhost/hostile", check=True, timeout=300)
    assert os.listdir(sampan.root / "layers") == []


@pytest.mark.plain
def test_depth_ends_where_paths_end(sampan, scratch):
    deep = "/".join(["d"] * 2040)
    tree = pulled_tree(sampan, scratch, Layer([file(f"{deep}/f", b"x")]))
    assert len(str(tree)) < 300
    sampan("rmi", "localhost/hostile", check=True)
    assert os.listdir(sampan.root / "layers") == []
    too_deep = "/".join(["d"] * 5000)
    refused(sampan, scratch, Layer([file(f"{too_deep}/f", b"x")]), f"entry '{too_deep[:156]}...' has a path longer than 4095 bytes")


def special_layer():
    """A device node, a set-user-ID file of root's, and a set-group-ID file and a directory of somebody's."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind, mode, uid, gid in (("null", tarfile.CHRTYPE, 0o666, 0, 0), ("disk", tarfile.BLKTYPE, 0o660, 0, 6),
                                           ("su", tarfile.REGTYPE, 0o4755, 0, 0), ("wall", tarfile.REGTYPE, 0o2755, 0, 5),
                                           ("home", tarfile.DIRTYPE, 0o1777, 1000, 1000), ("fifo", tarfile.FIFOTYPE, 0o600, 0, 0)):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.uid, info.gid = kind, mode, uid, gid
            info.devmajor, info.devminor = 1, 3
            archive.addfile(info)
    return Layer(content=out.getvalue())


def test_device_nodes_and_set_id_bits_are_kept_for_root(sampan, scratch):
    tree = pulled_tree(sampan, scratch, special_layer())
    null, disk = (tree / "null").stat(), (tree / "disk").stat()
    assert stat.S_ISCHR(null.st_mode) and null.st_rdev == os.makedev(1, 3)
    assert stat.S_ISBLK(disk.st_mode) and (disk.st_rdev, disk.st_gid) == (os.makedev(1, 3), 6)
    assert (tree / "su").stat().st_mode & 0o7777 == 0o4755
    assert ((tree / "wall").stat().st_mode & 0o7777, (tree / "wall").stat().st_gid) == (0o2755, 5)
    assert ((tree / "home").stat().st_mode & 0o7777, (tree / "home").stat().st_uid) == (0o1777, 1000)


def test_a_user_gets_what_she_may_have_of_device_nodes_and_set_id_bits(user):
    """What was root's is hers, what was others' is that of her range, and set-ID bits then make nobody else; device nodes, which the kernel makes for nobody like her, are
    left out."""
    first_uid, first_gid = (subordinate(kind, user.name) for kind in ("subuid", "subgid"))
    build = user.home / "build"
    shutil.copytree(BUILD, build, ignore=shutil.ignore_patterns("obj", "tests", "flags"))
    layout_path = write_layout(user.home / "special", {None: Image([special_layer()])})
    user.own(user.home)
    store = user.home / "store"
    call = [build / "sampan", "--root", store, "--state-dir", user.home / "state"]
    user(*call, "pull", "-q", f"oci:{layout_path}", check=True)
    (key,) = os.listdir(store / "layers")
    tree = store / "layers" / key / "tree"
    found = {path.name: path.lstat() for path in tree.iterdir()}
    assert {name: stat.filemode(st.st_mode) for name, st in found.items()} == \
        {"fifo": "prw-------", "home": "drwxrwxrwt", "su": "-rwsr-xr-x", "wall": "-rwxr-sr-x"}
    assert {name: (st.st_uid, st.st_gid) for name, st in found.items()} == \
        {"fifo": (user.uid, user.gid), "su": (user.uid, user.gid), "wall": (user.uid, first_gid + 4), "home": (first_uid + 999, first_gid + 999)}
    assert user(*call, "fsck").returncode == 0


def test_what_is_said_of_a_layer_is_what_fsck_checks(sampan, scratch):
    """The unpacker's own checksums are those that reading gives: of sparse files, links, and files that came twice."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in (("twice", b"first"), ("twice", b"the second"), ("big", os.urandom(300_001)),
                           ("zeros", bytes(200_000)), ("empty", b"")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("hard")
        link.type, link.linkname = tarfile.LNKTYPE, "big"
        archive.addfile(link)
    tree = pulled_tree(sampan, scratch, Layer(content=out.getvalue()))
    sums = [line.split() for line in (tree.parent / "files.sum").read_text(encoding="ascii").splitlines()[1:-1]]
    by_name = {fields[8]: fields[6] for fields in sums}
    assert by_name["hard"] == by_name["big"]
    assert by_name["empty"] == "-"
    assert len(json.loads((tree.parent / "meta.json").read_text(encoding="utf-8"))["diffId"]) == 71
    assert {os.path.basename(path) for path in os.listdir(tree.parent)} == \
        {"tree", "meta.json", "files.sum", "tar-split"}


def test_directories_need_not_be_described(sampan, scratch):
    tree = pulled_tree(sampan, scratch, Layer([file("a/b/c", b"x"), directory("a/d")]))
    assert (tree / "a/b").stat().st_mode & 0o7777 == 0o755
