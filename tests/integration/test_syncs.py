# SPDX-License-Identifier: Apache-2.0
"""How often a container that is made waits for the disk. That nothing is lost by it is shown by tests/vm, which cuts the power."""
import os
import re
import subprocess

import pytest
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
