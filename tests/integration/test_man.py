# SPDX-License-Identifier: Apache-2.0
"""tools/check-man: the man pages agree with --help, and it is noticed when they do not."""
import shutil
import subprocess

import pytest

from conftest import BUILD, SLOW, TOP

pytestmark = pytest.mark.plain


@pytest.fixture
def tree(tmp_path):
    """A copy of what the check reads."""
    (tmp_path / "tools").mkdir()
    shutil.copy(TOP / "tools" / "check-man", tmp_path / "tools")
    shutil.copytree(TOP / "docs" / "man", tmp_path / "docs" / "man")
    shutil.copy(TOP / "docs" / "cli.md", tmp_path / "docs")
    return tmp_path


def check(tree):
    return subprocess.run([tree / "tools" / "check-man", BUILD], check=False, capture_output=True, text=True, timeout=60 * SLOW)


def test_pages_and_help_agree(tree):
    done = check(tree)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page, old, new, problem", [
    ("sampan-rm.1", "*-f*, *--force*\n", "", "sampan-rm.1: '-f, --force' is not there"),
    ("sampan-rm.1", "*--force*", "*--violence*", "sampan-rm.1: '-f, --violence' is unknown to the program"),
    ("sampan-rm.1", "*-f*, *--force*", "*--force*", "sampan-rm.1: '--force', --help says '-f, --force'"),
    ("sampan-kill.1", "_signal_", "_number_", "sampan-kill.1: '-s, --signal number', --help says '-s, --signal signal'"),
    ("sampan-kill.1", "_signal_", "", "sampan-kill.1: '*-s*, *--signal* ' is unknown to the program"),
    ("sampan-tag.1", "IMAGE NAME[:TAG] [", "IMAGE [", "sampan-tag.1: synopsis 'sampan tag IMAGE [NAME[:TAG]...]'"),
    ("sampan-system.1", "*df*\n", "*du*\n", "sampan-system.1: commands du events info prune, --help says df events info prune"),
    ("sampan-oci.8", "*-b*, *--bundle* _dir_", "*--bundle* _dir_", "sampan-oci.8: create: '--bundle dir', --help says '-b, --bundle dir'"),
    ("sampan-oci.8", "## pause\n", "## hold\n", "sampan-oci.8: 'hold' is no command"),
    ("sampan-ps.1", "# EXIT STATUS\n", "# EXIT\n", "sampan-ps.1: has no section EXIT STATUS"),
])
def test_what_does_not_agree_is_named(tree, page, old, new, problem):
    path = tree / "docs" / "man" / f"{page}.scd"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = check(tree)
    assert done.returncode == 1
    assert f"check-man: {problem}" in done.stderr


@pytest.mark.parametrize("old, new, problem", [
    ("| `rm` |", "| `remove` |", "cli.md: 'rm' has no row"),
    ("| `rm` |", "| `remove` |", "cli.md: 'remove' is no command"),
    ("`--no-litmus`", "", "cli.md: check: '--no-litmus' is not there"),
    ("`--no-litmus`", "`--no-litmus` `--no-cure`", "cli.md: check: '--no-cure' is unknown to the program"),
])
def test_the_table_of_commands_is_checked_too(tree, old, new, problem):
    path = tree / "docs" / "cli.md"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    done = check(tree)
    assert done.returncode == 1
    assert f"check-man: {problem}" in done.stderr


def test_each_command_has_a_page_and_each_page_a_command(tree):
    man = tree / "docs" / "man"
    (man / "sampan-network-ls.1.scd").rename(man / "sampan-network-list.1.scd")
    done = check(tree)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["check-man: sampan-network-ls.1: there is no such page",
                                        "check-man: sampan-network-list.1: there is no such command"]
