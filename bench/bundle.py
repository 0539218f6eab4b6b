# SPDX-License-Identifier: Apache-2.0
"""A bundle with the configuration that podman gives an ordinary container."""
import json
import os
import platform
import shutil
import subprocess

SECCOMP_PROFILE = "/usr/share/containers/seccomp.json"
CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",
        "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"]
ARCHES = {"x86_64": ("amd64", ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]),
          "aarch64": ("arm64", ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"])}


def mount(target, fs_type, source, *options):
    return {"destination": target, "type": fs_type, "source": source, "options": list(options)}


MOUNTS = [
    mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
    mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
    mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
    mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
    mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
    mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
    mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
]
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
          "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/fs/selinux"]
READ_ONLY = ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def applies(rule, arch):
    """Whether a rule of containers-common's profile holds for a container with CAPS on this architecture."""
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if includes.get("arches") and arch not in includes["arches"]:
        return False
    if arch in (excludes.get("arches") or []):
        return False
    if any(cap not in CAPS for cap in includes.get("caps") or []):
        return False
    return not any(cap in CAPS for cap in excludes.get("caps") or [])


def seccomp():
    """The profile of containers-common, in runtime-spec's form, as podman resolves it."""
    arch, scmp_arches = ARCHES[platform.machine()]
    with open(SECCOMP_PROFILE, encoding="utf-8") as file:
        profile = json.load(file)
    rules = []
    for rule in profile["syscalls"]:
        if applies(rule, arch):
            rules.append({key: rule[key] for key in ("names", "action", "args", "errnoRet") if rule.get(key)})
    result = {"defaultAction": profile["defaultAction"], "architectures": scmp_arches, "syscalls": rules}
    if "defaultErrnoRet" in profile:
        result["defaultErrnoRet"] = profile["defaultErrnoRet"]
    return result


def config(with_seccomp, args):
    """Without device rules: crun 1.8 raises RLIMIT_MEMLOCK for them, which needs a capability that CI machines lack."""
    spec = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0, "umask": 18}, "args": list(args), "cwd": "/",
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=xterm"],
            "capabilities": {kind: CAPS for kind in ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        },
        "root": {"path": "rootfs"}, "hostname": "bench", "mounts": MOUNTS,
        "linux": {
            "cgroupsPath": "/sampan-bench",
            "namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "cgroup", "network")],
            "maskedPaths": MASKED, "readonlyPaths": READ_ONLY,
        },
    }
    if with_seccomp:
        spec["linux"]["seccomp"] = seccomp()
    return spec


def make(folder, with_seccomp, args=("/bin/true",)):
    """A bundle whose root file system is a static busybox."""
    arch = ARCHES[platform.machine()][0]
    rootfs = os.path.join(folder, "rootfs")
    for name in ("bin", "proc", "sys", "dev", "etc", "tmp", "root"):
        os.makedirs(os.path.join(rootfs, name))
    shutil.copy(f"out/deps/{arch}/bin/busybox", os.path.join(rootfs, "bin", "busybox"))
    for name in ("sh", "true", "sleep"):
        os.symlink("busybox", os.path.join(rootfs, "bin", name))
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config(with_seccomp, args), file)
    subprocess.run(["sync", "-f", folder], check=True)
    return folder
