"""Which patches are paired (how far apart they are: distances.py)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int, Int32
from pydantic import BaseModel, ConfigDict, Field

from gennari.errors import InputError
from gennari.records import SIDES, PatchTable
from gennari.sampling.degrees import configuration_degrees, fitted_exponent, hub_degrees

ROUNDS = 1000
"""Stub matching mends its last faulty pairs in a few rounds; degrees that cannot be matched are drawn again."""


class PairSettings(BaseModel):
    """How pairs are drawn and measured.

    Attributes:
        degrees: "hubs": a few patches take part in many pairs, the others join them; "configuration": every patch
            draws its number of pairs from one power law, stubs are matched at random. The latter needs thirty times as
            many sources of distances.
        hub_fraction: share of the patches that are hubs. Each hub is one source of distances; all others join hubs.
        gamma: exponent of the hubs' degrees, P(k) ∝ k^-gamma for k >= k_min. k_min follows: the degrees of the hubs
            sum to the number of pairs, so their mean is 1 / hub_fraction. With "configuration" the exponent follows.
        cross_hemisphere: pairs may span both hemispheres; the right one's places are then measured where they lie on
            the left one.
        exact: distances by the exact method, seconds a source, instead of the calibrated front.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    degrees: Literal["hubs", "configuration"] = "hubs"
    hub_fraction: float = Field(default=0.01, gt=0, le=0.5)
    gamma: float = Field(default=2.5, gt=1)
    cross_hemisphere: bool = False
    exact: bool = False


@dataclass(frozen=True, kw_only=True)
class PairSummary:
    """What the pairs of one group of patches (brain, hemisphere, split) turned out to be.

    Attributes:
        sources: number of places distances were computed from.
        exponent: of the degrees, of the hubs or of all patches, as they were drawn; fitted by maximum likelihood; NaN
            with fewer than two different degrees.
        k_min: smallest of these degrees.
        k_max: largest.
    """

    pairs: int
    sources: int
    exponent: float
    k_min: int
    k_max: int


def draw_pairs(
    patches: PatchTable, settings: PairSettings, rng: np.random.Generator
) -> tuple[Int32[np.ndarray, "p"], Int32[np.ndarray, "p"]]:
    """As many pairs as patches, each patch at least once (Spitzer et al. 2018, section 3.1); hubs come first.

    Pairs stay within brain and split, and within a hemisphere unless the settings let them cross; no patch meets
    itself and no pair comes twice. Departure: the paper says only that degrees follow a power law; by default few hubs
    carry it here, so that few distance sources are needed.

    Raises:
        InputError: a group of patches that may meet has fewer than four.
    """
    first, second = [np.zeros(0, int)], [np.zeros(0, int)]
    pairs_of_group = _hub_pairs if settings.degrees == "hubs" else _configuration_pairs
    for name, rows in _groups(patches, settings):
        if len(rows) < 4:
            raise InputError(
                f"pairs need at least four patches in each hemisphere of each split, got {len(rows)} in {name}; "
                "sample more patches or hold out more sections"
            )
        one, other = pairs_of_group(len(rows), settings, rng)
        first.append(rows[one])
        second.append(rows[other])
    return np.concatenate(first).astype(np.int32), np.concatenate(second).astype(np.int32)


def summarise_pairs(
    patches: PatchTable, first: Int[np.ndarray, "p"], second: Int[np.ndarray, "p"], settings: PairSettings
) -> dict[str, PairSummary]:
    """Number of sources and the exponent of the degrees, by "brain, side, split".

    Not over all: groups of other sizes have other smallest degrees, and their mixture is no power law.
    """
    source, _ = by_source(first, second, len(patches))
    degree = _degrees(first, second, len(patches))
    summaries: dict[str, PairSummary] = {}
    for name, rows in _groups(patches, settings):
        of_group = source[np.isin(source, rows)]
        if len(of_group):
            sources = np.unique(of_group)
            drawn = degree[sources if settings.degrees == "hubs" else rows]
            summaries[name] = PairSummary(
                pairs=len(of_group),
                sources=len(sources),
                exponent=fitted_exponent(drawn),
                k_min=int(drawn.min()),
                k_max=int(drawn.max()),
            )
    return summaries


def by_source(
    first: Int[np.ndarray, "p"], second: Int[np.ndarray, "p"], n_patches: int
) -> tuple[Int[np.ndarray, "p"], Int[np.ndarray, "p"]]:
    """The canonical source of each pair, and its other patch, whichever way round it is written.

    The source is the patch with more pairs, the lower row on a tie. Few patches are sources that way: 2 % more than a
    greedy vertex cover needs, where degrees follow a power law.
    """
    degree = _degrees(first, second, n_patches)
    swap = (degree[second] > degree[first]) | ((degree[second] == degree[first]) & (second < first))
    return np.where(swap, second, first), np.where(swap, first, second)


def _groups(patches: PatchTable, settings: PairSettings) -> list[tuple[str, np.ndarray]]:
    """Rows of the patches that may meet, by name."""
    sides = np.array(SIDES)[patches.side]
    keys = np.column_stack(
        [patches.brain, np.full_like(sides, "B") if settings.cross_hemisphere else sides, patches.split]
    )
    names, which = np.unique(keys, axis=0, return_inverse=True)
    return [(", ".join(name), np.flatnonzero(which.ravel() == i)) for i, name in enumerate(names)]


def _degrees(first: np.ndarray, second: np.ndarray, n_patches: int) -> np.ndarray:
    return np.bincount(first, minlength=n_patches) + np.bincount(second, minlength=n_patches)


def _hub_pairs(n: int, settings: PairSettings, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
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


def _configuration_pairs(n: int, settings: PairSettings, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Match stubs at random; pairs of one patch with itself and pairs that come twice are shuffled with sound ones."""
    while True:
        stubs = rng.permutation(np.repeat(np.arange(n), configuration_degrees(n, rng))).reshape(2, n)
        for _ in range(ROUNDS):
            faulty = _faulty(stubs, n)
            if not len(faulty):
                return stubs[0], stubs[1]
            mixed = np.unique(np.concatenate([faulty, rng.integers(0, n, len(faulty) + 1)]))
            stubs[:, mixed] = rng.permutation(stubs[:, mixed].ravel()).reshape(2, -1)


def _faulty(stubs: Int[np.ndarray, "2 n"], n: int) -> Int[np.ndarray, "f"]:
    """Which pairs are of one patch, or have come before."""
    keys = np.sort(stubs, axis=0)
    _, where = np.unique(keys[0] * n + keys[1], return_index=True)
    again = np.ones(n, bool)
    again[where] = False
    return np.flatnonzero(again | (stubs[0] == stubs[1]))
