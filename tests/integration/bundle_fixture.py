# SPDX-License-Identifier: Apache-2.0
"""OCI bundles for tests of sampan-oci: a busybox rootfs and a config.json that tests bend to their needs."""
import json
import os
import pathlib
import shutil

APPLETS = ("sh true false cat ls id mount sleep ps env hostname tty stty touch mkdir mknod ln rm grep head wc kill "
           "readlink stat echo dd test pwd chmod ulimit sync").split()


def copy_oci(program, folder):
    """A copy of sampan-oci in `folder`, with the one of its libexec beside it that does what needs a library (docs/adr/0021)."""
    copied = pathlib.Path(shutil.copy(program, pathlib.Path(folder) / "sampan-oci"))
    dynamic = "libexec/sampan/sampan-oci"
    if (pathlib.Path(program).parent / dynamic).exists():
        (copied.parent / dynamic).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pathlib.Path(program).parent / dynamic, copied.parent / dynamic)
    return copied


class Bundle:
    """A bundle in `path`. `config` is the config.json as a dict; save() writes it."""

    def __init__(self, path, busybox):
        self.path = pathlib.Path(path)
        self.rootfs = self.path / "rootfs"
        (self.rootfs / "bin").mkdir(parents=True)
        (self.rootfs / "etc").mkdir()
        (self.rootfs / "tmp").mkdir()
        shutil.copy(busybox, self.rootfs / "bin" / "busybox")
        for applet in APPLETS:
            os.symlink("busybox", self.rootfs / "bin" / applet)
        (self.rootfs / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
        self.config = default_config()

    def save(self):
        (self.path / "config.json").write_text(json.dumps(self.config))

    def shell(self, script):
        """Lets the container run a shell script. Returns self, saved."""
        self.config["process"]["args"] = ["/bin/sh", "-c", script]
        self.save()
        return self

    def mount(self, destination, kind, source, *options):
        self.config["mounts"].append(
            {"destination": destination, "type": kind, "source": str(source), "options": list(options)})

    def namespace(self, kind, path=None):
        """Replaces the namespace of that kind; path None: a new one."""
        self.remove_namespace(kind)
        self.config["linux"]["namespaces"].append({"type": kind, **({"path": path} if path else {})})

    def remove_namespace(self, kind):
        spaces = self.config["linux"]["namespaces"]
        spaces[:] = [n for n in spaces if n["type"] != kind]


def default_config():
    capabilities = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID", "CAP_KILL"]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/true"],
            "env": ["PATH=/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {s: capabilities for s in ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "bundle",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
             "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
             "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
        ],
        "linux": {
            "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/nothing-here"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }
