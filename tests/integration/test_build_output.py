# SPDX-License-Identifier: Apache-2.0
"""Where what `sampan build` makes goes: names, files, archives, registries; several platforms; what is said of an image."""
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest

from build_fixture import read_tar
from conftest import BUILD, Program
from image_fixture import foreign_architecture, machine_architecture

pytestmark = pytest.mark.root
ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


def fetch(registry, repository, reference):
    """(document, digest) of a manifest or an index."""
    status, _, body = registry.request("GET", f"/v2/{repository}/manifests/{reference}", headers={"Accept": ACCEPT})
    assert status == 200, body
    return json.loads(body), f"sha256:{hashlib.sha256(body).hexdigest()}"


def blob(registry, repository, digest):
    status, _, body = registry.request("GET", f"/v2/{repository}/blobs/{digest}")
    assert status == 200, body
    return body


def members(archive):
    with tarfile.open(archive) as tar:
        return tar.getnames()


def images(builder):
    """What the store has, by its IDs."""
    return builder.sampan("images", "-q", "--no-trunc", check=True).stdout


# --- files --------------------------------------------------------------------------------------------------------


def test_files_go_into_a_folder_that_keeps_what_it_has(builder, tmp_path):
    (tmp_path / "there").write_text("stays")
    before = images(builder)
    builder.run("FROM scratch\nCOPY --chown=7:8 --chmod=640 a /d/a\n", {"a": "1"}, "-o", tmp_path, check=True)
    builder.run("FROM scratch\nCOPY a /b\n", {"a": "2"}, "-o", f"type=local,dest={tmp_path / 'new'}", check=True)
    assert (tmp_path / "there").read_text() == "stays" and (tmp_path / "new/b").read_text() == "2"
    found = (tmp_path / "d/a").stat()
    assert (found.st_mode & 0o777, found.st_uid, found.st_gid) == (0o640, 0, 0)  # ours, as with BuildKit
    assert images(builder) == before


def test_files_go_into_a_tar(builder, tmp_path):
    text = "FROM scratch\nCOPY --chown=7:8 a /d/a\n"
    done = builder.run(text, {"a": "1"}, "-o", "-", check=True, text=False)
    assert read_tar(io.BytesIO(done.stdout))["d/a"] == "-644 7:8 1"
    builder.run(text, {"a": "1"}, "--output", f"type=tar,dest={tmp_path / 'x.tar'}", check=True)
    with open(tmp_path / "x.tar", "rb") as file:
        assert read_tar(file)["d/a"] == "-644 7:8 1"


def test_archives_can_be_loaded(builder, tmp_path):
    text, files = "FROM localhost/box\nCOPY a /a\nCMD [\"cat\", \"/a\"]\n", {"a": "carried\n"}
    name = builder.new("localhost/carried")
    docker, oci, folder = tmp_path / "d.tar", tmp_path / "o.tar", tmp_path / "layout"
    builder.run(text, files, "-t", name, "-o", f"type=docker,dest={docker}", "-o", f"type=oci,dest={oci}",
                "-o", f"type=oci,tar=false,dest={folder}", check=True)
    assert "manifest.json" in members(docker) and "index.json" in members(oci) and (folder / "index.json").exists()
    assert builder.sampan("run", "--rm", "--pull=never", name).returncode == 125  # it is in no store
    for archive in (docker, oci, folder):
        builder.sampan("load", "-q", "-i", archive, check=True)
        assert builder.sampan("run", "--rm", name, check=True).stdout == "carried\n"
        builder.sampan("rmi", name, check=True)


@pytest.mark.parametrize("flags, words", [
    (["-o", "type=nope,dest=x"], 'invalid argument "type=nope,dest=x" for "-o, --output" flag: unknown exporter: nope'),
    (["-o", "type=oci"], 'invalid argument "type=oci" for "-o, --output" flag: dest is required for oci exporter'),
    (["-o", "dest=x"], 'invalid argument "dest=x" for "-o, --output" flag: type is required for output'),
    (["-o", "type=local,dest=x,what=1"], "unknown key 'what'"),
    (["--push"], "tag is needed when pushing to registry"),
    (["--progress", "loud"], "there is no 'loud'"),
    (["--jobs", "0"], "--jobs takes a number from 1 to 64"),
    (["--allow", "everything"], "there is no such entitlement"),
    (["--network", "bridge"], "builds have default, host and none"),
    (["--platform", "linux/"], "linux/"),
    (["--call", "outline"], "unsupported frontend method 'outline' (there are build and check)"),
])
def test_flags_that_make_no_sense_are_refused(builder, flags, words):
    done = builder.run("FROM scratch\nCOPY Dockerfile /\n", {}, *flags)
    assert done.returncode in (1, 125) and words in done.stderr, done


# --- what is told of an image ---------------------------------------------------------------------------------------


def test_ids_go_into_files_and_to_standard_output(builder, tmp_path):
    name = builder.new("localhost/told")
    done = builder.run("FROM scratch\nCOPY a /\n", {"a": "1"}, "-q", "-t", name, "-t", f"{name}:two", "--iidfile", tmp_path / "id",
                       "--metadata-file", tmp_path / "meta", check=True)
    assert done.stdout == f"{builder.image(name).id}\n" and done.stderr == ""
    assert (tmp_path / "id").read_text() == builder.image(name).id == builder.image(f"{name}:two").id
    meta = json.loads((tmp_path / "meta").read_text())
    assert meta["containerimage.config.digest"] == builder.image(name).id
    assert meta["image.name"] == f"{name}:latest,{name}:two"


def test_annotations_are_the_manifest_s(builder):
    built = builder("FROM scratch\nCOPY a /\n", {"a": "1"}, "--annotation", "a.b=c", "--annotation", "manifest:d=e")
    assert built.manifest["annotations"] == {"a.b": "c", "d": "e"}


@pytest.mark.parametrize("flag", [["--check"], ["--call=check"]])
def test_a_check_builds_nothing_and_says_what_it_has_found(builder, flag):
    before = images(builder)
    done = builder.run("from scratch\nCOPY a /\nCMD echo\n", {"a": "1"}, *flag)
    assert done.returncode == 1 and done.stdout.startswith("Check complete, 2 warnings have been found!\n"), done
    assert "WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n" in done.stdout
    assert "   3 | >>> CMD echo\n" in done.stdout
    done = builder.run("FROM scratch\nCOPY a /\n", {"a": "1"}, *flag)
    assert (done.returncode, done.stdout) == (0, "Check complete, no warnings found.\n")
    assert images(builder) == before


def test_progress_as_lines_of_json(builder):
    done = builder.run("FROM localhost/box\nRUN echo said\n", {}, "--no-cache", "--progress=rawjson", check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    vertexes = [vertex for line in lines for vertex in line.get("vertexes", [])]
    logs = [log for line in lines for log in line.get("logs", [])]
    assert vertexes[0]["name"] == "[2/2] RUN echo said" and "completed" in vertexes[-1]
    assert [log["data"] for log in logs] == ["c2FpZAo="] and logs[0]["vertex"] == vertexes[0]["digest"]


# --- layers ---------------------------------------------------------------------------------------------------------


def test_squash_makes_one_layer_that_is_the_same_tree(builder):
    text = "FROM localhost/box\nRUN rm -r /bin/vi; echo 1 > /a; mkdir /d; echo 2 > /d/x\nRUN rm /a; mv /d /e\nLABEL a=b\n"
    plain, squashed = builder(text), builder(text, {}, "--squash")
    assert len(squashed.own) == 1 and len(plain.own) == 2
    assert squashed.tree == plain.tree and "e/x" in squashed.tree and "a" not in squashed.tree
    kept = [entry for entry in squashed.image["history"] if not entry.get("empty_layer")]
    assert len(kept) == len(squashed.image["rootfs"]["diff_ids"]) == 2


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_time_makes_the_same_image_on_two_machines(builder, scratch, how):
    """Whatever the times of the context's files, and whenever it is built."""
    text = "FROM localhost/box\nCOPY . /src\nRUN echo made > /made && mkdir -p /x/y\nWORKDIR /w\n"
    flags = ["--timestamp", "1700000000"] if how == "flag" else []
    env = {} if how == "flag" else {"SOURCE_DATE_EPOCH": "1700000000"}
    other = Program(BUILD / "sampan", "--root", scratch / "other", "--state-dir", scratch / "state")
    archive = scratch / "box.tar"
    builder.sampan("save", "-q", "-o", archive, "localhost/box", check=True)
    other("load", "-q", "-i", archive, check=True)
    ids = []
    for number, program in enumerate((builder.sampan, other)):
        folder = builder.context({"a": "1", "d/b": "2", "Dockerfile": text})
        os.utime(folder / "a", (1800000000 + number, 1800000000 + number))
        ids.append(program("build", "-q", "--no-cache", *flags, folder, check=True, env={**os.environ, **env}).stdout)
    assert ids[0] == ids[1]
    built = json.loads(builder.sampan("inspect", ids[0].strip(), check=True).stdout)[0]
    assert built["Created"].startswith("2023-11-14T22:13:20")


# --- registries ---------------------------------------------------------------------------------------------------------


def test_an_image_is_pushed_under_all_of_its_names(builder, registry):
    text = "FROM localhost/box\nRUN echo pushed > /x\n"
    one, two = registry.ref("out/one:v1"), registry.ref("out/two:v2")
    builder.run(text, {}, "--push", "--tls-verify=false", "-t", one, "-t", two, check=True)
    manifest, digest = fetch(registry, "out/one", "v1")
    assert fetch(registry, "out/two", "v2")[1] == digest
    assert manifest["layers"][-1]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    builder.sampan("rmi", one, two, check=True)
    builder.sampan("pull", "-q", "--tls-verify=false", one, check=True)
    assert builder.shell(one, "cat /x") == "pushed\n"
    builder.run(text, {}, "-o", f"type=registry,name={one}-z,compression=zstd", "--tls-verify=false", check=True)
    assert fetch(registry, "out/one", "v1-z")[0]["layers"][-1]["mediaType"].endswith("+zstd")


def emulates(builder, architecture):
    status = json.loads(builder.sampan("binfmt", "status", "--format", "json", check=True).stdout)
    entries = status if isinstance(status, list) else status.get("cpus", status.get("entries", []))
    return any(architecture in json.dumps(entry) and "EMULATED" in json.dumps(entry).upper() for entry in entries)


def by_platform(index):
    return {entry["platform"]["architecture"]: entry for entry in index["manifests"]}


def test_several_platforms_become_one_index(builder, registry, busybox_image):
    other, own = foreign_architecture(), machine_architecture()
    run = "RUN uname -m > /machine\n" if emulates(builder, other) else ""
    text = f"""FROM --platform=$BUILDPLATFORM {busybox_image} AS build
ARG TARGETARCH
RUN echo for $TARGETARCH > /made
FROM {busybox_image}
COPY --from=build /made /made
{run}CMD ["cat", "/made"]
"""
    name = registry.ref("out/multi:v1")
    builder.run(text, {}, "--push", "--tls-verify=false", "--platform", f"linux/{own},linux/{other}", "-t", name, check=True)
    index, _ = fetch(registry, "out/multi", "v1")
    entries = by_platform(index)
    assert set(entries) == {own, other}
    for architecture, entry in entries.items():
        manifest, digest = fetch(registry, "out/multi", entry["digest"])
        assert digest == entry["digest"]
        config = json.loads(blob(registry, "out/multi", manifest["config"]["digest"]))
        assert config["architecture"] == architecture
    builder.sampan("rmi", name, check=True)
    builder.sampan("pull", "-q", "--tls-verify=false", name, check=True)
    assert builder.sampan("run", "--rm", name, check=True).stdout == f"for {own}\n"
    if run:
        builder.sampan("pull", "-q", "--tls-verify=false", "--platform", f"linux/{other}", name, check=True)
        assert builder.sampan("run", "--rm", "--platform", f"linux/{other}", name, check=True).stdout == f"for {other}\n"
        assert builder.sampan("run", "--rm", "--platform", f"linux/{other}", name, "cat", "/machine",
                              check=True).stdout != f"{os.uname().machine}\n"


def test_several_platforms_go_into_folders_and_layouts(builder, tmp_path):
    other, own = foreign_architecture(), machine_architecture()
    both = ["--platform", f"linux/{own}", "--platform", f"linux/{other}"]
    text = "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /x\n"
    files = {own: "mine", other: "other"}
    builder.run(text, files, *both, "-o", tmp_path / "out", "-o", f"type=oci,dest={tmp_path / 'o.tar'}", check=True)
    assert (tmp_path / f"out/linux_{own}/x").read_text() == "mine"
    assert (tmp_path / f"out/linux_{other}/x").read_text() == "other"
    with tarfile.open(tmp_path / "o.tar") as tar:
        top = json.load(tar.extractfile("index.json"))["manifests"][0]
        index = json.load(tar.extractfile(f"blobs/sha256/{top['digest'].partition(':')[2]}"))
    assert set(by_platform(index)) == {own, other}
    done = builder.run(text, files, *both, "-o", "-", check=True, text=False)
    found = read_tar(io.BytesIO(done.stdout))
    assert {path: found[path] for path in (f"linux_{own}", f"linux_{own}/x", f"linux_{other}/x")} == {
        f"linux_{own}": "d755 0:0", f"linux_{own}/x": "-644 0:0 mine", f"linux_{other}/x": "-644 0:0 other"}


def test_files_of_a_platform_that_fails_leave_those_of_the_others_out(builder, tmp_path):
    """All of it comes at the end, or nothing."""
    other, own = foreign_architecture(), machine_architecture()
    text = "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /x\n"
    (tmp_path / "there").mkdir()
    done = builder.run(text, {own: "mine"}, "--platform", f"linux/{own},linux/{other}", "-o", tmp_path / "new",
                       "-o", tmp_path / "there", "-o", f"type=tar,dest={tmp_path / 'x.tar'}")
    assert done.returncode == 1 and f'"/{other}": not found' in done.stderr
    assert os.listdir(tmp_path) == ["there"] and os.listdir(tmp_path / "there") == []


def test_a_folder_in_the_way_of_a_file_is_named_and_nothing_is_written(builder, tmp_path):
    (tmp_path / "z").mkdir()
    done = builder.run("FROM scratch\nCOPY a z /\n", {"a": "1", "z": "2"}, "-o", tmp_path)
    assert done.returncode == 1 and "cannot replace to directory /z with file" in done.stderr
    assert os.listdir(tmp_path) == ["z"]


def test_provenance_and_sbom_are_in_the_index(builder, registry):
    status = "Package: thing\nStatus: install ok installed\nVersion: 1.2-3\nArchitecture: all\n\n"
    text = "FROM localhost/box\nARG WHO\nCOPY status /var/lib/dpkg/status\n"
    name = registry.ref("out/said:v1")
    builder.run(text, {"status": status}, "--push", "--tls-verify=false", "-t", name, "--provenance=mode=max", "--sbom=true",
                "--build-arg", "WHO=me", check=True)
    index, _ = fetch(registry, "out/said", "v1")
    image, said = index["manifests"]
    assert said["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert said["annotations"] == {"vnd.docker.reference.digest": image["digest"], "vnd.docker.reference.type": "attestation-manifest"}
    layers = fetch(registry, "out/said", said["digest"])[0]["layers"]
    statements = {s["predicateType"]: s for s in (json.loads(blob(registry, "out/said", layer["digest"])) for layer in layers)}
    provenance = statements["https://slsa.dev/provenance/v0.2"]
    assert {f"sha256:{s['digest']['sha256']}" for s in provenance["subject"]} == {image["digest"]}
    assert provenance["predicate"]["invocation"]["parameters"]["args"]["build-arg:WHO"] == "me"
    assert any("localhost/box" in material["uri"] for material in provenance["predicate"]["materials"])
    packages = statements["https://spdx.dev/Document"]["predicate"]["packages"]
    assert [package["versionInfo"] for package in packages if package["name"] == "thing"] == ["1.2-3"]


def provenance_of(registry, repository, version):
    index, _ = fetch(registry, repository, "v1")
    layer, = fetch(registry, repository, index["manifests"][1]["digest"])[0]["layers"]
    statement = json.loads(blob(registry, repository, layer["digest"]))
    assert statement["predicateType"] == layer["annotations"]["in-toto.io/predicate-type"] == f"https://slsa.dev/provenance/{version}"
    return statement["predicate"]


def test_provenance_of_version_1_says_what_was_read(builder, registry, server):
    server.files = {"/f": b"fetched"}
    commit = server.repository("said", {"Dockerfile": f"FROM localhost/box\nADD {server.url}/f /f\n"})
    name, context = registry.ref("out/slsa:v1"), f"{server.url}/git/said.git#main"
    flags = ["--push", "--tls-verify=false", "-t", name, "--provenance=mode=max,version=v1", "--secret", "id=S"]
    builder.run(None, {}, *flags, where=context, env={"S": "not shown"}, check=True)
    said = provenance_of(registry, "out/slsa", "v1")
    definition, metadata = said["buildDefinition"], said["runDetails"]["metadata"]
    source = {"uri": context, "digest": {"sha1": commit}}
    assert definition["externalParameters"] == {
        "configSource": {**source, "path": "Dockerfile"}, "request": {"frontend": "dockerfile.v0", "secrets": [{"id": "S"}]}}
    assert definition["internalParameters"] == {"builderPlatform": f"linux/{machine_architecture()}"}
    assert definition["resolvedDependencies"][1:] == [
        source, {"uri": f"{server.url}/f", "digest": {"sha256": hashlib.sha256(b"fetched").hexdigest()}}]
    assert metadata["buildkit_completeness"] == {"request": True, "resolvedDependencies": True}
    assert "buildkit_hermetic" not in metadata and "not shown" not in json.dumps(said)
    builder.run(None, {}, *flags, "--network=none", where=context, env={"S": "not shown"}, check=True)
    assert provenance_of(registry, "out/slsa", "v1")["runDetails"]["metadata"]["buildkit_hermetic"] is True
    builder.run("FROM localhost/box\nCOPY a /\n", {"a": "1"}, *flags[:4], "--provenance=version=v1", check=True)
    said = provenance_of(registry, "out/slsa", "v1")
    assert said["buildDefinition"]["externalParameters"]["request"]["locals"] == [{"name": "context"}, {"name": "dockerfile"}]
    assert said["runDetails"]["metadata"]["buildkit_completeness"] == {"request": True, "resolvedDependencies": False}


def test_provenance_names_urls_without_passwords_and_a_dockerfile_of_here_as_local(builder, registry, server, tmp_path):
    server.files, server.etags = {"/f": b"fetched"}, {"/f": '"v1"'}
    url, shown = (server.url.replace("//", f"//{user}@") for user in ("user:s3cret", "xxxxx:xxxxx"))
    commit = server.repository("kept", {"a": "1"})
    repository = f"{server.url}/git/kept.git#main"
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nADD {url}/f /f\nADD {repository} /r\nCOPY a /\n")
    file = {"uri": f"{shown}/f", "digest": {"sha256": hashlib.sha256(b"fetched").hexdigest()}}
    kept = {"uri": repository, "digest": {"sha1": commit}}
    flags = ["--push", "--tls-verify=false", "-t", registry.ref("out/urls:v1"), "--provenance=version=v1", "--network=none"]
    for more in ([], [], ["--no-cache"]):  # made, found, and made anew
        builder.run(None, {}, *flags, *more, "-f", tmp_path / "Dockerfile", "--build-context", f"context={tmp_path}", where=repository, check=True)
        said = provenance_of(registry, "out/urls", "v1")
        definition = said["buildDefinition"]
        assert definition["resolvedDependencies"] == [kept, file]
        assert definition["externalParameters"]["configSource"] == {"path": "Dockerfile"}
        assert definition["externalParameters"]["request"]["locals"] == [{"name": "context"}, {"name": "dockerfile"}]
        assert "s3cret" not in json.dumps(said)


# --- the pattern that all of this is for --------------------------------------------------------------------------------


@pytest.fixture(name="compilers", scope="session")
def compilers_fixture():
    """A tar of a minimal Debian with compilers for both architectures, made once for all checks on this machine."""
    if machine_architecture() != "amd64" or not shutil.which("mmdebstrap"):
        pytest.skip("needs mmdebstrap, and Debian's cross compilers of amd64")
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "sampan-test"
    tar = folder / "compilers.tar"
    if not tar.exists():
        folder.mkdir(parents=True, exist_ok=True)
        packages = "gcc,libc6-dev,gcc-aarch64-linux-gnu,libc6-dev-arm64-cross"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", "bookworm", f"{tar}.new.tar"], check=True)
        os.rename(f"{tar}.new.tar", tar)
    return tar


@pytest.mark.plain
def test_a_program_is_compiled_in_debian_and_runs_in_busybox_on_both_architectures(builder, registry, busybox_image, compilers):
    builder.sampan("import", "-q", compilers, "localhost/compilers", check=True)
    text = f"""FROM --platform=$BUILDPLATFORM localhost/compilers AS build
ARG TARGETARCH
WORKDIR /src
COPY main.c .
RUN case $TARGETARCH in arm64) cc=aarch64-linux-gnu-gcc ;; *) cc=gcc ;; esac; $cc -O2 -static -o /app main.c
FROM {busybox_image}
COPY --from=build /app /app
CMD ["/app"]
"""
    source = '#include <stdio.h>\nint main(void) { puts("compiled"); return 0; }\n'
    name = registry.ref("out/compiled:v1")
    builder.run(text, {"main.c": source}, "--push", "--tls-verify=false", "--platform", "linux/amd64,linux/arm64", "-t", name, check=True)
    assert set(by_platform(fetch(registry, "out/compiled", "v1")[0])) == {"amd64", "arm64"}
    for architecture in ("amd64", "arm64"):
        builder.sampan("pull", "-q", "--tls-verify=false", "--platform", f"linux/{architecture}", name, check=True)
        if architecture == machine_architecture() or emulates(builder, architecture):
            done = builder.sampan("run", "--rm", "--platform", f"linux/{architecture}", name, check=True)
            assert done.stdout == "compiled\n"
