"""Every command that the docs show is one: its verb, arguments and options are known."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from cyclopts import CoercionError, CycloptsError, MissingArgumentError

from gennari.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINE = re.compile(r"^ {4}gennari (?P<block>[^\n]*)$|`gennari (?P<inline>[^`]*)`", re.MULTILINE)
"""A command on a line of its own, or within a sentence."""
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b")
"""Such as RUN: it may stand for anything."""


class Shown(NamedTuple):
    """A command as a page shows it; one within a sentence may leave arguments out."""

    words: list[str]
    whole: bool


def commands(page: Path) -> list[Shown]:
    found = []
    for match in LINE.finditer(page.read_text(encoding="utf-8")):
        text = (match["block"] or match["inline"] or "").split("  #")[0]
        found.append(Shown(shlex.split(text), match["block"] is not None and not PLACEHOLDER.search(text)))
    return [one for one in found if len(one.words) > 1]  # `gennari borders` only names a verb


def understand(command: Shown) -> None:
    """Raises CycloptsError for a verb or option that is none."""
    try:
        app.parse_args(command.words, exit_on_error=False, print_error=False)
    except (CoercionError, MissingArgumentError):
        if command.whole:
            raise


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_the_docs_are_known(page: Path) -> None:
    for command in commands(page):
        understand(command)


def test_a_command_that_is_none_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("    gennari sample data run\n    gennari sample data\n\n`gennari pretrain --fast`, `gennari view`")
    whole, short, wrong = commands(page)
    understand(whole)
    with pytest.raises(MissingArgumentError):
        understand(short)
    with pytest.raises(CycloptsError, match="--fast"):
        understand(wrong)
