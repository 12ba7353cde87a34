"""What else makes features change along the ribbon: curvature, an oblique cut, thickness, a window half empty.

The paper names oblique cuts and high curvature beside borders as causes of large values (Spitzer et al. 2018, section
4). Here the part of a score that these explain is taken out by regression. It is fitted on all gaps of training
sections, those at borders too: so it needs no truth, and where borders and geometry go together the geometry is
believed. What is left may be too little, never too much.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from gennari.apply.borders import explained_shares, peaks
from gennari.sampling.gaps import piece_bounds
from gennari.sampling.ribbon_places import RibbonPlaces

KNOTS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Quantiles of a confound at which its line may bend."""
WITHIN = (0.01, 0.99)
"""Quantiles of a confound on training sections beyond which it is taken for these: lines are not continued."""


@dataclass(frozen=True, kw_only=True)
class Confounds:
    """Geometry around each gap. A column is NaN where the gap has no two blocks.

    Attributes:
        curvature_per_mm: mean curvature of the mid surface, mean over both blocks; positive on crowns.
        obliqueness_deg: 90 less the angle between the cortex' normal and the section's; 0 is a perpendicular cut.
        thickness_mm: mean over both blocks.
        tissue_share: mean over both blocks.
        steps: of each of the four, |mean of the block behind the gap - mean of the block before it|.
    """

    curvature_per_mm: Float[np.ndarray, "n"]
    obliqueness_deg: Float[np.ndarray, "n"]
    thickness_mm: Float[np.ndarray, "n"]
    tissue_share: Float[np.ndarray, "n"]
    steps: Float[np.ndarray, "n 4"]

    def matrix(self) -> Float[np.ndarray, "n 8"]:
        """All columns side by side."""
        level = (self.curvature_per_mm, self.obliqueness_deg, self.thickness_mm, self.tissue_share)
        return np.column_stack([*level, self.steps])


@dataclass(frozen=True, kw_only=True)
class ConfoundModel:
    """How much of a log score the confounds explain; from `fit_confounds`.

    Attributes:
        low: least value of each column, lower ones are raised to it.
        high: greatest value, likewise.
        knots: of each column, where its line bends.
        weights: of the intercept and each column's pieces.
        floor: scores below it are taken for it, since a score of 0 has no logarithm.
        level: mean log score of the gaps it was fitted on.
        explained: share of the variance of their log score that is explained (R²).
        gaps: how many these were.
    """

    low: Float[np.ndarray, "c"]
    high: Float[np.ndarray, "c"]
    knots: Float[np.ndarray, "c k"]
    weights: Float[np.ndarray, "w"]
    floor: float
    level: float
    explained: float
    gaps: int

    def without(self, score: Float[np.ndarray, "n"], confounds: Confounds) -> Float[np.ndarray, "n"]:
        """The score with the confounds out, 1/mm: as it would be at their average; NaN where either is unknown."""
        log = np.log(np.maximum(score, self.floor))
        return np.exp(log - self._basis(confounds.matrix()) @ self.weights + self.level)

    def _basis(self, columns: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n w"]:
        return _basis(columns, self.low, self.high, self.knots)


def confounds_of(places: RibbonPlaces, block: int = 9) -> Confounds:
    """The confounds of each gap, over the blocks that `border_scores` compares by default.

    Args:
        places: whole pieces of ribbon.
        block: places on each side of the gap.
    """
    patches = places.patches
    columns = (patches.curvature_per_mm, 90 - patches.plane_angle_deg, places.thickness_mm, patches.tissue_share)
    before, after = _block_means(np.column_stack(columns), places, block)
    curvature, obliqueness, thickness, tissue = ((before + after) / 2).T
    return Confounds(
        curvature_per_mm=curvature,
        obliqueness_deg=obliqueness,
        thickness_mm=thickness,
        tissue_share=tissue,
        steps=np.abs(after - before),
    )


def fit_confounds(
    score: Float[np.ndarray, "n"], confounds: Confounds, training: Bool[np.ndarray, "n"]
) -> ConfoundModel:
    """Fit log score on the confounds: least squares over lines that bend at quantiles of each column.

    Args:
        score: of gaps, 1/mm; NaN where there is none.
        confounds: of the same gaps.
        training: gaps to fit on, those of training sections; the module says why borders among them stay.

    Raises:
        ValueError: fewer gaps with a score than twice the weights to be fitted, or none above 0.
    """
    columns = confounds.matrix()
    used = training & np.isfinite(score) & np.isfinite(columns).all(axis=1)
    weights = 1 + columns.shape[1] * (1 + len(KNOTS))
    if used.sum() < 2 * weights or not (score[used] > 0).any():
        raise ValueError(
            f"fitting {weights} weights of the confounds needs {2 * weights} training gaps with a score at least, and "
            f"one above 0, got {int(used.sum())}"
        )
    floor = 1e-6 * float(np.median(score[used][score[used] > 0]))
    low, high = np.quantile(columns[used], WITHIN, axis=0)
    knots = np.quantile(columns[used], KNOTS, axis=0).T
    basis = _basis(columns[used], low, high, knots)
    log = np.log(np.maximum(score[used], floor))
    solution = np.linalg.lstsq(basis, log, rcond=1e-8)[0]
    left, spread = log - basis @ solution, log - log.mean()
    total = float((spread**2).sum())
    return ConfoundModel(
        low=low,
        high=high,
        knots=knots,
        weights=solution,
        floor=floor,
        level=float(log.mean()),
        explained=1 - float((left**2).sum()) / total if total > 0 else 0.0,
        gaps=int(used.sum()),
    )


def shares_of_peaks(
    score: Float[np.ndarray, "n"],
    confounds: Confounds,
    at_border: Bool[np.ndarray, "n"] | None = None,
    *,
    top_share: float = 0.1,
    curved_share: float = 0.2,
    oblique_deg: float = 45.0,
) -> dict[str, tuple[float, float]]:
    """Share of the highest scores at which each cause holds, and share of all gaps at which it does (chance).

    Args:
        score: of gaps; those without one are left out.
        confounds: of the same gaps.
        at_border: gaps that lie at a true border; None where no truth is known.
        top_share: how many of the gaps are called peaks.
        curved_share: this share of the gaps, those of the largest |curvature|, is called curved.
        oblique_deg: cuts at least so oblique are called oblique; patches of the pretext task are below 45.

    Returns:
        "border" (if known), "curvature", "obliqueness" and "none" of them; they may coincide.

    Raises:
        ValueError: no gap has a score.
    """
    known = np.isfinite(score) & np.isfinite(confounds.curvature_per_mm)
    if not known.any():
        raise ValueError("shares of the peaks need at least one gap with a score, got none")
    bend = np.abs(confounds.curvature_per_mm[known])
    causes: Mapping[str, np.ndarray] = {
        **({} if at_border is None else {"border": at_border[known]}),
        "curvature": bend >= np.quantile(bend, 1 - curved_share),
        "obliqueness": confounds.obliqueness_deg[known] >= oblique_deg,
    }
    return explained_shares(peaks(score[known], top_share), causes)


def _basis(
    columns: Float[np.ndarray, "n c"],
    low: Float[np.ndarray, "c"],
    high: Float[np.ndarray, "c"],
    knots: Float[np.ndarray, "c k"],
) -> Float[np.ndarray, "n w"]:
    """1, and for each column its value and how far that lies above each knot, in units of its range."""
    width = np.where(high > low, high - low, 1)
    unit, at = (np.clip(columns, low, high) - low) / width, (knots.T - low) / width  # (n, c), (k, c)
    above = np.maximum(unit[:, None] - at, 0).reshape(len(columns), -1)
    return np.column_stack([np.ones(len(columns)), unit, above])


def _block_means(
    values: Float[np.ndarray, "n c"], places: RibbonPlaces, block: int
) -> tuple[Float[np.ndarray, "n c"], Float[np.ndarray, "n c"]]:
    """Means over the `block` places that end with each row, and over those behind it; NaN where they do not fit."""
    before, after = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    for start, end in zip(*piece_bounds(places), strict=True):
        count = end - start
        if count < 2 * block:
            continue
        closed = bool(places.closed[start])
        around = np.arange(1 - block, count + block) if closed else np.arange(count)
        sums = np.cumsum(np.vstack([np.zeros(values.shape[1]), values[start + around % count]]), axis=0)
        means = (sums[block:] - sums[:-block]) / block  # row k: of around[k : k + block]
        rows = slice(start, end) if closed else slice(start + block - 1, end - block)
        before[rows], after[rows] = means[:-block], means[block:]
    return before, after
