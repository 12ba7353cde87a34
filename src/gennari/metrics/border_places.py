"""Borders along the cortical ribbon: where the truth has them, what a score finds, and which finds are which borders.

Row i of all arrays is a place on a piece of ribbon and the gap between it and the next place of its piece (the first
one again where a closed piece ends). Rows of a piece stand together, in their order.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Integer
from scipy.optimize import linear_sum_assignment

UNKNOWN = -1
"""Label of a place of which the truth says nothing, or that it lies beside the cortex."""
BRIDGED_MM = 0.6
"""A border is placed in the middle of two known labels that lie no farther apart."""
INTERIOR_MM = 2.0
"""Farther than this from any border two blocks of nine places 200 µm apart (1.8 mm each) see one area only."""
APART_MM = 1.0
"""Of two peaks nearer than this the higher one counts."""


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """Where gaps lie along the ribbon.

    Attributes:
        piece: of ribbon, one number each over all sections.
        arc_mm: of the gap's middle along its piece.
        width_mm: between its two places; NaN where there is no next place (the end of an open piece).
        length_mm: of the piece.
        closed: the piece returns to its start.
    """

    piece: Integer[np.ndarray, "n"]
    arc_mm: Float[np.ndarray, "n"]
    width_mm: Float[np.ndarray, "n"]
    length_mm: Float[np.ndarray, "n"]
    closed: Bool[np.ndarray, "n"]

    def apart_mm(self, rows: Integer[np.ndarray, "k"], others: Integer[np.ndarray, "k"]) -> Float[np.ndarray, "k"]:
        """How far gaps lie apart along the ribbon, the shorter way round closed pieces; inf between pieces."""
        straight = np.abs(self.arc_mm[rows] - self.arc_mm[others])
        around = np.where(self.closed[rows], np.abs(self.length_mm[rows] - straight), np.inf)
        return np.where(self.piece[rows] == self.piece[others], np.minimum(straight, around), np.inf)


@dataclass(frozen=True, kw_only=True)
class TrueBorders:
    """Where areas meet along the ribbon.

    Attributes:
        gap: the row that holds the border.
        first, second: the two classes, the lower first.
    """

    gap: Int[np.ndarray, "b"]
    first: Int[np.ndarray, "b"]
    second: Int[np.ndarray, "b"]

    def __len__(self) -> int:
        return len(self.gap)


def gaps_of(
    piece: Integer[np.ndarray, "n"],
    arc_mm: Float[np.ndarray, "n"],
    length_mm: Float[np.ndarray, "n"],
    closed: Bool[np.ndarray, "n"],
) -> Gaps:
    """The gaps behind places, which lie at `arc_mm`.

    Raises:
        ValueError: rows of a piece do not stand together, or do not go along it.
    """
    begin = piece_starts(piece)
    if len(np.unique(piece)) != len(begin) or not (np.diff(arc_mm)[np.diff(piece) == 0] > 0).all():
        raise ValueError("places must stand together by piece and in order along it; sort them by piece and arc first")
    last = np.append(begin[1:], len(piece)) - 1
    following = np.append(arc_mm[1:], np.nan)
    following[last] = np.where(closed[last], arc_mm[begin] + length_mm[last], np.nan)
    middle = np.where(np.isnan(following), arc_mm, 0.5 * (arc_mm + following))
    return Gaps(piece=piece, arc_mm=middle, width_mm=following - arc_mm, length_mm=length_mm, closed=closed)


def true_borders(label: Integer[np.ndarray, "n"], gaps: Gaps, first_area: int) -> TrueBorders:
    """Borders of areas: neighbouring places of different classes, one of which at least is an area.

    An area's border with other cortex counts. Other cortex is of several kinds in one class, so that there are borders
    inside it that no label tells: nothing is said of them, and it is never interior. Places without a label are
    bridged up to BRIDGED_MM; the border then lies in the middle of the two that are known.

    Args:
        label: class of each place; UNKNOWN where there is none.
        gaps: of the same rows.
        first_area: classes before it are no areas.
    """
    rows, first, second = [], [], []
    begin = piece_starts(gaps.piece)
    for start, stop in zip(begin, np.append(begin[1:], len(label)), strict=True):
        known = start + np.flatnonzero(label[start:stop] != UNKNOWN)
        if len(known) < 2:
            continue
        ends = np.append(known[1:], known[0]) if gaps.closed[start] else known[1:]
        for a, b in zip(known, ends, strict=False):
            steps = int(b - a) % int(stop - start)
            between = start + (a - start + np.arange(steps)) % (stop - start)
            if label[a] != label[b] and gaps.width_mm[between].sum() <= BRIDGED_MM + 1e-6:
                pair = sorted((int(label[a]), int(label[b])))
                if pair[1] >= first_area:
                    rows.append(int(between[(steps - 1) // 2]))
                    first.append(pair[0])
                    second.append(pair[1])
    return TrueBorders(gap=np.array(rows, int), first=np.array(first, int), second=np.array(second, int))


def nearest_border(gaps: Gaps, borders: TrueBorders) -> tuple[Int[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """For each gap the nearest border of its piece (-1: none) and how far it is along the ribbon (inf: none)."""
    which, distance = np.full(len(gaps.piece), -1), np.full(len(gaps.piece), np.inf)
    for number, row in enumerate(borders.gap):
        members = np.flatnonzero(gaps.piece == gaps.piece[row])
        apart = gaps.apart_mm(members, np.full(len(members), row))
        nearer = members[apart < distance[members]]
        which[nearer] = number
        distance[members] = np.minimum(distance[members], apart)
    return which, distance


def peaks(score: Float[np.ndarray, "n"], gaps: Gaps, apart_mm: float = APART_MM) -> Int[np.ndarray, "p"]:
    """Rows of the score's local maxima, none nearer than `apart_mm` to a higher one; the highest first.

    Of equal neighbours the first counts. Where a score ends (NaN, or the end of an open piece) it has no maximum, since
    it might go on rising. Those above a threshold are the same ones that would be found above it alone.
    """
    before, after = _neighbours(gaps)
    left, right = (np.where(rows >= 0, score[rows], np.nan) for rows in (before, after))
    rows = np.flatnonzero((score > left) & (score >= right))  # comparisons with NaN are false
    rows = rows[np.argsort(-score[rows], kind="stable")]
    kept: dict[int, list[int]] = {}
    out = []
    for row in rows.tolist():
        others = kept.setdefault(int(gaps.piece[row]), [])
        if not others or gaps.apart_mm(np.full(len(others), row), np.array(others)).min() >= apart_mm:
            others.append(row)
            out.append(row)
    return np.array(out, int)


def threshold_for(
    found: Float[np.ndarray, "p"],
    false: Bool[np.ndarray, "p"],
    interior_mm: float,
    most: float = 1.0,
    per_mm: float = 20.0,
) -> float:
    """The lowest threshold above which no more than `most` false peaks stand in `per_mm` of interior ribbon.

    Args:
        found: scores of the peaks.
        false: those that lie in the interior.
        interior_mm: length of interior ribbon.
        most: false peaks allowed in `per_mm`.
        per_mm: see above.

    Returns:
        Peaks count if their score is above it; -inf if all may.
    """
    wrong, allowed = np.sort(found[false])[::-1], int(np.floor(most * interior_mm / per_mm + 1e-9))
    return float(wrong[allowed]) if len(wrong) > allowed else -np.inf


def match(
    found: Integer[np.ndarray, "p"], borders: TrueBorders, gaps: Gaps, within_mm: float
) -> tuple[Int[np.ndarray, "b"], Float[np.ndarray, "b"]]:
    """Which peak each true border is found by (-1: missed), one to one, and how far off it is (inf).

    Of all ways to pair as many as possible within `within_mm`, the one with the smallest sum of distances.
    """
    by, off = np.full(len(borders), -1), np.full(len(borders), np.inf)
    for piece in np.unique(gaps.piece[borders.gap]):
        wanted = np.flatnonzero(gaps.piece[borders.gap] == piece)
        given = np.flatnonzero(gaps.piece[found] == piece)
        if not len(given):
            continue
        one, other = (grid.ravel() for grid in np.meshgrid(borders.gap[wanted], found[given], indexing="ij"))
        apart = gaps.apart_mm(one, other).reshape(len(wanted), len(given))
        fits = apart <= within_mm + 1e-9
        # what does not fit costs more than all that fit together, so as many as possible are paired
        cost = np.where(fits, apart, (within_mm + 1.0) * (len(wanted) + 1))
        for i, j in zip(*linear_sum_assignment(cost), strict=True):
            if fits[i, j]:
                by[wanted[i]], off[wanted[i]] = given[j], apart[i, j]
    return by, off


def rotated(
    label: Integer[np.ndarray, "n"], piece: Integer[np.ndarray, "n"], rng: np.random.Generator
) -> Integer[np.ndarray, "n"]:
    """Labels shifted along each piece, its end to its start, by a quarter to three quarters of it."""
    out = label.copy()
    begin = piece_starts(piece)
    for start, stop in zip(begin, np.append(begin[1:], len(label)), strict=True):
        out[start:stop] = np.roll(label[start:stop], round(float(rng.uniform(0.25, 0.75)) * (stop - start)))
    return out


def piece_starts(piece: Integer[np.ndarray, "n"]) -> Int[np.ndarray, "k"]:
    """Rows at which pieces begin."""
    return np.flatnonzero(np.append(True, piece[1:] != piece[:-1])) if len(piece) else np.zeros(0, int)


def _neighbours(gaps: Gaps) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """The rows before and after each; -1 at the ends of open pieces."""
    n, begin = len(gaps.piece), piece_starts(gaps.piece)
    last = np.append(begin[1:], n) - 1
    before, after = np.arange(n) - 1, np.arange(n) + 1
    before[begin] = np.where(gaps.closed[begin], last, -1)
    after[last] = np.where(gaps.closed[last], begin, -1)
    return before, after
