# SPDX-License-Identifier: Apache-2.0
"""`sampan exec` in real containers."""
import os
import pty
import re
import select
import signal
import time

import pytest

from container_fixture import load, refused, shell, start, state, wait_for

pytestmark = pytest.mark.root


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "img")


@pytest.fixture
def running(sampan, image):
    return start(sampan, image, "-e", "OWN=1", "-w", "/tmp")


@pytest.mark.main_job
def test_a_command_runs_in_the_container_with_its_surroundings(sampan, running):
    assert shell(sampan, "echo $FROM_IMAGE $OWN $HOME; pwd; hostname") == f"yes 1 /root\n/tmp\n{running[:12]}\n"
    assert shell(sampan, "cat /proc/1/cmdline | tr '\\0' ' '").startswith("sh -c trap")
    assert shell(sampan, "readlink /proc/self/ns/mnt") == os.readlink(f"/proc/{state(sampan)['Pid']}/ns/mnt") + "\n"
    done = sampan("exec", "box", "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_the_exit_code_is_that_of_the_command(sampan, running):
    assert sampan("exec", "box", "sh", "-c", "exit 7").returncode == 7
    assert sampan("exec", "box", "sh", "-c", "kill -9 $$").returncode == 137
    refused(sampan("exec", "box", "nope"), 'exec: "nope": executable file not found in $PATH', code=127)
    refused(sampan("exec", "box", "/nope"), 'exec: "/nope": stat /nope: no such file or directory', code=127)
    refused(sampan("exec", "box", "/etc/passwd"), 'exec: "/etc/passwd": permission denied', code=126)


def test_stdin_is_ours_with_i_and_empty_without(sampan, running):
    assert sampan("exec", "-i", "box", "cat", input="typed").stdout == "typed"
    assert sampan("exec", "box", "cat", input="typed").stdout == ""


def test_the_environment_is_the_containers_and_over_it_files_and_flags(sampan, running, scratch):
    (scratch / "env").write_text("BOTH=file\nFILE=1\n", encoding="ascii")
    text = sampan("exec", "--env-file", scratch / "env", "-e", "BOTH=flag", "-e", "HERE", "-e", "OWN=2", "box", "env",
                  env={"HERE": "host"}, check=True).stdout
    values = dict(line.split("=", 1) for line in text.splitlines())
    assert (values["BOTH"], values["FILE"], values["HERE"], values["OWN"]) == ("flag", "1", "host", "2")
    assert values["FROM_IMAGE"] == "yes" and "TERM" not in values


def test_users_are_those_of_the_container_as_it_is_now(sampan, running):
    assert sampan("exec", "-u", "user", "box", "sh", "-c", "id; echo $HOME", check=True).stdout == (
        "uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)\n/home/user\n")
    refused(sampan("exec", "-u", "late", "box", "id"), "unable to find user late: no matching entries in passwd file")
    shell(sampan, "echo late:x:77:78::/late:/bin/sh >>/etc/passwd")
    assert sampan("exec", "-u", "late", "box", "id", "-u").stdout == "77\n"
    assert sampan("exec", "-u", "5:6", "box", "sh", "-c", "id -u; id -g").stdout == "5\n6\n"
    assert sampan("exec", "-u", "user", "-e", "HOME=/mine", "box", "sh", "-c", "echo $HOME").stdout == "/mine\n"


def test_a_passwd_that_leads_out_of_the_container_is_its_own(sampan, running):
    shell(sampan, "ln -sf ../../../../../../proc/1/root/etc/shadow /etc/passwd; rm /etc/group; mkfifo /etc/group")
    assert sampan("exec", "-u", "7", "box", "id", "-u").stdout == "7\n"
    refused(sampan("exec", "-u", "root", "box", "id"), "unable to find user root")


def test_the_working_directory(sampan, running):
    assert sampan("exec", "-w", "/home", "box", "pwd").stdout == "/home\n"
    refused(sampan("exec", "-w", "usr", "box", "pwd"), "cwd must be an absolute path")


def test_privileged_has_all_capabilities_and_else_those_of_the_container(sampan, running):
    def bits(*options):
        text = sampan("exec", *options, "box", "cat", "/proc/self/status", check=True).stdout
        return {k: int(v, 16) for k, v in re.findall(r"^(Cap\w+):\s+(\w+)$", text, re.M)}

    own = int(re.search(r"CapBnd:\s+(\w+)", open("/proc/self/status", encoding="ascii").read()).group(1), 16)
    assert bits()["CapEff"] == 0xa80425fb
    assert bits("--privileged")["CapEff"] == own
    assert bits("--privileged", "-u", "user")["CapEff"] == 0


def test_a_terminal_has_our_size_and_our_keys(sampan, running):
    pid, master = pty.fork()
    if pid == 0:
        os.execve(sampan.argv[0], sampan.argv + ["exec", "-it", "box", "sh", "-c",
                                                 "stty size; tty; echo $TERM; read x; echo got=$x; exit 3"], sampan.env)
    text = b""
    deadline = time.monotonic() + 20
    sent = False
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            try:
                text += os.read(master, 4096)
            except OSError:
                break
        if b"xterm" in text and not sent:
            os.write(master, b"hello\r")
            sent = True
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    os.close(master)
    assert b"/dev/pts/" in text and b"got=hello" in text


def test_a_terminal_needs_one(sampan, running):
    refused(sampan("exec", "-it", "box", "true"), "the input device is not a TTY")


def test_detached_it_goes_on_alone(sampan, running):
    began = time.monotonic()
    done = sampan("exec", "-d", "box", "sh", "-c", "echo lost; sleep 0.5; echo done >/tmp/proof; sleep 100", check=True)
    assert (done.stdout, done.stderr) == ("", "") and time.monotonic() - began < 5
    wait_for(lambda: shell(sampan, "cat /tmp/proof 2>/dev/null; true") == "done\n", "what it does")
    refused(sampan("exec", "-d", "box", "nope"), "executable file not found", code=127)


def test_signals_reach_the_command(sampan, running):
    process = sampan.popen("exec", "box", "sh", "-c", "trap 'echo got; exit 5' INT; echo ready; while :; do sleep 0.1; done")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert (process.stdout.readline(), process.wait(10)) == ("got\n", 5)


def test_it_ends_with_the_container(sampan, running):
    process = sampan.popen("exec", "box", "sleep", "1000")
    wait_for(lambda: "sleep 1000" in sampan("top", "box").stdout, "the start")
    sampan("kill", "box", check=True)
    assert process.wait(10) == 137


def test_what_does_not_run_and_what_is_paused_are_refused(sampan, image, running):
    sampan("pause", "box", check=True)
    refused(sampan("exec", "box", "true"), "container box is paused, unpause the container before exec")
    sampan("unpause", "box", check=True)
    sampan("kill", "box", check=True)
    sampan("wait", "box", check=True)
    refused(sampan("exec", "box", "true"), f"container {running} is not running")
    refused(sampan("exec", "none", "true"), "no such container: none")
    refused(sampan("exec", "box"), "'sampan exec' requires at least 2 arguments", code=125)


def test_keys_leave_a_command_and_its_terminal_alone(sampan, running):
    pid, master = pty.fork()
    if pid == 0:
        os.execv(sampan.argv[0], [*sampan.argv, "exec", "-it", "--detach-keys", "a,b", "box", "sh", "-c",
                                  "echo ready; read x; sleep 0.3; echo late; echo $x >/tmp/told; exec sleep 1000"])
    seen = b""
    while b"ready" not in seen:
        seen += os.read(master, 1000)
    os.write(master, b"axe\n")  # the first key alone is what was typed
    wait_for(lambda: shell(sampan, "cat /tmp/told || true") == "axe\n", "its line")
    os.write(master, b"ab")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(master)
    time.sleep(0.2)
    assert "sleep 1000" in shell(sampan, "ps -o args")
    refused(sampan("exec", "--detach-keys", "ctrl-", "box", "true"), "invalid escape keys (ctrl-) provided")
