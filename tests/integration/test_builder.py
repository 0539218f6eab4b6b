# SPDX-License-Identifier: Apache-2.0
"""`sampan builder df` and `prune`, and what the other commands make of the cache of builds. The records are written as a build writes them."""
import fcntl
import hashlib
import json
import os
import re
import time

import pytest

from container_fixture import refused
from image_fixture import Image, Layer, directory, file, root, write_layout

pytestmark = pytest.mark.root

BASE = Layer([root(), directory("etc"), file("etc/base", b"b" * 1000)])
APP = Layer([directory("etc"), file("etc/app", b"a" * 5000)])
KEY = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("base", "app", "empty", "other")}


def record(sampan, name, layer=None, before=None, ago_s=0, text="RUN make"):
    """Returns the step's key."""
    steps = sampan.root / "steps"
    steps.mkdir(mode=0o700, exist_ok=True)
    content = {"key": "sha256:" + KEY[name], "size": 0, "text": text}
    if before:
        content["before"] = "sha256:" + KEY[before]
    if layer:
        meta = {key: json.loads((sampan.root / "layers" / key / "meta.json").read_text()) for key in
                os.listdir(sampan.root / "layers")}
        key = next(key for key, value in meta.items() if value["diffId"] == layer.diff_id)
        content.update(layer=key, diffID=layer.diff_id, size=meta[key]["unpackedSize"])
    path = steps / KEY[name]
    path.write_text(json.dumps(content))
    os.utime(path, (time.time() - ago_s,) * 2)
    return KEY[name]


def mount(sampan, mount_id, content, ago_s=0):
    """Returns the directory."""
    path = sampan.root / "cache-mounts" / hashlib.sha256(mount_id.encode()).hexdigest()
    (path / "data").mkdir(parents=True)
    (path / "id").write_text(mount_id)
    (path / "data" / "file").write_bytes(content)
    os.utime(path / "id", (time.time() - ago_s,) * 2)
    return path


@pytest.fixture
def built(sampan, scratch):
    """Two steps in the cache, whose layers no image has."""
    layout = write_layout(scratch / "layout", {None: Image([BASE, APP])})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    record(sampan, "base", BASE, ago_s=7200)
    record(sampan, "app", APP, before="base", ago_s=3600, text="RUN <<EOF\nmake\x1b[31m\nEOF")
    return "localhost/layout"


def forget_image(sampan, built):
    sampan("rmi", built, check=True)


def layers(sampan):
    return len(os.listdir(sampan.root / "layers"))


def test_layers_of_the_cache_outlive_their_image_until_they_are_pruned(sampan, built):
    forget_image(sampan, built)
    sampan("image", "prune", "-af", check=True)
    assert layers(sampan) == 2
    assert sampan("fsck", check=True).stdout.endswith(": clean\n")
    done = sampan("builder", "prune", "-f", check=True).stdout
    assert done == ("Deleted build cache objects:\n" + "".join(f"{key}\n" for key in sorted(
        (KEY["base"], KEY["app"]), key=lambda key: done.index(key))) + "\nTotal reclaimed space: 6kB\n")
    assert layers(sampan) == 0 and os.listdir(sampan.root / "steps") == []
    assert sampan("builder", "prune", "-f", check=True).stdout == "Total reclaimed space: 0B\n"


def test_prune_asks_in_docker_s_words(sampan, built):
    forget_image(sampan, built)
    assert sampan("builder", "prune", input="n\n", check=True).stdout == (
        "WARNING! This will remove all dangling build cache.\nAre you sure you want to continue? [y/N] ")
    assert sampan("builder", "prune", "-a", input="n\n", check=True).stdout.startswith(
        "WARNING! This will remove all build cache.\n")
    assert layers(sampan) == 2


def test_what_images_have_too_stays_without_all_and_costs_nothing(sampan, built):
    record(sampan, "empty", before="base")
    assert sampan("builder", "prune", "-f", check=True).stdout == (
        f"Deleted build cache objects:\n{KEY['empty']}\n\nTotal reclaimed space: 0B\n")
    shown = sampan("builder", "df", check=True).stdout.splitlines()
    assert re.fullmatch(rf"{KEY['app'][:12]} +false +5kB +About an hour ago", shown[1])
    assert [re.sub(" +", " ", line) for line in shown[3:]] == [
        "Shared: 6kB", "Private: 0B", "Reclaimable: 0B", "Total: 6kB"]
    assert KEY["app"] in sampan("builder", "prune", "-af", check=True).stdout
    assert os.listdir(sampan.root / "steps") == [] and layers(sampan) == 2
    assert sampan("image", "inspect", built).returncode == 0


def test_prune_by_age_and_by_size(sampan, built):
    forget_image(sampan, built)
    assert "Deleted" not in sampan("builder", "prune", "-f", "--filter", "until=3h", check=True).stdout
    assert "Deleted" not in sampan("builder", "prune", "-f", "--keep-storage", "1m", check=True).stdout
    assert "Deleted" not in sampan("builder", "prune", "-f", "--min-free-space", "1", check=True).stdout
    # The base was used longer ago, but what is made on it was not.
    assert "Deleted" not in sampan("builder", "prune", "-f", "--filter", "until=90m", check=True).stdout
    done = sampan("builder", "prune", "-f", "--max-used-space", "2000", check=True).stdout
    assert done == f"Deleted build cache objects:\n{KEY['app']}\n\nTotal reclaimed space: 5kB\n"
    assert layers(sampan) == 1
    assert KEY["base"] in sampan("builder", "prune", "-f", "--filter", "until=90m", check=True).stdout
    refused(sampan("builder", "prune", "-f", "--filter", "label=x"), "bad filter 'label=x' (there is until=TIME)", code=125)


def test_cache_mounts_go_unless_they_are_in_use(sampan):
    sampan("images", check=True)  # makes the store
    used, unused = mount(sampan, "../used", b"u" * 9000), mount(sampan, "unused", b"n" * 9000, ago_s=7200)
    (sampan.root / "cache-mounts" / "stray").mkdir()
    fd = os.open(used, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH)
    shown = sampan("builder", "df", check=True).stdout
    assert re.search(rf"^{used.name[:12]}\* +false", shown, re.M)
    assert re.search(rf"^{unused.name[:12]}\* +true", shown, re.M)
    rows = json.loads(sampan("system", "df", "--format", "json", check=True).stdout)["Summary"]
    cache = next(row for row in rows if row["Type"] == "Build Cache")
    assert (cache["Total"], cache["Active"]) == (2, 1)
    assert 0 < cache["ReclaimableBytes"] < cache["SizeBytes"]
    assert sampan("image", "prune", "-f", check=True).stdout == "Total reclaimed space: 0B\n"
    assert (unused / "data" / "file").exists()
    done = sampan("builder", "prune", "-f", check=True).stdout
    assert done.startswith(f"Deleted build cache objects:\n{unused.name}\n\nTotal reclaimed space: ")
    assert not unused.exists() and (used / "data" / "file").exists()
    os.close(fd)
    assert used.name in sampan("builder", "prune", "-f", check=True).stdout
    assert os.listdir(sampan.root / "cache-mounts") == ["stray"]


def test_df_tells_all_of_each(sampan, built):
    forget_image(sampan, built)
    mount(sampan, "go\nbuild", b"x")
    shown = sampan("builder", "du", "--verbose", check=True).stdout
    assert (f"ID:           {KEY['app']}\nParent:       {KEY['base']}\nMutable:      false\nReclaimable:  true\n"
            "Shared:       false\nSize:         5kB\nDescription:  RUN <<EOF make [31m EOF\n"
            "Last used:    About an hour ago\nType:         regular\n\n") in shown
    assert "Description:  cache mount with id go build\n" in shown and "Type:         exec.cachemount\n" in shown
    assert "\x1b" not in shown and "Shared:       true" not in shown and "Total:        " in shown


def test_the_row_of_the_cache_and_that_of_images_do_not_count_the_same_twice(sampan, built):
    def sizes():
        rows = json.loads(sampan("system", "df", "--format", "json", check=True).stdout)["Summary"]
        return {row["Type"]: row["SizeBytes"] for row in rows}
    assert (sizes()["Images"], sizes()["Build Cache"]) == (6000, 0)
    forget_image(sampan, built)
    assert (sizes()["Images"], sizes()["Build Cache"]) == (0, 6000)
    shown = sampan("system", "df", "-v", check=True).stdout
    assert "\nBuild cache usage: 6kB\n\nCACHE ID " in shown
    assert re.search(rf"^{KEY['app'][:12]} +regular +5kB +About an hour ago +false$", shown, re.M)
    cached = json.loads(sampan("system", "df", "-v", "--format", "json", check=True).stdout)["BuildCache"]
    assert {"ID": KEY["app"], "Type": "regular", "SizeBytes": 5000, "Shared": False, "InUse": False} in cached


def test_system_prune_takes_the_cache_that_nothing_uses(sampan, built):
    assert "Deleted build cache" not in sampan("system", "prune", "-f", check=True).stdout
    forget_image(sampan, built)
    assert "Deleted build cache" not in sampan("system", "prune", "-f", "--filter", "label=x", check=True).stdout
    assert "Deleted build cache" not in sampan("system", "prune", "-f", "--filter", "until=3h", check=True).stdout
    done = sampan("system", "prune", "-f", "--filter", "label!=x", check=True).stdout
    assert "Deleted build cache objects:\n" in done and done.endswith("Total reclaimed space: 6kB\n")
    assert layers(sampan) == 0
    assert "  - all build cache\n" in sampan("system", "prune", "-a", input="n\n", check=True).stdout


def test_a_damaged_record_is_none_and_fsck_does_not_mind_it(sampan, built):
    (sampan.root / "steps" / KEY["other"]).write_text("{")
    (sampan.root / "steps" / ".x.12345678").write_text("")
    mount(sampan, "go-build", b"x")
    assert sampan("fsck", check=True).stdout.endswith(": clean\n")
    assert KEY["other"][:12] not in sampan("builder", "df", check=True).stdout
    sampan("image", "prune", "-f", check=True)
    assert sorted(os.listdir(sampan.root / "steps")) == sorted((KEY["base"], KEY["app"]))


def test_repair_drops_a_damaged_layer_that_only_the_cache_has(sampan, built):
    forget_image(sampan, built)
    damaged = next(path for path in (sampan.root / "layers").glob("*/tree/etc/app"))
    damaged.write_bytes(b"x" * 5000)
    assert sampan("fsck").returncode == 1
    assert sampan("fsck", "--repair", check=True).stdout.endswith("1 damaged, 0 left\n")
    assert os.listdir(sampan.root / "steps") == [KEY["base"]] and layers(sampan) == 1
