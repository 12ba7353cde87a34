"""The ten features that describe a profile across the cortex (Schleicher et al. 1999)."""

import numpy as np
from jaxtyping import Float

FEATURE_NAMES = tuple(
    f"{what}_{of}" for of in ("y", "dy") for what in ("mean", "centre", "deviation", "skewness", "kurtosis")
)
"""Columns of `profile_features`."""


def profile_features(profiles: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n 10"]:
    """Ten features of each profile y(x), x = 0..100 % of the depth, d >= 3 equidistant samples.

    Mean of y; then y taken as a distribution over x: centre of gravity Σxy/Σy, standard deviation, skewness and
    kurtosis (third and fourth central moment over the powers of the deviation; 3 is not subtracted); and the same five
    of |dy/dx| (per %; central differences, one-sided at the ends).

    Raises:
        ValueError: a profile is negative somewhere, constant, or all its weight lies at one depth.
    """
    depth = np.linspace(0, 100, profiles.shape[1])
    slope = np.abs(np.gradient(profiles, depth, axis=1))
    return np.concatenate([_five(profiles, depth, "profile"), _five(slope, depth, "slope of profile")], axis=1)


def _five(y: np.ndarray, depth: np.ndarray, what: str) -> np.ndarray:
    spread = (y > 0).sum(axis=1) >= 2
    bad = np.flatnonzero(~spread | (y < 0).any(axis=1) | ~np.isfinite(y).all(axis=1))
    if bad.size:
        raise ValueError(
            f"a profile must be finite, >= 0 and vary with depth, {what} {bad[0]} does not "
            f"({y[bad[0]].min():.3g}..{y[bad[0]].max():.3g}); does its traverse lie on empty glass?"
        )
    share = y / y.sum(axis=1, keepdims=True)
    centre = share @ depth
    arm = depth - centre[:, None]
    second, third, fourth = ((share * arm**k).sum(axis=1) for k in (2, 3, 4))
    deviation = np.sqrt(second)
    return np.stack([y.mean(axis=1), centre, deviation, third / deviation**3, fourth / second**2], axis=1)
