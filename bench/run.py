#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--only start|pull] [--rounds N]: Sampan beside crun, runc, podman, and skopeo with umoci.

All alternate in one run, so that what else the machine does hits all alike. Prints Markdown tables, and writes
the numbers to out/bench.json. Needs root.

Everything happens in a mount namespace of its own, in which /sys/fs/cgroup is a cgroup2 mount on hybrid hosts too:
else crun and runc would make a cgroup in each v1 hierarchy and Sampan one. Stores lie on a fresh ext4 in a loop file.
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

import measure
import pull
import start

WORK = "/tmp/bench"


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
                         "skopeo": version("skopeo", "--version"), "umoci": version("umoci", "--version")}}


def private_namespace():
    """Re-executes this program in a mount namespace of its own."""
    if os.environ.get("SAMPAN_BENCH_NAMESPACE") != "1":
        os.environ["SAMPAN_BENCH_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)


def fresh_ext4(folder, size_mib):
    """Mounts a new file system on `folder`; the namespace's end unmounts it."""
    image = f"{folder}.img"
    os.makedirs(folder, exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(size_mib << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["start", "pull"])
    parser.add_argument("--rounds", type=int, help="runs of each (default 40 for start, 5 for pull)")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: run it as root")
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    private_namespace()

    os.makedirs(WORK, exist_ok=True)
    work = tempfile.mkdtemp(dir=WORK)
    tables = []
    try:
        if args.only != "pull":
            fresh_ext4(f"{work}/start", 256)
            tables += start.run(f"{work}/start", args.rounds or 40)
        if args.only != "start":
            tables += pull.run(work, f"{WORK}/cache", args.rounds or 5, fresh_ext4)
    finally:
        for name in ("start", "store"):
            subprocess.run(["umount", f"{work}/{name}"], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(work, ignore_errors=True)

    facts = machine()
    print(f"{facts['date']}, {facts['cpus']} x {facts['cpu']} ({facts['arch']}), Linux {facts['kernel']}; "
          f"{'; '.join(facts['versions'].values())}\n")
    for title, rows in tables:
        print(measure.table(title, rows))
    os.makedirs("out", exist_ok=True)
    with open("out/bench.json", "w", encoding="utf-8") as file:
        json.dump({"machine": facts, "tables": dict(tables)}, file, indent=1)


if __name__ == "__main__":
    main()
