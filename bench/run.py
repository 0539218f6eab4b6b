#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--only start|life|logs|pull|push|build] [--rounds N] [--images LIST]
    [--parts LIST] [--peers LIST] [--containers N]: Sampan beside crun, runc, podman, docker, containerd, skopeo and buildah.

All alternate in one run, so that what else the machine does hits all alike. Prints Markdown tables, and writes
the numbers to out/bench.json. Needs root. Images are made once, and kept below /var/tmp/sampan-bench.

Everything happens in a mount namespace of its own, in which /sys/fs/cgroup is a cgroup2 mount on hybrid hosts too:
else crun and runc would make a cgroup in each v1 hierarchy and Sampan one; and a bpf file system is mounted, as systemd does. Stores lie on a fresh ext4 in a loop file.
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile

import build
import life
import logs
import measure
import pull
import push
import start

WORK = "/tmp/bench"
CACHE = "/var/tmp/sampan-bench"


def version(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not here"
    return (done.stdout or done.stderr).strip().splitlines()[0]


def machine():
    """What the numbers depend on."""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return {"date": datetime.date.today().isoformat(), "kernel": platform.release(), "arch": platform.machine(),
            "cpu": models[0] if models else "unknown", "cpus": os.cpu_count(),
            "versions": {"sampan": version("out/release/sampan", "--version"), "crun": version("crun", "--version"),
                         "runc": version("runc", "--version"), "podman": version("podman", "--version"),
                         "docker": version("/usr/bin/docker", "--version"), "containerd": version("containerd", "--version"),
                         "skopeo": version("skopeo", "--version"), "buildah": version("buildah", "--version"), "registry": version("docker-registry", "--version")},
            "load": " ".join(f"{load:.1f}" for load in os.getloadavg())}


def private_namespace():
    """Re-executes this program in a mount namespace of its own."""
    if os.environ.get("SAMPAN_BENCH_NAMESPACE") != "1":
        os.environ["SAMPAN_BENCH_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
    if not os.path.ismount("/sys/fs/bpf"):  # as systemd does it at boot
        subprocess.run(["mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf"], check=True)


def fresh_ext4(folder, size_mib):
    """Mounts a new file system on `folder`; the namespace's end unmounts it."""
    image = f"{folder}.img"
    os.makedirs(folder, exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(size_mib << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
    # Straight to the disk: else all that is written would be copied to the page cache a second time.
    loop = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", image], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()
    subprocess.run(["mount", loop, folder], check=True)
    subprocess.run(["losetup", "--detach", loop], check=True)  # when it is unmounted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["start", "life", "logs", "pull", "push", "build"])
    parser.add_argument("--rounds", type=int, help="runs of each (default 40 for start, 20 for life, 5 for the others)")
    parser.add_argument("--images", help="of b-gzip,b-zstd,c-gzip,c-zstd,d-gzip,d-zstd (default all)")
    parser.add_argument("--parts", help=f"of life: of {','.join(life.PARTS)} (default all but {life.PARTS[-1]}, which takes minutes)")
    parser.add_argument("--peers", help="of life: of podman,docker,ctr (default all)")
    parser.add_argument("--containers", type=int, help="of life: how many at a time (default 100, of list 500)")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: run it as root")
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    private_namespace()

    os.makedirs(WORK, exist_ok=True)
    work = tempfile.mkdtemp(dir=WORK)
    tables = []
    try:
        if args.only in (None, "start"):
            fresh_ext4(f"{work}/start", 256)
            tables += start.run(f"{work}/start", args.rounds or 40)
            print("\n".join(measure.table(title, rows) for title, rows in tables))
        if args.only in (None, "life"):
            parts, peers = (text and text.split(",") for text in (args.parts, args.peers))
            tables += life.run(work, args.rounds or 20, fresh_ext4, parts, peers, args.containers)
        if args.only in (None, "logs"):
            fresh_ext4(f"{work}/logs", 2048)
            part_tables = logs.run(work, args.rounds or 5)
            print("\n".join(measure.table(title, rows) for title, rows in part_tables))
            tables += part_tables
        for name, part in (("pull", pull), ("push", push), ("build", build)):
            if args.only in (None, name):
                tables += part.run(work, CACHE, args.rounds or 5, fresh_ext4, args.images and args.images.split(","))
    finally:
        for name in ("start/run", "start", "logs", "store"):
            subprocess.run(["umount", f"{work}/{name}"], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(work, ignore_errors=True)

    facts = machine()
    print(f"{facts['date']}, {facts['cpus']} x {facts['cpu']} ({facts['arch']}), Linux {facts['kernel']}; "
          f"{'; '.join(facts['versions'].values())}; load {facts['load']}")
    os.makedirs("out", exist_ok=True)
    with open("out/bench.json", "w", encoding="utf-8") as file:
        json.dump({"machine": facts, "tables": dict(tables)}, file, indent=1)


if __name__ == "__main__":
    main()
