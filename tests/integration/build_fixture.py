# SPDX-License-Identifier: Apache-2.0
"""Builds in one store for all tests of a module: contexts out of Python, and what the images have, as short texts.

    built = builder("FROM scratch\nCOPY a /b", {"a": "text"})
    assert built.tree == {"b": "-644 0:0 text"}
"""
import functools
import json
import os
import pathlib
import shutil
import tarfile

from busybox_fixture import busybox_layer
from image_fixture import Image, machine_architecture, write_layout

BASE = "localhost/box"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


CONTENT_SHOWN = 4096  # bytes: more would make what pytest says of a difference slow


class Link(str):
    """A symbolic link in a context."""


def write_files(folder, files):
    """{path: text, bytes, Link, (text, mode), or None for a directory}."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        content, mode = content if isinstance(content, tuple) else (content, None)
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        elif isinstance(content, Link):
            path.symlink_to(content)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        if not isinstance(content, Link):
            path.chmod(mode or (0o755 if content is None else 0o644))
    return folder


def show(archive, member):
    """"-644 0:0 text" of a file, "d755 0:0" of a directory, "l target", "h target", "c666 0:0 1,3"."""
    owner = f"{member.mode & 0o7777:o} {member.uid}:{member.gid}"
    if member.isfile():
        content = archive.extractfile(member).read(CONTENT_SHOWN).decode(errors="replace")
        return f"-{owner} {content}".rstrip("\n")
    if member.isdir():
        return f"d{owner}"
    if member.issym() or member.islnk():
        return f"{'l' if member.issym() else 'h'} {member.linkname}"
    return f"c{owner} {member.devmajor},{member.devminor}" if member.isdev() else f"?{owner}"


def read_tar(file):
    """{path: what show() says}. The root directory has the path "."."""
    with tarfile.open(fileobj=file) as archive:
        return {member.name.removeprefix("./").strip("/") or ".": show(archive, member) for member in archive}


def merge(layers):
    """What the layers make together."""
    tree = {}
    for layer in layers:
        for path in layer:
            parent, name = os.path.split(path)
            if name == ".wh..wh..opq":
                gone = [p for p in tree if p.startswith(f"{parent}/")]
            elif name.startswith(".wh."):
                victim = os.path.join(parent, name[4:])
                gone = [p for p in tree if p == victim or p.startswith(f"{victim}/")]
            else:
                gone = [p for p in tree if p.startswith(f"{path}/")] if layer[path][0] != "d" else []
            for p in gone:
                del tree[p]
        tree.update((p, text) for p, text in layer.items() if not os.path.basename(p).startswith(".wh."))
    return tree


class Built:
    """An image that was built: what inspect says, its configuration as it is stored, its layers."""

    def __init__(self, builder, name, stderr=""):
        self.builder, self.name, self.stderr = builder, name, stderr

    @functools.cached_property
    def inspect(self):
        return json.loads(self.builder.sampan("inspect", self.name, check=True).stdout)[0]

    @property
    def id(self):
        return self.inspect["Id"]

    @functools.cached_property
    def layout(self):
        """(manifest, configuration, [layer as read_tar has it, without the root directory])"""
        folder = self.builder.folder / f"saved-{self.name.replace('/', '-').replace(':', '-')}"
        self.builder.sampan("save", "-q", "--format", "oci-dir", "--compression-format", "none", "-o", folder, self.name,
                            check=True)

        def blob(descriptor):
            return folder / "blobs" / descriptor["digest"].replace(":", "/")

        manifest = json.loads(blob(json.loads((folder / "index.json").read_text())["manifests"][0]).read_text())
        layers = []
        for descriptor in manifest["layers"]:
            with open(blob(descriptor), "rb") as file:
                layers.append({path: text for path, text in read_tar(file).items() if path != "."})
        config = json.loads(blob(manifest["config"]).read_text())
        shutil.rmtree(folder)
        return manifest, config, layers

    @property
    def manifest(self):
        return self.layout[0]

    @property
    def image(self):
        """The whole configuration; .config is its part of that name."""
        return self.layout[1]

    @property
    def config(self):
        return self.image["config"]

    @property
    def history(self):
        return [entry["created_by"] for entry in self.image["history"]]

    @property
    def layers(self):
        return self.layout[2]

    @property
    def own(self):
        """The layers that the base BASE has not."""
        return self.layers[1:]

    @functools.cached_property
    def tree(self):
        """All files of an image that is made of nothing, else those that BASE has not or has otherwise."""
        if self.builder.has_base(self.image):
            base = merge(self.layers[:1])
            return {path: text for path, text in merge(self.layers).items() if base.get(path) != text}
        return merge(self.layers)

    @property
    def steps(self):
        """{title of a step: "CACHED", "DONE" or "ERROR"}, as the progress has them."""
        titles, ends = {}, {}
        for line in self.stderr.splitlines():
            number, _, text = line.partition(" ")
            if number.startswith("#") and text.startswith("["):
                titles[number] = text.partition("] ")[2]
            elif number in titles and text.split(" ")[0] in ("CACHED", "DONE", "ERROR"):
                ends[titles[number]] = text.split(" ")[0]
        return ends


class Builder:
    """builder(dockerfile, files, *options) builds and returns a Built; builder.fails(...) the CompletedProcess of one that fails."""

    def __init__(self, sampan, folder):
        self.sampan, self.folder, self._count = sampan, folder, 0
        layer = busybox_layer(machine_architecture())
        self._base_id = layer.diff_id
        layout = write_layout(folder / "box", {None: Image([layer], cmd=["/bin/sh"], env=[PATH])})
        sampan("pull", "-q", f"oci:{layout}", check=True)

    def has_base(self, image):
        return image["rootfs"]["diff_ids"][:1] == [self._base_id]

    def new(self, prefix):
        """A name that no other test has."""
        self._count += 1
        return f"{prefix}{self._count}"

    def context(self, files):
        """A new folder with these files."""
        return write_files(self.folder / self.new("context"), files)

    def load(self, layers=(), **config):
        """The name of a new image of `layers`."""
        name = self.new("image")
        layout = write_layout(self.folder / name, {None: Image(list(layers), **config)})
        self.sampan("pull", "-q", f"oci:{layout}", check=True)
        return f"localhost/{name}"

    def run(self, dockerfile, files=(), *options, where=None, **kwargs):
        """The CompletedProcess. `files` is a dict, or a folder that is there; `where` overrides the last argument."""
        folder = files if isinstance(files, pathlib.Path) else self.context(dict(files))
        if dockerfile is not None:
            (folder / "Dockerfile").write_bytes(dockerfile.encode() if isinstance(dockerfile, str) else dockerfile)
        return self.sampan("build", *options, where or folder, **kwargs)

    def __call__(self, dockerfile, files=(), *options, **kwargs):
        name = self.new("localhost/built")
        return Built(self, name, self.run(dockerfile, files, "-t", name, *options, check=True, **kwargs).stderr)

    def image(self, name):
        return Built(self, name)

    def fails(self, dockerfile, files=(), *options, **kwargs):
        """The text of its error. Nothing is printed to standard output."""
        done = self.run(dockerfile, files, *options, **kwargs)
        assert (done.returncode, done.stdout) == (1, ""), done
        return done.stderr

    def shell(self, name, script):
        """What a script in a container of the image prints."""
        return self.sampan("run", "--rm", "--entrypoint", "/bin/sh", name, "-c", script, check=True).stdout
