# SPDX-License-Identifier: Apache-2.0
"""Many containers for a while, with restarts, health checks, logs that rotate, networks, and commands that come in between: nothing grows, nothing is left.

SAMPAN_SOAK_CONTAINERS and SAMPAN_SOAK_SECONDS make it longer than a test may be: `make check-soak`.
"""
import contextlib
import json
import os
import pathlib
import random
import re
import time

import pytest

from conftest import SLOW, Program
from container_fixture import load, wait_for
from test_network import NETAVARK, Namespace, processes_in, rules_of

pytestmark = [pytest.mark.root, pytest.mark.plain]

CONTAINERS = int(os.environ.get("SAMPAN_SOAK_CONTAINERS", "12"))
SECONDS = float(os.environ.get("SAMPAN_SOAK_SECONDS", "20"))
# Between two of a container's events: many containers do not do more than few.
PERIOD = max(1, CONTAINERS // 20)
PSS_MAX_KIB = 200  # of a monitor, on the average; its goal is 120 where its pages are shared by 100
PSS_GROWTH_KIB = 8
NETWORKED = 20  # one of so many is on a network: netavark takes its time
KILLED = "its monitor was killed"

KINDS = {
    "log": (["--log-opt", "max-size=20k", "--log-opt", "max-file=2"], "while :; do echo a line of output; sleep 0.2; done"),
    "burst": ([], f"while :; do head -c 1000000 /dev/zero | tr '\\0' x; echo; sleep {4 * PERIOD}; done"),
    "restart": (["--restart", "always"], f"echo once more; sleep {2 * PERIOD}; exit 3"),
    "health": (["--health-cmd", "true", "--health-interval", f"{PERIOD}s"], "while :; do sleep 1; done"),
    "ill": (["--health-cmd", "false", "--health-interval", f"{PERIOD}s", "--health-retries", "2", "--health-on-failure", "restart"],
            "while :; do sleep 1; done"),
    "still": ([], "trap 'exit 0' TERM; while :; do sleep 0.5; done"),
}


# --- what there is ---------------------------------------------------------------------------------------


def command_lines():
    """{pid: command line}, without those that have ended."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


def ours(sampan):
    """The processes that have our store or state directory on their command lines: {pid: command line}."""
    return {pid: text for pid, text in command_lines().items() if str(sampan.state_dir) in text and pid != os.getpid()}


def monitors(sampan):
    """{container ID: pid}"""
    found = {}
    for pid, text in ours(sampan).items():
        ident = re.search(r"sampan-monitor .*--id=([0-9a-f]{64})", text)
        if ident:
            found[ident[1]] = pid
    return found


def pss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def opened(pid):
    """What its descriptors are, as far as they are still there."""
    found = []
    for number in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        with contextlib.suppress(OSError):
            found.append(f"{number} {os.readlink(f'/proc/{pid}/fd/{number}')}")
    return found


def sample(sampan):
    """{pid of a monitor: (PSS, descriptors)}: the least of some looks, as there is always one that is busy."""
    least = {}
    for _ in range(5):
        for pid in monitors(sampan).values():
            try:
                now = pss_kib(pid), descriptors(pid)
            except OSError:
                continue
            least[pid] = tuple(map(min, zip(now, least.get(pid, now))))
        time.sleep(PERIOD * 0.7)
    return least


def cgroups(idents):
    """Those of these containers, in any hierarchy."""
    return [path for path, folders, _ in os.walk("/sys/fs/cgroup") if os.path.basename(path) in idents]


def mounts(folder):
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return sorted(line.split()[4] for line in table if f"{folder}/" in line.split()[4])


def network_claims(sampan):
    state = sampan.state_dir / "networks"
    found = [path for folder in ("containers", "owners", "ports") for path in (state / folder).glob("*")]
    return found + [path for path in state.glob("leases/*/*") if not path.name.startswith("next.")]


# --- what is done ----------------------------------------------------------------------------------------


@pytest.fixture
def host():
    """A network namespace of its own, with nothing but loopback."""
    if not any(map(os.path.exists, NETAVARK)):
        pytest.skip("netavark is not installed")
    space = Namespace()
    yield space
    for pid in processes_in(space.process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    space.end()


@pytest.fixture
def soaked(sampan, host):
    program = Program(host.argv[0], *host.argv[1:], *sampan.argv)
    program.root, program.state_dir, program.host = sampan.root, sampan.state_dir, host
    yield program
    program.end()


def create(sampan, image, number):
    """Starts one; its name tells its kind."""
    kind = list(KINDS)[number % len(KINDS)]
    options, script = KINDS[kind]
    network = ["--network", "bridge", "-p", f"{20000 + number}:80"] if number % NETWORKED == 2 else []
    sampan("run", "-d", "--name", f"{kind}{number}", *options, *network, image, "sh", "-c", script, check=True, timeout=300)


def disturb(sampan, image, dice):
    """What a user does in between. A container that is between two starts says no to some of it; nothing else may go wrong."""
    number = dice.randrange(CONTAINERS)
    name = f"{list(KINDS)[number % len(KINDS)]}{number}"
    # The first of each kind keep their monitors to the end.
    action = dice.choice(["exec", "logs", "inspect", "pause", "rm", *(["restart", "again", "anew", "kill"] if number >= len(KINDS) else [])])
    quick = ["-t", "1"]
    if action == "exec":
        done = [sampan("exec", name, "echo", "here")]
    elif action == "logs":
        done = [sampan("logs", "--tail", "5", name)]
    elif action == "restart":
        done = [sampan("restart", *quick, name, timeout=120)]
    elif action == "again":
        done = [sampan("stop", *quick, name), sampan("start", name, timeout=120)]
    elif action == "anew":
        done = [sampan("rm", "-f", name, check=True)]
        create(sampan, image, number)
    elif action == "kill":
        done = [sampan("kill", name), sampan("wait", name), sampan("start", name, timeout=120)]
    elif action == "pause":
        done = [sampan("pause", name), sampan("unpause", name)]
    elif action == "rm":
        done = [sampan("run", "--rm", image, "true")]
        assert done[0].returncode == 0, done
    else:
        done = [sampan("inspect", name)]
    for step in done:
        assert KILLED not in step.stderr, step
        assert step.returncode == 0 or re.search("is restarting|is not running|is paused|not the running state|cgroup", step.stderr), step


def listed(sampan):
    done = sampan("ps", "-a", "--format", "json", check=True)
    assert done.stderr == ""
    return {c["Names"]: c for c in json.loads(done.stdout)}


def check_lives(sampan):
    """Each kind has done what it is for."""
    states = listed(sampan)
    assert len(states) == CONTAINERS
    assert {c["State"] for c in states.values()} <= {"running", "restarting"}, states
    for name in states:
        if name.startswith(("log", "burst")):
            assert sampan("logs", "--tail", "1", name, check=True).stdout
        if name.startswith("health"):
            wait_for(lambda n=name: "(healthy)" in listed(sampan)[n]["Status"], f"the health of {name}", 30 + 3 * PERIOD)


def grown(before, after):
    return {pid: (before[pid], after[pid]) for pid in before.keys() & after.keys()
            if after[pid][0] > before[pid][0] + 4 * PSS_GROWTH_KIB or after[pid][1] > before[pid][1]}


def test_containers_that_live_for_a_while_neither_grow_nor_leave_anything(soaked, scratch):
    sampan, dice = soaked, random.Random(5)
    image = load(sampan, scratch, "soak")
    begun = mounts(scratch)
    for number in range(CONTAINERS):
        create(sampan, image, number)
    idents = {c["ID"] for c in listed(sampan).values()}
    end = time.monotonic() + SECONDS * SLOW
    before, disturbed, samples = None, 0, []
    while time.monotonic() < end:
        disturb(sampan, image, dice)
        disturbed += 1
        idents |= {c["ID"] for c in listed(sampan).values()}
        if before is None and time.monotonic() > end - SECONDS * SLOW * 0.7:
            before = sample(sampan)
        if disturbed % 50 == 0:
            samples.append(len(ours(sampan)))
    check_lives(sampan)
    after = sample(sampan)
    kept = before.keys() & after.keys()
    pss = [sum(values[pid][0] for pid in kept) / len(kept) for values in (before, after)]
    print(f"{disturbed} disturbances; {len(kept)} monitors stayed, PSS {pss[0]:.0f} KiB each, then {pss[1]:.0f}; processes with our name: {samples}")
    assert pss[1] < min(pss[0] + PSS_GROWTH_KIB, PSS_MAX_KIB)
    more = grown(before, after)
    assert more == {}, {name: opened(pid) for name, pid in monitors(sampan).items() if pid in more}
    assert len(cgroups(idents)) <= CONTAINERS
    alive = monitors(sampan)
    assert {name: c["Status"] for name, c in listed(sampan).items() if c["ID"] not in alive} == {}
    assert len(alive) == CONTAINERS

    sampan("rm", "-f", *listed(sampan), check=True, timeout=600)
    wait_for(lambda: not ours(sampan), "the end of all processes", 30)
    assert_nothing_is_left(sampan, scratch, idents, begun)


def assert_nothing_is_left(sampan, scratch, idents, begun):
    assert listed(sampan) == {}
    assert cgroups(idents) == []
    assert mounts(scratch) == begun
    for folder in ("monitor", "networks/owners"):
        assert os.listdir(sampan.state_dir / folder) == [], folder
    assert [name for name in os.listdir(sampan.state_dir) if name in idents] == []
    assert os.listdir(sampan.root / "containers") == []
    assert [name for name in os.listdir(sampan.root / "staging") if name != "lock"] == []
    assert network_claims(sampan) == []
    assert rules_of(sampan.host) == []
    links = [line.split()[1].split("@")[0] for line in sampan.host("ip", "-o", "link").splitlines()]
    assert links == ["lo:"], links
