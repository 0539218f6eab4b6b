# SPDX-License-Identifier: Apache-2.0
"""sampan and sampan-oci are static; what needs a shared library is done by their other programs, to which the command is handed over (docs/adr/0021)."""
import json
import os
import shutil
import subprocess

import pytest

from bundle_fixture import Bundle, copy_oci
from conftest import BUILD, Program
from container_fixture import load

DYNAMIC = "libexec/sampan/sampan-oci"

pytestmark = [pytest.mark.root, pytest.mark.skipif(not (BUILD / DYNAMIC).exists(), reason="this build is linked with glibc alone")]


@pytest.fixture
def oci(scratch):
    """A copy of both programs, with .dynamic, the path of the other one."""
    top = scratch / "programs"
    top.mkdir()
    program = Program(copy_oci(BUILD / "sampan-oci", top), "--root", scratch / "state", env={"SAMPAN_LIBEXEC": str(top / "libexec/sampan")})
    program.dynamic = top / DYNAMIC
    program.root = scratch / "state"
    yield program
    program.end()
    if program.root.is_dir():
        for name in os.listdir(program.root):
            subprocess.run([BUILD / "sampan-oci", "--root", program.root, "delete", "--force", name], check=False, capture_output=True)


@pytest.fixture
def bundle(scratch, busybox):
    made = Bundle(scratch / "bundle", busybox)
    made.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}]}
    return made.shell("mkdir /tmp/never")


def test_it_loads_nothing():
    shown = subprocess.run(["readelf", "-lW", BUILD / "sampan-oci"], check=True, capture_output=True, text=True).stdout
    assert "INTERP" not in shown and "DYN (Position-Independent Executable file)" in shown


def test_a_profile_is_compiled_by_the_other_program_and_kept_for_both(oci, bundle):
    def errno_of_mkdir(name):
        done = oci("run", "-b", bundle.path, name)
        assert done.returncode == 1 and "/tmp/never" in done.stderr, done.stderr
        return done.stderr.rsplit(": ", 1)[1].strip()

    assert errno_of_mkdir("first") == os.strerror(77)
    os.unlink(oci.dynamic)
    assert errno_of_mkdir("second") == os.strerror(77)
    bundle.config["linux"]["seccomp"]["syscalls"][0]["errnoRet"] = 78
    bundle.save()
    done = oci("run", "-b", bundle.path, "third")
    assert done.returncode == 1
    assert done.stderr == (f"sampan-oci: cannot run '{oci.dynamic}' (install it there, or set SAMPAN_LIBEXEC to its directory): no such file or directory\n"
                           "sampan-oci: linux.seccomp: a seccomp profile needs libseccomp, which a static program cannot open\n")
    assert json.loads(oci("list", "-f", "json", check=True).stdout or "null") is None


def test_what_was_begun_is_undone_before_the_other_program_begins(oci, bundle, scratch):
    """A hook runs once, and the console's socket and the pid file are the same for both."""
    hook = scratch / "hook"
    hook.write_text(f"#!/bin/sh\ncat >/dev/null; echo ran >>{scratch}/hooks\n")
    hook.chmod(0o755)
    bundle.config["hooks"] = {"createRuntime": [{"path": str(hook)}], "poststop": [{"path": str(hook)}]}
    bundle.shell("exit 4")
    assert oci("run", "-b", bundle.path, "--pid-file", scratch / "pid", "hooked").returncode == 4
    assert (scratch / "hooks").read_text() == "ran\nran\n"
    assert int((scratch / "pid").read_text()) > 0


def test_descriptors_and_arguments_are_handed_over_whole(oci, bundle, scratch):
    bundle.config["process"]["args"] = ["/bin/sh", "-c", "cat <&3; echo $PATH"]
    bundle.config["process"]["env"] = ["PATH=/bin:/a b"]
    bundle.save()
    (scratch / "third").write_text("handed over\n")
    done = subprocess.run(["sh", "-c", 'exec 3<"$1"; shift; exec "$@"', "sh", scratch / "third", *oci.argv, "run", "-b", bundle.path,
                           "--preserve-fds", "1", "--", "whole"], check=False, capture_output=True, text=True, env=oci.env)
    assert (done.returncode, done.stdout) == (0, "handed over\n/bin:/a b\n"), done.stderr


@pytest.mark.parametrize("command", [("features",), ("checkpoint", "none"), ("restore", "none")])
def test_commands_of_libraries_are_the_other_programs(oci, command):
    other = subprocess.run([oci.dynamic, "--root", oci.root, *command], check=False, capture_output=True, text=True)
    done = oci(*command)
    assert (done.returncode, done.stdout, done.stderr) == (other.returncode, other.stdout, other.stderr)
    os.unlink(oci.dynamic)
    done = oci(*command)
    assert done.returncode == 1
    assert done.stderr == f"sampan-oci: cannot run '{oci.dynamic}' (install it there, or set SAMPAN_LIBEXEC to its directory): no such file or directory\n"


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "img")


@pytest.fixture
def sampan_alone(sampan, scratch):
    """sampan without its dynamic programs, which is not a thing that anybody has: what needs them fails."""
    top = scratch / "alone"
    (top / "libexec/sampan").mkdir(parents=True)
    shutil.copy(BUILD / "sampan", top / "sampan")
    for name in ("sampan-monitor", "sampan-image"):
        shutil.copy(BUILD / "libexec/sampan" / name, top / "libexec/sampan" / name)
    return lambda *args, **kwargs: subprocess.run([top / "sampan", *sampan.argv[1:], *map(str, args)], check=False, capture_output=True, text=True,
                                                  env={**os.environ, "SAMPAN_LIBEXEC": str(top / "libexec/sampan")}, **kwargs)


def test_sampan_finds_a_filter_that_was_kept_and_else_has_it_compiled(sampan, image, sampan_alone):
    missing = "a seccomp profile needs libseccomp, which a static program cannot open"
    assert missing in sampan_alone("run", "--rm", image, "true").stderr
    assert sampan("run", "--rm", image, "true").returncode == 0  # the default profile's is kept now
    assert sampan_alone("run", "--rm", image, "sh", "-c", "exit 6").returncode == 6
    assert sampan_alone("run", "-d", "--name", "box", image, "sleep", "100").returncode == 0
    assert sampan_alone("exec", "box", "sh", "-c", "exit 7").returncode == 7
    assert sampan_alone("rm", "-f", "box").returncode == 0


def test_a_profile_that_notifies_is_handed_over_before_anything_is_made(sampan, image, sampan_alone, scratch):
    profile = scratch / "notify.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mknod"], "action": "SCMP_ACT_NOTIFY"}]}))
    done = sampan_alone("create", "--name", "box", "--cidfile", scratch / "cid", "--security-opt", f"seccomp={profile}", image, "true")
    assert done.returncode != 0 and "cannot run" in done.stderr
    assert not (scratch / "cid").exists() and sampan("ps", "-aq", check=True).stdout == ""
    sampan("create", "--name", "box", "--cidfile", scratch / "cid", "--security-opt", f"seccomp={profile}", image, "true", check=True)
    assert sampan("ps", "-aq", "--no-trunc", check=True).stdout.strip() == (scratch / "cid").read_text()


def test_the_other_program_does_all_by_itself(oci, bundle):
    """As somebody may call it: it hands nothing over."""
    done = subprocess.run([oci.dynamic, "--root", oci.root, "run", "-b", bundle.path, "alone"], check=False, capture_output=True, text=True)
    assert done.returncode == 1 and os.strerror(77) in done.stderr
