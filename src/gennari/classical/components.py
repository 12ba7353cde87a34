"""Principal components of learned features: as many numbers a row as a profile has, so that tests compare alike."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, kw_only=True)
class Components:
    """Directions of the largest variance of some rows, p of them in k dimensions.

    Attributes:
        mean: of the rows.
        axes: orthonormal, the largest variance first; each one's largest entry is positive.
        explained: share of the rows' variance along each.
    """

    mean: Float[np.ndarray, "k"]
    axes: Float[np.ndarray, "p k"]
    explained: Float[np.ndarray, "p"]

    def __call__(self, features: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n p"]:
        """Rows along the axes, from the mean; NaN for rows that hold NaN."""
        return (features - self.mean) @ self.axes.T


def fit_components(features: Float[np.ndarray, "n k"], count: int = 10) -> Components:
    """Fit principal components; scales are kept, since distances between learned features are Euclidean.

    Args:
        features: rows of training sections only; those that hold NaN do not count.
        count: how many components.

    Raises:
        ValueError: the rows do not vary in so many directions.
    """
    known = features[np.isfinite(features).all(axis=1)].astype(np.float64)
    if not len(known):
        raise ValueError(f"{count} components need rows that are known, got none; were the training sections lost?")
    mean = known.mean(axis=0)
    centred = known - mean
    variance, axes = np.linalg.eigh(centred.T @ centred / len(known))
    variance, axes = variance[::-1], axes.T[::-1]
    varying = int((variance > 1e-12 * variance[0]).sum()) if variance[0] > 0 else 0
    if varying < count:
        raise ValueError(
            f"{count} components need rows that vary in as many directions, got {len(known)} rows that vary in "
            f"{varying}; give more rows or ask for fewer components"
        )
    largest = np.abs(axes[:count]).argmax(axis=1)
    signs = np.sign(axes[np.arange(count), largest])
    return Components(mean=mean, axes=axes[:count] * signs[:, None], explained=variance[:count] / variance.sum())
