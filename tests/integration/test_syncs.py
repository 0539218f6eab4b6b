# SPDX-License-Identifier: Apache-2.0
"""How often a container that is made waits for the disk. That nothing is lost by it is shown by tests/vm, which cuts the power."""
import json
import os
import re
import subprocess

import pytest
from conftest import SLOW
from container_fixture import load, wait_for
from image_fixture import Image, Layer, directory, root, write_layout

pytestmark = [pytest.mark.root, pytest.mark.plain]


@pytest.fixture(name="disk")
def disk_fixture(sampan, tmp_path):
    """disk(option...): a new ext4 below sampan's store, made with these options of mkfs."""
    image = tmp_path / "disk"

    def mount(*options):
        with open(image, "wb") as disk:
            disk.truncate(16 << 20)
        subprocess.run(["mkfs.ext4", "-q", *options, image], check=True)
        sampan.root.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop", image, sampan.root], check=True)

    yield mount
    subprocess.run(["umount", "-l", sampan.root], check=False)


def syncs_of_create(sampan, scratch, *options):
    """The calls that sync what, of a `create`."""
    image = Image([Layer([root(), directory("data")])])
    sampan("pull", "-q", f"oci:{write_layout(scratch / 'image', {None: image})}", check=True)
    name = sampan("images", "-q", check=True).stdout.split()[0]
    trace = scratch / "trace"
    subprocess.run(["strace", "-qq", "-y", "-o", trace, "-e", "trace=fsync,fdatasync,syncfs", *sampan.argv, "create", *options, name,
                    "/bin/true"], check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return [os.path.basename(path) for path in re.findall(r"sync\(\d+<(.*?)>\)", trace.read_text())]


def test_with_a_journal_all_that_a_container_is_takes_one_sync(sampan, scratch, disk):
    disk()
    if not os.path.exists("/sys/fs/ext4"):
        pytest.skip("sysfs does not tell of ext4")
    synced = syncs_of_create(sampan, scratch)
    assert len(synced) == 1 and re.fullmatch("[0-9a-f]{64}", synced[0]), synced


def test_without_one_each_file_is_synced(sampan, scratch, disk):
    disk("-O", "^has_journal")
    synced = syncs_of_create(sampan, scratch)
    assert synced[:3] == ["container.json", "config.json", "life.json"]
    assert len(synced) == 4 and re.fullmatch("[0-9a-f]{64}", synced[3]), synced


def test_one_that_goes_with_its_process_is_not_synced(sampan, scratch, disk):
    disk()
    assert syncs_of_create(sampan, scratch, "--rm") == []


def test_what_runs_was_written_to_disk_while_it_began(sampan, scratch, disk):
    disk()
    box = load(sampan, scratch, "box")
    trace = scratch / "trace"
    subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", "trace=fsync,execve", "-e", "inject=fsync:delay_exit=500000", *sampan.argv, "run", "-d",
                    "--network", "none", box, "sleep", "0"], check=True, timeout=60 * SLOW, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    lines = trace.read_text().splitlines()
    client = lines[0].split()[0]
    written = max(n for n, line in enumerate(lines) if line.startswith(client) and "fsync" in line and line.endswith("= 0 (DELAYED)"))
    begun, run = (next(n for n, line in enumerate(lines) if re.search(rf'execve\("[^"]*/{name}"', line)) for name in ("sampan-monitor", "sleep"))
    assert begun < written < run, lines


def test_nothing_runs_that_could_not_be_written_to_disk(sampan, scratch, disk):
    """Nor where who was to write it is killed."""
    disk()
    box = load(sampan, scratch, "box")
    (scratch / "seen").mkdir()
    for how, why in (("error=EIO", "cannot sync"), ("signal=KILL", "who started it has ended, or could not write it to disk")):
        done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", f"inject=fsync:{how}", *sampan.argv, "run", "-d", "--name", "bad",
                               "--network", "none", "-v", f"{scratch}/seen:/seen", box, "touch", "/seen/ran"], check=False, timeout=60 * SLOW,
                              capture_output=True, text=True)
        assert done.returncode != 0 and done.stdout == ""
        assert "KILL" in how or f"sampan: error starting container bad: {why}" in done.stderr, done
        wait_for(lambda: not os.listdir(sampan.state_dir / "monitor"), "the end of the monitor")
        (record,) = json.loads(sampan("inspect", "bad", check=True).stdout)
        assert (record["State"]["Status"], record["State"]["ExitCode"]) == ("exited", 125)
        assert why in record["State"]["Error"] or "who started it" in record["State"]["Error"], record["State"]
        assert os.listdir(scratch / "seen") == []
        assert set(os.listdir(sampan.state_dir)) <= {"monitor", "events", ":seccomp"}
        sampan("rm", "bad", check=True)
