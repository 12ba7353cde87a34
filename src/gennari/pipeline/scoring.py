"""One section measured: what of it is kept, and how it is made from the truth and a predicted map."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Integer
from pydantic import BaseModel, ConfigDict

from gennari.metrics.borders import border_distances_px
from gennari.metrics.overlap import confusion, dice_per_class, macro_dice
from gennari.metrics.segmentation import SegmentationError, segmentation_error
from gennari.records import IGNORE, LabelSet

BORDER_STEP_MM = 0.05
"""Border distances are kept rounded to it, so that a section stays small on disk."""
Counts = tuple[tuple[int, ...], ...]
"""A confusion matrix, rows are the truth."""


class BorderDistances(BaseModel):
    """How far the border between two areas is from where it is predicted, on one section.

    Attributes:
        first, second: classes of the two areas, the lower first.
        found: (distance in mm, how many pixel sides of the true border have it).
        missing: sides of a border that is predicted nowhere on the section.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int
    second: int
    found: tuple[tuple[float, int], ...] = ()
    missing: int = 0


class SectionResult(BaseModel):
    """One method on one held-out section.

    Attributes:
        confusion: of all pixels that have a truth.
        annotated_confusion: of those that an expert annotated; None where nobody said which.
        error: err_seg and its companions over all pixels; None where only confusions are known.
        annotated_error: the same over annotated pixels, the nearest of a class being looked for in the whole truth.
        borders: one entry a pair of areas that touch in the truth.
        seconds: what segmenting and measuring took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    brain: str
    section: int
    confusion: Counts
    annotated_confusion: Counts | None = None
    error: SegmentationError | None = None
    annotated_error: SegmentationError | None = None
    borders: tuple[BorderDistances, ...] = ()
    seconds: float = 0.0


def score_section(
    truth: Integer[np.ndarray, "h w"],
    predicted: Integer[np.ndarray, "h w"],
    label_set: LabelSet,
    spacing_um: float,
    *,
    brain: str,
    section: int,
    annotated: Bool[np.ndarray, "h w"] | None = None,
    seconds: float = 0.0,
) -> SectionResult:
    """Measure one section (method section 4).

    Args:
        truth: classes; IGNORE where it says nothing.
        predicted: classes.
        label_set: of both.
        spacing_um: of both.
        brain: whose section.
        section: its number.
        annotated: pixels that an expert annotated; they are measured once more by themselves, if there are any.
        seconds: to be kept with the result.

    Raises:
        ValueError: no pixel has a truth, or a class lies outside the label set.
    """
    classes, first_area = len(label_set.names), label_set.first_area
    chosen = None
    if annotated is not None and (annotated & (truth != IGNORE)).any():
        chosen = annotated
    borders = border_distances_px(truth, predicted, first_area, IGNORE)
    return SectionResult(
        brain=brain,
        section=section,
        confusion=_plain(confusion(truth, predicted, classes, IGNORE)),
        annotated_confusion=None
        if chosen is None
        else _plain(confusion(np.where(chosen, truth, IGNORE), predicted, classes, IGNORE)),
        error=segmentation_error(truth, predicted, spacing_um, IGNORE),
        annotated_error=None if chosen is None else segmentation_error(truth, predicted, spacing_um, IGNORE, chosen),
        borders=tuple(_border(pair, distance_px * spacing_um / 1000) for pair, distance_px in borders.items()),
        seconds=seconds,
    )


def area_dice(counts: Integer[np.ndarray, "c c"], label_set: LabelSet) -> float:
    """Macro Dice over areas of a confusion matrix."""
    return macro_dice(dice_per_class(counts), range(label_set.first_area, len(label_set.names)))


def counts_of(sections: Sequence[SectionResult]) -> Int[np.ndarray, "n c c"]:
    """Confusion matrices of sections, in their order."""
    return np.array([section.confusion for section in sections], int)


def _plain(counts: Integer[np.ndarray, "c c"]) -> Counts:
    return tuple(tuple(row) for row in counts.tolist())


def _border(pair: tuple[int, int], distance_mm: Float[np.ndarray, "n"]) -> BorderDistances:
    known = distance_mm[np.isfinite(distance_mm)]
    steps, sides = np.unique(np.round(known / BORDER_STEP_MM).astype(int), return_counts=True)
    return BorderDistances(
        first=pair[0],
        second=pair[1],
        found=tuple((round(step * BORDER_STEP_MM, 3), int(n)) for step, n in zip(steps.tolist(), sides, strict=True)),
        missing=len(distance_mm) - len(known),
    )
