# SPDX-License-Identifier: Apache-2.0
"""`sampan binfmt`, with a binfmt_misc of its own in a user namespace (Linux 6.7): the machine's is left as it is."""
import json
import os
import platform
import shlex
import subprocess

import pytest

from busybox_fixture import busybox_path
from conftest import BUILD, SLOW

MACHINE = "/proc/sys/fs/binfmt_misc"
SAMPAN = BUILD / "sampan"
FOREIGN, QEMU = ("arm64", "aarch64") if platform.machine() == "x86_64" else ("amd64", "x86_64")
INTERPRETERS = [f"/usr/libexec/qemu-binfmt/{QEMU}-binfmt-P", f"/usr/bin/qemu-{QEMU}-static"]
INTERPRETER = next((path for path in INTERPRETERS if os.path.exists(path)), None)
FLAGS = "POF" if INTERPRETER == INTERPRETERS[0] else "F"
# Some entry for the same programs, by the last part of their header.
MACHINE_BYTES = r"\xb7\x00" if FOREIGN == "arm64" else r"\x3e\x00"


def machine_entries():
    found = {}
    for name in sorted(os.listdir(MACHINE)):
        if name != "register":
            with open(f"{MACHINE}/{name}", encoding="ascii") as entry:
                found[name] = entry.read()
    return found


def apart(script, mount="mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc"):
    """Runs lines of shell in namespaces of their own: an empty /etc, and an empty binfmt_misc."""
    script = f"set -e; mount -t tmpfs none /etc; {mount}; sampan() {{ {shlex.quote(str(SAMPAN))} \"$@\"; }}\n{script}"
    return subprocess.run(["unshare", "-Urm", "sh", "-c", script], check=False, capture_output=True, text=True, timeout=60 * SLOW,
                          stdin=subprocess.DEVNULL)


@pytest.fixture(autouse=True)
def machine_is_left_as_it_is():
    before = machine_entries() if os.path.exists(f"{MACHINE}/status") else None
    yield
    if before is not None:
        assert machine_entries() == before


@pytest.fixture
def own_binfmt_misc():
    if apart("").returncode != 0:
        pytest.skip("no binfmt_misc in user namespaces")
    if not INTERPRETER:
        pytest.skip("qemu-user-static is not installed")


def status_of(text):
    return {entry["Arch"]: entry for entry in json.loads(text)}


def test_status_shows_what_this_machine_runs(sampan):
    known = status_of(sampan("binfmt", "status", "--format", "json", check=True).stdout)
    native = "amd64" if platform.machine() == "x86_64" else "arm64"
    assert set(known) == {"arm64", "arm", "amd64", "386", "riscv64", "ppc64le", "s390x", "mips64le", "loong64"}
    assert known[native] == {"Arch": native, "State": "NATIVE"}
    for entry in known.values():
        assert entry["State"] in {"NATIVE", "EMULATED", "MISSING"}
        assert ("Cure" in entry) == (entry["State"] == "MISSING")
    table = sampan("binfmt", "status", check=True).stdout.splitlines()
    assert table[0].split() == ["ARCH", "STATE", "INTERPRETER", "FLAGS"]
    assert {line.split()[0]: line.split()[1] for line in table[1:] if not line.startswith(" ")} == {
        name: entry["State"] for name, entry in known.items()}


def test_install_registers_what_has_an_interpreter_and_its_programs_run(own_binfmt_misc):
    done = apart(f"sampan binfmt install; {busybox_path(FOREIGN)} echo it runs; sampan binfmt status --format json")
    assert done.returncode == 0, done.stderr
    lines, _, rest = done.stdout.partition("it runs\n")
    assert f"{FOREIGN}: registered ({INTERPRETER}, {FLAGS})\n" in lines
    entry = status_of(rest)[FOREIGN]
    assert entry == {"Arch": FOREIGN, "State": "EMULATED", "Name": f"qemu-{QEMU}", "Interpreter": INTERPRETER, "Flags": FLAGS}


def test_the_interpreter_need_not_be_in_a_container(own_binfmt_misc, tmp_path):
    """Flag F: the kernel has opened it."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "busybox").write_bytes(busybox_path(FOREIGN).read_bytes())
    (root / "busybox").chmod(0o755)
    done = apart(f"sampan binfmt install {FOREIGN}; chroot {root} /busybox uname -m")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == QEMU


def test_what_works_is_left_alone_unless_forced(own_binfmt_misc):
    done = apart(f"sampan binfmt install linux/{FOREIGN}; sampan binfmt install {QEMU}; sampan binfmt install -f {FOREIGN}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{FOREIGN}: registered ({INTERPRETER}, {FLAGS})",
                                        f"{FOREIGN}: registered already ({INTERPRETER}, {FLAGS})",
                                        f"{FOREIGN}: registered ({INTERPRETER}, {FLAGS})"]


@pytest.mark.parametrize("how", ["{name}", "--force"])
def test_an_entry_without_f_is_replaced_only_when_it_is_meant(own_binfmt_misc, how):
    entry = f"printf '%s' ':qemu-{QEMU}:M:18:{MACHINE_BYTES}::/bin/true:' >{MACHINE}/register"
    done = apart(f"{entry}; sampan binfmt status --format json >&2; sampan binfmt install; echo; "
                 f"sampan binfmt install {how.format(name=FOREIGN)}; cat {MACHINE}/qemu-{QEMU}")
    assert done.returncode == 0, done.stderr
    found = status_of(done.stderr)[FOREIGN]
    assert (found["State"], found["Interpreter"], found["Flags"]) == ("MISSING", "/bin/true", "")
    assert found["Cure"] == "registered without the flag F, which containers need: sampan binfmt install --force"
    first, _, second = done.stdout.partition("\n\n")
    assert (f"{FOREIGN}: left alone, as 'qemu-{QEMU}' is registered with '/bin/true' without flags (name {FOREIGN}, or --force)"
            in first.splitlines())
    assert f"{FOREIGN}: registered ({INTERPRETER}, {FLAGS})\n" in second
    assert f"interpreter {INTERPRETER}\nflags: {FLAGS}\n" in second


def test_remove_takes_away_our_names_and_no_others(own_binfmt_misc):
    done = apart(f"printf '%s' ':sampan-test-other:E::sampan-test::/bin/true:' >{MACHINE}/register; sampan binfmt install; echo; "
                 f"sampan binfmt remove {FOREIGN}; sampan binfmt remove; ls {MACHINE}; sampan binfmt remove {FOREIGN}")
    assert done.returncode == 1
    assert done.stderr == f"sampan: {FOREIGN}: 'qemu-{QEMU}' is not registered\n"
    lines = done.stdout.partition("\n\n")[2].splitlines()
    assert lines[0] == f"{FOREIGN}: removed"
    assert lines[-3:] == ["register", "sampan-test-other", "status"]
    assert f"{FOREIGN}: removed" not in lines[1:]


def test_persist_writes_a_file_for_systemd_that_remove_takes_away(own_binfmt_misc):
    done = apart(f"sampan binfmt install --persist {FOREIGN}; cat /etc/binfmt.d/sampan-{FOREIGN}.conf >/etc/rule; "
                 f"sampan binfmt remove {FOREIGN}; ls /etc/binfmt.d; grep -v '^#' /etc/rule >{MACHINE}/register; "
                 f"sampan binfmt status --format json")
    assert done.returncode == 0, done.stderr
    lines, _, rest = done.stdout.partition("[")
    assert lines.splitlines() == [f"{FOREIGN}: registered ({INTERPRETER}, {FLAGS})", f"{FOREIGN}: /etc/binfmt.d/sampan-{FOREIGN}.conf",
                                  f"{FOREIGN}: removed"]
    assert status_of("[" + rest)[FOREIGN]["State"] == "EMULATED"


def test_binfmt_misc_that_is_off_is_told(own_binfmt_misc):
    done = apart(f"echo 0 >{MACHINE}/status; sampan binfmt status --format json; sampan binfmt install")
    assert done.returncode == 1
    assert done.stderr == f"sampan: binfmt_misc is off (echo 1 >{MACHINE}/status)\n"
    assert status_of(done.stdout)[FOREIGN]["Cure"] == f"binfmt_misc is off: echo 1 >{MACHINE}/status"


def test_binfmt_misc_that_is_not_mounted_gets_mounted(own_binfmt_misc):
    # A sysctl folder cannot be emptied: one that is bound over it plays an unmounted one.
    done = apart(f"grep -c ' {MACHINE} binfmt_misc' /proc/self/mounts || true; sampan binfmt status >/dev/null; "
                 f"sampan binfmt install {FOREIGN}; ls {MACHINE}",
                 mount=f"mkdir /etc/empty; mount --bind /etc/empty {MACHINE}")
    assert done.returncode == 0, done.stderr
    assert f"{FOREIGN}: registered ({INTERPRETER}, {FLAGS})" in done.stdout
    assert done.stdout.splitlines()[-3:] == [f"qemu-{QEMU}", "register", "status"]


def test_what_this_machine_runs_by_itself_is_not_registered(own_binfmt_misc):
    native = "amd64" if FOREIGN == "arm64" else "arm64"
    done = apart(f"sampan binfmt install {native}; ls {MACHINE}")
    assert done.stdout.splitlines() == [f"{native}: this machine runs it by itself", "register", "status"]


def test_what_cannot_be_emulated_is_refused(sampan):
    for command in ("install", "remove"):
        done = sampan("binfmt", command, "arm64", "sparc")
        assert done.returncode == 125
        assert done.stderr == ("sampan: 'sparc' is nothing that can be emulated: arm64, arm, amd64, 386, riscv64, ppc64le, s390x, "
                               "mips64le and loong64 are\n")


@pytest.mark.root
def test_others_than_root_are_told_so(sampan):
    for command in ("install", "remove"):
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", SAMPAN, "binfmt", command], check=False, capture_output=True,
                              text=True, timeout=20 * SLOW, stdin=subprocess.DEVNULL)
        if "ermission denied" in done.stderr:
            pytest.skip("the build is in a folder that others cannot read")
        assert done.returncode == 1
        assert done.stderr == f"sampan: 'sampan binfmt {command}' needs root: binfmt_misc is the whole machine's (sudo)\n"


def test_other_words_are_told(sampan):
    done = sampan("binfmt", "add")
    assert done.returncode == 125
    assert done.stderr == "sampan: 'add' is not a sampan binfmt command\nSee 'sampan binfmt --help'.\n"
