"""The reject option: what is left of a confusion matrix when doubtful pixels are set aside, at which coverage.

Doubt is low confidence, an oblique cut or a poor section. Pixels are counted once by steps of all three; any thresholds
on these steps are then sums over the counts, so that they can be chosen afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Integer

CONFIDENCES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
PLANE_ANGLES_DEG = (0.0, 15.0, 30.0, 45.0, 60.0, 75.0)
RATINGS = 4
_IN_ALL = (len(CONFIDENCES), len(PLANE_ANGLES_DEG), RATINGS)


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What a pixel must reach or else is set aside; by default nothing is.

    Attributes:
        confidence: probability of its likeliest class, one of CONFIDENCES.
        plane_angle_deg: between the normals of surface and section, one of PLANE_ANGLES_DEG: 45 means that |n·across|
            is at most cos 45°, 90 that layers are cut at right angles.
        rating: of its section, 0 the worst.
    """

    confidence: float = 0.0
    plane_angle_deg: float = 0.0
    rating: int = 0

    def __post_init__(self) -> None:
        for name, value, steps in (
            ("confidence", self.confidence, CONFIDENCES),
            ("plane angle", self.plane_angle_deg, PLANE_ANGLES_DEG),
            ("rating", self.rating, range(RATINGS)),
        ):
            if value not in steps:
                raise ValueError(f"a threshold on the {name} is one of {', '.join(map(str, steps))}, got {value}")


class Kept(NamedTuple):
    """What thresholds leave.

    Attributes:
        coverage: share of the pixels that are kept; NaN where there were none.
        confusion: of these, rows are the truth.
    """

    coverage: float
    confusion: Int[np.ndarray, "c c"]


def graded_confusions(
    true: Integer[np.ndarray, "n"],
    predicted: Integer[np.ndarray, "n"],
    confidence: Float[np.ndarray, "n"],
    plane_angle_deg: Float[np.ndarray, "n"],
    rating: int,
    classes: int,
) -> Int[np.ndarray, "k a r c c"]:
    """Confusion matrices of one section's pixels for each step of confidence, plane angle and rating.

    Args:
        true: classes, all below `classes`.
        predicted: likewise.
        confidence: 0..1.
        plane_angle_deg: 0..90.
        rating: of the section.
        classes: how many there are.

    Raises:
        ValueError: a class, a confidence or an angle lies outside its range, or there is no such rating.
    """
    for name, values, most in (
        ("class", np.concatenate([true, predicted]), classes - 1), ("confidence", confidence, 1),
        ("plane angle", plane_angle_deg, 90), ("rating", np.array([rating]), RATINGS - 1),
    ):  # fmt: skip
        if not ((values >= 0) & (values <= most)).all():
            raise ValueError(f"each {name} must lie in 0..{most}, got {values.min()}..{values.max()}")
    places = (
        _step(confidence, CONFIDENCES), _step(plane_angle_deg, PLANE_ANGLES_DEG), np.full(len(true), rating),
        true.astype(int), predicted.astype(int),
    )  # fmt: skip
    shape = (*_IN_ALL, classes, classes)
    return np.bincount(np.ravel_multi_index(places, shape), minlength=int(np.prod(shape))).reshape(shape)


def kept(graded: Int[np.ndarray, "k a r c c"], thresholds: Thresholds) -> Kept:
    """What is left once pixels below any of the thresholds are set aside."""
    first = CONFIDENCES.index(thresholds.confidence), PLANE_ANGLES_DEG.index(thresholds.plane_angle_deg)
    confusion = graded[first[0] :, first[1] :, thresholds.rating :].sum(axis=(0, 1, 2))
    total = graded.sum()
    return Kept(float(confusion.sum() / total) if total else float("nan"), confusion)


def steps(which: str) -> list[Thresholds]:
    """Thresholds that rise step by step in one thing alone: "confidence", "plane_angle_deg" or "rating"."""
    values: Sequence[float] = {
        "confidence": CONFIDENCES, "plane_angle_deg": PLANE_ANGLES_DEG, "rating": range(RATINGS),
    }[which]  # fmt: skip
    return [Thresholds(**{which: value}) for value in values]  # pyright: ignore[reportArgumentType]


def _step(values: Float[np.ndarray, "n"], edges: Sequence[float]) -> Int[np.ndarray, "n"]:
    return np.searchsorted(edges, values, side="right") - 1
