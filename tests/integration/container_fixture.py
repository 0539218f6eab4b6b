# SPDX-License-Identifier: Apache-2.0
"""Containers that run in the background, for tests of the commands that act on them."""
import json
import os
import time

from busybox_fixture import busybox_layer
from conftest import SLOW
from image_fixture import Image, machine_architecture, write_layout

SLEEP = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")


def load(sampan, scratch, name, layers=(), **config):
    """Loads an image of busybox and `layers` into the store as localhost/NAME:latest."""
    config.setdefault("env", ["PATH=/usr/bin:/bin", "FROM_IMAGE=yes"])
    layout = write_layout(scratch / name, {None: Image([busybox_layer(machine_architecture()), *layers], **config)})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    return f"localhost/{name}"


def start(sampan, image, *options, name="box", command=SLEEP):
    """Starts a container that runs until it is stopped; its ID."""
    return sampan("run", "-d", "--name", name, *options, image, *command, check=True).stdout.strip()


def state(sampan, name="box"):
    """What ps says of it: "State", "Pid", "ID", ..."""
    (found,) = [c for c in json.loads(sampan("ps", "-a", "--format", "json", check=True).stdout) if c["Names"] == name]
    return found


def shell(sampan, script, name="box", **kwargs):
    """What a script in the container prints."""
    return sampan("exec", name, "sh", "-c", script, check=True, **kwargs).stdout


def wait_for(condition, what, seconds=10):
    deadline = time.monotonic() + seconds * SLOW
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen in {seconds * SLOW} s")


def monitor_of(pid):
    """The monitor of a container whose init is `pid`: its parent, once the helper has ended that has started it."""
    def found():
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                parent = int(stat.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{parent}/comm", encoding="ascii") as comm:
                return comm.read() == "sampan-monitor\n" and parent
        except FileNotFoundError:  # the helper, just now
            return None
    return wait_for(found, f"the monitor of {pid}")


def refused(done, text, code=1):
    assert (done.returncode, done.stdout) == (code, ""), done
    assert text in done.stderr, done.stderr


def upper(sampan, name="box"):
    """Where the container's own files are."""
    return sampan.root / "containers" / state(sampan, name)["ID"] / "upper"


def staged(sampan):
    return os.listdir(sampan.root / "staging")
