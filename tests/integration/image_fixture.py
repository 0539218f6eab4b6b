# SPDX-License-Identifier: Apache-2.0
"""Images made of nothing but Python: layers, configs, manifests, indexes, layouts, archives. Good ones, and bad ones on request.

    layer = Layer([file("bin/hello", b"...", mode=0o755), directory("etc")])
    image = Image([layer], architecture="arm64", cmd=["/bin/hello"])
    index = Index([image_for_amd64, image])
"""
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def machine_architecture():
    """This machine's architecture in GOARCH's words."""
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def foreign_architecture():
    """One that this machine does not run."""
    return {"amd64": "arm64", "arm64": "amd64"}[machine_architecture()]


# --- members of a layer --------------------------------------------------------------------------------


def _member(name, kind, mode, **attributes):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = mode
    info.mtime = 1700000000
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def directory(name, mode=0o755, **attributes):
    return _member(name, tarfile.DIRTYPE, mode, **attributes), None


def file(name, data=b"", mode=0o644, **attributes):
    return _member(name, tarfile.REGTYPE, mode, size=len(data), **attributes), data


def symlink(name, target):
    return _member(name, tarfile.SYMTYPE, 0o777, linkname=target), None


def hardlink(name, target):
    return _member(name, tarfile.LNKTYPE, 0o644, linkname=target), None


def whiteout(name):
    parent, base = os.path.split(name)
    return file(os.path.join(parent, ".wh." + base))


def root():
    """The layer's own root directory: without it, the layer's looks depend on the layers below."""
    return directory("./")


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


# --- layers, images, indexes ---------------------------------------------------------------------------


class Layer:
    """`blob` is what a registry serves; `diff_id` what its content has. Tests overwrite what they want to be wrong."""

    def __init__(self, members=None, *, content=None, compression="gzip"):
        content = tar(members) if content is None else content
        self.content = content
        self.diff_id = sha256(content)
        self.compression = compression
        self.blob = gzip.compress(content, 1, mtime=0) if compression == "gzip" else content
        self.digest = sha256(self.blob)
        self.size = len(self.blob)

    def descriptor(self, docker=False):
        if docker:
            media_type = DOCKER_LAYER + (".gzip" if self.compression == "gzip" else "")
        else:
            media_type = OCI_LAYER + ("+gzip" if self.compression == "gzip" else "")
        return {"mediaType": media_type, "digest": self.digest, "size": self.size}


class Document:
    """A manifest or an index: `text` is what is served, under `digest`."""

    media_type = OCI_MANIFEST

    def __init__(self, value):
        self.value = value
        self.text = json.dumps(value, separators=(",", ":")).encode()
        self.digest = sha256(self.text)

    def descriptor(self, **more):
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.text), **more}


class Image(Document):
    def __init__(self, layers, *, architecture=None, variant=None, os_name="linux", docker=False, config=None,
                 diff_ids=None, **runtime):
        self.layers = layers
        self.media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
        self.platform = {"architecture": architecture or machine_architecture(), "os": os_name}
        if variant:
            self.platform["variant"] = variant
        self.config_value = {
            **self.platform,
            "created": "2026-01-02T03:04:05Z",
            "config": {key.capitalize() if key != "workdir" else "WorkingDir": value for key, value in runtime.items()},
            "rootfs": {"type": "layers", "diff_ids": diff_ids or [layer.diff_id for layer in layers]},
            **(config or {}),
        }
        self.config = json.dumps(self.config_value).encode()
        super().__init__({
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "config": {"mediaType": DOCKER_CONFIG if docker else OCI_CONFIG, "digest": sha256(self.config),
                       "size": len(self.config)},
            "layers": [layer.descriptor(docker) for layer in layers],
        })

    def blobs(self):
        yield sha256(self.config), self.config
        for layer in self.layers:
            yield layer.digest, layer.blob


class Index(Document):
    def __init__(self, children, *, docker=False, extra=()):
        self.children = children
        self.media_type = DOCKER_LIST if docker else OCI_INDEX
        entries = [child.descriptor(**({"platform": child.platform} if isinstance(child, Image) else {}))
                   for child in children]
        super().__init__({"schemaVersion": 2, "mediaType": self.media_type, "manifests": [*entries, *extra]})


def documents(top):
    """The manifests and indexes below `top`, deepest first, `top` itself last."""
    for child in getattr(top, "children", ()):
        yield from documents(child)
    yield top


def blobs(top):
    for document in documents(top):
        if isinstance(document, Image):
            yield from document.blobs()


# --- busybox -----------------------------------------------------------------------------------------------


def busybox_path(architecture):
    """A static busybox for an architecture: what tools/install-deps fetched, else this machine's own; None if there is none."""
    fetched = pathlib.Path(__file__).resolve().parents[2] / "out" / "deps" / architecture / "bin" / "busybox"
    own = pathlib.Path("/bin/busybox")
    if fetched.exists():
        return fetched
    return own if architecture == machine_architecture() and own.exists() else None


def busybox_image(architecture=None):
    """A root file system of one layer: busybox, its links, and what a small system needs."""
    architecture = architecture or machine_architecture()
    path = busybox_path(architecture)
    assert path, f"no static busybox for {architecture}: run tools/install-deps test"
    members = [root(), *(directory(name) for name in ("bin", "dev", "etc", "home", "proc", "sys", "usr", "var")),
               directory("root", 0o700), directory("tmp", 0o1777), file("bin/busybox", path.read_bytes(), 0o755),
               file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
               file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")]
    applets = subprocess.run([busybox_path(machine_architecture()), "--list"], check=True, capture_output=True,
                             text=True).stdout.split()
    members += [symlink(f"bin/{name}", "busybox") for name in applets if name != "busybox"]
    return Image([Layer(members)], architecture=architecture, cmd=["sh"],
                 env=["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])


def push_busybox(registry):
    """Pushes a multi-arch busybox (amd64 and arm64, as far as this machine has both) and returns its reference."""
    images = [busybox_image(arch) for arch in ("amd64", "arm64") if busybox_path(arch)]
    return registry.push("test/busybox", "latest", Index(images))


# --- files -----------------------------------------------------------------------------------------------


def _put_blob(directory_path, digest, data):
    path = directory_path / "blobs" / digest.replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_layout(path, tagged):
    """An OCI layout: {name or None: document} in the directory `path`."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="ascii")
    entries = []
    for name, top in tagged.items():
        more = {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
        entries.append(top.descriptor(**more))
        for document in documents(top):
            _put_blob(path, document.digest, document.text)
        for digest, data in blobs(top):
            _put_blob(path, digest, data)
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}), encoding="ascii")
    return path


def write_oci_archive(path, tagged, scratch):
    layout = write_layout(scratch, tagged)
    with tarfile.open(path, "w:gz" if str(path).endswith("gz") else "w") as archive:
        for name in sorted(os.listdir(layout)):
            archive.add(layout / name, name)
    return path


def write_docker_archive(path, tagged):
    """What `docker save` writes: {"name:tag": image}."""
    members, saved = [], []
    for name, image in tagged.items():
        config_name = sha256(image.config)[7:] + ".json"
        members.append(file(config_name, image.config))
        layer_names = []
        for layer in image.layers:
            layer_names.append(layer.diff_id[7:] + "/layer.tar")
            members.append(file(layer_names[-1], layer.content))
        saved.append({"Config": config_name, "RepoTags": [name] if name else None, "Layers": layer_names})
    data = tar([*members, file("manifest.json", json.dumps(saved).encode())])
    path.write_bytes(gzip.compress(data) if str(path).endswith("gz") else data)
    return path
