"""Profiles across the cortex and the ten features that describe one (Schleicher et al. 1999)."""

import numpy as np
from jaxtyping import Float
from scipy import ndimage

FEATURE_NAMES = tuple(
    f"{what}_{of}" for of in ("y", "dy") for what in ("mean", "centre", "deviation", "skewness", "kurtosis")
)
"""Columns of `profile_features`."""


def read_profiles(
    values: Float[np.ndarray, "h w"], spacing_um: float, places_um: Float[np.ndarray, "depth arc 2"]
) -> Float[np.ndarray, "arc depth"]:
    """Profiles of an image along traverses, pia first.

    Linear between pixel centres; beyond the outermost centres the edge pixel's value.

    Args:
        values: grey level index, or grey values, of one section from its corner on.
        spacing_um: of `values`.
        places_um: (row, col) in SECTION_UM for each depth and each traverse, as the unrolled cortex gives them.
    """
    at_px = np.moveaxis(places_um / spacing_um - 0.5, -1, 0)  # centres of pixels are at + 0.5
    return np.asarray(ndimage.map_coordinates(values.astype(float), at_px, order=1, mode="nearest")).T


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
