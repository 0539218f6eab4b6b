# SPDX-License-Identifier: Apache-2.0
"""Stores that a device was shipped with: used as if they were one's own, and never written."""
import json
import os
import subprocess

import pytest
from conftest import BUILD, Program
from image_fixture import Image, Layer, directory, file, root, write_layout
from registry_fixture import LyingRegistry

pytestmark = pytest.mark.root

BASE = Layer([root(), directory("etc"), file("etc/base", b"b" * 1000)])


def app(text):
    return Image([BASE, Layer([directory("etc"), file("etc/app", text)])])


@pytest.fixture(name="factory")
def factory_fixture(scratch, sampan):
    """A preloaded store with localhost/app; sampan uses it. It is on a file system of its own, mounted read-only."""
    folder = scratch / "factory"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "factory", folder], check=True)
    program = Program(BUILD / "sampan", "--root", folder / "store", "--state-dir", scratch / "factory-state")
    layout = write_layout(scratch / "preload" / "app", {None: app(b"shipped")})
    program("pull", "-q", f"oci:{layout}", check=True)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    sampan.env["SAMPAN_ADDITIONAL_STORES"] = str(folder / "store")
    yield folder / "store"
    subprocess.run(["umount", "-l", folder], check=True)


def names(sampan, *options):
    return [image["Repository"] for image in json.loads(sampan(*options, "images", "--format", "json", check=True).stdout)]


def test_images_of_an_additional_store_are_there(sampan, factory):
    assert factory
    assert names(sampan) == ["localhost/app"]
    (shown,) = json.loads(sampan("inspect", "localhost/app", check=True).stdout)
    assert shown["RepoTags"] == ["localhost/app:latest"]
    assert os.listdir(sampan.root / "layers") == []


def test_the_option_names_additional_stores_as_well(sampan, factory):
    del sampan.env["SAMPAN_ADDITIONAL_STORES"]
    assert names(sampan) == []
    assert names(sampan, "--additional-store", factory) == ["localhost/app"]


def test_layers_of_an_additional_store_are_not_fetched_again(sampan, factory):
    with LyingRegistry() as server:
        image = app(b"the update")
        server.add("v2", image)
        sampan("pull", "-q", "--tls-verify=false", server.ref("app:v2"), check=True)
        fetched = [path.rsplit("/", 1)[1] for path in server.paths() if "/blobs/" in path]
        assert image.layers[0].digest not in fetched
        assert image.layers[1].digest in fetched
    assert len(os.listdir(sampan.root / "layers")) == 1
    assert sampan("fsck").returncode == 0
    sampan("image", "prune", "-f", check=True)
    assert len(os.listdir(factory / "layers")) == 2


def test_what_is_there_already_is_up_to_date(sampan, factory, scratch):
    assert factory
    done = sampan("pull", f"oci:{scratch}/preload/app", check=True)
    assert "Status: image is up to date for localhost/app:latest\n" in done.stdout
    assert os.listdir(sampan.root / "names") == []


def test_an_own_name_goes_before_one_of_an_additional_store(sampan, factory, scratch):
    assert factory
    update = app(b"the update")
    layout = write_layout(scratch / "update" / "app", {None: update})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    (shown,) = json.loads(sampan("images", "--format", "json", check=True).stdout)
    assert shown["Digest"] == update.digest
    sampan("rmi", "localhost/app", check=True)
    (shown,) = json.loads(sampan("images", "--format", "json", check=True).stdout)
    assert shown["Digest"] != update.digest


def test_names_of_an_additional_store_cannot_be_removed(sampan, factory):
    done = sampan("rmi", "localhost/app")
    assert (done.returncode, done.stderr) == \
        (1, f"sampan: the image 'localhost/app:latest' is in the additional store '{factory}', which is only read\n")
    sampan("image", "prune", "-a", "-f", check=True)
    assert names(sampan) == ["localhost/app"]


def test_fsck_looks_at_additional_stores_too(sampan, factory):
    done = sampan("fsck", check=True)
    assert done.stdout == "checked 2 layers (6 files, 1.01kB), 2 blobs, 1 images, 0 containers: clean\n"
    subprocess.run(["mount", "-o", "remount,rw", factory.parent], check=True)
    (damaged,) = factory.glob("layers/*/tree/etc/base")
    damaged.write_bytes(b"")
    done = sampan("fsck", "-q")
    assert (done.returncode, done.stdout) == \
        (1, f"{factory}: layer {damaged.parts[-4][:12]}: etc/base: truncated\n")


@pytest.mark.parametrize("value, message", [
    ("/nowhere/store", "additional store '/nowhere/store': cannot open it: no such file or directory"),
    ("store", "additional store 'store': its path is not absolute"),
    ("/", "additional store '/': it is no store"),
])
def test_what_is_no_store_is_refused(sampan, value, message):
    done = sampan("images", env={"SAMPAN_ADDITIONAL_STORES": value})
    assert (done.returncode, done.stderr.lower()) == (1, f"sampan: {message}\n")
