# SPDX-License-Identifier: Apache-2.0
"""A container's log: 500 MB, written by it in 4 KiB pieces, beside conmon and the floor, which reads and forgets.

What writes the output is bench/log_source; its own time counts for all alike. conmon is started as podman starts it, with a runtime that makes no
container: it starts log_source and leaves it behind.
"""
import os
import shutil
import stat

import measure

BYTES = 500_000_000
SOURCE = os.path.abspath("out/release/bench/log_source")
PUT_LOG = os.path.abspath("out/release/bench/put_log")
ID = "0123456789abcdef" * 4

RUNTIME = """#!/bin/sh
while [ $# -gt 0 ]; do
	[ "$1" != --pid-file ] || pid_file=$2
	shift
done
{source} {bytes} {line} &
printf %s $! >"$pid_file"
"""


def conmon(folder, line):
    """conmon's command line for a bundle that is made in `folder`."""
    os.makedirs(f"{folder}/bundle", exist_ok=True)
    with open(f"{folder}/bundle/config.json", "w", encoding="ascii") as config:
        config.write('{"process":{"terminal":false}}')
    with open(f"{folder}/runtime", "w", encoding="ascii") as script:
        script.write(RUNTIME.format(source=SOURCE, bytes=BYTES, line=line))
    os.chmod(f"{folder}/runtime", stat.S_IRWXU)
    for name in ("exits", "attach"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    return ["conmon", "--sync", "--api-version", "1", "-c", ID, "-u", ID, "-n", "bench", "-r", f"{folder}/runtime", "-b", f"{folder}/bundle",
            "-p", f"{folder}/pid", "-l", f"k8s-file:{folder}/conmon.log", "--exit-dir", f"{folder}/exits", "--socket-dir-path", f"{folder}/attach",
            "--no-sync-log"]


def pipe(line, reader):
    return ["sh", "-c", f"{SOURCE} {BYTES} {line} | {reader}"]


def compare(folder, line, rounds):
    def clean(_):
        for name in ("log", "conmon.log", "exits", "attach", "pid"):
            path = f"{folder}/{name}"
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)
        for name in ("exits", "attach"):
            os.makedirs(f"{folder}/{name}")

    os.makedirs(folder, exist_ok=True)
    contenders = [
        measure.Contender("sampan", pipe(line, f"{PUT_LOG} json-file {folder} {ID}"), prepare=clean),
        measure.Contender("sampan, one file without end", pipe(line, f"{PUT_LOG} json-file {folder} {ID} max-size=10g"), prepare=clean),
        measure.Contender("floor: cat > /dev/null", pipe(line, "cat >/dev/null")),
    ]
    if shutil.which("conmon"):
        contenders.insert(2, measure.Contender("conmon, k8s-file", conmon(folder, line), prepare=clean))
    return measure.compare(contenders, rounds)


def run(work, rounds):
    """Tables of lines of 4 KiB and of 128 bytes."""
    return [(f"Logs: {BYTES // 1_000_000} MB in writes of 4 KiB, lines of {line} bytes", compare(f"{work}/logs", line, rounds))
            for line in (4096, 128)]
