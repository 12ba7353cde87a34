"""The saved files of RUN/borders as the report reads them, and which sections and piece of ribbon it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from jaxtyping import Bool, Float, Int

from gennari.pipeline.border_evaluation import Evaluation, read_evaluation
from gennari.pipeline.border_places import Ask, borders_path, read_asked_places
from gennari.pipeline.border_tables import (
    ACCEPTED,
    EVALUATION,
    GAPS,
    TRUTH,
    AcceptedTable,
    GapTable,
    TruthTable,
    read_table,
)
from gennari.pipeline.stages import Run
from gennari.records import LabelSet
from gennari.sampling.gaps import next_rows
from gennari.sampling.ribbon_places import RibbonPlaces
from gennari.sampling.split import position_mm
from gennari.sources.dataset import Brain

SHARP = ("hOc1", "hOc2")
"""The border that the paper shows."""


@dataclass(frozen=True, kw_only=True)
class SavedBorders:
    """What `gennari borders` left; rows of places, gaps and truth stand beside each other.

    Attributes:
        following: the next row of each row on its piece; -1 where an open piece ends.
        truth: None where nothing was evaluated, as `evaluation`.
    """

    run: Run
    ask: Ask
    brain: Brain
    places: RibbonPlaces
    following: Int[np.ndarray, "n"]
    gaps: GapTable
    accepted: AcceptedTable
    truth: TruthTable | None
    evaluation: Evaluation | None

    @property
    def label_set(self) -> LabelSet:
        """Of the data set."""
        return self.run.dataset.label_set

    @property
    def wanted(self) -> Bool[np.ndarray, "n"]:
        """Rows of the sections that borders were asked for."""
        return self.gaps.split == self.ask.split

    def found(self, method: str) -> Int[np.ndarray, "k"]:
        """Rows of the gaps at which a method accepted a border."""
        return self.accepted.gap[self.accepted.method == method]

    def pair(self, row: int) -> str:
        """The two areas that meet at a true border's gap."""
        if self.truth is None:
            raise ValueError(f"the areas at gap {row} are not known: borders of this run were not evaluated")
        return pair_name(self.label_set.names[self.truth.first[row]], self.label_set.names[self.truth.second[row]])

    def borders(self, rows: Bool[np.ndarray, "n"]) -> list[int]:
        """Those of the rows that hold a true border; none where the truth is not known."""
        return [] if self.truth is None else np.flatnonzero(self.truth.border & rows).tolist()


def read_saved(run: Run, ask: Ask) -> SavedBorders:
    """Read what was saved; InputError where a file is missing, damaged, or of other sections than asked for."""
    places = read_asked_places(run, ask)
    evaluated = borders_path(run, EVALUATION).exists() and borders_path(run, TRUTH).exists()
    return SavedBorders(
        run=run,
        ask=ask,
        brain=ask.chosen(run),
        places=places,
        following=next_rows(places),
        gaps=read_table(borders_path(run, GAPS), GapTable),
        accepted=read_table(borders_path(run, ACCEPTED), AcceptedTable),
        truth=read_table(borders_path(run, TRUTH), TruthTable) if evaluated else None,
        evaluation=read_evaluation(run) if evaluated else None,
    )


def pair_name(first: str, second: str) -> str:
    """How a border is called: its two areas in the order of the alphabet, other cortex last."""
    return " | ".join(sorted((first, second), key=lambda name: (name == "other cortex", name)))


def shown_sections(saved: SavedBorders, most: int, method: str) -> list[int]:
    """Neighbouring sections to show, at most `most`: those with the most borders of SHARP.

    Where the truth is not known, or has none of them, with the most borders that the method accepted.
    """
    ordered = [section.id for section in sorted(saved.brain.sections, key=position_mm)]
    has = np.unique(saved.places.patches.section[saved.wanted]).tolist()
    sharp, accepted = (saved.gaps.section[rows] for rows in (_sharp_rows(saved), saved.found(method)))
    return best_window(ordered, {n: (int((sharp == n).sum()), int((accepted == n).sum())) for n in has}, most)


def best_window(ordered: Sequence[int], counts: Mapping[int, tuple[int, ...]], most: int) -> list[int]:
    """Of all runs of at most `most` neighbours the one with the greatest sums; of equal ones the first.

    Args:
        ordered: everything, in order.
        counts: of what may be chosen; the first number decides, then the second, and so on. A run does not leap over
            what may not be chosen.
        most: how many; shorter runs are taken whole.
    """
    runs = [list(members) for may, members in groupby(ordered, key=lambda number: number in counts) if may]
    windows = [run[k : k + most] for run in runs for k in range(max(1, len(run) - most + 1))]
    return max(windows, key=lambda window: tuple(map(sum, zip(*(counts[n] for n in window), strict=True))))


def shown_piece(saved: SavedBorders, sections: Sequence[int]) -> Int[np.ndarray, "k"]:
    """Rows of the piece of these sections' ribbon that has the most borders of SHARP; of equal ones the longest."""
    sharp = _sharp_rows(saved)
    numbers = np.unique(saved.places.piece[np.isin(saved.places.patches.section, sections)])
    rows = [np.flatnonzero(saved.places.piece == number) for number in numbers]
    return max(rows, key=lambda own: (np.isin(own, sharp).sum(), saved.places.length_mm[own[0]]))


def shown_range_mm(saved: SavedBorders, rows: Int[np.ndarray, "k"], widest_mm: float) -> tuple[float, float]:
    """The part of a piece's arc to show: at most so much, where most of its borders of SHARP are."""
    sharp = np.intersect1d(rows, _sharp_rows(saved))
    return best_range_mm(float(saved.places.length_mm[rows[0]]), saved.gaps.arc_mm[sharp], widest_mm)


def best_range_mm(length_mm: float, marks_mm: Float[np.ndarray, "m"], widest_mm: float) -> tuple[float, float]:
    """The stretch of at most `widest_mm` of 0..length that holds most marks, these in its middle; without, the middle.

    Args:
        length_mm: of the whole.
        marks_mm: places on it, in any order.
        widest_mm: of what is chosen.
    """
    if length_mm <= widest_mm:
        return 0.0, length_mm
    marks = np.sort(marks_mm) if len(marks_mm) else np.array([length_mm / 2])
    last = np.searchsorted(marks, marks + widest_mm, side="right") - 1  # the last mark that fits beside each
    first = int((last - np.arange(len(marks))).argmax())
    middle = float(marks[first] + marks[last[first]]) / 2
    begin = min(max(middle - widest_mm / 2, 0.0), length_mm - widest_mm)
    return begin, begin + widest_mm


def _sharp_rows(saved: SavedBorders) -> Int[np.ndarray, "k"]:
    rows = saved.borders(saved.wanted)
    return np.array([row for row in rows if saved.pair(row) == pair_name(*SHARP)], int)
