# SPDX-License-Identifier: Apache-2.0
"""The end of `run --rm`, which clears away itself: killed at each of its system calls, stopped, without its monitor, it leaves nothing.

A dry run under strace tells the calls; then the command is run once per call, with SIGKILL as it enters that call.
"""
import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from conftest import SLOW
from container_fixture import load, wait_for

pytestmark = [pytest.mark.root, pytest.mark.plain,
              pytest.mark.skipif("asan" in os.environ.get("SAMPAN_BUILD", ""), reason="LeakSanitizer fails under strace")]

CALL = re.compile(r"^([a-z0-9_]+)\(")
RUN = ("run", "--rm", "--network", "none")
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
CGROUPS = [pathlib.Path(top) for top in ("/sys/fs/cgroup/unified/sampan", "/sys/fs/cgroup/sampan")]
# Of the container's end, the first that is its client's: the container's cgroup goes.
IN_THE_MIDST = "rmdir"


@pytest.fixture
def box(sampan, scratch):
    return load(sampan, scratch, "box")


def traced(sampan, scratch, box, *options, script="true"):
    return ["strace", "-qq", "-o", scratch / "trace", *options, *sampan.argv, *RUN, box, "sh", "-c", script]


def held_up(call, seconds):
    """Stays that long before its first call of that name."""
    return ["-e", f"trace={call}", "-e", f"inject={call}:delay_enter={seconds}s:when=1"]


def points_of_the_end(sampan, scratch, box):
    """(name, which of that name) of each call from the one on that waits for the container."""
    subprocess.run(traced(sampan, scratch, box), check=True, timeout=60 * SLOW, **QUIET)
    names = [match[1] for match in map(CALL.match, (scratch / "trace").read_text(errors="replace").splitlines()) if match]
    seen, result = collections.Counter(), []
    for name in names:
        seen[name] += 1
        result.append((name, seen[name]))
    # The C library's start looks at the standard streams by poll.
    first = result.index(("poll", 2))
    return [point for point in result[first:] if point[0] != "exit_group"]


def told(sampan):
    """{ID: [what was told of it]}, of each container that there was."""
    shown = sampan("events", "--stream=false", "--filter", "type=container", "--format", "json", check=True).stdout
    of_each = collections.defaultdict(list)
    for event in map(json.loads, shown.splitlines()):
        of_each[event["Actor"]["ID"]].append(event["Action"])
    return of_each


def actions(sampan):
    return list(told(sampan).values())


def what_is_left(sampan):
    places = [sampan.root / "containers", sampan.root / "container-names", sampan.state_dir / "monitor"]
    left = [str(entry) for place in places if place.is_dir() for entry in place.iterdir()]
    left += sorted(set(os.listdir(sampan.state_dir)) - {":seccomp", "events", "monitor"})
    return left + [str(top / ident) for ident in told(sampan) for top in CGROUPS if (top / ident).exists()]


def nothing_is_left(sampan, what, seconds=10):
    try:
        wait_for(lambda: not what_is_left(sampan), f"the end of all after {what}", seconds)
    except AssertionError as e:
        raise AssertionError(f"{e}: {what_is_left(sampan)}") from None
    assert sampan("ps", "-aq", check=True).stdout == ""


def helpers(sampan, scratch, *command):
    """The verbs of the helpers that are run for it."""
    trace = scratch / "helpers"
    subprocess.run(["strace", "-f", "-qq", "-s", "200", "-e", "trace=execve", "-o", trace, *sampan.argv, *command], check=True,
                   timeout=60 * SLOW, **QUIET)
    return re.findall(r'"(monitor-[a-z]+)"', trace.read_text(errors="replace"))


def test_a_client_that_stays_clears_away_and_no_helper_is_started(sampan, scratch, box):
    assert helpers(sampan, scratch, *RUN, box, "true") == []
    nothing_is_left(sampan, "a client's end")
    assert actions(sampan) == [["create", "attach", "start", "die", "destroy"]]
    sampan("volume", "create", "kept", check=True)
    assert helpers(sampan, scratch, *RUN, "-v", "kept:/kept", box, "true") == []
    # What takes its time is a helper's, and so is what nobody waits for.
    assert helpers(sampan, scratch, *RUN, "-v", "/anonymous", box, "true") == ["monitor-cleanup"]
    assert helpers(sampan, scratch, "run", "--network", "none", box, "true") == ["monitor-cleanup"]


def test_killed_at_each_call_of_the_end_it_leaves_nothing(sampan, scratch, box):
    points = points_of_the_end(sampan, scratch, box)
    nothing_is_left(sampan, "the dry run")
    assert len(points) > 50
    killed = 0
    for name, which in points:
        done = subprocess.run(traced(sampan, scratch, box, "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={which}"),
                              check=False, timeout=60 * SLOW, **QUIET)
        nothing_is_left(sampan, f"{name} {which}")
        killed += done.returncode != 0
    assert killed > 0.9 * len(points)
    for each in actions(sampan):
        # Killed in between, it may have told what its helper tells again, or not have come to the last.
        assert each in (["create", "attach", "start", "die", *more] for more in ([], ["die"], ["destroy"], ["die", "destroy"])), each


def test_one_that_is_stopped_is_not_waited_for_and_tells_the_exit_code_later(sampan, box):
    client = sampan.popen(*RUN, "--name", "slow", box, "sh", "-c", "sleep 1; exit 7")
    wait_for(lambda: sampan("ps", "-q", check=True).stdout, "the start")
    client.send_signal(signal.SIGSTOP)
    wait_for(lambda: "destroy" in actions(sampan)[0], "the container's end")
    nothing_is_left(sampan, "the container's end")
    assert client.poll() is None
    client.send_signal(signal.SIGCONT)
    assert client.wait(10 * SLOW) == 7
    assert actions(sampan)[0][-2:] == ["die", "destroy"]


def test_one_that_hangs_in_the_midst_is_killed_and_a_helper_goes_on(sampan, scratch, box):
    began = time.monotonic()
    done = subprocess.run(traced(sampan, scratch, box, "-e", f"trace={IN_THE_MIDST}", "-e", f"inject={IN_THE_MIDST}:signal=STOP:when=1"),
                          check=False, timeout=50, **QUIET)
    assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert time.monotonic() - began > 4
    nothing_is_left(sampan, "the client's end")


def test_a_client_whose_output_waits_for_its_reader_is_not_waited_for(sampan, scratch, box):
    client = sampan.popen(*RUN, box, "sh", "-c", "head -c 100000 /dev/zero; exit 3")
    wait_for(lambda: any("destroy" in each for each in actions(sampan)), "the container's end")
    nothing_is_left(sampan, "that")
    assert client.poll() is None
    assert len(client.communicate(timeout=10 * SLOW)[0]) == 100000
    assert client.returncode == 3


def test_a_monitor_that_is_killed_meanwhile_does_not_matter(sampan, scratch, box):
    client = subprocess.Popen(traced(sampan, scratch, box, *held_up(IN_THE_MIDST, 3), script="exit 5"), **QUIET)
    monitors = pathlib.Path(sampan.state_dir / "monitor")
    wait_for(lambda: "rmdir" in (scratch / "trace").read_text() if (scratch / "trace").exists() else False, "the client's work")
    (ident,) = os.listdir(monitors)
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"/sampan-monitor") and f"--id={ident}".encode() in words:
            os.kill(int(entry.name), signal.SIGKILL)
            break
    else:
        raise AssertionError("no monitor")
    # The lock is the client's, too: nobody else begins, and nobody can take the container.
    assert sampan("ps", "-aq", "--no-trunc", check=True).stdout.strip() == ident
    assert (sampan.root / "containers" / ident).is_dir()
    assert client.wait(30 * SLOW) == 5
    nothing_is_left(sampan, "the client's end")
