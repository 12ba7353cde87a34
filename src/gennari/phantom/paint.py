"""Cells become light: drawn one by one where pixels are fine, added up where pixels are coarse.

The cells are the same, and a cell takes the same at every spacing (phantom/shapes.py). A coarse pixel is the product of
(1 - what a cell takes of it): its mean is exp(-M) with M the expected sum, as that of fine pixels is, since cells are a
Poisson process; their variance is the same to a few hundredths (tests/phantom/test_coarse.py).
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32
from numba import njit

from gennari.phantom.cell_tables import SIZE_SD, TALL, WIDE, CellTables
from gennari.phantom.cells import (
    ANGLE,
    COL,
    GLIA,
    HEIGHT,
    KIND,
    PYRAMID,
    ROW,
    SHARP_UM,
    SOFT_UM,
    SOFTNESS,
    WIDTH,
    density_of,
    mixed_again,
    opacity_at,
    quarter_and_kind,
    tile_key,
)
from gennari.phantom.chance import NORMAL, following, part, poisson, uniform
from gennari.phantom.optics import GLIA_AREA_UM2, GLIA_OPACITY, NEURON_OPACITY, PROCESSES
from gennari.phantom.shapes import paint_ellipse, paint_pyramid
from gennari.phantom.strata import between_of, row_scratch, row_strata, scratch
from gennari.phantom.tiles import Sheet, Tiles

FINE_UM = 5.0
"""Below this spacing cells are drawn with their shape."""
AREAS = np.exp(2 * (SIZE_SD * NORMAL - SIZE_SD**2)).astype(np.float32)
"""Area of a cell over the mean, by the ten bits that choose it."""
PROCESSES_LONG = 2.6
"""Side of the square that a pyramid's dendrites fill, over its height; set by the variance of averaged fine pixels, to
which the mean of many sizes in phantom/cell_tables.py has another answer than single cells."""


class Grid(NamedTuple):
    """A window's pixels: where (row, col) in µm on the section lie in pixels of the window.

    row_px = (cos * (row - row0) + sin * (col - col0)) / spacing_um, col_px alike with (-sin, cos); pixel (0, 0) covers
    0 to 1.
    """

    row0_um: float
    col0_um: float
    cos: float
    sin: float
    spacing_um: float
    height: int
    width: int


@no_type_check
@njit(cache=True, inline="always")
def to_px(grid, row_um, col_um):
    """A place on the section in pixels of the window."""
    down, right = (row_um - grid.row0_um) / grid.spacing_um, (col_um - grid.col0_um) / grid.spacing_um
    return grid.cos * down + grid.sin * right, -grid.sin * down + grid.cos * right


def paint_cells(cells: Float32[np.ndarray, "n 9"], grid: Grid) -> Float32[np.ndarray, "h w"]:
    """Share of light that passes the cells, each drawn with its shape."""
    transmission = np.ones((grid.height, grid.width), np.float32)
    _paint_cells(cells, grid, transmission)
    return transmission


@no_type_check
@njit(cache=True, error_model="numpy")
def _paint_cells(cells, grid, transmission):
    for index in range(len(cells)):
        cell = cells[index]
        row, col = to_px(grid, cell[ROW], cell[COL])
        reach = (0.7 * cell[HEIGHT] + cell[WIDTH] + cell[SOFTNESS]) / grid.spacing_um + 2
        if cell[KIND] == PYRAMID:
            reach += 3.0 * cell[HEIGHT] / grid.spacing_um
        if row < -reach or col < -reach or row > grid.height + reach or col > grid.width + reach:
            continue
        # the axis in the window: turned against the window's own rotation
        along_row = grid.cos * np.cos(cell[ANGLE]) + grid.sin * np.sin(cell[ANGLE])
        along_col = -grid.sin * np.cos(cell[ANGLE]) + grid.cos * np.sin(cell[ANGLE])
        edge = np.sqrt(cell[SOFTNESS] ** 2 + grid.spacing_um**2)
        if cell[KIND] == PYRAMID:
            paint_pyramid(cell, row, col, along_row, along_col, edge, grid, transmission)
        else:
            paint_ellipse(cell, row, col, along_row, along_col, edge, grid, transmission)


def add_cells(
    seed: int, tiles: Tiles, sheet: Sheet, tables: CellTables, columnar: float, grid: Grid
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "n m"]]:
    """Share of light that passes the cells of each coarse pixel, and -log transmission between cells by tile.

    Cells are those of fine windows, as squares of their area with its soft edge; dendrites fill a wider one.
    """
    transmission = np.ones((grid.height, grid.width), np.float32)
    neuropil = np.zeros(tiles.face.shape, np.float32)
    _add_cells(np.uint64(seed), tiles, sheet, tables, columnar, grid, transmission, neuropil)
    return transmission, neuropil


@no_type_check
@njit(cache=True, error_model="numpy")
def _add_cells(seed, tiles, sheet, tables, columnar, grid, transmission, neuropil):
    work = scratch()
    tissue, layers, strata = row_scratch(tiles.face.shape[1])
    for row in range(tiles.face.shape[0]):
        row_strata(tiles, sheet, tables, columnar, row, work, tissue, layers, strata)
        for col in np.flatnonzero(tissue):
            neuropil[row, col] = between_of(layers, strata, col)
            _add_tile(seed, tiles, row, col, strata, tables.gain, grid, transmission)


@no_type_check
@njit(cache=True, error_model="numpy")
def _add_tile(seed, tiles, row, col, strata, gain, grid, transmission):
    """The cells of `cells.tile_cells`, with the same chance."""
    at = tile_key(seed, tiles, row, col)
    density = density_of(strata, col)
    for _ in range(poisson(density * 0.25 * tiles.tile_um * tiles.tile_um, uniform(at))):
        at = following(at)
        quarter, kind = quarter_and_kind(strata, col, density * part(at, 2))
        tall, wide, focus = strata[col, quarter, TALL], strata[col, quarter, WIDE], part(at, 3)
        area, opacity = GLIA_AREA_UM2, opacity_at(GLIA_OPACITY, focus, gain)
        if kind != GLIA:
            area, opacity = np.pi / 4 * tall * wide, opacity_at(NEURON_OPACITY, focus, gain)
        area *= AREAS[int(mixed_again(at) & np.uint64(0x3FF))]
        row_um = (tiles.first_row + row + 0.5 * (quarter // 2 + part(at, 0))) * tiles.tile_um
        col_um = (tiles.first_col + col + 0.5 * (quarter % 2 + part(at, 1))) * tiles.tile_um
        softness = SHARP_UM + (SOFT_UM - SHARP_UM) * focus * focus
        _shade(grid, row_um, col_um, np.sqrt(area + softness * softness), area * opacity, transmission)
        if kind == PYRAMID:
            # as a square: what the dendrites take lies around the soma
            reach = PROCESSES_LONG * np.sqrt(tall / wide * area)
            _shade(grid, row_um, col_um, reach, PROCESSES * area * opacity, transmission)


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def _shade(grid, row_um, col_um, side_um, take_um2, transmission):
    """Take from the pixels that a square covers."""
    row, col = to_px(grid, row_um, col_um)
    half, pale = 0.5 * side_um / grid.spacing_um, take_um2 / (side_um * side_um)
    top, bottom, left, right = row - half, row + half, col - half, col + half
    for i in range(max(int(np.floor(top)), 0), min(int(np.floor(bottom)) + 1, grid.height)):
        dark = pale * (min(bottom, i + 1.0) - max(top, float(i)))
        for j in range(max(int(np.floor(left)), 0), min(int(np.floor(right)) + 1, grid.width)):
            transmission[i, j] *= 1.0 - dark * (min(right, j + 1.0) - max(left, float(j)))
