"""Resampling over brains, sections and seeds, the same for all methods so that their differences are paired."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int


def nested_draws(groups: Int[np.ndarray, "n"], draws: int, rng: np.random.Generator) -> Int[np.ndarray, "d n"]:
    """How often each member was drawn, in each of many draws with replacement: groups, then members within each.

    As many groups are drawn as there are; each time a group is drawn, as many of its members as it has. So members of
    one group (sections of one brain) rise and fall together.

    Args:
        groups: which group each member belongs to.
        draws: how many.
        rng: source of all chance.
    """
    names, of_group = np.unique(groups, return_inverse=True)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    drawn = np.zeros((draws, len(groups)), int)
    for group in range(len(names)):
        members = np.flatnonzero(of_group == group)
        # a group drawn k times: k times as many of its members, together one draw from a multinomial
        drawn[:, members] = rng.multinomial(times[:, group] * len(members), np.full(len(members), 1 / len(members)))
    return drawn


def even_draws(uniform: Float[np.ndarray, "d m"], count: int) -> Int[np.ndarray, "d k"]:
    """How often each of `count` things was drawn with replacement, from uniform numbers made once for all methods.

    Methods with equally many things (seeds) get the same draws.
    """
    chosen = (uniform[:, :count] * count).astype(int)
    return (chosen[:, :, None] == np.arange(count)).sum(axis=1)


def pooled_dice(
    counts: Int[np.ndarray, "s n c c"], drawn: Int[np.ndarray, "d n"], classes: Sequence[int]
) -> Float[np.ndarray, "d s k"]:
    """Dice of some classes of the confusion pooled over what was drawn, for each draw and each of s repetitions.

    NaN for a class that is neither true nor predicted in what was drawn.

    Args:
        counts: confusion matrices of s repetitions (seeds) on n members (sections).
        drawn: how often each member counts.
        classes: which.
    """
    hit = np.diagonal(counts, axis1=2, axis2=3)[:, :, list(classes)]
    size = (counts.sum(axis=2) + counts.sum(axis=3))[:, :, list(classes)]
    # in floats, which go through BLAS; counts stay far below 2**53 and exact
    hits, sizes = (np.tensordot(drawn.astype(float), part.astype(float), axes=(1, 1)) for part in (hit, size))
    return np.divide(2 * hits, sizes, out=np.full(hits.shape, np.nan), where=sizes > 0)


def mean_known(values: Float[np.ndarray, "*s k"]) -> Float[np.ndarray, "*s"]:
    """Mean over the last axis of what is not NaN; NaN where all is."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def interval_95(values: Float[np.ndarray, "d"]) -> tuple[float, float]:
    """The middle 95 % of the draws; NaN ones do not count, NaN where all are."""
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)
