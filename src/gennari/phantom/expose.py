"""From tissue to grey values: neuropil, cells, vessels, stain and damage become the pixels of a window.

All chance depends on the place on the section.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float32
from numba import njit
from scipy import ndimage

from gennari.phantom.chance import key, normal
from gennari.phantom.grain import Lattice, between_at, grain_of, interpolated, pixel_grain
from gennari.phantom.paint import Grid
from gennari.phantom.tiles import Tiles

LUMEN_TRANSMISSION = 0.97
EDGE_SD, EDGE_ROUGHNESS, ROUGHEST = 1.2, 0.6, 0.3
"""The contour of tissue at fine spacing: smoothed by this many steps of its lattice, and rough by the grain."""
GLASS = 255.0
DUST_TRANSMISSION = 0.12
DARKEST = 1e-6


def neuropil_lattice(tiles: Tiles, base: Float32[np.ndarray, "h w"], aligned: bool) -> Lattice:
    """-log transmission between cells, from its values at the tiles' centres.

    Where pixels are not the tiles themselves it is carried on by two tiles beyond the tissue, for interpolation.
    """
    values = base
    if not aligned:
        values = np.where(tiles.tissue, base, 0).astype(np.float32)
        for _ in range(2):
            _carry_on(values, values > 0)
    return _centres(values, (tiles.first_row, tiles.first_col), tiles.tile_um)


def tissue_lattice(tissue: Bool[np.ndarray, "h w"], corner: tuple[int, int], spacing_um: float) -> Lattice:
    """1 where a pixel of a block of the section's grid of this spacing is tissue."""
    return _centres(tissue.astype(np.float32), corner, spacing_um)


def smooth_edge(lattice: Lattice) -> Lattice:
    """The same tissue with the steps of its pixels smoothed away: fine windows show its contour."""
    values = np.asarray(ndimage.gaussian_filter(lattice.values, EDGE_SD, mode="nearest"))
    return lattice._replace(values=values)


def _centres(values: Float32[np.ndarray, "h w"], corner: tuple[int, int], spacing_um: float) -> Lattice:
    return Lattice((corner[0] + 0.5) * spacing_um, (corner[1] + 0.5) * spacing_um, spacing_um, values)


@no_type_check
@njit(cache=True, error_model="numpy")
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


def tissue_light(
    seed: int, grid: Grid, tissue: Lattice, neuropil: Lattice, light: Lattice, gain: float,
    cells: Float32[np.ndarray, "h w"], lumen: Float32[np.ndarray, "_ _"], wall: Float32[np.ndarray, "_ _"],
    double: Float32[np.ndarray, "_ _"], holes: Float32[np.ndarray, "_ _"],
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:  # fmt: skip
    """Transmission of each pixel, 1 on glass, and where any tissue is.

    Args:
        seed: the section's.
        grid: the window's pixels.
        tissue: 0 to 1.
        neuropil: -log transmission between cells.
        light: factor on -log transmission, about 1: the stain's gradient over the section.
        gain: of the section's stain: a factor on -log transmission between cells and of vessels' walls.
        cells: share of light that passes the cells, drawn at this gain.
        lumen: share of the pixel inside vessels; (1, 1) here and below where there is nothing of the kind.
        wall: share of light that passes their walls.
        double: share that lies double.
        holes: share that is bare glass.
    """
    out = np.ones((grid.height, grid.width), np.float32)
    where = np.zeros(out.shape, np.bool_)
    grain = grain_of(seed, grid)
    _tissue_light(
        np.uint64(seed), grid, grain, tissue, neuropil, light, gain, cells, lumen, wall, double, holes, out, where
    )
    return out, where


@no_type_check
@njit(cache=True, error_model="numpy")
def _tissue_light(seed, grid, grain, tissue, neuropil, light, gain, cells, lumen, wall, double, holes, out, where):
    flat = np.zeros((1, 1), np.float32)
    damaged, vascular = double.shape != flat.shape, lumen.shape != flat.shape
    # a fine pixel meets the contour of tissue itself
    steps = tissue.step_um / grid.spacing_um if grid.spacing_um < 0.5 * tissue.step_um else 0.0
    # taken out of their record here: a record handed on for each pixel costs as much as the rest of it
    small, middle, large = grain.lattices
    for i in range(grid.height):
        for j in range(grid.width):
            down, right = (i + 0.5) * grid.spacing_um, (j + 0.5) * grid.spacing_um
            row = grid.row0_um + grid.cos * down - grid.sin * right
            col = grid.col0_um + grid.sin * down + grid.cos * right
            inside = interpolated(tissue, row, col)
            if inside <= 0:
                continue
            factor = 1.0 + pixel_grain(seed, grain.pixel_sd, row, col, grid.spacing_um)
            if large.step_um > 0.0:
                for lattice in (small, middle, large):
                    if lattice.step_um > 0.0:
                        factor += interpolated(lattice, row, col)
            inside = _within(inside, max(factor, 0.0), steps)
            if inside <= 0:
                continue
            absorbed = gain * between_at(interpolated(neuropil, row, col), max(factor, 0.0), grain.variance)
            absorbed += _taken(cells[i, j])
            pale = 0.0
            if vascular:
                pale = lumen[i, j]
                absorbed += gain * _taken(wall[i, j])
            stained = np.exp(-interpolated(light, row, col) * absorbed)
            stained = stained * (1 - pale) + LUMEN_TRANSMISSION * pale
            if damaged:
                # part of the pixel lies double: the mean of both
                stained = stained * (1 - double[i, j]) + stained * stained * double[i, j]
                inside *= 1 - holes[i, j]
            out[i, j] = inside * stained + (1 - inside)
            where[i, j] = inside > 0


@no_type_check
@njit(cache=True, inline="always")
def _taken(passing):
    """-log of a transmission."""
    return 0.0 if passing >= 1.0 else -np.log(max(passing, DARKEST))


@no_type_check
@njit(cache=True, inline="always")
def _within(inside, factor, steps):
    """Share of a pixel in tissue: a fine one, `steps` to a step of the contour, is cut by it half way to glass."""
    if steps <= 0.0:
        return inside
    rough = min(max(EDGE_ROUGHNESS * (factor - 1.0), -ROUGHEST), ROUGHEST)
    return min(max((inside - 0.5 + rough) * steps + 0.5, 0.0), 1.0)


def photograph(
    seed: int, grid: Grid, transmission: Float32[np.ndarray, "h w"], where: Bool[np.ndarray, "h w"],
    dust: Float32[np.ndarray, "_ _"], camera_sd: float,
) -> Float32[np.ndarray, "h w"]:  # fmt: skip
    """Grey values 0..255: dust on top, the camera's noise on tissue (glass is saturated).

    Args:
        seed: the section's.
        grid: the window's pixels.
        transmission: of each pixel.
        where: any tissue is.
        dust: share that is opaque.
        camera_sd: in a pixel of 1 µm; a wider pixel is the mean of those it covers.
    """
    return _photograph(np.uint64(seed), grid, transmission, where, dust, camera_sd)


@no_type_check
@njit(cache=True, error_model="numpy")
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
                at = key(
                    seed + np.uint64(9), int(np.floor(row / grid.spacing_um)), int(np.floor(col / grid.spacing_um))
                )
                value += sd * normal(at, 1)
            out[i, j] = min(max(value, 0.0), GLASS)
    return out
