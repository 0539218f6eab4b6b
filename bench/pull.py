# SPDX-License-Identifier: Apache-2.0
"""Pulling and unpacking each image from one docker-registry on loopback, beside podman, docker, containerd and the bare stages."""
import os
import pathlib
import subprocess
import sys
import time

import images
import measure

sys.path.insert(0, "tests/integration")

from registry_fixture import Registry  # noqa: E402 (needs the path)

STORE_MIB = 4096
WAIT_S = 30


class Store:
    """A new ext4 for each run, of which nothing is in the page cache; what the registry will read is."""

    def __init__(self, folder, fresh_ext4, registry_blobs=()):
        self.folder, self.fresh_ext4, self.registry_blobs = folder, fresh_ext4, registry_blobs

    def unmount(self):
        for below in ("p/overlay", "d/overlay2"):
            subprocess.run(["umount", f"{self.folder}/{below}"], stderr=subprocess.DEVNULL, check=False)
        while os.path.ismount(self.folder):
            subprocess.run(["umount", self.folder], check=True)

    def fresh(self):
        self.unmount()
        self.fresh_ext4(self.folder, STORE_MIB)
        with open(f"{self.folder}.img", "rb") as image:
            os.fsync(image.fileno())
            os.posix_fadvise(image.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for blob in self.registry_blobs:
            with open(blob, "rb") as file:
                while file.read(1 << 20):
                    pass


# --- daemons: started on the new store before each run, which their start is no part of ----------------------


class Daemon:
    def __init__(self, argv, client, log):
        self.argv, self.client, self.log, self.process = argv, client, log, None

    def start(self):
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        deadline = time.monotonic() + WAIT_S
        while subprocess.run([*self.client, "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: {self.argv[0]} does not answer: see {self.log}")
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def pids(self):
        return [self.process.pid] if self.process else []


def docker(store, work):
    socket = f"unix://{work}/docker.sock"
    argv = ["/usr/sbin/dockerd", "--data-root", f"{store}/d", "--exec-root", f"{work}/docker", "--pidfile", f"{work}/docker.pid",
            "-H", socket, "--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=overlay2"]
    return Daemon(argv, ["/usr/bin/docker", "-H", socket], f"{work}/docker.log")


def containerd(store, work):
    config = f"{work}/containerd.toml"
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'version = 2\nroot = "{store}/c"\nstate = "{work}/containerd"\n'
                   f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{work}/containerd.sock"\n')
    return Daemon(["containerd", "--config", config], ["ctr", "-a", f"{work}/containerd.sock"], f"{work}/containerd.log")


# --- the contenders -------------------------------------------------------------------------------------


def sampan(store):
    return [os.path.abspath("out/release/sampan"), "--root", f"{store}/s", "--state-dir", f"{store}/ss"]


def podman_root(store):
    return ["podman", "--root", f"{store}/p", "--runroot", f"{store}/pr", "--storage-driver", "overlay"]


def with_daemon(name, daemon, command, store):
    def prepare(_number):
        store.fresh()
        daemon.start()
    return measure.Contender(name, [*daemon.client, *command], prepare, lambda _number: daemon.stop(), daemon.pids)


def contenders(store, reference, image, work):
    folder = store.folder
    stages = os.path.abspath("out/release/bench/stages")
    podman = [*podman_root(folder), "pull", "--quiet", "--tls-verify=false", reference]
    blobs, tars = [list(map(os.path.abspath, paths)) for paths in (image.blobs(), image.tars)]
    each = [path for pair in zip(blobs, tars) for path in pair]

    def contender(name, command):
        return measure.Contender(name, command, lambda _number: store.fresh())

    def synced(command):
        return ["sh", "-c", '"$@" && sync -f "$0"', folder, *command]

    result = [contender("sampan", [*sampan(folder), "pull", "-q", "--tls-verify=false", reference]),
              contender("podman", podman), contender("podman, then syncfs", synced(podman))]
    if image.compression == "gzip":  # Docker 20.10 knows no other
        result.append(with_daemon("docker", docker(folder, work), ["pull", "--quiet", reference], store))
    return result + [
        with_daemon("containerd", containerd(folder, work), ["images", "pull", "--plain-http", reference], store),
        contender("stages, one after the other", [stages, "all", folder, *each]),
        contender("the same, then syncfs", synced([stages, "all", folder, *each])),
        contender("stage: SHA-256 of the blobs", [stages, "sha256", *blobs]),
        contender("stage: inflate", [stages, "inflate", *blobs]),
        contender("stage: SHA-256 of the tars", [stages, "sha256", *tars]),
        contender("stage: extract", [stages, "extract", folder, *tars]),
    ]


def publish(registry, image):
    """Its reference. What the registry has already is not sent again."""
    reference = registry.ref(f"bench/{image.name}:{image.compression}")
    subprocess.run(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{image.layout}:1", f"docker://{reference}"],
                   check=True)
    return reference


def registry_files(directory, image):
    hexes = [os.path.basename(blob) for blob in image.blobs()]
    return [f"{directory}/registry/docker/registry/v2/blobs/sha256/{digest[:2]}/{digest}/data" for digest in hexes]


def run(work, cache, rounds, fresh_ext4, chosen):
    """[(title, rows)]"""
    tables = []
    os.makedirs(cache, exist_ok=True)
    every = images.make_all(f"{cache}/images")
    with Registry(pathlib.Path(cache) / "registry") as registry:
        for image in every.values():
            if chosen and f"{image.name}-{image.compression}" not in chosen:
                continue
            reference = publish(registry, image)
            store = Store(f"{work}/store", fresh_ext4, registry_files(registry.directory, image) + image.blobs() + image.tars)
            rows = measure.compare(contenders(store, reference, image, work), rounds, memory=True)
            tables.append((f"Pull: {image.describe()}", rows))
            print(measure.table(*tables[-1]), flush=True)
            store.unmount()
    return tables
