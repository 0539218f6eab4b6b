# SPDX-License-Identifier: Apache-2.0
"""--format with Go templates, and inspect --size. What the templates can do is in tests/unit/cli/test_go_template.c."""
import json
import os

import pytest

from container_fixture import load, refused, shell, start, state

pytestmark = pytest.mark.root


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "shown", labels={"tier": "web"})


def test_docker_s_templates_of_a_container(sampan, image):
    container = start(sampan, image, "--label", "a.b=c", "-e", "X=1", "--network", "none")

    def shown(template, *options):
        return sampan("inspect", *options, "-f", template, "box", check=True).stdout

    assert shown("{{.Id}} {{.ID}} {{.State.Running}} {{.State.Pid}}") == f"{container} {container} true {state(sampan)['Pid']}\n"
    assert shown('{{index .Config.Labels "a.b"}} {{.Config.Labels.tier}} {{.Config.Labels.none}}') == "c web <no value>\n"
    assert "X=1\n" in shown("{{range .Config.Env}}{{println .}}{{end}}")
    assert json.loads(shown("{{json .Mounts}}")) == [] and json.loads(shown("{{json .Config}}"))["Image"] == image
    assert shown("{{if .State.Paused}}paused{{else}}{{len .Args}}{{end}}") == "2\n"
    assert json.loads(shown("json"))[0]["Id"] == container
    assert sampan("inspect", "--format", "{{.Id}}", "box", "nobody").stdout == f"{container}\n"
    refused(sampan("inspect", "-f", "{{.Nothing}}", "box"), 'template: map has no entry for key "Nothing"')
    refused(sampan("inspect", "-f", "{{if}}", "box"), "template parsing error: unexpected text in an action at '}}'", 125)


def test_size_is_what_it_has_written_and_that_with_its_image(sampan, image):
    start(sampan, image)
    shell(sampan, "head -c 100000 /dev/zero > /new")
    plain, = json.loads(sampan("inspect", "box", check=True).stdout)
    assert "SizeRw" not in plain
    sized, = json.loads(sampan("inspect", "--size", "box", check=True).stdout)
    bytes_of_image = json.loads(sampan("inspect", image, check=True).stdout)[0]["Size"]
    assert 100000 <= sized["SizeRw"] < 200000 and sized["SizeRootFs"] == sized["SizeRw"] + bytes_of_image
    assert sampan("inspect", "-s", "-f", "{{.SizeRw}}", "box", check=True).stdout == f"{sized['SizeRw']}\n"
    assert "SizeRw" not in sampan("inspect", "--size", image, check=True).stdout


def test_images_volumes_and_networks(sampan, image):
    assert sampan("inspect", "-f", "{{.Os}} {{join .RepoTags \",\"}}", image, check=True).stdout == f"linux {image}:latest\n"
    sampan("volume", "create", "--label", "k=v", "vol", check=True)
    assert sampan("volume", "inspect", "-f", "{{.Name}} {{.Labels.k}}", "vol", check=True).stdout == "vol v\n"
    refused(sampan("volume", "inspect", "-f", "{{.Nme}}", "vol"), 'template: map has no entry for key "Nme"')
    sampan("network", "create", "--subnet", "10.77.1.0/24", "net", check=True)
    assert sampan("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Subnet}}{{end}} {{.ID | len}}", "net",
                  check=True).stdout == "10.77.1.0/24 64\n"


def test_history_has_rows_as_other_lists(sampan, image):
    sampan("create", "--name", "box", image, "true", check=True)
    sampan("commit", "-m", "why", "box", "localhost/kept", check=True)
    image = "localhost/kept"
    assert sampan("history", "--format", "{{.CreatedBy}}|{{.Comment}}", image, check=True).stdout.splitlines()[0] == "true|why"
    table = sampan("history", "--format", "table {{.ID}}\t{{.Size}}", image, check=True).stdout.splitlines()
    assert table[0].split() == ["IMAGE", "SIZE"]
    first = json.loads(sampan("history", "--format", "{{json .}}", image, check=True).stdout.splitlines()[0])
    assert set(first) == {"ID", "CreatedSince", "CreatedAt", "CreatedBy", "Size", "Comment"}
    refused(sampan("history", "--format", "{{.Nme}}", image), "template: there is no field '.Nme'")


def test_info_and_version(sampan):
    version = sampan("version", "--format", "{{.Server.Version}} {{.Client.Os}}", check=True).stdout.split()
    assert version == [sampan("version", "-f", "{{.Version}}", check=True).stdout.strip(), "linux"]
    info = sampan("info", "-f", "{{.ServerVersion}} {{.NCPU}} {{.Driver}} {{.OSType}} {{.ContainersPaused}}", check=True).stdout.split()
    assert info == [version[0], str(os.cpu_count()), "overlay", "linux", "0"]
    refused(sampan("info", "-f", "{{.Nothing}}"), 'template: map has no entry for key "Nothing"')


def test_secrets_and_space(sampan, image, scratch):
    (scratch / "s").write_text("hidden")
    sampan("secret", "create", "--label", "a=b", "key", scratch / "s", check=True)
    assert sampan("secret", "inspect", "-f", "{{.Spec.Name}} {{.Spec.Labels.a}}", "key", check=True).stdout == "key b\n"
    assert sampan("system", "df", "--format", "{{.Type}}={{.TotalCount}}", check=True).stdout == "Images=1\nContainers=0\nLocal Volumes=0\nBuild Cache=0\n"
    assert sampan("system", "df", "--format", "table {{.Type}}", check=True).stdout.split("\n")[0] == "TYPE"


def test_lists_take_all_of_go_s_templates(sampan, image):
    start(sampan, image, "--label", "tier=web")
    shown = sampan("ps", "--format", "{{if eq .State \"running\"}}{{slice .ID 0 4}} {{.Names | upper}}{{end}} {{printf \"%-5s|\" (.Label \"tier\")}}", check=True)
    assert shown.stdout == f"{state(sampan)['ID'][:4]} BOX web  |\n"
    assert sampan("ps", "--format", "table {{lower .Names}}\t{{with .Label \"tier\"}}{{.}}{{end}}", check=True).stdout.splitlines()[1].split() == ["box", "web"]
    assert "create=box" in sampan("events", "--stream=false", "--format", "{{.Action}}{{with .Actor.Attributes.name}}={{.}}{{end}}", check=True).stdout
    refused(sampan("ps", "--format", "{{if .Names}}"), "template parsing error: unexpected EOF at ''")
