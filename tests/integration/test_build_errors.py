# SPDX-License-Identifier: Apache-2.0
"""What is said where a build fails: place, line, mark, and what may have been meant."""
import os
import signal
import subprocess

import pytest

from container_fixture import staged, wait_for
from image_fixture import foreign_architecture, machine_architecture

pytestmark = pytest.mark.root

BOX = "FROM localhost/box\n"

# (Dockerfile, the error from its line and column on; the line and the mark below it follow from the column)
SYNTAX = [
    ("FROM scratch\nRUNN x\n", "2:1: unknown instruction: RUNN (did you mean RUN?)"),
    ("FROM scratch\n  WROKDIR /x\n", "2:3: unknown instruction: WROKDIR (did you mean WORKDIR?)"),
    ("FROM scratch\nCOPY --form=x a b\n", "2:6: unknown flag: --form (did you mean from?)"),
    ("FROM scratch\nCOPY --chmod=7 --chmod=8 a b\n", "2:16: duplicate flag specified: --chmod"),
    ("FROM scratch\nCOPY --link=maybe a b\n", "2:6: expecting boolean value for flag --link, not: maybe"),
    ("FROM scratch\nCOPY --from a b\n", "2:6: missing a value on flag: --from"),
    ("FROM scratch\nCOPY a\n", "2:1: COPY requires at least two arguments, but only one was provided. Destination could not be determined"),
    ("FROM scratch\nCOPY a <<EOF\nEOF\n", "2:8: COPY cannot accept a heredoc as a destination"),
    ("FROM scratch\nCOPY <<EOF /x\ntext\n", "2:6: unterminated heredoc"),
    ("FROM scratch\nCOPY --chmod=999 a b\n", "2:6: invalid chmod parameter: '999'. it should be octal string and between 0 and 07777"),
    ("FROM scratch\nCOPY --checksum=x a b\n", "2:6: unknown flag: --checksum"),
    ("FROM scratch\nADD --checksum=sha256:x a b\n", "2:5: checksum requires HTTP(S) or Git sources"),
    ("FROM scratch\nCOPY http://x/y /\n", "2:6: source can't be a URL for COPY"),
    ("FROM scratch\nCOPY https://x/y.git /\n", "2:6: source can't be a git ref for COPY"),
    ("FROM scratch a b c\n", "1:14: FROM requires either one or three arguments"),
    ("FROM scratch AS 1x\n", "1:17: invalid name for build stage: \"1x\", name can't start with a number or contain symbols"),
    ("FROM ${none}\n", "1:6: base name (${none}) should not be blank"),
    ("FROM --platform=a/b/c/d scratch\n", "1:6: failed to parse platform a/b/c/d: "),
    ("FROM --platform=$none scratch\n", "1:6: empty platform value from expression $none"),
    ("FROM Up/Case\n", "1:6: failed to parse stage name \"Up/Case\": "),
    ("FROM scratch\nCOPY --from=2 a b\n", "2:6: invalid stage index 2"),
    ("FROM scratch AS a\nCOPY --from=b a b\nFROM scratch AS b\n",
     "2:6: cannot copy from stage \"b\", it needs to be defined before current stage \"a\""),
    ("FROM scratch AS a\nCOPY --from=a a b\n", "2:6: circular dependency detected on stage: a"),
    ("RUN x\nFROM scratch\n", "1:1: no build stage in current context (only ARG may be before the first FROM)"),
    ("ARG a=b\n", "1:1: dockerfile contains no stages to build"),
    ("# escape=x\nFROM scratch\n", "1:10: invalid escape token 'x' does not match ` or \\"),
    ("# escape=`\n# escape=`\nFROM scratch\n", "2:3: only one escape parser directive can be used"),
    ("# check=skip\nFROM scratch\n", "1:9: failed to parse check options: invalid check option \"skip\""),
    ("FROM scratch\nENV a\n", "2:5: ENV must have two arguments"),
    ("FROM scratch\nENV a=1 b\n", "2:9: Syntax error - can't find = in \"b\". Must be of the form: name=value"),
    ("FROM scratch\nLABEL =x\n", "2:7: LABEL names can not be blank"),
    ("FROM scratch\nENV a=\"${b:?is needed}\"\n", "2:5: failed to process '\"${b:?is needed}\"': b: is needed"),
    ("FROM scratch\nENV a=${b!x}\n", "2:5: failed to process '${b!x}': unsupported modifier (!) in substitution"),
    ("FROM scratch\nENV a='x\n", "2:5: failed to process ''x': unexpected end of statement while looking for matching single-quote"),
    ("FROM scratch\nEXPOSE 80/abc\n", "2:8: invalid proto: abc"),
    ("FROM scratch\nEXPOSE 99999\n", "2:8: invalid containerPort: 99999"),
    ("FROM scratch\nVOLUME [\"\"]\n", "2:9: VOLUME specified can not be an empty string"),
    ("FROM scratch\nHEALTHCHECK --interval=5 CMD x\n", "2:13: time: missing unit in duration \"5\""),
    ("FROM scratch\nHEALTHCHECK --interval=1us CMD x\n", "2:13: Interval \"interval\" cannot be less than 1ms"),
    ("FROM scratch\nHEALTHCHECK --retries=x CMD x\n", "2:13: strconv.ParseInt: parsing \"x\": invalid syntax"),
    ("FROM scratch\nHEALTHCHECK MAYBE x\n", "2:13: Unknown type \"MAYBE\" in HEALTHCHECK (try CMD)"),
    ("FROM scratch\nONBUILD ONBUILD RUN x\n", "2:9: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
    ("FROM scratch\nONBUILD FROM x\n", "2:9: FROM isn't allowed as an ONBUILD trigger"),
    ("FROM scratch\nSHELL sh -c\n", "2:1: SHELL requires the arguments to be in JSON form"),
    ("FROM scratch\nUSER\n", "2:1: USER requires exactly one argument"),
    ("FROM scratch\nRUN --network=some x\n", "2:5: invalid network mode \"some\""),
    ("FROM scratch\nRUN --security=some x\n", "2:5: security \"some\" is not valid"),
    ("FROM scratch\nRUN --mount=type=bnd,target=/x x\n", "2:5: unsupported mount type \"bnd\" (did you mean bind?)"),
    ("FROM scratch\nRUN --mount=tpye=bind,target=/x x\n", "2:5: unexpected key 'tpye' in 'tpye=bind' (did you mean type?)"),
    ("FROM scratch\nRUN --mount=type=cache,sharing=share,target=/x x\n", "2:5: unsupported sharing value \"share\" (did you mean shared?)"),
    ("FROM scratch\nRUN --mount=type=bind,size=1,target=/x x\n", "2:5: unexpected key 'size' for mount type 'bind'"),
    ("FROM scratch\nRUN --mount=type=bind,uid=1,target=/x x\n", "2:5: uid not allowed for \"bind\" type mounts"),
    ("FROM scratch\nRUN --mount=type=bind,target=/ x\n", "2:5: invalid mount target \"/\""),
    ("FROM scratch\nRUN --mount=type=secret x\n", "2:5: invalid secret mount. one of source, target required"),
    ("FROM scratch\nRUN --mount=type=tmpfs,target=/x,sharing=shared x\n", "2:5: invalid cache sharing set for tmpfs mount"),
]


def whole(text, error):
    """All that is said: the line, the mark, the error."""
    line, column, _ = error.split(":", 2)
    shown = text.split("\n")[int(line) - 1]
    return f"   {line} | {shown}\n     | {' ' * (int(column) - 1)}^\nsampan: Dockerfile:{error}"


@pytest.mark.parametrize(("text", "error"), SYNTAX, ids=[error.split(": ", 1)[1][:40] for _, error in SYNTAX])
def test_errors_in_the_file_name_the_place_and_show_the_line(builder, text, error):
    shown = builder.fails(text)
    said = whole(text, error)
    assert shown.startswith("\n ") or shown.startswith(said)  # after the warnings, if there are any
    assert shown.endswith(f"{said}\n") or error.endswith(": ") and said in shown


def test_files_that_are_no_dockerfiles(builder, tmp_path):
    assert "sampan: Dockerfile: the Dockerfile cannot be empty\n" in builder.fails("")
    assert "Dockerfile:1:1: file with no instructions\n" in builder.fails("# nothing\n")
    assert "it is not a text file (there is a NUL byte)" in builder.fails(b"FROM scratch\nLABEL a=\0\n")
    assert "dockerfile line greater than max allowed size of 65535" in builder.fails("FROM scratch\nLABEL a=" + "x" * 70000)
    assert "failed to read dockerfile: open Dockerfile: no such file or directory" in builder.fails(None)
    assert "failed to read dockerfile: open Other: no such file or directory" in builder.fails(None, {}, "-f", "Other")
    assert f'unable to prepare context: path "{tmp_path}/none" not found' in builder.fails(None, where=tmp_path / "none")


def test_the_name_of_the_file_is_in_messages(builder):
    folder = builder.context({"sub/My.Dockerfile": "FROM scratch\nX y\n"})
    assert "sampan: My.Dockerfile:2:1: unknown instruction: X" in builder.fails(None, folder, "-f", folder / "sub/My.Dockerfile")


def test_a_command_that_fails_is_shown_with_the_lines_around_it(builder):
    shown = builder.fails(BOX + "LABEL a=b\nLABEL b=c\nRUN echo one && \\\n  exit 3\nLABEL d=e\n")
    assert shown.endswith("""
Dockerfile:4
--------------------
   1 |     FROM localhost/box
   2 |     LABEL a=b
   3 |     LABEL b=c
   4 | >>> RUN echo one && \\
   5 | >>>   exit 3
   6 |     LABEL d=e
--------------------
sampan: failed to solve: process "/bin/sh -c echo one &&   exit 3" did not complete successfully: exit code: 3
"""), shown
    assert 'process "/bin/false" did not complete successfully: exit code: 1\n' in builder.fails(BOX + 'RUN ["/bin/false"]\n')
    killed = "true; sh -c 'kill -9 $$'"
    assert f'process "/bin/sh -c {killed}; exit $?" did not complete successfully: exit code: 137\n' in builder.fails(
        f"{BOX}RUN {killed}; exit $?\n")
    assert 'process "none x" did not complete successfully: ' in builder.fails(BOX + 'RUN ["none", "x"]\n')
    assert staged(builder.sampan) == []


def test_sources_that_are_not_there(builder):
    text = "FROM scratch AS one\nFROM scratch\nCOPY {} /x/\n"
    for source in ("none", "dir/none", "./a/b", "--from=one none"):
        shown = builder.fails(text.format(source), {"a": "1", "dir/b": "2", ".dockerignore": ""})
        name = os.path.normpath(source.split()[-1])
        assert f'failed to calculate checksum: "/{name}": not found\n' in shown, shown
        assert f"   3 | >>> COPY {source} /x/\n" in shown
    assert builder(text.format("*.none"), {"a": "1"}).tree == {}  # a pattern may match nothing


def test_targets_platforms_and_names_that_are_not_there(builder):
    text = "FROM scratch AS builder\nFROM scratch\n"
    assert 'target stage "buidler" could not be found (did you mean builder?)' in builder.fails(text, {}, "--target", "buidler")
    assert 'target stage "2" could not be found' in builder.fails(text, {}, "--target", "2")
    assert 'invalid tag "UP"' in builder.fails(text, {}, "-t", "UP")
    shown = builder.fails("FROM localhost/none\n", {}, "--pull=never")
    assert "Dockerfile:1:6: localhost/none:latest: not in the store, and --pull=never forbids to pull it" in shown
    other = foreign_architecture()
    shown = builder(BOX, {}, "--pull=never", "--platform", f"linux/{other}").stderr  # it is there for one platform alone
    assert f'Base image localhost/box was pulled with platform "linux/{machine_architecture()}"' in shown
    assert "a/b/c/d" in builder.fails(text, {}, "--platform", "a/b/c/d")
    assert machine_architecture() != other


def test_values_of_flags(builder):
    text = "FROM scratch\n"
    for options, error in (
            (("--secret", "src=x"), 'invalid argument "src=x" for "--secret" flag: secret missing "id"'),
            (("--secret", "id=x,src=/none"), "secret 'x': "),
            (("--secret", "id=x,env=NONE_SUCH"), "secret 'x': there is no variable 'NONE_SUCH'"),
            (("--secret", "id=x,foo=y"), "unexpected key 'foo' in 'foo=y'"),
            (("--ssh", "x=/none"), "--ssh x=/none: '/none': no such file or directory"),
            (("--ssh", "x=/etc/passwd"), "the key '/etc/passwd' is open to others (chmod 600 it)"),
            (("--allow", "all"), 'invalid argument "all" for "--allow" flag: there is no such entitlement'),
            (("--network", "bridge"), 'invalid argument "bridge" for "--network" flag: builds have default, host and none'),
            (("--build-context", "x"), "invalid context value: x, expected key=value"),
            (("--jobs", "0"), "--jobs takes a number from 1 to "),
            (("--build-arg", "SOURCE_DATE_EPOCH=x"), "invalid SOURCE_DATE_EPOCH: x (seconds since 1970 are expected)")):
        shown = builder.fails(text, {}, *options)
        assert error in shown, (options, shown)


def test_ctrl_c_ends_commands_and_leaves_nothing(builder):
    command = f"sleep {10000000 + os.getpid()}"  # nobody else's
    folder = builder.context({"Dockerfile": f"{BOX}RUN echo started; {command}\n"})
    process = builder.sampan.popen("build", "--no-cache", folder)
    for line in process.stderr:
        if line.endswith(" started\n"):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert staged(builder.sampan) == []

    def gone():
        shown = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
        return command not in shown.splitlines()

    wait_for(gone, "the end of the command")
