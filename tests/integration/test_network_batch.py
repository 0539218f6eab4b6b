# SPDX-License-Identifier: Apache-2.0
"""netavark's calls of iptables, gathered: the rules are those that it makes without us, whatever happens beside it."""
import os
import pathlib
import re

import pytest

from test_network import BOX, assert_clean, host, inspect, net, rules_of, run, sh, start, taken_down, wait_for  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.root, pytest.mark.plain]

IPTABLES = [f"{family}tables{suffix}" for family in ("ip", "ip6") for suffix in ("", "-save", "-restore")]
PODMAN = next((d for d in ("/usr/lib/podman", "/usr/libexec/podman") if os.path.exists(f"{d}/netavark")), None)


class Helpers:
    """A directory with the programs that sampan runs for networks; some may be scripts of a test. Each run of an iptables is noted."""

    def __init__(self, folder, gather=True, **scripts):
        self.folder, self.notes = folder, folder / "notes"
        folder.mkdir()
        for name in ("netavark", "aardvark-dns"):
            self.put(name, scripts.get(name) or f'exec {PODMAN}/{name} "$@"')
        for name in IPTABLES if gather else ():
            self.put(name, f'echo "{name} $*" >>{self.notes}\n' + scripts.get(name.replace("-", "_"), f'exec /usr/sbin/{name} "$@"'))

    def put(self, name, script):
        (self.folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        (self.folder / name).chmod(0o755)

    @property
    def env(self):
        return {"SAMPAN_HELPER_DIR": str(self.folder)}

    def count(self, name):
        lines = self.notes.read_text(encoding="ascii").splitlines() if self.notes.exists() else []
        return len([line for line in lines if line.split()[0] == name and "--version" not in line])


def reset(net):
    """The packet filter as it is before the first container."""
    for program in ("iptables", "ip6tables"):
        for table in ("nat", "filter"):
            net.host(program, "-t", table, "-F")
            net.host(program, "-t", table, "-X")


def rule_lines(text):
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return re.sub(r"\[\d+:\d+\]", "", re.sub("[0-9a-f]{64}", "ID", "\n".join(lines))).splitlines()


def saved(net):
    """All chains and rules, without what changes from one container to the next."""
    taken_down(net)
    return rule_lines(net.host("iptables-save") + net.host("ip6tables-save"))


PORTS = ["-p", "8080:80", "-p", "127.0.0.1:81:81/udp", "-p", "5000-5002:6000-6002", "-p", "7:7/sctp"]
VARIANTS = {
    "the default network": ([], ["--network", "bridge"]),
    "ports": ([], ["--network", "name=bridge,ip=10.88.0.9", *PORTS]),
    "IPv6": ([["--ipv6", "--subnet", "10.99.0.0/24", "--subnet", "fd99::/64", "six"]],
             ["--network", "name=six,ip=10.99.0.9,ip6=fd99::9", "-p", "8080:80", "-p", "[::1]:90:90", "-p", "5000-5001:5000-5001/udp"]),
    "internal": ([["--internal", "shut"]], ["--network", "shut", "-p", "8080:80"]),
    "isolated": ([["-o", "isolate=true", "iso"]], ["--network", "name=iso,ip=10.89.0.9", "-p", "8080:80"]),
    "without names": ([["--disable-dns", "plain"]], ["--network", "name=plain,ip=10.89.0.9", "-p", "8080:80"]),
    "two networks": ([["one"], ["two"]], ["--network", "name=one,ip=10.89.0.9", "--network", "name=two,ip=10.89.1.9", "-p", "8080:80"]),
}


def life(net, env, args):
    """The rules while a container runs, with a second one of the network beside it, and after their ends."""
    states = []
    net("run", "-d", "--name", "box", *args, BOX, "sleep", "1000", check=True, env=env)
    states.append(saved(net))
    beside = [word for flag, value in zip(args[::2], args[1::2]) if flag == "--network" for word in (flag, re.sub(",.*", "", value))]
    net("run", "--rm", *beside, "-p", "8888:88", BOX, "true", check=True, env=env)
    states.append(saved(net))
    net("rm", "-f", "box", check=True, env=env)
    states.append(saved(net))
    net("run", "--rm", *args, BOX, "true", check=True, env=env)
    states.append(saved(net))
    return states


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_rules_are_those_that_netavark_makes_by_itself(net, tmp_path, variant):
    networks, args = VARIANTS[variant]
    for network in networks:
        net("network", "create", *network, check=True)
    alone, gathered = Helpers(tmp_path / "alone", gather=False), Helpers(tmp_path / "gathered")
    expected = life(net, alone.env, args)
    reset(net)
    found = life(net, gathered.env, args)
    if variant == "two networks":  # netavark makes them in any order
        found, expected = [sorted(state) for state in found], [sorted(state) for state in expected]
    assert found == expected
    if variant != "internal":
        assert gathered.count("iptables-restore") >= 6
        assert gathered.count("iptables") == gathered.count("ip6tables") == 0

def test_the_older_kind_of_iptables_is_gathered_too(net, tmp_path):
    if not os.path.exists("/usr/sbin/iptables-legacy") or "-P" not in net.host("iptables-legacy", "-t", "nat", "-S", check=False):
        pytest.skip("there is no iptables-legacy, or the kernel has not got it")
    scripts = {name.replace("-", "_"): f'exec /usr/sbin/{name.replace("tables", "tables-legacy")} "$@"' for name in IPTABLES}
    path = f'PATH={tmp_path / "alone"}:$PATH exec {PODMAN}/netavark "$@"'
    alone, gathered = Helpers(tmp_path / "alone", netavark=path, **scripts), Helpers(tmp_path / "gathered", **scripts)
    for name in ("iptables-save", "iptables-restore"):
        (alone.folder / name).unlink()
    args = ["--network", "name=bridge,ip=10.88.0.9", "-p", "8080:80"]
    found = []
    for helpers in (alone, gathered):
        net("run", "-d", "--name", "box", *args, BOX, "sleep", "1000", check=True, env=helpers.env)
        found.append(rule_lines(net.host("iptables-legacy-save")))
        net("rm", "-f", "box", check=True, env=helpers.env)
        found.append(rule_lines(net.host("iptables-legacy-save")))
        for table in ("nat", "filter"):
            net.host("iptables-legacy", "-t", table, "-F")
            net.host("iptables-legacy", "-t", table, "-X")
    assert found[2:] == found[:2] and len(found[0]) > len(found[1]) > 4
    assert alone.count("iptables") > 30 and gathered.count("iptables") == 0


def test_what_is_not_understood_is_left_to_iptables_and_sees_what_was_gathered(net, tmp_path):
    seen = tmp_path / "seen"
    ask = f"""if [ ! -e {seen} ]; then
    iptables -t nat -N EARLY --wait && iptables -t nat -A EARLY -s 1.2.3.4 -j ACCEPT --wait
    iptables -t nat -L EARLY -n >{seen}
fi
exec {PODMAN}/netavark "$@" """
    helpers = Helpers(tmp_path / "helpers", netavark=ask)
    start(net, "web", "--network", "bridge", "-p", "8080:80")
    expected = saved(net)
    net("rm", "-f", "web", check=True)
    reset(net)
    # Its standard input is netavark's: the calls are made before that reads it.
    net("run", "-d", "--name", "web", "--network", "name=bridge,ip=10.88.0.2", "-p", "8080:80", BOX, "sleep", "1000", check=True, env=helpers.env)
    assert "ACCEPT" in seen.read_text(encoding="ascii") and "1.2.3.4" in seen.read_text(encoding="ascii")
    assert helpers.count("iptables") > 20
    assert [line for line in saved(net) if "EARLY" not in line] == expected
    net("rm", "-f", "web", check=True)


MEANWHILE = """/usr/sbin/iptables -t filter -N NETAVARK_FORWARD
/usr/sbin/iptables -t filter -A FORWARD -m comment --comment 'netavark firewall plugin rules' -j NETAVARK_FORWARD
/usr/sbin/iptables -t nat -N NETAVARK-HOSTPORT-MASQ
/usr/sbin/iptables -t nat -A NETAVARK-HOSTPORT-MASQ -m comment --comment 'netavark portfw masq mark' -m mark --mark 0x2000/0x2000 -j MASQUERADE
/usr/sbin/iptables -t nat -A POSTROUTING -j NETAVARK-HOSTPORT-MASQ"""


def test_what_another_program_makes_meanwhile_is_not_made_twice(net, tmp_path):
    after = Helpers(tmp_path / "after", netavark=f'{PODMAN}/netavark "$@" || exit\n[ "$4" = teardown ] && exit\n{MEANWHILE}')
    args = ["--network", "name=bridge,ip=10.88.0.9", "-p", "8080:80"]
    net("run", "-d", "--name", "box", *args, BOX, "sleep", "1000", check=True)
    expected = saved(net)
    net("rm", "-f", "box", check=True)
    reset(net)
    net("run", "-d", "--name", "box", *args, BOX, "sleep", "1000", check=True, env=after.env)
    assert sorted(saved(net)) == sorted(expected)
    net("rm", "-f", "box", check=True)
    assert_clean(net)


def test_rules_that_somebody_has_removed_are_no_reason_not_to_end(net):
    web = start(net, "web", "--network", "bridge", "-p", "8080:80")
    reset(net)
    net("rm", "-f", "web", check=True)
    web.wait(60)
    assert_clean(net)


@pytest.mark.parametrize("mischief", ["ip link del eth0", "ip link set eth0 down; ip link set eth0 name eth7",
                                      "ip link set eth0 down; ip link set eth0 name eth7; ip link add eth0 type bridge"])
def test_what_a_container_does_to_its_interfaces_is_no_reason_not_to_end(net, mischief):
    run(net, "--cap-add", "NET_ADMIN", "--network", "bridge", "-p", "8080:80", BOX, "sh", "-c", mischief)
    wait_for(lambda: len(net.host("ip", "-o", "link").splitlines()) == 2, "the end of the cable")
    assert_clean(net)


def test_rules_that_iptables_restore_refuses_are_made_one_by_one(net, tmp_path):
    helpers = Helpers(tmp_path / "helpers", iptables_restore="echo no >&2; exit 1")
    args = ["--network", "name=bridge,ip=10.88.0.9", "-p", "8080:80"]
    net("run", "-d", "--name", "box", *args, BOX, "sleep", "1000", check=True)
    expected = saved(net)
    net("rm", "-f", "box", check=True)
    reset(net)
    net("run", "-d", "--name", "box", *args, BOX, "sleep", "1000", check=True, env=helpers.env)
    assert saved(net) == expected and helpers.count("iptables") > 10
    net("rm", "-f", "box", check=True, env=helpers.env)
    assert_clean(net)


def test_a_rule_that_iptables_refuses_is_told_and_nothing_stays(net, tmp_path):
    helpers = Helpers(tmp_path / "helpers", iptables_restore="exit 1",
                      iptables='case "$*" in *224.0.0.0*) echo "iptables: it is broken." >&2; exit 4 ;; esac; exec /usr/sbin/iptables "$@"')
    done = net("run", "--rm", "--network", "bridge", BOX, "true", env=helpers.env)
    assert done.returncode == 125
    assert re.search(r"cannot change the packet filter: cannot do '-t nat -A NETAVARK-[0-9A-F]+ ! -d 224\.0\.0\.0/4 -j MASQUERADE': "
                     r"iptables: iptables: it is broken\.", done.stderr)
    assert_clean(net)


def test_a_killed_start_leaves_nothing_that_the_next_one_cannot_take_down(net, tmp_path):
    once = tmp_path / "once"
    # IPv6's rules are read when IPv4's have been gathered, and the bridge is there.
    helpers = Helpers(tmp_path / "helpers", ip6tables_save=f'[ -e {once} ] && exec /usr/sbin/ip6tables-save\n: >{once}\nkill -9 $PPID\nsleep 1')
    net("network", "create", "--ipv6", "--subnet", "10.99.0.0/24", "--subnet", "fd99::/64", "six", check=True)
    done = net("run", "--name", "box", "--network", "six", "-p", "8080:80", BOX, "true", env=helpers.env)
    assert done.returncode == 125 and once.exists()
    assert run(net, "--network", "six", "-p", "8080:80", BOX, "echo", "started") == "started\n"
    net("rm", "-f", "box", check=True)
    assert_clean(net)


def test_the_programs_in_iptables_place_say_whose_they_are(net):
    build = pathlib.Path(net.argv[2]).parent
    program = build / "libexec" / "sampan" / "netavark" / "iptables"
    done = net.__class__(program)("-t", "nat", "-S")
    assert (done.returncode, done.stdout, done.stderr) == (4, "", "sampan: iptables: this is for sampan to call\n")
    done = net.__class__(program)("-t", "nat", "-S", env={"SAMPAN_IPTABLES": "/nowhere"})
    assert (done.returncode, done.stderr) == (4, "sampan: iptables: cannot connect: No such file or directory\n")
