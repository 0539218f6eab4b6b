# SPDX-License-Identifier: Apache-2.0
"""Volumes: `sampan volume`, -v, --mount type=volume and type=image, --volumes-from, with real containers."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from busybox_fixture import busybox_layer
from image_fixture import Image, Layer, directory, file, hardlink, machine_architecture, root, symlink, whiteout, write_layout

pytestmark = pytest.mark.root

HEX_NAME = re.compile("[0-9a-f]{64}")


def pull(sampan, scratch, name, image):
    layout = write_layout(scratch / name, {None: image})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    return f"localhost/{name}"


@pytest.fixture(name="plain")
def fixture_plain(sampan, scratch):
    return pull(sampan, scratch, "plain", Image([busybox_layer(machine_architecture())], cmd=["sh"]))


@pytest.fixture(name="data")
def fixture_data(sampan, scratch):
    """An image with contents at /data in two layers: a whiteout, a link to the outside, hard links, owners and modes."""
    first = Layer([directory("data", 0o750, uid=1000, gid=2000), file("data/old", b"old"), file("data/kept", b"kept", 0o4711, uid=1000),
                   directory("data/deep"), directory("data/deep/er"), file("data/deep/er/file", b"deep"),
                   symlink("data/out", "/etc/passwd"), hardlink("data/twin", "data/kept")])
    second = Layer([directory("data", 0o750, uid=1000, gid=2000), file("data/.wh.old", b""), file("data/new", b"new"),
                    directory("sneaky"), symlink("sneaky/link", "../../../../../etc")])
    image = Image([busybox_layer(machine_architecture()), first, second], cmd=["sh"], Volumes={"/data": {}, "/fresh": {}})
    return pull(sampan, scratch, "data", image)


def volumes(sampan, *args):
    return sampan("volume", "ls", "-q", *args, check=True).stdout.split()


def inspect_volume(sampan, name):
    return json.loads(sampan("volume", "inspect", name, check=True).stdout)[0]


def run(sampan, *args):
    return sampan("run", "--rm", *args, check=True).stdout


def contents(sampan, name):
    return pathlib.Path(inspect_volume(sampan, name)["Mountpoint"])


# --- the commands --------------------------------------------------------------------------------------------


def test_a_volume_is_made_shown_and_removed(sampan):
    assert sampan("volume", "create", "--label", "a=1", "--label", "b", "web", check=True).stdout == "web\n"
    assert sampan("volume", "create", "web", check=True).stdout == "web\n"
    shown = inspect_volume(sampan, "web")
    assert shown["Labels"] == {"a": "1", "b": ""}
    assert (shown["Driver"], shown["Scope"], shown["Options"]) == ("local", "local", None)
    assert shown["Mountpoint"] == str(sampan.root / "volumes" / "web" / "_data")
    assert sampan("volume", "ls", check=True).stdout == "DRIVER   VOLUME NAME\nlocal    web\n"
    assert sampan("volume", "ls", "--format", "{{.Name}}={{.Labels}}", check=True).stdout == "web=a=1,b=\n"
    assert sampan("volume", "rm", "web", check=True).stdout == "web\n"
    assert volumes(sampan) == []
    assert os.listdir(sampan.root / "volumes") == []


def test_a_volume_without_a_name_gets_one_of_64_digits(sampan):
    name = sampan("volume", "create", check=True).stdout.strip()
    assert HEX_NAME.fullmatch(name)
    assert inspect_volume(sampan, name)["Labels"] == {"com.docker.volume.anonymous": ""}


@pytest.mark.parametrize("args, code, message", [
    (["create", "a/b"], 1, 'create a/b: "a/b" includes invalid characters for a local volume name'),
    (["create", "x"], 1, "volume name is too short, names should be at least two alphanumeric characters"),
    (["create", "-d", "nfs", "xx"], 1, 'plugin "nfs" not found'),
    (["create", "-o", "size=1", "xx"], 1, 'invalid option: "size"'),
    (["create", "-o", "type=tmpfs", "xx"], 1, "missing device in volume options"),
    (["create", "--name", "xx", "yy"], 1, "cannot specify a volume name through both --name and as a positional arg"),
    (["rm", "none"], 1, "get none: no such volume"),
    (["rm", "../names"], 1, "get ../names: no such volume"),
    (["inspect", "none"], 1, "get none: no such volume"),
    (["ls", "--filter", "size=1"], 1, "invalid filter 'size=1'"),
    (["ls", "--filter", "dangling=maybe"], 1, "invalid filter 'dangling=[maybe]'"),
    (["prune", "-f", "--filter", "until=1h"], 1, "invalid filter 'until=1h'"),
    (["nope"], 125, "'nope' is not a sampan volume command"),
])
def test_what_is_wrong_is_said(sampan, args, code, message):
    done = sampan("volume", *args)
    assert done.returncode == code and message in done.stderr, done


def test_rm_with_force_ignores_what_is_not_there(sampan):
    assert sampan("volume", "rm", "-f", "none", check=True).stdout == "none\n"


def test_filters_choose(sampan, plain):
    for name, label in (("one", "a=1"), ("two", "a=2"), ("three", "b=1")):
        sampan("volume", "create", "--label", label, name, check=True)
    sampan("create", "-v", "one:/x", plain, check=True)
    assert volumes(sampan, "--filter", "label=a") == ["one", "two"]
    assert volumes(sampan, "--filter", "label=a=2") == ["two"]
    assert volumes(sampan, "--filter", "name=t") == ["three", "two"]
    assert volumes(sampan, "--filter", "dangling=true") == ["three", "two"]
    assert volumes(sampan, "--filter", "dangling=false") == ["one"]


def test_prune_takes_anonymous_volumes_and_with_all_the_others_too(sampan, plain):
    anonymous = sampan("volume", "create", check=True).stdout.strip()
    for name in ("used", "unused"):
        sampan("volume", "create", name, check=True)
    sampan("create", "-v", "used:/x", plain, check=True)
    assert "[y/N]" in sampan("volume", "prune", input="n\n", check=True).stdout
    assert sampan("volume", "prune", "-f", check=True).stdout == \
        f"Deleted Volumes:\n{anonymous}\n\nTotal reclaimed space: 0B\n"
    assert volumes(sampan) == ["unused", "used"]
    sampan("volume", "prune", "-af", check=True)
    assert volumes(sampan) == ["used"]


# --- life -----------------------------------------------------------------------------------------------------


def test_a_named_volume_is_made_at_first_use_and_outlives_its_containers(sampan, plain):
    run(sampan, "-v", "data:/d", plain, "sh", "-c", "echo kept >/d/file")
    assert run(sampan, "--mount", "type=volume,source=data,target=/e", plain, "cat", "/e/file") == "kept\n"
    assert volumes(sampan) == ["data"]


def test_a_read_only_volume_is_read_only(sampan, plain):
    for how in (["-v", "data:/d:ro"], ["--mount", "source=data,target=/d,readonly"]):
        done = sampan("run", "--rm", *how, plain, "touch", "/d/x")
        assert done.returncode == 1 and "Read-only file system" in done.stderr


def test_a_volume_in_use_stays(sampan, plain):
    cid = sampan("create", "-v", "data:/d", plain, check=True).stdout.strip()
    done = sampan("volume", "rm", "-f", "data")
    assert done.returncode == 1
    assert done.stderr == f"sampan: remove data: volume is in use - [{cid}]\n"
    sampan("rm", "-v", cid, check=True)
    assert volumes(sampan) == ["data"]
    sampan("volume", "rm", "data", check=True)


def test_anonymous_volumes_go_with_rm_v_and_with_rm_only(sampan, plain):
    run(sampan, "-v", "/a", plain, "touch", "/a/x")
    assert volumes(sampan) == []
    first = sampan("create", "-v", "/a", plain, check=True).stdout.strip()
    (name,) = volumes(sampan)
    assert HEX_NAME.fullmatch(name)
    sampan("rm", first, check=True)
    assert volumes(sampan) == [name]
    second = sampan("create", "-v", "/a", "-v", f"{name}:/b", plain, check=True).stdout.strip()
    sampan("rm", "-v", second, check=True)
    assert volumes(sampan) == [name]


def test_a_container_that_could_not_be_made_leaves_no_anonymous_volume(sampan, plain):
    done = sampan("create", "-v", "/a", "--user", "nobody-here", plain)
    assert done.returncode != 0 and "unable to find user" in done.stderr
    assert volumes(sampan) == []


def test_a_restart_finds_what_was_there(sampan, plain):
    sampan("run", "--name", "cc", "-v", "/a", plain, "sh", "-c", "cat /a/x; echo again >/a/x", check=True)
    assert sampan("start", "-a", "cc", check=True).stdout == "again\n"


# --- what the image has there -----------------------------------------------------------------------------------


def check_copy(top):
    assert sorted(os.listdir(top)) == ["deep", "kept", "new", "out", "twin"]
    st = top.stat()
    assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (1000, 2000, 0o750)
    assert (top / "kept").stat().st_mode & 0o7777 == 0o4711
    assert (top / "kept").stat().st_uid == 1000
    assert (top / "kept").stat().st_ino == (top / "twin").stat().st_ino
    assert os.readlink(top / "out") == "/etc/passwd"
    assert (top / "deep" / "er" / "file").read_bytes() == b"deep"


def test_an_empty_volume_gets_what_the_image_has_there(sampan, data):
    run(sampan, "-v", "named:/data", data, "true")
    check_copy(contents(sampan, "named"))
    assert volumes(sampan) == ["named"]


def test_the_images_own_volumes_get_it_too(sampan, data):
    sampan("create", data, check=True)
    names = volumes(sampan)
    assert len(names) == 2
    tops = [contents(sampan, name) for name in names]
    full = [top for top in tops if os.listdir(top)]
    assert len(full) == 1
    check_copy(full[0])


def test_nocopy_leaves_it_empty_and_a_full_volume_is_left_alone(sampan, data):
    run(sampan, "-v", "named:/data:nocopy", data, "true")
    assert os.listdir(contents(sampan, "named")) == []
    run(sampan, "--mount", "type=volume,source=named,target=/data,volume-nocopy", data, "touch", "/data/mine")
    run(sampan, "-v", "named:/data", data, "true")
    assert os.listdir(contents(sampan, "named")) == ["mine"]


def test_a_copy_that_was_interrupted_begins_anew(sampan, data):
    sampan("volume", "create", "named", check=True)
    top = contents(sampan, "named")
    (top / "half").write_text("half")
    (top.parent / "filling").touch()
    run(sampan, "-v", "named:/data", data, "true")
    check_copy(top)
    assert not (top.parent / "filling").exists()


def test_extended_attributes_and_devices_are_copied(sampan, scratch):
    extra = Layer([directory("d"), file("d/cap", b"x", pax_headers={"SCHILY.xattr.user.note": "hello"})])
    image = pull(sampan, scratch, "xattr", Image([busybox_layer(machine_architecture()), extra], cmd=["sh"]))
    run(sampan, "-v", "x1:/d", image, "true")
    assert os.getxattr(contents(sampan, "x1") / "cap", "user.note") == b"hello"


def test_a_link_in_the_image_does_not_lead_out_of_it(sampan, data):
    run(sampan, "-v", "v1:/sneaky/link", data, "true")
    # The link is the image's own /etc, whatever the host has there; the runtime's hosts and its like are mounted in it.
    assert set(os.listdir(contents(sampan, "v1"))) == {"group", "passwd", "hosts", "hostname", "resolv.conf"}


# --- options ----------------------------------------------------------------------------------------------------


def mounts_below(top):
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return [line for line in table if f" {top}/volumes/" in line]


def test_a_volume_with_options_is_mounted_while_somebody_uses_it(sampan, plain):
    sampan("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,uid=1000", "mem", check=True)
    assert run(sampan, "-v", "mem:/m", plain, "sh", "-c", "stat -c %u /m; df -k /m | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2") \
        == "1000\n1024\n"
    assert mounts_below(sampan.root) == []
    sampan("run", "-d", "--name", "one", "-v", "mem:/m", plain, "sh", "-c", "echo x >/m/shared; sleep 100", check=True)
    assert run(sampan, "-v", "mem:/m", plain, "sh", "-c", "while ! test -s /m/shared; do sleep 0.1; done; cat /m/shared") == "x\n"
    assert len(mounts_below(sampan.root)) == 1
    sampan("rm", "-f", "one", check=True)
    assert mounts_below(sampan.root) == []


def test_a_volume_of_a_host_directory(sampan, plain, scratch):
    host = scratch / "host"
    host.mkdir()
    sampan("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={host}", "bound", check=True)
    run(sampan, "-v", "bound:/b", plain, "touch", "/b/seen")
    assert os.listdir(host) == ["seen"]
    assert mounts_below(sampan.root) == []
    sampan("volume", "rm", "bound", check=True)
    assert os.listdir(host) == ["seen"]


def test_a_volume_that_cannot_be_mounted_says_so(sampan, plain):
    sampan("volume", "create", "-o", "type=ext4", "-o", "device=/nowhere", "bad", check=True)
    done = sampan("run", "--rm", "-v", "bad:/b", plain, "true")
    assert done.returncode == 125 and "failed to mount local volume" in done.stderr


# --- subpaths, --volumes-from, images -----------------------------------------------------------------------------


def test_a_subpath_is_looked_up_inside_the_volume(sampan, plain, scratch):
    run(sampan, "-v", "data:/d", plain, "sh", "-c", "mkdir -p /d/a/b; echo sub >/d/a/b/f; ln -s /../../../../../../../.. /d/out")
    how = "type=volume,source=data,target=/s,volume-subpath="
    assert run(sampan, "--mount", how + "a/b", plain, "cat", "/s/f") == "sub\n"
    assert run(sampan, "--mount", how + "out", plain, "ls", "/s") == "a\nout\n"
    done = sampan("run", "--rm", "--mount", how + "none", plain, "true")
    assert done.returncode == 125 and "cannot access path" in done.stderr
    assert (scratch / "store" / "volumes" / "data").is_dir()


def test_volumes_from_another_container(sampan, plain, scratch):
    host = scratch / "host"
    host.mkdir()
    sampan("create", "--name", "donor", "-v", "/anon", "-v", "named:/n:ro", "-v", f"{host}:/h", "--tmpfs", "/t", plain, check=True)
    done = run(sampan, "--volumes-from", "donor", plain, "sh", "-c",
               "touch /anon/x /h/y; touch /n/z 2>/dev/null || echo ro; grep -c ' /t ' /proc/mounts || true")
    assert done == "ro\n0\n"
    assert os.listdir(host) == ["y"]
    assert "Read-only" in sampan("run", "--rm", "--volumes-from", "donor:ro", plain, "touch", "/anon/q").stderr
    assert len(volumes(sampan)) == 2  # --rm of those that borrowed it has not taken the anonymous one
    assert sampan("run", "--rm", "--volumes-from", "donor:up", plain).returncode == 125
    assert "no such container: nobody" in sampan("run", "--rm", "--volumes-from", "nobody", plain).stderr
    sampan("rm", "-v", "donor", check=True)
    assert volumes(sampan) == ["named"]


def test_an_image_is_mounted_read_only_and_kept_while_it_is(sampan, plain, data):
    how = f"type=image,source={data},target=/image"
    assert run(sampan, "--mount", how, plain, "cat", "/image/data/new") == "new"
    done = sampan("run", "--rm", "--mount", how, plain, "touch", "/image/x")
    assert done.returncode == 1 and "Read-only file system" in done.stderr
    single = f"type=image,source={plain},target=/image"
    assert "busybox" in run(sampan, "--mount", single, plain, "ls", "/image/bin")
    sampan("create", "--name", "keeper", "--mount", how, plain, "cat", "/image/data/kept", check=True)
    sampan("rmi", "-f", data)
    sampan("image", "prune", "-af", check=True)
    assert sampan("start", "-a", "keeper", check=True).stdout == "kept"
    assert "no such image" in sampan("run", "--rm", "--mount", "type=image,source=nope,target=/i", plain).stderr


@pytest.mark.parametrize("key", ["image-subpath", "subpath"])
def test_a_part_of_an_image_is_mounted_as_its_layers_show_it(sampan, plain, scratch, key):
    image = Image([
        Layer([root(), directory("opt"), directory("opt/app"), file("opt/app/old", b"old"), file("opt/app/gone", b"gone"),
               directory("opt/app/bare"), file("opt/app/bare/below", b"below"), file("opt/one", b"one")]),
        Layer([directory("opt"), directory("opt/app"), file("opt/app/new", b"new"), whiteout("opt/app/gone"), directory("opt/app/bare"),
               file("opt/app/bare/.wh..wh..opq"), file("opt/app/bare/above", b"above"), symlink("current", "/opt/app"),
               symlink("out", "../../../../etc")]),
    ])
    sampan("load", "-q", "-i", write_layout(scratch / "parts", {"x": image}), check=True)
    name = "localhost/parts:x"

    def mounted(subpath, *command):
        return run(sampan, "--mount", f"type=image,source={name},{key}={subpath},target=/p", plain, *command)

    assert mounted("opt/app", "sh", "-c", "cd /p; ls; cat old new") == "bare\nnew\nold\noldnew"
    assert mounted("current/", "ls", "/p") == "bare\nnew\nold\n"
    assert mounted("opt/app/bare", "ls", "/p") == "above\n"
    assert mounted("opt/one", "cat", "/p") == "one"
    assert mounted(".", "ls", "/p") == "current\nopt\nout\n"
    for absent in ("opt/app/gone", "out/passwd", "opt/one/x", "../../none"):
        done = sampan("run", "--rm", "--mount", f"type=image,source={name},{key}={absent},target=/p", plain, "true")
        assert done.returncode == 125 and "cannot mount an image on '/p'" in done.stderr, (absent, done.stderr)
    done = sampan("run", "--rm", "--mount", f"type=image,source={name},{key}=opt/app,target=/p", plain, "touch", "/p/x")
    assert done.returncode == 1 and "Read-only file system" in done.stderr


def test_what_is_mounted_of_an_image_survives_its_names(sampan, plain, data):
    how = f"type=image,source={data},image-subpath=data,target=/part"
    sampan("create", "--name", "part", "--mount", how, plain, "cat", "/part/kept", check=True)
    sampan("rmi", "-f", data)
    sampan("image", "prune", "-af", check=True)
    assert sampan("start", "-a", "part", check=True).stdout == "kept"


def test_bind_recursive_read_only(sampan, plain, scratch):
    host = scratch / "host"
    (host / "sub").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "below", host / "sub"], check=True)
    how = f"type=bind,source={host},target=/h,readonly,bind-propagation=rprivate"
    script = "touch /h/sub/x 2>/dev/null && echo writable || echo ro"
    assert run(sampan, "--mount", how + ",bind-recursive=writable", plain, "sh", "-c", script) == "writable\n"
    assert run(sampan, "--mount", how + ",bind-recursive=readonly", plain, "sh", "-c", script) == "ro\n"
    done = sampan("run", "--rm", "--mount", f"type=bind,source={host},target=/h,bind-recursive=readonly", plain)
    assert "requires 'readonly' to be specified in conjunction" in done.stderr
    assert run(sampan, "--mount", how + ",bind-recursive=disabled", plain, "ls", "/h/sub") == ""


# --- what else knows of them -----------------------------------------------------------------------------------------


def test_system_df_and_fsck_know_volumes(sampan, plain):
    sampan("create", "-v", "used:/x", plain, check=True)
    sampan("volume", "create", "unused", check=True)
    (contents(sampan, "unused") / "file").write_bytes(b"x" * 100000)
    rows = json.loads(sampan("system", "df", "--format", "json", check=True).stdout)["Summary"]
    row = {r["Type"]: r for r in rows}["Local Volumes"]
    assert (row["Total"], row["Active"]) == (2, 1)
    assert row["ReclaimableBytes"] >= 100000
    assert "2 volumes: clean" in sampan("fsck", check=True).stdout
    (sampan.root / "volumes" / "unused" / "volume.json").write_text("{")
    done = sampan("fsck")
    assert done.returncode != 0 and "volume unused: the record of volume 'unused' is damaged" in done.stdout
    subprocess.run(["rm", "-r", sampan.root / "volumes" / "used"], check=True)
    assert "volume used: missing" in sampan("fsck").stdout
