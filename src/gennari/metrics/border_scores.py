"""How well a score along the ribbon finds the true borders, counted by section so that sections can be drawn again."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from gennari.metrics.border_places import (
    INTERIOR_MM,
    UNKNOWN,
    Gaps,
    TrueBorders,
    match,
    nearest_border,
    peaks,
    threshold_for,
    true_borders,
)

BORDER_MM = 0.5
"""A gap this near to a border is the border, for AUROC: its place is known to a step of 0.2 mm."""
TOLERANCES_MM = (0.5, 1.0, 2.0)


@dataclass(frozen=True, kw_only=True)
class BorderTruth:
    """What the truth says of gaps.

    Attributes:
        section: number of each gap's section, 0 .. s - 1.
        nearest: index into `borders` of the nearest one of the piece; -1 for none.
        border_mm: along the ribbon to it; inf for none.
        in_area: both places of the gap lie in areas.
        interior: in an area and farther than INTERIOR_MM from any border.
    """

    gaps: Gaps
    section: Integer[np.ndarray, "n"]
    borders: TrueBorders
    nearest: Int[np.ndarray, "n"]
    border_mm: Float[np.ndarray, "n"]
    in_area: Bool[np.ndarray, "n"]
    interior: Bool[np.ndarray, "n"]


def border_truth(
    label: Integer[np.ndarray, "n"], gaps: Gaps, section: Integer[np.ndarray, "n"], first_area: int
) -> BorderTruth:
    """The truth of gaps from the classes of their places (UNKNOWN: none)."""
    borders = true_borders(label, gaps, first_area)
    nearest, border_mm = nearest_border(gaps, borders)
    area = (label != UNKNOWN) & (label >= first_area)
    # the last gap of a closed piece leads to a place that stands far off in the table; its own label is enough
    leads_on = np.append(gaps.piece[1:] == gaps.piece[:-1], False)
    in_area = area & (~leads_on | np.append(area[1:], False)) & np.isfinite(gaps.width_mm)
    return BorderTruth(
        gaps=gaps, section=section, borders=borders, nearest=nearest, border_mm=border_mm, in_area=in_area,
        interior=in_area & (border_mm > INTERIOR_MM),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What was found, counted by section (s) and by pair of areas (k).

    Attributes:
        pairs: the two classes of each pair.
        borders: true ones.
        hits: of them, those found within each of TOLERANCES_MM (t).
        given: peaks of which the truth can say something, by tolerance, counted with the pair of the border that they
            find, or else of the nearest of their piece; the last column is of pieces without any.
        false: peaks in the interior.
        interior_mm: length of interior ribbon that has a score.
        border: the true borders (b) that were asked for, as rows of the truth's; `border_section` and `border_pair`
            say where each is counted.
        off_mm: how far off each was found within the widest tolerance; inf where it was missed.
    """

    pairs: Int[np.ndarray, "k 2"]
    borders: Int[np.ndarray, "s k"]
    hits: Int[np.ndarray, "t s k"]
    given: Int[np.ndarray, "t s k1"]
    false: Int[np.ndarray, "s"]
    interior_mm: Float[np.ndarray, "s"]
    border: Int[np.ndarray, "b"]
    off_mm: Float[np.ndarray, "b"]
    border_section: Int[np.ndarray, "b"]
    border_pair: Int[np.ndarray, "b"]


def fixed_threshold(score: Float[np.ndarray, "n"], truth: BorderTruth, use: Bool[np.ndarray, "n"]) -> float:
    """The threshold that leaves at most one false border in 20 mm of interior ribbon of the rows `use`."""
    found = peaks(np.where(use, score, np.nan), truth.gaps)
    interior = truth.interior & use & np.isfinite(score)
    return threshold_for(score[found], truth.interior[found], float(truth.gaps.width_mm[interior].sum()))


def tally(
    score: Float[np.ndarray, "n"], truth: BorderTruth, use: Bool[np.ndarray, "n"], threshold: float, sections: int
) -> Tally:
    """Count the peaks above a threshold against the true borders, on the rows `use`.

    A peak in other cortex, beyond the tolerance of any border, is neither right nor wrong.

    Args:
        score: by gap; NaN where there is none.
        truth: of the same gaps.
        use: gaps of whole pieces that are looked at.
        threshold: peaks count if their score is above it.
        sections: how many there are; those without rows in `use` count nothing.
    """
    found = peaks(np.where(use, score, np.nan), truth.gaps)
    found = found[score[found] > threshold]
    chosen = np.flatnonzero(use[truth.borders.gap])
    borders = TrueBorders(
        gap=truth.borders.gap[chosen], first=truth.borders.first[chosen], second=truth.borders.second[chosen]
    )
    kinds = np.column_stack([truth.borders.first, truth.borders.second])
    pairs, pair_of = np.unique(kinds.reshape(-1, 2), axis=0, return_inverse=True)
    pair, section = pair_of.ravel()[chosen], truth.section[borders.gap]
    by, matched = zip(*(match(found, borders, truth.gaps, within) for within in TOLERANCES_MM), strict=True)
    # the last column is for pieces without borders
    nearest = truth.nearest[found]
    near = np.where(nearest >= 0, pair_of.ravel()[nearest] if len(pair_of) else 0, len(pairs))
    of_peaks = [_pair_of_peaks(near, of_border, pair) for of_border in by]
    judged = [truth.in_area[found] | (truth.border_mm[found] <= within) for within in TOLERANCES_MM]
    shape = sections, len(pairs)
    return Tally(
        pairs=pairs.astype(int),
        borders=_counted(section, pair, shape),
        hits=np.stack([_counted(section[np.isfinite(off)], pair[np.isfinite(off)], shape) for off in matched]),
        given=np.stack(
            [
                _counted(truth.section[found[known]], of_peak[known], (sections, len(pairs) + 1))
                for known, of_peak in zip(judged, of_peaks, strict=True)
            ]
        ),
        false=np.bincount(truth.section[found[truth.interior[found]]], minlength=sections),
        interior_mm=_interior_mm(score, truth, use, sections),
        border=chosen,
        off_mm=matched[-1],
        border_section=section.astype(int),
        border_pair=pair.astype(int),
    )


def auroc_parts(
    score: Float[np.ndarray, "n"], truth: BorderTruth, use: Bool[np.ndarray, "n"], sections: int
) -> tuple[Float[np.ndarray, "s s"], Float[np.ndarray, "s s"]]:
    """AUROC of borders against interior in parts: how often a border of one section scores above interior of another.

    Returns:
        Wins (ties half) of borders of section i over interior of section j, and the number of such pairs. Sections
        drawn w times have the AUROC wᵀ wins w / wᵀ pairs w (`drawn_auroc`).
    """
    known = use & np.isfinite(score)
    positive = known & (truth.border_mm <= BORDER_MM)
    negative = known & truth.interior
    wins, pairs = np.zeros((sections, sections)), np.zeros((sections, sections))
    low = [np.sort(score[negative & (truth.section == j)]) for j in range(sections)]
    for i in range(sections):
        high = score[positive & (truth.section == i)]
        for j, sorted_low in enumerate(low):
            below = np.searchsorted(sorted_low, high, "left") + np.searchsorted(sorted_low, high, "right")
            wins[i, j], pairs[i, j] = 0.5 * below.sum(), len(high) * len(sorted_low)
    return wins, pairs


def drawn_auroc(
    parts: tuple[Float[np.ndarray, "s s"], Float[np.ndarray, "s s"]], drawn: Integer[np.ndarray, "d s"]
) -> Float[np.ndarray, "d"]:
    """AUROC for each draw of sections; NaN where a draw has no border or no interior."""
    weights = drawn.astype(float)
    wins, pairs = (np.einsum("ds,st,dt->d", weights, part, weights, optimize=True) for part in parts)
    return np.divide(wins, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def drawn_median(
    values: Float[np.ndarray, "e"], section: Int[np.ndarray, "e"], drawn: Integer[np.ndarray, "d s"]
) -> Float[np.ndarray, "d"]:
    """The median of values for each draw of their sections; NaN where nothing was drawn."""
    out = np.full(len(drawn), np.nan)
    order = np.argsort(values, kind="stable")
    times = drawn[:, section[order]]
    for draw, weights in enumerate(times):
        repeated = np.repeat(values[order], weights)
        if len(repeated):
            out[draw] = np.median(repeated)
    return out


def _counted(rows: np.ndarray, cols: np.ndarray, shape: tuple[int, int]) -> Int[np.ndarray, "s k"]:
    out = np.zeros(shape, int)
    np.add.at(out, (rows.astype(int), cols.astype(int)), 1)
    return out


def _pair_of_peaks(
    near: Int[np.ndarray, "p"], by: Int[np.ndarray, "b"], pair: Int[np.ndarray, "b"]
) -> Int[np.ndarray, "p"]:
    """The pair each peak is counted with: that of the border it finds, or else of the nearest; `by` as of `match`."""
    out, found = near.copy(), by >= 0
    out[by[found]] = pair[found]
    return out


def _interior_mm(score: np.ndarray, truth: BorderTruth, use: np.ndarray, sections: int) -> Float[np.ndarray, "s"]:
    known = truth.interior & use & np.isfinite(score)
    return np.bincount(truth.section[known], truth.gaps.width_mm[known], minlength=sections)
