# SPDX-License-Identifier: Apache-2.0
"""Starting a container: `run` of /bin/true by several runtimes on the same bundle."""
import os
import shutil
import subprocess

import bundle
import measure

FLOOR = "out/release/bench/floor"


def contenders(folder, work):
    """Each runtime that is there; the first is the base of the ratios."""
    runtimes = [("sampan-oci", os.path.abspath("out/release/sampan-oci")), ("crun", shutil.which("crun")),
                ("runc", shutil.which("runc"))]
    result = []
    for name, path in runtimes:
        if path and os.path.exists(path):
            result.append(measure.Contender(name, lambda n, p=path, m=name: [
                p, "--root", f"{work}/{m}", "run", "--bundle", folder, f"{m}-{n + 9}"]))
    result.append(measure.Contender("floor: the kernel's part", [FLOOR, f"{folder}/rootfs", "/bin/true"]))
    return result


VERBS = ("create", "start", "state", "delete")


def verb_command(runtime, verb, folder, name):
    """One step of a container's life; `delete` is of one that runs, as engines do it at `rm -f`."""
    if verb == "create":
        return [*runtime, "create", "--bundle", folder, name]
    return [*runtime, verb, *(["--force"] if verb == "delete" else []), name]


def verbs(folder, work, rounds):
    """[(title, rows)], one table per verb: each runtime takes one container after the other through its life."""
    runtimes = [(c.name, c.command(0)[:3]) for c in contenders(folder, work)[:-1]]
    by_verb = {verb: [] for verb in VERBS}
    for name, runtime in runtimes:
        for verb in VERBS:
            by_verb[verb].append(measure.Contender(
                name, lambda n, r=runtime, v=verb, m=name: verb_command(r, v, folder, f"{m}-life-{n + 9}")))
    for number in range(-2, rounds):
        for index in range(len(runtimes)):
            for verb in VERBS:
                by_verb[verb][index].run(number, keep=number >= 0)
    return [(f"`{verb}`, with seccomp", [c.result(by_verb[verb][0]) for c in by_verb[verb]]) for verb in VERBS]


def run(work, rounds):
    """[(title, rows)]. Bundles lie on `work`; what runtimes keep of containers on a tmpfs, as below /run."""
    tables, state = [], os.path.join(work, "run")
    os.makedirs(state)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", state], check=True)
    for with_seccomp, words in ((True, "with seccomp"), (False, "without seccomp")):
        folder = bundle.make(os.path.join(work, f"bundle-{int(with_seccomp)}"), with_seccomp)
        rows = measure.compare(contenders(folder, state), rounds, warm_up=2)
        tables.append((f"Start and end of /bin/true, {words}", rows))
    sleeper = bundle.make(os.path.join(work, "bundle-sleep"), True, ["/bin/sleep", "1000"])
    return tables + verbs(sleeper, state, rounds)
