"""Which patches are paired, and how far apart they are along the cortex."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Int32
from pydantic import BaseModel, ConfigDict, Field

from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.records import SIDES, PairTable, PatchTable

DistancesFrom = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(face, weights (3,), to_face (n,), to_weights (n, 3)) to (n,) mm: `GeodesicSolver.distances` of a hemisphere."""


class PairSettings(BaseModel):
    """How pairs are drawn.

    Attributes:
        hub_fraction: share of the patches that are hubs. Each hub is one source of distances; all others join hubs.
        gamma: exponent of the hubs' degrees, P(k) ∝ k^-gamma for k >= k_min. k_min follows: the degrees of the hubs
            sum to the number of pairs, so their mean is 1 / hub_fraction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub_fraction: float = Field(default=0.01, gt=0, le=0.5)
    gamma: float = Field(default=2.5, gt=1)


@dataclass(frozen=True, kw_only=True)
class PairSummary:
    """What the pairs of one brain, hemisphere and split turned out to be.

    Attributes:
        sources: number of places distances were computed from.
        exponent: of the sources' degrees, fitted by maximum likelihood; NaN with fewer than two different degrees.
        k_min: smallest degree of a source.
        k_max: largest degree.
    """

    pairs: int
    sources: int
    exponent: float
    k_min: int
    k_max: int


def hub_pairs(
    patches: PatchTable, settings: PairSettings, rng: np.random.Generator
) -> tuple[Int32[np.ndarray, "p"], Int32[np.ndarray, "p"]]:
    """As many pairs as patches, each patch at least once (Spitzer et al. 2018, section 3.1); the first is the hub.

    Pairs stay within brain, hemisphere and split; no patch meets itself and no pair comes twice. Departure: the paper
    says only that degrees follow a power law; here few hubs carry it, so that few distance sources are needed.

    Raises:
        InputError: a brain, hemisphere and split holds fewer than four patches.
    """
    first, second = [np.zeros(0, int)], [np.zeros(0, int)]
    for name, rows in _groups(patches):
        if len(rows) < 4:
            raise InputError(
                f"pairs need at least four patches in each hemisphere of each split, got {len(rows)} in {name}; "
                "sample more patches or hold out more sections"
            )
        hub, other = _pairs_of_group(len(rows), settings, rng)
        first.append(rows[hub])
        second.append(rows[other])
    return np.concatenate(first).astype(np.int32), np.concatenate(second).astype(np.int32)


def measure_pairs(
    patches: PatchTable,
    first: Int[np.ndarray, "p"],
    second: Int[np.ndarray, "p"],
    distances_from: tuple[DistancesFrom, DistancesFrom],
    tick: Report | None = None,
) -> PairTable:
    """Geodesic distance of each pair, one solve for each source.

    The source of a pair is the patch with more pairs (the lower row on a tie), so a pair has one distance whichever
    way round it is written.

    Args:
        patches: where the patches lie.
        first: rows of `patches`.
        second: rows of `patches`.
        distances_from: the solvers of the left and the right hemisphere.
        tick: hears of each source.

    Raises:
        ValueError: a pair spans two hemispheres.
    """
    crossing = np.flatnonzero(patches.side[first] != patches.side[second])
    if crossing.size:
        raise ValueError(f"both patches of a pair must lie in one hemisphere; pair {crossing[0]} spans the two")
    source, target = _by_source(first, second, len(patches))
    order = np.argsort(source, kind="stable")
    sources, starts = np.unique(source[order], return_index=True)
    distance = np.empty(len(first))
    for done, (row, pairs) in enumerate(zip(sources, np.split(order, starts[1:]), strict=True), start=1):
        to = target[pairs]
        solve = distances_from[int(patches.side[row])]
        distance[pairs] = solve(int(patches.face[row]), patches.weights[row], patches.face[to], patches.weights[to])
        if tick is not None:
            tick(Tick("distances", done, len(sources)))
    return PairTable(first=first.astype(np.int32), second=second.astype(np.int32), distance_mm=distance)


def summarise_pairs(
    patches: PatchTable, first: Int[np.ndarray, "p"], second: Int[np.ndarray, "p"]
) -> dict[str, PairSummary]:
    """Number of sources and the exponent of their degrees, by "brain, side, split".

    Not over all: groups of other sizes have other smallest degrees, and their mixture is no power law.
    """
    source, _ = _by_source(first, second, len(patches))
    degree = _degrees(first, second, len(patches))
    summaries: dict[str, PairSummary] = {}
    for name, rows in _groups(patches):
        of_group = source[np.isin(source, rows)]
        if len(of_group):
            degrees = degree[np.unique(of_group)]
            summaries[name] = PairSummary(
                pairs=len(of_group),
                sources=len(degrees),
                exponent=fitted_exponent(degrees),
                k_min=int(degrees.min()),
                k_max=int(degrees.max()),
            )
    return summaries


def fitted_exponent(degree: Int[np.ndarray, "n"]) -> float:
    """Maximum-likelihood exponent of a power law from the smallest degree on (Clauset et al. 2009, eq. (3.7)).

    The approximation for whole numbers is good from a smallest degree of about 6. NaN where all are the same.
    """
    if degree.min() == degree.max():
        return float("nan")
    return float(1 + len(degree) / np.log(degree / (degree.min() - 0.5)).sum())


def _groups(patches: PatchTable) -> list[tuple[str, np.ndarray]]:
    keys = np.column_stack([patches.brain, np.array(SIDES)[patches.side], patches.split])
    names, which = np.unique(keys, axis=0, return_inverse=True)
    return [(", ".join(name), np.flatnonzero(which.ravel() == i)) for i, name in enumerate(names)]


def _pairs_of_group(n: int, settings: PairSettings, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """As many pairs as patches: every other patch joins one hub, then as many join a second as there are hubs."""
    hubs = max(2, round(settings.hub_fraction * n))
    shuffled = rng.permutation(n)
    hub_rows, other_rows = shuffled[:hubs], shuffled[hubs:]
    stubs = rng.permutation(np.repeat(np.arange(hubs), hub_degrees(hubs, n, n - hubs, settings.gamma, rng)))
    others = np.concatenate([np.arange(n - hubs), np.zeros(hubs, int)])
    joined = np.zeros((hubs, n - hubs), bool)
    joined[stubs[: n - hubs], others[: n - hubs]] = True
    for i in range(n - hubs, n):
        others[i] = rng.choice(np.flatnonzero(~joined[stubs[i]]))
        joined[stubs[i], others[i]] = True
    return hub_rows[stubs], other_rows[others]


def hub_degrees(hubs: int, total: int, most: int, gamma: float, rng: np.random.Generator) -> Int[np.ndarray, "h"]:
    """Degrees of a power law, scaled so that they sum to `total`, each in 1..most.

    Scaling leaves the exponent as it is. What rounding and the limits leave over is spread one by one.

    Raises:
        ValueError: no such degrees exist.
    """
    if not hubs <= total <= hubs * most:
        raise ValueError(f"{hubs} degrees in 1..{most} cannot sum to {total}")
    drawn = (1 - rng.random(hubs)) ** (-1 / (gamma - 1))
    degree = np.clip(np.floor(total * drawn / drawn.sum()), 1, most).astype(int)
    while missing := total - degree.sum():
        step = 1 if missing > 0 else -1
        free = rng.permutation(np.flatnonzero(degree < most if step > 0 else degree > 1))
        degree[free[: abs(missing)]] += step
    return degree


def _degrees(first: np.ndarray, second: np.ndarray, n_patches: int) -> np.ndarray:
    return np.bincount(first, minlength=n_patches) + np.bincount(second, minlength=n_patches)


def _by_source(first: np.ndarray, second: np.ndarray, n_patches: int) -> tuple[np.ndarray, np.ndarray]:
    degree = _degrees(first, second, n_patches)
    swap = (degree[second] > degree[first]) | ((degree[second] == degree[first]) & (second < first))
    return np.where(swap, second, first), np.where(swap, first, second)
