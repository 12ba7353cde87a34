"""Pairs of patches that lie close together along the cortex, for a contrast; hub pairs are mostly far apart."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from gennari.records import PairTable, PatchTable

CANDIDATES = 16
"""Neighbours that are measured for each patch, drawn at random from those within the radius by the straight line."""
AT_ONCE = 4096
"""Patches whose neighbours are held at a time."""

Along = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(rows (n,), rows (n,)) of patches to (n,) mm along the cortex between them; NaN or too long beyond the radius."""


def draw_near(
    patches: PatchTable,
    places_mm: Float[np.ndarray, "n 3"],
    radius_mm: float,
    along: Along,
    rng: np.random.Generator,
) -> PairTable:
    """For each patch a partner within the radius, one row a patch; patches without one are left out.

    Partners share brain, hemisphere and part of the split, and lie in another section where one does: two patches of
    one section may show the same pixels. Where two patches choose each other the pair comes twice.

    Args:
        patches: all of whose rows look for a partner.
        places_mm: of the patches, in space.
        radius_mm: along the cortex.
        along: measures; only candidates within the radius by the straight line are asked for.
        rng: draws candidates and partners.
    """
    firsts, seconds = [np.zeros(0, int)], [np.zeros(0, int)]
    for rows in _groups(patches):
        first, second = _candidates(places_mm[rows], patches.section[rows], radius_mm, rng)
        firsts.append(rows[first])
        seconds.append(rows[second])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    distance_mm = _measured_once(first, second, len(patches), along)
    near = np.flatnonzero(distance_mm <= radius_mm)  # NaN is not
    _, at = np.unique(first[near], return_index=True)  # candidates stand in the order of preference
    chosen = near[at]
    return PairTable(
        first=first[chosen].astype(np.int32), second=second[chosen].astype(np.int32), distance_mm=distance_mm[chosen]
    )


def add_near(pairs: PairTable, near: PairTable) -> PairTable:
    """Pairs and as many near ones; these come again, or are left out at even steps, until they are as many.

    Raises:
        ValueError: there are no near pairs.
    """
    if not len(near):
        raise ValueError("a contrast needs pairs of patches that lie near each other, got none; enlarge radius_mm")
    again = np.floor(np.arange(len(pairs)) * max(len(near) / max(len(pairs), 1), 1)).astype(int) % len(near)
    return PairTable(
        **{
            name: np.concatenate([getattr(pairs, name), getattr(near, name)[again]])
            for name in PairTable.__dataclass_fields__
        }
    )


def near_among(near: PairTable, pairs: PairTable) -> PairTable:
    """The near pairs of patches that occur in other pairs."""
    known = np.union1d(pairs.first, pairs.second)
    return near.take(np.isin(near.first, known) & np.isin(near.second, known))


def patches_run(pairs: PairTable, batch: int) -> int:
    """Patches that an epoch runs: those of each batch once (one epoch's order stands for all)."""
    order = np.random.default_rng(0).permutation(len(pairs))
    parts = np.array_split(order, max(1, round(len(pairs) / batch)))
    return sum(len(np.unique([pairs.first[part], pairs.second[part]])) for part in parts)


def equal_work(pairs: PairTable, like: PairTable, batch: int) -> int:
    """How many of some pairs an epoch takes to run as many patches as an epoch of others, in whole batches.

    Pairs of hubs share patches, which are run once in a batch, and near pairs do not.
    """
    batches = max(1, round(len(pairs) / batch))
    return batch * max(1, round(patches_run(like, batch) * batches / patches_run(pairs, batch)))


def _groups(patches: PatchTable) -> list[Int[np.ndarray, "g"]]:
    keys = np.column_stack([patches.brain, patches.side.astype(str), patches.split])
    names, which = np.unique(keys, axis=0, return_inverse=True)
    return [np.flatnonzero(which.ravel() == i) for i in range(len(names))]


def _candidates(
    places_mm: Float[np.ndarray, "g 3"], section: Int[np.ndarray, "g"], radius_mm: float, rng: np.random.Generator
) -> tuple[Int[np.ndarray, "c"], Int[np.ndarray, "c"]]:
    """(patch, neighbour): for each patch some neighbours, at random, those of other sections first."""
    tree = KDTree(places_mm)
    firsts, seconds = [np.zeros(0, int)], [np.zeros(0, int)]
    for begin in range(0, len(places_mm), AT_ONCE):
        for row, found in enumerate(tree.query_ball_point(places_mm[begin : begin + AT_ONCE], radius_mm), begin):
            others = rng.permutation(np.asarray(found, int))
            others = others[others != row]
            best = others[np.argsort(section[others] == section[row], kind="stable")][:CANDIDATES]
            firsts.append(np.full(len(best), row))
            seconds.append(best)
    return np.concatenate(firsts), np.concatenate(seconds)


def _measured_once(
    first: Int[np.ndarray, "c"], second: Int[np.ndarray, "c"], n_patches: int, along: Along
) -> Float[np.ndarray, "c"]:
    """Each pair measured once, whichever way round it is written, all of a source in a row."""
    low, high = np.minimum(first, second).astype(np.int64), np.maximum(first, second)
    keys, where = np.unique(low * n_patches + high, return_inverse=True)
    return along(keys // n_patches, keys % n_patches)[where.ravel()]
