# SPDX-License-Identifier: Apache-2.0
"""`sampan lock`: the digests of a Dockerfile's images, beside it, and `build --locked`, which takes no others."""
import json

import pytest

from busybox_fixture import busybox_index
from container_fixture import refused
from image_fixture import Image, Layer, file, machine_architecture, root

pytestmark = pytest.mark.root

OTHER = Image([Layer([root(), file("other", b"other")])])


@pytest.fixture
def context(tmp_path, registry):
    """Two images, of which one is an index; their digests are in .digests."""
    base = registry.push("locks/base", "latest", busybox_index())
    tool = registry.push("locks/tool", "v1", OTHER)
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"""\
ARG base={base}
FROM $base AS unused
FROM $base
COPY --from={tool} /other /other
RUN --mount=from={tool},target=/mnt cat /mnt/other > /copy
""", encoding="utf-8")
    return folder


def entries(folder, name="Dockerfile.lock"):
    return json.loads((folder / name).read_text())["images"]


def lock(sampan, *args, check=True):
    return sampan("lock", "--tls-verify=false", *args, check=check)


def build(sampan, context, *flags, check=True):
    return sampan("build", "--tls-verify=false", "-q", "-t", "localhost/app", *flags, context, check=check)


def test_a_lock_file_has_all_images_of_the_dockerfile(sampan, registry, context):
    done = lock(sampan, context)
    assert done.stdout == "Dockerfile.lock: 2 images\n"
    here = f"linux/{machine_architecture()}"
    assert (context / "Dockerfile.lock").read_text() == f"""\
{{
    "version": 1,
    "images": [
        {{
            "reference": "{registry.ref('locks/base:latest')}",
            "platform": "{here}",
            "digest": "{busybox_index().digest}"
        }},
        {{
            "reference": "{registry.ref('locks/tool:v1')}",
            "platform": "{here}",
            "digest": "{OTHER.digest}"
        }}
    ]
}}
"""
    assert lock(sampan, context).stdout == "Dockerfile.lock: 2 images, as before\n"
    assert lock(sampan, "--check", context).stdout == ""
    assert sampan("images", "-q", check=True).stdout == ""


def test_each_platform_has_its_entries(sampan, context, registry):
    lock(sampan, "--platform", "linux/arm64,linux/amd64", "--build-arg", f"base={registry.ref('locks/base')}",
         "--build-context", f"{registry.ref('locks/tool:v1')}=docker-image://{registry.ref('locks/base')}", context)
    assert [(i["platform"], i["digest"]) for i in entries(context)] == [
        (f"linux/{name}", busybox_index().digest) for name in ("amd64", "arm64")]


def test_a_locked_build_takes_what_was_locked(sampan, registry, context):
    lock(sampan, context)
    registry.push("locks/base", "latest", OTHER)
    build(sampan, context, "--locked")
    assert sampan("run", "--rm", "localhost/app", "cat", "/copy", check=True).stdout == "other"
    build(sampan, context, "--locked", "--pull")
    done = lock(sampan, "--check", context, check=False)
    assert done.returncode == 1
    assert done.stderr == (f"sampan: 'Dockerfile.lock' is not up to date: '{registry.ref('locks/base:latest')}' for "
                           f"linux/{machine_architecture()} is {OTHER.digest} by now (run `sampan lock`)\n")


def test_a_locked_build_refuses_what_is_not_locked(sampan, registry, context):
    done = build(sampan, context, "--locked", check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("sampan: there is no 'Dockerfile.lock' (run `sampan lock`)\n")
    lock(sampan, context)
    path = context / "Dockerfile.lock"
    value = json.loads(path.read_text())
    del value["images"][1]
    path.write_text(json.dumps(value))
    done = build(sampan, context, "--locked", check=False)
    assert done.returncode == 1
    assert (f"'{registry.ref('locks/tool:v1')}' for linux/{machine_architecture()} is not in Dockerfile.lock (run `sampan "
            "lock`)") in done.stderr
    done = lock(sampan, "--check", context, check=False)
    assert done.returncode == 1
    assert done.stderr == (f"sampan: 'Dockerfile.lock' is not up to date: '{registry.ref('locks/tool:v1')}' for "
                           f"linux/{machine_architecture()} is not in it (run `sampan lock`)\n")


def test_two_platforms_of_one_index_are_both_found_again(sampan, registry, tmp_path):
    base = registry.push("locks/both", "latest", busybox_index())
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {base}\nCOPY Dockerfile /\n")
    lock(sampan, "--platform", "linux/amd64,linux/arm64", folder)
    first = build(sampan, folder, "--locked", "--platform", "linux/amd64,linux/arm64")
    again = build(sampan, folder, "--locked", "--pull=never", "--platform", "linux/amd64,linux/arm64")
    assert first.stdout == again.stdout != ""


@pytest.mark.parametrize("text, message", [
    ("", "'Dockerfile.lock': "),
    ("{}", "'Dockerfile.lock': version: "),
    ('{"version": 2}', "'Dockerfile.lock': its version is 2, and this program reads version 1"),
    (" " * (1 << 20) + "x", "'Dockerfile.lock' is larger than 1048576 bytes"),
], ids=["empty", "no version", "later", "huge"])
def test_a_damaged_lock_file_is_refused(sampan, context, text, message):
    (context / "Dockerfile.lock").write_text(text)
    done = build(sampan, context, "--locked", check=False)
    assert done.returncode == 1
    assert f"sampan: {message}" in done.stderr


def test_a_lock_file_is_beside_the_dockerfile_that_was_named(sampan, context, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (context / "Dockerfile").rename(folder / "App")
    assert lock(sampan, "-f", folder / "App", context).stdout == f"{folder}/App.lock: 2 images\n"
    assert len(entries(folder, "App.lock")) == 2
    build(sampan, context, "--locked", "-f", folder / "App")


def test_what_cannot_be_locked(sampan, context):
    refused(sampan("lock", "-"), "'-' is no folder: a lock file is written beside the Dockerfile")
    refused(sampan("lock", "-f", "-", context),
            "a lock file is written beside the Dockerfile, which standard input is not")
    refused(sampan("lock", context / "absent"), f"unable to prepare context: path \"{context}/absent\" not found")
