"""A cell of the paper's table: one row with one seed, all that was measured of it, and its JSON."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from gennari.metrics.distances import DistanceError
from gennari.pipeline.scoring import SectionResult
from gennari.sources.atomic import write_text
from gennari.sources.documents import read_json


def nan_for_null(value: object) -> object:
    """JSON has no NaN: what is not known is written as null."""
    if isinstance(value, dict):
        return {key: float("nan") if entry is None else entry for key, entry in value.items()}
    return value


class CellResult(BaseModel):
    """All that the page about the table is made of, for one row and one seed.

    Attributes:
        row: name of the row or control.
        seed: of everything in it that is random.
        split: how sections were held out.
        geometry: of the brains it was tested on.
        rate: fine-tuning rate; None where nothing was fine-tuned.
        key: hash of all that decides the cell.
        patches: how many were pre-trained on; 0 without pre-training.
        iterations: of fine-tuning.
        distance: err_dist and its companions on held-out pairs; None without pre-training.
        convergence: (epoch, err_dist in mm) during pre-training.
        loss_tail: (iteration, loss), a few points from the last part of fine-tuning.
        sections: the held-out ones. Folds of one row and seed may stand in several cells with different sections.
        seconds: of the whole cell.
        classes: their names.
        first_area: index of the first class that is an area.
        area_distance_mm: between areas along the surface, 0 for those that touch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: str
    seed: int
    split: str
    geometry: str
    rate: float | None
    key: str
    patches: int
    iterations: int
    distance: Annotated[DistanceError, BeforeValidator(nan_for_null)] | None
    convergence: tuple[tuple[float, float], ...] = ()
    loss_tail: tuple[tuple[int, float], ...] = ()
    sections: tuple[SectionResult, ...]
    seconds: float
    classes: tuple[str, ...]
    first_area: int
    area_distance_mm: tuple[tuple[float, ...], ...] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "CellResult":
        size, areas = len(self.classes), len(self.classes) - self.first_area
        for section in self.sections:
            matrices = [section.confusion, section.annotated_confusion or section.confusion]
            if any(len(matrix) != size or any(len(row) != size for row in matrix) for matrix in matrices):
                raise ValueError(
                    f"confusions must be {size} x {size} for {size} classes, "
                    f"those of {section.brain} {section.section} are not"
                )
        places = [(section.brain, section.section) for section in self.sections]
        if len(set(places)) < len(places):
            raise ValueError("a section must stand in a cell once, at least one stands there twice")
        table = self.area_distance_mm
        if table is not None and (len(table) != areas or any(len(row) != areas for row in table)):
            raise ValueError(f"distances between {areas} areas must be {areas} x {areas}, got {len(table)} rows")
        return self


def write_cell(path: Path, cell: CellResult) -> None:
    """Write a cell as one line of JSON, atomically."""
    write_text(path, cell.model_dump_json() + "\n")


def read_cell(path: Path) -> CellResult:
    """Read what `write_cell` wrote.

    Raises:
        InputError: the file is missing, cut short, or holds no cell.
    """
    return read_json(path, CellResult)


def read_cells(folder: Path) -> tuple[CellResult, ...]:
    """All cells of a folder (*.json), in the order of their names."""
    return tuple(read_cell(path) for path in sorted(folder.glob("*.json")))
