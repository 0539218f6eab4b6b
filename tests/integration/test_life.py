# SPDX-License-Identifier: Apache-2.0
"""A container's life under its monitor: run -d, create, start, stop, kill, restart, wait, attach, restart policies, health, boot."""
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import termios
import time

import pytest

from busybox_fixture import busybox_layer
from conftest import BUILD, SLOW
from container_fixture import monitor_of, upper
from image_fixture import Image, machine_architecture, write_layout

pytestmark = pytest.mark.root

LOOP = "trap 'exit 7' TERM; while :; do sleep 0.05; done"
READY_LOOP = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"


@pytest.fixture
def image(sampan, scratch):
    content = Image([busybox_layer(machine_architecture())], cmd=["sh"], env=["PATH=/usr/bin:/bin"])
    layout = write_layout(scratch / "life", {None: content})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    return "localhost/life"


def wait_for(condition, what, seconds=15):
    deadline = time.monotonic() + seconds * SLOW
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen in {seconds * SLOW} s")


def run(sampan, *args, **kwargs):
    """`run -d`; the ID."""
    printed = sampan("run", "-d", *args, check=True, **kwargs).stdout
    assert re.fullmatch(r"[0-9a-f]{64}\n", printed)
    return printed.strip()


def state(sampan, name):
    return json.loads(sampan("inspect", name, check=True).stdout)[0]["State"]


def restarts(sampan, name):
    return json.loads(sampan("inspect", name, check=True).stdout)[0]["RestartCount"]


def has_ended(pid):
    """A zombie has: who started this test may not reap."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def kill_monitor(sampan, name):
    monitor = monitor_of(state(sampan, name)["Pid"])
    os.kill(monitor, signal.SIGKILL)
    wait_for(lambda: has_ended(monitor), "the end of the monitor")


def status(sampan, name):
    return {c["Names"]: c for c in json.loads(sampan("ps", "-a", "--format", "json", check=True).stdout)}[name]["Status"]


# --- run -d, create, start ---------------------------------------------------------------------------


def test_a_container_in_the_background(sampan, image):
    ident = run(sampan, "--name", "bg", image, "sleep", "100")
    shown = json.loads(sampan("ps", "--format", "json", check=True).stdout)
    assert [(c["ID"], c["Names"], c["State"]) for c in shown] == [(ident, "bg", "running")]
    assert status(sampan, "bg").startswith("Up ")
    assert sampan("rm", "-f", "bg", check=True).stdout == "bg\n"
    assert os.listdir(sampan.state_dir / "monitor") == []
    assert os.listdir(sampan.root / "containers") == []


def test_a_container_in_the_background_is_nobodys_child_and_holds_nothing_open(sampan, image):
    read_end, write_end = os.pipe()
    sampan("run", "-d", "--name", "bg", image, "sleep", "100", check=True, pass_fds=[write_end])
    os.close(write_end)
    assert os.read(read_end, 1) == b""  # nobody else has it
    os.close(read_end)
    monitor = monitor_of(state(sampan, "bg")["Pid"])
    assert os.readlink(f"/proc/{monitor}/cwd") == "/"
    assert os.getsid(monitor) != os.getsid(0)


def dirty_kib(pid):
    """Memory that is this process's alone, and nowhere else."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Private_Dirty:\s+(\d+)", text, re.M)[1])


@pytest.mark.plain
def test_a_monitor_gives_the_memory_of_a_burst_of_output_back(sampan, image, scratch):
    word = scratch / "word"
    word.mkdir()
    run(sampan, "--name", "bg", "-v", f"{word}:/word", "--log-opt", "max-size=1g", image, "sh", "-c",
        "echo begun; until [ -e /word/go ]; do sleep 0.1; done; while [ -e /word/go ]; do head -c 200000 /dev/zero; sleep 0.2; done; "
        "echo; sleep 100")
    monitor = monitor_of(state(sampan, "bg")["Pid"])
    wait_for(lambda: sampan("logs", "bg", check=True).stdout == "begun\n", "the first line")
    before = dirty_kib(monitor)
    assert before < 100
    (word / "go").touch()
    wait_for(lambda: dirty_kib(monitor) > before + 64, "the use of its buffers")
    (word / "go").unlink()
    wait_for(lambda: dirty_kib(monitor) < before + 24, "the return of their memory")
    wait_for(lambda: sampan("logs", "bg", check=True).stdout.endswith("\0\n"), "the last line")
    zeros = sampan("logs", "bg", check=True).stdout[len("begun\n"):-1]
    assert len(zeros) % 200000 == 0 and zeros.strip("\0") == ""


@pytest.mark.cgroup2
def test_the_kernel_rather_kills_the_container_than_its_monitor(sampan, image):
    run(sampan, "--name", "bg", "--restart", "always", image, "sleep", "100")
    monitor, first = monitor_of(state(sampan, "bg")["Pid"]), state(sampan, "bg")["Pid"]

    def score(pid):
        return int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text(encoding="ascii"))
    assert (score(monitor), score(first)) == (-1000, score("self"))
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: state(sampan, "bg")["Pid"] not in (0, first), "the next start")
    assert score(state(sampan, "bg")["Pid"]) == score("self")


def test_without_a_monitor_there_is_no_container(sampan, image, scratch):
    """What makes the first start runs beside the monitor that is started, and must not go on alone."""
    programs = scratch / "programs"
    (programs / "libexec" / "sampan").mkdir(parents=True)
    shutil.copy(BUILD / "sampan", programs)
    broken = programs / "libexec" / "sampan" / "sampan-monitor"
    broken.write_bytes(b"\x7fELF, but no more than that")
    broken.chmod(0o755)
    done = subprocess.run([programs / "sampan", *sampan.argv[1:], "run", "-d", "--name", "bad", image, "sleep", "100"], check=False,
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == "sampan: error starting container bad: the container's monitor ended before the container began\n"
    assert state(sampan, "bad")["Status"] == "exited"
    assert set(os.listdir(sampan.state_dir)) <= {"monitor", "events", ":seccomp"}
    assert sampan("rm", "bad", check=True).stdout == "bad\n"


def test_of_a_monitor_that_cannot_begin_no_container_is_left(sampan, image):
    """What has been made of it meanwhile has gone by the time that the error is told."""
    ident = sampan("create", "--name", "bad", image, "sleep", "100", check=True).stdout.strip()
    (sampan.state_dir / "monitor" / ident / "attach.sock").mkdir(parents=True)
    done = sampan("start", "bad")
    assert (done.returncode, done.stderr) == (1, "sampan: error starting container bad: the container's monitor: Address already in use\n")
    assert set(os.listdir(sampan.state_dir)) <= {"monitor", "events", ":seccomp"}
    (sampan.state_dir / "monitor" / ident / "attach.sock").rmdir()
    sampan("start", "bad", check=True)


def test_a_container_whose_monitor_is_of_an_older_build_is_listed_as_it_is(sampan, image):
    """Such a monitor has no lock on its page: the container's own tells, and after SIGKILL that as well."""
    ident = run(sampan, "--name", "old", image, "sleep", "100")
    page = sampan.state_dir / "monitor" / ident / "status"
    copy = page.read_bytes()
    page.unlink()
    page.write_bytes(copy)
    assert status(sampan, "old").startswith("Up ")
    kill_monitor(sampan, "old")
    done = sampan("ps", "-a", "--format", "{{.Status}}", check=True)
    assert done.stdout.startswith("Exited (137)") and "its monitor was killed" in done.stderr, done
    assert sampan("rm", "old", check=True).stdout == "old\n"


def test_with_rm_it_is_gone_after_its_end(sampan, image):
    run(sampan, "--rm", "--name", "gone", image, "true")
    wait_for(lambda: sampan("ps", "-aq", check=True).stdout == "", "the removal")
    wait_for(lambda: os.listdir(sampan.state_dir / "monitor") == [], "the end of the monitor")
    wait_for(lambda: os.listdir(sampan.root / "containers") == [], "the end of its files")


def test_a_start_that_fails_says_why_and_leaves_the_container(sampan, image):
    done = sampan("run", "-d", "--name", "bad", image, "/nonexistent")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == ('sampan: error starting container bad: exec: "/nonexistent": stat /nonexistent: '
                           "no such file or directory\n")
    assert state(sampan, "bad")["ExitCode"] == 127
    assert "no such file or directory" in state(sampan, "bad")["Error"]
    done = sampan("start", "bad")
    assert done.returncode == 1 and "no such file or directory" in done.stderr
    sampan("rm", "bad", check=True)


def test_with_rm_a_start_that_fails_leaves_nothing(sampan, image):
    assert sampan("run", "-d", "--rm", image, "/etc/passwd").returncode == 126
    assert sampan("ps", "-aq", check=True).stdout == ""


def test_create_and_start(sampan, image):
    ident = sampan("create", "--name", "later", image, "sh", "-c", "echo once; exit 5", check=True).stdout.strip()
    assert status(sampan, "later") == "Created"
    assert sampan("ps", "-q", check=True).stdout == ""
    assert sampan("start", ident[:12], check=True).stdout == ident[:12] + "\n"
    assert sampan("wait", "later", check=True).stdout == "5\n"
    assert status(sampan, "later").startswith("Exited (5) ")
    done = sampan("start", "-a", "later")
    assert (done.returncode, done.stdout) == (5, "once\n")


def test_starting_one_that_runs_is_a_success(sampan, image):
    run(sampan, "--name", "up", image, "sleep", "100")
    pid = state(sampan, "up")["Pid"]
    assert sampan("start", "up", check=True).stdout == "up\n"
    assert state(sampan, "up")["Pid"] == pid


def test_two_that_start_the_same_container_start_it_once(sampan, image):
    sampan("create", "--name", "twice", image, "sleep", "100", check=True)
    both = [sampan.popen("start", "twice") for _ in range(2)]
    assert [p.wait(20 * SLOW) for p in both] == [0, 0]
    assert len(os.listdir(sampan.state_dir / "monitor")) == 1
    assert state(sampan, "twice")["Running"]


def test_what_was_written_is_there_after_a_restart(sampan, image):
    sampan("run", "--name", "keeps", image, "sh", "-c", "echo more >>/tmp/file; cat /tmp/file", check=True)
    assert sampan("start", "-a", "keeps", check=True).stdout == "more\nmore\n"


# --- stop, kill, restart, wait -----------------------------------------------------------------------


def test_stop_sends_the_signal_and_waits(sampan, image):
    run(sampan, "--name", "polite", image, "sh", "-c", LOOP)
    assert sampan("stop", "polite", check=True).stdout == "polite\n"
    assert state(sampan, "polite")["ExitCode"] == 7
    assert sampan("stop", "polite", check=True).stdout == "polite\n"


def test_stop_kills_what_does_not_go(sampan, image):
    run(sampan, "--name", "deaf", image, "sleep", "100")
    begin = time.monotonic()
    sampan("stop", "-t", "1", "deaf", check=True)
    assert 1 <= time.monotonic() - begin < 5 * SLOW
    assert state(sampan, "deaf")["ExitCode"] == 137


def test_the_signal_and_the_time_of_the_container(sampan, image):
    run(sampan, "--name", "own", "--stop-signal", "USR1", "--stop-timeout", "30", image, "sh", "-c",
        "trap 'exit 9' USR1; while :; do sleep 0.05; done")
    sampan("stop", "own", check=True)
    assert state(sampan, "own")["ExitCode"] == 9


def test_stop_with_a_signal(sampan, image):
    run(sampan, "--name", "own", image, "sh", "-c", "trap 'exit 11' INT; while :; do sleep 0.05; done")
    sampan("stop", "-s", "SIGINT", "own", check=True)
    assert state(sampan, "own")["ExitCode"] == 11


def test_kill(sampan, image):
    run(sampan, "--name", "target", image, "sh", "-c",
        "trap 'echo caught >/tmp/x; exit 3' HUP; echo ready; while :; do sleep 0.05; done")
    wait_for(lambda: sampan("logs", "target").stdout == "ready\n", "its trap")
    assert sampan("kill", "-s", "HUP", "target", check=True).stdout == "target\n"
    assert sampan("wait", "target", check=True).stdout == "3\n"
    done = sampan("kill", "target")
    ident = json.loads(sampan("inspect", "target", check=True).stdout)[0]["Id"]
    assert done.returncode == 1
    assert done.stderr == f"sampan: cannot kill container: target: container {ident} is not running\n"
    assert sampan("kill", "-s", "NOSUCH", "target").returncode == 1


def test_restart(sampan, image):
    run(sampan, "--name", "again", image, "sh", "-c", LOOP)
    first = state(sampan, "again")["Pid"]
    assert sampan("restart", "again", check=True).stdout == "again\n"
    second = state(sampan, "again")
    assert second["Running"] and second["Pid"] != first
    sampan("stop", "again", check=True)
    sampan("restart", "again", check=True)
    assert state(sampan, "again")["Running"]


def test_wait_for_several(sampan, image):
    for code in (3, 0, 4):
        run(sampan, "--name", f"code{code}", image, "sh", "-c", f"sleep 0.3; exit {code}")
    assert sampan("wait", "code3", "code0", "code4", check=True).stdout == "3\n0\n4\n"
    done = sampan("wait", "code3", "none")
    assert (done.returncode, done.stdout) == (1, "3\n")


def test_rm_says_why_not(sampan, image):
    run(sampan, "--name", "busy", image, "sleep", "100")
    done = sampan("rm", "busy")
    assert done.returncode == 1
    assert done.stderr == ('sampan: cannot remove container "busy": container is running: '
                           "stop the container before removing or force remove\n")


# --- restart policies --------------------------------------------------------------------------------


def test_on_failure_stops_after_its_number(sampan, image):
    run(sampan, "--name", "fails", "--restart", "on-failure:3", image, "sh", "-c", "echo x >>/tmp/runs; exit 6")
    assert sampan("wait", "fails", check=True).stdout == "6\n"
    assert restarts(sampan, "fails") == 3
    runs = upper(sampan, "fails") / "tmp" / "runs"
    assert runs.read_text(encoding="ascii") == "x\n" * 4


def test_on_failure_is_content_with_success(sampan, image):
    run(sampan, "--name", "works", "--restart", "on-failure", image, "true")
    assert sampan("wait", "works", check=True).stdout == "0\n"
    assert restarts(sampan, "works") == 0


@pytest.mark.parametrize("policy", ["always", "unless-stopped"])
def test_always_starts_again_until_it_is_stopped(sampan, image, policy):
    run(sampan, "--name", "ever", "--restart", policy, image, "sh", "-c", "sleep 0.2; exit 0")
    wait_for(lambda: restarts(sampan, "ever") >= 2, "the second restart")
    sampan("stop", "-t", "0", "ever", check=True)
    assert state(sampan, "ever")["Status"] == "exited"
    time.sleep(0.5)
    assert state(sampan, "ever")["Status"] == "exited"
    sampan("start", "ever", check=True)
    assert restarts(sampan, "ever") == 0
    sampan("rm", "-f", "ever", check=True)


def test_a_stop_while_it_waits_for_its_next_start(sampan, image):
    run(sampan, "--name", "loops", "--restart", "always", image, "false")
    wait_for(lambda: restarts(sampan, "loops") >= 4, "a long delay")
    wait_for(lambda: state(sampan, "loops")["Status"] == "restarting", "the next delay")
    assert re.match(r"Restarting \(1\) ", status(sampan, "loops"))
    sampan("stop", "loops", check=True)
    wait_for(lambda: state(sampan, "loops")["Status"] == "exited", "the end")
    sampan("rm", "loops", check=True)


def test_killed_by_the_user_it_stays_down(sampan, image):
    run(sampan, "--name", "dead", "--restart", "always", image, "sleep", "100")
    sampan("kill", "dead", check=True)
    assert sampan("wait", "dead", check=True).stdout == "137\n"
    assert state(sampan, "dead")["Status"] == "exited"


def test_restart_and_rm_exclude_each_other(sampan, image):
    done = sampan("run", "--rm", "--restart", "always", image, "true")
    assert (done.returncode, done.stderr) == (125, "sampan: conflicting options: --restart and --rm\n")


def test_a_bad_policy_is_refused(sampan, image):
    done = sampan("run", "--restart", "often", image, "true")
    assert done.returncode == 125 and "unknown policy 'often'" in done.stderr


@pytest.mark.plain
def test_what_is_just_being_started_again_can_be_removed_and_stopped(sampan, image):
    """For some ten milliseconds there is nothing to be killed, and nobody is waiting any more."""
    for hundredth in range(6, 20):
        run(sampan, "--name", "bg", "--restart", "always", image, "sh", "-c", "[ -e /x ] && exec sleep 100; : >/x; exit 3")
        time.sleep(hundredth / 100)
        if hundredth % 2:
            sampan("stop", "-t", "0", "bg", check=True, timeout=8)
            assert state(sampan, "bg")["Status"] == "exited"
        assert sampan("rm", "-f", "bg", check=True, timeout=8).stdout == "bg\n"


# --- a monitor that is killed ------------------------------------------------------------------------


def test_a_killed_monitor_is_told_and_cleared_away(sampan, image):
    run(sampan, "--name", "orphan", image, "sleep", "100")
    pid = state(sampan, "orphan")["Pid"]
    kill_monitor(sampan, "orphan")
    done = sampan("ps", "-a", check=True)
    assert "container orphan: its monitor was killed" in done.stderr
    assert "Exited (137)" in done.stdout
    wait_for(lambda: has_ended(pid), "the end")
    assert sampan("ps", "-a", check=True).stderr == ""
    sampan("start", "orphan", check=True)
    assert state(sampan, "orphan")["Running"]


def test_with_rm_nothing_of_it_is_left(sampan, image):
    run(sampan, "--rm", "--name", "orphan", image, "sleep", "100")
    kill_monitor(sampan, "orphan")
    sampan("ps", check=True)
    assert sampan("ps", "-aq", check=True).stdout == ""
    assert set(os.listdir(sampan.state_dir)) <= {"monitor", "events", ":seccomp"} and os.listdir(sampan.state_dir / "monitor") == []


def test_sigterm_to_the_monitor_stops_the_container(sampan, image):
    run(sampan, "--name", "unit", "--restart", "always", image, "sh", "-c", LOOP)
    os.kill(monitor_of(state(sampan, "unit")["Pid"]), signal.SIGTERM)
    assert sampan("wait", "unit", check=True).stdout == "7\n"
    assert state(sampan, "unit")["Status"] == "exited"


# --- boot --------------------------------------------------------------------------------------------


CGROUPS = pathlib.Path("/sys/fs/cgroup")


def cut_the_power(sampan):
    """What a reboot does: no process is left, and nothing below the state directory; nor is a cgroup, which nothing of ours could know of then."""
    for entry in json.loads(sampan("ps", "--format", "json", check=True).stdout):
        monitor = monitor_of(state(sampan, entry["Names"])["Pid"])
        os.kill(monitor, signal.SIGKILL)
        os.kill(entry["Pid"], signal.SIGKILL)
        wait_for(lambda pids=(monitor, entry["Pid"]): all(map(has_ended, pids)), "the end")
        for cgroup in [*CGROUPS.glob(f"sampan/{entry['ID'][:12]}*"), *CGROUPS.glob(f"unified/sampan/{entry['ID'][:12]}*")]:
            cgroup.rmdir()
    subprocess.run(["rm", "-rf", sampan.state_dir], check=True)


def test_boot_starts_what_ran_and_what_always_runs(sampan, image):
    for policy in ("no", "always", "unless-stopped", "on-failure"):
        run(sampan, "--name", f"up-{policy}", "--restart", policy, image, "sleep", "100")
        run(sampan, "--name", f"stopped-{policy}", "--restart", policy, image, "sh", "-c", LOOP)
        sampan("stop", f"stopped-{policy}", check=True)
    run(sampan, "--rm", "--name", "temporary", image, "sleep", "100")
    cut_the_power(sampan)
    assert sorted(sampan("boot", check=True).stdout.split()) == ["stopped-always", "up-always", "up-on-failure", "up-unless-stopped"]
    shown = {c["Names"]: c["State"] for c in json.loads(sampan("ps", "-a", "--format", "json", check=True).stdout)}
    assert "temporary" not in shown
    assert sorted(n for n, s in shown.items() if s == "running") == ["stopped-always", "up-always", "up-on-failure", "up-unless-stopped"]
    assert status(sampan, "up-no").startswith("Exited (137)")
    assert sampan("boot", check=True).stdout == ""


# --- attach ------------------------------------------------------------------------------------------


def test_attach_shows_what_comes_and_gives_stdin(sampan, image):
    run(sampan, "-i", "--name", "echo", image, "sh", "-c", "while read line; do echo got $line; done; exit 4")
    client = sampan.popen("attach", "echo", stdin=subprocess.PIPE)
    client.stdin.write("one\n")
    client.stdin.flush()
    assert client.stdout.readline() == "got one\n"
    second = sampan.popen("attach", "--no-stdin", "echo")
    wait_for(lambda: len(os.listdir(f"/proc/{monitor_of(state(sampan, 'echo')['Pid'])}/fd")) > 10, "the second client")
    time.sleep(0.2)
    client.stdin.write("two\n")
    client.stdin.flush()
    assert client.stdout.readline() == "got two\n"
    assert second.stdout.readline() == "got two\n"
    sampan("kill", "echo", check=True)
    assert client.wait(10 * SLOW) == 137
    assert second.wait(10 * SLOW) == 137


def test_attach_needs_one_that_runs(sampan, image):
    sampan("run", "--name", "over", image, "true", check=True)
    done = sampan("attach", "over")
    assert (done.returncode, done.stderr) == (1, "sampan: you cannot attach to a stopped container, start it first\n")


def test_a_client_that_does_not_read_does_not_stop_the_container(sampan, image):
    run(sampan, "--name", "chatty", image, "sh", "-c", "sleep 0.5; seq 300000; echo done >/tmp/done; sleep 100")
    client = sampan.popen("attach", "--sig-proxy=false", "chatty")
    client.send_signal(signal.SIGSTOP)
    done = upper(sampan, "chatty") / "tmp" / "done"
    wait_for(done.exists, "the end of the output", 30)
    client.send_signal(signal.SIGCONT)
    client.kill()


def test_the_end_of_our_output_ends_that_of_the_container(sampan, image):
    done = subprocess.run(["sh", "-c", '"$@" | head -n 1', "sh", *sampan.argv, "run", "--rm", image, "yes"],
                          capture_output=True, text=True, timeout=30 * SLOW, check=True)
    assert done.stdout == "y\n"
    assert sampan("ps", "-aq", check=True).stdout == ""


def test_much_output_and_input_pass_unharmed(sampan, image):
    text = "".join(f"{n}\n" for n in range(300000))
    assert sampan("run", "-i", "--rm", image, "cat", check=True, input=text).stdout == text


def test_detach_keys_leave_it_running(sampan, image):
    master, slave = pty.openpty()
    attributes = termios.tcgetattr(slave)
    process = sampan.popen("run", "-it", "--name", "kept", image, "sh", stdin=slave, stdout=slave, stderr=slave, text=False)
    os.write(master, b"echo $((6*7))\n")
    seen = b""
    while b"42" not in seen:
        seen += os.read(master, 1000)
    os.write(master, b"\x10\x11")
    assert process.wait(10 * SLOW) == 0
    assert termios.tcgetattr(slave) == attributes
    assert state(sampan, "kept")["Running"]
    process = sampan.popen("attach", "kept", stdin=slave, stdout=slave, stderr=slave, text=False)
    os.write(master, b"exit 6\n")
    assert process.wait(10 * SLOW) == 6
    os.close(master)
    os.close(slave)


def test_only_the_streams_that_were_asked_for_are_ours(sampan, image):
    both = ("sh", "-c", "echo out; echo err >&2")
    done = sampan("run", "--rm", "-a", "stdout", image, *both, check=True)
    assert (done.stdout, done.stderr) == ("out\n", "")
    done = sampan("run", "-a", "STDERR", "--name", "err", image, *both, check=True)
    assert (done.stdout, done.stderr) == ("", "err\n")
    assert sampan("logs", "err", check=True).stdout == "out\n"
    done = sampan("run", "-i", "-a", "stdin", "--name", "in", image, "sh", "-c", "cat; sleep 100", input="typed\n", check=True)
    assert re.fullmatch(r"[0-9a-f]{64}\n", done.stdout) and state(sampan, "in")["Running"]
    wait_for(lambda: sampan("logs", "in", check=True).stdout == "typed\n", "its input")
    done = sampan("run", "-d", "-a", "stdout", image, "true")
    assert done.returncode == 125 and "cannot specify both --attach and --detach" in done.stderr
    done = sampan("run", "-a", "stdlog", image, "true")
    assert done.returncode == 125 and "valid streams are STDIN, STDOUT and STDERR" in done.stderr
    assert sampan("create", "-a", "stdout", image, "true").returncode == 0


def test_signals_can_be_kept_from_the_container(sampan, image):
    process = sampan.popen("run", "--sig-proxy=false", "--name", "kept", image, "sh", "-c", READY_LOOP)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10 * SLOW) == -signal.SIGTERM
    client = sampan.popen("attach", "--sig-proxy=false", "kept")
    wait_for(lambda: len(os.listdir(f"/proc/{client.pid}/fd")) > 4, "its socket")
    client.send_signal(signal.SIGINT)
    assert client.wait(10 * SLOW) == -signal.SIGINT
    assert state(sampan, "kept")["Running"]
    process = sampan.popen("run", "--name", "given", image, "sh", "-c", READY_LOOP)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10 * SLOW) == 7


def test_a_running_container_gets_another_restart_policy(sampan, image):
    run(sampan, "--name", "box", image, "sleep", "1000")
    assert sampan("update", "--restart", "on-failure:2", "box", check=True).stdout == "box\n"
    assert json.loads(sampan("inspect", "box", check=True).stdout)[0]["HostConfig"]["RestartPolicy"] == {
        "Name": "on-failure", "MaximumRetryCount": 2}
    os.kill(state(sampan, "box")["Pid"], signal.SIGKILL)
    wait_for(lambda: restarts(sampan, "box") == 1 and state(sampan, "box")["Status"] == "running", "its restart")
    sampan("update", "--restart", "no", "box", check=True)
    os.kill(state(sampan, "box")["Pid"], signal.SIGKILL)
    wait_for(lambda: state(sampan, "box")["Status"] == "exited", "its end")
    assert restarts(sampan, "box") == 1


def test_restart_policies_that_cannot_be_are_refused(sampan, image):
    run(sampan, "--rm", "--name", "gone", image, "sleep", "1000")
    done = sampan("update", "--restart", "always", "gone")
    assert (done.returncode, done.stdout) == (1, "") and "because AutoRemove is enabled" in done.stderr
    done = sampan("update", "--restart", "sometimes", "gone")
    assert (done.returncode, done.stdout) == (1, "") and "cannot update container gone: " in done.stderr


def test_start_with_a_terminal(sampan, image):
    sampan("create", "-it", "--name", "tty", image, "sh", "-c", "tty; read x; echo got $x", check=True)
    master, slave = pty.openpty()
    process = sampan.popen("start", "-ai", "tty", stdin=slave, stdout=slave, stderr=slave, text=False)
    os.write(master, b"it\n")
    seen = b""
    while b"got it" not in seen:
        seen += os.read(master, 1000)
    assert b"/dev/pts/0" in seen
    assert process.wait(10 * SLOW) == 0
    os.close(master)
    os.close(slave)


# --- health ------------------------------------------------------------------------------------------


def health(sampan, name):
    return state(sampan, name)["Health"]


def test_health_goes_up_and_down(sampan, scratch, image):
    shared = scratch / "shared"
    shared.mkdir()
    (shared / "ok").touch()
    run(sampan, "--name", "checked", "--health-cmd", "test -e /shared/ok || { echo it is gone; exit 1; }", "--health-interval", "200ms",
        "--health-retries", "2", "-v", f"{shared}:/shared", image, "sleep", "1000")
    assert "(health: starting)" in status(sampan, "checked")
    wait_for(lambda: "(healthy)" in status(sampan, "checked"), "health")
    (shared / "ok").unlink()
    wait_for(lambda: "(unhealthy)" in status(sampan, "checked"), "bad health")
    shown = health(sampan, "checked")
    assert shown["Status"] == "unhealthy" and shown["FailingStreak"] >= 2
    assert shown["Log"][-1]["ExitCode"] == 1 and shown["Log"][-1]["Output"] == "it is gone\n"
    assert len(shown["Log"]) <= 5
    (shared / "ok").touch()
    wait_for(lambda: "(healthy)" in status(sampan, "checked"), "health again")


@pytest.mark.parametrize("action,then", [("kill", "exited"), ("stop", "exited"), ("restart", "running")])
def test_what_is_done_about_bad_health(sampan, image, action, then):
    run(sampan, "--name", "ill", "--stop-timeout", "0", "--health-cmd", "exit 1", "--health-interval", "200ms", "--health-retries", "1",
        "--health-on-failure", action, image, "sleep", "1000")
    pid = state(sampan, "ill")["Pid"]
    if then == "running":
        wait_for(lambda: state(sampan, "ill")["Running"] and state(sampan, "ill")["Pid"] not in (0, pid), "the restart")
    else:
        wait_for(lambda: state(sampan, "ill")["Status"] == "exited", "the end")


def test_a_check_that_hangs_has_failed(sampan, image):
    run(sampan, "--name", "slow", "--health-cmd", "sleep 100", "--health-interval", "200ms", "--health-timeout", "300ms",
        "--health-retries", "1", image, "sleep", "1000")
    wait_for(lambda: "(unhealthy)" in status(sampan, "slow"), "bad health")
    log = health(sampan, "slow")["Log"]
    assert log[-1]["ExitCode"] == -1 and log[-1]["Output"] == "Health check exceeded timeout (300 ms)"


def test_the_check_of_the_image(sampan, scratch):
    content = Image([busybox_layer(machine_architecture())], cmd=["sleep", "1000"], env=["PATH=/usr/bin:/bin"],
                    healthcheck={"Test": ["CMD-SHELL", "echo from the image"], "Interval": 200000000})
    layout = write_layout(scratch / "health", {None: content})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    run(sampan, "--name", "checked", "localhost/health")
    wait_for(lambda: "(healthy)" in status(sampan, "checked"), "health")
    assert health(sampan, "checked")["Log"][-1]["Output"] == "from the image\n"
    run(sampan, "--name", "unchecked", "--no-healthcheck", "localhost/health")
    assert "Health" not in state(sampan, "unchecked")
    done = sampan("run", "--no-healthcheck", "--health-cmd", "true", "localhost/health")
    assert (done.returncode, done.stderr) == (125, "sampan: --no-healthcheck conflicts with --health-* options\n")
