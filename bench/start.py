# SPDX-License-Identifier: Apache-2.0
"""Starting a container: `run` of /bin/true by several runtimes on the same bundle."""
import os
import shutil

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


def run(work, rounds):
    """[(title, rows)]"""
    tables = []
    for with_seccomp, words in ((True, "with seccomp"), (False, "without seccomp")):
        folder = bundle.make(os.path.join(work, f"bundle-{int(with_seccomp)}"), with_seccomp)
        rows = measure.compare(contenders(folder, work), rounds, warm_up=2)
        tables.append((f"Start and end of /bin/true, {words}", rows))
    return tables
