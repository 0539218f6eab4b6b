# SPDX-License-Identifier: Apache-2.0
"""`sampan ps`: --filter, --size and templates."""
import json
import re

import pytest

from container_fixture import load, refused, start, state
from image_fixture import Layer, file

pytestmark = pytest.mark.root


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "img", labels={"from": "image"})


def names(sampan, *filters, all_=True):
    options = [f"--filter={f}" for f in filters]
    return sampan("ps", *(["-a"] if all_ else []), "--format", "{{.Names}}", *options, check=True).stdout.split()


def test_filters_of_what_is_on_record(sampan, image):
    first = sampan("create", "--name", "first", "--label", "tier=web", image, "true", check=True).stdout.strip()
    sampan("run", "--name", "second", "--label", "tier=db", image, "sh", "-c", "exit 3")
    start(sampan, image, name="third")
    assert names(sampan) == ["third", "second", "first"] and names(sampan, all_=False) == ["third"]
    assert names(sampan, "name=ir") == ["third", "first"] and names(sampan, "name=^/?first$") == ["first"]
    assert names(sampan, f"id={first[:12]}") == ["first"]
    assert names(sampan, "label=tier") == ["second", "first"] and names(sampan, "label=tier=db") == ["second"]
    assert names(sampan, "label!=tier") == ["third"] and names(sampan, "label=from=image", "label=tier=web") == ["first"]
    assert names(sampan, "exited=3") == ["second"] and names(sampan, "exited=0") == []
    assert names(sampan, "status=created", "status=exited") == ["second", "first"]
    assert names(sampan, "status=created", all_=False) == ["first"]  # docker's: it shows all
    assert names(sampan, "before=second") == ["first"] and names(sampan, "since=second") == ["third"]
    assert names(sampan, "health=none") == ["third", "second", "first"] and names(sampan, "health=healthy") == []
    assert sampan("ps", "-a", "-q", "-n", "1", "--filter", "label=tier", check=True).stdout.strip() == \
        state(sampan, "second")["ID"][:12]


def test_filters_that_look_elsewhere(sampan, image, scratch):
    other = load(sampan, scratch, "other", layers=[Layer([file("extra", b"x")])])
    (scratch / "dir").mkdir()
    sampan("create", "--name", "vol", "-v", "data:/data", image, "true", check=True)
    sampan("create", "--name", "bind", "-v", f"{scratch / 'dir'}:/mnt", image, "true", check=True)
    sampan("create", "--name", "host", "--network", "host", other, "true", check=True)
    assert names(sampan, "volume=data") == ["vol"] and names(sampan, "volume=/data") == ["vol"]
    assert names(sampan, f"volume={scratch / 'dir'}") == ["bind"] == names(sampan, "volume=/mnt")
    assert names(sampan, "network=host") == ["host"] and names(sampan, "network=none") != ["host"]
    assert names(sampan, "ancestor=localhost/other") == ["host"]
    assert names(sampan, f"ancestor={image}") == ["host", "bind", "vol"]  # the other one is built on it
    assert names(sampan, "publish=80") == [] == names(sampan, "expose=80-90/udp")


def test_filters_that_are_none_are_refused(sampan):
    refused(sampan("ps", "--filter", "colour=red"), "invalid filter 'colour=red' (there are ancestor, before,")
    refused(sampan("ps", "--filter", "status=asleep"), "invalid filter 'status=asleep'")
    refused(sampan("ps", "--filter", "exited=often"), "invalid filter 'exited=often'")
    refused(sampan("ps", "--filter", "publish=eighty"), "invalid filter 'publish=eighty'")
    refused(sampan("ps", "--filter", "before=nobody"), "no such container: nobody")


def test_templates_have_dockers_fields(sampan, image, scratch):
    (scratch / "dir").mkdir()
    box = start(sampan, image, "--label", "com.example.my-tier=web", "-v", "a-volume-with-a-long-name:/v", "-v",
                f"{scratch / 'dir'}:/d", "--network", "host")

    def row(template, *args):
        return sampan("ps", "--format", template, *args, check=True).stdout.rstrip("\n")

    assert row("{{.ID}} {{.Image}} {{.Names}} {{.State}}") == f"{box[:12]} {image} box running"
    assert row("{{.ID}}", "--no-trunc") == box
    assert row('{{.Label "com.example.my-tier"}}|{{.Label "none"}}') == "web|"
    assert row("{{.Labels}}") == "from=image,com.example.my-tier=web"
    assert row("{{.Mounts}}").startswith("a-volume-with-…,") and row("{{.LocalVolumes}} {{.Networks}}") == "1 host"
    assert row("{{.Mounts}}", "--no-trunc") == f"a-volume-with-a-long-name,{scratch / 'dir'}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \S+", row("{{.CreatedAt}}"))
    assert row("{{upper .Names}} {{.Status}}").startswith("BOX Up ") and row("{{.RunningFor}}").endswith(" ago")
    assert row('table {{.Names}}\\t{{.Label "com.example.my-tier"}}').splitlines() == ["NAMES   my tier", "box     web"]
    shown = json.loads(row("{{json .}}"))
    assert shown["Names"] == "box" and shown["Networks"] == "host" and "Label" not in shown
    (listed,) = json.loads(row("json"))
    assert listed["Labels"] == {"from": "image", "com.example.my-tier": "web"} and listed["Networks"] == "host"
    refused(sampan("ps", "--format", "{{.Colour}}"), "template: there is no field '.Colour'")


def test_the_size_is_what_it_has_written(sampan, image):
    sampan("run", "--name", "box", image, "dd", "if=/dev/zero", "of=/big", "bs=1000000", "count=3", check=True)
    table = sampan("ps", "-a", "-s", check=True).stdout.splitlines()
    assert table[0].split()[-1] == "SIZE" and re.search(r" 3(\.\d+)?MB \(virtual [4-9](\.\d+)?MB\)$", table[1]), table
    assert sampan("ps", "-a", "--format", "{{.Size}}", check=True).stdout.startswith("3")
    assert "SIZE" not in sampan("ps", "-a", check=True).stdout
