# SPDX-License-Identifier: Apache-2.0
"""Machines whose memory controller is off, which takes a boot with another kernel command line: the message must name
the controller and the cure, and everything that needs no memory limit must go on working."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAMS = ("test_cgroup_live", "test_cgroup_tree_live")
RESULT = re.compile(r"^\[ +(OK|SKIPPED|FAILED) +\] (\w+)$", re.M)
NEED_MEMORY = {
    "every_limit_is_read_back",
    "an_update_changes_only_what_it_names",
    "only_what_is_needed_is_enabled",
    "too_much_memory_is_an_oom_kill_in_the_stats",
    "a_limit_below_the_usage_is_refused_if_asked_to_look",
    "errors_name_file_and_value",
}


@pytest.fixture(name="programs")
def fixture_programs(tmp_path):
    if os.environ.get("SAMPAN_IN_VM") == "1":
        pytest.skip("starts a virtual machine itself")
    cache = pathlib.Path(os.environ.get("VM_CACHE", pathlib.Path.home() / ".cache/sampan-vm"))
    if not any(cache.glob("*/root.img")):
        pytest.skip("no virtual machine is built (tests/vm/vm build)")
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in PROGRAMS:
        built = f"out/release/tests/unit/cgroups/{name}"
        subprocess.run(["make", "-s", "CONFIG=release", built], cwd=TOP, check=True)
        shutil.copy(TOP / built, folder)
    return folder


@pytest.mark.plain
def test_without_the_memory_controller_the_cure_is_named_and_the_rest_works(programs):
    script = " && ".join(f"./{name}" for name in PROGRAMS)
    done = subprocess.run(
        [TOP / "tests/vm/vm", "run", "--no-systemd", "--timeout", "180", "--append", "cgroup_disable=memory",
         "--share", programs, "--", "sh", "-c", script],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    # The list of what was skipped repeats the names at the end.
    results = {(kind, name) for kind, name in RESULT.findall(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert {name for kind, name in results if kind == "SKIPPED"} == NEED_MEMORY, done.stdout
    assert ("OK", "a_controller_that_is_off_is_named_with_the_cure") in results, done.stdout
    assert ("OK", "forks_stop_at_the_pids_limit") in results, done.stdout
    assert ("OK", "a_parent_with_processes_is_named") in results, done.stdout
