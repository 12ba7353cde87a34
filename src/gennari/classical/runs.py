"""Stretches of a piece of ribbon whose rows are known: glass and damage cut it, single rows missing do not."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, kw_only=True)
class Run:
    """Known rows of one piece, in order.

    Attributes:
        rows: their numbers in the piece; they may go round its start where the piece is closed.
        closed: the run is the whole of a closed piece, but for missing rows that are bridged.
    """

    rows: Int[np.ndarray, "r"]
    closed: bool


def known_runs(known: Bool[np.ndarray, "n"], closed: bool, bridge_rows: int) -> list[Run]:
    """Cut a piece where more than `bridge_rows` rows in sequence are not known; fewer are left out of their run.

    Args:
        known: of each row of the piece.
        closed: the piece returns to its start.
        bridge_rows: the longest hole that a run goes over.
    """
    rows, n = np.flatnonzero(known), len(known)
    if not rows.size:
        return []
    holes = np.diff(rows) - 1
    round_hole = n - 1 - rows[-1] + rows[0]
    cuts = np.flatnonzero(holes > bridge_rows) + 1
    if closed and round_hole <= bridge_rows:
        if not cuts.size:
            return [Run(rows=rows, closed=True)]
        # no cut at the start: what stands before the first cut goes on from what stands behind the last
        rows, cuts = np.roll(rows, -cuts[0]), cuts[1:] - cuts[0]
    return [Run(rows=part, closed=False) for part in np.split(rows, cuts)]


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of a run that is looked at by itself, and the gaps of it that it answers for.

    Attributes:
        run: the part.
        first: of the part's own gaps.
        last: one beyond.
    """

    run: Run
    first: int
    last: int


def stretches(run: Run, longest_rows: int, overlap_rows: int) -> list[Stretch]:
    """Cut a run into equal parts of no more than so many rows.

    Parts overlap; each answers for the gaps that lie farther from its ends than from those of its neighbours.

    Args:
        run: known rows.
        longest_rows: of a part.
        overlap_rows: of two neighbouring parts.

    Raises:
        ValueError: parts no longer than what they share.
    """
    if longest_rows <= overlap_rows:
        raise ValueError(f"stretches must be longer than they overlap, got {longest_rows} and {overlap_rows} rows")
    n = len(run.rows)
    if n <= longest_rows:
        return [Stretch(run=run, first=0, last=n)]
    ends = 0 if run.closed else overlap_rows
    count = ceil((n - ends) / (longest_rows - overlap_rows))
    starts = [round(k * (n - ends) / count) for k in range(count + 1)]
    parts = []
    for k in range(count):
        length = starts[k + 1] - starts[k] + overlap_rows
        first = 0 if k == 0 and not run.closed else overlap_rows // 2
        last = length if k == count - 1 and not run.closed else length - overlap_rows + overlap_rows // 2
        rows = run.rows[(starts[k] + np.arange(length)) % n]
        parts.append(Stretch(run=Run(rows=rows, closed=False), first=first, last=last))
    return parts


def spread_over_gaps(values: Float[np.ndarray, "*b r"], stretch: Stretch, out: Float[np.ndarray, "*b n"]) -> None:
    """Write what was found at the gaps of a stretch to the gaps of its piece; a hole's gaps all get that of the hole.

    Args:
        values: at gap i of the stretch, between its rows i and i + 1.
        stretch: of the piece; only the gaps that it answers for are written.
        out: at gap i of the piece, between rows i and i + 1; written to.
    """
    n, rows = out.shape[-1], stretch.run.rows
    steps = (np.roll(rows, -1) - rows) % n
    if not stretch.run.closed:
        steps[-1] = 0
    steps[: stretch.first] = steps[stretch.last :] = 0
    source = np.repeat(np.arange(len(rows)), steps)
    inside = np.arange(len(source)) - np.repeat(np.cumsum(steps) - steps, steps)
    out[..., (rows[source] + inside) % n] = values[..., source]


def gap_of_piece(gap: float, run: Run, n: int) -> float:
    """The gap of a run as a gap of its piece of n rows; both may lie between two gaps.

    Gap i is the point half way between rows i and i + 1.
    """
    along = run.rows + n * (np.arange(len(run.rows)) > run.rows.argmax())
    if run.closed:
        along = np.append(along, along[0] + n)
    return float((np.interp(gap + 0.5, np.arange(len(along)), along) - 0.5) % n)
