# SPDX-License-Identifier: Apache-2.0
"""sampan-oci beside runc: the same command lines, and what a client could notice of a difference: exit codes, JSON on stdout,
lines in --log. Words of errors are our own, but for those that clients are known to look for."""
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from bundle_fixture import Bundle
from conftest import BUILD, SLOW

pytestmark = [pytest.mark.root, pytest.mark.plain,
              pytest.mark.skipif(not shutil.which("runc"), reason="there is no runc")]

# Where v1 has the controllers runc would make cgroups of v1; in here it finds v2 alone, as Sampan does.
UNIFIED = pathlib.Path("/sys/fs/cgroup/unified/cgroup.procs")
ENTER = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
         "mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup && exec \"$@\"", "sh"] if UNIFIED.exists() else []


class Peer:
    """One of the two: its program, bundle, state and log."""

    def __init__(self, program, top, busybox):
        self.argv = [*ENTER, str(program), "--root", str(top / "state")]
        self.bundle = Bundle(top / "bundle", busybox)
        self.bundle.config["linux"]["cgroupsPath"] = f"/sampan/peers-{os.getpid()}-{top.name}"
        self.log = top / "log"

    def __call__(self, *args, log="json", stdin=""):
        self.log.unlink(missing_ok=True)
        done = subprocess.run(
            [*self.argv, *(["--log", str(self.log), "--log-format", log] if log else []), *map(str, args)], input=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60 * SLOW, check=False, cwd=self.bundle.path)
        done.log = self.log.read_text().splitlines() if self.log.exists() else None
        return done

    def detached(self, *args):
        """For what leaves a container behind, which would keep pipes open."""
        return subprocess.run([*self.argv, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=60 * SLOW, check=False, cwd=self.bundle.path).returncode


class Pair:
    def __init__(self, runc, ours):
        self.runc, self.ours = runc, ours

    def __iter__(self):
        return iter((self.runc, self.ours))

    def shell(self, script):
        for peer in self:
            peer.bundle.shell(script)

    def detached(self, *args):
        assert [peer.detached(*args) for peer in self] == [0, 0], args

    def same(self, *args, **kwargs):
        """Runs it with both. Exit codes, and whether something is on stdout, must be the same; an error is one in both logs."""
        theirs, mine = (peer(*args, **kwargs) for peer in self)
        assert mine.returncode == theirs.returncode, (args, theirs, mine)
        errors = [[json.loads(line) for line in done.log if '"error"' in line] for done in (theirs, mine)]
        errors = [[entry for entry in entries if entry["level"] == "error"] for entries in errors]
        assert bool(errors[0]) == bool(errors[1]), (args, theirs.log, mine.log)
        if errors[1]:
            assert set(errors[1][-1]) == set(errors[0][-1]) == {"level", "msg", "time"}
            assert errors[1][-1]["msg"] in mine.stderr
        return theirs, mine

    def wait_until_stopped(self, name):
        end = time.monotonic() + 10 * SLOW
        for peer in self:
            while json.loads(peer("state", name).stdout)["status"] != "stopped":
                assert time.monotonic() < end
                time.sleep(0.02)


@pytest.fixture
def pair(scratch, busybox):
    tops = [scratch / name for name in ("runc", "ours")]
    for top in tops:
        top.mkdir()
    both = Pair(Peer(shutil.which("runc"), tops[0], busybox), Peer(BUILD / "sampan-oci", tops[1], busybox))
    yield both
    for peer in both:
        for name in peer("list", "-q").stdout.split():
            peer("delete", "--force", name)


@pytest.fixture
def running(pair):
    pair.shell("sleep 1000")
    pair.detached("run", "-d", "c")
    return pair


def keys(value, path=""):
    """The paths of all keys of a document, each with the kind of its value."""
    if isinstance(value, dict):
        return {found for key, item in value.items() for found in {(f"{path}/{key}", type(item))} | keys(item, f"{path}/{key}")}
    return set()


# --- a container's life --------------------------------------------------------------------------------


def states(pair):
    theirs, mine = (list(json.loads(done.stdout).items()) for done in pair.same("state", "c"))
    assert [key for key, _ in mine] == [key for key, _ in theirs]
    assert dict(mine)["status"] == dict(theirs)["status"]
    return dict(mine)["status"]


def test_each_command_at_each_stage_ends_alike(pair):
    """What is allowed when."""
    commands = (["start", "c"], ["delete", "c"], ["pause", "c"], ["resume", "c"], ["exec", "c", "true"], ["ps", "c"],
                ["kill", "c", "0"], ["kill", "--all", "c", "0"], ["create", "c"], ["events", "--stats", "c"])

    def all_but(*unwanted):
        for command in commands:
            if command[0] not in unwanted:
                pair.same(*command)

    pair.shell("sleep 1000")
    pair.detached("create", "c")
    assert states(pair) == "created"
    all_but("start", "delete", "pause")
    pair.same("start", "c")
    assert states(pair) == "running"
    all_but("pause")
    pair.same("pause", "c")
    assert states(pair) == "paused"
    all_but("resume", "kill", "delete")
    pair.same("resume", "c")
    pair.same("kill", "c", "KILL")
    pair.wait_until_stopped("c")
    assert states(pair) == "stopped"
    all_but("delete")
    pair.same("delete", "c")
    all_but("create")
    pair.same("delete", "--force", "c")


@pytest.mark.parametrize("script, code", [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", None)])
def test_run_ends_with_the_containers_exit_code(pair, script, code):
    pair.shell(script)
    _, mine = pair.same("run", "c")
    assert code is None or mine.returncode == code
    pair.same("state", "c")
    pair.same("run", "--keep", "c")
    assert states(pair) == "stopped"


@pytest.mark.parametrize("command, code", [
    (["true"], 0), (["false"], 1), (["sh", "-c", "exit 126"], 126), (["sh", "-c", "kill -TERM $$"], 143),
    (["nosuch"], 255), (["/etc"], 255), (["/etc/passwd"], 255), ([], 255), (["--", "true"], 255)])
def test_exec_ends_with_the_commands_exit_code_or_255(running, command, code):
    _, mine = running.same("exec", "c", *command)
    assert mine.returncode == code


@pytest.mark.parametrize("options", [
    ["--user", "1000:1001"], ["-u", "1000"], ["-user=1000"], ["--cwd", "/tmp"], ["-cwd", "/tmp"], ["-cwd=/tmp"], ["--e", "A=1"],
    ["-env", "A=1", "--env=A=2", "-env", "B=3"], ["--additional-gids", "5", "-additional-gids=6"], ["-g", "5"],
    ["-cap", "CAP_NET_RAW", "--cap=CAP_SYS_CHROOT"], ["--no-new-privs"], ["-preserve-fds=0"], ["--"]])
def test_options_of_exec_have_the_same_effect(running, options):
    script = "id -u; id -g; id -G; pwd; env | grep '^[AB]=' | sort; grep -E '^(Cap|NoNewPrivs)' /proc/self/status"
    theirs, mine = running.same("exec", *options, "c", "sh", "-c", script)
    assert mine.returncode == 0
    assert mine.stdout == theirs.stdout


@pytest.mark.parametrize("options", [
    ["--user", "someone"], ["--cwd", "/nosuch"], ["--process", "/nosuch"], ["--tty"], ["--tty", "--detach"],
    ["--nonsense"], ["--preserve-fds", "x"]])
def test_exec_refuses_the_same(running, options):
    _, mine = running.same("exec", *options, "c", "true")
    assert mine.returncode in (1, 255)


def test_exec_takes_a_process_json(running):
    process = {"args": ["sh", "-c", "id -u; pwd; echo $A; exit 3"], "cwd": "/tmp", "env": ["PATH=/bin", "A=b"],
               "user": {"uid": 1000, "gid": 1000}}
    for peer in running:
        (peer.bundle.path / "process.json").write_text(json.dumps(process))
    theirs, mine = running.same("exec", "-process=process.json", "c")
    assert (mine.returncode, mine.stdout) == (3, theirs.stdout)


@pytest.mark.parametrize("signal", ["TERM", "SIGTERM", "sigterm", "15", "0", "SIGNONSENSE", "999", "", "-1"])
def test_kill_knows_the_same_signals(running, signal):
    running.shell("true")
    running.same("kill", "c", signal)


def test_run_detached_with_a_terminal_needs_a_console_socket(pair):
    for peer in pair:
        peer.bundle.config["process"]["terminal"] = True
    pair.shell("sleep 1000")
    _, mine = pair.same("run", "-d", "c")
    assert mine.returncode == 1
    assert "a console socket is needed to pass the terminal on" in mine.stderr
    pair.same("create", "c")
    pair.same("state", "c")


# --- command lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [
    *([command] for command in ("create start run state kill delete exec ps pause resume update events").split()),
    ["state", "a", "b"], ["start", "a", "b"], ["create", "a", "b"], ["list", "a"], ["spec", "a"], ["features", "a"],
    ["nonsense"], ["run", "--nonsense", "c"], ["run", "-nonsense", "c"], ["run", "--preserve-fds=x", "c"],
    ["run", "-b", "/nosuch", "c"], ["run", "--bundle=/nosuch", "c"], ["run", "-bundle=/nosuch", "c"],
    ["run", "--b", "/nosuch", "c"], ["run", "c", "-b", "/nosuch"], ["run", "a/b"], ["run", ""], ["run", ".."],
    ["run", "--pid-file", "/nosuch/pid", "c"], ["run", "--console-socket", "/nosuch", "c"], ["run", "-detach=maybe", "c"],
    ["list", "--format", "bad"], ["list", "-format=bad"], ["ps", "-f", "bad", "nosuch"], ["events", "--interval", "x", "nosuch"],
    ["update", "--memory", "x", "nosuch"], ["update", "-r", "/nosuch", "nosuch"], ["kill", "--all", "nosuch", "9"],
    ["delete", "--force", "nosuch"], ["delete", "-force=false", "nosuch"]])
def test_mistakes_end_alike(pair, arguments):
    pair.shell("true")
    pair.same(*arguments)


@pytest.mark.parametrize("arguments", [["help"], ["h"], ["--help"], ["-h"], ["help", "list"], ["list", "--help"], ["list", "-help"],
                                       ["--version"], ["-v"], ["-version"]])
def test_help_and_version_are_asked_for_alike(pair, arguments):
    theirs, mine = (peer(*arguments) for peer in pair)
    assert (theirs.returncode, mine.returncode) == (0, 0)
    assert theirs.stdout and mine.stdout
    assert mine.stderr == ""


@pytest.mark.parametrize("arguments", [["--log-format", "xml", "list"], ["--root"], ["--nonsense", "list"],
                                       ["--log", "/nosuch/log", "list"]])
def test_mistakes_in_global_options_end_alike(pair, arguments):
    theirs, mine = (peer(*arguments, log=None) for peer in pair)
    assert mine.returncode == theirs.returncode == 1
    assert mine.stderr.startswith("sampan-oci: ")


# --- what is printed ---------------------------------------------------------------------------------------


def test_list_has_the_same_columns_and_keys(running):
    theirs, mine = running.same("list")
    assert mine.stdout.splitlines()[0].split() == theirs.stdout.splitlines()[0].split()
    assert [line.split()[0] for line in mine.stdout.splitlines()] == ["ID", "c"]
    theirs, mine = running.same("list", "-format", "json")
    assert mine.stdout.endswith("]\n") and theirs.stdout.endswith("]\n")
    assert list(json.loads(mine.stdout)[0]) == list(json.loads(theirs.stdout)[0])
    assert json.loads(mine.stdout)[0]["owner"] == json.loads(theirs.stdout)[0]["owner"]
    theirs, mine = running.same("list", "--quiet")
    assert mine.stdout == theirs.stdout == "c\n"


def test_list_of_nothing_is_the_same(pair):
    for options in ([], ["-q"], ["-f", "json"]):
        theirs, mine = pair.same("list", *options)
        assert mine.stdout.split() == theirs.stdout.split()


def test_ps_prints_the_same(running):
    theirs, mine = running.same("ps", "c")
    assert mine.stdout.split("\n")[0] == theirs.stdout.split("\n")[0]
    assert len(mine.stdout.splitlines()) == len(theirs.stdout.splitlines()) == 2
    theirs, mine = running.same("ps", "c", "-o", "pid,args")
    assert [line.split()[1] for line in mine.stdout.splitlines()] == ["COMMAND", "sleep"]
    assert [line.split()[1] for line in theirs.stdout.splitlines()] == ["COMMAND", "sleep"]
    theirs, mine = running.same("ps", "-format=json", "c")
    assert [type(pid) for pid in json.loads(mine.stdout)] == [type(pid) for pid in json.loads(theirs.stdout)] == [int]
    running.same("ps", "c", "--nonsense")


def test_stats_have_the_same_keys(running):
    theirs, mine = (json.loads(done.stdout) for done in running.same("events", "--stats", "c"))
    # Without a pids controller runc counts processes.
    assert keys(theirs) - keys(mine) <= {("/data/pids/current", int)}
    assert list(mine) == list(theirs)


def test_features_have_runcs_keys_and_its_values(pair):
    theirs, mine = (json.loads(done.stdout) for done in pair.same("features"))
    missing = {path for path, _ in keys(theirs) - keys(mine)}
    assert {path for path in missing if not path.startswith("/annotations/org.opencontainers.runc.")} == set()
    for name in ("mountOptions", "hooks"):
        assert set(theirs[name]) <= set(mine[name])
    for name in ("namespaces", "capabilities"):
        assert set(theirs["linux"][name]) <= set(mine["linux"][name])
    for name in ("actions", "operators", "archs"):
        assert set(theirs["linux"]["seccomp"][name]) <= set(mine["linux"]["seccomp"][name])
    for name in ("v2", "systemd", "systemdUser"):
        assert mine["linux"]["cgroup"][name] is True
    assert mine["potentiallyUnsafeConfigAnnotations"] == ["org.systemd.property."]


@pytest.mark.parametrize("options", [[], ["--rootless"], ["-rootless"], ["-b", "."]])
def test_spec_writes_the_same(pair, options):
    pair.same("spec", *options)
    theirs, mine = (json.loads((peer.bundle.path / "config.json").read_text()) for peer in pair)
    assert (theirs.pop("hostname"), mine.pop("hostname")) == ("runc", "sampan")
    assert mine == theirs
    pair.same("spec", *options)


# --- the log -------------------------------------------------------------------------------------------------


def test_the_log_is_there_without_errors_too(pair):
    for done in pair.same("list"):
        assert done.log == []


def test_the_log_as_text_is_quoted(pair):
    pair.shell("true")
    theirs, mine = (peer("run", 'a"b', log="text") for peer in pair)
    for done in (theirs, mine):
        assert len(done.log) == 1
        assert " level=error msg=\"" in done.log[0] and done.log[0].endswith('"')
    assert mine.log[0].split("msg=")[1] == json.dumps("invalid container ID format: 'a\"b'")


def test_debug_says_more(pair):
    mine = pair.ours("--debug", "list")
    entries = [json.loads(line) for line in mine.log]
    assert [entry["level"] for entry in entries] == ["debug", "debug"]
    assert entries[0]["msg"].startswith("list: sampan-oci ")
    assert entries[1]["msg"].startswith("list: exit code 0 after ")
    assert mine.stderr == ""
    assert "level=debug" in pair.ours("--debug", "list", log=None).stderr


def test_a_failing_poststop_hook_is_a_warning(pair):
    for peer in pair:
        mark = peer.bundle.path / "second"
        peer.bundle.config["hooks"] = {"poststop": [
            {"path": "/bin/true"}, {"path": "/bin/false"}, {"path": "/usr/bin/touch", "args": ["touch", str(mark)]}]}
    pair.shell("exit 5")
    theirs, mine = (peer("run", "c") for peer in pair)
    assert (theirs.returncode, mine.returncode) == (5, 5)
    entry = json.loads(mine.log[0])
    assert (entry["level"], entry["msg"]) == ("warning", "poststop hook 1 '/bin/false': exit status 1")
    assert mine.stderr == "sampan-oci: warning: poststop hook 1 '/bin/false': exit status 1\n"
    assert (pair.ours.bundle.path / "second").exists()
    pair.same("state", "c")


def test_capabilities_that_nobody_knows_are_warned_of(pair):
    for peer in pair:
        peer.bundle.config["process"]["capabilities"] = {"bounding": ["CAP_NONSENSE", "CAP_CHOWN"], "effective": ["CAP_NONSENSE"]}
    pair.shell("true")
    theirs, mine = (peer("run", "c") for peer in pair)
    assert [json.loads(line)["level"] for line in mine.log] == [json.loads(line)["level"] for line in theirs.log] == ["warning"]
    assert json.loads(mine.log[0])["msg"] == (
        "process.capabilities: 'CAP_NONSENSE' is ignored: there is no such capability here")
    assert (theirs.returncode, mine.returncode) == (0, 0)


# --- config.json ---------------------------------------------------------------------------------------------


def linux(**kwargs):
    return lambda config: config["linux"].update(kwargs)


def process(**kwargs):
    return lambda config: config["process"].update(kwargs)


def mount(*options, source="tmpfs", kind="tmpfs"):
    return lambda config: config["mounts"].append(
        {"destination": "/m", "type": kind, "source": source, "options": list(options)})


@pytest.mark.parametrize("change, script", [
    (lambda config: config.update(unknown={"a": [1]}, vm={}, windows={}), "true"),
    (mount("acl", "nodev"), "grep ' /m ' /proc/mounts"),
    (mount("noacl", "size=4k", "mode=700"), "grep ' /m ' /proc/mounts"),
    (mount("bind", "ro", source="/etc/hostname", kind="bind"), "test -f /m; echo $?"),
    (linux(devices=[{"path": "/dev/null", "type": "c", "major": 1, "minor": 5}]), "stat -c %t,%T /dev/null"),
    (linux(devices=[{"path": "/dev/pipe", "type": "p", "fileMode": 0o600, "uid": 7}]), "stat -c %F,%u,%a /dev/pipe"),
    (linux(devices=[{"path": "/x/u", "type": "u", "major": 1, "minor": 3}]), "stat -c %F,%a /x/u"),
    (linux(maskedPaths=["/etc/passwd", "/tmp"], readonlyPaths=["/bin"]),
     "wc -c </etc/passwd; touch /tmp/x; touch /bin/x; true"),
    (linux(sysctl={"kernel.domainname": "d", "kernel/shm_rmid_forced": "1"}),
     "cat /proc/sys/kernel/domainname /proc/sys/kernel/shm_rmid_forced"),
    (process(env=["A=1", "A=2", "PATH=/bin"]), "echo $A"),
    (process(capabilities={"bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN"], "ambient": ["CAP_KILL"]}),
     "grep Cap /proc/self/status"),
    (lambda config: config["process"]["user"].update(umask=0o77, additionalGids=[5, 6]), "umask; id -G"),
])
def test_a_field_of_config_json_has_the_same_effect(pair, change, script):
    for peer in pair:
        change(peer.bundle.config)
    pair.shell(script)
    theirs, mine = (peer("run", "c") for peer in pair)
    assert (mine.returncode, mine.stdout) == (0, theirs.stdout)


@pytest.mark.parametrize("change, text", [
    (mount("nosuchoption"), "cannot mount 'tmpfs' on '/m': invalid argument"),
    (mount("bind", source="/nosuch", kind="bind"), "cannot bind '/nosuch' to '/m': no such file or directory"),
    (process(selinuxLabel="a:b:c:s0"), "SELinux label 'a:b:c:s0' was asked for, but SELinux is off"),
    (linux(mountLabel="a:b:c:s0"), "linux.mountLabel: 'a:b:c:s0' was asked for, but SELinux is off"),
    (process(rlimits=[{"type": "RLIMIT_FOO", "hard": 1, "soft": 1}]), "wrong rlimit value: 'RLIMIT_FOO'"),
    (process(rlimits=[{"type": "RLIMIT_NOFILE", "hard": 1, "soft": 2}]), "soft limit 2 is over the hard one, 1"),
    (process(oomScoreAdj=2000), "cannot set the OOM score to 2000: invalid argument"),
    (process(capabilities={"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"]}), "cannot set the capabilities"),
    (process(cwd="tmp"), "process.cwd: Cwd must be an absolute path"),
    (process(args=[]), "process.args: must not be empty"),
    (linux(sysctl={"vm.swappiness": "1"}), "sysctl 'vm.swappiness' is not in a separate kernel namespace"),
    (linux(namespaces=[{"type": "mount"}, {"type": "mount"}]), "duplicate ns 'mount'"),
    (linux(namespaces=[{"type": "mount"}, {"type": "nonsense"}]), "namespace 'nonsense' does not exist"),
    (linux(rootfsPropagation="nonsense"), "rootfsPropagation=nonsense is not supported"),
    (linux(seccomp={"defaultAction": "SCMP_ACT_NONSENSE"}), "string 'SCMP_ACT_NONSENSE' is not a valid action"),
    (lambda config: config.update(hooks={"createRuntime": [{"path": "bin/true"}]}), "path 'bin/true' is not absolute"),
    (lambda config: config.update(root={"path": "nosuch"}), "no such file or directory"),
])
def test_a_bad_field_of_config_json_is_refused_by_both(pair, change, text):
    pair.shell("true")
    for peer in pair:
        change(peer.bundle.config)
        peer.bundle.save()
    _, mine = pair.same("run", "c")
    assert mine.returncode == 1
    assert text in mine.stderr
