# SPDX-License-Identifier: Apache-2.0
"""sampan tag, history and image tree."""
import json

import pytest
from image_fixture import Image, Layer, file, root

pytestmark = pytest.mark.root
SHARED = Layer([root(), file("shared", b"s" * 5000)])
HISTORY = [{"created": "2026-01-02T03:04:05Z", "created_by": "/bin/sh -c #(nop) ADD file:" + "0" * 64 + " in / "},
           {"created": "2026-01-02T03:04:06Z", "created_by": "ENV A=b", "empty_layer": True},
           {"created": "2026-01-02T03:04:07Z", "created_by": "RUN make", "comment": "buildkit.dockerfile.v0"}]


@pytest.fixture(name="pulled")
def pulled_fixture(sampan, registry):
    """Two images with a layer in common."""
    refs = []
    for name, size in (("one", 3000), ("two", 7000)):
        image = Image([SHARED, Layer([root(), file(name, b"x" * size)])], config={"history": HISTORY})
        refs.append(registry.push("names/" + name, "v1", image))
        sampan("pull", "-q", refs[-1], check=True)
    return refs


def image_id(sampan, ref):
    return json.loads(sampan("inspect", ref, check=True).stdout)[0]["Id"]


# --- tag -----------------------------------------------------------------------------------------------------------


def test_a_tag_is_another_name_of_the_same_image_and_outlives_the_first(sampan, pulled):
    done = sampan("tag", pulled[0], "short", "other.example:5000/a/b:v2", check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert image_id(sampan, "short:latest") == image_id(sampan, "other.example:5000/a/b:v2") == image_id(sampan, pulled[0])
    sampan("rmi", pulled[0], check=True)
    assert sampan("images", "-q", "short", check=True).stdout.strip()


def test_an_image_may_be_tagged_by_its_id_and_a_name_may_move(sampan, pulled):
    sampan("tag", pulled[0], "moving", check=True)
    sampan("tag", image_id(sampan, pulled[1])[7:19], "moving", check=True)
    assert image_id(sampan, "moving") == image_id(sampan, pulled[1])


@pytest.mark.parametrize("arguments, code, text", [
    (["nothing:here", "a"], 1, "no such image: nothing:here"),
    (["{0}", "Upper"], 1, "invalid reference 'Upper': "),
    (["{0}", "a@sha256:" + "0" * 64], 1, "cannot tag with 'a@sha256:" + "0" * 64 + "': a digest is not anybody's to give"),
])
def test_what_tag_refuses(sampan, pulled, arguments, code, text):
    done = sampan("tag", *(argument.format(*pulled) for argument in arguments))
    assert done.returncode == code and done.stderr.startswith(f"sampan: {text}"), done.stderr


# --- history -------------------------------------------------------------------------------------------------------


def test_history_shows_the_last_step_first_with_what_its_layer_holds(sampan, pulled):
    lines = sampan("history", pulled[0], check=True).stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["IMAGE", image_id(sampan, pulled[0])[7:19], "<missing>", "<missing>"]
    assert [size in line for line, size in zip(lines[1:], ("3kB", "0B", "5kB"))] == [True] * 3
    assert lines[1].rstrip().endswith("buildkit.dockerfile.v0")
    assert "/bin/sh -c #(nop) ADD file:00000000000000000…" in lines[3]


def test_history_in_other_forms(sampan, pulled):
    whole = image_id(sampan, pulled[0])
    assert sampan("history", "-q", "--no-trunc", pulled[0], check=True).stdout.split() == [whole, "<missing>", "<missing>"]
    assert "0" * 64 in sampan("history", "--no-trunc", pulled[0], check=True).stdout
    assert "2026-01-02T03:04:07Z" in sampan("history", "--human=false", pulled[0], check=True).stdout
    rows = json.loads(sampan("history", "--format", "json", pulled[0], check=True).stdout)
    assert [row["SizeBytes"] for row in rows] == [3000, 0, 5000]
    assert [row["CreatedBy"] for row in rows] == [step["created_by"] for step in reversed(HISTORY)]
    assert [row["EmptyLayer"] for row in rows] == [False, True, False]


def test_history_of_what_is_not_there(sampan):
    done = sampan("history", "nothing:here")
    assert (done.returncode, done.stderr) == (1, "sampan: no such image: nothing:here\n")


# --- tree ----------------------------------------------------------------------------------------------------------


def test_the_tree_shows_what_is_shared_and_what_each_layer_adds(sampan, pulled):
    lines = sampan("image", "tree", check=True).stdout.splitlines()
    assert len(lines) == 6
    assert lines[0] == f"{pulled[0]}  {image_id(sampan, pulled[0])[7:19]}  8kB, 3kB of it its own"
    assert lines[1] == f"├─ {SHARED.diff_id[7:19]}       5kB  shared with {pulled[1]}"
    assert lines[2].startswith("└─ ") and lines[2].endswith("     3kB  its own")
    one = sampan("image", "tree", pulled[1], check=True).stdout.splitlines()
    assert one == lines[3:]


def test_another_name_of_an_image_does_not_count_as_another_image(sampan, pulled):
    sampan("tag", pulled[0], "again", check=True)
    tree = {image["Name"]: image for image in json.loads(sampan("image", "tree", "--format", "json", check=True).stdout)}
    assert tree["again:latest"]["UniqueBytes"] == tree[pulled[0]]["UniqueBytes"] == 3000
    assert tree["again:latest"]["Layers"][0] == {"DiffID": SHARED.diff_id, "SizeBytes": 5000, "SharedWith": [pulled[1]]}
    assert tree["again:latest"]["Layers"][1]["SharedWith"] == []
    assert sorted(tree[pulled[1]]["Layers"][0]["SharedWith"]) == sorted(["again:latest", pulled[0]])


def test_the_tree_of_nothing_and_of_what_is_not_there(sampan):
    assert sampan("image", "tree", check=True).stdout == ""
    done = sampan("image", "tree", "nothing:here")
    assert (done.returncode, done.stderr) == (1, "sampan: no such image: nothing:here\n")
    done = sampan("image", "forest")
    assert (done.returncode, done.stderr) == (
        125, "sampan: 'forest' is not a sampan image command\nSee 'sampan image --help'.\n")
