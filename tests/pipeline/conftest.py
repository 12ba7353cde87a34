"""What tests of the pipeline share: opened runs, and copies of the finished one."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from gennari.metrics.segmentation import SegmentationError
from gennari.pipeline.cells import CellResult
from gennari.pipeline.scoring import SectionResult
from gennari.pipeline.stages import Run, create_run, open_run
from gennari.recipes.experiment import Experiment


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


@pytest.fixture
def make_cell() -> Callable[..., CellResult]:
    """make_cell(row, seed, hits, err_seg): a cell over four classes, of which the last two are areas.

    `hits` says of 20 pixels of each area how many were found, by section; the others were given the other area.
    `err_seg` likewise, by section; 10 everywhere if left out.
    """

    def make(
        row: str,
        seed: int,
        hits: Mapping[tuple[str, int], int],
        err_seg: Mapping[tuple[str, int], float] | None = None,
        **changes: object,
    ) -> CellResult:
        sections = tuple(
            SectionResult(
                brain=brain,
                section=section,
                confusion=confusion_of(right),
                error=SegmentationError(
                    err_seg=float((err_seg or {}).get((brain, section), 10.0)),
                    err_seg_present=4.0,
                    absent_share=0.25,
                    mean_um=100.0,
                    mean_present_um=50.0,
                    rms_um=300.0,
                    wrong_share=0.1,
                    area_mm2=500.0,
                ),
            )
            for (brain, section), right in hits.items()
        )
        cell = CellResult(
            row=row, seed=seed, split="blocks", geometry="sphere", rate=0.02, key="k", patches=0, iterations=400,
            distance=None, sections=sections, seconds=60.0, classes=("glass", "other", "one", "two"), first_area=2,
            area_distance_mm=((0.0, 15.0), (15.0, 0.0)),
        )  # fmt: skip
        return CellResult.model_validate(cell.model_copy(update=changes).model_dump())

    return make


def confusion_of(right: int) -> tuple[tuple[int, ...], ...]:
    """50 pixels of glass and 40 of other cortex, all found, and 20 of each area."""
    counts = np.diag([50, 40, right, right])
    counts[2, 3] = counts[3, 2] = 20 - right
    return tuple(tuple(row) for row in counts.tolist())
