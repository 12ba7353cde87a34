"""The paper's table as records, and as the plain values of `reproduce.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from gennari.pipeline.companions import Companions, PairBorder
from gennari.pipeline.estimates import UNKNOWN, Estimate
from gennari.pipeline.stacks import Gathered

GOOD_DICE = 0.7
"""Areas above it are counted."""


@dataclass(frozen=True, kw_only=True)
class RowResult:
    """One row of the table; what is not known is NaN.

    Dice is pooled over the held-out sections within a seed, err_seg averaged over them; both then over the seeds.

    Attributes:
        name: of the row or control.
        label: what tables call it.
        seeds: that are finished.
        missing: seeds of the table that are not.
        incomplete: what is there of unfinished ones, in words.
        dice: macro over areas.
        err_seg: of all pixels.
        paired_dice, paired_err_seg: this row minus the baseline, on the same sections and seeds.
        dice_fall, err_seg_fall: by which share 1 - Dice and err_seg fall from the baseline to this row.
        full_dice, full_err_seg: the full L minus this row.
        dice_by_area: by the areas' names, in their order.
        dice_classes: macro over all classes.
        dice_other: of other cortex alone.
        areas_above: how many areas have a Dice above GOOD_DICE.
        paper_err_dist_mm, paper_dice, paper_err_seg: what the paper prints for this row.
        beside: everything that comes without an interval.
    """

    name: str
    label: str
    seeds: tuple[int, ...]
    missing: tuple[int, ...]
    incomplete: tuple[str, ...]
    dice: Estimate = UNKNOWN
    err_seg: Estimate = UNKNOWN
    paired_dice: Estimate = UNKNOWN
    paired_err_seg: Estimate = UNKNOWN
    dice_fall: Estimate = UNKNOWN
    err_seg_fall: Estimate = UNKNOWN
    full_dice: Estimate = UNKNOWN
    full_err_seg: Estimate = UNKNOWN
    dice_by_area: Mapping[str, Estimate] = field(default_factory=dict)
    dice_classes: float = float("nan")
    dice_other: float = float("nan")
    areas_above: int | None = None
    paper_err_dist_mm: float | None = None
    paper_dice: float | None = None
    paper_err_seg: float | None = None
    beside: Companions

    def flat(self) -> dict[str, object]:
        """Plain values for JSON: an estimate `x` becomes x, x_low and x_high, NaN becomes None."""
        found: dict[str, object] = {}
        for record in (self, self.beside):
            for name in (entry.name for entry in fields(record)):
                value = getattr(record, name)
                if isinstance(value, Estimate):
                    parts = zip(("", "_low", "_high"), value, strict=True)
                    found |= {f"{name}{ending}": _known(part) for ending, part in parts}
                elif name != "beside":
                    found[name] = _plain(value)
        return found


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows in the paper's order, the controls that were run, and what all of them share."""

    rows: tuple[RowResult, ...]
    controls: tuple[RowResult, ...]
    gathered: Gathered

    def row(self, name: str) -> RowResult | None:
        """A row or control by name; None if it was not run."""
        return next((row for row in (*self.rows, *self.controls) if row.name == name), None)

    def document(self) -> dict[str, object]:
        """What `reproduce.json` holds."""
        return {
            "rows": [row.flat() for row in self.rows],
            "controls": [row.flat() for row in self.controls],
            "seeds": list(self.gathered.seeds),
            "split": self.gathered.split,
            "geometry": self.gathered.geometry,
        }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return _known(value)
    if isinstance(value, Estimate | PairBorder):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value
