"""README says what there is: every command with its help and an example, a picture, links that lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flows.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def commands(group: click.Group = main, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command, those of groups included."""
    for name, command in group.commands.items():
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))


def leaves() -> list[tuple[str, ...]]:
    every = list(commands())
    return [words for words in every if not any(other[: len(words)] == words and other != words for other in every)]


@pytest.mark.parametrize("words", sorted(commands()), ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(main, [*words, "--help"])
    assert shown.exit_code == 0
    assert f"Example:\n    wattlake {' '.join(words)}" in shown.output


def test_every_command_is_in_the_table_of_commands() -> None:
    table = re.findall(r"^\| `wattlake ([^`]+)` \|", README, re.MULTILINE)
    missing = [" ".join(words) for words in leaves() if not any(row.split()[: len(words)] == [*words] for row in table)]
    assert not missing
    known = {words[0] for words in commands()}
    assert not [row for row in table if row.split()[0] not in known]


def test_commands_that_readme_shows_are_commands() -> None:
    known = {words[0] for words in commands()}
    shown = re.findall(r"^(?:\S+ -m uv run (?:--no-dev )?)?wattlake (\w[\w-]*)", README, re.MULTILINE)
    assert shown and set(shown) <= known


def test_links_and_pictures_of_readme_lead_somewhere_and_the_picture_is_small() -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)", README) if "://" not in target]
    assert [target for target in targets if not (ROOT / target).exists()] == []
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).stat().st_size < 150_000


def test_a_newcomer_gets_the_code_an_environment_and_no_development_tools() -> None:
    blocks = re.findall(r"^## (Get it|Try it)\n\n```bash\n(.*?)```", README, re.MULTILINE | re.DOTALL)
    assert [heading for heading, _ in blocks] == ["Get it", "Try it"]
    assert "git clone" in blocks[0][1] and "python -m venv" in blocks[0][1]
    assert "--no-dev" in blocks[1][1]
    assert re.search(r"^## Run the tests\n\n```bash\n.*pytest", README, re.MULTILINE)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_lines_of_completion_are_what_click_answers(shell: str) -> None:
    assert f"_WATTLAKE_COMPLETE={shell}_source wattlake" in README


def test_commands_of_readme_are_commands_that_a_shell_can_read() -> None:
    if not (bash := shutil.which("bash")):
        pytest.skip("no bash")
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL):
        text = block.replace("<the address of this repository>", shlex.quote("address"))
        subprocess.run([bash, "-n"], input=text, text=True, check=True)
