# SPDX-License-Identifier: Apache-2.0
"""Podman, Docker and containerd run containers with sampan-oci in place of runc, configured as docs/clients.md says."""
import itertools
import json
import os
import signal
import subprocess
import tomllib

import pytest

from clients_fixture import IMAGE, OCI, Ctr, Docker, Podman, closed, documented, need, opened, until
from conftest import missing_cgroup2
from image_fixture import busybox_image, write_docker_archive

pytestmark = [pytest.mark.root, pytest.mark.plain]

PROGRAMS = {Podman: ("podman", "conmon"), Docker: ("docker", "dockerd", "containerd"), Ctr: ("ctr", "containerd")}
NUMBERS = itertools.count(1)
TRAPS_TERM = "trap 'echo got TERM; exit 9' TERM; echo up; while :; do sleep 0.05; done"
IGNORES_TERM = "trap '' TERM; echo up; while :; do sleep 0.05; done"
# The client tells the size after the start.
WAITS_FOR_SIZE = 'until [ "$(stty size)" = "33 99" ]; do sleep 0.05; done; echo ready; read line; echo "<$line>"; exit 3'


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return write_docker_archive(tmp_path_factory.mktemp("image") / "busybox.tar", {IMAGE: busybox_image()})


@pytest.fixture(scope="module")
def of_kind(archive, tmp_path_factory):
    """of_kind(Docker): one client, and one daemon, of a kind for all tests."""
    clients = {}

    def get(kind):
        need(*PROGRAMS[kind])
        if kind not in clients:
            clients[kind] = opened(kind, tmp_path_factory.mktemp(kind.name), archive)
        return clients[kind]

    yield get
    for client in clients.values():
        closed(client)


def watched(client):
    """Yields the client; what its containers occupied before is what they occupy afterwards."""
    before = client.left()
    yield client
    until(lambda: client.left() == before, lambda: f"{client.left()} is left, not {before}")


@pytest.fixture(params=[Podman, Docker], ids=lambda kind: kind.name)
def client(request, of_kind):
    yield from watched(of_kind(request.param))


@pytest.fixture
def ctr(of_kind):
    yield from watched(of_kind(Ctr))


@pytest.fixture
def name(client):
    name = f"test{next(NUMBERS)}"
    yield name
    if client("container", "inspect", name).returncode == 0:
        client("rm", "-f", *short_grace(client), name, check=True)


@pytest.fixture
def ctr_name(ctr):
    name = f"test{next(NUMBERS)}"
    yield name
    ctr("tasks", "rm", "--force", name)
    ctr("containers", "rm", name)


def short_grace(client):
    return ["--time=0"] if client.name == "podman" else []


def start(client, name, script, *options):
    """A container in the background; returns when it has said "up"."""
    client.run("-d", f"--name={name}", *options, "sh", "-c", script, check=True)
    until(lambda: "up" in client("logs", name).stdout, f"{name} does not say up")


def inspect(client, name, path):
    value = json.loads(client("container", "inspect", name, check=True).stdout)[0]
    for key in path.split("."):
        value = value[key]
    return value


def last_number(client, name):
    """The last number that the container logged. Docker ends a running container's log without a warning."""
    words = client("logs", "--tail=1", name, check=True).stdout.split()
    return int(words[-1]) if words and words[-1].isdigit() else 0


# --- Podman and Docker: one container ------------------------------------------------------------------


def test_sampan_oci_is_the_runtime_of_the_client(client):
    if client.name == "podman":
        runtime = json.loads(client("info", "--format=json", check=True).stdout)["host"]["ociRuntime"]
        assert runtime["path"] == str(OCI)
        assert runtime["version"].startswith("sampan-oci version ")
    else:
        info = json.loads(client("info", "--format={{json .}}", check=True).stdout)
        assert info["Runtimes"][info["DefaultRuntime"]]["path"] == str(OCI)


def test_output_and_exit_code_are_those_of_the_container(client):
    done = client.run("--rm", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_standard_input_reaches_the_container(client):
    assert client.run("--rm", "-i", "wc", "-c", input="12345", check=True).stdout == "5\n"


def test_a_container_has_a_terminal_of_the_callers_size(client):
    with client.run_on_terminal("--rm", "sh", "-c", f"tty; {WAITS_FOR_SIZE}") as terminal:
        terminal.read("ready")
        terminal.type("hello\n")
        assert terminal.end() == 3
        assert "/dev/pts/0" in terminal.output
        assert "<hello>" in terminal.output


def test_the_options_of_a_container_are_honoured(client, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "file").write_text("from the host\n", encoding="ascii")
    init = ["--init"] if client.name == "docker" else []  # Podman wants catatonit for it
    script = "hostname; id -u; id -g; pwd; echo $X; cat /mnt/file; touch /mnt/y || touch /y || touch /tmp/x && echo fine"
    done = client.run("--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--user=5:6", "--env=X=value",
                      "--workdir=/var", "--hostname=host", "--security-opt=no-new-privileges", *init,
                      f"--volume={tmp_path}:/mnt:ro", "sh", "-c", script)
    assert done.stdout == "host\n5\n6\n/var\nvalue\nfrom the host\nfine\n", done.stderr
    assert done.stderr.count("Read-only file system") == 2


def test_a_container_in_a_user_namespace_is_root_only_inside(of_kind):
    podman = of_kind(Podman)
    done = podman.run("--rm", "--uidmap=0:100000:65536", "--gidmap=0:100000:65536", "sh", "-c",
                      "id -u; cat /proc/self/uid_map", check=True)
    assert done.stdout.split() == ["0", "0", "100000", "65536"]


@pytest.mark.parametrize("command, code, message", [
    ("/nope", 127, 'exec: "/nope": stat /nope: no such file or directory'),
    ("nope", 127, 'exec: "nope": executable file not found in $PATH'),
    ("/tmp", 126, 'exec: "/tmp": is a directory: permission denied'),
    ("/etc/passwd", 126, 'exec: "/etc/passwd": permission denied'),
])
def test_a_program_that_cannot_run_has_the_exit_code_that_shells_give(client, command, code, message):
    done = client.run("--rm", command)
    assert done.returncode == code, done.stderr
    assert message in done.stderr


# --- Podman and Docker: while it runs ------------------------------------------------------------------


def test_exec_runs_a_further_process(client, name):
    start(client, name, IGNORES_TERM)
    done = client("exec", "-u", "5:6", "-w", "/var", "-e", "X=value", name, "sh", "-c", "id -u; id -g; pwd; echo $X; exit 5")
    assert (done.returncode, done.stdout) == (5, "5\n6\n/var\nvalue\n")
    done = client("exec", "-i", name, "wc", "-c", input="12345")
    assert (done.returncode, done.stdout) == (0, "5\n")


def test_exec_on_a_terminal(client, name):
    start(client, name, IGNORES_TERM)
    with client.on_terminal("exec", "-i", "-t", name, "sh", "-c", f"tty; {WAITS_FOR_SIZE}") as terminal:
        terminal.read("ready")
        terminal.type("hello\n")
        assert terminal.end() == 3
        assert "/dev/pts/0" in terminal.output
        assert "<hello>" in terminal.output


def test_exec_of_a_program_that_is_not_there_fails(client, name):
    start(client, name, IGNORES_TERM)
    done = client("exec", name, "/nope")
    assert done.returncode == {"podman": 127, "docker": 126}[client.name]  # Docker 20.10: with runc too
    assert 'exec: "/nope": stat /nope: no such file or directory' in done.stdout + done.stderr


def test_top_lists_the_processes_of_the_container(client, name):
    start(client, name, "echo up; sleep 1234 & exec sleep 1235")
    done = client("top", name, check=True)
    assert "sleep 1234" in done.stdout
    assert "sleep 1235" in done.stdout
    assert len(done.stdout.splitlines()) == 3


def test_a_paused_container_stands_still(client, name):
    start(client, name, "echo up; n=0; while :; do n=$((n + 1)); echo $n; sleep 0.02; done")
    client("pause", name, check=True)
    assert inspect(client, name, "State.Status") == "paused"
    at_pause = last_number(client, name)
    assert client("exec", name, "true").returncode != 0
    assert last_number(client, name) == at_pause
    client("unpause", name, check=True)
    assert inspect(client, name, "State.Status") == "running"
    until(lambda: last_number(client, name) > at_pause, "it does not go on")


def test_update_changes_a_limit_or_says_why_it_cannot(client, name):
    cannot = missing_cgroup2()
    if cannot:
        start(client, name, IGNORES_TERM)
    else:
        start(client, name, IGNORES_TERM, "--memory=128m", "--memory-swap=128m")
        assert client("exec", name, "cat", "/sys/fs/cgroup/memory.max", check=True).stdout == f"{128 << 20}\n"
    done = client("update", "--memory=64m", "--memory-swap=64m", name)
    if cannot:
        assert done.returncode != 0
        assert "cannot limit memory: " in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert client("exec", name, "cat", "/sys/fs/cgroup/memory.max", check=True).stdout == f"{64 << 20}\n"


# --- Podman and Docker: its end ------------------------------------------------------------------------


def test_stop_lets_the_container_end_itself(client, name):
    start(client, name, TRAPS_TERM)
    client("stop", "-t", "20", name, check=True)
    assert inspect(client, name, "State.ExitCode") == 9
    assert client("logs", name).stdout == "up\ngot TERM\n"


def test_stop_kills_what_does_not_end(client, name):
    start(client, name, IGNORES_TERM)
    client("stop", "-t", "1", name, check=True)
    assert inspect(client, name, "State.ExitCode") == 128 + signal.SIGKILL


def test_kill_sends_the_signal_that_was_named(client, name):
    start(client, name, "trap 'exit 11' USR1; echo up; while :; do sleep 0.05; done")
    client("kill", "-s", "USR1", name, check=True)
    until(lambda: inspect(client, name, "State.Status") == "exited", "it goes on")
    assert inspect(client, name, "State.ExitCode") == 11


def test_what_a_container_leaves_running_ends_with_it(client, name):
    start(client, name, "sleep 4321 & setsid sleep 4321 & echo up; sleep 0.2; exit 0")
    until(lambda: inspect(client, name, "State.Status") == "exited", "it goes on")
    until(lambda: subprocess.run(["pgrep", "-fx", "sleep 4321"], check=False, stdout=subprocess.DEVNULL).returncode == 1,
          "its processes go on")


def test_rm_force_ends_a_running_container(client, name):
    start(client, name, IGNORES_TERM)
    assert len(client.left()["states"]) == len(client.left()["cgroups"]) == 1
    pid = inspect(client, name, "State.Pid")
    client("rm", "-f", *short_grace(client), name, check=True)
    assert not os.path.exists(f"/proc/{pid}")
    assert client("container", "inspect", name).returncode != 0


def test_a_restarted_container_is_a_new_process_with_its_old_files(client, name):
    start(client, name, "echo run >>/runs; echo up; " + IGNORES_TERM)
    pid = inspect(client, name, "State.Pid")
    client("restart", "-t", "0", name, check=True)
    assert inspect(client, name, "State.Status") == "running"
    assert inspect(client, name, "State.Pid") != pid
    until(lambda: client("exec", name, "cat", "/runs").stdout == "run\nrun\n", "the second run leaves no line")


def test_a_failing_container_is_restarted_as_often_as_was_asked(client, name):
    client.run("-d", f"--name={name}", "--restart=on-failure:2", "sh", "-c", "echo again; exit 3", check=True)
    until(lambda: client("logs", name).stdout == "again\n" * 3, lambda: client("logs", name).stdout)
    until(lambda: inspect(client, name, "State.Status") == "exited", "it goes on")
    assert inspect(client, name, "State.ExitCode") == 3


# --- containerd ----------------------------------------------------------------------------------------


# A busy ctr may drop the last words of a container that ends at once, with runc too: hence the pauses.
def test_containerd_runs_a_container(ctr):
    done = ctr.run("--rm", "test-run", "sh", "-c", "echo out; echo err >&2; sleep 0.5; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_containerd_runs_a_container_on_a_terminal(ctr):
    with ctr.on_terminal("run", *ctr.run_options, "--rm", "-t", IMAGE, "test-tty", "sh", "-c",
                         f"tty; {WAITS_FOR_SIZE}") as terminal:
        terminal.read("ready")
        terminal.type("hello\n")
        assert terminal.end() == 3
        assert "/dev/pts/0" in terminal.output
        assert "<hello>" in terminal.output


def test_containerd_says_why_a_program_cannot_run(ctr):
    done = ctr.run("--rm", "test-nope", "/nope")
    assert done.returncode == 1
    assert 'OCI runtime create failed: exec: "/nope": stat /nope: no such file or directory' in done.stderr


def test_containerd_writes_the_log(ctr, tmp_path):
    ctr.run("--rm", "--seccomp", f"--log-uri=file://{tmp_path}/log", "test-log", "echo", "logged", check=True)
    assert (tmp_path / "log").read_text(encoding="ascii") == "logged\n"


def task_status(ctr, name):
    lines = [line.split() for line in ctr("tasks", "ls", check=True).stdout.splitlines()[1:]]
    return next((words[2] for words in lines if words[0] == name), None)


def test_containerd_executes_pauses_resumes_kills_and_removes(ctr, ctr_name):
    ctr.run("-d", ctr_name, "sh", "-c", IGNORES_TERM, check=True)
    done = ctr("tasks", "exec", "--exec-id=one", ctr_name, "sh", "-c", "echo inside; sleep 0.5; exit 5")
    assert (done.returncode, done.stdout) == (5, "inside\n")
    with ctr.on_terminal("tasks", "exec", "-t", "--exec-id=two", ctr_name, "sh", "-c", WAITS_FOR_SIZE) as terminal:
        terminal.read("ready")
        terminal.type("hello\n")
        assert terminal.end() == 3
        assert "<hello>" in terminal.output
    ctr("tasks", "pause", ctr_name, check=True)
    assert task_status(ctr, ctr_name) == "PAUSED"
    ctr("tasks", "resume", ctr_name, check=True)
    assert task_status(ctr, ctr_name) == "RUNNING"
    ctr("tasks", "kill", "-s", "SIGKILL", ctr_name, check=True)
    until(lambda: task_status(ctr, ctr_name) == "STOPPED", "it goes on")
    assert "exit code 137" in ctr("tasks", "rm", ctr_name, check=True).stderr


# --- docs/clients.md -----------------------------------------------------------------------------------


def test_containerd_takes_the_documented_configuration(tmp_path):
    need("containerd")
    (tmp_path / "config.toml").write_text(documented("toml", "version = 2"), encoding="utf-8")
    done = subprocess.run(["/usr/bin/containerd", "--config", tmp_path / "config.toml", "config", "dump"], check=True,
                          capture_output=True, text=True, timeout=60)
    cri = tomllib.loads(done.stdout)["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]
    assert cri["default_runtime_name"] == "sampan"
    assert cri["runtimes"]["sampan"]["runtime_type"] == "io.containerd.runc.v2"
    assert cri["runtimes"]["sampan"]["options"]["BinaryName"] == str(OCI)


@pytest.mark.parametrize("mark", ["version = 3", "[crio.runtime.runtimes.sampan]"])
def test_the_documented_configuration_of_the_others_is_toml(mark):
    assert "sampan" in str(tomllib.loads(documented("toml", mark)))
