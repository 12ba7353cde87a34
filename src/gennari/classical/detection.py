"""Borders along one piece of ribbon, observer-independent (Schleicher et al. 1999; Amunts & Zilles 2015).

The published procedure takes D² of adjacent blocks of profiles for block sizes of 10 to 24, and accepts a local maximum
above a threshold that keeps its place over block sizes. We depart from it in the threshold. Neighbouring profiles are
correlated, so F's p-value is too small by far; and a choice among hundreds of gaps and fifteen block sizes is a choice
among many tests. So thresholds come from surrogate series without a border, which go through the whole procedure: with
chance 1 - alpha a piece of homogeneous cortex has no accepted border at all.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Float, Float32, Int64

from gennari.classical.hotelling import d2_by_block, f_of_d2
from gennari.classical.runs import Run, gap_of_piece, known_runs, spread_over_gaps
from gennari.classical.stability import SteadyPlace, peak_heights, steady_height, steady_places
from gennari.classical.surrogates import surrogate


@dataclass(frozen=True, kw_only=True)
class DetectionSettings:
    """How borders are looked for.

    Attributes:
        blocks: sizes of blocks, rows; neighbouring rows are 128 µm apart in the published method.
        alpha: chance of any border in a piece of homogeneous cortex.
        surrogates: number of borderless series; p-values are multiples of 1 / (surrogates + 1).
        share: of the block sizes that must show a border.
        tolerance_rows: how far a maximum may move with the block size; two borders lie more than twice as far apart.
        bridge_rows: so many rows in sequence may be missing within a run.
    """

    blocks: tuple[int, ...] = tuple(range(10, 25))
    alpha: float = 0.05
    surrogates: int = 199
    share: float = 0.5
    tolerance_rows: int = 3
    bridge_rows: int = 3

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
        p_value: chance of a border as clear in a piece without one.
        blocks: all sizes that were tried.
        d2_by_block: NaN where two blocks do not fit or rows are missing.
        threshold_by_block: `threshold` of each size; infinite where no run is long enough.
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
    threshold_by_block: Float[np.ndarray, "b"]
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
    blocks = settings.blocks
    series = np.full((len(blocks), n), np.nan)
    runs = _long_runs(features, closed, settings.bridge_rows, settings.shortest_rows)
    peaks = []
    for run in runs:
        rows = features[run.rows]
        d2 = d2_by_block(rows, blocks, run.closed)
        spread_over_gaps(d2, run, series)
        peaks.append(_Peaks(run=run, heights=peak_heights(d2, run.closed), null=_null(rows, run, rng, settings)))
    unit = _unit(peaks, settings)
    null = np.max([part.steady_null(unit, settings) for part in peaks], axis=0, initial=0.0)
    level = float(np.sort(null)[-settings.peers_above]) if peaks else np.inf
    found = [(part.run, place) for part in peaks for place in part.places(unit, level, settings)]
    found.sort(key=lambda pair: gap_of_piece(pair[1].gap, pair[0], n))
    clearest = np.array([place.block for _, place in found], int)
    block = np.array(blocks)[clearest]
    d2 = np.array([place.height for _, place in found], float) * unit[clearest]
    f, p_of_f = f_of_d2(d2, block, p)
    above = [1 + int((null >= place.steady).sum()) for _, place in found]
    return DetectedBorders(
        gap=np.array([gap_of_piece(place.gap, run, n) for run, place in found], float),
        block=block,
        d2=d2,
        threshold=level * unit[clearest],
        f=f,
        p_of_f=p_of_f,
        share=np.array([place.share for _, place in found], float),
        p_value=np.array(above, float) / (settings.surrogates + 1),
        blocks=blocks,
        d2_by_block=series,
        threshold_by_block=level * unit,
        rows_left_out=n - sum(len(run.rows) for run in runs),
    )


def d2_along(
    features: Float[np.ndarray, "n p"], closed: bool, settings: DetectionSettings | None = None
) -> Float[np.ndarray, "b n"]:
    """D² at the gaps of one piece for each block size, wherever two blocks fit, without surrogates.

    A score of borders by itself: one row of it.

    Args:
        features: rows of a piece in order; those that hold NaN are not known.
        closed: the piece returns to its start.
        settings: DetectionSettings() if None; of them only `blocks` and `bridge_rows` are read.

    Raises:
        ValueError: as `d2_by_block`.
    """
    settings = settings or DetectionSettings()
    series = np.full((len(settings.blocks), len(features)), np.nan)
    for run in _long_runs(features, closed, settings.bridge_rows, 2 * min(settings.blocks)):
        spread_over_gaps(d2_by_block(features[run.rows], settings.blocks, run.closed), run, series)
    return series


@dataclass(frozen=True, kw_only=True)
class _Peaks:
    """Heights of the maxima of D² at the gaps of a run, by block size, and of those of its surrogates."""

    run: Run
    heights: Float[np.ndarray, "b r"]
    null: Float32[np.ndarray, "k b r"]

    def steady_null(self, unit: Float[np.ndarray, "b"], settings: DetectionSettings) -> Float[np.ndarray, "k"]:
        """The largest steady height of each surrogate."""
        heights = self.null / unit[:, None]
        return steady_height(heights, settings.tolerance_rows, settings.share, self.run.closed).max(axis=1)

    def places(self, unit: Float[np.ndarray, "b"], level: float, settings: DetectionSettings) -> list[SteadyPlace]:
        """Gaps of the run with a steady height above the level."""
        heights = self.heights / unit[:, None]
        return steady_places(heights, level, settings.tolerance_rows, settings.share, self.run.closed)


def _long_runs(features: Float[np.ndarray, "n p"], closed: bool, bridge_rows: int, shortest_rows: int) -> list[Run]:
    runs = known_runs(np.asarray(np.isfinite(features).all(axis=1)), closed, bridge_rows)
    return [run for run in runs if len(run.rows) >= shortest_rows]


def _null(
    rows: Float[np.ndarray, "r p"], run: Run, rng: np.random.Generator, settings: DetectionSettings
) -> Float32[np.ndarray, "k b r"]:
    """Heights of the peaks of each surrogate of a run."""
    heights = np.empty((settings.surrogates, len(settings.blocks), len(rows)), np.float32)
    for drawn in heights:
        drawn[:] = peak_heights(d2_by_block(surrogate(rows, rng, run.closed), settings.blocks, run.closed), run.closed)
    return heights


def _unit(peaks: list[_Peaks], settings: DetectionSettings) -> Float[np.ndarray, "b"]:
    """The threshold of each block size by itself; the family is all gaps of the piece, over all its runs."""
    if not peaks:
        return np.full(len(settings.blocks), np.inf)
    largest = np.max([part.null.max(axis=2) for part in peaks], axis=0)
    unit = np.quantile(largest.astype(float), 1 - settings.alpha, axis=0)
    return np.where(unit > 0, unit, np.inf)
