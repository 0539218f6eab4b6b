# SPDX-License-Identifier: Apache-2.0
"""`sampan images`, `inspect`, `rmi`, `info` and `version`."""
import json
import os
import re

import pytest

from image_fixture import Image, Layer, directory, file, machine_architecture, root, write_layout

pytestmark = pytest.mark.root


def tiny(text=b"contents", **config):
    return Image([Layer([root(), directory("etc"), file("etc/file", text)])], **config)


def pull(sampan, scratch, name, image):
    layout = write_layout(scratch / name, {None: image})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    return f"localhost/{name}"


def listed(sampan, *args):
    return json.loads(sampan("images", "--format", "json", *args, check=True).stdout)


def test_an_empty_store_has_no_images(sampan):
    assert sampan("images", check=True).stdout == "REPOSITORY   TAG   IMAGE ID   CREATED   SIZE\n"
    assert sampan("images", "-q", check=True).stdout == ""
    assert listed(sampan) == []


def test_images_are_listed_in_columns(sampan, scratch):
    image = tiny()
    pull(sampan, scratch, "one", image)
    table = sampan("images", check=True).stdout.splitlines()
    short_id = json.loads(image.text)["config"]["digest"][7:19]
    assert re.fullmatch(r"REPOSITORY +TAG +IMAGE ID +CREATED +SIZE", table[0])
    assert re.fullmatch(rf"localhost/one +latest +{short_id} +.* ago +8B", table[1])
    assert sampan("images", "-q", check=True).stdout == f"{short_id}\n"
    wide = sampan("images", "--no-trunc", "--digests", check=True).stdout
    assert json.loads(image.text)["config"]["digest"] in wide
    assert image.digest in wide


def test_images_are_listed_as_json(sampan, scratch):
    image = tiny()
    pull(sampan, scratch, "one", image)
    (shown,) = listed(sampan)
    assert shown["ID"] == json.loads(image.text)["config"]["digest"]
    assert (shown["Repository"], shown["Tag"], shown["Digest"]) == ("localhost/one", "latest", image.digest)
    assert (shown["SizeBytes"], shown["CreatedAt"]) == (8, "2026-01-02T03:04:05Z")
    assert shown["Platform"] == f"linux/{machine_architecture()}"


def test_images_can_be_picked_by_name_and_pattern(sampan, scratch):
    for name in ("one", "other", "third"):
        pull(sampan, scratch, name, tiny(name.encode()))
    assert [image["Repository"] for image in listed(sampan, "localhost/one")] == ["localhost/one"]
    assert [image["Repository"] for image in listed(sampan, "localhost/o*")] == ["localhost/one", "localhost/other"]
    assert len(listed(sampan, "localhost/third:latest")) == 1
    assert listed(sampan, "localhost/third:v1") == []


def test_images_can_be_filtered(sampan, scratch):
    def made(year):
        return {"created": f"{year}-01-02T03:04:05Z"}

    for name, year in (("old", 2021), ("mid", 2022), ("new", 2023)):
        pull(sampan, scratch, name, tiny(name.encode(), config=made(year), labels={"age": name}))

    def names(*filters):
        return sampan("images", "--format", "{{.Repository}}", *(f"--filter={f}" for f in filters),
                      check=True).stdout.split()

    assert names("before=localhost/mid") == ["localhost/old"] and names("since=localhost/mid") == ["localhost/new"]
    assert names("label=age=mid") == ["localhost/mid"] and names("label!=age=mid") == ["localhost/new", "localhost/old"]
    assert names("reference=localhost/?e?", "reference=*old") == ["localhost/new", "localhost/old"]
    assert names("dangling=true") == [] and len(names("dangling=false")) == 3
    pull(sampan, scratch, "new2", tiny(b"other"))
    sampan("pull", "-q", "--keep-previous", f"oci:{write_layout(scratch / 'again' / 'old', {None: tiny(b'newer')})}",
           check=True)
    assert names("dangling=true") == ["localhost/old"]
    for text, why in (("colour=red", "invalid filter 'colour=red' (there are before, dangling, label"),
                      ("dangling=maybe", "invalid filter 'dangling=[maybe]'"),
                      ("before=localhost/nothing", "no such image: localhost/nothing")):
        done = sampan("images", "--filter", text)
        assert (done.returncode, done.stdout) == (1, "") and why in done.stderr


def test_images_are_shown_by_templates(sampan, scratch):
    image = tiny(labels={"com.example.tier": "web"})
    pull(sampan, scratch, "one", image)
    short_id = json.loads(image.text)["config"]["digest"][7:19]

    def row(template, *args):
        return sampan("images", "--format", template, *args, check=True).stdout.rstrip("\n")

    assert row("{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}") == f"localhost/one:latest {short_id} 8B"
    assert row("{{.Digest}}") == image.digest and row("{{.CreatedAt}}").startswith("2026-01-0")
    assert row("table {{.Tag}}\t{{.Repository}}").splitlines() == ["TAG      REPOSITORY", "latest   localhost/one"]
    assert json.loads(row("{{json .}}"))["Repository"] == "localhost/one"
    done = sampan("images", "--format", "{{.Colour}}")
    assert done.returncode == 1 and "template: there is no field '.Colour'" in done.stderr


def test_inspect_shows_an_image_with_the_keys_of_docker(sampan, scratch):
    image = tiny(cmd=["/x"], entrypoint=["/e"], env=["A=1"], user="7", workdir="/w", labels={"a": "b"}, volumes={"/v": {}})
    pull(sampan, scratch, "one", image)
    pull(sampan, scratch, "again", image)
    (shown,) = json.loads(sampan("inspect", "localhost/one", check=True).stdout)
    assert shown["Id"] == json.loads(image.text)["config"]["digest"]
    assert sorted(shown["RepoTags"]) == ["localhost/again:latest", "localhost/one:latest"]
    assert f"localhost/one@{image.digest}" in shown["RepoDigests"]
    assert (shown["Architecture"], shown["Os"], shown["Size"]) == (machine_architecture(), "linux", 8)
    assert shown["Created"] == "2026-01-02T03:04:05Z"
    assert shown["RootFS"] == {"Type": "layers", "Layers": [image.layers[0].diff_id]}
    config = shown["Config"]
    assert (config["Cmd"], config["Entrypoint"], config["Env"]) == (["/x"], ["/e"], ["A=1"])
    assert (config["User"], config["WorkingDir"], config["Labels"], config["Volumes"]) == ("7", "/w", {"a": "b"}, {"/v": {}})
    by_id = json.loads(sampan("inspect", "--type", "image", shown["Id"][7:19], check=True).stdout)
    assert (by_id[0]["Id"], by_id[0]["Config"]) == (shown["Id"], shown["Config"])


def test_inspect_tells_what_it_cannot_find_and_shows_the_rest(sampan, scratch):
    pull(sampan, scratch, "one", tiny())
    done = sampan("inspect", "nothing", "localhost/one")
    assert done.returncode == 1
    assert done.stderr == "sampan: no such object: nothing\n"
    assert len(json.loads(done.stdout)) == 1
    assert "no such container: localhost/one" in sampan("inspect", "--type", "container", "localhost/one").stderr


def test_rmi_removes_an_image_and_its_layers(sampan, scratch):
    image = tiny()
    pull(sampan, scratch, "one", image)
    assert os.listdir(sampan.root / "layers")
    done = sampan("rmi", "localhost/one", check=True)
    assert done.stdout == f"Untagged: localhost/one:latest\nDeleted: {json.loads(image.text)['config']['digest']}\n"
    assert listed(sampan) == []
    assert os.listdir(sampan.root / "layers") == []
    assert [name for _, _, names in os.walk(sampan.root / "blobs") for name in names] == []
    gone = sampan("rmi", "localhost/one")
    assert (gone.returncode, gone.stderr) == (1, "sampan: no such image: localhost/one\n")


def test_rmi_of_one_of_two_names_keeps_the_image(sampan, scratch):
    image = tiny()
    pull(sampan, scratch, "one", image)
    pull(sampan, scratch, "two", image)
    assert sampan("rmi", "localhost/one", check=True).stdout == "Untagged: localhost/one:latest\n"
    assert len(listed(sampan)) == 1
    assert os.listdir(sampan.root / "layers")


def test_rmi_by_id_takes_all_names_only_by_force(sampan, scratch):
    image = tiny()
    pull(sampan, scratch, "one", image)
    pull(sampan, scratch, "two", image)
    short_id = json.loads(image.text)["config"]["digest"][7:19]
    refused = sampan("rmi", short_id)
    assert refused.returncode == 1
    assert refused.stderr == (f"sampan: conflict: unable to delete '{short_id}' (must be forced): "
                              "the image has several names\n")
    assert sampan("rmi", "-f", short_id, check=True).stdout.count("Untagged: ") == 2
    assert listed(sampan) == []


def test_rmi_refuses_what_a_container_uses_unless_forced(sampan, busybox_image):
    sampan("pull", "-q", busybox_image, check=True)
    sampan("run", "--name", "user", busybox_image, "true", check=True)
    refused = sampan("rmi", busybox_image)
    assert refused.returncode == 1
    assert re.fullmatch(rf"sampan: conflict: unable to remove '{busybox_image}' \(must force\): "
                        r"container [0-9a-f]{12} is using its image [0-9a-f]{12}\n", refused.stderr)
    sampan("rmi", "-f", busybox_image, check=True)
    assert os.listdir(sampan.root / "layers"), "the container's layers stay with it"
    sampan("rm", "user", check=True)


def test_rmi_goes_on_after_a_failure(sampan, scratch):
    pull(sampan, scratch, "one", tiny())
    done = sampan("rmi", "localhost/none", "localhost/one")
    assert done.returncode == 1
    assert "no such image: localhost/none" in done.stderr
    assert listed(sampan) == []


def test_info_shows_the_machine(sampan):
    info = json.loads(sampan("info", "--format", "json", check=True).stdout)
    assert info["Platforms"][0].startswith(f"linux/{machine_architecture()}")
    assert info["NCPU"] == os.cpu_count()
    assert info["KernelVersion"] == os.uname().release
    assert info["MemTotal"] == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert (info["Root"], info["StateDir"]) == (str(sampan.root), str(sampan.state_dir))
    assert (info["Images"], info["Containers"], info["ContainersRunning"]) == (0, 0, 0)
    assert info["CgroupMode"] in ("v2", "hybrid", "none")
    text = sampan("info", check=True).stdout
    assert f"Root: {sampan.root}\n" in text
    assert f"Cgroup mode: {info['CgroupMode']}\n" in text


@pytest.mark.cgroup2
def test_info_shows_the_controllers(sampan):
    info = json.loads(sampan("info", "--format", "json", check=True).stdout)
    assert info["CgroupMode"] == "v2"
    assert {"cpu", "memory", "pids"} <= set(info["CgroupControllers"])


def test_version_is_that_of_the_build(sampan):
    version = json.loads(sampan("version", "--format", "json", check=True).stdout)
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", version["Version"])
    assert f"Version:           {version['Version']}\n" in sampan("version", check=True).stdout
    assert sampan("--version", check=True).stdout == f"sampan version {version['Version']}\n"


@pytest.mark.parametrize("command", [["info"], ["version"]])
def test_what_is_no_template_is_refused(sampan, command):
    done = sampan(*command, "--format", "{{.Version")
    assert done.returncode == 125
    assert done.stderr.startswith("sampan: invalid argument \"{{.Version\" for \"-f, --format\" flag: template parsing error: unexpected text in an action")


@pytest.mark.parametrize("args", [["frobnicate"], ["--frobnicate"], ["images", "-z"], ["rmi"], ["ps", "x"]])
def test_mistakes_on_the_command_line_point_to_help(sampan, args):
    done = sampan(*args)
    assert done.returncode == 125
    assert re.search(r"^See 'sampan[a-z ]* --help'\.$", done.stderr, re.M)


def test_output_that_cannot_be_written_is_an_error(sampan):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = sampan("info", stdout=full)
    assert done.returncode == 1
    assert done.stderr == "sampan: cannot write to stdout: no space left on device\n"
