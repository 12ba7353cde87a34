"""What tests of the pipeline share: opened runs, and copies of the finished one."""

import shutil
from pathlib import Path

import pytest

from gennari.pipeline.stages import Run, create_run, open_run
from gennari.recipes import Experiment


@pytest.fixture
def ticks() -> list:
    """Filled by handing `ticks.append` to long work."""
    return []


@pytest.fixture(scope="session")
def finished(finished_demo: Path) -> Run:
    """The finished run; read only."""
    return open_run(finished_demo / "run")


@pytest.fixture
def fresh(phantom: Path, mini_recipes: "tuple[object, Experiment]", tmp_path: Path) -> Run:
    """A run in which nothing has been done."""
    return create_run(tmp_path / "run", phantom, mini_recipes[1])


@pytest.fixture
def copied(finished_demo: Path, tmp_path: Path) -> Path:
    """A copy of the finished run beside the data set, to be changed."""
    shutil.copytree(finished_demo, tmp_path / "demo")
    return tmp_path / "demo"
