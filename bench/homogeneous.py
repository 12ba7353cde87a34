"""Ribbons of homogeneous cortex, and ones with a border: rows of ten profile features, 128 µm apart."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from gennari.classical.profiles import profile_features
from gennari.classical.series import INNER, OUTER
from gennari.phantom.flat import flat_strip
from gennari.phantom.layers import COLUMNS, profile_tables
from gennari.recipes.phantoms import phantom_settings

ROW_PX = 4
"""Pixels of 32 µm in a row of 128 µm."""
SETTINGS = phantom_settings("default")
AREAS = profile_tables(SETTINGS.area_contrast)
ONE = profile_tables(one_cytoarchitecture=True)
LENGTHS_MM = (40.0, 60.0)
FEATURES = 10
LAGS_ROWS = ((5.0, 0.5), (20.0, 0.5))
"""Of the Gaussian null: SD of the kernels that its rows are smoothed with, and the variance of each part, beside white
noise of variance 0.5; phantom strips are correlated by 0.7 in neighbouring rows and by 0.4 over 16 (mean of y)."""


def gaussian_rows(rng: np.random.Generator, closed: bool) -> Float[np.ndarray, "n p"]:
    """A Gaussian series of features that depend on each other and along the ribbon."""
    n = round(rng.uniform(*LENGTHS_MM) / 0.128)
    length = n if closed else n + 200
    rows = np.sqrt(0.5) * rng.normal(size=(length, FEATURES))
    for sd_rows, variance in LAGS_ROWS:
        smooth = gaussian_filter1d(rng.normal(size=(length, FEATURES)), sd_rows, axis=0, mode="wrap")
        # the sum of a Gaussian kernel's squares
        rows += smooth * np.sqrt(variance * 2 * np.sqrt(np.pi) * sd_rows)
    mixed = rows @ rng.normal(size=(FEATURES, FEATURES))
    return mixed if closed else mixed[100 : 100 + n]


def strip_rows(rng: np.random.Generator) -> Float[np.ndarray, "n 10"]:
    """A flat strip of the phantom with one cytoarchitecture everywhere."""
    return _described(flat_strip(ONE, [0], rng.uniform(*LENGTHS_MM), SETTINGS, rng))


def bordered_rows(names: Sequence[str], rng: np.random.Generator) -> Float[np.ndarray, "n 10"]:
    """A flat strip of areas, each on an equal part of it."""
    columns = [COLUMNS.index(name) for name in names]
    return _described(flat_strip(AREAS, columns, rng.uniform(*LENGTHS_MM), SETTINGS, rng))


def contrast(names: Sequence[str], rng: np.random.Generator, strips: int) -> float:
    """Mahalanobis distance of the mean features of two areas, by the covariance of profiles within an area."""
    one, two = (np.concatenate([bordered_rows([name], rng) for _ in range(strips)]) for name in names)
    step = one.mean(axis=0) - two.mean(axis=0)
    return float(np.sqrt(step @ np.linalg.solve((np.cov(one.T) + np.cov(two.T)) / 2, step)))


def stepped(rows: Float[np.ndarray, "n p"], size: float, rng: np.random.Generator) -> Float[np.ndarray, "n p"]:
    """A border in the middle: a step of this Mahalanobis length by the rows' own covariance, in a random direction."""
    direction = rng.normal(size=rows.shape[1])
    direction /= np.linalg.norm(direction)
    behind = np.arange(len(rows)) >= len(rows) // 2
    return rows + size * behind[:, None] * (np.linalg.cholesky(np.cov(rows.T)) @ direction)


def _described(image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "n 10"]:
    depth = (np.arange(len(image)) + 0.5) / len(image)
    inner = 255 - image[(depth >= OUTER) & (depth <= INNER)].astype(np.float64)
    n = image.shape[1] // ROW_PX
    return profile_features(inner[:, : n * ROW_PX].reshape(len(inner), n, ROW_PX).mean(axis=2).T)
