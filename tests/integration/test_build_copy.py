# SPDX-License-Identifier: Apache-2.0
"""COPY and ADD with every flag, and what of a context they see: the lines of docs/dockerfile.md of these, by the files of the images."""
import base64
import bz2
import gzip
import hashlib
import lzma
import os
import subprocess

import pytest

from build_fixture import Link
from container_fixture import staged
from image_fixture import Layer, directory, file, symlink, tar
from web_fixture import Web

pytestmark = pytest.mark.root

TREE = {"a": "1", "b.txt": "2", "dir/c": ("3", 0o600), "dir/sub/d": "4", "dir/run.sh": ("5", 0o755), "dir/link": Link("c"),
        "link": Link("dir/c"), "with blank": "6"}


# --- sources and destinations ---------------------------------------------------------------------------------------------


def test_a_file_gets_a_name_or_goes_into_a_directory_that_is_made(builder):
    built = builder("""FROM scratch
        COPY a /named
        COPY a b.txt /several/
        ADD a /deep/er/
        COPY dir/run.sh .
        WORKDIR /w
        COPY a relative
        COPY ../a ./up/""", TREE)
    assert built.tree == {
        "named": "-644 0:0 1", "several": "d755 0:0", "several/a": "-644 0:0 1", "several/b.txt": "-644 0:0 2",
        "deep": "d755 0:0", "deep/er": "d755 0:0", "deep/er/a": "-644 0:0 1", "run.sh": "-755 0:0 5", "w": "d755 0:0",
        "w/relative": "-644 0:0 1", "w/up": "d755 0:0", "w/up/a": "-644 0:0 1"}


def test_of_a_directory_its_content_is_copied_with_modes_and_links(builder):
    built = builder("""FROM scratch
        COPY dir /all/
        COPY dir/sub dir/run.sh /mixed/""", TREE)
    assert built.tree == {
        "all": "d755 0:0", "all/c": "-600 0:0 3", "all/link": "l c", "all/run.sh": "-755 0:0 5", "all/sub": "d755 0:0",
        "all/sub/d": "-644 0:0 4", "mixed": "d755 0:0", "mixed/d": "-644 0:0 4", "mixed/run.sh": "-755 0:0 5"}


def test_a_source_that_is_a_symlink_is_what_it_points_to(builder):
    assert builder("FROM scratch\nCOPY link /x", TREE).tree == {"x": "-600 0:0 3"}


def test_patterns_choose_sources(builder):
    built = builder(r"""FROM scratch
        COPY ?.txt /one/
        COPY dir/[c-r]* /two/
        COPY ["with blank", "with[ ]b*", "/three/"]
        COPY [[]x /four""", {**TREE, "[x": "7"})
    assert built.tree == {
        "one": "d755 0:0", "one/b.txt": "-644 0:0 2", "two": "d755 0:0", "two/c": "-600 0:0 3", "two/link": "-600 0:0 3",
        "two/run.sh": "-755 0:0 5", "three": "d755 0:0", "three/with blank": "-644 0:0 6", "four": "-644 0:0 7"}


def test_the_owner_is_root_whoever_user_is(builder):
    built = builder("FROM localhost/box\nUSER user\nWORKDIR /home/user/w\nCOPY a x\n", TREE)
    assert built.tree == {"home/user/w": "d755 1000:1000", "home/user/w/x": "-644 0:0 1"}


def test_a_destination_goes_through_the_links_of_the_image(builder):
    base = builder.load([Layer([directory("real"), symlink("short", "/real"), symlink("out", "../../..")])])
    built = builder(f"FROM {base}\nCOPY a /short/x\nCOPY a /out/y\n", TREE)
    assert built.tree == {"real": "d755 0:0", "short": "l /real", "out": "l ../../..", "real/x": "-644 0:0 1", "y": "-644 0:0 1"}


# --- flags ------------------------------------------------------------------------------------------------------------------


def test_from_takes_a_stage_by_name_or_number_an_image_or_a_context(builder):
    image = builder.load([Layer([file("i", b"image", uid=7, gid=8)])])
    more = builder.context({"n": "named"})
    built = builder(f"""FROM scratch AS first
        COPY --chown=5:6 a /s
        FROM scratch AS unused
        RUN ["this", "is", "never", "run"]
        FROM scratch
        COPY --from=first s /one
        COPY --from=0 /s /two
        COPY --from=FIRST s /three
        COPY --from={image} /i /
        COPY --from=more n /""", TREE, "--build-context", f"more={more}")
    assert built.tree == {"one": "-644 5:6 1", "two": "-644 5:6 1", "three": "-644 5:6 1", "i": "-644 7:8 image",
                          "n": "-644 0:0 named"}
    assert not any("RUN" in title for title in built.steps)


def test_a_context_of_a_stage_s_name_stands_in_for_the_stage(builder):
    more = builder.context({"s": "instead"})
    built = builder("FROM scratch AS first\nCOPY a /s\nFROM scratch\nCOPY --from=first s /one\n", TREE, "--build-context", f"first={more}")
    assert built.tree == {"one": "-644 0:0 instead"}


def test_a_stage_without_steps_has_the_files_of_its_base(builder):
    image = builder.load([Layer([file("i", b"image", uid=7, gid=8)])])
    built = builder(f"FROM {image} AS one\nLABEL a=b\nFROM one AS two\nFROM scratch\nCOPY --from=one i /one\nCOPY --from=two i /two\n")
    assert built.tree == {"one": "-644 7:8 image", "two": "-644 7:8 image"}


def test_chown_takes_numbers_and_names_of_the_image(builder):
    built = builder("""FROM localhost/box
        COPY --chown=5 a /n
        COPY --chown=5:6 a /nn
        COPY --chown=user a /u
        COPY --chown=user:extra a /ug
        COPY --chown=5:extra dir /made/
        ARG WHO=user
        ADD --chown=${WHO} a /v""", TREE)
    assert built.tree == {
        "n": "-644 5:5 1", "nn": "-644 5:6 1", "u": "-644 1000:1000 1", "ug": "-644 1000:2000 1", "made": "d755 5:2000",
        "made/c": "-600 5:2000 3", "made/link": "l c", "made/run.sh": "-755 5:2000 5", "made/sub": "d755 5:2000",
        "made/sub/d": "-644 5:2000 4", "v": "-644 1000:1000 1"}


def test_chmod_takes_octal_numbers_and_symbols(builder):
    built = builder("""FROM scratch
COPY --chmod=700 a /o
COPY --chmod=4755 a /s
COPY --chmod=u+x,go-r a /sym
ADD --chmod=u=rwX,go=rX dir /d/
ARG MODE=0640
COPY --chmod=$MODE a /v
COPY --chmod=a=rw <<EOF /doc
text
EOF
""", TREE)
    assert built.tree == {
        "o": "-700 0:0 1", "s": "-4755 0:0 1", "sym": "-700 0:0 1", "d": "d755 0:0", "d/c": "-644 0:0 3", "d/link": "l c",
        "d/run.sh": "-755 0:0 5", "d/sub": "d755 0:0", "d/sub/d": "-644 0:0 4", "v": "-640 0:0 1", "doc": "-666 0:0 text"}


def test_link_makes_a_layer_that_does_not_depend_on_what_is_below(builder):
    base = builder.load([Layer([directory("real"), symlink("short", "/real")])])
    text = "FROM {}\nCOPY --link --chown=5:6 a /short/x\nCOPY --link=false a /plain\n"
    built = builder(text.format(base), TREE)
    assert built.layers[1] == {"short": "d755 5:6", "short/x": "-644 5:6 1"}
    again = builder(text.format("scratch"), TREE)
    assert again.image["rootfs"]["diff_ids"][0] == built.image["rootfs"]["diff_ids"][1]


def test_parents_keeps_the_directories_of_sources(builder):
    built = builder("""FROM scratch
        COPY --parents dir/sub/d b.txt /all/
        COPY --parents ./dir/./sub/d /pivot/
        COPY --parents **/*.sh /stars/
        COPY --parents=false dir/c /no""", TREE)
    assert built.tree == {
        "all": "d755 0:0", "all/b.txt": "-644 0:0 2", "all/dir": "d755 0:0", "all/dir/sub": "d755 0:0",
        "all/dir/sub/d": "-644 0:0 4", "pivot": "d755 0:0", "pivot/sub": "d755 0:0", "pivot/sub/d": "-644 0:0 4",
        "stars": "d755 0:0", "stars/dir": "d755 0:0", "stars/dir/run.sh": "-755 0:0 5", "no": "-600 0:0 3"}


def test_exclude_leaves_out_what_its_patterns_match(builder):
    built = builder("""FROM scratch
        COPY --exclude=sub --exclude=*.sh dir /one/
        ADD --exclude=dir --exclude=*link* --exclude=with* . /two/
        COPY --exclude=** --exclude=!sub/d dir /three/""", {**TREE, ".dockerignore": "Dockerfile\n.dockerignore\n"})
    assert built.tree == {
        "one": "d755 0:0", "one/c": "-600 0:0 3", "one/link": "l c", "two": "d755 0:0", "two/a": "-644 0:0 1",
        "two/b.txt": "-644 0:0 2", "three": "d755 0:0", "three/sub": "d755 0:0", "three/sub/d": "-644 0:0 4"}


def test_heredocs_are_files(builder):
    built = builder("""FROM scratch
ARG X=value
COPY <<one <<"two" a /in/
$X \\$X
one
$X
two
ADD <<-EOF /dedented
\t\ttabs
\t  blanks
\tEOF
COPY --chown=5:6 --chmod=600 <<EOF /owned
EOF
""", TREE)
    assert built.tree == {"in": "d755 0:0", "in/a": "-644 0:0 1", "in/one": "-644 0:0 value $X", "in/two": "-644 0:0 $X",
                          "dedented": "-644 0:0 tabs\n  blanks", "owned": "-600 5:6 "}


# --- ADD ---------------------------------------------------------------------------------------------------------------------

CONTENT = tar([directory("t", mode=0o750, uid=3, gid=4), file("t/f", b"in", mode=0o640, uid=3, gid=4), symlink("t/l", "f")])
UNPACKED = {"t": "d750 3:4", "t/f": "-640 3:4 in", "t/l": "l f"}


def below(top, tree):
    return {top: "d755 0:0", **{f"{top}/{path}": text for path, text in tree.items()}}


def test_add_unpacks_local_archives_and_copy_does_not(builder):
    zstd = subprocess.run(["zstd", "-qc"], input=CONTENT, capture_output=True, check=True).stdout
    archives = {"plain.tar": CONTENT, "a.gz": gzip.compress(CONTENT), "a.bz2": bz2.compress(CONTENT), "xz": lzma.compress(CONTENT),
                "zst": zstd, "no.tar": "no archive"}
    built = builder("""FROM scratch
        ADD plain.tar no.tar /plain/
        ADD a.gz /gz
        ADD a.bz2 /bz2/
        ADD xz /xz/
        ADD zst /zst/
        ADD --chown=5:6 a.gz /owned/""", archives)
    want = {"plain/no.tar": "-644 0:0 no archive", "owned": "d755 5:6", "owned/t": "d750 5:6", "owned/t/f": "-640 5:6 in",
            "owned/t/l": "l f"}
    for top in ("plain", "gz", "bz2", "xz", "zst"):
        want.update(below(top, UNPACKED))
    assert built.tree == want
    whole = builder("FROM scratch\nADD --unpack=false a.gz /kept\nCOPY a.gz /copied", archives).layers
    assert [sorted(layer) for layer in whole] == [["kept"], ["copied"]]


def test_add_of_a_url_with_and_without_a_checksum(builder, server):
    server.files = {"/dir/f.txt": b"fetched", "/a%20b": b"blank", "/x.tar": CONTENT, "/none/": b"no name"}
    digest = "sha256:" + hashlib.sha256(b"fetched").hexdigest()
    text = f"""FROM scratch
        ADD {server.url}/dir/f.txt /named
        ADD {server.url}/dir/f.txt?query=1 {server.url}/a%20b /in/
        ADD --checksum={digest} --chown=5:6 --chmod=755 {server.url}/dir/f.txt /checked
        ADD {server.url}/x.tar /kept/
        ADD --unpack=true {server.url}/x.tar /unpacked/
        ADD --unpack {server.url}/dir/f.txt /no/"""
    server.files["/dir/f.txt?query=1"] = b"asked"
    built = builder(text)
    tree = dict(built.tree)
    assert tree.pop("kept/x.tar").startswith("-600 0:0 t/")
    assert tree == {"named": "-600 0:0 fetched", "in": "d755 0:0", "in/f.txt": "-600 0:0 asked", "in/a b": "-600 0:0 blank",
                    "checked": "-755 5:6 fetched", "kept": "d755 0:0", **below("unpacked", UNPACKED), "no": "d755 0:0",
                    "no/f.txt": "-600 0:0 fetched"}
    assert set(builder(text).steps.values()) == {"CACHED"}
    other = hashlib.sha256(b"other").hexdigest()
    assert f"digest mismatch for {server.url}/dir/f.txt: {digest} (expected: sha256:{other})" in builder.fails(
        f"FROM scratch\nADD --checksum=sha256:{other} {server.url}/dir/f.txt /\n")
    assert "404" in builder.fails(f"FROM scratch\nADD {server.url}/gone /\n")


def test_add_of_a_git_repository(builder, server):
    commit = server.repository("repo", {"top": "1", "sub/in": "2"})
    built = builder(f"""FROM scratch
        ADD {server.url}/git/repo.git /all
        ADD {server.url}/git/repo.git#v1:sub /sub/
        ADD --checksum={commit} {server.url}/git/repo.git?branch=main&subdir=sub /query/
        ADD --keep-git-dir=true --chown=5:6 {server.url}/git/repo.git#main /kept""")
    tree = dict(built.tree)
    assert tree["kept/.git/HEAD"].startswith("-644 5:6 ")
    tree = {path: text for path, text in tree.items() if not path.startswith("kept/.git")}
    assert tree == {
        "all": "d755 0:0", "all/top": "-644 0:0 1", "all/sub": "d755 0:0", "all/sub/in": "-644 0:0 2", "sub": "d755 0:0",
        "sub/in": "-644 0:0 2", "query": "d755 0:0", "query/in": "-644 0:0 2", "kept": "d755 5:6", "kept/top": "-644 5:6 1",
        "kept/sub": "d755 5:6", "kept/sub/in": "-644 5:6 2"}
    assert f"expected checksum to match {'0' * 40}, got {commit}" in builder.fails(
        f"FROM scratch\nADD --checksum={'0' * 40} {server.url}/git/repo.git /\n")
    assert "repository does not contain ref none" in builder.fails(f"FROM scratch\nADD {server.url}/git/repo.git#none /\n")
    assert "git subdir 'none'" in builder.fails(f"FROM scratch\nADD {server.url}/git/repo.git#main:none /\n")


def statuses(web):
    found = [(path, status) for path, status, _ in web.requests]
    web.requests.clear()
    return found


def test_a_url_that_has_not_changed_is_not_downloaded_again(builder, server):
    """If-None-Match; and of a step that has to be made, the file."""
    server.files, server.etags = {"/f": b"one", "/plain": b"x"}, {"/f": '"v1"'}
    text = f"FROM scratch\nADD {server.url}/f {server.url}/plain /\n"
    first = builder(text)
    assert statuses(server) == [("/f", 200), ("/plain", 200)]
    again = builder(text)
    assert set(again.steps.values()) == {"CACHED"} and again.id == first.id
    assert statuses(server) == [("/f", 304), ("/plain", 200)]  # what has no ETag is downloaded
    assert builder(f"FROM scratch\nADD --chmod=600 {server.url}/f /g\n").tree == {"g": "-600 0:0 one"}
    assert statuses(server) == [("/f", 304), ("/f", 200)]
    server.files["/f"], server.etags["/f"] = b"two", '"v2"'
    assert builder(text).tree["f"] == "-600 0:0 two"
    assert statuses(server) == [("/f", 200), ("/plain", 200)]
    digest = hashlib.sha256(b"two").hexdigest()
    checked = f"FROM scratch\nADD --checksum=sha256:{digest} {server.url}/f /c\n"
    assert [builder(checked).tree["c"], set(builder(checked).steps.values())] == ["-600 0:0 two", {"CACHED"}]
    assert statuses(server) == [("/f", 304), ("/f", 200), ("/f", 304)]
    assert "digest mismatch" in builder.fails(f"FROM scratch\nADD --checksum=sha256:{'0' * 64} {server.url}/f /c\n")
    assert statuses(server) == [("/f", 200)]
    builder(text, {}, "--no-cache")
    assert statuses(server) == [("/f", 200), ("/plain", 200)]


def test_what_is_known_of_a_url_is_pruned_with_the_cache(builder, server):
    server.files, server.etags = {"/p": b"one"}, {"/p": '"v1"'}
    url = server.url.replace("//", "//user:s3cret@")
    text = f"FROM scratch\nADD {url}/p /\n"
    builder(text)
    statuses(server)
    assert "http url http://xxxxx:xxxxx@" in builder.sampan("builder", "df", "-v", check=True).stdout
    assert holds(builder.sampan.root / "steps", "http url http://user") == ""
    builder.sampan("builder", "prune", "-f", check=True)
    assert "http url" not in builder.sampan("builder", "df", "-v", check=True).stdout
    assert builder.sampan("fsck").returncode == 0
    builder(text)
    assert ("/p", 200) in statuses(server)


TOKEN = "s3cret-token"


def holds(folder, text):
    """Files below that have the text."""
    return subprocess.run(["grep", "-rlF", text, folder], check=False, capture_output=True, text=True).stdout


def test_repositories_are_fetched_with_the_token_of_their_host(builder, server):
    server.repository("private", {"a": "1", "Dockerfile": "FROM scratch\nCOPY a /b\n"})
    server.wants = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    url = f"{server.url}/git/private.git"
    text = f"FROM scratch\nADD {url} /\n"
    assert "failed to fetch remote" in builder.fails(text)
    host = server.url.partition("//")[2]
    for secret in ("GIT_AUTH_TOKEN", f"GIT_AUTH_TOKEN.{host}"):
        built = builder(text, {}, "--no-cache", "--secret", f"id={secret},env=TOKEN", env={"TOKEN": TOKEN})
        assert built.tree["a"] == "-644 0:0 1" and TOKEN not in built.stderr
        assert builder(None, {}, "--secret", f"id={secret},env=TOKEN", where=url, env={"TOKEN": TOKEN}).tree == {"b": "-644 0:0 1"}
    assert "failed to fetch remote" in builder.fails(text, {}, "--no-cache", "--secret", "id=GIT_AUTH_TOKEN.example.com,env=TOKEN",
                                                     env={"TOKEN": TOKEN})
    server.wants = "Bearer x"
    header = ["--secret", f"id=GIT_AUTH_HEADER.{host},env=HEADER"]
    assert builder(text, {}, "--no-cache", *header, env={"HEADER": "Bearer x"}).tree["a"] == "-644 0:0 1"
    assert holds(builder.sampan.root, TOKEN) == ""


def test_files_are_fetched_with_the_token_of_their_host(builder, server):
    server.files, server.wants = {"/private": b"text"}, f"Bearer {TOKEN}"
    text = f"FROM scratch\nADD {server.url}/private /x\n"
    assert "invalid response status 401" in builder.fails(text)
    built = builder(text, {}, "--secret", "id=HTTP_AUTH_TOKEN_127.0.0.1,env=TOKEN", env={"TOKEN": TOKEN})
    assert built.tree == {"x": "-600 0:0 text"} and TOKEN not in built.stderr
    assert "invalid response status 401" in builder.fails(text, {}, "--secret", "id=HTTP_AUTH_TOKEN_example.com,env=TOKEN", env={"TOKEN": TOKEN})
    server.files["/Plain"] = b"FROM scratch\nCOPY <<EOF /x\n1\nEOF\n"
    header = ["--secret", "id=HTTP_AUTH_HEADER_127.0.0.1,env=HEADER"]
    assert builder(None, {}, *header, where=f"{server.url}/Plain", env={"HEADER": server.wants}).tree == {"x": "-644 0:0 1"}
    assert holds(builder.sampan.root, TOKEN) == ""
    assert "has control characters, and so is no header" in builder.fails(text, {}, *header, env={"HEADER": "a\nX: b"})


def test_a_token_does_not_follow_to_another_host(builder, server, tmp_path):
    (tmp_path / "other").mkdir()
    with Web(tmp_path / "other") as other:
        other.repository("repo", {"a": "1"})
        other.files = {"/file": b"text"}
        server.moved = {"/git/": f"{other.url}/git/", "/file": f"{other.url}/file"}
        text = f"FROM scratch\nADD {server.url}/git/repo.git /r/\nADD {server.url}/file /\n"
        secrets = [f"--secret=id={name},env=TOKEN" for name in ("GIT_AUTH_TOKEN", "HTTP_AUTH_TOKEN_127.0.0.1")]
        assert builder(text, {}, *secrets, env={"TOKEN": TOKEN}).tree["file"] == "-600 0:0 text"
        assert len(other.requests) > 1 and {headers.get("Authorization") for _, _, headers in other.requests} == {None}
        assert any(TOKEN in headers.get("Authorization", "") for _, _, headers in server.requests)


# --- contexts ----------------------------------------------------------------------------------------------------------------


def test_ignore_files_leave_out_what_their_patterns_match(builder):
    ignore = "# comment\n\n**/*.txt\n!keep.txt\n  dir/sub/  \n/with*\nlink\nDockerfile\n.dockerignore\n"
    built = builder("FROM scratch\nCOPY . /\n", {**TREE, "keep.txt": "k", "dir/x.txt": "x", ".dockerignore": ignore})
    assert built.tree == {"a": "-644 0:0 1", "keep.txt": "-644 0:0 k", "dir": "d755 0:0", "dir/c": "-600 0:0 3", "dir/link": "l c",
                          "dir/run.sh": "-755 0:0 5"}


def test_the_ignore_file_of_a_dockerfile_comes_before_that_of_the_context(builder):
    text = "FROM scratch\nCOPY [abc] /\n"
    files = {"a": "1", "b": "2", "c": "3", "other/Some": text, "other/Some.dockerignore": "a", ".containerignore": "b", ".dockerignore": "c"}
    folder = builder.context(files)
    built = builder(None, folder, "-f", folder / "other/Some")
    assert built.tree == {"b": "-644 0:0 2", "c": "-644 0:0 3"}
    (folder / "other/Some.dockerignore").unlink()
    built = builder(None, folder, "-f", folder / "other/Some")
    assert built.tree == {"a": "-644 0:0 1", "c": "-644 0:0 3"}
    (folder / ".containerignore").unlink()
    assert builder(None, folder, "-f", folder / "other/Some").tree == {"a": "-644 0:0 1", "b": "-644 0:0 2"}


def test_links_of_a_context_do_not_lead_out_of_it(builder, tmp_path):
    (tmp_path / "secret").write_text("secret")
    files = {"abs": Link(str(tmp_path / "secret")), "up": Link("../" * 20 + str(tmp_path)[1:]), "dir/l": Link("/etc/passwd")}
    assert '"/up/secret": not found' in builder.fails("FROM scratch\nCOPY up/secret /x\n", files)
    assert '"/abs": not found' in builder.fails("FROM scratch\nCOPY abs /x\n", files)
    assert builder("FROM scratch\nCOPY dir /\n", files).tree == {"l": "l /etc/passwd"}


def test_contexts_are_folders_archives_repositories_and_standard_input(builder, server):
    files = {"Dockerfile": "FROM scratch\nCOPY a /x\n", "a": "1"}
    alone = b"FROM scratch\nCOPY <<EOF /x\n1\nEOF\n"
    archive = tar([file(name, content.encode()) for name, content in files.items()])
    server.files = {"/c.tar.gz": gzip.compress(archive), "/Plain": alone}
    server.repository("context", {f"below/{name}": content for name, content in files.items()})
    for where, given in ((f"{server.url}/c.tar.gz", None), (f"{server.url}/git/context.git#main:below", None), ("-", archive),
                         ("-", gzip.compress(archive)), ("-", alone), (f"{server.url}/Plain", None)):
        name = builder.new("localhost/built")
        done = builder.run(None, {}, "-t", name, where=where, **({"input": given, "text": False} if given else {}))
        assert done.returncode == 0, (where, done.stderr)
        assert builder.image(name).tree == {"x": "-644 0:0 1"}, where
    folder = builder.context({"a": "1"})
    assert builder(None, folder, "-f", "-", input=files["Dockerfile"]).tree == {"x": "-644 0:0 1"}
    assert "can't use stdin for both build context and dockerfile" in builder.fails(None, {}, "-f", "-", where="-", input="")


def test_a_containerfile_is_taken_where_there_is_no_dockerfile(builder):
    folder = builder.context({"Containerfile": "FROM scratch\nCOPY a /x\n", "a": "1"})
    assert builder(None, folder).tree == {"x": "-644 0:0 1"}
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY a /y\n")
    assert builder(None, folder).tree == {"y": "-644 0:0 1"}
    assert builder(None, folder, "-f", "Containerfile").tree == {"x": "-644 0:0 1"}  # in the context, as buildah has it


# --- cache ---------------------------------------------------------------------------------------------------------------------


def test_content_modes_and_names_are_the_key_of_a_copy_and_times_are_not(builder):
    folder = builder.context({"d/a": "cache", "d/b": "2"})
    text = "FROM scratch\nCOPY d /\n"

    def state():
        return builder(text, folder).steps["COPY d /"]

    assert (state(), state()) == ("DONE", "CACHED")
    os.utime(folder / "d/a", (1, 1))
    assert state() == "CACHED"
    (folder / "d/a").write_text("other")
    assert state() == "DONE"
    (folder / "d/a").write_text("cache")
    assert state() == "CACHED"
    (folder / "d/a").chmod(0o600)
    assert state() == "DONE"
    (folder / "d/b").rename(folder / "d/c")
    assert (state(), state()) == ("DONE", "CACHED")
    assert builder(text, folder, "--no-cache").steps["COPY d /"] == "DONE"
    assert staged(builder.sampan) == []
