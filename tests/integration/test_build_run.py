# SPDX-License-Identifier: Apache-2.0
"""RUN with every flag: the lines of docs/dockerfile.md of it."""
import contextlib
import glob
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading

import pytest

from container_fixture import staged
from image_fixture import Layer, directory, file

pytestmark = pytest.mark.root

FROM = "FROM localhost/box\n"


def lines(built, path="out"):
    """What RUN wrote to a file, without the mode and the owner before it."""
    return built.tree[path].split(" ", 2)[2].split("\n")


# --- the command ----------------------------------------------------------------------------------------------------------


def test_forms_of_the_command(builder):
    built = builder(FROM + r"""RUN echo "$0" > /shell && \
    # a comment between
    echo continued >> /shell
RUN ["sh", "-c", "echo $0 \"$1\" >/exec", "zero", "one two"]
RUN <<EOF
echo one >/doc
echo "$X" >>/doc
EOF
RUN <<EOF cat >/stdin
text $NOT
EOF
RUN cat <<one >/three; cat 3<<"two" <&3 >>/three
from one
one
from two
two
RUN <<-PROGRAM
	#!/bin/awk -f
	BEGIN { print "program" > "/program" }
PROGRAM
RUN <<"EOF"
printf '%s' '\n' >/backslash
EOF
SHELL ["/bin/busybox", "sh", "-exc"]
RUN echo "$-" >/options; test $0 = sh
""")
    assert built.tree == {
        "shell": "-644 0:0 /bin/sh\ncontinued", "exec": "-644 0:0 zero one two", "doc": "-644 0:0 one\n", "stdin": "-644 0:0 text",
        "three": "-644 0:0 from one\nfrom two", "program": "-644 0:0 program", "backslash": r"-644 0:0 \n",
        "options": built.tree["options"]} or built.tree
    assert set("ex") <= set(lines(built, "options")[0])
    assert "RUN sh -c echo" in built.history[1] and built.config["Shell"] == ["/bin/busybox", "sh", "-exc"]


def test_what_a_command_sees(builder):
    built = builder(FROM + r"""ARG ONE=1
ENV TWO=2
ARG UNSET
USER user:extra
WORKDIR /home/user/new
RUN id -u > out; id -g >>out; pwd >>out; echo "$ONE $TWO ${UNSET-unset} $HOME" >>out; env | grep -c ^FTP_PR >>out; hostname >>out
USER root
RUN grep -c buildkitsandbox /etc/hosts >/hosts; test -s /etc/resolv.conf; test -d /proc/1 && test -c /dev/null && echo yes >>/hosts
RUN ! env | grep -q '^ONE=$'; ls -A /etc >/names""", {}, "--build-arg", "FTP_PROXY=ftp://x", "--add-host", "there:10.1.2.3")
    assert lines(built, "home/user/new/out") == ["1000", "2000", "/home/user/new", "1 2 unset /home/user", "1", "buildkitsandbox"]
    assert lines(built, "hosts") == ["1", "yes"]
    assert lines(built, "names")[:2] == ["group", "hosts"]
    assert not any(name in built.tree for name in ("etc/hosts", "etc/resolv.conf", "proc", "dev", "sys"))
    assert "FTP_PROXY" not in str(built.image)


def test_what_is_removed_and_changed_is_in_the_layer(builder):
    built = builder(FROM + "RUN rm /etc/passwd && chmod 700 /var && chown 5:6 /home/user && ln -s a /l && mkdir -m 1777 /d && "
                    "echo >/f && ln /f /g && mkfifo /p && rm -r /home && mkdir /home")
    (layer,) = built.own
    assert layer["etc/.wh.passwd"] == "-0 0:0 " or "etc/.wh.passwd" in layer
    assert built.tree == {"var": "d700 0:0", "l": "l a", "d": "d1777 0:0", "f": "-644 0:0 ", "g": "h f", "p": built.tree["p"]} or built.tree


def test_limits_of_run(builder):
    built = builder(FROM + "RUN ulimit -n >/out; df -k /dev/shm | tail -1 | awk '{ print $2 }' >>/out", {}, "--ulimit", "nofile=77:88",
                    "--shm-size", "2m")
    assert lines(built) == ["77", "2048"]


# --- --network, --security, --device ----------------------------------------------------------------------------------------


def test_network(builder):
    count = "ls /sys/class/net | wc -l"
    built = builder(f"{FROM}ARG NET=none\nRUN --network=$NET {count} >/none\nRUN --network=default {count} >/default\nRUN {count} >/plain\n"
                    f"RUN --network=host {count} >/host", {}, "--allow", "network.host")
    host = str(len(os.listdir("/sys/class/net")))
    assert [lines(built, name) for name in ("none", "default", "plain", "host")] == [["1"], [host], [host], [host]]
    assert lines(builder(f"{FROM}RUN {count} >/out", {}, "--network", "none")) == ["1"]
    assert "network.host is not allowed (build with --allow network.host)" in builder.fails(FROM + "RUN --network=host true")


def test_security(builder):
    show = "grep CapEff /proc/self/status | tr -d '\\t' | cut -d: -f2"
    built = builder(f"{FROM}RUN --security=sandbox {show} >/sandbox\nRUN --security=insecure {show} >/insecure; "
                    "mkdir /m && mount -t tmpfs x /m && umount /m && rmdir /m", {}, "--allow", "security.insecure")
    assert lines(built, "sandbox") == ["00000000a80425fb"]
    assert int(lines(built, "insecure")[0], 16) > 0xa80425fb
    assert "security.insecure is not allowed (build with --allow security.insecure)" in builder.fails(FROM + "RUN --security=insecure true")


def test_devices(builder):
    kind = f"sampan-test-{os.getpid()}.example.com/thing"
    path = pathlib.Path(f"/var/run/cdi/sampan-test-{os.getpid()}.json")
    text = f"{FROM}RUN --device={kind}=one,required echo $CDI >/out; stat -c %F /dev/mynull >>/out\n"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cdiVersion": "0.6.0", "kind": kind, "devices": [{"name": "one", "containerEdits": {
        "env": ["CDI=yes"], "deviceNodes": [{"path": "/dev/mynull", "hostPath": "/dev/null"}]}}]}))
    try:
        built = builder(text, {}, "--allow", "device")
        assert lines(built) == ["yes", "character special file"] and sorted(built.tree) == ["out"]
        refused = f"device {kind}=one is not allowed (build with --allow device={kind}=one)"
        for flags in ([], ["--allow", f"device={kind}=two"], ["--allow", f"device={kind}=one,alias=it"]):
            assert refused in builder.fails(text, {}, "--no-cache", *flags)
        for allowed in (f"device={kind}=one", f"device={kind}=*"):
            assert lines(builder(text, {}, "--no-cache", "--allow", allowed))[0] == "yes"
        built = builder(f"{FROM}RUN --device=it,required echo $CDI >/out\n", {}, "--allow", f"device={kind}=one,alias=it")
        assert lines(built) == ["yes"]
    finally:
        path.unlink()
    assert f"unresolvable CDI devices {kind}=one" in builder.fails(text, {}, "--no-cache", "--allow", "device")
    assert lines(builder(f"{FROM}RUN --device=name={kind}=one echo ${{CDI-no}} >/out\n")) == ["no"]


# --- --mount=type=bind --------------------------------------------------------------------------------------------------------


def test_bind_mounts_of_the_context(builder):
    folder = builder.context({"a": "1", "dir/b": "2", "no": "3", ".dockerignore": "no"})
    built = builder(FROM + """RUN --mount=target=/m cat /m/a /m/dir/b >/out; ls /m >>/out; ! touch /m/x 2>/dev/null
WORKDIR /w
RUN --mount=type=bind,src=dir/b,dst=file cat file >out
RUN --mount=type=bind,source=dir,destination=/d,rw echo changed >/d/b; echo new >/d/new; cat /d/b >/changed
RUN --mount=type=bind,source=/a,target=/etc/passwd cat /etc/passwd >/over
""", folder)
    assert lines(built) == ["12Dockerfile", "a", "dir"]
    assert built.tree == {"out": built.tree["out"], "w": "d755 0:0", "w/out": "-644 0:0 2", "changed": "-644 0:0 changed", "over": "-644 0:0 1"}
    assert ((folder / "dir/b").read_text(), (folder / "dir").joinpath("new").exists()) == ("2", False)


def test_bind_mounts_of_stages_images_and_contexts(builder):
    image = builder.load([Layer([directory("i"), file("i/f", b"image", uid=7, gid=8)])])
    more = builder.context({"n": "named"})
    built = builder(f"""FROM localhost/box AS first
RUN mkdir /s; echo stage >/s/f
FROM localhost/box
RUN --mount=from=first,source=/s,target=/m,rw cat /m/f >/one; echo x >/m/g
RUN --mount=from=first,source=/s,target=/m ls /m >/two
RUN --mount=type=bind,from={image},target=/m stat -c %u:%g /m/i/f >/three
RUN --mount=from=more,target=/m cat /m/n >/four
RUN --mount=from=0,source=s/f,target=/m cat /m >/five
""", {}, "--build-context", f"more={more}")
    assert built.tree == {"one": "-644 0:0 stage", "two": "-644 0:0 f", "three": "-644 0:0 7:8", "four": "-644 0:0 named",
                          "five": "-644 0:0 stage"}


# --- --mount=type=cache -------------------------------------------------------------------------------------------------------


def test_cache_mounts_persist_by_id_and_are_in_no_layer(builder):
    tag = builder.new("cache")
    text = FROM + f"""ARG N
RUN --mount=type=cache,id={tag},target=/c echo $N >>/c/log; cat /c/log >/out
RUN --mount=type=cache,id={tag},target=/other,ro cat /other/log >/again; ! touch /other/x 2>/dev/null
RUN --mount=type=cache,target=/{tag}-own,mode=700,uid=5,gid=6 stat -c %a:%u:%g /{tag}-own >/mode; ls -A /{tag}-own >>/mode; touch /{tag}-own/x
RUN --mount=type=cache,target=/{tag}-own,mode=700,uid=5,gid=6,sharing=private ls /{tag}-own >>/mode
RUN --mount=type=cache,target=/{tag}-own,sharing=locked stat -c %a:%u:%g /{tag}-own >>/mode
"""
    built = builder(text, {}, "--build-arg", "N=1")
    assert (lines(built), lines(built, "again"), lines(built, "mode")) == (["1"], ["1"], ["700:5:6", "x", "755:0:0"])
    assert sorted(built.tree) == ["again", "mode", "out"]
    built = builder(text, {}, "--build-arg", "N=2")
    assert lines(built) == ["1", "2"]


def test_a_new_cache_begins_with_what_from_and_source_say(builder):
    tag = builder.new("cache")
    built = builder(f"""FROM scratch AS seed
COPY --chown=5:6 f /s/
FROM localhost/box
RUN --mount=type=cache,id={tag},from=seed,source=/s,target=/c stat -c %n:%u:%g /c/f >/out; echo more >/c/g
RUN --mount=type=cache,id={tag},from=seed,source=/s,target=/c ls /c >>/out
""", {"f": "1"})
    assert lines(built) == ["/c/f:5:6", "f", "g"]


# --- --mount=type=tmpfs ---------------------------------------------------------------------------------------------------------


def test_tmpfs_mounts(builder):
    built = builder(FROM + """RUN --mount=type=tmpfs,target=/t,size=1m df -k /t | tail -1 | awk '{ print $1, $2 }' >/out; touch /t/x; stat -c %a /t >>/out
RUN --mount=type=tmpfs,target=/home ls /home >>/out; ls /t 2>&1 >/dev/null | grep -c No >>/out
RUN --mount=type=tmpfs,target=/t,tmpfs-size=2m,tmpfs-mode=700 stat -c %a /t >>/out
""")
    assert lines(built) == ["tmpfs 1024", "1777", "1", "700"]
    assert sorted(built.tree) == ["out"]


# --- --mount=type=secret --------------------------------------------------------------------------------------------------------


def test_secrets_are_files_and_variables_and_reach_no_layer(builder, tmp_path):
    (tmp_path / "one").write_text("hush1")
    (tmp_path / "nul").write_bytes(b"a\0b")
    options = ("--secret", f"id=one,src={tmp_path}/one", "--secret", "id=two,env=SECRET_TWO", "--secret", "id=SECRET_THREE",
               "--secret", f"id=nul,src={tmp_path}/nul", "--secret", "type=env,id=four,src=SECRET_TWO")
    built = builder(FROM + """WORKDIR /w
RUN --mount=type=secret,id=one md5sum </run/secrets/one >out; stat -c %a:%u:%g /run/secrets/one >>out; ! echo x 2>/dev/null >/run/secrets/one
RUN --mount=type=secret,id=one,target=here,mode=0440,uid=5,gid=6 stat -c %a:%u:%g here >>out; ls >>out
RUN --mount=type=secret,id=two,env=TWO test "$TWO" = hu""sh2; ls /run 2>/dev/null >>out; echo "${TWO:+set}" >>out
RUN --mount=type=secret,id=two,env=TWO,target=/two test "$TWO" = "$(cat /two)"
RUN --mount=type=secret,id=SECRET_THREE test $(cat /run/secrets/SECRET_THREE) = hu""sh3
RUN --mount=type=secret,id=four test $(cat /run/secrets/four) = hu""sh2
RUN --mount=type=secret,target=/deep/one test $(cat /deep/one) = hu""sh1
RUN --mount=type=secret,src=one test $(cat /run/secrets/one) = hu""sh1
RUN --mount=type=secret,id=none test ! -e /run/secrets/none
""", {}, *options, env={"SECRET_TWO": "hush2", "SECRET_THREE": "hush3"})
    digest = hashlib.md5(b"hush1").hexdigest()
    assert lines(built, "w/out") == [f"{digest}  -", "400:0:0", "440:5:6", "here", "out", "set"]
    assert sorted(built.tree) == ["w", "w/out"]
    assert not re.search("hush[123]", str(built.layout))
    assert grep(builder.sampan.root, re.compile(b"hush[123]")) == []
    assert "secret none: not found" in builder.fails(FROM + "RUN --mount=type=secret,id=none,required true")
    assert "secret 'nul' has a NUL byte: it cannot be a variable" in builder.fails(FROM + "RUN --mount=type=secret,id=nul,env=X true",
                                                                                  {}, *options[6:8])


def grep(top, pattern):
    found = []
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as f:
                    if pattern.search(f.read()):
                        found.append(path)
    return found


def test_a_secret_that_changes_does_not_make_its_step_anew(builder):
    text = FROM + f"RUN --mount=type=secret,id=S test -n $(cat /run/secrets/S) && : {builder.new('s')}"
    states = [set(builder(text, {}, "--secret", "id=S", env={"S": value}).steps.values()) for value in ("1", "2")]
    assert states == [{"DONE"}, {"CACHED"}]


# --- --mount=type=ssh -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def agent(path):
    """Answers each connection with "agent"."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as connection:
                        connection.sendall(b"agent\n")

        threading.Thread(target=serve, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


def test_ssh_sockets(builder, tmp_path):
    show = "stat -c %F $SSH_AUTH_SOCK >>/out; echo $SSH_AUTH_SOCK >>/out"
    text = f"""{FROM}RUN --mount=type=ssh {show}
RUN --mount=type=ssh,id=other,target=/run/mine {show}
RUN --mount=type=ssh,id=none test -z "$SSH_AUTH_SOCK"
"""
    with agent(tmp_path / "s"):
        built = builder(text, {}, "--ssh", "default", "--ssh", f"other={tmp_path}/s", env={"SSH_AUTH_SOCK": str(tmp_path / "s")})
    assert lines(built) == ["socket", "/run/buildkit/ssh_agent.0", "socket", "/run/mine"]
    assert sorted(built.tree) == ["out"]
    assert "no ssh handler for id none (build with --ssh none)" in builder.fails(FROM + "RUN --mount=type=ssh,id=none,required true")


def agents(folder):
    """Processes of agents of builds in this store, by their working directory."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(f"{path}/cwd").startswith(str(folder)) and os.readlink(f"{path}/exe").endswith("/ssh-agent"):
                found.append(path)
    return found


@pytest.mark.skipif(not shutil.which("ssh-agent"), reason="needs OpenSSH")
def test_keys_get_an_agent_that_ends_with_the_build(builder, tmp_path):
    for name, passphrase in (("one", ""), ("two", ""), ("locked", "secret")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", tmp_path / name], check=True)
    keys = f"default={tmp_path}/one,{tmp_path}/two"
    built = builder(f"{FROM}RUN --mount=type=ssh stat -c '%F %a' $SSH_AUTH_SOCK >/out\n", {}, "--ssh", keys)
    assert lines(built) == ["socket 600"] and sorted(built.tree) == ["out"]
    assert agents(builder.sampan.root) == []
    for key, words in ((tmp_path / "locked", "has a passphrase (ssh-add it to an agent, and give the agent)"),
                       (tmp_path / "one.pub", "is open to others (chmod 600 it)"), (tmp_path / "none", "no such file or directory")):
        done = builder.run(FROM + "RUN --mount=type=ssh true\n", {}, "--ssh", f"default={key}")
        assert done.returncode == 1 and f"'{key}'" in done.stderr and words in done.stderr, done
    assert agents(builder.sampan.root) == []


# --- what only buildah has ----------------------------------------------------------------------------------------------------------


def test_keys_of_mounts_that_only_buildah_has(builder):
    built = builder(FROM + """RUN --mount=type=bind,target=/m,z,relabel=shared,bind-propagation=rprivate,noexec,nosuid,nodev grep ' /m ' /proc/mounts | \\
    cut -d' ' -f4 | tr , '\\n' | grep -c '^no[sde]' >/out
RUN --mount=type=cache,target=/c,U=true,id=buildah-u touch /c/x
""", {"a": "1"})
    assert lines(built) == ["3"]


# --- cache, schedule ------------------------------------------------------------------------------------------------------------------


def test_steps_are_made_once_and_only_those_that_the_target_needs(builder):
    tag = builder.new("tag")
    text = f"""FROM localhost/box AS a
RUN echo {tag} a >/a
FROM localhost/box AS b
RUN echo {tag} b >/b
FROM localhost/box AS unused
RUN false
FROM scratch
COPY --from=a /a /
COPY --from=b /b /
"""
    first = builder(text)
    assert set(first.steps.values()) == {"DONE"} and len(first.steps) == 4
    second = builder(text, {}, "--jobs", "1")
    assert set(second.steps.values()) == {"CACHED"}
    assert second.image["rootfs"] == first.image["rootfs"]
    third = builder(text, {}, "--no-cache-filter", "b")
    assert third.steps == {**second.steps, f"RUN echo {tag} b >/b": "DONE", "COPY --from=b /b /": third.steps["COPY --from=b /b /"]}
    part = builder(text, {}, "--target", "a")
    assert part.steps == {f"RUN echo {tag} a >/a": "CACHED"}
    assert set(builder(text, {}, "--no-cache").steps.values()) == {"DONE"}


def test_a_step_that_failed_is_made_again_and_leaves_nothing(builder):
    tag = builder.new("cache")
    text = FROM + f"RUN --mount=type=cache,id={tag},target=/c test -e /c/second || {{ touch /c/second; exit 7; }}"
    assert "did not complete successfully: exit code: 7" in builder.fails(text)
    assert set(builder(text).steps.values()) == {"DONE"}
    assert staged(builder.sampan) == []


def test_output_of_commands_is_shown_and_not_with_quiet(builder):
    text = FROM + f"RUN echo out {builder.new('x')}; echo err >&2; printf end"
    shown = builder(text).stderr
    for word in ("out x", "err", "end"):
        assert re.search(rf"^#1 \d+\.\d{{3}} {word}", shown, re.M), shown
    done = builder.run(text, {}, "-q", "--no-cache")
    assert (done.returncode, done.stderr) == (0, "") and re.fullmatch(r"sha256:[0-9a-f]{64}\n", done.stdout)


def test_run_on_what_is_made_of_nothing(builder, busybox):
    folder = builder.context({})
    shutil.copy(busybox, folder / "busybox")
    built = builder("FROM scratch\nCOPY busybox /bin/\nRUN [\"/bin/busybox\", \"touch\", \"/x\"]\n", folder)
    assert sorted(built.tree) == ["bin", "bin/busybox", "x"]


# --- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.cgroup2
@pytest.mark.main_job
def test_limits_hold_for_commands(builder):
    """Each RUN has a cgroup of its own, and one that takes too much memory ends the build and not the machine."""
    text = "FROM localhost/box\nRUN cd /sys/fs/cgroup && cat memory.max memory.swap.max cpu.max >/limits\n"
    built = builder(text, {}, "--memory", "64m", "--memory-swap", "64m", "--cpu-quota", "50000", "--cpu-period", "100000")
    assert built.tree["limits"] == f"-644 0:0 {64 << 20}\n0\n50000 100000"
    failed = builder.fails("FROM localhost/box\nRUN x=a; while :; do x=$x$x; done\n", {}, "-m", "16m", "--memory-swap", "16m")
    assert "did not complete successfully: exit code: 137" in failed
    assert not list(pathlib.Path("/sys/fs/cgroup").glob("**/build-*"))
