# SPDX-License-Identifier: Apache-2.0
"""The multi-arch busybox image that tests and the demo run: Debian's static busybox of amd64 and arm64.

tools/install-deps test unpacks both below out/deps/.
"""
import pathlib

from image_fixture import Image, Index, Layer, directory, file, symlink

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
APPLETS = """sh ash ls cat echo printf id uname sleep true false head tail wc grep sed awk ps mount umount env hostname dd stat
    touch mkdir rm cp mv ln chmod chown test expr seq kill df du find sort tr cut od md5sum sha256sum ip nc wget stty tty
    timeout yes date readlink pwd whoami sync mknod chroot ulimit nproc free top""".split()


def busybox_path(architecture):
    return TOP / "out" / "deps" / architecture / "bin" / "busybox"


def busybox_layer(architecture):
    members = [directory("./"), directory("bin"), directory("etc"), directory("home"), directory("home/user", uid=1000, gid=1000),
               directory("root", 0o700), directory("tmp", 0o1777), directory("var"),
               file("bin/busybox", busybox_path(architecture).read_bytes(), 0o755),
               file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"),
               file("etc/group", b"root:x:0:\nuser:x:1000:\nextra:x:2000:user\n")]
    return Layer(members + [symlink(f"bin/{name}", "busybox") for name in APPLETS])


def busybox_index():
    """linux/amd64 and linux/arm64/v8; the command is a shell."""
    environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    return Index([Image([busybox_layer(name)], architecture=name, variant=variant, cmd=["/bin/sh"], env=environment)
                  for name, variant in (("amd64", None), ("arm64", "v8"))])
