"""The rows of the paper's table and the controls beside them: names, labels, printed numbers."""

from collections.abc import Mapping
from typing import NamedTuple


class Printed(NamedTuple):
    """A row of Fig. 3 of Spitzer et al. 2018."""

    err_dist_mm: float | None
    dice: float
    err_seg: float


BASELINE, FULL = "baseline", "many-L"
ROWS: Mapping[str, Printed] = {
    BASELINE: Printed(None, 0.72, 21.2),
    "few-dist": Printed(5.88, 0.75, 17.2),
    "few-coord": Printed(8.13, 0.79, 16.8),
    "few-L": Printed(4.54, 0.79, 15.2),
    FULL: Printed(3.73, 0.80, 14.4),
}
"""In the paper's order."""
PRINTED_LABELS: Mapping[str, str] = {
    BASELINE: "Baseline [10]",
    "few-dist": "20k, l_dist",
    "few-coord": "20k, l_coord",
    "few-L": "20k, L",
    FULL: "200k, L",
}
CONTROLS: Mapping[str, str] = {
    "baseline-3x": "baseline, three times the iterations",
    "baseline-total": "baseline, the compute of pretext and fine-tuning",
    "many-L-3x": "full L, three times the iterations",
    "many-L-total": "full L, as many iterations as that baseline",
    "atlas-alone": "atlas alone, no image",
    "baseline-no-atlas": "baseline without the atlas",
    "many-L-no-atlas": "full L without the atlas",
    "transductive": "pretext on a tested brain",
    "other-geometry": "pretext on another geometry",
    "one-cytoarchitecture": "pretext on one cytoarchitecture",
    "permuted-targets": "pretext on permuted targets",
    "random-weights": "random weights, statistics recomputed",
    "annotators": "two annotators (the ceiling)",
}
"""What L must be told from (method section 6), and what each is."""
BEATABLE = tuple(name for name in CONTROLS if name not in ("transductive", "many-L-3x", "many-L-total", "annotators"))
"""Controls that the full L must be above; the others know or learn more than it does."""
SEEDLESS = ("atlas-alone", "annotators")
"""Nothing in them is random: their one cell stands beside every seed."""
PAPER_DICE_FALL = 1 - (1 - ROWS[FULL].dice) / (1 - ROWS[BASELINE].dice)
PAPER_ERR_SEG_FALL = 1 - ROWS[FULL].err_seg / ROWS[BASELINE].err_seg
"""By which share 1 - Dice (0.286) and err_seg (0.321) fall in the paper, first row to last."""
_LOSSES = {"few-dist": "l_dist", "few-coord": "l_coord", "few-L": "L", FULL: "L"}


def label(row: str, patches: int = 0) -> str:
    """What a table calls a row; rows that were pre-trained say on how many patches (0: not known)."""
    if row in _LOSSES:
        return f"{_thousands(patches) if patches else row.split('-')[0]}, {_LOSSES[row]}"
    return "baseline" if row == BASELINE else CONTROLS.get(row, row)


def _thousands(count: int) -> str:
    return f"{count // 1000}k" if count % 1000 == 0 else f"{count / 1000:.1f}k" if count >= 1000 else str(count)
