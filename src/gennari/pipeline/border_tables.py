"""What RUN/borders holds: one row a gap, its truth beside it, accepted borders, scores of every method."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int8, Int32

from gennari.sources.tables import read_arrays, write_arrays

FOLDER = "borders"
PLACES, GAPS, TRUTH, ACCEPTED, SCORES = (
    f"{name}.parquet" for name in ("places", "gaps", "truth", "accepted", "scores")
)
EVALUATION, CHECKPOINTS = "evaluation.json", "checkpoints.parquet"
OURS = "distance"
"""The paper's score: squared distance of neighbouring blocks of learned features."""
T = TypeVar("T", "GapTable", "TruthTable", "AcceptedTable")


@dataclass(frozen=True, kw_only=True)
class GapTable:
    """gaps.parquet: what is known without any truth. Row i is the gap between place i and the next of its piece.

    Attributes:
        piece: of ribbon, as in places.parquet.
        arc_mm: along the piece's mid-depth line, the middle of the two places; `brain_mm` likewise.
        curvature_per_mm: means of the two places, as `obliqueness_deg` (0: cut straight across the cortex),
            `thickness_mm` and `tissue_share`.
        score: of learned features, 1/mm (apply/borders.py); NaN where the blocks do not fit.
        partial: the score with the confounds out (apply/confounds.py); NaN likewise.
        profiles_d2: Mahalanobis distance squared of blocks of cortical profiles: the classical method.
        components_d2: the same of principal components of learned features.
    """

    brain: np.ndarray
    section: Int32[np.ndarray, "n"]
    side: Int8[np.ndarray, "n"]
    split: np.ndarray
    piece: Int32[np.ndarray, "n"]
    arc_mm: Float[np.ndarray, "n"]
    brain_mm: Float[np.ndarray, "n 3"]
    curvature_per_mm: Float[np.ndarray, "n"]
    obliqueness_deg: Float[np.ndarray, "n"]
    thickness_mm: Float[np.ndarray, "n"]
    tissue_share: Float[np.ndarray, "n"]
    score: Float[np.ndarray, "n"]
    partial: Float[np.ndarray, "n"]
    profiles_d2: Float[np.ndarray, "n"]
    components_d2: Float[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.section)


@dataclass(frozen=True, kw_only=True)
class TruthTable:
    """truth.parquet: what the truth says of each row of gaps.parquet (metrics/border_places.py).

    Attributes:
        label: class of the place; -1 where the tissue does not lie under it.
        border: the two places of the gap are of different classes, and one of them is an area.
        first, second: classes of the nearest true border of the piece, the lower first; -1 without any.
        border_mm: along the ribbon to it; NaN without any.
        interior: in an area and far from any border.
    """

    label: Int32[np.ndarray, "n"]
    border: Bool[np.ndarray, "n"]
    first: Int32[np.ndarray, "n"]
    second: Int32[np.ndarray, "n"]
    border_mm: Float[np.ndarray, "n"]
    interior: Bool[np.ndarray, "n"]


@dataclass(frozen=True, kw_only=True)
class AcceptedTable:
    """accepted.parquet: borders that a method found without knowing the truth, one row a border on a section.

    Attributes:
        method: "distance": peaks of `score` in the top decile of training sections; "components" and "profiles": the
            observer-independent method on learned features and on profiles.
        gap: row of gaps.parquet.
        value: the method's score there.
        curve: number of the curve over sections it belongs to (apply/tracking.py); -1 for none.
        recurrent: found in at least three neighbouring sections.
    """

    method: np.ndarray
    gap: Int32[np.ndarray, "m"]
    section: Int32[np.ndarray, "m"]
    side: Int8[np.ndarray, "m"]
    piece: Int32[np.ndarray, "m"]
    arc_mm: Float[np.ndarray, "m"]
    brain_mm: Float[np.ndarray, "m 3"]
    value: Float[np.ndarray, "m"]
    curve: Int32[np.ndarray, "m"]
    recurrent: Bool[np.ndarray, "m"]


def write_table(path: Path, table: "GapTable | TruthTable | AcceptedTable") -> None:
    """Write one of the tables, atomically."""
    write_arrays(path, {field.name: getattr(table, field.name) for field in fields(table)})


def read_table(path: Path, kind: type[T]) -> T:
    """Read one of the tables.

    Raises:
        InputError: the file is missing, damaged, or another table.
    """
    return kind(**read_arrays(path, [field.name for field in fields(kind)]))
