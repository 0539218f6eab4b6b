# SPDX-License-Identifier: Apache-2.0
"""`sampan diff` and `sampan commit`, on real containers."""
import gzip
import json
import os

import pytest

from container_fixture import load, refused, shell, staged, start, state
from image_fixture import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Layer, directory, file, root, sha256, symlink

pytestmark = pytest.mark.root


@pytest.fixture
def image(sampan, scratch):
    second = Layer([root(), directory("data"), file("data/one", b"1"), file("data/two", b"2"), directory("data/deep"),
                    file("data/deep/x", b"x"), symlink("data/link", "one"), file("data/both", b"above")])
    first = Layer([root(), directory("data"), file("data/below", b"0"), file("data/both", b"below")])
    return load(sampan, scratch, "img", [first, second], cmd=["sh"], entrypoint=["/bin/busybox"], labels={"a": "1"},
                workdir="/data")


@pytest.fixture
def running(sampan, image):
    return start(sampan, image, command=("sleep", "1000"))


def diff(sampan):
    return sampan("diff", "box", check=True).stdout.splitlines()


# --- diff ---------------------------------------------------------------------------------------------------------------


def test_a_container_that_has_done_nothing_has_no_changes(sampan, running):
    assert diff(sampan) == []


def test_what_is_added_changed_and_deleted(sampan, running):
    shell(sampan, """rm one; echo more >>two; echo new >three; mkdir dir; echo y >dir/y; chmod 700 deep; rm -r link;
        ln -s two link; echo gone >gone; rm gone; mv below moved""")
    want = ["C /data", "D /data/below", "C /data/deep", "A /data/dir", "A /data/dir/y", "C /data/link", "A /data/moved",
            "D /data/one", "A /data/three", "C /data/two"]
    assert diff(sampan) == want
    sampan("kill", "box", check=True)
    sampan("wait", "box", check=True)
    assert diff(sampan) == want


def test_a_directory_that_was_made_anew_hides_what_was_in_it(sampan, running):
    shell(sampan, "rm -r /data/deep /data/link; mkdir /data/deep; echo z >/data/deep/z; cp /data/one /data/deep/one")
    assert diff(sampan) == ["C /data", "C /data/deep", "A /data/deep/one", "D /data/deep/x", "A /data/deep/z", "D /data/link"]


def test_a_hidden_directory_counts_each_name_of_all_layers_once(sampan, running):
    shell(sampan, "cd /; rm -r /data; mkdir /data; echo >/data/one")
    assert diff(sampan) == ["C /data", "D /data/below", "D /data/both", "D /data/deep", "D /data/link", "C /data/one",
                            "D /data/two"]


def test_a_file_in_place_of_a_directory(sampan, running):
    shell(sampan, "rm -r deep; echo >deep; rm one; mkdir one; echo >one/x")
    assert diff(sampan) == ["C /data", "C /data/deep", "C /data/one", "A /data/one/x"]


def test_names_do_not_drive_the_terminal(sampan, running):
    shell(sampan, "echo >/$(printf 'a\\033[1mb')")
    assert diff(sampan) == ["A /a?[1mb"]


def test_diff_of_what_is_not_there(sampan, image):
    refused(sampan("diff", "none"), "no such container: none")
    refused(sampan("diff"), "'sampan diff' requires exactly 1 argument", code=125)


# --- commit -----------------------------------------------------------------------------------------------------------------


def inspect(sampan, name):
    return json.loads(sampan("inspect", name, check=True).stdout)[0]


def run(sampan, *args):
    return sampan("run", "--rm", *args, check=True).stdout


@pytest.mark.main_job
def test_the_image_of_a_container_has_its_changes(sampan, image, running):
    shell(sampan, "rm one; rm -r deep; mkdir deep; echo z >deep/z; echo more >>two; echo new >three; chown 5:6 three; chmod 4755 three")
    done = sampan("commit", "-a", "Jane", "-m", "it works", "box", "my/image:v1", check=True)
    found = inspect(sampan, "my/image:v1")
    assert (done.stdout, done.stderr) == (found["Id"] + "\n", "")
    assert run(sampan, "--entrypoint", "sh", "my/image:v1", "-c", "ls; ls deep; cat two three; stat -c %a:%u:%g three") == (
        "below\nboth\ndeep\nlink\nthree\ntwo\nz\n2more\nnew\n4755:5:6\n")
    assert staged(sampan) == []
    assert state(sampan)["State"] == "running"
    step, *_ = json.loads(sampan("history", "--format", "json", "my/image:v1", check=True).stdout)
    assert (step["Comment"], step["CreatedBy"]) == ("it works", "/bin/busybox sleep 1000")
    assert found["Author"] == "Jane"
    base = inspect(sampan, image)
    assert found["RootFS"]["Layers"][:-1] == base["RootFS"]["Layers"]


def test_what_the_runtime_makes_to_mount_on_is_no_change(sampan, running):
    shell(sampan, "echo >/own")
    sampan("commit", "box", "it", check=True)
    layer = inspect(sampan, "it")["RootFS"]["Layers"][-1][7:]
    (tree,) = [p / "tree" for p in (sampan.root / "layers").iterdir() if json.loads((p / "meta.json").read_text())["diffId"][7:] == layer]
    assert [n for _, _, names in os.walk(tree) for n in names] == ["own"]
    assert not {"proc", "sys", "dev"} & set(os.listdir(tree))


def test_the_config_is_the_images_with_what_run_was_told(sampan, image):
    start(sampan, image, "-e", "E=2", "-l", "b=2", "-w", "/tmp", command=("sleep", "1000"))
    sampan("commit", "box", "it", check=True)
    config = inspect(sampan, "it")["Config"]
    assert config["Entrypoint"] == ["/bin/busybox"] and config["Cmd"] == ["sleep", "1000"]
    assert config["Env"] == ["PATH=/usr/bin:/bin", "FROM_IMAGE=yes", "E=2"]
    assert config["Labels"] == {"a": "1", "b": "2"} and config["WorkingDir"] == "/tmp"


def test_changes_go_on_top(sampan, running):
    sampan("commit", "-c", 'ENTRYPOINT ["/bin/echo"]', "-c", "ENV FROM_IMAGE=no B=1", "--change", "WORKDIR deep", "-c", "USER 7", "box", "it",
           check=True)
    config = inspect(sampan, "it")["Config"]
    assert config["Entrypoint"] == ["/bin/echo"] and not config.get("Cmd")
    assert config["Env"] == ["PATH=/usr/bin:/bin", "FROM_IMAGE=no", "B=1"]
    assert (config["WorkingDir"], config["User"]) == ("/data/deep", "7")
    assert run(sampan, "it", "hello") == "hello\n"
    refused(sampan("commit", "-c", "NONSENSE x", "box", "bad"), "NONSENSE")
    assert "bad" not in sampan("images").stdout


def test_a_stopped_container_and_one_without_a_name(sampan, running):
    shell(sampan, "echo >/own")
    sampan("kill", "box", check=True)
    sampan("wait", "box", check=True)
    made = sampan("commit", "box", check=True).stdout.strip()
    assert f"localhost/committed:{made[7:19]}" in inspect(sampan, made)["RepoTags"]
    assert run(sampan, made, "ls", "/own") == "/own\n"


def test_it_stands_still_meanwhile_and_goes_on(sampan, running):
    for options in ((), ("--pause=false",), ("--no-pause",)):
        sampan("commit", *options, "box", "it", check=True)
        assert state(sampan)["State"] == "running"
    sampan("pause", "box", check=True)
    sampan("commit", "box", "it", check=True)
    assert state(sampan)["State"] == "paused"


def test_an_image_of_an_image_of_a_container_can_be_saved_and_loaded(sampan, running, tmp_path):
    shell(sampan, "echo 1 >first; rm one")
    sampan("commit", "box", "one", check=True)
    sampan("rm", "-f", "box", check=True)
    start(sampan, "one", command=("sleep", "1000"))
    shell(sampan, "echo 2 >second")
    sampan("commit", "box", "two", check=True)
    sampan("rm", "-f", "box", check=True)
    sampan("save", "-o", tmp_path / "two.tar", "two", check=True)
    sampan("rmi", "two", "one", check=True)
    sampan("load", "-i", tmp_path / "two.tar", check=True)
    assert run(sampan, "two", "cat", "first", "second") == "1\n2\n"
    assert sampan("fsck").returncode == 0


def layers_of(registry, repository, reference="v1"):
    """The layers of an image in a registry, or of the one image of an index."""
    status, _, text = registry.request("GET", f"/v2/{repository}/manifests/{reference}", headers={"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}"})
    assert status == 200, text
    document = json.loads(text)
    if "layers" in document:
        return document["layers"]
    entry, = document["manifests"]
    return layers_of(registry, repository, entry["digest"])


@pytest.mark.parametrize("verb", [["push"], ["manifest", "push"]])
def test_a_registry_gets_what_was_committed_as_gzip_and_the_rest_as_it_was(sampan, registry, running, image, verb):
    name, ref = "one", registry.ref(f"commit/{verb[0]}:v1")
    shell(sampan, "echo 1 >first")
    sampan("commit", "box", name, check=True)
    if verb[0] == "manifest":
        sampan("manifest", "create", "list", name, check=True)
    done = sampan(*verb, name if verb[0] == "push" else "list", ref, check=True)
    assert "the same tar compressed anew" not in done.stderr
    sampan("push", "-q", image, registry.ref("commit/base:v1"), check=True)
    *below, top = layers_of(registry, f"commit/{verb[0]}")
    assert below == layers_of(registry, "commit/base")
    assert top["mediaType"] == OCI_LAYER + "+gzip"
    tar = gzip.decompress(registry.request("GET", f"/v2/commit/{verb[0]}/blobs/{top['digest']}")[2])
    assert sha256(tar) == inspect(sampan, name)["RootFS"]["Layers"][-1]
    sampan("pull", "-q", ref, check=True)
    assert run(sampan, ref, "cat", "first") == "1\n"


def test_commit_of_what_is_not_there(sampan, image):
    refused(sampan("commit", "none", "it"), "no such container: none")
    refused(sampan("commit", "none", "Bad Name"), "no such container: none")
    sampan("create", "--name", "box", image, "sh", check=True)
    refused(sampan("commit", "box", "Bad Name"), "invalid reference 'Bad Name'")
