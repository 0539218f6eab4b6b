# SPDX-License-Identifier: Apache-2.0
"""Running commands in turn and comparing their medians."""
import os
import statistics
import subprocess
import sys
import tempfile

LAUNCH = "out/release/bench/launch"


class Contender:
    """A command (a list, or a function that gets the round's number and returns one), and what its runs cost."""

    def __init__(self, name, command, prepare=None, after=None):
        self.name, self.command, self.prepare, self.after = name, command, prepare, after
        self.wall, self.cpu, self.rss = [], [], []

    def run(self, number, keep):
        if self.prepare:
            self.prepare(number)
        command = self.command(number) if callable(self.command) else self.command
        read_end, write_end = os.pipe()
        # Errors go to a file: a container that lives on would hold a pipe open.
        with open(read_end, encoding="ascii") as result, tempfile.TemporaryFile("w+") as errors:
            subprocess.run([LAUNCH, str(write_end), *command], pass_fds=[write_end], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=errors, check=False)
            os.close(write_end)
            errors.seek(0)
            text = errors.read()
            line = result.read().split()
        if len(line) != 5 or line[4] != "0":
            sys.exit(f"bench: {self.name}: {' '.join(command)}: {' '.join(line)}\n{text}")
        if self.after:
            self.after(number)
        if keep:
            wall, user, system, rss = map(int, line[:4])
            self.wall.append(wall / 1000)
            self.cpu.append((user + system) / 1000)
            self.rss.append(rss)

    def result(self, base):
        """Medians in ms, and how many times those of `base` they are."""
        wall, cpu = statistics.median(self.wall), statistics.median(self.cpu)
        return {"name": self.name, "runs": len(self.wall), "wall_ms": round(wall, 2), "cpu_ms": round(cpu, 2),
                "wall_min_ms": round(min(self.wall), 2), "max_rss_kib": max(self.rss),
                "wall_ratio": round(wall / statistics.median(base.wall), 2),
                "cpu_ratio": round(cpu / max(statistics.median(base.cpu), 0.001), 2)}


def compare(contenders, rounds, warm_up=1):
    """Runs all in turn, `rounds` times; ratios are to the first."""
    for number in range(-warm_up, rounds):
        for contender in contenders:
            contender.run(number, keep=number >= 0)
    return [contender.result(contenders[0]) for contender in contenders]


def table(title, rows):
    lines = [f"### {title}", "", "| | wall, ms | CPU, ms | wall, ratio | CPU, ratio | peak RSS, MiB | runs |",
             "|---|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['name']} | {row['wall_ms']:.1f} | {row['cpu_ms']:.1f} | {row['wall_ratio']:.2f} | "
                     f"{row['cpu_ratio']:.2f} | {row['max_rss_kib'] / 1024:.1f} | {row['runs']} |")
    return "\n".join(lines) + "\n"
