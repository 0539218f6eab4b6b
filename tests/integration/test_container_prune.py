# SPDX-License-Identifier: Apache-2.0
"""`sampan container`, `container prune` and `system prune`."""
import time

import pytest

from container_fixture import load, refused, start
from image_fixture import Image, Layer, file, root, write_layout

pytestmark = pytest.mark.root


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "img")


def names(sampan):
    return sorted(sampan("ps", "-a", "--format", "{{.Names}}", check=True).stdout.split())


def create(sampan, image, name, *options):
    return sampan("create", "--name", name, *options, image, "true", check=True).stdout.strip()


def test_what_does_not_run_goes(sampan, image):
    start(sampan, image, name="up")
    never = create(sampan, image, "never")
    sampan("run", "--name", "ended", "-v", "/anonymous", image, "dd", "if=/dev/zero", "of=/big", "bs=1000", "count=2000", check=True)
    done = sampan("container", "prune", input="n\n", check=True)
    assert done.stdout == ("WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ")
    assert names(sampan) == ["ended", "never", "up"]
    lines = sampan("container", "prune", "-f", check=True).stdout.splitlines()
    assert lines[0] == "Deleted Containers:" and never in lines[1:3] and lines[3] == ""
    assert lines[4].startswith("Total reclaimed space: 2") and lines[4].endswith("MB")
    assert names(sampan) == ["up"]
    assert len(sampan("volume", "ls", "-q", check=True).stdout.split()) == 1  # as docker: `volume prune` has them
    assert sampan("container", "prune", "-f", check=True).stdout == "Total reclaimed space: 0B\n"


def test_filters_choose_what_goes(sampan, image):
    create(sampan, image, "old", "--label", "keep=no")
    create(sampan, image, "kept", "--label", "keep=yes")
    time.sleep(1.1)
    now = str(int(time.time()))
    time.sleep(1.1)
    create(sampan, image, "new", "--label", "keep=no")
    sampan("container", "prune", "-f", "--filter", f"until={now}", "--filter", "label!=keep=yes", check=True)
    assert names(sampan) == ["kept", "new"]
    sampan("container", "prune", "-f", "--filter", "until=24h", check=True)
    assert names(sampan) == ["kept", "new"]
    sampan("container", "prune", "-f", "--filter", "label=keep=no", check=True)
    assert names(sampan) == ["kept"]
    refused(sampan("container", "prune", "-f", "--filter", "colour=red"), "bad filter 'colour=red'", code=125)


def test_the_group_has_the_commands_under_other_names(sampan, image):
    made = create(sampan, image, "box")
    assert sampan("container", "ls", "-a", "-q", "--no-trunc", check=True).stdout.strip() == made
    assert sampan("container", "list", "-aq", check=True).stdout == sampan("ps", "-aq", check=True).stdout
    assert f'"Id": "{made}"' in sampan("container", "inspect", "box", check=True).stdout
    assert sampan("container", "run", "--rm", image, "echo", "hi", check=True).stdout == "hi\n"
    assert sampan("container", "export", "box", check=True, text=False).stdout.count(b"busybox") > 0
    assert sampan("container", "rm", "box", check=True).stdout == "box\n"
    refused(sampan("container", "frobnicate"), "'frobnicate' is not a sampan container command", code=125)


def test_system_prune_removes_all_that_is_not_used(sampan, image, scratch):
    start(sampan, image, name="up")
    create(sampan, image, "never", "-v", "/anonymous")
    sampan("volume", "create", "named", check=True)
    sampan("network", "create", "unused", check=True)
    other = write_layout(scratch / "other", {None: Image([Layer([root(), file("x", b"1" * 5000)])])})
    sampan("pull", "-q", f"oci:{other}", check=True)
    asked = sampan("system", "prune", "--filter", "until=0", input="n\n", check=True).stdout
    assert asked == ("WARNING! This will remove:\n  - all stopped containers\n"
                     "  - all networks not used by at least one container\n  - all dangling images\n"
                     "  - unused build cache\n\n"
                     "  Items to be pruned will be filtered with:\n  - until=0\n\n"
                     "Are you sure you want to continue? [y/N] ")
    shown = sampan("system", "prune", "-f", check=True).stdout
    assert "Deleted Containers:\n" in shown and "Deleted Networks:\nunused\n" in shown
    assert "Total reclaimed space: " in shown and "Deleted Images" not in shown and "Deleted Volumes" not in shown
    assert names(sampan) == ["up"] and "localhost/other" in sampan("images", check=True).stdout
    assert len(sampan("volume", "ls", "-q", check=True).stdout.split()) == 2
    shown = sampan("system", "prune", "-af", "--volumes", check=True).stdout
    assert "Deleted Volumes:\n" in shown and "untagged: localhost/other:latest\n" in shown
    assert sampan("volume", "ls", "-q", check=True).stdout == "named\n"
    images = sampan("images", check=True).stdout
    assert "localhost/other" not in images and "localhost/img" in images
    done = sampan("system", "prune", "-f", "--volumes", "--filter", "until=1h")
    refused(done, 'the "until" filter is not supported with "--volumes"', code=125)
