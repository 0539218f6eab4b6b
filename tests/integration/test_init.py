# SPDX-License-Identifier: Apache-2.0
"""`sampan init`: the files that it writes, and what it leaves alone. What is in them is the unit tests' (tests/unit/build/test_init*.c)."""
import os
import stat
import subprocess

import pytest

from conftest import BUILD, SLOW

PROJECTS = {
    "c-make": {"Makefile": "hello: hello.c\n", "hello.c": "int main(void) { return 0; }\n"},
    "c-cmake": {"CMakeLists.txt": "project(hello C)\nadd_executable(hello hello.c)\n"},
    "go": {"go.mod": "module example.com/hello\n\ngo 1.22\n", "main.go": "package main\n"},
    "python": {"pyproject.toml": "[project]\nname = \"hello\"\n[project.scripts]\nhello = \"hello:main\"\n"},
    "node": {"package.json": "{\"scripts\": {\"start\": \"node hello.js\"}}", "package-lock.json": "{}"},
    "rust": {"Cargo.toml": "[package]\nname = \"hello\"\n", "Cargo.lock": "", "src/main.rs": "fn main() {}\n"},
}


def write(folder, *kinds):
    for kind in kinds:
        for name, text in PROJECTS[kind].items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return folder


def names(folder):
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("kind", PROJECTS)
def test_a_project_gets_a_dockerfile_and_an_ignore_file(sampan, tmp_path, kind):
    project = write(tmp_path / "p", kind)
    done = sampan("init", project, check=True)
    assert done.stdout == f"{project}/Dockerfile\n{project}/.dockerignore\n"
    assert done.stderr == ""
    text = (project / "Dockerfile").read_text(encoding="utf-8")
    assert f"a project of the kind '{kind}'" in text and "\nUSER " in text and "hello" in text
    assert "\n.git\n" in (project / ".dockerignore").read_text(encoding="utf-8")
    assert stat.S_IMODE((project / "Dockerfile").stat().st_mode) == 0o644


def test_the_folder_is_this_one_by_default(sampan, tmp_path):
    project = write(tmp_path / "p", "go")
    assert sampan("init", cwd=project, check=True).stdout == "Dockerfile\n.dockerignore\n"
    assert {"Dockerfile", ".dockerignore"} <= set(names(project))


def test_print_writes_nothing(sampan, tmp_path):
    project = write(tmp_path / "p", "rust")
    before = names(project)
    printed = sampan("init", "--print", project, check=True).stdout
    assert names(project) == before
    sampan("init", project, check=True)
    assert (project / "Dockerfile").read_text(encoding="utf-8") == printed


def test_files_that_are_there_are_replaced_by_force_only(sampan, tmp_path):
    project = write(tmp_path / "p", "node")
    (project / "Dockerfile").write_text("FROM mine\n", encoding="utf-8")
    done = sampan("init", project)
    assert done.returncode == 1
    assert done.stderr == "sampan: 'Dockerfile' is there already (--force replaces it, --print shows what it would be)\n"
    assert (project / "Dockerfile").read_text(encoding="utf-8") == "FROM mine\n"
    assert ".dockerignore" not in names(project)
    assert sampan("init", "-f", project, check=True).stdout == f"{project}/Dockerfile\n{project}/.dockerignore\n"
    assert "FROM mine" not in (project / "Dockerfile").read_text(encoding="utf-8")


def test_an_ignore_file_that_is_there_stays(sampan, tmp_path):
    project = write(tmp_path / "p", "node")
    (project / ".dockerignore").write_text("mine\n", encoding="utf-8")
    done = sampan("init", project, check=True)
    assert done.stdout == f"{project}/Dockerfile\n"
    assert done.stderr == "sampan: '.dockerignore' is there already, and stays as it is (--force replaces it)\n"
    assert (project / ".dockerignore").read_text(encoding="utf-8") == "mine\n"


def test_a_folder_that_is_no_project_is_told_what_was_looked_for(sampan, tmp_path):
    done = sampan("init", tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"sampan: no project is recognized in '{tmp_path}' (go: go.mod; rust: Cargo.toml; python: pyproject.toml, requirements.txt or "
        "setup.py; node: package.json; c-cmake: CMakeLists.txt; c-make: GNUmakefile, makefile or Makefile, with .c files beside it or in "
        "src)\n")


def test_of_several_kinds_the_first_is_taken_and_the_others_named(sampan, tmp_path):
    project = write(tmp_path / "p", "c-make", "node", "go")
    done = sampan("init", "--print", project, check=True)
    assert "kind 'go'" in done.stdout
    assert done.stderr == "sampan: taken for a project of the kind 'go'; also seen: node, c-make (--type chooses)\n"
    done = sampan("init", "--print", "--type", "node", project, check=True)
    assert "kind 'node'" in done.stdout and done.stderr == ""


def test_a_kind_that_it_is_not_is_told(sampan, tmp_path):
    project = write(tmp_path / "p", "go")
    done = sampan("init", "--type", "rust", project)
    assert done.returncode == 1
    assert done.stderr == f"sampan: '{project}' is no project of the kind 'rust': there is no Cargo.toml\n"
    done = sampan("init", "--type", "cobol", project)
    assert done.returncode == 125
    assert "'cobol' is no kind of project: c-make, c-cmake, go, python, node and rust are" in done.stderr


def test_a_folder_that_is_not_there_is_told(sampan, tmp_path):
    done = sampan("init", tmp_path / "none")
    assert done.returncode == 1
    assert done.stderr == f"sampan: cannot open '{tmp_path}/none': no such file or directory\n"


# --- what is there may be anybody's ------------------------------------------------------------------------------


def test_links_out_of_the_folder_lead_nowhere(sampan, tmp_path):
    outside = write(tmp_path / "outside", "node")
    project = tmp_path / "p"
    project.mkdir()
    (project / "package.json").symlink_to(outside / "package.json")
    (project / "go.mod").symlink_to("../outside/package.json")
    (project / "src").symlink_to("/etc")
    done = sampan("init", project)
    assert done.returncode == 1 and "no project is recognized" in done.stderr
    (project / "inside").write_text("module example.com/inside\n", encoding="utf-8")
    (project / "go.mod").unlink()
    (project / "go.mod").symlink_to("inside")
    assert "-o /out/inside" in sampan("init", "--print", project, check=True).stdout


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_nothing_is_written_through_a_link(sampan, tmp_path, force):
    project = write(tmp_path / "p", "go")
    victim = tmp_path / "victim"
    for target in ("exists", "dangles"):
        if target == "exists":
            victim.write_text("precious\n", encoding="utf-8")
        (project / ".dockerignore").unlink(missing_ok=True)
        (project / "Dockerfile").unlink(missing_ok=True)
        (project / "Dockerfile").symlink_to(victim)
        done = sampan("init", *force, project)
        assert done.returncode == (0 if force else 1)
        assert (project / "Dockerfile").is_symlink() == (not force)
        if target == "exists":
            assert victim.read_text(encoding="utf-8") == "precious\n"
            victim.unlink()
        else:
            assert not victim.exists()


def test_a_pipe_is_no_file_to_be_read(sampan, tmp_path):
    project = tmp_path / "p"
    project.mkdir()
    os.mkfifo(project / "package.json")
    done = sampan("init", project, timeout=20)
    assert done.returncode == 1 and "no project is recognized" in done.stderr


def test_files_that_are_too_long_or_malformed_are_refused(sampan, tmp_path):
    project = write(tmp_path / "p", "node")
    (project / "package.json").write_text("x" * ((1 << 20) + 1), encoding="utf-8")
    done = sampan("init", project)
    assert done.returncode == 1
    assert done.stderr == "sampan: 'package.json': longer than 1048576 bytes\n"
    (project / "package.json").write_text("[" * 100000, encoding="utf-8")
    done = sampan("init", project)
    assert done.returncode == 1 and done.stderr.startswith("sampan: package.json: ")
    assert names(project) == ["package-lock.json", "package.json"]


def test_a_folder_of_many_files_is_looked_through(sampan, tmp_path):
    project = write(tmp_path / "p", "go")
    for i in range(5000):
        (project / f"file{i}").touch()
    assert "-o /out/hello" in sampan("init", "--print", project, check=True).stdout


@pytest.mark.root
def test_whoever_has_no_session_can_do_it_too(sampan, tmp_path):
    project = write(tmp_path / "p", "go")
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", BUILD / "sampan", "init", "--print", "."], check=False,
                          capture_output=True, text=True, timeout=20 * SLOW, stdin=subprocess.DEVNULL, cwd=project,
                          env={"PATH": os.environ["PATH"]})
    if "ermission denied" in done.stderr:
        pytest.skip("the build or the test is in a folder that others cannot read")
    assert done.returncode == 0, done.stderr
