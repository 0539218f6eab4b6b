# SPDX-License-Identifier: Apache-2.0
"""`sampan logs`. What writes the logs is bench/put_log: a monitor's part of it, and its status page."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from busybox_fixture import busybox_layer
from conftest import BUILD, SLOW
from image_fixture import Image, machine_architecture, write_layout

pytestmark = pytest.mark.root

PUT_LOG = BUILD / "bench" / "put_log"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"


class Logged:
    """A container that has ended, and whose log we write."""

    def __init__(self, sampan, name):
        self.sampan, self.name = sampan, name
        sampan("run", "--name", name, "localhost/quiet", "true", check=True)
        self.id = json.loads(sampan("inspect", name, check=True).stdout)[0]["Id"]
        self.dir = sampan.root / "containers" / self.id
        self.monitor_dir = sampan.state_dir / "monitor" / self.id
        self.monitor_dir.mkdir(parents=True)

    def writer(self, *options, driver="json-file"):
        """One that runs: output goes to .stdin and .stderr_end, a file."""
        read_end, write_end = os.pipe()
        process = subprocess.Popen([PUT_LOG, driver, self.dir, self.id, "--stderr", str(read_end), "--status", self.monitor_dir, *options],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[read_end], bufsize=0)
        os.close(read_end)
        process.stderr_end = os.fdopen(write_end, "wb", buffering=0)
        assert process.stdout.readline() == b"\n"
        return process

    def write(self, text, *options, errors=""):
        """A whole life of it."""
        process = self.writer(*options)
        process.stdin.write(text.encode() if isinstance(text, str) else text)
        # What comes by two pipes has no order.
        wait_for(lambda: not text or self.log().exists() and self.log().stat().st_size, "the log")
        process.stderr_end.write(errors.encode())
        end(process)

    def log(self, number=0):
        return self.dir / "log" / f"{self.id}-json.log{'.' + str(number) if number else ''}"

    def logs(self, *options, **kwargs):
        return self.sampan("logs", *options, self.name, check=True, **kwargs)


def end(process):
    process.stdin.close()
    process.stderr_end.close()
    process.stdout.close()
    assert process.wait(20 * SLOW) == 0


def wait_for(condition, what, seconds=10):
    deadline = time.monotonic() + seconds * SLOW
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.01)


@pytest.fixture
def quiet(sampan, scratch):
    layout = write_layout(scratch / "quiet", {None: Image([busybox_layer(machine_architecture())], cmd=["true"])})
    sampan("pull", "-q", f"oci:{layout}", check=True)


@pytest.fixture
def box(sampan, quiet):
    return Logged(sampan, "box")


# --- what is shown ------------------------------------------------------------------------------------------


def test_stdout_goes_to_stdout_and_stderr_to_stderr(box):
    box.write("one\ntwo\n", errors="bad\nworse\n")
    done = box.logs()
    assert (done.stdout, done.stderr) == ("one\ntwo\n", "bad\nworse\n")
    assert box.sampan("logs", box.id[:12], check=True).stdout == "one\ntwo\n"


def test_on_one_terminal_both_keep_their_order(box):
    writer = box.writer()
    for number in range(20):
        size = box.log().stat().st_size
        (writer.stdin if number % 2 else writer.stderr_end).write(f"line {number}\n".encode())
        wait_for(lambda size=size: box.log().stat().st_size > size, "a record")
    end(writer)
    done = box.logs(stderr=subprocess.STDOUT)
    assert done.stdout == "".join(f"line {number}\n" for number in range(20))


def test_a_container_without_a_log_has_no_lines(box):
    assert box.logs().stdout == ""
    assert box.logs("-f").stdout == ""


def test_binary_output_survives_as_dockers_does(box):
    box.write(b"nul \0 esc \x1b[1m bad \xff\xc3( \xe2\x82\xac\nno end")
    done = box.sampan("logs", "box", check=True, text=False)
    assert done.stdout == b"nul \0 esc \x1b[1m bad \xef\xbf\xbd\xef\xbf\xbd( \xe2\x82\xac\nno end"


def test_long_lines_are_one_line_again(box):
    text = "x" * 100_000 + "\n" + "y" * 16384 + "\nshort\n"
    box.write(text)
    assert box.logs().stdout == text
    lines = box.logs("-t").stdout.splitlines()
    assert [re.sub(STAMP, "T", line) for line in lines] == ["T " + line for line in text.splitlines()]
    assert box.logs("--tail", "2").stdout == "y" * 16384 + "\nshort\n"


def test_timestamps_and_details(box):
    box.write("a\n", "attr:com.example/role=db, 1", "tag=t")
    assert re.fullmatch(f"{STAMP} a\n", box.logs("--timestamps").stdout)
    assert box.logs("--details").stdout == "com.example%2Frole=db%2C+1,tag=t a\n"
    assert re.fullmatch(f"{STAMP} com.example%2Frole=db%2C\\+1,tag=t a\n", box.logs("-t", "--details").stdout)


def test_tail_takes_what_docker_takes(box):
    box.write("".join(f"{n}\n" for n in range(10)))
    everything = "".join(f"{n}\n" for n in range(10))
    for option, expected in [("0", ""), ("1", "9\n"), ("3", "7\n8\n9\n"), ("10", everything), ("11", everything),
                             ("all", everything), ("-1", everything), ("x", everything)]:
        assert box.logs(f"--tail={option}").stdout == expected
    assert box.logs("-n", "2").stdout == "8\n9\n"


def test_since_and_until(box):
    box.write("early\n")
    time.sleep(1.1)
    middle = time.time()
    box.write("late\n")
    assert box.logs("--since", f"{middle:.9f}").stdout == "late\n"
    assert box.logs("--until", f"{middle:.9f}").stdout == "early\n"
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(middle - 1))
    assert box.logs("--since", stamp, "--until", "0s").stdout.endswith("late\n")
    assert box.logs("--since", "1h").stdout == "early\nlate\n"
    assert box.logs("--until", "1h").stdout == ""
    assert box.logs("--since", "2020-01-01", "--until", "2021").stdout == ""


def test_several_containers_are_told_apart(sampan, box):
    other = Logged(sampan, "other")
    box.write("from box\n")
    other.write("from other\n")
    assert sampan("logs", "box", "other", check=True).stdout == f"{box.id[:12]} from box\n{other.id[:12]} from other\n"
    assert sampan("logs", "--names", "other", "box", check=True).stdout == "other from other\nbox from box\n"


# --- rotation -----------------------------------------------------------------------------------------------


def test_rotated_files_are_read_as_one(box):
    text = "".join(f"line {n}\n" for n in range(300))
    box.write(text, "max-size=4k", "max-file=20")
    assert box.log(3).exists()
    assert all(box.log(n).stat().st_size <= 4000 for n in range(20) if box.log(n).exists())
    assert box.logs().stdout == text
    assert box.logs("--tail", "100").stdout == "".join(f"line {n}\n" for n in range(200, 300))


def test_the_log_is_capped(box):
    box.write("".join(f"line {n}\n" for n in range(3000)), "max-size=10k", "max-file=3")
    assert sorted(os.listdir(box.dir / "log")) == [f"{box.id}-json.log{end}" for end in ("", ".1", ".2")]
    lines = box.logs().stdout.splitlines()
    assert 200 < len(lines) < 500
    assert lines == [f"line {n}" for n in range(3000 - len(lines), 3000)]


def test_a_damaged_record_is_passed_over(box):
    box.write("before\n")
    with box.log().open("ab") as file:
        file.write(b'{"log":"half of a rec\0\0\0\0\n')
    box.write("behind\n")
    with box.log().open("ab") as file:
        file.write(b'{"log":"no end')
    assert box.logs().stdout == "before\nbehind\n"
    assert box.logs("--tail", "2").stdout == "before\nbehind\n"


# --- following ----------------------------------------------------------------------------------------------


def test_follow_shows_what_comes_and_ends_with_the_container(box):
    writer = box.writer()
    writer.stdin.write(b"one\n")
    reader = box.sampan.popen("logs", "-f", "box")
    assert reader.stdout.readline() == "one\n"
    writer.stdin.write(b"two\nunfini")
    assert reader.stdout.readline() == "two\n"
    writer.stderr_end.write(b"bad\n")
    assert reader.stderr.readline() == "bad\n"
    writer.stdin.write(b"shed\nrest")
    assert reader.stdout.readline() == "unfinished\n"
    assert reader.poll() is None
    end(writer)
    assert reader.stdout.read() == "rest"
    assert reader.wait(5 * SLOW) == 0


def test_follow_begins_with_the_tail(box):
    box.write("1\n2\n3\n")
    writer = box.writer()
    reader = box.sampan.popen("logs", "-f", "--tail", "1", "box")
    none = box.sampan.popen("logs", "-f", "--tail", "0", "box")
    assert reader.stdout.readline() == "3\n"
    time.sleep(0.3)
    writer.stdin.write(b"4\n")
    assert reader.stdout.readline() == "4\n"
    assert none.stdout.readline() == "4\n"
    end(writer)
    assert (reader.wait(5 * SLOW), none.wait(5 * SLOW)) == (0, 0)


def test_follow_across_rotation_loses_and_doubles_nothing(box):
    writer = box.writer("max-size=20k", "max-file=3")
    reader = box.sampan.popen("logs", "-f", "box")
    for block in range(200):
        writer.stdin.write("".join(f"{block} {n}\n" for n in range(20)).encode())
        for n in range(20):
            assert reader.stdout.readline() == f"{block} {n}\n"
    end(writer)
    assert reader.stdout.read() == ""
    assert reader.wait(5 * SLOW) == 0


def test_follow_ends_at_once_for_a_container_that_does_not_run(box):
    box.write("over\n")
    assert box.logs("-f", timeout=5).stdout == "over\n"


def test_follow_ends_when_the_monitor_is_killed(box):
    writer = box.writer()
    reader = box.sampan.popen("logs", "-f", "box")
    writer.stdin.write(b"last\n")
    assert reader.stdout.readline() == "last\n"
    writer.send_signal(signal.SIGKILL)
    assert reader.wait(5 * SLOW) == 0
    writer.wait()


def test_follow_ends_at_until(box):
    writer = box.writer()
    reader = box.sampan.popen("logs", "-f", "--until", "-1s", "box")
    writer.stdin.write(b"in time\n")
    assert reader.stdout.readline() == "in time\n"
    assert reader.wait(5 * SLOW) == 0
    end(writer)


def test_an_idle_follower_does_not_burn_the_processor(box):
    writer = box.writer()
    reader = box.sampan.popen("logs", "-f", "box")
    writer.stdin.write(b"x\n")
    assert reader.stdout.readline() == "x\n"
    time.sleep(1)

    def cost():
        with open(f"/proc/{reader.pid}/status", encoding="ascii") as status:
            switches = int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read(), re.M)[1])
        with open(f"/proc/{reader.pid}/stat", encoding="ascii") as stat:
            return switches, sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))

    before = cost()
    time.sleep(2)
    after = cost()
    assert after[0] - before[0] <= 4
    assert after[1] - before[1] <= 1
    end(writer)
    assert reader.wait(5 * SLOW) == 0


def test_a_reader_that_stalls_does_not_stop_the_container(box):
    writer = box.writer("max-size=100k")
    reader = box.sampan.popen("logs", "-f", "box")
    writer.stdin.write(b"first\n")
    assert reader.stdout.readline() == "first\n"
    reader.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    for _ in range(100):
        writer.stdin.write(b"x" * 9999 + b"\n")
    end(writer)
    assert time.monotonic() - started < 10 * SLOW
    reader.send_signal(signal.SIGCONT)
    assert reader.communicate(timeout=10 * SLOW)[0].endswith("x\n")
    assert reader.returncode == 0


# --- what goes wrong ------------------------------------------------------------------------------------------


def test_errors_are_dockers(sampan, box):
    done = sampan("logs", "nope")
    assert (done.returncode, done.stderr) == (1, "sampan: no such container: nope\n")
    done = sampan("logs")
    assert (done.returncode, done.stderr) == (125, "sampan: 'sampan logs' requires at least 1 argument\nSee 'sampan logs --help'.\n")
    for name in ("since", "until"):
        done = sampan("logs", f"--{name}", "yesterday", "box")
        assert (done.returncode, done.stderr) == (
            1, f'sampan: invalid value for "{name}": failed to parse value as time or duration: "yesterday"\n')
    with open("/dev/full", "w", encoding="ascii") as full:
        box.write("x\n")
        done = sampan("logs", "box", stdout=full)
    assert (done.returncode, done.stderr) == (1, "sampan: cannot write to stdout: no space left on device\n")


def test_a_missing_journal_is_an_error_before_the_start(box, scratch):
    done = subprocess.run([PUT_LOG, "journald", box.dir, box.id, "--socket", scratch / "none"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 1
    assert done.stderr == f"put_log: journald is not enabled on this host ('{scratch}/none'): no such file or directory\n"
