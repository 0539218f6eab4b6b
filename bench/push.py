# SPDX-License-Identifier: Apache-2.0
"""Pushing an image from the store to an empty registry, beside skopeo and podman."""
import contextlib
import pathlib
import shutil
import subprocess

import images
import measure
import pull

from registry_fixture import Registry  # pull has the path

COMPRESSED = "c"


class Target:
    """A registry that has nothing, for each run; always at the same address."""

    def __init__(self, folder):
        self.registry = Registry(pathlib.Path(folder))

    def empty(self):
        self.registry.stop()
        shutil.rmtree(self.registry.directory, ignore_errors=True)
        self.registry.start()


def contenders(store, target, source, image):
    folder = store.folder
    to = target.registry.ref("bench/pushed:1")
    graph = f"containers-storage:[overlay@{folder}/p+{folder}/pr]{source}"
    skopeo = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", "--dest-compress-format", image.compression]

    def contender(name, command):
        return measure.Contender(name, command, lambda _number: target.empty())

    push = [*pull.sampan(folder), "push", "-q", "--tls-verify=false"]
    # The first compresses anew, as skopeo and podman do; the second makes the very blobs again that were pulled.
    return [contender("sampan push --compression-format", [*push, "--compression-format", image.compression, source, to]),
            contender("sampan push, digests kept", [*push, source, to]),
            contender("skopeo copy from containers-storage", [*skopeo, graph, f"docker://{to}"]),
            contender("podman push", [*pull.podman_root(folder), "push", "--quiet", "--tls-verify=false", "--compression-format",
                                      image.compression, source, to]),
            contender("skopeo copy from an OCI layout, already compressed", [*skopeo, f"oci:{image.layout}:1", f"docker://{to}"])]


def fill(store, source):
    """Both stores get the image."""
    store.fresh()
    subprocess.run([*pull.sampan(store.folder), "pull", "-q", "--tls-verify=false", source], stdout=subprocess.DEVNULL, check=True)
    subprocess.run([*pull.podman_root(store.folder), "pull", "--quiet", "--tls-verify=false", source], stdout=subprocess.DEVNULL,
                   check=True)


def run(work, cache, rounds, fresh_ext4, chosen):
    """[(title, rows)]"""
    tables = []
    every = images.make_all(f"{cache}/images")
    store = pull.Store(f"{work}/store", fresh_ext4)
    with Registry(pathlib.Path(cache) / "registry") as registry, contextlib.ExitStack() as stack:
        target = Target(f"{work}/target")
        stack.callback(target.registry.stop)
        for image in every.values():
            if image.name not in COMPRESSED or (chosen and f"{image.name}-{image.compression}" not in chosen):
                continue
            source = pull.publish(registry, image)
            fill(store, source)
            rows = measure.compare(contenders(store, target, source, image), rounds, memory=True)
            tables.append((f"Push: {image.describe()}", rows))
            print(measure.table(*tables[-1]), flush=True)
            store.unmount()
    return tables
