# SPDX-License-Identifier: Apache-2.0
"""The images that are pulled and pushed, made once and kept: as OCI layouts, the layers with gzip and with zstd.

b   a minimal Debian in one layer
c   an application: the same, and three layers of compilers, languages and libraries
d   some 50,000 small files in one layer
"""
import glob
import hashlib
import io
import json
import os
import platform
import random
import shutil
import subprocess
import tarfile

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
SUITE = "bookworm"
PACKAGES = [["cpp-12", "gcc-12", "g++-12", "libgcc-12-dev", "libstdc++-12-dev", "linux-libc-dev"],
            ["libpython3.11-stdlib", "python3.11-minimal", "libpython3.11-minimal", "perl-modules-5.36"],
            ["libnode108", "libicu72", "libllvm14"]]
COMPRESSORS = {"gzip": ["gzip", "-6nc"], "zstd": ["zstd", "-3", "-qc"]}
MEDIA = "application/vnd.oci.image.layer.v1.tar+"
SMALL_DIRS, SMALL_FILES = 806, 50000


def make_debian(tar):
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", SUITE, tar], check=True)


def make_packages(packages, tar):
    """What is in these packages."""
    folder = f"{tar}.d"
    os.makedirs(folder)
    subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *packages], cwd=folder, check=True)
    for package in sorted(glob.glob(f"{folder}/*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, f"{folder}/root"], check=True)
    subprocess.run(["tar", "-cf", tar, "--numeric-owner", "--owner=0", "--group=0", "--sort=name", "-C", f"{folder}/root", "."],
                   check=True)
    shutil.rmtree(folder)


def make_small_files(tar):
    """Sources, as a package manager for them would strew them: the same ones each time."""
    dice = random.Random(1)
    words = ["".join(dice.choices("etaoinshrdlucmfw_", k=dice.randint(3, 11))) for _ in range(6000)]
    with tarfile.open(tar, "w", format=tarfile.GNU_FORMAT) as out:
        for folder in ("srv", "srv/modules", *(f"srv/modules/{number:03}" for number in range(SMALL_DIRS))):
            head = tarfile.TarInfo(folder)
            head.type, head.mode, head.mtime = tarfile.DIRTYPE, 0o755, 1700000000
            out.addfile(head)
        for folder in range(SMALL_DIRS):
            for number in range(folder, SMALL_FILES, SMALL_DIRS):
                lines = (" ".join(dice.choices(words, k=8)) for _ in range(int(dice.expovariate(1 / 22)) + 1))
                text = "\n".join(lines).encode()
                head = tarfile.TarInfo(f"srv/modules/{folder:03}/{dice.choice(words)}-{number}.js")
                head.size, head.mode, head.mtime = len(text), 0o644, 1700000000 + number
                out.addfile(head, io.BytesIO(text))


def write_blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{layout}/blobs/sha256/{digest}", "wb") as file:
        file.write(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def file_digest(path):
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def write_layout(layout, tars, compression):
    os.makedirs(f"{layout}/blobs/sha256", exist_ok=True)
    layers = []
    for tar in tars:
        packed = subprocess.run([*COMPRESSORS[compression], tar], stdout=subprocess.PIPE, check=True).stdout
        layers.append({"mediaType": MEDIA + compression, **write_blob(layout, packed)})
    config = {"architecture": ARCH, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [file_digest(tar) for tar in tars]},
              "config": {"Cmd": ["/bin/sh"]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": layers,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                           **write_blob(layout, json.dumps(config).encode())}}
    entry = {"mediaType": manifest["mediaType"], **write_blob(layout, json.dumps(manifest).encode()),
             "annotations": {"org.opencontainers.image.ref.name": "1"}}
    with open(f"{layout}/oci-layout", "w", encoding="utf-8") as file:
        file.write('{"imageLayoutVersion": "1.0.0"}')
    with open(f"{layout}/index.json", "w", encoding="utf-8") as file:
        json.dump({"schemaVersion": 2, "manifests": [entry]}, file)


def entries_of(tars):
    total = 0
    for tar in tars:
        with tarfile.open(tar, "r|") as file:
            total += sum(1 for _ in file)
    return total


class Image:
    """One image with one compression."""

    def __init__(self, layout, name, compression, tars, entries):
        self.layout, self.name, self.compression, self.tars, self.entries = layout, name, compression, tars, entries

    def _read(self, digest):
        with open(f"{self.layout}/blobs/{digest.replace(':', '/')}", encoding="utf-8") as file:
            return json.load(file)

    def blobs(self):
        """Paths of the compressed layers, the lowest first."""
        with open(f"{self.layout}/index.json", encoding="utf-8") as file:
            manifest = self._read(json.load(file)["manifests"][0]["digest"])
        return [f"{self.layout}/blobs/{layer['digest'].replace(':', '/')}" for layer in manifest["layers"]]

    def describe(self):
        blobs = self.blobs()
        size = sum(os.path.getsize(blob) for blob in blobs) / 1e6
        return f"({self.name}) {len(blobs)} layer{'s'[:len(blobs) > 1]}, {self.entries:,} entries, {size:.0f} MB of {self.compression}"


def make_all(cache):
    """All images, in `cache`. They are made anew only where it has no images.json, which is written last."""
    if not os.path.exists(f"{cache}/images.json"):
        shutil.rmtree(cache, ignore_errors=True)
        os.makedirs(f"{cache}/tars")
        debian, small = f"{cache}/tars/debian.tar", f"{cache}/tars/small.tar"
        make_debian(debian)
        make_small_files(small)
        application = [debian]
        for number, packages in enumerate(PACKAGES):
            application.append(f"{cache}/tars/{number}.tar")
            make_packages(packages, application[-1])
        sources = {"b": [debian], "c": application, "d": [small]}
        for name, tars in sources.items():
            for compression in COMPRESSORS:
                write_layout(f"{cache}/{name}-{compression}", tars, compression)
        facts = {name: {"tars": tars, "entries": entries_of(tars)} for name, tars in sources.items()}
        with open(f"{cache}/images.json", "w", encoding="utf-8") as file:
            json.dump(facts, file)
    with open(f"{cache}/images.json", encoding="utf-8") as file:
        facts = json.load(file)
    return {(name, compression): Image(f"{cache}/{name}-{compression}", name, compression, **facts[name])
            for name in facts for compression in COMPRESSORS}
