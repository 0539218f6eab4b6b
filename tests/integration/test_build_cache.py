# SPDX-License-Identifier: Apache-2.0
"""`sampan build --cache-to` and `--cache-from`: what one machine has made, another finds; a real docker-registry carries it."""
import json
import os

import pytest

from conftest import BUILD, Program
from image_fixture import Image, Layer, file, root

pytestmark = pytest.mark.root

LABEL = "org.sampan.build.cache"
DOCKERFILE = """\
FROM {base} AS tools
COPY tool /tool
RUN echo made > /made
FROM {base}
RUN echo one > /one
COPY --from=tools /made /copy
RUN echo two > /two
"""
STEPS = 5  # of which the image has 3


@pytest.fixture
def other(scratch):
    """Another machine: `sampan` with a store of its own."""
    program = Program(BUILD / "sampan", "--root", scratch / "other", "--state-dir", scratch / "other-state")
    program.root = scratch / "other"
    yield program
    program.end()


@pytest.fixture
def context(tmp_path, busybox_image):
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE.format(base=busybox_image), encoding="utf-8")
    (folder / "tool").write_text("tool\n", encoding="utf-8")
    return folder


def build(program, context, *flags, check=True):
    return program("build", "--tls-verify=false", "--progress", "plain", "-t", "localhost/app", *flags, context, check=check)


def image_id(program):
    return program("inspect", "--format", "{{.Id}}", "localhost/app", check=True).stdout


def steps(program):
    folder = program.root / "steps"
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def cache_of(registry, repository, tag="latest"):
    """(manifest, configuration, records)"""
    _, _, text = registry.request("GET", f"/v2/{repository}/manifests/{tag}",
                                  headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
    manifest = json.loads(text)
    _, _, text = registry.request("GET", f"/v2/{repository}/blobs/{manifest['config']['digest']}")
    config = json.loads(text)
    return manifest, config, json.loads(config["config"]["Labels"][LABEL])


def is_all_cached(done):
    return done.stderr.count("CACHED") == STEPS


def test_a_cache_of_all_steps_makes_a_build_elsewhere_find_them_all(sampan, other, registry, context, tmp_path):
    ref = registry.ref("caches/max:latest")
    here, there = tmp_path / "here.json", tmp_path / "there.json"
    first = build(sampan, context, "--cache-to", f"type=registry,ref={ref},mode=max", "--metadata-file", here)
    assert f"exporting cache to {ref}: {STEPS} steps, {STEPS} layers\n" in first.stderr
    manifest, config, records = cache_of(registry, "caches/max")
    assert records["version"] == 1 and len(records["steps"]) == STEPS
    assert all(layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip" for layer in manifest["layers"])
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == STEPS
    second = build(other, context, "--cache-from", ref, "--metadata-file", there)
    assert here.read_text() == there.read_text()
    assert f"importing cache from {ref}: {STEPS} of {STEPS} steps are new\n" in second.stderr
    assert is_all_cached(second), second.stderr
    assert steps(other) == steps(sampan)
    assert image_id(other) == image_id(sampan)
    names = other("images", "--format", "{{.Repository}}", check=True).stdout.split()
    assert "localhost/app" in names and not any("caches" in name for name in names)
    assert other("run", "--rm", "localhost/app", "cat", "/copy", "/one", "/two", check=True).stdout == "made\none\ntwo\n"


def test_what_is_known_is_not_downloaded(sampan, registry, context, other):
    ref = registry.ref("caches/known")
    build(sampan, context, "--cache-to", f"type=registry,ref={ref},mode=max")
    manifest, _, _ = cache_of(registry, "caches/known")
    for layer in manifest["layers"]:
        status, _, _ = registry.request("DELETE", f"/v2/caches/known/blobs/{layer['digest']}")
        assert status == 202
    again = build(sampan, context, "--cache-from", ref)
    assert f"importing cache from {ref}:latest: 0 of {STEPS} steps are new\n" in again.stderr
    assert is_all_cached(again)
    lost = build(other, context, "--cache-from", ref)
    assert f"sampan: warning: build cache '{ref}:latest': cannot pull" in lost.stderr
    assert "CACHED" not in lost.stderr


def test_a_cache_of_the_image_alone_has_its_own_steps(sampan, other, registry, context):
    ref = registry.ref("caches/min:v1")
    build(sampan, context, "--cache-to", ref)
    _, _, records = cache_of(registry, "caches/min", "v1")
    assert [step["text"] for step in records["steps"]] == [
        "RUN echo one > /one", "COPY --from=tools /made /copy", "RUN echo two > /two"]
    (context / "Dockerfile").write_text((context / "Dockerfile").read_text().split("COPY --from")[0])
    done = build(other, context, "--cache-from", ref)
    assert done.stderr.count("CACHED") == 1


def test_the_same_build_writes_the_same_cache(sampan, other, registry, context):
    ref = registry.ref("caches/same")
    build(sampan, context, "--cache-to", f"type=registry,ref={ref},mode=max")
    first = cache_of(registry, "caches/same")
    build(sampan, context, "--cache-to", f"type=registry,ref={ref},mode=max")
    assert cache_of(registry, "caches/same") == first
    build(other, context, "--cache-from", ref, "--cache-to", f"type=registry,ref={ref},mode=max")
    assert cache_of(registry, "caches/same") == first


def test_a_cache_in_a_folder(sampan, other, context, tmp_path):
    folder = tmp_path / "cache"
    build(sampan, context, "--cache-to", f"type=local,dest={folder},mode=max")
    build(sampan, context, "--cache-to", f"type=local,dest={folder},tag=small")
    index = json.loads((folder / "index.json").read_text())
    assert [m["annotations"]["org.opencontainers.image.ref.name"] for m in index["manifests"]] == ["latest", "small"]
    done = build(other, context, "--cache-from", f"type=local,src={folder}")
    assert is_all_cached(done), done.stderr
    assert image_id(other) == image_id(sampan)
    digest = index["manifests"][1]["digest"]
    done = build(other, context, "--cache-from", f"type=local,src={folder},digest={digest}")
    assert f"importing cache from {folder}: 0 of 3 steps are new\n" in done.stderr


def test_a_cache_inside_of_the_image(sampan, other, registry, context):
    ref = registry.ref("caches/inline:latest")
    sampan("build", "--tls-verify=false", "-t", ref, "--push", "--cache-to", "type=inline", context, check=True)
    _, _, records = cache_of(registry, "caches/inline")
    assert len(records["steps"]) == 3
    (context / "Dockerfile").write_text((context / "Dockerfile").read_text().split("COPY --from")[0])
    done = build(other, context, "--cache-from", f"type=registry,ref={ref}")
    assert done.stderr.count("CACHED") == 1
    assert ref.removesuffix(":latest") not in other("images", check=True).stdout
    labels = other("inspect", "--format", "{{json .Config.Labels}}", "localhost/app", check=True).stdout
    assert LABEL not in labels


def test_one_layer_of_several_steps_travels_once(sampan, other, registry, tmp_path, busybox_image):
    context = tmp_path / "twice"
    context.mkdir()
    (context / "file").write_text("same\n")
    os.utime(context / "file", (1, 1))
    (context / "Dockerfile").write_text(f"FROM {busybox_image} AS a\nCOPY file /file\nFROM scratch\nCOPY --from=a /file /file\n"
                                        "LABEL a=b\n")
    ref = registry.ref("caches/once")
    build(sampan, context, "--cache-to", f"type=registry,ref={ref},mode=max")
    manifest, _, records = cache_of(registry, "caches/once")
    assert len(records["steps"]) == 2
    assert len(manifest["layers"]) == len({step["diffID"] for step in records["steps"]})
    assert build(other, context, "--cache-from", ref).stderr.count("CACHED") == 2


def test_what_cannot_be_had_is_a_warning(sampan, registry, context, tmp_path, busybox_image):
    ref = registry.ref("caches/absent:latest")
    done = build(sampan, context, "--cache-from", ref)
    assert f"sampan: warning: build cache '{ref}': manifest for {ref} not found" in done.stderr
    done = build(sampan, context, "--cache-from", busybox_image)
    assert (f"sampan: warning: build cache '{busybox_image}': the image has no label '{LABEL}', so it is no build cache of "
            "ours\n") in done.stderr
    done = build(sampan, context, "--cache-from", f"type=local,src={tmp_path / 'absent'}")
    assert f"sampan: warning: build cache '{tmp_path / 'absent'}': " in done.stderr
    assert is_all_cached(done)


def test_a_cache_that_cannot_be_written_fails_the_build_unless_that_does_not_matter(sampan, context):
    place = "type=registry,ref=localhost:1/cache"
    done = build(sampan, context, "--cache-to", place, check=False)
    assert done.returncode == 1
    assert "sampan: cannot write the build cache: cannot push to 'localhost:1/cache:latest': " in done.stderr
    done = build(sampan, context, "--cache-to", place + ",ignore-error=true")
    assert "sampan: warning: cannot write the build cache: " in done.stderr


KEY = "sha256:" + "a" * 64
LAYER = Layer([root(), file("evil", b"evil")])
RECORD = {"key": KEY, "diffID": LAYER.diff_id, "size": 1, "text": "RUN make"}


def labelled(value):
    return Image([LAYER], config={"config": {"Labels": {LABEL: value}}})


@pytest.mark.parametrize("value, message", [
    (json.dumps({"version": 1, "steps": [{**RECORD, "key": "../../etc/passwd"}]}), "steps[0].key: "),
    (json.dumps({"version": 1, "steps": [RECORD, {**RECORD, "before": "sha512:" + "a" * 128}]}),
     "steps[1].before: expected a sha256 digest"),
    (json.dumps({"version": 1, "steps": [{**RECORD, "diffID": KEY}]}), f"steps[0].diffID: the image has no layer {KEY}"),
    (json.dumps({"version": 1, "steps": [{**RECORD, "size": 2**60}]}), "steps[0].size: no layer is that large"),
    (json.dumps({"version": 1, "steps": [{**RECORD, "created": "yesterday"}]}), "steps[0].created: expected a time"),
    (json.dumps({"version": 1, "steps": [{**RECORD, "text": "x" * 513}]}), "steps[0].text: longer than 512 bytes"),
    (json.dumps({"version": 1, "steps": [RECORD] * 4097}), "steps: has more than 4096 entries"),
    (json.dumps({"version": 1, "steps": []}) + " " * (4 << 20), "longer than 4194304 bytes"),
    ("{", ""),
    (json.dumps({"steps": []}), "version: "),
], ids=["key", "algorithm", "layer", "size", "time", "text", "steps", "huge", "json", "version"])
def test_a_hostile_cache_is_refused_and_nothing_of_it_is_taken(sampan, registry, context, value, message):
    ref = registry.push("caches/hostile", "latest", labelled(value))
    done = build(sampan, context, "--cache-from", ref, check=False)
    assert done.returncode == 1
    assert f"sampan: build cache '{ref}': label '{LABEL}': {message}" in done.stderr
    assert steps(sampan) == [] and not os.listdir(sampan.root / "layers")


def test_a_cache_of_a_later_version_is_a_warning(sampan, registry, context):
    ref = registry.push("caches/later", "latest", labelled(json.dumps({"version": 2})))
    done = build(sampan, context, "--cache-from", ref)
    assert (f"sampan: warning: build cache '{ref}': label '{LABEL}': its version is 2, and this program reads version 1\n"
            in done.stderr)


def test_a_step_that_is_known_stays_what_it_is(sampan, registry, context):
    build(sampan, context)
    key = steps(sampan)[0]
    before = json.loads((sampan.root / "steps" / key).read_text())
    other_key = "b" * 64
    value = json.dumps({"version": 1, "steps": [{**RECORD, "key": "sha256:" + name} for name in (key, other_key)]})
    ref = registry.push("caches/again", "latest", labelled(value))
    done = build(sampan, context, "--cache-from", ref)
    assert f"importing cache from {ref}: 1 of 2 steps are new\n" in done.stderr
    assert json.loads((sampan.root / "steps" / key).read_text()) == before
    assert json.loads((sampan.root / "steps" / other_key).read_text())["diffID"] == LAYER.diff_id


def test_a_layer_that_depends_on_others_is_no_step_s(sampan, registry, context):
    layer = Layer([file("no/parent/of/it", b"x")])
    value = json.dumps({"version": 1, "steps": [{**RECORD, "diffID": layer.diff_id}]})
    ref = registry.push("caches/implied", "latest", Image([layer], config={"config": {"Labels": {LABEL: value}}}))
    done = build(sampan, context, "--cache-from", ref)
    assert f"importing cache from {ref}: 0 of 1 steps are new\n" in done.stderr
    assert KEY[len("sha256:"):] not in steps(sampan)


@pytest.mark.parametrize("flag, value, message", [
    ("--cache-to", "type=gha", "unsupported type 'gha' (there are registry, local and inline)"),
    ("--cache-from", "type=inline", "a cache inside of an image is read from there: type=registry,ref=IMAGE"),
    ("--cache-to", "type=local", "type=local needs dest=DIR"),
])
def test_flags_that_make_no_sense(sampan, context, flag, value, message):
    done = build(sampan, context, flag, value, check=False)
    assert done.returncode != 0
    assert f"invalid argument \"{value}\" for \"{flag}\" flag: {message}" in done.stderr
