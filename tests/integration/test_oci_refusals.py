# SPDX-License-Identifier: Apache-2.0
"""What cannot be run, and when sampan-oci says so: at create, at start, or on the container's standard error."""
import concurrent.futures
import os
import shutil
import subprocess

import pytest

from test_oci_runtime import bundle, nothing_left, state, wait_for  # noqa: F401 (fixture)  pylint: disable=unused-import

pytestmark = pytest.mark.root


@pytest.mark.parametrize("args, text", [
    (["nosuch"], 'exec: "nosuch": executable file not found in $PATH'),
    (["/nosuch"], 'exec: "/nosuch": stat /nosuch: no such file or directory'),
    (["/etc/passwd"], 'exec: "/etc/passwd": permission denied'),
    (["/etc"], 'exec: "/etc": is a directory: permission denied'),
])
def test_what_cannot_be_executed_is_said_at_create_and_leaves_nothing(sampan_oci, bundle, args, text):
    bundle.config["process"]["args"] = args
    bundle.save()
    done = sampan_oci("create", "-b", bundle.path, "c")
    assert (done.returncode, done.stderr) == (1, f"sampan-oci: {text}\n")
    assert nothing_left(sampan_oci)


def test_a_file_that_is_no_program_fails_at_start(sampan_oci, bundle):
    (bundle.rootfs / "bad").write_bytes(b"\x00\x01\x02")
    (bundle.rootfs / "bad").chmod(0o755)
    bundle.config["process"]["args"] = ["/bad"]
    bundle.save()
    done = sampan_oci("run", "-b", bundle.path, "c")
    assert (done.returncode, done.stderr) == (1, "sampan-oci: exec /bad: exec format error\n")
    assert nothing_left(sampan_oci)


@pytest.mark.parametrize("content, reason", [
    (b"\x00\x01\x02", "exec format error"),
    (b"#!/nosuch/shell\n", "no such file or directory"),
])
def test_a_start_waits_for_what_may_not_be_a_program(sampan_oci, bundle, content, reason):
    (bundle.rootfs / "bad").write_bytes(content)
    (bundle.rootfs / "bad").chmod(0o755)
    bundle.config["process"]["args"] = ["/bad"]
    bundle.save()
    sampan_oci("create", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = sampan_oci("start", "c")
    assert (done.returncode, done.stderr) == (1, f"sampan-oci: exec /bad: {reason}\n")
    assert state(sampan_oci, "c")["status"] == "stopped"
    sampan_oci("delete", "c", check=True)
    assert nothing_left(sampan_oci)


def test_a_start_that_fails_ends_after_init(sampan_oci, bundle):
    """Even where init takes its time between its error and its end."""
    (bundle.rootfs / "bad").write_bytes(b"\x00\x01\x02")
    (bundle.rootfs / "bad").chmod(0o755)
    bundle.config["process"]["args"] = ["/bad"]
    bundle.save()
    slowly = ["strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=exit_group", "-e", "inject=exit_group:delay_enter=500000"]
    with subprocess.Popen([*slowly, *sampan_oci.argv, "create", "-b", bundle.path, "c"], stdin=subprocess.DEVNULL,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}) as tracer:  # LeakSanitizer fails under strace
        wait_for(lambda: sampan_oci("state", "c").returncode == 0 and state(sampan_oci, "c")["status"] == "created")
        done = sampan_oci("start", "c")
        assert (done.returncode, state(sampan_oci, "c")["status"]) == (1, "stopped")
        sampan_oci("delete", "c", check=True)
    assert tracer.returncode == 0


def test_a_program_that_goes_between_create_and_start_is_told_of_on_its_standard_error(sampan_oci, bundle):
    """As with runc: a start does not wait for the execve of what was a program of this machine a moment ago."""
    program = bundle.rootfs / "program"
    shutil.copy(bundle.rootfs / "bin" / "busybox", program)
    bundle.config["process"]["args"] = ["/program", "true"]
    bundle.save()
    log = bundle.path / "log"
    with open(log, "wb") as out:
        sampan_oci("create", "-b", bundle.path, "c", check=True, stdout=out, stderr=out, text=None)
    program.unlink()
    sampan_oci("start", "c", check=True)
    wait_for(lambda: state(sampan_oci, "c")["status"] == "stopped")
    assert log.read_text() == "sampan-oci: exec /program: no such file or directory\n"
    sampan_oci("delete", "c", check=True)
    assert nothing_left(sampan_oci)


@pytest.mark.parametrize("content", [None, "#!/bin/sh\nexec /bin/sleep 1000\n"], ids=["program", "script"])
def test_of_many_starts_at_a_time_one_succeeds(sampan_oci, bundle, content):
    bundle.config["process"]["args"] = ["/bin/sleep", "1000"]
    if content:
        (bundle.rootfs / "script").write_text(content)
        (bundle.rootfs / "script").chmod(0o755)
        bundle.config["process"]["args"] = ["/script"]
    bundle.save()
    sampan_oci("create", "-b", bundle.path, "c", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: sampan_oci("start", "c"), range(8)))
    assert sorted(d.returncode for d in done) == [0] + [1] * 7
    assert state(sampan_oci, "c")["status"] == "running"
    sampan_oci("delete", "-f", "c", check=True)
    assert nothing_left(sampan_oci)


@pytest.mark.parametrize("change, text", [
    (lambda c: c.update(ociVersion="2.0.0"), "config.json: "),
    (lambda c: c["process"].update(cwd="relative"), "cwd"),
    (lambda c: c["process"].update(args=[]), "process.args: must not be empty"),
    (lambda c: c["linux"]["namespaces"].append({"type": "pid"}), "namespaces"),
    (lambda c: c["linux"].update(sysctl={"vm.swappiness": "1"}), "is not in a separate kernel namespace"),
    (lambda c: c["linux"].update(rootfsPropagation="sideways"), "rootfsPropagation"),
    (lambda c: c["mounts"].append({"destination": "/x", "type": "bind", "source": "/nosuch", "options": ["bind"]}),
     "cannot bind '/nosuch' to '/x': no such file or directory"),
    (lambda c: c["mounts"].append({"destination": "/x", "type": "nofs", "source": "x"}),
     "cannot mount 'nofs' on '/x': no such device"),
])
def test_bad_configurations_are_refused_with_their_place(sampan_oci, bundle, change, text):
    change(bundle.config)
    bundle.save()
    done = sampan_oci("run", "-b", bundle.path, "c")
    assert done.returncode == 1
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert nothing_left(sampan_oci)


def test_a_missing_config_is_named(sampan_oci, scratch):
    done = sampan_oci("run", "-b", scratch, "c")
    assert done.returncode == 1
    assert "JSON specification file config.json not found" in done.stderr
