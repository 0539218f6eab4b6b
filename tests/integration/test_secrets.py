# SPDX-License-Identifier: Apache-2.0
"""Secrets: `sampan secret` and run --secret, with real containers."""
import json
import os
import stat
import subprocess

import pytest

from busybox_fixture import busybox_layer
from image_fixture import Image, machine_architecture, write_layout

pytestmark = pytest.mark.root

WORD = "correct-horse-battery"


@pytest.fixture(name="plain")
def fixture_plain(sampan, scratch):
    layout = write_layout(scratch / "plain", {None: Image([busybox_layer(machine_architecture())], cmd=["sh"])})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    sampan("secret", "create", "word", "-", input=WORD, check=True)
    return "localhost/plain"


def run(sampan, *args):
    return sampan("run", "--rm", *args, check=True).stdout


def is_on_disk(top, text):
    """Whether a file below a container's directory holds it."""
    return subprocess.run(["grep", "-rlF", text, top], check=False, stdout=subprocess.DEVNULL).returncode == 0


def test_a_secret_is_made_shown_and_removed(sampan, scratch):
    source = scratch / "source"
    source.write_bytes(b"\x00binary\xff")
    identity = sampan("secret", "create", "--label", "a=1", "bin", source, check=True).stdout.strip()
    assert len(identity) == 25
    assert stat.S_IMODE((sampan.root / "secrets" / "bin").stat().st_mode) == 0o600
    (shown,) = json.loads(sampan("secret", "inspect", identity[:6], check=True).stdout)
    assert (shown["ID"], shown["Spec"]["Name"], shown["Spec"]["Labels"]) == (identity, "bin", {"a": "1"})
    assert "SecretData" not in shown
    assert sampan("secret", "ls", "--format", "{{.ID}} {{.Name}} {{.Driver}}", check=True).stdout == f"{identity} bin file\n"
    assert sampan("secret", "rm", "bin", check=True).stdout == f"{identity}\n"
    assert sampan("secret", "ls", "-q", check=True).stdout == ""
    assert os.listdir(sampan.root / "secrets") == []


def test_a_secret_comes_from_the_environment_and_can_be_replaced(sampan):
    first = sampan("secret", "create", "--env", "one", "MY_WORD", env={"MY_WORD": WORD}, check=True).stdout
    (shown,) = json.loads(sampan("secret", "inspect", "--showsecret", "one", check=True).stdout)
    assert shown["SecretData"] == WORD
    done = sampan("secret", "create", "one", "-", input="other")
    assert (done.returncode, done.stderr) == (1, "sampan: secret name one already in use\n")
    assert sampan("secret", "create", "--replace", "one", "-", input="other", check=True).stdout == first
    (shown,) = json.loads(sampan("secret", "inspect", "--showsecret", "one", check=True).stdout)
    assert shown["SecretData"] == "other"


@pytest.mark.parametrize("args, message", [
    (["create", "../x", "-"], "invalid secret name"),
    (["create", ".x", "-"], "invalid secret name"),
    (["create", "xx", "-"], "secret data must be larger than 0 and less than 512000 bytes"),
    (["create", "xx", "/nowhere"], "cannot open '/nowhere'"),
    (["create", "--env", "xx", "NOT_SET_ANYWHERE"], "environment variable NOT_SET_ANYWHERE is not set"),
    (["rm", "none"], 'no secret with name or id "none": no such secret'),
    (["rm"], "at least one secret must be given"),
    (["inspect", "none"], 'no secret with name or id "none": no such secret'),
])
def test_what_is_wrong_is_said(sampan, args, message):
    done = sampan("secret", *args)
    assert done.returncode == 1 and message in done.stderr, done


def test_a_secret_that_is_too_large_is_refused(sampan):
    done = sampan("secret", "create", "big", "-", input="x" * 512001)
    assert done.returncode == 1 and "less than 512000 bytes" in done.stderr


def test_a_container_has_it_as_a_file_and_nothing_of_it_on_disk(sampan, plain):
    sampan("run", "-d", "--name", "box", "--secret", "word", plain, "sleep", "100", check=True)
    assert run(sampan, "--secret", "word", plain, "cat", "/run/secrets/word") == WORD
    shown = run(sampan, "--secret", "word", plain, "sh", "-c", "stat -c '%a %u %g' /run/secrets/word; grep secrets /proc/mounts")
    mode, mount = shown.splitlines()
    assert mode == "444 0 0"
    assert mount.split()[2] == "tmpfs" and "ro" in mount.split()[3].split(",")
    cid = sampan("inspect", "--format", "{{.Id}}", "box", check=True).stdout.strip()
    top = sampan.root / "containers" / cid
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert f"{top}/secrets" in table.read()
    assert not is_on_disk(top / "upper", WORD)
    assert not is_on_disk(top / "config.json", WORD)
    assert not is_on_disk(top / "life.json", WORD)
    sampan("stop", "-t", "0", "box", check=True)
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert str(top) not in table.read()
    assert os.listdir(top / "secrets") == []


def test_target_owner_and_mode_are_as_asked(sampan, plain):
    how = "word,target=/etc/deep/word,uid=1000,gid=2000,mode=0400"
    assert run(sampan, "--secret", how, "--user", "1000", plain, "sh", "-c",
               "stat -c '%a %u %g' /etc/deep/word; cat /etc/deep/word") == f"400 1000 2000\n{WORD}"
    assert run(sampan, "--secret", "source=word,target=other", plain, "cat", "/run/secrets/other") == WORD


def test_as_a_variable_it_is_the_processs_own(sampan, plain):
    assert run(sampan, "--secret", "word,type=env", plain, "sh", "-c", "echo $word") == f"{WORD}\n"
    sampan("run", "--name", "box", "--secret", "word,type=env,target=PASS", plain, "sh", "-c", "echo $PASS", check=True)
    assert WORD not in sampan("inspect", "box", check=True).stdout
    cid = sampan("inspect", "--format", "{{.Id}}", "box", check=True).stdout.strip()
    for name in ("config.json", "life.json", "container.json"):
        assert not is_on_disk(sampan.root / "containers" / cid / name, WORD)


def test_it_is_read_anew_at_each_start(sampan, plain):
    sampan("create", "--name", "box", "--secret", "word", plain, "cat", "/run/secrets/word", check=True)
    assert sampan("start", "-a", "box", check=True).stdout == WORD
    sampan("secret", "create", "--replace", "word", "-", input="changed", check=True)
    assert sampan("start", "-a", "box", check=True).stdout == "changed"
    sampan("secret", "rm", "word", check=True)
    done = sampan("start", "-a", "box")
    assert done.returncode != 0 and 'no secret with name or id "word"' in done.stderr


@pytest.mark.parametrize("text, message", [
    ("nobody", 'no secret with name or id "nobody": no such secret'),
    ("word,type=file", "type file is invalid"),
    ("word,colour=red", "no secret field has the name 'colour'"),
    ("word,target=../x", "invalid target '../x'"),
    ("word,mode=9", "invalid mode '9'"),
    ("type=env", "no secret name given"),
])
def test_a_bad_flag_is_refused(sampan, plain, text, message):
    done = sampan("run", "--rm", "--secret", text, plain, "true")
    assert done.returncode == 125 and message in done.stderr, done
    assert os.listdir(sampan.root / "containers") == []
