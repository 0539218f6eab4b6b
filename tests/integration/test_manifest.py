# SPDX-License-Identifier: Apache-2.0
"""sampan manifest: lists of images of several platforms, made here and pushed."""
import json
import subprocess

import pytest
from image_fixture import DOCKER_LIST, OCI_INDEX, Image, Index, Layer, directory, file, machine_architecture, root
from registry_fixture import LyingRegistry, Registry

pytestmark = pytest.mark.root
LIST = "localhost/multi:v1"


def image_of(architecture, **more):
    return Image([Layer([root(), directory("etc"), file("etc/arch", architecture.encode())])], architecture=architecture, **more)


@pytest.fixture(name="other")
def other_fixture(tmp_path):
    with Registry(tmp_path / "other", accesslog=True) as registry:
        yield registry


@pytest.fixture(name="pair")
def pair_fixture(registry):
    """References of one image for amd64 and one for arm64, and the images."""
    images = [image_of("amd64"), image_of("arm64", variant="v8")]
    return [registry.push("manifest/" + image.platform["architecture"], "v1", image) for image in images], images


def inspect(sampan, name=LIST):
    return json.loads(sampan("manifest", "inspect", name, check=True).stdout)


def test_a_list_of_two_platforms_is_pushed_and_pulled_by_both(sampan, other, pair, tmp_path):
    refs, images = pair
    assert sampan("manifest", "create", LIST, *refs, check=True).stdout == f"Created manifest list {LIST}\n"
    done = sampan("manifest", "push", LIST, f"docker://{other.ref('a/b:v1')}", check=True)
    digest = done.stdout.split()[1]
    judged = subprocess.run(["skopeo", "copy", "-q", "--all", "--src-tls-verify=false", f"docker://{other.ref('a/b:v1')}",
                             f"oci:{tmp_path}/judge:x"], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stderr
    _, headers, text = other.request("GET", "/v2/a/b/manifests/v1", headers={"Accept": OCI_INDEX})
    assert (headers["Content-Type"], headers["Docker-Content-Digest"]) == (OCI_INDEX, digest)
    entries = json.loads(text)["manifests"]
    assert [entry["digest"] for entry in entries] == [image.digest for image in images]
    assert [entry["platform"] for entry in entries] == [{"architecture": "amd64", "os": "linux"},
                                                        {"architecture": "arm64", "os": "linux"}]
    assert all("annotations" not in entry for entry in entries)
    for platform in ("amd64", "arm64"):
        sampan("pull", "-q", "--platform", f"linux/{platform}", other.ref("a/b:v1"), check=True)
        assert json.loads(sampan("inspect", other.ref("a/b:v1"), check=True).stdout)[0]["Architecture"] == platform


def test_pushing_a_list_again_sends_nothing(sampan, other, pair):
    sampan("manifest", "create", LIST, *pair[0], check=True)
    first = sampan("manifest", "push", "-q", LIST, other.ref("a/b:v1"), check=True).stdout
    log = other.directory / "registry.log"
    before = sum(log.read_text(errors="replace").count(f'"{verb} ') for verb in ("POST", "PUT", "PATCH"))
    assert sampan("manifest", "push", "-q", LIST, other.ref("a/b:v1"), check=True).stdout == first
    assert sum(log.read_text(errors="replace").count(f'"{verb} ') for verb in ("POST", "PUT", "PATCH")) == before


def test_entries_are_added_annotated_and_replaced(sampan, pair):
    refs, images = pair
    sampan("manifest", "create", LIST, check=True)
    assert inspect(sampan)["manifests"] == []
    sampan("manifest", "add", "--annotation", "a=b", LIST, refs[0], check=True)
    sampan("manifest", "add", "--arch", "arm", "--variant", "v7", LIST, refs[1], check=True)
    sampan("manifest", "annotate", "--os", "windows", "--annotation", "a=c", LIST, images[0].digest, check=True)
    first, second = inspect(sampan)["manifests"]
    assert (first["platform"], first["annotations"]["a"]) == ({"architecture": "amd64", "os": "windows"}, "c")
    assert second["platform"] == {"architecture": "arm", "os": "linux", "variant": "v7"}
    sampan("manifest", "add", LIST, refs[0], check=True)
    first, _ = inspect(sampan)["manifests"]
    assert first == images[0].descriptor(platform={"architecture": "amd64", "os": "linux"})


def test_of_an_index_this_machines_image_is_added_or_all_of_them(sampan, registry, pair):
    index = Index(pair[1])
    ref = registry.push("manifest/index", "v1", index)
    sampan("manifest", "create", LIST, ref, check=True)
    only, = inspect(sampan)["manifests"]
    assert only["platform"]["architecture"] == machine_architecture()
    sampan("manifest", "create", "--amend", "--all", LIST, ref, check=True)
    assert sorted(entry["digest"] for entry in inspect(sampan)["manifests"]) == sorted(image.digest for image in pair[1])


def windows_image(version, **config):
    return image_of("amd64", os_name="windows", config={"os.version": version, **config})


def test_version_and_features_of_the_operating_system_are_annotated_and_pushed(sampan, other, pair):
    refs, images = pair
    sampan("manifest", "create", LIST, check=True)
    sampan("manifest", "add", "--os-features", "a", "--os-version", "6.1", LIST, refs[0], check=True)
    entry, = inspect(sampan)["manifests"]
    assert entry["platform"] == {"architecture": "amd64", "os": "linux", "os.version": "6.1", "os.features": ["a"]}
    sampan("manifest", "annotate", "--os-features", "a,b", "--os-features=c", "--os-version", "7", LIST, images[0].digest, check=True)
    wanted = {"architecture": "amd64", "os": "linux", "os.version": "7", "os.features": ["a", "b", "c"]}
    entry, = inspect(sampan)["manifests"]
    assert entry["platform"] == wanted
    sampan("manifest", "push", LIST, other.ref("a/b:v1"), check=True)
    _, _, text = other.request("GET", "/v2/a/b/manifests/v1", headers={"Accept": OCI_INDEX})
    assert json.loads(text)["manifests"][0]["platform"] == wanted


def test_what_an_index_says_of_its_operating_systems_goes_into_the_list(sampan, registry):
    images = [windows_image("10.0.17763.5329"), windows_image("10.0.20348.2227")]
    for image in images:
        image.platform.update({"os.version": image.config_value["os.version"], "os.features": ["win32k"]})
    ref = registry.push("manifest/windows", "v1", Index([image_of(machine_architecture()), *images]))
    sampan("manifest", "create", LIST, check=True)
    sampan("manifest", "add", "--all", LIST, f"docker://{ref}", check=True)
    sampan("manifest", "annotate", "--annotation", "a=b", LIST, images[0].digest, check=True)
    platforms = {entry["digest"]: entry["platform"] for entry in inspect(sampan)["manifests"]}
    assert [platforms[image.digest] for image in images] == [image.platform for image in images]


def test_of_an_image_without_index_the_config_has_the_version(sampan, registry):
    image = windows_image("10.0.20348.2227", **{"os.features": ["win32k"]})
    sampan("manifest", "create", LIST, registry.push("manifest/one", "v1", image), check=True)
    entry, = inspect(sampan)["manifests"]
    assert entry["platform"] == {"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2227", "os.features": ["win32k"]}


def test_a_list_in_dockers_form_is_forgotten_after_its_push(sampan, other, registry):
    images = [image_of(architecture, docker=True) for architecture in ("amd64", "arm64")]
    refs = [registry.push("manifest/d" + image.platform["architecture"], "v1", image) for image in images]
    sampan("manifest", "create", LIST, *refs, check=True)
    sampan("manifest", "push", "--format", "v2s2", "--purge", LIST, other.ref("a/b:v1"), check=True)
    _, headers, text = other.request("GET", "/v2/a/b/manifests/v1", headers={"Accept": DOCKER_LIST})
    assert headers["Content-Type"] == json.loads(text)["mediaType"] == DOCKER_LIST
    done = sampan("manifest", "push", LIST, other.ref("a/b:v1"))
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot push manifest list '{LIST}': no such manifest list: {LIST}\n")


def test_inspect_shows_what_a_registry_has(sampan, registry, pair):
    index = Index(pair[1])
    ref = registry.push("manifest/inspect", "v1", index)
    assert sampan("manifest", "inspect", ref, check=True).stdout.encode() == index.text + b"\n"
    done = sampan("manifest", "inspect", registry.ref("manifest/inspect:none"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"sampan: manifest for {registry.ref('manifest/inspect:none')} not found: "), done.stderr


def test_lists_outlive_a_collection_and_can_be_removed(sampan, pair):
    sampan("manifest", "create", LIST, *pair[0], check=True)
    sampan("pull", "-q", pair[0][0], check=True)
    sampan("rmi", pair[0][0], check=True)
    assert len(inspect(sampan)["manifests"]) == 2
    sampan("manifest", "rm", LIST, check=True)
    done = sampan("manifest", "rm", LIST)
    assert (done.returncode, done.stderr) == (1, f"sampan: no such manifest list: {LIST}\n")


def test_a_manifest_that_lies_about_its_digest_is_not_pushed(sampan, other, pair):
    with LyingRegistry() as liar:
        liar.add("v1", pair[1][0])
        sampan("manifest", "create", LIST, liar.ref("app:v1"), check=True)
        liar.manifests[pair[1][0].digest] = (pair[1][0].media_type, pair[1][1].text)
        done = sampan("manifest", "push", LIST, other.ref("a/b:v1"))
    assert done.returncode == 1
    assert done.stderr == (f"sampan: cannot push manifest list '{LIST}': manifest {pair[1][0].digest}: its content has digest "
                           f"{pair[1][1].digest}\n")
    assert other.request("GET", "/v2/a/b/manifests/v1")[0] == 404


@pytest.mark.parametrize("arguments, code, text", [
    (["create", "Upper"], 1, "invalid reference 'Upper': "),
    (["create", LIST, "oci:/x"], 1, "cannot add 'oci:/x': cannot open OCI layout '/x': no such file or directory"),
    (["add", LIST, "a"], 1, f"no such manifest list: {LIST}"),
    (["push", "--format", "v1", LIST], 1, "--format: unknown format 'v1' (there are oci and v2s2)"),
    (["make"], 125, "'make' is not a sampan manifest command\nSee 'sampan manifest --help'."),
])
def test_what_manifest_refuses(sampan, arguments, code, text):
    done = sampan("manifest", *arguments)
    assert done.returncode == code and done.stderr.startswith(f"sampan: {text}"), done.stderr


def test_a_list_is_not_made_twice_nor_pushed_empty(sampan, other, pair):
    sampan("manifest", "create", LIST, check=True)
    done = sampan("manifest", "create", LIST)
    assert (done.returncode, done.stderr) == (
        1, f"sampan: there is a manifest list '{LIST}' already (--amend adds to it)\n")
    done = sampan("manifest", "push", LIST, other.ref("a/b:v1"))
    assert (done.returncode, done.stderr) == (
        1, f"sampan: cannot push manifest list '{LIST}': the list is empty (sampan manifest add)\n")
    done = sampan("manifest", "annotate", LIST, pair[1][0].digest)
    assert (done.returncode, done.stderr) == (
        1, f"sampan: the list has no manifest '{pair[1][0].digest}' (name it by its digest)\n")
