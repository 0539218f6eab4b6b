# SPDX-License-Identifier: Apache-2.0
"""Running commands in turn and comparing their medians."""
import os
import statistics
import subprocess
import sys
import tempfile
import time

LAUNCH = "out/release/bench/launch"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SAMPLE_S = 0.004


def tree_of(pids):
    """These processes and all below them."""
    found, todo = set(), list(pids)
    while todo:
        pid = todo.pop()
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                    todo += file.read().split()
            found.add(pid)
        except OSError:
            continue
    return found


def cpu_ms(pids):
    """User and system time of these processes and all below them, so far."""
    total = 0
    for pid in tree_of(pids):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                total += sum(map(int, file.read().rpartition(")")[2].split()[11:15]))
        except OSError:
            continue
    return total * 1000 / TICKS_PER_S


def pss_kib(pids):
    """What is in memory of these processes and all below them; a page that several have counts once."""
    total = 0
    for pid in tree_of(pids):
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
        except OSError:
            continue
    return total


class Contender:
    """A command (a list, or a function that gets the round's number and returns one), and what its runs cost. What daemons do for it is
    counted, if `daemons` tells their pids: CPU time and memory."""

    def __init__(self, name, command, prepare=None, after=None, daemons=None):
        self.name, self.command, self.prepare, self.after = name, command, prepare, after
        self.daemons = daemons or (lambda: [])
        self.wall, self.cpu, self.rss, self.pss = [], [], [], None

    def run(self, number, keep):
        if self.prepare:
            self.prepare(number)
        command = self.command(number) if callable(self.command) else self.command
        read_end, write_end = os.pipe()
        before = cpu_ms(self.daemons())
        # Errors go to a file: a container that lives on would hold a pipe open.
        with open(read_end, encoding="ascii") as result, tempfile.TemporaryFile("w+") as errors:
            subprocess.run([LAUNCH, str(write_end), *command], pass_fds=[write_end], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=errors, check=False)
            os.close(write_end)
            errors.seek(0)
            text = errors.read()
            line = result.read().split()
        of_daemons = cpu_ms(self.daemons()) - before
        if self.after:
            self.after(number)
        if len(line) != 5 or line[4] != "0":
            sys.exit(f"bench: {self.name}: {' '.join(command)}: {' '.join(line)}\n{text}")
        if keep:
            wall, user, system, rss = map(int, line[:4])
            self.wall.append(wall / 1000)
            self.cpu.append((user + system) / 1000 + of_daemons)
            self.rss.append(rss)

    def weigh(self, number):
        """One run of its own, for its memory at the peak: looking costs time."""
        if self.prepare:
            self.prepare(number)
        command = self.command(number) if callable(self.command) else self.command
        self.pss = 0
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                self.pss = max(self.pss, pss_kib([process.pid, *self.daemons()]))
                time.sleep(SAMPLE_S)
        if self.after:
            self.after(number)

    def result(self, base):
        """Medians in ms, and how many times those of `base` they are."""
        wall, cpu = statistics.median(self.wall), statistics.median(self.cpu)
        return {"name": self.name, "runs": len(self.wall), "wall_ms": round(wall, 2), "cpu_ms": round(cpu, 2),
                "wall_min_ms": round(min(self.wall), 2), "max_rss_kib": max(self.rss), "pss_kib": self.pss,
                "wall_ratio": round(wall / statistics.median(base.wall), 2),
                "cpu_ratio": round(cpu / max(statistics.median(base.cpu), 0.001), 2)}


def compare(contenders, rounds, warm_up=1, memory=False):
    """Runs all in turn, `rounds` times; ratios are to the first."""
    for number in range(-warm_up, rounds):
        for contender in contenders:
            contender.run(number, keep=number >= 0)
    for contender in contenders if memory else []:
        contender.weigh(rounds)
    return [contender.result(contenders[0]) for contender in contenders]


def table(title, rows):
    """Markdown: of the results of compare(), or of rows that are {heading: text or number}."""
    return table_of_runs(title, rows) if "wall_ms" in rows[0] else plain_table(title, rows)


def plain_table(title, rows):
    lines = [f"### {title}", "", f"| {' | '.join(rows[0])} |", "|---" * len(rows[0]) + "|"]
    return "\n".join(lines + [f"| {' | '.join(map(str, row.values()))} |" for row in rows]) + "\n"


def table_of_runs(title, rows):
    memory = "peak PSS, MiB" if rows[0]["pss_kib"] else "peak RSS, MiB"
    lines = [f"### {title}", "", f"| | wall, ms | CPU, ms | wall, ratio | CPU, ratio | {memory} | runs |",
             "|---|---|---|---|---|---|---|"]
    for row in rows:
        kib = row["max_rss_kib"] if row["pss_kib"] is None else row["pss_kib"]
        lines.append(f"| {row['name']} | {row['wall_ms']:.1f} | {row['cpu_ms']:.1f} | {row['wall_ratio']:.2f} | "
                     f"{row['cpu_ratio']:.2f} | {kib / 1024:.1f} | {row['runs']} |")
    return "\n".join(lines) + "\n"
