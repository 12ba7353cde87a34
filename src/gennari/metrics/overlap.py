"""Confusion and overlap of label maps: Dice, shares of classes, confusions by distance."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer


def confusion(
    true: Integer[np.ndarray, "*s"], pred: Integer[np.ndarray, "*s"], classes: int, ignore: int = 255
) -> Integer[np.ndarray, "c c"]:
    """Pixels of true class (row) that were given a class (column), (classes, classes); ignored pixels do not count.

    Raises:
        ValueError: an evaluated pixel has a class outside 0..classes-1.
    """
    valid = true != ignore
    t, p = true[valid].astype(np.int64), pred[valid].astype(np.int64)
    for name, values in (("true", t), ("predicted", p)):
        if values.size and (values.min() < 0 or values.max() >= classes):
            raise ValueError(
                f"{name} classes must lie in 0..{classes - 1} on evaluated pixels, "
                f"got {values.min()}..{values.max()}; another label set?"
            )
    return np.bincount(t * classes + p, minlength=classes * classes).reshape(classes, classes)


def row_normalised(counts: Integer[np.ndarray, "c c"]) -> Float[np.ndarray, "c c"]:
    """Share of each true class that was given each class; rows of classes that are absent are NaN."""
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), np.nan)


def dice_per_class(counts: Integer[np.ndarray, "c c"]) -> Float[np.ndarray, "c"]:
    """Dice of each class from a confusion matrix; NaN for a class that is neither true nor predicted anywhere."""
    hit = np.diag(counts)
    size = counts.sum(axis=0) + counts.sum(axis=1)
    return np.where(size > 0, 2 * hit / np.maximum(size, 1), np.nan)


def macro_dice(dice: Float[np.ndarray, "c"], indices: Sequence[int]) -> float:
    """Mean Dice over the classes `indices`; those that occur nowhere (NaN) are left out, NaN if none is left."""
    chosen = dice[list(indices)]
    chosen = chosen[~np.isnan(chosen)]
    return float(chosen.mean()) if chosen.size else float("nan")


def confused_by_distance(
    counts: Integer[np.ndarray, "c c"],
    distance_mm: Float[np.ndarray, "a a"],
    first_area: int,
    edges_mm: Sequence[float | int],
) -> Float[np.ndarray, "b"]:
    """Share of the areas' pixels that were given another area, by how far apart the two areas lie on the surface.

    Spitzer et al. 2018, section 4, claims that pre-training makes confusions of distant areas go away.

    Args:
        counts: confusion matrix over all classes; rows are the truth.
        distance_mm: between areas, 0 for areas that touch.
        first_area: index of the first area's class; pixels of earlier classes do not count.
        edges_mm: rising. The first bin holds distances up to the first edge, the last those beyond the last.

    Returns:
        One share a bin, of all pixels whose true class is an area; NaN where there is none. What is missing to 1 was
        right or was given no area.

    Raises:
        ValueError: a distance is NaN, or there is not one for each pair of areas.
    """
    areas = counts[first_area:, first_area:]
    if distance_mm.shape != areas.shape or np.isnan(distance_mm).any():
        raise ValueError(
            f"confusions by distance need one distance for each pair of {len(areas)} areas and no NaN, "
            f"got {distance_mm.shape}"
        )
    total, wrong = counts[first_area:].sum(), areas * ~np.eye(len(areas), dtype=bool)
    which = np.searchsorted(np.asarray(edges_mm, float), distance_mm, side="left")
    pixels = np.bincount(which.ravel(), wrong.ravel(), minlength=len(edges_mm) + 1)
    return pixels / total if total else np.full(len(pixels), np.nan)
