# SPDX-License-Identifier: Apache-2.0
"""Networks, with netavark, aardvark-dns and real containers, in a network namespace of the test's own.

The machine's own network is not touched: everything runs in a namespace whose only way out is a veth cable to a second one, the "outside", which plays the
rest of the world.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from busybox_fixture import busybox_layer
from conftest import SLOW, Program
from container_fixture import monitor_of
from image_fixture import Image, Layer, directory, machine_architecture, symlink, write_layout

pytestmark = [pytest.mark.root, pytest.mark.plain]

NETAVARK = ["/usr/lib/podman/netavark", "/usr/libexec/podman/netavark"]
OUTSIDE = "192.0.2.1"
INSIDE = "192.0.2.2"


def sh(*argv, check=True, **kwargs):
    return subprocess.run([str(a) for a in argv], check=check, capture_output=True, text=True, timeout=60 * SLOW, **kwargs).stdout


class Namespace:
    """A network namespace that lives as long as a sleeping process of ours."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait_for(lambda: os.readlink(f"/proc/{self.process.pid}/ns/net") != own, "a network namespace")
        self.argv = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net"]
        self("ip", "link", "set", "lo", "up")

    def __call__(self, *argv, **kwargs):
        return sh(*self.argv, *argv, **kwargs)

    def end(self):
        self.process.kill()
        self.process.wait()


def wait_for(condition, what, seconds=15):
    deadline = time.monotonic() + seconds * SLOW
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {seconds * SLOW} s")


@pytest.fixture
def host():
    """The machine, as the containers' networks see it; .outside is the world behind its uplink."""
    if not any(map(os.path.exists, NETAVARK)):
        pytest.skip("netavark is not installed")
    inside, outside = Namespace(), Namespace()
    inside.outside = outside
    try:
        inside("ip", "link", "add", "up0", "type", "veth", "peer", "name", "world0", "netns", outside.process.pid)
        inside("ip", "addr", "add", f"{INSIDE}/24", "dev", "up0")
        inside("ip", "link", "set", "up0", "up")
        inside("ip", "route", "add", "default", "via", OUTSIDE)
        outside("ip", "addr", "add", f"{OUTSIDE}/24", "dev", "world0")
        outside("ip", "link", "set", "world0", "up")
        yield inside
    finally:
        for pid in processes_in(inside.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        inside.end()
        outside.end()


def processes_in(pid):
    """Those that are in the network namespace of a process, without it: aardvark-dns, where a test has not got that far."""
    own = os.readlink(f"/proc/{pid}/ns/net")
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "ns" / "net") == own and int(entry.name) != pid:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.fixture
def net(sampan, host, scratch):
    """`sampan` in that namespace, with an image "localhost/box" whose busybox has servers too."""
    layer = busybox_layer(machine_architecture())
    tools = Layer([directory("bin")] + [symlink(f"bin/{name}", "busybox") for name in ("httpd", "nslookup", "ping", "netstat")])
    layout = write_layout(scratch / "box", {None: Image([layer, tools], cmd=["sh"], env=["PATH=/usr/bin:/bin"])})
    sampan("pull", "-q", f"oci:{layout}", check=True)
    program = Program(host.argv[0], *host.argv[1:], *sampan.argv)
    program.root, program.state_dir, program.host = sampan.root, sampan.state_dir, host
    yield program
    for name in program("ps", "-aq").stdout.split():
        program("rm", "-f", name)
    program.end()


BOX = "localhost/box"


def start(net, name, *args, command=("sleep", "1000")):
    """Starts a container and waits until its command runs. Returns its `sampan run`."""
    process = net.popen("run", "--name", name, *args, BOX, *command)
    wait_for(lambda: inspect(net, name, missing_ok=True).get("State", {}).get("Running") or process.poll() is not None,
             f"the start of {name}", 60)
    assert process.poll() is None, process.stderr.read()
    return process


def inspect(net, name, missing_ok=False):
    done = net("inspect", "--type", "container", name)
    if missing_ok and done.returncode != 0:
        return {}
    return json.loads(done.stdout)[0]


def address(net, name):
    return inspect(net, name)["NetworkSettings"]["IPAddress"]


def run(net, *args, **kwargs):
    return net("run", "--rm", *args, check=True, timeout=120, **kwargs).stdout


def resolved(net, network, name):
    """The IPv4 addresses that a container of `network` finds behind a name. The server listens to nobody while it reads its files again, and nslookup does not
    wait for it: without any answer it is asked again."""
    script = f"""n=0; while ! out=$(nslookup {name} 2>&1) && n=$((n + 1)) && [ $n -lt 50 ]; do
        case $out in *NXDOMAIN*) [ $n -lt 3 ] || break;; esac; sleep 0.1; done; echo "$out" """
    out = run(net, "--network", network, BOX, "sh", "-c", script)
    found = set(re.findall(r"^Address: ([0-9.]+)$", out, re.M))
    assert found or "NXDOMAIN" in out, out
    return found


def rules_of(host):
    """The packet filter's rules but those that are netavark's for all networks, and that it leaves for the next one."""
    permanent = re.compile(r"-j NETAVARK[_-](FORWARD|HOSTPORT-\w+)$|-A NETAVARK-HOSTPORT-(MASQ|SETMARK) ")
    lines = host("iptables-save").splitlines() + host("ip6tables-save").splitlines()
    return [line for line in lines if line.startswith("-A") and not permanent.search(line)]


def taken_down(net):
    """Waits for who takes down the networks of a container that is gone: as whoever needs them does, by their lock."""
    lock = net.state_dir / "networks" / "lock"
    if lock.exists():
        with open(lock, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)


def assert_clean(net):
    """Nothing is left but what netavark keeps for the next network."""
    taken_down(net)
    links = net.host("ip", "-o", "link").splitlines()
    assert [line.split()[1].split("@")[0] for line in links] == ["lo:", "up0"], links
    assert rules_of(net.host) == []
    wait_for(lambda: not running_dns(net), "the end of aardvark-dns")
    state = net.state_dir / "networks"
    if not state.exists():
        return
    for folder in ("containers", "owners", "ports"):
        assert os.listdir(state / folder) == []
    assert [p for p in state.glob("leases/*/*") if not p.name.startswith("next.")] == []


def running_dns(net):
    return [pid for pid in processes_in(net.host.process.pid) if name_of(pid) == "aardvark-dns"]


def name_of(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return ""
    return "" if "\nState:\tZ" in status else status.split(maxsplit=2)[1]


def fetch(where, url):
    """What a web server says, in a namespace."""
    script = "import sys, urllib.request as u; print(u.build_opener(u.ProxyHandler({})).open(sys.argv[1], timeout=5).read().decode(), end='')"
    return subprocess.run([*where.argv, "/usr/bin/python3", "-c", script, url], capture_output=True, text=True, check=False,
                          timeout=30 * SLOW).stdout


WEB = ("sh", "-c", "cd /tmp && echo I am $0 >index.html && exec httpd -f -p 80")


# --- two containers ------------------------------------------------------------------------------------------


def test_containers_of_a_network_find_each_other_by_name_alias_and_id(net):
    net("network", "create", "app", check=True)
    start(net, "db", "--network", "app", "--network-alias", "store", "-h", "box")
    ip = address(net, "db")
    assert ip == "10.89.0.2"
    for name in ("db", "store", "box", inspect(net, "db")["Id"][:12]):
        assert resolved(net, "app", name) == {ip}, name
    assert "1 packets received" in run(net, "--network", "app", BOX, "ping", "-c1", "-W5", ip)
    assert "db" in net("network", "inspect", "app").stdout


def test_the_default_network_has_names_and_a_way_out(net):
    start(net, "web", "--network", "bridge", command=WEB)
    assert resolved(net, "bridge", "web") == {address(net, "web")} == {"10.88.0.2"}
    out = run(net, "--network", "bridge", BOX, "ping", "-c1", "-W5", OUTSIDE)
    assert "1 packets received" in out
    assert fetch(net.host, "http://10.88.0.2/") == "I am sh\n"


def test_another_network_is_not_seen_by_name_and_an_internal_one_has_no_way_out(net):
    net("network", "create", "--internal", "shut", check=True)
    net("network", "create", "app", check=True)
    start(net, "db", "--network", "shut")
    assert resolved(net, "shut", "db") == {address(net, "db")}
    assert resolved(net, "app", "db") == set()
    done = net("run", "--rm", "--network", "shut", BOX, "ping", "-c1", "-W2", OUTSIDE)
    assert done.returncode == 1


def test_addresses_can_be_asked_for(net):
    net("network", "create", "--subnet", "10.99.0.0/24", "--ip-range", "10.99.0.128/25", "--gateway", "10.99.0.254", "app", check=True)
    out = run(net, "--network", "app", "--ip", "10.99.0.7", "--mac-address", "02-00-00-00-00-0A", BOX, "ip", "addr", "show", "eth0")
    assert "inet 10.99.0.7/24" in out and "02:00:00:00:00:0a" in out
    assert "inet 10.99.0.128/24" in run(net, "--network", "app", BOX, "ip", "addr", "show", "eth0")
    assert "default via 10.99.0.254" in run(net, "--network", "app", BOX, "ip", "route")
    start(net, "one", "--network", "app", "--ip", "10.99.0.7")
    done = net("run", "--rm", "--network", "app", "--ip", "10.99.0.7", BOX, "true")
    assert done.returncode == 125 and done.stderr.endswith(": Address already in use\n")
    done = net("run", "--rm", "--network", "app", "--ip", "10.98.0.7", BOX, "true")
    assert done.returncode == 125 and "no configured subnet contains IP address 10.98.0.7" in done.stderr


def test_networks_may_have_ipv6(net):
    net("network", "create", "--ipv6", "--subnet", "10.99.0.0/24", "--subnet", "fd99::/64", "app", check=True)
    start(net, "web", "--network", "name=app,ip6=fd99::7", "-p", "8080:80", command=("httpd", "-f", "-p", "80"))
    settings = inspect(net, "web")["NetworkSettings"]
    assert settings["GlobalIPv6Address"] == "fd99::7" and settings["IPv6Gateway"] == "fd99::1"
    assert "1 packets received" in run(net, "--network", "app", BOX, "ping", "-6", "-c1", "-W5", "fd99::7")


def test_a_container_may_be_on_several_networks(net):
    for name in ("one", "two"):
        net("network", "create", name, check=True)
    out = run(net, "--network", "one", "--network", "two", BOX, "ip", "-o", "-4", "addr")
    # netavark makes them in any order.
    assert sorted(re.findall(r"eth\d +inet [0-9.]+/24", out)) == ["eth0    inet 10.89.0.2/24", "eth1    inet 10.89.1.2/24"]
    assert_clean(net)


# --- published ports -----------------------------------------------------------------------------------------


def test_published_ports_answer_from_everywhere(net):
    start(net, "web", "--network", "bridge", "-p", "8080:80", "-p", "127.0.0.1:8081:80", command=WEB)
    for where, url in ((net.host.outside, f"http://{INSIDE}:8080/"), (net.host, "http://127.0.0.1:8080/"),
                       (net.host, f"http://{INSIDE}:8080/"), (net.host, "http://127.0.0.1:8081/")):
        assert fetch(where, url) == "I am sh\n", url
    assert fetch(net.host.outside, f"http://{INSIDE}:8081/") == ""
    assert net("port", "web").stdout == "80/tcp -> 0.0.0.0:8080\n80/tcp -> 127.0.0.1:8081\n"
    assert net("port", "web", "80").stdout == "0.0.0.0:8080\n127.0.0.1:8081\n"
    done = net("port", "web", "81/udp")
    assert (done.returncode, done.stderr) == (1, "sampan: no public port '81/udp' published for web\n")
    assert "0.0.0.0:8080->80/tcp, 127.0.0.1:8081->80/tcp" in net("ps").stdout
    assert inspect(net, "web")["NetworkSettings"]["Ports"] == {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "127.0.0.1", "HostPort": "8081"}]}


def test_udp_ports_and_ranges_answer(net):
    start(net, "echo", "--network", "bridge", "-p", "5000-5001:6000-6001/udp")
    serve = ("import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 6001)); print('ready', flush=True)\n"
             "data, peer = s.recvfrom(99); s.sendto(data + b' was got', peer)")
    ask = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(10); s.connect(('%s', 5001)); s.send(b'this'); print(s.recv(99))"
    pid = inspect(net, "echo")["State"]["Pid"]
    with subprocess.Popen(["nsenter", f"--net=/proc/{pid}/ns/net", "/usr/bin/python3", "-c", serve], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout.readline() == b"ready\n"
            assert "this was got" in net.host.outside("/usr/bin/python3", "-c", ask % INSIDE)
        finally:
            server.kill()


def test_port_53_is_the_networks_own_where_it_has_names(net):
    done = net("run", "--rm", "--name", "dns", "--network", "bridge", "-p", "53:53/udp", BOX, "true")
    assert done.returncode == 125
    assert "port 53 of all addresses cannot be published: network bridge answers for names there (publish it on one address" in done.stderr
    run(net, "--network", "bridge", "-p", f"{INSIDE}:53:53/udp", BOX, "true")
    assert_clean(net)


def test_free_ports_are_picked_for_exposed_ones(net):
    start(net, "web", "--network", "bridge", "-P", "--expose", "80", "-p", "81", command=WEB)
    ports = dict(line.split(" -> ") for line in net("port", "web").stdout.splitlines())
    assert set(ports) == {"80/tcp", "81/tcp"}
    assert fetch(net.host.outside, f"http://{INSIDE}:{ports['80/tcp'].split(':')[1]}/") == "I am sh\n"


def test_a_port_that_is_taken_is_refused_and_nothing_stays(net):
    start(net, "web", "--network", "bridge", "-p", "8080:80")
    rules = rules_of(net.host)
    done = net("run", "--name", "two", "--network", "bridge", "-p", "8080:80", BOX, "true")
    assert done.returncode == 125
    assert done.stderr == ("sampan: error starting container two: driver failed programming external connectivity on endpoint two: "
                           "Bind for 0.0.0.0:8080 failed: port is already allocated\n")
    assert rules_of(net.host) == rules
    assert len(os.listdir(net.state_dir / "networks" / "owners")) == 1
    server = subprocess.Popen([*net.host.argv, "/usr/bin/python3", "-m", "http.server", "9000", "--bind", "127.0.0.1"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: fetch(net.host, "http://127.0.0.1:9000/"), "a server of the host")
        done = net("run", "--rm", "--network", "bridge", "-p", "9000:80", BOX, "true")
    finally:
        server.kill()
        server.wait()
    assert done.returncode == 125
    assert "failed to bind host port 0.0.0.0:9000/tcp: address already in use\n" in done.stderr


def test_a_port_is_held_against_programs_of_the_host(net):
    start(net, "web", "--network", "bridge", "-p", "8080:80")
    done = subprocess.run([*net.host.argv, "/usr/bin/python3", "-c", "import socket; socket.socket().bind(('', 8080))"],
                          capture_output=True, text=True, check=False)
    assert "Address already in use" in done.stderr


# --- teardown ------------------------------------------------------------------------------------------------


def test_a_teardown_leaves_no_rule_no_link_and_no_process(net):
    net("network", "create", "app", check=True)
    web = start(net, "web", "--network", "app", "--network", "bridge", "-p", "8080:80", "-p", "5353:53/udp")
    assert running_dns(net)
    assert len(rules_of(net.host)) > 4
    net("rm", "-f", "web", check=True)
    web.wait(60 * SLOW)
    assert_clean(net)


def test_nobody_waits_for_the_networks_of_a_container_that_goes_but_who_needs_them(net):
    """run --rm returns while they are taken down; addresses, ports and networks are free for the next command all the same."""
    for _ in range(4):
        net("network", "create", "--subnet", "10.97.0.0/24", "passing", check=True)
        for _ in range(2):
            run(net, "--network", "passing", "--ip", "10.97.0.9", "-p", "8097:80", "--name", "same", BOX, "true")
        net("network", "rm", "passing", check=True)
    assert_clean(net)


def test_a_container_whose_command_fails_leaves_nothing(net):
    done = net("run", "--rm", "--network", "bridge", "-p", "8080:80", BOX, "nonsense")
    assert done.returncode == 127
    assert_clean(net)
    done = net("run", "--rm", "--network", "bridge", "-p", "8080:80", "-p", "8080:81", BOX, "true")
    assert done.returncode == 125 and "port is already allocated" in done.stderr
    assert_clean(net)


def test_the_others_keep_working_when_one_ends(net):
    start(net, "web", "--network", "bridge", "-p", "8080:80", command=WEB)
    run(net, "--network", "bridge", "-p", "8081:80", BOX, "true")
    assert fetch(net.host.outside, f"http://{INSIDE}:8080/") == "I am sh\n"
    assert resolved(net, "bridge", "web") == {"10.88.0.2"}


def test_what_a_crash_left_is_taken_down_at_the_next_start(net):
    web = start(net, "web", "--network", "bridge", "-p", "8080:80")
    pid = inspect(net, "web")["State"]["Pid"]
    web.kill()
    web.wait()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists() or name_of(pid) == "", "the container's end")
    assert any("8080" in rule for rule in rules_of(net.host))
    assert run(net, "--network", "bridge", "-p", "8080:80", BOX, "echo", "started") == "started\n"
    assert_clean(net)
    assert net("rm", "web").returncode == 0


def test_removing_a_crashed_container_takes_its_network_down(net):
    web = start(net, "web", "--network", "bridge", "-p", "8080:80")
    pid = inspect(net, "web")["State"]["Pid"]
    web.kill()
    web.wait()
    os.kill(pid, signal.SIGKILL)
    net("rm", "-f", "web", check=True)
    assert_clean(net)


def test_a_network_is_taken_down_even_if_its_file_is_gone(net):
    net("network", "create", "app", check=True)
    web = start(net, "web", "--network", "app", "-p", "8080:80")
    os.unlink(net.root / "networks" / "app.json")
    net("rm", "-f", "web", check=True)
    web.wait(60 * SLOW)
    assert_clean(net)


@pytest.mark.plain
def test_twenty_containers_start_at_once_and_leave_nothing(net):
    names = [f"c{n}" for n in range(20)]
    running = [net.popen("run", "--rm", "--name", name, "--network", "bridge", "-p", f"{9000 + n}:80", BOX, *WEB)
               for n, name in enumerate(names)]
    wait_for(lambda: len(net("ps", "-q").stdout.split()) == 20 or any(p.poll() is not None for p in running), "20 starts", 120)
    assert [p.stderr.read() for p in running if p.poll() is not None] == []
    addresses = {address(net, name) for name in names}
    assert len(addresses) == 20
    assert resolved(net, "bridge", "c19") == {address(net, "c19")}
    for n in (0, 7, 19):
        assert fetch(net.host.outside, f"http://{INSIDE}:{9000 + n}/") == "I am sh\n"
    net("rm", "-f", *names, check=True, timeout=120)
    for process in running:
        process.wait(120 * SLOW)
    assert_clean(net)


# --- files, shared namespaces, connect -----------------------------------------------------------------------


def test_the_containers_files_have_its_addresses_and_what_was_asked_for(net):
    out = run(net, "--name", "me", "-h", "box", "--network", "bridge", "--add-host", "up:host-gateway", "--add-host", "x:1.2.3.4",
              "--dns", "192.0.2.53", "--dns-search", "example.com", "--dns-option", "ndots:2", BOX, "cat", "/etc/hosts", "/etc/resolv.conf")
    assert "10.88.0.2\tbox me\t# sampan\n" in out
    assert "10.88.0.1\tup\t# sampan\n" in out and "\n1.2.3.4\tx\n" in out
    assert "nameserver 10.88.0.1\nsearch example.com\noptions ndots:2\n" in out
    out = run(net, "--network", "none", "--dns", "192.0.2.53", "--add-host", "x:1.2.3.4", BOX, "cat", "/etc/hosts", "/etc/resolv.conf")
    assert "nameserver 192.0.2.53\n" in out and "\n1.2.3.4\tx\n" in out


def test_a_network_without_names_leaves_the_hosts_servers(net):
    net("network", "create", "--disable-dns", "plain", check=True)
    out = run(net, "--network", "plain", "--dns", "192.0.2.53", BOX, "cat", "/etc/resolv.conf")
    assert out.startswith("nameserver 192.0.2.53\n")
    assert not running_dns(net)


def test_a_container_can_share_the_network_of_another(net):
    start(net, "web", "--network", "bridge", "-h", "box", command=WEB)
    out = run(net, "--network", "container:web", BOX, "sh", "-c", "wget -q -O - http://127.0.0.1/; cat /etc/hosts; ip addr show eth0")
    assert "I am sh\n" in out and "10.88.0.2\tbox web" in out and "inet 10.88.0.2/16" in out
    done = net("run", "--rm", "--network", "container:web", "-p", "80", BOX, "true")
    assert (done.returncode, done.stderr) == (
        125, "sampan: conflicting options: port publishing and the container type network mode\n")
    done = net("run", "--rm", "--network", "container:nobody", BOX, "true")
    assert (done.returncode, done.stderr) == (125, "sampan: no such container: nobody\n")
    net("run", "--name", "ended", BOX, "true", check=True)
    done = net("run", "--rm", "--network", "container:ended", BOX, "true")
    assert done.returncode == 125 and "cannot join network of a non running container" in done.stderr


def test_a_running_container_is_connected_and_disconnected(net):
    net("network", "create", "app", check=True)
    web = start(net, "web", "--network", "bridge", command=WEB)
    net("network", "connect", "--alias", "www", "--ip", "10.89.0.9", "app", "web", check=True)
    assert resolved(net, "app", "www") == {"10.89.0.9"}
    assert run(net, "--network", "app", BOX, "wget", "-q", "-O", "-", "http://10.89.0.9/") == "I am sh\n"
    done = net("network", "connect", "app", "web")
    assert (done.returncode, done.stderr) == (1, "sampan: endpoint with name web already exists in network app\n")
    done = net("network", "rm", "app")
    assert done.returncode == 1
    assert re.fullmatch(r"sampan: error while removing network: network app id [0-9a-f]{64} has active endpoints\n", done.stderr)
    net("network", "disconnect", "app", "web", check=True)
    assert list(inspect(net, "web")["NetworkSettings"]["Networks"]) == ["bridge"]
    assert resolved(net, "app", "www") == set()
    done = net("network", "disconnect", "app", "web")
    assert done.returncode == 1 and re.fullmatch(r"sampan: container [0-9a-f]{12} is not connected to network app\n", done.stderr)
    net("network", "rm", "app", check=True)
    net("rm", "-f", "web", check=True)
    web.wait(60 * SLOW)
    assert_clean(net)


# --- the command ---------------------------------------------------------------------------------------------


def test_networks_are_created_listed_inspected_and_removed(net):
    identifier = net("network", "create", "--label", "tier=db", "-o", "mtu=1400", "app", check=True).stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", identifier)
    assert [line.split()[1:] for line in net("network", "ls").stdout.splitlines()[1:]] == [
        ["app", "bridge", "local"], ["bridge", "bridge", "local"], ["host", "host", "local"], ["none", "null", "local"]]
    assert net("network", "ls", "-q").stdout.split()[0] == identifier[:12]
    assert net("network", "ls", "-q", "--no-trunc", "-f", "label=tier=db").stdout == identifier + "\n"
    assert net("network", "ls", "--format", "{{.Name}}", "--filter", "type=custom").stdout == "app\n"
    assert net("network", "ls", "--format", "{{.Name}}", "--filter", "dangling=true").stdout == "app\n"
    assert net("network", "ls", "--filter", "driver=null", "--format", "{{.Name}} {{.Driver}}").stdout == "none null\n"
    assert json.loads(net("network", "ls", "--format", "json", "-f", "name=app").stdout)["Name"] == "app"
    app = json.loads(net("network", "inspect", identifier[:7]).stdout)[0]
    assert app["Name"] == "app" and app["Labels"] == {"tier": "db"} and app["Options"] == {"mtu": "1400"}
    assert app["IPAM"]["Config"] == [{"Subnet": "10.89.0.0/24", "Gateway": "10.89.0.1"}]
    assert net("network", "inspect", "-f", "{{.Driver}} {{json .Labels}}", "app").stdout == 'bridge {"tier":"db"}\n'
    assert "mtu 1400" in run(net, "--network", "app", BOX, "ip", "link", "show", "eth0")
    assert net("network", "rm", "app").stdout == "app\n"


@pytest.mark.parametrize("args,code,error", [
    (["create", "app"], 1, "network with name app already exists"),
    (["create", "bridge"], 1, "network with name bridge already exists"),
    (["create", "--subnet", "10.89.0.128/25", "x"], 1, "invalid pool request: Pool overlaps with other one on this address space"),
    (["create", "--subnet", "192.0.2.0/25", "x"], 1, "subnet 192.0.2.0/25 is already used on the host"),
    (["create", "--driver", "macvlan", "x"], 1, "could not find plugin macvlan in v1 plugin registry: plugin not found"),
    (["rm", "nosuch"], 1, "network nosuch not found"),
    (["rm", "bridge"], 1, "bridge is a pre-defined network and cannot be removed"),
    (["inspect", "nosuch"], 1, "network nosuch not found"),
    (["connect", "app", "nobody"], 1, "no such container: nobody"),
    (["ls", "--format", "{{.Nope}}"], 1, None),
    (["ls", "--filter", "colour=red"], 1, "invalid filter 'colour=red'"),
    (["create"], 125, "'sampan network create' requires exactly 1 argument\nSee 'sampan network create --help'."),
    (["frob"], 125, "'frob' is not a sampan network command\nSee 'sampan network --help'."),
])
def test_mistakes_are_told_as_docker_tells_them(net, args, code, error):
    net("network", "create", "app", check=True)
    done = net("network", *args)
    assert done.returncode == code
    if error:
        assert done.stderr == f"sampan: {error}\n"


def test_rm_with_force_takes_absence_for_success(net):
    assert net("network", "rm", "-f", "nosuch").returncode == 0


def test_prune_removes_what_nobody_is_on(net):
    for name in ("used", "idle", "kept"):
        net("network", "create", *(["--label", "keep"] if name == "kept" else []), name, check=True)
    start(net, "web", "--network", "used")
    assert net("network", "prune", input="n\n").stdout.startswith("WARNING! This will remove all custom networks not used by")
    assert net("network", "prune", "-f", "--filter", "label!=keep").stdout == "Deleted Networks:\nidle\n\n"
    assert net("network", "ls", "-f", "type=custom", "--format", "{{.Name}}").stdout == "kept\nused\n"


def test_subnets_of_the_hosts_routes_are_left_alone(net):
    net.host("ip", "route", "add", "10.88.0.0/16", "via", OUTSIDE)
    net.host("ip", "route", "add", "10.89.0.0/24", "via", OUTSIDE)
    assert "inet 10.89.1.2/24" in run(net, "--network", "bridge", BOX, "ip", "addr", "show", "eth0")


# --- what it costs not to have one ---------------------------------------------------------------------------


def test_none_and_host_cost_no_process_and_no_file(net, scratch):
    trace = scratch / "trace"
    for mode in ("none", "host"):
        sh("strace", "-f", "-o", trace, "-e", "trace=execve,openat", *net.argv, "run", "--rm", "--network", mode, BOX, "true")
        text = trace.read_text(encoding="utf-8", errors="replace")
        assert "netavark" not in text and str(net.state_dir / "networks") not in text
    assert not (net.state_dir / "networks").exists()


def test_without_netavark_the_package_is_named_and_nothing_stays(net, scratch):
    empty = scratch / "empty"
    empty.mkdir()
    done = net("run", "--rm", "--network", "bridge", BOX, "true", env={"SAMPAN_HELPER_DIR": str(empty)})
    assert done.returncode == 125
    assert done.stderr.endswith("networks need 'netavark', which is not here: install the package netavark (or use --network none or host)\n")
    assert os.listdir(net.state_dir / "networks" / "owners") == []
    assert net("run", "--rm", BOX, "true", env={"SAMPAN_HELPER_DIR": str(empty)}).returncode == 0


def test_ports_without_a_network_say_what_to_do(net):
    done = net("run", "--rm", "--network", "none", "-p", "80", BOX, "true")
    assert (done.returncode, done.stderr) == (125, "sampan: ports cannot be published with the network 'none'\n")
    done = net("run", "--rm", "--network", "nosuch", BOX, "true")
    assert (done.returncode, done.stderr) == (125, "sampan: network nosuch not found\n")


# --- the job ------------------------------------------------------------------------------------------------


def kill_all(net):
    """As a power cut: no process is left, and nothing below the state directory. The rules and links stay, which a reboot would take too."""
    for entry in json.loads(net("ps", "--format", "json", check=True).stdout):
        monitor = monitor_of(entry["Pid"])
        os.kill(monitor, signal.SIGKILL)
        os.kill(entry["Pid"], signal.SIGKILL)
        wait_for(lambda pids=(monitor, entry["Pid"]): not any(map(name_of, pids)), "the end")


def test_a_web_server_is_up_after_a_restart_and_after_the_plug_was_pulled(net):
    url = f"http://{INSIDE}:8080/"
    printed = net("run", "-d", "-p", "8080:80", "--restart", "always", "--name", "web", BOX, *WEB, check=True).stdout
    assert re.fullmatch(r"[0-9a-f]{64}\n", printed)
    wait_for(lambda: fetch(net.host.outside, url) == "I am sh\n", "the page", 30)
    assert "0.0.0.0:8080->80/tcp" in net("ps", check=True).stdout
    os.kill(inspect(net, "web")["State"]["Pid"], signal.SIGKILL)
    wait_for(lambda: inspect(net, "web")["RestartCount"] == 1, "the restart", 30)
    wait_for(lambda: fetch(net.host.outside, url) == "I am sh\n", "the page after a restart", 30)
    kill_all(net)
    assert fetch(net.host.outside, url) == ""
    assert net("boot", check=True, timeout=120).stdout == "web\n"
    wait_for(lambda: fetch(net.host.outside, url) == "I am sh\n", "the page after the boot", 30)
    net("rm", "-f", "web", check=True, timeout=120)
    assert_clean(net)


def test_networks_are_events_and_filters_of_ps(net):
    ident = net("network", "create", "front", check=True).stdout.strip()
    net("network", "create", "back", check=True)
    box = net("run", "-d", "--name", "box", "--network", "front", "-p", "8080:80", "--expose", "90", BOX, "sleep", "1000",
              check=True).stdout.strip()
    net("create", "--name", "alone", BOX, "true", check=True)

    def names(wanted):
        return net("ps", "-a", "--format", "{{.Names}}", "--filter", wanted, check=True).stdout.split()

    assert names("network=front") == ["box"] == names(f"network={ident}") == names(f"network={ident[:12]}")
    assert names("publish=8080") == ["box"] == names("publish=8000-9000/tcp") and names("publish=80") == []
    assert names("expose=80") == ["box"] == names("expose=90") and names("expose=80/udp") == []
    net("network", "connect", "back", "box", check=True)
    assert net("ps", "--format", "{{.Networks}}", check=True).stdout == "front,back\n"
    net("network", "disconnect", "back", "box", check=True)
    net("stop", "-t", "0", "box", check=True)
    shown = [json.loads(line) for line in
             net("events", "--stream=false", "--filter", "type=network", "--format", "json", check=True).stdout.splitlines()]
    told = [(e["Action"], e["Actor"]["Attributes"]["name"]) for e in shown if e["Actor"]["Attributes"]["name"] != "bridge"]
    assert told == [("create", "front"), ("create", "back"), ("connect", "front"), ("connect", "back"),
                    ("disconnect", "back"), ("disconnect", "front")]
    connect = next(e["Actor"] for e in shown if e["Action"] == "connect")
    assert connect == {"ID": ident, "Attributes": {"container": box, "name": "front", "type": "bridge"}}
