# SPDX-License-Identifier: Apache-2.0
"""`sampan run`, `ps` and `rm`, with real containers."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from busybox_fixture import busybox_layer
from conftest import SLOW
from container_fixture import monitor_of
from image_fixture import Image, Layer, directory, file, foreign_architecture, machine_architecture, root, symlink, write_layout

pytestmark = pytest.mark.root


def pull(sampan, scratch, name, image):
    """Loads `image` into the store as localhost/NAME:latest."""
    layout = write_layout(scratch / name, {None: image})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    return f"localhost/{name}"


@pytest.fixture
def hello(sampan, scratch):
    image = Image([busybox_layer(machine_architecture())], cmd=["sh", "-c", "echo hello from $0"],
                  env=["PATH=/usr/bin:/bin", "FROM_IMAGE=yes"])
    return pull(sampan, scratch, "hello", image)


def out(sampan, *args, **kwargs):
    return sampan("run", "--rm", *args, check=True, **kwargs).stdout


def wait_for(condition, what, seconds=10):
    deadline = time.monotonic() + seconds * SLOW
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen in {seconds * SLOW} s")


def nothing_runs(sampan):
    """No state of any container is left, once the last monitor has put out the light."""
    wait_for(lambda: not any(os.listdir(sampan.state_dir / "monitor")), "the end of the last monitor")
    assert sorted(os.listdir(sampan.state_dir)) == [":seccomp", "events", "monitor"]


def started(sampan, *args, **kwargs):
    """Starts a container named `bg` and waits until it runs."""
    process = sampan.popen("run", "--name", "bg", *args, **kwargs)
    wait_for(lambda: sampan("ps", "-q").stdout or process.poll() is not None, "the start")
    assert process.poll() is None, process.stderr.read()
    return process


def failure(sampan, *args, code=125, **kwargs):
    done = sampan("run", *args, **kwargs)
    assert done.returncode == code, done
    return done.stderr


# --- what runs ----------------------------------------------------------------------------------------------


@pytest.mark.main_job
def test_the_command_of_the_image_runs_and_leaves_nothing(sampan, hello):
    assert out(sampan, hello) == "hello from sh\n"
    assert json.loads(sampan("ps", "-a", "--format", "json", check=True).stdout) == []
    wait_for(lambda: os.listdir(sampan.root / "containers") == [], "the end of its files")
    nothing_runs(sampan)


def test_arguments_replace_cmd_and_entrypoint_drops_it(sampan, hello):
    assert out(sampan, hello, "echo", "-n", "x") == "x"
    assert out(sampan, "--entrypoint", "echo", hello) == "\n"
    assert out(sampan, "--entrypoint", "echo", hello, "--rm", "-it") == "--rm -it\n"


def test_the_exit_code_is_that_of_the_command(sampan, hello):
    assert sampan("run", "--rm", hello, "sh", "-c", "exit 7").returncode == 7
    assert sampan("run", "--rm", "--init", hello, "sh", "-c", "kill -TERM $$").returncode == 143


def test_a_command_that_is_absent_is_127_and_one_that_is_no_program_126(sampan, hello):
    assert 'exec: "nope": executable file not found in $PATH' in failure(sampan, "--rm", hello, "nope", code=127)
    assert 'exec: "/nope": stat /nope: no such file or directory' in failure(sampan, "--rm", hello, "/nope", code=127)
    assert 'exec: "/etc/passwd": permission denied' in failure(sampan, "--rm", hello, "/etc/passwd", code=126)
    assert sampan("ps", "-aq", check=True).stdout == ""


def test_a_failed_start_is_kept_without_rm_and_says_why(sampan, hello):
    failure(sampan, "--name", "bad", hello, "nope", code=127)
    state = json.loads(sampan("inspect", "bad", check=True).stdout)[0]["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 127)
    assert "executable file not found" in state["Error"]


# --- the process's surroundings --------------------------------------------------------------------------------


def test_stdin_is_ours_with_i_and_empty_without(sampan, hello):
    assert out(sampan, "-i", hello, "cat", input="typed") == "typed"
    assert out(sampan, hello, "cat", input="typed") == ""


def test_what_we_ignore_the_container_does_not(sampan, hello):
    """As a service of systemd, which ignores SIGPIPE; and the first start and an exec go by different ways."""
    line = "grep SigIgn: /proc/self/status"
    words = " ".join(map(str, sampan.argv))
    script = (f"trap '' HUP PIPE; {words} run --rm {hello} {line}; "
              f"{words} run -d --name bg {hello} sleep 100 >/dev/null && {words} exec bg {line}; {words} rm -f bg >/dev/null")
    done = subprocess.run(["sh", "-c", script], check=True, timeout=60 * SLOW, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, env=sampan.env)
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and not any(int(line.removeprefix("SigIgn:"), 16) & 0x7fffffff for line in lines), lines


def test_stdout_and_stderr_stay_apart(sampan, hello):
    done = sampan("run", "--rm", hello, "sh", "-c", "echo a; echo b >&2")
    assert (done.stdout, done.stderr) == ("a\n", "b\n")


def test_the_environment_comes_from_image_file_and_flags(sampan, hello, scratch):
    (scratch / "env").write_text("# no\nFROM_FILE=1\nBOTH=file\nFROM_HOST\n", encoding="ascii")
    text = out(sampan, "--env-file", scratch / "env", "-e", "BOTH=flag", "-e", "HERE", hello, "env",
               env={"HERE": "host", "FROM_HOST": "2"})
    values = dict(line.split("=", 1) for line in text.splitlines())
    assert values["PATH"] == "/usr/bin:/bin"
    assert values["HOME"] == "/root"
    assert len(values["HOSTNAME"]) == 12
    assert (values["FROM_IMAGE"], values["FROM_FILE"], values["FROM_HOST"]) == ("yes", "1", "2")
    assert (values["BOTH"], values["HERE"]) == ("flag", "host")


def test_users_and_groups_are_those_of_the_image(sampan, hello):
    assert out(sampan, "-u", "user", hello, "sh", "-c", "id; echo $HOME") == (
        "uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)\n/home/user\n")
    assert out(sampan, "-u", "4242:43", "--group-add", "extra", hello, "id").strip() == "uid=4242 gid=43 groups=43,2000(extra)"
    assert "unable to find user bob: no matching entries in passwd file" in failure(sampan, "-u", "bob", hello)
    assert "unable to find group crew: no matching entries in group file" in failure(sampan, "-u", "0:crew", hello)
    assert sampan("ps", "-aq", check=True).stdout == ""


def test_accounts_behind_links_across_layers_are_found(sampan, scratch):
    top = Layer([root(), directory("etc"), symlink("etc/passwd", "/usr/share/accounts")])
    below = Layer([root(), directory("usr"), directory("usr/share"), file("usr/share/accounts", b"far:x:77:78::/far:\n")])
    name = pull(sampan, scratch, "links", Image([busybox_layer(machine_architecture()), below, top]))
    assert out(sampan, "-u", "far", name, "sh", "-c", "echo $(id -u) $(id -g) $HOME") == "77 78 /far\n"


def test_the_working_directory_is_made_if_absent(sampan, hello):
    assert out(sampan, "-w", "/a/b/c", hello, "pwd") == "/a/b/c\n"
    assert "it needs to be an absolute path" in failure(sampan, "-w", "a", hello)


def test_names_and_addresses_have_their_files(sampan, hello):
    text = out(sampan, "-h", "box", hello, "sh", "-c", "hostname; cat /etc/hostname /etc/hosts; test -e /etc/resolv.conf")
    assert text.startswith("box\nbox\n127.0.0.1\tlocalhost\n")
    assert out(sampan, "--network", "none", hello, "ls", "/sys/class/net") == "lo\n"


def test_the_network_of_the_host_can_be_shared(sampan, hello):
    script = "readlink /proc/self/ns/net; hostname"
    assert out(sampan, "--network", "host", hello, "sh", "-c", script).split() == [
        os.readlink("/proc/self/ns/net"), os.uname().nodename]


def test_namespaces_and_mounts_are_the_containers_own(sampan, hello):
    kinds = ["pid", "mnt", "uts", "ipc", "net", "cgroup"]
    inside = out(sampan, hello, "sh", "-c", f"for k in {' '.join(kinds)}; do readlink /proc/self/ns/$k; done").split()
    assert all(there != os.readlink(f"/proc/self/ns/{kind}") for kind, there in zip(kinds, inside))
    mounts = out(sampan, hello, "mount")
    assert "overlay on / " in mounts
    assert str(sampan.root / "containers") in mounts
    assert out(sampan, hello, "sh", "-c", "echo $$").strip() == "1"


# --- security ------------------------------------------------------------------------------------------------


def status_of(sampan, *args):
    text = out(sampan, *args, "cat", "/proc/self/status")
    return dict(re.findall(r"(\w+):\t(.*)", text))


def test_capabilities_and_seccomp_are_those_of_docker(sampan, hello):
    status = status_of(sampan, hello)
    assert status["CapEff"] == status["CapBnd"] == "00000000a80425fb"
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "0")
    status = status_of(sampan, "-u", "1000", hello)
    assert (status["CapEff"], status["CapBnd"]) == ("0000000000000000", "00000000a80425fb")


def test_security_can_be_tightened_and_loosened(sampan, hello):
    status = status_of(sampan, "--cap-drop", "ALL", "--cap-add", "net_raw", "--security-opt", "no-new-privileges", hello)
    assert (status["CapEff"], status["NoNewPrivs"]) == ("0000000000002000", "1")
    assert status_of(sampan, "--security-opt", "seccomp=unconfined", hello)["Seccomp"] == "0"
    status = status_of(sampan, "--privileged", hello)
    ours = dict(re.findall(r"(\w+):\t(.*)", open("/proc/self/status", encoding="ascii").read()))
    assert (status["CapEff"], status["Seccomp"]) == (ours["CapBnd"], "0")
    assert 'invalid capability: "FLY"' in failure(sampan, "--cap-add", "FLY", hello)


@pytest.mark.plain
def test_a_profile_is_compiled_for_the_first_container_only(sampan, hello, scratch):
    trace = scratch / "trace"
    opened = []
    for _ in range(2):
        done = subprocess.run(["strace", "-f", "-e", "trace=openat", "-o", trace, *sampan.argv, "run", "--rm", "--network", "none", hello,
                               "sh", "-c", "grep Seccomp: /proc/self/status; unshare -U true"], check=False, timeout=60 * SLOW,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.stdout.split() == ["Seccomp:", "2"] and "Operation not permitted" in done.stderr, done
        opened.append("libseccomp.so" in trace.read_text(errors="replace"))
    assert opened == [True, False]


def test_kernel_interfaces_are_masked_unless_privileged(sampan, hello):
    assert sampan("run", "--rm", hello, "sh", "-c", "echo 1 >/proc/sys/kernel/domainname").returncode != 0
    assert out(sampan, hello, "sh", "-c", "cat /proc/timer_list | wc -c").strip() == "0"
    assert int(out(sampan, "--privileged", hello, "sh", "-c", "cat /proc/timer_list | wc -c")) > 0
    assert out(sampan, "--privileged", hello, "sh", "-c", "test -c /dev/kmsg && echo there") == "there\n"


def test_devices_of_the_host_can_be_given(sampan, hello):
    script = "stat -c %t:%T /dev/mine && head -c 2 /dev/mine | od -An -tx1"
    assert out(sampan, "--device", "/dev/zero:/dev/mine", hello, "sh", "-c", script).split() == ["1:5", "00", "00"]
    assert sampan("run", "--rm", hello, "test", "-e", "/dev/kmsg").returncode == 1


def test_ulimits_and_sysctls_are_set(sampan, hello):
    assert out(sampan, "--ulimit", "nofile=100:200", hello, "sh", "-c", "ulimit -n; ulimit -Hn") == "100\n200\n"
    assert out(sampan, "--sysctl", "net.ipv4.ip_forward=1", hello, "cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"
    assert out(sampan, "--oom-score-adj", "321", hello, "cat", "/proc/self/oom_score_adj") == "321\n"


# --- files -----------------------------------------------------------------------------------------------------


def test_the_root_is_the_containers_own_and_can_be_read_only(sampan, hello):
    sampan("run", "--name", "writer", hello, "sh", "-c", "echo x >/file", check=True)
    assert (sampan.root / "containers" / container_id(sampan, "writer") / "upper" / "file").read_text() == "x\n"
    assert sampan("run", "--rm", hello, "test", "-e", "/file").returncode == 1
    done = sampan("run", "--rm", "--read-only", "--tmpfs", "/tmp", hello, "sh", "-c", "touch /tmp/x && touch /x")
    assert done.returncode != 0
    assert "Read-only file system" in done.stderr


def test_host_directories_are_bound_and_made_if_absent(sampan, hello, scratch):
    out(sampan, "-v", f"{scratch}/made/here:/data", hello, "sh", "-c", "echo x >/data/file")
    assert (scratch / "made" / "here" / "file").read_text() == "x\n"
    done = sampan("run", "--rm", "-v", f"{scratch}/made/here:/data:ro", hello, "touch", "/data/file")
    assert done.returncode != 0 and "Read-only file system" in done.stderr
    assert out(sampan, "-v", "./made:/data", hello, "ls", "/data", cwd=scratch) == "here\n"
    (scratch / "one").write_text("single", encoding="ascii")
    assert out(sampan, "-v", f"{scratch}/one:/etc/hostname:ro", hello, "cat", "/etc/hostname") == "single"


def test_mount_binds_what_exists_and_makes_tmpfs(sampan, hello, scratch):
    (scratch / "there").mkdir()
    text = out(sampan, "--mount", f"type=bind,source={scratch}/there,target=/data,readonly",
               "--mount", "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700", hello, "sh", "-c",
               "grep -E ' /(data|t) ' /proc/mounts; stat -c %a /t")
    assert re.search(r"/data \S+ ro,", text)
    assert re.search(r"^tmpfs /t tmpfs rw,nosuid,nodev,noexec\S*,size=1024k,mode=700", text, re.M)
    assert text.endswith("700\n")
    error = failure(sampan, "--mount", f"type=bind,source={scratch}/nope,target=/data", hello)
    assert f"bind source path does not exist: {scratch}/nope" in error
    assert not (scratch / "nope").exists()


def test_volumes_of_the_image_belong_to_the_container(sampan, scratch):
    layer = Layer([root(), directory("data", 0o1770, uid=5, gid=6), directory("full"), file("full/seed", b"kept")])
    name = pull(sampan, scratch, "volumes", Image([busybox_layer(machine_architecture()), layer],
                                                  volumes={"/data": {}, "/full": {}, "/new": {}}))
    script = "stat -c '%a %u %g' /data; touch /data/x /new/x; cat /full/seed; grep -c -E ' /(data|new) ' /proc/mounts"
    assert out(sampan, "--read-only", name, "sh", "-c", script) == "1770 5 6\nkept2\n"
    sampan("run", "--name", "keeper", name, "touch", "/data/y", check=True)
    volumes = sampan.root / "volumes"
    assert sorted(p.name for p in volumes.glob("*/_data/*")) == ["seed", "y"]
    sampan("rm", "-v", "keeper", check=True)
    assert os.listdir(volumes) == []


def test_the_size_of_shm_can_be_chosen(sampan, hello):
    assert "size=2048k" in out(sampan, "--shm-size", "2m", hello, "grep", "/dev/shm", "/proc/mounts")


# --- terminals and signals ---------------------------------------------------------------------------------------


class Terminal:
    """`sampan run -it` on a pty of 24 x 80."""

    def __init__(self, sampan, *args):
        self.master, slave = pty.openpty()
        self.resize(24, 80)
        self.mode = termios.tcgetattr(self.master)
        self.process = sampan.popen("run", "--rm", "-it", *args, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.seen = ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern):
        deadline = time.monotonic() + 15 * SLOW
        while time.monotonic() < deadline:
            found = re.search(pattern, self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 4096).decode()
                except OSError:
                    break
        raise AssertionError(f"{pattern!r} did not come; there is {self.seen!r}")


def test_a_terminal_has_our_size_and_follows_it(sampan, hello):
    terminal = Terminal(sampan, hello, "sh")
    terminal.type("tty; stty size; echo $TERM\n")
    terminal.expect(r"/dev/pts/0\r\n24 80\r\nxterm\r\n")
    terminal.resize(50, 132)
    os.kill(terminal.process.pid, signal.SIGWINCH)
    terminal.type("sleep 0.3; stty size\n")
    terminal.expect(r"50 132\r\n")
    terminal.type("exit 9\n")
    assert terminal.process.wait(10 * SLOW) == 9


def test_a_terminal_passes_control_characters_on(sampan, hello):
    terminal = Terminal(sampan, hello, "sh", "-c", "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.1; done")
    terminal.expect("ready")
    terminal.type("\x03")
    terminal.expect("interrupted")
    assert terminal.process.wait(10 * SLOW) == 5


def test_the_terminal_is_ours_again_after_it(sampan, hello):
    terminal = Terminal(sampan, hello, "sh", "-c", "echo ready; read line; echo got $line")
    terminal.expect("ready")
    assert termios.tcgetattr(terminal.master)[3] != terminal.mode[3]
    terminal.type("word\n")
    terminal.expect("got word")
    terminal.process.wait(10 * SLOW)
    assert termios.tcgetattr(terminal.master) == terminal.mode


def test_all_output_of_a_terminal_arrives(sampan, hello):
    terminal = Terminal(sampan, hello, "sh", "-c", "seq 1 20000")
    terminal.expect(r"\n19999\r\n20000\r\n")
    assert terminal.process.wait(10 * SLOW) == 0


def test_a_terminal_without_one_of_ours_is_refused_with_i(sampan, hello):
    assert failure(sampan, "-it", "--rm", hello) == "sampan: the input device is not a TTY\n"
    assert sampan("run", "--rm", "-t", hello, "tty", check=True).stdout.strip() == "/dev/pts/0"


def test_signals_are_forwarded(sampan, hello):
    process = started(sampan, "--rm", hello, "sh", "-c",
                      "trap 'echo usr1' USR1; trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.1; done")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == "usr1\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "term\n"
    assert process.wait(10 * SLOW) == 3


def test_init_reaps_and_passes_signals_on(sampan, hello):
    process = started(sampan, "--rm", "--init", hello, "sh", "-c", "(sleep 0.1 &); sleep 0.5; echo ready; exec sleep 100")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10 * SLOW) == 143


# --- ps, rm, names ---------------------------------------------------------------------------------------------


def container_id(sampan, name):
    return json.loads(sampan("inspect", name, check=True).stdout)[0]["Id"]


def test_ps_shows_what_runs_and_with_a_what_ran(sampan, hello):
    process = started(sampan, hello, "sleep", "100")
    table = sampan("ps", check=True).stdout.splitlines()
    assert re.fullmatch(r"CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES", table[0])
    assert re.fullmatch(r"[0-9a-f]{12} +localhost/hello +\"sleep 100\" +.* ago +Up .* +bg", table[1])
    shown = json.loads(sampan("ps", "--format", "json", check=True).stdout)[0]
    assert (shown["State"], shown["Names"]) == ("running", "bg")
    assert os.readlink(f"/proc/{shown['Pid']}/ns/pid") != os.readlink("/proc/self/ns/pid")
    process.send_signal(signal.SIGKILL)  # not forwarded: the container goes on alone
    process.wait()
    assert sampan("ps", "-q", check=True).stdout.strip() == shown["ID"][:12]
    os.kill(shown["Pid"], signal.SIGKILL)
    wait_for(lambda: sampan("ps", "-q", check=True).stdout == "", "the end")
    assert re.search(r"Exited \(137\)", sampan("ps", "-a", check=True).stdout)
    assert sampan("rm", "bg", check=True).stdout == "bg\n"
    nothing_runs(sampan)


def test_rm_removes_what_runs_only_by_force(sampan, hello):
    process = started(sampan, hello, "sleep", "100")
    refused = sampan("rm", "bg")
    assert refused.returncode == 1
    assert refused.stderr == ('sampan: cannot remove container "bg": container is running: '
                              "stop the container before removing or force remove\n")
    assert sampan("rm", "-f", "bg", check=True).stdout == "bg\n"
    assert process.wait(10 * SLOW) == 137
    assert sampan("ps", "-aq", check=True).stdout == ""
    nothing_runs(sampan)


def test_rm_goes_on_after_a_failure(sampan, hello):
    sampan("run", "--name", "one", hello, check=True)
    done = sampan("rm", "none", "one")
    assert (done.returncode, done.stdout) == (1, "one\n")
    assert done.stderr == "sampan: no such container: none\n"


def test_names_are_unique_and_free_again_after_rm(sampan, hello):
    sampan("run", "--name", "web", hello, check=True)
    assert re.search(r"the container name ['\"]web['\"] is already in use by container [0-9a-f]+", failure(sampan, "--name", "web", hello))
    sampan("rm", "web", check=True)
    sampan("run", "--rm", "--name", "web", hello, check=True)


def test_inspect_shows_how_a_container_was_made(sampan, hello, scratch):
    sampan("run", "--name", "web", "-e", "A=1", "-l", "tier=front", "-v", f"{scratch}/v:/v:ro", "--stop-signal", "SIGINT",
           "-w", "/w", hello, "sh", "-c", "exit 4")
    shown = json.loads(sampan("inspect", "--type", "container", "web", check=True).stdout)[0]
    assert shown["Name"] == "/web"
    assert (shown["Path"], shown["Args"]) == ("sh", ["-c", "exit 4"])
    assert (shown["State"]["Status"], shown["State"]["ExitCode"], shown["State"]["OOMKilled"]) == ("exited", 4, False)
    assert shown["State"]["StartedAt"] < shown["State"]["FinishedAt"]
    assert shown["HostConfig"]["Binds"] == [f"{scratch}/v:/v:ro"]
    assert shown["HostConfig"]["NetworkMode"] == "none"
    assert shown["Config"]["Labels"] == {"tier": "front"}
    assert (shown["Config"]["StopSignal"], shown["Config"]["WorkingDir"]) == ("SIGINT", "/w")
    assert "A=1" in shown["Config"]["Env"]


def test_the_cidfile_has_the_id_and_must_not_exist(sampan, hello, scratch):
    sampan("run", "--name", "web", "--cidfile", scratch / "cid", hello, check=True)
    assert (scratch / "cid").read_text() == container_id(sampan, "web")
    assert "container ID file found" in failure(sampan, "--cidfile", scratch / "cid", hello)


# --- images that are not there, and other mistakes -----------------------------------------------------------------


def test_an_image_that_is_absent_is_pulled(sampan, busybox_image):
    done = sampan("run", "--rm", busybox_image, "echo", "pulled", check=True)
    assert done.stdout == "pulled\n"
    assert f"Unable to find image '{busybox_image}' locally" in done.stderr
    again = sampan("run", "--rm", "--pull", "never", busybox_image, "echo", "here", check=True)
    assert (again.stdout, again.stderr) == ("here\n", "")


def test_pull_never_fails_without_the_image(sampan):
    assert failure(sampan, "--pull", "never", "localhost/none") == "sampan: no such image: localhost/none\n"


def test_an_image_for_another_platform_is_not_taken_for_the_one_asked_for(sampan, hello):
    error = failure(sampan, "--pull", "never", "--platform", f"linux/{foreign_architecture()}", hello)
    assert f"not for platform 'linux/{foreign_architecture()}'" in error
    assert out(sampan, "--platform", f"linux/{machine_architecture()}", hello, "echo", "x") == "x\n"


def test_mistakes_on_the_command_line_are_125(sampan):
    assert failure(sampan, "--flavour", "x") == "sampan: unknown flag: --flavour\nSee 'sampan run --help'.\n"
    assert "flag needs an argument: --name" in failure(sampan, "--name")
    assert "'sampan run' requires at least 1 argument" in failure(sampan)
    assert "invalid argument \"foo=bar\" for \"--network\" flag: invalid field key foo" in failure(sampan, "--network", "foo=bar", "x")


def test_every_command_has_help(sampan):
    text = sampan("--help", check=True).stdout
    commands = re.findall(r"^  ([a-z]+) ", text, re.M)
    assert {"run", "pull", "images", "rmi", "ps", "rm", "inspect", "info", "version"} <= set(commands)
    for command in commands:
        assert sampan(command, "--help", check=True).stdout.startswith(f"Usage:  sampan {command} ")


# --- limits ----------------------------------------------------------------------------------------------------


@pytest.mark.cgroup2
@pytest.mark.main_job
def test_limits_are_in_the_containers_cgroup(sampan, hello):
    script = "cd /sys/fs/cgroup; cat memory.max memory.low cpu.max cpu.weight pids.max"
    limits = out(sampan, "-m", "64m", "--memory-reservation", "32Mi", "--cpus", "500m", "--cpu-shares", "1024",
                 "--pids-limit", "32", hello, "sh", "-c", script).splitlines()
    assert limits[:3] == [str(64 << 20), str(32 << 20), "50000 100000"]
    assert limits[4] == "32"
    assert 1 < int(limits[3]) < 200


@pytest.mark.cgroup2
def test_a_container_over_its_memory_is_killed_and_told_of(sampan, hello):
    done = sampan("run", "--name", "big", "-m", "16m", "--memory-swap", "16m", hello, "sh", "-c", "x=a; while :; do x=$x$x; done")
    assert done.returncode == 137
    assert "sampan: container big was killed: out of memory (limit 16 MiB)\n" in done.stderr
    assert json.loads(sampan("inspect", "big", check=True).stdout)[0]["State"]["OOMKilled"] is True


@pytest.mark.cgroup2
def test_a_fork_bomb_stops_at_the_limit_of_processes(sampan, hello):
    done = sampan("run", "--rm", "--pids-limit", "8", hello, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done; wait")
    assert "can't fork" in done.stderr


def test_limits_without_their_controller_are_an_error_that_names_it(sampan, hello):
    try:
        with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as controllers:
            here = "memory" in controllers.read().split()
    except OSError:
        here = False
    if here:
        assert out(sampan, "-m", "64m", hello, "echo", "fine") == "fine\n"
        return
    error = failure(sampan, "--rm", "-m", "64m", hello)
    assert "cannot limit memory: " in error
    assert re.search(r"\(.*(cgroup|mount|boot).*\)", error)
    assert sampan("ps", "-aq", check=True).stdout == ""
    assert out(sampan, hello, "echo", "unlimited") == "unlimited\n"


def children_of(pid, columns="pid=,args="):
    return subprocess.run(["ps", "--ppid", str(pid), "-o", columns], check=False, capture_output=True, text=True).stdout.splitlines()


def test_a_container_costs_no_process_but_its_own_and_a_small_monitor(sampan, hello):
    process = started(sampan, "--rm", hello, "sleep", "100")
    pid = json.loads(sampan("ps", "--format", "json", check=True).stdout)[0]["Pid"]
    monitor = monitor_of(pid)
    assert list(map(int, children_of(process.pid, "pid="))) == [monitor]
    assert [line.split(None, 1)[1] for line in children_of(monitor)] == ["sleep 100"]
    assert os.path.basename(os.readlink(f"/proc/{monitor}/exe")) == "sampan-monitor"
