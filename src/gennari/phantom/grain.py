"""The grain of neuropil: noise on lattices of the section, fine specks and soft clouds of processes out of focus.

The noise multiplies -log transmission and has mean 0. Where pixels are wider than a lattice, the mean over the pixel is
drawn in its place, with the variance that averaging leaves. All chance depends on the place on the section.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.chance import key, normal
from gennari.phantom.paint import Grid

GRAIN_UM, GRAIN_SD = (3.0, 7.0, 28.0), (0.2, 0.32, 0.28)
"""Lattices, and the SD at their nodes as a share of -log transmission; set by the spectrum of a stained section at 1 µm
(docs/data.md)."""
SKEWED = (False, True, True)
"""Clouds are skewed: mostly a little paler than the mean, here and there much darker."""

SKEW_LOSS = 0.89
"""Light is an exponential, in which dark clouds count less: share of the variance left at a transmission of 0.67."""
ON_NODE = 1e-6
"""So near to a node, in steps, a place has the node's value: pixels of whole sections lie on the tiles' own lattice."""


class Lattice(NamedTuple):
    """Values on a regular lattice of the section, interpolated between its nodes.

    Attributes:
        row0_um, col0_um: place of the first node.
    """

    row0_um: float
    col0_um: float
    step_um: float
    values: Float32[np.ndarray, "h w"]


class Grain(NamedTuple):
    """The noise under a window.

    Attributes:
        lattices: one a scale, SD included; step 0 where pixels are wider.
        pixel_sd: SD of the mean over a pixel of all those scales that are narrower than it.
        variance: of all that is drawn, on the mean over places (4/9 of the nodes': bilinear interpolation).
    """

    lattices: tuple[Lattice, Lattice, Lattice]
    pixel_sd: float
    variance: float


def grain_of(seed: int, grid: Grid) -> Grain:
    """The noise under a window of the section with this seed."""
    fine, middle, coarse = (_lattice(seed + k, grid, k) for k in range(3))
    narrow = [(sd, step_um / grid.spacing_um) for step_um, sd in zip(GRAIN_UM, GRAIN_SD, strict=True)]
    # pixels `1 / n` nodes wide leave a variance of n - 7 / 15 n² along each axis, for bilinear interpolation
    left = SKEW_LOSS * sum((sd * (n - 7 / 15 * n * n)) ** 2 for sd, n in narrow if n < 1)
    drawn = sum(4 / 9 * sd * sd for sd, n in narrow if n >= 1)
    return Grain((fine, middle, coarse), float(np.sqrt(left)), float(left + drawn))


def _lattice(seed: int, grid: Grid, scale: int) -> Lattice:
    step_um = GRAIN_UM[scale]
    if grid.spacing_um > step_um:
        return Lattice(0.0, 0.0, 0.0, np.zeros((1, 1), np.float32))
    down, right = grid.height * grid.spacing_um, grid.width * grid.spacing_um
    rows = grid.row0_um + np.array([0.0, grid.cos * down, -grid.sin * right, grid.cos * down - grid.sin * right])
    cols = grid.col0_um + np.array([0.0, grid.sin * down, grid.cos * right, grid.sin * down + grid.cos * right])
    first_row, first_col = int(np.floor(rows.min() / step_um)), int(np.floor(cols.min() / step_um))
    shape = int(np.ceil(rows.max() / step_um)) - first_row + 2, int(np.ceil(cols.max() / step_um)) - first_col + 2
    values = np.empty(shape, np.float32)
    _nodes(np.uint64(seed), first_row, first_col, GRAIN_SD[scale], SKEWED[scale], values)
    return Lattice(first_row * step_um, first_col * step_um, step_um, values)


@no_type_check
@njit(cache=True)
def _nodes(seed, first_row, first_col, sd, skewed, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            value = normal(key(seed, first_row + i, first_col + j), 0)
            # a squared normal number less its mean: SD 1, skewness 2.8
            out[i, j] = sd * ((value * value - 1.0) * 0.70710678 if skewed else value)


@no_type_check
@njit(cache=True, inline="always")
def pixel_grain(seed, sd, row_um, col_um, spacing_um):
    """The noise of all scales that are narrower than a pixel, with this SD."""
    if sd <= 0.0:
        return 0.0
    return sd * normal(key(seed, int(np.floor(row_um / spacing_um)), int(np.floor(col_um / spacing_um))), 0)


@no_type_check
@njit(cache=True, inline="always")
def between_at(neuropil, factor, variance):
    """-log transmission of neuropil with its grain; to second order its mean transmission is the neuropil's alone."""
    return neuropil * factor + 0.5 * neuropil * neuropil * variance


@no_type_check
@njit(cache=True, inline="always")
def interpolated(lattice, row_um, col_um):
    """The value at a place; beyond the lattice that of its edge."""
    r = (row_um - lattice.row0_um) / lattice.step_um
    c = (col_um - lattice.col0_um) / lattice.step_um
    height, width = lattice.values.shape
    i, j = int(np.floor(r + ON_NODE)), int(np.floor(c + ON_NODE))
    fr, fc = r - i, c - j
    if abs(fr) < 2 * ON_NODE and abs(fc) < 2 * ON_NODE:
        return lattice.values[min(max(i, 0), height - 1), min(max(j, 0), width - 1)]
    i0, i1 = min(max(i, 0), height - 1), min(max(i + 1, 0), height - 1)
    j0, j1 = min(max(j, 0), width - 1), min(max(j + 1, 0), width - 1)
    upper = lattice.values[i0, j0] * (1 - fc) + lattice.values[i0, j1] * fc
    return upper * (1 - fr) + (lattice.values[i1, j0] * (1 - fc) + lattice.values[i1, j1] * fc) * fr
