# SPDX-License-Identifier: Apache-2.0
"""sampan check, on this machine and, where a test VM is, on one with cgroup v2."""
import json
import platform

import pytest

LEVELS = {"ok", "warning", "missing"}


def lines_of(done):
    document = json.loads(done.stdout)
    assert {line["Level"] for line in document["Lines"]} <= LEVELS
    assert document["Worst"] == max((line["Level"] for line in document["Lines"]), key=["ok", "warning", "missing"].index)
    assert done.returncode == (1 if document["Worst"] == "missing" else 0)
    return document["Lines"]


def test_every_line_says_what_it_is_about_and_how_bad_it_is(sampan):
    lines = lines_of(sampan("check", "--format", "json", "--no-litmus"))
    assert {"kernel", "cgroups", "cpu", "rootless", "clock", "store"} == {line["Topic"] for line in lines}
    assert any(line["Text"] == f"Linux {platform.release()}" for line in lines)
    for line in lines:
        assert line["Level"] == "ok" or line["Text"]


def test_the_table_shows_the_same(sampan):
    lines = lines_of(sampan("check", "--format", "json", "--no-litmus"))
    done = sampan("check", "--no-litmus")
    assert done.stdout.startswith(" ") and "TOPIC" in done.stdout.splitlines()[0]
    for line in lines:
        if "free for" not in line["Text"]:  # that changes all the time
            assert line["Text"] in done.stdout
        if "Cure" in line:
            assert f"-> {line['Cure']}" in done.stdout


def test_barriers_of_this_cpu_work(sampan):
    lines = [line for line in lines_of(sampan("check", "--format", "json")) if line["Topic"] == "memory order"]
    assert [line["Text"].split(":")[0] for line in lines][:5] == [
        "message passing", "store buffering", "load buffering", "coherence", "sequence lock"]
    for line in lines[:5]:
        assert line["Level"] == "ok" and ": 0 times in " in line["Text"] and line["Text"].endswith("as it must be")


def test_an_option_that_there_is_not_is_told(sampan):
    done = sampan("check", "--frmat", "json")
    assert done.returncode == 125
    assert "unknown flag: --frmat" in done.stderr


@pytest.mark.cgroup2
def test_a_machine_with_cgroup_v2_has_its_controllers(sampan):
    lines = lines_of(sampan("check", "--format", "json", "--no-litmus"))
    assert [line["Text"] for line in lines if line["Topic"] == "cgroups"] == ["v2, with all controllers that limits use"]
