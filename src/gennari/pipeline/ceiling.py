"""The ceiling of every table: how far two observers agree, where the data set knows it (phantoms do)."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from gennari.metrics.overlap import dice_per_class, macro_dice
from gennari.pipeline.scoring import SectionResult
from gennari.records import Section
from gennari.sources.dataset import Dataset


class Ceiling(BaseModel):
    """Macro Dice over areas of pooled confusions, as for methods, but on the truth's grid.

    Attributes:
        mutual: of the two observers' full drawings.
        first, second: of each observer's drawing and the truth.
        sections: how many sections were pooled.
        spacing_um: of the truth's grid.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mutual: float
    first: float
    second: float
    sections: int
    spacing_um: float


def ceiling(dataset: Dataset, held_out: Mapping[str, Sequence[Section]]) -> Ceiling | None:
    """How far two observers agree on the held-out sections; None unless the data set says it of each of them.

    Args:
        dataset: whose observers.
        held_out: sections by brain.
    """
    found = [dataset.brain(name).observers(section.id) for name, part in held_out.items() for section in part]
    stored = [observers for observers in found if observers is not None]
    if not stored or len(stored) < len(found):
        return None
    areas = range(dataset.label_set.first_area, len(dataset.label_set.names))
    mutual, first, second = (
        macro_dice(dice_per_class(np.sum(matrices, axis=0)), areas)
        for matrices in (
            [observers.mutual for observers in stored],
            [observers.first for observers in stored],
            [observers.second for observers in stored],
        )
    )
    return Ceiling(mutual=mutual, first=first, second=second, sections=len(stored), spacing_um=stored[0].spacing_um)


def mutual_sections(dataset: Dataset, held_out: Mapping[str, Sequence[Section]]) -> tuple[SectionResult, ...] | None:
    """The two observers against each other as sections of a cell (confusions only); None as for `ceiling`."""
    found = [
        (name, section.id, dataset.brain(name).observers(section.id))
        for name, part in held_out.items()
        for section in part
    ]
    results = [
        SectionResult(brain=name, section=section, confusion=observers.mutual)
        for name, section, observers in found
        if observers is not None
    ]
    return tuple(results) if results and len(results) == len(found) else None


def ceiling_words(found: Ceiling) -> str:
    """The line above every table."""
    return (
        f"ceiling: two observers agree with Dice {found.mutual:.2f} over areas on these {found.sections} held-out "
        f"sections (each against the truth {found.first:.2f}, {found.second:.2f})"
    )
