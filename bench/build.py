# SPDX-License-Identifier: Apache-2.0
"""Building images, beside buildah and docker (BuildKit, and its own builder): a compiler in a Debian image, its program copied into busybox.

cold      no step is taken from the cache; the bases are there
cached    nothing has changed
changed   one file of the context has
large     COPY of one file of 1 GiB, beside a copy and a sync of it
Commands run in the host's network, and with what else each engine has by default.
"""
import contextlib
import os
import shutil
import subprocess

import life
import measure
import pull

LARGE_MIB = 1024
DOCKERFILE = """FROM localhost/bench/gcc:1 AS build
WORKDIR /src
COPY main.c .
RUN gcc -O2 -o /app main.c
FROM localhost/bench/box:1
COPY --from=build /app /app
CMD ["/app"]
"""
BASES = {"gcc": ["gcc", "libc6-dev"], "box": ["busybox-static"]}


def make_bases(cache):
    """As archives of docker's, which all of them load."""
    os.makedirs(cache, exist_ok=True)
    archives = {}
    for name, packages in BASES.items():
        archives[name] = f"{cache}/{name}.docker.tar"
        if os.path.exists(archives[name]):
            continue
        tar, store = f"{cache}/{name}.tar", f"{cache}/store"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}", "bookworm", tar], check=True)
        ours = pull.sampan(store)
        subprocess.run([*ours, "import", "-q", tar, f"localhost/bench/{name}:1"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*ours, "save", "-q", "-o", archives[name], f"localhost/bench/{name}:1"], check=True)
        os.unlink(tar)
        shutil.rmtree(store)
    return archives


class Builder:
    """`argv` builds with the flags that follow, and a context."""

    daemon = None

    def __init__(self, name, argv, load):
        self.name, self.argv, self.load = name, argv, load

    def contender(self, flags, context, prepare=None):
        return measure.Contender(self.name, [*self.argv, *flags, "-t", "localhost/bench/app:1", context], prepare,
                                 daemons=self.daemon and self.daemon.pids)


def builders(store):
    podman = pull.podman_root(store)
    # Without CAP_SYS_RESOURCE a runtime of its cannot raise limits; without a runtime it has less to do.
    how = [] if life.has_capability(life.CAP_SYS_RESOURCE) else ["--isolation=chroot"]
    buildah = Builder("buildah build --layers", ["buildah", *podman[1:], "build", "--layers", "--quiet", "--network=host", "--pull-never", *how],
                      [*podman, "load", "-q", "-i"])
    docker = pull.docker(store, store)
    build = [*docker.client, "build", "--quiet", "--network=host"]
    load = [*docker.client, "load", "-q", "-i"]
    kit = Builder("docker build, BuildKit", ["env", "DOCKER_BUILDKIT=1", *build], load)
    classic = Builder("docker build, classic", ["env", "DOCKER_BUILDKIT=0", *build], load)
    kit.daemon = classic.daemon = docker
    ours = pull.sampan(store)
    return [Builder("sampan build", [*ours, "build", "--quiet"], [*ours, "load", "-q", "-i"]), buildah, kit, classic]


def make_context(folder):
    os.makedirs(folder)
    with open(f"{folder}/Dockerfile", "w", encoding="ascii") as file:
        file.write(DOCKERFILE)
    write_source(folder, -1)


def write_source(folder, number):
    with open(f"{folder}/main.c", "w", encoding="ascii") as file:
        file.write(f'#include <stdio.h>\nint main(void)\n{{\n\tputs("hello {number}");\n\treturn 0;\n}}\n')


def sectors_written(folder):
    device = os.stat(folder).st_dev
    with open(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat", encoding="ascii") as file:
        return int(file.read().split()[6])


def written_kib(folder, contender):
    os.sync()
    before = sectors_written(folder)
    contender.run(0, keep=False)
    os.sync()
    return (sectors_written(folder) - before) / 2


def measure_cached(folder, everybody, context, rounds):
    contenders = [builder.contender([], context) for builder in everybody]
    rows = measure.compare(contenders, rounds, warm_up=2, memory=True)
    written = [{"": contender.name, "written, KiB": round(written_kib(folder, contender))} for contender in contenders]
    return [("Build: nothing has changed", rows), ("Build: bytes that reach the disk, where nothing has changed", written)]


def measure_large(folder, everybody, rounds):
    context = f"{folder}/large"
    os.makedirs(context)
    with open(f"{context}/Dockerfile", "w", encoding="ascii") as file:
        file.write("FROM scratch\nCOPY big /\n")
    subprocess.run(["dd", "if=/dev/urandom", f"of={context}/big", "bs=1M", f"count={LARGE_MIB}", "status=none"], check=True)

    def change(number):
        with open(f"{context}/big", "r+b") as file:
            file.write(f"{number:8}".encode())
        os.sync()

    chosen = [builder for builder in everybody if "classic" not in builder.name]
    contenders = [builder.contender([], context, change) for builder in chosen]
    contenders.append(measure.Contender("floor: cp and sync", ["sh", "-c", f"cp {context}/big {folder}/copy && sync -f {folder}/copy && rm {folder}/copy"],
                                        change))
    return [(f"Build: COPY of {LARGE_MIB} MiB", measure.compare(contenders, rounds, memory=True))]


def run(work, cache, rounds, fresh_ext4, _images):
    """[(title, rows)]"""
    folder = f"{work}/store"
    archives = make_bases(f"{cache}/build")
    fresh_ext4(folder, 24576)
    everybody = builders(folder)
    tables = []
    with contextlib.ExitStack() as stack:
        everybody[2].daemon.start()
        stack.callback(everybody[2].daemon.stop)
        for builder in everybody[:3]:
            for archive in archives.values():
                subprocess.run([*builder.load, archive], check=True, stdout=subprocess.DEVNULL)
        context = f"{folder}/context"
        make_context(context)
        cold = [builder.contender(["--no-cache"], context) for builder in everybody]
        cold.append(measure.Contender("floor: the compiler alone", ["gcc", "-O2", "-o", f"{folder}/app", f"{context}/main.c"]))
        tables.append(("Build: two stages, no step cached", measure.compare(cold, rounds, memory=True)))
        tables += measure_cached(folder, everybody, context, rounds)
        changed = [builder.contender([], context, lambda n: write_source(context, n)) for builder in everybody]
        tables.append(("Build: one file has changed", measure.compare(changed, rounds, memory=True)))
        tables += measure_large(folder, everybody, min(rounds, 3))
    for title, rows in tables:
        print(measure.table(title, rows), flush=True)
    subprocess.run(["umount", "--lazy", folder], check=True)  # the daemon leaves mounts of its own
    return tables
