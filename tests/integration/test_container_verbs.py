# SPDX-License-Identifier: Apache-2.0
"""`sampan pause`, `unpause`, `top` and `rename`, on real containers."""
import os
import pathlib

import pytest

from container_fixture import load, refused, shell, start, state, wait_for

pytestmark = pytest.mark.root


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "img")


# --- pause, unpause --------------------------------------------------------------------------------------------------


def test_paused_processes_stand_still_and_go_on(sampan, image):
    start(sampan, image, command=("sh", "-c", "while :; do echo >>/count; sleep 0.02; done"))
    pid = state(sampan)["Pid"]
    count = pathlib.Path(f"/proc/{pid}/root/count")
    wait_for(lambda: count.exists() and count.stat().st_size > 2, "the work")
    assert sampan("pause", "box", check=True).stdout == "box\n"
    assert state(sampan)["State"] == "paused" and "(Paused)" in sampan("ps").stdout
    before = count.stat().st_size
    refused(sampan("pause", "box"), "is already paused")
    assert count.stat().st_size == before
    assert sampan("unpause", "box", check=True).stdout == "box\n"
    wait_for(lambda: count.stat().st_size > before, "its going on")
    assert state(sampan)["State"] == "running"
    refused(sampan("unpause", "box"), "is not paused")


def test_each_of_several_is_tried(sampan, image):
    start(sampan, image, name="a1")
    start(sampan, image, name="b1")
    done = sampan("pause", "a1", "none", "b1")
    assert (done.returncode, done.stdout) == (1, "a1\nb1\n") and "no such container: none" in done.stderr
    assert sampan("unpause", "a1", "b1", check=True).stdout == "a1\nb1\n"


def test_what_does_not_run_cannot_be_paused(sampan, image):
    made = sampan("create", "--name", "box", image, "true", check=True).stdout.strip()
    refused(sampan("pause", "box"), f"container {made} is not running")
    refused(sampan("unpause", "box"), f"container {made} is not running")


def test_what_ends_while_it_is_being_paused_is_not_running(sampan, image):
    """Between its end and what its monitor says of it, or its next start: nothing is where the runtime keeps its state."""
    start(sampan, image)
    found = sampan("ps", "-q", "--no-trunc", check=True).stdout.strip()
    kept, away = sampan.state_dir / found, sampan.state_dir / "away"
    kept.rename(away)
    try:
        for command, *more in (["pause"], ["unpause"], ["top"], ["exec", "true"], ["exec", "nosuch"]):
            done = sampan(command, "box", *more)
            assert (done.returncode, done.stderr) == (1, f"sampan: container {found} is not running\n"), command
    finally:
        away.rename(kept)


def test_a_paused_container_can_be_removed(sampan, image):
    start(sampan, image)
    sampan("pause", "box", check=True)
    sampan("rm", "-f", "box", check=True)
    assert sampan("ps", "-aq").stdout == ""


# --- top ---------------------------------------------------------------------------------------------------------------


def test_top_shows_the_processes_of_the_container_alone(sampan, image):
    start(sampan, image, command=("sleep", "1234"))
    head, *rows = sampan("top", "box", check=True).stdout.splitlines()
    assert head.split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert head.startswith("UID".ljust(20) + "PID".ljust(20) + "PPID")
    (row,) = rows
    assert row.split()[1] == str(state(sampan)["Pid"]) and row.endswith("sleep 1234")


def test_top_hands_options_to_ps(sampan, image):
    start(sampan, image, command=("sleep", "1234"))
    head, row = sampan("top", "box", "-o", "pid,args", check=True).stdout.splitlines()
    assert head.split() == ["PID", "COMMAND"] and row.split() == [str(state(sampan)["Pid"]), "sleep", "1234"]
    refused(sampan("top", "box", "-o", "args"), "couldn't find PID field in ps output")
    refused(sampan("top", "box", "--nonsense"), "ps failed with exit status 1")


def test_top_needs_a_container_that_runs(sampan, image):
    made = sampan("create", "--name", "box", image, "true", check=True).stdout.strip()
    refused(sampan("top", "box"), f"container {made} is not running")
    refused(sampan("top", "none"), "no such container: none")


# --- rename --------------------------------------------------------------------------------------------------------------


def test_a_running_container_has_another_name_at_once_and_after_its_end(sampan, image):
    made = start(sampan, image)
    done = sampan("rename", "box", "other", check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert sampan("inspect", "box").returncode == 1
    found = state(sampan, "other")
    assert (found["ID"], found["State"]) == (made, "running")
    start(sampan, image)  # the name is free
    sampan("kill", "other", check=True)
    sampan("wait", "other", check=True)
    assert "other" in sampan("ps", "-a", check=True).stdout
    sampan("start", made, check=True)
    assert shell(sampan, "echo on", name="other") == "on\n"
    sampan("rm", "-f", "other", check=True)
    assert os.listdir(sampan.root / "container-names") == ["box"]


def test_names_that_cannot_be(sampan, image):
    sampan("create", "--name", "box", image, "true", check=True)
    other = sampan("create", "--name", "other", image, "true", check=True).stdout.strip()
    refused(sampan("rename", "box", "other"), f"the container name 'other' is already in use by container {other[:12]}")
    refused(sampan("rename", "box", "box"), "renaming a container with the same name as its current name")
    refused(sampan("rename", "box", ""), "neither old nor new names may be empty")
    refused(sampan("rename", "box", "no/such"), "bad container name 'no/such'")
    refused(sampan("rename", "none", "some"), "no such container: none")
    refused(sampan("rename", "box"), "'sampan rename' requires exactly 2 arguments", code=125)
    assert sorted(os.listdir(sampan.root / "container-names")) == ["box", "other"]
