"""From tissue to grey values: neuropil, cells, vessels, stain and damage become the pixels of a window.

Neuropil has a fine grain (noise on lattices of 3 and 12 µm); where pixels are wider than a lattice, its mean over the
pixel is drawn in its place. All chance depends on the place on the section.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float32
from numba import njit

from gennari.phantom.chance import key, normal
from gennari.phantom.paint import Grid
from gennari.phantom.tiles import Tiles

GRAIN_UM, GRAIN_SD = (3.0, 12.0), (0.05, 0.04)
"""Lattices of the neuropil's grain, and its SD as a share of -log transmission at the lattice's nodes."""
LUMEN_TRANSMISSION = 0.97
GLASS = 255.0
DUST_TRANSMISSION = 0.12


class Lattice(NamedTuple):
    """Values on a regular lattice of the section, interpolated between its nodes.

    Attributes:
        row0_um, col0_um: place of the first node.
    """

    row0_um: float
    col0_um: float
    step_um: float
    values: Float32[np.ndarray, "h w"]


def neuropil_lattice(tiles: Tiles, base: Float32[np.ndarray, "h w"], aligned: bool) -> Lattice:
    """-log transmission between cells, from its values at the tiles' centres.

    Where pixels are not the tiles themselves it is carried on by two tiles beyond the tissue, for interpolation.
    """
    if aligned:
        return _centres(tiles, base)
    values = np.where(tiles.tissue, base, 0).astype(np.float32)
    for _ in range(2):
        _carry_on(values, values > 0)
    return _centres(tiles, values)


def tissue_lattice(tiles: Tiles) -> Lattice:
    """1 where a tile's centre is tissue."""
    return _centres(tiles, tiles.tissue.astype(np.float32))


def _centres(tiles: Tiles, values: Float32[np.ndarray, "h w"]) -> Lattice:
    step_um = tiles.tile_um
    return Lattice((tiles.first_row + 0.5) * step_um, (tiles.first_col + 0.5) * step_um, step_um, values)


@no_type_check
@njit(cache=True)
def _carry_on(values, known):
    """Give unknown neighbours of what is known the mean of what they touch."""
    height, width = values.shape
    fresh = values.copy()
    for row in range(height):
        for col in range(width):
            if known[row, col]:
                continue
            total, count = 0.0, 0
            for i in range(max(row - 1, 0), min(row + 2, height)):
                for j in range(max(col - 1, 0), min(col + 2, width)):
                    if known[i, j]:
                        total += fresh[i, j]
                        count += 1
            if count:
                values[row, col] = total / count


@no_type_check
@njit(cache=True, inline="always")
def _at(lattice, row_um, col_um):
    r = (row_um - lattice.row0_um) / lattice.step_um
    c = (col_um - lattice.col0_um) / lattice.step_um
    height, width = lattice.values.shape
    i, j = int(np.floor(r)), int(np.floor(c))
    fr, fc = r - i, c - j
    i0, i1 = min(max(i, 0), height - 1), min(max(i + 1, 0), height - 1)
    j0, j1 = min(max(j, 0), width - 1), min(max(j + 1, 0), width - 1)
    upper = lattice.values[i0, j0] * (1 - fc) + lattice.values[i0, j1] * fc
    return upper * (1 - fr) + (lattice.values[i1, j0] * (1 - fc) + lattice.values[i1, j1] * fc) * fr


@no_type_check
@njit(cache=True, inline="always")
def _grain(seed, row_um, col_um, spacing_um, lattice_um):
    """Noise on a lattice, interpolated; SD 1 at the nodes."""
    if spacing_um > lattice_um:
        at = key(seed, int(np.floor(row_um / spacing_um)), int(np.floor(col_um / spacing_um)))
        return normal(at, 0) * lattice_um / spacing_um
    r, c = row_um / lattice_um, col_um / lattice_um
    i, j = int(np.floor(r)), int(np.floor(c))
    fr, fc = r - i, c - j
    upper = normal(key(seed, i, j), 0) * (1 - fc) + normal(key(seed, i, j + 1), 0) * fc
    lower = normal(key(seed, i + 1, j), 0) * (1 - fc) + normal(key(seed, i + 1, j + 1), 0) * fc
    return upper * (1 - fr) + lower * fr


def tissue_light(
    seed: int, grid: Grid, tissue: Lattice, neuropil: Lattice, light: Lattice, cells: Float32[np.ndarray, "h w"],
    lumen: Float32[np.ndarray, "h w"], wall: Float32[np.ndarray, "h w"], double: Float32[np.ndarray, "h w"],
    holes: Float32[np.ndarray, "h w"],
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:  # fmt: skip
    """Transmission of each pixel, 1 on glass, and where any tissue is.

    Args:
        seed: the section's.
        grid: the window's pixels.
        tissue: 0 to 1.
        neuropil: -log transmission between cells.
        light: gain of -log transmission.
        cells: share of light that passes the cells.
        lumen: share of the pixel inside vessels.
        wall: share of light that passes their walls.
        double: share that lies double.
        holes: share that is bare glass.
    """
    out = np.ones((grid.height, grid.width), np.float32)
    where = np.zeros(out.shape, np.bool_)
    _tissue_light(np.uint64(seed), grid, tissue, neuropil, light, cells, lumen, wall, double, holes, out, where)
    return out, where


@no_type_check
@njit(cache=True)
def _tissue_light(seed, grid, tissue, neuropil, light, cells, lumen, wall, double, holes, out, where):
    flat = np.zeros((1, 1), np.float32)
    damaged, vascular = double.shape != flat.shape, lumen.shape != flat.shape
    for i in range(grid.height):
        for j in range(grid.width):
            down, right = (i + 0.5) * grid.spacing_um, (j + 0.5) * grid.spacing_um
            row = grid.row0_um + grid.cos * down - grid.sin * right
            col = grid.col0_um + grid.sin * down + grid.cos * right
            inside = _at(tissue, row, col)
            if inside <= 0:
                continue
            if grid.spacing_um < 0.5 * tissue.step_um:
                # a fine pixel meets the contour itself: half way between tissue and glass, one pixel wide
                inside = min(max((inside - 0.5) * tissue.step_um / grid.spacing_um + 0.5, 0.0), 1.0)
                if inside <= 0:
                    continue
            grain = 1.0
            for k in range(2):
                grain += GRAIN_SD[k] * _grain(seed + np.uint64(k), row, col, grid.spacing_um, GRAIN_UM[k])
            through = np.exp(-_at(neuropil, row, col) * max(grain, 0.0)) * cells[i, j]
            if vascular:
                through = through * wall[i, j] * (1 - lumen[i, j]) + LUMEN_TRANSMISSION * lumen[i, j]
            stain = _at(light, row, col)
            if damaged:
                # part of the pixel lies double: the mean of both
                once = through**stain
                share = double[i, j]
                stained = once * (1 - share) + once * once * share
                inside *= 1 - holes[i, j]
            else:
                stained = through**stain
            out[i, j] = inside * stained + (1 - inside)
            where[i, j] = inside > 0


def photograph(
    seed: int, grid: Grid, transmission: Float32[np.ndarray, "h w"], where: Bool[np.ndarray, "h w"],
    dust: Float32[np.ndarray, "h w"], camera_sd: float,
) -> Float32[np.ndarray, "h w"]:  # fmt: skip
    """Grey values 0..255: dust on top, the camera's noise on tissue (glass is saturated).

    Args:
        camera_sd: in a pixel of 1 µm; a wider pixel is the mean of those it covers.
    """
    return _photograph(np.uint64(seed), grid, transmission, where, dust, camera_sd)


@no_type_check
@njit(cache=True)
def _photograph(seed, grid, transmission, where, dust, camera_sd):
    out = np.empty(transmission.shape, np.float32)
    dusty = dust.shape == transmission.shape
    sd = camera_sd / max(grid.spacing_um, 1.0)
    for i in range(grid.height):
        for j in range(grid.width):
            value = transmission[i, j]
            if dusty:
                value *= 1 - dust[i, j] * (1 - DUST_TRANSMISSION)
            value *= GLASS
            if where[i, j] and sd > 0:
                down, right = (i + 0.5) * grid.spacing_um, (j + 0.5) * grid.spacing_um
                row = grid.row0_um + grid.cos * down - grid.sin * right
                col = grid.col0_um + grid.sin * down + grid.cos * right
                at = key(seed + np.uint64(9), int(np.floor(row / grid.spacing_um)), int(np.floor(col / grid.spacing_um)))
                value += sd * normal(at, 1)
            out[i, j] = min(max(value, 0.0), GLASS)
    return out
