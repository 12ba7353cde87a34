"""Borders along one piece of ribbon, observer-independent (Schleicher et al. 1999; Amunts & Zilles 2015).

The published procedure takes D² of adjacent blocks of profiles for block sizes of 10 to 24, and accepts a local maximum
above a threshold that keeps its place over block sizes. We depart from it in the threshold. Neighbouring profiles are
correlated, so F's p-value is too small by far; and a choice among hundreds of gaps and fifteen block sizes is a choice
among many tests. So thresholds come from surrogate series without a border, which go through the whole procedure: with
chance 1 - alpha a stretch of homogeneous cortex has no accepted border at all.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Float, Int64

from gennari.classical.hotelling import d2_by_block, f_of_d2
from gennari.classical.runs import Stretch, gap_of_piece, known_runs, spread_over_gaps, stretches
from gennari.classical.stability import SteadyPlace, peak_heights, steady_height, steady_places
from gennari.classical.surrogates import surrogate


@dataclass(frozen=True, kw_only=True)
class DetectionSettings:
    """How borders are looked for.

    Attributes:
        blocks: sizes of blocks, rows; neighbouring rows are 128 µm apart in the published method.
        alpha: chance of any border in a stretch of homogeneous cortex.
        surrogates: number of borderless series; p-values are multiples of 1 / (surrogates + 1).
        share: of the block sizes that must show a border.
        tolerance_rows: how far a maximum may move with the block size; two borders lie more than twice as far apart.
        bridge_rows: so many rows in sequence may be missing.
        stretch_rows: pieces are cut into stretches no longer than this. The whole ribbon of a section, 40 cm and more,
            is not alike in its statistics, and no threshold serves all of it; published regions are some cm long.
    """

    blocks: tuple[int, ...] = tuple(range(10, 25))
    alpha: float = 0.05
    surrogates: int = 199
    share: float = 0.5
    tolerance_rows: int = 3
    bridge_rows: int = 3
    stretch_rows: int = 480

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or self.peers_above < 1:
            raise ValueError(
                f"alpha must lie between 0 and 1, and 1 / alpha - 1 surrogates or more tell that much apart, got "
                f"alpha {self.alpha} and {self.surrogates} surrogates; draw more of them"
            )
        if not 0 < self.share <= 1:
            raise ValueError(f"the share of the block sizes must be above 0, at most 1, got {self.share}")

    @property
    def peers_above(self) -> int:
        """A border stands above all surrogates but fewer than so many; the piece is one more draw under the null."""
        return int(self.alpha * (self.surrogates + 1) + 1e-9)

    @property
    def shortest_rows(self) -> int:
        """Two blocks of each size that a border must at least be seen at fit into so many rows."""
        return 2 * sorted(self.blocks)[ceil(self.share * len(self.blocks)) - 1]


@dataclass(frozen=True, kw_only=True)
class DetectedBorders:
    """Borders accepted in one piece of n rows, k of them, in order; and D² at all gaps.

    Gap i lies half way between rows i and i + 1, gap n - 1 between the last row and the first.

    Attributes:
        gap: of each border, between two gaps where block sizes do not agree (their median).
        block: size of the blocks that show it most clearly over their threshold; the next five are theirs.
        d2: Mahalanobis distance squared.
        threshold: that D² had to pass.
        f: of Hotelling's T².
        p_of_f: under F(p, 2b-p-1), as if rows were independent: too small by far.
        share: of the block sizes that show the border.
        p_value: chance of a border as clear in a stretch without one.
        blocks: all sizes that were tried.
        d2_by_block: NaN where two blocks do not fit or rows are missing.
        threshold_by_block: `threshold` at each gap for each size, NaN alike; infinite where the size fits nowhere.
        rows_left_out: unknown rows, and known ones in runs too short for two blocks.
    """

    gap: Float[np.ndarray, "k"]
    block: Int64[np.ndarray, "k"]
    d2: Float[np.ndarray, "k"]
    threshold: Float[np.ndarray, "k"]
    f: Float[np.ndarray, "k"]
    p_of_f: Float[np.ndarray, "k"]
    share: Float[np.ndarray, "k"]
    p_value: Float[np.ndarray, "k"]
    blocks: tuple[int, ...]
    d2_by_block: Float[np.ndarray, "b n"]
    threshold_by_block: Float[np.ndarray, "b n"]
    rows_left_out: int


def detect_borders(
    features: Float[np.ndarray, "n p"],
    closed: bool,
    rng: np.random.Generator,
    settings: DetectionSettings | None = None,
) -> DetectedBorders:
    """Find the borders of one piece of ribbon.

    Each block size has a threshold t_b, which the largest D² of a surrogate passes with chance alpha. Heights of peaks
    over t_b can be compared over block sizes: a gap's steady height is what peaks near it reach in a share of the block
    sizes. A border is a gap whose steady height is above that of all but alpha of the surrogates, the largest of each.
    Each stretch has surrogates and thresholds of its own.

    Args:
        features: of the rows of a piece in order, at even steps: ten of a profile, or ten principal components of
            learned ones. Rows that hold NaN are not known (glass, damage, traverses that end early).
        closed: the piece returns to its start.
        rng: of the surrogates.
        settings: DetectionSettings() if None.

    Raises:
        ValueError: as `d2_by_block`; pieces that are too short are no error.
    """
    settings = settings or DetectionSettings()
    n, p = features.shape
    d2_by_gap, threshold_by_gap = np.full((2, len(settings.blocks), n), np.nan)
    found: list[_Border] = []
    parts = _stretches(features, closed, settings, settings.shortest_rows)
    for part in parts:
        rows = features[part.run.rows]
        d2 = d2_by_block(rows, settings.blocks, part.run.closed)
        null = _null_of(rows, part.run.closed, rng, settings)
        spread_over_gaps(d2, part, d2_by_gap)
        spread_over_gaps(np.tile(null.threshold[:, None], len(rows)), part, threshold_by_gap)
        heights = peak_heights(d2, part.run.closed) / null.unit[:, None]
        places = steady_places(heights, null.level, settings.tolerance_rows, settings.share, part.run.closed)
        own = [place for place in places if part.first <= place.gap < part.last]
        found += [_Border(gap=gap_of_piece(place.gap, part.run, n), place=place, null=null) for place in own]
    found = _apart(found, 2 * settings.tolerance_rows, n, closed)
    return _as_arrays(found, d2_by_gap, threshold_by_gap, p, settings, n - _rows_in(parts))


def d2_along(
    features: Float[np.ndarray, "n p"], closed: bool, settings: DetectionSettings | None = None
) -> Float[np.ndarray, "b n"]:
    """D² at the gaps of one piece for each block size, wherever two blocks fit, without surrogates.

    A score of borders by itself: one row of it.

    Args:
        features: rows of a piece in order; those that hold NaN are not known.
        closed: the piece returns to its start.
        settings: DetectionSettings() if None; those of surrogates are not read.

    Raises:
        ValueError: as `d2_by_block`.
    """
    settings = settings or DetectionSettings()
    d2 = np.full((len(settings.blocks), len(features)), np.nan)
    for part in _stretches(features, closed, settings, 2 * min(settings.blocks)):
        spread_over_gaps(d2_by_block(features[part.run.rows], settings.blocks, part.run.closed), part, d2)
    return d2


@dataclass(frozen=True, kw_only=True)
class _Null:
    """What a stretch looks like where it has no border.

    Attributes:
        unit: D² that the largest of a surrogate passes with chance alpha, by block size; infinite where none fits.
        steady: the largest steady height of each surrogate, in these units.
        level: what a border's steady height must pass.
    """

    unit: Float[np.ndarray, "b"]
    steady: Float[np.ndarray, "k"]
    level: float

    @property
    def threshold(self) -> Float[np.ndarray, "b"]:
        """Of D²."""
        return self.level * self.unit

    def p_value(self, steady: float) -> float:
        """Chance that a stretch without a border reaches this steady height; it is one more draw under the null."""
        return float(1 + (self.steady >= steady).sum()) / (len(self.steady) + 1)


@dataclass(frozen=True, kw_only=True)
class _Border:
    """An accepted border of a piece."""

    gap: float
    place: SteadyPlace
    null: _Null


def _stretches(
    features: Float[np.ndarray, "n p"], closed: bool, settings: DetectionSettings, shortest_rows: int
) -> list[Stretch]:
    runs = known_runs(np.asarray(np.isfinite(features).all(axis=1)), closed, settings.bridge_rows)
    long = [run for run in runs if len(run.rows) >= shortest_rows]
    return [part for run in long for part in stretches(run, settings.stretch_rows, 2 * max(settings.blocks))]


def _rows_in(parts: list[Stretch]) -> int:
    return len(np.unique(np.concatenate([part.run.rows for part in parts]))) if parts else 0


def _null_of(
    rows: Float[np.ndarray, "r p"], closed: bool, rng: np.random.Generator, settings: DetectionSettings
) -> _Null:
    heights = np.empty((settings.surrogates, len(settings.blocks), len(rows)), np.float32)
    for drawn in heights:
        drawn[:] = peak_heights(d2_by_block(surrogate(rows, rng, closed), settings.blocks, closed), closed)
    unit = np.quantile(heights.max(axis=2).astype(float), 1 - settings.alpha, axis=0)
    unit = np.where(unit > 0, unit, np.inf)
    steady = steady_height(heights / unit[:, None], settings.tolerance_rows, settings.share, closed).max(axis=1)
    return _Null(unit=unit, steady=steady, level=float(np.sort(steady)[-settings.peers_above]))


def _apart(found: list[_Border], rows: int, n: int, closed: bool) -> list[_Border]:
    """In order; where two stretches that meet saw the same border, the clearer one."""
    kept: list[_Border] = []
    for border in sorted(found, key=lambda border: -border.place.steady):
        away = np.abs(np.array([border.gap - other.gap for other in kept]))
        if (np.minimum(away, n - away) if closed else away).min(initial=np.inf) > rows:
            kept.append(border)
    return sorted(kept, key=lambda border: border.gap)


def _as_arrays(
    found: list[_Border],
    d2_by_gap: Float[np.ndarray, "b n"],
    threshold_by_gap: Float[np.ndarray, "b n"],
    features: int,
    settings: DetectionSettings,
    rows_left_out: int,
) -> DetectedBorders:
    block = np.array([settings.blocks[border.place.block] for border in found], int)
    d2 = np.array([border.place.height * border.null.unit[border.place.block] for border in found], float)
    f, p_of_f = f_of_d2(d2, block, features)
    return DetectedBorders(
        gap=np.array([border.gap for border in found], float),
        block=block,
        d2=d2,
        threshold=np.array([border.null.threshold[border.place.block] for border in found], float),
        f=f,
        p_of_f=p_of_f,
        share=np.array([border.place.share for border in found], float),
        p_value=np.array([border.null.p_value(border.place.steady) for border in found], float),
        blocks=settings.blocks,
        d2_by_block=d2_by_gap,
        threshold_by_block=threshold_by_gap,
        rows_left_out=rows_left_out,
    )
