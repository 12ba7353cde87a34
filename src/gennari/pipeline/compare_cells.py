"""A cell of a comparison: one objective, encoder, label budget and seed, all that was measured of it, and its JSON."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from gennari.apply.context_settings import ContextSettings
from gennari.pipeline.cells import CellResult
from gennari.sources.atomic import write_text
from gennari.sources.documents import read_json

ENDING = ".json"


def _nan_for_null(value: object) -> object:
    return float("nan") if value is None else value


_OrNaN = Annotated[float, BeforeValidator(_nan_for_null)]
"""JSON has no NaN: what is not known is written as null."""


class BorderSignal(BaseModel):
    """How well features tell borders from the inside of areas on held-out sections of the unlabelled brain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    auroc: float
    auroc_partial: float


class Pretrained(BaseModel):
    """What a finished pre-training is known by, beside its weights.

    Attributes:
        patches: it learned from.
        patch_passes: patches that went through the network in all.
        err_dist_mm: on held-out pairs of the unlabelled brain; NaN where nothing was trained for it.
        err_dist_median_mm: of the predictor that always says the median.
        probe_f1: macro-F1 of a linear probe on held-out sections of the labelled brains, areas and other cortex.
        borders: None where they were not asked for.
        seconds: of the training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    patches: int
    patch_passes: int
    err_dist_mm: _OrNaN
    err_dist_median_mm: _OrNaN
    probe_f1: float
    borders: BorderSignal | None = None
    seconds: float


class ComparedCell(BaseModel):
    """One fine-tuning of a comparison.

    Attributes:
        encoder: empty where there is none, as for the atlas alone.
        budget: as asked for; `labels_sections` are those learned from.
        missing: areas that no section of the budget shows.
        val_dice: over areas, on annotated pixels of validation sections: what winners are chosen by.
        context: what the tested sections were told of each other after all had spoken; None: each speaks for itself.
        individual: whose sections `result` has: "held-out", sections of the labelled brains; or a sealed brain's name.
        pretrained: None without pre-training.
        seconds: of the fine-tuning.
        result: the tested sections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: str
    encoder: str
    budget: int
    labels_sections: int
    missing: tuple[str, ...] = ()
    val_dice: _OrNaN
    individual: str = "held-out"
    context: ContextSettings | None = None
    pretrained: Pretrained | None = None
    seconds: float
    result: CellResult


def write_compared(path: Path, cell: ComparedCell) -> None:
    """Write a cell as one line of JSON, atomically."""
    write_text(path, cell.model_dump_json() + "\n")


def read_compared(path: Path) -> ComparedCell:
    """Read what `write_compared` wrote; InputError if it is missing, cut short, or no cell."""
    return read_json(path, ComparedCell)


def all_compared(folder: Path) -> tuple[ComparedCell, ...]:
    """All cells of a folder, in the order of their names."""
    return tuple(read_compared(path) for path in sorted(folder.glob(f"*{ENDING}")))
