# SPDX-License-Identifier: Apache-2.0
"""Layers that are too large, too many, too deep, or named to confuse: each is refused with its reason, or unpacked as it is."""
import io
import json
import os
import stat
import tarfile

import pytest
from image_fixture import Image, Layer, directory, file, root, write_layout

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
    done = sampan("pull", "-q", layout(scratch, Layer(content=pax_tar(comment="x" * (64 << 20)))))
    assert done.returncode == 1
    assert ": malformed tar: " in done.stderr
    assert done.stderr.count("\n") == 1
    assert os.listdir(sampan.root / "staging") == []


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


def test_a_hundred_thousand_entries_are_unpacked(sampan, scratch):
    header = tarfile.TarInfo("d/000000").tobuf(tarfile.USTAR_FORMAT)
    entries = [tarfile.TarInfo(f"d{number % 50}/{number:06}").tobuf(tarfile.USTAR_FORMAT) for number in range(100_000)]
    assert len(header) == 512
    tree = pulled_tree(sampan, scratch, Layer(content=b"".join(entries) + bytes(1024)))
    assert sum(len(os.listdir(tree / name)) for name in os.listdir(tree)) == 100_000


def test_depth_ends_where_paths_end(sampan, scratch):
    deep = "/".join(["d"] * 2040)
    tree = pulled_tree(sampan, scratch, Layer([file(f"{deep}/f", b"x")]))
    assert len(str(tree)) < 300
    sampan("rmi", "localhost/hostile", check=True)
    assert os.listdir(sampan.root / "layers") == []
    too_deep = "/".join(["d"] * 5000)
    done = sampan("pull", "-q", layout(scratch, Layer([file(f"{too_deep}/f", b"x")])))
    assert done.returncode == 1
    assert "longer than 4095 bytes" in done.stderr
    assert os.listdir(sampan.root / "staging") == []


def test_device_nodes_and_set_id_bits_are_kept_for_root(sampan, scratch):
    device = tarfile.TarInfo("null")
    device.type, device.devmajor, device.devminor, device.mode = tarfile.CHRTYPE, 1, 3, 0o666
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(device)
        suid = tarfile.TarInfo("su")
        suid.mode = 0o4755
        archive.addfile(suid)
    tree = pulled_tree(sampan, scratch, Layer(content=out.getvalue()))
    null = (tree / "null").stat()
    assert stat.S_ISCHR(null.st_mode) and null.st_rdev == os.makedev(1, 3)
    assert (tree / "su").stat().st_mode & 0o7777 == 0o4755


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
