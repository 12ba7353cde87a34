"""How often outlines can cross, estimated before anything asks geometry, whose work grows with it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

_SAMPLES = 4
"""Sides that are looked at for each doubling of rank."""


def possible_crossings(rings: Sequence[Float[np.ndarray, "_ 2"]]) -> float:
    """About how many pairs of sides have boxes that meet; no more than these can cross.

    Sides are ranked by the length of their boxes, and a few of each doubling of rank are held against all: long sides
    meet many others however few they are. Time is linear in the number of sides (times its logarithm).

    Args:
        rings: (x, y), each closes from its last point to its first.
    """
    starts = np.concatenate([np.asarray(ring, float) for ring in rings])
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    order = np.argsort(-(high - low).max(axis=1), kind="stable")
    pairs, first = 0.0, 0
    while first < len(order):
        last = min(max(2 * first, first + _SAMPLES), len(order))
        places = np.unique(np.linspace(first, last - 1, _SAMPLES).astype(int))
        met = [_meeting(low, high, int(order[place])) for place in places]
        pairs += float(np.mean(met)) * (last - first)
        first = last
    return pairs / 2


def _meeting(low: Float[np.ndarray, "n 2"], high: Float[np.ndarray, "n 2"], one: int) -> int:
    """How many boxes meet that of side `one`, less itself and its two neighbours."""
    x0, y0, x1, y1 = *low[one], *high[one]
    meets = (low[:, 0] <= x1) & (high[:, 0] >= x0) & (low[:, 1] <= y1) & (high[:, 1] >= y0)
    return max(int(np.count_nonzero(meets)) - 3, 0)
