# SPDX-License-Identifier: Apache-2.0
"""sampan import and export: root file systems as tars, both ways."""
import gzip
import io
import json
import os
import subprocess
import tarfile

import pytest
from image_fixture import OCI_LAYER, OCI_MANIFEST, directory, file, foreign_architecture, root, symlink, tar

pytestmark = pytest.mark.root


def rootfs(tmp_path, name="rootfs.tar", members=(), compress=False):
    data = tar([root(), directory("etc"), file("etc/motd", b"hello"), symlink("link", "etc/motd"), *members])
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if compress else data)
    return path


def config_of(sampan, name):
    return json.loads(sampan("inspect", name, check=True).stdout)[0]


# --- import --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True])
def test_a_tar_becomes_an_image_of_one_layer(sampan, tmp_path, compress):
    done = sampan("import", "-m", "from a tar", rootfs(tmp_path, compress=compress), "my/image:v1", check=True)
    found = config_of(sampan, "my/image:v1")
    assert (done.stdout, done.stderr) == (found["Id"] + "\n", "")
    tree, = (sampan.root / "layers").glob("*/tree")
    assert (tree / "etc/motd").read_bytes() == b"hello" and os.readlink(tree / "link") == "etc/motd"
    step, = json.loads(sampan("history", "--format", "json", "my/image:v1", check=True).stdout)
    assert (step["Comment"], step["CreatedBy"]) == ("from a tar", "sampan import")
    assert os.listdir(sampan.root / "staging") == []


@pytest.mark.parametrize("compress", [False, True])
def test_a_registry_gets_what_was_imported_as_gzip(sampan, registry, tmp_path, compress):
    sampan("import", rootfs(tmp_path, compress=compress), "my/image:v1", check=True)
    sampan("push", "-q", "my/image:v1", registry.ref("import/it:v1"), check=True)
    layer, = json.loads(registry.request("GET", "/v2/import/it/manifests/v1", headers={"Accept": OCI_MANIFEST})[2])["layers"]
    assert layer["mediaType"] == OCI_LAYER + "+gzip"
    blob = registry.request("GET", f"/v2/import/it/blobs/{layer['digest']}")[2]
    assert len(blob) == layer["size"] and gzip.decompress(blob) == rootfs(tmp_path).read_bytes()


def test_changes_say_how_it_is_run(sampan, tmp_path):
    changes = ["CMD [\"a\", \"b c\"]", "entrypoint /init --fast", "ENV A=1", "ENV A=2", "ENV B \"two words\"", "EXPOSE 80 53/udp",
               "LABEL k='v w'", "USER 7:8", "VOLUME [\"/data\"]", "VOLUME /x /y", "WORKDIR /srv", "STOPSIGNAL SIGUSR1"]
    sampan("import", *(part for change in changes for part in ("--change", change)), rootfs(tmp_path), "it", check=True)
    config = config_of(sampan, "it")["Config"]
    assert config["Cmd"] == ["a", "b c"] and config["Entrypoint"] == ["/bin/sh", "-c", "/init --fast"]
    assert config["Env"] == ["A=2", "B=two words"] and config["Labels"] == {"k": "v w"}
    assert set(config["ExposedPorts"]) == {"80/tcp", "53/udp"} and set(config["Volumes"]) == {"/data", "/x", "/y"}
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("7:8", "/srv", "SIGUSR1")


def test_all_that_docker_import_takes_is_in_the_config(sampan, tmp_path):
    changes = ["ENV A=1 B=\"two words\" C='x\\y' D=back\\ slash", "LABEL a.b=c \"d e\"=f", "ONBUILD RUN make", "ONBUILD COPY . /src",
               "WORKDIR /srv", "WORKDIR app", "HEALTHCHECK --interval=5s --timeout=1m30s --retries=3 CMD curl -f localhost"]
    sampan("import", *(part for change in changes for part in ("--change", change)), rootfs(tmp_path), "it", check=True)
    image_id = json.loads(sampan("inspect", "it", check=True).stdout)[0]["Id"]
    config = json.loads((sampan.root / "blobs/sha256" / image_id[7:]).read_text())["config"]
    assert config["Env"] == ["A=1", "B=two words", "C=x\\y", "D=back slash"]
    assert config["Labels"] == {"a.b": "c", "d e": "f"}
    assert config["OnBuild"] == ["RUN make", "COPY . /src"]
    assert config["WorkingDir"] == "/srv/app"
    assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "curl -f localhost"], "Interval": 5 * 10**9, "Timeout": 90 * 10**9,
                                     "Retries": 3}
    for text, test in (("NONE", ["NONE"]), ("CMD [\"/check\", \"it\"]", ["CMD", "/check", "it"])):
        sampan("import", "-c", f"HEALTHCHECK {text}", rootfs(tmp_path), "it", check=True)
        image_id = json.loads(sampan("inspect", "it", check=True).stdout)[0]["Id"]
        config = json.loads((sampan.root / "blobs/sha256" / image_id[7:]).read_text())["config"]
        assert config["Healthcheck"] == {"Test": test}


def test_an_import_from_a_pipe_without_a_name_for_another_platform(sampan, tmp_path):
    data = rootfs(tmp_path).read_bytes()
    done = sampan("import", "--platform", f"linux/{foreign_architecture()}", "-", input=data, text=False, check=True)
    image_id = done.stdout.decode().strip()
    assert config_of(sampan, f"localhost/imported:{image_id[7:19]}")["Architecture"] == foreign_architecture()


@pytest.mark.parametrize("arguments, code, text", [
    (["-c", "RUN x", "{tar}", "it"], 1, "cannot import: --change: malformed 'RUN x'"),
    (["-c", "CMD", "{tar}", "it"], 1, "cannot import: --change: malformed 'CMD'"),
    (["-c", "CMD [\"a\"", "{tar}", "it"], 1, "cannot import: --change: malformed 'CMD [\"a\"'"),
    (["-c", "ENV A=\"open", "{tar}", "it"], 1, "cannot import: --change: malformed 'ENV A=\"open'"),
    (["-c", "ONBUILD onbuild RUN x", "{tar}", "it"], 1,
     "cannot import: --change: ONBUILD isn't allowed as an ONBUILD trigger"),
    (["-c", "ONBUILD FROM x", "{tar}", "it"], 1, "cannot import: --change: FROM isn't allowed as an ONBUILD trigger"),
    (["-c", "HEALTHCHECK RUN x", "{tar}", "it"], 1, "cannot import: --change: malformed 'HEALTHCHECK RUN x'"),
    (["-c", "HEALTHCHECK --interval=1us CMD x", "{tar}", "it"], 1,
     "cannot import: --change: --interval cannot be less than 1ms"),
    (["-c", "HEALTHCHECK --retries=0 CMD x", "{tar}", "it"], 1,
     "cannot import: --change: --retries must be at least 1 (not 0)"),
    (["{tar}", "Upper"], 125, "invalid reference 'Upper': "),
    (["/nothing/here", "it"], 1, "cannot import: cannot open '/nothing/here': no such file or directory"),
    (["/etc", "it"], 1, "cannot import: '/etc' is no regular file (- reads standard input)"),
])
def test_what_import_refuses(sampan, tmp_path, arguments, code, text):
    path = rootfs(tmp_path)
    done = sampan("import", *(argument.format(tar=path) for argument in arguments))
    assert done.returncode == code and done.stderr.startswith(f"sampan: {text}"), done.stderr
    assert sampan("images", "-q", check=True).stdout == ""


def test_what_is_no_tar_is_not_imported(sampan, tmp_path):
    (tmp_path / "x").write_bytes(b"nonsense" * 1000)
    done = sampan("import", tmp_path / "x", "it")
    assert done.returncode == 1
    assert done.stderr.startswith("sampan: cannot import: cannot pull ") and "malformed tar" in done.stderr, done.stderr
    assert sampan("images", "-q", check=True).stdout == ""


# --- export --------------------------------------------------------------------------------------------------------


def test_the_files_of_a_container_and_of_its_image_are_exported_as_one_tree(sampan, busybox_image, tmp_path):
    sampan("run", "--name", "e-export", busybox_image, "sh", "-c", "echo new >/etc/new; rm /etc/group; echo more >>/etc/passwd",
           check=True)
    sampan("export", "-o", tmp_path / "out.tar", "e-export", check=True)
    with tarfile.open(tmp_path / "out.tar") as archive:
        names = {os.path.normpath(name) for name in archive.getnames()}
        assert "bin/busybox" in names and "etc/group" not in names and not any(".wh." in name for name in names)
        assert archive.extractfile("etc/new").read() == b"new\n"
        assert archive.extractfile("etc/passwd").read().endswith(b"more\n")
    piped = sampan("export", "e-export", text=False, check=True).stdout
    assert sorted(tarfile.open(fileobj=io.BytesIO(piped)).getnames()) == sorted(
        tarfile.open(tmp_path / "out.tar").getnames())
    assert os.listdir(sampan.root / "staging") == []
    # The tar makes an image that runs.
    sampan("import", "-c", "CMD [\"cat\", \"/etc/new\"]", "-c", "ENV PATH=/bin", tmp_path / "out.tar", "again", check=True)
    assert sampan("run", "--rm", "--name", "e-again", "again", check=True).stdout == "new\n"


def test_export_leaves_no_mount_and_does_not_overwrite_at_a_failure(sampan, busybox_image, tmp_path):
    sampan("run", "--name", "e-mount", busybox_image, "true", check=True)
    before = subprocess.run(["cat", "/proc/self/mountinfo"], check=True, capture_output=True, text=True).stdout
    sampan("export", "-o", "/dev/null", "e-mount", check=True)
    after = subprocess.run(["cat", "/proc/self/mountinfo"], check=True, capture_output=True, text=True).stdout
    assert str(sampan.root) not in after or before == after
    (tmp_path / "old").write_text("old")
    done = sampan("export", "-o", tmp_path / "old", "nobody")
    assert (done.returncode, done.stderr) == (1, "sampan: no such container: nobody\n")
    assert (tmp_path / "old").read_text() == "old"
    done = sampan("export", "-o", "/dev/full", "e-mount")
    assert (done.returncode, done.stderr) == (1, "sampan: cannot export 'e-mount': cannot write: no space left on device\n")
