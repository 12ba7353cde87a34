"""Maxima of D² that keep their place over block sizes."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Float
from scipy.ndimage import maximum_filter1d, uniform_filter1d


def peak_heights(d2: Float[np.ndarray, "*b n"], closed: bool = False) -> Float[np.ndarray, "*b n"]:
    """D² where it has a local maximum, 0 elsewhere; of equal neighbours the first counts, NaN is below all.

    Args:
        d2: at the gaps of a run.
        closed: the last gap is the first one's neighbour.
    """
    values = np.where(np.isnan(d2), -np.inf, d2)
    before, after = np.roll(values, 1, axis=-1), np.roll(values, -1, axis=-1)
    if not closed:
        before[..., 0] = after[..., -1] = -np.inf
    return np.where((values > before) & (values >= after), values, 0.0)


def steady_height(
    heights: Float[np.ndarray, "*k b n"], tolerance_rows: int, share: float, closed: bool = False
) -> Float[np.ndarray, "*k n"]:
    """At each gap the height that peaks of a share of the block sizes reach near it.

    Args:
        heights: of peaks by block size (`peak_heights` over something that makes block sizes comparable).
        tolerance_rows: how far from the gap a peak may stand.
        share: of the block sizes.
        closed: the last gap is the first one's neighbour.
    """
    near = _near(heights, tolerance_rows, closed)
    lowest = near.shape[-2] - ceil(share * near.shape[-2])
    return np.partition(near, lowest, axis=-2)[..., lowest, :]


@dataclass(frozen=True, kw_only=True)
class SteadyPlace:
    """A gap of a run where peaks of many block sizes stand.

    Attributes:
        gap: median over the block sizes that show it.
        share: of the block sizes, those that show it.
        steady: the steady height there.
        block: number of the block size with the highest peak.
        height: of that peak.
    """

    gap: float
    share: float
    steady: float
    block: int
    height: float


def steady_places(
    heights: Float[np.ndarray, "b n"], threshold: float, tolerance_rows: int, share: float, closed: bool = False
) -> list[SteadyPlace]:
    """Gaps of a run where peaks of a share of the block sizes stand above a threshold, the highest first.

    A place keeps others away: two lie more than twice the tolerance apart.

    Args:
        heights: as `steady_height`.
        threshold: which the steady height must pass.
        tolerance_rows: as `steady_height`.
        share: as `steady_height`.
        closed: the last gap is the first one's neighbour.
    """
    steady = steady_height(heights, tolerance_rows, share, closed)
    n = heights.shape[-1]
    # steady heights are flat where the same peaks are in reach: of these gaps, the one with the most peaks nearest
    mass = uniform_filter1d(heights.sum(axis=0), 3, mode="wrap" if closed else "constant")
    offsets = np.arange(-tolerance_rows, tolerance_rows + 1)
    places: list[SteadyPlace] = []
    for start in np.lexsort((-mass, -steady)):
        if steady[start] <= threshold:
            break
        near = start + (offsets if closed else np.clip(offsets, -start, n - 1 - start))
        inside = heights[:, near % n]
        best, height = inside.argmax(axis=1), inside.max(axis=1)
        shows = height > threshold
        gap = float(np.median(near[best[shows]]))
        away = np.abs(np.array([gap - place.gap for place in places]))
        if (np.minimum(away, n - away) if closed else away).min(initial=np.inf) > 2 * tolerance_rows:
            block = int(height.argmax())
            places.append(
                SteadyPlace(
                    gap=gap % n if closed else gap,
                    share=float(shows.mean()),
                    steady=float(steady[start]),
                    block=block,
                    height=float(height[block]),
                )
            )
    return places


def _near(heights: Float[np.ndarray, "*k b n"], tolerance_rows: int, closed: bool) -> Float[np.ndarray, "*k b n"]:
    mode = "wrap" if closed else "constant"
    return np.asarray(maximum_filter1d(heights, 2 * tolerance_rows + 1, axis=-1, mode=mode, cval=0.0))
