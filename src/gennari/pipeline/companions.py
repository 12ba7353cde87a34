"""What stands beside Dice and err_seg in a row: err_dist, sizes in µm, borders in mm, confusions by distance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gennari.metrics.distances import DistanceError
from gennari.metrics.overlap import confused_by_distance, dice_per_class
from gennari.metrics.resampling import mean_known
from gennari.metrics.segmentation import SegmentationError
from gennari.pipeline.cells import CellResult
from gennari.pipeline.scoring import BorderDistances, SectionResult
from gennari.pipeline.stacks import Gathered, Stack

CONFUSED_EDGES_MM = (0.0, 10.0, 20.0, 40.0)
"""Areas that touch; up to 10, 20, 40 mm apart; farther."""
STILL_FALLING = 0.05
"""A loss whose second half of the tail lies by this share below its first was not yet flat: under-trained."""
NAN = float("nan")


class PairBorder(NamedTuple):
    """The border between two areas over all sections and seeds; distances only where it is predicted at all."""

    first: str
    second: str
    median_mm: float
    p95_mm: float
    missing_share: float


@dataclass(frozen=True, kw_only=True)
class Companions:
    """Means over sections and seeds (over seeds for what is one number a seed); NaN where nothing is known.

    Attributes:
        patches: pre-trained on.
        iterations: of fine-tuning.
        rates: of fine-tuning, those that occur.
        err_dist_mm: and the same for the median predictor and the one that sees only section numbers.
        err_dist_near_mm, err_dist_far_mm: of pairs less than 20 mm apart and the others.
        err_seg_present: without pixels that were given a class absent from their section's truth.
        absent_share: which share of the sum of squared distances those pixels make.
        dice_annotated, err_seg_annotated: over annotated pixels only.
        area_mm2: evaluated of a section; err_seg falls as one over its root.
        border_median_mm, border_p95_mm, border_missing_share: over all pairs of areas that touch.
        borders: by pair.
        confused_share: of the areas' pixels, those given another area by how far that lies (`distance_bins`).
        given_no_area_share: of the areas' pixels, those given tissue or other cortex.
        extent_error_share: |predicted - true| / true pixels of an area on all held-out sections, mean over areas and
            seeds; hemispheres together.
        still_learning: seeds whose fine-tuning loss was still falling at the end.
        seconds: of a seed.
    """

    patches: int | None = None
    iterations: int | None = None
    rates: tuple[float, ...] = ()
    err_dist_mm: float = NAN
    err_dist_median_mm: float = NAN
    err_dist_section_only_mm: float = NAN
    err_dist_near_mm: float = NAN
    err_dist_far_mm: float = NAN
    spearman: float = NAN
    err_seg_present: float = NAN
    absent_share: float = NAN
    err_seg_annotated: float = NAN
    dice_annotated: float = NAN
    pixel_distance_um: float = NAN
    rms_distance_um: float = NAN
    wrong_share: float = NAN
    area_mm2: float = NAN
    border_median_mm: float = NAN
    border_p95_mm: float = NAN
    border_missing_share: float = NAN
    borders: tuple[PairBorder, ...] = ()
    confused_share: Mapping[str, float] = field(default_factory=dict)
    given_no_area_share: float = NAN
    extent_error_share: float = NAN
    still_learning: tuple[int, ...] = ()
    seconds: float = NAN


def companions(stack: Stack, gathered: Gathered) -> Companions:
    """All of it for one row with at least one finished seed."""
    cells = [cell for folds in stack.cells for cell in folds]
    sections = [section for of_seed in stack.sections for section in of_seed]
    borders = [border for section in sections for border in section.borders]
    median_mm, p95_mm, missing_share = _spread(borders)
    return Companions(
        patches=cells[0].patches,
        iterations=cells[0].iterations,
        rates=tuple(sorted({cell.rate for cell in cells if cell.rate is not None})),
        err_dist_mm=_of_distance(cells, lambda d: d.mean_mm),
        err_dist_median_mm=_of_distance(cells, lambda d: d.median_predictor_mm),
        err_dist_section_only_mm=_of_distance(cells, lambda d: d.section_only_mm),
        err_dist_near_mm=_of_distance(cells, lambda d: d.near_mm),
        err_dist_far_mm=_of_distance(cells, lambda d: d.far_mm),
        spearman=_of_distance(cells, lambda d: d.spearman),
        err_seg_present=_of_error(sections, lambda e: e.err_seg_present),
        absent_share=_of_error(sections, lambda e: e.absent_share),
        err_seg_annotated=_mean([s.annotated_error.err_seg for s in sections if s.annotated_error]),
        dice_annotated=_dice_annotated(stack, gathered),
        pixel_distance_um=_of_error(sections, lambda e: e.mean_um),
        rms_distance_um=_of_error(sections, lambda e: e.rms_um),
        wrong_share=_of_error(sections, lambda e: e.wrong_share),
        area_mm2=_of_error(sections, lambda e: e.area_mm2),
        border_median_mm=median_mm,
        border_p95_mm=p95_mm,
        border_missing_share=missing_share,
        borders=_by_pair(borders, gathered.classes),
        confused_share=_confused(stack, gathered),
        given_no_area_share=_given_no_area(stack, gathered.first_area),
        extent_error_share=_extent_error(stack, gathered.first_area),
        still_learning=tuple(
            seed
            for seed, folds in zip(stack.seeds, stack.cells, strict=True)
            if any(still_falling([loss for _, loss in cell.loss_tail]) for cell in folds)
        ),
        seconds=sum(cell.seconds for cell in cells) / len(stack.seeds),
    )


def distance_bins() -> list[str]:
    """Names of the bins of confusions by distance."""
    between = [f"{low:g}–{high:g} mm" for low, high in pairwise(CONFUSED_EDGES_MM)]
    return ["touching", *between, f"> {CONFUSED_EDGES_MM[-1]:g} mm"]


def still_falling(loss: Sequence[float]) -> bool:
    """Whether the second half of a loss curve's tail lies clearly below its first half."""
    half = len(loss) // 2
    if not half:
        return False
    before, after = float(np.mean(loss[:half])), float(np.mean(loss[-half:]))
    return after < (1 - STILL_FALLING) * before


def _of_distance(cells: Sequence[CellResult], read: Callable[[DistanceError], float]) -> float:
    return _mean([read(cell.distance) for cell in cells if cell.distance is not None])


def _of_error(sections: Sequence[SectionResult], read: Callable[[SegmentationError], float]) -> float:
    return _mean([read(section.error) for section in sections if section.error is not None])


def _mean(values: Sequence[float]) -> float:
    return float(mean_known(np.array(values, float)))


def _dice_annotated(stack: Stack, gathered: Gathered) -> float:
    by_seed = []
    for sections in stack.sections:
        known = [section.annotated_confusion for section in sections if section.annotated_confusion is not None]
        if known:
            by_seed.append(float(mean_known(dice_per_class(np.sum(known, axis=0))[gathered.first_area :])))
    return _mean(by_seed)


def _spread(borders: Sequence[BorderDistances]) -> tuple[float, float, float]:
    """Median and 95th percentile in mm of what was found, and the share of what was not."""
    found = [entry for border in borders for entry in border.found]
    missing = sum(border.missing for border in borders)
    sides = np.array([count for _, count in found], int)
    if not found:
        return NAN, NAN, 1.0 if missing else NAN
    median, p95 = np.percentile(np.repeat([mm for mm, _ in found], sides), (50, 95))
    return float(median), float(p95), float(missing / (missing + sides.sum()))


def _by_pair(borders: Sequence[BorderDistances], classes: Sequence[str]) -> tuple[PairBorder, ...]:
    pairs = sorted({(border.first, border.second) for border in borders})
    return tuple(
        PairBorder(classes[a], classes[b], *_spread([x for x in borders if (x.first, x.second) == (a, b)]))
        for a, b in pairs
    )


def _confused(stack: Stack, gathered: Gathered) -> dict[str, float]:
    """Pixels pooled over sections, then the mean over seeds."""
    distance_mm, pooled = gathered.area_distance_mm, stack.counts.sum(axis=1)
    if distance_mm is None:
        return {}
    shares = [confused_by_distance(counts, distance_mm, gathered.first_area, CONFUSED_EDGES_MM) for counts in pooled]
    return dict(zip(distance_bins(), np.mean(shares, axis=0).tolist(), strict=True))


def _given_no_area(stack: Stack, first_area: int) -> float:
    of_areas = stack.counts.sum(axis=1)[:, first_area:]
    shares = [counts[:, :first_area].sum() / counts.sum() if counts.any() else NAN for counts in of_areas]
    return _mean(shares)


def _extent_error(stack: Stack, first_area: int) -> float:
    pooled = stack.counts.sum(axis=1)
    true, predicted = pooled.sum(axis=2)[:, first_area:], pooled.sum(axis=1)[:, first_area:]
    error = np.divide(np.abs(predicted - true), true, out=np.full(true.shape, np.nan), where=true > 0)
    return float(mean_known(error.ravel()))
