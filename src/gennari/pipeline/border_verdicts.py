"""How good a score is at borders: figures for the JSON, with intervals over the held-out sections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict

from gennari.metrics.border_scores import (
    TOLERANCES_MM,
    BorderTruth,
    Tally,
    auroc_parts,
    drawn_auroc,
    drawn_median,
    fixed_threshold,
    tally,
)
from gennari.metrics.resampling import interval_95

DRAWS = 1000
Interval = tuple[float | None, float | None]


class Frozen(BaseModel):
    """Immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PairVerdict(Frozen):
    """One pair of areas: how many true borders, and how they were found within each tolerance."""

    areas: tuple[str, str]
    borders: int
    precision: tuple[float | None, ...]
    recall: tuple[float | None, ...]
    f1: tuple[float | None, ...]
    median_error_mm: float | None


class Verdict(Frozen):
    """One score on the held-out sections. None: there was nothing to measure.

    Attributes:
        hoc1_hoc2_recall_1mm: share of the crossings of this border that are found within 1 mm, one to one.
        hoc1_hoc2_sections_1mm: share of the sections that have it where *all* of its crossings are; `_any_1mm`: at
            least one.
        hoc1_hoc2_median_error_mm: of the crossings found within 2 mm.
        false_per_20mm: peaks in interior ribbon; the threshold allowed 1 on training sections.
        f1_1mm: over borders of all pairs, as `f1_05mm`, `f1_2mm`, precision and recall.
        auroc: gaps within 0.5 mm of a border against interior ones; `auroc_partial` with the confounds out.
        gain: paired difference of auroc_partial, the learned score's minus this one's.
        intervals: the middle 95 % over draws of sections, by figure.
    """

    threshold: float | None
    hoc1_hoc2_recall_1mm: float | None
    hoc1_hoc2_sections_1mm: float | None
    hoc1_hoc2_sections_any_1mm: float | None
    hoc1_hoc2_median_error_mm: float | None
    false_per_20mm: float | None
    f1_05mm: float | None
    f1_1mm: float | None
    f1_2mm: float | None
    precision_1mm: float | None
    recall_1mm: float | None
    median_error_mm: float | None
    auroc: float | None
    auroc_partial: float | None
    gain: float | None = None
    intervals: dict[str, Interval]
    pairs: tuple[PairVerdict, ...]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What all methods are asked alike.

    Attributes:
        train: gaps of training sections: thresholds are fixed on them.
        test: gaps of held-out sections.
        drawn: how often each section counts in each draw; the first row is the sections as they are.
        names: of the classes.
    """

    truth: BorderTruth
    train: Bool[np.ndarray, "n"]
    test: Bool[np.ndarray, "n"]
    drawn: Int[np.ndarray, "d s"]
    names: Sequence[str]

    @property
    def sections(self) -> int:
        """How many there are, of both kinds."""
        return self.drawn.shape[1]


def judge(
    question: Question,
    score: Float[np.ndarray, "n"],
    partial: Float[np.ndarray, "n"],
    sharp: tuple[str, str] = ("hOc1", "hOc2"),
    ours: Float[np.ndarray, "d"] | None = None,
) -> tuple[Verdict, Float[np.ndarray, "d"]]:
    """The figures of one score, and its auroc_partial for each draw.

    Args:
        question: truth and parts.
        score: by gap; NaN where there is none.
        partial: the score with the confounds out.
        sharp: the pair of areas whose border the paper shows.
        ours: auroc_partial of the learned score for each draw, for `gain`.
    """
    threshold = fixed_threshold(score, question.truth, question.train)
    found = tally(score, question.truth, question.test, threshold, question.sections)
    drawn = question.drawn
    by_draw = dict(_found(found, drawn))
    by_draw |= _sharp(found, drawn, _row_of(found, question.names, sharp))
    for name, values in (("auroc", score), ("auroc_partial", partial)):
        by_draw[name] = drawn_auroc(auroc_parts(values, question.truth, question.test, question.sections), drawn)
    if ours is not None:
        by_draw["gain"] = ours - by_draw["auroc_partial"]
    figures = {name: _or_none(values[0]) for name, values in by_draw.items()}
    intervals = {name: tuple(map(_or_none, interval_95(values[1:]))) for name, values in by_draw.items()}
    verdict = Verdict.model_validate(
        {
            **figures,
            "threshold": _or_none(threshold),
            "intervals": intervals,
            "pairs": tuple(_pair(found, row, question.names) for row in range(len(found.pairs))),
        }
    )
    return verdict, by_draw["auroc_partial"]


def _found(found: Tally, drawn: Int[np.ndarray, "d s"]) -> Mapping[str, Float[np.ndarray, "d"]]:
    """Precision, recall and F1 over all pairs, errors and false borders, for each draw."""
    out = {}
    borders = drawn @ found.borders.sum(axis=1)
    for within, hits, given in zip(
        ("05mm", "1mm", "2mm"), found.hits.sum(axis=2), found.given.sum(axis=2), strict=True
    ):
        hit, claimed = drawn @ hits, drawn @ given
        out[f"f1_{within}"] = _ratio(2 * hit, borders + claimed)
        if within == "1mm":
            out["precision_1mm"], out["recall_1mm"] = _ratio(hit, claimed), _ratio(hit, borders)
    hit = np.isfinite(found.off_mm)
    out["median_error_mm"] = drawn_median(found.off_mm[hit], found.border_section[hit], drawn)
    out["false_per_20mm"] = _ratio(20.0 * (drawn @ found.false), drawn @ found.interior_mm)
    return out


def _sharp(found: Tally, drawn: Int[np.ndarray, "d s"], row: int | None) -> dict[str, Float[np.ndarray, "d"]]:
    """The figures of one pair of areas, for each draw; `row` is its column in the tally."""
    nothing = np.full(len(drawn), np.nan)
    names = ("recall_1mm", "sections_1mm", "sections_any_1mm", "median_error_mm")
    values = dict.fromkeys(names, nothing)
    if row is not None:
        borders, hits = found.borders[:, row], found.hits[TOLERANCES_MM.index(1.0), :, row]
        has = borders > 0
        values["recall_1mm"] = _ratio(drawn @ hits, drawn @ borders)
        values["sections_1mm"] = _ratio(drawn @ (has & (hits == borders)), drawn @ has)
        values["sections_any_1mm"] = _ratio(drawn @ (has & (hits > 0)), drawn @ has)
        of_pair = (found.border_pair == row) & np.isfinite(found.off_mm)
        values["median_error_mm"] = drawn_median(found.off_mm[of_pair], found.border_section[of_pair], drawn)
    return {f"hoc1_hoc2_{name}": value for name, value in values.items()}


def _pair(found: Tally, row: int, names: Sequence[str]) -> PairVerdict:
    borders = int(found.borders[:, row].sum())
    hits, given = found.hits[:, :, row].sum(axis=1), found.given[:, :, row].sum(axis=1)
    off = found.off_mm[(found.border_pair == row) & np.isfinite(found.off_mm)]
    first, second = (int(area) for area in found.pairs[row])
    return PairVerdict(
        areas=(names[first], names[second]),
        borders=borders,
        precision=tuple(_or_none(value) for value in _ratio(hits, given)),
        recall=tuple(_or_none(value) for value in _ratio(hits, np.full(len(hits), borders))),
        f1=tuple(_or_none(value) for value in _ratio(2 * hits, borders + given)),
        median_error_mm=float(np.median(off)) if len(off) else None,
    )


def _row_of(found: Tally, names: Sequence[str], pair: tuple[str, str]) -> int | None:
    """The column of a pair of areas in a tally; None where the truth has no such border."""
    wanted = sorted(names.index(name) for name in pair if name in names)
    rows = np.flatnonzero((found.pairs == wanted).all(axis=1)) if len(wanted) == 2 else []
    return int(rows[0]) if len(rows) else None


def _ratio(part: np.ndarray, whole: np.ndarray) -> Float[np.ndarray, "d"]:
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _or_none(value: float) -> float | None:
    """For JSON, which has neither NaN nor infinity."""
    return float(value) if np.isfinite(value) else None
