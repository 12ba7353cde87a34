"""Kinds of cortex that a network tells apart by itself: k-means over its features."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.cluster.vq import vq

MOST_ROWS = 20_000
"""Rows that centres are sought on; the others are only told which centre is nearest."""
MOST_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class FeatureClusters:
    """Groups of feature vectors.

    Attributes:
        label: 0..k-1 for each row, in the order of the centres along their first principal component, so that groups
            with like numbers have like features; -1 where a feature is NaN.
        centres: of the groups.
        within_share: part of the variance that is left within groups.
    """

    label: Int[np.ndarray, "n"]
    centres: Float[np.ndarray, "k f"]
    within_share: float


def feature_clusters(
    features: Float[np.ndarray, "n f"], count: int, rng: np.random.Generator, restarts: int = 5
) -> FeatureClusters:
    """Lloyd's k-means from k-means++ starts; of several the one that leaves the least variance within groups.

    Features are taken as they are: the network's own distance is the Euclidean one between them.

    Args:
        features: of places; rows with NaN belong to no group.
        count: k.
        rng: source of all chance.
        restarts: how many starts.

    Raises:
        ValueError: there are fewer distinct rows than groups, or no group.
    """
    known = np.isfinite(features).all(axis=1)
    rows = features[known].astype(float)
    sought = rows if len(rows) <= MOST_ROWS else rows[rng.choice(len(rows), MOST_ROWS, replace=False)]
    distinct = len(np.unique(sought, axis=0))
    if count < 1 or distinct < count:
        raise ValueError(f"{count} groups need as many different feature vectors, and at least one; got {distinct}")
    tried = [_centres(sought, count, rng) for _ in range(restarts)]
    centres = min(tried, key=lambda found: float((vq(sought, found)[1] ** 2).sum()))
    centres = centres[_along_first_component(centres)]
    label = np.full(len(features), -1)
    label[known], distance = vq(rows, centres)
    total = float(((rows - rows.mean(axis=0)) ** 2).sum())
    return FeatureClusters(
        label=label, centres=centres, within_share=float((distance**2).sum()) / total if total else 0.0
    )


def _centres(rows: Float[np.ndarray, "n f"], count: int, rng: np.random.Generator) -> Float[np.ndarray, "k f"]:
    """Centres after one start: first ones far apart by chance (Arthur & Vassilvitskii 2007), then Lloyd's steps."""
    centres = rows[rng.integers(len(rows), size=1)]
    while len(centres) < count:
        squared = vq(rows, centres)[1] ** 2
        centres = np.concatenate([centres, rows[[rng.choice(len(rows), p=squared / squared.sum())]]])
    for _ in range(MOST_STEPS):
        nearest, distance = vq(rows, centres)
        size = np.bincount(nearest, minlength=count)
        sums = np.stack([np.bincount(nearest, column, count) for column in rows.T], axis=1)
        # a group that ran empty begins anew at the row that is farthest from all centres
        moved = np.where(size[:, None] > 0, sums / np.maximum(size, 1)[:, None], rows[distance.argmax()])
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _along_first_component(centres: Float[np.ndarray, "k f"]) -> Int[np.ndarray, "k"]:
    """Order of the centres; the component's sign is the one that makes its largest part positive."""
    centred = centres - centres.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    return np.argsort(centred @ (axis * np.sign(axis[np.abs(axis).argmax()])), kind="stable")
