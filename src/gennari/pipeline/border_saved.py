"""The saved files of RUN/borders as the report reads them, and which sections and piece of ribbon it shows."""

from dataclasses import dataclass

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
    """Neighbouring sections to show: of all runs of at most `most` the one with the most borders of SHARP.

    Where the truth is not known, or has none of them, with the most borders that the method accepted; of equal runs
    the first.
    """
    ordered = [section.id for section in sorted(saved.brain.sections, key=position_mm)]
    has = set(saved.places.patches.section[saved.wanted].tolist())
    runs: list[list[int]] = [[]]
    for number in ordered:
        if number in has:
            runs[-1].append(number)
        elif runs[-1]:
            runs.append([])
    windows = [run[k : k + most] for run in runs if run for k in range(max(1, len(run) - most + 1))]
    sharp, accepted = _sharp_rows(saved), saved.found(method)
    counts = {
        number: (np.sum(saved.gaps.section[sharp] == number), np.sum(saved.gaps.section[accepted] == number))
        for number in has
    }
    return max(windows, key=lambda window: tuple(sum(counts[number][k] for number in window) for k in (0, 1)))


def shown_piece(saved: SavedBorders, sections: list[int]) -> Int[np.ndarray, "k"]:
    """Rows of the piece of these sections' ribbon that has the most borders of SHARP; of equal ones the longest."""
    sharp = _sharp_rows(saved)
    numbers = np.unique(saved.places.piece[np.isin(saved.places.patches.section, sections)])
    rows = [np.flatnonzero(saved.places.piece == number) for number in numbers]
    return max(rows, key=lambda own: (np.isin(own, sharp).sum(), saved.places.length_mm[own[0]]))


def shown_range_mm(saved: SavedBorders, rows: Int[np.ndarray, "k"], widest_mm: float) -> tuple[float, float]:
    """The part of a piece's arc to show: at most so much, around the middle of its borders of SHARP."""
    length = float(saved.places.length_mm[rows[0]])
    if length <= widest_mm:
        return 0.0, length
    sharp = np.intersect1d(rows, _sharp_rows(saved))
    arc: Float[np.ndarray, "k"] = saved.gaps.arc_mm[sharp] if len(sharp) else np.array([length / 2])
    middle = float((arc.min() + arc.max()) / 2)
    begin = min(max(middle - widest_mm / 2, 0.0), length - widest_mm)
    return begin, begin + widest_mm


def _sharp_rows(saved: SavedBorders) -> Int[np.ndarray, "k"]:
    rows = saved.borders(saved.wanted)
    return np.array([row for row in rows if saved.pair(row) == pair_name(*SHARP)], int)
