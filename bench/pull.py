# SPDX-License-Identifier: Apache-2.0
"""Pulling and unpacking an image of about 100 MB from one docker-registry on loopback."""
import glob
import gzip
import hashlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys

import measure

sys.path.insert(0, "tests/integration")

from registry_fixture import Registry  # noqa: E402 (needs the path)

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
SUITE = "bookworm"
# The second and third layer: what is in these packages.
LAYERS = [["cpp-12", "gcc-12", "libgcc-12-dev"], ["libpython3.11-stdlib", "libpython3.11-minimal", "perl-modules-5.36"]]
STORE_MIB = 4096


# --- the image, made once -------------------------------------------------------------------------------


def write_blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{layout}/blobs/sha256/{digest}", "wb") as file:
        file.write(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def add_layer(layout, tar_file):
    with open(tar_file, "rb") as file:
        data = file.read()
    media = "application/vnd.oci.image.layer.v1.tar+gzip"
    return f"sha256:{hashlib.sha256(data).hexdigest()}", {"mediaType": media,
                                                           **write_blob(layout, gzip.compress(data, 6, mtime=0))}


def layer_tars(work):
    """Yields the tar file of each layer."""
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", SUITE, f"{work}/0.tar"], check=True)
    yield f"{work}/0.tar"
    for number, packages in enumerate(LAYERS, 1):
        folder = f"{work}/{number}"
        os.makedirs(folder)
        subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *packages], cwd=folder, check=True)
        for package in sorted(glob.glob(f"{folder}/*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, f"{folder}/root"], check=True)
        subprocess.run(["tar", "-cf", f"{folder}.tar", "--numeric-owner", "--owner=0", "--group=0", "--sort=name",
                        "-C", f"{folder}/root", "."], check=True)
        yield f"{folder}.tar"


def make_image(cache):
    """The OCI layout of the image, in the cache."""
    layout = f"{cache}/image"
    if os.path.exists(f"{layout}/index.json"):
        return layout
    work = f"{cache}/work"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(f"{layout}/blobs/sha256", exist_ok=True)
    os.makedirs(work)
    diff_ids, layers = zip(*(add_layer(layout, tar) for tar in layer_tars(work)))
    config = {"architecture": ARCH, "os": "linux", "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
              "config": {"Cmd": ["/bin/sh"]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": list(layers),
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                           **write_blob(layout, json.dumps(config).encode())}}
    entry = {"mediaType": manifest["mediaType"], **write_blob(layout, json.dumps(manifest).encode()),
             "annotations": {"org.opencontainers.image.ref.name": "1"}}
    with open(f"{layout}/oci-layout", "w", encoding="utf-8") as file:
        file.write('{"imageLayoutVersion": "1.0.0"}')
    shutil.rmtree(work)
    with open(f"{layout}/index.json", "w", encoding="utf-8") as file:
        json.dump({"schemaVersion": 2, "manifests": [entry]}, file)
    return layout


def layer_blobs(layout):
    """Paths of the compressed layers, the lowest first."""
    with open(f"{layout}/index.json", encoding="utf-8") as file:
        digest = json.load(file)["manifests"][0]["digest"]
    with open(f"{layout}/blobs/{digest.replace(':', '/')}", encoding="utf-8") as file:
        return [f"{layout}/blobs/{layer['digest'].replace(':', '/')}" for layer in json.load(file)["layers"]]


# --- the contenders -------------------------------------------------------------------------------------


def contenders(store, reference, fresh, layout):
    podman = ["podman", "--root", f"{store}/p", "--runroot", f"{store}/pr", "--storage-driver", "overlay", "pull", "--quiet",
              "--tls-verify=false", reference]
    skopeo = (f"skopeo copy --quiet --src-tls-verify=false docker://{reference} oci:{store}/img:1 && "
              f"umoci unpack --image {store}/img:1 {store}/bundle")
    blobs = layer_blobs(layout)
    each = " ".join(f"'{os.path.abspath(blob)}'" for blob in blobs)

    def after_podman(_number):
        subprocess.run(["umount", f"{store}/p/overlay"], stderr=subprocess.DEVNULL, check=False)

    def contender(name, command, after=None):
        return measure.Contender(name, command, prepare=lambda _: fresh(), after=after)

    result = []
    if os.path.exists("out/release/libexec/sampan/sampan-image"):
        result.append(contender("sampan pull", [os.path.abspath("out/release/sampan"), "--root", f"{store}/s", "--state-dir",
                                                f"{store}/ss", "pull", "-q", "--tls-verify=false", reference]))
    return result + [
        contender("podman pull", podman, after_podman),
        contender("podman pull, then syncfs", ["sh", "-c", '"$@" && sync -f "$0"', store, *podman], after_podman),
        contender("skopeo copy + umoci unpack", ["sh", "-c", skopeo]),
        contender("floor: SHA-256 of the blobs (openssl)", ["openssl", "dgst", "-sha256", *blobs]),
        contender("floor: inflate to /dev/null (pigz)", ["sh", "-c", f"pigz -dc {each} >/dev/null"]),
        contender("floor: inflate + untar (bsdtar)", ["sh", "-c", f'for b in {each}; do n=$((n + 1)); mkdir "$0/$n"; '
                                                      'bsdtar -xpf "$b" -C "$0/$n" || exit; done', store]),
        contender("floor: the same, then syncfs", ["sh", "-c", f'for b in {each}; do n=$((n + 1)); mkdir "$0/$n"; '
                                                   'bsdtar -xpf "$b" -C "$0/$n" || exit; done; sync -f "$0"', store]),
    ]


def run(work, cache, rounds, fresh_ext4):
    """[(title, rows)]"""
    os.makedirs(cache, exist_ok=True)
    layout = make_image(cache)
    store = f"{work}/store"

    def fresh():
        subprocess.run(["umount", store], stderr=subprocess.DEVNULL, check=False)
        fresh_ext4(store, STORE_MIB)

    with Registry(pathlib.Path(work) / "registry") as registry:
        reference = registry.ref("bench:1")
        subprocess.run(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{layout}:1", f"docker://{reference}"],
                       check=True)
        rows = measure.compare(contenders(store, reference, fresh, layout), rounds)
    size = sum(os.path.getsize(blob) for blob in layer_blobs(layout)) / 1e6
    return [(f"Pull and unpack of {size:.0f} MB in {len(layer_blobs(layout))} layers", rows)]
