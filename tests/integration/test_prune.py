# SPDX-License-Identifier: Apache-2.0
"""sampan system df, sampan image prune, and what a name that moves leaves behind."""
import json
import os
import re

import pytest
from image_fixture import Image, Layer, directory, file, root, write_layout

pytestmark = pytest.mark.root

BASE = Layer([root(), directory("etc"), file("etc/base", b"b" * 1000)])


def app(text, **more):
    return Image([BASE, Layer([directory("etc"), file("etc/app", text)])], **more)


def pull(sampan, scratch, name, image, *args):
    layout = write_layout(scratch / "layouts" / image.digest[7:19] / name, {None: image})
    sampan("pull", "-q", *args, f"oci:{layout}", check=True)
    return f"localhost/{name}"


def names(sampan):
    return sorted(image["Repository"] + ":" + image["Tag"]
                  for image in json.loads(sampan("images", "--format", "json", check=True).stdout))


def df(sampan, *args):
    return json.loads(sampan("system", "df", "--format", "json", *args, check=True).stdout)


def test_df_counts_shared_layers_once(sampan, scratch):
    pull(sampan, scratch, "one", app(b"1" * 100))
    pull(sampan, scratch, "two", app(b"2" * 10))
    images, containers, volumes, cache = df(sampan)["Summary"]
    assert images == {"Type": "Images", "Total": 2, "Active": 0, "SizeBytes": 1110, "ReclaimableBytes": 1110}
    assert (containers["Total"], volumes["Type"], volumes["Total"]) == (0, "Local Volumes", 0)
    assert cache == {"Type": "Build Cache", "Total": 0, "Active": 0, "SizeBytes": 0, "ReclaimableBytes": 0}
    table = sampan("system", "df", check=True).stdout.splitlines()
    assert re.fullmatch(r"TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE", table[0])
    assert re.fullmatch(r"Images +2 +0 +1\.11kB +1\.11kB \(100%\)", table[1])
    assert re.fullmatch(r"Containers +0 +0 +0B +0B", table[2])
    assert re.fullmatch(r"Build Cache +0 +0 +0B +0B", table[4])


def test_df_tells_for_each_image_what_it_shares(sampan, scratch):
    pull(sampan, scratch, "one", app(b"1" * 100))
    pull(sampan, scratch, "again", app(b"1" * 100))
    pull(sampan, scratch, "two", app(b"2" * 10))
    shown = {image["Name"]: (image["SharedBytes"], image["UniqueBytes"]) for image in df(sampan, "-v")["Images"]}
    assert shown == {"localhost/one:latest": (1000, 100), "localhost/again:latest": (1000, 100),
                     "localhost/two:latest": (1000, 10)}
    text = sampan("system", "df", "-v", check=True).stdout
    assert re.search(r"localhost/two +latest +[0-9a-f]{12} +.* ago +1\.01kB +1kB +10B +0\n", text)
    assert "Containers space usage:\n" in text


def test_prune_asks_and_takes_no_for_an_answer(sampan, scratch):
    pull(sampan, scratch, "one", app(b"1"))
    done = sampan("image", "prune", "-a", check=True)
    assert done.stdout == ("WARNING! This will remove all images without at least one container made from them.\n"
                           "Are you sure you want to continue? [y/N] ")
    assert names(sampan) == ["localhost/one:latest"]
    done = sampan("image", "prune", "-a", check=True, input="y\n")
    assert re.search(r"\] Deleted Images:\nuntagged: localhost/one:latest\n\nTotal reclaimed space: 1\.\d+kB\n$", done.stdout)
    assert names(sampan) == []
    assert os.listdir(sampan.root / "layers") == []


def test_prune_without_all_leaves_tagged_images(sampan, scratch):
    pull(sampan, scratch, "one", app(b"1"))
    assert sampan("image", "prune", "-f", check=True).stdout == "Total reclaimed space: 0B\n"
    assert names(sampan) == ["localhost/one:latest"]


def test_the_image_that_a_name_moves_away_from_can_be_kept(sampan, scratch):
    first, second, third = app(b"1"), app(b"22"), app(b"333")
    pull(sampan, scratch, "one", first)
    pull(sampan, scratch, "one", second, "--keep-previous")
    pull(sampan, scratch, "one", third, "--keep-previous")
    assert names(sampan) == ["localhost/one:<none>", "localhost/one:<none>", "localhost/one:latest"]
    done = sampan("image", "prune", "-f", "--keep-previous", check=True)
    assert f"untagged: localhost/one@{first.digest}\n" in done.stdout
    assert names(sampan) == ["localhost/one:<none>", "localhost/one:latest"]
    assert sampan("inspect", f"localhost/one@{second.digest}", check=True)
    assert sampan("fsck").returncode == 0
    sampan("image", "prune", "-f", check=True)
    assert names(sampan) == ["localhost/one:latest"]


def test_without_keep_previous_the_old_image_goes_with_the_next_collection(sampan, scratch):
    pull(sampan, scratch, "one", app(b"1"))
    pull(sampan, scratch, "one", app(b"22"))
    assert names(sampan) == ["localhost/one:latest"]
    sampan("image", "prune", "-f", check=True)
    assert len(os.listdir(sampan.root / "layers")) == 2


def test_blobs_are_kept_on_request_as_long_as_their_layers(sampan, scratch):
    image = app(b"1")
    pull(sampan, scratch, "one", image)
    assert not any((sampan.root / "blobs/sha256" / layer.digest[7:]).exists() for layer in image.layers)
    sampan("image", "prune", "-a", "-f", check=True)
    pull(sampan, scratch, "one", image, "--keep-blobs")
    for layer in image.layers:
        assert (sampan.root / "blobs/sha256" / layer.digest[7:]).read_bytes() == layer.blob
    sampan("image", "prune", "-f", check=True)
    assert sampan("fsck", check=True).stdout.endswith(" 4 blobs, 1 images, 0 containers: clean\n")
    (sampan.root / "blobs/sha256" / image.layers[0].digest[7:]).write_bytes(b"damaged")
    assert sampan("fsck", "-q").stdout == f"blob {image.layers[0].digest}: altered\n"
    sampan("image", "prune", "-a", "-f", check=True)
    assert os.listdir(sampan.root / "blobs/sha256") == []


def test_prune_by_age_label_and_size(sampan, scratch):
    pull(sampan, scratch, "old", app(b"1", config={"created": "2020-01-01T00:00:00Z"}))
    pull(sampan, scratch, "live", app(b"22", labels={"stage": "live"}))
    pull(sampan, scratch, "test", app(b"333", labels={"stage": "test"}))
    sampan("image", "prune", "-af", "--filter", "until=2021-01-01T00:00:00Z", check=True)
    assert names(sampan) == ["localhost/live:latest", "localhost/test:latest"]
    sampan("image", "prune", "-af", "--filter", "label=stage=test", "--filter", "label!=keep", check=True)
    assert names(sampan) == ["localhost/live:latest"]
    pull(sampan, scratch, "more", app(b"4" * 500))
    sampan("image", "prune", "-af", "--max-size", "1500b", check=True)
    assert names(sampan) == ["localhost/more:latest"]


@pytest.mark.parametrize("text, message", [
    ("until=soon", "bad filter 'until=soon' (until takes 24h, 2024-01-02T03:04:05Z or seconds since 1970)"),
    ("dangling=true", "bad filter 'dangling=true' (there are until=TIME, label=KEY[=VALUE] and label!=KEY[=VALUE])"),
])
def test_filters_that_nobody_knows_are_refused(sampan, text, message):
    done = sampan("image", "prune", "-f", "--filter", text)
    assert (done.returncode, done.stderr) == (125, f"sampan: {message}\n")


def test_commands_that_nobody_knows_are_refused(sampan):
    done = sampan("image", "polish")
    assert (done.returncode, done.stderr) == \
        (125, "sampan: 'polish' is not a sampan image command\nSee 'sampan image --help'.\n")
    done = sampan("system", "polish")
    assert (done.returncode, done.stderr) == \
        (125, "sampan: 'polish' is not a sampan system command\nSee 'sampan system --help'.\n")
