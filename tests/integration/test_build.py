# SPDX-License-Identifier: Apache-2.0
"""The language of Dockerfiles, and what instructions make of an image's configuration: the lines of docs/dockerfile.md of these."""
import json
import os
import pathlib
import re

import pytest

from build_fixture import PATH
from image_fixture import Image, Layer, file, foreign_architecture, machine_architecture, write_layout

pytestmark = pytest.mark.root

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "dockerfile.md"


def test_each_line_of_the_page_names_tests_that_are_there():
    there = set()
    for path in HERE.glob("test_build*.py"):
        there |= set(re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.M))
    text = PAGE.read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.startswith("| ") and "`test_" in line]) > 80
    assert set(re.findall(r"`(test_\w+)`", text)) <= there


# --- the file -----------------------------------------------------------------------------------------------------------------


def label(built):
    return built.config.get("Labels") or {}


def test_parser_directives(builder):
    built = builder("# syntax=docker/dockerfile:1.99-nowhere\n# escape=`\n# check=skip=JSONArgsRecommended\nFROM scratch\nLABEL a=1 `\n  b=\"`\"`\"\" "
                    "c=\\x\nCMD plain\n")
    assert label(built) == {"a": "1", "b": '""', "c": r"\x"}
    assert "JSONArgsRecommended" not in built.stderr
    built = builder("\n# escape=`\nFROM scratch\nLABEL a=\\x \\\n  b=1\n")  # too late: a comment
    assert label(built) == {"a": "x", "b": "1"}


def test_comments_and_continuations(builder):
    built = builder("""\ufeff  # a comment
from scratch\r
   # indented
LABEL a=1 \\
# inside
      # and again

  b="two \\
  lines" \\\t
  c='#no comment'
lAbEl d=#no
""".encode())
    assert label(built) == {"a": "1", "b": "two   lines", "c": "#no comment", "d": "#no"}
    assert "NoEmptyContinuation: Empty continuation line" in built.stderr


def test_variables_in_words(builder):
    built = builder(r"""FROM scratch
ENV set=value empty="" path=/a/b/c.tar.gz
LABEL plain=$set braces=${set}s single='$set' double="$set" escaped=\$set none=$none \
  colon_minus=${empty:-d}${set:-d} minus=${empty-d}${none-d} colon_plus=${empty:+d}${set:+d} plus=${empty+d}${none+d} \
  nested=${none:-${set}!} word="${none:-a b}" colon_question=${set:?x} question=${empty?x} \
  front=${path#*/} longest_front=${path##*/} back=${path%.*} longest_back=${path%%.*} \
  first=${path/a/x} all=${path//a/x} question_mark=${path%.g?} ${set}_key=1
""")
    assert label(built) == {
        "plain": "value", "braces": "values", "single": "$set", "double": "value", "escaped": "$set", "none": "", "colon_minus": "dvalue",
        "minus": "d", "colon_plus": "d", "plus": "d", "nested": "value!", "word": "a b", "colon_question": "value", "question": "",
        "front": "a/b/c.tar.gz", "longest_front": "c.tar.gz", "back": "/a/b/c.tar", "longest_back": "/a/b/c", "first": "/x/b/c.tar.gz",
        "all": "/x/b/c.txr.gz", "question_mark": "/a/b/c.tar", "value_key": "1"}


def test_a_line_does_not_see_what_it_sets_itself(builder):
    built = builder("FROM scratch\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\n")
    assert built.config["Env"] == [PATH, "abc=bye", "def=hello", "ghi=bye"]


# --- FROM, ARG ------------------------------------------------------------------------------------------------------------------


def test_from_takes_images_digests_stages_and_scratch(builder):
    image = builder.load([Layer([file("i", b"1")])], env=["A=b"], labels={"of": "base"}, cmd=["x"], entrypoint=["y"], user="u")
    digest = builder.image(image).inspect["RepoDigests"][0].partition("@")[2]
    built = builder(f"FROM {image} AS One\nLABEL more=1\nFROM one AS two\nENTRYPOINT [\"z\"]\nFROM scratch AS unused\nFROM two\nUSER v\n")
    assert built.tree == {"i": "-644 0:0 1"}
    assert label(built) == {"of": "base", "more": "1"} and built.config["User"] == "v"
    assert "A=b" in built.config["Env"] and built.config["Entrypoint"] == ["z"] and "Cmd" not in built.config
    again = builder(f"FROM {image}@{digest}\n")
    assert again.tree == built.tree and again.config["Cmd"] == ["x"]
    empty = builder("FROM scratch\n")
    assert (empty.layers, empty.config, empty.image["rootfs"]["diff_ids"]) == ([], {"Env": [PATH], "WorkingDir": "/"}, [])


def test_a_named_context_stands_in_for_an_image(builder):
    image = builder.load([Layer([file("i", b"1")])])
    built = builder("FROM docker.io/library/nowhere:7\n", {}, "--build-context", f"nowhere:7=docker-image://{image}")
    assert built.tree == {"i": "-644 0:0 1"}
    layout = write_layout(builder.folder / builder.new("layout"), {"t": Image([Layer([file("i", b"2")])])})
    before = builder.sampan("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", check=True).stdout
    built = builder("FROM base\n", {}, "--build-context", f"base=oci-layout://{layout}:t")
    assert built.tree == {"i": "-644 0:0 2"}
    after = builder.sampan("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", check=True).stdout
    assert [line for line in after.splitlines() if built.name not in line] == before.splitlines()  # the layout's names are its own


def test_a_stage_can_begin_with_a_folder(builder):
    folder = builder.context({"a": "1", "d/b": "2", ".dockerignore": "d/c\n", "d/c": "3"})
    built = builder("FROM more\nCOPY x /d/\nLABEL a=b\n", {"x": "4"}, "--build-context", f"more={folder}")
    assert {name: text for name, text in built.tree.items() if name in ("a", "d/b", "d/c", "d/x")} == {
        "a": "-644 0:0 1", "d/b": "-644 0:0 2", "d/x": "-644 0:0 4"}
    assert built.history == ["FROM more", "COPY x /d/ # buildkit", "LABEL a=b"]
    assert len(built.image["rootfs"]["diff_ids"]) == 2


def test_platforms(builder):
    other = foreign_architecture()
    built = builder(f"""ARG BUILDPLATFORM
FROM --platform=$BUILDPLATFORM localhost/box AS native
ARG TARGETPLATFORM TARGETARCH TARGETOS TARGETVARIANT BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT
LABEL t=$TARGETPLATFORM,$TARGETOS,$TARGETARCH,$TARGETVARIANT b=$BUILDPLATFORM,$BUILDOS,$BUILDARCH,$BUILDVARIANT
RUN uname -m >/machine
FROM native
""", {}, "--platform", f"linux/{other}")
    assert built.image["architecture"] == other  # as BuildKit has it: what was asked for, whatever the base is of
    assert built.tree["machine"].endswith(os.uname().machine)
    assert label(built) == {"t": f"linux/{other},linux,{other},", "b": f"linux/{machine_architecture()},linux,{machine_architecture()},"}
    built = builder("FROM scratch\nCOPY <<EOF /x\nEOF\n", {}, "--platform", f"linux/{other}")
    assert built.image["architecture"] == other
    built = builder("FROM --platform=linux/arm/v7 scratch\nLABEL a=b\n")
    assert built.image["architecture"] == machine_architecture()  # what is made of nothing is of the target's


def test_scopes_and_defaults_of_arg(builder):
    text = """ARG TAG=box ONE=global
FROM localhost/$TAG AS first
ARG ONE
ARG TWO=default THREE
LABEL first=$ONE,$TWO,$THREE,$TAG
FROM first
ARG ONE=own
LABEL second=$ONE,$TWO
ARG TWO=arg
ENV TWO=env
LABEL third=$TWO
FROM first
LABEL fourth=$ONE
"""
    assert label(builder(text))["fourth"] == "global"
    built = builder(text, {}, "--build-arg", "ONE=given", "--build-arg", "THREE", "--target", "1", env={"THREE": "ours"})
    assert label(built) == {"first": "given,default,ours,", "second": "given,default", "third": "env"}


def test_proxies_need_no_declaration_and_stay_out_of_the_cache_s_key(builder):
    text = f"FROM localhost/box\nRUN echo {builder.new('p')} $HTTP_PROXY $no_proxy >/x\n"
    built = builder(text, {}, "--build-arg", "HTTP_PROXY=http://p", "--build-arg", "no_proxy=n")
    assert built.tree["x"].endswith(" http://p n")
    assert set(builder(text).steps.values()) == {"CACHED"}


def test_source_date_epoch_is_the_time_of_all(builder):
    text = "FROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL e=$SOURCE_DATE_EPOCH\nCOPY a /d/\n"
    one, two = builder(text, {"a": "1"}, "--timestamp", "1700000000"), builder(text, {"a": "1"}, env={"SOURCE_DATE_EPOCH": "1700000000"})
    assert one.id == two.id and one.image["created"] == "2023-11-14T22:13:20Z" and label(one) == {"e": "1700000000"}


# --- configuration --------------------------------------------------------------------------------------------------------------------


def test_instructions_of_the_configuration(builder):
    built = builder(r"""FROM scratch
ENV ONE=1 TWO="a b" THREE=a\ b
ENV LEGACY all of it
LABEL one=1 "two words"="a b" multi="x \
y"
LABEL legacy all of it
EXPOSE 80 443/tcp 53/udp 8000-8002/tcp 8080:81
VOLUME /v1 /v2
VOLUME ["/v 3"]
USER 5:6
WORKDIR /a
WORKDIR b/../c
STOPSIGNAL SIGUSR1
MAINTAINER Jane <jane@example.com>
ONBUILD COPY . /x
ONBUILD RUN echo y
SHELL ["/bin/other", "-c"]
CMD echo $ONE
ENTRYPOINT exec top
""")
    config = built.config
    assert config["Env"] == [PATH, "ONE=1", "TWO=a b", "THREE=a b", "LEGACY=all of it"]
    assert config["Labels"] == {"one": "1", "two words": "a b", "multi": "x y", "legacy": "all of it"}
    assert sorted(config["ExposedPorts"]) == ["443/tcp", "53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp", "81/tcp"]
    assert sorted(config["Volumes"]) == ["/v 3", "/v1", "/v2"]
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("5:6", "/a/c", "SIGUSR1")
    assert built.image["author"] == "Jane <jane@example.com>"
    assert config["OnBuild"] == ["COPY . /x", "RUN echo y"] and config["Shell"] == ["/bin/other", "-c"]
    assert config["Cmd"] == ["/bin/other", "-c", "echo $ONE"] and config["Entrypoint"] == ["/bin/other", "-c", "exec top"]
    assert built.tree == {"a": "d755 5:6", "a/c": "d755 5:6"} or built.tree == {"a": "d755 0:0", "a/c": "d755 0:0"}


def test_cmd_and_entrypoint(builder):
    text = "FROM localhost/box\n"
    assert builder(text + 'CMD ["a", "b c"]\n').config["Cmd"] == ["a", "b c"]
    assert builder(text + "CMD a 'b c'\n").config["Cmd"] == ["/bin/sh", "-c", "a 'b c'"]
    assert builder(text + "CMD [not json]\n").config["Cmd"] == ["/bin/sh", "-c", "[not json]"]
    built = builder(text + 'ENTRYPOINT ["a"]\n')
    assert built.config["Entrypoint"] == ["a"] and "Cmd" not in built.config  # the base's is of another entrypoint
    built = builder(text + 'CMD ["b"]\nENTRYPOINT ["a"]\n')
    assert (built.config["Entrypoint"], built.config["Cmd"]) == (["a"], ["b"])
    built = builder(text + "ENTRYPOINT []\nCMD []\n")
    assert not built.config.get("Entrypoint") and not built.config.get("Cmd")


def test_healthcheck(builder):
    built = builder("FROM scratch\nHEALTHCHECK --interval=1m30s --timeout=3s --start-period=500ms --start-interval=2s --retries=4 "
                    "CMD [\"curl\", \"-f\"]\n")
    assert built.config["Healthcheck"] == {"Test": ["CMD", "curl", "-f"], "Interval": 90000000000, "Timeout": 3000000000,
                                           "StartPeriod": 500000000, "StartInterval": 2000000000, "Retries": 4}
    assert builder("FROM scratch\nHEALTHCHECK CMD curl -f\n").config["Healthcheck"] == {"Test": ["CMD-SHELL", "curl -f"]}
    assert builder(f"FROM {built.name}\nHEALTHCHECK NONE\n").config["Healthcheck"] == {"Test": ["NONE"]}


def test_expose_and_volume_expand_variables_and_keep_the_base_s(builder):
    base = builder("FROM scratch\nARG P=90-91/udp V=/v\nEXPOSE $P\nVOLUME $V /w\n")
    built = builder(f"FROM {base.name}\nEXPOSE 1\nVOLUME /v\n")
    assert sorted(built.config["ExposedPorts"]) == ["1/tcp", "90/udp", "91/udp"]
    assert sorted(built.config["Volumes"]) == ["/v", "/w"]


def test_files_that_are_put_into_a_volume_stay(builder):
    built = builder("FROM localhost/box\nVOLUME /v\nRUN mkdir -p /v && echo x >/v/x\nCOPY a /v/\n", {"a": "1"})
    assert built.tree == {"v": "d755 0:0", "v/x": "-644 0:0 x", "v/a": "-644 0:0 1"}


def test_onbuild_runs_in_the_image_that_is_built_on_it(builder):
    base = builder("FROM localhost/box\nONBUILD ARG WHO=me\nONBUILD RUN echo $WHO >/who\nONBUILD COPY --chown=5:6 a /a\n"
                   "ONBUILD ENV X=1\nONBUILD COPY <<EOF /doc\ntext\nEOF\n")
    assert base.tree == {} and base.config["OnBuild"][1] == "RUN echo $WHO >/who"
    built = builder(f"FROM {base.name}\nRUN echo $X >/after\n", {"a": "1"})
    assert built.tree == {"who": "-644 0:0 me", "a": "-644 5:6 1", "doc": "-644 0:0 text", "after": "-644 0:0 1"}
    assert not built.config.get("OnBuild")
    assert builder(f"FROM {built.name}\n").tree == built.tree


def test_shell_holds_for_what_follows_in_the_stage(builder):
    built = builder("FROM localhost/box\nSHELL [\"/bin/sh\", \"-ec\"]\nRUN false; true || :\n".replace("false; true || :", "echo $- >/x") +
                    "CMD x\nFROM localhost/box\nCMD x\n", {}, "--target", "0")
    assert "e" in built.tree["x"].split()[2] and built.config["Cmd"] == ["/bin/sh", "-ec", "x"]


def test_history_says_who_made_each_layer(builder):
    built = builder("FROM localhost/box\nARG A=1\nENV B=2\nRUN true\nCOPY --chmod=600 a /x\nWORKDIR /w\nUSER u\n", {"a": "1"})
    ours = built.image["history"][-6:]
    assert [entry["created_by"] for entry in ours] == [
        "ARG A=1", "ENV B=2", "RUN |1 A=1 /bin/sh -c true # buildkit", "COPY --chmod=600 a /x # buildkit", "WORKDIR /w", "USER u"]
    assert [entry.get("empty_layer", False) for entry in ours] == [True, True, False, False, False, True]


# --- flags that change the image ----------------------------------------------------------------------------------------------------------


def test_labels_names_and_files_of_ids(builder, tmp_path):
    one, two = builder.new("localhost/name"), builder.new("localhost/name")
    done = builder.run("FROM scratch\nLABEL a=1 b=1\n", {}, "-t", one, "-t", f"{two}:v2", "--label", "a=2", "--label", "c", "--annotation",
                       "k=v", "--iidfile", tmp_path / "id", "--metadata-file", tmp_path / "meta")
    assert done.returncode == 0, done.stderr
    built = builder.image(one)
    assert label(built) == {"a": "2", "b": "1", "c": ""} and built.manifest["annotations"]["k"] == "v"
    assert builder.image(f"{two}:v2").id == built.id == (tmp_path / "id").read_text()
    meta = json.loads((tmp_path / "meta").read_text())
    assert meta["containerimage.config.digest"] == built.id and meta["image.name"] == f"{one}:latest,{two}:v2"


def test_squash_makes_one_layer_of_all_above_the_base(builder):
    text = f"FROM localhost/box\nRUN echo {builder.new('x')} >/a; echo 1 >/b\nRUN rm /a /etc/passwd; echo 2 >/c\n"
    for plain in (builder(text, {}, "--squash"), builder(text, {}, "--squash", "--no-cache"), builder(text, {}, "--squash")):
        assert [sorted(layer) for layer in plain.own] == [["b", "c", "etc", "etc/.wh.passwd"]]
        assert plain.tree == {"b": "-644 0:0 1", "c": "-644 0:0 2"}
    assert len(builder(text).own) == 2


def test_images_run(builder):
    built = builder("FROM localhost/box\nWORKDIR /w\nUSER user\nENV A=b\nCOPY a .\nENTRYPOINT [\"sh\", \"-c\"]\nCMD [\"pwd; id -u; echo $A; cat a\"]\n",
                    {"a": "1\n"})
    assert builder.sampan("run", "--rm", built.name, check=True).stdout == "/w\n1000\nb\n1\n"


# --- build checks -----------------------------------------------------------------------------------------------------------------------------

CHECKS = {
    "StageNameCasing": "FROM scratch AS Up\n",
    "FromAsCasing": "FROM scratch as x\n",
    "NoEmptyContinuation": "FROM scratch\nLABEL a=b \\\n\n  c=d\n",
    "ConsistentInstructionCasing": "FROM scratch\nLABEL a=b\nlabel b=c\n",
    "DuplicateStageName": "FROM scratch AS x\nFROM scratch AS x\n",
    "ReservedStageName": "FROM scratch AS context\n",
    "JSONArgsRecommended": "FROM scratch\nCMD x\n",
    "MaintainerDeprecated": "FROM scratch\nMAINTAINER x\n",
    "UndefinedArgInFrom": "ARG box=box\nFROM scratch AS a${bux}\n".replace("AS a${bux}", "") + "FROM localhost/box${bux}\n",
    "WorkdirRelativePath": "FROM scratch\nWORKDIR x\n",
    "UndefinedVar": "FROM scratch\nENV foo=1\nLABEL a=$fooo\n",
    "MultipleInstructionsDisallowed": "FROM scratch\nCMD [\"a\"]\nCMD [\"b\"]\n",
    "LegacyKeyValueFormat": "FROM scratch\nENV a b\n",
    "RedundantTargetPlatform": "FROM --platform=$TARGETPLATFORM scratch\n",
    "SecretsUsedInArgOrEnv": "FROM scratch\nENV MY_PASSWORD=x\n",
    "InvalidDefaultArgInFrom": "ARG TAG\nFROM localhost/box:${TAG}\n",
    "FromPlatformFlagConstDisallowed": f"FROM --platform=linux/{machine_architecture()} scratch\n",
    "CopyIgnoredFile": "FROM scratch\nCOPY .dockerignore a /x/\n",
    "ExposeProtoCasing": "FROM scratch\nEXPOSE 80/TCP\n",
    "ExposeInvalidFormat": "FROM scratch\nEXPOSE 127.0.0.1:80:80\n",
}


@pytest.mark.parametrize("name", CHECKS)
def test_build_checks(builder, name):
    options = ("--build-arg", "TAG=latest") if name == "InvalidDefaultArgInFrom" else ()
    files = {".dockerignore": "a\n", "a": "1"} if name == "CopyIgnoredFile" else {}
    text = CHECKS[name]
    if name == "CopyIgnoredFile":
        shown = builder.fails(text, files)
    else:
        shown = builder(text, files, *options).stderr
    assert re.search(rf"^ - {name}: .*\(line \d+\)$", shown, re.M), shown
    skipped = builder.run(f"# check=skip={name}\n{text}", files, *options).stderr
    assert f" - {name}: " not in skipped
    failed = builder.fails(f"# check=error=true\n{text}", files, *options)
    assert f"lint violation found for rules: {name}\n" in failed or name == "UndefinedArgInFrom" and name in failed


def test_the_experimental_check_is_made_where_it_is_asked_for(builder):
    text = "# check=experimental=InvalidDefinitionDescription\n# something else\nFROM scratch AS x\n"
    assert "InvalidDefinitionDescription: Comment for FROM should follow the format: `# x <description>`" in builder(text).stderr
    assert "InvalidDefinitionDescription" not in builder(text.partition("\n")[2]).stderr


def test_a_base_of_another_platform_alone_is_warned_of(builder):
    other = foreign_architecture()
    layout = write_layout(builder.folder / builder.new("layout"), {"t": Image([Layer([file("i", b"1")])], architecture=other)})
    context = ("--build-context", f"base=oci-layout://{layout}:t")
    warned = builder("FROM base\n", {}, *context)
    assert (f'InvalidBaseImagePlatform: Base image base was pulled with platform "linux/{other}", expected '
            f'"linux/{machine_architecture()}" for current build (line 1)') in warned.stderr
    assert warned.tree == {"i": "-644 0:0 1"}
    built = builder("FROM base\n", {}, *context, "--platform", f"linux/{other}")
    assert built.image["architecture"] == other and "InvalidBaseImagePlatform" not in built.stderr
    assert builder(f"ARG P=linux/{other}\nFROM --platform=$P base AS b\nFROM scratch\nCOPY --from=b i /\n", {}, *context).tree == {
        "i": "-644 0:0 1"}
