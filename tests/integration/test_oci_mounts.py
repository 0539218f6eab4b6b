# SPDX-License-Identifier: Apache-2.0
"""Idmapped mounts of sampan-oci."""
import os
import subprocess

import pytest

from bundle_fixture import Bundle

pytestmark = pytest.mark.root

NAME = "idmapped"


def mapping(inside, outside, size=1):
    return [{"containerID": inside, "hostID": outside, "size": size}]


@pytest.fixture
def bundle(scratch, busybox):
    return Bundle(scratch / "bundle", busybox)


@pytest.fixture
def data(scratch):
    """A directory with files of three owners."""
    folder = scratch / "data"
    folder.mkdir()
    for uid in (0, 1000, 70000):
        (folder / str(uid)).write_text("x")
        os.chown(folder / str(uid), uid, uid)
    return folder


def output(sampan_oci, bundle, script):
    bundle.shell(script)
    done = sampan_oci("run", "-b", bundle.path, NAME)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def in_user_namespace(bundle):
    bundle.namespace("user")
    bundle.config["linux"].update(uidMappings=mapping(0, 100000, 65536), gidMappings=mapping(0, 100000, 65536))
    subprocess.run(["chown", "-R", "100000:100000", bundle.rootfs], check=True)
    for parent in bundle.path.parents:  # whose root has to get there
        if parent.stat().st_mode & 0o777 == 0o700:
            parent.chmod(0o755)


def bind(bundle, data, *options, **more):
    bundle.mount("/data", "bind", data, *(options or ("bind",)))
    bundle.config["mounts"][-1].update(more)


def test_owners_are_mapped_both_ways(sampan_oci, bundle, data):
    os.chown(data, 1000, 1000)  # whose owner is not mapped, that nobody can change
    bind(bundle, data, uidMappings=mapping(1000, 0), gidMappings=mapping(1000, 0))
    owners = output(sampan_oci, bundle, "stat -c %u:%g /data/1000 /data/0; echo y > /data/new; stat -c %u /data/new")
    assert owners == ["0:0", "65534:65534", "0"]
    assert (data / "new").stat().st_uid == 1000 and (data / "new").stat().st_gid == 1000


def test_a_container_with_a_user_namespace_sees_the_hosts_owners(sampan_oci, bundle, data):
    """Without an idmapped mount all of them are nobody's; with it, files of the host's root are those of the container's."""
    in_user_namespace(bundle)
    bundle.mount("/plain", "bind", data, "bind")
    bind(bundle, data, "bind", "idmap")
    owners = output(sampan_oci, bundle, "stat -c %u /plain/1000 /data/0 /data/1000 /data/70000; echo y > /data/new")
    assert owners == ["65534", "0", "1000", "65534"]
    assert (data / "new").stat().st_uid == 0


def test_mappings_beside_those_of_the_user_namespace(sampan_oci, bundle, data):
    in_user_namespace(bundle)
    bind(bundle, data, "bind", "ro", uidMappings=mapping(1000, 100007), gidMappings=mapping(1000, 100007))
    assert output(sampan_oci, bundle, "stat -c %u:%g /data/1000; touch /data/x 2>/dev/null || echo ro") == ["7:7", "ro"]


@pytest.mark.parametrize("option, below", [("idmap", "1000"), ("ridmap", "5")])
def test_what_is_mounted_below_is_mapped_if_asked(sampan_oci, bundle, data, option, below):
    (data / "sub").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", data / "sub"], check=True)
    try:
        (data / "sub" / "file").write_text("x")
        os.chown(data / "sub" / "file", 1000, 1000)
        bind(bundle, data, "rbind", option, uidMappings=mapping(1000, 5), gidMappings=mapping(1000, 5))
        assert output(sampan_oci, bundle, "stat -c %u /data/1000 /data/sub/file") == ["5", below]
    finally:
        subprocess.run(["umount", data / "sub"], check=True)


@pytest.mark.parametrize("source, change, text", [
    ("/proc", {"uidMappings": mapping(0, 1), "gidMappings": mapping(0, 1)},
     "cannot idmap '/proc': its file system does not support it"),
    ("/tmp", {"uidMappings": mapping(0, 1)}, "mount on '/data': uidMappings and gidMappings are needed both"),
    ("/tmp", {"options": ["bind", "idmap"]}, "'idmap' without mappings takes a container with a user namespace"),
    ("/no-such-directory", {"uidMappings": mapping(0, 1), "gidMappings": mapping(0, 1)},
     "cannot bind '/no-such-directory' to '/data': no such file or directory"),
])
def test_what_cannot_be_mapped_is_said(sampan_oci, bundle, source, change, text):
    bind(bundle, source, **change)
    bundle.shell("true")
    done = sampan_oci("run", "-b", bundle.path, NAME)
    assert done.returncode == 1 and text in done.stderr, done.stderr
    assert not (sampan_oci.root / NAME).exists()
