# SPDX-License-Identifier: Apache-2.0
"""`sampan events`: what is written when something happens, and how it is shown."""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import SLOW
from container_fixture import load, monitor_of, refused, start, state, wait_for
from image_fixture import Image, Layer, file, root, write_layout

pytestmark = pytest.mark.root


@pytest.fixture
def image(sampan, scratch):
    return load(sampan, scratch, "img")


def events(sampan, *args, **filters):
    """All on record, decoded."""
    options = [f"--filter={k}={v}" for k, v in filters.items()]
    printed = sampan("events", "--stream=false", "--format", "json", *options, *args, check=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def actions(sampan, *args, **filters):
    return [e["Action"] for e in events(sampan, *args, **filters)]


# --- what is written -------------------------------------------------------------------------------------------------


def test_a_life_from_create_to_destroy(sampan, image):
    box = start(sampan, image, "--label", "tier=web")
    sampan("pause", "box", check=True)
    sampan("unpause", "box", check=True)
    sampan("rename", "box", "crate", check=True)
    assert sampan("exec", "crate", "sh", "-c", "exit 3").returncode == 3
    sampan("restart", "-t", "5", "crate", check=True)
    sampan("stop", "crate", check=True)
    sampan("rm", "crate", check=True)
    found = events(sampan, type="container")
    assert [e["Action"].split(":")[0] for e in found] == [
        "create", "start", "pause", "unpause", "rename", "exec_create", "exec_start", "exec_die", "kill", "die", "stop",
        "start", "restart", "kill", "die", "stop", "destroy"]
    assert all(e["id"] == e["Actor"]["ID"] == box and e["from"] == image and e["status"] == e["Action"] for e in found)
    attributes = {e["Action"].split(":")[0]: e["Actor"]["Attributes"] for e in found}
    assert attributes["create"] == {"image": image, "name": "box", "tier": "web"}
    assert attributes["rename"] == {"image": image, "name": "crate", "oldName": "/box", "tier": "web"}
    assert attributes["kill"]["signal"] == "15" and attributes["die"]["exitCode"] == "0"
    assert int(attributes["die"]["execDuration"]) <= 60 * SLOW
    assert attributes["exec_die"]["exitCode"] == "3"
    assert attributes["exec_die"]["execID"] == attributes["exec_create"]["execID"] != ""
    assert "exec_start: sh -c exit 3" in [e["Action"] for e in found]


def test_a_run_in_the_foreground(sampan, image):
    assert sampan("run", "--rm", "--name", "box", image, "sh", "-c", "exit 5").returncode == 5
    assert actions(sampan, type="container") == ["create", "attach", "start", "die", "destroy"]
    (die,) = events(sampan, event="die")
    assert die["Actor"]["Attributes"]["exitCode"] == "5"


def test_looking_at_a_container_and_copying(sampan, image, scratch):
    start(sampan, image)
    (scratch / "file").write_text("x")
    sampan("top", "box", check=True)
    sampan("cp", scratch / "file", "box:/etc/file", check=True)
    sampan("cp", "box:/etc/file", scratch / "back", check=True)
    assert sampan("cp", "box:/nothing", scratch / "back").returncode == 1
    sampan("stop", "-t", "0", "box", check=True)
    sampan("cp", "box:/etc/file", "-", check=True)
    sampan("cp", scratch / "file", "box:/etc/more", check=True)
    assert [a for a in actions(sampan, container="box") if a not in ("create", "start", "kill", "die", "stop")] == [
        "top", "extract-to-dir", "archive-path", "archive-path", "extract-to-dir"]


def test_a_detached_exec_is_told_of_when_it_ends(sampan, image):
    start(sampan, image)
    sampan("exec", "-d", "box", "sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; exit 7", check=True)
    assert actions(sampan, event="exec_die") == []
    sampan("exec", "box", "touch", "/go", check=True)
    wait_for(lambda: len(actions(sampan, event="exec_die")) == 2, "its end")
    died = {e["Actor"]["Attributes"]["execID"]: e for e in events(sampan, event="exec_die")}
    (begun, _) = events(sampan, event="exec_start")
    told = died[begun["Actor"]["Attributes"]["execID"]]["Actor"]["Attributes"]
    assert (told["exitCode"], told["name"], told["image"]) == ("7", "box", image)
    # Whoever waits does not outlive the command, nor keep us from it.
    assert not [line for line in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
                if "--await" in line and str(sampan.root) in line]
    done = sampan("exec", "-d", "box", "/nothing")
    assert done.returncode == 127 and 'exec: "/nothing"' in done.stderr
    assert actions(sampan, event="exec_die")[2:] == ["exec_die"]


def test_a_terminal_that_is_resized_and_left(sampan, image):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = sampan.popen("run", "-it", "--name", "box", image, "sh", stdin=slave, stdout=slave, stderr=slave, text=False)
    wait_for(lambda: actions(sampan, event="resize"), "its size")
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process.send_signal(signal.SIGWINCH)
    wait_for(lambda: len(actions(sampan, event="resize")) == 2, "its new size")
    os.write(master, b"\x10\x11")
    assert process.wait(10 * SLOW) == 0
    assert [(e["Actor"]["Attributes"]["height"], e["Actor"]["Attributes"]["width"]) for e in events(sampan, event="resize")] == [
        ("30", "100"), ("40", "120")]
    process = sampan.popen("exec", "-it", "box", "sh", stdin=slave, stdout=slave, stderr=slave, text=False)
    wait_for(lambda: actions(sampan, event="exec_start"), "its shell")
    seen = b""
    os.write(master, b"echo $((6*7))\n")
    while b"42" not in seen:
        seen += os.read(master, 1000)
    os.write(master, b"\x10\x11")
    assert process.wait(10 * SLOW) == 0
    assert [a.split(":")[0] for a in actions(sampan, type="container") if a != "resize"] == [
        "create", "attach", "start", "detach", "exec_create", "exec_start", "exec_detach"]
    os.close(master)
    os.close(slave)


def test_what_ends_by_itself_and_is_started_again(sampan, image):
    sampan("run", "--name", "box", "--restart", "on-failure:1", image, "sh", "-c", "exit 9")
    wait_for(lambda: state(sampan)["State"] == "exited", "its end")
    assert actions(sampan, container="box") == ["create", "attach", "start", "die", "start", "die"]
    sampan("run", "--name", "broken", image, "/nothing")
    assert actions(sampan, container="broken") == ["create", "attach", "die"]


def test_a_container_whose_monitor_was_killed(sampan, image):
    start(sampan, image, "--rm")
    os.kill(monitor_of(state(sampan)["Pid"]), signal.SIGKILL)
    wait_for(lambda: sampan("ps", "-aq", check=True).stdout == "", "its end")
    assert actions(sampan, container="box") == ["create", "start", "die", "destroy"]
    (die,) = events(sampan, event="die")
    assert die["Actor"]["Attributes"]["exitCode"] == "137"


def test_changes_of_health(sampan, image):
    start(sampan, image, "--health-cmd", "test ! -e /sick", "--health-interval", "300ms", "--health-retries", "1")
    wait_for(lambda: "health_status: healthy" in actions(sampan, event="health_status"), "its health")
    sampan("exec", "box", "touch", "/sick", check=True)
    wait_for(lambda: actions(sampan, event="health_status")[-1:] == ["health_status: unhealthy"], "its illness")
    assert actions(sampan, event="health_status") == ["health_status: healthy", "health_status: unhealthy"]


def test_volumes_and_their_mounts(sampan, image):
    sampan("volume", "create", "data", check=True)
    sampan("run", "--rm", "-v", "data:/data:ro", "-v", "/anonymous", image, "true", check=True)
    sampan("volume", "rm", "data", check=True)
    found = events(sampan, type="volume")
    anonymous = next(e["Actor"]["ID"] for e in found if e["Actor"]["ID"] != "data")
    assert [(e["Action"], e["Actor"]["ID"]) for e in found if e["Actor"]["ID"] == "data"] == [
        ("create", "data"), ("mount", "data"), ("unmount", "data"), ("destroy", "data")]
    assert actions(sampan, volume=anonymous) == ["create", "mount", "unmount", "destroy"]
    mount = next(e for e in found if e["Action"] == "mount" and e["Actor"]["ID"] == "data")["Actor"]["Attributes"]
    assert (mount["destination"], mount["driver"], mount["read/write"]) == ("/data", "local", "false")
    assert "status" not in found[0] and "from" not in found[0]


def test_images_from_pull_to_delete(sampan, image, scratch):
    content = Image([Layer([root(), file("one", b"1")])], labels={"tier": "web"})
    sampan("pull", "-q", f"oci:{write_layout(scratch / 'one', {None: content})}", check=True)
    config = json.loads(content.text)["config"]["digest"]
    sampan("tag", "localhost/one", "localhost/two:v2", check=True)
    sampan("save", "-q", "-o", scratch / "one.tar", "localhost/one", check=True)
    sampan("rmi", "localhost/one", "localhost/two:v2", check=True)
    sampan("load", "-q", "-i", scratch / "one.tar", check=True)
    found = [e for e in events(sampan, type="image") if "img" not in e["Actor"]["Attributes"]["name"]]
    assert [(e["Action"], e["id"], e["Actor"]["Attributes"]["name"]) for e in found] == [
        ("pull", "localhost/one:latest", "localhost/one"), ("tag", config, "localhost/two:v2"),
        ("save", config, "localhost/one:latest"), ("untag", config, "localhost/one:latest"),
        ("untag", config, "localhost/two:v2"), ("delete", config, "localhost/two:v2"),
        ("load", config, "localhost/one:latest")]
    assert all(e["Actor"]["Attributes"]["tier"] == "web" for e in found)
    sampan("create", "--name", "box", image, "true", check=True)
    made = sampan("commit", "-m", "why", "box", "localhost/made", check=True).stdout.strip()
    (commit,) = events(sampan, event="commit")
    assert commit["Actor"]["Attributes"] == {"comment": "why", "image": image, "imageID": made, "name": "box",
                                             "imageRef": "localhost/made:latest"}
    imported = sampan("import", "-", "localhost/imported", check=True, text=False,
                      stdin=subprocess.Popen(["tar", "-c", "-C", scratch, "one"], stdout=subprocess.PIPE).stdout)
    (found,) = events(sampan, event="import")
    assert found["id"] == imported.stdout.decode().strip()


def test_networks_that_are_made_and_removed(sampan):
    ident = sampan("network", "create", "front", check=True).stdout.strip()
    sampan("network", "rm", "front", check=True)
    found = events(sampan, type="network", network="front")
    assert [(e["Action"], e["Actor"]) for e in found] == [
        (action, {"ID": ident, "Attributes": {"name": "front", "type": "bridge"}}) for action in ("create", "destroy")]


def test_a_failure_to_write_fails_no_command(sampan, image):
    (sampan.state_dir / "events").rename(sampan.state_dir / "events.was")
    (sampan.state_dir / "events").write_text("no directory", encoding="ascii")
    assert sampan("run", "--rm", image, "echo", "works", check=True).stdout == "works\n"
    done = sampan("events", "--stream=false")
    assert (done.returncode, done.stdout) == (1, "") and "events" in done.stderr


def test_a_full_disk_fails_no_command(sampan, image):
    log = sampan.state_dir / "events"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "full", log], check=True)
    try:
        for _ in range(40):
            sampan("create", image, "true", check=True)
        (log / "events.json").write_bytes(b"")  # there is room again
        sampan("create", "--name", "last", image, "true", check=True)
        assert actions(sampan, container="last") == ["create"]
    finally:
        subprocess.run(["umount", log], check=True)


@pytest.mark.plain
def test_a_start_pays_three_system_calls(sampan, image, scratch):
    trace = scratch / "trace"
    sampan("run", "--rm", "--network", "none", image, "true", check=True)
    subprocess.run(["strace", "-f", "-y", "-o", trace, *sampan.argv, "run", "--rm", "--network", "none", image, "true"],
                   check=True, timeout=60 * SLOW)
    lines = trace.read_text(errors="replace").splitlines()
    calls = [line.split(maxsplit=1)[1].split("(")[0] for line in lines if "/events/events.json" in line and "resumed" not in line]
    # `create` and `attach`, and the helper's `start`; then `die` and `destroy`, which look at the size as well.
    assert calls == 2 * ["openat", "write", "close"] + 2 * ["openat", "write", "lseek", "close"]


# --- how it is shown -------------------------------------------------------------------------------------------------


def test_a_line_has_dockers_form(sampan, image):
    made = sampan("create", "--name", "box", image, "true", check=True).stdout.strip()
    (line,) = sampan("events", "--stream=false", "--filter", "type=container", check=True).stdout.splitlines()
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{9}}(Z|[+-]\d\d:\d\d) container create {made} "
                        rf"\(image={image}, name=box\)", line), line
    shown = sampan("events", "--stream=false", "--filter", "type=container", "--format",
                   "{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.Time}}", check=True).stdout
    assert re.fullmatch(r"container create box \d+\n", shown)
    assert sampan("system", "events", "--stream=false", check=True).stdout == sampan("events", "--stream=false", check=True).stdout


def test_times_limit_what_is_shown(sampan, image):
    sampan("create", "--name", "one", image, "true", check=True)
    time.sleep(1.1)
    between = str(time.time())
    sampan("create", "--name", "two", image, "true", check=True)

    def names(*args):
        shown = sampan("events", "--format", "{{.Actor.Attributes.name}}", "--filter", "event=create", *args, check=True).stdout
        return shown.split()

    assert names("--stream=false", "--since", between) == ["two"] and names("--until", between) == ["one"]
    assert names("--stream=false", "--since", "10m") == ["one", "two"] == names("--since", "10m", "--until", str(time.time()))
    began = time.monotonic()
    assert names("--until", str(time.time() + 1)) == ["one", "two"]
    assert time.monotonic() - began > 0.9
    refused(sampan("events", "--since", "1m", "--until", "1h"), "cannot be after `until` time (1h)", code=125)


def test_mistakes_are_told_of(sampan):
    refused(sampan("events", "--filter", "colour=red"), "invalid filter 'colour=red' (there are container, event,", code=125)
    refused(sampan("events", "--format", "{{.Colour}}"), "template: there is no field '.Colour'", code=125)
    refused(sampan("events", "--since", "yesterday"), 'failed to parse value as time or duration: "yesterday"', code=125)


@pytest.mark.plain
def test_a_stream_follows_across_rotations_with_many_writers(sampan, image):
    sampan("create", "--name", "before", image, "true", check=True)
    stream = sampan.popen("events", "--filter", "event=tag", "--format", "{{.Actor.Attributes.name}}")
    wait_for(lambda: "inotify" in "".join(os.readlink(f"/proc/{stream.pid}/fd/{fd}") for fd in
                                          os.listdir(f"/proc/{stream.pid}/fd")), "its watch")
    # Events of other sizes fill the file in between.
    filler = b"".join(b'\n{"time":"%d","type":"volume","action":"create","id":"%s","attributes":{}}\n' % (n + 1, b"x" * 8000)
                      for n in range(20))
    for n in range(12):
        tagging = [sampan.popen("tag", image, f"localhost/n{n}:{i}") for i in range(4)]
        fd = os.open(sampan.state_dir / "events" / "events.json", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, filler)
        os.close(fd)
        assert [process.wait(30 * SLOW) for process in tagging] == [0] * 4
        seen = {stream.stdout.readline().strip() for _ in range(4)}
        assert seen == {f"localhost/n{n}:{i}" for i in range(4)}
    sizes = [os.path.getsize(sampan.state_dir / "events" / name) for name in os.listdir(sampan.state_dir / "events")]
    assert len(sizes) == 2 and sum(sizes) < 1 << 20
    stream.send_signal(signal.SIGINT)
    assert stream.wait(10 * SLOW) == -signal.SIGINT


def test_each_group_of_a_prune_has_its_event(sampan, image):
    sampan("create", "--name", "box", image, "true", check=True)
    sampan("container", "prune", "-f", check=True)
    assert actions(sampan, type="container") == ["create", "destroy", "prune"]
    (prune,) = events(sampan, event="prune")
    assert list(prune["Actor"]["Attributes"]) == ["reclaimed"]
    sampan("system", "prune", "-f", "--volumes", check=True)
    assert [e["Type"] for e in events(sampan, event="prune")] == ["container", "container", "network", "volume", "image", "builder"]
    sampan("create", "--name", "box", image, "true", check=True)
    sampan("export", "-o", "/dev/null", "box", check=True)
    assert actions(sampan, type="container")[-1] == "export"
