# SPDX-License-Identifier: Apache-2.0
"""`sampan completion`, the scripts in their shells, and `sampan __complete`, which answers them."""
import os
import shutil
import subprocess

import pytest

from busybox_fixture import busybox_layer
from conftest import BUILD, SLOW
from image_fixture import Image, machine_architecture, write_layout

SHELLS = ["bash", "zsh", "fish"]


def complete(sampan, *words):
    """{candidate: what it is}; "" where nothing is said of it."""
    done = sampan("__complete", *words, check=True)
    assert done.stderr == ""
    return dict(line.split("\t") if "\t" in line else (line, "") for line in done.stdout.splitlines())


def in_bash(sampan, line, *words):
    """What bash makes of `line`, which readline has broken into `words`."""
    script = sampan("completion", "bash", check=True).stdout
    driver = f"""{script}
COMP_LINE=$1 COMP_POINT=${{#1}}
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_sampan
[ ${{#COMPREPLY[@]}} = 0 ] || printf '%s\\n' "${{COMPREPLY[@]}}" """
    env = {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "--norc", "-c", driver, "bash", line, *words], env=env, check=True, text=True, capture_output=True,
                          timeout=20 * SLOW)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def image(sampan, scratch):
    content = Image([busybox_layer(machine_architecture())], cmd=["sh"], env=["PATH=/usr/bin:/bin"])
    layout = write_layout(scratch / "words", {None: content})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    return "localhost/words"


# --- the scripts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_can_parse_its_script(sampan, shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    script = sampan("completion", shell, check=True).stdout
    assert f"{shell} completion for sampan" in script
    subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=20 * SLOW)


def test_other_shells_are_refused(sampan):
    done = sampan("completion", "tcsh")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == "sampan: unknown shell 'tcsh' (there are bash, zsh and fish)\nSee 'sampan completion --help'.\n"


def test_values_of_build_are_completed(sampan):
    assert list(complete(sampan, "build", "--progress", "")) == ["auto", "plain", "tty", "rawjson"]
    assert list(complete(sampan, "build", "--network", "")) == ["default", "host", "none"]
    assert "type=local,dest=" in complete(sampan, "build", "-o", "t")


def test_bash_completes_commands(sampan):
    assert in_bash(sampan, "sampan sto", "sampan", "sto") == ["stop"]
    assert in_bash(sampan, "sampan network dis", "sampan", "network", "dis") == ["disconnect"]


def test_bash_completes_options_and_their_values(sampan):
    assert in_bash(sampan, "sampan run --health-on", "sampan", "run", "--health-on") == ["--health-on-failure"]
    assert in_bash(sampan, "sampan run --pull al", "sampan", "run", "--pull", "al") == ["always"]


def test_bash_replaces_only_what_follows_an_equals_sign_or_a_colon(sampan):
    assert in_bash(sampan, "sampan run --pull=al", "sampan", "run", "--pull", "=", "al") == ["always"]
    assert in_bash(sampan, "sampan run --network=", "sampan", "run", "--network", "=") == ["bridge", "host", "none", "container:"]
    assert in_bash(sampan, "sampan copy docker:", "sampan", "copy", "docker", ":") == ["//"]


def test_bash_completes_file_names(sampan, tmp_path):
    (tmp_path / "image.tar").touch()
    (tmp_path / "images").mkdir()
    start = f"{tmp_path}/im"
    assert sorted(in_bash(sampan, f"sampan load -i {start}", "sampan", "load", "-i", start)) == [f"{start}age.tar", f"{start}ages"]
    assert in_bash(sampan, f"sampan --root {start}", "sampan", "--root", start) == [f"{start}ages"]


@pytest.mark.root
def test_bash_completes_names_in_the_store_that_the_line_names(sampan, image):
    sampan("create", "--name", "one", image, check=True)
    root, state = str(sampan.root), str(sampan.state_dir)
    front = ["sampan", "--root", root, "--state-dir", state]
    assert in_bash(sampan, f"{' '.join(front)} start o", *front, "start", "o") == ["one"]
    assert in_bash(sampan, f"{' '.join(front)} run localhost/w", *front, "run", "localhost/w") == ["localhost/words:latest"]
    assert in_bash(sampan, f"{' '.join(front)} run localhost/words:la", *front, "run", "localhost/words", ":", "la") == ["latest"]


def test_fish_completes(sampan):
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    script = sampan("completion", "fish", check=True).stdout
    env = {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}"}

    def in_fish(line):
        done = subprocess.run(["fish", "--no-config", "-c", f"{script}\ncomplete -C '{line}'"], env=env, check=True, text=True,
                              capture_output=True, timeout=20 * SLOW)
        return done.stdout.splitlines()

    assert in_fish("sampan netw") == ["network\tManage networks"]
    assert in_fish("sampan run --network=h") == ["--network=host"]
    assert "/etc/hosts" in in_fish("sampan load --input /etc/hos")


# --- what they ask ---------------------------------------------------------------------------------------


def test_all_commands_of_help_are_offered_and_no_hidden_ones(sampan):
    text = sampan("--help", check=True).stdout
    listed = [line.split()[0] for line in text.split("Commands:\n")[1].split("\n\n")[0].splitlines()]
    assert list(complete(sampan, "")) == listed
    assert not [name for name in listed if name.startswith(("monitor-", "__"))]


@pytest.mark.parametrize("command", ["run", "pull", "network create", "manifest push"])
def test_options_are_those_of_help(sampan, command):
    text = sampan(*command.split(), "--help", check=True).stdout.split("Options:\n")[1]
    names = [f"--{line.split('--')[1].split()[0]}" for line in text.splitlines()]
    offered = complete(sampan, *command.split(), "-")
    assert list(offered) == names
    assert all(offered.values())


def test_what_follows_the_image_is_the_containers(sampan):
    assert complete(sampan, "run", "alpine", "-") == {":files": ""}
    assert "--rm" in complete(sampan, "run", "-it", "--name", "alpine", "-")
    assert "--detach" not in complete(sampan, "run", "--", "-")


@pytest.mark.parametrize("words, expected", [
    (["kill", "-s", "SIGTER"], ["SIGTERM"]),
    (["kill", "--signal=SIGTER"], ["--signal=SIGTERM"]),
    (["run", "--cap-drop", "SYS_AD"], ["SYS_ADMIN"]),
    (["run", "--restart", "on"], ["on-failure", "on-failure:"]),
    (["run", "-itu", ""], []),
    (["run", "-itw", ""], [":files"]),
    (["manifest", "push", "-f", ""], ["oci", "v2s2"]),
    (["save", "--format", "oci"], ["oci-archive", "oci-dir"]),
    (["completion", "z"], ["zsh"]),
    (["no-such-command", ""], []),
    (["network", "no-such-command", "-"], []),
    (["run", "--no-such-option=", ""], []),
])
def test_values_are_known(sampan, words, expected):
    assert list(complete(sampan, *words)) == expected


def test_the_environment_is_offered_by_name_only(sampan):
    done = sampan("__complete", "run", "-e", "SAMPAN_TEST_S", env={"SAMPAN_TEST_SECRET": "hidden"}, check=True)
    assert done.stdout == "SAMPAN_TEST_SECRET\n"


@pytest.mark.root
def test_containers_are_offered_by_their_state(sampan, image):
    sampan("run", "-d", "--name", "up", image, "sleep", "1000", check=True)
    sampan("create", "--name", "made", image, check=True)
    for command, expected in [("stop", {"up"}), ("kill", {"up"}), ("attach", {"up"}), ("start", {"made"}), ("rm", {"made"}),
                              ("logs", {"up", "made"}), ("wait", {"up", "made"})]:
        assert set(complete(sampan, command, "")) == expected, command
    assert complete(sampan, "stop", "")["up"] == f"{image}, running"
    assert list(complete(sampan, "cp", "m")) == ["made:", ":files"]
    assert list(complete(sampan, "cp", "file", "u")) == ["up:", ":files"]
    assert list(complete(sampan, "exec", "-it", "u")) == ["up"]
    assert set(complete(sampan, "inspect", "")) == {"up", "made", f"{image}:latest"}
    assert complete(sampan, "image", "rm", "localhost/w") == {f"{image}:latest": ""}


@pytest.mark.root
def test_networks_are_offered(sampan):
    sampan("network", "create", "--subnet", "10.91.7.0/24", "completed", check=True)
    assert set(complete(sampan, "network", "rm", "c")) == {"completed"}
    assert list(complete(sampan, "run", "--network", "co")) == ["completed", "container:"]


@pytest.mark.root
def test_volumes_and_secrets_are_offered(sampan):
    sampan("volume", "create", "kept", check=True)
    sampan("secret", "create", "key", "-", input="hidden", check=True)
    assert list(complete(sampan, "volume", "rm", "k")) == ["kept"]
    assert list(complete(sampan, "run", "-v", "k")) == ["kept", ":files"]
    assert complete(sampan, "volume", "create", "k") == {}
    assert list(complete(sampan, "secret", "rm", "k")) == ["key"]
    assert list(complete(sampan, "run", "--secret", "k")) == ["key"]
