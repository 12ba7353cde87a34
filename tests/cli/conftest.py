"""The command line called inside the process: exit code, stdout, stderr."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gennari.cli.app import main
from gennari.pipeline import sampling


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def gennari(capsys, monkeypatch, mini_recipes) -> Callable[..., Said]:
    """Runs `gennari ARGUMENTS`; the presets include 'mini'."""
    monkeypatch.setattr(sampling, "usable_cores", lambda: 1)

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        assert isinstance(left.value.code, int)
        return Said(left.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def demo(finished_demo: Path, tmp_path: Path) -> Path:
    """A copy of a finished demo (dataset/, run/), to be damaged."""
    shutil.copytree(finished_demo, tmp_path / "demo")
    return tmp_path / "demo"


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def refused(gennari, tmp_path):
    """Runs a command that must be refused, checks how, and gives back its sentence."""

    def run(*arguments: object) -> str:
        before = _contents(tmp_path)
        said = gennari(*arguments)
        sentences = [line for line in said.err.splitlines() if line.startswith("gennari: ")]
        assert said.code == 2, said
        assert len(sentences) == 1
        assert said.err.endswith(sentences[0] + "\n")
        assert "Traceback" not in said.err
        after = _contents(tmp_path)
        assert {path: after.get(path) for path in before} == before
        return sentences[0]

    return run
