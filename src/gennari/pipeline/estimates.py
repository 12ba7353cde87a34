"""Means and paired intervals of Dice and err_seg, from one set of draws of brains, sections and seeds for all rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from gennari.metrics.resampling import even_draws, interval_95, mean_known, nested_draws, pooled_dice
from gennari.pipeline.rows import SEEDLESS
from gennari.pipeline.stacks import Gathered, Stack

DRAWS = 2000


class Estimate(NamedTuple):
    """A number and the middle 95 % of its draws."""

    value: float
    low: float
    high: float


UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, kw_only=True)
class Draws:
    """What is drawn, once for all rows; draw 0 takes everything once, so it is the estimate itself.

    Attributes:
        sections: how often each section counts.
        uniform: numbers from which each row draws among its own seeds (`even_draws`).
    """

    sections: Int[np.ndarray, "d n"]
    uniform: Float[np.ndarray, "d m"]

    def seeds(self, count: int) -> Int[np.ndarray, "d s"]:
        """How often each of a row's seeds counts."""
        drawn = even_draws(self.uniform, count)
        drawn[0] = 1
        return drawn


def make_draws(gathered: Gathered, rng: np.random.Generator, draws: int = DRAWS) -> Draws:
    """Draw brains, sections within brains, and seeds, with replacement."""
    sections = nested_draws(gathered.brains, draws, rng)
    most = max((len(stack.seeds) for stack in gathered.stacks.values()), default=1)
    return Draws(
        sections=np.concatenate([np.ones((1, sections.shape[1]), int), sections]),
        uniform=rng.random((draws + 1, max(most, 1))),
    )


def dice_draws(stack: Stack, draws: Draws, classes: Sequence[int]) -> Float[np.ndarray, "d s"]:
    """Macro Dice over some classes, pooled over the sections of each draw, by seed."""
    return mean_known(pooled_dice(stack.counts, draws.sections, classes))


def section_draws(values: Float[np.ndarray, "s n"], draws: Draws) -> Float[np.ndarray, "d s"]:
    """Mean over the sections of each draw, by seed; NaN wherever a section has no value."""
    return draws.sections @ values.T / draws.sections.sum(axis=1, keepdims=True)


def estimate(values: Float[np.ndarray, "d s"], draws: Draws) -> Estimate:
    """The mean over the seeds and its interval."""
    return summed_up(over_seeds(values, draws))


def over_seeds(values: Float[np.ndarray, "d s"], draws: Draws) -> Float[np.ndarray, "d"]:
    """Mean over the seeds of each draw; those that are NaN do not count."""
    known = ~np.isnan(values)
    weight = draws.seeds(values.shape[1]) * known
    total = (np.where(known, values, 0) * weight).sum(axis=1)
    count = weight.sum(axis=1)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def summed_up(values: Float[np.ndarray, "d"]) -> Estimate:
    """Draw 0 is the estimate, the others its interval."""
    return Estimate(float(values[0]), *interval_95(values[1:]))


def fall(ours: Float[np.ndarray, "d"], theirs: Float[np.ndarray, "d"]) -> Float[np.ndarray, "d"]:
    """By which share ours is lower, in each draw; NaN where there is nothing to fall."""
    return 1 - np.divide(ours, theirs, out=np.full(len(theirs), np.nan), where=theirs > 0)


def paired(
    ours: tuple[Stack, Float[np.ndarray, "d s"]], theirs: tuple[Stack, Float[np.ndarray, "d t"]], draws: Draws
) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "d"]] | None:
    """Two rows' means in each draw, over the seeds that both have; None where they have none in common.

    A row without anything random stands beside every seed of the other with its one cell.
    """
    (stack, values), (other, other_values) = ours, theirs
    if not stack.seeds or not other.seeds:
        return None
    if stack.row in SEEDLESS:
        values = np.repeat(values[:, :1], other_values.shape[1], axis=1)
    elif other.row in SEEDLESS:
        other_values = np.repeat(other_values[:, :1], values.shape[1], axis=1)
    else:
        common = sorted(set(stack.seeds) & set(other.seeds))
        if not common:
            return None
        values = values[:, [stack.seeds.index(seed) for seed in common]]
        other_values = other_values[:, [other.seeds.index(seed) for seed in common]]
    return over_seeds(values, draws), over_seeds(other_values, draws)
